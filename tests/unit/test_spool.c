/*
 * tests/unit/test_spool.c: durable before the yes, once however often it comes, kept until acknowledged.
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

#include "bot/spool.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "tests/unit/servers.h"

#define NOW INT64_C(1660784400000)

static struct clock the_clock;
static struct loop *loop;
static const struct seal_key key = {.bytes = {1, 2, 3}};

/* What the spool has told, in order: "e<seq>" an event is durable, "y"/"r"/"n" a sender's yes, repeat, no. */
static char told[4096];
static int answers, closed;

static void tell(const char *what)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s ", what);
}

static void on_event(void *ctx, struct relay_item *item)
{
	struct wire_in in;
	const char *topic;
	size_t len;
	const char *json = spool_payload(item, &len, &topic);
	char word[32];

	(void)ctx;
	assert_int_equal(wire_in_decode(json, len, &in, NULL), 0);
	snprintf(word, sizeof(word), "e%d", (int)in.seq);
	tell(word);
	wire_in_fini(&in);
}

static void on_answer(void *ctx, int rc, bool is_repeat)
{
	(void)ctx;
	tell(rc < 0 ? "n" : is_repeat ? "r" : "y");
	answers++;
}

static void on_closed(void *ctx)
{
	(void)ctx;
	closed++;
}

static struct spool *reopen(const char *name)
{
	struct sw_err err = {0};
	struct spool *s;

	if (spool_open(loop, test_path(name), &key, NOW, on_event, NULL, &s, &err) < 0)
		fail_msg("%s", err.text);
	told[0] = '\0';
	answers = 0;
	return s;
}

static void close_it(struct spool *s)
{
	int before = closed;

	spool_close(s, on_closed, NULL);
	assert_true(run_until_count(loop, &closed, before + 1, 5000));
}

static struct wire_in event(int i)
{
	static char text[] = "已报2人6户";
	struct wire_in in = {
		.at_ms = NOW, .source = "app/main", .sender = "zhangsan", .text = text};

	snprintf(in.provider_id, sizeof(in.provider_id), "m%d", i);
	id_event(in.source, in.provider_id, in.id);
	return in;
}

static int add(struct spool *s, int i)
{
	struct wire_in in = event(i);

	return spool_add(s, &in, on_answer, NULL);
}

static void collect(void *ctx, struct relay_item *item)
{
	on_event(ctx, item);
}

static void yes_comes_after_the_sync_and_after_the_event(void **state)
{
	struct spool *s = reopen("order.log");

	(void)state;
	assert_int_equal(add(s, 1), 0);
	assert_int_equal(add(s, 2), 0);
	assert_string_equal(told, ""); /* never from inside */
	assert_int_equal(spool_unacked(s), 2);
	assert_true(run_until_count(loop, &answers, 2, 5000));
	assert_string_equal(told, "e1 y e2 y ");
	assert_int_equal(spool_seq(s), 2);
	close_it(s);
}

static void repeats_are_answered_without_effect(void **state)
{
	struct spool *s = reopen("repeat.log");
	struct wire_in in = event(1);

	(void)state;
	assert_int_equal(add(s, 1), 0);
	assert_int_equal(add(s, 1), 0); /* while the first is being written */
	assert_false(spool_knows(s, in.id));
	assert_true(run_until_count(loop, &answers, 2, 5000));
	assert_string_equal(told, "e1 y r ");
	assert_true(spool_knows(s, in.id));
	assert_int_equal(add(s, 1), 0);
	assert_true(run_until_count(loop, &answers, 3, 5000));
	assert_string_equal(told, "e1 y r r ");
	assert_int_equal(spool_unacked(s), 1);
	close_it(s);
	s = reopen("repeat.log");
	assert_int_equal(add(s, 1), 0);
	assert_true(run_until_count(loop, &answers, 1, 5000));
	assert_string_equal(told, "r ");
	close_it(s);
}

