/*
 * tests/unit/test_sms_speed.c: a gateway's rate holds in every second, after a start, after a throttle, and when the clock is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/err.h"
#include "notifier/sms/speed.h"

#define T0 INT64_C(1660784400000)

enum { MAX_TAKEN = 60000 };

static int64_t taken_ms[MAX_TAKEN];
static size_t n_taken;

/* Takes whatever there is, from FROM_MS on for MS. */
static void take_all(struct speed *p, int64_t from_ms, int64_t ms)
{
	for (int64_t now = from_ms; now < from_ms + ms; now++) {
		while (n_taken < MAX_TAKEN && speed_take(p, now))
			taken_ms[n_taken++] = now;
	}
}

static size_t most_in_a_second(void)
{
	size_t most = 0;

	for (size_t first = 0, last = 0; last < n_taken; last++) {
		while (taken_ms[last] - taken_ms[first] >= 1000)
			first++;
		if (last - first + 1 > most)
			most = last - first + 1;
	}
	return most;
}

static void no_second_has_more_than_the_rate_and_nearly_all_is_used(void **state)
{
	static const int64_t rates[] = {
		1, 2, 3, 7, 49, 50, 51, 99, 100, 333, 1000, 1001, 2999, 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct speed p;

		n_taken = 0;
		speed_init(&p, rates[i], T0);
		take_all(&p, T0, 11000);
		assert_true(most_in_a_second() <= (size_t)rates[i]);
		assert_true(n_taken >= (size_t)rates[i] * 97 / 10);
	}
}

static void after_idling_no_second_has_more_than_the_rate(void **state)
{
	struct speed p;

	(void)state;
	n_taken = 0;
	speed_init(&p, 500, T0);
	take_all(&p, T0 + 60000, 3000);
	assert_true(n_taken > 1400);
	assert_true(most_in_a_second() <= 500);
}

static void a_restart_does_not_exceed_the_rate(void **state)
{
	struct speed p;

	(void)state;
	n_taken = 0;
	speed_init(&p, 100, T0);
	take_all(&p, T0, 2000);
	speed_init(&p, 100, T0 + 2000);
	assert_int_equal(speed_next_ms(&p, T0 + 2000), T0 + 3000);
	take_all(&p, T0 + 2000, 2000);
	assert_true(most_in_a_second() <= 100);
	assert_true(n_taken > 190);
}

static void the_next_token_is_there_when_it_is_promised_and_not_before(void **state)
{
	static const int64_t rates[] = {1, 3, 50, 700, 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
		struct speed p;
		int64_t now = T0;

		speed_init(&p, rates[i], T0);
		for (int n = 0; n < 500; n++) {
			int64_t at = speed_next_ms(&p, now);

			assert_true(at >= now);
			if (at > now)
				assert_false(speed_take(&p, at - 1));
			now = at;
			assert_true(speed_take(&p, now));
		}
	}
}

static void a_clock_that_stands_still_gives_one_burst(void **state)
{
	struct speed p;
	int n = 0;

	(void)state;
	speed_init(&p, 100, T0);
	while (speed_take(&p, T0 + 5000))
		n++;
	assert_true(n >= 1 && n <= 3);
	assert_true(speed_next_ms(&p, T0 + 5000) > T0 + 5000);
}

/* Tokens in one second from FROM_MS on. */
static size_t second_from(struct speed *p, int64_t from_ms)
{
	n_taken = 0;
	take_all(p, from_ms, 1000);
	return n_taken;
}

static void a_throttle_halves_the_rate_and_a_tenth_comes_back_each_second(void **state)
{
	struct speed p;
	int64_t now = T0 + 5000;
	size_t n;

	(void)state;
	speed_init(&p, 100, T0);
	(void)second_from(&p, T0 + 1000);
	speed_slow(&p, now, 0);
	assert_int_equal(speed_next_ms(&p, now), now + 1000);
	/* A second of nothing has brought a tenth already. */
	n = second_from(&p, now + 1000);
	assert_true(n >= 58 && n <= 61);
	n = second_from(&p, now + 2000);
	assert_true(n >= 65 && n <= 71);
	n = second_from(&p, now + 8000);
	assert_true(n >= 97 && n <= 100);
}

static void refusals_of_one_second_halve_once_and_of_several_more(void **state)
{
	struct speed p;
	size_t n;

	(void)state;
	speed_init(&p, 100, T0);
	for (int i = 0; i < 32; i++)
		speed_slow(&p, T0 + 5000 + i, 0);
	n = second_from(&p, T0 + 6100);
	assert_true(n >= 55 && n <= 65);
	speed_slow(&p, T0 + 7100, 0);
	n = second_from(&p, T0 + 8100);
	assert_true(n <= 50);
	for (int i = 0; i < 100; i++)
		speed_slow(&p, T0 + 10000 + i * 1000, 0);
	/* It never falls to nothing. */
	assert_true(second_from(&p, T0 + 110000 + 60000) > 0);
}

static void a_wait_the_gateway_asks_for_is_kept_up_to_an_hour(void **state)
{
	struct speed p;

	(void)state;
	speed_init(&p, 100, T0);
	speed_slow(&p, T0, 20000);
	assert_int_equal(speed_next_ms(&p, T0 + 10), T0 + 20000);
	speed_slow(&p, T0, 10 * SPEED_MAX_BLOCK_MS);
	assert_int_equal(speed_next_ms(&p, T0), T0 + SPEED_MAX_BLOCK_MS);
}

static void a_clock_set_back_does_not_stop_it(void **state)
{
	struct speed p;
	int64_t past = T0 - 3600000;

	(void)state;
	speed_init(&p, 10, T0);
	n_taken = 0;
	take_all(&p, T0, 5000);
	assert_int_equal(speed_next_ms(&p, past + 5), past + 5);
	assert_true(second_from(&p, past + 5) >= 9);
	/* Nor does a wait that was asked for in the other time. */
	speed_slow(&p, T0, 600000);
	assert_int_equal(speed_next_ms(&p, past), past);
}

static void a_clock_set_ahead_gives_no_more_than_a_burst(void **state)
{
	struct speed p;
	int n = 0;

	(void)state;
	speed_init(&p, 100, T0);
	(void)second_from(&p, T0);
	while (speed_take(&p, T0 + INT64_C(86400000) * 60))
		n++;
	assert_true(n >= 1 && n <= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_second_has_more_than_the_rate_and_nearly_all_is_used),
		cmocka_unit_test(after_idling_no_second_has_more_than_the_rate),
		cmocka_unit_test(a_restart_does_not_exceed_the_rate),
		cmocka_unit_test(the_next_token_is_there_when_it_is_promised_and_not_before),
		cmocka_unit_test(a_clock_that_stands_still_gives_one_burst),
		cmocka_unit_test(a_throttle_halves_the_rate_and_a_tenth_comes_back_each_second),
		cmocka_unit_test(refusals_of_one_second_halve_once_and_of_several_more),
		cmocka_unit_test(a_wait_the_gateway_asks_for_is_kept_up_to_an_hour),
		cmocka_unit_test(a_clock_set_back_does_not_stop_it),
		cmocka_unit_test(a_clock_set_ahead_gives_no_more_than_a_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
