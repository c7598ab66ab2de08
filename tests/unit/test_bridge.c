/*
 * tests/unit/test_bridge.c: bot and notifier over a real broker: this test is the notifier.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/bridge.h"
#include "bot/wecom/errcode.h"
#include "core/base/clock.h"
#include "core/wire/topic.h"
#include "tests/unit/servers.h"

#define NOW INT64_C(1660784400000)
#define FAR (NOW + 86400000)

static const struct seal_key key = {.bytes = {1}};
static struct test_server broker;
static int tests_run;

struct fixture {
	struct clock clock, notifier_clock;
	struct loop *loop;
	struct spool *spool;
	struct attempts *attempts;
	struct metrics *metrics;
	struct outq *q;
	struct bridge *bridge;
	struct mqtt *notifier;
	int broker_up, closed, connected;

	/* the provider */
	struct send_request pending;
	int sent;
	bool is_auto;

	/* what the notifier has received */
	int replies, verdicts, acks, reports, online, answers;
	struct wire_verdict verdict;
	struct wire_control control;
	struct wire_clock_at at;
	char seqs[256];
	id_str reply_id;
};

static struct fixture f;

/* ---- the provider ------------------------------------------------------------------------------ */

static void answer(void *ctx)
{
	struct send_request req = f.pending;
	struct wire_verdict v = {0};

	(void)ctx;
	f.pending.msg = NULL;
	wecom_verdict_set(&v, VERDICT_ACCEPTED, "ok", "ok", 0);
	snprintf(v.code, sizeof(v.code), "0");
	req.done(req.ctx, &v);
}

static int check(void *ctx, const struct wire_out *m, struct wire_verdict *v)
{
	(void)ctx;
	(void)m;
	(void)v;
	return 0;
}

static int send(void *ctx, const struct send_request *req)
{
	(void)ctx;
	f.pending = *req;
	f.sent++;
	return f.is_auto ? loop_defer(f.loop, answer, NULL) : 0;
}

/* ---- the notifier -------------------------------------------------------------------------------- */

static void on_connect(void *ctx)
{
	const struct wire_status s = {.online = true, .version = "0"};
	char *json = wire_status_encode(&s);

	(void)ctx;
	f.connected++;
	(void)mqtt_publish(f.notifier, "sw/v1/status/notifier/test", json, strlen(json), true);
	free(json);
}

static void on_disconnect(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
}

static void take_reply(const char *payload, size_t len)
{
	struct wire_in in;
	size_t n = strlen(f.seqs);

	assert_int_equal(wire_in_decode(payload, len, &in, NULL), 0);
	snprintf(f.seqs + n, sizeof(f.seqs) - n, "%d ", (int)in.seq);
	memcpy(f.reply_id, in.id, sizeof(in.id));
	f.replies++;
	wire_in_fini(&in);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct wire_status status;

	(void)ctx;
	(void)retained;
	if (strcmp(topic, TOPIC_REPLY) == 0) {
		take_reply(payload, len);
	} else if (strcmp(topic, TOPIC_VERDICT) == 0) {
		assert_int_equal(wire_verdict_decode(payload, len, &f.verdict, NULL), 0);
		f.verdicts++;
	} else if (strcmp(topic, TOPIC_CONTROL_ACK) == 0) {
		assert_int_equal(wire_control_decode(payload, len, &f.control, NULL), 0);
		f.acks++;
	} else if (strcmp(topic, "sw/v1/clock/at/bot") == 0) {
		assert_int_equal(wire_clock_at_decode(payload, len, &f.at, NULL), 0);
		f.reports++;
	} else if (strcmp(topic, "sw/v1/status/bot/test") == 0 && len > 0) {
		assert_int_equal(wire_status_decode(payload, len, &status, NULL), 0);
		f.online = status.online ? 1 : -1;
	}
}

