/* tests/unit/test_calendar.c: working days of the shipped table, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "notifier/campaign/calendar.h"

static struct calendar *table;

static int load_table(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = calendar_load("config/calendar/cn-holidays.csv", &p, &table);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int free_table(void **state)
{
	(void)state;
	calendar_free(table);
	return 0;
}

static struct civil day(const char *s)
{
	struct civil d;

	assert_int_equal(civil_parse(s, &d), 0);
	return d;
}

static void assert_day(struct civil d, const char *want)
{
	char text[32];

	assert_string_equal(civil_format(d, text, sizeof(text)), want);
}

static bool workday(const char *s)
{
	bool yes = false;

	assert_int_equal(calendar_is_workday(table, day(s), &yes, NULL), 0);
	return yes;
}

static void each_year_has_its_known_number_of_working_days(void **state)
{
	static const int want[] = {250, 249, 250, 249, 249, 251, 248, 248};

	(void)state;
	for (int i = 0; i < 8; i++) {
		int16_t year = (int16_t)(2019 + i);
		int n = 0;

		assert_true(calendar_has_year(table, year));
		assert_int_equal(calendar_count(table, (struct civil){year, 1, 1},
					 (struct civil){year, 12, 31}, &n, NULL),
			0);
		assert_int_equal(n, want[i]);
	}
	assert_int_equal(calendar_first_year(table), 2019);
	assert_int_equal(calendar_last_year(table), 2026);
}

static void holidays_and_make_up_days_beat_the_weekday(void **state)
{
	(void)state;
	assert_false(workday("2022-09-12")); /* Monday of the mid-autumn holiday */
	assert_true(workday("2022-10-08"));  /* Saturday worked for the national holiday */
	assert_true(workday("2022-10-09"));
	assert_false(workday("2022-08-20")); /* a Saturday like any other */
	assert_true(workday("2022-08-19"));
	assert_false(workday("2020-01-31")); /* prolonged four days before */
	assert_false(workday("2020-02-01")); /* had been a make-up day */
	assert_true(workday("2023-01-03"));
}

