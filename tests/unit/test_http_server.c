/*
 * tests/unit/test_http_server.c: the HTTP listener, met by a client that writes raw bytes.
 *
 * The loop with the server runs in a second thread, so that the client may block; "GET /quit" closes the
 * server and so ends the loop.
 */
#include <arpa/inet.h>
#include <errno.h>
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

#include "core/io/http_server.h"
#include "core/io/timer.h"

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct http_server *server;
	pthread_t thread;
	uint16_t port;
	struct http_exchange *held; /* "/hold" keeps it, "/release" answers it */
	struct http_stream *stream; /* of "/stream" */
	int streams_closed;
	_Atomic int handled;
	_Atomic bool answer_after_close; /* HELD is answered once the server is closed */
};

struct later {
	struct timer *timer;
	struct http_exchange *x;
};

static void answer_later(void *ctx)
{
	struct later *later = ctx;

	http_respond(later->x, 200, "text/plain", "later", 5, NULL);
	timer_destroy(later->timer);
	free(later);
}

static void on_stream_closed(void *ctx)
{
	struct fixture *f = ctx;

	f->stream = NULL;
	f->streams_closed++;
}

static void respond_text(struct http_exchange *x, const char *text)
{
	http_respond(x, 200, "text/plain", text, strlen(text), NULL);
}

static void quit(void *ctx)
{
	struct fixture *f = ctx;

	http_server_close(f->server);
	if (f->answer_after_close && f->held)
		respond_text(f->held, "too late");
}

static void echo(struct http_exchange *x)
{
	static const char *const extra[] = {"X-Extra", "one", NULL};
	const char *q = http_query(x, "q");
	const char *header = http_header_get(x, "x-test");
	size_t len;
	const char *body = http_body(x, &len);
	char text[4096];
	int n;

	n = snprintf(text, sizeof(text), "%s %s q=%s h=%s peer=%s len=%zu %.100s", http_method(x),
		http_path(x), q ? q : "none", header ? header : "none", http_peer(x), len, body);
	http_respond(x, 200, "text/plain", text, (size_t)n, extra);
}

static void stream_command(struct fixture *f, struct http_exchange *x, const char *path)
{
	char big[8192];
	int rc = 0;

	if (strcmp(path, "/stream") == 0) {
		f->stream = http_stream_start(x, on_stream_closed, f);
		return;
	}
	if (strcmp(path, "/stream-send") == 0 && f->stream)
		rc = http_stream_send(f->stream, "data: news\n\n", 12);
	if (strcmp(path, "/stream-end") == 0 && f->stream) {
		http_stream_end(f->stream);
		f->stream = NULL;
	}
	if (strcmp(path, "/stream-flood") == 0 && f->stream) {
		memset(big, 'x', sizeof(big));
		for (int i = 0; i < 9 && rc == 0; i++)
			rc = http_stream_send(f->stream, big, sizeof(big));
	}
	respond_text(x, rc == 0 ? "ok" : rc == SW_ELIMIT ? "full" : "error");
}

