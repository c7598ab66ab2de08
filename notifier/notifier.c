/*
 * notifier/notifier.c: wires the engine to its loop, Redis, broker, control socket and health listener.
 *
 * The broker is joined only by the instance that has the lease: a standby claims nothing and subscribes to nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "core/io/ctlsock.h"
#include "core/wire/topic.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/connect.h"
#include "notifier/engine/control.h"
#include "notifier/engine/engine.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/honours.h"
#include "notifier/engine/publicity.h"
#include "notifier/engine/reload.h"
#include "notifier/engine/scripts.h"
#include "notifier/engine/simclock.h"
#include "notifier/engine/sms.h"
#include "notifier/engine/tally.h"
#include "notifier/engine/upload.h"
#include "notifier/notifier.h"

#define TOPIC_BOT_STATUS "sw/v1/status/bot/"

enum {
	CLOSE_MS = 200,
	MAX_INSTANCES = 9,
	STOP_REQUESTS_MS = 8000, /* for requests in flight */
	STOP_STORE_MS = 500,     /* for calls of the store */
	STOP_LOOK_MS = 50
};

struct notifier {
	struct engine e;
	struct clock clock;
	struct ctlsock *ctl;
	struct timer *stop_timer;
	int64_t stop_limit_ms; /* monotonic */
	bool gave_up_lease;
	bool is_journal_closing; /* what waits for its sync is called back yet */
	int exit_code;
	char topic_status[TOPIC_MAX];
};

/* ---- broker ---- */

static void publish_status(struct notifier *n, bool online)
{
	struct wire_status s = {
		.online = online, .version = SHOUWANG_VERSION, .at_ms = engine_now_ms(&n->e)};
	char *json = wire_status_encode(&s);

	if (json)
		(void)mqtt_publish(n->e.mqtt, n->topic_status, json, strlen(json), true);
	free(json);
}

static void on_broker(void *ctx)
{
	struct notifier *n = ctx;

	health_set(n->e.health, "mqtt", true);
	publish_status(n, true);
	n->e.activity++;
	simclock_on_connect(&n->e);
	state_publish_all(&n->e);
	publicity_on_connect(&n->e);
	dispatch_on_connect(&n->e);
}

static void on_broker_away(void *ctx, const char *why)
{
	struct notifier *n = ctx;

	LOG_WARN("broker_away", "why=%s", why);
	health_set(n->e.health, "mqtt", false);
}

/* The broker takes more again. */
static void on_broker_drain(void *ctx)
{
	struct notifier *n = ctx;

	publicity_on_drain(&n->e);
	dispatch_on_drain(&n->e);
}

static void on_bot_status(struct notifier *n, const void *payload, size_t len)
{
	struct wire_status s;
	struct sw_err err = {0};

	if (wire_status_decode(payload, len, &s, &err) < 0)
		return;
	state_on_bot(&n->e, s.online);
	if (s.online && engine_ready(&n->e))
		dispatch_on_bot_online(&n->e);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct notifier *n = ctx;
	const char *name;

	(void)retained;
	if (!strcmp(topic, TOPIC_VERDICT))
		dispatch_on_verdict(&n->e, payload, len);
	else if (!strcmp(topic, TOPIC_REPLY) || !strcmp(topic, TOPIC_EVENT) ||
		 topic_tail(topic, TOPIC_IN_SMS))
		inbound_on_event(&n->e, payload, len);
	else if (!strcmp(topic, TOPIC_CONTROL_ACK))
		wait_on_answer(&n->e, payload, len);
	else if (topic_tail(topic, TOPIC_BOT_STATUS))
		on_bot_status(n, payload, len);
	else if ((name = topic_tail(topic, "sw/v1/clock/at/")) != NULL)
		simclock_on_at(&n->e, name, payload, len);
}

static int join_broker(struct notifier *n)
{
	static const struct mqtt_events events = {.on_connect = on_broker,
		.on_drain = on_broker_drain,
		.on_disconnect = on_broker_away,
		.on_message = on_message};
	const struct conf *c = n->e.conf;
	struct wire_status gone = {
		.online = false, .version = SHOUWANG_VERSION, .at_ms = engine_now_ms(&n->e)};
	struct mqtt_opts opts = {.host = conf_str(c, "mqtt.host"),
		.port = (uint16_t)conf_int(c, "mqtt.port"),
		.client_id = n->e.instance,
		.will_topic = n->topic_status};
	struct buf password;
	struct sw_err err = {0};
	char *will = wire_status_encode(&gone);
	int rc = 0;

	buf_init(&password, 4096);
	if (conf_str(c, "mqtt.notifier.user")[0]) {
		rc = file_read_secret(conf_str(c, "mqtt.notifier.password_file"), &password, &err);
		opts.user = conf_str(c, "mqtt.notifier.user");
		opts.password = buf_str(&password);
	}
	opts.will_payload = will;
	if (rc == 0)
		rc = mqtt_open(n->e.loop, &opts, &events, n, &n->e.mqtt);
	if (rc == 0) {
		(void)mqtt_subscribe(n->e.mqtt, TOPIC_IN_ALL);
		(void)mqtt_subscribe(n->e.mqtt, TOPIC_BOT_STATUS "+");
		if (engine_simulated(&n->e))
			(void)mqtt_subscribe(n->e.mqtt, TOPIC_CLOCK_AT_ALL);
	} else {
		LOG_ERROR("broker_not_joined", "err=%s", err.text[0] ? err.text : err_name(rc));
	}
	buf_fini(&password);
	free(will);
	return rc;
}

