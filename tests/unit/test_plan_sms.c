/*
 * tests/unit/test_plan_sms.c: who gets an SMS when the chat stays silent, and how many messages a person may get.
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
static int league, civil, civility;
static bool has_gateway;
static int64_t reminded[4096][PLAN_REMINDED]; /* per unit */
static struct plan_decision d;                /* of the last decide() */

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	civil = campaign_find_department(s.c, "civil");
	civility = campaign_find_department(s.c, "civility");
	assert_true(s.c->units->n <= ARRAY_LEN(reminded));
	return templates_set_sign(s.t, "邻里守望");
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
	memset(reminded, 0, sizeof(reminded));
	has_gateway = true;
	return 0;
}

static int end(void **state)
{
	(void)state;
	plan_decision_fini(&d);
	return 0;
}

static struct plan_input input(const char *now)
{
	struct plan_input in = test_stage_input(&s, now);

	in.reminded_ms = (const int64_t(*)[PLAN_REMINDED])reminded;
	in.sms_available = has_gateway;
	return in;
}

static void decide_points(const char *now, const struct plan_point *const *points, size_t n)
{
	struct plan_input in = input(now);
	struct sw_err err = {0};

	plan_decision_fini(&d);
	if (plan_decide(&in, points, n, &d, &err) < 0)
		fail_msg("%s", err.text);
}

/* All points due at DUE. */
static void decide(const char *due)
{
	const struct plan_point *points[MAX];

	decide_points(due, points, test_stage_points(&s, due, points, MAX));
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

/* The message to contact K; NULL: none. */
static const struct plan_message *message_to(int k)
{
	for (size_t i = 0; i < d.n_messages; i++) {
		if (d.messages[i].to.contact == k)
			return &d.messages[i];
	}
	return NULL;
}

static int person(int unit, int department, enum def_role role, const char *userid, bool has_mobile)
{
	int k = test_stage_contact(&s, unit, department, role, "赵六", userid);

	s.contacts.items[k].has_mobile = has_mobile;
	return k;
}

static void was_sent(int k, const char *at)
{
	plan_log_add(s.contacts.items[k].sent_ms, CONTACT_SENT, test_ms(at));
}

static void were_reminded(int unit, const char *at)
{
	plan_log_add(reminded[unit], PLAN_REMINDED, test_ms(at));
}

/* ---- the SMS of 15:00 ---- */

static void silent_unit_is_told_by_sms_at_three(void **state)
{
	int a = person(league, civil, ROLE_DEPARTMENT, "zhaoliu", true);
	int b = person(league, civility, ROLE_DEPARTMENT, "", true);
	const struct plan_message *m;
	char job[96];

	(void)state;
	person(league, civil, ROLE_DEPARTMENT, "qianqi", false);
	person(league, -1, ROLE_DEPUTY, "", true);
	test_stage_report(&s, league, 1, 4);
	decide("2022-08-10T15:00");
	assert_int_equal(d.n_messages, 2);
	m = message_to(a);
	assert_non_null(m);
	assert_string_equal(m->to.channel, "sms");
	assert_string_equal(m->template_id, "S-BELOW");
	assert_string_equal(m->text, "【邻里守望】呼和浩特市：已报工作者1名（下限2名）、好邻居4户（"
				     "下限5户），尚缺1名1户，请于"
				     "8月10日前补报或更正。");
	assert_string_equal(m->params,
		"{\"unit\":\"呼和浩特市\",\"have_bounds\":"
		"\"工作者1名（下限2名）、好邻居4户（下限5户）\","
		"\"standing\":\"尚缺1名1户\",\"next_due_date\":\"8月10日\"}");
	assert_false(m->markdown);
	assert_int_equal(m->n_mentions, 0);
	assert_int_equal(m->to.group_unit, -1);
	snprintf(job, sizeof(job), "rm/nm-2022-63/150100/sms/20220810/1500/%s",
		s.contacts.items[a].id);
	assert_string_equal(m->job, job);
	assert_non_null(message_to(b));
	assert_int_equal(reason_of("R14pm/150100/20220810T1500"), PLAN_SEND);
}

static void sms_of_the_last_day_speaks_of_the_materials(void **state)
{
	int a = person(league, civil, ROLE_DEPARTMENT, "", true);

	(void)state;
	test_stage_report(&s, league, 2, 5);
	decide("2022-08-19T15:00");
	assert_string_equal(message_to(a)->template_id, "S-D1");
	assert_non_null(strstr(message_to(a)->text, "尚缺纸质和电子版材料。"));
}

static void unit_that_reacted_since_the_morning_gets_no_sms(void **state)
{
	static const char *const id = "R14pm/150100/20220810T1500";
	struct unit_facts *f = &s.facts[league];

	(void)state;
	person(league, civil, ROLE_DEPARTMENT, "", true);
	were_reminded(league, "2022-08-10T09:00");
	f->ack_ms = test_ms("2022-08-10T09:00");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_ANSWERED);
	assert_string_equal(plan_reason_name(PLAN_ANSWERED), "answered");
	f->ack_ms = test_ms("2022-08-10T08:59:59");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_SEND);
	f->report_ms = test_ms("2022-08-10T14:00");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_ANSWERED);
	f->report_ms = 0;
	f->submitted_ms = test_ms("2022-08-10T14:00");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_ANSWERED);
}

