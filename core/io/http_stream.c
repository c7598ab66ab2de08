/*
 * core/io/http_stream.c: server-sent events.
 *
 * While there is nothing to say the connection is suspended (a content callback that returned 0 would
 * have the daemon call it again at once, for ever). The daemon does not look at a suspended connection,
 * so the loop watches its socket for the client's going.
 */
#include <stdlib.h>
#include <string.h>

#include "core/io/http_server_internal.h"

#define BLOCK_BYTES 4096

struct http_stream {
	struct http_server *server;
	struct MHD_Connection *mhd;
	uv_poll_t poll; /* for the end of the connection only */
	bool is_polled;
	struct buf pending;
	bool suspended;
	bool ended;  /* by the owner: the rest is sent, CLOSED does not run */
	bool broken; /* the client is gone or too slow */
	void (*closed)(void *ctx);
	void *ctx;
};

static void wake(struct http_stream *st)
{
	if (!st->suspended)
		return;
	st->suspended = false;
	http_server_resume(st->server, st->mhd);
}

static ssize_t read_content(void *cls, uint64_t pos, char *out, size_t max)
{
	struct http_stream *st = cls;
	size_t n = st->pending.len < max ? st->pending.len : max;

	(void)pos;
	if (st->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (n > 0) {
		memcpy(out, st->pending.data, n);
		buf_consume(&st->pending, n);
		return (ssize_t)n;
	}
	if (st->ended)
		return MHD_CONTENT_READER_END_OF_STREAM;
	st->suspended = true;
	MHD_suspend_connection(st->mhd);
	return 0;
}

static void break_off(struct http_stream *st)
{
	st->broken = true;
	if (st->is_polled)
		(void)uv_poll_stop(&st->poll);
	wake(st);
}

static void on_hangup(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	break_off(h->data);
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

static void free_stream(struct http_stream *st)
{
	buf_fini(&st->pending);
	if (st->is_polled)
		uv_close((uv_handle_t *)&st->poll,
			on_poll_closed); /* before the daemon closes the socket */
	else
		free(st);
}

static struct MHD_Response *event_response(struct http_stream *st)
{
	struct MHD_Response *r = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_content, st, NULL);

	if (!r)
		return NULL;
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
	(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	(void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	/* A proxy that collects would hold events back. */
	(void)MHD_add_response_header(r, "X-Accel-Buffering", "no");
	return r;
}

static struct http_stream *new_stream(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_stream *st = calloc(1, sizeof(*st));

	if (!st)
		return NULL;
	st->server = x->server;
	st->mhd = x->mhd;
	st->poll.data = st;
	buf_init(&st->pending, HTTP_STREAM_MAX_BYTES);
	if (info && uv_poll_init(loop_uv(x->server->loop), &st->poll, info->connect_fd) == 0) {
		st->is_polled = true;
		(void)uv_poll_start(&st->poll, UV_DISCONNECT, on_hangup);
	}
	return st;
}

struct http_stream *http_stream_start(struct http_exchange *x, void (*closed)(void *ctx), void *ctx)
{
	struct http_stream *st = x->mhd ? new_stream(x) : NULL;
	struct MHD_Response *r = st ? event_response(st) : NULL;

	if (!r) {
		if (st)
			free_stream(st);
		http_respond(x, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, NULL, 0, NULL);
		return NULL;
	}
	st->closed = closed;
	st->ctx = ctx;
	x->stream = st;
	http_exchange_settle(x, MHD_HTTP_OK, r);
	return st;
}

int http_stream_send(struct http_stream *st, const char *data, size_t len)
{
	if (st->broken || st->ended)
		return SW_ELIMIT;
	if (buf_add(&st->pending, data, len) < 0) {
		break_off(st);
		return SW_ELIMIT;
	}
	wake(st);
	return 0;
}

void http_stream_end(struct http_stream *st)
{
	st->ended = true;
	wake(st);
}

void http_stream_resume_for_close(struct http_stream *st)
{
	st->broken = true;
	wake(st);
}

void http_stream_on_completed(struct http_stream *st)
{
	void (*closed)(void *ctx) = st->ended ? NULL : st->closed;
	void *ctx = st->ctx;

	free_stream(st);
	if (closed)
		closed(ctx);
}