static void on_leading(void *ctx)
{
	struct notifier *n = ctx;

	if (!n->e.mqtt && join_broker(n) < 0)
		engine_fatal(&n->e, "broker_settings", 78);
}

/* ---- Redis ---- */

static void on_redis_ready(void *ctx)
{
	struct notifier *n = ctx;

	health_set(n->e.health, "redis", true);
	leader_on_redis_ready(&n->e);
}

static void on_redis_away(void *ctx, const char *why)
{
	struct notifier *n = ctx;

	LOG_WARN("redis_away", "why=%s", why);
	health_set(n->e.health, "redis", false);
	leader_on_redis_away(&n->e);
	state_publish_ops(&n->e);
}

static int open_redis(struct notifier *n)
{
	static const struct redis_events events = {
		.on_ready = on_redis_ready, .on_away = on_redis_away};
	struct sw_err err = {0};
	int rc = connect_redis(&n->e, engine_scripts, engine_scripts_len, &events, n, &err);

	if (rc < 0)
		(void)fprintf(stderr, "shouwang-notifier: redis: %s\n",
			err.text[0] ? err.text : err_name(rc));
	return rc;
}

/* ---- start ---- */

/* The id in file "instance", or "instance-2" and so on for a standby on the same state folder; made when missing. */
static int load_instance(struct notifier *n, const char *dir, int nth)
{
	struct sw_err err = {0};
	char *path = NULL;
	struct buf b;
	int rc = 0;

	buf_init(&b, 64);
	if ((nth == 1 ? asprintf(&path, "%s/instance", dir)
		      : asprintf(&path, "%s/instance-%d", dir, nth)) < 0)
		return -ENOMEM;
	if (file_exists(path)) {
		rc = file_read(path, &b, &err);
		while (b.len && b.data[b.len - 1] == '\n')
			b.data[--b.len] = '\0';
		if (rc == 0)
			rc = text_copy(n->e.instance, sizeof(n->e.instance), buf_str(&b));
	} else {
		char id[17];

		id_random_hex(8, id);
		(void)snprintf(n->e.instance, sizeof(n->e.instance), "notifier-%s", id);
		rc = file_write(path, 0600, n->e.instance, strlen(n->e.instance), &err);
	}
	if (rc < 0)
		(void)fprintf(stderr, "shouwang-notifier: %s: %s\n", path, err.text);
	buf_fini(&b);
	free(path);
	return rc;
}

/* Every instance writes its own file in the one journal folder; whoever takes over reads all of them. */
static int open_journal(struct notifier *n, const char *dir, struct sw_err *err)
{
	int rc = SW_EEXIST;

	for (int nth = 1; rc == SW_EEXIST && nth <= MAX_INSTANCES; nth++) {
		char *path = NULL;

		rc = load_instance(n, dir, nth);
		if (rc == 0 && asprintf(&path, "%s/%s.log", n->e.journal_dir, n->e.instance) < 0)
			rc = -ENOMEM;
		if (rc == 0) /* SW_EEXIST: another process of this folder has that one */
			rc = journal_open(n->e.loop, path, NULL, NULL, &n->e.journal, err);
		free(path);
	}
	return rc;
}

static int open_state(struct notifier *n)
{
	struct sw_err err = {0};
	char *dir = NULL;
	int rc = -ENOMEM;

	if (asprintf(&dir, "%s/notifier", conf_str(n->e.conf, "state_dir")) < 0 ||
		asprintf(&n->e.journal_dir, "%s/journal", dir) < 0)
		goto out;
	rc = file_mkdirs(n->e.journal_dir, 0700, &err);
	if (rc == 0)
		rc = open_journal(n, dir, &err);
	if (rc == 0)
		rc = seal_key_load(conf_str(n->e.conf, "keys.data_file"), &n->e.data_key, &err);
	if (rc < 0)
		(void)fprintf(
			stderr, "shouwang-notifier: %s\n", err.text[0] ? err.text : err_name(rc));
out:
	free(dir);
	return rc;
}

