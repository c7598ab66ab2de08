/*
 * tests/unit/test_plan.c: which reminders go out, to whom, with which words; and which never do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "notifier/campaign/plan.h"
#include "tests/unit/stage.h"

enum { MAX = 256 };

static struct test_stage s;
static int league, other, region; /* 呼和浩特市, 包头市, 内蒙古自治区 */
static int civil, civility;
static struct plan_decision d; /* of the last decide() */

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	other = test_stage_unit(&s, "150200");
	region = test_stage_unit(&s, "150000");
	civil = campaign_find_department(s.c, "civil");
	civility = campaign_find_department(s.c, "civility");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	test_stage_blank(&s);
	return 0;
}

static int end(void **state)
{
	(void)state;
	plan_decision_fini(&d);
	return 0;
}

/* Decides POINTS at NOW into d. */
static void decide_points(const char *now, const struct plan_point *const *points, size_t n)
{
	struct plan_input in = test_stage_input(&s, now);
	struct sw_err err = {0};

	plan_decision_fini(&d);
	if (plan_decide(&in, points, n, &d, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(d.n_outcomes, n);
}

/* All points due at DUE. */
static void decide(const char *now, const char *due)
{
	const struct plan_point *points[MAX];

	decide_points(now, points, test_stage_points(&s, due, points, MAX));
}

/* The points of reminder ID about UNIT due at DUE. */
static const struct plan_point *point_of(const char *id)
{
	const struct plan_point *p = plan_find(s.plan, id);

	if (!p)
		fail_msg("there is no point %s", id);
	return p;
}

static enum plan_reason reason_of(const char *id)
{
	for (size_t i = 0; i < d.n_outcomes; i++) {
		if (!strcmp(d.outcomes[i].point->id, id))
			return d.outcomes[i].reason;
	}
	fail_msg("%s was not decided", id);
	return PLAN_SEND;
}

/* The message to KEY ("150100", a contact's id); NULL: none. */
static const struct plan_message *message_to(const char *key)
{
	for (size_t i = 0; i < d.n_messages; i++) {
		if (!strcmp(d.messages[i].to.key, key))
			return &d.messages[i];
	}
	return NULL;
}

static const char *text_to(const char *key)
{
	const struct plan_message *m = message_to(key);

	if (!m)
		fail_msg("there is no message to %s", key);
	return m ? m->text : "";
}

/* ---- the points ---- */

static void points_rise_by_time_then_administrative_order_then_urgency(void **state)
{
	const struct plan_point *points[MAX];
	size_t n = test_stage_points(&s, "2022-08-08T09:00", points, MAX);

	(void)state;
	for (size_t i = 1; i < s.plan->n; i++)
		assert_true(s.plan->points[i - 1].due_ms <= s.plan->points[i].due_ms);
	assert_int_equal(n, 28); /* R13 and R05 of 14 units */
	for (size_t i = 0; i < n; i++)
		assert_int_equal(points[i]->unit, s.c->units->order[i / 2]);
	assert_string_equal(points[0]->id, "R13/150100/20220808T0900");
	assert_string_equal(points[1]->id, "R05/150100/20220808T0900");
}

static void point_is_found_by_its_id_and_no_other_text_is(void **state)
{
	static const char *const wrong[] = {"", "R05", "R05/150100", "R05/150100/20220808T0901",
		"R05/150102/20220808T0900", "R99/150100/20220808T0900", "R05/150100/20220808T09000",
		"R05/150100/2022x808T0900", "/20220808T0900"};

	(void)state;
	for (size_t i = 0; i < s.plan->n; i++)
		assert_ptr_equal(plan_find(s.plan, s.plan->points[i].id), &s.plan->points[i]);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_null(plan_find(s.plan, wrong[i]));
}

static void only_reminders_that_can_be_carried_out_are_planned(void **state)
{
	(void)state;
	for (size_t i = 0; i < s.plan->n; i++) {
		const struct plan_point *p = &s.plan->points[i];

		assert_true(s.c->reminders[p->reminder].supported);
		assert_int_equal(campaign_tier_of(s.c, p->unit), s.c->reporting_tier);
	}
	assert_null(plan_find(s.plan, "R15/150100/20220810T0900")); /* notices are not known yet */
}

/* ---- conditions ---- */

static void reminder_goes_only_to_units_that_owe(void **state)
{
	(void)state;
	test_stage_report(&s, league, 2, 5);
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_null(message_to("150100"));
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_CONDITION_FALSE);
	assert_int_equal(reason_of("R05/150200/20220711T0900"), PLAN_SEND);
	assert_int_equal(d.n_messages, 13);
}

static void reply_pauses_the_item_until_its_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++)
		s.facts[league].counts[i].paused_until_ms = test_ms("2022-07-11T09:00:01");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_PAUSED);
	for (size_t i = 0; i < 2; i++)
		s.facts[league].counts[i].paused_until_ms = test_ms("2022-07-11T09:00");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_SEND);
}

