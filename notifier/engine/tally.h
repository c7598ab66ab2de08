/*
 * notifier/engine/tally.h: how many messages are in which state, for /metrics.
 */
#ifndef SW_ENGINE_TALLY_H
#define SW_ENGINE_TALLY_H

#include "notifier/engine/engine.h"

int tally_create(struct engine *e) SW_MUST_CHECK;
void tally_destroy(struct engine *e);
/* Something changed: counted a second later, once for all that happens until then. */
void tally_kick(struct engine *e);

#endif
