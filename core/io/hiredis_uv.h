/*
 * core/io/hiredis_uv.h: drives a hiredis context from our loop; only redis.c uses it.
 *
 * The adapter packaged with hiredis 0.14 returns at once on a poll error, which libuv reports only once:
 * a refused or reset connection would never be noticed. Here an error becomes a read attempt.
 */
#ifndef SW_CORE_IO_HIREDIS_UV_H
#define SW_CORE_IO_HIREDIS_UV_H

#include <hiredis/async.h>

#include "core/io/loop.h"

/*
 * Watches the socket of AC until hiredis lets go of it. ON_ERROR runs when the socket is in error and
 * reading did not end the context: it must call redisAsyncFree(). On failure AC is still the caller's.
 */
int hiredis_uv_attach(struct loop *l, redisAsyncContext *ac,
	void (*on_error)(redisAsyncContext *ac, const char *why)) SW_MUST_CHECK;

#endif
