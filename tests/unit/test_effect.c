/*
 * tests/unit/test_effect.c: what a reply changes, from the words typed to facts, question and answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/campaign/effect.h"
#include "notifier/campaign/obligation.h"
#include "tests/unit/stage.h"

static struct test_stage s;
static int league, civil;
static struct unit_facts facts; /* as they stand */
static struct question question;
static struct effect last;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	civil = campaign_find_department(s.c, "civil");
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
	facts_init(&facts);
	question = (struct question){0};
	return 0;
}

/* UNIT types TEXT at TIME; facts and question become what they are after it. */
static void type_as(int unit, const char *time, const char *text, bool repeat, bool single)
{
	struct reply_context ctx = {.now_ms = test_ms(time),
		.role = campaign_tier_of(s.c, unit) == s.c->reporting_tier ? REPLY_LEAGUE
									   : REPLY_COUNTY,
		.unit = unit,
		.channel = single ? REPLY_SINGLE : REPLY_GROUP,
		.mentioned = true};
	struct reply_reading reading;
	struct effect_input in = {.c = s.c,
		.unit = unit,
		.department = civil,
		.by = "c-00000001",
		.now_ms = ctx.now_ms,
		.facts = &facts,
		.question = &question,
		.reading = &reading,
		.repeat = repeat,
		.single_chat = single};

	for (size_t i = 0; i < s.c->n_categories; i++)
		ctx.stored[i] = facts.counts[i].known ? facts.counts[i].value : -1;
	ctx.open = question.open ? OPEN_CONFIRM : facts.ack_ms == 0 ? OPEN_ACK : OPEN_NONE;
	reply_read(s.c, &ctx, text, strlen(text), &reading);
	effect_of(&in, &last);
	facts = last.facts;
	if (last.question_changed)
		question = last.question;
}

static void type(const char *time, const char *text)
{
	type_as(league, time, text, false, false);
}

static void assert_counts(int workers, int households)
{
	assert_int_equal(facts.counts[0].known ? facts.counts[0].value : -1, workers);
	assert_int_equal(facts.counts[1].known ? facts.counts[1].value : -1, households);
}

static void total_becomes_a_claim_and_pauses_for_one_working_day(void **state)
{
	(void)state;
	type("2022-08-05T17:00", "已报2人6户");
	assert_counts(2, 6);
	assert_string_equal(last.answer, "R-REPORT");
	assert_int_equal(last.disposition, REPLY_APPLY);
	assert_true(last.changed);
	assert_int_equal(facts.rev, 1);
	assert_int_equal(facts.record_no, 1);
	assert_false(facts.counts[0].verified);
	assert_int_equal(facts.counts[0].paused_until_ms, test_ms("2022-08-08T17:00"));
	assert_int_equal(facts.submitted_paused_until_ms, test_ms("2022-08-08T17:00"));
	assert_int_equal(facts.report_ms, test_ms("2022-08-05T17:00"));
	assert_int_equal(facts.counts[0].department, civil);
	assert_string_equal(facts.counts[0].by, "c-00000001");
	assert_int_equal(facts.ack_ms, 0); /* a figure is no 收到 */
	assert_false(last.to_operator);
}

static void figure_out_of_range_is_stored_and_said(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报1人5户");
	assert_counts(1, 5);
	assert_string_equal(last.answer, "R-BELOW-MIN");
	type("2022-08-05T11:00", "已报5人12户");
	assert_counts(5, 12);
	assert_string_equal(last.answer, "R-ABOVE-MAX");
}

static void league_of_three_counties_hears_that_four_workers_are_too_many(void **state)
{
	(void)state;
	type_as(test_stage_unit(&s, "150300"), "2022-08-05T10:00", "已报4人6户", false, false);
	assert_string_equal(last.answer, "R-ABOVE-MAX");
}

static void county_below_its_number_is_not_scolded(void **state)
{
	(void)state;
	type_as(test_stage_unit(&s, "150102"), "2022-08-05T10:00", "已报1人3户", false, false);
	assert_string_equal(last.answer, "R-REPORT");
	assert_counts(1, 3);
}

static void one_category_leaves_the_other_as_it_is(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报2人6户");
	type("2022-08-05T11:00", "7户");
	assert_counts(2, 7);
	assert_int_equal(facts.counts[1].previous, 6);
}

static void acknowledgement_is_only_that(void **state)
{
	(void)state;
	type("2022-06-20T10:00", "收到");
	assert_string_equal(last.answer, "R-ACK");
	assert_int_equal(facts.ack_ms, test_ms("2022-06-20T10:00"));
	assert_int_equal(facts.report_ms, 0);
	assert_counts(-1, -1);
	assert_int_equal(facts.counts[0].paused_until_ms, 0);
}

