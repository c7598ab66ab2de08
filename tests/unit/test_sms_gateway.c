/*
 * tests/unit/test_sms_gateway.c: which gateway is used, how fast, when it rests, and what becomes of each request.
 *
 * The providers are one listener on the same loop: "/" is Aliyun, "/sendsms" is Kannel. Time stands still unless a test moves it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "core/io/http_server.h"
#include "core/io/timer.h"
#include "notifier/sms/gateway.h"
#include "tests/unit/servers.h"

#define T0 INT64_C(1660784400000)
#define OK "{\"Code\":\"OK\",\"BizId\":\"1^0\"}"
#define KANNEL_OK "0: Accepted for delivery"
#define TROUBLE "{\"Code\":\"isp.SYSTEM_ERROR\"}"
#define TOKEN "00112233445566778899aabbccddeeff"

enum { MAX_HELD = 40, MAX_DONE = 64 };

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct http_server *server;
	struct metrics *metrics;
	struct gateways *g;
	unsigned port;

	/* the providers */
	const char *aliyun, *kannel; /* the answer; NULL: hold it back; "": drop the connection */
	int status;
	struct http_exchange *held[MAX_HELD];
	int n_held, n_aliyun, n_kannel;
	char body[16384], mids[4096], dlr_url[512], nonce[2][64];

	/* what came back */
	int n_done, changes;
	struct gateway_outcome last, done[MAX_DONE];
	bool may_send;
	int asked;
};

static struct fixture f;
static int tests_run;
static char numbers[GATEWAY_MAX_NUMBERS + 1][16];

static const char *header(struct http_exchange *x, const char *name)
{
	const char *v = http_header_get(x, name);

	return v ? v : "";
}

static void on_request(void *ctx, struct http_exchange *x)
{
	bool is_aliyun = strcmp(http_path(x), "/") == 0;
	const char *answer = is_aliyun ? f.aliyun : f.kannel;
	size_t len;

	(void)ctx;
	if (is_aliyun)
		f.n_aliyun++;
	else
		f.n_kannel++;
	(void)snprintf(f.body, sizeof(f.body), "%s", http_body(x, &len));
	(void)snprintf(f.mids, sizeof(f.mids), "%s", header(x, "X-Test-Mid"));
	(void)snprintf(f.dlr_url, sizeof(f.dlr_url), "%s", header(x, "X-Kannel-DLR-Url"));
	memcpy(f.nonce[0], f.nonce[1], sizeof(f.nonce[0]));
	(void)snprintf(f.nonce[1], sizeof(f.nonce[1]), "%s", header(x, "x-acs-signature-nonce"));
	if (!answer) {
		assert_true(f.n_held < MAX_HELD);
		f.held[f.n_held++] = x;
	} else if (!*answer) {
		http_drop(x);
	} else {
		http_respond(x, f.status, "text/plain", answer, strlen(answer), NULL);
	}
}

static void secret(const char *name)
{
	assert_int_equal(
		file_write(test_path(name), 0600, TOKEN "\n", strlen(TOKEN "\n"), NULL), 0);
}

/* SMS: more of the sms group; KANNEL: more of sms.kannel. */
static struct conf *conf_of(const char *sms, const char *kannel)
{
	struct problems p;
	struct conf *c = NULL;
	struct buf b;
	char name[32];

	(void)snprintf(name, sizeof(name), "conf-%d.conf", tests_run++);
	buf_init(&b, 4096);
	(void)buf_addf(&b,
		"outbound = { mid_header = \"X-Test-Mid\"; };\nsms = { sign = \"内蒙古民政\"; "
		"%s\n"
		"aliyun = { endpoint = \"http://127.0.0.1:%u\"; access_key_id = \"i\"; secret_file "
		"= "
		"\"secret\"; rate = 5000; };\n"
		"kannel = { url = \"http://127.0.0.1:%u/sendsms\"; username = \"u\"; password_file "
		"= "
		"\"secret\"; from = \"106980001\"; %s rate = 10; };\n"
		"callback_tokens = { kannel = \"secret\"; }; };\n",
		sms, f.port, f.port, kannel);
	secret("secret");
	assert_int_equal(file_write(test_path(name), 0600, b.data, b.len, NULL), 0);
	buf_fini(&b);
	problems_init(&p);
	assert_int_equal(settings_load(test_path(name), &p, &c), 0);
	problems_fini(&p);
	return c;
}

