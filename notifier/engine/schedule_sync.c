/*
 * notifier/engine/schedule_sync.c: the waiting points are those of the plan: new ones added, gone ones removed.
 */
#include <errno.h>
#include <stdlib.h>

#include "notifier/engine/scheduler_internal.h"

struct sync {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	size_t pending;
	int rc;
};

static void sync_end(struct sync *y)
{
	if (--y->pending)
		return;
	y->done(y->e, y->rc);
	free(y);
}

static void on_synced(void *ctx, int rc, const struct redis_value *v)
{
	struct sync *y = ctx;

	if (store_is_fenced(v))
		engine_fenced(y->e);
	if (store_failed(rc, v, "points_sync"))
		y->rc = SW_EAWAY;
	sync_end(y);
}

static void sync_chunk(struct sync *y, struct args *a)
{
	static const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED};

	y->pending++;
	if (store_eval(y->e->redis, "points_sync", on_synced, y, keys, 3, a) < 0) {
		y->rc = SW_EAWAY;
		y->pending--;
	}
	args_fini(a);
	args_init(a);
	args_add(a, y->e->fence);
}

static void on_waiting(void *ctx, int rc, const struct redis_value *v)
{
	struct sync *y = ctx;
	const struct plan *p = y->e->world.plan;
	struct args a;

	if (store_failed(rc, v, "points_read")) {
		y->rc = SW_EAWAY;
		sync_end(y);
		return;
	}
	args_init(&a);
	args_add(&a, y->e->fence);
	for (size_t i = 0; v->type == REDIS_ARRAY && i < v->n; i++) {
		if (!plan_find(p, v->items[i].str))
			args_pair(&a, v->items[i].str, "");
		if (a.n > 1000)
			sync_chunk(y, &a);
	}
	for (size_t i = 0; i < p->n; i++) {
		args_add(&a, p->points[i].id);
		args_addi(&a, p->points[i].due_ms);
		if (a.n > 1000)
			sync_chunk(y, &a);
	}
	sync_chunk(y, &a);
	args_fini(&a);
	sync_end(y);
}

void scheduler_sync_points(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct sync *y = calloc(1, sizeof(*y));

	if (!y) {
		done(e, -ENOMEM);
		return;
	}
	*y = (struct sync){.e = e, .done = done, .pending = 1};
	if (store_command(e->redis, on_waiting, y,
		    (const char *const[]){"ZRANGE", KEY_POINTS, "0", "-1", NULL}) < 0) {
		y->rc = SW_EAWAY;
		sync_end(y);
	}
}
