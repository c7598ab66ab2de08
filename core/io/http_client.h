/*
 * core/io/http_client.h: HTTP requests on a curl multi handle.
 *
 * It never resends by itself: a body is given by READFUNCTION without SEEKFUNCTION, so that a reused
 * connection that dies makes error 65 and not a silent second copy (libcurl would resend up to 5 times).
 * No redirects, no cookies, HTTP/1.1. Outcomes are three: an answer was read completely; surely nothing
 * was sent; or it is not known what the other side has done.
 */
#ifndef SW_CORE_IO_HTTP_CLIENT_H
#define SW_CORE_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io/loop.h"

struct http_client;
struct http_call;

enum http_outcome {
	HTTP_ANSWERED, /* status and complete body are there */
	HTTP_NOT_SENT, /* DNS, connect or TLS failed, or it was aborted before the first byte of the body */
	HTTP_UNKNOWN, /* bytes may have left and no complete answer was read */
};

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method; /* "GET" or "POST" */
	const char *url;
	const struct http_header *headers;
	size_t n_headers;
	const char *body; /* copied; a POST must have one that is not empty */
	size_t body_len;
	int64_t connect_timeout_ms; /* 0: 3,000 */
	int64_t total_timeout_ms;   /* 0: 15,000 */
	/*
	 * Asked just before the first byte of the body leaves; false aborts (NOT_SENT). May be NULL. Gets the
	 * CTX of http_client_start(). It is inside libcurl: it may cancel calls but not start or destroy.
	 */
	bool (*may_send)(void *ctx);
};

struct http_result {
	enum http_outcome outcome;
	int status;       /* when ANSWERED */
	const char *body; /* NUL-terminated, valid during the callback */
	size_t body_len;
	int64_t retry_after_ms; /* from Retry-After in seconds, at most 1 h; 0: none */
	int64_t took_ms;
	const char *error; /* when not ANSWERED: one line without URL or secret */
};

struct http_client_opts {
	unsigned max_connections;  /* 0: 32, in all */
	unsigned max_per_host;     /* 0: 8; further calls wait inside curl */
	size_t max_response_bytes; /* 0: 256 KiB; longer answers are UNKNOWN */
	unsigned
		max_calls; /* 0: 1,024 started and not ended; http_client_start then says SW_ELIMIT */
	const char *ca_file; /* NULL or "": the system's */
};

typedef void (*http_done_cb)(void *ctx, const struct http_result *res);

int http_client_create(struct loop *l, const struct http_client_opts *opts,
	struct http_client **ret) SW_MUST_CHECK;
/* Returned 0: CB runs exactly once, on a later turn. RET_CALL may be NULL. Everything of REQ is copied. */
int http_client_start(struct http_client *c, const struct http_request *req, http_done_cb cb,
	void *ctx, struct http_call **ret_call) SW_MUST_CHECK;
/* CB runs on a later turn: NOT_SENT when nothing had left, else UNKNOWN. */
void http_call_cancel(struct http_call *call);
size_t http_client_inflight(const struct http_client *c);
/* Calls in flight end as by http_call_cancel() before it returns control to the loop. */
void http_client_destroy(struct http_client *c);

/* Percent-encodes by RFC 3986; the caller frees. */
char *http_escape(const char *s);

#endif
