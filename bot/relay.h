/*
 * bot/relay.h: hands items to the broker in order until the notifier has acknowledged each.
 *
 * The broker keeps nothing, so an item stays here until its owner removes it: it is published again on
 * each connect, and when no acknowledgement came for RELAY_REPEAT_MS of real time. The relay owns no item:
 * its owner embeds a struct relay_item.
 */
#ifndef SW_BOT_RELAY_H
#define SW_BOT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/io/loop.h"

enum { RELAY_REPEAT_MS = 30000 };

struct relay_item {
	TAILQ_ENTRY(relay_item) link;
	bool is_in_flight;
	int64_t sent_ms; /* monotonic */
};

struct relay;

/* Publishes one. 0: handed over; SW_EAWAY or SW_ELIMIT: not now, the relay tries again when told. */
typedef int (*relay_publish)(void *ctx, struct relay_item *item);

/* MAX_IN_FLIGHT: handed over and not removed. */
int relay_create(struct loop *l, size_t max_in_flight, relay_publish publish, void *ctx,
	struct relay **ret) SW_MUST_CHECK;
/* The items are their owners' business. */
void relay_destroy(struct relay *r);

/* Appends ITEM and publishes it at once if its turn has come. */
void relay_add(struct relay *r, struct relay_item *item);
/* ITEM was acknowledged (or given up). */
void relay_remove(struct relay *r, struct relay_item *item);
/* A new connection: everything not removed goes out again, in order. */
void relay_connected(struct relay *r);
/* The broker takes more. */
void relay_pump(struct relay *r);
size_t relay_size(const struct relay *r);

#endif