static void handle(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	const char *path = http_path(x);
	char text[32];

	f->handled++;
	if (strcmp(path, "/quit") == 0) {
		respond_text(x, "bye");
		assert_int_equal(loop_defer(f->loop, quit, f), 0);
	} else if (strcmp(path, "/close-now") == 0) {
		respond_text(x, "bye");
		http_server_close(f->server);
	} else if (strcmp(path, "/later") == 0) {
		struct later *later = malloc(sizeof(*later));

		later->x = x;
		assert_int_equal(timer_new(f->loop, answer_later, later, &later->timer), 0);
		timer_after(later->timer, 5);
	} else if (strcmp(path, "/drop") == 0) {
		http_drop(x);
	} else if (strcmp(path, "/drop-held") == 0) {
		http_drop(f->held);
		f->held = NULL;
		respond_text(x, "ok");
	} else if (strcmp(path, "/hold") == 0) {
		f->held = x;
	} else if (strcmp(path, "/release") == 0) {
		respond_text(f->held, "released");
		f->held = NULL;
		respond_text(x, "ok");
	} else if (strcmp(path, "/streams-closed") == 0) {
		(void)snprintf(text, sizeof(text), "%d", f->streams_closed);
		respond_text(x, text);
	} else if (strncmp(path, "/stream", 7) == 0) {
		stream_command(f, x, path);
	} else {
		echo(x);
	}
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static struct fixture *start(unsigned idle_timeout_s, size_t max_body_bytes)
{
	struct http_server_opts opts = {
		.address = "127.0.0.1",
		.idle_timeout_s = idle_timeout_s,
		.max_body_bytes = max_body_bytes,
	};
	struct fixture *f = calloc(1, sizeof(*f));
	struct sw_err err;

	clock_init_simulated(&f->clock, 1660784400000);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	assert_int_equal(http_server_open(f->loop, &opts, handle, f, &f->server, &err), 0);
	f->port = http_server_port(f->server);
	assert_int_not_equal(f->port, 0);
	assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f->loop), 0);
	return f;
}

/* ---- the raw client ---- */

struct client {
	int fd;
	char buf[262144];
	size_t len;
};

struct answer {
	int status; /* 0: the connection ended before a whole answer */
	bool closes;
	char body[8192];
};

static struct client *dial(const struct fixture *f)
{
	struct timeval five_s = {.tv_sec = 5};
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
	struct client *c = calloc(1, sizeof(*c));

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &five_s, sizeof(five_s)), 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return c;
}

static void hang_up(struct client *c)
{
	close(c->fd);
	free(c);
}

static void say_n(struct client *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the server has closed: the answer, if any, tells */
		data += n;
		len -= (size_t)n;
	}
}

static void say(struct client *c, const char *text)
{
	say_n(c, text, strlen(text));
}

/* Reads more; false at the end of the connection. A silence of 5 s fails the test. */
static bool hear(struct client *c)
{
	ssize_t n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - 1 - c->len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		fail_msg("no answer within 5 s");
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	c->buf[c->len] = '\0';
	return true;
}

static bool hear_until(struct client *c, const char *text)
{
	while (!strstr(c->buf, text)) {
		if (!hear(c))
			return false;
	}
	return true;
}

static struct answer next_answer(struct client *c)
{
	struct answer a = {0};
	char *end, *length;
	size_t head, body = 0;

	if (!hear_until(c, "\r\n\r\n"))
		return a;
	end = strstr(c->buf, "\r\n\r\n");
	head = (size_t)(end - c->buf) + 4;
	length = strcasestr(c->buf, "Content-Length:");
	if (length && length < end)
		body = strtoul(length + strlen("Content-Length:"), NULL, 10);
	assert_true(body < sizeof(a.body));
	while (c->len < head + body) {
		if (!hear(c))
			return a;
	}
	*end = '\0';
	a.closes = strcasestr(c->buf, "Connection: close") != NULL;
	assert_int_equal(sscanf(c->buf, "HTTP/1.1 %d", &a.status), 1);
	memcpy(a.body, c->buf + head, body);
	c->len -= head + body;
	memmove(c->buf, c->buf + head + body, c->len + 1);
	return a;
}

static bool is_closed(struct client *c)
{
	return c->len == 0 && !hear(c);
}

static struct answer ask(const struct fixture *f, const char *request)
{
	struct client *c = dial(f);
	struct answer a;

	say(c, request);
	a = next_answer(c);
	hang_up(c);
	return a;
}

static struct answer get(const struct fixture *f, const char *target)
{
	char request[4096];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: t\r\n\r\n", target);
	return ask(f, request);
}

/* Whatever one connection did, another one is served. */
static void others_are_served(const struct fixture *f)
{
	assert_int_equal(get(f, "/echo").status, 200);
}

static void finish(struct fixture *f)
{
	(void)get(f, "/quit");
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	loop_destroy(f->loop);
	free(f);
}

