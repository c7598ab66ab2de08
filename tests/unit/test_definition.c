/* tests/unit/test_definition.c: the definition of 2022 as it resolves, and every mistake with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "notifier/campaign/definition.h"

#define SHIPPED "config/campaigns/nm-2022-63.conf"

static struct campaign *c;
static struct problems shipped_problems;
static struct buf shipped;

static int load_shipped(void **state)
{
	int rc;

	(void)state;
	problems_init(&shipped_problems);
	buf_init(&shipped, 1024 * 1024);
	rc = file_read(SHIPPED, &shipped, NULL);
	if (rc == 0)
		rc = campaign_load(SHIPPED, &shipped_problems, &c);
	if (rc < 0)
		problems_print(&shipped_problems, stderr);
	return rc;
}

static int free_shipped(void **state)
{
	(void)state;
	campaign_free(c);
	problems_fini(&shipped_problems);
	buf_fini(&shipped);
	return 0;
}

static struct civil day(const char *s)
{
	struct civil d;

	assert_int_equal(civil_parse(s, &d), 0);
	return d;
}

static int unit(const char *code)
{
	int i = units_find(c->units, code);

	assert_true(i >= 0);
	return i;
}

/* ---- the campaign of 2022 ---- */

static void quotas_are_those_of_the_notice(void **state)
{
	int min, max;

	(void)state;
	assert_true(campaign_quota(c, 0, unit("150100"), &min, &max));
	assert_int_equal(min, 2);
	assert_int_equal(max, 4);
	assert_true(campaign_quota(c, 1, unit("150781"), &min, &max)); /* 满洲里市, as a league */
	assert_int_equal(min, 5);
	assert_int_equal(max, 10);
	assert_true(campaign_quota(c, 1, unit("150102"), &min, &max));
	assert_int_equal(min, 5);
	assert_int_equal(max, 5);
	assert_false(campaign_quota(c, 0, unit("150000"), &min, &max));
}

static void carried_county_has_no_county_quota(void **state)
{
	int min, max;

	(void)state;
	assert_false(campaign_quota(c, 0, unit("150703"), &min, &max));
	assert_true(units_is_under(c->units, unit("150703"), unit("150781")));
	assert_false(units_is_under(c->units, unit("150703"), unit("150700")));
	assert_false(units_is_under(c->units, unit("150781"), unit("150700")));
	assert_true(units_is_under(c->units, unit("150781"), unit("150000")));
}

static void caps_follow_what_counties_can_put_forward(void **state)
{
	int workers = 0, households = 0;

	(void)state;
	assert_int_equal(campaign_quota_cap(c, 0, unit("150300")), 3); /* three districts */
	assert_int_equal(campaign_quota_cap(c, 0, unit("152900")), 3);
	assert_int_equal(campaign_quota_cap(c, 1, unit("150300")), 10);
	assert_int_equal(campaign_quota_cap(c, 0, unit("150781")), 4);
	assert_int_equal(campaign_quota_cap(c, 0, unit("152501")), 4);
	for (size_t i = 0; i < c->units->n_reporting; i++) {
		workers += campaign_quota_cap(c, 0, c->units->order[i]);
		households += campaign_quota_cap(c, 1, c->units->order[i]);
	}
	assert_int_equal(workers, 54);
	assert_int_equal(households, 140);
}

static void fourteen_units_report_in_administrative_order(void **state)
{
	static const char *const want[] = {"150100", "150200", "150700", "152200", "150500",
		"150400", "152500", "150900", "150600", "150800", "150300", "152900", "150781",
		"152501"};

	(void)state;
	assert_int_equal(c->units->n_reporting, 14);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(c->units->items[c->units->order[i]].code, want[i]);
}

