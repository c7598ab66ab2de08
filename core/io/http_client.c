/*
 * core/io/http_client.c: curl's multi interface on our loop.
 *
 * What a caller must be able to trust is the outcome. NOT_SENT is said only where the request surely was
 * not carried out; ANSWERED only when libcurl was content and the header block had its end, because
 * libcurl also says OK when the server closes in the middle of the headers.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "core/base/buf.h"
#include "core/base/num.h"
#include "core/io/http_client.h"

#define DEFAULT_CONNECTIONS 32
#define DEFAULT_PER_HOST 8
#define DEFAULT_RESPONSE_BYTES ((size_t)256 * 1024)
#define DEFAULT_CALLS 1024
#define DEFAULT_CONNECT_MS 3000
#define DEFAULT_TOTAL_MS 15000
#define HEADER_BLOCK_MAX_BYTES ((size_t)64 * 1024)
#define HEADER_MAX_BYTES 8192
#define RETRY_AFTER_MAX_S 3600

struct http_call {
	TAILQ_ENTRY(http_call) next;
	TAILQ_ENTRY(http_call) next_cancelled;
	struct http_client *client;
	CURL *easy;
	struct curl_slist *headers;
	char *body;
	size_t body_len, body_sent;
	bool is_post;
	bool cancelled;
	bool was_refused; /* by MAY_SEND */
	bool is_too_long;
	struct buf answer;
	size_t header_bytes;
	int status;       /* of the last status line */
	bool has_headers; /* the blank line after a final status came */
	int64_t retry_after_ms;
	int64_t began_ms; /* monotonic */
	bool (*may_send)(void *ctx);
	http_done_cb cb;
	void *ctx;
};

struct http_client {
	struct loop *loop;
	CURLM *multi; /* NULL: destroyed */
	uv_timer_t timer;
	uv_idle_t idle; /* for a time-out of 0 ms and for cancelled calls */
	unsigned open_handles;
	bool is_due; /* libcurl wants to be called at once */
	bool closing;
	size_t n_calls;
	size_t max_response_bytes;
	unsigned max_calls;
	char *ca_file;
	/* libcurl keeps no list of what is in flight. */
	TAILQ_HEAD(http_call_list, http_call) calls;
	TAILQ_HEAD(cancelled_list, http_call) cancelled;
};

struct watched {
	uv_poll_t uv;
	struct http_client *client;
	curl_socket_t fd;
	int events;
};

/* ---- the end of a call ---- */

/* Surely nothing was carried out. A POST whose body did not begin to leave never is. */
static bool is_not_sent(const struct http_call *call, CURLcode rc)
{
	long request_bytes = 0;

	if (call->body_sent > 0)
		return false;
	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	switch ((int)rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		/* A GET may have left on a kept connection before libcurl tried a new one. */
		return call->is_post || request_bytes == 0;
	case CURLE_OPERATION_TIMEDOUT:
		return request_bytes == 0;
	case CURLE_ABORTED_BY_CALLBACK: /* MAY_SEND said no, or it was cancelled */
		return call->is_post || request_bytes == 0;
	default:
		return false;
	}
}

static const char *why_not_answered(const struct http_call *call, CURLcode rc)
{
	if (call->cancelled)
		return "cancelled";
	if (call->was_refused)
		return "not sent: the sender may no longer send";
	if (call->is_too_long)
		return "the answer is too long";
	if (rc == CURLE_OK)
		return "the answer ended within its headers";
	return curl_easy_strerror(rc); /* fixed texts, without address */
}

static void free_call(struct http_call *call)
{
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buf_fini(&call->answer);
	free(call->body);
	free(call);
}

/* Runs the callback, which may start other calls or destroy the client. */
static void finish(struct http_call *call, CURLcode rc)
{
	struct http_client *c = call->client;
	struct http_result res = {0};

	if (rc == CURLE_OK && call->has_headers)
		res.outcome = HTTP_ANSWERED;
	else
		res.outcome = is_not_sent(call, rc) ? HTTP_NOT_SENT : HTTP_UNKNOWN;
	if (res.outcome == HTTP_ANSWERED) {
		res.status = call->status;
		res.retry_after_ms = call->retry_after_ms;
	} else {
		res.error = why_not_answered(call, rc);
	}
	res.body = buf_str(&call->answer);
	res.body_len = call->answer.len;
	res.took_ms = clock_mono_ms() - call->began_ms;

	(void)curl_multi_remove_handle(c->multi, call->easy);
	TAILQ_REMOVE(&c->calls, call, next);
	if (call->cancelled)
		TAILQ_REMOVE(&c->cancelled, call, next_cancelled);
	c->n_calls--;
	call->cb(call->ctx, &res);
	free_call(call);
}

