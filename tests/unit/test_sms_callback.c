/*
 * tests/unit/test_sms_callback.c: the gateways' pushes over real sockets: tokens, yeses, long bodies, repeats.
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
#include "tests/unit/servers.h"

#define TOKEN "00112233445566778899aabbccddeeff"
#define OTHER "ffeeddccbbaa99887766554433221100"

static const struct seal_key key = {.bytes = {1}};

static struct fixture {
	struct clock clock;
	struct loop *loop;
	struct spool *spool;
	struct limit *limit;
	struct metrics *metrics;
	struct sms_callbacks *sms;
	struct route *route;
	struct http_server *server;
	struct http_client *http;
	int events, done, status;
	char topic[TOPIC_MAX], last[SMS_CALLBACK_CHUNK * 2], answer[256];
	size_t bytes; /* of all texts that were spooled */
} f;
static int tests_run;

static void on_event(void *ctx, struct relay_item *item)
{
	const char *topic, *json;
	struct wire_in in;
	size_t len;

	(void)ctx;
	json = spool_payload(item, &len, &topic);
	assert_int_equal(wire_in_decode(json, len, &in, NULL), 0);
	snprintf(f.topic, sizeof(f.topic), "%s", topic);
	snprintf(f.last, sizeof(f.last), "%s|%s", in.text, in.query ? in.query : "");
	f.bytes += strlen(in.text);
	f.events++;
	wire_in_fini(&in);
}

static void on_taken(void *ctx)
{
	(void)ctx;
}

static int setup(void **state)
{
	struct route_opts route = {.on_taken = on_taken};
	struct sms_callbacks_opts sms = {.on_taken = on_taken};
	const struct http_server_opts server = {
		.address = "127.0.0.1", .max_body_for = route_max_body};
	struct sw_err err;
	char name[32];

	(void)state;
	memset(&f, 0, sizeof(f));
	clock_init_simulated(&f.clock, INT64_C(1660784400000));
	snprintf(name, sizeof(name), "sms-callback-%d.log", tests_run++);
	if (loop_create(&f.clock, &f.loop) < 0 || metrics_create(&f.metrics) < 0 ||
		limit_create(5, &f.limit) < 0 ||
		spool_open(f.loop, test_path(name), &key, f.clock.base_sim_ms, on_event, NULL,
			&f.spool, &err) < 0)
		return -1;
	route.loop = sms.loop = f.loop;
	route.spool = sms.spool = f.spool;
	route.limit = sms.limit = f.limit;
	route.metrics = sms.metrics = f.metrics;
	if (route_create(&route, &f.route) < 0 || sms_callbacks_create(&sms, &f.sms) < 0 ||
		sms_callbacks_set_token(f.sms, "aliyun", TOKEN, 0) < 0 ||
		sms_callbacks_set_token(f.sms, "kannel", TOKEN, 0) < 0)
		return -1;
	route_set_sms(f.route, f.sms);
	if (http_server_open(f.loop, &server, route_handle, f.route, &f.server, &err) < 0)
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
	sms_callbacks_destroy(f.sms);
	limit_destroy(f.limit);
	metrics_destroy(f.metrics);
	return 0;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	(void)ctx;
	f.done++;
	f.status = res->outcome == HTTP_ANSWERED ? res->status : -1;
	snprintf(f.answer, sizeof(f.answer), "%s", res->body ? res->body : "");
}

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

static void push_is_durable_and_answered_as_its_provider_wants(void **state)
{
	(void)state;
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "[{\"out_id\":\"a\"}]"), 200);
	assert_string_equal(f.answer, "{\"code\":0,\"msg\":\"成功\"}");
	assert_int_equal(f.events, 1);
	assert_string_equal(f.topic, "sw/v1/in/sms/aliyun/report");
	assert_string_equal(f.last, "[{\"out_id\":\"a\"}]|");
	assert_int_equal(
		ask("/sms/kannel/" TOKEN "/uplink?text=%E5%B7%B2&from=%2B86138", NULL), 200);
	assert_string_equal(f.answer, "");
	assert_string_equal(f.topic, "sw/v1/in/sms/kannel/uplink");
	assert_string_equal(f.last, "|text=%E5%B7%B2&from=%2B86138");
}

