/* tests/unit/test_num.c: numbers are read whole or refused; Han numerals by the rules of place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/num.h"

static void junk_and_overflow_are_told_apart(void **state)
{
	static const char *const junk[] = {
		"", "-", "1x", " 1", "1 ", "+1", "0x10", "1.5", "--1", "５"};
	int64_t v = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(junk); i++)
		assert_int_equal(num_parse(junk[i], -1000, 1000, &v), SW_EINVAL);
	assert_int_equal(num_parse("1001", -1000, 1000, &v), SW_ELIMIT);
	assert_int_equal(num_parse("99999999999999999999", INT64_MIN, INT64_MAX, &v), SW_ELIMIT);
	assert_int_equal(v, 77);
	assert_int_equal(num_parse("-1000", -1000, 1000, &v), 0);
	assert_int_equal(v, -1000);
	assert_int_equal(num_parse("9223372036854775807", 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(num_parse("010", 0, 100, &v), 0);
	assert_int_equal(v, 10);
}

static void durations_carry_units(void **state)
{
	static const struct {
		const char *s;
		int64_t ms;
	} good[] = {{"250ms", 250}, {"30s", 30000}, {"15m", 900000}, {"2h", 7200000},
		{"3d", 259200000}, {"7", 7000}, {"0s", 0}};
	static const char *const bad[] = {"", "s", "-5s", "5 s", "5w", "1h30m", "1.5s"};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(num_parse_duration(good[i].s, &v), 0);
		assert_int_equal(v, good[i].ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(num_parse_duration(bad[i], &v), SW_EINVAL);
	assert_int_equal(num_parse_duration("9223372036854775807d", &v), SW_ELIMIT);
}

static void sizes_carry_units(void **state)
{
	int64_t v;

	(void)state;
	assert_int_equal(num_parse_size("64k", &v), 0);
	assert_int_equal(v, 65536);
	assert_int_equal(num_parse_size("2m", &v), 0);
	assert_int_equal(v, 2097152);
	assert_int_equal(num_parse_size("1G", &v), 0);
	assert_int_equal(v, 1073741824);
	assert_int_equal(num_parse_size("512", &v), 0);
	assert_int_equal(v, 512);
	assert_int_equal(num_parse_size("5s", &v), SW_EINVAL);
}

/* The whole of S must be the number. */
static void assert_han(const char *s, int want)
{
	int v = -99;

	assert_int_equal(num_read_han(s, strlen(s), &v), strlen(s));
	if (v != want)
		print_error("%s: got %d, want %d\n", s, v, want);
	assert_int_equal(v, want);
}

static void han_numerals_follow_their_places(void **state)
{
	(void)state;
	assert_han("零", 0);
	assert_han("〇", 0);
	assert_han("两", 2);
	assert_han("俩", 2);
	assert_han("九", 9);
	assert_han("十", 10);
	assert_han("十二", 12);
	assert_han("二十", 20);
	assert_han("廿", 20);
	assert_han("廿五", 25);
	assert_han("九十九", 99);
	assert_han("一百", 100);
	assert_han("百", 100);
	assert_han("一百零三", 103);
	assert_han("一百二", 120);
	assert_han("一百一十", 110);
	assert_han("一百十二", 112);
	assert_han("两百五十六", 256);
	assert_han("九百九十九", 999);
	assert_han("贰拾伍", 25);
	assert_han("壹佰零捌", 108);
}

static void unclear_han_numerals_are_not_guessed(void **state)
{
	(void)state;
	assert_han("二三", -2);
	assert_han("十二三", -2);
	assert_han("二〇二二", -2);
	assert_han("零三", -2);
	assert_han("十百", -2);
	assert_han("十十", -2);
	assert_han("二十零三", -2);
	assert_han("一百零", -2);
	assert_han("零十", -2);
}

static void digits_stop_at_the_first_other_sign(void **state)
{
	int v;

	(void)state;
	assert_han("6", 6);
	assert_han("0012", 12);
	assert_han("9999", 9999);
	assert_han("10000", -1);
	assert_han("99999999999999999999", -1);
	assert_int_equal(num_read_han("2人6户", strlen("2人6户"), &v), 1);
	assert_int_equal(v, 2);
	assert_int_equal(num_read_han("十二户", strlen("十二户"), &v), 6);
	assert_int_equal(v, 12);
	v = 5;
	assert_int_equal(num_read_han("人", 3, &v), 0);
	assert_int_equal(num_read_han("", 0, &v), 0);
	assert_int_equal(v, 5);
}

static void numbers_are_said_as_people_say_them(void **state)
{
	static const struct {
		int n;
		const char *s;
	} said[] = {{0, "零"}, {2, "二"}, {10, "十"}, {12, "十二"}, {20, "二十"}, {25, "二十五"},
		{99, "九十九"}, {100, "100"}, {-3, "-3"}};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		assert_string_equal(num_say_han(said[i].n, buf, sizeof(buf)), said[i].s);
}

static void what_is_said_is_read_back(void **state)
{
	char buf[16];

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_han(num_say_han(i, buf, sizeof(buf)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(junk_and_overflow_are_told_apart),
		cmocka_unit_test(durations_carry_units),
		cmocka_unit_test(sizes_carry_units),
		cmocka_unit_test(han_numerals_follow_their_places),
		cmocka_unit_test(unclear_han_numerals_are_not_guessed),
		cmocka_unit_test(digits_stop_at_the_first_other_sign),
		cmocka_unit_test(numbers_are_said_as_people_say_them),
		cmocka_unit_test(what_is_said_is_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
