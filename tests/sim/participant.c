/*
 * tests/sim/participant.c: clock over MQTT. A revision is answered as done only when nothing due is left to do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/io/mqtt.h"
#include "core/io/timer.h"
#include "core/wire/message.h"
#include "core/wire/topic.h"
#include "tests/sim/participant.h"

struct participant {
	struct participant_opts opts;
	struct mqtt *mqtt;
	bool knows_time, closing;
	bool owes; /* the last report did not get out, or is asked for */
	struct wire_clock_at last;
	void (*done)(void *ctx);
	void *ctx;
};

void participant_report(struct participant *p)
{
	struct wire_clock_at now;
	char topic[TOPIC_MAX], *json;

	if (!p || !p->knows_time || !p->mqtt || p->closing)
		return;
	now.rev = p->opts.clock->rev;
	now.next_ms = p->opts.next_ms(p->opts.ctx);
	now.busy = p->opts.busy(p->opts.ctx);
	if (!p->owes && now.rev == p->last.rev && now.next_ms == p->last.next_ms &&
		now.busy == p->last.busy)
		return;
	json = wire_clock_at_encode(&now);
	p->owes = !json || mqtt_publish(p->mqtt, topic_clock_at(topic, p->opts.name), json,
				   strlen(json), true) < 0;
	if (!p->owes)
		p->last = now;
	free(json);
}

static void on_connect(void *ctx)
{
	struct participant *p = ctx;

	LOG_INFO("mqtt_connected", "topic=%s", TOPIC_CLOCK);
	p->owes = true;
	participant_report(p);
}

static void on_disconnect(void *ctx, const char *why)
{
	(void)ctx;
	LOG_WARN("mqtt_disconnected", "err=%s", why);
}

static void on_drain(void *ctx)
{
	participant_report(ctx);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct participant *p = ctx;
	struct clock *c = p->opts.clock;
	struct wire_clock w;
	struct sw_err err;

	(void)retained;
	if (strcmp(topic, TOPIC_CLOCK) != 0)
		return;
	if (wire_clock_decode(payload, len, &w, &err) < 0) {
		LOG_WARN("clock_refused", "err=%s", err.text);
		return;
	}
	c->base_sim_ms = w.base_sim_ms;
	c->base_real_ms = w.base_real_ms;
	c->speed = w.speed;
	c->rev = w.rev;
	p->knows_time = true;
	p->owes = true;
	timer_clock_changed(p->opts.loop);
	p->opts.on_time(p->opts.ctx);
	participant_report(p);
}

static int read_password(const struct conf *conf, struct buf *out, struct sw_err *err)
{
	const char *file = conf_str(conf, "mqtt.password_file");

	return *file ? file_read_secret(file, out, err) : 0;
}

static int connect_to(struct participant *p, const char *password, struct sw_err *err)
{
	static const struct mqtt_events events = {
		.on_connect = on_connect,
		.on_disconnect = on_disconnect,
		.on_message = on_message,
		.on_drain = on_drain,
	};
	const struct conf *conf = p->opts.conf;
	const struct mqtt_opts opts = {
		.client_id = p->opts.name,
		.host = conf_str(conf, "mqtt.host"),
		.port = (uint16_t)conf_int(conf, "mqtt.port"),
		.user = *conf_str(conf, "mqtt.user") ? conf_str(conf, "mqtt.user") : NULL,
		.password = password,
	};
	int rc = mqtt_open(p->opts.loop, &opts, &events, p, &p->mqtt);

	if (rc < 0)
		return err_set(err, rc, "mqtt %s port %u: %s", opts.host, opts.port, err_name(rc));
	rc = mqtt_subscribe(p->mqtt, TOPIC_CLOCK);
	return rc < 0 ? err_set(err, rc, "mqtt: cannot subscribe") : 0;
}

int participant_open(
	const struct participant_opts *opts, struct participant **ret, struct sw_err *err)
{
	struct participant *p = calloc(1, sizeof(*p));
	struct buf password;
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->opts = *opts;
	buf_init(&password, 1024);
	rc = read_password(opts->conf, &password, err);
	if (rc == 0)
		rc = connect_to(p, password.len > 0 ? password.data : NULL, err);
	buf_fini(&password);
	*ret = p;
	return rc;
}

static void on_closed(void *ctx)
{
	struct participant *p = ctx;

	p->mqtt = NULL;
	p->done(p->ctx);
}

void participant_close(struct participant *p, void (*done)(void *ctx), void *ctx)
{
	struct mqtt *m = p->mqtt;

	p->closing = true;
	p->done = done;
	p->ctx = ctx;
	mqtt_close(m, on_closed, p);
}

void participant_free(struct participant *p)
{
	free(p);
}
