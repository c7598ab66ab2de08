/*
 * tests/unit/test_route.c: the public listener over real sockets: status codes, limits, and the yes after the sync.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/ingress/route.h"
#include "core/base/clock.h"
#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "tests/unit/servers.h"
#include "tests/unit/vectors.h"

static const struct seal_key key = {.bytes = {1}};

struct fixture {
	struct clock clock;
	struct loop *loop;
	json_t *vectors;
	struct spool *spool;
	struct limit *limit;
	struct metrics *metrics;
	struct wecom_callback *app;
	struct route *route;
	struct http_server *server;
	struct http_client *http;
	int events, taken, done, status;
	size_t body_len;
};

static struct fixture f;
static int tests_run;

static void on_event(void *ctx, struct relay_item *item)
{
	(void)ctx;
	(void)item;
	f.events++;
}

static void on_taken(void *ctx)
{
	(void)ctx;
	f.taken++;
}

static void page(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	http_respond(x, 200, "text/plain", "page", 4, NULL);
}

static int setup(void **state)
{
	const struct http_server_opts server = {.address = "127.0.0.1"};
	struct route_opts opts = {.on_taken = on_taken};
	struct sw_err err;
	char name[32];

	(void)state;
	memset(&f, 0, sizeof(f));
	clock_init_simulated(&f.clock, INT64_C(1663913105000));
	f.vectors = vectors_load();
	snprintf(name, sizeof(name), "route-%d.log", tests_run++);
	if (loop_create(&f.clock, &f.loop) < 0 || metrics_create(&f.metrics) < 0 ||
		limit_create(5, &f.limit) < 0 ||
		spool_open(f.loop, test_path(name), &key, f.clock.base_sim_ms, on_event, NULL,
			&f.spool, &err) < 0 ||
		wecom_callback_create(CALLBACK_APP, "main", vector_str(f.vectors, "token"),
			vector_str(f.vectors, "aes_key"), vector_str(f.vectors, "corp_id"), &f.app,
			&err) < 0)
		return -1;
	opts.loop = f.loop;
	opts.spool = f.spool;
	opts.limit = f.limit;
	opts.metrics = f.metrics;
	if (route_create(&opts, &f.route) < 0 ||
		route_add_callback(f.route, "/wecom/app/main", CALLBACK_APP, f.app) < 0 ||
		route_add_page(f.route, "/honour", page, NULL) < 0 ||
		http_server_open(f.loop, &server, route_handle, f.route, &f.server, &err) < 0)
		return -1;
	return http_client_create(f.loop, &(struct http_client_opts){0}, &f.http);
}

static int teardown(void **state)
{
	(void)state;
	http_client_destroy(f.http);
	spool_close(f.spool, NULL, NULL);
	run_for(f.loop, 5);
	http_server_close(f.server);
	loop_destroy(f.loop);
	route_destroy(f.route);
	wecom_callback_destroy(f.app);
	limit_destroy(f.limit);
	metrics_destroy(f.metrics);
	json_decref(f.vectors);
	return 0;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	(void)ctx;
	f.done++;
	f.status = res->outcome == HTTP_ANSWERED ? res->status : -1;
	f.body_len = res->body_len;
}

/* Status of a request; BODY NULL: GET. */
static int ask(const char *target, const char *body)
{
	char url[4096];
	struct http_request req = {.method = body ? "POST" : "GET",
		.url = url,
		.body = body,
		.body_len = body ? strlen(body) : 0};
	int before = f.done;

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", http_server_port(f.server), target);
	assert_int_equal(http_client_start(f.http, &req, on_answer, NULL, NULL), 0);
	assert_true(run_until_count(f.loop, &f.done, before + 1, 5000));
	return f.status;
}

static char target[4096], body[8192];

/* The text vector as a POST; NONCE may spoil its signature. */
static int post_text(const char *nonce)
{
	const json_t *v = vector_get(f.vectors, "good", "text");

	snprintf(target, sizeof(target), "/wecom/app/main?msg_signature=%s&timestamp=%s&nonce=%s",
		vector_str(v, "signature"), vector_str(v, "timestamp"),
		nonce ? nonce : vector_str(v, "nonce"));
	snprintf(body, sizeof(body), "<xml><Encrypt><![CDATA[%s]]></Encrypt></xml>",
		vector_str(v, "encrypt"));
	return ask(target, body);
}