#define POST(body, len) "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: " len "\r\n\r\n" body
#define GET "GET /echo HTTP/1.1\r\nHost: t\r\n\r\n"

/* ---- requests that are answered ---- */

static void get_shows_path_query_and_headers(void **state)
{
	struct fixture *f = start(0, 0);
	struct answer a;

	(void)state;
	a = ask(f, "GET /a%2Fb/../c?x=1&q=%E5%A5%BD+%2b&q=2 HTTP/1.1\r\nHost: t\r\nX-Test: "
		   "yes\r\n\r\n");
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "GET /a%2Fb/../c q=好++ h=yes peer=127.0.0.1 len=0 ");
	assert_false(a.closes);
	finish(f);
}

static void broken_escape_in_the_query_hides_that_parameter(void **state)
{
	struct fixture *f = start(0, 0);

	(void)state;
	assert_non_null(strstr(get(f, "/e?q=%zz").body, "q=none"));
	assert_non_null(strstr(get(f, "/e?q=a%00b").body, "q=none"));
	assert_non_null(strstr(get(f, "/e?q=%4").body, "q=none"));
	assert_non_null(strstr(get(f, "/e?z=%zz&q=ok").body, "q=ok"));
	finish(f);
}

static void post_body_arrives_whole_byte_by_byte(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);
	const char *p = POST("hello", "5");

	(void)state;
	for (; *p; p++)
		say_n(c, p, 1);
	assert_non_null(
		strstr(next_answer(c).body, "POST /echo q=none h=none peer=127.0.0.1 len=5 hello"));
	hang_up(c);
	others_are_served(f);
	finish(f);
}

static void empty_post_is_a_request(void **state)
{
	struct fixture *f = start(0, 0);

	(void)state;
	assert_non_null(strstr(ask(f, POST("", "0")).body, "len=0"));
	finish(f);
}

static void pipelined_requests_are_all_answered(void **state)
{
	static const struct {
		const char *bytes;
		int answers;
	} mixes[] = {
		{POST("one", "3") POST("two", "3"), 2},
		{GET POST("two", "3"), 2},
		{POST("one", "3") POST("two", "3") POST("three", "5"), 3},
		{POST("one", "3") GET, 2},
		{GET GET GET, 3},
	};
	struct fixture *f = start(0, 0);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(mixes); i++) {
		struct client *c = dial(f);

		say(c, mixes[i].bytes);
		for (int n = 0; n < mixes[i].answers; n++)
			assert_int_equal(next_answer(c).status, 200);
		others_are_served(f);
		hang_up(c);
	}
	finish(f);
}

static void late_answer_arrives_without_another_request(void **state)
{
	struct fixture *f = start(0, 0);

	(void)state;
	assert_string_equal(get(f, "/later").body, "later");
	finish(f);
}

static void pipelined_late_answers_keep_their_order(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);

	(void)state;
	say(c, "GET /later HTTP/1.1\r\nHost: t\r\n\r\n" POST(
		       "two", "3") "GET /later HTTP/1.1\r\nHost: t\r\n\r\n");
	assert_string_equal(next_answer(c).body, "later");
	assert_non_null(strstr(next_answer(c).body, "two"));
	assert_string_equal(next_answer(c).body, "later");
	hang_up(c);
	finish(f);
}

static void held_request_is_answered_by_another_one(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);

	(void)state;
	say(c, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	others_are_served(f);
	assert_string_equal(get(f, "/release").body, "ok");
	assert_string_equal(next_answer(c).body, "released");
	hang_up(c);
	finish(f);
}

