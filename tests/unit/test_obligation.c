/* tests/unit/test_obligation.c: what a unit owes, and what the conditions of reminders count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/campaign/obligation.h"
#include "tests/unit/stage.h"

static struct test_stage s;
static int league; /* 呼和浩特市 */
static const char *const now = "2022-08-05T09:00";

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return 0;
}

static int blank(void **state)
{
	(void)state;
	test_stage_blank(&s);
	return 0;
}

/* The obligation of KIND (and category) of UNIT. */
static struct obligation owed(int unit, enum obligation_kind kind, int category, const char *at)
{
	struct obligation all[OBLIGATION_MAX];
	size_t n = obligations_of(s.c, unit, &s.facts[unit], test_ms(at), all);

	for (size_t i = 0; i < n; i++) {
		if (all[i].kind == kind && all[i].category == category)
			return all[i];
	}
	fail_msg("there is no such obligation");
	return (struct obligation){0};
}

static int counter(enum def_counter which, int category, const char *at, bool honour_pause)
{
	return obligation_counter(
		s.c, league, &s.facts[league], test_ms(at), which, category, honour_pause);
}

static void silent_unit_owes_acknowledgement_figures_and_materials(void **state)
{
	struct obligation all[OBLIGATION_MAX];
	size_t n = obligations_of(s.c, league, &s.facts[league], test_ms(now), all);

	(void)state;
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(all[i].state, STATE_OPEN);
		assert_false(all[i].overdue);
		assert_false(all[i].paused);
	}
}

static void county_owes_its_figures_only(void **state)
{
	struct obligation all[OBLIGATION_MAX];
	int county = test_stage_unit(&s, "150102");
	size_t n = obligations_of(s.c, county, &s.facts[county], test_ms(now), all);

	(void)state;
	assert_int_equal(n, 2);
	assert_int_equal(all[0].kind, OBLIGATION_QUOTA);
	assert_int_equal(all[0].min, 1);
	assert_int_equal(all[0].max, 1);
	assert_int_equal(all[1].min, 5);
	assert_int_equal(all[1].max, 5);
}

static void region_owes_nothing(void **state)
{
	struct obligation all[OBLIGATION_MAX];
	int region = test_stage_unit(&s, "150000");

	(void)state;
	assert_int_equal(obligations_of(s.c, region, &s.facts[region], test_ms(now), all), 0);
}

static void figure_within_its_range_is_claimed_until_it_is_verified(void **state)
{
	struct obligation o;

	(void)state;
	test_stage_report(&s, league, 2, 4);
	assert_int_equal(owed(league, OBLIGATION_QUOTA, 0, now).state, STATE_CLAIMED);
	o = owed(league, OBLIGATION_QUOTA, 1, now);
	assert_int_equal(o.state, STATE_OPEN);
	assert_int_equal(o.need, 1);
	assert_int_equal(o.room, 6);
	s.facts[league].counts[0].verified = true;
	assert_int_equal(owed(league, OBLIGATION_QUOTA, 0, now).state, STATE_CLOSED);
}

static void figure_above_the_cap_is_open_again(void **state)
{
	struct obligation o;

	(void)state;
	test_stage_report(&s, league, 5, 10);
	o = owed(league, OBLIGATION_QUOTA, 0, now);
	assert_int_equal(o.state, STATE_OPEN);
	assert_int_equal(o.over, 1);
	assert_int_equal(o.room, 0);
	assert_int_equal(owed(league, OBLIGATION_QUOTA, 1, now).state, STATE_CLAIMED);
}

static void league_of_three_counties_is_capped_at_three_workers(void **state)
{
	int wuhai = test_stage_unit(&s, "150300");
	struct obligation o;

	(void)state;
	test_stage_report(&s, wuhai, 4, 5);
	o = owed(wuhai, OBLIGATION_QUOTA, 0, now);
	assert_int_equal(o.max, 4);
	assert_int_equal(o.cap, 3);
	assert_int_equal(o.over, 1);
}

static void open_obligation_is_overdue_after_its_deadline(void **state)
{
	(void)state;
	assert_false(owed(league, OBLIGATION_QUOTA, 0, "2022-08-10T18:00").overdue);
	assert_true(owed(league, OBLIGATION_QUOTA, 0, "2022-08-10T18:01").overdue);
	test_stage_report(&s, league, 2, 5);
	assert_false(owed(league, OBLIGATION_QUOTA, 0, "2022-08-10T18:01").overdue);
	assert_false(owed(league, OBLIGATION_ACK, -1, "2022-08-30T09:00").overdue);
}

static void materials_said_to_be_sent_are_claimed_and_closed_when_verified(void **state)
{
	(void)state;
	s.facts[league].submitted_electronic = true;
	assert_int_equal(owed(league, OBLIGATION_MATERIALS, -1, now).state, STATE_CLAIMED);
	s.facts[league].submitted_verified = true;
	assert_int_equal(owed(league, OBLIGATION_MATERIALS, -1, now).state, STATE_CLOSED);
}

