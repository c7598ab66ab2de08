/*
 * core/io/http_server.h: HTTP/1.1 listener on libmicrohttpd, driven by our loop.
 *
 * A handler is called once the whole body is there, and answers now or later (http_respond). Limits come
 * before any handler: 64 KiB body (per server option, or by path), 8 KiB header block of 64 headers, no
 * Transfer-Encoding, exactly one Content-Length, 2 KiB URL, idle_timeout_s for the request as a whole. A
 * POST without length (chunked, too) is 411, too large is 413, both framings at once, two lengths or a
 * folded header is 400, too slow is 408; these answers close the connection.
 */
#ifndef SW_CORE_IO_HTTP_SERVER_H
#define SW_CORE_IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io/loop.h"

struct http_server;
struct http_exchange; /* one request and its answer; belongs to the server */

struct http_server_opts {
	const char *address;   /* "127.0.0.1" */
	uint16_t port;         /* 0: any free one, see http_server_port() */
	size_t max_body_bytes; /* 0: 65,536 */
	/* More (or less) for a path, asked before the body is read; gets the handler's CTX. NULL: all alike. */
	size_t (*max_body_for)(void *ctx, const char *path);
	unsigned max_connections; /* 0: 1,000 */
	unsigned max_per_ip;      /* 0: 64 */
	unsigned idle_timeout_s;  /* 0: 10; for a request to come in, and for silence */
};

/* Called once per well-formed request. It must cause exactly one http_respond() or http_stream_start(). */
typedef void (*http_handler)(void *ctx, struct http_exchange *x);

int http_server_open(struct loop *l, const struct http_server_opts *opts, http_handler handler,
	void *ctx, struct http_server **ret, struct sw_err *err) SW_MUST_CHECK;
uint16_t http_server_port(const struct http_server *s);
/*
 * Open exchanges lose their connection; http_respond() on them stays harmless until loop_destroy(). The
 * CLOSED of each stream runs. May be called from a handler: it then takes effect when the handler is back.
 */
void http_server_close(struct http_server *s);

const char *http_method(const struct http_exchange *x); /* "GET", "POST", .. */
/* As sent, not percent-decoded, without query. */
const char *http_path(const struct http_exchange *x);
/* Percent-decoded value ('+' stays '+'), NULL when absent. */
const char *http_query(const struct http_exchange *x, const char *name);
/* The query as sent, "" when none. */
const char *http_query_raw(const struct http_exchange *x);
const char *http_header_get(const struct http_exchange *x, const char *name); /* NULL when absent */
const char *http_body(const struct http_exchange *x, size_t *ret_len);        /* NUL-terminated */
const char *http_peer(const struct http_exchange *x);                         /* numeric address */

/* BODY is copied. Extra HEADERS: name, value pairs ended by NULL; may be NULL. X is gone afterwards. */
void http_respond(struct http_exchange *x, int status, const char *content_type, const void *body,
	size_t len, const char *const *headers);

/* Closes the connection without an answer; a simulator loses answers this way. X is gone afterwards. */
void http_drop(struct http_exchange *x);

/*
 * Server-sent events: starts a text/event-stream answer. CLOSED runs once when the client goes; after it the
 * stream is gone. At most 64 KiB wait per stream: http_stream_send() then says SW_ELIMIT and closes it
 * (CLOSED runs on a later turn). NULL: out of memory, X was answered with 503. http_stream_end() sends what
 * waits and ends the answer; the stream is gone for the caller at once, and CLOSED does not run.
 */
struct http_stream;
struct http_stream *http_stream_start(
	struct http_exchange *x, void (*closed)(void *ctx), void *ctx);
int http_stream_send(struct http_stream *st, const char *data, size_t len);
void http_stream_end(struct http_stream *st);

#endif