static void without_a_morning_reminder_the_whole_day_counts(void **state)
{
	static const char *const id = "R14pm/150100/20220810T1500";

	(void)state;
	person(league, civil, ROLE_DEPARTMENT, "", true);
	were_reminded(league, "2022-08-09T09:00"); /* of the day before */
	s.facts[league].ack_ms = test_ms("2022-08-10T00:00");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_ANSWERED);
	s.facts[league].ack_ms = test_ms("2022-08-09T23:59");
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of(id), PLAN_SEND);
}

static void answer_of_the_group_stops_nothing_but_the_sms(void **state)
{
	(void)state;
	s.facts[league].ack_ms = test_ms("2022-08-10T08:00");
	decide("2022-08-10T09:00");
	assert_int_equal(reason_of("R14/150100/20220810T0900"), PLAN_SEND);
}

static void unit_nobody_of_which_has_a_number_is_for_the_telephone(void **state)
{
	(void)state;
	person(league, civil, ROLE_DEPARTMENT, "zhaoliu", false);
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of("R14pm/150100/20220810T1500"), PLAN_NO_RECIPIENT);
	decide("2022-08-10T18:00");
	assert_int_equal(reason_of("R14over/150100/20220810T1800"), PLAN_SEND);
}

static void without_a_gateway_there_is_no_channel(void **state)
{
	(void)state;
	has_gateway = false;
	person(league, civil, ROLE_DEPARTMENT, "", true);
	decide("2022-08-10T15:00");
	assert_int_equal(reason_of("R14pm/150100/20220810T1500"), PLAN_NO_CHANNEL);
	assert_int_equal(d.n_messages, 0);
}

static void late_sms_waits_for_no_night_and_no_saturday(void **state)
{
	const struct plan_point *p = plan_find(s.plan, "R33pm/150100/20220819T1500");

	(void)state;
	assert_non_null(p);
	person(league, civil, ROLE_DEPARTMENT, "", true);
	decide_points("2022-08-19T20:00", &p, 1);
	assert_int_equal(reason_of(p->id), PLAN_QUIET_HOURS);
	decide_points("2022-08-20T10:00", &p, 1);
	assert_int_equal(reason_of(p->id), PLAN_REST_DAY);
	decide_points("2022-08-19T16:59", &p, 1);
	assert_int_equal(reason_of(p->id), PLAN_SEND);
}

/* ---- deputies and who is on duty ---- */

static void deputy_whom_no_chat_reaches_gets_an_sms(void **state)
{
	int app = person(league, -1, ROLE_DEPUTY, "qianqi", true);
	int sms = person(league, -1, ROLE_DEPUTY, "", true);
	int none = person(league, -1, ROLE_DEPUTY, "", false);

	(void)state;
	decide("2022-08-09T09:00");
	assert_string_equal(message_to(app)->to.channel, "app");
	assert_string_equal(message_to(app)->template_id, "");
	assert_null(message_to(app)->params);
	assert_string_equal(message_to(sms)->to.channel, "sms");
	assert_string_equal(message_to(sms)->template_id, "S-ESCALATE");
	assert_null(message_to(none));
}