static void on_fatal(void *ctx, int exit_code)
{
	struct notifier *n = ctx;

	n->exit_code = exit_code;
	loop_stop(n->e.loop);
}

/*
 * Nothing new is started from here on; requests in flight get their time to end, and what is on its way to the store a moment.
 * Only then the lease is given up: whoever takes it would settle what is still trying.
 */
static void stop_in_order(void *ctx)
{
	struct notifier *n = ctx;
	struct engine *e = &n->e;

	if ((sms_inflight(e) || broadcast_inflight(e)) && clock_mono_ms() < n->stop_limit_ms) {
		timer_after(n->stop_timer, STOP_LOOK_MS);
		return;
	}
	if (!n->gave_up_lease) {
		n->gave_up_lease = true;
		leader_stop(e);
		timer_after(n->stop_timer, redis_pending(e->redis) || inbound_pending(e)
						   ? STOP_STORE_MS
						   : STOP_LOOK_MS);
		return;
	}
	if (n->is_journal_closing) {
		timer_after(n->stop_timer, STOP_LOOK_MS);
		return;
	}
	loop_stop(e->loop);
}

static void on_stop_signal(void *ctx, int signum)
{
	struct notifier *n = ctx;

	if (n->e.stopping)
		return;
	LOG_INFO("stopping", "signal=%d", signum);
	n->e.stopping = true;
	n->stop_limit_ms = clock_mono_ms() + STOP_REQUESTS_MS;
	sms_halt(&n->e);
	broadcast_halt(&n->e);
	if (n->e.mqtt && mqtt_connected(n->e.mqtt))
		publish_status(n, false);
	stop_in_order(n);
}

static void on_reload_signal(void *ctx, int signum)
{
	struct notifier *n = ctx;
	struct problems p;

	(void)signum;
	problems_init(&p);
	if (reload_start(&n->e, &p, NULL, NULL) < 0)
		LOG_WARN("reload_refused", "errors=%zu", p.n_errors);
	problems_print(&p, stderr);
	problems_fini(&p);
}

static void before_metrics(void *ctx)
{
	struct notifier *n = ctx;

	metrics_set(n->e.metrics, "shouwang_loop_lag_seconds", NULL,
		(double)loop_lag_ms(n->e.loop) / 1000.0);
	metrics_set(n->e.metrics, "shouwang_hold", NULL, n->e.hold[0] != '\0');
	metrics_set(n->e.metrics, "shouwang_paused", NULL, n->e.paused);
	metrics_set(
		n->e.metrics, "shouwang_handed_over", NULL, (double)scheduler_handed_over(&n->e));
	metrics_set(n->e.metrics, "shouwang_inbound_waiting", NULL, (double)inbound_pending(&n->e));
	metrics_set(n->e.metrics, "shouwang_sms_inflight", NULL, (double)sms_inflight(&n->e));
}

static int64_t log_now(void *ctx)
{
	return clock_now_ms(ctx);
}

static int open_local(struct notifier *n)
{
	const struct conf *c = n->e.conf;
	struct sw_err err = {0};
	int rc = health_open(n->e.loop, "127.0.0.1", (uint16_t)conf_int(c, "notifier.metrics_port"),
		n->e.metrics, before_metrics, n, &n->e.health, &err);

	if (rc == 0) {
		health_set(n->e.health, "redis", false);
		health_set(n->e.health, "mqtt", false);
		health_set(n->e.health, "store", false);
		rc = ctlsock_open(n->e.loop, conf_str(c, "control.socket"), 0660,
			"shouwang-notifier", SHOUWANG_VERSION, control_handle, &n->e, &n->ctl,
			&err);
	}
	if (rc < 0)
		(void)fprintf(
			stderr, "shouwang-notifier: %s\n", err.text[0] ? err.text : err_name(rc));
	return rc;
}

/* A gateway has room, or rests, or is back. */
static void on_gateways(void *ctx)
{
	struct notifier *n = ctx;

	sms_on_change(&n->e);
	broadcast_kick(&n->e);
	state_publish_ops(&n->e);
}

static int create_sms(struct notifier *n)
{
	struct engine *e = &n->e;
	struct sw_err err = {0};
	int rc = gateways_create(e->loop, e->conf, e->metrics, &e->gateways, &err);

	if (rc < 0) {
		(void)fprintf(
			stderr, "shouwang-notifier: %s\n", err.text[0] ? err.text : err_name(rc));
		return rc;
	}
	gateways_on_change(e->gateways, on_gateways, n);
	rc = sms_create(e);
	return rc < 0 ? rc : broadcast_run_create(e);
}