static void unacknowledged_events_come_back_after_a_restart(void **state)
{
	struct spool *s = reopen("restart.log");
	struct wire_in two = event(2);
	struct relay_item *item;

	(void)state;
	for (int i = 1; i <= 3; i++)
		assert_int_equal(add(s, i), 0);
	assert_true(run_until_count(loop, &answers, 3, 5000));
	item = spool_ack(s, two.id);
	assert_non_null(item);
	spool_settled(s, item);
	assert_null(spool_ack(s, two.id));
	assert_null(spool_ack(s, "0123456789abcdef0123456789abcdef"));
	assert_null(spool_ack(s, "no id"));
	close_it(s);
	s = reopen("restart.log");
	assert_int_equal(spool_unacked(s), 2);
	assert_int_equal(spool_seq(s), 3);
	spool_each_unacked(s, collect, NULL);
	assert_string_equal(told, "e1 e3 ");
	assert_int_equal(add(s, 4), 0);
	assert_true(run_until_count(loop, &answers, 1, 5000));
	assert_string_equal(told, "e1 e3 e4 y ");
	close_it(s);
}

struct replaying {
	int n, refuse_at, ended, rc;
	int64_t total;
	int seqs[64];
};

static int on_replayed(void *ctx, const char *topic, const char *json, size_t len)
{
	struct replaying *r = ctx;
	struct wire_in in;

	assert_string_equal(topic, TOPIC_REPLY);
	if (r->n == r->refuse_at) {
		r->refuse_at = -1;
		return SW_ELIMIT;
	}
	assert_int_equal(wire_in_decode(json, len, &in, NULL), 0);
	if (r->n < 64)
		r->seqs[r->n] = (int)in.seq;
	r->n++;
	wire_in_fini(&in);
	return 0;
}

static void on_replay_end(void *ctx, int rc, int64_t n)
{
	struct replaying *r = ctx;

	r->rc = rc;
	r->total = n;
	r->ended = 1;
}

static bool replay_waits(void *ctx)
{
	struct replaying *r = ctx;

	return r->refuse_at == -1;
}

static void replay_brings_acknowledged_ones_too(void **state)
{
	struct spool *s = reopen("replay.log");
	struct replaying r = {.refuse_at = 150};

	(void)state;
	for (int i = 1; i <= 200; i++)
		assert_int_equal(add(s, i), 0);
	assert_true(run_until_count(loop, &answers, 200, 5000));
	for (int i = 1; i <= 200; i++) {
		struct wire_in in = event(i);
		struct relay_item *item = spool_ack(s, in.id);

		assert_non_null(item);
		spool_settled(s, item);
	}
	assert_int_equal(spool_unacked(s), 0);
	assert_int_equal(spool_replay(s, 10, on_replayed, on_replay_end, &r), 0);
	assert_int_equal(spool_replay(s, 10, on_replayed, on_replay_end, &r), SW_EEXIST);
	assert_true(run_until(loop, replay_waits, &r, 5000));
	assert_int_equal(r.n, 150);
	assert_int_equal(r.ended, 0);
	spool_replay_resume(s);
	assert_true(run_until_count(loop, &r.ended, 1, 5000));
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.total, 190);
	assert_int_equal(r.seqs[0], 11);
	assert_int_equal(r.seqs[63], 74);
	close_it(s);
}

static void cancelled_replay_ends_and_another_may_start(void **state)
{
	struct spool *s = reopen("replay.log");
	struct replaying r = {.refuse_at = 5}, second = {.refuse_at = -1};

	(void)state;
	assert_int_equal(spool_replay(s, 0, on_replayed, on_replay_end, &r), 0);
	assert_true(run_until(loop, replay_waits, &r, 5000));
	spool_replay_cancel(s);
	assert_true(run_until_count(loop, &r.ended, 1, 5000));
	assert_int_equal(r.rc, SW_EAWAY);
	assert_int_equal(spool_replay(s, 199, on_replayed, on_replay_end, &second), 0);
	spool_replay_cancel(s);
	assert_true(run_until_count(loop, &second.ended, 1, 5000));
	close_it(s);
}

