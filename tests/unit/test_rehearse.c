/*
 * tests/unit/test_rehearse.c: the campaign replayed in memory, and single texts looked at before they are due.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "notifier/campaign/preview.h"
#include "notifier/campaign/rehearse.h"
#include "tests/unit/stage.h"

static struct test_stage s;
static int league, region;

/* What was told. */
static struct {
	size_t messages, replies, answers, skipped, cancelled;
	int64_t last_ms;
	char first[64], last_text[8192], last_answer[DEF_ID];
} told;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	region = test_stage_unit(&s, "150000");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return 0;
}

static void on_event(void *ctx, const struct rehearse_event *e)
{
	(void)ctx;
	assert_true(e->at_ms >= told.last_ms);
	told.last_ms = e->at_ms;
	switch (e->kind) {
	case REHEARSE_MESSAGE:
		if (told.messages++ == 0)
			snprintf(
				told.first, sizeof(told.first), "%.63s", e->message->points[0]->id);
		if (e->unit == league)
			snprintf(told.last_text, sizeof(told.last_text), "%s", e->message->text);
		break;
	case REHEARSE_REPLY:
		told.replies++;
		break;
	case REHEARSE_ANSWER:
		told.answers++;
		snprintf(told.last_answer, sizeof(told.last_answer), "%s", e->template_id);
		break;
	case REHEARSE_NOT_SENT:
		told.skipped += !e->is_cancelled;
		told.cancelled += e->is_cancelled;
		break;
	}
}