static void dropped_request_gets_no_byte_now_or_later(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *now = dial(f), *later = dial(f);

	(void)state;
	say(now, "GET /drop HTTP/1.1\r\nHost: t\r\n\r\n");
	assert_true(is_closed(now));
	say(later, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	others_are_served(f);
	assert_string_equal(get(f, "/drop-held").body, "ok");
	assert_true(is_closed(later));
	hang_up(now);
	hang_up(later);
	finish(f);
}

static void client_that_left_before_the_late_answer_does_no_harm(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);

	(void)state;
	say(c, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	others_are_served(f);
	hang_up(c);
	assert_string_equal(get(f, "/release").body, "ok");
	others_are_served(f);
	finish(f);
}

/* ---- requests that are refused ---- */

static void refused(const char *request, int status)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);
	struct answer a;
	_Atomic int handled;

	others_are_served(f);
	say(c, request);
	a = next_answer(c);
	assert_int_equal(a.status, status);
	assert_true(a.closes);
	assert_true(is_closed(c));
	hang_up(c);
	others_are_served(f);
	handled = f->handled; /* the answers above have synchronised the threads */
	assert_int_equal(handled, 2);
	finish(f);
}

static void chunked_body_without_length_is_411(void **state)
{
	(void)state;
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "
		"chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		411);
}

static void length_and_chunked_together_are_400(void **state)
{
	(void)state;
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: "
		"chunked\r\n\r\n"
		"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n",
		400);
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: "
		"5\r\n\r\nhello",
		400);
}

static void two_lengths_are_400(void **state)
{
	(void)state;
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: "
		"6\r\n\r\nhello!",
		400);
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: "
		"5\r\n\r\nhello",
		400);
	refused("GET /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\ncontent-length: "
		"0\r\n\r\nhello",
		400);
}

static void folded_header_is_400(void **state)
{
	(void)state;
	refused("POST /echo HTTP/1.1\r\nHost: t\r\nX-A: one\r\n two\r\nContent-Length: 2\r\n\r\nhi",
		400);
	refused("GET /echo HTTP/1.1\r\nHost: t\r\nX-A: one\r\n\ttwo\r\n\r\n", 400);
}

static void post_without_length_is_411(void **state)
{
	(void)state;
	refused("POST /echo HTTP/1.1\r\nHost: t\r\n\r\n", 411);
	refused("PUT /echo HTTP/1.1\r\nHost: t\r\n\r\n", 411);
}

static void long_url_is_414(void **state)
{
	char request[4096];

	(void)state;
	(void)snprintf(request, sizeof(request), "GET /%02048d HTTP/1.1\r\nHost: t\r\n\r\n", 7);
	refused(request, 414);
}

static void header_block_over_8_kib_is_431(void **state)
{
	char request[16384];

	(void)state;
	(void)snprintf(
		request, sizeof(request), "GET / HTTP/1.1\r\nHost: t\r\nX-A: %08200d\r\n\r\n", 7);
	refused(request, 431);
}

static void more_than_64_headers_are_431(void **state)
{
	char request[8192];
	size_t n = (size_t)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: t\r\n");

	(void)state;
	for (int i = 0; i < 64; i++)
		n += (size_t)snprintf(request + n, sizeof(request) - n, "X-%d: 1\r\n", i);
	(void)snprintf(request + n, sizeof(request) - n, "\r\n");
	refused(request, 431);
}

static void headers_and_url_just_within_the_limits_pass(void **state)
{
	struct fixture *f = start(0, 0);
	char request[16384];

	(void)state;
	(void)snprintf(request, sizeof(request),
		"GET /%02047d HTTP/1.1\r\nHost: t\r\nX-A: %08100d\r\n\r\n", 7, 7);
	assert_int_equal(ask(f, request).status, 200);
	finish(f);
}

static void endless_header_ends_the_connection(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);
	char part[1024];

	(void)state;
	memset(part, 'a', sizeof(part));
	say(c, "GET / HTTP/1.1\r\nHost: t\r\nX-A: ");
	for (int i = 0; i < 100; i++)
		say_n(c, part, sizeof(part));
	while (hear(c))
		;
	assert_null(strstr(c->buf, "HTTP/1.1 200"));
	hang_up(c);
	others_are_served(f);
	finish(f);
}