static void pause_of_one_category_leaves_the_other(void **state)
{
	(void)state;
	s.facts[league].counts[0].paused_until_ms = test_ms("2022-07-12T09:00");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_SEND);
}

static void snoozed_unit_is_left_alone_until_then(void **state)
{
	(void)state;
	s.facts[league].snoozed_until_ms = test_ms("2022-07-12T09:00");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_SNOOZED);
	s.facts[league].snoozed_until_ms = test_ms("2022-07-11T09:00");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_SEND);
}

static void sms_waits_for_its_channel_unless_nothing_is_owed(void **state)
{
	(void)state;
	test_stage_report(&s, other, 2, 5);
	decide("2022-08-10T15:00", "2022-08-10T15:00");
	assert_int_equal(reason_of("R14pm/150100/20220810T1500"), PLAN_NO_CHANNEL);
	assert_int_equal(reason_of("R14pm/150200/20220810T1500"), PLAN_CONDITION_FALSE);
	assert_int_equal(d.n_messages, 0);
}

/* ---- hard limits ---- */

static void nothing_goes_out_at_night_or_on_a_rest_day(void **state)
{
	const struct plan_point *p = point_of("R05/150100/20220711T0900");
	static const struct {
		const char *now;
		enum plan_reason reason;
	} cases[] = {
		{"2022-07-11T09:00", PLAN_SEND},
		{"2022-07-11T19:51", PLAN_SEND}, /* 呼和浩特市 goes out within 8 minutes */
		{"2022-07-11T20:00", PLAN_QUIET_HOURS}, {"2022-07-12T07:59", PLAN_QUIET_HOURS},
		{"2022-07-12T08:00", PLAN_SEND},
		{"2022-07-16T10:00", PLAN_REST_DAY}, /* a Saturday */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		decide_points(cases[i].now, &p, 1);
		assert_int_equal(reason_of(p->id), cases[i].reason);
		for (size_t k = 0; k < d.n_messages; k++)
			assert_true(civil_minute_of_ms(d.messages[k].due_ms) < 20 * 60);
	}
}

static void reminder_of_the_deadline_may_go_out_on_a_saturday(void **state)
{
	int k = test_stage_contact(&s, league, civil, ROLE_DUTY, "赵六", "zhaoliu");

	(void)state;
	decide("2022-08-20T09:00", "2022-08-20T09:00");
	assert_int_equal(reason_of("R34/150100/20220820T0900"), PLAN_SEND);
	assert_string_equal(message_to(s.contacts.items[k].id)->to.channel, "app");
	assert_null(message_to("150100")); /* the group is left in peace */
}

static void group_gets_one_message_a_day(void **state)
{
	(void)state;
	s.last_group_ms[league] = test_ms("2022-07-11T08:30");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_CAPPED);
	assert_int_equal(reason_of("R05/150200/20220711T0900"), PLAN_SEND);
	s.last_group_ms[league] = test_ms("2022-07-08T09:00");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	assert_int_equal(reason_of("R05/150100/20220711T0900"), PLAN_SEND);
}

static void incomplete_unit_is_told_again_on_the_day_of_the_deadline(void **state)
{
	(void)state;
	s.last_group_ms[league] = test_ms("2022-08-10T08:30");
	decide("2022-08-10T09:00", "2022-08-10T09:00");
	assert_int_equal(reason_of("R14/150100/20220810T0900"), PLAN_SEND);
	s.last_group_ms[league] = test_ms("2022-08-19T08:30");
	decide("2022-08-19T09:00", "2022-08-19T09:00");
	assert_int_equal(reason_of("R33/150100/20220819T0900"), PLAN_SEND);
}

