/* tests/unit/test_session.c: how long somebody stays logged in, and how many may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bot/ingress/session.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

static const struct operator_entry office = {"office", "editor", "$argon2id$a"};
static struct sessions *s;
static char id[SESSION_ID];

static int setup(void **state)
{
	(void)state;
	return sessions_create(&s) < 0 || sessions_open(s, &office, 0, id) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	sessions_destroy(s);
	return 0;
}

static void a_session_is_found_by_its_id_alone(void **state)
{
	const struct session *one = sessions_find(s, id, MINUTE);
	char other[SESSION_ID];

	(void)state;
	assert_non_null(one);
	assert_string_equal(one->name, "office");
	assert_string_equal(one->role, "editor");
	memcpy(other, id, sizeof(other));
	other[0] = other[0] == '0' ? '1' : '0';
	assert_null(sessions_find(s, other, MINUTE));
	assert_null(sessions_find(s, "", MINUTE));
	assert_null(sessions_find(s, one->key, MINUTE));
}

static void the_id_itself_is_not_kept(void **state)
{
	const struct session *one = sessions_find(s, id, 0);

	(void)state;
	assert_int_equal(strlen(one->key), 64);
	assert_null(strstr(one->key, id));
	assert_true(sessions_has_key(s, one->key, 0));
	assert_false(sessions_has_key(s, id, 0));
}

static void it_ends_after_fifteen_minutes_without_a_request(void **state)
{
	(void)state;
	assert_non_null(sessions_find(s, id, 15 * MINUTE - 1));
	assert_null(sessions_find(s, id, 15 * MINUTE));
}

static void looking_is_not_a_request_but_touching_is(void **state)
{
	(void)state;
	(void)sessions_find(s, id, 14 * MINUTE);
	assert_null(sessions_find(s, id, 16 * MINUTE));
	sessions_touch(s, id, 14 * MINUTE);
	assert_non_null(sessions_find(s, id, 28 * MINUTE));
}

static void what_is_over_cannot_be_touched_back(void **state)
{
	(void)state;
	sessions_touch(s, id, 16 * MINUTE);
	assert_null(sessions_find(s, id, 16 * MINUTE));
}

static void it_ends_after_eight_hours_in_any_case(void **state)
{
	(void)state;
	for (int64_t at = 0; at < 8 * HOUR; at += 10 * MINUTE)
		sessions_touch(s, id, at);
	assert_non_null(sessions_find(s, id, 8 * HOUR - 1));
	assert_null(sessions_find(s, id, 8 * HOUR));
}

static void logout_ends_it_at_once(void **state)
{
	(void)state;
	sessions_close(s, id);
	assert_null(sessions_find(s, id, 0));
	assert_int_equal(sessions_count(s), 0);
}

static void each_login_has_an_id_of_its_own(void **state)
{
	char second[SESSION_ID];

	(void)state;
	assert_int_equal(sessions_open(s, &office, 0, second), 0);
	assert_string_not_equal(id, second);
	assert_non_null(sessions_find(s, id, 0));
	assert_non_null(sessions_find(s, second, 0));
}

static void one_operator_has_eight_and_the_one_not_used_longest_ends(void **state)
{
	char more[SESSIONS_OF_ONE][SESSION_ID];

	(void)state;
	for (int i = 0; i < SESSIONS_OF_ONE - 1; i++)
		assert_int_equal(sessions_open(s, &office, 1 + i, more[i]), 0);
	sessions_touch(s, id, 100);
	assert_int_equal(sessions_open(s, &office, 200, more[SESSIONS_OF_ONE - 1]), 0);
	assert_int_equal(sessions_count(s), SESSIONS_OF_ONE);
	assert_non_null(sessions_find(s, id, 200));
	assert_null(sessions_find(s, more[0], 200));
}

static void there_are_never_more_than_the_table_holds(void **state)
{
	struct operator_entry who = office;
	char last[SESSION_ID];

	(void)state;
	for (int i = 0; i < SESSIONS_MAX + 20; i++) {
		(void)snprintf(who.name, sizeof(who.name), "op%d", i);
		assert_int_equal(sessions_open(s, &who, 1 + i, last), 0);
	}
	assert_int_equal(sessions_count(s), SESSIONS_MAX);
	assert_null(sessions_find(s, id, SESSIONS_MAX + 20));
	assert_non_null(sessions_find(s, last, SESSIONS_MAX + 20));
}

static bool is_not_office(void *ctx, const struct session *one)
{
	(void)ctx;
	return strcmp(one->name, "office") != 0;
}

static void a_sweep_forgets_what_is_over_and_who_may_not_stay(void **state)
{
	const struct operator_entry viewer = {"viewer", "viewer", "$argon2id$b"};
	char other[SESSION_ID];

	(void)state;
	assert_int_equal(sessions_open(s, &viewer, 10 * MINUTE, other), 0);
	sessions_sweep(s, 11 * MINUTE, is_not_office, NULL);
	assert_null(sessions_find(s, id, 11 * MINUTE));
	assert_non_null(sessions_find(s, other, 11 * MINUTE));
	sessions_sweep(s, 30 * MINUTE, NULL, NULL);
	assert_int_equal(sessions_count(s), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_found_by_its_id_alone),
		TEST(the_id_itself_is_not_kept),
		TEST(it_ends_after_fifteen_minutes_without_a_request),
		TEST(looking_is_not_a_request_but_touching_is),
		TEST(what_is_over_cannot_be_touched_back),
		TEST(it_ends_after_eight_hours_in_any_case),
		TEST(logout_ends_it_at_once),
		TEST(each_login_has_an_id_of_its_own),
		TEST(one_operator_has_eight_and_the_one_not_used_longest_ends),
		TEST(there_are_never_more_than_the_table_holds),
		TEST(a_sweep_forgets_what_is_over_and_who_may_not_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
