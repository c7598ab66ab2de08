/*
 * core/io/http_exchange.c: one HTTP request, from its first line to its answer.
 *
 * libmicrohttpd lets requests pass whose length can be read in two ways (Content-Length twice, or beside
 * Transfer-Encoding), even in its strict mode. They are refused here in the first call for a request,
 * before anything of the body is looked at.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/io/http_server_internal.h"

/* A body that is too large is still read up to here, so that the client gets to see the 413. */
#define DRAIN_MAX_BYTES ((int64_t)1 << 20)

/* ---- the request line ---- */

static bool split_uri(struct http_exchange *x, const char *uri)
{
	char *query;

	x->path = strdup(uri);
	if (!x->path)
		return false;
	query = strchr(x->path, '?');
	if (query)
		*query++ = '\0';
	x->raw_query = query ? query : "";
	return true;
}

void *http_exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
	struct http_server *s = cls;
	struct http_conn *c = http_conn_of(mhd);
	struct http_exchange *x;

	if (!c)
		return NULL;
	c->uri_seen = true;
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->server = s;
	x->mhd = mhd;
	x->uri_too_long = strlen(uri) > HTTP_URL_MAX_BYTES;
	if (!split_uri(x, x->uri_too_long ? "" : uri)) {
		free(x);
		return NULL;
	}
	x->max_body_bytes = s->opts.max_body_for ? s->opts.max_body_for(s->ctx, x->path)
						 : s->opts.max_body_bytes;
	buf_init(&x->body, x->max_body_bytes);
	return x;
}

void http_exchange_free(struct http_exchange *x)
{
	if (x->response)
		MHD_destroy_response(x->response);
	buf_fini(&x->body);
	free(x->path);
	free(x->decoded);
	free(x);
}

void http_exchange_on_completed(
	void *cls, struct MHD_Connection *mhd, void **req_cls, enum MHD_RequestTerminationCode why)
{
	struct http_server *s = cls;
	struct http_exchange *x = *req_cls;

	(void)why;
	*req_cls = NULL;
	if (!s->closing)
		http_conn_request_over(s, http_conn_of(mhd));
	if (!x)
		return;
	x->mhd = NULL;
	if (x->phase == HTTP_HANDED)
		return; /* its owner still has it, and will answer into the void */
	if (x->stream) {
		LIST_REMOVE(x, next);
		http_stream_on_completed(x->stream);
	}
	http_exchange_free(x);
}

/* ---- what the headers say ---- */

struct header_facts {
	size_t bytes;
	unsigned headers;
	unsigned lengths;
	bool has_coding;
	bool is_folded;
	bool is_bad_length;
	bool wants_continue;
	int64_t length;
};

/*
 * Was this header continued on a second line? libmicrohttpd then joins the two in new memory, otherwise
 * name and value lie one behind the other in its read buffer with only blanks (and the ended colon)
 * between them.
 */
static bool is_folded(const char *name, size_t name_len, const char *value)
{
	const char *p = name + name_len;

	if (value <= p || value - p > HTTP_HEADERS_MAX_BYTES)
		return true;
	for (; p < value; p++) {
		if (*p != '\0' && *p != ':' && *p != ' ' && *p != '\t')
			return true;
	}
	return false;
}

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	struct header_facts *f = cls;
	int64_t length;

	(void)kind;
	f->headers++;
	f->bytes += name_len + value_len + strlen(": \r\n");
	if (value && is_folded(name, name_len, value))
		f->is_folded = true;
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		if (value && *value != '-' && num_parse(value, 0, INT64_MAX, &length) == 0)
			f->length = length;
		else
			f->is_bad_length = true;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->has_coding = true;
	} else if (strcasecmp(name, "Expect") == 0) {
		f->wants_continue = true;
	}
	return MHD_YES;
}

static bool needs_length(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

/* 0: acceptable; else the status to refuse it with. */
static int judge_headers(struct http_exchange *x, const char *method, struct header_facts *f)
{
	memset(f, 0, sizeof(*f));
	if (x->uri_too_long)
		return MHD_HTTP_URI_TOO_LONG;
	(void)MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, look_at_header, f);
	if (strlen(method) >= sizeof(x->method))
		return MHD_HTTP_NOT_IMPLEMENTED;
	if (f->bytes > HTTP_HEADERS_MAX_BYTES || f->headers > HTTP_HEADERS_MAX)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (f->is_folded || f->lengths > 1 || f->is_bad_length ||
		(f->lengths == 1 && f->has_coding))
		return MHD_HTTP_BAD_REQUEST;
	if (f->has_coding || (f->lengths == 0 && needs_length(method)))
		return MHD_HTTP_LENGTH_REQUIRED;
	if (f->length > (int64_t)x->max_body_bytes)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return 0;
}

/* ---- answers ---- */

/* Takes over the answer that SETTLE left, and gives it to the daemon. */
static enum MHD_Result queue_response(struct http_exchange *x)
{
	struct MHD_Response *r = x->response;
	enum MHD_Result rc;

	x->response = NULL;
	if (!r)
		return MHD_NO;
	rc = MHD_queue_response(x->mhd, x->status, r);
	MHD_destroy_response(r);
	return rc;
}

/* Our own refusals: an empty body, and the connection is closed since its framing cannot be trusted. */
static enum MHD_Result refuse(struct http_exchange *x, int status)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	if (r)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	x->phase = HTTP_SETTLED;
	x->status = (unsigned)status;
	x->response = r;
	http_conn_request_read(x->server, http_conn_of(x->mhd));
	return queue_response(x);
}

