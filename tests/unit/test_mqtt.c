/*
 * tests/unit/test_mqtt.c: the MQTT client against a real mosquitto that is killed, frozen and refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/io/mqtt.h"
#include "tests/unit/servers.h"

#define LIMIT_MS 8000

static struct test_server broker; /* shared by tests that leave it as they found it */

struct client {
	struct loop *loop;
	struct mqtt *mqtt;
	int n_connect, n_disconnect, n_drain, n_closed;
	int n_messages, n_retained;
	char why[160];
	char topic[128], payload[128];
	size_t len;
	const char *greet; /* published (retained) in on_connect */
};

static struct clock the_clock;

static void on_connect(void *ctx)
{
	struct client *c = ctx;

	assert_true(mqtt_connected(c->mqtt));
	c->n_connect++;
	if (c->greet)
		assert_int_equal(
			mqtt_publish(c->mqtt, "t/greet", c->greet, strlen(c->greet), true), 0);
}

static void on_disconnect(void *ctx, const char *why)
{
	struct client *c = ctx;

	assert_false(mqtt_connected(c->mqtt));
	assert_int_equal(mqtt_inflight(c->mqtt), 0);
	c->n_disconnect++;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct client *c = ctx;

	c->n_messages++;
	c->n_retained += retained;
	c->len = len;
	(void)snprintf(c->topic, sizeof(c->topic), "%s", topic);
	(void)snprintf(c->payload, sizeof(c->payload), "%s", (const char *)payload);
}

static void on_drain(void *ctx)
{
	struct client *c = ctx;

	c->n_drain++;
}

static void on_closed(void *ctx)
{
	struct client *c = ctx;

	c->n_closed++;
}

static void client_open(struct client *c, struct loop *l, const struct mqtt_opts *opts)
{
	static const struct mqtt_events ev = {on_connect, on_disconnect, on_message, on_drain};

	*c = (struct client){.loop = l};
	assert_int_equal(mqtt_open(l, opts, &ev, c, &c->mqtt), 0);
	assert_false(mqtt_connected(c->mqtt));
}

static struct mqtt_opts options(const struct test_server *s, const char *id)
{
	return (struct mqtt_opts){
		.host = "127.0.0.1", .port = s->port, .client_id = id, .keepalive_s = 5};
}

static void client_connect(struct client *c, struct loop *l, const char *id)
{
	struct mqtt_opts opts = options(&broker, id);

	client_open(c, l, &opts);
	assert_true(run_until_count(l, &c->n_connect, 1, LIMIT_MS));
}

static void client_close(struct client *c)
{
	mqtt_close(c->mqtt, on_closed, c);
	assert_int_equal(c->n_closed, 0); /* on a later turn */
	assert_true(run_until_count(c->loop, &c->n_closed, 1, LIMIT_MS));
}

static int say(struct client *c, const char *topic, const char *text)
{
	return mqtt_publish(c->mqtt, topic, text, strlen(text), false);
}

static bool nothing_in_flight(void *ctx)
{
	struct client *c = ctx;

	return mqtt_inflight(c->mqtt) == 0;
}

static void what_is_published_arrives_and_is_acknowledged(void **state)
{
	struct loop *l = *state;
	struct client c;

	client_connect(&c, l, "a");
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/+/in"), 0);
	assert_int_equal(say(&c, "t/x/in", "已报2人6户"), 0);
	assert_int_equal(mqtt_inflight(c.mqtt), 1);
	assert_int_equal(c.n_messages, 0); /* never from inside */
	assert_true(run_until_count(l, &c.n_messages, 1, LIMIT_MS));
	assert_string_equal(c.topic, "t/x/in");
	assert_string_equal(c.payload, "已报2人6户");
	assert_int_equal(c.n_retained, 0);
	assert_true(run_until(l, nothing_in_flight, &c, LIMIT_MS));
	client_close(&c);
}

static void empty_payload_is_an_empty_string(void **state)
{
	struct loop *l = *state;
	struct client c;

	client_connect(&c, l, "a");
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/empty"), 0);
	assert_int_equal(mqtt_publish(c.mqtt, "t/empty", NULL, 0, false), 0);
	assert_true(run_until_count(l, &c.n_messages, 1, LIMIT_MS));
	assert_int_equal(c.len, 0);
	client_close(&c);
}

