/*
 * tests/unit/test_outq.c: order, pace, one at a time, durable first, and what may stop a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/outq.h"
#include "bot/wecom/errcode.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/io/timer.h"
#include "tests/unit/servers.h"

#define NOW INT64_C(1660784400000)
#define FAR (NOW + 86400000)

/* One destination whose provider is the test: it sees requests and answers when it likes. */
struct fixture {
	struct clock clock;
	struct loop *loop;
	struct attempts *attempts;
	struct outq *q;
	char journal[32];

	struct send_request pending; /* msg NULL: nothing in flight */
	int sent, verdicts, checks_failed;
	bool is_auto; /* answer "accepted" on a later turn */
	char order[4096];
	struct wire_verdict last;
	bool refuse_check;
};

static struct fixture f;
static int tests_run;

static void mid_of(int i, id_str ret)
{
	snprintf(ret, sizeof(id_str), "%032x", i);
}

static void answer(enum wire_verdict_word word, const char *class, int64_t retry_ms)
{
	struct send_request req = f.pending;
	struct wire_verdict v = {0};

	assert_non_null(req.msg);
	f.pending.msg = NULL;
	wecom_verdict_set(&v, word, class, "", retry_ms);
	req.done(req.ctx, &v);
}

static void auto_answer(void *ctx)
{
	(void)ctx;
	if (f.pending.msg)
		answer(VERDICT_ACCEPTED, "ok", 0);
}

static int check(void *ctx, const struct wire_out *m, struct wire_verdict *v)
{
	(void)ctx;
	(void)m;
	if (!f.refuse_check)
		return 0;
	f.checks_failed++;
	wecom_verdict_set(v, VERDICT_REFUSED_FINAL, "content", "too long", 0);
	return SW_EINVAL;
}

static int send(void *ctx, const struct send_request *req)
{
	size_t n = strlen(f.order);

	(void)ctx;
	assert_null(f.pending.msg); /* one request at a time */
	f.pending = *req;
	f.sent++;
	snprintf(f.order + n, sizeof(f.order) - n, "%ld ", strtol(req->msg->mid, NULL, 16));
	if (f.is_auto)
		return loop_defer(f.loop, auto_answer, NULL);
	return 0;
}

static void on_verdict(void *ctx, const char *channel, const struct wire_verdict *v)
{
	(void)ctx;
	assert_string_equal(channel, "robot");
	f.verdicts++;
	f.last = *v;
	assert_non_null(attempts_decide(f.attempts, v));
}

static void on_change(void *ctx)
{
	(void)ctx;
}

static void open_queue(bool per_member, size_t limit)
{
	const struct outq_opts opts = {.channel = "robot",
		.route = "one",
		.limits = {{limit, 60000}},
		.is_paced_per_member = per_member,
		.sender = {check, send, NULL},
		.attempts = f.attempts,
		.on_verdict = on_verdict,
		.on_change = on_change};

	assert_int_equal(outq_create(f.loop, &opts, &f.q), 0);
}

static int setup(void **state)
{
	struct sw_err err;

	(void)state;
	memset(&f, 0, sizeof(f));
	clock_init_simulated(&f.clock, NOW);
	snprintf(f.journal, sizeof(f.journal), "outq-%d.log", tests_run++);
	if (loop_create(&f.clock, &f.loop) < 0 ||
		attempts_open(f.loop, test_path(f.journal), NOW, &f.attempts, &err) < 0)
		return -1;
	open_queue(false, 18);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	outq_destroy(f.q);
	attempts_close(f.attempts, NULL, NULL);
	run_for(f.loop, 5);
	loop_destroy(f.loop);
	return 0;
}

static void push_full(int i, int64_t not_before, int64_t expires, const char *to)
{
	struct wire_out m = {.attempt = 1,
		.channel = "robot",
		.route = "one",
		.not_before_ms = not_before,
		.expires_at_ms = expires};

	mid_of(i, m.mid);
	snprintf(m.to, sizeof(m.to), "%s", to);
	m.text = strdup("x");
	assert_int_equal(attempts_begin(f.attempts, m.mid, 1), 0);
	assert_int_equal(outq_push(f.q, &m), 0);
	assert_null(m.text); /* the queue has it */
}

