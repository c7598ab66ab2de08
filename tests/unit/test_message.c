/*
 * tests/unit/test_message.c: what bot and notifier tell each other survives the trip, and nothing else does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/wire/message.h"
#include "core/wire/topic.h"

#define MID "0123456789abcdef0123456789abcdef"

/* Replaces the first FROM in JSON by TO; the caller frees. */
static char *with(const char *json, const char *from, const char *to)
{
	const char *at = strstr(json, from);
	struct buf b;

	assert_non_null(at);
	buf_init(&b, 1 << 20);
	buf_add(&b, json, (size_t)(at - json));
	buf_adds(&b, to);
	buf_adds(&b, at + strlen(from));
	return buf_take(&b);
}

static char *sample_out(void)
{
	struct wire_out m = {.mid = MID,
		.attempt = 2,
		.class = CLASS_MUST_ARRIVE,
		.unit = "1502",
		.channel = "robot",
		.route = "baotou",
		.not_before_ms = 1660784400000,
		.expires_at_ms = 1660820400000,
		.type = TEXT_MARKDOWN};
	char text[] = "还差\"照片\"\n请报";
	char who[] = "zhangsan";

	m.text = text;
	m.mentions[0] = who;
	m.n_mentions = 1;
	return wire_out_encode(&m, 1660784399000);
}

static void out_survives_the_trip(void **state)
{
	char *json = sample_out();
	struct wire_out m;

	(void)state;
	assert_int_equal(wire_out_decode(json, strlen(json), &m, NULL), 0);
	assert_string_equal(m.mid, MID);
	assert_int_equal(m.attempt, 2);
	assert_int_equal(m.class, CLASS_MUST_ARRIVE);
	assert_string_equal(m.unit, "1502");
	assert_string_equal(m.channel, "robot");
	assert_string_equal(m.route, "baotou");
	assert_string_equal(m.to, "");
	assert_int_equal(m.not_before_ms, 1660784400000);
	assert_int_equal(m.expires_at_ms, 1660820400000);
	assert_int_equal(m.type, TEXT_MARKDOWN);
	assert_string_equal(m.text, "还差\"照片\"\n请报");
	assert_int_equal(m.n_mentions, 1);
	assert_string_equal(m.mentions[0], "zhangsan");
	wire_out_fini(&m);
	free(json);
}

static void hostile_out_is_refused(void **state)
{
	static const char *const changes[][2] = {
		{"\"v\":1", "\"v\":2"},
		{"\"v\":1", "\"v\":\"1\""},
		{MID "\",\"attempt\"", "0123\",\"attempt\""},
		{"\"attempt\":2", "\"attempt\":0"},
		{"\"attempt\":2", "\"attempt\":2.5"},
		{"\"attempt\":2", "\"attempt\":9999999999"},
		{"\"attempt\":2", "\"attempt\":2,\"attempt\":3"},
		{"must_arrive", "maybe"},
		{"\"text\":", "\"txt\":"},
		{"\"type\":\"markdown\"", "\"type\":\"html\""},
		{"\"route\":\"baotou\"", "\"route\":\"\""},
		{"\"zhangsan\"", "\"@all\""},
		{"\"zhangsan\"", "7"},
		{"[\"zhangsan\"]", "\"zhangsan\""},
		{"\"not_before\":1660784400000", "\"not_before\":-1"},
		{"\"content\":{", "\"content\":[],\"rest\":{"},
		{"请报", "请报\\u0000"},
	};
	char *json = sample_out();
	struct sw_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		char *bad = with(json, changes[i][0], changes[i][1]);
		struct wire_out m;

		if (wire_out_decode(bad, strlen(bad), &m, &err) != SW_EPROTO)
			fail_msg("accepted: %s", bad);
		assert_true(err.text[0]);
		free(bad);
	}
	free(json);
}

static void unknown_members_are_ignored(void **state)
{
	char *json = sample_out();
	char *more = with(json, "\"v\":1", "\"v\":1,\"newer\":{\"a\":[1]}");
	struct wire_out m;

	(void)state;
	assert_int_equal(wire_out_decode(more, strlen(more), &m, NULL), 0);
	wire_out_fini(&m);
	free(more);
	free(json);
}

static void every_prefix_of_a_message_is_refused(void **state)
{
	char *json = sample_out();
	struct wire_out m;

	(void)state;
	for (size_t len = 0; len < strlen(json); len++)
		assert_int_equal(wire_out_decode(json, len, &m, NULL), SW_EPROTO);
	free(json);
}