static void finish_those_done(struct http_client *c)
{
	CURLMsg *msg;
	int left;

	while (c->multi && (msg = curl_multi_info_read(c->multi, &left)) != NULL) {
		char *private = NULL;
		CURLcode rc = msg->data.result; /* MSG dies with the handle */

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
		finish((struct http_call *)(void *)private, rc);
	}
}

static void finish_cancelled(struct http_client *c)
{
	struct http_call *call;

	while (c->multi && (call = TAILQ_FIRST(&c->cancelled)) != NULL)
		finish(call, CURLE_ABORTED_BY_CALLBACK);
}

/* ---- libcurl's wishes on the loop ---- */

static void act(struct http_client *c, curl_socket_t fd, int events)
{
	int running;

	if (!c->multi)
		return;
	(void)curl_multi_socket_action(c->multi, fd, events, &running);
	finish_those_done(c);
}

static void on_idle(uv_idle_t *h)
{
	struct http_client *c = h->data;

	(void)uv_idle_stop(h); /* before the calls below, which may start it again */
	finish_cancelled(c);
	if (!c->is_due)
		return;
	c->is_due = false;
	act(c, CURL_SOCKET_TIMEOUT, 0);
}

static void on_timer(uv_timer_t *h)
{
	act(h->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct watched *w = h->data;
	int bits = 0;

	if (status < 0) {
		/* libuv has stopped the watcher. Reading tells what the error is, and what came before it. */
		(void)uv_poll_start(h, w->events, on_poll);
		bits = CURL_CSELECT_IN | CURL_CSELECT_OUT;
	}
	if (events & UV_READABLE)
		bits |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		bits |= CURL_CSELECT_OUT;
	act(w->client, w->fd, bits);
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

static struct watched *watch(struct http_client *c, curl_socket_t fd)
{
	struct watched *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->client = c;
	w->fd = fd;
	w->uv.data = w;
	if (uv_poll_init_socket(loop_uv(c->loop), &w->uv, fd) < 0) {
		free(w);
		return NULL;
	}
	(void)curl_multi_assign(c->multi, fd, w);
	return w;
}

/* A socket that cannot be watched is left to the time-out: an error here would end all other calls too. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http_client *c = ctx;
	struct watched *w = socket_ctx;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			(void)curl_multi_assign(c->multi, fd, NULL);
			(void)uv_poll_stop(&w->uv);
			uv_close((uv_handle_t *)&w->uv, on_poll_closed);
		}
		return 0;
	}
	if (!w)
		w = watch(c, fd);
	if (!w)
		return 0;
	w->events = 0;
	if (what != CURL_POLL_OUT)
		w->events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		w->events |= UV_WRITABLE;
	(void)uv_poll_start(&w->uv, w->events, on_poll);
	return 0;
}

static int on_timeout_wish(CURLM *multi, long ms, void *ctx)
{
	struct http_client *c = ctx;

	(void)multi;
	c->is_due = ms == 0;
	(void)uv_timer_stop(&c->timer);
	if (c->closing || ms < 0)
		return 0;
	if (ms == 0) {
		(void)uv_idle_start(&c->idle, on_idle);
	} else {
		/* libuv counts from the start of the turn; late by a few ms does no harm, early does. */
		uv_update_time(loop_uv(c->loop));
		(void)uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
	}
	return 0;
}

/* ---- libcurl's calls for one transfer ---- */

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t room = size * n, left = call->body_len - call->body_sent;

	if (call->cancelled)
		return CURL_READFUNC_ABORT;
	if (call->body_sent == 0 && call->may_send && !call->may_send(call->ctx)) {
		call->was_refused = true;
		return CURL_READFUNC_ABORT;
	}
	if (left > room)
		left = room;
	memcpy(out, call->body + call->body_sent, left);
	call->body_sent += left;
	return left;
}

static size_t on_write(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;

	if (buf_add(&call->answer, data, size * n) < 0) {
		call->is_too_long = true;
		return 0;
	}
	return size * n;
}

