/* tests/unit/test_civil.c: civil days, and their instants at +08:00. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/civil.h"

static struct civil day(int y, int m, int d)
{
	return (struct civil){.year = (int16_t)y, .month = (uint8_t)m, .day = (uint8_t)d};
}

static void the_deadline_is_day_19224_and_a_saturday(void **state)
{
	(void)state;
	assert_int_equal(civil_to_days(day(2022, 8, 20)), 19224);
	assert_int_equal(civil_weekday(day(2022, 8, 20)), 6);
	assert_true(civil_start_ms(day(2022, 8, 21)) == INT64_C(1661011200000));
	assert_true(civil_at_ms(day(2022, 8, 18), 9 * 60) == INT64_C(1660784400000));
}

static void every_day_survives_the_round_trip(void **state)
{
	struct civil prev = day(1, 1, 1);

	(void)state;
	for (int32_t d = civil_to_days(prev); d <= 2932896; d++) {
		struct civil c = civil_from_days(d);

		if (!civil_valid(c) || civil_to_days(c) != d || (civil_cmp(prev, c) > 0))
			fail_msg("day %d", d);
		prev = c;
	}
	assert_int_equal(civil_cmp(prev, day(9999, 12, 31)), 0);
}

static void leap_years_follow_the_calendar(void **state)
{
	(void)state;
	assert_true(civil_valid(day(2000, 2, 29)));
	assert_true(civil_valid(day(2024, 2, 29)));
	assert_false(civil_valid(day(1900, 2, 29)));
	assert_false(civil_valid(day(1970, 2, 29)));
	assert_false(civil_valid(day(2022, 4, 31)));
	assert_false(civil_valid(day(2022, 13, 1)));
	assert_false(civil_valid(day(2022, 0, 1)));
	assert_false(civil_valid(day(2022, 1, 0)));
	assert_false(civil_valid(day(0, 1, 1)));
}

static void days_add_and_subtract(void **state)
{
	(void)state;
	assert_int_equal(civil_cmp(civil_add(day(2022, 12, 31), 1), day(2023, 1, 1)), 0);
	assert_int_equal(civil_cmp(civil_add(day(2024, 3, 1), -1), day(2024, 2, 29)), 0);
	assert_int_equal(civil_diff(day(2022, 8, 20), day(2022, 8, 10)), 10);
	assert_true(civil_cmp(day(2022, 8, 9), day(2022, 8, 10)) < 0);
	assert_true(civil_cmp(day(2023, 1, 1), day(2022, 12, 31)) > 0);
}

static void weekdays_run_from_monday(void **state)
{
	(void)state;
	assert_int_equal(civil_weekday(day(1970, 1, 1)), 4);
	assert_int_equal(civil_weekday(day(2022, 8, 22)), 1);
	assert_int_equal(civil_weekday(day(2022, 8, 21)), 7);
	assert_int_equal(civil_weekday(day(1949, 10, 1)), 6);
}

static void an_instant_belongs_to_its_shanghai_day(void **state)
{
	(void)state;
	assert_int_equal(civil_cmp(civil_of_ms(INT64_C(1661011200000)), day(2022, 8, 21)), 0);
	assert_int_equal(civil_cmp(civil_of_ms(INT64_C(1661011199999)), day(2022, 8, 20)), 0);
	assert_int_equal(civil_minute_of_ms(INT64_C(1661011199999)), 1439);
	assert_int_equal(civil_minute_of_ms(INT64_C(1660784400000)), 540);
	assert_int_equal(civil_cmp(civil_of_ms(-1 - CIVIL_ZONE_MS), day(1969, 12, 31)), 0);
	assert_int_equal(civil_minute_of_ms(-1 - CIVIL_ZONE_MS), 1439);
}

static void absurd_instants_are_clamped(void **state)
{
	char buf[40];

	(void)state;
	assert_int_equal(civil_cmp(civil_of_ms(INT64_MAX), day(9999, 12, 31)), 0);
	assert_int_equal(civil_cmp(civil_of_ms(INT64_MIN), day(1, 1, 1)), 0);
	assert_string_equal(
		civil_format_ms(INT64_MAX, buf, sizeof(buf)), "9999-12-31T23:59:59+08:00");
	assert_int_equal(civil_cmp(civil_add(day(9999, 12, 31), INT32_MAX), day(9999, 12, 31)), 0);
}

static void only_whole_dates_are_read(void **state)
{
	static const char *const bad[] = {"", "2022-8-20", "2022-08-20 ", " 2022-08-20",
		"2022/08/20", "2022-02-30", "20220820", "2022-08-20T00:00", "２022-08-20"};
	struct civil d = day(1, 1, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(civil_parse(bad[i], &d), SW_EINVAL);
	assert_int_equal(d.year, 1);
	assert_int_equal(civil_parse("2022-08-20", &d), 0);
	assert_int_equal(civil_cmp(d, day(2022, 8, 20)), 0);
}

static void times_are_read_in_their_accepted_forms(void **state)
{
	static const char *const same[] = {"2022-08-18T09:00", "2022-08-18T09:00:00",
		"2022-08-18 09:00", "2022-08-18T09:00+08:00", "2022-08-18T09:00:00+08:00"};
	static const char *const bad[] = {"2022-08-18T9:00", "2022-08-18T24:00", "2022-08-18T09:60",
		"2022-08-18T09:00:60", "2022-08-18T09:00Z", "2022-08-18T09:00+09:00", "2022-08-18T",
		"2022-08-18x"};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		assert_int_equal(civil_parse_time(same[i], &ms), 0);
		assert_true(ms == INT64_C(1660784400000));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(civil_parse_time(bad[i], &ms), SW_EINVAL);
	assert_int_equal(civil_parse_time("2022-08-21", &ms), 0);
	assert_true(ms == INT64_C(1661011200000));
}

static void clock_times_are_minutes_of_the_day(void **state)
{
	int m;

	(void)state;
	assert_int_equal(civil_parse_clock("09:05", &m), 0);
	assert_int_equal(m, 545);
	assert_int_equal(civil_parse_clock("24:00", &m), SW_EINVAL);
	assert_int_equal(civil_parse_clock("9:05", &m), SW_EINVAL);
	assert_int_equal(civil_parse_clock("09:05:00", &m), SW_EINVAL);
}

static void formats_are_those_of_files_and_logs(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(civil_format(day(2022, 8, 5), buf, sizeof(buf)), "2022-08-05");
	assert_string_equal(civil_format_ms(INT64_C(1660784400412), buf, sizeof(buf)),
		"2022-08-18T09:00:00+08:00");
	assert_string_equal(civil_format_ms_frac(INT64_C(1660784400412), buf, sizeof(buf)),
		"2022-08-18T09:00:00.412+08:00");
}

static void people_read_dates_without_leading_zeros(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(civil_say_date(day(2022, 8, 5), buf, sizeof(buf)), "8月5日");
	assert_string_equal(
		civil_say_long(day(2022, 8, 20), buf, sizeof(buf)), "8月20日（星期六）");
	assert_string_equal(
		civil_say_long(day(2022, 12, 31), buf, sizeof(buf)), "12月31日（星期六）");
	assert_string_equal(civil_say_time(civil_at_ms(day(2022, 8, 12), 540), buf, sizeof(buf)),
		"8月12日9:00");
	assert_string_equal(
		civil_say_time(civil_at_ms(day(2022, 12, 12), 17 * 60 + 5), buf, sizeof(buf)),
		"12月12日17:05");
	assert_string_equal(civil_say_weekday(7), "星期日");
	assert_string_equal(civil_say_weekday(8), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_deadline_is_day_19224_and_a_saturday),
		cmocka_unit_test(every_day_survives_the_round_trip),
		cmocka_unit_test(leap_years_follow_the_calendar),
		cmocka_unit_test(days_add_and_subtract),
		cmocka_unit_test(weekdays_run_from_monday),
		cmocka_unit_test(an_instant_belongs_to_its_shanghai_day),
		cmocka_unit_test(absurd_instants_are_clamped),
		cmocka_unit_test(only_whole_dates_are_read),
		cmocka_unit_test(times_are_read_in_their_accepted_forms),
		cmocka_unit_test(clock_times_are_minutes_of_the_day),
		cmocka_unit_test(formats_are_those_of_files_and_logs),
		cmocka_unit_test(people_read_dates_without_leading_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
