/* tests/unit/test_board.c: the latest of each topic, and the fields of a form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bot/ingress/board.h"
#include "bot/ingress/form.h"

static struct board *b;
static struct buf event, out;

static int setup(void **state)
{
	(void)state;
	buf_init(&event, BOARD_EVENT_BYTES);
	buf_init(&out, BOARD_STATE_BYTES);
	return board_create(&b);
}

static int teardown(void **state)
{
	(void)state;
	board_destroy(b);
	buf_fini(&event);
	buf_fini(&out);
	return 0;
}

static int put(const char *topic, const char *json)
{
	return board_put(b, topic, json, strlen(json), &event);
}

static json_t *whole(void)
{
	json_t *j;

	buf_reset(&out);
	assert_int_equal(board_state(b, 1660609800000, "office", "editor", &out), 0);
	j = json_loadb(out.data, out.len, 0, NULL);
	assert_non_null(j);
	return j;
}

static void a_topic_becomes_an_event_of_its_kind_with_a_number(void **state)
{
	(void)state;
	assert_int_equal(put("sw/v1/state/unit/150100", "{\"code\":\"150100\",\n\"order\":0}"), 1);
	assert_string_equal(
		buf_str(&event), "id: 1\nevent: unit\ndata: {\"code\":\"150100\",\"order\":0}\n\n");
	assert_int_equal(put("sw/v1/state/ops", "{\"paused\":true}"), 1);
	assert_string_equal(buf_str(&event), "id: 2\nevent: ops\ndata: {\"paused\":true}\n\n");
}

static void what_differs_by_its_moment_alone_is_no_news(void **state)
{
	(void)state;
	assert_int_equal(put("sw/v1/state/ops", "{\"paused\":true,\"at\":1}"), 1);
	assert_int_equal(put("sw/v1/state/ops", "{\"at\":2,\"paused\":true}"), 0);
	assert_int_equal(event.len, 0);
	assert_int_equal(put("sw/v1/state/ops", "{\"at\":2,\"paused\":false}"), 1);
}

static void the_state_lists_units_in_their_order(void **state)
{
	json_t *j, *units;

	(void)state;
	assert_int_equal(put("sw/v1/state/unit/150200", "{\"code\":\"150200\",\"order\":1}"), 1);
	assert_int_equal(put("sw/v1/state/unit/150100", "{\"code\":\"150100\",\"order\":0}"), 1);
	assert_int_equal(put("sw/v1/state/campaign", "{\"id\":\"c\"}"), 1);
	j = whole();
	units = json_object_get(j, "units");
	assert_int_equal(json_array_size(units), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(units, 0), "code")), "150100");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "campaign"), "id")), "c");
	assert_int_equal(json_integer_value(json_object_get(j, "rev")), 3);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(j, "operator"), "name")),
		"office");
	json_decref(j);
}

static bool service(const char *what)
{
	json_t *j = whole();
	bool yes = json_is_true(json_object_get(json_object_get(j, "service"), what));

	json_decref(j);
	return yes;
}

static void the_notifier_is_there_while_one_instance_says_so_and_the_broker_carries_it(void **state)
{
	(void)state;
	board_set_broker(b, true);
	assert_true(service("broker"));
	assert_false(service("notifier"));
	assert_int_equal(put("sw/v1/status/notifier/one", "{\"online\":true}"), 1);
	assert_int_equal(event.len, 0);
	assert_int_equal(put("sw/v1/status/notifier/two", "{\"online\":false}"), 1);
	assert_true(service("notifier"));
	assert_int_equal(put("sw/v1/status/notifier/one", "{\"online\":false}"), 1);
	assert_false(service("notifier"));
	assert_int_equal(put("sw/v1/status/notifier/one", "{\"online\":true}"), 1);
	board_set_broker(b, false);
	assert_false(service("notifier"));
}

static void a_cleared_topic_is_gone(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(put("sw/v1/state/unit/150100", "{\"code\":\"150100\"}"), 1);
	assert_int_equal(put("sw/v1/state/unit/150100", ""), 0);
	j = whole();
	assert_int_equal(json_array_size(json_object_get(j, "units")), 0);
	json_decref(j);
}

static void rubbish_and_strangers_change_nothing(void **state)
{
	char *huge = malloc(BOARD_TOPIC_BYTES + 2);

	(void)state;
	assert_int_equal(put("sw/v1/out/robot/x", "{}"), 0);
	assert_int_equal(put("sw/v1/state/", "{}"), 0);
	assert_int_equal(put("sw/v1/state/ops", "[]"), SW_EPROTO);
	assert_int_equal(put("sw/v1/state/ops", "{\"a\":1"), SW_EPROTO);
	assert_int_equal(put("sw/v1/state/ops", "{\"a\":1,\"a\":2}"), SW_EPROTO);
	memset(huge, ' ', BOARD_TOPIC_BYTES + 1);
	huge[BOARD_TOPIC_BYTES + 1] = '\0';
	assert_int_equal(put("sw/v1/state/ops", huge), SW_ELIMIT);
	free(huge);
}

/* A topic called "service" or "units" must not stand in for what the bot itself says. */
static void a_topic_cannot_take_the_place_of_our_own_members(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(put("sw/v1/state/service", "{\"broker\":true}"), 1);
	assert_int_equal(put("sw/v1/state/units", "{}"), 1);
	assert_false(service("broker"));
	j = whole();
	assert_true(json_is_array(json_object_get(j, "units")));
	json_decref(j);
}