/* Takes JSON. */
static void tell(const char *topic, char *json)
{
	assert_non_null(json);
	assert_int_equal(mqtt_publish(f.notifier, topic, json, strlen(json), false), 0);
	free(json);
}

static void acknowledge(const char *id)
{
	char ids[1][48];
	const struct wire_ack m = {.ids = ids, .n = 1};

	snprintf(ids[0], sizeof(ids[0]), "%s", id);
	tell(TOPIC_ACK, wire_ack_encode(&m, NOW));
}

static void mid_of(int i, id_str ret)
{
	snprintf(ret, sizeof(id_str), "%032x", i);
}

static void order(int i, int attempt, const char *route)
{
	struct wire_out m = {.attempt = attempt, .channel = "robot", .expires_at_ms = FAR};
	char text[] = "你好", topic[TOPIC_MAX];

	mid_of(i, m.mid);
	snprintf(m.route, sizeof(m.route), "%s", route);
	m.text = text;
	tell(topic_out(topic, "robot", route), wire_out_encode(&m, NOW));
}

static void control(const char *id, const char *op, const char *route, int mid, uint64_t from_seq)
{
	struct wire_control m = {.from_seq = from_seq};

	snprintf(m.id, sizeof(m.id), "%s", id);
	snprintf(m.op, sizeof(m.op), "%s", op);
	snprintf(m.route, sizeof(m.route), "%s", route);
	if (mid)
		mid_of(mid, m.mid);
	tell(TOPIC_CONTROL, wire_control_encode(&m, NOW, false));
}

/* ---- fixture --------------------------------------------------------------------------------------- */

static void on_broker(void *ctx, bool is_up)
{
	(void)ctx;
	f.broker_up = is_up;
}

static void on_answered(void *ctx, int rc, bool is_repeat)
{
	(void)ctx;
	(void)is_repeat;
	assert_int_equal(rc, 0);
	f.answers++;
}

static void add_event(int i)
{
	char text[] = "已报2人";
	struct wire_in in = {.at_ms = NOW, .source = "app/main", .sender = "a", .text = text};

	snprintf(in.provider_id, sizeof(in.provider_id), "m%d", i);
	id_event(in.source, in.provider_id, in.id);
	assert_int_equal(spool_add(f.spool, &in, on_answered, NULL), 0);
}

static void open_notifier(void)
{
	static const struct mqtt_events events = {
		.on_connect = on_connect, .on_disconnect = on_disconnect, .on_message = on_message};
	const struct mqtt_opts opts = {
		.host = "127.0.0.1", .port = broker.port, .client_id = "notifier"};
	static const char *const filters[] = {TOPIC_IN_ALL, TOPIC_CLOCK_AT_ALL, TOPIC_STATUS_ALL};

	assert_int_equal(mqtt_open(f.loop, &opts, &events, NULL, &f.notifier), 0);
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		assert_int_equal(mqtt_subscribe(f.notifier, filters[i]), 0);
	assert_true(run_until_count(f.loop, &f.connected, 1, 5000));
}

static void open_bot(void)
{
	struct outq_opts queue = {.channel = "robot",
		.route = "one",
		.limits = {{18, 60000}},
		.sender = {check, send, NULL},
		.on_verdict = bridge_verdict,
		.on_change = bridge_changed};
	struct bridge_opts opts = {.instance = "test",
		.version = "0",
		.is_simulation = true,
		.n_queues = 1,
		.queues = &f.q,
		.on_broker = on_broker,
		.mqtt = {.host = "127.0.0.1", .port = broker.port, .client_id = "bot"}};
	struct sw_err err;
	char spool[32], journal[32];

	snprintf(spool, sizeof(spool), "spool-%d.log", tests_run);
	snprintf(journal, sizeof(journal), "journal-%d.log", tests_run);
	assert_int_equal(bridge_create(f.loop, &f.bridge), 0);
	assert_int_equal(spool_open(f.loop, test_path(spool), &key, NOW, bridge_event, f.bridge,
				 &f.spool, &err),
		0);
	assert_int_equal(attempts_open(f.loop, test_path(journal), NOW, &f.attempts, &err), 0);
	queue.attempts = f.attempts;
	queue.ctx = f.bridge;
	assert_int_equal(outq_create(f.loop, &queue, &f.q), 0);
	opts.spool = f.spool;
	opts.attempts = f.attempts;
	opts.metrics = f.metrics;
	assert_int_equal(bridge_start(f.bridge, &opts), 0);
	assert_true(run_until_count(f.loop, &f.online, 1, 5000));
}