static void cap_of_a_group_does_not_hold_back_the_deputy(void **state)
{
	int k = test_stage_contact(&s, league, -1, ROLE_DEPUTY, "钱七", "qianqi");

	(void)state;
	s.last_group_ms[league] = test_ms("2022-08-09T08:30");
	decide("2022-08-09T09:00", "2022-08-09T09:00");
	assert_null(message_to("150100"));
	assert_non_null(message_to(s.contacts.items[k].id));
	assert_int_equal(reason_of("R13dep/150100/20220809T0900"), PLAN_SEND);
	assert_int_equal(reason_of("R13/150100/20220809T0900"), PLAN_CAPPED);
}

/* ---- merging and lateness ---- */

static void points_of_one_group_become_one_message_under_the_most_urgent_heading(void **state)
{
	const struct plan_message *m;
	const char *first;

	(void)state;
	decide("2022-08-08T09:00", "2022-08-08T09:00");
	assert_int_equal(d.n_messages, 14);
	m = message_to("150100");
	assert_int_equal(m->n_points, 2);
	assert_string_equal(m->points[0]->id, "R13/150100/20220808T0900");
	assert_true(text_starts(m->text, "### 推荐名单提醒：还有2天\n"));
	/* Both have the same line: it stands once. */
	first = strstr(m->text, "**呼和浩特市**");
	assert_non_null(first);
	assert_null(strstr(first + 1, "**呼和浩特市**"));
	assert_string_equal(m->job, "rm/nm-2022-63/150100/robot/20220808/0900");
}

static void newest_late_point_of_a_rule_joins_the_message_of_now(void **state)
{
	const struct plan_point *points[] = {point_of("R05/150100/20220704T0900"),
		point_of("R05/150100/20220711T0900"), point_of("R05/150100/20220718T0900")};

	(void)state;
	decide_points("2022-07-19T10:30:40", points, 3);
	assert_int_equal(reason_of(points[0]->id), PLAN_MISSED);
	assert_int_equal(reason_of(points[1]->id), PLAN_MISSED);
	assert_int_equal(reason_of(points[2]->id), PLAN_SEND);
	assert_int_equal(d.n_messages, 1);
	assert_int_equal(d.messages[0].nominal_ms, test_ms("2022-07-19T10:30"));
	assert_string_equal(d.messages[0].job, "rm/nm-2022-63/150100/robot/20220719/1030");
	assert_non_null(strstr(d.messages[0].text, "7月19日（星期二）"));
}

static void late_point_gives_way_to_the_one_that_is_due(void **state)
{
	const struct plan_point *points[] = {
		point_of("R05/150100/20220711T0900"), point_of("R05/150100/20220718T0900")};

	(void)state;
	decide_points("2022-07-18T09:01", points, 2);
	assert_int_equal(reason_of(points[0]->id), PLAN_MISSED);
	assert_int_equal(d.messages[0].nominal_ms, test_ms("2022-07-18T09:00"));
}

static void late_point_is_dropped_when_its_condition_holds_no_more(void **state)
{
	const struct plan_point *p = point_of("R05/150100/20220718T0900");

	(void)state;
	test_stage_report(&s, league, 2, 5);
	decide_points("2022-07-19T10:30", &p, 1);
	assert_int_equal(reason_of(p->id), PLAN_CONDITION_FALSE);
	assert_int_equal(d.n_messages, 0);
}

static void two_hours_are_not_late(void **state)
{
	const struct plan_point *p = point_of("R05/150100/20220718T0900");

	(void)state;
	decide_points("2022-07-18T11:00:59", &p, 1);
	assert_int_equal(d.messages[0].nominal_ms, test_ms("2022-07-18T09:00"));
	decide_points("2022-07-18T11:01", &p, 1);
	assert_int_equal(d.messages[0].nominal_ms, test_ms("2022-07-18T11:01"));
}

static void late_text_of_a_deadline_day_stays_true(void **state)
{
	const struct plan_point *p = point_of("R14/150100/20220810T0900");

	(void)state;
	decide_points("2022-08-11T10:00", &p, 1);
	assert_int_equal(reason_of(p->id), PLAN_SEND);
	assert_null(strstr(d.messages[0].text, "今天"));
	assert_true(text_starts(d.messages[0].text, "### 推荐名单已截止\n"));
}