static int create_parts(struct notifier *n)
{
	struct engine *e = &n->e;
	int rc = metrics_create(&e->metrics);

	if (rc == 0)
		rc = create_sms(n);
	if (rc == 0)
		rc = simclock_create(e);
	if (rc == 0)
		rc = scheduler_start(e);
	if (rc == 0)
		rc = inbound_create(e);
	if (rc == 0)
		rc = audit_start(e);
	if (rc == 0)
		rc = tally_create(e);
	if (rc == 0)
		rc = state_create(e);
	if (rc == 0)
		rc = leader_start(e);
	if (rc == 0)
		rc = timer_new(e->loop, stop_in_order, n, &n->stop_timer);
	return rc;
}

int notifier_create(struct conf *conf, struct notifier **ret)
{
	struct notifier *n = calloc(1, sizeof(*n));
	enum log_level level = LOG_LEVEL_INFO;
	struct problems p;
	int rc;

	if (!n)
		return 70;
	n->e.conf = conf;
	n->e.on_fatal = on_fatal;
	n->e.on_leading = on_leading;
	n->e.fatal_ctx = n;
	problems_init(&p);
	rc = world_load(conf, &p, &n->e.world);
	problems_print(&p, stderr);
	problems_fini(&p);
	if (rc < 0) {
		notifier_destroy(n);
		return 78;
	}
	if (conf_bool(conf, "simulation"))
		clock_init_simulated(&n->clock, conf_int(conf, "simulation_start"));
	else
		clock_init_real(&n->clock);
	(void)!log_level_parse(conf_str(conf, "log.level"), &level);
	log_setup(level, log_now, &n->clock);
	rc = loop_create(&n->clock, &n->e.loop);
	if (rc == 0)
		rc = open_state(n);
	if (rc == 0)
		rc = create_parts(n);
	if (rc == 0)
		rc = open_local(n);
	if (rc == 0) {
		topic_status(n->topic_status, "notifier", n->e.instance);
		(void)loop_on_signal(n->e.loop, SIGTERM, on_stop_signal, n);
		(void)loop_on_signal(n->e.loop, SIGINT, on_stop_signal, n);
		(void)loop_on_signal(n->e.loop, SIGHUP, on_reload_signal, n);
		rc = open_redis(n);
	}
	if (rc < 0) {
		(void)fprintf(stderr, "shouwang-notifier: cannot start: %s\n", err_name(rc));
		notifier_destroy(n);
		return rc == SW_ECONF ? 78 : 70;
	}
	*ret = n;
	return 0;
}

int notifier_run(struct notifier *n)
{
	char text[40];

	LOG_INFO("started", "version=%s instance=%s campaign=%s now=%s", SHOUWANG_VERSION,
		n->e.instance, n->e.world.c->id,
		civil_format_ms(engine_now_ms(&n->e), text, sizeof(text)));
	loop_run(n->e.loop);
	LOG_INFO("stopped", "exit=%d", n->exit_code);
	return n->exit_code;
}

static void on_journal_closed(void *ctx)
{
	struct notifier *n = ctx;

	n->is_journal_closing = false;
}

void notifier_destroy(struct notifier *n)
{
	struct engine *e = &n->e;

	e->stopping = true;
	if (e->loop) {
		simclock_stop(e);
		wait_destroy(e);
		reload_destroy(e);
		audit_stop(e); /* its writing may end when the store is closed already */
		if (e->sms)
			sms_halt(e); /* what has not left and what ends now goes into the journal */
		if (e->gateways)
			gateways_destroy(e->gateways);
		e->gateways = NULL;
		if (n->ctl)
			ctlsock_close(n->ctl);
		if (e->mqtt)
			mqtt_close(e->mqtt, NULL, NULL);
		e->mqtt = NULL;
		if (e->redis)
			redis_close(e->redis, NULL, NULL);
		e->redis = NULL;
		n->is_journal_closing = e->journal != NULL;
		if (e->journal)
			journal_close(e->journal, on_journal_closed, n);
		if (e->health)
			health_close(e->health);
		timer_destroy(e->lease_timer);
		e->lease_timer = NULL;
		n->gave_up_lease = true; /* or it was lost */
		if (n->stop_timer) {
			/* Pending calls end while their owners are still there; what still ticks must not hold us. */
			timer_after(n->stop_timer, CLOSE_MS);
			loop_run(e->loop);
			timer_destroy(n->stop_timer);
		}
		inbound_destroy(e);
		sms_destroy(e);
		broadcast_run_destroy(e);
		publicity_free(e);
		broadcast_free(e);
		upload_destroy(e);
		honours_free(e);
		audience_free(e);
		gates_free(e);
		scheduler_stop(e);
		simclock_destroy(e);
		tally_destroy(e);
		state_destroy(e);
		loop_destroy(e->loop);
	}
	metrics_destroy(e->metrics);
	world_fini(&e->world);
	conf_free(e->conf);
	free(e->journal_dir);
	free(n);
}