static void subscription_made_before_the_connection_works(void **state)
{
	struct loop *l = *state;
	struct mqtt_opts opts = options(&broker, "early");
	struct client c;

	client_open(&c, l, &opts);
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/early"), 0);
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/early"), 0);
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/#/x"), SW_EINVAL);
	assert_true(run_until_count(l, &c.n_connect, 1, LIMIT_MS));
	assert_int_equal(say(&c, "t/early", "x"), 0);
	assert_true(run_until_count(l, &c.n_messages, 1, LIMIT_MS));
	client_close(&c);
}

static void nothing_is_queued_while_the_broker_is_away(void **state)
{
	struct loop *l = *state;
	struct mqtt_opts opts = {.host = "127.0.0.1", .port = free_port(), .client_id = "a"};
	struct client c;

	client_open(&c, l, &opts);
	assert_int_equal(say(&c, "t/x", "x"), SW_EAWAY);
	assert_true(run_until_count(l, &c.n_disconnect, 1, LIMIT_MS));
	assert_int_equal(say(&c, "t/x", "x"), SW_EAWAY);
	assert_int_equal(mqtt_inflight(c.mqtt), 0);
	run_for(l, 500);
	assert_int_equal(c.n_disconnect, 1); /* once per outage */
	client_close(&c);
}

static void killed_broker_is_found_again_with_subscriptions(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c;

	start_mosquitto(&own, "killed", "");
	opts = options(&own, "a");
	client_open(&c, l, &opts);
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/in"), 0);
	for (int i = 1; i <= 3; i++) {
		assert_true(run_until_count(l, &c.n_connect, i, LIMIT_MS));
		assert_int_equal(say(&c, "t/in", "x"), 0);
		assert_true(run_until_count(l, &c.n_messages, i, LIMIT_MS));
		server_kill(&own);
		assert_true(run_until_count(l, &c.n_disconnect, i, LIMIT_MS));
		assert_int_equal(say(&c, "t/in", "x"), SW_EAWAY);
		run_for(l, 100); /* no supervisor is faster; the client sees that nobody listens */
		restart_mosquitto(&own);
	}
	assert_true(run_until_count(l, &c.n_connect, 4, LIMIT_MS));
	assert_int_equal(c.n_disconnect, 3);
	client_close(&c);
	server_kill(&own);
}

static void what_was_in_flight_is_not_sent_again_behind_the_owners_back(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c, reader;

	start_mosquitto(&own, "inflight", "");
	opts = options(&own, "a");
	client_open(&c, l, &opts);
	assert_true(run_until_count(l, &c.n_connect, 1, LIMIT_MS));
	server_freeze(&own);
	assert_int_equal(mqtt_publish(c.mqtt, "t/greet", "old", 3, true), 0);
	assert_int_equal(mqtt_inflight(c.mqtt), 1);
	server_kill(&own);
	assert_true(run_until_count(l, &c.n_disconnect, 1, LIMIT_MS));
	c.greet = "new";
	restart_mosquitto(&own);
	assert_true(run_until_count(l, &c.n_connect, 2, LIMIT_MS));
	assert_true(run_until(l, nothing_in_flight, &c, LIMIT_MS));
	opts.client_id = "reader";
	client_open(&reader, l, &opts);
	assert_int_equal(mqtt_subscribe(reader.mqtt, "t/greet"), 0);
	assert_true(run_until_count(l, &reader.n_retained, 1, LIMIT_MS));
	assert_string_equal(reader.payload, "new");
	client_close(&reader);
	client_close(&c);
	server_kill(&own);
}

static void frozen_broker_is_noticed_by_keepalive(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c;

	start_mosquitto(&own, "frozen", "");
	opts = options(&own, "a");
	client_open(&c, l, &opts);
	assert_true(run_until_count(l, &c.n_connect, 1, LIMIT_MS));
	server_freeze(&own);
	assert_true(run_until_count(l, &c.n_disconnect, 1, 13000));
	server_thaw(&own);
	assert_true(run_until_count(l, &c.n_connect, 2, 13000));
	client_close(&c);
	server_kill(&own);
}

static void broker_that_accepts_and_says_nothing_is_given_up(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c;

	start_mosquitto(&own, "mute", "");
	server_freeze(&own); /* the kernel still completes the connection */
	opts = options(&own, "a");
	opts.keepalive_s = 60; /* not what notices it */
	client_open(&c, l, &opts);
	assert_true(run_until_count(l, &c.n_disconnect, 1, 7000));
	assert_non_null(strstr(c.why, "does not answer"));
	client_close(&c);
	server_kill(&own);
}