static void on_change(void *ctx)
{
	(void)ctx;
	f.changes++;
}

static void create(const char *sms)
{
	struct conf *c = conf_of(sms, "");
	struct sw_err err;

	assert_int_equal(gateways_create(f.loop, c, f.metrics, &f.g, &err), 0);
	gateways_on_change(f.g, on_change, NULL);
	conf_free(c);
	f.clock.base_sim_ms += 1000; /* the second after a start */
}

static void go_on(int64_t ms)
{
	f.clock.base_sim_ms += ms;
	timer_clock_changed(f.loop);
}

static int setup(void **state)
{
	const struct http_server_opts opts = {.address = "127.0.0.1"};
	struct sw_err err;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.status = 200;
	f.aliyun = OK;
	f.kannel = KANNEL_OK;
	f.may_send = true;
	clock_init_simulated(&f.clock, T0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		(void)snprintf(numbers[i], sizeof(numbers[i]), "+86138%08zu", i + 1);
	if (loop_create(&f.clock, &f.loop) < 0 || metrics_create(&f.metrics) < 0 ||
		http_server_open(f.loop, &opts, on_request, NULL, &f.server, &err) < 0)
		return -1;
	f.port = http_server_port(f.server);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	gateways_destroy(f.g);
	http_server_close(f.server);
	metrics_destroy(f.metrics);
	loop_destroy(f.loop);
	return 0;
}

static bool may_send(void *ctx)
{
	assert_ptr_equal(ctx, &f);
	f.asked++;
	return f.may_send;
}

static void on_done(void *ctx, const struct gateway_outcome *o)
{
	assert_ptr_equal(ctx, &f);
	f.last = *o;
	f.done[f.n_done++ % MAX_DONE] = *o;
}

static struct gateway_request request(size_t n)
{
	return (struct gateway_request){.text = "【内蒙古民政】您好",
		.template_code = "SMS_1",
		.params = "{}",
		.numbers = (const char(*)[16])numbers,
		.n = n,
		.out_id = "m-1",
		.mids = "m",
		.may_send = may_send};
}

static int send_n(const char *name, size_t n)
{
	struct gateway_request req = request(n);

	return gateway_send(f.g, name, &req, loop_now_ms(f.loop), on_done, &f);
}

/* Sends one and waits for its end; a token is there. */
static void send_one(const char *name)
{
	int goal = f.n_done + 1;

	go_on(200);
	assert_int_equal(send_n(name, 1), 0);
	assert_true(run_until_count(f.loop, &f.n_done, goal, 5000));
}

static const char *pick(int64_t *ret_at)
{
	return gateways_pick(f.g, loop_now_ms(f.loop), ret_at);
}

static bool metric_is(const char *line)
{
	struct buf b;
	bool is;

	buf_init(&b, 1 << 20);
	assert_int_equal(metrics_render(f.metrics, &b), 0);
	is = strstr(buf_str(&b), line) != NULL;
	buf_fini(&b);
	return is;
}

/* ---- the route ------------------------------------------------------------------------------------ */

static void without_a_route_there_is_no_gateway(void **state)
{
	int64_t at = 0;

	(void)state;
	create("");
	assert_false(gateways_any(f.g));
	assert_null(pick(&at));
	assert_int_equal(at, INT64_MAX);
	assert_null(gateways_name(f.g, 0));
	assert_int_equal(send_n("aliyun", 1), SW_EINVAL);
}

static void the_first_of_the_route_is_picked(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"kannel\", \"aliyun\" ];");
	assert_true(gateways_any(f.g));
	assert_string_equal(pick(&at), "kannel");
	assert_int_equal(at, loop_now_ms(f.loop));
	assert_string_equal(gateways_name(f.g, 0), "kannel");
	assert_string_equal(gateways_name(f.g, 1), "aliyun");
	assert_null(gateways_name(f.g, 2));
	assert_false(gateways_needs_template(f.g, "kannel"));
	assert_true(gateways_needs_template(f.g, "aliyun"));
	assert_int_equal(gateways_max_numbers(f.g, "kannel"), 1);
	assert_int_equal(gateways_max_numbers(f.g, "aliyun"), GATEWAY_MAX_NUMBERS);
}

