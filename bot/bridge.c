/*
 * bot/bridge.c: dispatches topics. Everything from the broker is checked like a callback from outside.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/bridge.h"
#include "bot/wecom/errcode.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"
#include "core/wire/topic.h"

#define STATUS_NOTIFIER "sw/v1/status/notifier/"

/*
 * IN_FLIGHT: published and not acknowledged by the notifier, per relay. WINDOW: not acknowledged by the broker,
 * room for both relays and what else there is to say.
 */
enum { IN_FLIGHT = 256, WINDOW = 640, REMEMBERED_CONTROLS = 64 };

struct bridge {
	struct loop *loop;
	struct bridge_opts opts;
	char *instance, *version;
	struct mqtt *mqtt;
	struct relay *events, *verdicts;
	bool is_closed;

	/* The answers of late, in a ring: a control message that comes twice must not act twice. */
	struct wire_control controls[REMEMBERED_CONTROLS];
	size_t next_control;
	struct wire_control replay; /* the republish that is running */

	struct wire_clock_at told; /* what clock/at/bot says */
	bool is_report_due;        /* a report follows later in this turn */
	bool is_report_forced;
};

/* ---- simulated clock: where we are -------------------------------------------------------------- */

static struct wire_clock_at whereabouts(const struct bridge *b)
{
	struct wire_clock_at at = {.rev = loop_clock(b->loop)->rev, .next_ms = INT64_MAX};

	at.busy = (int64_t)(spool_unacked(b->opts.spool) + relay_size(b->verdicts));
	for (size_t i = 0; i < b->opts.n_queues; i++) {
		int64_t next = outq_next_ms(b->opts.queues[i]);

		at.busy += (int64_t)outq_busy(b->opts.queues[i]);
		at.next_ms = next < at.next_ms ? next : at.next_ms;
	}
	return at;
}

/* Events and verdicts were handed to the same connection before: whoever reads this has read them. */
static void report(void *ctx)
{
	struct bridge *b = ctx;
	struct wire_clock_at at;
	char topic[TOPIC_MAX];
	char *json;

	b->is_report_due = false;
	if (b->is_closed || !mqtt_connected(b->mqtt))
		return;
	at = whereabouts(b);
	if (!b->is_report_forced && at.rev == b->told.rev && at.next_ms == b->told.next_ms &&
		at.busy == b->told.busy)
		return;
	json = wire_clock_at_encode(&at);
	if (json && mqtt_publish(b->mqtt, topic_clock_at(topic, "bot"), json, strlen(json), true) ==
			    0) {
		b->told = at;
		b->is_report_forced = false;
	}
	free(json);
}

void bridge_changed(void *ctx)
{
	struct bridge *b = ctx;

	if (!b->opts.is_simulation || b->is_closed || !b->mqtt || b->is_report_due)
		return;
	b->is_report_due = loop_defer(b->loop, report, b) == 0;
}

static void report_anyway(struct bridge *b)
{
	b->is_report_forced = true;
	bridge_changed(b);
}

static void on_clock(struct bridge *b, const void *payload, size_t len)
{
	struct clock *clock = loop_clock(b->loop);
	struct wire_clock m;
	struct sw_err err;

	if (!b->opts.is_simulation)
		return;
	if (wire_clock_decode(payload, len, &m, &err) < 0) {
		LOG_WARN("clock_refused", "err=%s", err.text);
		return;
	}
	if (m.rev > clock->rev) {
		clock->base_sim_ms = m.base_sim_ms;
		clock->base_real_ms = m.base_real_ms;
		clock->speed = m.speed;
		clock->rev = m.rev;
		timer_clock_changed(b->loop);
	}
	report_anyway(b);
}

/* ---- events and verdicts: up -------------------------------------------------------------------- */

static int publish_event(void *ctx, struct relay_item *item)
{
	struct bridge *b = ctx;
	const char *topic;
	size_t len;
	const char *json = spool_payload(item, &len, &topic);

	return mqtt_publish(b->mqtt, topic, json, len, false);
}

