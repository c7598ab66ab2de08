/*
 * core/io/hiredis_uv.c: one uv_poll per hiredis context.
 *
 * The poll lives in memory of its own, freed in its close callback, because hiredis frees the context and
 * closes the socket before libuv has closed the handle.
 */
#include <errno.h>
#include <stdlib.h>
#include <uv.h>

#include "core/io/hiredis_uv.h"

struct link {
	uv_poll_t poll;
	redisAsyncContext *ac; /* NULL once hiredis has let go */
	void (*on_error)(redisAsyncContext *ac, const char *why);
	int events; /* what the poll watches for: hiredis asks again on every command */
};

static void link_on_poll(uv_poll_t *poll, int status, int events)
{
	struct link *ln = poll->data;

	if (status < 0) {
		/* libuv has stopped the poll: only reading tells hiredis what happened. */
		ln->events = 0;
		redisAsyncHandleRead(ln->ac);
		if (ln->ac)
			ln->on_error(ln->ac, uv_strerror(status));
		return;
	}
	if (events & UV_READABLE)
		redisAsyncHandleRead(ln->ac);
	if (ln->ac && (events & UV_WRITABLE))
		redisAsyncHandleWrite(ln->ac);
}

static void link_set(struct link *ln, int events)
{
	if (events == ln->events)
		return;
	ln->events = events;
	if (events)
		(void)uv_poll_start(&ln->poll, events, link_on_poll);
	else
		(void)uv_poll_stop(&ln->poll);
}

static void link_add_read(void *ctx)
{
	struct link *ln = ctx;

	link_set(ln, ln->events | UV_READABLE);
}

static void link_del_read(void *ctx)
{
	struct link *ln = ctx;

	link_set(ln, ln->events & ~UV_READABLE);
}

static void link_add_write(void *ctx)
{
	struct link *ln = ctx;

	link_set(ln, ln->events | UV_WRITABLE);
}

static void link_del_write(void *ctx)
{
	struct link *ln = ctx;

	link_set(ln, ln->events & ~UV_WRITABLE);
}

static void link_on_close(uv_handle_t *handle)
{
	free(handle->data);
}

static void link_cleanup(void *ctx)
{
	struct link *ln = ctx;

	if (!ln->ac)
		return;
	ln->ac->ev.data = NULL;
	ln->ac->ev.cleanup = NULL;
	ln->ac->ev.addRead = ln->ac->ev.delRead = NULL;
	ln->ac->ev.addWrite = ln->ac->ev.delWrite = NULL;
	ln->ac = NULL;
	(void)uv_poll_stop(&ln->poll);
	uv_close((uv_handle_t *)&ln->poll, link_on_close);
}

int hiredis_uv_attach(struct loop *l, redisAsyncContext *ac,
	void (*on_error)(redisAsyncContext *ac, const char *why))
{
	struct link *ln = calloc(1, sizeof(*ln));
	int rc;

	if (!ln)
		return -ENOMEM;
	rc = uv_poll_init(loop_uv(l), &ln->poll, ac->c.fd);
	if (rc < 0) {
		free(ln);
		return rc;
	}
	ln->poll.data = ln;
	ln->ac = ac;
	ln->on_error = on_error;
	ac->ev.data = ln;
	ac->ev.addRead = link_add_read;
	ac->ev.delRead = link_del_read;
	ac->ev.addWrite = link_add_write;
	ac->ev.delWrite = link_del_write;
	ac->ev.cleanup = link_cleanup;
	return 0;
}
