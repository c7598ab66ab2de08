/*
 * notifier/engine/reload.h: `campaign reload` and SIGHUP.
 */
#ifndef SW_ENGINE_RELOAD_H
#define SW_ENGINE_RELOAD_H

#include "core/base/problem.h"
#include "notifier/engine/engine.h"

/*
 * All problems of the files go to P. Returned 0: the swap is on its way and DONE (may be NULL) runs once: 0, or SW_EAWAY
 * when no quiet moment came. SW_ECONF: refused, what runs stays. SW_EEXIST: one is on its way already.
 */
int reload_start(struct engine *e, struct problems *p, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;
void reload_destroy(struct engine *e);

#endif
