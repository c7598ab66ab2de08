/*
 * tests/unit/test_store.c: a message's record as Redis gives it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "notifier/engine/store.h"

enum { MANY = 200 };

static char fields[MANY][16], texts[MANY][40];
static struct redis_value items[2 * MANY];

/* A record of N attempts in an order of its own, as a hash table has it; the last was accepted. */
static struct redis_value record(int n)
{
	for (int i = 0; i < n; i++) {
		int attempt = i * 77 % n + 1; /* 77 and N have no common divisor */

		(void)snprintf(fields[i], sizeof(fields[i]), "a%d", attempt);
		(void)snprintf(texts[i], sizeof(texts[i]), "%d %s 0 aliyun", attempt,
			attempt == n ? "accepted ok" : "not_sent held");
		items[2 * i] = (struct redis_value){.type = REDIS_STRING, .str = fields[i]};
		items[2 * i + 1] = (struct redis_value){.type = REDIS_STRING, .str = texts[i]};
	}
	return (struct redis_value){.type = REDIS_ARRAY, .n = 2 * (size_t)n, .items = items};
}

static void attempts_are_in_order_whatever_order_the_store_has(void **state)
{
	struct redis_value v = record(20);
	struct message m;

	(void)state;
	assert_true(message_from(&v, "0123456789abcdef0123456789abcdef", &m));
	assert_int_equal(m.n_attempts, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(m.attempts[i].n, i + 1);
	message_fini(&m);
}

static void of_more_attempts_than_there_is_room_for_the_latest_are_kept(void **state)
{
	struct redis_value v = record(MANY);
	struct message m;

	(void)state;
	assert_true(message_from(&v, "0123456789abcdef0123456789abcdef", &m));
	assert_int_equal(m.n_attempts, MESSAGE_MAX_ATTEMPTS);
	for (int i = 0; i < MESSAGE_MAX_ATTEMPTS; i++)
		assert_int_equal(m.attempts[i].n, MANY - MESSAGE_MAX_ATTEMPTS + i + 1);
	assert_string_equal(m.attempts[MESSAGE_MAX_ATTEMPTS - 1].text, "200 accepted ok 0 aliyun");
	message_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_are_in_order_whatever_order_the_store_has),
		cmocka_unit_test(of_more_attempts_than_there_is_room_for_the_latest_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