/* ---- recipients ---- */

static void region_gets_one_digest_in_administrative_order(void **state)
{
	const struct plan_message *m;
	const char *at;

	(void)state;
	test_stage_report(&s, other, 2, 5);
	decide("2022-08-10T18:00", "2022-08-10T18:00");
	assert_int_equal(d.n_messages, 1);
	m = &d.messages[0];
	assert_int_equal(m->unit, region);
	assert_string_equal(m->to.key, "150000");
	assert_string_equal(m->to.channel, "robot");
	assert_int_equal(m->n_points, 13);
	assert_non_null(strstr(m->text, "以下13个单位"));
	assert_null(strstr(m->text, "包头市"));
	at = m->text;
	for (size_t i = 0; i < s.c->units->n_reporting; i++) {
		int unit = s.c->units->order[i];

		if (unit == other)
			continue;
		at = strstr(at, s.c->units->items[unit].name);
		assert_non_null(at);
	}
}

static void digest_names_whom_to_telephone(void **state)
{
	(void)state;
	test_stage_contact(&s, league, civility, ROLE_DEPARTMENT, "钱七", "");
	test_stage_contact(&s, league, civil, ROLE_DEPARTMENT, "<@all>", "zhaoliu");
	test_stage_contact(&s, league, -1, ROLE_DEPUTY, "孙八", "sunba");
	decide("2022-06-24T09:00", "2022-06-24T09:00");
	assert_non_null(strstr(text_to("150000"), "民政局 ＜＠all＞、文明办 钱七\n"));
	assert_null(strstr(text_to("150000"), "孙八"));
	assert_non_null(
		strstr(text_to("150000"), "> 2 包头市　未回复“收到”　已提醒0次　未登记联系人\n"));
}

static void deputies_and_duty_get_their_own_message(void **state)
{
	int a = test_stage_contact(&s, league, -1, ROLE_DEPUTY, "钱七", "qianqi");
	int b = test_stage_contact(&s, league, -1, ROLE_DEPUTY, "孙八", "sunba");
	const struct plan_message *m;
	char job[96];

	(void)state;
	test_stage_contact(&s, league, -1, ROLE_DEPUTY, "周九", "");
	decide("2022-08-19T09:00", "2022-08-19T09:00");
	assert_int_equal(d.n_messages, 16); /* 14 groups and two deputies */
	m = message_to(s.contacts.items[a].id);
	assert_non_null(m);
	assert_non_null(message_to(s.contacts.items[b].id));
	assert_false(m->markdown);
	assert_int_equal(m->to.contact, a);
	assert_int_equal(m->n_mentions, 0);
	assert_null(strstr(m->text, "**"));
	assert_null(strstr(m->text, "<font"));
	snprintf(job, sizeof(job), "rm/nm-2022-63/150100/app/20220819/0900/%s",
		s.contacts.items[a].id);
	assert_string_equal(m->job, job);
	assert_int_equal(reason_of("R33dep/150200/20220819T0900"), PLAN_NO_RECIPIENT);
}

static void without_duty_the_leading_department_is_told(void **state)
{
	int b, a = test_stage_contact(&s, league, civility, ROLE_DEPARTMENT, "钱七", "qianqi");

	(void)state;
	decide("2022-08-20T09:00", "2022-08-20T09:00");
	assert_int_equal(d.n_messages, 1);
	assert_int_equal(d.messages[0].to.contact, a);
	b = test_stage_contact(&s, league, civil, ROLE_DEPARTMENT, "赵六", "zhaoliu");
	decide("2022-08-20T09:00", "2022-08-20T09:00");
	assert_int_equal(d.n_messages, 1);
	assert_int_equal(d.messages[0].to.contact, b);
	assert_int_equal(reason_of("R34/150200/20220820T0900"), PLAN_NO_RECIPIENT);
}

