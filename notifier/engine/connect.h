/*
 * notifier/engine/connect.h: Redis as the configuration says.
 */
#ifndef SW_ENGINE_CONNECT_H
#define SW_ENGINE_CONNECT_H

#include "notifier/engine/engine.h"

/* Opens e->redis by e->conf (socket before host; user with its password file). */
int connect_redis(struct engine *e, const struct redis_script *scripts, size_t n,
	const struct redis_events *events, void *ctx, struct sw_err *err) SW_MUST_CHECK;

#endif