static void last_day_of_a_phase_is_the_first_of_the_next(void **state)
{
	int found[DEF_MAX_PHASES];

	(void)state;
	assert_int_equal(campaign_phases_on(c, day("2022-08-10"), found), 2);
	assert_string_equal(c->phases[found[0]].id, "nominate");
	assert_string_equal(c->phases[found[1]].id, "precheck");
	assert_int_equal(campaign_phases_on(c, day("2022-08-20"), found), 2);
	assert_int_equal(campaign_phases_on(c, day("2022-08-11"), found), 1);
	assert_int_equal(campaign_phases_on(c, day("2022-06-19"), found), 0);
}

static void deadline_on_saturday_reminds_as_if_friday(void **state)
{
	char text[40];

	(void)state;
	assert_string_equal(
		civil_format_ms(c->deadlines[c->submit_deadline].due_ms, text, sizeof(text)),
		"2022-08-20T18:00:00+08:00");
	assert_string_equal(civil_format_ms(c->deadlines[c->submit_deadline].remind_as_if_ms, text,
				    sizeof(text)),
		"2022-08-19T18:00:00+08:00");
	assert_string_equal(c->deadlines[c->list_deadline].id, "league_list");
}

static void households_need_no_discipline_letter(void **state)
{
	(void)state;
	assert_int_equal(c->categories[0].n_materials, 6);
	assert_int_equal(c->categories[1].n_materials, 5);
	assert_string_equal(c->materials[c->categories[0].materials[4]].reply_key, "discipline");
	assert_string_equal(c->materials[c->categories[1].materials[4]].reply_key, "notice");
	/* .. but discipline inspection is asked about both. */
	assert_int_equal(c->checks[0].n_applies_to, 2);
	assert_int_equal(c->checks[0].n_letter_for, 1);
}

static void words_stand_longest_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_words *w = &c->categories[i].words;

		for (size_t k = 1; k < w->n; k++)
			assert_true(strlen(w->items[k - 1]) >= strlen(w->items[k]));
	}
	assert_string_equal(c->categories[0].words.items[3], "工作者");
	assert_string_equal(c->categories[0].flag, "W");
	assert_string_equal(c->categories[1].reply_key, "households");
	assert_int_equal(c->categories[1].typos.n, 3);
}

/* The occasions of ID as "2022-08-08T09:00 2022-08-09T09:00". */
static void assert_occasions(const char *id, const char *want)
{
	int64_t due[DEF_MAX_OCCASIONS];
	int r = campaign_find_reminder(c, id);
	char got[1024] = "", text[40];
	size_t n;

	if (r < 0)
		fail_msg("no reminder %s", id);
	n = campaign_occasions(c, r, due);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(got);

		snprintf(got + len, sizeof(got) - len, "%s%.16s", i ? " " : "",
			civil_format_ms(due[i], text, sizeof(text)));
	}
	assert_string_equal(got, want);
}

static void reminders_fall_on_the_days_of_the_calendar(void **state)
{
	(void)state;
	assert_occasions("R01", "2022-06-20T09:00");
	assert_occasions("R02", "2022-06-22T09:00");
	assert_occasions("R02list", "2022-06-24T09:00");
	assert_occasions("R03", "2022-06-27T09:00");
	assert_occasions("R05",
		"2022-07-04T09:00 2022-07-11T09:00 2022-07-18T09:00 2022-07-25T09:00 "
		"2022-08-01T09:00 2022-08-08T09:00");
	assert_occasions("R06", "2022-07-15T09:00");
	assert_occasions("R08", "2022-07-27T09:00");
	assert_occasions("R09", "2022-07-29T09:00");
	assert_occasions("R11", "2022-08-03T09:00");
	assert_occasions("R12", "2022-08-05T09:00");
	assert_occasions("R13", "2022-08-08T09:00 2022-08-09T09:00");
	assert_occasions("R13dep", "2022-08-09T09:00");
	assert_occasions("R14", "2022-08-10T09:00");
	assert_occasions("R14pm", "2022-08-10T15:00");
	assert_occasions("R14over", "2022-08-10T18:00");
	assert_occasions("R17pm", "2022-08-12T15:00");
	assert_occasions("R19", "2022-08-16T09:00");
	assert_occasions("R31", "2022-08-12T09:00");
	assert_occasions("R32", "2022-08-16T09:00 2022-08-17T09:00");
	assert_occasions("R33eve", "2022-08-18T09:00");
	assert_occasions("R33", "2022-08-19T09:00");
	assert_occasions("R33pm", "2022-08-19T15:00");
	assert_occasions("R33dep", "2022-08-19T09:00");
	assert_occasions("R34", "2022-08-20T09:00");
	assert_occasions("R35",
		"2022-08-22T09:00 2022-08-23T09:00 2022-08-24T09:00 2022-08-25T09:00 "
		"2022-08-26T09:00 2022-08-29T09:00 2022-08-30T09:00 2022-08-31T09:00");
	assert_occasions("R41", "2022-09-16T09:00 2022-09-19T09:00");
	assert_occasions("R42", "2022-09-22T09:00 2022-09-23T09:00");
	assert_occasions("R51", "2022-10-08T09:00");
	assert_occasions(
		"R60", "2022-06-30T09:00 2022-07-29T09:00 2022-08-31T09:00 2022-09-30T09:00");
}