static void push(int i)
{
	push_full(i, 0, FAR, "");
}

static void move_clock(int64_t to)
{
	f.clock.base_sim_ms = to;
	timer_clock_changed(f.loop);
}

static void messages_go_one_at_a_time_in_order(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++)
		push(i);
	assert_int_equal(f.sent, 0);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	assert_int_equal(outq_length(f.q), 2);
	assert_true(outq_is_sending(f.q));
	answer(VERDICT_ACCEPTED, "ok", 0);
	assert_true(run_until_count(f.loop, &f.sent, 2, 5000));
	answer(VERDICT_UNKNOWN, "", 0);
	assert_true(run_until_count(f.loop, &f.sent, 3, 5000));
	answer(VERDICT_ACCEPTED, "ok", 0);
	assert_string_equal(f.order, "1 2 3 ");
	assert_int_equal(f.verdicts, 3);
	assert_int_equal(f.last.at_ms, NOW);
}

static void record_is_on_disk_before_the_request(void **state)
{
	struct buf file;

	(void)state;
	push(1);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	buf_init(&file, 1 << 20);
	assert_int_equal(file_read(test_path(f.journal), &file, NULL), 0);
	assert_non_null(strstr(buf_str(&file), " T 00000000000000000000000000000001-1 robot one "));
	assert_null(strstr(buf_str(&file), " A "));
	buf_fini(&file);
	answer(VERDICT_ACCEPTED, "ok", 0);
}

static void never_more_than_the_limit_in_a_minute(void **state)
{
	(void)state;
	f.is_auto = true;
	for (int i = 1; i <= 40; i++)
		push(i);
	assert_true(run_until_count(f.loop, &f.verdicts, 18, 5000));
	run_for(f.loop, 30);
	assert_int_equal(f.sent, 18);
	assert_int_equal(outq_busy(f.q), 0);
	assert_int_equal(outq_next_ms(f.q), NOW + 60001);
	move_clock(NOW + 60000);
	run_for(f.loop, 30);
	assert_int_equal(f.sent, 18);
	move_clock(NOW + 60001);
	assert_int_equal(outq_busy(f.q), 18 + 4); /* sendable now, even before the timer has run */
	assert_true(run_until_count(f.loop, &f.verdicts, 36, 5000));
	assert_int_equal(outq_next_ms(f.q), NOW + 2 * 60001);
}

static void pace_goes_on_where_the_last_process_left_it(void **state)
{
	(void)state;
	for (int i = 0; i < 18; i++)
		outq_was_sent(f.q, "", NOW - 1000);
	f.is_auto = true;
	push(1);
	run_for(f.loop, 30);
	assert_int_equal(f.sent, 0);
	assert_int_equal(outq_next_ms(f.q), NOW - 1000 + 60001);
	move_clock(NOW - 1000 + 60001);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
}

static void one_paced_member_does_not_stop_the_others(void **state)
{
	(void)state;
	outq_destroy(f.q);
	open_queue(true, 2);
	f.is_auto = true;
	push_full(1, 0, FAR, "zhangsan");
	push_full(2, 0, FAR, "ZhangSan");
	push_full(3, 0, FAR, "zhangsan");
	push_full(4, 0, FAR, "lisi");
	assert_true(run_until_count(f.loop, &f.verdicts, 3, 5000));
	assert_string_equal(f.order, "1 2 4 ");
	assert_int_equal(outq_next_ms(f.q), NOW + 60001);
}