static void contacts_are_mentioned_with_the_leading_department_first(void **state)
{
	int a = test_stage_contact(&s, league, civil, ROLE_DEPARTMENT, "赵六", "zhaoliu");
	int b = test_stage_contact(&s, league, civility, ROLE_DEPARTMENT, "钱七", "qianqi");
	const struct plan_message *m;

	(void)state;
	test_stage_contact(&s, league, civil, ROLE_DEPARTMENT, "孙八", "");
	test_stage_contact(&s, league, civil, ROLE_DEPUTY, "周九", "zhoujiu");
	test_stage_contact(&s, other, civil, ROLE_DEPARTMENT, "吴十", "wushi");
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	m = message_to("150100");
	assert_int_equal(m->n_mentions, 2);
	assert_int_equal(m->mentions[0], a);
	assert_int_equal(m->mentions[1], b);
	test_stage_report(&s, league, 2, 4); /* only households are missing: 文明办 leads */
	decide("2022-07-11T09:00", "2022-07-11T09:00");
	m = message_to("150100");
	assert_int_equal(m->mentions[0], b);
	assert_int_equal(m->mentions[1], a);
}

/* ---- the whole campaign ---- */

/* Decides every instant in turn, as the scheduler does, and calls CHECK for each message. */
static void play(void (*check)(const struct plan_message *m))
{
	for (size_t i = 0; i < s.plan->n;) {
		const struct plan_point *points[MAX];
		struct plan_input in = test_stage_input(&s, "2022-06-20T09:00");
		struct sw_err err = {0};
		size_t n = 0;

		in.now_ms = s.plan->points[i].due_ms;
		while (i < s.plan->n && s.plan->points[i].due_ms == in.now_ms && n < MAX)
			points[n++] = &s.plan->points[i++];
		plan_decision_fini(&d);
		if (plan_decide(&in, points, n, &d, &err) < 0)
			fail_msg("%s", err.text);
		for (size_t k = 0; k < d.n_messages; k++) {
			const struct plan_message *m = &d.messages[k];

			check(m);
			if (m->to.group_unit >= 0)
				s.last_group_ms[m->to.group_unit] = m->nominal_ms;
		}
	}
}

static void add_people(void)
{
	for (size_t i = 0; i < s.c->units->n_reporting; i++) {
		int unit = s.c->units->order[i];
		char userid[16];

		snprintf(userid, sizeof(userid), "a%u", (unsigned)i % 100);
		test_stage_contact(&s, unit, civil, ROLE_DEPARTMENT, "赵六", userid);
		snprintf(userid, sizeof(userid), "d%u", (unsigned)i % 100);
		test_stage_contact(&s, unit, -1, ROLE_DEPUTY, "钱七", userid);
		snprintf(userid, sizeof(userid), "n%u", (unsigned)i % 100);
		test_stage_contact(&s, unit, -1, ROLE_DUTY, "孙八", userid);
	}
}

static size_t n_group[4096], n_person[4096];

static void check_hours(const struct plan_message *m)
{
	struct civil day = civil_of_ms(m->due_ms);
	int minute = civil_minute_of_ms(m->due_ms);
	bool workday = false;

	assert_true(minute >= 8 * 60 && minute < 20 * 60);
	assert_int_equal(calendar_is_workday(s.c->calendar, day, &workday, NULL), 0);
	if (!workday)
		assert_string_equal(s.c->reminders[m->points[0]->reminder].id, "R34");
	assert_true(m->due_ms >= m->nominal_ms && m->due_ms < m->nominal_ms + 8 * 60 * 1000);
	assert_int_equal(m->expires_ms, civil_at_ms(day, 20 * 60));
	assert_true(strlen(m->text) <= (m->markdown ? 4096 : 2048));
}

static void nothing_is_ever_sent_at_night_or_on_a_rest_day_but_for_the_deadline(void **state)
{
	(void)state;
	add_people();
	play(check_hours);
}

static void check_one_a_day(const struct plan_message *m)
{
	int64_t last = m->to.group_unit >= 0 ? s.last_group_ms[m->to.group_unit] : 0;

	if (!last || civil_cmp(civil_of_ms(last), civil_of_ms(m->nominal_ms)) != 0)
		return;
	fail_msg("%s is the second of its day", m->job);
}

static void group_never_gets_two_messages_on_a_day_that_is_no_deadline(void **state)
{
	(void)state;
	add_people();
	play(check_one_a_day);
}

static void count(const struct plan_message *m)
{
	(*(m->to.group_unit >= 0 ? &n_group[m->unit] : &n_person[m->unit]))++;
}

