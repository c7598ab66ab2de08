/*
 * core/io/redis.h: Redis client with scripts, on our own libuv adapter for hiredis.
 *
 * Scripts are loaded on each connect before anything else; NOSCRIPT is answered by loading again and one
 * more try. Every command has a time-out; a half-open connection is noticed by PING. An answer that never
 * came is SW_EUNKNOWN: the command may have been carried out, so callers use only what is safe to repeat.
 */
#ifndef SW_CORE_IO_REDIS_H
#define SW_CORE_IO_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io/loop.h"

struct redis;

enum redis_type {
	REDIS_NIL,
	REDIS_STRING,
	REDIS_INTEGER,
	REDIS_ARRAY,
	REDIS_FAILURE,
	REDIS_STATUS
};

/* A borrowed view of a reply, valid during the callback. */
struct redis_value {
	enum redis_type type;
	const char *str; /* STRING, FAILURE, STATUS: NUL-terminated beyond LEN */
	size_t len;
	int64_t integer;
	size_t n;                        /* ARRAY */
	const struct redis_value *items; /* ARRAY */
};

struct redis_script {
	const char *name;
	const char *body; /* starts with "#!lua"; borrowed for the life of the client */
};

struct redis_opts {
	const char *socket; /* unix socket path, or NULL and: */
	const char *host;   /* numeric address */
	uint16_t port;
	const char *user, *password; /* NULL: none; copied */
	int64_t command_timeout_ms; /* 0: 5,000 without any answer while one is due ends the connection */
	unsigned max_pending; /* 0: 1,000 commands without an answer; further ones say SW_ELIMIT */
};

struct redis_events {
	void (*on_ready)(void *ctx); /* connected, authenticated, scripts loaded; each time */
	/* Once per outage, and once more when credentials are refused in it (then tried every 30 s only). */
	void (*on_away)(void *ctx, const char *why);
};

/* RC: 0 with V; SW_EUNKNOWN: no answer (V NULL). A FAILURE value is delivered with rc 0. */
typedef void (*redis_cb)(void *ctx, int rc, const struct redis_value *v);

/* SCRIPTS is an array of N, borrowed. */
int redis_open(struct loop *l, const struct redis_opts *opts, const struct redis_script *scripts,
	size_t n, const struct redis_events *ev, void *ctx, struct redis **ret) SW_MUST_CHECK;
/* R may be NULL, here and for commands: it is away for good. */
bool redis_ready(const struct redis *r);
size_t redis_pending(const struct redis *r);
/*
 * Returned 0: CB runs exactly once, on a later turn. SW_EAWAY: not connected. SW_ELIMIT: max_pending reached,
 * or 8 MiB not yet taken by the socket. LENS may be NULL (strlen). CB may be NULL. Arguments are copied.
 * Not for SUBSCRIBE, MONITOR and the like.
 */
int redis_command(struct redis *r, redis_cb cb, void *ctx, int argc, const char *const *argv,
	const size_t *lens) SW_MUST_CHECK;
/* EVALSHA of the script NAME (SW_ENOENT: none) with KEYS then ARGS. */
int redis_eval(struct redis *r, const char *name, redis_cb cb, void *ctx, int n_keys,
	const char *const *keys, int n_args, const char *const *args,
	const size_t *arg_lens) SW_MUST_CHECK;
/* Pending commands end with SW_EUNKNOWN; DONE (may be NULL) runs once on a later turn. */
void redis_close(struct redis *r, void (*done)(void *ctx), void *ctx);

/* -OOM, -MISCONF, -LOADING, -BUSY, -READONLY, -NOREPLICAS, -MASTERDOWN: to be treated as "away". */
bool redis_is_away_error(const struct redis_value *v);

#endif
