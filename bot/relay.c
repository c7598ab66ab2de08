/*
 * bot/relay.c: two lists, waiting and in flight; an item moves from the first to the second when published.
 */
#include <errno.h>
#include <stdlib.h>

#include "bot/relay.h"
#include "core/base/clock.h"
#include "core/io/timer.h"

TAILQ_HEAD(relay_list, relay_item);

struct relay {
	struct relay_list waiting;   /* in order */
	struct relay_list in_flight; /* by sent_ms */
	size_t n_in_flight, max_in_flight, n;
	struct timer *repeat;
	relay_publish publish;
	void *ctx;
};

/* Arms for the oldest in flight; with nothing in flight the process may sleep. */
static void arm(struct relay *r)
{
	const struct relay_item *oldest = TAILQ_FIRST(&r->in_flight);

	if (!oldest)
		timer_stop(r->repeat);
	else if (!timer_armed(r->repeat))
		timer_after(r->repeat, oldest->sent_ms + RELAY_REPEAT_MS - clock_mono_ms());
}

static void take_back(struct relay *r, struct relay_item *item)
{
	TAILQ_REMOVE(&r->in_flight, item, link);
	item->is_in_flight = false;
	r->n_in_flight--;
}

/* What has waited long enough goes first again: it is older than anything waiting. */
static void on_repeat(void *ctx)
{
	struct relay *r = ctx;
	int64_t limit = clock_mono_ms() - RELAY_REPEAT_MS;
	struct relay_item *item = TAILQ_LAST(&r->in_flight, relay_list);

	while (item) {
		struct relay_item *before = TAILQ_PREV(item, relay_list, link);

		if (item->sent_ms <= limit) {
			take_back(r, item);
			TAILQ_INSERT_HEAD(&r->waiting, item, link);
		}
		item = before;
	}
	relay_pump(r);
}

int relay_create(
	struct loop *l, size_t max_in_flight, relay_publish publish, void *ctx, struct relay **ret)
{
	struct relay *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	TAILQ_INIT(&r->waiting);
	TAILQ_INIT(&r->in_flight);
	r->max_in_flight = max_in_flight;
	r->publish = publish;
	r->ctx = ctx;
	rc = timer_new(l, on_repeat, r, &r->repeat);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	timer_destroy(r->repeat);
	free(r);
}

void relay_add(struct relay *r, struct relay_item *item)
{
	item->is_in_flight = false;
	TAILQ_INSERT_TAIL(&r->waiting, item, link);
	r->n++;
	relay_pump(r);
}

void relay_remove(struct relay *r, struct relay_item *item)
{
	if (item->is_in_flight)
		take_back(r, item);
	else
		TAILQ_REMOVE(&r->waiting, item, link);
	r->n--;
	relay_pump(r);
}

void relay_connected(struct relay *r)
{
	struct relay_item *item;

	while ((item = TAILQ_LAST(&r->in_flight, relay_list))) {
		take_back(r, item);
		TAILQ_INSERT_HEAD(&r->waiting, item, link);
	}
	relay_pump(r);
}

void relay_pump(struct relay *r)
{
	struct relay_item *item;

	while (r->n_in_flight < r->max_in_flight && (item = TAILQ_FIRST(&r->waiting))) {
		if (r->publish(r->ctx, item) < 0)
			break;
		TAILQ_REMOVE(&r->waiting, item, link);
		TAILQ_INSERT_TAIL(&r->in_flight, item, link);
		item->is_in_flight = true;
		item->sent_ms = clock_mono_ms();
		r->n_in_flight++;
	}
	arm(r);
}

size_t relay_size(const struct relay *r)
{
	return r->n;
}