static void wrong_password_says_why(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c;

	start_mosquitto(&own, "auth", "allow_anonymous false");
	opts = options(&own, "a");
	opts.user = "bot";
	opts.password = "wrong";
	client_open(&c, l, &opts);
	assert_true(run_until_count(l, &c.n_disconnect, 1, LIMIT_MS));
	assert_non_null(strstr(c.why, "uthor")); /* "Not authorized" */
	assert_int_equal(c.n_connect, 0);
	client_close(&c);
	server_kill(&own);
}

static void full_window_refuses_and_drains(void **state)
{
	struct loop *l = *state;
	struct mqtt_opts opts = options(&broker, "window");
	struct client c;

	opts.max_inflight = 10;
	client_open(&c, l, &opts);
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/window"), 0);
	assert_true(run_until_count(l, &c.n_connect, 1, LIMIT_MS));
	for (int i = 0; i < 10; i++)
		assert_int_equal(say(&c, "t/window", "x"), 0);
	assert_int_equal(say(&c, "t/window", "x"), SW_ELIMIT);
	assert_true(run_until_count(l, &c.n_drain, 1, LIMIT_MS));
	assert_true(mqtt_inflight(c.mqtt) <= 5);
	assert_int_equal(say(&c, "t/window", "x"), 0);
	assert_true(run_until_count(l, &c.n_messages, 11, LIMIT_MS));
	assert_int_equal(c.n_drain, 1);
	client_close(&c);
}

static void a_thousand_messages_arrive_in_order(void **state)
{
	struct loop *l = *state;
	struct client c;
	char text[16];

	client_connect(&c, l, "many");
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/many"), 0);
	for (int i = 0; i < 1000;) {
		(void)snprintf(text, sizeof(text), "%d", i);
		if (say(&c, "t/many", text) == 0)
			i++;
		else
			assert_true(run_until_count(l, &c.n_drain, c.n_drain + 1, LIMIT_MS));
	}
	assert_true(run_until_count(l, &c.n_messages, 1000, LIMIT_MS));
	assert_string_equal(c.payload, "999");
	client_close(&c);
}

static void bad_topics_and_large_payloads_are_refused(void **state)
{
	struct loop *l = *state;
	struct client c;
	char *big = calloc(1, (256 << 10) + 1);

	client_connect(&c, l, "a");
	assert_int_equal(say(&c, "t/#", "x"), SW_EINVAL);
	assert_int_equal(mqtt_publish(c.mqtt, "t/big", big, (256 << 10) + 1, false), SW_EINVAL);
	assert_int_equal(mqtt_inflight(c.mqtt), 0);
	assert_true(mqtt_connected(c.mqtt));
	free(big);
	client_close(&c);
}

static void oversize_message_is_ignored_and_the_next_arrives(void **state)
{
	struct loop *l = *state;
	struct client c;
	char command[256];

	client_connect(&c, l, "a");
	assert_int_equal(mqtt_subscribe(c.mqtt, "t/size"), 0);
	assert_int_equal(say(&c, "t/size", "before"), 0);
	assert_true(run_until_count(l, &c.n_messages, 1, LIMIT_MS));
	(void)snprintf(command, sizeof(command),
		"head -c 300000 /dev/zero | tr '\\0' x | mosquitto_pub -p %u -q 1 -t t/size -s",
		(unsigned)broker.port);
	assert_int_equal(system(command), 0);
	assert_int_equal(say(&c, "t/size", "after"), 0);
	assert_true(run_until_count(l, &c.n_messages, 2, LIMIT_MS));
	assert_string_equal(c.payload, "after");
	client_close(&c);
}

static void will_is_published_on_loss_and_not_on_goodbye(void **state)
{
	struct loop *l = *state;
	struct mqtt_opts opts = options(&broker, "mortal");
	struct client watcher, mortal, rival;

	client_connect(&watcher, l, "watcher");
	assert_int_equal(mqtt_subscribe(watcher.mqtt, "t/status"), 0);
	opts.will_topic = "t/status";
	opts.will_payload = "gone";
	client_open(&mortal, l, &opts);
	assert_true(run_until_count(l, &mortal.n_connect, 1, LIMIT_MS));
	client_close(&mortal);
	assert_int_equal(say(&watcher, "t/status", "marker"), 0);
	assert_true(run_until_count(l, &watcher.n_messages, 1, LIMIT_MS));
	assert_string_equal(watcher.payload, "marker");

	client_open(&mortal, l, &opts);
	assert_true(run_until_count(l, &mortal.n_connect, 1, LIMIT_MS));
	client_connect(&rival, l, "mortal"); /* a takeover ends the other without goodbye */
	assert_true(run_until_count(l, &watcher.n_messages, 2, LIMIT_MS));
	assert_string_equal(watcher.payload, "gone");
	client_close(&rival);
	client_close(&mortal);
	client_close(&watcher);
}