static void a_configuration_that_can_never_work_is_refused(void **state)
{
	struct gateways *g;
	struct sw_err err;
	struct conf *c;

	(void)state;
	c = conf_of("route = [ \"aliyun\", \"aliyun\" ];", "");
	assert_int_equal(gateways_create(f.loop, c, f.metrics, &g, &err), SW_ECONF);
	conf_free(c);
	/* The secret goes between the check of the file and its reading. */
	c = conf_of("route = [ \"kannel\" ];", "");
	assert_int_equal(remove(test_path("secret")), 0);
	assert_int_equal(gateways_create(f.loop, c, f.metrics, &g, &err), SW_ECONF);
	conf_free(c);
}

/* ---- one request ------------------------------------------------------------------------------------ */

static void an_accepted_request_tells_its_gateway_and_id(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_ACCEPTED);
	assert_string_equal(f.last.gateway, "aliyun");
	assert_string_equal(f.last.code, "OK");
	assert_string_equal(f.last.provider_id, "1^0");
	assert_string_equal(f.mids, "m");
	assert_int_equal(f.asked, 1);
	assert_int_equal(gateways_inflight(f.g), 0);
	assert_true(metric_is("shouwang_attempts_total{gw=\"aliyun\",verdict=\"accepted\"} 1"));
	assert_true(metric_is("shouwang_send_duration_seconds_count{gw=\"aliyun\"} 1"));
}

static void the_callback_runs_on_a_later_turn(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	assert_int_equal(send_n("aliyun", 1), 0);
	assert_int_equal(f.n_done, 0);
	assert_int_equal(gateways_inflight(f.g), 1);
	assert_true(run_until_count(f.loop, &f.n_done, 1, 5000));
	assert_int_equal(f.changes, 1);
}

static void each_attempt_has_a_nonce_of_its_own(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	send_one("aliyun");
	send_one("aliyun");
	assert_int_equal(strlen(f.nonce[1]), 32);
	assert_string_not_equal(f.nonce[0], f.nonce[1]);
}

static void kannel_is_told_where_reports_go(void **state)
{
	char expected[256];
	struct conf *c;

	(void)state;
	create("route = [ \"kannel\" ];");
	send_one("kannel");
	assert_int_equal(f.last.verdict, VERDICT_UNKNOWN); /* 200 is not Kannel's yes */
	(void)snprintf(expected, sizeof(expected),
		"http://127.0.0.1:8080/sms/kannel/" TOKEN
		"/report?id=m-1&st=%%d&to=%%p&reply=%%A&kid=%%I");
	assert_string_equal(f.dlr_url, expected);
	gateways_destroy(f.g);
	c = conf_of("route = [ \"kannel\" ];", "bot_url = \"https://bot.example/\";");
	assert_int_equal(gateways_create(f.loop, c, f.metrics, &f.g, NULL), 0);
	conf_free(c);
	f.status = 202;
	go_on(1000);
	send_one("kannel");
	assert_int_equal(f.last.verdict, VERDICT_ACCEPTED);
	assert_true(text_starts(f.dlr_url, "https://bot.example/sms/kannel/" TOKEN "/report?id="));
}

