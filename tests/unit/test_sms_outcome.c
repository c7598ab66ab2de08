/*
 * tests/unit/test_sms_outcome.c: what became of an attempt, as the journal keeps it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/base/err.h"
#include "notifier/engine/sms_internal.h"

static const char mid[] = "0123456789abcdef0123456789abcdef";

static void an_outcome_is_read_as_it_was_written(void **state)
{
	const struct sms_outcome o = {.kind = 'R',
		.class = "later",
		.code = "isv.BUSINESS_LIMIT_CONTROL",
		.gateway = "aliyun",
		.provider_id = "900619746936498440^0",
		.retry_after_ms = 3600000};
	struct sms_outcome got;
	char text[256];
	id_str got_mid;
	int n = 0;

	(void)state;
	sms_outcome_format(mid, 3, &o, text);
	assert_true(sms_outcome_parse('R', text, got_mid, &n, &got));
	assert_string_equal(got_mid, mid);
	assert_int_equal(n, 3);
	assert_int_equal(got.kind, 'R');
	assert_string_equal(got.class, o.class);
	assert_string_equal(got.code, o.code);
	assert_string_equal(got.gateway, o.gateway);
	assert_string_equal(got.provider_id, o.provider_id);
	assert_int_equal(got.retry_after_ms, o.retry_after_ms);
}

static void what_is_no_outcome_is_left_alone(void **state)
{
	static const char *const bad[] = {"",
		"0123456789abcdef0123456789abcdef 1 aliyun", /* a T record */
		"0123456789abcdef0123456789abcdef x OK - ok aliyun 0",
		"0123456789abcdef0123456789abcdef 0 OK - ok aliyun 0",
		"0123456789abcdef 1 OK - ok aliyun 0",
		"0123456789abcdef0123456789abcdef 1 OK - ok aliyun -5", "b42 7 96 480 1 9"};
	struct sms_outcome got = {.kind = 'x'};
	id_str got_mid;
	int n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(sms_outcome_parse('A', bad[i], got_mid, &n, &got));
		assert_int_equal(got.kind, 'x');
	}
}

static void each_kind_is_its_verdict(void **state)
{
	(void)state;
	assert_int_equal(sms_verdict_of('A'), VERDICT_ACCEPTED);
	assert_int_equal(sms_verdict_of('R'), VERDICT_REFUSED_TEMP);
	assert_int_equal(sms_verdict_of('F'), VERDICT_REFUSED_FINAL);
	assert_int_equal(sms_verdict_of('N'), VERDICT_NOT_SENT);
	assert_int_equal(sms_verdict_of('U'), VERDICT_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outcome_is_read_as_it_was_written),
		cmocka_unit_test(what_is_no_outcome_is_left_alone),
		cmocka_unit_test(each_kind_is_its_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
