/*
 * tests/unit/test_wecom_send.c: what leaves for robots and applications, and what is made of the answers.
 *
 * The provider is a listener on the same loop that plays a script of answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "bot/wecom/app_message.h"
#include "bot/wecom/errcode.h"
#include "bot/wecom/robot.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/io/http_server.h"
#include "tests/unit/servers.h"

#define NOW INT64_C(1660784400000)
#define MID "0123456789abcdef0123456789abcdef"
#define OK "{\"errcode\":0,\"errmsg\":\"ok\"}"

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct http_server *server;
	struct http_client *http;
	struct robot *robot;
	struct wecom_token *token;
	struct app *app;
	char base[64], token_file[32];

	const char *answers[8]; /* to sending requests, the last one for ever */
	int status;
	int requests, tokens;     /* sending requests, token requests */
	const char *token_answer; /* NULL: a good one, T<n> */
	char path[512], body[8192], mid_header[64];

	int done;
	struct wire_verdict verdict;
	bool may_send;
};

static struct fixture f;
static int tests_run;

static void on_request(void *ctx, struct http_exchange *x)
{
	const char *answer = "";
	char token[128];
	size_t len;

	(void)ctx;
	if (strcmp(http_path(x), "/cgi-bin/gettoken") == 0) {
		f.tokens++;
		assert_string_equal(http_query(x, "corpid"), "corp");
		assert_string_equal(http_query(x, "corpsecret"), "s+e/c&ret");
		snprintf(token, sizeof(token),
			"{\"errcode\":0,\"errmsg\":\"ok\",\"access_token\":\"T/"
			"%d\",\"expires_in\":7200}",
			f.tokens);
		answer = f.token_answer ? f.token_answer : token;
		http_respond(x, 200, "application/json", answer, strlen(answer), NULL);
		return;
	}
	for (int i = 0; i <= f.requests && i < 8 && f.answers[i]; i++)
		answer = f.answers[i];
	f.requests++;
	snprintf(f.path, sizeof(f.path), "%s?%s", http_path(x), http_query_raw(x));
	snprintf(f.body, sizeof(f.body), "%s", http_body(x, &len));
	snprintf(f.mid_header, sizeof(f.mid_header), "%s",
		http_header_get(x, "X-Test-Mid") ? http_header_get(x, "X-Test-Mid") : "");
	http_respond(x, f.status, "application/json", answer, strlen(answer), NULL);
}

