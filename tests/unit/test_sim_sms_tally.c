/* tests/unit/test_sim_sms_tally.c: the simulator's table of counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/sim/sms/tally.c"

static void counts_each_of_many_keys_apart(void **state)
{
	enum { KEYS = 100000 };
	struct tally t;

	(void)state;
	tally_init(&t, KEYS);
	for (uint64_t k = 1; k <= KEYS; k++)
		*tally_at(&t, UINT64_C(13800000000) + k) = (uint32_t)k;
	for (uint64_t k = 1; k <= KEYS; k++)
		assert_int_equal(tally_get(&t, UINT64_C(13800000000) + k), k);
	assert_int_equal(t.n, KEYS);
	assert_int_equal(tally_get(&t, 1), 0);
	tally_fini(&t);
}

static void a_full_table_takes_no_new_key_and_knows_the_old_ones(void **state)
{
	struct tally t;

	(void)state;
	tally_init(&t, 3);
	for (uint64_t k = 1; k <= 3; k++)
		*tally_at(&t, k) += 1;
	assert_null(tally_at(&t, 4));
	*tally_at(&t, 2) += 1;
	assert_int_equal(tally_get(&t, 2), 2);
	tally_fini(&t);
}

static void an_empty_table_knows_nothing(void **state)
{
	struct tally t;

	(void)state;
	tally_init(&t, 3);
	assert_int_equal(tally_get(&t, 1), 0);
	tally_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_each_of_many_keys_apart),
		cmocka_unit_test(a_full_table_takes_no_new_key_and_knows_the_old_ones),
		cmocka_unit_test(an_empty_table_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
