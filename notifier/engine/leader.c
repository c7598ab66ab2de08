/*
 * notifier/engine/leader.c: exactly one notifier works.
 *
 * The lease lies in Redis with a fencing number that every starting script compares. Its holder renews it
 * every 5 s; an instance that finds its own id takes it over at once with a new fence. Losing it ends the process:
 * the supervisor starts it again as a standby, which is simpler and safer than unwinding.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/honours.h"
#include "notifier/engine/publicity.h"
#include "notifier/engine/sms.h"

static const char *const lease_keys[] = {KEY_LEASE};

static void ask(void *ctx);

struct asked {
	struct engine *e;
	int64_t at_ms; /* monotonic: the lease counts from when it was asked for */
};

/* ---- what is read after each connect, one thing behind the other, before anything is sent ---- */

static bool goes_on(const struct engine *e, int rc)
{
	return rc >= 0 && e->leader &&
	       !e->stopping; /* else it is asked again with the next renewal */
}

static void synced(struct engine *e, int rc)
{
	if (!goes_on(e, rc))
		return;
	e->loaded = true;
	health_set(e->health, "store", true);
	sms_flush(e);
	state_publish_all(e);
	dispatch_on_connect(e);
	publicity_on_connect(e);
	simclock_on_connect(e);
	inbound_kick(e);
	scheduler_kick(e);
	broadcast_settle(e);
	broadcast_kick(e);
	audit_kick(e);
}

static void broadcasts_recovered(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		scheduler_sync_points(e, synced);
}

static void publicity_loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		broadcast_recover(e, broadcasts_recovered);
}

static void gates_loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		publicity_load(e, publicity_loaded);
}

static void broadcasts_loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		gates_load(e, gates_loaded);
}

static void honours_loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		broadcast_load(e, broadcasts_loaded);
}

static void audiences_loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		honours_load(e, honours_loaded);
}

static void sms_recovered(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		audience_load(e, audiences_loaded);
}

/* What the journals know beyond the store is in the store now, among it SMS that are trying. */
static void recovered(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		sms_recover(e, sms_recovered);
}

static void loaded(struct engine *e, int rc)
{
	if (goes_on(e, rc))
		recover_start(e, recovered);
}

/* ---- the lease ---- */

static void on_lease(void *ctx, int rc, const struct redis_value *v)
{
	struct asked asked = *(struct asked *)ctx;
	struct engine *e = asked.e;
	bool mine, fresh, was_late;

	free(ctx);
	if (e->stopping)
		return;
	timer_after(e->lease_timer, ENGINE_RENEW_MS);
	if (store_failed(rc, v, "lease") || v->type != REDIS_ARRAY || v->n != 2)
		return;
	mine = v->items[0].integer == 1;
	if (!mine) {
		if (e->leader) {
			engine_fenced(e);
			return;
		}
		if (strcmp(e->holder, v->items[1].str)) {
			LOG_INFO("standby", "holder=%s", v->items[1].str);
			if (text_copy(e->holder, sizeof(e->holder), v->items[1].str) < 0)
				e->holder[0] = '\0';
		}
		return;
	}
	fresh = !e->leader;
	if (!fresh && (int64_t)strtoll(e->fence, NULL, 10) != v->items[1].integer) {
		engine_fenced(e); /* it ran out while we were away, and was counted up */
		return;
	}
	(void)snprintf(e->fence, sizeof(e->fence), "%lld", (long long)v->items[1].integer);
	was_late = !fresh && !engine_has_lease(e);
	e->leader = true;
	e->lease_until_ms = asked.at_ms + ENGINE_LEASE_MS;
	if (fresh) {
		LOG_INFO("lease_taken", "fence=%s", e->fence);
		metrics_set(e->metrics, "shouwang_lease_held", NULL, 1);
		e->on_leading(e->fatal_ctx);
	}
	if (!e->loaded) {
		load_all(e, loaded);
	} else if (was_late) { /* still ours: what was kept back is told */
		state_kick(e);
		publicity_on_drain(e);
	}
}

static void ask(void *ctx)
{
	struct engine *e = ctx;
	struct asked *asked;
	struct args a;

	if (e->stopping)
		return;
	timer_after(e->lease_timer, ENGINE_RENEW_MS);
	if (!redis_ready(e->redis))
		return;
	asked = calloc(1, sizeof(*asked));
	if (!asked)
		return; /* asked again with the timer */
	*asked = (struct asked){.e = e, .at_ms = clock_mono_ms()};
	args_init(&a);
	args_add(&a, e->instance);
	args_addi(&a, ENGINE_LEASE_MS);
	args_add(&a, e->leader ? "1" : "0");
	if (store_eval(e->redis, "lease", on_lease, asked, lease_keys, 1, &a) < 0) {
		LOG_WARN("lease_not_asked", "redis=%s", "away");
		free(asked);
	}
	args_fini(&a);
}

void leader_reload(struct engine *e)
{
	e->loaded = false;
	load_all(e, loaded);
}

int leader_start(struct engine *e)
{
	return timer_new(e->loop, ask, e, &e->lease_timer);
}

void leader_on_redis_ready(struct engine *e)
{
	e->loaded = false; /* an answer may have been lost: what is in memory is read again */
	ask(e);
}

void leader_on_redis_away(struct engine *e)
{
	e->loaded = false;
	recover_stop(e);
	broadcast_halt(e);
	health_set(e->health, "store", false);
}

void leader_stop(struct engine *e)
{
	struct args a;

	timer_destroy(e->lease_timer);
	e->lease_timer = NULL;
	if (!e->leader || !redis_ready(e->redis))
		return;
	args_init(&a);
	args_add(&a, e->instance);
	(void)!store_eval(e->redis, "lease_drop", NULL, NULL, lease_keys, 1, &a);
	args_fini(&a);
	e->leader = false;
}
