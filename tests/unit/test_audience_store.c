/* Audiences against a real Redis: what opts out while an import is on its way; finding numbers; what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/engine/audience_internal.h"
#include "notifier/engine/scripts.h"
#include "tests/unit/servers.h"

static struct test_server server;
static struct units *units;
static struct clock wall;

struct stage {
	struct engine e;
	bool ready;
	struct audience a;
	int ended; /* of what was started last */
	int rc;
	bool found;
	size_t count;
	char id[AUDIENCE_ID];
	bool fatal;
};

static void on_ready(void *ctx)
{
	struct stage *s = ctx;

	s->ready = true;
}

static void on_fatal(void *ctx, int exit_code)
{
	struct stage *s = ctx;

	(void)exit_code;
	s->fatal = true;
}

static bool is_ready(void *ctx)
{
	const struct stage *s = ctx;

	return s->ready;
}

static void on_stored(void *ctx, int rc, const char *id)
{
	struct stage *s = ctx;

	s->rc = rc;
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->ended++;
}

static void on_opted(void *ctx, int rc)
{
	struct stage *s = ctx;

	assert_int_equal(rc, 0);
	s->ended++;
}

static void on_found(void *ctx, int rc, bool found)
{
	struct stage *s = ctx;

	assert_int_equal(rc, 0);
	s->found = found;
	s->ended++;
}

static void on_counted(void *ctx, int rc, size_t n)
{
	struct stage *s = ctx;

	assert_int_equal(rc, 0);
	s->count = n;
	s->ended++;
}

static struct stage *loading; /* audience_load() hands out the engine alone */

static void on_loaded(struct engine *e, int rc)
{
	assert_ptr_equal(e, &loading->e);
	loading->rc = rc;
	loading->ended++;
}

static void until_ended(struct stage *s, int n)
{
	assert_true(run_until_count(s->e.loop, &s->ended, n, 20000));
	s->ended = 0;
}

static void load(struct stage *s)
{
	loading = s;
	audience_load(&s->e, on_loaded);
	until_ended(s, 1);
	assert_int_equal(s->rc, 0);
}

static void open_stage(struct stage *s)
{
	static const struct redis_events events = {.on_ready = on_ready};
	struct redis_opts opts = {.socket = server.socket};

	*s = (struct stage){0};
	s->e.leader = s->e.loaded = true;
	s->e.on_fatal = on_fatal;
	s->e.fatal_ctx = s;
	memcpy(s->e.fence, "1", 2);
	memset(s->e.data_key.bytes, 7, sizeof(s->e.data_key.bytes));
	clock_init_real(&wall);
	assert_int_equal(loop_create(&wall, &s->e.loop), 0);
	assert_int_equal(redis_open(s->e.loop, &opts, engine_scripts, engine_scripts_len, &events,
				 s, &s->e.redis),
		0);
	assert_true(run_until(s->e.loop, is_ready, s, 10000));
	(void)redis_ask(&server, "FLUSHALL");
	(void)redis_ask(&server, "HSET sw:{r}:lease fence 1");
	load(s);
}

static void close_stage(struct stage *s)
{
	redis_close(s->e.redis, NULL, NULL);
	run_for(s->e.loop, 20);
	audience_free(&s->e);
	loop_destroy(s->e.loop);
	audience_fini(&s->a);
}

/* N numbers from 13800000001 on, every second one, dealt out over all units. */
static void make(struct stage *s, int n)
{
	struct problems p;
	struct buf b;

	problems_init(&p);
	buf_init(&b, 8 << 20);
	(void)buf_adds(&b, "mobile,area_code\n");
	for (int i = 0; i < n; i++)
		(void)buf_addf(
			&b, "138%08d,%s\n", 1 + 2 * i, units->items[(size_t)i % units->n].code);
	audience_fini(&s->a);
	assert_int_equal(audience_parse("a.csv", b.data, b.len, units, &p, &s->a), 0);
	buf_fini(&b);
	problems_fini(&p);
}

static void store(struct stage *s)
{
	assert_int_equal(audience_store(&s->e, &s->a, "居民", "", on_stored, s), 0);
	until_ended(s, 1);
	assert_int_equal(s->rc, 0);
}

static const char *number(int i)
{
	static char phone[20]; /* "+86138" and 8 digits */

	snprintf(phone, sizeof(phone), "+86138%08d", i);
	return phone;
}

static size_t count_out(struct stage *s, const char *id)
{
	assert_int_equal(audience_count_out(&s->e, id, on_counted, s), 0);
	until_ended(s, 1);
	return s->count;
}