static void a_wrong_request_is_refused_before_anything_is_spent(void **state)
{
	struct gateway_request req;
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\", \"kannel\" ];");
	assert_int_equal(send_n("pigeon", 1), SW_EINVAL);
	assert_int_equal(send_n("aliyun", 0), SW_EINVAL);
	assert_int_equal(send_n("aliyun", GATEWAY_MAX_NUMBERS + 1), SW_EINVAL);
	assert_int_equal(send_n("kannel", 2), SW_EINVAL);
	req = request(1);
	req.template_code = "";
	assert_int_equal(gateway_send(f.g, "aliyun", &req, T0 + 1000, on_done, &f), SW_EINVAL);
	req = request(1);
	req.out_id = "a/b";
	assert_int_equal(gateway_send(f.g, "aliyun", &req, T0 + 1000, on_done, &f), SW_EINVAL);
	memcpy(numbers[1], numbers[0], sizeof(numbers[0]));
	assert_int_equal(send_n("aliyun", 2), SW_EINVAL);
	(void)snprintf(numbers[0], sizeof(numbers[0]), "13800000001");
	assert_int_equal(send_n("aliyun", 1), SW_EINVAL);
	(void)snprintf(numbers[0], sizeof(numbers[0]), "+861380000000&");
	assert_int_equal(send_n("aliyun", 1), SW_EINVAL);
	assert_string_equal(pick(&at), "aliyun");
	assert_int_equal(at, T0 + 1000);
	assert_int_equal(gateways_inflight(f.g), 0);
}

static void the_greatest_batch_goes_in_one_request(void **state)
{
	char mids[GATEWAY_MAX_NUMBERS * 33 + 1] = "";
	struct gateway_request req = request(GATEWAY_MAX_NUMBERS);

	(void)state;
	for (size_t i = 0; i < GATEWAY_MAX_NUMBERS; i++)
		(void)snprintf(mids + 33 * i, sizeof(mids) - 33 * i, "%s%032zx", i ? "," : "", i);
	create("route = [ \"aliyun\" ];");
	req.mids = mids;
	assert_int_equal(gateway_send(f.g, "aliyun", &req, T0 + 1000, on_done, &f), 0);
	assert_true(run_until_count(f.loop, &f.n_done, 1, 5000));
	assert_int_equal(f.last.verdict, VERDICT_ACCEPTED);
	assert_non_null(strstr(f.body, "13800000001%2C13800000002%2C"));
	assert_non_null(strstr(f.body, "%2C13800000096&"));
	assert_string_equal(f.mids, mids);
}

static void when_the_caller_may_no_longer_send_nothing_leaves(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	f.may_send = false;
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.last.cause, GATEWAY_STOPPED);
	assert_int_equal(f.n_aliyun, 0);
}

static void a_gateway_nobody_listens_at_was_surely_not_reached(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	http_server_close(f.server);
	run_for(f.loop, 20);
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.last.cause, GATEWAY_NET);
	assert_string_equal(f.last.code, "not sent");
	assert_true(*f.last.text != '\0');
	/* For the teardown. */
	assert_int_equal(
		http_server_open(f.loop, &(struct http_server_opts){.address = "127.0.0.1"},
			on_request, NULL, &f.server, NULL),
		0);
}

static void an_answer_that_is_lost_is_unknown_and_nothing_is_resent(void **state)
{
	(void)state;
	create("route = [ \"aliyun\" ];");
	send_one("aliyun"); /* the connection is kept */
	f.aliyun = "";
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_UNKNOWN);
	assert_int_equal(f.last.cause, GATEWAY_NET);
	assert_string_equal(f.last.code, "no answer");
	run_for(f.loop, 100);
	assert_int_equal(f.n_aliyun, 2);
}

/* ---- pace -------------------------------------------------------------------------------------------- */