static void body_too_large_is_413_and_the_client_sees_it(void **state)
{
	static char request[400000];
	struct fixture *f = start(0, 1000);
	struct client *c;
	struct answer a;
	size_t n;

	(void)state;
	c = dial(f);
	n = (size_t)snprintf(request, sizeof(request),
		"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 300000\r\n\r\n");
	memset(request + n, 'b', 300000);
	say_n(c, request, n + 300000);
	a = next_answer(c);
	assert_int_equal(a.status, 413);
	assert_true(a.closes);
	assert_true(is_closed(c));
	hang_up(c);
	/* One that announces more than anyone would read is told at once. */
	a = ask(f, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5000000000\r\n\r\n");
	assert_int_equal(a.status, 413);
	assert_int_equal(ask(f, POST("just right", "10")).status, 200);
	others_are_served(f);
	finish(f);
}

static void body_of_exactly_the_limit_passes(void **state)
{
	struct fixture *f = start(0, 5);

	(void)state;
	assert_int_equal(ask(f, POST("12345", "5")).status, 200);
	assert_int_equal(ask(f, POST("123456", "6")).status, 413);
	finish(f);
}

static void junk_is_not_a_request(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = dial(f);

	(void)state;
	say(c, "\x16\x03\x01\x02\r\n\r\n");
	while (hear(c))
		;
	assert_null(strstr(c->buf, "HTTP/1.1 200"));
	hang_up(c);
	assert_int_not_equal(
		ask(f, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1x\r\n\r\n1").status,
		200);
	assert_int_not_equal(
		ask(f, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n1").status,
		200);
	others_are_served(f);
	finish(f);
}

/* ---- slow and many ---- */

static void header_that_trickles_is_408(void **state)
{
	struct fixture *f = start(1, 0);
	struct client *c = dial(f);
	struct timeval tick = {.tv_usec = 100000};
	struct answer a;
	int sent = 0;

	(void)state;
	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick)), 0);
	/* Never silent for long: only a limit on the whole request can end this. */
	for (; sent < 100 && c->len == 0; sent++) {
		ssize_t n;

		say(c, sent == 0 ? "GET /echo HTTP/1.1\r\nX-A: " : "a");
		n = recv(c->fd, c->buf, sizeof(c->buf) - 1, 0);
		if (n > 0)
			c->len = (size_t)n;
	}
	assert_true(sent < 100);
	a = next_answer(c);
	assert_int_equal(a.status, 408);
	assert_true(a.closes);
	hang_up(c);
	others_are_served(f);
	finish(f);
}

