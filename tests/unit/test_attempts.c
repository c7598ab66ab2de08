/*
 * tests/unit/test_attempts.c: an attempt is known for good, and a crash leaves it honest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "bot/attempts.h"
#include "core/base/clock.h"
#include "tests/unit/servers.h"

#define NOW INT64_C(1660784400000)
#define MID "0123456789abcdef0123456789abcdef"

static struct clock the_clock;
static struct loop *loop;
static int synced, closed;
static char tried[256];

static void on_synced(void *ctx, int rc)
{
	(void)ctx;
	assert_int_equal(rc, 0);
	synced++;
}

static void on_closed(void *ctx)
{
	(void)ctx;
	closed++;
}

static struct attempts *reopen(const char *name)
{
	struct attempts *a;
	struct sw_err err;

	assert_int_equal(attempts_open(loop, test_path(name), NOW, &a, &err), 0);
	return a;
}

static void close_it(struct attempts *a)
{
	int before = closed;

	attempts_close(a, on_closed, NULL);
	assert_true(run_until_count(loop, &closed, before + 1, 5000));
}

static void try_one(struct attempts *a, int attempt, const char *who, int64_t at_ms)
{
	struct wire_out m = {.mid = MID, .attempt = attempt, .channel = "app", .route = "main"};
	int before = synced;

	assert_int_equal(attempts_begin(a, MID, attempt), 0);
	assert_int_equal(attempts_try(a, &m, who, at_ms, on_synced, NULL), 0);
	assert_true(run_until_count(loop, &synced, before + 1, 5000));
}

static struct relay_item *decide(struct attempts *a, int attempt, enum wire_verdict_word word,
	const char *class, const char *code, const char *text)
{
	struct wire_verdict v = {.mid = MID, .attempt = attempt, .at_ms = NOW + 5, .verdict = word};

	snprintf(v.class, sizeof(v.class), "%s", class);
	snprintf(v.code, sizeof(v.code), "%s", code);
	snprintf(v.text, sizeof(v.text), "%s", text);
	return attempts_decide(a, &v);
}

static void verdicts_survive_a_restart_word_for_word(void **state)
{
	struct attempts *a = reopen("verdicts.log");
	struct wire_verdict v;

	(void)state;
	try_one(a, 1, "", NOW);
	assert_int_equal(attempts_look(a, MID, 1, NULL), ATTEMPT_RUNNING);
	assert_non_null(
		decide(a, 1, VERDICT_REFUSED_TEMP, "rate", "45009", "api freq out of limit, 太快"));
	try_one(a, 2, "", NOW);
	assert_non_null(decide(a, 2, VERDICT_ACCEPTED, "ok", "0", "ok"));
	close_it(a);
	a = reopen("verdicts.log");
	assert_int_equal(attempts_look(a, MID, 1, &v), ATTEMPT_DECIDED);
	assert_int_equal(v.verdict, VERDICT_REFUSED_TEMP);
	assert_string_equal(v.class, "rate");
	assert_string_equal(v.code, "45009");
	assert_string_equal(v.text, "api freq out of limit, 太快");
	assert_int_equal(v.at_ms, NOW + 5);
	assert_int_equal(v.retry_after_ms, 60000);
	assert_int_equal(attempts_look(a, MID, 2, &v), ATTEMPT_DECIDED);
	assert_int_equal(v.verdict, VERDICT_ACCEPTED);
	assert_string_equal(v.code, "0");
	assert_int_equal(attempts_look(a, MID, 3, &v), ATTEMPT_NEW);
	close_it(a);
}

static void attempt_without_verdict_is_unknown_after_a_restart(void **state)
{
	struct attempts *a = reopen("open.log");
	struct wire_verdict v;

	(void)state;
	try_one(a, 1, "", NOW);
	close_it(a); /* as after a kill: the T record is there, the A is not */
	a = reopen("open.log");
	assert_int_equal(attempts_look(a, MID, 1, &v), ATTEMPT_DECIDED);
	assert_int_equal(v.verdict, VERDICT_UNKNOWN);
	close_it(a);
	a = reopen("open.log");
	assert_int_equal(attempts_look(a, MID, 1, &v), ATTEMPT_DECIDED);
	assert_int_equal(v.verdict, VERDICT_UNKNOWN);
	close_it(a);
}