static void weekly_reminder_on_a_holiday_moves_to_the_next_working_day(void **state)
{
	(void)state;
	/* 2022-09-12 is the Monday of the mid-autumn holiday. */
	assert_occasions("R40",
		"2022-08-22T09:00 2022-08-29T09:00 2022-09-05T09:00 2022-09-13T09:00 "
		"2022-09-19T09:00");
}

static void event_reminders_have_no_day(void **state)
{
	(void)state;
	assert_occasions("R20", "");
	assert_occasions("R21", "");
}

static void what_is_not_carried_out_is_said_once_each(void **state)
{
	static const char *const supported[] = {"R01", "R02", "R02list", "R05", "R12", "R13",
		"R13dep", "R14", "R14pm", "R14over", "R31", "R32", "R33eve", "R33", "R33pm",
		"R33dep", "R34", "R35", "R35dep", "R35list"};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < c->n_reminders; i++)
		n += c->reminders[i].supported;
	assert_int_equal(n, ARRAY_LEN(supported));
	for (size_t i = 0; i < ARRAY_LEN(supported); i++)
		assert_true(c->reminders[campaign_find_reminder(c, supported[i])].supported);
	assert_int_equal(shipped_problems.n_errors, 0);
	assert_int_equal(shipped_problems.n, c->n_reminders - n);
	for (size_t i = 0; i < shipped_problems.n; i++)
		assert_non_null(strstr(shipped_problems.items[i].text, "is not carried out yet"));
}

static void later_reminders_are_more_urgent(void **state)
{
	static const char *const ids[] = {
		"R05", "R12", "R13", "R14", "R31", "R32", "R33eve", "R33", "R35"};
	int before = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		int urgency = c->reminders[campaign_find_reminder(c, ids[i])].urgency;

		assert_true(urgency > before);
		before = urgency;
	}
}

static void conditions_name_counter_category_and_bound(void **state)
{
	const struct def_reminder *r12 = &c->reminders[campaign_find_reminder(c, "R12")];
	const struct def_reminder *r06 = &c->reminders[campaign_find_reminder(c, "R06")];

	(void)state;
	assert_int_equal(r12->n_when, 2);
	assert_int_equal(r12->when[0].counter, COUNTER_NEED);
	assert_int_equal(r12->when[0].category, -1);
	assert_int_equal(r12->when[0].op, OP_GT);
	assert_int_equal(r12->when[1].counter, COUNTER_OVER);
	assert_int_equal(r06->when[1].counter, COUNTER_HAVE);
	assert_int_equal(r06->when[1].category, 1);
	assert_int_equal(r06->when[1].op, OP_EQ);
	assert_int_equal(c->reminders[campaign_find_reminder(c, "R01")].n_when, 0);
}

