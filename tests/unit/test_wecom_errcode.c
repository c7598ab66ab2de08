/*
 * tests/unit/test_wecom_errcode.c: a verdict needs a complete answer with an integer errcode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bot/wecom/errcode.h"
#include "core/base/text.h"

static struct wire_verdict judge(int status, const char *body)
{
	const struct http_result res = {
		.outcome = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body)};
	struct wire_verdict v = {0};

	(void)wecom_judge(&res, &v, NULL);
	return v;
}

static void success_needs_errcode_zero_in_a_good_status(void **state)
{
	struct wire_verdict v = judge(200, "{\"errcode\":0,\"errmsg\":\"ok\"}");

	(void)state;
	assert_int_equal(v.verdict, VERDICT_ACCEPTED);
	assert_string_equal(v.class, "ok");
	assert_string_equal(v.code, "0");
	v = judge(502, "{\"errcode\":0,\"errmsg\":\"ok\"}");
	assert_int_equal(v.verdict, VERDICT_UNKNOWN);
}

static void answers_without_errcode_are_unknown(void **state)
{
	static const char *const bodies[] = {"", "{}", "[]", "ok", "<html>", "{\"errcode\":\"0\"}",
		"{\"errcode\":null}", "{\"errcode\":0", "{\"errcode\":0.0}",
		"{\"errcode\":0,\"errcode\":93000}", "{\"errmsg\":\"ok\"}"};
	static const int status[] = {200, 404, 500, 503};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		for (size_t k = 0; k < ARRAY_LEN(status); k++) {
			struct wire_verdict v = judge(status[k], bodies[i]);

			assert_int_equal(v.verdict, VERDICT_UNKNOWN);
			assert_string_equal(v.class, "");
		}
	}
}

static void parsed_refusals_count_in_any_status(void **state)
{
	static const struct {
		const char *body;
		enum wire_verdict_word word;
		const char *class;
		int64_t retry_ms;
	} cases[] = {
		{"{\"errcode\":-1,\"errmsg\":\"system busy\"}", VERDICT_REFUSED_TEMP, "busy", 2000},
		{"{\"errcode\":45033}", VERDICT_REFUSED_TEMP, "busy", 2000},
		{"{\"errcode\":45009}", VERDICT_REFUSED_TEMP, "rate", 60000},
		{"{\"errcode\":846607}", VERDICT_REFUSED_TEMP, "rate", 60000},
		{"{\"errcode\":93000}", VERDICT_REFUSED_FINAL, "config", 0},
		{"{\"errcode\":60020}", VERDICT_REFUSED_FINAL, "config", 0},
		{"{\"errcode\":40058}", VERDICT_REFUSED_FINAL, "content", 0},
		{"{\"errcode\":81013}", VERDICT_REFUSED_FINAL, "target", 0},
		{"{\"errcode\":999999}", VERDICT_REFUSED_FINAL, "content", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int status = 200; status <= 500; status += 300) {
			struct wire_verdict v = judge(status, cases[i].body);

			assert_int_equal(v.verdict, cases[i].word);
			assert_string_equal(v.class, cases[i].class);
			assert_int_equal(v.retry_after_ms, cases[i].retry_ms);
		}
	}
}

static void no_answer_is_unknown_and_no_request_is_not_sent(void **state)
{
	struct http_result res = {
		.outcome = HTTP_UNKNOWN, .body = "", .error = "the connection was reset"};
	struct wire_verdict v = {0};

	(void)state;
	(void)wecom_judge(&res, &v, NULL);
	assert_int_equal(v.verdict, VERDICT_UNKNOWN);
	assert_string_equal(v.text, "the connection was reset");
	res.outcome = HTTP_NOT_SENT;
	(void)wecom_judge(&res, &v, NULL);
	assert_int_equal(v.verdict, VERDICT_NOT_SENT);
	assert_int_equal(v.retry_after_ms, WECOM_NOT_SENT_RETRY_MS);
}

static void long_error_texts_become_one_line_that_fits(void **state)
{
	char body[2048];
	struct wire_verdict v;
	size_t n;

	(void)state;
	n = (size_t)snprintf(body, sizeof(body), "{\"errcode\":40058,\"errmsg\":\"a\\nb");
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(body + n, sizeof(body) - n, "超");
	snprintf(body + n, sizeof(body) - n, "\"}");
	v = judge(200, body);
	assert_int_equal(v.verdict, VERDICT_REFUSED_FINAL);
	assert_null(strchr(v.text, '\n'));
	assert_true(strlen(v.text) < sizeof(v.text));
	assert_true(text_utf8_valid(v.text, strlen(v.text), NULL));
}

static void table_and_names_agree_with_the_vendors_classes(void **state)
{
	(void)state;
	assert_int_equal(wecom_errcode_class(40014), WECOM_TOKEN);
	assert_int_equal(wecom_errcode_class(42001), WECOM_TOKEN);
	assert_int_equal(wecom_errcode_class(853000), WECOM_CONFIG);
	assert_int_equal(wecom_errcode_class(44004), WECOM_CONTENT);
	assert_int_equal(wecom_errcode_class(86003), WECOM_TARGET);
	assert_int_equal(wecom_errcode_class(INT64_MAX), WECOM_STRANGE);
	assert_string_equal(wecom_class_name(WECOM_TARGET), "target");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success_needs_errcode_zero_in_a_good_status),
		cmocka_unit_test(answers_without_errcode_are_unknown),
		cmocka_unit_test(parsed_refusals_count_in_any_status),
		cmocka_unit_test(no_answer_is_unknown_and_no_request_is_not_sent),
		cmocka_unit_test(long_error_texts_become_one_line_that_fits),
		cmocka_unit_test(table_and_names_agree_with_the_vendors_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
