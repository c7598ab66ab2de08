/* What two people release, and the hours residents may hear from us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/campaign/release.h"
#include "tests/unit/stage.h"

static struct campaign publicity(const char *from, const char *to)
{
	struct campaign c = {.publicity = {.start = {2022, 10, 8}, .end = {2022, 10, 15}}};

	assert_int_equal(civil_parse_clock(from, &c.publicity.from_minute), 0);
	assert_int_equal(civil_parse_clock(to, &c.publicity.to_minute), 0);
	return c;
}

static void assert_next(const struct campaign *c, const char *now, const char *want)
{
	assert_int_equal(release_window_next(c, test_ms(now)), want ? test_ms(want) : INT64_MAX);
}

static void assert_end(const struct campaign *c, const char *now, const char *want)
{
	assert_int_equal(release_window_end(c, test_ms(now)), test_ms(want));
}

static void the_digest_is_that_of_the_canonical_object(void **state)
{
	struct release r = {
		.template_id = "T100", .count = 50000, .segments = 2, .cost_fen = 450000};
	char got[65];

	(void)state;
	memset(r.audience, '0', 64);
	memset(r.text, '1', 64);
	release_digest(&r, got);
	assert_string_equal(
		got, "0e0c96770077b5ae7e6e8496fa690e53a355910e6a17cfd96c06523d42d1b011");
}

static void any_change_voids_the_digest(void **state)
{
	struct release r = {
		.template_id = "T100", .count = 50000, .segments = 2, .cost_fen = 450000};
	char was[65], got[65];

	(void)state;
	memset(r.audience, '0', 64);
	memset(r.text, '1', 64);
	release_digest(&r, was);
	r.count++;
	release_digest(&r, got);
	assert_string_not_equal(was, got);
	r.count--;
	r.text[63] = '2';
	release_digest(&r, got);
	assert_string_not_equal(was, got);
	r.text[63] = '1';
	r.template_id = NULL;
	release_digest(&r, got);
	assert_string_not_equal(was, got);
}

static void the_window_opens_and_closes_as_the_definition_says(void **state)
{
	struct campaign c = publicity("09:00", "19:30");

	(void)state;
	assert_next(&c, "2022-10-10T08:59", "2022-10-10T09:00");
	assert_next(&c, "2022-10-10T09:00", "2022-10-10T09:00");
	assert_end(&c, "2022-10-10T09:00", "2022-10-10T12:00");
	assert_end(&c, "2022-10-10T14:00", "2022-10-10T19:30");
	assert_next(&c, "2022-10-10T19:30", "2022-10-11T09:00");
	assert_end(&c, "2022-10-10T19:30", "2022-10-10T19:30");
}

static void nothing_goes_out_at_noon(void **state)
{
	struct campaign c = publicity("09:00", "20:00");

	(void)state;
	assert_next(&c, "2022-10-10T11:59", "2022-10-10T11:59");
	assert_next(&c, "2022-10-10T12:00", "2022-10-10T14:00");
	assert_next(&c, "2022-10-10T13:59", "2022-10-10T14:00");
	assert_end(&c, "2022-10-10T13:00", "2022-10-10T13:00");
	assert_next(&c, "2022-10-10T14:00", "2022-10-10T14:00");
}

static void no_definition_opens_the_night(void **state)
{
	struct campaign c = publicity("06:00", "23:00");

	(void)state;
	assert_next(&c, "2022-10-10T06:30", "2022-10-10T08:00");
	assert_end(&c, "2022-10-10T19:59", "2022-10-10T20:00");
	assert_next(&c, "2022-10-10T20:00", "2022-10-11T08:00");
}

static void rest_days_are_allowed(void **state)
{
	struct campaign c = publicity("09:00", "20:00");

	(void)state;
	assert_next(&c, "2022-10-09T10:00", "2022-10-09T10:00"); /* a Sunday */
}

static void the_first_and_the_last_day_count(void **state)
{
	struct campaign c = publicity("09:00", "20:00");

	(void)state;
	assert_next(&c, "2022-08-01T10:00", "2022-10-08T09:00");
	assert_next(&c, "2022-10-15T19:59", "2022-10-15T19:59");
	assert_next(&c, "2022-10-15T20:00", NULL);
	assert_next(&c, "2022-10-16T10:00", NULL);
	assert_end(&c, "2022-10-16T10:00", "2022-10-16T10:00");
	assert_int_equal(release_until(&c), test_ms("2022-10-16"));
}

static void an_opening_that_is_all_noon_never_opens(void **state)
{
	struct campaign c = publicity("12:00", "14:00");

	(void)state;
	assert_next(&c, "2022-10-10T10:00", NULL);
}

static void without_a_window_nothing_may_go_out(void **state)
{
	struct campaign c = {.publicity = {.from_minute = 480, .to_minute = 1200}};

	(void)state;
	assert_next(&c, "2022-10-10T10:00", NULL);
	assert_int_equal(release_until(&c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_that_of_the_canonical_object),
		cmocka_unit_test(any_change_voids_the_digest),
		cmocka_unit_test(the_window_opens_and_closes_as_the_definition_says),
		cmocka_unit_test(nothing_goes_out_at_noon),
		cmocka_unit_test(no_definition_opens_the_night),
		cmocka_unit_test(rest_days_are_allowed),
		cmocka_unit_test(the_first_and_the_last_day_count),
		cmocka_unit_test(an_opening_that_is_all_noon_never_opens),
		cmocka_unit_test(without_a_window_nothing_may_go_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
