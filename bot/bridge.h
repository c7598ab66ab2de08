/*
 * bot/bridge.h: MQTT on one side; spool, attempts and queues on the other.
 *
 * It owns the broker's connection, the two relays (events, verdicts) and what the control topic and the
 * simulated clock ask for. It keeps nothing durable itself.
 */
#ifndef SW_BOT_BRIDGE_H
#define SW_BOT_BRIDGE_H

#include "bot/attempts.h"
#include "bot/outq.h"
#include "bot/spool.h"
#include "core/io/metrics.h"
#include "core/io/mqtt.h"

struct bridge;

struct bridge_opts {
	struct spool *spool; /* borrowed, as all of these */
	struct attempts *attempts;
	struct outq **queues;
	size_t n_queues;
	struct metrics *metrics;
	struct mqtt_opts mqtt; /* without will */
	const char *instance;  /* copied: sw/v1/status/bot/<instance> */
	const char *version;
	bool is_simulation; /* follow sw/v1/clock and answer on sw/v1/clock/at/bot */
	void (*on_broker)(void *ctx, bool is_up);
	/* Topics that are not the bridge's own, and status/notifier/+; for whoever subscribed to them; may be NULL. */
	void (*on_other)(void *ctx, const char *topic, const void *payload, size_t len);
	void *ctx;
};

/* Created first, because spool and queues are opened with its callbacks. */
int bridge_create(struct loop *l, struct bridge **ret) SW_MUST_CHECK;
/* Connects. What is waiting in spool and attempts is taken over. */
int bridge_start(struct bridge *b, const struct bridge_opts *opts) SW_MUST_CHECK;
/*
 * Says goodbye; spool, attempts and queues are not touched from here on. DONE (may be NULL) runs once on a later
 * turn, if it was started.
 */
void bridge_close(struct bridge *b, void (*done)(void *ctx), void *ctx);
/* After DONE, or when it was never started. */
void bridge_destroy(struct bridge *b);

/* Callbacks for spool_open() and outq_create(); CTX is the bridge. */
void bridge_event(void *ctx, struct relay_item *item);
void bridge_verdict(void *ctx, const char *channel, const struct wire_verdict *v);
void bridge_changed(void *ctx);

/* For pages: a further topic, delivered to on_other. */
int bridge_subscribe(struct bridge *b, const char *filter) SW_MUST_CHECK;
/* Verdicts that wait for their acknowledgement. */
size_t bridge_unacked_verdicts(const struct bridge *b);

#endif