static void equal_units_get_equally_many_messages(void **state)
{
	(void)state;
	memset(n_group, 0, sizeof(n_group));
	memset(n_person, 0, sizeof(n_person));
	add_people();
	play(count);
	assert_true(n_group[league] > 0 && n_person[league] > 0);
	for (size_t i = 0; i < s.c->units->n_reporting; i++) {
		assert_int_equal(n_group[s.c->units->order[i]], n_group[league]);
		assert_int_equal(n_person[s.c->units->order[i]], n_person[league]);
	}
}

/* What the scheduler does with each message just before it is handed over. */
static void check_again(const struct plan_message *m)
{
	struct plan_input in = test_stage_input(&s, "2022-06-20T09:00");
	struct plan_decision again = {0};
	const struct plan_message *same = NULL;

	in.now_ms = m->nominal_ms;
	in.last_group_ms = NULL;
	assert_int_equal(plan_decide(&in, m->points, m->n_points, &again, NULL), 0);
	for (size_t i = 0; i < again.n_messages; i++) {
		if (!strcmp(again.messages[i].to.channel, m->to.channel) &&
			!strcmp(again.messages[i].to.key, m->to.key))
			same = &again.messages[i];
	}
	assert_non_null(same);
	assert_string_equal(same->text, m->text);
	assert_string_equal(same->job, m->job);
	assert_int_equal(same->due_ms, m->due_ms);
	plan_decision_fini(&again);
}

static void deciding_a_message_again_gives_the_same_text(void **state)
{
	const struct plan_point *late = point_of("R05/150100/20220718T0900");

	(void)state;
	add_people();
	play(check_again);
	decide_points("2022-07-18T11:00:59", &late, 1);
	check_again(&d.messages[0]);
	decide_points("2022-07-18T11:01:59", &late, 1);
	check_again(&d.messages[0]);
}

static void changed_facts_change_or_cancel_a_message_that_is_decided_again(void **state)
{
	const struct plan_point *p = point_of("R05/150100/20220718T0900");
	char *before;

	(void)state;
	decide_points("2022-07-18T09:00", &p, 1);
	before = text_dup(d.messages[0].text);
	test_stage_report(&s, league, 1, 4);
	decide_points("2022-07-18T09:00", &p, 1);
	assert_string_not_equal(d.messages[0].text, before);
	test_stage_report(&s, league, 2, 5);
	decide_points("2022-07-18T09:00", &p, 1);
	assert_int_equal(d.n_messages, 0);
	free(before);
}

static void check_own_unit_only(const struct plan_message *m)
{
	if (m->unit == region)
		return;
	for (size_t i = 0; i < s.c->units->n; i++) {
		if ((int)i != m->unit && strlen(s.c->units->items[i].name) > 6 &&
			strstr(m->text, s.c->units->items[i].name))
			fail_msg("%s speaks of %s", m->job, s.c->units->items[i].name);
	}
}

static void no_message_of_a_unit_speaks_of_another(void **state)
{
	(void)state;
	play(check_own_unit_only);
}

/* ---- words ---- */

static void kickoff_reads_as_agreed(void **state)
{
	(void)state;
	decide("2022-06-20T09:00", "2022-06-20T09:00");
	assert_string_equal(text_to("150100"),
		"### 选树宣传活动启动\n"
		"**依据**：内民政发〔2022〕63号\n"
		"**对象**：自治区最美社区工作者、和睦友爱好邻居\n"
		"\n"
		"> 名额　工作者 **2至4名**，好邻居 **5至10户**\n"
		"> 推荐　6月20日至8月10日\n"
		"> 前置审核和街道公示　8月10日至8月20日，公示不少于5个工作日\n"
		"> 报送　**8月20日（星期六）前**，纸质一式三份及电子版\n"
		"\n"
		"8月20日为星期六，请按 <font color=\"warning\">8月19日（星期五）</font> "
		"安排送达。\n"
		"街道公示建议最迟 **8月12日（星期五）** 张贴。\n"
		"\n"
		"请各单位联系人 @守望 回复“收到”。有进度时回复“@守望 已报2人6户”，查询回复“@守望 "
		"查进度”，用法回复“@守望 帮助”。");
}