static void repeated_text_is_answered_and_not_stored_twice(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报2人6户");
	type_as(league, "2022-08-05T10:03", "已报2人6户", true, false);
	assert_string_equal(last.answer, "R-REPORT");
	assert_int_equal(facts.record_no, 1);
	assert_int_equal(facts.rev, 1);
	assert_int_equal(facts.report_ms, test_ms("2022-08-05T10:00"));
	assert_false(last.changed);
}

static void doubtful_figure_waits_for_a_yes(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "2 6");
	assert_string_equal(last.answer, "R-CONFIRM");
	assert_int_equal(last.disposition, REPLY_CONFIRM);
	assert_counts(-1, -1);
	assert_true(question.open);
	assert_int_equal(question.until_ms, test_ms("2022-08-05T10:30"));
	assert_int_equal(last.shown[0], 2);
	assert_int_equal(last.shown[1], 6);
	type("2022-08-05T10:05", "是");
	assert_counts(2, 6);
	assert_string_equal(last.answer, "R-REPORT");
	assert_false(question.open);
	assert_true(last.question_changed);
}

static void no_drops_what_was_asked(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "2 6");
	type("2022-08-05T10:05", "否");
	assert_counts(-1, -1);
	assert_string_equal(last.answer, "R-CANCELLED");
	assert_false(question.open);
}

static void clear_report_takes_the_place_of_an_open_question(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "2 6");
	type("2022-08-05T10:05", "已报3人7户");
	assert_counts(3, 7);
	assert_false(question.open);
}

static void question_is_asked_anew_when_somebody_else_reported_meanwhile(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "2 6");
	facts.rev++; /* another contact's report */
	type("2022-08-05T10:05", "是");
	assert_string_equal(last.answer, "R-CONFIRM");
	assert_counts(-1, -1);
	assert_true(question.open);
	assert_int_equal(question.until_ms, test_ms("2022-08-05T10:35"));
	type("2022-08-05T10:06", "是");
	assert_counts(2, 6);
}

static void increment_is_asked_as_the_total_it_makes(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报2人6户");
	type("2022-08-05T11:00", "又报了1户");
	assert_string_equal(last.answer, "R-CONFIRM");
	assert_int_equal(last.shown[0], -1);
	assert_int_equal(last.shown[1], 7);
	assert_counts(2, 6);
	type("2022-08-05T11:01", "是");
	assert_counts(2, 7);
}

static void undo_brings_back_what_was_before(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报2人6户");
	type("2022-08-05T11:00", "已报3人7户");
	type("2022-08-05T12:00", "撤回");
	assert_string_equal(last.answer, "R-CONFIRM");
	assert_true(question.undo);
	type("2022-08-05T12:01", "是");
	assert_counts(2, 6);
}

static void changed_figure_has_to_be_verified_again(void **state)
{
	(void)state;
	type("2022-08-05T10:00", "已报2人6户");
	facts.counts[0].verified = facts.counts[1].verified = true;
	type("2022-08-08T10:00", "更正：2人7户");
	assert_true(facts.counts[0].verified);
	assert_false(facts.counts[1].verified);
}

static void what_nothing_carries_out_yet_goes_to_an_operator(void **state)
{
	static const char *const texts[] = {"还差照片", "公示8月12日至8月18日", "纪委函已发出",
		"明天再提醒我", "8月18日前报", "申请延期至8月22日", "没收到"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		begin(NULL);
		type("2022-08-08T10:00", texts[i]);
		assert_true(last.to_operator);
		assert_int_equal(last.disposition, REPLY_QUEUE);
		assert_true(last.answer[0] != '\0');
		assert_false(last.changed);
	}
}

static void report_beside_such_a_thing_is_stored_and_answered(void **state)
{
	(void)state;
	type("2022-08-08T10:00", "已报2人6户，还差照片");
	assert_counts(2, 6);
	assert_string_equal(last.answer, "R-REPORT");
	assert_true(last.to_operator);
	assert_int_equal(last.disposition, REPLY_APPLY);
}

static void figures_of_a_county_never_add_to_those_of_its_league(void **state)
{
	(void)state;
	type("2022-08-08T10:00", "新城区已报1人5户");
	assert_counts(-1, -1);
	assert_true(last.to_operator);
	assert_string_equal(last.answer, "R-FORWARDED");
}

static void materials_said_to_be_sent_are_recorded_by_their_form(void **state)
{
	(void)state;
	type("2022-08-16T10:00", "纸质材料已寄出，顺丰SF0000000001");
	assert_true(facts.submitted_paper);
	assert_false(facts.submitted_electronic);
	assert_false(facts.submitted_verified);
	assert_int_equal(facts.submitted_paused_until_ms, test_ms("2022-08-17T10:00"));
	assert_string_equal(last.answer, "R-SUBMITTED");
	type("2022-08-16T11:00", "电子版已发邮箱");
	assert_true(facts.submitted_paper && facts.submitted_electronic);
}