static void counters_sum_over_categories_or_count_one(void **state)
{
	(void)state;
	assert_int_equal(counter(COUNTER_NEED, -1, now, true), 7);
	test_stage_report(&s, league, 1, 12);
	assert_int_equal(counter(COUNTER_NEED, -1, now, true), 1);
	assert_int_equal(counter(COUNTER_MISSING, -1, now, true), 1);
	assert_int_equal(counter(COUNTER_NEED, 1, now, true), 0);
	assert_int_equal(counter(COUNTER_OVER, -1, now, true), 2);
	assert_int_equal(counter(COUNTER_HAVE, -1, now, true), 13);
	assert_int_equal(counter(COUNTER_HAVE, 0, now, true), 1);
}

static void verified_figure_counts_no_more(void **state)
{
	(void)state;
	test_stage_report(&s, league, 1, 5);
	s.facts[league].counts[0].verified = true;
	assert_int_equal(counter(COUNTER_NEED, -1, now, true), 0);
}

static void paused_item_counts_nothing_while_pauses_are_honoured(void **state)
{
	(void)state;
	s.facts[league].counts[0].paused_until_ms = test_ms("2022-08-05T10:00");
	assert_int_equal(counter(COUNTER_NEED, -1, now, true), 5);
	assert_int_equal(counter(COUNTER_NEED, -1, now, false), 7);
	assert_int_equal(counter(COUNTER_NEED, -1, "2022-08-05T10:00", true), 7);
	assert_true(owed(league, OBLIGATION_QUOTA, 0, now).paused);
	assert_false(owed(league, OBLIGATION_QUOTA, 1, now).paused);
}

static void acknowledgement_is_missing_until_it_came(void **state)
{
	(void)state;
	assert_int_equal(counter(COUNTER_ACKS_MISSING, -1, now, true), 1);
	s.facts[league].ack_ms = test_ms("2022-06-20T10:00");
	assert_int_equal(counter(COUNTER_ACKS_MISSING, -1, now, true), 0);
}

static void unit_has_reported_when_materials_are_sent_or_a_report_came_this_day(void **state)
{
	struct unit_facts *f = &s.facts[league];

	(void)state;
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, true), 1);
	f->report_ms = test_ms("2022-08-05T08:59");
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, true), 0);
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, false), 0);
	f->report_ms = test_ms("2022-08-05T09:01"); /* after the instant that is judged */
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, true), 1);
	f->report_ms = test_ms("2022-08-04T23:59");
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, true), 1);
	f->submitted_paper = true;
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, false), 0);
}

static void pause_of_materials_is_honoured_or_not(void **state)
{
	(void)state;
	s.facts[league].submitted_paused_until_ms = test_ms("2022-08-05T10:00");
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, true), 0);
	assert_int_equal(counter(COUNTER_UNREPORTED, -1, now, false), 1);
}

static void pause_ends_at_the_same_time_of_the_next_working_day(void **state)
{
	static const char *const cases[][2] = {
		{"2022-08-08T10:15", "2022-08-09T10:15"},
		{"2022-08-05T17:00", "2022-08-08T17:00"}, /* over a weekend */
		{"2022-08-06T12:00", "2022-08-08T12:00"}, /* from a Saturday */
		{"2022-09-30T09:00", "2022-10-08T09:00"}, /* to a Saturday that is worked */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			obligation_pause_end_ms(s.c, test_ms(cases[i][0])), test_ms(cases[i][1]));
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(obligation_state_name(STATE_OPEN), "open");
	assert_string_equal(obligation_state_name(STATE_INFEASIBLE), "infeasible");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			silent_unit_owes_acknowledgement_figures_and_materials, blank),
		cmocka_unit_test_setup(county_owes_its_figures_only, blank),
		cmocka_unit_test_setup(region_owes_nothing, blank),
		cmocka_unit_test_setup(
			figure_within_its_range_is_claimed_until_it_is_verified, blank),
		cmocka_unit_test_setup(figure_above_the_cap_is_open_again, blank),
		cmocka_unit_test_setup(league_of_three_counties_is_capped_at_three_workers, blank),
		cmocka_unit_test_setup(open_obligation_is_overdue_after_its_deadline, blank),
		cmocka_unit_test_setup(
			materials_said_to_be_sent_are_claimed_and_closed_when_verified, blank),
		cmocka_unit_test_setup(counters_sum_over_categories_or_count_one, blank),
		cmocka_unit_test_setup(verified_figure_counts_no_more, blank),
		cmocka_unit_test_setup(paused_item_counts_nothing_while_pauses_are_honoured, blank),
		cmocka_unit_test_setup(acknowledgement_is_missing_until_it_came, blank),
		cmocka_unit_test_setup(
			unit_has_reported_when_materials_are_sent_or_a_report_came_this_day, blank),
		cmocka_unit_test_setup(pause_of_materials_is_honoured_or_not, blank),
		cmocka_unit_test_setup(pause_ends_at_the_same_time_of_the_next_working_day, blank),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