static void repeated_push_is_one_event(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "[1]"), 200);
	assert_int_equal(f.events, 1);
	/* The same bytes at the other endpoint mean something else. */
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/uplink", "[1]"), 200);
	assert_int_equal(f.events, 2);
}

static void wrong_token_is_no_path_at_all(void **state)
{
	static const char *const none[] = {"/sms/aliyun/" OTHER "/report", "/sms/aliyun/report",
		"/sms/aliyun//report", "/sms/mas/" TOKEN "/report", "/sms/aliyun/" TOKEN "/other",
		"/sms/aliyun/" TOKEN "/report/", "/sms//" TOKEN "/report", "/sms/"};

	(void)state;
	limit_set(f.limit, 0);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(ask(none[i], "[1]"), 404);
	assert_int_equal(f.events, 0);
}

static void former_token_is_good_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(
		sms_callbacks_set_token(f.sms, "aliyun", OTHER, f.clock.base_sim_ms + 1000), 0);
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "[1]"), 200);
	assert_int_equal(ask("/sms/aliyun/" OTHER "/report", "[2]"), 200);
	f.clock.base_sim_ms += 1000;
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "[3]"), 404);
	assert_int_equal(ask("/sms/aliyun/" OTHER "/report", "[4]"), 200);
	assert_int_equal(sms_callbacks_set_token(f.sms, "aliyun", "short", 0), SW_EINVAL);
}

static void long_array_is_cut_between_its_elements(void **state)
{
	struct buf b;
	const char *body;

	(void)state;
	buf_init(&b, SMS_CALLBACK_MAX_BODY);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(
			buf_addf(&b, "%s{\"id\":%d,\"text\":\"a],\\\"b,[{\"}", i ? "," : "[", i),
			0);
	assert_int_equal(buf_addc(&b, ']'), 0);
	body = buf_str(&b);
	assert_true(b.len > 2 * (size_t)SMS_CALLBACK_CHUNK);
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", body), 200);
	assert_in_range(f.events, 3, 5);
	/* Every byte of the elements, one comma less and two brackets more per cut. */
	assert_int_equal(f.bytes, b.len + (size_t)(f.events - 1));
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", body), 200);
	assert_in_range(f.events, 3, 5);
	/* Nobody else may send that much. */
	assert_int_equal(ask("/sms/aliyun/" OTHER "/report", body), 413);
	buf_fini(&b);
}

static void what_cannot_be_cut_is_not_taken(void **state)
{
	char *body = malloc(SMS_CALLBACK_CHUNK + 100);
	size_t starts[SMS_CALLBACK_MAX_CHUNKS], lens[SMS_CALLBACK_MAX_CHUNKS];

	(void)state;
	memset(body, 'a', SMS_CALLBACK_CHUNK + 99);
	body[SMS_CALLBACK_CHUNK + 99] = '\0';
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", body), 503);
	assert_int_equal(f.events, 0);
	free(body);
	assert_int_equal(sms_callback_cut("[1,2,3]", 7, 1, starts, lens), 3);
	assert_int_equal(sms_callback_cut("[1,2,3]", 7, 3, starts, lens), 2);
	assert_int_equal(lens[0], 3);
	assert_int_equal(sms_callback_cut("[11,2]", 6, 1, starts, lens), 0);
	assert_int_equal(sms_callback_cut("[\"a]", 4, 100, starts, lens), 0);
	assert_int_equal(sms_callback_cut("[{]", 3, 100, starts, lens), 0);
	assert_int_equal(sms_callback_cut("{}", 2, 100, starts, lens), 0);
}

static void body_that_is_no_text_is_refused(void **state)
{
	(void)state;
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "\xff\xfe"), 400);
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", NULL), 400);
	assert_int_equal(f.events, 0);
}

static void stopped_listener_asks_gateways_to_come_again(void **state)
{
	(void)state;
	route_stop(f.route);
	assert_int_equal(ask("/sms/aliyun/" TOKEN "/report", "[1]"), 503);
	assert_int_equal(f.events, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(push_is_durable_and_answered_as_its_provider_wants),
		T(repeated_push_is_one_event),
		T(wrong_token_is_no_path_at_all),
		T(former_token_is_good_for_a_while),
		T(long_array_is_cut_between_its_elements),
		T(what_cannot_be_cut_is_not_taken),
		T(body_that_is_no_text_is_refused),
		T(stopped_listener_asks_gateways_to_come_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