static void a_token_is_taken_by_each_request_and_comes_back_with_the_clock(void **state)
{
	int64_t at;

	(void)state;
	f.status = 202;
	create("route = [ \"kannel\" ];");
	assert_int_equal(send_n("kannel", 1), 0);
	assert_string_equal(pick(&at), "kannel");
	assert_int_equal(at, T0 + 1100);
	assert_int_equal(send_n("kannel", 1), SW_ELIMIT);
	go_on(99);
	assert_int_equal(send_n("kannel", 1), SW_ELIMIT);
	go_on(1);
	assert_int_equal(send_n("kannel", 1), 0);
	assert_true(run_until_count(f.loop, &f.n_done, 2, 5000));
}

static void in_the_first_second_after_a_start_nothing_is_sent(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.clock.base_sim_ms = T0 + 999;
	assert_int_equal(send_n("aliyun", 1), SW_ELIMIT);
	assert_string_equal(pick(&at), "aliyun");
	assert_int_equal(at, T0 + 1000);
}

static void a_throttled_gateway_waits_and_is_slower(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.status = 400;
	f.aliyun = "{\"Code\":\"Throttling.User\"}";
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_REFUSED_TEMP);
	assert_int_equal(f.last.cause, GATEWAY_THROTTLE);
	assert_int_equal(f.last.retry_after_ms, 1000);
	assert_string_equal(pick(&at), "aliyun");
	assert_int_equal(at, loop_now_ms(f.loop) + 1000);
	assert_string_equal(gateway_paused(f.g, "aliyun"), "");
}

static void no_more_than_32_requests_are_in_flight(void **state)
{
	int64_t at;

	(void)state;
	f.aliyun = NULL;
	create("route = [ \"aliyun\", \"kannel\" ];");
	for (int i = 0; i < 32; i++) {
		go_on(1);
		assert_int_equal(send_n("aliyun", 1), 0);
	}
	go_on(1);
	assert_int_equal(send_n("aliyun", 1), SW_ELIMIT);
	assert_int_equal(send_n("kannel", 1), SW_ELIMIT);
	assert_null(pick(&at));
	assert_int_equal(at, INT64_MAX);
	assert_int_equal(gateways_inflight(f.g), 32);
	/* All of them have their own connection. */
	assert_true(run_until_count(f.loop, &f.n_held, 32, 5000));
	http_respond(f.held[0], 200, "text/plain", OK, strlen(OK), NULL);
	assert_true(run_until_count(f.loop, &f.n_done, 1, 5000));
	assert_int_equal(f.changes, 1);
	assert_string_equal(pick(&at), "aliyun");
	assert_int_equal(send_n("aliyun", 1), 0);
	for (int i = 1; i < 32; i++)
		http_respond(f.held[i], 200, "text/plain", OK, strlen(OK), NULL);
	assert_true(run_until_count(f.loop, &f.n_held, 33, 5000));
	http_respond(f.held[32], 200, "text/plain", OK, strlen(OK), NULL);
	assert_true(run_until_count(f.loop, &f.n_done, 33, 5000));
}

/* ---- pauses ------------------------------------------------------------------------------------------- */

static void an_account_in_trouble_pauses_its_gateway_until_a_person_resumes(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\", \"kannel\" ];");
	f.aliyun = "{\"Code\":\"isv.AMOUNT_NOT_ENOUGH\",\"Message\":\"余额不足\"}";
	send_one("aliyun");
	assert_int_equal(f.last.cause, GATEWAY_ACCOUNT);
	assert_string_equal(gateway_paused(f.g, "aliyun"), "isv.AMOUNT_NOT_ENOUGH");
	assert_string_equal(gateway_paused(f.g, "kannel"), "");
	assert_string_equal(pick(&at), "kannel");
	assert_int_equal(send_n("aliyun", 1), SW_ELIMIT);
	go_on(INT64_C(86400000));
	assert_string_equal(pick(&at), "kannel");
	f.changes = 0;
	gateways_resume(f.g);
	assert_int_equal(f.changes, 1);
	assert_string_equal(gateway_paused(f.g, "aliyun"), "");
	assert_string_equal(pick(&at), "aliyun");
	f.aliyun = OK;
	send_one("aliyun");
	assert_int_equal(f.last.verdict, VERDICT_ACCEPTED);
}