static void deputy_with_a_number_alone_is_out_of_reach_without_a_gateway(void **state)
{
	(void)state;
	has_gateway = false;
	person(league, -1, ROLE_DEPUTY, "", true);
	decide("2022-08-09T09:00");
	assert_int_equal(reason_of("R13dep/150100/20220809T0900"), PLAN_NO_CHANNEL);
	assert_int_equal(reason_of("R13dep/150200/20220809T0900"), PLAN_NO_RECIPIENT);
}

static void who_is_on_duty_gets_an_sms_on_the_saturday(void **state)
{
	int lead = person(league, civil, ROLE_DEPARTMENT, "", true), duty;

	(void)state;
	decide("2022-08-20T09:00");
	assert_int_equal(d.n_messages, 1);
	assert_string_equal(message_to(lead)->template_id, "S-D0");
	duty = person(league, -1, ROLE_DUTY, "", true);
	decide("2022-08-20T09:00");
	assert_int_equal(d.n_messages, 1);
	assert_string_equal(message_to(duty)->to.channel, "sms");
	assert_int_equal(reason_of("R34/150100/20220820T0900"), PLAN_SEND);
}

static void escalation_says_how_often_and_when_the_contacts_were_told(void **state)
{
	int k = person(league, -1, ROLE_DEPUTY, "", true);

	(void)state;
	test_stage_report(&s, league, 1, 4);
	decide("2022-08-19T09:00");
	assert_non_null(strstr(message_to(k)->text, "已提醒联系人0次，未见回复。"));
	were_reminded(league, "2022-08-12T09:00");
	were_reminded(league, "2022-08-16T09:00");
	were_reminded(league, "2022-08-17T09:00");
	were_reminded(league, "2022-08-19T09:00"); /* of this very moment: not before it */
	decide("2022-08-19T09:00");
	assert_non_null(
		strstr(message_to(k)->text, "已提醒联系人3次，最近8月17日9:00，未见回复。"));
	s.facts[league].ack_ms = test_ms("2022-08-12T10:00");
	decide("2022-08-19T09:00");
	assert_non_null(
		strstr(message_to(k)->text, "已提醒联系人2次，最近8月17日9:00，未见回复。"));
	s.facts[league].ack_ms = test_ms("2022-08-18T10:00");
	decide("2022-08-19T09:00");
	assert_non_null(strstr(
		message_to(k)->text, "已提醒联系人3次，最近8月17日9:00，最近回复8月18日10:00。"));
}

static void telephone_list_says_how_often_each_unit_was_told(void **state)
{
	const struct plan_message *m;

	(void)state;
	were_reminded(league, "2022-08-19T09:00");
	were_reminded(league, "2022-08-19T15:00");
	decide("2022-08-22T09:00");
	m = NULL;
	for (size_t i = 0; i < d.n_messages; i++) {
		if (!strcmp(d.messages[i].to.key, "150000"))
			m = &d.messages[i];
	}
	assert_non_null(m);
	assert_non_null(strstr(m->text, "　已提醒2次，最近8月19日15:00　"));
	assert_non_null(strstr(m->text, "　已提醒0次　"));
	assert_null(strstr(m->text, "另有")); /* all units have room */
}

/* ---- how many a person may get ---- */

static void official_gets_three_messages_a_day_and_no_fourth(void **state)
{
	int k = person(league, -1, ROLE_DEPUTY, "", true);

	(void)state;
	was_sent(k, "2022-08-18T23:59");
	was_sent(k, "2022-08-19T00:00");
	was_sent(k, "2022-08-19T08:30");
	decide("2022-08-19T09:00");
	assert_non_null(message_to(k)); /* midnight begins a new day */
	was_sent(k, "2022-08-19T08:40");
	decide("2022-08-19T09:00");
	assert_null(message_to(k));
	assert_int_equal(reason_of("R33dep/150100/20220819T0900"), PLAN_CAPPED);
	assert_int_equal(reason_of("R33/150100/20220819T0900"), PLAN_SEND); /* the group's */
}

