/*
 * notifier/engine/each.h: goes through all message records, a slice at a time.
 */
#ifndef SW_ENGINE_EACH_H
#define SW_ENGINE_EACH_H

#include "notifier/engine/engine.h"

/* ONE for each record (borrowed) in the order of planning; DONE once: 0, or SW_EAWAY. Memory stays bounded. */
void each_message(struct engine *e, void (*one)(void *ctx, const struct message *m),
	void (*done)(void *ctx, int rc), void *ctx);

#endif