static void targets_name_tier_and_role(void **state)
{
	const struct def_reminder *r12 = &c->reminders[campaign_find_reminder(c, "R12")];
	const struct def_reminder *r34 = &c->reminders[campaign_find_reminder(c, "R34")];
	const struct def_reminder *over = &c->reminders[campaign_find_reminder(c, "R14over")];

	(void)state;
	assert_int_equal(r12->n_to, 2);
	assert_int_equal(r12->to[0].tier, c->reporting_tier);
	assert_int_equal(r12->to[0].role, ROLE_DEPARTMENT);
	assert_int_equal(r12->to[1].department, campaign_find_department(c, "civility"));
	assert_int_equal(r34->to[0].role, ROLE_DUTY);
	assert_true(r34->rest_day_ok);
	assert_int_equal(over->to[0].role, ROLE_ALL);
	assert_string_equal(c->tiers[over->to[0].tier].id, "region");
}

/* ---- mistakes ---- */

struct mutant {
	char dir[32], path[64];
	char *text;
	int line; /* where the change begins */
	struct problems p;
	struct campaign *c;
	int rc;
};

/* The shipped definition with the first OLD replaced by NEW, loaded. */
static void mutate(struct mutant *m, const char *old, const char *new)
{
	const char *text = buf_str(&shipped), *at = strstr(text, old);
	struct buf b;

	if (!at)
		fail_msg("the definition does not hold: %s", old);
	memset(m, 0, sizeof(*m));
	m->line = 1;
	for (const char *s = text; s < at; s++)
		m->line += *s == '\n';
	buf_init(&b, 1024 * 1024);
	buf_add(&b, text, (size_t)(at - text));
	buf_adds(&b, new);
	buf_adds(&b, at + strlen(old));
	m->text = buf_take(&b);
	snprintf(m->dir, sizeof(m->dir), "/tmp/defXXXXXX");
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->path, sizeof(m->path), "%s/x.conf", m->dir);
	assert_int_equal(file_write(m->path, 0600, m->text, strlen(m->text), NULL), 0);
	problems_init(&m->p);
	m->rc = campaign_load_with(m->path, "config", &m->p, &m->c);
}

static void mutant_fini(struct mutant *m)
{
	campaign_free(m->c);
	problems_fini(&m->p);
	remove(m->path);
	remove(m->dir);
	free(m->text);
}

/* Exactly one error, on the changed line plus OFFSET, whose text holds WANT. */
static void assert_mistake_below(const char *old, const char *new, int offset, const char *want)
{
	struct mutant m;
	const struct problem *found = NULL;

	mutate(&m, old, new);
	for (size_t i = 0; i < m.p.n; i++) {
		if (m.p.items[i].level == PROBLEM_ERROR)
			found = &m.p.items[i];
	}
	if (m.rc != SW_ECONF || m.p.n_errors != 1 || !found || found->line != m.line + offset ||
		!strstr(found->text, want)) {
		problems_print(&m.p, stderr);
		fail_msg("%s: rc %d, %zu errors; wanted line %d: %s", new, m.rc, m.p.n_errors,
			m.line + offset, want);
	}
	assert_null(m.c);
	mutant_fini(&m);
}

static void assert_mistake(const char *old, const char *new, const char *want)
{
	assert_mistake_below(old, new, 0, want);
}

/* Loads, with a warning on the changed line whose text holds WANT. */
static void assert_warning(const char *old, const char *new, const char *want)
{
	struct mutant m;
	bool found = false;

	mutate(&m, old, new);
	for (size_t i = 0; i < m.p.n; i++)
		found = found || (m.p.items[i].line == m.line && strstr(m.p.items[i].text, want));
	if (m.rc != 0 || !found) {
		problems_print(&m.p, stderr);
		fail_msg("%s: rc %d; wanted a warning on line %d: %s", new, m.rc, m.line, want);
	}
	mutant_fini(&m);
}

static void unknown_name_is_refused_with_the_nearest_one(void **state)
{
	(void)state;
	assert_mistake("paper_copies = 3", "paper_copys = 3", "did you mean \"paper_copies\"");
	assert_mistake("unit_word = \"名\"; subject",
		"colour = \"red\"; unit_word = \"名\"; subject", "unknown name \"colour\"");
	assert_mistake("to = [ \"region\" ]", "audience = 1; to = [ \"region\" ]",
		"unknown name \"audience\"");
}