static void with_every_gateway_paused_a_person_must_act(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = "{\"Code\":\"isv.OUT_OF_SERVICE\"}";
	send_one("aliyun");
	assert_null(pick(&at));
	assert_int_equal(at, INT64_MAX);
}

static void five_troubles_in_a_row_rest_the_gateway_for_half_a_minute(void **state)
{
	int64_t at, tripped;

	(void)state;
	create("route = [ \"aliyun\", \"kannel\" ];");
	f.aliyun = TROUBLE;
	for (int i = 0; i < 4; i++)
		send_one("aliyun");
	assert_string_equal(pick(&at), "aliyun");
	send_one("aliyun");
	tripped = loop_now_ms(f.loop);
	assert_string_equal(gateway_paused(f.g, "aliyun"), "isp.SYSTEM_ERROR");
	assert_string_equal(pick(&at), "kannel");
	go_on(29999);
	assert_string_equal(pick(&at), "kannel");
	f.changes = 0;
	go_on(1);
	assert_int_equal(loop_now_ms(f.loop), tripped + 30000);
	assert_true(run_until_count(f.loop, &f.changes, 1, 2000));
	assert_string_equal(pick(&at), "aliyun");
}

static void a_resting_gateway_alone_says_when_to_ask_again(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = TROUBLE;
	for (int i = 0; i < 5; i++)
		send_one("aliyun");
	assert_null(pick(&at));
	assert_int_equal(at, loop_now_ms(f.loop) + 30000);
}

static void after_the_rest_one_try_decides(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = ""; /* unknown counts like trouble */
	for (int i = 0; i < 5; i++)
		send_one("aliyun");
	assert_null(pick(&at));
	go_on(30000);
	f.aliyun = NULL;
	assert_int_equal(send_n("aliyun", 1), 0);
	go_on(1000);
	assert_int_equal(send_n("aliyun", 1), SW_ELIMIT);
	assert_null(pick(&at));
	assert_int_equal(at, INT64_MAX);
	assert_true(run_until_count(f.loop, &f.n_held, 1, 5000));
	http_respond(f.held[0], 500, "text/plain", "x", 1, NULL);
	assert_true(run_until_count(f.loop, &f.n_done, 6, 5000));
	assert_null(pick(&at));
	assert_int_equal(at, loop_now_ms(f.loop) + 30000);
	go_on(30000);
	f.aliyun = OK;
	send_one("aliyun");
	assert_string_equal(pick(&at), "aliyun");
	assert_string_equal(gateway_paused(f.g, "aliyun"), "");
	/* And five more are needed for the next rest. */
	f.aliyun = TROUBLE;
	for (int i = 0; i < 4; i++)
		send_one("aliyun");
	assert_string_equal(gateway_paused(f.g, "aliyun"), "");
}

static void a_try_that_was_not_made_is_still_to_be_made(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = TROUBLE;
	for (int i = 0; i < 5; i++)
		send_one("aliyun");
	go_on(30000);
	f.may_send = false;
	send_one("aliyun");
	assert_int_equal(f.last.cause, GATEWAY_STOPPED);
	f.may_send = true;
	assert_string_equal(pick(&at), "aliyun");
	send_one("aliyun");
	assert_null(pick(&at));
}

static void a_refusal_of_a_message_says_that_the_gateway_works(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	for (int i = 0; i < 12; i++) {
		f.aliyun = i % 4 == 3 ? "{\"Code\":\"isv.MOBILE_NUMBER_ILLEGAL\"}" : TROUBLE;
		send_one("aliyun");
	}
	assert_string_equal(pick(&at), "aliyun");
}

