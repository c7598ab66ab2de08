/*
 * core/io/loop.c: the event loop of a process.
 *
 * What must run "on a later turn" (loop_defer, timers that are due already) goes through one uv_idle
 * handle and never through a timer of 0 ms: libuv 1.44 does not leave its timer loop when such a timer
 * is armed again in its own callback.
 */
#include <signal.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/io/loop_internal.h"

/* How long loop_destroy() waits for handles that other modules have left open. */
#define DESTROY_GUARD_MS 2000

struct deferred {
	STAILQ_ENTRY(deferred) next;
	uint64_t round;
	void (*cb)(void *ctx);
	void *ctx;
};

struct signal_watch {
	SLIST_ENTRY(signal_watch) next;
	uv_signal_t uv;
	void (*cb)(void *ctx, int signum);
	void *ctx;
};

struct work_item {
	uv_work_t uv;
	void (*work)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
};

static void on_prepare(uv_prepare_t *h)
{
	struct loop *l = h->data;
	uint64_t now = uv_hrtime();
	uint64_t idle = uv_metrics_idle_time(&l->uv);
	uint64_t slept = idle - l->idle_seen_ns;
	uint64_t took = now - l->turn_began_ns;

	took = took > slept ? took - slept : 0;
	if (took > l->longest_turn_ns)
		l->longest_turn_ns = took;
	l->turn_began_ns = now;
	l->idle_seen_ns = idle;
}

static void run_deferred(struct loop *l)
{
	struct deferred *d;

	while ((d = STAILQ_FIRST(&l->deferred)) != NULL && d->round != l->round) {
		void (*cb)(void *ctx) = d->cb;
		void *ctx = d->ctx;

		STAILQ_REMOVE_HEAD(&l->deferred, next);
		free(d);
		cb(ctx);
	}
}

static void run_round(struct loop *l)
{
	l->round++;
	run_deferred(l);
	timer_run_due(l);
	if (STAILQ_EMPTY(&l->deferred) && TAILQ_EMPTY(&l->due))
		(void)uv_idle_stop(&l->idle);
}

static void on_idle(uv_idle_t *h)
{
	run_round(h->data);
}

void loop_wake_idle(struct loop *l)
{
	(void)uv_idle_start(&l->idle, on_idle);
}

int loop_create(struct clock *clock, struct loop **ret)
{
	struct loop *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	rc = uv_loop_init(&l->uv);
	if (rc < 0) {
		free(l);
		return rc;
	}
	(void)uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME);
	signal(SIGPIPE, SIG_IGN);
	l->uv.data = l;
	l->clock = clock;
	STAILQ_INIT(&l->deferred);
	SLIST_INIT(&l->signals);
	LIST_INIT(&l->ends);
	TAILQ_INIT(&l->timers);
	TAILQ_INIT(&l->due);
	/* These three cannot fail: libuv only links them into its lists. */
	(void)uv_prepare_init(&l->uv, &l->prepare);
	(void)uv_idle_init(&l->uv, &l->idle);
	(void)uv_timer_init(&l->uv, &l->guard);
	l->prepare.data = l->idle.data = l->guard.data = l;
	(void)uv_prepare_start(&l->prepare, on_prepare);
	uv_unref((uv_handle_t *)&l->prepare);
	uv_unref((uv_handle_t *)&l->guard);
	*ret = l;
	return 0;
}