static void status_shows_gaps_of_each_category(void **state)
{
	(void)state;
	test_stage_report(&s, league, 1, 12);
	decide("2022-08-05T09:00", "2022-08-05T09:00");
	assert_non_null(strstr(text_to("150100"),
		"**呼和浩特市**　工作者 1/2至4名 <font color=\"warning\">尚缺1名</font>\n"
		"　　　　　　好邻居 12/5至10户 <font color=\"warning\">超2户</font>\n"
		"超出上限：好邻居2户，请确定最终人选后更正。"));
}

/* NAME as it reads at AT. */
static void assert_var(const char *name, const char *at, const char *expected)
{
	struct plan_vars v = {0};

	assert_int_equal(plan_vars_fill(s.c, league, &s.facts[league], test_ms(at), &v), 0);
	for (size_t i = 0; i < v.n; i++) {
		if (!strcmp(v.vars[i].name, name)) {
			assert_string_equal(v.vars[i].value, expected);
			plan_vars_fini(&v);
			return;
		}
	}
	fail_msg("there is no variable %s", name);
}

static void days_left_are_counted_until_the_working_day_before_the_deadline(void **state)
{
	/* The table of the ladder: working days left including that day, to 08-19. */
	static const char *const ladder[][3] = {
		{"2022-07-21T09:00", "30", "22"},
		{"2022-07-29T09:00", "22", "16"},
		{"2022-08-05T09:00", "15", "11"},
		{"2022-08-12T09:00", "8", "6"},
		{"2022-08-12T17:30", "8", "5"}, /* after office hours the day is over */
		{"2022-08-17T09:00", "3", "3"},
		{"2022-08-19T09:00", "1", "1"},
		{"2022-08-20T09:00", "0", "0"},
		{"2022-08-22T09:00", "0", "0"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ladder); i++) {
		assert_var("days_left", ladder[i][0], ladder[i][1]);
		assert_var("workdays_left", ladder[i][0], ladder[i][2]);
	}
}

static void days_are_said_as_they_stand(void **state)
{
	(void)state;
	assert_var("submit_when", "2022-08-17T09:00", "还有3天");
	assert_var("submit_when", "2022-08-19T09:00", "今天是最后一个工作日");
	assert_var("submit_when", "2022-08-20T09:00", "今天截止");
	assert_var("submit_when", "2022-08-22T09:00", "已截止");
	assert_var("list_when", "2022-08-09T09:00", "明天截止");
	assert_var("workdays_sentence", "2022-08-05T09:00",
		"从今天起到最后一个工作日8月19日（星期五），共 **11个工作日**。");
	assert_var("workdays_sentence", "2022-08-12T09:00",
		"从今天起到最后一个工作日8月19日（星期五），只剩 **6个工作日**。");
	assert_var("workdays_sentence", "2022-08-18T09:00",
		"明天（8月19日，星期五）是最后一个工作日。");
	assert_var("workdays_sentence", "2022-08-22T09:00", "报送已于8月20日截止。");
	assert_var("deadline_sentence", "2022-08-09T09:00", "推荐名单明天（8月10日）截止。");
	assert_var("deadline_sentence", "2022-08-19T09:00", "今天（8月19日）是最后一个工作日。");
	assert_var("notice_example", "2022-08-01T09:00", "公示8月12日至8月18日");
	assert_var("notice_end", "2022-08-08T09:00", "8月12日");
	assert_var("extension_date", "2022-08-08T09:00", "8月22日");
	assert_var("date", "2022-08-05T09:00", "8月5日（星期五）");
	assert_var("time", "2022-08-12T09:00", "8月12日9:00");
}

static void gaps_and_materials_are_said_as_they_stand(void **state)
{
	struct unit_facts *f = &s.facts[league];
	static const char *const at = "2022-08-08T10:00";

	(void)state;
	assert_var("gap", at, "2名5户");
	assert_var("gap_sentence", at, "尚缺：工作者2名、好邻居5户。");
	test_stage_report(&s, league, 2, 4);
	assert_var("gap", at, "1户");
	assert_var("counts", at, "工作者 2名，好邻居 4户");
	test_stage_report(&s, league, 2, 6);
	assert_var("gap", at, "无"); /* an SMS takes no empty variable */
	assert_var("gap_sentence", at, "已报数均在名额内。");
	test_stage_report(&s, league, 5, 6);
	assert_var("gap_sentence", at, "");
	assert_var("quota_line", at, "工作者2至4名，好邻居5至10户");
	assert_var("materials_line", at, "材料　<font color=\"warning\">未登记报送</font>");
	f->submitted_paper = true;
	assert_var("materials_line", at,
		"材料　纸质已登记，电子版<font color=\"warning\">未登记</font>");
	f->submitted_electronic = true;
	assert_var("materials_line", at, "材料　纸质和电子版均已登记，待核收");
	f->submitted_verified = true;
	assert_var("materials_line", at, "材料　已核收");
}