static void on_closed(void *ctx)
{
	(void)ctx;
	f.closed++;
}

static void close_bot(void)
{
	int before = f.closed;

	outq_stop(f.q);
	bridge_close(f.bridge, on_closed, NULL);
	spool_close(f.spool, on_closed, NULL);
	attempts_close(f.attempts, on_closed, NULL);
	assert_true(run_until_count(f.loop, &f.closed, before + 3, 5000));
	outq_destroy(f.q);
	bridge_destroy(f.bridge);
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	tests_run++;
	clock_init_simulated(&f.clock, NOW);
	if (loop_create(&f.clock, &f.loop) < 0 || metrics_create(&f.metrics) < 0)
		return -1;
	open_notifier();
	open_bot();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_bot();
	mqtt_close(f.notifier, on_closed, NULL);
	run_for(f.loop, 20);
	metrics_destroy(f.metrics);
	loop_destroy(f.loop);
	return 0;
}

/* ---- promises ---------------------------------------------------------------------------------------- */

static void verdict_comes_and_a_repeat_gets_the_same_one(void **state)
{
	(void)state;
	f.is_auto = true;
	order(1, 1, "one");
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
	order(1, 1, "one");
	assert_true(run_until_count(f.loop, &f.verdicts, 2, 5000));
	assert_int_equal(f.verdict.verdict, VERDICT_ACCEPTED);
	assert_int_equal(f.sent, 1);
	order(1, 2, "one"); /* another attempt is another request */
	assert_true(run_until_count(f.loop, &f.verdicts, 3, 5000));
	assert_int_equal(f.sent, 2);
}

static void repeat_while_it_is_being_sent_is_ignored(void **state)
{
	(void)state;
	order(1, 1, "one");
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	order(1, 1, "one");
	control("c", "nonsense", "", 0, 0); /* its answer shows that the repeat was read */
	assert_true(run_until_count(f.loop, &f.acks, 1, 5000));
	assert_false(f.control.ok);
	answer(NULL);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.sent, 1);
}

static void unknown_destination_is_refused_for_good(void **state)
{
	(void)state;
	order(1, 1, "nowhere");
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.verdict.verdict, VERDICT_REFUSED_FINAL);
	assert_string_equal(f.verdict.class, "config");
}

static void hostile_messages_change_nothing(void **state)
{
	(void)state;
	tell("sw/v1/out/robot/one", strdup("{}"));
	tell("sw/v1/out/robot/one", strdup("garbage"));
	tell("sw/v1/out/robot", strdup("{}"));
	tell(TOPIC_ACK, strdup("[]"));
	tell(TOPIC_CONTROL, strdup("{\"v\":1}"));
	tell(TOPIC_CLOCK, strdup("{\"v\":1,\"rev\":-1}"));
	f.is_auto = true;
	order(1, 1, "one");
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.sent, 1);
}

static void events_come_in_order_until_they_are_acknowledged(void **state)
{
	(void)state;
	add_event(1);
	add_event(2);
	assert_true(run_until_count(f.loop, &f.replies, 2, 5000));
	assert_string_equal(f.seqs, "1 2 ");
	acknowledge(f.reply_id);
	control("c", "nonsense", "", 0, 0);
	assert_true(run_until_count(f.loop, &f.acks, 1, 5000));
	close_bot();
	f.seqs[0] = '\0';
	f.online = 0;
	open_bot();
	assert_true(run_until_count(f.loop, &f.replies, 3, 5000));
	assert_string_equal(f.seqs, "1 ");
}