static void forecast_pauses_and_stores_no_figure(void **state)
{
	static const char *const texts[][2] = {
		{"预计能报2人6户", "R-FORECAST"}, {"还没报", "R-STATUS"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		begin(NULL);
		type("2022-08-08T10:00", texts[i][0]);
		assert_string_equal(last.answer, texts[i][1]);
		assert_counts(-1, -1);
		assert_int_equal(facts.counts[0].paused_until_ms, test_ms("2022-08-09T10:00"));
		assert_int_equal(facts.report_ms, test_ms("2022-08-08T10:00"));
	}
}

static void question_of_a_person_changes_nothing(void **state)
{
	static const char *const texts[][2] = {{"查进度", "R-PROGRESS"},
		{"名额是多少？", "R-QUOTA"}, {"什么时候截止", "R-DEADLINE"}, {"帮助", "R-HELP"},
		{"全区排名", "R-NO-PERMISSION"}, {"包头市已报4人10户", "R-NOT-YOUR-UNIT"},
		{"报送20人60户", "R-IMPLAUSIBLE"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		begin(NULL);
		type("2022-08-08T10:00", texts[i][0]);
		assert_false(last.changed);
		assert_false(last.question_changed);
		assert_int_equal(facts.rev, 0);
		assert_counts(-1, -1);
		assert_string_equal(last.answer, texts[i][1]);
	}
}

static void group_is_not_answered_where_a_single_chat_is(void **state)
{
	(void)state;
	type_as(league, "2022-08-08T10:00", "是", false, false);
	assert_string_equal(last.answer, "");
	type_as(league, "2022-08-08T10:00", "是", false, true);
	assert_string_equal(last.answer, "R-NOTHING-PENDING");
	type_as(league, "2022-08-08T10:00", "谢谢", false, true);
	assert_string_equal(last.answer, "");
}

static void question_comes_back_from_its_json(void **state)
{
	struct question q = {
		.open = true, .until_ms = 1659666600000, .rev = 4, .undo = true, .counts = {2, -1}};
	struct question back;
	json_t *j = question_to_json(s.c, &q);

	(void)state;
	for (size_t i = 2; i < ARRAY_LEN(q.counts); i++)
		q.counts[i] = -1;
	question_from_json(s.c, j, &back);
	assert_true(back.open && back.undo);
	assert_int_equal(back.until_ms, q.until_ms);
	assert_int_equal(back.rev, 4);
	assert_memory_equal(back.counts, q.counts, sizeof(q.counts));
	json_decref(j);
}

static void broken_question_is_none(void **state)
{
	static const char *const texts[] = {"{}", "[]", "{\"until\":\"x\",\"counts\":{}}",
		"{\"until\":1}", "{\"until\":1,\"counts\":[]}"};
	struct question back = {.open = true};

	(void)state;
	question_from_json(s.c, NULL, &back);
	assert_false(back.open);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		json_t *j = json_loads(texts[i], 0, NULL);

		back.open = true;
		question_from_json(s.c, j, &back);
		assert_false(back.open);
		json_decref(j);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, begin)
	const struct CMUnitTest tests[] = {
		TEST(total_becomes_a_claim_and_pauses_for_one_working_day),
		TEST(figure_out_of_range_is_stored_and_said),
		TEST(league_of_three_counties_hears_that_four_workers_are_too_many),
		TEST(county_below_its_number_is_not_scolded),
		TEST(one_category_leaves_the_other_as_it_is),
		TEST(acknowledgement_is_only_that),
		TEST(repeated_text_is_answered_and_not_stored_twice),
		TEST(doubtful_figure_waits_for_a_yes),
		TEST(no_drops_what_was_asked),
		TEST(clear_report_takes_the_place_of_an_open_question),
		TEST(question_is_asked_anew_when_somebody_else_reported_meanwhile),
		TEST(increment_is_asked_as_the_total_it_makes),
		TEST(undo_brings_back_what_was_before),
		TEST(changed_figure_has_to_be_verified_again),
		TEST(what_nothing_carries_out_yet_goes_to_an_operator),
		TEST(report_beside_such_a_thing_is_stored_and_answered),
		TEST(figures_of_a_county_never_add_to_those_of_its_league),
		TEST(materials_said_to_be_sent_are_recorded_by_their_form),
		TEST(forecast_pauses_and_stores_no_figure),
		TEST(question_of_a_person_changes_nothing),
		TEST(group_is_not_answered_where_a_single_chat_is),
		TEST(question_comes_back_from_its_json),
		TEST(broken_question_is_none),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