static void there_is_a_bound_to_topics(void **state)
{
	char topic[64];

	(void)state;
	for (int i = 0; i < BOARD_TOPICS; i++) {
		(void)snprintf(topic, sizeof(topic), "sw/v1/state/unit/%06d", i);
		assert_int_equal(put(topic, "{}"), 1);
	}
	assert_int_equal(put("sw/v1/state/unit/one-more", "{}"), SW_ELIMIT);
	assert_int_equal(put("sw/v1/state/unit/000007", "{\"code\":\"x\"}"), 1);
}

/* ---- forms ---- */

static int field(const char *body, const char *name, char *ret, size_t size)
{
	return form_field(body, strlen(body), name, ret, size);
}

static void fields_are_decoded(void **state)
{
	char v[32];

	(void)state;
	assert_int_equal(
		field("name=office&passphrase=a+b%26%E5%AE%88", "passphrase", v, sizeof(v)), 0);
	assert_string_equal(v, "a b&守");
	assert_int_equal(field("name=office&passphrase=x", "name", v, sizeof(v)), 0);
	assert_string_equal(v, "office");
	assert_int_equal(field("name=&x=1", "name", v, sizeof(v)), 0);
	assert_string_equal(v, "");
}

static void bad_fields_are_refused_and_leave_nothing(void **state)
{
	static const char *const bad[] = {
		"name=%", "name=%4", "name=%zz", "name=a%00b", "name=%ff"};
	char v[8];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(field(bad[i], "name", v, sizeof(v)), SW_EINVAL);
		assert_string_equal(v, "");
	}
	assert_int_equal(field("name=12345678", "name", v, sizeof(v)), SW_ELIMIT);
	assert_string_equal(v, "");
	assert_int_equal(field("names=1&xname=2&name", "name", v, sizeof(v)), SW_ENOENT);
	assert_int_equal(field("", "name", v, sizeof(v)), SW_ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_topic_becomes_an_event_of_its_kind_with_a_number),
		TEST(what_differs_by_its_moment_alone_is_no_news),
		TEST(the_state_lists_units_in_their_order),
		TEST(the_notifier_is_there_while_one_instance_says_so_and_the_broker_carries_it),
		TEST(a_cleared_topic_is_gone),
		TEST(rubbish_and_strangers_change_nothing),
		TEST(a_topic_cannot_take_the_place_of_our_own_members),
		TEST(there_is_a_bound_to_topics),
		cmocka_unit_test(fields_are_decoded),
		cmocka_unit_test(bad_fields_are_refused_and_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