static int setup(void **state)
{
	const struct http_server_opts opts = {.address = "127.0.0.1"};
	struct sw_err err;

	(void)state;
	memset(&f, 0, sizeof(f));
	f.status = 200;
	f.answers[0] = OK;
	f.may_send = true;
	clock_init_simulated(&f.clock, NOW);
	snprintf(f.token_file, sizeof(f.token_file), "token-%d.json", tests_run++);
	if (loop_create(&f.clock, &f.loop) < 0 ||
		http_server_open(f.loop, &opts, on_request, NULL, &f.server, &err) < 0 ||
		http_client_create(f.loop, &(struct http_client_opts){0}, &f.http) < 0)
		return -1;
	snprintf(f.base, sizeof(f.base), "http://127.0.0.1:%u", http_server_port(f.server));
	if (robot_create(f.http, f.base, "X-Test-Mid", "11111111-2222-3333-4444-555555555555",
		    &f.robot, &err) < 0 ||
		wecom_token_create(f.loop, f.http, f.base, "corp", "s+e/c&ret",
			test_path(f.token_file), &f.token) < 0 ||
		app_create(f.http, f.token, f.base, "", 1000002, &f.app) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_client_destroy(f.http);
	http_server_close(f.server);
	robot_destroy(f.robot);
	app_destroy(f.app);
	wecom_token_destroy(f.token);
	loop_destroy(f.loop);
	return 0;
}

static bool may_send(void *ctx)
{
	(void)ctx;
	return f.may_send;
}

static void on_done(void *ctx, const struct wire_verdict *v)
{
	(void)ctx;
	f.done++;
	f.verdict = *v;
}

static struct wire_out message(char *text, enum wire_text_type type)
{
	return (struct wire_out){
		.mid = MID, .attempt = 1, .to = "hlbe_wangfang", .type = type, .text = text};
}

static void send_by(const struct sender *s, const struct wire_out *m)
{
	const struct send_request req = {.msg = m, .may_send = may_send, .done = on_done};
	int before = f.done;

	assert_int_equal(s->check(s->ctx, m, &f.verdict), 0);
	assert_int_equal(s->send(s->ctx, &req), 0);
	assert_int_equal(f.done, before); /* never from inside */
	assert_true(run_until_count(f.loop, &f.done, before + 1, 5000));
}

static void send_robot(char *text)
{
	struct sender s = robot_sender(f.robot);
	struct wire_out m = message(text, TEXT_PLAIN);

	send_by(&s, &m);
}

static void send_app(char *text)
{
	struct sender s = app_sender(f.app);
	struct wire_out m = message(text, TEXT_PLAIN);

	send_by(&s, &m);
}

static char hello[] = "呼和浩特：还差\"照片\"";

static void robot_text_goes_as_documented(void **state)
{
	struct sender s = robot_sender(f.robot);
	struct wire_out m = message(hello, TEXT_PLAIN);
	char who[] = "zhangsan";

	(void)state;
	m.mentions[0] = who;
	m.n_mentions = 1;
	send_by(&s, &m);
	assert_string_equal(
		f.path, "/cgi-bin/webhook/send?key=11111111-2222-3333-4444-555555555555");
	assert_string_equal(f.body,
		"{\"msgtype\":\"text\",\"text\":{\"content\":\"呼和浩特：还差\\\"照片\\\"\","
		"\"mentioned_list\":[\"zhangsan\"]}}");
	assert_string_equal(f.mid_header, MID);
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
}

static void robot_markdown_carries_its_mentions_in_the_text(void **state)
{
	struct sender s = robot_sender(f.robot);
	char text[] = "**提醒**", a[] = "li.si", b[] = "wang-wu";
	struct wire_out m = message(text, TEXT_MARKDOWN);

	(void)state;
	m.mentions[0] = a;
	m.mentions[1] = b;
	m.n_mentions = 2;
	send_by(&s, &m);
	assert_string_equal(f.body, "{\"msgtype\":\"markdown\",\"markdown\":{\"content\":\"**提醒**"
				    "\\n<@li.si> <@wang-wu>\"}}");
}

static void texts_beyond_the_limit_are_refused_without_a_request(void **state)
{
	struct sender robot = robot_sender(f.robot), app = app_sender(f.app);
	static char text[5000];
	char who[] = "a";
	struct wire_out m = message(text, TEXT_PLAIN);

	(void)state;
	memset(text, 'x', 2048);
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), 0);
	assert_int_equal(app.check(app.ctx, &m, &f.verdict), 0);
	text[2048] = 'x';
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), SW_EINVAL);
	assert_int_equal(f.verdict.verdict, VERDICT_REFUSED_FINAL);
	assert_string_equal(f.verdict.class, "content");
	assert_int_equal(app.check(app.ctx, &m, &f.verdict), SW_EINVAL);
	m.type = TEXT_MARKDOWN;
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), 0);
	assert_int_equal(app.check(app.ctx, &m, &f.verdict), SW_EINVAL);
	memset(text, 'x', 4096);
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), 0);
	m.mentions[0] = who;
	m.n_mentions = 1;
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), SW_EINVAL);
	text[0] = '\0';
	m.n_mentions = 0;
	assert_int_equal(robot.check(robot.ctx, &m, &f.verdict), SW_EINVAL);
	assert_int_equal(f.requests, 0);
}

static void key_may_be_the_whole_address(void **state)
{
	static const char *const bad[] = {"", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send",
		"a b", "key/../x", "https://h/send?nokey=1", "https://h/send?key=", "k\"k"};

	(void)state;
	assert_int_equal(
		robot_set_key(f.robot,
			"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc-123&debug=1",
			NULL),
		0);
	send_robot(hello);
	assert_string_equal(f.path, "/cgi-bin/webhook/send?key=abc-123");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(robot_set_key(f.robot, bad[i], NULL), SW_ECONF);
	send_robot(hello);
	assert_string_equal(f.path, "/cgi-bin/webhook/send?key=abc-123"); /* the old one stays */
}