static bool lookup(struct stage *s, int i)
{
	assert_int_equal(audience_lookup(&s->e, number(i), on_found, s), 0);
	until_ended(s, 1);
	return s->found;
}

static void opt(struct stage *s, int i, bool out)
{
	assert_int_equal(audience_opt(&s->e, number(i), out, on_opted, s), 0);
	until_ended(s, 1);
}

/* ---- the promises ---- */

static void every_number_of_an_audience_is_found_and_no_other(void **state)
{
	enum { N = 2000 };
	struct stage s;

	(void)state;
	open_stage(&s);
	assert_false(lookup(&s, 1));
	make(&s, N);
	store(&s);
	assert_string_equal(s.id, "a1");
	for (int i = 0; i < 2 * N + 2; i += 37)
		assert_int_equal(lookup(&s, i), i % 2 == 1 && i < 2 * N);
	assert_true(lookup(&s, 1));
	assert_true(lookup(&s, 2 * N - 1));
	assert_int_equal(audience_lookup(&s.e, "13800000001", on_found, &s), SW_EINVAL);
	close_stage(&s);
}

static void a_number_is_found_in_a_full_segment(void **state)
{
	struct problems p;
	struct stage s;
	struct buf b;

	(void)state;
	open_stage(&s);
	problems_init(&p);
	buf_init(&b, 8 << 20);
	(void)buf_adds(&b, "mobile,area_code\n");
	for (int i = 0; i < AUDIENCE_SEGMENT + 100; i++)
		(void)buf_addf(&b, "138%08d,150100\n", 2 * i);
	assert_int_equal(audience_parse("a.csv", b.data, b.len, units, &p, &s.a), 0);
	store(&s);
	for (int i = 0; i < 2 * AUDIENCE_SEGMENT + 300; i += 4999)
		assert_int_equal(lookup(&s, i), i % 2 == 0 && i < 2 * (AUDIENCE_SEGMENT + 100));
	assert_true(lookup(&s, 0));
	assert_true(lookup(&s, 2 * AUDIENCE_SEGMENT - 2));
	assert_true(lookup(&s, 2 * AUDIENCE_SEGMENT));
	opt(&s, 2 * AUDIENCE_SEGMENT - 2, true);
	assert_string_equal(redis_ask(&server, "GETBIT sw:{a1.0}:oo 64999"), "1");
	buf_fini(&b);
	problems_fini(&p);
	close_stage(&s);
}

static void who_opts_out_while_an_import_is_on_its_way_is_out_of_it(void **state)
{
	enum { N = 4000, EACH = 25 };
	struct stage s;
	int opted = 0;

	(void)state;
	open_stage(&s);
	make(&s, N);
	opt(&s, 1, true); /* before it */
	assert_int_equal(audience_store(&s.e, &s.a, "居民", "", on_stored, &s), 0);
	/* One at each turn of the import, from its first to its last. */
	while (s.id[0] == '\0') {
		int ended = s.ended;

		if (3 + EACH * 2 * opted < 2 * N)
			assert_int_equal(audience_opt(&s.e, number(3 + EACH * 2 * opted++), true,
						 on_opted, &s),
				0);
		assert_true(run_until_count(s.e.loop, &s.ended, ended + 1, 20000));
	}
	assert_true(opted > 10); /* else nothing was opted meanwhile */
	assert_int_equal(s.rc, 0);
	if (s.ended < opted + 1)
		assert_true(run_until_count(s.e.loop, &s.ended, opted + 1, 20000));
	s.ended = 0;
	assert_int_equal(count_out(&s, "a1"), (size_t)opted + 1);
	close_stage(&s);
}

static void what_is_said_last_holds(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	store(&s);
	make(&s, 300);
	store(&s);
	assert_string_equal(s.id, "a2");
	for (int i = 0; i < 3; i++)
		assert_int_equal(audience_opt(&s.e, number(5), i % 2 == 0, on_opted, &s), 0);
	until_ended(&s, 3);
	assert_int_equal(count_out(&s, "a1"), 1);
	assert_int_equal(count_out(&s, "a2"), 1);
	opt(&s, 5, false);
	opt(&s, 5, false);
	assert_int_equal(count_out(&s, "a1"), 0);
	assert_int_equal(count_out(&s, "a2"), 0);
	opt(&s, 4, true); /* nobody's number: only its record */
	assert_string_equal(redis_ask(&server, "HLEN sw:{r}:optout"), "1");
	close_stage(&s);
}