static void unquoted_codes_phones_dates_are_shown_in_quotes(void **state)
{
	(void)state;
	assert_mistake("code = \"150781\"", "code = 150781", "write code = \"150781\"");
	assert_mistake("carries = [ \"150703\" ]", "carries = [ 150703 ]", "put quotes around");
	assert_mistake(
		"telephone = \"0471-6962044\"", "telephone = 0471-6962044", "\"0471-6962044\"");
	assert_mistake("telephone = \"0471-6962044\"", "telephone = 04716962044", "quotes");
	assert_mistake("start = \"2022-06-20\"", "start = 2022-06-20", "\"2022-06-20\"");
	assert_mistake("at = \"15:00\"", "at = 15:00", "\"15:00\"");
	assert_mistake(
		"due = \"2022-08-10T18:00\"", "due = 2022-08-10T18:00", "\"2022-08-10T18:00\"");
}

static void full_width_signs_are_named_with_their_half_width_form(void **state)
{
	(void)state;
	assert_mistake("paper_copies = 3;", "paper_copies = 3；", "；");
	assert_mistake("unit_word = \"名\"", "unit_word = “名”", "“");
	assert_mistake("paper_copies = 3", "paper_copies ＝ 3", "＝");
	assert_mistake("min = 2; max = 4", "min = 2， max = 4", "，");
	assert_mistake("phases = (", "phases = （", "（");
}

static void quotas_that_contradict_themselves_are_refused(void **state)
{
	(void)state;
	assert_mistake("min = 2; max = 4", "min = 5; max = 4", "min 5 is greater than max 4");
	assert_mistake("final = 20", "final = 60", "at most 54");
	assert_mistake("final = 20", "final = \"20\"", "whole number without quotes");
	assert_mistake("min = 2; max = 4", "min = -1; max = 4", "out of range");
}

static void phase_that_ends_before_it_starts_is_refused(void **state)
{
	(void)state;
	assert_mistake("start = \"2022-10-01\"; end = \"2022-10-10\"",
		"start = \"2022-10-11\"; end = \"2022-10-10\"", "is after end");
	assert_mistake("end = \"2022-10-10\"", "end = \"2022-10-32\"", "not a day of the calendar");
}

static void names_of_what_does_not_exist_are_refused(void **state)
{
	(void)state;
	assert_mistake("lead = \"civil\"; co_lead", "lead = \"women\"; co_lead",
		"write one of civil, civility");
	assert_mistake("phase = \"precheck\"; tier = \"street\"",
		"phase = \"prechek\"; tier = \"street\"", "no phase \"prechek\"");
	assert_mistake(
		"\"league.duty\"", "\"league.nobody\"", "neither a department nor deputy or duty");
	assert_mistake("\"league.duty\"", "\"province\"", "no tier \"province\"");
	assert_mistake("deadline = \"submit\"; offset_workdays = -5",
		"deadline = \"sumbit\"; offset_workdays = -5", "no deadline \"sumbit\"");
	assert_mistake("{ code = \"152501\"", "{ code = \"159999\"", "no unit 159999");
	assert_mistake("\"league_report\", \"form_1\"", "\"league_report\", \"form_9\"",
		"no material \"form_9\"");
}

static void duplicate_ids_are_refused(void **state)
{
	(void)state;
	assert_mistake("{ id = \"R14\";", "{ id = \"R13\";", "reminder \"R13\" stands here twice");
	assert_mistake(
		"id = \"final_notice\"", "id = \"street_notice\"", "notice \"street_notice\"");
	assert_mistake("electronic   = true;", "electronic = true; electronic = false;", "twice");
}

