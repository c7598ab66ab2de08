/*
 * tests/unit/test_world.c: what the engine keeps in memory of contacts and of what they were sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "notifier/engine/world.h"
#include "tests/unit/stage.h"

static struct test_stage s;
static struct world w; /* borrows S's campaign */
static int league;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	league = test_stage_unit(&s, "150100");
	return 0;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return 0;
}

static int begin(void **state)
{
	(void)state;
	w = (struct world){.c = s.c, .t = s.t, .facts = s.facts};
	w.last_group_ms = calloc(s.c->units->n, sizeof(*w.last_group_ms));
	w.reminded_ms = calloc(s.c->units->n, sizeof(*w.reminded_ms));
	return w.last_group_ms && w.reminded_ms ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	free(w.contacts.items);
	free(w.last_group_ms);
	free(w.reminded_ms);
	return 0;
}

/* A roster of contacts with the ids of IDS. */
static struct contacts roster(const char *const *ids, size_t n)
{
	struct contacts c = {.items = calloc(n, sizeof(*c.items)), .n = n};

	assert_non_null(c.items);
	for (size_t i = 0; i < n; i++) {
		c.items[i].unit = league;
		assert_int_equal(text_copy(c.items[i].id, sizeof(c.items[i].id), ids[i]), 0);
	}
	return c;
}

static void contact_is_stored_with_its_sealed_number_and_index_and_comes_back(void **state)
{
	struct contact k = {.unit = league,
			       .department = 0,
			       .role = ROLE_DEPUTY,
			       .has_mobile = true},
		       back;
	json_t *j;
	char *text;

	(void)state;
	assert_int_equal(text_copy(k.id, sizeof(k.id), "c-00000001"), 0);
	assert_int_equal(text_copy(k.name, sizeof(k.name), "张三"), 0);
	assert_int_equal(text_copy(k.mobile_masked, sizeof(k.mobile_masked), "138****0001"), 0);
	assert_int_equal(text_copy(k.sealed, sizeof(k.sealed), "c2VhbGVk"), 0);
	memset(k.index, 'a', sizeof(k.index) - 1);
	j = contact_to_json(&w, &k);
	text = json_dumps(j, JSON_COMPACT);
	assert_non_null(text);
	assert_int_equal(contact_from_json(&w, k.id, text, &back), 0);
	assert_string_equal(back.sealed, k.sealed);
	assert_string_equal(back.index, k.index);
	assert_true(back.has_mobile);
	assert_int_equal(back.role, ROLE_DEPUTY);
	assert_int_equal(back.sent_ms[0], 0);
	json_decref(j);
	free(text);
}

static void what_was_sent_is_read_for_groups_units_and_contacts(void **state)
{
	static const char *const ids[] = {"c-b", "c-a"};
	static const char *const fields[][2] = {{"150100", "300"}, {"u:150100", "300 200"},
		{"c-a", "  400 350 x 99999999999999999999 "}, {"c-gone", "1"}, {"u:999999", "1"},
		{"junk", "1"}};

	(void)state;
	w.contacts = roster(ids, 2);
	w.contacts.items[0].sent_ms[0] = 7; /* the store is right */
	assert_int_equal(world_read_sent(&w, fields, ARRAY_LEN(fields)), 0);
	assert_int_equal(w.last_group_ms[league], 300);
	assert_int_equal(w.reminded_ms[league][0], 300);
	assert_int_equal(w.reminded_ms[league][1], 200);
	assert_int_equal(w.reminded_ms[league][2], 0);
	assert_int_equal(w.contacts.items[1].sent_ms[0], 400);
	assert_int_equal(w.contacts.items[1].sent_ms[1], 350);
	assert_int_equal(w.contacts.items[1].sent_ms[2], 0);
	assert_int_equal(w.contacts.items[0].sent_ms[0], 0);
}

static void new_roster_keeps_what_its_people_were_sent(void **state)
{
	static const char *const before[] = {"c-a", "c-b"}, *const after[] = {"c-c", "c-b"};
	struct contacts next = roster(after, 2);

	(void)state;
	w.contacts = roster(before, 2);
	world_note_sent(&w, "c-b", league, 500);
	world_note_sent(&w, "c-none", -1, 500);
	assert_int_equal(world_take_contacts(&w, &next), 0);
	assert_null(next.items);
	assert_int_equal(w.contacts.n, 2);
	assert_int_equal(w.contacts.items[0].sent_ms[0], 0);
	assert_int_equal(w.contacts.items[1].sent_ms[0], 500);
	assert_int_equal(w.reminded_ms[league][0], 500);
}

static void log_is_newest_first_each_once_and_bounded(void **state)
{
	int64_t log[3] = {0};

	(void)state;
	plan_log_add(log, 3, 20);
	plan_log_add(log, 3, 30);
	plan_log_add(log, 3, 20);
	plan_log_add(log, 3, 10);
	assert_memory_equal(log, ((const int64_t[]){30, 20, 10}), sizeof(log));
	plan_log_add(log, 3, 40);
	assert_memory_equal(log, ((const int64_t[]){40, 30, 20}), sizeof(log));
	plan_log_add(log, 3, 5); /* older than all it has room for */
	assert_memory_equal(log, ((const int64_t[]){40, 30, 20}), sizeof(log));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(contact_is_stored_with_its_sealed_number_and_index_and_comes_back),
		TEST(what_was_sent_is_read_for_groups_units_and_contacts),
		TEST(new_roster_keeps_what_its_people_were_sent),
		TEST(log_is_newest_first_each_once_and_bounded),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
