/* tests/unit/test_facts.c: facts come back from JSON as they went in; what is broken is refused whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/campaign/facts.h"
#include "tests/unit/stage.h"

static struct test_stage s;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return 0;
}

static void assert_json(const struct unit_facts *f, const char *expected)
{
	json_t *j = facts_to_json(s.c, f), *e = json_loads(expected, 0, NULL);
	char *text = json_dumps(j, JSON_COMPACT);

	assert_non_null(e);
	if (!json_equal(j, e))
		fail_msg("%s", text);
	free(text);
	json_decref(e);
	json_decref(j);
}

static int from_text(const char *text, struct unit_facts *ret, struct sw_err *err)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	int rc;

	assert_non_null(j);
	rc = facts_from_json(s.c, j, ret, err);
	json_decref(j);
	return rc;
}

static void blank_facts_say_nothing(void **state)
{
	struct unit_facts f;

	(void)state;
	facts_init(&f);
	assert_json(&f, "{\"rev\":0}");
	assert_int_equal(from_text("{}", &f, NULL), 0);
	assert_false(f.counts[0].known);
	assert_int_equal(f.counts[0].previous, -1);
	assert_int_equal(f.counts[0].department, -1);
}

static void facts_come_back_as_they_went_in(void **state)
{
	static const char full[] =
		"{\"counts\":{\"worker\":{\"value\":2,\"previous\":0,\"at\":1659679200000,\"by\":"
		"\"c-0000000a\",\"department\":\"civil\",\"verified\":true},\"household\":{"
		"\"value\":0,"
		"\"paused_until\":1659679200001}},\"ack\":1655686800000,\"report\":1659679200000,"
		"\"submitted\":{\"at\":5,\"paper\":true,\"electronic\":true,\"verified\":true,"
		"\"paused_until\":6},\"snoozed_until\":7,\"record\":12,\"rev\":3}";
	struct unit_facts f;

	(void)state;
	assert_int_equal(from_text(full, &f, NULL), 0);
	assert_true(f.counts[0].known && f.counts[0].verified);
	assert_int_equal(f.counts[0].previous, 0);
	assert_int_equal(f.counts[0].department, campaign_find_department(s.c, "civil"));
	assert_string_equal(f.counts[0].by, "c-0000000a");
	assert_true(f.counts[1].known);
	assert_int_equal(f.counts[1].value, 0);
	assert_true(f.submitted_paper && f.submitted_electronic && f.submitted_verified);
	assert_int_equal(f.record_no, 12);
	assert_json(&f, full);
}

static void pause_of_an_unknown_figure_is_kept(void **state)
{
	static const char text[] = "{\"counts\":{\"worker\":{\"paused_until\":9}},\"rev\":1}";
	struct unit_facts f;

	(void)state;
	assert_int_equal(from_text(text, &f, NULL), 0);
	assert_false(f.counts[0].known);
	assert_int_equal(f.counts[0].paused_until_ms, 9);
	assert_json(&f, text);
}

static void what_a_later_version_or_definition_wrote_is_left_alone(void **state)
{
	struct unit_facts f;

	(void)state;
	assert_int_equal(from_text("{\"counts\":{\"gone\":{\"value\":1},\"worker\":{\"value\":2,"
				   "\"department\":\"gone\"}},\"mood\":\"good\",\"rev\":2}",
				 &f, NULL),
		0);
	assert_int_equal(f.counts[0].value, 2);
	assert_int_equal(f.counts[0].department, -1);
}

static void broken_facts_are_refused_and_say_what_is_wrong(void **state)
{
	static const char *const broken[][2] = {
		{"[]", "object"},
		{"{\"rev\":-1}", "rev"},
		{"{\"rev\":\"1\"}", "rev"},
		{"{\"ack\":1.5}", "ack"},
		{"{\"record\":4294967296}", "record"},
		{"{\"counts\":[]}", "counts"},
		{"{\"counts\":{\"worker\":5}}", "counts"},
		{"{\"counts\":{\"worker\":{\"value\":-3}}}", "value"},
		{"{\"counts\":{\"worker\":{\"value\":1000001}}}", "value"},
		{"{\"counts\":{\"worker\":{\"by\":7}}}", "by"},
		{"{\"counts\":{\"worker\":{\"department\":7}}}", "department"},
		{"{\"submitted\":{\"paper\":1}}", "paper"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct unit_facts f = {.rev = 77};
		struct sw_err err = {0};

		assert_int_equal(from_text(broken[i][0], &f, &err), SW_EPROTO);
		assert_non_null(strstr(err.text, broken[i][1]));
		assert_int_equal(f.rev, 77); /* untouched */
	}
}

static void contact_id_that_does_not_fit_is_refused(void **state)
{
	char text[256], by[FACT_BY + 1];
	struct unit_facts f;

	(void)state;
	memset(by, 'x', FACT_BY);
	by[FACT_BY] = '\0';
	snprintf(text, sizeof(text), "{\"counts\":{\"worker\":{\"by\":\"%s\"}}}", by);
	assert_int_equal(from_text(text, &f, NULL), SW_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_facts_say_nothing),
		cmocka_unit_test(facts_come_back_as_they_went_in),
		cmocka_unit_test(pause_of_an_unknown_figure_is_kept),
		cmocka_unit_test(what_a_later_version_or_definition_wrote_is_left_alone),
		cmocka_unit_test(broken_facts_are_refused_and_say_what_is_wrong),
		cmocka_unit_test(contact_id_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