static void too_early_waits_and_too_late_is_told(void **state)
{
	(void)state;
	f.is_auto = true;
	push_full(1, NOW + 5000, FAR, "");
	push_full(2, 0, NOW + 10000, "");
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_string_equal(f.order, "2 ");
	assert_int_equal(outq_next_ms(f.q), NOW + 5000);
	move_clock(NOW + 5000);
	assert_true(run_until_count(f.loop, &f.verdicts, 2, 5000));
	assert_string_equal(f.order, "2 1 ");
	push_full(3, 0, NOW + 5000, "");
	assert_int_equal(f.verdicts, 3); /* at once: its time is over */
	assert_int_equal(f.last.verdict, VERDICT_NOT_SENT);
	assert_string_equal(f.last.class, "late");
	assert_int_equal(f.sent, 2);
}

static void message_that_expires_while_held_is_told(void **state)
{
	(void)state;
	outq_hold(f.q, OUTQ_HOLD_ALL);
	push_full(1, 0, NOW + 1000, "");
	run_for(f.loop, 20);
	assert_int_equal(outq_busy(f.q), 0);
	assert_int_equal(outq_next_ms(f.q), NOW + 1000);
	move_clock(NOW + 1000);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_string_equal(f.last.class, "late");
	assert_int_equal(f.sent, 0);
}

static void hold_stops_and_release_goes_on(void **state)
{
	(void)state;
	f.is_auto = true;
	outq_hold(f.q, OUTQ_HOLD_ALL);
	outq_hold(f.q, OUTQ_HOLD_ROUTE);
	push(1);
	run_for(f.loop, 20);
	outq_release(f.q, OUTQ_HOLD_ALL);
	run_for(f.loop, 20);
	assert_int_equal(f.sent, 0);
	outq_release(f.q, OUTQ_HOLD_ROUTE);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
}

static void hold_between_record_and_request_keeps_the_message(void **state)
{
	(void)state;
	f.is_auto = true;
	push(1); /* its record waits for the sync */
	outq_hold(f.q, OUTQ_HOLD_ALL);
	run_for(f.loop, 30);
	assert_int_equal(f.sent, 0);
	assert_int_equal(f.verdicts, 0);
	assert_int_equal(outq_length(f.q), 1);
	outq_release(f.q, OUTQ_HOLD_ALL);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.sent, 1);
}

static void hold_while_connecting_keeps_the_message(void **state)
{
	(void)state;
	push(1);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	outq_hold(f.q, OUTQ_HOLD_ALL);
	assert_false(f.pending.may_send(f.pending.ctx));
	answer(VERDICT_NOT_SENT, "", 5000);
	assert_int_equal(f.verdicts, 0);
	assert_int_equal(outq_length(f.q), 1);
	outq_release(f.q, OUTQ_HOLD_ALL);
	assert_true(run_until_count(f.loop, &f.sent, 2, 5000));
	assert_true(f.pending.may_send(f.pending.ctx));
	answer(VERDICT_ACCEPTED, "ok", 0);
	assert_int_equal(f.last.verdict, VERDICT_ACCEPTED);
}

static void time_that_passes_while_connecting_makes_it_late(void **state)
{
	(void)state;
	push_full(1, 0, NOW + 1000, "");
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	move_clock(NOW + 1000);
	assert_false(f.pending.may_send(f.pending.ctx));
	answer(VERDICT_NOT_SENT, "", 5000);
	assert_int_equal(f.verdicts, 1);
	assert_string_equal(f.last.class, "late");
}

static void cancelled_messages_are_not_sent(void **state)
{
	id_str mid;

	(void)state;
	push(1);
	push(2);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	mid_of(2, mid);
	assert_int_equal(outq_cancel(f.q, mid), 0);
	assert_int_equal(f.verdicts, 1);
	assert_int_equal(f.last.verdict, VERDICT_NOT_SENT);
	assert_string_equal(f.last.class, "cancelled");
	assert_string_equal(f.last.mid, mid);
	assert_int_equal(outq_cancel(f.q, mid), SW_ENOENT);
	mid_of(1, mid);
	assert_int_equal(outq_cancel(f.q, mid), SW_ENOENT); /* on its way */
	answer(VERDICT_ACCEPTED, "ok", 0);
	assert_int_equal(f.sent, 1);
}