static void broken_answers_are_unknown_and_not_repeated(void **state)
{
	(void)state;
	f.answers[0] = "{\"errcode\":0,";
	send_robot(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_UNKNOWN);
	f.answers[0] = "<html>bad gateway</html>";
	f.status = 502;
	send_robot(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_UNKNOWN);
	assert_int_equal(f.requests, 2);
}

static void sender_that_may_not_send_leaves_nothing(void **state)
{
	(void)state;
	f.may_send = false;
	send_robot(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.requests, 0);
}

static void nobody_listening_is_surely_not_sent(void **state)
{
	struct robot *r;
	struct sender s;
	struct wire_out m = message(hello, TEXT_PLAIN);
	char base[64];

	(void)state;
	snprintf(base, sizeof(base), "http://127.0.0.1:%u", free_port());
	assert_int_equal(robot_create(f.http, base, "", "k", &r, NULL), 0);
	s = robot_sender(r);
	send_by(&s, &m);
	assert_int_equal(f.verdict.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.verdict.retry_after_ms, WECOM_NOT_SENT_RETRY_MS);
	robot_destroy(r);
}

static void application_message_goes_as_documented(void **state)
{
	(void)state;
	send_app(hello);
	assert_string_equal(f.path, "/cgi-bin/message/send?access_token=T%2F1");
	assert_string_equal(f.body,
		"{\"touser\":\"hlbe_wangfang\",\"msgtype\":\"text\",\"agentid\":1000002,"
		"\"text\":{\"content\":\"呼和浩特：还差\\\"照片\\\"\"},"
		"\"enable_duplicate_check\":1,\"duplicate_check_interval\":14400}");
	assert_string_equal(f.mid_header, "");
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
	send_app(hello);
	assert_int_equal(f.tokens, 1);
}

static void unreached_member_is_refused_although_errcode_is_zero(void **state)
{
	(void)state;
	f.answers[0] = "{\"errcode\":0,\"errmsg\":\"ok\",\"invaliduser\":\"x|HLBE_WANGFANG\"}";
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_REFUSED_FINAL);
	assert_string_equal(f.verdict.class, "target");
	f.answers[0] = "{\"errcode\":0,\"errmsg\":\"ok\",\"invaliduser\":\"\",\"unlicenseduser\":"
		       "\"hlbe_wangfang\"}";
	send_app(hello);
	assert_string_equal(f.verdict.code, "unlicenseduser");
	f.answers[0] = "{\"errcode\":0,\"errmsg\":\"ok\",\"invaliduser\":\"hlbe_wangfang2\"}";
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
}

static void lists_and_everybody_are_no_recipients(void **state)
{
	static const char *const bad[] = {"", "@all", "a|b"};
	struct sender app = app_sender(f.app);
	struct wire_out m = message(hello, TEXT_PLAIN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(m.to, sizeof(m.to), "%s", bad[i]);
		assert_int_equal(app.check(app.ctx, &m, &f.verdict), SW_EINVAL);
		assert_string_equal(f.verdict.class, "target");
	}
}

static void refused_token_is_refreshed_once(void **state)
{
	(void)state;
	f.answers[0] = "{\"errcode\":42001,\"errmsg\":\"expired\"}";
	f.answers[1] = OK;
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
	assert_int_equal(f.requests, 2);
	assert_int_equal(f.tokens, 2);
	assert_string_equal(f.path, "/cgi-bin/message/send?access_token=T%2F2");
}

static void token_refused_twice_is_a_matter_of_configuration(void **state)
{
	(void)state;
	f.answers[0] = "{\"errcode\":40001,\"errmsg\":\"invalid credential\"}";
	send_app(hello);
	assert_int_equal(f.requests, 2);
	assert_int_equal(f.tokens, 2);
	assert_int_equal(f.verdict.verdict, VERDICT_REFUSED_FINAL);
	assert_string_equal(f.verdict.class, "config");
}

static void token_is_refreshed_before_it_ends(void **state)
{
	(void)state;
	send_app(hello);
	f.clock.base_sim_ms = NOW + (7200 - TOKEN_EARLY_S) * 1000 - 1;
	send_app(hello);
	assert_int_equal(f.tokens, 1);
	f.clock.base_sim_ms++;
	send_app(hello);
	assert_int_equal(f.tokens, 2);
}