static int publish_verdict_of(struct bridge *b, const struct wire_verdict *v)
{
	char *json = wire_verdict_encode(v);
	int rc = json ? mqtt_publish(b->mqtt, TOPIC_VERDICT, json, strlen(json), false) : -ENOMEM;

	free(json);
	return rc;
}

static int publish_verdict(void *ctx, struct relay_item *item)
{
	struct wire_verdict v;

	attempts_verdict(item, &v);
	return publish_verdict_of(ctx, &v);
}

void bridge_event(void *ctx, struct relay_item *item)
{
	struct bridge *b = ctx;

	if (b->is_closed)
		return;
	relay_add(b->events, item);
	bridge_changed(b);
}

static void count_attempt(const struct bridge *b, const char *channel, const struct wire_verdict *v)
{
	char labels[96];

	/* A channel we do not know comes from outside and is no label. */
	if (strcmp(channel, "robot") != 0 && strcmp(channel, "app") != 0)
		channel = "none";
	(void)snprintf(labels, sizeof(labels), "gw=\"%s\",verdict=\"%s\"", channel,
		wire_verdict_name(v->verdict));
	metrics_add(b->opts.metrics, "shouwang_attempts_total", labels, 1);
}

void bridge_verdict(void *ctx, const char *channel, const struct wire_verdict *v)
{
	struct bridge *b = ctx;
	struct relay_item *item = attempts_decide(b->opts.attempts, v);

	count_attempt(b, channel, v);
	if (!item || b->is_closed)
		return;
	relay_add(b->verdicts, item);
	bridge_changed(b);
}

static void on_ack(struct bridge *b, const void *payload, size_t len)
{
	int64_t now = loop_now_ms(b->loop);
	struct wire_ack m;
	struct sw_err err;

	if (wire_ack_decode(payload, len, &m, &err) < 0) {
		LOG_WARN("ack_refused", "err=%s", err.text);
		return;
	}
	for (size_t i = 0; i < m.n; i++) {
		struct relay_item *item = spool_ack(b->opts.spool, m.ids[i]);

		if (item) {
			relay_remove(b->events, item);
			spool_settled(b->opts.spool, item);
			continue;
		}
		item = attempts_ack(b->opts.attempts, m.ids[i], now);
		if (item)
			relay_remove(b->verdicts, item);
	}
	wire_ack_fini(&m);
	bridge_changed(b);
}

/* ---- out: down ------------------------------------------------------------------------------------ */

static struct outq *find_queue(const struct bridge *b, const char *channel, const char *route)
{
	for (size_t i = 0; i < b->opts.n_queues; i++) {
		struct outq *q = b->opts.queues[i];

		if (strcmp(outq_channel(q), channel) == 0 && strcmp(outq_route(q), route) == 0)
			return q;
	}
	return NULL;
}

/* A message that never gets into a queue. */
static void refuse(struct bridge *b, const struct wire_out *m, enum wire_verdict_word word,
	const char *class, const char *text, int64_t retry_after_ms)
{
	struct wire_verdict v = {.attempt = m->attempt, .at_ms = loop_now_ms(b->loop)};

	memcpy(v.mid, m->mid, sizeof(v.mid));
	wecom_verdict_set(&v, word, class, text, retry_after_ms);
	LOG_WARN("message_refused", "mid=%s attempt=%d chan=%s route=%s verdict=%s class=%s",
		m->mid, m->attempt, m->channel, m->route, wire_verdict_name(word), class);
	bridge_verdict(b, m->channel, &v);
}

static void enqueue(struct bridge *b, struct wire_out *m)
{
	struct outq *q = find_queue(b, m->channel, m->route);
	int rc = attempts_begin(b->opts.attempts, m->mid, m->attempt);

	if (rc < 0) {
		/* Nothing is answered: what cannot be remembered must not be sent. */
		LOG_ERROR("attempts_full", "err=%s n=%zu", err_name(rc),
			attempts_count(b->opts.attempts));
		return;
	}
	if (!q) {
		refuse(b, m, VERDICT_REFUSED_FINAL, "config", "no such destination is configured",
			0);
		return;
	}
	rc = outq_push(q, m);
	if (rc < 0)
		refuse(b, m, VERDICT_REFUSED_TEMP, "busy", "the queue of this destination is full",
			WECOM_RATE_PARK_MS);
	else
		LOG_DEBUG("message_queued", "chan=%s route=%s n=%zu", outq_channel(q),
			outq_route(q), outq_length(q));
}