static void oversized_message_is_refused(void **state)
{
	char *json = malloc(WIRE_MAX_BYTES + 2);
	struct wire_ack m;

	(void)state;
	memset(json, ' ', WIRE_MAX_BYTES + 1);
	memcpy(json, "{\"v\":1,\"ids\":[]}", 16);
	assert_int_equal(wire_ack_decode(json, WIRE_MAX_BYTES, &m, NULL), 0);
	wire_ack_fini(&m);
	assert_int_equal(wire_ack_decode(json, WIRE_MAX_BYTES + 1, &m, NULL), SW_EPROTO);
	free(json);
}

static void verdict_survives_the_trip(void **state)
{
	const struct wire_verdict v = {.mid = MID,
		.attempt = 3,
		.at_ms = 1660784400123,
		.verdict = VERDICT_REFUSED_TEMP,
		.class = "rate",
		.code = "45009",
		.text = "api freq out of limit",
		.retry_after_ms = 60000};
	char *json = wire_verdict_encode(&v);
	struct wire_verdict m;

	(void)state;
	assert_non_null(strstr(json, "\"id\":\"" MID "-3\""));
	assert_int_equal(wire_verdict_decode(json, strlen(json), &m, NULL), 0);
	assert_memory_equal(&m.mid, &v.mid, sizeof(v.mid));
	assert_int_equal(m.attempt, 3);
	assert_int_equal(m.at_ms, v.at_ms);
	assert_int_equal(m.verdict, VERDICT_REFUSED_TEMP);
	assert_string_equal(m.class, "rate");
	assert_string_equal(m.code, "45009");
	assert_string_equal(m.text, v.text);
	assert_int_equal(m.retry_after_ms, 60000);
	free(json);
}

static void inbound_survives_the_trip(void **state)
{
	char text[] = "@守望 已报2人6户";
	const struct wire_in in = {.id = MID,
		.seq = 17,
		.at_ms = 1660784400123,
		.source = "robot/ops",
		.provider_id = "CAIQ",
		.group = true,
		.chat = "abcd",
		.sender = "lisi",
		.mentioned = true,
		.text = text};
	char *json = wire_in_encode(&in);
	struct wire_in m;

	(void)state;
	assert_int_equal(wire_in_decode(json, strlen(json), &m, NULL), 0);
	assert_string_equal(m.id, MID);
	assert_int_equal(m.seq, 17);
	assert_string_equal(m.source, "robot/ops");
	assert_string_equal(m.provider_id, "CAIQ");
	assert_string_equal(m.chat, "abcd");
	assert_string_equal(m.sender, "lisi");
	assert_true(m.group && m.mentioned && m.kind == IN_REPLY);
	assert_string_equal(m.text, text);
	wire_in_fini(&m);
	free(json);
}

static void ack_survives_the_trip(void **state)
{
	char ids[2][48] = {MID, MID "-1"};
	const struct wire_ack a = {.ids = ids, .n = 2};
	char *json = wire_ack_encode(&a, 1);
	struct wire_ack m;

	(void)state;
	assert_int_equal(wire_ack_decode(json, strlen(json), &m, NULL), 0);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.ids[0], MID);
	assert_string_equal(m.ids[1], MID "-1");
	wire_ack_fini(&m);
	free(json);
	assert_int_equal(wire_ack_decode("{\"v\":1,\"ids\":[\"\"]}", 18, &m, NULL), SW_EPROTO);
	assert_int_equal(wire_ack_decode("{\"v\":1,\"ids\":[1]}", 17, &m, NULL), SW_EPROTO);
}

static void control_and_its_answer_survive_the_trip(void **state)
{
	struct wire_control c = {
		.id = "c-1", .op = "cancel", .mid = MID, .ok = true, .n = 1, .text = "done"};
	char *json = wire_control_encode(&c, 1, false);
	struct wire_control m;

	(void)state;
	assert_int_equal(wire_control_decode(json, strlen(json), &m, NULL), 0);
	assert_string_equal(m.op, "cancel");
	assert_string_equal(m.mid, MID);
	assert_string_equal(m.route, "");
	assert_false(m.ok);
	free(json);
	json = wire_control_encode(&c, 1, true);
	assert_int_equal(wire_control_decode(json, strlen(json), &m, NULL), 0);
	assert_true(m.ok);
	assert_int_equal(m.n, 1);
	assert_string_equal(m.text, "done");
	free(json);
}

