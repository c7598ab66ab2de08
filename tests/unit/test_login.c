/* tests/unit/test_login.c: who gets in, who is locked out, and that nobody learns which names exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bot/ingress/lockout.h"
#include "bot/ingress/login.h"
#include "tests/unit/servers.h"

#define MINUTE INT64_C(60000)
#define RIGHT "correct horse"

/* ---- the table of failures ---- */

static struct lockout *l;

static int open_table(void **state)
{
	(void)state;
	return lockout_create(10, &l);
}

static int close_table(void **state)
{
	(void)state;
	lockout_destroy(l);
	return 0;
}

static void five_failures_lock_for_fifteen_minutes(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_false(lockout_is_locked(l, "office", 1000 * i));
		lockout_count(l, "office", 1000 * i);
	}
	assert_true(lockout_is_locked(l, "office", 4000));
	assert_true(lockout_is_locked(l, "office", 4000 + 15 * MINUTE - 1));
	assert_false(lockout_is_locked(l, "office", 4000 + 15 * MINUTE));
	assert_false(lockout_is_locked(l, "other", 4000));
}

static void after_the_lock_there_are_five_new_tries(void **state)
{
	int64_t later = 20 * MINUTE;

	(void)state;
	for (int i = 0; i < 5; i++)
		lockout_count(l, "office", 0);
	for (int i = 0; i < 4; i++)
		lockout_count(l, "office", later);
	assert_false(lockout_is_locked(l, "office", later));
	lockout_count(l, "office", later);
	assert_true(lockout_is_locked(l, "office", later));
}

static void a_right_passphrase_clears_the_account_and_takes_one_back_of_the_address(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		lockout_count(l, "k", 0);
	lockout_count(l, "k", 0);
	lockout_take_back(l, "k");
	assert_false(lockout_is_locked(l, "k", 0));
	lockout_count(l, "k", 0);
	assert_true(lockout_is_locked(l, "k", 0));
	lockout_clear(l, "k");
	assert_false(lockout_is_locked(l, "k", 0));
}

static void a_full_table_forgets_who_failed_longest_ago(void **state)
{
	char key[32];

	(void)state;
	for (int i = 0; i < 5; i++)
		lockout_count(l, "first", 0);
	for (int i = 0; i < 9; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		lockout_count(l, key, 1);
	}
	assert_true(lockout_is_locked(l, "first", 1));
	lockout_count(l, "one more", 2);
	assert_false(lockout_is_locked(l, "first", 2));
}

/* ---- logins ---- */

static struct clock wall;
static struct loop *loop;
static struct login *login;
static const char *file;
static int done, outcomes[4];
static char name_seen[OPERATOR_NAME];

static void save(const char *name, const char *passphrase)
{
	struct operators o = {0};
	struct sw_err err = {0};

	assert_int_equal(operators_add(&o, name, "viewer", passphrase, &err), 0);
	assert_int_equal(operators_save(file, &o, &err), 0);
	operators_fini(&o);
}

static int open_login(void **state)
{
	(void)state;
	file = test_path("operators.conf");
	save("office", RIGHT);
	done = 0;
	memset(outcomes, 0, sizeof(outcomes));
	name_seen[0] = '\0';
	clock_init_real(&wall);
	return loop_create(&wall, &loop) < 0 ? -1 : login_create(loop, file, &login);
}

static int close_login(void **state)
{
	(void)state;
	loop_destroy(loop);
	login_destroy(login);
	return unlink(file);
}

static void on_done(void *ctx, enum login_outcome outcome, const struct operator_entry *who)
{
	(void)ctx;
	done++;
	outcomes[outcome]++;
	assert_true((who != NULL) == (outcome == LOGIN_RIGHT));
	if (who)
		(void)snprintf(name_seen, sizeof(name_seen), "%s", who->name);
}

static enum login_outcome check(const char *name, const char *passphrase, const char *address)
{
	int before[4], n = done;

	memcpy(before, outcomes, sizeof(before));
	assert_int_equal(login_check(login, name, passphrase, address, on_done, NULL), 0);
	assert_int_equal(done, n); /* never from inside */
	assert_true(run_until_count(loop, &done, n + 1, 10000));
	for (int i = 0; i < 4; i++)
		if (outcomes[i] > before[i])
			return (enum login_outcome)i;
	return LOGIN_BUSY;
}

static void the_right_passphrase_lets_in_and_no_other(void **state)
{
	(void)state;
	assert_int_equal(check("office", RIGHT, "10.0.0.1"), LOGIN_RIGHT);
	assert_string_equal(name_seen, "office");
	assert_int_equal(check("office", "correct horsf", "10.0.0.1"), LOGIN_WRONG);
	assert_int_equal(check("office", "", "10.0.0.1"), LOGIN_WRONG);
	assert_int_equal(check("", "", "10.0.0.1"), LOGIN_WRONG);
}

