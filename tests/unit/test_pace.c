/*
 * tests/unit/test_pace.c: sliding windows never let too many through, whatever the clock does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bot/pace.h"

#define T0 INT64_C(1660784400000)

/* Sends N as early as allowed from NOW on; the instants go to AT. */
static void send_all(struct pace *p, int64_t now, int64_t *at, int n)
{
	for (int i = 0; i < n; i++) {
		now = pace_next_ms(p, now);
		assert_int_equal(pace_note(p, now), 0);
		at[i] = now;
	}
}

static void no_window_ever_holds_more_than_the_limit(void **state)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{18, 60000}};
	int64_t at[200];
	struct pace p;

	(void)state;
	pace_init(&p, limits);
	send_all(&p, T0, at, 7);
	send_all(&p, at[6] + 30000, at + 7, 193);
	for (int i = 0; i + 18 < 200; i++)
		assert_true(at[i + 18] - at[i] > 60000);
	pace_fini(&p);
}

static void burst_is_allowed_up_to_the_limit(void **state)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{18, 60000}};
	int64_t at[19];
	struct pace p;

	(void)state;
	pace_init(&p, limits);
	send_all(&p, T0, at, 19);
	assert_int_equal(at[17], T0);
	assert_int_equal(at[18], T0 + 60001);
	assert_int_equal(pace_last_ms(&p), T0 + 60001);
	pace_fini(&p);
}

static void both_limits_hold(void **state)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{30, 60000}, {1000, 3600000}};
	static int64_t at[2500];
	struct pace p;

	(void)state;
	pace_init(&p, limits);
	send_all(&p, T0, at, 2500);
	for (int i = 0; i + 30 < 2500; i++)
		assert_true(at[i + 30] - at[i] > 60000);
	for (int i = 0; i + 1000 < 2500; i++)
		assert_true(at[i + 1000] - at[i] > 3600000);
	pace_fini(&p);
}

static void clock_set_back_neither_forgets_nor_blocks_for_long(void **state)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{3, 60000}};
	int64_t at[3], yesterday = T0 - 86400000;
	struct pace p;

	(void)state;
	pace_init(&p, limits);
	send_all(&p, T0, at, 3);
	assert_int_equal(pace_next_ms(&p, yesterday), yesterday + 60001);
	pace_fini(&p);
}

static void without_a_limit_everything_goes(void **state)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{0, 0}};
	int64_t at[100];
	struct pace p;

	(void)state;
	pace_init(&p, limits);
	send_all(&p, T0, at, 100);
	assert_int_equal(at[99], T0);
	pace_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_window_ever_holds_more_than_the_limit),
		cmocka_unit_test(burst_is_allowed_up_to_the_limit),
		cmocka_unit_test(both_limits_hold),
		cmocka_unit_test(clock_set_back_neither_forgets_nor_blocks_for_long),
		cmocka_unit_test(without_a_limit_everything_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