static void phases_of_the_notice_have_the_stated_lengths(void **state)
{
	static const struct {
		const char *from, *to;
		int want;
	} cases[] = {{"2022-06-20", "2022-08-10", 38}, {"2022-08-10", "2022-08-20", 8},
		{"2022-08-20", "2022-09-30", 29}, {"2022-10-01", "2022-10-10", 3},
		{"2022-08-10", "2022-08-09", 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int n = -1;

		assert_int_equal(
			calendar_count(table, day(cases[i].from), day(cases[i].to), &n, NULL), 0);
		assert_int_equal(n, cases[i].want);
	}
}

static void notice_ends_under_both_countings(void **state)
{
	static const struct {
		const char *start, *inclusive, *exclusive;
	} cases[] = {
		{"2022-08-10", "2022-08-16", "2022-08-17"},
		{"2022-08-11", "2022-08-17", "2022-08-18"},
		{"2022-08-12", "2022-08-18", "2022-08-19"},
		{"2022-08-13", "2022-08-19", "2022-08-19"},
		{"2022-08-14", "2022-08-19", "2022-08-19"},
		{"2022-08-15", "2022-08-19", "2022-08-22"},
		{"2022-08-16", "2022-08-22", "2022-08-23"},
		{"2022-09-05", "2022-09-09", "2022-09-13"},
		{"2022-09-06", "2022-09-13", "2022-09-14"},
		{"2022-09-07", "2022-09-14", "2022-09-15"},
		{"2022-09-23", "2022-09-29", "2022-09-30"},
		{"2022-09-26", "2022-09-30", "2022-10-08"},
		{"2022-09-27", "2022-10-08", "2022-10-09"},
		{"2022-09-28", "2022-10-09", "2022-10-10"},
		{"2022-04-28", "2022-05-07", "2022-05-09"},
		{"2022-01-27", "2022-02-07", "2022-02-08"},
		{"2024-09-12", "2024-09-19", "2024-09-20"},
		{"2025-09-29", "2025-10-11", "2025-10-13"},
		{"2026-02-12", "2026-02-25", "2026-02-26"},
		{"2022-12-30", "2023-01-06", "2023-01-09"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct civil end;

		assert_int_equal(
			calendar_notice_end(table, day(cases[i].start), 5, true, &end, NULL), 0);
		assert_day(end, cases[i].inclusive);
		assert_int_equal(
			calendar_notice_end(table, day(cases[i].start), 5, false, &end, NULL), 0);
		assert_day(end, cases[i].exclusive);
	}
}

static void latest_start_is_the_last_day_whose_notice_still_ends_in_time(void **state)
{
	static const char *const ends[] = {
		"2022-08-19", "2022-08-20", "2022-09-13", "2022-09-30", "2022-10-10"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		for (int n = 1; n <= 12; n++) {
			for (int inclusive = 0; inclusive <= 1; inclusive++) {
				struct civil start, end;

				assert_int_equal(calendar_latest_start(table, day(ends[i]), n,
							 inclusive, &start, NULL),
					0);
				assert_int_equal(
					calendar_notice_end(table, start, n, inclusive, &end, NULL),
					0);
				assert_true(civil_cmp(end, day(ends[i])) <= 0);
				assert_int_equal(calendar_notice_end(table, civil_add(start, 1), n,
							 inclusive, &end, NULL),
					0);
				assert_true(civil_cmp(end, day(ends[i])) > 0);
			}
		}
	}
}

static void latest_starts_of_both_notices_are_those_of_the_campaign(void **state)
{
	struct civil d;

	(void)state;
	assert_int_equal(calendar_latest_start(table, day("2022-08-19"), 5, true, &d, NULL), 0);
	assert_day(d, "2022-08-15");
	assert_int_equal(calendar_latest_start(table, day("2022-08-19"), 5, false, &d, NULL), 0);
	assert_day(d, "2022-08-14"); /* a Sunday; the working day before is 08-12 */
	assert_int_equal(calendar_latest_start(table, day("2022-09-30"), 5, true, &d, NULL), 0);
	assert_day(d, "2022-09-26");
}

static void back_counts_working_days_strictly_before(void **state)
{
	static const struct {
		const char *from;
		int n;
		const char *want;
	} cases[] = {{"2022-08-10", 1, "2022-08-09"}, {"2022-08-10", 3, "2022-08-05"},
		{"2022-08-10", 5, "2022-08-03"}, {"2022-08-10", 10, "2022-07-27"},
		{"2022-08-19", 1, "2022-08-18"}, {"2022-08-19", 2, "2022-08-17"},
		{"2022-08-19", 3, "2022-08-16"}, {"2022-08-19", 5, "2022-08-12"},
		{"2022-09-30", 5, "2022-09-23"}, {"2022-09-30", 10, "2022-09-16"},
		{"2022-08-20", 0, "2022-08-20"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct civil d;

		assert_int_equal(calendar_back(table, day(cases[i].from), cases[i].n, &d, NULL), 0);
		assert_day(d, cases[i].want);
	}
}

static void forward_counts_working_days_strictly_after(void **state)
{
	struct civil d;

	(void)state;
	assert_int_equal(calendar_forward(table, day("2022-09-30"), 1, &d, NULL), 0);
	assert_day(d, "2022-10-08");
	assert_int_equal(calendar_forward(table, day("2022-08-19"), 1, &d, NULL), 0);
	assert_day(d, "2022-08-22");
	assert_int_equal(calendar_forward(table, day("2022-08-20"), 0, &d, NULL), 0);
	assert_day(d, "2022-08-20");
}

static void year_without_rows_is_refused_and_named(void **state)
{
	struct civil d = {2000, 1, 1};
	bool yes;
	int year = 0, n;

	(void)state;
	assert_int_equal(calendar_is_workday(table, day("2027-01-04"), &yes, &year), SW_ENOENT);
	assert_int_equal(year, 2027);
	year = 0;
	assert_int_equal(
		calendar_notice_end(table, day("2026-12-29"), 5, true, &d, &year), SW_ENOENT);
	assert_int_equal(year, 2027);
	year = 0;
	assert_int_equal(calendar_back(table, day("2019-01-03"), 5, &d, &year), SW_ENOENT);
	assert_int_equal(year, 2018);
	assert_int_equal(
		calendar_count(table, day("2026-12-01"), day("2027-01-01"), &n, &year), SW_ENOENT);
	assert_int_equal(year, 2027);
	assert_day(d, "2000-01-01"); /* untouched */
	assert_false(calendar_has_year(table, 2018));
}

static void lengths_out_of_range_are_refused(void **state)
{
	struct civil d;

	(void)state;
	assert_int_equal(
		calendar_notice_end(table, day("2022-08-12"), 0, true, &d, NULL), SW_EINVAL);
	assert_int_equal(
		calendar_notice_end(table, day("2022-08-12"), 251, true, &d, NULL), SW_EINVAL);
	assert_int_equal(calendar_back(table, day("2022-08-12"), -1, &d, NULL), SW_EINVAL);
}

/* ---- reading ---- */

static void assert_refused(const char *rows, int line, const char *text)
{
	char dir[] = "/tmp/calXXXXXX", path[64];
	struct calendar *c = NULL;
	struct problems p;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/h.csv", dir);
	assert_int_equal(file_write(path, 0600, rows, strlen(rows), NULL), 0);
	problems_init(&p);
	assert_int_equal(calendar_load(path, &p, &c), SW_ECONF);
	assert_null(c);
	assert_int_equal(p.n_errors, 1);
	assert_int_equal(p.items[0].line, line);
	assert_non_null(strstr(p.items[0].text, text));
	problems_fini(&p);
	remove(path);
	remove(dir);
}

static void wrong_rows_are_reported_with_their_line(void **state)
{
	(void)state;
	assert_refused(
		"date,kind,name\n2022-10-01,holiday,a\n2022-02-30,holiday,b\n", 3, "2022-02-30");
	assert_refused("date,kind,name\n2022-10-01,rest,a\n", 2, "holiday or workday");
	assert_refused("date,kind,name\n2022-10-01,holiday,a\n2022-10-01,workday,a\n", 3, "twice");
	assert_refused("date,kind,name\n", 0, "no rows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_year_has_its_known_number_of_working_days),
		cmocka_unit_test(holidays_and_make_up_days_beat_the_weekday),
		cmocka_unit_test(phases_of_the_notice_have_the_stated_lengths),
		cmocka_unit_test(notice_ends_under_both_countings),
		cmocka_unit_test(latest_start_is_the_last_day_whose_notice_still_ends_in_time),
		cmocka_unit_test(latest_starts_of_both_notices_are_those_of_the_campaign),
		cmocka_unit_test(back_counts_working_days_strictly_before),
		cmocka_unit_test(forward_counts_working_days_strictly_after),
		cmocka_unit_test(year_without_rows_is_refused_and_named),
		cmocka_unit_test(lengths_out_of_range_are_refused),
		cmocka_unit_test(wrong_rows_are_reported_with_their_line),
	};

	return cmocka_run_group_tests(tests, load_table, free_table);
}