static void closing_in_the_middle_of_a_replay_is_clean(void **state)
{
	struct spool *s = reopen("replay.log");
	struct replaying r = {.refuse_at = -1};

	(void)state;
	assert_int_equal(spool_replay(s, 0, on_replayed, on_replay_end, &r), 0);
	close_it(s);
	assert_int_equal(r.ended, 1);
}

static void full_spool_refuses_and_says_so(void **state)
{
	struct spool *s = reopen("full.log");
	int rc = 0, n = 0;

	(void)state;
	while (n <= SPOOL_MAX_UNACKED && rc == 0) {
		rc = add(s, n);
		if (rc == 0)
			n++;
		/* At most 4,096 may wait for one sync. */
		if (n % 1000 == 0)
			assert_true(run_until_count(loop, &answers, n, 20000));
	}
	assert_int_equal(n, SPOOL_MAX_UNACKED);
	assert_int_equal(rc, SW_ELIMIT);
	/* A repeat of a known one is still answered. */
	assert_int_equal(add(s, 1), 0);
	assert_true(run_until_count(loop, &answers, n + 1, 20000));
	close_it(s);
}

static void texts_are_not_readable_in_the_file(void **state)
{
	struct spool *s = reopen("sealed.log");
	struct buf file;

	(void)state;
	assert_int_equal(add(s, 1), 0);
	assert_true(run_until_count(loop, &answers, 1, 5000));
	close_it(s);
	buf_init(&file, 65536);
	assert_int_equal(file_read(test_path("sealed.log"), &file, NULL), 0);
	assert_null(strstr(buf_str(&file), "已报"));
	assert_null(strstr(buf_str(&file), "zhangsan"));
	buf_fini(&file);
}

static void another_key_stops_the_start(void **state)
{
	static const struct seal_key other = {.bytes = {9}};
	struct sw_err err = {0};
	struct spool *s = NULL;

	(void)state;
	assert_int_equal(
		spool_open(loop, test_path("sealed.log"), &other, NOW, on_event, NULL, &s, &err),
		SW_ECRYPTO);
	assert_non_null(strstr(err.text, "keys.spool_file"));
	run_for(loop, 20); /* the journal closes */
}

static void moved_record_does_not_open(void **state)
{
	struct sw_err err = {0};
	struct spool *s = NULL;
	struct buf file;
	char line[4096];
	char *crc;

	(void)state;
	/* The record with another number in front and a checksum that fits. */
	buf_init(&file, 4096);
	assert_int_equal(file_read(test_path("sealed.log"), &file, NULL), 0);
	snprintf(line, sizeof(line), "%s", buf_str(&file));
	crc = strrchr(line, ' ');
	*crc = '\0';
	strstr(line, " E 1 ")[3] = '7';
	buf_reset(&file);
	buf_addf(&file, "%s %08x\n", line, id_crc32c(0, line, strlen(line)));
	assert_int_equal(file_write(test_path("moved.log"), 0600, file.data, file.len, NULL), 0);
	buf_fini(&file);
	assert_int_equal(
		spool_open(loop, test_path("moved.log"), &key, NOW, on_event, NULL, &s, &err),
		SW_ECRYPTO);
	run_for(loop, 20);
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
		cmocka_unit_test(yes_comes_after_the_sync_and_after_the_event),
		cmocka_unit_test(repeats_are_answered_without_effect),
		cmocka_unit_test(unacknowledged_events_come_back_after_a_restart),
		cmocka_unit_test(replay_brings_acknowledged_ones_too),
		cmocka_unit_test(cancelled_replay_ends_and_another_may_start),
		cmocka_unit_test(closing_in_the_middle_of_a_replay_is_clean),
		cmocka_unit_test(full_spool_refuses_and_says_so),
		cmocka_unit_test(texts_are_not_readable_in_the_file),
		cmocka_unit_test(another_key_stops_the_start),
		cmocka_unit_test(moved_record_does_not_open),
	};

	return cmocka_run_group_tests(tests, open_loop, close_loop);
}