static void clock_survives_the_trip(void **state)
{
	const struct wire_clock c = {.base_sim_ms = 1655683200000,
		.base_real_ms = 1700000000000,
		.speed = 0.5,
		.rev = 9};
	const struct wire_clock_at at = {.rev = 9, .next_ms = INT64_MAX, .busy = 3};
	char *json = wire_clock_encode(&c);
	static const char foreign[] = "{\"v\":1,\"rev\":2,\"next_ms\":null}";
	struct wire_clock m;
	struct wire_clock_at n;

	(void)state;
	assert_int_equal(wire_clock_decode(json, strlen(json), &m, NULL), 0);
	assert_int_equal(m.base_sim_ms, c.base_sim_ms);
	assert_int_equal(m.base_real_ms, c.base_real_ms);
	assert_true(m.speed == 0.5);
	assert_int_equal(m.rev, 9);
	free(json);
	json = wire_clock_at_encode(&at);
	assert_int_equal(wire_clock_at_decode(json, strlen(json), &n, NULL), 0);
	assert_true(n.next_ms == INT64_MAX);
	assert_int_equal(n.busy, 3);
	free(json);
	/* A participant of somebody else may write null for "none" and leave busy out. */
	assert_int_equal(wire_clock_at_decode(foreign, strlen(foreign), &n, NULL), 0);
	assert_true(n.next_ms == INT64_MAX);
	assert_int_equal(n.busy, 0);
}

static void impossible_clock_speeds_are_refused(void **state)
{
	static const char *const bad[] = {"-1", "1e9", "\"1\"", "null"};
	char json[128];
	struct wire_clock m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(json, sizeof(json),
			"{\"v\":1,\"base_sim\":1,\"base_real\":1,\"rev\":1,\"speed\":%s}", bad[i]);
		assert_int_equal(wire_clock_decode(json, strlen(json), &m, NULL), SW_EPROTO);
	}
}

static void status_survives_the_trip(void **state)
{
	const struct wire_status s = {.online = true, .version = "0.1.0", .at_ms = 5};
	char *json = wire_status_encode(&s);
	struct wire_status m;

	(void)state;
	assert_int_equal(wire_status_decode(json, strlen(json), &m, NULL), 0);
	assert_true(m.online);
	assert_string_equal(m.version, "0.1.0");
	free(json);
}

static void words_have_names_both_ways(void **state)
{
	enum wire_verdict_word w;

	(void)state;
	for (int i = VERDICT_ACCEPTED; i <= VERDICT_UNKNOWN; i++) {
		assert_int_equal(
			wire_verdict_parse(wire_verdict_name((enum wire_verdict_word)i), &w), 0);
		assert_int_equal(w, i);
	}
	assert_int_equal(wire_verdict_parse("perhaps", &w), SW_EINVAL);
	assert_string_equal(wire_class_name(CLASS_NO_REPEAT), "no_repeat");
}

static void topics_are_made_and_read_alike(void **state)
{
	char buf[TOPIC_MAX], channel[65], route[65];

	(void)state;
	assert_string_equal(topic_out(buf, "robot", "baotou"), "sw/v1/out/robot/baotou");
	assert_true(topic_parse_out(buf, channel, route));
	assert_string_equal(channel, "robot");
	assert_string_equal(route, "baotou");
	assert_false(topic_parse_out("sw/v1/out/robot", channel, route));
	assert_false(topic_parse_out("sw/v1/out/robot/", channel, route));
	assert_false(topic_parse_out("sw/v1/out//x", channel, route));
	assert_false(topic_parse_out("sw/v1/out/a/b/c", channel, route));
	assert_false(topic_parse_out("sw/v1/ack", channel, route));
	assert_string_equal(topic_clock_at(buf, "bot"), "sw/v1/clock/at/bot");
	assert_string_equal(topic_tail(buf, "sw/v1/clock/at/"), "bot");
	assert_null(topic_tail(buf, "sw/v1/out/"));
	assert_string_equal(topic_status(buf, "bot", "a"), "sw/v1/status/bot/a");
	assert_string_equal(topic_state(buf, "campaign", NULL), "sw/v1/state/campaign");
	assert_string_equal(topic_state(buf, "unit", "1502"), "sw/v1/state/unit/1502");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_survives_the_trip),
		cmocka_unit_test(hostile_out_is_refused),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(every_prefix_of_a_message_is_refused),
		cmocka_unit_test(oversized_message_is_refused),
		cmocka_unit_test(verdict_survives_the_trip),
		cmocka_unit_test(inbound_survives_the_trip),
		cmocka_unit_test(ack_survives_the_trip),
		cmocka_unit_test(control_and_its_answer_survive_the_trip),
		cmocka_unit_test(clock_survives_the_trip),
		cmocka_unit_test(impossible_clock_speeds_are_refused),
		cmocka_unit_test(status_survives_the_trip),
		cmocka_unit_test(words_have_names_both_ways),
		cmocka_unit_test(topics_are_made_and_read_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
