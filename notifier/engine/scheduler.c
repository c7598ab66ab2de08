/*
 * notifier/engine/scheduler.c: rounds: what is due now, and when to look again.
 *
 * A round asks the store once for everything that is due and for the next due instant, works through it, and asks
 * again until nothing is left; then one wall timer sleeps exactly until that instant. Nothing polls by time.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "notifier/engine/scheduler_internal.h"
#include "notifier/engine/sms.h"

enum { FAILED_AGAIN_MS = 1000, RECEIPT_AWAIT_MS = 72 * 3600 * 1000 };

static void round_start(struct engine *e);

/* ---- ends of calls ---- */

static void round_end(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	s->running = false;
	if (e->stopping)
		return;
	if (s->again || s->did) {
		s->again = false;
		scheduler_kick(e);
		return;
	}
	if (s->failed)
		timer_after(s->real, FAILED_AGAIN_MS);
	if (scheduler_next_ms(e) != INT64_MAX)
		timer_at(s->wall, scheduler_next_ms(e));
	simclock_check(e);
}

void schedule_call_done(struct engine *e)
{
	if (--e->scheduler->pending == 0)
		round_end(e);
}

void schedule_changed(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;

	if (store_is_fenced(v))
		engine_fenced(e);
	else if (!store_failed(rc, v, "schedule"))
		e->scheduler->did = true;
	else
		e->scheduler->failed = true;
	e->activity++;
	audit_kick(e);
	schedule_call_done(e);
}

void schedule_call(struct engine *e, const char *script, redis_cb cb, void *ctx,
	const char *const *keys, int n_keys, const struct args *a)
{
	e->scheduler->pending++;
	if (store_eval(e->redis, script, cb, ctx, keys, n_keys, a) < 0) {
		LOG_WARN("schedule_not_asked", "op=%s", script);
		e->scheduler->failed = true;
		e->scheduler->pending--;
		if (ctx != e)
			free(ctx);
	}
}

/* ---- rounds ---- */

static void on_poll(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;
	struct scheduler *s = e->scheduler;

	if (store_is_fenced(v)) {
		engine_fenced(e);
		goto out;
	}
	if (store_failed(rc, v, "poll") || v->type != REDIS_ARRAY || v->n != 9) {
		s->failed = true;
		goto out;
	}
	s->next_ms = v->items[5].integer < 0 ? INT64_MAX : v->items[5].integer;
	if (v->items[6].integer >= 0)
		timer_after(s->real, v->items[6].integer - clock_real_ms() + 1);
	if (v->items[1].n)
		schedule_points(e, &v->items[1]);
	for (size_t i = 0; i < v->items[2].n; i++)
		schedule_due(e, v->items[2].items[i].str);
	for (size_t i = 0; i < v->items[3].n; i++)
		schedule_outbox(e, v->items[3].items[i].str);
	for (size_t i = 0; i < v->items[4].n; i++)
		schedule_unknown(e, v->items[4].items[i].str);
	s->sms_waiting = (size_t)v->items[7].integer;
	for (size_t i = 0; i < v->items[8].n; i++)
		schedule_no_receipt(e, v->items[8].items[i].str);
out:
	schedule_call_done(e);
}

static void on_outbox_len(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;

	if (!store_failed(rc, v, "outbox_len"))
		e->scheduler->handed_over = (size_t)v->integer;
	schedule_call_done(e);
}

static void round_start(struct engine *e)
{
	static const char *const keys[] = {
		KEY_LEASE, KEY_POINTS, KEY_DUE, KEY_OUTBOX, KEY_UNKNOWN, KEY_CTL, KEY_AWAIT};
	struct scheduler *s = e->scheduler;
	struct args a;

	s->running = true;
	s->again = s->did = s->failed = false;
	s->parked = 0;
	s->next_ms = INT64_MAX;
	timer_stop(s->wall);
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_addi(&a, dispatch_outbox_until_ms(e));
	args_addi(&a, ENGINE_POLL_LIMIT);
	args_addi(&a, ENGINE_POINTS_LIMIT);
	args_addi(&a, ENGINE_UNKNOWN_WAIT_MS);
	args_addi(&a, (int64_t)sms_room(e));
	args_addi(&a, RECEIPT_AWAIT_MS);
	args_add(&a, KEY_MESSAGE_PREFIX);
	s->pending = 1; /* held until all of the round is asked for */
	s->pending++;
	if (store_command(e->redis, on_outbox_len, e,
		    (const char *const[]){"ZCARD", KEY_OUTBOX, NULL}) < 0)
		s->pending--;
	schedule_call(e, "poll", on_poll, e, keys, ARRAY_LEN(keys), &a);
	args_fini(&a);
	schedule_call_done(e);
}

static void on_kick(void *ctx)
{
	struct engine *e = ctx;
	struct scheduler *s = e->scheduler;

	if (!s)
		return;
	s->deferred = false;
	if (e->stopping || !engine_ready(e))
		return;
	if (s->running)
		s->again = true;
	else
		round_start(e);
}

void scheduler_kick(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	if (s->deferred || e->stopping)
		return;
	if (loop_defer(e->loop, on_kick, e) == 0)
		s->deferred = true;
}

static void on_timer(void *ctx)
{
	scheduler_kick(ctx);
}

int scheduler_start(struct engine *e)
{
	struct scheduler *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	e->scheduler = s;
	s->next_ms = INT64_MAX;
	rc = timer_new(e->loop, on_timer, e, &s->wall);
	return rc < 0 ? rc : timer_new(e->loop, on_timer, e, &s->real);
}

void scheduler_stop(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	if (!s)
		return;
	timer_destroy(s->wall);
	timer_destroy(s->real);
	free(s);
	e->scheduler = NULL;
}

int64_t scheduler_next_ms(const struct engine *e)
{
	int64_t next = e->scheduler->next_ms, token = sms_next_ms(e);
	int64_t ready = e->scheduler->sms_waiting ? sms_ready_ms(e) : INT64_MAX;

	next = token < next ? token : next;
	return ready < next ? ready : next;
}

bool scheduler_quiet(const struct engine *e)
{
	const struct scheduler *s = e->scheduler;

	return !s->running && !s->again && !s->deferred && !s->failed;
}

size_t scheduler_handed_over(const struct engine *e)
{
	return e->scheduler->handed_over;
}