static void read_retry_after(struct http_call *call, const char *line, size_t len)
{
	static const char name[] = "Retry-After:";
	char value[24];
	int64_t seconds;
	size_t skip = sizeof(name) - 1;

	if (len < skip || strncasecmp(line, name, skip) != 0)
		return;
	while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (len > skip && strchr("\r\n \t", line[len - 1]))
		len--;
	if (len - skip >= sizeof(value))
		return; /* a date, or junk */
	memcpy(value, line + skip, len - skip);
	value[len - skip] = '\0';
	if (num_parse(value, 0, INT64_MAX, &seconds) < 0)
		return;
	call->retry_after_ms = (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S) * 1000;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	size_t len = size * n;
	long status = 0;

	call->header_bytes += len;
	if (call->header_bytes > HEADER_BLOCK_MAX_BYTES) {
		call->is_too_long = true;
		return 0;
	}
	if (call->has_headers)
		return len; /* trailers of a chunked body */
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
		call->status = (int)status;
		call->retry_after_ms = 0;
	} else if ((len == 2 && memcmp(data, "\r\n", 2) == 0) || (len == 1 && *data == '\n')) {
		call->has_headers = call->status >= 200; /* "100 Continue" has an end of its own */
	} else {
		read_retry_after(call, data, len);
	}
	return len;
}

/* ---- starting ---- */

static bool is_one_line(const char *s)
{
	return !strpbrk(s, "\r\n");
}

static int check_url(const char *url)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	int rc = SW_EINVAL;

	if (!u)
		return -ENOMEM;
	if (is_one_line(url) && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		rc = 0;
	curl_free(scheme);
	curl_url_cleanup(u);
	return rc;
}

static int check_request(const struct http_request *req)
{
	bool is_post = strcmp(req->method, "POST") == 0;

	if (!is_post && strcmp(req->method, "GET") != 0)
		return SW_EINVAL;
	/* An empty POST would be resent by libcurl: there is no body whose rewinding can fail. */
	if (is_post != (req->body_len > 0))
		return SW_EINVAL;
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!is_one_line(req->headers[i].name) || !is_one_line(req->headers[i].value))
			return SW_EINVAL;
	}
	return check_url(req->url);
}

static int append_header(struct http_call *call, const char *name, const char *value)
{
	char line[HEADER_MAX_BYTES];
	struct curl_slist *longer;
	int n;

	/* libcurl takes "Name;" for a header without value, and "Name:" for one to leave out. */
	if (value[0] == '\0')
		n = snprintf(line, sizeof(line), "%s;", name);
	else
		n = snprintf(line, sizeof(line), "%s: %s", name, value);
	if (n < 0 || (size_t)n >= sizeof(line))
		return SW_ELIMIT;
	longer = curl_slist_append(call->headers, line);
	if (!longer)
		return -ENOMEM;
	call->headers = longer;
	return 0;
}

static int copy_request(struct http_call *call, const struct http_request *req)
{
	/* Without this libcurl waits up to 1 s for "100 Continue" before a larger body. */
	int rc = (call->headers = curl_slist_append(NULL, "Expect:")) ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < req->n_headers; i++)
		rc = append_header(call, req->headers[i].name, req->headers[i].value);
	if (rc < 0)
		return rc;
	call->is_post = req->body_len > 0;
	if (!call->is_post)
		return 0;
	call->body = malloc(req->body_len);
	if (!call->body)
		return -ENOMEM;
	memcpy(call->body, req->body, req->body_len);
	call->body_len = req->body_len;
	return 0;
}

static long or_default(int64_t ms, long otherwise)
{
	return ms > 0 ? (long)ms : otherwise;
}

static int set_up_easy(struct http_call *call, const struct http_request *req)
{
	const struct http_client *c = call->client;
	CURL *e = call->easy;
	bool ok = true;

	ok &= curl_easy_setopt(e, CURLOPT_URL, req->url) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PRIVATE, call) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK; /* the environment has no say */
	ok &= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* Else the end of a call waits for its getaddrinfo() thread, and the loop with it. */
	ok &= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_USERAGENT, "shouwang") == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
		      or_default(req->connect_timeout_ms, DEFAULT_CONNECT_MS)) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
		      or_default(req->total_timeout_ms, DEFAULT_TOTAL_MS)) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_WRITEDATA, call) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HEADERDATA, call) == CURLE_OK;
	if (c->ca_file)
		ok &= curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file) == CURLE_OK;
	if (call->is_post) {
		/* No SEEKFUNCTION: see the header file. */
		ok &= curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK;
		ok &= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
			      (curl_off_t)call->body_len) == CURLE_OK;
		ok &= curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) == CURLE_OK;
		ok &= curl_easy_setopt(e, CURLOPT_READDATA, call) == CURLE_OK;
	}
	return ok ? 0 : -ENOMEM;
}