static void on_out(struct bridge *b, const char *topic, const void *payload, size_t len)
{
	char channel[65], route[65];
	struct wire_verdict v;
	struct wire_out m;
	struct sw_err err;

	if (wire_out_decode(payload, len, &m, &err) < 0) {
		LOG_ERROR("out_refused", "topic=%s err=%s", topic, err.text);
		return;
	}
	if (!topic_parse_out(topic, channel, route) || strcmp(channel, m.channel) != 0 ||
		strcmp(route, m.route) != 0) {
		LOG_ERROR("out_refused", "topic=%s err=%s", topic,
			"topic and message name different routes");
		wire_out_fini(&m);
		return;
	}
	switch (attempts_look(b->opts.attempts, m.mid, m.attempt, &v)) {
	case ATTEMPT_NEW:
		enqueue(b, &m);
		break;
	case ATTEMPT_RUNNING: /* the notifier repeats what is not answered yet */
		break;
	case ATTEMPT_DECIDED:
		/* Not taken by the broker, it is asked for once more in 30 s. */
		(void)publish_verdict_of(b, &v);
		break;
	}
	wire_out_fini(&m);
	bridge_changed(b);
}

/* ---- control ---------------------------------------------------------------------------------------- */

static void send_control_ack(struct bridge *b, const struct wire_control *m)
{
	char *json = wire_control_encode(m, loop_now_ms(b->loop), true);

	if (json && mqtt_publish(b->mqtt, TOPIC_CONTROL_ACK, json, strlen(json), false) < 0)
		LOG_WARN("control_ack_not_sent", "op=%s", m->op);
	free(json);
}

static void answer_control(
	struct bridge *b, struct wire_control *m, bool ok, int64_t n, const char *text)
{
	m->ok = ok;
	m->n = n;
	(void)snprintf(m->text, sizeof(m->text), "%s", text);
	b->controls[b->next_control] = *m;
	b->next_control = (b->next_control + 1) % REMEMBERED_CONTROLS;
	LOG_INFO("control_done", "op=%s route=%s mid=%s ok=%s n=%" PRId64 " err=%s", m->op,
		m->route, m->mid, ok ? "yes" : "no", n, text);
	send_control_ack(b, m);
}

static void control_hold(struct bridge *b, struct wire_control *m, bool is_release)
{
	int64_t n = 0;
	bool found = !*m->route;

	for (size_t i = 0; i < b->opts.n_queues; i++) {
		struct outq *q = b->opts.queues[i];

		if (*m->route && strcmp(outq_route(q), m->route) != 0)
			continue;
		found = true;
		n += (int64_t)outq_length(q);
		if (!is_release)
			outq_hold(q, *m->route ? OUTQ_HOLD_ROUTE : OUTQ_HOLD_ALL);
		else if (*m->route)
			outq_release(q, OUTQ_HOLD_ROUTE);
		else
			outq_release(q, OUTQ_HOLD_ROUTE | OUTQ_HOLD_ALL);
	}
	answer_control(b, m, found, n, found ? "" : "no such destination");
}

static void control_cancel(struct bridge *b, struct wire_control *m)
{
	int64_t n = 0;

	if (!*m->mid) {
		answer_control(b, m, false, 0, "mid is missing");
		return;
	}
	for (size_t i = 0; i < b->opts.n_queues; i++)
		n += outq_cancel(b->opts.queues[i], m->mid) == 0;
	answer_control(b, m, n > 0, n, n > 0 ? "" : "not queued here, or sent already");
}

static int on_replayed(void *ctx, const char *topic, const char *json, size_t len)
{
	struct bridge *b = ctx;

	return mqtt_publish(b->mqtt, topic, json, len, false);
}