static void variables_of_a_category_are_named_after_it(void **state)
{
	static const char *const at = "2022-08-08T10:00";

	(void)state;
	test_stage_report(&s, league, 5, -1);
	assert_var("worker_have", at, "5");
	assert_var("worker_over", at, "1");
	assert_var("household_have", at, "0");
	assert_var("household_need", at, "5");
	assert_var("household_range", at, "5至10");
	assert_var("household_short", at, "好邻居");
	assert_var("household_word", at, "户");
}

static void variable_is_replaced_not_doubled(void **state)
{
	struct plan_vars v = {0};

	(void)state;
	assert_int_equal(plan_vars_set(&v, "who", "甲", true), 0);
	assert_int_equal(plan_vars_set(&v, "who", "乙", false), 0);
	assert_int_equal(v.n, 1);
	assert_string_equal(v.vars[0].value, "乙");
	assert_false(v.vars[0].typed);
	for (int i = 0; v.n < PLAN_MAX_VARS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "v%d", i);
		assert_int_equal(plan_vars_set(&v, name, "", false), 0);
	}
	assert_int_equal(plan_vars_set(&v, "more", "", false), SW_ELIMIT);
	plan_vars_fini(&v);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(points_rise_by_time_then_administrative_order_then_urgency),
		TEST(point_is_found_by_its_id_and_no_other_text_is),
		TEST(only_reminders_that_can_be_carried_out_are_planned),
		TEST(reminder_goes_only_to_units_that_owe),
		TEST(reply_pauses_the_item_until_its_end),
		TEST(pause_of_one_category_leaves_the_other),
		TEST(snoozed_unit_is_left_alone_until_then),
		TEST(sms_waits_for_its_channel_unless_nothing_is_owed),
		TEST(nothing_goes_out_at_night_or_on_a_rest_day),
		TEST(reminder_of_the_deadline_may_go_out_on_a_saturday),
		TEST(group_gets_one_message_a_day),
		TEST(incomplete_unit_is_told_again_on_the_day_of_the_deadline),
		TEST(cap_of_a_group_does_not_hold_back_the_deputy),
		TEST(points_of_one_group_become_one_message_under_the_most_urgent_heading),
		TEST(newest_late_point_of_a_rule_joins_the_message_of_now),
		TEST(late_point_gives_way_to_the_one_that_is_due),
		TEST(late_point_is_dropped_when_its_condition_holds_no_more),
		TEST(two_hours_are_not_late),
		TEST(late_text_of_a_deadline_day_stays_true),
		TEST(region_gets_one_digest_in_administrative_order),
		TEST(digest_names_whom_to_telephone),
		TEST(deputies_and_duty_get_their_own_message),
		TEST(without_duty_the_leading_department_is_told),
		TEST(contacts_are_mentioned_with_the_leading_department_first),
		TEST(nothing_is_ever_sent_at_night_or_on_a_rest_day_but_for_the_deadline),
		TEST(group_never_gets_two_messages_on_a_day_that_is_no_deadline),
		TEST(equal_units_get_equally_many_messages),
		TEST(deciding_a_message_again_gives_the_same_text),
		TEST(changed_facts_change_or_cancel_a_message_that_is_decided_again),
		TEST(no_message_of_a_unit_speaks_of_another),
		TEST(kickoff_reads_as_agreed),
		TEST(status_shows_gaps_of_each_category),
		TEST(days_left_are_counted_until_the_working_day_before_the_deadline),
		TEST(days_are_said_as_they_stand),
		TEST(gaps_and_materials_are_said_as_they_stand),
		TEST(variables_of_a_category_are_named_after_it),
		TEST(variable_is_replaced_not_doubled),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
