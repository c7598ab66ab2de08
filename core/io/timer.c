/*
 * core/io/timer.c: one-shot timers over uv_timer.
 *
 * A timer whose time has come already does not go through libuv's heap but into the loop's list of due
 * timers, which runs on the next turn: a timer armed with 0 ms in its own callback must not keep the
 * loop from its I/O. A wall timer sleeps in stretches, so that a step of the system's clock is noticed.
 */
#include <stdlib.h>

#include "core/io/loop_internal.h"

/* Longest sleep of a wall timer: a stepped system clock is seen at the latest after this. */
#define WALL_STRETCH_MS 30000
/* Longest sleep of a monotonic timer: 34 years, far from any overflow. */
#define MONO_MAX_MS ((int64_t)1 << 40)

enum timer_kind { TIMER_OFF, TIMER_MONO, TIMER_WALL };

struct timer {
	uv_timer_t uv;
	TAILQ_ENTRY(timer) all;
	TAILQ_ENTRY(timer) in_due;
	struct loop *loop;
	void (*cb)(void *ctx);
	void *ctx;
	enum timer_kind kind;
	bool is_due; /* it is in loop->due */
	uint64_t round;
	int64_t wall_ms;
};

static void fire(struct timer *t)
{
	t->kind = TIMER_OFF;
	t->cb(t->ctx); /* may have destroyed T */
}

static void leave_due(struct timer *t)
{
	if (!t->is_due)
		return;
	TAILQ_REMOVE(&t->loop->due, t, in_due);
	t->is_due = false;
}

/* Wall timers that one step of the clock made due run in the order of their instants. */
static void enter_due(struct timer *t)
{
	struct loop *l = t->loop;
	struct timer *at = TAILQ_LAST(&l->due, due_list);

	t->round = l->round;
	t->is_due = true;
	if (t->kind == TIMER_WALL) {
		while (at && at->kind == TIMER_WALL && at->round == t->round &&
			at->wall_ms > t->wall_ms)
			at = TAILQ_PREV(at, due_list, in_due);
	}
	if (at)
		TAILQ_INSERT_AFTER(&l->due, at, t, in_due);
	else
		TAILQ_INSERT_HEAD(&l->due, t, in_due);
	loop_wake_idle(l);
}

static void on_uv_timer(uv_timer_t *h);

/* libuv counts from the start of the turn; what the turn has taken so far is added here. */
static void sleep_ms(struct timer *t, int64_t ms)
{
	uint64_t now = uv_hrtime() / 1000000U;
	uint64_t cached = uv_now(&t->loop->uv);
	uint64_t behind = now > cached ? now - cached : 0;

	(void)uv_timer_start(&t->uv, on_uv_timer, (uint64_t)ms + behind, 0);
}

static void arm_wall(struct timer *t)
{
	int64_t ms = clock_until_ms(t->loop->clock, t->wall_ms);

	leave_due(t);
	(void)uv_timer_stop(&t->uv);
	if (ms < 0)
		return; /* the clock stands still: timer_clock_changed() will wake it */
	if (ms == 0)
		enter_due(t);
	else
		sleep_ms(t, ms < WALL_STRETCH_MS ? ms : WALL_STRETCH_MS);
}

static void on_uv_timer(uv_timer_t *h)
{
	struct timer *t = h->data;

	if (t->kind == TIMER_WALL && clock_until_ms(t->loop->clock, t->wall_ms) != 0)
		arm_wall(t);
	else
		fire(t);
}

void timer_run_due(struct loop *l)
{
	struct timer *t;

	while ((t = TAILQ_FIRST(&l->due)) != NULL && t->round != l->round) {
		leave_due(t);
		fire(t);
	}
}

int timer_new(struct loop *l, void (*cb)(void *ctx), void *ctx, struct timer **ret)
{
	struct timer *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return -ENOMEM;
	rc = uv_timer_init(&l->uv, &t->uv);
	if (rc < 0) {
		free(t);
		return rc;
	}
	t->uv.data = t;
	t->loop = l;
	t->cb = cb;
	t->ctx = ctx;
	TAILQ_INSERT_TAIL(&l->timers, t, all);
	*ret = t;
	return 0;
}

void timer_after(struct timer *t, int64_t delay_ms)
{
	timer_stop(t);
	t->kind = TIMER_MONO;
	if (delay_ms <= 0)
		enter_due(t);
	else
		sleep_ms(t, delay_ms < MONO_MAX_MS ? delay_ms : MONO_MAX_MS);
}

void timer_at(struct timer *t, int64_t wall_ms)
{
	t->kind = TIMER_WALL;
	t->wall_ms = wall_ms;
	arm_wall(t);
}

void timer_stop(struct timer *t)
{
	leave_due(t);
	(void)uv_timer_stop(&t->uv);
	t->kind = TIMER_OFF;
}

bool timer_armed(const struct timer *t)
{
	return t->kind != TIMER_OFF;
}

int64_t timer_wall_ms(const struct timer *t)
{
	return t->kind == TIMER_WALL ? t->wall_ms : INT64_MAX;
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

void timer_destroy(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	TAILQ_REMOVE(&t->loop->timers, t, all);
	uv_close((uv_handle_t *)&t->uv, on_closed);
}

void timer_close_all(struct loop *l)
{
	struct timer *t;

	while ((t = TAILQ_FIRST(&l->timers)) != NULL)
		timer_destroy(t);
}

void timer_clock_changed(struct loop *l)
{
	struct timer *t;

	TAILQ_FOREACH(t, &l->timers, all)
	{
		if (t->kind == TIMER_WALL)
			arm_wall(t);
	}
}