static void queued_attempt_is_new_after_a_restart(void **state)
{
	struct attempts *a = reopen("queued.log");

	(void)state;
	assert_int_equal(attempts_begin(a, MID, 1), 0);
	assert_int_equal(attempts_begin(a, MID, 1), SW_EEXIST);
	close_it(a);
	a = reopen("queued.log");
	assert_int_equal(attempts_look(a, MID, 1, NULL), ATTEMPT_NEW);
	close_it(a);
}

static void count_item(void *ctx, struct relay_item *item)
{
	int *n = ctx;

	(void)item;
	(*n)++;
}

static int unacked(struct attempts *a)
{
	int n = 0;

	attempts_each_unacked(a, count_item, &n);
	return n;
}

static void verdict_waits_until_it_is_acknowledged(void **state)
{
	struct attempts *a = reopen("acks.log");
	struct relay_item *item;

	(void)state;
	try_one(a, 1, "", NOW);
	assert_int_equal(unacked(a), 0);
	item = decide(a, 1, VERDICT_ACCEPTED, "ok", "0", "ok");
	assert_int_equal(unacked(a), 1);
	assert_null(attempts_ack(a, MID "-2", NOW));
	assert_null(attempts_ack(a, MID, NOW));
	assert_null(attempts_ack(a, "x", NOW));
	close_it(a);
	a = reopen("acks.log");
	assert_int_equal(unacked(a), 1);
	item = attempts_ack(a, MID "-1", NOW);
	assert_non_null(item);
	assert_null(attempts_ack(a, MID "-1", NOW));
	close_it(a);
	a = reopen("acks.log");
	assert_int_equal(unacked(a), 0);
	assert_int_equal(attempts_look(a, MID, 1, NULL), ATTEMPT_DECIDED);
	close_it(a);
}

static void second_verdict_is_not_taken(void **state)
{
	struct attempts *a = reopen("second.log");
	struct wire_verdict v;

	(void)state;
	try_one(a, 1, "", NOW);
	assert_non_null(decide(a, 1, VERDICT_UNKNOWN, "", "", ""));
	assert_null(decide(a, 1, VERDICT_ACCEPTED, "ok", "0", "ok"));
	assert_null(decide(a, 2, VERDICT_ACCEPTED, "ok", "0", "ok"));
	assert_int_equal(attempts_look(a, MID, 1, &v), ATTEMPT_DECIDED);
	assert_int_equal(v.verdict, VERDICT_UNKNOWN);
	close_it(a);
}

static void note_tried(
	void *ctx, int64_t at_ms, const char *channel, const char *route, const char *who)
{
	size_t n = strlen(tried);

	(void)ctx;
	snprintf(tried + n, sizeof(tried) - n, "%lld %s %s %s;", (long long)(at_ms - NOW), channel,
		route, who);
}

static void recent_tries_are_told_after_a_restart(void **state)
{
	struct attempts *a = reopen("pace.log");

	(void)state;
	try_one(a, 1, "", NOW - ATTEMPTS_PACE_MS - 1);
	try_one(a, 2, "aabb", NOW - 1000);
	try_one(a, 3, "", NOW - 500);
	close_it(a);
	a = reopen("pace.log");
	tried[0] = '\0';
	attempts_each_tried(a, note_tried, NULL);
	assert_string_equal(tried, "-1000 app main aabb;-500 app main ;");
	close_it(a);
}

static void foreign_record_stops_the_start(void **state)
{
	struct attempts *a = NULL;
	struct sw_err err = {0};
	FILE *file = fopen(test_path("foreign.log"), "w");
	char line[64] = "1 T nonsense";

	(void)state;
	assert_non_null(file);
	fprintf(file, "%s %08x\n", line, id_crc32c(0, line, strlen(line)));
	fclose(file);
	assert_int_equal(attempts_open(loop, test_path("foreign.log"), NOW, &a, &err), SW_ECORRUPT);
	assert_true(err.text[0]);
}

static int open_loop(void **state)
{
	(void)state;
	clock_init_real(&the_clock);
	return loop_create(&the_clock, &loop);
}

static int close_loop(void **state)
{
	(void)state;
	loop_destroy(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_survive_a_restart_word_for_word),
		cmocka_unit_test(attempt_without_verdict_is_unknown_after_a_restart),
		cmocka_unit_test(queued_attempt_is_new_after_a_restart),
		cmocka_unit_test(verdict_waits_until_it_is_acknowledged),
		cmocka_unit_test(second_verdict_is_not_taken),
		cmocka_unit_test(recent_tries_are_told_after_a_restart),
		cmocka_unit_test(foreign_record_stops_the_start),
	};

	return cmocka_run_group_tests(tests, open_loop, close_loop);
}