static void last_words_before_closing_arrive(void **state)
{
	struct loop *l = *state;
	struct client watcher, c;

	client_connect(&watcher, l, "watcher");
	assert_int_equal(mqtt_subscribe(watcher.mqtt, "t/last"), 0);
	client_connect(&c, l, "leaving");
	for (int i = 0; i < 100; i++)
		assert_int_equal(say(&c, "t/last", "bye"), 0);
	client_close(&c);
	assert_true(run_until_count(l, &watcher.n_messages, 100, LIMIT_MS));
	client_close(&watcher);
}

static void closing_does_not_wait_for_a_frozen_broker(void **state)
{
	struct loop *l = *state;
	struct test_server own;
	struct mqtt_opts opts;
	struct client c;
	int64_t began_ms;

	start_mosquitto(&own, "stuck", "");
	opts = options(&own, "a");
	client_open(&c, l, &opts);
	assert_true(run_until_count(l, &c.n_connect, 1, LIMIT_MS));
	server_freeze(&own);
	assert_int_equal(say(&c, "t/x", "x"), 0);
	began_ms = clock_mono_ms();
	client_close(&c);
	assert_in_range(clock_mono_ms() - began_ms, 0, 2000);
	server_kill(&own);
}

static bool fight_is_over(void *ctx)
{
	struct client *c = ctx;

	return (c[0].n_disconnect == 3 && mqtt_connected(c[1].mqtt)) ||
	       (c[1].n_disconnect == 3 && mqtt_connected(c[0].mqtt));
}

static void two_clients_with_one_id_do_not_fight_for_ever(void **state)
{
	struct loop *l = *state;
	struct client c[2];
	int before;

	client_connect(&c[0], l, "twin");
	client_connect(&c[1], l, "twin");
	/* Each is thrown out in turn; the first with three times stays out. */
	assert_true(run_until(l, fight_is_over, c, LIMIT_MS));
	before = c[0].n_connect + c[1].n_connect;
	run_for(l, 1500);
	assert_int_equal(c[0].n_connect + c[1].n_connect, before);
	assert_int_not_equal(mqtt_connected(c[0].mqtt), mqtt_connected(c[1].mqtt));
	client_close(&c[0]);
	client_close(&c[1]);
}

static int setup(void **state)
{
	struct loop *l = NULL;

	clock_init_real(&the_clock);
	assert_int_equal(loop_create(&the_clock, &l), 0);
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	loop_destroy(*state);
	return 0;
}

static int start_broker(void **state)
{
	(void)state;
	start_mosquitto(&broker, "shared", "max_inflight_messages 1000");
	return 0;
}

static int end_broker(void **state)
{
	(void)state;
	server_kill(&broker);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_is_published_arrives_and_is_acknowledged),
		T(empty_payload_is_an_empty_string),
		T(subscription_made_before_the_connection_works),
		T(nothing_is_queued_while_the_broker_is_away),
		T(killed_broker_is_found_again_with_subscriptions),
		T(what_was_in_flight_is_not_sent_again_behind_the_owners_back),
		T(frozen_broker_is_noticed_by_keepalive),
		T(broker_that_accepts_and_says_nothing_is_given_up),
		T(wrong_password_says_why),
		T(full_window_refuses_and_drains),
		T(a_thousand_messages_arrive_in_order),
		T(bad_topics_and_large_payloads_are_refused),
		T(oversize_message_is_ignored_and_the_next_arrives),
		T(will_is_published_on_loss_and_not_on_goodbye),
		T(last_words_before_closing_arrive),
		T(closing_does_not_wait_for_a_frozen_broker),
		T(two_clients_with_one_id_do_not_fight_for_ever),
#undef T
	};

	return cmocka_run_group_tests(tests, start_broker, end_broker);
}
