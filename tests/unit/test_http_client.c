/*
 * tests/unit/test_http_client.c: outcomes of HTTP requests against a raw TCP server in a second thread.
 *
 * The server plays a script: what it does with the n-th request it reads. It counts complete requests over
 * all connections, so that a silent second copy of a POST shows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "core/io/timer.h"

/* ---- the raw server ---- */

enum how {
	ANSWER,       /* writes TEXT, keeps the connection */
	ANSWER_CLOSE, /* writes TEXT, then closes */
	RESET,        /* writes TEXT, then closes with RST */
	BY_BYTE,      /* writes TEXT one byte at a time */
	HANG,         /* says nothing until the client goes */
};

struct step {
	enum how how;
	const char *text;
};

#define OK_TEXT "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct server {
	int fd, stop[2];
	uint16_t port;
	_Atomic(const char *) greeting; /* written to each connection at once; may be NULL */
	pthread_t thread;
	const struct step *steps;
	size_t n_steps, at;
	int requests; /* read completely */
	int connections;
	char last[65536]; /* the last request, as far as it was read */
};

/* Reads one request; false when the connection ends first. */
static bool read_request(struct server *s, int fd)
{
	size_t len = 0;

	for (;;) {
		char *end, *length;
		ssize_t n = recv(fd, s->last + len, sizeof(s->last) - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		s->last[len] = '\0';
		end = strstr(s->last, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(s->last, "Content-Length: ");
		if (len >=
			(size_t)(end - s->last) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0))
			return true;
	}
}

/* True: the connection goes on. */
static bool play(struct server *s, int fd)
{
	struct step step = s->at < s->n_steps ? s->steps[s->at++] : (struct step){ANSWER, OK_TEXT};
	struct linger now = {.l_onoff = 1};
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	for (const char *p = step.text; p && *p; p++) {
		size_t n = step.how == BY_BYTE ? 1 : strlen(p);

		(void)send(fd, p, n, MSG_NOSIGNAL);
		p += n - 1;
	}
	if (step.how == RESET)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	if (step.how == HANG) {
		char c;

		while (recv(fd, &c, 1, 0) > 0)
			;
	}
	return step.how == ANSWER || step.how == BY_BYTE;
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct pollfd p[2] = {
		{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

	/* One connection at a time. Those that wait when it is stopped are still counted. */
	for (;;) {
		int fd;

		if (poll(p, 2, -1) < 0 || !(p[0].revents & POLLIN))
			return NULL;
		fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		s->connections++;
		if (s->greeting)
			(void)send(fd, s->greeting, strlen(s->greeting), MSG_NOSIGNAL);
		while (read_request(s, fd)) {
			s->requests++;
			if (!play(s, fd))
				break;
		}
		close(fd);
	}
}

static struct server *start_server(const struct step *steps, size_t n_steps)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	struct server *s = calloc(1, sizeof(*s));

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->steps = steps;
	s->n_steps = n_steps;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 64), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pipe2(s->stop, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	return s;
}

/* After this the counters may be read. */
static void stop_server(struct server *s)
{
	assert_int_equal(write(s->stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	close(s->stop[0]);
	close(s->stop[1]);
	close(s->fd);
}

/* ---- the client's side ---- */

struct seen {
	int calls;
	enum http_outcome outcome;
	int status;
	char body[256];
	size_t body_len;
	int64_t retry_after_ms, took_ms;
	char error[128];
	int asked; /* times MAY_SEND was called */
	bool may_send;
	struct http_call *call;
	bool cancel;              /* in MAY_SEND */
	struct loop *cancel_next; /* on the turn after MAY_SEND */
};

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct http_client *client;
};

static void on_done(void *ctx, const struct http_result *res)
{
	struct seen *seen = ctx;

	seen->calls++;
	seen->outcome = res->outcome;
	seen->status = res->status;
	seen->body_len = res->body_len;
	(void)snprintf(seen->body, sizeof(seen->body), "%.200s", res->body);
	seen->retry_after_ms = res->retry_after_ms;
	seen->took_ms = res->took_ms;
	(void)snprintf(seen->error, sizeof(seen->error), "%.100s", res->error ? res->error : "");
	assert_true((res->error == NULL) == (res->outcome == HTTP_ANSWERED));
	assert_int_equal(strlen(res->body), res->body_len);
}

static void cancel_call(void *ctx)
{
	http_call_cancel(((struct seen *)ctx)->call);
}

static bool may_send(void *ctx)
{
	struct seen *seen = ctx;

	seen->asked++;
	if (seen->cancel)
		http_call_cancel(seen->call);
	if (seen->cancel_next)
		assert_int_equal(loop_defer(seen->cancel_next, cancel_call, seen), 0);
	return seen->may_send;
}

static struct fixture *start_with(const struct http_client_opts *opts)
{
	struct fixture *f = calloc(1, sizeof(*f));

	clock_init_real(&f->clock);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	assert_int_equal(http_client_create(f->loop, opts, &f->client), 0);
	return f;
}

static struct fixture *start(void)
{
	return start_with(NULL);
}

static void finish(struct fixture *f)
{
	http_client_destroy(f->client);
	loop_destroy(f->loop);
	free(f);
}

static void begin(
	struct fixture *f, const char *scheme, uint16_t port, const char *body, struct seen *seen)
{
	char url[64];
	struct http_request req = {
		.method = body ? "POST" : "GET",
		.url = url,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.connect_timeout_ms = 2000,
		.total_timeout_ms = 3000,
		.may_send = seen->may_send || seen->cancel ? may_send : NULL,
	};

	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u/path?key=secret", scheme, port);
	assert_int_equal(http_client_start(f->client, &req, on_done, seen, &seen->call), 0);
	assert_int_equal(seen->calls, 0); /* never from inside the start */
}

/* One request to its end. */
static struct seen ask(struct fixture *f, uint16_t port, const char *body)
{
	struct seen seen = {0};

	begin(f, "http", port, body, &seen);
	loop_run(f->loop);
	assert_int_equal(seen.calls, 1);
	return seen;
}

/* One POST against a server that does STEP with it. */
static struct seen post_against(enum how how, const char *text)
{
	struct step step = {how, text};
	struct server *s = start_server(&step, 1);
	struct fixture *f = start();
	struct seen seen = ask(f, s->port, "hello");

	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 1);
	free(s);
	return seen;
}

/* ---- answers ---- */

static void answer_has_status_body_and_retry_after(void **state)
{
	struct seen seen = post_against(ANSWER,
		"HTTP/1.1 429 Slow Down\r\nretry-after: 7\r\nContent-Length: 4\r\n\r\nbusy");

	(void)state;
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_int_equal(seen.status, 429);
	assert_string_equal(seen.body, "busy");
	assert_int_equal(seen.retry_after_ms, 7000);
	assert_true(seen.took_ms >= 0 && seen.took_ms < 3000);
}

static void retry_after_is_capped_and_a_date_is_ignored(void **state)
{
	struct seen seen;

	(void)state;
	seen = post_against(
		ANSWER, "HTTP/1.1 503 X\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(seen.retry_after_ms, 3600000);
	seen = post_against(ANSWER, "HTTP/1.1 503 X\r\nRetry-After: Fri, 19 Aug 2022 07:28:00 "
				    "GMT\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_int_equal(seen.retry_after_ms, 0);
}

static void request_carries_headers_and_body_and_no_expect(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();
	struct http_header headers[] = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
	struct http_request req = {.method = "POST", .headers = headers, .n_headers = 2};
	struct seen seen = {0};
	char url[64], body[3001];

	(void)state;
	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/p?a=1", s->port);
	req.url = url;
	req.body = body;
	req.body_len = sizeof(body) - 1;
	assert_int_equal(http_client_start(f->client, &req, on_done, &seen, NULL), 0);
	memset(body, 'x', sizeof(body) - 1); /* it was copied */
	memset(url, 'x', sizeof(url) - 1);
	loop_run(f->loop);
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	finish(f);
	stop_server(s);
	assert_int_equal(strncmp(s->last, "POST /p?a=1 HTTP/1.1\r\n", 22), 0);
	assert_non_null(strstr(s->last, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(s->last, "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(s->last, "\r\nContent-Length: 3000\r\n"));
	assert_non_null(strstr(s->last, "bbbb"));
	assert_null(strstr(s->last, "xxxx"));
	assert_null(strstr(s->last, "Expect"));
	free(s);
}

static void connection_is_kept_for_the_next_request(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(f, s->port, "hello").outcome, HTTP_ANSWERED);
	assert_int_equal(ask(f, s->port, NULL).outcome, HTTP_ANSWERED);
	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 4);
	assert_int_equal(s->connections, 1);
	free(s);
}

static void answer_byte_by_byte_is_read_whole(void **state)
{
	struct seen seen = post_against(BY_BYTE, OK_TEXT);

	(void)state;
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_string_equal(seen.body, "ok");
}

static void interim_answer_is_not_the_answer(void **state)
{
	struct seen seen = post_against(ANSWER, "HTTP/1.1 100 Continue\r\n\r\n" OK_TEXT);

	(void)state;
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_int_equal(seen.status, 200);
	assert_string_equal(seen.body, "ok");
	/* And when nothing follows it, nothing was answered. */
	seen = post_against(ANSWER_CLOSE, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(seen.outcome, HTTP_UNKNOWN);
}

static void redirect_is_an_answer_and_not_followed(void **state)
{
	struct seen seen = post_against(
		ANSWER, "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");

	(void)state;
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_int_equal(seen.status, 302);
}

static void chunked_answer_with_trailer_is_read_whole(void **state)
{
	struct seen seen = post_against(ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
						"chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n");

	(void)state;
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_string_equal(seen.body, "ok");
}

static void body_without_length_ends_with_the_connection(void **state)
{
	struct seen seen = post_against(ANSWER_CLOSE, "HTTP/1.1 200 OK\r\n\r\n{\"errcode\":0,");

	(void)state;
	/* Nobody but the reader of the JSON can tell that it was cut. */
	assert_int_equal(seen.outcome, HTTP_ANSWERED);
	assert_string_equal(seen.body, "{\"errcode\":0,");
}

/* ---- not known ---- */

static void lost_answers_are_unknown(void **state)
{
	static const struct step steps[] = {
		{ANSWER_CLOSE, ""},
		{RESET, ""},
		{ANSWER_CLOSE, "HTTP/1.1 200 OK\r\nContent-"},
		{ANSWER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"},
		{RESET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"},
		{ANSWER_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"errcode\""},
		{ANSWER_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"},
		{ANSWER_CLOSE, "not http at all\r\n\r\n"},
		{HANG, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct seen seen = post_against(steps[i].how, steps[i].text);

		if (seen.outcome != HTTP_UNKNOWN)
			fail_msg("step %zu: outcome %d", i, (int)seen.outcome);
		assert_true(seen.error[0] != '\0');
		assert_null(strstr(seen.error, "secret"));
		assert_null(strstr(seen.error, "127.0.0.1"));
	}
}

/* The connection that was kept dies before the answer: libcurl would send the POST a second time. */
static void reused_connection_that_dies_leaves_one_copy(void **state)
{
	static const enum how ways[] = {ANSWER_CLOSE, RESET};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct step steps[] = {{ANSWER, OK_TEXT}, {ways[i], ""}};
		struct server *s = start_server(steps, ARRAY_LEN(steps));
		struct fixture *f = start();
		struct seen second;

		assert_int_equal(ask(f, s->port, "first").outcome, HTTP_ANSWERED);
		second = ask(f, s->port, "second");
		assert_int_equal(second.outcome, HTTP_UNKNOWN);
		finish(f);
		stop_server(s);
		assert_int_equal(s->requests, 2);
		assert_non_null(strstr(s->last, "second"));
		free(s);
	}
}

static void client_works_on_after_a_dead_connection(void **state)
{
	struct step steps[] = {{ANSWER, OK_TEXT}, {RESET, ""}};
	struct server *s = start_server(steps, ARRAY_LEN(steps));
	struct fixture *f = start();

	(void)state;
	assert_int_equal(ask(f, s->port, "first").outcome, HTTP_ANSWERED);
	assert_int_equal(ask(f, s->port, "second").outcome, HTTP_UNKNOWN);
	assert_int_equal(ask(f, s->port, "third").outcome, HTTP_ANSWERED);
	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 3);
	free(s);
}

static void answer_over_the_limit_is_unknown(void **state)
{
	struct http_client_opts opts = {.max_response_bytes = 8};
	struct step steps[] = {
		{ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678"},
		{ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789"},
	};
	struct server *s = start_server(steps, ARRAY_LEN(steps));
	struct fixture *f = start_with(&opts);
	struct seen seen;

	(void)state;
	assert_int_equal(ask(f, s->port, "hello").outcome, HTTP_ANSWERED);
	seen = ask(f, s->port, "hello");
	assert_int_equal(seen.outcome, HTTP_UNKNOWN);
	assert_non_null(strstr(seen.error, "too long"));
	finish(f);
	stop_server(s);
	free(s);
}

/* ---- surely not sent ---- */

static void refused_connection_is_not_sent(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();

	(void)state;
	stop_server(s); /* nobody listens on its port any more */
	assert_int_equal(ask(f, s->port, "hello").outcome, HTTP_NOT_SENT);
	assert_int_equal(ask(f, s->port, NULL).outcome, HTTP_NOT_SENT);
	finish(f);
	free(s);
}

static void failed_tls_is_not_sent(void **state)
{
	/* The first answers the greeting with junk, the second with silence. */
	static const char *const greetings[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(greetings); i++) {
		struct server *s = start_server(NULL, 0);
		struct fixture *f = start();
		struct seen seen = {0};

		s->greeting = greetings[i];
		begin(f, "https", s->port, "hello", &seen);
		loop_run(f->loop);
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.outcome, HTTP_NOT_SENT);
		finish(f);
		stop_server(s);
		assert_int_equal(s->connections, 1);
		assert_int_equal(s->requests, 0);
		free(s);
	}
}

static void sender_that_may_no_longer_send_is_not_sent(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();
	struct seen no = {0}, yes = {.may_send = true};
	struct http_request req = {
		.method = "POST", .body = "hello", .body_len = 5, .may_send = may_send};
	char url[64];

	(void)state;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", s->port);
	req.url = url;
	assert_int_equal(http_client_start(f->client, &req, on_done, &no, NULL), 0);
	loop_run(f->loop);
	assert_int_equal(no.calls, 1);
	assert_int_equal(no.asked, 1);
	assert_int_equal(no.outcome, HTTP_NOT_SENT);
	assert_int_equal(http_client_start(f->client, &req, on_done, &yes, NULL), 0);
	loop_run(f->loop);
	assert_int_equal(yes.asked, 1);
	assert_int_equal(yes.outcome, HTTP_ANSWERED);
	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 1);
	free(s);
}

/* ---- cancelling ---- */

static void cancel_before_anything_left_is_not_sent(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();
	struct seen seen = {0};

	(void)state;
	begin(f, "http", s->port, "hello", &seen);
	http_call_cancel(seen.call);
	http_call_cancel(seen.call);
	assert_int_equal(seen.calls, 0);
	loop_run(f->loop);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.outcome, HTTP_NOT_SENT);
	assert_int_equal(http_client_inflight(f->client), 0);
	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 0);
	free(s);
}

static void cancel_before_the_body_is_not_sent(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();
	struct seen seen = {.cancel = true, .may_send = false};

	(void)state;
	begin(f, "http", s->port, "hello", &seen);
	loop_run(f->loop);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.outcome, HTTP_NOT_SENT);
	finish(f);
	stop_server(s);
	assert_int_equal(s->requests, 0);
	free(s);
}

static void cancel_after_the_body_left_is_unknown(void **state)
{
	struct step steps[] = {{HANG, ""}};
	struct server *s = start_server(steps, 1);
	struct fixture *f = start();
	struct seen seen = {.may_send = true, .cancel_next = f->loop};

	(void)state;
	begin(f, "http", s->port, "hello", &seen);
	loop_run(f->loop);
	assert_int_equal(seen.asked, 1); /* so the body had been handed out */
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.outcome, HTTP_UNKNOWN);
	finish(f);
	stop_server(s);
	free(s);
}

static void destroy_ends_each_call_once(void **state)
{
	struct step steps[] = {{HANG, ""}};
	struct server *s = start_server(steps, 1);
	struct fixture *f = start();
	struct seen seen[20] = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		begin(f, "http", s->port, "hello", &seen[i]);
	http_call_cancel(seen[3].call);
	assert_int_equal(http_client_inflight(f->client), 20);
	http_client_destroy(f->client);
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		assert_int_equal(seen[i].calls, 1);
		assert_int_equal(seen[i].outcome, HTTP_NOT_SENT);
	}
	loop_destroy(f->loop);
	free(f);
	stop_server(s);
	free(s);
}

struct destroyer {
	struct fixture *f;
	int calls;
};

static void destroy_in_callback(void *ctx, const struct http_result *res)
{
	struct destroyer *d = ctx;

	(void)res;
	if (d->calls++ == 0)
		http_client_destroy(d->f->client);
}

static void client_may_be_destroyed_in_a_callback(void **state)
{
	struct server *s = start_server(NULL, 0);
	struct fixture *f = start();
	struct destroyer d = {.f = f};
	struct http_request req = {.method = "GET"};
	char url[64];

	(void)state;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", s->port);
	req.url = url;
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			http_client_start(f->client, &req, destroy_in_callback, &d, NULL), 0);
	loop_run(f->loop);
	assert_int_equal(d.calls, 3);
	loop_destroy(f->loop);
	free(f);
	stop_server(s);
	free(s);
}

/* ---- bounds and bad requests ---- */

static void calls_over_the_limit_are_refused(void **state)
{
	struct http_client_opts opts = {.max_calls = 2};
	struct fixture *f = start_with(&opts);
	struct http_request req = {.method = "GET", .url = "http://127.0.0.1:1/"};
	struct seen seen = {0};

	(void)state;
	assert_int_equal(http_client_start(f->client, &req, on_done, &seen, NULL), 0);
	assert_int_equal(http_client_start(f->client, &req, on_done, &seen, NULL), 0);
	assert_int_equal(http_client_start(f->client, &req, on_done, &seen, NULL), SW_ELIMIT);
	loop_run(f->loop);
	assert_int_equal(seen.calls, 2);
	finish(f);
}

static void requests_that_cannot_be_sent_safely_are_refused(void **state)
{
	struct fixture *f = start();
	struct http_header split[] = {{"X-A", "1\r\nX-B: 2"}};
	const struct http_request bad[] = {
		{.method = "POST", .url = "http://127.0.0.1:1/"},
		{.method = "PUT", .url = "http://127.0.0.1:1/", .body = "x", .body_len = 1},
		{.method = "GET", .url = "ftp://127.0.0.1:1/"},
		{.method = "GET", .url = "file:///etc/passwd"},
		{.method = "GET", .url = "not a url"},
		{.method = "GET", .url = ""},
		{.method = "GET", .url = "http://127.0.0.1:1/", .headers = split, .n_headers = 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (http_client_start(f->client, &bad[i], on_done, NULL, NULL) != SW_EINVAL)
			fail_msg("request %zu was taken", i);
	}
	assert_int_equal(http_client_inflight(f->client), 0);
	finish(f);
}

struct crowd {
	struct fixture *f;
	struct http_server *server;
	struct timer *timer;
	struct http_exchange *waiting[64];
	size_t n_waiting, most;
	int answered;
};

static void answer_all(void *ctx)
{
	struct crowd *c = ctx;

	while (c->n_waiting > 0)
		http_respond(c->waiting[--c->n_waiting], 200, NULL, "x", 1, NULL);
}

static void collect(void *ctx, struct http_exchange *x)
{
	struct crowd *c = ctx;

	c->waiting[c->n_waiting++] = x;
	if (c->n_waiting > c->most)
		c->most = c->n_waiting;
	/* Armed again by each request: it fires when no more come. */
	timer_after(c->timer, 30);
}

static void on_crowd_done(void *ctx, const struct http_result *res)
{
	struct crowd *c = ctx;

	assert_int_equal(res->outcome, HTTP_ANSWERED);
	if (++c->answered == 40)
		http_server_close(c->server);
}

static void host_sees_no_more_requests_at_once_than_allowed(void **state)
{
	struct http_client_opts opts = {.max_per_host = 4};
	struct http_server_opts server_opts = {.address = "127.0.0.1"};
	struct crowd c = {.f = start_with(&opts)};
	struct http_request req = {.method = "POST", .body = "x", .body_len = 1};
	char url[64];

	(void)state;
	assert_int_equal(
		http_server_open(c.f->loop, &server_opts, collect, &c, &c.server, NULL), 0);
	assert_int_equal(timer_new(c.f->loop, answer_all, &c, &c.timer), 0);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", http_server_port(c.server));
	req.url = url;
	for (int i = 0; i < 40; i++)
		assert_int_equal(http_client_start(c.f->client, &req, on_crowd_done, &c, NULL), 0);
	loop_run(c.f->loop);
	assert_int_equal(c.answered, 40);
	assert_true(c.most > 0 && c.most <= 4);
	timer_destroy(c.timer);
	finish(c.f);
}

static void escape_leaves_unreserved_characters_alone(void **state)
{
	char *s = http_escape("a-Z_0.~ +/=&\xe5\xa5\xbd");

	(void)state;
	assert_string_equal(s, "a-Z_0.~%20%2B%2F%3D%26%E5%A5%BD");
	free(s);
	s = http_escape("");
	assert_string_equal(s, "");
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answer_has_status_body_and_retry_after),
		cmocka_unit_test(retry_after_is_capped_and_a_date_is_ignored),
		cmocka_unit_test(request_carries_headers_and_body_and_no_expect),
		cmocka_unit_test(connection_is_kept_for_the_next_request),
		cmocka_unit_test(answer_byte_by_byte_is_read_whole),
		cmocka_unit_test(interim_answer_is_not_the_answer),
		cmocka_unit_test(redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(chunked_answer_with_trailer_is_read_whole),
		cmocka_unit_test(body_without_length_ends_with_the_connection),
		cmocka_unit_test(lost_answers_are_unknown),
		cmocka_unit_test(reused_connection_that_dies_leaves_one_copy),
		cmocka_unit_test(client_works_on_after_a_dead_connection),
		cmocka_unit_test(answer_over_the_limit_is_unknown),
		cmocka_unit_test(refused_connection_is_not_sent),
		cmocka_unit_test(failed_tls_is_not_sent),
		cmocka_unit_test(sender_that_may_no_longer_send_is_not_sent),
		cmocka_unit_test(cancel_before_anything_left_is_not_sent),
		cmocka_unit_test(cancel_before_the_body_is_not_sent),
		cmocka_unit_test(cancel_after_the_body_left_is_unknown),
		cmocka_unit_test(destroy_ends_each_call_once),
		cmocka_unit_test(client_may_be_destroyed_in_a_callback),
		cmocka_unit_test(calls_over_the_limit_are_refused),
		cmocka_unit_test(requests_that_cannot_be_sent_safely_are_refused),
		cmocka_unit_test(host_sees_no_more_requests_at_once_than_allowed),
		cmocka_unit_test(escape_leaves_unreserved_characters_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