/* After a lost connection nobody is answered: the notifier asks again. */
static void on_replay_end(void *ctx, int rc, int64_t n)
{
	struct bridge *b = ctx;

	if (!b->is_closed && rc != SW_EAWAY)
		answer_control(b, &b->replay, rc == 0, n, rc == 0 ? "" : err_name(rc));
}

static void control_republish(struct bridge *b, struct wire_control *m)
{
	int rc = spool_replay(b->opts.spool, m->from_seq, on_replayed, on_replay_end, b);

	if (rc == 0)
		b->replay = *m;
	else if (rc == SW_EEXIST && strcmp(b->replay.id, m->id) == 0)
		return; /* it is being done */
	else
		answer_control(
			b, m, false, 0, rc == SW_EEXIST ? "another one is running" : err_name(rc));
}

static void on_control(struct bridge *b, const void *payload, size_t len)
{
	struct wire_control m;
	struct sw_err err;

	if (wire_control_decode(payload, len, &m, &err) < 0) {
		LOG_ERROR("control_refused", "err=%s", err.text);
		return;
	}
	for (size_t i = 0; i < REMEMBERED_CONTROLS; i++) {
		if (strcmp(b->controls[i].id, m.id) == 0) {
			send_control_ack(b, &b->controls[i]);
			return;
		}
	}
	if (strcmp(m.op, "hold") == 0)
		control_hold(b, &m, false);
	else if (strcmp(m.op, "release") == 0)
		control_hold(b, &m, true);
	else if (strcmp(m.op, "cancel") == 0)
		control_cancel(b, &m);
	else if (strcmp(m.op, "republish") == 0)
		control_republish(b, &m);
	else
		answer_control(b, &m, false, 0, "no such op");
	bridge_changed(b);
}

/* ---- the connection ----------------------------------------------------------------------------------- */

static char *status_json(const struct bridge *b, bool is_online)
{
	struct wire_status s = {.online = is_online, .at_ms = loop_now_ms(b->loop)};

	(void)snprintf(s.version, sizeof(s.version), "%s", b->version);
	return wire_status_encode(&s);
}

static void publish_status(struct bridge *b, bool is_online)
{
	char topic[TOPIC_MAX];
	char *json = status_json(b, is_online);

	if (!json || mqtt_publish(b->mqtt, topic_status(topic, "bot", b->instance), json,
			     strlen(json), true) < 0)
		LOG_WARN("status_not_published", "err=%s", "the broker takes nothing");
	free(json);
}

static void on_connect(void *ctx)
{
	struct bridge *b = ctx;

	b->opts.on_broker(b->opts.ctx, true);
	publish_status(b, true);
	relay_connected(b->events);
	relay_connected(b->verdicts);
	report_anyway(b);
}

static void on_disconnect(void *ctx, const char *why)
{
	struct bridge *b = ctx;

	LOG_WARN("mqtt_away", "err=%s", why);
	b->opts.on_broker(b->opts.ctx, false);
	spool_replay_cancel(b->opts.spool);
}

static void on_drain(void *ctx)
{
	struct bridge *b = ctx;

	relay_pump(b->events);
	relay_pump(b->verdicts);
	spool_replay_resume(b->opts.spool);
	bridge_changed(b);
}

/* Who has just come may have missed what was published before: without this it would come after 30 s. */
static void on_notifier(struct bridge *b, const void *payload, size_t len)
{
	struct wire_status m;

	if (wire_status_decode(payload, len, &m, NULL) < 0 || !m.online)
		return;
	relay_connected(b->events);
	relay_connected(b->verdicts);
}

