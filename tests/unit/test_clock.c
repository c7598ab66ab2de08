/* tests/unit/test_clock.c: real and simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"

enum { START = 1660784400 };

static void simulated_time_stands_still_until_told_otherwise(void **state)
{
	struct clock c;

	(void)state;
	clock_init_simulated(&c, START * INT64_C(1000));
	c.base_real_ms -= 100000;
	assert_true(clock_now_ms(&c) == START * INT64_C(1000));
	assert_int_equal(c.rev, 0);
	assert_int_equal(clock_until_ms(&c, START * INT64_C(1000)), 0);
	assert_int_equal(clock_until_ms(&c, START * INT64_C(1000) + 1), -1);
}

static void speed_multiplies_real_time(void **state)
{
	struct clock c;
	int64_t now;

	(void)state;
	clock_init_simulated(&c, START * INT64_C(1000));
	c.speed = 3600;
	c.base_real_ms -= 1000; /* one real second ago: at least one simulated hour has passed */
	now = clock_now_ms(&c);
	assert_true(now >= START * INT64_C(1000) + 3600000);
	assert_true(now < START * INT64_C(1000) + 60 * 3600000);
	assert_in_range(clock_until_ms(&c, now + 7 * 3600000), 1, 7001);
}

static void a_real_clock_set_back_does_not_move_simulated_time_back(void **state)
{
	struct clock c;

	(void)state;
	clock_init_simulated(&c, START * INT64_C(1000));
	c.speed = 10;
	c.base_real_ms += 3600000;
	assert_true(clock_now_ms(&c) == START * INT64_C(1000));
}

static void real_time_waits_the_difference(void **state)
{
	struct clock c;
	int64_t before, after;

	(void)state;
	clock_init_real(&c);
	before = clock_real_ms();
	after = clock_now_ms(&c);
	assert_true(after >= before);
	assert_int_equal(clock_until_ms(&c, before - 1), 0);
	assert_in_range(clock_until_ms(&c, after + 3600000), 3500000, 3600000);
}

static void a_wait_is_long_enough_to_find_the_thing_due(void **state)
{
	struct clock c;

	(void)state;
	clock_init_simulated(&c, START * INT64_C(1000));
	c.speed = 100000;
	assert_true(clock_until_ms(&c, clock_now_ms(&c) + 50000000) >= 1);
	c.speed = 1e-300;
	assert_true(clock_until_ms(&c, INT64_MAX / 2) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simulated_time_stands_still_until_told_otherwise),
		cmocka_unit_test(speed_multiplies_real_time),
		cmocka_unit_test(a_real_clock_set_back_does_not_move_simulated_time_back),
		cmocka_unit_test(real_time_waits_the_difference),
		cmocka_unit_test(a_wait_is_long_enough_to_find_the_thing_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