static void event_is_on_its_way_before_its_sender_is_answered(void **state)
{
	(void)state;
	add_event(1);
	assert_true(run_until_count(f.loop, &f.answers, 1, 5000));
	/* Handed to the broker: whatever the notifier asks now comes behind it. */
	control("c", "nonsense", "", 0, 0);
	assert_true(run_until_count(f.loop, &f.acks, 1, 5000));
	assert_int_equal(f.replies, 1);
}

static void republish_brings_back_what_was_acknowledged(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++) {
		add_event(i);
		assert_true(run_until_count(f.loop, &f.replies, i, 5000));
		acknowledge(f.reply_id);
	}
	f.seqs[0] = '\0';
	control("r1", "republish", "", 0, 1);
	assert_true(run_until_count(f.loop, &f.acks, 1, 5000));
	assert_true(f.control.ok);
	assert_int_equal(f.control.n, 2);
	assert_string_equal(f.seqs, "2 3 "); /* all of them before the answer */
}

static void hold_and_release_are_answered_and_work(void **state)
{
	(void)state;
	f.is_auto = true;
	control("h1", "hold", "", 0, 0);
	assert_true(run_until_count(f.loop, &f.acks, 1, 5000));
	assert_true(f.control.ok);
	assert_string_equal(f.control.id, "h1");
	order(1, 1, "one");
	control("h2", "hold", "nowhere", 0, 0);
	assert_true(run_until_count(f.loop, &f.acks, 2, 5000));
	assert_false(f.control.ok);
	assert_int_equal(f.sent, 0);
	control("h3", "release", "", 0, 0);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.sent, 1);
}

static void cancel_is_true_only_for_what_was_not_sent(void **state)
{
	(void)state;
	control("h", "hold", "one", 0, 0);
	order(1, 1, "one");
	control("c1", "cancel", "", 1, 0);
	assert_true(run_until_count(f.loop, &f.acks, 2, 5000));
	assert_true(f.control.ok);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_int_equal(f.verdict.verdict, VERDICT_NOT_SENT);
	assert_string_equal(f.verdict.class, "cancelled");
	control("c1", "cancel", "", 1, 0); /* the same question gets the same answer */
	assert_true(run_until_count(f.loop, &f.acks, 3, 5000));
	assert_true(f.control.ok);
	control("c2", "cancel", "", 2, 0);
	assert_true(run_until_count(f.loop, &f.acks, 4, 5000));
	assert_false(f.control.ok);
	assert_int_equal(f.sent, 0);
}

static bool is_quiet_at_9(void *ctx)
{
	(void)ctx;
	return f.at.rev == 9 && f.at.busy == 0;
}

static void clock_is_adopted_and_each_one_answered(void **state)
{
	const struct wire_clock c = {.base_sim_ms = NOW + 5000, .base_real_ms = NOW, .rev = 9};
	const struct wire_clock older = {.base_sim_ms = NOW, .base_real_ms = NOW, .rev = 8};
	int before;

	(void)state;
	tell(TOPIC_CLOCK, wire_clock_encode(&c));
	assert_true(run_until(f.loop, is_quiet_at_9, NULL, 5000));
	assert_int_equal(clock_now_ms(&f.clock), NOW + 5000);
	assert_true(f.at.next_ms == INT64_MAX);
	before = f.reports;
	tell(TOPIC_CLOCK, wire_clock_encode(&c));
	assert_true(run_until_count(f.loop, &f.reports, before + 1, 5000));
	tell(TOPIC_CLOCK, wire_clock_encode(&older));
	assert_true(run_until_count(f.loop, &f.reports, before + 2, 5000));
	assert_int_equal(f.at.rev, 9);
	assert_int_equal(clock_now_ms(&f.clock), NOW + 5000);
}

