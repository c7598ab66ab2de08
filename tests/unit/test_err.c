/* tests/unit/test_err.c: codes have names, details are one clean line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/err.h"

static void codes_of_ours_and_of_the_system_have_names(void **state)
{
	(void)state;
	assert_string_equal(err_name(SW_EPROTO), "EPROTO");
	assert_string_equal(err_name(SW_EFENCED), "EFENCED");
	assert_string_equal(err_name(-ECONNREFUSED), "ECONNREFUSED");
	assert_string_equal(err_name(-4095), "EOF");
	assert_string_equal(err_name(-3008), "EAI_NONAME");
	assert_string_equal(err_name(0), "OK");
	assert_string_equal(err_name(-9999), "E?");
	assert_string_equal(err_name(7), "E?");
}

static void setting_an_error_clears_what_was_there(void **state)
{
	struct sw_err e = {.retry_after_ms = 5000, .origin = "wecom", .origin_code = "45009"};

	(void)state;
	assert_int_equal(err_set(&e, SW_ELIMIT, "queue %s is full", "a"), SW_ELIMIT);
	assert_int_equal(e.code, SW_ELIMIT);
	assert_int_equal(e.retry_after_ms, 0);
	assert_string_equal(e.origin, "");
	assert_string_equal(e.origin_code, "");
	assert_string_equal(e.text, "queue a is full");
}

static void an_error_may_be_wrapped_into_itself(void **state)
{
	struct sw_err e;

	(void)state;
	err_set(&e, SW_EPROTO, "no field id");
	err_set(&e, SW_ECONF, "file x: %s", e.text);
	assert_string_equal(e.text, "file x: no field id");
}

static void text_stays_one_line_and_within_its_array(void **state)
{
	struct sw_err e;
	char longer[400];

	(void)state;
	err_set(&e, SW_EPROTO, "a\nb\tc");
	assert_string_equal(e.text, "a b c");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, SW_EPROTO, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void nobody_has_to_ask_for_the_detail(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, -ENOMEM, "lost"), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_of_ours_and_of_the_system_have_names),
		cmocka_unit_test(setting_an_error_clears_what_was_there),
		cmocka_unit_test(an_error_may_be_wrapped_into_itself),
		cmocka_unit_test(text_stays_one_line_and_within_its_array),
		cmocka_unit_test(nobody_has_to_ask_for_the_detail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