static void an_account_is_locked_whether_it_exists_or_not(void **state)
{
	static const char *const names[] = {"office", "nobody"};
	char address[32];

	(void)state;
	for (int k = 0; k < 2; k++) {
		for (int i = 0; i < 5; i++) {
			(void)snprintf(address, sizeof(address), "10.0.%d.%d", k, i);
			assert_int_equal(check(names[k], "wrong wrong", address), LOGIN_WRONG);
		}
		assert_int_equal(check(names[k], RIGHT, "10.9.9.9"), LOGIN_LOCKED);
	}
}

static void an_address_is_locked_whatever_names_it_tries(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "guess%d", i);
		assert_int_equal(check(name, "wrong wrong", "10.0.0.1"), LOGIN_WRONG);
	}
	assert_int_equal(check("office", RIGHT, "10.0.0.1"), LOGIN_LOCKED);
	assert_int_equal(check("office", RIGHT, "10.0.0.2"), LOGIN_RIGHT);
}

static void guesses_at_the_same_time_count_one_by_one(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			login_check(login, "office", "wrong wrong", "10.0.0.1", on_done, NULL), 0);
	assert_true(run_until_count(loop, &done, 20, 20000));
	assert_int_equal(outcomes[LOGIN_WRONG], 5);
	assert_int_equal(outcomes[LOGIN_LOCKED], 15);
}

static void too_many_at_once_are_told_to_come_again(void **state)
{
	char name[32], address[32];
	int all = LOGIN_MAX_WAITING + LOGIN_AT_ONCE + 10;

	(void)state;
	for (int i = 0; i < all; i++) {
		(void)snprintf(name, sizeof(name), "guess%d", i);
		(void)snprintf(address, sizeof(address), "10.0.0.%d", i);
		assert_int_equal(
			login_check(login, name, "wrong wrong", address, on_done, NULL), 0);
	}
	assert_true(run_until_count(loop, &done, all, 60000));
	assert_int_equal(outcomes[LOGIN_BUSY], 10);
	assert_int_equal(outcomes[LOGIN_WRONG], all - 10);
}

static int64_t shortest_us(const char *name)
{
	int64_t best = INT64_MAX;
	char address[32];

	for (int i = 0; i < 3; i++) {
		struct timespec a, b;
		int64_t us;

		(void)snprintf(address, sizeof(address), "10.%d.%d.1", name[0], i);
		clock_gettime(CLOCK_MONOTONIC, &a);
		assert_int_equal(check(name, "wrong wrong", address), LOGIN_WRONG);
		clock_gettime(CLOCK_MONOTONIC, &b);
		us = (b.tv_sec - a.tv_sec) * INT64_C(1000000) + (b.tv_nsec - a.tv_nsec) / 1000;
		best = us < best ? us : best;
	}
	return best;
}

static void an_unknown_name_takes_as_long_as_a_known_one(void **state)
{
	int64_t known = shortest_us("office"), unknown = shortest_us("nobody");

	(void)state;
	assert_true(unknown * 2 > known);
	assert_true(known * 2 > unknown);
}

static void a_changed_file_counts_from_the_next_login_on(void **state)
{
	struct operators o = {0};
	struct sw_err err = {0};
	char hash[160];

	(void)state;
	assert_int_equal(operators_load(file, &o, &err), 0);
	memcpy(hash, o.items[0].hash, sizeof(hash));
	operators_fini(&o);
	assert_true(login_stands(login, "office", hash));
	save("office", "another phrase");
	assert_false(login_stands(login, "office", hash));
	assert_int_equal(check("office", RIGHT, "10.0.0.1"), LOGIN_WRONG);
	assert_int_equal(check("office", "another phrase", "10.0.0.1"), LOGIN_RIGHT);
	assert_int_equal(truncate(file, 10), 0);
	assert_int_equal(check("office", "another phrase", "10.0.0.1"), LOGIN_WRONG);
}

static void who_waits_when_it_stops_is_still_answered(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			login_check(login, "office", "wrong wrong", "10.0.0.1", on_done, NULL), 0);
	login_stop(login);
	assert_true(run_until_count(loop, &done, 5, 10000));
	assert_int_equal(outcomes[LOGIN_BUSY], 5);
}

#define TABLE(f) cmocka_unit_test_setup_teardown(f, open_table, close_table)
#define LOGIN(f) cmocka_unit_test_setup_teardown(f, open_login, close_login)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE(five_failures_lock_for_fifteen_minutes),
		TABLE(after_the_lock_there_are_five_new_tries),
		TABLE(a_right_passphrase_clears_the_account_and_takes_one_back_of_the_address),
		TABLE(a_full_table_forgets_who_failed_longest_ago),
		LOGIN(the_right_passphrase_lets_in_and_no_other),
		LOGIN(an_account_is_locked_whether_it_exists_or_not),
		LOGIN(an_address_is_locked_whatever_names_it_tries),
		LOGIN(guesses_at_the_same_time_count_one_by_one),
		LOGIN(too_many_at_once_are_told_to_come_again),
		LOGIN(an_unknown_name_takes_as_long_as_a_known_one),
		LOGIN(a_changed_file_counts_from_the_next_login_on),
		LOGIN(who_waits_when_it_stops_is_still_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