static void good_callback_is_durable_when_it_is_answered(void **state)
{
	(void)state;
	assert_int_equal(post_text(NULL), 200);
	assert_int_equal(f.body_len, 0);
	assert_int_equal(f.events, 1);
	assert_int_equal(f.taken, 1);
	assert_int_equal(route_waiting(f.route), 0);
	assert_int_equal(post_text(NULL), 200);
	assert_int_equal(f.events, 1); /* the provider's repeat */
}

static void paths_are_exact(void **state)
{
	static const char *const none[] = {"/", "/wecom/app/", "/wecom/app/main/", "/wecom/app/mai",
		"/wecom/app/other", "/wecom/robot/main", "/wecom/app/%6dain", "//wecom/app/main",
		"/wecom/app/main%00"};

	(void)state;
	limit_set(f.limit, 0);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(ask(none[i], NULL), 404);
		assert_int_equal(f.body_len, 0);
	}
	assert_int_equal(ask("/honour", NULL), 200);
	assert_int_equal(ask("/honour", "x"), 405);
	assert_int_equal(route_add_page(f.route, "/honour", page, NULL), SW_EEXIST);
}

static void forged_callback_is_refused_without_a_word(void **state)
{
	(void)state;
	assert_int_equal(post_text("1"), 403);
	assert_int_equal(f.body_len, 0);
	assert_int_equal(ask("/wecom/app/main", "<xml><Encrypt>a</Encrypt></xml>"), 403);
	assert_int_equal(ask("/wecom/app/main", "junk"), 400);
	assert_int_equal(ask("/wecom/app/main", NULL), 403);
	assert_int_equal(f.events, 0);
}

static void strangers_are_limited_and_the_provider_is_not(void **state)
{
	int limited = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		limited += post_text("1") == 429;
	assert_in_range(limited, 10, 15); /* five at once, then five a second */
	assert_int_equal(ask("/none", NULL), 429);
	/* A good signature passes whatever was tried from that address before.. */
	assert_int_equal(post_text(NULL), 200);
	/* ..and from then on the address is known. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(post_text("1"), 403);
}

static void a_public_page_is_open_to_everybody_and_uses_up_nobodys_share(void **state)
{
	(void)state;
	assert_int_equal(route_add_public(f.route, "/open", page, NULL), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(ask("/open", NULL), 200);
	assert_int_equal(ask("/honour", NULL), 200);
	while (ask("/none", NULL) != 429)
		;
	assert_int_equal(ask("/open", NULL), 200);
	assert_int_equal(ask("/open", "x"), 405);
}

static void stopped_listener_asks_to_come_again(void **state)
{
	(void)state;
	route_stop(f.route);
	assert_int_equal(post_text(NULL), 503);
	assert_int_equal(f.events, 0);
}

static void oldest_stranger_makes_room(void **state)
{
	struct limit *l;
	char address[32];

	(void)state;
	assert_int_equal(limit_create(1, &l), 0);
	limit_trust(l, "10.0.0.1");
	assert_true(limit_take(l, "10.0.0.2", 1000));
	assert_false(limit_take(l, "10.0.0.2", 1000));
	assert_true(limit_take(l, "10.0.0.2", 2000));
	for (int i = 0; i < LIMIT_ADDRESSES; i++) {
		snprintf(address, sizeof(address), "10.1.%d.%d", i / 256, i % 256);
		assert_true(limit_take(l, address, 3000));
	}
	/* Forgotten, both of them: a fresh allowance, no trust. */
	assert_true(limit_take(l, "10.0.0.1", 3000));
	assert_false(limit_take(l, "10.0.0.1", 3000));
	limit_destroy(l);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(good_callback_is_durable_when_it_is_answered),
		T(paths_are_exact),
		T(forged_callback_is_refused_without_a_word),
		T(strangers_are_limited_and_the_provider_is_not),
		T(a_public_page_is_open_to_everybody_and_uses_up_nobodys_share),
		T(stopped_listener_asks_to_come_again),
		T(oldest_stranger_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