static void counters_have_their_full_length_from_the_start(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 118 * 9); /* 9 or 10 in each segment */
	store(&s);
	assert_string_equal(redis_ask(&server, "STRLEN sw:{a1.0}:ph"), "50");
	assert_string_equal(redis_ask(&server, "STRLEN sw:{a1.0}:cc"), "5");
	assert_string_equal(redis_ask(&server, "STRLEN sw:{a1.0}:oo"), "2");
	assert_string_equal(redis_ask(&server, "BITCOUNT sw:{a1.0}:cc"), "0");
	close_stage(&s);
}

static void an_import_without_its_last_step_is_removed_by_the_next_load(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	store(&s);
	(void)redis_ask(&server, "HSET sw:{r}:audiences:begun a2 3");
	(void)redis_ask(&server, "SET sw:{a2.0}:ph x");
	(void)redis_ask(&server, "SET sw:{a2.2}:oo x");
	load(&s);
	assert_string_equal(redis_ask(&server, "EXISTS sw:{a2.0}:ph sw:{a2.2}:oo"), "0");
	assert_string_equal(redis_ask(&server, "HLEN sw:{r}:audiences:begun"), "0");
	assert_int_equal(s.e.audiences->n, 1);
	assert_non_null(audience_find(&s.e, "a1"));
	close_stage(&s);
}

static void a_content_that_was_changed_is_refused(void **state)
{
	char refused[AUDIENCES_MAX + 1][AUDIENCE_ID];
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	store(&s);
	make(&s, 300);
	store(&s);
	(void)redis_ask(&server, "SETRANGE sw:{a1.4}:ph 3 abc");
	audience_free(&s.e); /* what this process has checked is forgotten, as by a restart */
	load(&s);
	assert_null(audience_find(&s.e, "a1"));
	assert_non_null(audience_find(&s.e, "a2"));
	audience_refused(&s.e, refused);
	assert_string_equal(refused[0], "a1");
	assert_string_equal(refused[1], "");
	close_stage(&s);
}

static void a_lost_segment_refuses_its_audience(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	store(&s);
	(void)redis_ask(&server, "DEL sw:{a1.5}:meta");
	load(&s);
	assert_null(audience_find(&s.e, "a1"));
	close_stage(&s);
}

static void whoever_has_lost_the_lease_stores_nothing(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	(void)redis_ask(&server, "HSET sw:{r}:lease fence 2");
	assert_int_equal(audience_store(&s.e, &s.a, "居民", "", on_stored, &s), 0);
	until_ended(&s, 1);
	assert_true(s.rc < 0);
	assert_true(s.fatal);
	assert_string_equal(redis_ask(&server, "DBSIZE"), "1");
	close_stage(&s);
}

static void one_import_at_a_time(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 500);
	assert_int_equal(audience_store(&s.e, &s.a, "居民", "", on_stored, &s), 0);
	assert_int_equal(audience_store(&s.e, &s.a, "居民", "", on_stored, &s), SW_EEXIST);
	until_ended(&s, 1);
	assert_int_equal(s.rc, 0);
	assert_int_equal(s.e.audiences->n, 1);
	close_stage(&s);
}

static void a_store_that_dies_ends_the_import_and_what_waits(void **state)
{
	struct stage s;

	(void)state;
	open_stage(&s);
	make(&s, 4000);
	assert_int_equal(audience_store(&s.e, &s.a, "居民", "", on_stored, &s), 0);
	run_for(s.e.loop, 3);
	server_kill(&server);
	until_ended(&s, 1);
	assert_true(s.rc < 0);
	assert_int_equal(audience_opt(&s.e, number(1), true, on_opted, &s), SW_EAWAY);
	s.ready = false;
	restart_redis(&server);
	assert_true(run_until(s.e.loop, is_ready, &s, 10000));
	close_stage(&s);
}

static int start(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = units_load("config/units/inner-mongolia-units.csv", &p, &units);
	problems_fini(&p);
	start_redis(&server, "redis", "");
	return rc;
}

static int stop(void **state)
{
	(void)state;
	server_kill(&server);
	units_free(units);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_of_an_audience_is_found_and_no_other),
		cmocka_unit_test(a_number_is_found_in_a_full_segment),
		cmocka_unit_test(who_opts_out_while_an_import_is_on_its_way_is_out_of_it),
		cmocka_unit_test(what_is_said_last_holds),
		cmocka_unit_test(counters_have_their_full_length_from_the_start),
		cmocka_unit_test(an_import_without_its_last_step_is_removed_by_the_next_load),
		cmocka_unit_test(a_content_that_was_changed_is_refused),
		cmocka_unit_test(a_lost_segment_refuses_its_audience),
		cmocka_unit_test(whoever_has_lost_the_lease_stores_nothing),
		cmocka_unit_test(one_import_at_a_time),
		cmocka_unit_test(a_store_that_dies_ends_the_import_and_what_waits),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