static void notice_that_cannot_fit_its_phase_is_refused(void **state)
{
	(void)state;
	assert_mistake("must_end_by = \"2022-08-19\"", "must_end_by = \"2022-08-12\"",
		"5 working days do not fit");
	assert_mistake("workdays = 5; exact = false; must_end_by = \"2022-08-19\"",
		"workdays = 9; exact = false; must_end_by = \"2022-08-19\"",
		"let the phase start by 2022-08-09");
	assert_mistake("must_end_by = \"2022-08-19\"", "must_end_by = \"2022-08-25\"",
		"outside phase precheck");
}

static void notice_that_fits_one_counting_only_is_warned_about(void **state)
{
	(void)state;
	assert_warning("workdays = 5; exact = false; must_end_by = \"2022-08-19\"",
		"workdays = 8; exact = false; must_end_by = \"2022-08-19\"",
		"only if the posting day counts");
}

static void last_days_on_rest_days_are_warned_about(void **state)
{
	(void)state;
	assert_warning("must_end_by = \"2022-08-19\"", "must_end_by = \"2022-08-20\"",
		"not a working day");
	assert_warning("due = \"2022-08-20T18:00\"; remind_as_if = \"2022-08-19T18:00\";",
		"due = \"2022-08-20T18:00\";", "not a working day");
}

static void missing_calendar_year_is_named(void **state)
{
	(void)state;
	assert_mistake("end = \"2022-10-10\"", "end = \"2027-10-10\"", "no rows for 2027");
}

static void unreachable_reminders_are_refused(void **state)
{
	(void)state;
	assert_mistake("id = \"R02\"; on = \"2022-06-22\"; at = \"09:00\"",
		"id = \"R02\"; on = \"2022-06-22\"; at = \"21:30\"", "unreachable at 21:30");
	assert_mistake("id = \"R02\"; on = \"2022-06-22\"", "id = \"R02\"; on = \"2021-06-22\"",
		"unreachable");
	assert_mistake(
		"on = \"2022-08-20\"; rest_day_ok = true;", "on = \"2022-08-20\";", "rest day");
	assert_mistake("every = \"monday\"; from = \"2022-07-04\"; until = \"2022-08-08\"",
		"every = \"monday\"; from = \"2022-07-05\"; until = \"2022-07-08\"", "no such day");
	assert_mistake("when = \"acks_missing > 0\"; heading = \"G-ACK-AGAIN\"",
		"when = \"acks_missing < 0\"; heading = \"G-ACK-AGAIN\"",
		"no counter is ever below 0");
}

static void conditions_that_are_not_understood_are_refused(void **state)
{
	(void)state;
	assert_mistake("when = \"acks_missing > 0\"; heading = \"G-ACK",
		"when = \"ack_missing > 0\"; heading = \"G-ACK", "unknown counter \"ack_missing\"");
	assert_mistake("when = \"acks_missing > 0\"; heading = \"G-ACK",
		"when = \"acks_missing\"; heading = \"G-ACK", "comparison is missing");
	assert_mistake("worker.have == 0", "wrker.have == 0", "no category \"wrker\"");
	assert_mistake("worker.have == 0 ||", "worker.have == 0 &&", "join comparisons with ||");
}

static void reminder_without_day_or_heading_is_refused(void **state)
{
	(void)state;
	assert_mistake("id = \"R01\"; on = \"2022-06-20\";", "id = \"R01\";", "says no day");
	assert_mistake_below("heading = \"G-KICKOFF\";", "", -1, "\"heading\" is missing");
	assert_mistake("id = \"R34\"; on = \"2022-08-20\"",
		"id = \"R34\"; phase = \"select\"; on = \"2022-08-20\"", "has both");
}

static void reminder_by_sms_names_its_text_and_goes_to_no_list(void **state)
{
	(void)state;
	assert_mistake_below("when = \"need > 0 || over > 0\"; sms = \"S-BELOW\"",
		"when = \"need > 0 || over > 0\"", -2, "\"sms\" is missing");
	assert_mistake("id = \"R14over\";", "id = \"R14over\"; channel = \"sms\"; sms = \"S-D1\";",
		"list of all units");
}