static void tell_other(const struct bridge *b, const char *topic, const void *payload, size_t len)
{
	if (b->opts.on_other)
		b->opts.on_other(b->opts.ctx, topic, payload, len);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct bridge *b = ctx;

	if (b->is_closed)
		return;
	if (topic_tail(topic, "sw/v1/out/")) {
		if (!retained) /* a message to people is never replayed by the broker */
			on_out(b, topic, payload, len);
	} else if (strcmp(topic, TOPIC_ACK) == 0) {
		on_ack(b, payload, len);
	} else if (strcmp(topic, TOPIC_CONTROL) == 0) {
		if (!retained)
			on_control(b, payload, len);
	} else if (strcmp(topic, TOPIC_CLOCK) == 0) {
		on_clock(b, payload, len);
	} else if (topic_tail(topic, STATUS_NOTIFIER)) {
		if (!retained) /* it was there before we were */
			on_notifier(b, payload, len);
		tell_other(b, topic, payload, len);
	} else {
		tell_other(b, topic, payload, len);
	}
}

/* ---- life --------------------------------------------------------------------------------------------- */

int bridge_create(struct loop *l, struct bridge **ret)
{
	struct bridge *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return -ENOMEM;
	b->loop = l;
	rc = relay_create(l, IN_FLIGHT, publish_event, b, &b->events);
	if (rc == 0)
		rc = relay_create(l, IN_FLIGHT, publish_verdict, b, &b->verdicts);
	if (rc < 0) {
		bridge_destroy(b);
		return rc;
	}
	*ret = b;
	return 0;
}

static void take_event(void *ctx, struct relay_item *item)
{
	struct bridge *b = ctx;

	relay_add(b->events, item);
}

static void take_verdict(void *ctx, struct relay_item *item)
{
	struct bridge *b = ctx;

	relay_add(b->verdicts, item);
}

/* The clock first: what is to be sent is judged by it. */
static int subscribe_all(struct bridge *b)
{
	static const char *const filters[] = {
		TOPIC_OUT_ALL, TOPIC_CONTROL, TOPIC_ACK, STATUS_NOTIFIER "+"};
	int rc = b->opts.is_simulation ? mqtt_subscribe(b->mqtt, TOPIC_CLOCK) : 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(filters); i++)
		rc = mqtt_subscribe(b->mqtt, filters[i]);
	return rc;
}

int bridge_start(struct bridge *b, const struct bridge_opts *opts)
{
	static const struct mqtt_events events = {.on_connect = on_connect,
		.on_disconnect = on_disconnect,
		.on_message = on_message,
		.on_drain = on_drain};
	struct mqtt_opts mqtt = opts->mqtt;
	char topic[TOPIC_MAX];
	char *will;
	int rc = -ENOMEM;

	b->opts = *opts;
	b->instance = strdup(opts->instance);
	b->version = strdup(opts->version);
	will = b->version ? status_json(b, false) : NULL;
	if (b->instance && will) {
		mqtt.will_topic = topic_status(topic, "bot", b->instance);
		mqtt.will_payload = will;
		mqtt.max_inflight = WINDOW;
		rc = mqtt_open(b->loop, &mqtt, &events, b, &b->mqtt);
	}
	free(will);
	if (rc == 0)
		rc = subscribe_all(b);
	if (rc == 0) {
		spool_each_unacked(opts->spool, take_event, b);
		attempts_each_unacked(opts->attempts, take_verdict, b);
	}
	return rc;
}

void bridge_close(struct bridge *b, void (*done)(void *ctx), void *ctx)
{
	if (b->is_closed)
		return;
	b->is_closed = true;
	if (b->mqtt && mqtt_connected(b->mqtt))
		publish_status(b, false);
	relay_destroy(b->events);
	relay_destroy(b->verdicts);
	b->events = b->verdicts = NULL;
	if (b->mqtt)
		mqtt_close(b->mqtt, done, ctx);
	b->mqtt = NULL;
}

void bridge_destroy(struct bridge *b)
{
	if (!b)
		return;
	relay_destroy(b->events);
	relay_destroy(b->verdicts);
	free(b->instance);
	free(b->version);
	free(b);
}

int bridge_subscribe(struct bridge *b, const char *filter)
{
	return mqtt_subscribe(b->mqtt, filter);
}

size_t bridge_unacked_verdicts(const struct bridge *b)
{
	return b->verdicts ? relay_size(b->verdicts) : 0;
}