void http_exchange_settle(struct http_exchange *x, unsigned status, struct MHD_Response *response)
{
	LIST_REMOVE(x, next);
	x->phase = HTTP_SETTLED;
	x->status = status;
	x->response = response;
	if (x->stream)
		LIST_INSERT_HEAD(&x->server->streaming, x, next);
	if (!x->mhd) {
		struct http_server *s = x->server;

		http_exchange_free(x);
		http_server_free_if_done(s);
		return;
	}
	if (x->suspended) {
		/* The daemon calls on_request once more; that is where the answer is queued. */
		x->suspended = false;
		http_server_resume(x->server, x->mhd);
	}
}

void http_exchange_orphan(struct http_exchange *x)
{
	if (x->suspended && x->mhd)
		http_server_resume(x->server, x->mhd);
	x->suspended = false;
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const void *body,
	size_t len, const char *const *headers)
{
	struct MHD_Response *r = NULL;

	if (x->mhd) {
		/* The library copies; its parameter is only not declared const. */
		union {
			const void *in;
			void *out;
		} p = {.in = body};

		r = MHD_create_response_from_buffer(len, p.out, MHD_RESPMEM_MUST_COPY);
	}
	if (r && content_type)
		(void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	for (; r && headers && headers[0] && headers[1]; headers += 2)
		(void)MHD_add_response_header(r, headers[0], headers[1]);
	http_exchange_settle(x, (unsigned)status, r);
}

void http_drop(struct http_exchange *x)
{
	http_exchange_settle(x, 0, NULL);
}

/* ---- the query ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place. False: a broken escape, or one that stands for NUL. */
static bool percent_decode(char *s)
{
	char *out = s;

	for (; *s; s++) {
		int hi, lo;

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		hi = hex_digit(s[1]);
		lo = hi < 0 ? -1 : hex_digit(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*out++ = (char)(hi * 16 + lo);
		s += 2;
	}
	*out = '\0';
	return true;
}

/* Parameters that do not decode are left out; so are those after the 64th. */
static void parse_query(struct http_exchange *x)
{
	char *rest, *pair;

	x->decoded = strdup(x->raw_query);
	rest = x->decoded;
	while (x->n_query < HTTP_QUERY_MAX && (pair = strsep(&rest, "&")) != NULL) {
		char *value = strchr(pair, '=');

		if (value)
			*value++ = '\0';
		else
			value = pair + strlen(pair);
		if (*pair == '\0' || !percent_decode(pair) || !percent_decode(value))
			continue;
		x->query[x->n_query].name = pair;
		x->query[x->n_query++].value = value;
	}
}

/* ---- the daemon's calls for one request ---- */

static enum MHD_Result begin(struct http_exchange *x, const char *method)
{
	struct header_facts f;
	int status = judge_headers(x, method, &f);

	if (status == MHD_HTTP_CONTENT_TOO_LARGE && !f.wants_continue &&
		f.length <= DRAIN_MAX_BYTES) {
		x->phase = HTTP_REFUSED;
		x->refuse_status = status;
		return MHD_YES;
	}
	if (status != 0)
		return refuse(x, status);
	memcpy(x->method, method, strlen(method) + 1);
	x->phase = HTTP_READING;
	return MHD_YES;
}

/* ---- the daemon's calls for one request ---- */

static void note_peer(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	union {
		const struct sockaddr *sa;
		const struct sockaddr_in *in;
		const struct sockaddr_in6 *in6;
	} a;

	if (!info)
		return;
	a.sa = info->client_addr;
	if (a.sa->sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &a.in->sin_addr, x->peer, sizeof(x->peer));
	else if (a.sa->sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &a.in6->sin6_addr, x->peer, sizeof(x->peer));
}

static enum MHD_Result hand_over(struct http_exchange *x)
{
	struct http_server *s = x->server;

	http_conn_request_read(s, http_conn_of(x->mhd));
	if (s->closing)
		return MHD_NO;
	note_peer(x);
	parse_query(x);
	x->phase = HTTP_HANDED;
	LIST_INSERT_HEAD(&s->open, x, next);
	s->handler(s->ctx, x);
	if (x->phase == HTTP_SETTLED)
		return queue_response(x);
	x->suspended = true;
	MHD_suspend_connection(x->mhd);
	return MHD_YES;
}

enum MHD_Result http_exchange_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len, void **req_cls)
{
	struct http_exchange *x = *req_cls;
	size_t len = *data_len;

	(void)cls;
	(void)mhd;
	(void)url;
	(void)version;
	if (!x)
		return MHD_NO; /* out of memory when its first line came */
	*data_len = 0;
	switch (x->phase) {
	case HTTP_NEW:
		*data_len = len;
		return begin(x, method);
	case HTTP_READING:
		if (len > 0)
			return buf_add(&x->body, data, len) == 0 ? MHD_YES : MHD_NO;
		return hand_over(x);
	case HTTP_REFUSED:
		return len > 0 ? MHD_YES : refuse(x, x->refuse_status);
	case HTTP_HANDED:
		return MHD_YES; /* resumed because the server closes */
	case HTTP_SETTLED:
		return queue_response(x);
	}
	return MHD_NO;
}

/* ---- what a handler may ask ---- */

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

const char *http_query_raw(const struct http_exchange *x)
{
	return x->raw_query;
}

const char *http_body(const struct http_exchange *x, size_t *ret_len)
{
	if (ret_len)
		*ret_len = x->body.len;
	return buf_str(&x->body);
}

const char *http_peer(const struct http_exchange *x)
{
	return x->peer;
}

const char *http_header_get(const struct http_exchange *x, const char *name)
{
	return x->mhd ? MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name) : NULL;
}

const char *http_query(const struct http_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->n_query; i++) {
		if (strcmp(x->query[i].name, name) == 0)
			return x->query[i].value;
	}
	return NULL;
}