static int new_call(struct http_client *c, const struct http_request *req, struct http_call **ret)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int rc = -ENOMEM;

	if (!call)
		return rc;
	call->client = c;
	buf_init(&call->answer, c->max_response_bytes);
	call->easy = curl_easy_init();
	if (call->easy)
		rc = copy_request(call, req);
	if (rc == 0)
		rc = set_up_easy(call, req);
	if (rc < 0) {
		free_call(call);
		return rc;
	}
	call->may_send = req->may_send;
	*ret = call;
	return 0;
}

int http_client_start(struct http_client *c, const struct http_request *req, http_done_cb cb,
	void *ctx, struct http_call **ret_call)
{
	struct http_call *call = NULL;
	int rc;

	if (c->closing)
		return SW_EAWAY;
	if (c->n_calls >= c->max_calls)
		return SW_ELIMIT;
	rc = check_request(req);
	if (rc == 0)
		rc = new_call(c, req, &call);
	if (rc < 0)
		return rc;
	call->cb = cb;
	call->ctx = ctx;
	call->began_ms = clock_mono_ms();
	/* This only asks for a time-out of 0 ms: nothing of the call happens before the next turn. */
	if (curl_multi_add_handle(c->multi, call->easy) != CURLM_OK) {
		free_call(call);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&c->calls, call, next);
	c->n_calls++;
	if (ret_call)
		*ret_call = call;
	return 0;
}

void http_call_cancel(struct http_call *call)
{
	struct http_client *c = call->client;

	if (call->cancelled)
		return;
	call->cancelled = true;
	TAILQ_INSERT_TAIL(&c->cancelled, call, next_cancelled);
	(void)uv_idle_start(&c->idle, on_idle);
}

size_t http_client_inflight(const struct http_client *c)
{
	return c->n_calls;
}

/* ---- the client ---- */

static void set_up_multi(struct http_client *c, const struct http_client_opts *opts)
{
	long connections =
		opts && opts->max_connections ? (long)opts->max_connections : DEFAULT_CONNECTIONS;
	long per_host = opts && opts->max_per_host ? (long)opts->max_per_host : DEFAULT_PER_HOST;

	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	(void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wish);
	(void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	(void)curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, connections);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, per_host);
}

int http_client_create(
	struct loop *l, const struct http_client_opts *opts, struct http_client **ret)
{
	struct http_client *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = l;
	c->max_response_bytes = opts && opts->max_response_bytes ? opts->max_response_bytes
								 : DEFAULT_RESPONSE_BYTES;
	c->max_calls = opts && opts->max_calls ? opts->max_calls : DEFAULT_CALLS;
	TAILQ_INIT(&c->calls);
	TAILQ_INIT(&c->cancelled);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(c);
		return -ENOMEM;
	}
	c->multi = curl_multi_init();
	if (opts && opts->ca_file && *opts->ca_file)
		c->ca_file = strdup(opts->ca_file);
	if (!c->multi || (opts && opts->ca_file && *opts->ca_file && !c->ca_file)) {
		(void)curl_multi_cleanup(c->multi);
		curl_global_cleanup();
		free(c->ca_file);
		free(c);
		return -ENOMEM;
	}
	(void)uv_timer_init(loop_uv(l), &c->timer);
	(void)uv_idle_init(loop_uv(l), &c->idle);
	c->timer.data = c->idle.data = c;
	c->open_handles = 2;
	set_up_multi(c, opts);
	*ret = c;
	return 0;
}

static void on_handle_closed(uv_handle_t *h)
{
	struct http_client *c = h->data;

	if (--c->open_handles > 0)
		return;
	curl_global_cleanup();
	free(c->ca_file);
	free(c);
}

void http_client_destroy(struct http_client *c)
{
	struct http_call *call;

	if (!c || c->closing)
		return;
	c->closing = true;
	while ((call = TAILQ_FIRST(&c->calls)) != NULL) {
		http_call_cancel(call);
		finish(call, CURLE_ABORTED_BY_CALLBACK);
	}
	(void)curl_multi_cleanup(c->multi);
	c->multi = NULL;
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	uv_close((uv_handle_t *)&c->idle, on_handle_closed);
}

char *http_escape(const char *s)
{
	char *escaped = curl_easy_escape(NULL, s, 0);
	char *ret = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return ret;
}
