/*
 * core/io/http_server_internal.h: what http_server.c (listener, connections), http_exchange.c (one request
 * and its answer) and http_stream.c (server-sent events) know of each other. Nobody else includes it.
 */
#ifndef SW_CORE_IO_HTTP_SERVER_INTERNAL_H
#define SW_CORE_IO_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "core/base/buf.h"
#include "core/io/http_server.h"
#include "core/io/loop_internal.h"

#define HTTP_URL_MAX_BYTES 2048
#define HTTP_HEADERS_MAX_BYTES 8192
#define HTTP_HEADERS_MAX 64
#define HTTP_QUERY_MAX 64
#define HTTP_STREAM_MAX_BYTES 65536

/* One TCP connection: only what the deadline of its next request needs. */
struct http_conn {
	TAILQ_ENTRY(http_conn) next; /* in server->waiting while a request is being read */
	struct MHD_Connection *mhd;
	int64_t since_ms; /* monotonic: connected, or the last answer was written */
	bool waiting;
	bool first;    /* no request was answered on it yet */
	bool uri_seen; /* the request line of the next request is there */
};

enum http_phase {
	HTTP_NEW,     /* only the request line is known */
	HTTP_READING, /* headers were accepted, the body is coming */
	HTTP_REFUSED, /* the body is read and dropped, then the answer is REFUSE_STATUS */
	HTTP_HANDED,  /* the handler has it */
	HTTP_SETTLED, /* the answer is there */
};

struct http_exchange {
	LIST_ENTRY(http_exchange)
	next; /* in server->open when HANDED, in server->streaming later */
	struct http_server *server;
	struct MHD_Connection *mhd; /* NULL once the server was closed over it */
	enum http_phase phase;
	int refuse_status;
	bool suspended;
	bool uri_too_long;
	char method[16];
	char *path;
	const char *raw_query;
	size_t max_body_bytes;
	struct buf body;
	char peer[INET6_ADDRSTRLEN];
	char *decoded; /* what QUERY points into */
	struct {
		const char *name, *value;
	} query[HTTP_QUERY_MAX];
	size_t n_query;
	struct MHD_Response
		*response; /* NULL in SETTLED: out of memory, the connection is dropped */
	unsigned status;
	struct http_stream *stream;
};

struct http_server {
	struct loop *loop;
	struct MHD_Daemon *mhd;
	uv_poll_t poll; /* on the epoll descriptor of the daemon */
	uv_prepare_t prepare;
	uv_idle_t idle;
	uv_timer_t timer;
	unsigned open_handles; /* of the four above */
	uint16_t port;
	struct http_server_opts opts;
	http_handler handler;
	void *ctx;
	unsigned in_mhd;  /* the daemon is on the stack: it must not be stopped now */
	bool was_resumed; /* since the daemon ran: it must run again */
	bool closing;     /* http_server_close() was called */
	bool stopped;     /* the daemon is gone */
	TAILQ_HEAD(http_conn_list, http_conn) waiting; /* in order of since_ms */
	struct timer *deadline;                        /* of the first in waiting */
	LIST_HEAD(exchange_list, http_exchange) open;
	struct exchange_list streaming;
	struct loop_end end; /* frees the open ones whose owner never answers */
};

/* http_server.c */
void http_server_free_if_done(struct http_server *s);
void http_server_resume(struct http_server *s, struct MHD_Connection *mhd);
struct http_conn *http_conn_of(struct MHD_Connection *mhd);
/* The request on it is complete: its deadline no longer counts. */
void http_conn_request_read(struct http_server *s, struct http_conn *c);
/* The answer was written: the next request has its own deadline. */
void http_conn_request_over(struct http_server *s, struct http_conn *c);

/* http_exchange.c: the callbacks of libmicrohttpd */
void *http_exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_exchange_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len,
	void **req_cls);
void http_exchange_on_completed(
	void *cls, struct MHD_Connection *mhd, void **req_cls, enum MHD_RequestTerminationCode why);
/* The server goes: X loses its connection, and http_respond() only frees it. */
void http_exchange_orphan(struct http_exchange *x);
void http_exchange_free(struct http_exchange *x);
/* The handler has given its answer (RESPONSE NULL: out of memory). */
void http_exchange_settle(struct http_exchange *x, unsigned status, struct MHD_Response *response);

/* http_stream.c */
/* The connection is over: runs CLOSED unless the owner ended the stream. */
void http_stream_on_completed(struct http_stream *st);
/* Before the daemon stops: a suspended connection would make it abort the process. */
void http_stream_resume_for_close(struct http_stream *st);

#endif