static void unfinished_first_line_is_408_and_silence_is_just_closed(void **state)
{
	struct fixture *f = start(1, 0);
	struct client *silent = dial(f), *slow = dial(f), *body = dial(f), *idle = dial(f);

	(void)state;
	say(slow, "GE");
	say(body, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhel");
	say(idle, GET);
	assert_int_equal(next_answer(idle).status, 200);
	assert_int_equal(next_answer(slow).status, 408);
	assert_int_equal(next_answer(body).status, 408);
	assert_true(is_closed(silent));
	assert_true(is_closed(idle));
	hang_up(silent);
	hang_up(slow);
	hang_up(body);
	hang_up(idle);
	others_are_served(f);
	finish(f);
}

static void held_request_outlives_the_idle_timeout(void **state)
{
	struct fixture *f = start(1, 0);
	struct client *c = dial(f), *silent = dial(f);

	(void)state;
	say(c, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	assert_true(is_closed(silent)); /* the time has passed */
	hang_up(silent);
	assert_string_equal(get(f, "/release").body, "ok");
	assert_string_equal(next_answer(c).body, "released");
	hang_up(c);
	finish(f);
}

/* The server may see a new connection before the end of an old one; then the new one is closed. */
static void wait_for_room(const struct fixture *f)
{
	for (int i = 0; i < 10000; i++) {
		if (get(f, "/echo").status == 200)
			return;
	}
	fail_msg("no room although connections have ended");
}

static void connection_65_of_one_address_is_closed(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c[64], *extra;

	(void)state;
	for (int i = 0; i < 64; i++) {
		c[i] = dial(f);
		say(c[i], GET);
		assert_int_equal(next_answer(c[i]).status, 200);
	}
	extra = dial(f);
	say(extra, GET);
	assert_int_equal(next_answer(extra).status, 0);
	hang_up(extra);
	/* The others still work, and one that leaves makes room. */
	say(c[63], GET);
	assert_int_equal(next_answer(c[63]).status, 200);
	say(c[0], "GET /echo HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
	assert_int_equal(next_answer(c[0]).status, 200);
	assert_true(is_closed(c[0]));
	wait_for_room(f);
	for (int i = 0; i < 64; i++)
		hang_up(c[i]);
	wait_for_room(f);
	finish(f);
}

/* ---- streams ---- */

static struct client *open_stream(struct fixture *f)
{
	struct client *c = dial(f);

	say(c, "GET /stream HTTP/1.1\r\nHost: t\r\n\r\n");
	assert_true(hear_until(c, "\r\n\r\n"));
	assert_non_null(strstr(c->buf, "text/event-stream"));
	return c;
}

static void wait_for_closed_streams(const struct fixture *f, const char *n)
{
	/* Each question is a turn of the loop; a stream that stays is found by the test's own end. */
	for (int i = 0; i < 10000; i++) {
		if (strcmp(get(f, "/streams-closed").body, n) == 0)
			return;
	}
	fail_msg("the stream was not closed");
}

static void stream_sends_headers_at_once_and_events_as_they_come(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = open_stream(f);

	(void)state;
	assert_string_equal(get(f, "/stream-send").body, "ok");
	assert_true(hear_until(c, "data: news\n\n"));
	c->len = 0;
	c->buf[0] = '\0';
	assert_string_equal(get(f, "/stream-send").body, "ok");
	assert_true(hear_until(c, "data: news\n\n"));
	hang_up(c);
	wait_for_closed_streams(f, "1");
	finish(f);
}

static void ended_stream_sends_the_rest_and_does_not_call_closed(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = open_stream(f);

	(void)state;
	assert_string_equal(get(f, "/stream-send").body, "ok");
	assert_string_equal(get(f, "/stream-end").body, "ok");
	assert_true(hear_until(c, "data: news\n\n"));
	assert_true(hear_until(c, "\r\n0\r\n\r\n"));
	hang_up(c);
	others_are_served(f);
	assert_string_equal(get(f, "/streams-closed").body, "0");
	finish(f);
}

static void stream_whose_client_does_not_read_is_closed(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *c = open_stream(f);

	(void)state;
	assert_string_equal(get(f, "/stream-flood").body, "full");
	wait_for_closed_streams(f, "1");
	hang_up(c);
	others_are_served(f);
	finish(f);
}

static void silent_stream_costs_no_turns_and_stays(void **state)
{
	struct fixture *f = start(1, 0);
	struct client *c = open_stream(f), *silent = dial(f);
	struct timespec before, after;
	int64_t used_us;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
	assert_true(is_closed(silent)); /* one second later */
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
	used_us =
		(after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
	assert_true(used_us < 300000); /* a loop that spins uses all of it */
	assert_string_equal(get(f, "/stream-send").body, "ok");
	assert_true(hear_until(c, "data: news\n\n"));
	hang_up(silent);
	hang_up(c);
	finish(f);
}

/* ---- closing ---- */

static void close_with_open_exchanges_and_streams_is_clean(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *held = dial(f), *stream = open_stream(f);

	(void)state;
	say(held, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	others_are_served(f);
	(void)get(f, "/quit");
	assert_true(is_closed(held));
	while (hear(stream))
		;
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	assert_int_equal(f->streams_closed, 1);
	loop_destroy(f->loop);
	hang_up(held);
	hang_up(stream);
	free(f);
}

static void answer_after_close_is_harmless(void **state)
{
	struct fixture *f = start(0, 0);
	struct client *held = dial(f);

	(void)state;
	f->answer_after_close = true;
	say(held, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
	others_are_served(f);
	(void)get(f, "/quit");
	assert_int_equal(next_answer(held).status, 0);
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	loop_destroy(f->loop);
	hang_up(held);
	free(f);
}

static void close_from_inside_a_handler_still_answers_it(void **state)
{
	struct fixture *f = start(0, 0);

	(void)state;
	assert_string_equal(get(f, "/close-now").body, "bye");
	assert_int_equal(pthread_join(f->thread, NULL), 0);
	loop_destroy(f->loop);
	free(f);
}

static void port_in_use_is_an_error_with_a_text(void **state)
{
	struct fixture *f = start(0, 0);
	struct http_server_opts opts = {.address = "127.0.0.1", .port = f->port};
	struct http_server *second;
	struct clock clock;
	struct loop *loop;
	struct sw_err err;

	(void)state;
	clock_init_real(&clock);
	assert_int_equal(loop_create(&clock, &loop), 0);
	assert_int_equal(http_server_open(loop, &opts, handle, NULL, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "127.0.0.1"));
	opts.address = "localhost";
	assert_int_equal(http_server_open(loop, &opts, handle, NULL, &second, &err), SW_EINVAL);
	loop_destroy(loop);
	finish(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_shows_path_query_and_headers),
		cmocka_unit_test(broken_escape_in_the_query_hides_that_parameter),
		cmocka_unit_test(post_body_arrives_whole_byte_by_byte),
		cmocka_unit_test(empty_post_is_a_request),
		cmocka_unit_test(pipelined_requests_are_all_answered),
		cmocka_unit_test(late_answer_arrives_without_another_request),
		cmocka_unit_test(pipelined_late_answers_keep_their_order),
		cmocka_unit_test(held_request_is_answered_by_another_one),
		cmocka_unit_test(dropped_request_gets_no_byte_now_or_later),
		cmocka_unit_test(client_that_left_before_the_late_answer_does_no_harm),
		cmocka_unit_test(chunked_body_without_length_is_411),
		cmocka_unit_test(length_and_chunked_together_are_400),
		cmocka_unit_test(two_lengths_are_400),
		cmocka_unit_test(folded_header_is_400),
		cmocka_unit_test(post_without_length_is_411),
		cmocka_unit_test(long_url_is_414),
		cmocka_unit_test(header_block_over_8_kib_is_431),
		cmocka_unit_test(more_than_64_headers_are_431),
		cmocka_unit_test(headers_and_url_just_within_the_limits_pass),
		cmocka_unit_test(endless_header_ends_the_connection),
		cmocka_unit_test(body_too_large_is_413_and_the_client_sees_it),
		cmocka_unit_test(body_of_exactly_the_limit_passes),
		cmocka_unit_test(junk_is_not_a_request),
		cmocka_unit_test(header_that_trickles_is_408),
		cmocka_unit_test(unfinished_first_line_is_408_and_silence_is_just_closed),
		cmocka_unit_test(held_request_outlives_the_idle_timeout),
		cmocka_unit_test(connection_65_of_one_address_is_closed),
		cmocka_unit_test(stream_sends_headers_at_once_and_events_as_they_come),
		cmocka_unit_test(ended_stream_sends_the_rest_and_does_not_call_closed),
		cmocka_unit_test(stream_whose_client_does_not_read_is_closed),
		cmocka_unit_test(silent_stream_costs_no_turns_and_stays),
		cmocka_unit_test(close_with_open_exchanges_and_streams_is_clean),
		cmocka_unit_test(answer_after_close_is_harmless),
		cmocka_unit_test(close_from_inside_a_handler_still_answers_it),
		cmocka_unit_test(port_in_use_is_an_error_with_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