static void a_clock_set_back_does_not_prolong_the_rest(void **state)
{
	int64_t at;

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = TROUBLE;
	for (int i = 0; i < 5; i++)
		send_one("aliyun");
	f.clock.base_sim_ms -= 3600000;
	assert_string_equal(pick(&at), "aliyun");
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void requests_in_flight_end_as_unknown_with_their_owner(void **state)
{
	(void)state;
	f.aliyun = NULL;
	create("route = [ \"aliyun\" ];");
	assert_int_equal(send_n("aliyun", 1), 0);
	assert_true(run_until_count(f.loop, &f.n_held, 1, 5000));
	f.changes = 0;
	gateways_destroy(f.g);
	f.g = NULL;
	assert_int_equal(f.n_done, 1);
	assert_int_equal(f.last.verdict, VERDICT_UNKNOWN);
	assert_int_equal(f.changes, 0);
}

static void destroy_all(void *ctx, const struct gateway_outcome *o)
{
	struct gateways *g = f.g;

	on_done(ctx, o);
	f.g = NULL;
	gateways_destroy(g);
}

static void they_may_be_destroyed_from_a_callback(void **state)
{
	struct gateway_request req = request(1);

	(void)state;
	create("route = [ \"aliyun\" ];");
	f.aliyun = OK;
	assert_int_equal(gateway_send(f.g, "aliyun", &req, T0 + 1000, destroy_all, &f), 0);
	go_on(10);
	assert_int_equal(send_n("aliyun", 1), 0);
	assert_true(run_until_count(f.loop, &f.n_done, 2, 5000));
	assert_null(f.g);
	run_for(f.loop, 20);
	assert_int_equal(f.n_done, 2);
}

static void every_cause_has_a_name(void **state)
{
	(void)state;
	for (enum gateway_cause c = GATEWAY_OK; c <= GATEWAY_STOPPED; c++)
		assert_true(strlen(gateway_cause_name(c)) > 1);
	assert_string_equal(gateway_cause_name(GATEWAY_NUMBER_LATER), "number_later");
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_route_there_is_no_gateway),
		T(the_first_of_the_route_is_picked),
		T(a_configuration_that_can_never_work_is_refused),
		T(an_accepted_request_tells_its_gateway_and_id),
		T(the_callback_runs_on_a_later_turn),
		T(each_attempt_has_a_nonce_of_its_own),
		T(kannel_is_told_where_reports_go),
		T(a_wrong_request_is_refused_before_anything_is_spent),
		T(the_greatest_batch_goes_in_one_request),
		T(when_the_caller_may_no_longer_send_nothing_leaves),
		T(a_gateway_nobody_listens_at_was_surely_not_reached),
		T(an_answer_that_is_lost_is_unknown_and_nothing_is_resent),
		T(a_token_is_taken_by_each_request_and_comes_back_with_the_clock),
		T(in_the_first_second_after_a_start_nothing_is_sent),
		T(a_throttled_gateway_waits_and_is_slower),
		T(no_more_than_32_requests_are_in_flight),
		T(an_account_in_trouble_pauses_its_gateway_until_a_person_resumes),
		T(with_every_gateway_paused_a_person_must_act),
		T(five_troubles_in_a_row_rest_the_gateway_for_half_a_minute),
		T(a_resting_gateway_alone_says_when_to_ask_again),
		T(after_the_rest_one_try_decides),
		T(a_try_that_was_not_made_is_still_to_be_made),
		T(a_refusal_of_a_message_says_that_the_gateway_works),
		T(a_clock_set_back_does_not_prolong_the_rest),
		T(requests_in_flight_end_as_unknown_with_their_owner),
		T(they_may_be_destroyed_from_a_callback),
		T(every_cause_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