/* docs/campaign.md says which texts a reminder has: the same as the definition, and nothing else. */
static void table_of_texts_is_that_of_the_definition(void **state)
{
	const char *table;
	struct buf doc;
	size_t n = 0, rows = 0;

	(void)state;
	buf_init(&doc, 1024 * 1024);
	assert_int_equal(file_read("docs/campaign.md", &doc, NULL), 0);
	table = strstr(buf_str(&doc), "| reminder | heading | line | SMS |\n|---|---|---|---|\n");
	assert_non_null(table);
	for (size_t i = 0; i < c->n_reminders; i++) {
		const struct def_reminder *r = &c->reminders[i];
		char row[200];

		if (!r->supported)
			continue;
		snprintf(row, sizeof(row), "\n| %s | %s | %s | %s |\n", r->id,
			r->heading[0] ? r->heading : "-",
			r->line_template[0] ? r->line_template : "-", r->sms[0] ? r->sms : "-");
		if (!strstr(table, row))
			fail_msg("docs/campaign.md lacks%s", row);
		n++;
	}
	for (const char *s = strchr(table, '\n'); s && s[1] == '|'; s = strchr(s + 1, '\n'))
		rows++;
	assert_int_equal(rows, n + 1); /* and the line below the head */
	buf_fini(&doc);
}

static void words_that_stand_for_two_categories_are_refused(void **state)
{
	(void)state;
	assert_mistake("\"好邻居\", \"邻居\", \"家庭\" ]", "\"好邻居\", \"邻居\", \"工作者\" ]",
		"stands for both");
	assert_mistake("reply_key = \"households\"", "reply_key = \"workers\"", "same reply_key");
}

static void all_mistakes_of_a_file_are_reported_at_once(void **state)
{
	struct mutant m;

	(void)state;
	mutate(&m, "min = 2; max = 4; } );\n",
		"min = 5; max = 4; colour = 1; } );\n  shade = 2;\n");
	assert_int_equal(m.p.n_errors, 3);
	mutant_fini(&m);
}

static void include_of_other_files_is_refused(void **state)
{
	(void)state;
	assert_mistake("paper_copies = 3;", "@include \"/etc/passwd\"", "@include");
}

static void byte_order_mark_is_accepted(void **state)
{
	struct mutant m;

	(void)state;
	mutate(&m, "# 内民政发", "\xef\xbb\xbf# 内民政发");
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.p.n_errors, 0);
	assert_string_equal(m.c->id, "nm-2022-63");
	mutant_fini(&m);
}

static void other_encodings_are_refused(void **state)
{
	struct mutant m;

	(void)state;
	mutate(&m, "name = \"盟市\"", "name = \"\xc3\xcb\xca\xd0\"");
	assert_int_equal(m.rc, SW_ECONF);
	assert_non_null(strstr(m.p.items[0].text, "UTF-8"));
	mutant_fini(&m);
}

static void digest_changes_with_any_byte(void **state)
{
	struct mutant m;

	(void)state;
	mutate(&m, "paper_copies = 3;", "paper_copies = 3; ");
	assert_int_equal(m.rc, 0);
	assert_int_equal(strlen(m.c->digest), 64);
	assert_string_not_equal(m.c->digest, c->digest);
	mutant_fini(&m);
}

static void quota_of_one_unit_goes_before_that_of_its_tier(void **state)
{
	struct mutant m;
	int min, max;

	(void)state;
	mutate(&m, "{ from = \"league\"; min = 2; max = 4; }",
		"{ from = \"league\"; min = 2; max = 4; per_unit = ( { code = \"150300\"; min = 1; "
		"max = 2; } ); }");
	assert_int_equal(m.rc, 0);
	assert_true(campaign_quota(m.c, 0, units_find(m.c->units, "150300"), &min, &max));
	assert_int_equal(min, 1);
	assert_int_equal(max, 2);
	assert_true(campaign_quota(m.c, 0, units_find(m.c->units, "150100"), &min, &max));
	assert_int_equal(max, 4);
	mutant_fini(&m);
}

