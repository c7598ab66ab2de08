/* tests/unit/test_buf.c: a buffer grows to its maximum, never beyond, and remembers a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"

static void appending_keeps_a_string(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_addc(&b, 'c'), 0);
	assert_int_equal(buf_addf(&b, "-%d-%s", 42, "x"), 0);
	assert_int_equal(buf_add(&b, "zzz", 2), 0);
	assert_string_equal(buf_str(&b), "abc-42-xzz");
	assert_int_equal(b.len, 10);
	buf_fini(&b);
}

static void the_maximum_is_reached_exactly_and_not_passed(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(buf_add(&b, "", 0), 0);
	assert_int_equal(buf_addc(&b, 'y'), SW_ELIMIT);
	assert_int_equal(b.len, 100);
	assert_int_equal(b.data[100], 0);
	buf_fini(&b);
}

static void an_error_sticks_until_reset(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_adds(&b, "abcde"), SW_ELIMIT);
	assert_int_equal(buf_adds(&b, "a"), SW_ELIMIT);
	assert_int_equal(buf_addf(&b, "%d", 1), SW_ELIMIT);
	assert_int_equal(b.error, SW_ELIMIT);
	assert_null(buf_take(&b));
	buf_reset(&b);
	assert_int_equal(buf_addf(&b, "%d", 1234), 0);
	assert_string_equal(buf_str(&b), "1234");
	buf_fini(&b);
}

static void a_huge_length_does_not_wrap(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_add(&b, "x", SIZE_MAX), SW_ELIMIT);
	buf_fini(&b);
}

static void taking_moves_the_string_out(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 100);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(buf_adds(&b, "abc"), 0);
	s = buf_take(&b);
	assert_string_equal(s, "abc");
	assert_int_equal(b.len, 0);
	free(s);
	assert_int_equal(buf_adds(&b, "again"), 0);
	buf_fini(&b);
}

static void consuming_keeps_the_rest(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_consume(&b, 0);
	assert_int_equal(buf_adds(&b, "abcdef"), 0);
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "cdef");
	buf_consume(&b, 4);
	assert_string_equal(buf_str(&b), "");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending_keeps_a_string),
		cmocka_unit_test(the_maximum_is_reached_exactly_and_not_passed),
		cmocka_unit_test(an_error_sticks_until_reset),
		cmocka_unit_test(a_huge_length_does_not_wrap),
		cmocka_unit_test(taking_moves_the_string_out),
		cmocka_unit_test(consuming_keeps_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