static void rehearse(
	const char *from, const char *to, const struct rehearse_reply *replies, size_t n)
{
	struct rehearse_input in = {.c = s.c,
		.t = s.t,
		.plan = s.plan,
		.contacts = &s.contacts,
		.from_ms = test_ms(from),
		.to_ms = test_ms(to),
		.replies = replies,
		.n_replies = n};
	struct sw_err err = {0};

	memset(&told, 0, sizeof(told));
	if (rehearse_run(&in, on_event, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static void every_message_is_told_in_the_order_of_time(void **state)
{
	(void)state;
	rehearse("2022-06-20", "2022-08-23", NULL, 0);
	assert_string_equal(told.first, "R01/150400/20220620T0900");
	assert_int_equal(told.messages, 14 * 17 + 3);
	assert_int_equal(told.replies, 0);
}

static void only_the_days_asked_for_are_told(void **state)
{
	(void)state;
	rehearse("2022-08-05", "2022-08-06", NULL, 0);
	assert_int_equal(told.messages, 14);
	rehearse("2022-08-06", "2022-08-08", NULL, 0);
	assert_int_equal(told.messages, 0);
}

static void reply_before_those_days_has_taken_effect(void **state)
{
	char text[] = "已报2人6户";
	const struct rehearse_reply reply = {
		.at_ms = test_ms("2022-07-20T10:00"), .unit = league, .contact = -1, .text = text};

	(void)state;
	rehearse("2022-08-05", "2022-08-06", &reply, 1);
	assert_int_equal(told.messages, 13);
	assert_int_equal(told.replies, 0);
}

static void reply_is_read_and_answered_and_stops_the_reminders(void **state)
{
	char text[] = "@守望 已报2人6户";
	const struct rehearse_reply reply = {
		.at_ms = test_ms("2022-07-20T10:00"), .unit = league, .contact = -1, .text = text};

	(void)state;
	rehearse("2022-07-18", "2022-08-02", &reply, 1);
	assert_int_equal(told.replies, 1);
	assert_int_equal(told.answers, 1);
	assert_string_equal(told.last_answer, "R-REPORT");
	assert_int_equal(told.messages, 3 * 14 - 2);
}

/* Between the nominal instant and the minute a message goes out, a reply may overtake it. */
static void message_that_is_overtaken_by_a_reply_does_not_go_out(void **state)
{
	char text[] = "已报2人6户", less[] = "已报1人4户";
	struct rehearse_reply reply = {.at_ms = test_ms("2022-08-05T09:00") + 1,
		.unit = league,
		.contact = -1,
		.text = text};

	(void)state;
	rehearse("2022-08-05", "2022-08-06", &reply, 1);
	assert_int_equal(told.messages, 13);
	assert_int_equal(told.cancelled, 1);
	/* One that still owes is told nothing either for one working day: its reply pauses the item. */
	reply.text = less;
	rehearse("2022-08-05", "2022-08-06", &reply, 1);
	assert_int_equal(told.messages, 13);
	assert_int_equal(told.cancelled, 1);
}

static void question_is_kept_for_its_sender(void **state)
{
	char doubt[] = "2 6", yes[] = "是";
	const struct rehearse_reply replies[] = {{test_ms("2022-07-20T10:00"), league, -1, doubt},
		{test_ms("2022-07-20T10:01"), test_stage_unit(&s, "150200"), -1, yes},
		{test_ms("2022-07-20T10:02"), league, -1, yes}};

	(void)state;
	rehearse("2022-07-20", "2022-07-21", replies, 3);
	assert_int_equal(told.answers, 2); /* the other unit's 是 answers nothing */
	assert_string_equal(told.last_answer, "R-REPORT");
}

static void units_that_do_what_is_asked_are_reminded_of_materials_only(void **state)
{
	struct rehearse_reply *replies;
	size_t n;

	(void)state;
	assert_int_equal(rehearse_make_replies(s.c, s.plan, &replies, &n), 0);
	assert_int_equal(n, 28);
	assert_int_equal(replies[0].at_ms, test_ms("2022-06-20T10:00"));
	assert_int_equal(replies[14].at_ms, test_ms("2022-07-06T10:00"));
	rehearse("2022-06-20", "2022-08-11", replies, n);
	/* The kick-off and the first Monday; nothing afterwards. */
	assert_int_equal(told.messages, 28);
	assert_int_equal(told.answers, 28);
	assert_string_equal(told.last_answer, "R-REPORT");
	rehearse_replies_free(replies, n);
}

/* ---- previews ---- */

static char preview[8192];

static int preview_of(const char *id, const char *channel, int unit, const char *at)
{
	struct plan_input in = test_stage_input(&s, at);
	struct sw_err err = {0};
	struct buf b;
	int rc;

	buf_init(&b, sizeof(preview) - 1);
	rc = preview_text(&in, id, channel, unit, &b, &err);
	snprintf(preview, sizeof(preview), "%s", rc < 0 ? err.text : buf_str(&b));
	buf_fini(&b);
	return rc;
}

static void preview_of_a_heading_is_the_message_as_it_goes_out(void **state)
{
	(void)state;
	rehearse("2022-08-05", "2022-08-06", NULL, 0);
	assert_int_equal(preview_of("G-LIST", "robot", league, "2022-08-05T09:00"), 0);
	assert_string_equal(preview, told.last_text);
}

static void preview_for_the_region_is_a_digest_with_the_lines_of_its_day(void **state)
{
	(void)state;
	assert_int_equal(preview_of("G-PHONE-LIST", "robot", region, "2022-06-24T09:00"), 0);
	assert_non_null(strstr(preview, "> 14 二连浩特市　未回复“收到”"));
	assert_int_equal(preview_of("G-PHONE-LIST", "robot", region, "2022-08-22T09:00"), 0);
	assert_non_null(strstr(preview, "> 14 二连浩特市　工作者 0名"));
}

static void preview_of_an_answer_or_a_line_needs_no_reminder(void **state)
{
	(void)state;
	assert_int_equal(preview_of("R-ACK", "app", league, "2022-08-08T09:12"), 0);
	assert_string_equal(preview, "已记录呼和浩特市 8月8日9:12 确认收到。");
	assert_int_equal(preview_of("L-ACK", "robot", league, "2022-08-08T09:12"), 0);
	assert_string_equal(preview, "**呼和浩特市** 尚未回复“收到”。");
	assert_int_equal(preview_of("R-CANCELLED", "robot", -1, "2022-08-08T09:12"), 0);
}

static void preview_says_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(preview_of("G-NONE", "robot", league, "2022-08-08T09:00"), SW_ENOENT);
	assert_non_null(strstr(preview, "G-NONE"));
	assert_int_equal(preview_of("R-ACK", "robot", -1, "2022-08-08T09:00"), SW_EINVAL);
	assert_non_null(strstr(preview, "{unit}"));
}

static void template_is_first_used_when_its_reminder_falls_due(void **state)
{
	(void)state;
	assert_int_equal(preview_first_use_ms(s.c, s.plan, "G-D7"), test_ms("2022-08-12T09:00"));
	assert_int_equal(preview_first_use_ms(s.c, s.plan, "L-QUOTA"), test_ms("2022-07-04T09:00"));
	assert_int_equal(
		preview_first_use_ms(s.c, s.plan, "L-ACK-ROW"), test_ms("2022-06-22T09:00"));
	assert_int_equal(preview_first_use_ms(s.c, s.plan, "R-ACK"), test_ms("2022-06-20T09:00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_told_in_the_order_of_time),
		cmocka_unit_test(only_the_days_asked_for_are_told),
		cmocka_unit_test(reply_before_those_days_has_taken_effect),
		cmocka_unit_test(reply_is_read_and_answered_and_stops_the_reminders),
		cmocka_unit_test(message_that_is_overtaken_by_a_reply_does_not_go_out),
		cmocka_unit_test(question_is_kept_for_its_sender),
		cmocka_unit_test(units_that_do_what_is_asked_are_reminded_of_materials_only),
		cmocka_unit_test(preview_of_a_heading_is_the_message_as_it_goes_out),
		cmocka_unit_test(preview_for_the_region_is_a_digest_with_the_lines_of_its_day),
		cmocka_unit_test(preview_of_an_answer_or_a_line_needs_no_reminder),
		cmocka_unit_test(preview_says_what_is_missing),
		cmocka_unit_test(template_is_first_used_when_its_reminder_falls_due),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