static void count_token(void *ctx, const char *token, const struct wire_verdict *refusal)
{
	int *n = ctx;

	assert_non_null(token);
	assert_null(refusal);
	assert_string_equal(token, "T/1");
	(*n)++;
}

static void everybody_shares_one_refresh(void **state)
{
	int n = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(wecom_token_get(f.token, count_token, &n), 0);
	assert_true(run_until_count(f.loop, &n, 50, 5000));
	assert_int_equal(f.tokens, 1);
}

static void token_survives_a_restart_in_a_private_file(void **state)
{
	struct wecom_token *again;
	struct stat st;
	int n = 0;

	(void)state;
	assert_int_equal(wecom_token_get(f.token, count_token, &n), 0);
	assert_true(run_until_count(f.loop, &n, 1, 5000));
	for (int i = 0; i < 500 && !file_exists(test_path(f.token_file)); i++)
		run_for(f.loop, 10);
	assert_int_equal(stat(test_path(f.token_file), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(wecom_token_create(f.loop, f.http, f.base, "corp", "s+e/c&ret",
				 test_path(f.token_file), &again),
		0);
	assert_int_equal(wecom_token_get(again, count_token, &n), 0);
	assert_true(run_until_count(f.loop, &n, 2, 5000));
	assert_int_equal(f.tokens, 1);
	wecom_token_destroy(again);
}

static void failed_refresh_sends_nothing_and_leaves_no_empty_token(void **state)
{
	(void)state;
	f.token_answer =
		"{\"errcode\":0,\"errmsg\":\"ok\",\"access_token\":\"\",\"expires_in\":7200}";
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.verdict.retry_after_ms, WECOM_NOT_SENT_RETRY_MS);
	/* For a moment the failure answers for those who come next. */
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.tokens, 1);
	assert_int_equal(f.requests, 0);
}

static void failed_refresh_is_forgotten_by_the_clock_that_pauses_go_by(void **state)
{
	(void)state;
	f.token_answer = "{\"errcode\":-1,\"errmsg\":\"system busy\"}";
	send_app(hello);
	assert_int_equal(f.tokens, 1);
	f.token_answer = NULL;
	f.clock.base_sim_ms += WECOM_NOT_SENT_RETRY_MS;
	send_app(hello);
	assert_int_equal(f.tokens, 2);
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
}

static void failed_refresh_is_forgotten_when_the_clock_is_set_back(void **state)
{
	(void)state;
	f.token_answer = "{\"errcode\":-1,\"errmsg\":\"system busy\"}";
	send_app(hello);
	f.token_answer = NULL;
	f.clock.base_sim_ms -= 3600000;
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
}

static void wrong_secret_is_a_matter_of_configuration(void **state)
{
	(void)state;
	f.token_answer = "{\"errcode\":40001,\"errmsg\":\"invalid credential\"}";
	send_app(hello);
	assert_int_equal(f.verdict.verdict, VERDICT_REFUSED_FINAL);
	assert_string_equal(f.verdict.class, "config");
	assert_string_equal(f.verdict.code, "40001");
	assert_int_equal(f.requests, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(robot_text_goes_as_documented),
		T(robot_markdown_carries_its_mentions_in_the_text),
		T(texts_beyond_the_limit_are_refused_without_a_request),
		T(key_may_be_the_whole_address),
		T(broken_answers_are_unknown_and_not_repeated),
		T(sender_that_may_not_send_leaves_nothing),
		T(nobody_listening_is_surely_not_sent),
		T(application_message_goes_as_documented),
		T(unreached_member_is_refused_although_errcode_is_zero),
		T(lists_and_everybody_are_no_recipients),
		T(refused_token_is_refreshed_once),
		T(token_refused_twice_is_a_matter_of_configuration),
		T(token_is_refreshed_before_it_ends),
		T(everybody_shares_one_refresh),
		T(token_survives_a_restart_in_a_private_file),
		T(failed_refresh_sends_nothing_and_leaves_no_empty_token),
		T(failed_refresh_is_forgotten_by_the_clock_that_pauses_go_by),
		T(failed_refresh_is_forgotten_when_the_clock_is_set_back),
		T(wrong_secret_is_a_matter_of_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
