/*
 * core/io/mqtt.h: MQTT v5 client (clean start, QoS 1) over libmosquitto's external-loop calls.
 *
 * MQTT only carries: what must not be lost is kept elsewhere until an application answer comes. While the
 * broker is away mqtt_publish() refuses (SW_EAWAY): the owner republishes from its store in on_connect.
 * Reconnects by itself, at once, then 100 ms doubling to 8 s; a half-open connection is noticed by
 * keep-alive (10 s). Thrown out three times in a row (another client has the same id), it stays
 * away for minutes.
 */
#ifndef SW_CORE_IO_MQTT_H
#define SW_CORE_IO_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io/loop.h"

struct mqtt;

struct mqtt_opts {
	const char *host; /* a numeric address: names would be resolved by a blocking call */
	uint16_t port;
	const char *client_id;
	const char *user, *password; /* NULL: none; copied */
	const char *will_topic;      /* NULL: none; retained, QoS 1 */
	const char *will_payload;
	unsigned keepalive_s; /* 0: 10; at least 5. Half-open: noticed after at most twice this */
	size_t max_inflight; /* 0: 256 published and not acknowledged; mqtt_publish() then says SW_ELIMIT */
};

struct mqtt_events {
	/* Each time; subscriptions of mqtt_subscribe() are renewed already. */
	void (*on_connect)(void *ctx);
	/* Once per outage, also when the first attempt to connect fails. */
	void (*on_disconnect)(void *ctx, const char *why);
	/* PAYLOAD is NUL-terminated beyond LEN. Longer than 256 KiB: ignored, counted and logged. */
	void (*on_message)(
		void *ctx, const char *topic, const void *payload, size_t len, bool retained);
	/* What is in flight fell to half of its limit after SW_ELIMIT; may be NULL. */
	void (*on_drain)(void *ctx);
};

int mqtt_open(struct loop *l, const struct mqtt_opts *opts, const struct mqtt_events *ev, void *ctx,
	struct mqtt **ret) SW_MUST_CHECK;
/* QoS 1; remembered and renewed on each connect. At most 64 different ones. */
int mqtt_subscribe(struct mqtt *m, const char *filter);
/*
 * Returns 0 when handed to the library, SW_EAWAY when not connected, SW_ELIMIT when the window is full,
 * SW_EINVAL for a topic with wildcards or more than 256 KiB. What is in flight when the connection is lost is
 * forgotten, not sent again.
 */
int mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len, bool retain);
bool mqtt_connected(const struct mqtt *m);
size_t mqtt_inflight(const struct mqtt *m);
/*
 * Waits up to 1 s for what is in flight, says goodbye (no will), closes. DONE (may be NULL) runs once on a
 * later turn, after it M is gone.
 */
void mqtt_close(struct mqtt *m, void (*done)(void *ctx), void *ctx);

#endif