static void offset_in_days_moves_to_the_working_day_before(void **state)
{
	struct mutant m;
	int64_t due[DEF_MAX_OCCASIONS];
	char text[40];

	(void)state;
	/* Seven days before 08-20 is a Saturday. */
	mutate(&m, "deadline = \"submit\"; offset_workdays = -5",
		"deadline = \"submit\"; offset_days = -6");
	assert_int_equal(m.rc, 0);
	assert_int_equal(campaign_occasions(m.c, campaign_find_reminder(m.c, "R31"), due), 1);
	assert_string_equal(
		civil_format_ms(due[0], text, sizeof(text)), "2022-08-12T09:00:00+08:00");
	mutant_fini(&m);
}

static void missing_file_is_one_error(void **state)
{
	struct problems p;
	struct campaign *none = NULL;

	(void)state;
	problems_init(&p);
	assert_int_equal(campaign_load("/nonexistent/x.conf", &p, &none), SW_ECONF);
	assert_int_equal(p.n_errors, 1);
	assert_null(none);
	problems_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_are_those_of_the_notice),
		cmocka_unit_test(carried_county_has_no_county_quota),
		cmocka_unit_test(caps_follow_what_counties_can_put_forward),
		cmocka_unit_test(fourteen_units_report_in_administrative_order),
		cmocka_unit_test(last_day_of_a_phase_is_the_first_of_the_next),
		cmocka_unit_test(deadline_on_saturday_reminds_as_if_friday),
		cmocka_unit_test(households_need_no_discipline_letter),
		cmocka_unit_test(words_stand_longest_first),
		cmocka_unit_test(reminders_fall_on_the_days_of_the_calendar),
		cmocka_unit_test(weekly_reminder_on_a_holiday_moves_to_the_next_working_day),
		cmocka_unit_test(event_reminders_have_no_day),
		cmocka_unit_test(what_is_not_carried_out_is_said_once_each),
		cmocka_unit_test(later_reminders_are_more_urgent),
		cmocka_unit_test(conditions_name_counter_category_and_bound),
		cmocka_unit_test(targets_name_tier_and_role),
		cmocka_unit_test(unknown_name_is_refused_with_the_nearest_one),
		cmocka_unit_test(unquoted_codes_phones_dates_are_shown_in_quotes),
		cmocka_unit_test(full_width_signs_are_named_with_their_half_width_form),
		cmocka_unit_test(quotas_that_contradict_themselves_are_refused),
		cmocka_unit_test(phase_that_ends_before_it_starts_is_refused),
		cmocka_unit_test(names_of_what_does_not_exist_are_refused),
		cmocka_unit_test(duplicate_ids_are_refused),
		cmocka_unit_test(notice_that_cannot_fit_its_phase_is_refused),
		cmocka_unit_test(notice_that_fits_one_counting_only_is_warned_about),
		cmocka_unit_test(last_days_on_rest_days_are_warned_about),
		cmocka_unit_test(missing_calendar_year_is_named),
		cmocka_unit_test(unreachable_reminders_are_refused),
		cmocka_unit_test(conditions_that_are_not_understood_are_refused),
		cmocka_unit_test(reminder_without_day_or_heading_is_refused),
		cmocka_unit_test(reminder_by_sms_names_its_text_and_goes_to_no_list),
		cmocka_unit_test(table_of_texts_is_that_of_the_definition),
		cmocka_unit_test(words_that_stand_for_two_categories_are_refused),
		cmocka_unit_test(all_mistakes_of_a_file_are_reported_at_once),
		cmocka_unit_test(include_of_other_files_is_refused),
		cmocka_unit_test(byte_order_mark_is_accepted),
		cmocka_unit_test(other_encodings_are_refused),
		cmocka_unit_test(digest_changes_with_any_byte),
		cmocka_unit_test(quota_of_one_unit_goes_before_that_of_its_tier),
		cmocka_unit_test(offset_in_days_moves_to_the_working_day_before),
		cmocka_unit_test(missing_file_is_one_error),
	};

	return cmocka_run_group_tests(tests, load_shipped, free_shipped);
}