static void official_gets_ten_messages_in_seven_days_and_no_eleventh(void **state)
{
	int k = person(league, -1, ROLE_DEPUTY, "qianqi", false);

	(void)state;
	was_sent(k, "2022-08-12T09:00"); /* seven days ago to the minute */
	for (int i = 0; i < 9; i++) {
		char at[32];

		snprintf(at, sizeof(at), "2022-08-1%dT1%d:00", 3 + i / 3, i % 3);
		was_sent(k, at);
	}
	decide("2022-08-19T09:00");
	assert_non_null(message_to(k));
	was_sent(k, "2022-08-12T09:01");
	decide("2022-08-19T09:00");
	assert_null(message_to(k));
	assert_int_equal(reason_of("R33dep/150100/20220819T0900"), PLAN_CAPPED);
}

static void message_does_not_stand_in_its_own_way(void **state)
{
	int k = person(league, civil, ROLE_DEPARTMENT, "", true);
	char *text, *params;

	(void)state;
	was_sent(k, "2022-08-10T09:00");
	was_sent(k, "2022-08-10T10:00");
	decide("2022-08-10T15:00");
	assert_non_null(message_to(k));
	text = text_dup(message_to(k)->text);
	params = text_dup(message_to(k)->params);
	was_sent(k, "2022-08-10T15:00");
	were_reminded(league, "2022-08-10T15:00");
	decide("2022-08-10T15:00"); /* once more, when it is handed over */
	assert_non_null(message_to(k));
	assert_string_equal(message_to(k)->text, text);
	assert_string_equal(message_to(k)->params, params);
	free(text);
	free(params);
}

static size_t n_sms;

/* Plays the campaign with people whom SMS alone reaches; nobody ever answers. */
static void nobody_is_told_too_often_in_a_whole_campaign(void **state)
{
	(void)state;
	for (size_t i = 0; i < s.c->units->n_reporting; i++) {
		person(s.c->units->order[i], civil, ROLE_DEPARTMENT, "", true);
		person(s.c->units->order[i], -1, ROLE_DEPUTY, "", true);
	}
	n_sms = 0;
	for (size_t i = 0; i < s.plan->n;) {
		const struct plan_point *points[MAX];
		struct plan_input in = input("2022-06-20T09:00");
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
			int64_t *log, third, tenth;

			if (m->to.contact < 0)
				continue;
			log = s.contacts.items[m->to.contact].sent_ms;
			third = log[2];
			tenth = log[9];
			assert_string_equal(m->to.channel, "sms");
			assert_false(third && civil_cmp(civil_of_ms(third),
						      civil_of_ms(m->nominal_ms)) == 0);
			assert_false(tenth && m->nominal_ms - tenth < 7 * CIVIL_DAY_MS);
			plan_log_add(log, CONTACT_SENT, m->nominal_ms);
			n_sms++;
		}
	}
	/* R14pm, R33pm and R34 to the contact; R13dep, R33dep and eight days of R35dep to the deputy: 13 for each unit. */
	assert_int_equal(n_sms, 14 * 13);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(silent_unit_is_told_by_sms_at_three),
		TEST(sms_of_the_last_day_speaks_of_the_materials),
		TEST(unit_that_reacted_since_the_morning_gets_no_sms),
		TEST(without_a_morning_reminder_the_whole_day_counts),
		TEST(answer_of_the_group_stops_nothing_but_the_sms),
		TEST(unit_nobody_of_which_has_a_number_is_for_the_telephone),
		TEST(without_a_gateway_there_is_no_channel),
		TEST(late_sms_waits_for_no_night_and_no_saturday),
		TEST(deputy_whom_no_chat_reaches_gets_an_sms),
		TEST(deputy_with_a_number_alone_is_out_of_reach_without_a_gateway),
		TEST(who_is_on_duty_gets_an_sms_on_the_saturday),
		TEST(escalation_says_how_often_and_when_the_contacts_were_told),
		TEST(telephone_list_says_how_often_each_unit_was_told),
		TEST(official_gets_three_messages_a_day_and_no_fourth),
		TEST(official_gets_ten_messages_in_seven_days_and_no_eleventh),
		TEST(message_does_not_stand_in_its_own_way),
		TEST(nobody_is_told_too_often_in_a_whole_campaign),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
