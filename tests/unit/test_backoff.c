/* tests/unit/test_backoff.c: delays double up to the cap and always vary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/backoff.h"

static void delays_double_up_to_the_cap(void **state)
{
	static const int64_t full[] = {1000, 2000, 4000, 8000, 10000, 10000, 10000};
	struct backoff b;

	(void)state;
	backoff_init(&b, 1000, 10000);
	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++)
		assert_in_range(backoff_next_ms(&b), full[i] / 2, full[i]);
	backoff_reset(&b);
	assert_in_range(backoff_next_ms(&b), 500, 1000);
}

static void many_clients_do_not_come_at_once(void **state)
{
	struct backoff b;
	int64_t low = INT64_MAX, high = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int64_t ms;

		backoff_init(&b, 1000000, 1000000);
		ms = backoff_next_ms(&b);
		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
	}
	assert_true(high - low > 250000);
}

static void a_long_outage_does_not_overflow(void **state)
{
	struct backoff b;

	(void)state;
	backoff_init(&b, 1, INT64_MAX / 2);
	for (int i = 0; i < 500; i++)
		assert_true(backoff_next_ms(&b) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_up_to_the_cap),
		cmocka_unit_test(many_clients_do_not_come_at_once),
		cmocka_unit_test(a_long_outage_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