static void cancel_before_the_sync_still_works(void **state)
{
	id_str mid;

	(void)state;
	push(1);
	mid_of(1, mid);
	assert_int_equal(outq_cancel(f.q, mid), 0);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_string_equal(f.last.class, "cancelled");
	assert_int_equal(f.sent, 0);
}

static void rate_refusal_parks_the_route(void **state)
{
	(void)state;
	push(1);
	push(2);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	answer(VERDICT_REFUSED_TEMP, "rate", 60000);
	run_for(f.loop, 20);
	assert_int_equal(f.sent, 1);
	assert_int_equal(outq_busy(f.q), 0);
	assert_int_equal(outq_next_ms(f.q), NOW + 60000);
	move_clock(NOW + 60000);
	assert_true(run_until_count(f.loop, &f.sent, 2, 5000));
	answer(VERDICT_ACCEPTED, "ok", 0);
}

static void bad_credentials_hold_the_route_until_they_change(void **state)
{
	(void)state;
	push(1);
	push(2);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	answer(VERDICT_REFUSED_FINAL, "config", 0);
	run_for(f.loop, 20);
	assert_int_equal(f.sent, 1);
	assert_int_equal(outq_held(f.q), OUTQ_HOLD_CONFIG);
	outq_release(f.q, OUTQ_HOLD_CONFIG);
	assert_true(run_until_count(f.loop, &f.sent, 2, 5000));
	answer(VERDICT_ACCEPTED, "ok", 0);
}

static void unsendable_message_is_refused_without_record_or_pace(void **state)
{
	(void)state;
	f.refuse_check = true;
	push(1);
	assert_int_equal(f.verdicts, 1);
	assert_string_equal(f.last.class, "content");
	assert_int_equal(f.sent, 0);
	f.refuse_check = false;
	f.is_auto = true;
	for (int i = 2; i <= 19; i++)
		push(i);
	assert_true(run_until_count(f.loop, &f.verdicts, 19, 5000));
}

static void full_queue_refuses(void **state)
{
	struct wire_out m = {.attempt = 1, .expires_at_ms = FAR};

	(void)state;
	outq_hold(f.q, OUTQ_HOLD_ALL);
	for (int i = 1; i <= OUTQ_MAX_QUEUED; i++)
		push(i);
	mid_of(5000, m.mid);
	m.text = strdup("x");
	assert_int_equal(outq_push(f.q, &m), SW_ELIMIT);
	assert_non_null(m.text); /* still the caller's */
	wire_out_fini(&m);
}

static void stopped_queue_starts_nothing(void **state)
{
	(void)state;
	push(1);
	push(2);
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	outq_stop(f.q);
	assert_true(outq_is_sending(f.q));
	answer(VERDICT_ACCEPTED, "ok", 0);
	assert_false(outq_is_sending(f.q));
	run_for(f.loop, 20);
	assert_int_equal(f.sent, 1);
}

static void stop_between_record_and_request_is_told_as_not_sent(void **state)
{
	(void)state;
	push(1);
	outq_stop(f.q);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.last.verdict, VERDICT_NOT_SENT);
	assert_int_equal(f.sent, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_go_one_at_a_time_in_order),
		T(record_is_on_disk_before_the_request),
		T(never_more_than_the_limit_in_a_minute),
		T(pace_goes_on_where_the_last_process_left_it),
		T(one_paced_member_does_not_stop_the_others),
		T(too_early_waits_and_too_late_is_told),
		T(message_that_expires_while_held_is_told),
		T(hold_stops_and_release_goes_on),
		T(hold_between_record_and_request_keeps_the_message),
		T(hold_while_connecting_keeps_the_message),
		T(time_that_passes_while_connecting_makes_it_late),
		T(cancelled_messages_are_not_sent),
		T(cancel_before_the_sync_still_works),
		T(rate_refusal_parks_the_route),
		T(bad_credentials_hold_the_route_until_they_change),
		T(unsendable_message_is_refused_without_record_or_pace),
		T(full_queue_refuses),
		T(stopped_queue_starts_nothing),
		T(stop_between_record_and_request_is_told_as_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