static bool is_busy(void *ctx)
{
	(void)ctx;
	return f.at.busy > 0;
}

static bool is_idle(void *ctx)
{
	(void)ctx;
	return f.at.busy == 0;
}

static bool waits_for_pace(void *ctx)
{
	(void)ctx;
	return f.at.busy == 0 && f.at.next_ms == NOW + 60001;
}

static void what_is_in_hand_is_reported_until_it_is_acknowledged(void **state)
{
	(void)state;
	order(1, 1, "one");
	assert_true(run_until_count(f.loop, &f.sent, 1, 5000));
	assert_true(run_until(f.loop, is_busy, NULL, 5000));
	answer(NULL);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	run_for(f.loop, 30);
	assert_int_equal(f.at.busy, 1); /* the verdict is not acknowledged */
	acknowledge("00000000000000000000000000000001-1");
	assert_true(run_until(f.loop, is_idle, NULL, 5000));
	add_event(1);
	assert_true(run_until_count(f.loop, &f.replies, 1, 5000));
	assert_true(run_until(f.loop, is_busy, NULL, 5000));
	acknowledge(f.reply_id);
	assert_true(run_until(f.loop, is_idle, NULL, 5000));
}

static void paced_queue_names_its_next_instant(void **state)
{
	char id[48];

	(void)state;
	f.is_auto = true;
	for (int i = 1; i <= 20; i++)
		order(i, 1, "one");
	assert_true(run_until_count(f.loop, &f.verdicts, 18, 5000));
	for (int i = 1; i <= 18; i++) {
		snprintf(id, sizeof(id), "%032x-1", i);
		acknowledge(id);
	}
	assert_true(run_until(f.loop, waits_for_pace, NULL, 5000));
	assert_int_equal(f.sent, 18);
}

static void everything_comes_again_after_a_broker_restart(void **state)
{
	int connected = f.connected;

	(void)state;
	f.is_auto = true;
	order(1, 1, "one");
	add_event(1);
	assert_true(run_until_count(f.loop, &f.verdicts, 1, 5000));
	assert_true(run_until_count(f.loop, &f.replies, 1, 5000));
	server_kill(&broker);
	add_event(2); /* durable while the broker is away */
	assert_true(run_until_count(f.loop, &f.answers, 2, 5000));
	restart_mosquitto(&broker);
	assert_true(run_until_count(f.loop, &f.connected, connected + 1, 10000));
	assert_true(run_until_count(f.loop, &f.replies, 3, 15000));
	assert_true(run_until_count(f.loop, &f.verdicts, 2, 15000));
	assert_int_equal(f.sent, 1);
}

static void goodbye_says_offline(void **state)
{
	(void)state;
	assert_int_equal(f.online, 1);
	close_bot();
	run_for(f.loop, 50);
	assert_int_equal(f.online, -1);
	f.online = 0;
	open_bot();
}

static int start_broker(void **state)
{
	(void)state;
	start_mosquitto(&broker, "broker", "");
	return 0;
}

static int stop_broker(void **state)
{
	(void)state;
	server_kill(&broker);
	return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(verdict_comes_and_a_repeat_gets_the_same_one),
		T(repeat_while_it_is_being_sent_is_ignored),
		T(unknown_destination_is_refused_for_good),
		T(hostile_messages_change_nothing),
		T(events_come_in_order_until_they_are_acknowledged),
		T(event_is_on_its_way_before_its_sender_is_answered),
		T(republish_brings_back_what_was_acknowledged),
		T(hold_and_release_are_answered_and_work),
		T(cancel_is_true_only_for_what_was_not_sent),
		T(clock_is_adopted_and_each_one_answered),
		T(what_is_in_hand_is_reported_until_it_is_acknowledged),
		T(paced_queue_names_its_next_instant),
		T(everything_comes_again_after_a_broker_restart),
		T(goodbye_says_offline),
	};

	return cmocka_run_group_tests(tests, start_broker, stop_broker);
}