void loop_run(struct loop *l)
{
	l->turn_began_ns = uv_hrtime();
	l->idle_seen_ns = uv_metrics_idle_time(&l->uv);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static void on_signal_closed(uv_handle_t *h)
{
	free(h->data);
}

static void close_left_over(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void on_guard(uv_timer_t *h)
{
	struct loop *l = h->data;

	LOG_ERROR("loop_handles_left", "err=%s", "a module did not close its handles");
	uv_walk(&l->uv, close_left_over, NULL);
}

void loop_destroy(struct loop *l)
{
	struct signal_watch *w;
	struct loop_end *end;

	if (!l)
		return;
	/* Deferred calls may still use timers of theirs: they go first. */
	run_round(l);
	timer_close_all(l);
	while ((w = SLIST_FIRST(&l->signals)) != NULL) {
		SLIST_REMOVE_HEAD(&l->signals, next);
		uv_close((uv_handle_t *)&w->uv, on_signal_closed);
	}
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_update_time(&l->uv);
	(void)uv_timer_start(&l->guard, on_guard, DESTROY_GUARD_MS, 0);
	while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
		;
	timer_close_all(l);
	(void)uv_timer_stop(&l->guard);
	if (!uv_is_closing((uv_handle_t *)&l->guard))
		uv_close((uv_handle_t *)&l->guard, NULL);
	if (!uv_is_closing((uv_handle_t *)&l->idle))
		uv_close((uv_handle_t *)&l->idle, NULL);
	while (uv_run(&l->uv, UV_RUN_DEFAULT) != 0)
		;
	/* Handles that are open but not referenced (somebody's idle poll) do not hold uv_run(). */
	if (uv_loop_close(&l->uv) == UV_EBUSY) {
		uv_walk(&l->uv, close_left_over, NULL);
		(void)uv_run(&l->uv, UV_RUN_DEFAULT);
		(void)uv_loop_close(&l->uv);
	}
	while ((end = LIST_FIRST(&l->ends)) != NULL) {
		LIST_REMOVE(end, next);
		end->cb(end->ctx);
	}
	free(l);
}

void loop_end_add(struct loop *l, struct loop_end *end, void (*cb)(void *ctx), void *ctx)
{
	end->cb = cb;
	end->ctx = ctx;
	LIST_INSERT_HEAD(&l->ends, end, next);
}

void loop_end_remove(struct loop_end *end)
{
	LIST_REMOVE(end, next);
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct signal_watch *w = h->data;

	w->cb(w->ctx, signum);
}

int loop_on_signal(struct loop *l, int signum, void (*cb)(void *ctx, int signum), void *ctx)
{
	struct signal_watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->cb = cb;
	w->ctx = ctx;
	rc = uv_signal_init(&l->uv, &w->uv);
	if (rc < 0) {
		free(w);
		return rc;
	}
	w->uv.data = w;
	rc = uv_signal_start(&w->uv, on_signal, signum);
	if (rc < 0) {
		uv_close((uv_handle_t *)&w->uv, on_signal_closed);
		return rc;
	}
	uv_unref((uv_handle_t *)&w->uv);
	SLIST_INSERT_HEAD(&l->signals, w, next);
	return 0;
}

int loop_defer(struct loop *l, void (*cb)(void *ctx), void *ctx)
{
	struct deferred *d = malloc(sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->cb = cb;
	d->ctx = ctx;
	d->round = l->round;
	STAILQ_INSERT_TAIL(&l->deferred, d, next);
	loop_wake_idle(l);
	return 0;
}

static void run_work(uv_work_t *req)
{
	struct work_item *item = req->data;

	item->work(item->ctx);
}

static void on_work_done(uv_work_t *req, int status)
{
	struct work_item *item = req->data;
	void (*done)(void *ctx) = item->done;
	void *ctx = item->ctx;

	(void)status; /* nobody cancels it */
	free(item);
	done(ctx);
}

int loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct work_item *item = malloc(sizeof(*item));
	int rc;

	if (!item)
		return -ENOMEM;
	item->work = work;
	item->done = done;
	item->ctx = ctx;
	item->uv.data = item;
	rc = uv_queue_work(&l->uv, &item->uv, run_work, on_work_done);
	if (rc < 0)
		free(item);
	return rc;
}

int64_t loop_lag_ms(struct loop *l)
{
	int64_t ms = (int64_t)(l->longest_turn_ns / 1000000U);

	l->longest_turn_ns = 0;
	return ms;
}

struct clock *loop_clock(struct loop *l)
{
	return l->clock;
}

int64_t loop_now_ms(struct loop *l)
{
	return clock_now_ms(l->clock);
}

struct uv_loop_s *loop_uv(struct loop *l)
{
	return &l->uv;
}
