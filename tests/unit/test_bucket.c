/* tests/unit/test_bucket.c: a burst, then one token each interval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/bucket.h"

static void a_burst_is_let_through_then_one_each_interval(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 3, 1000);
	for (int i = 0; i < 3; i++)
		assert_true(bucket_take(&b, 5000));
	assert_false(bucket_take(&b, 5000));
	assert_int_equal(bucket_next_ms(&b, 5000), 6000);
	assert_false(bucket_take(&b, 5999));
	assert_true(bucket_take(&b, 6000));
	assert_false(bucket_take(&b, 6000));
}

static void idling_refills_no_more_than_the_burst(void **state)
{
	struct bucket b;
	int taken = 0;

	(void)state;
	bucket_init(&b, 3, 1000);
	assert_true(bucket_take(&b, 0));
	while (bucket_take(&b, 1000000))
		taken++;
	assert_int_equal(taken, 3);
}

static void twenty_a_minute_never_exceeds_twenty_in_any_minute(void **state)
{
	struct bucket b;
	int64_t at[200] = {0};
	int n = 0;

	(void)state;
	bucket_init(&b, 1, 3000);
	for (int64_t t = 0; t < 300000; t += 250) {
		if (bucket_take(&b, t))
			at[n++] = t;
	}
	assert_int_equal(n, 100);
	for (int i = 20; i < n; i++)
		assert_true(at[i] - at[i - 20] >= 60000);
}

static void blocking_holds_until_the_given_moment(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 5, 1000);
	bucket_block(&b, 60000);
	assert_int_equal(bucket_next_ms(&b, 0), 60000);
	assert_false(bucket_take(&b, 59999));
	assert_true(bucket_take(&b, 60000));
	assert_false(bucket_take(&b, 60000));
	bucket_block(&b, 10); /* an older refusal does not shorten it */
	assert_int_equal(bucket_next_ms(&b, 60000), 61000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_let_through_then_one_each_interval),
		cmocka_unit_test(idling_refills_no_more_than_the_burst),
		cmocka_unit_test(twenty_a_minute_never_exceeds_twenty_in_any_minute),
		cmocka_unit_test(blocking_holds_until_the_given_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
