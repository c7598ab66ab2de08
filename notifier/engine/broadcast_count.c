/*
 * notifier/engine/broadcast_count.c: what concerns all segments of a broadcast at once: making their keys, counting,
 * ending what still waits.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "notifier/engine/broadcast_internal.h"

/* ---- prepare ------------------------------------------------------------------------------------ */

static int ask_prepare(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	struct bc_args a = {.n = 0};

	bc_arg(&a, w->e->fence);
	bc_arg_int(&a, bc_recipients(w->e, w->audience, no));
	return bc_eval(w->e, "bc_prepare", w->audience, no, w->id, &a, bc_walk_reply, step);
}

static void got_nothing(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	(void)w;
	(void)no;
	(void)v;
}

int broadcast_prepare(
	struct engine *e, const struct broadcast *b, void (*done)(void *ctx, int rc), void *ctx)
{
	struct bc_walk w = {
		.e = e, .ask = ask_prepare, .got = got_nothing, .done = done, .ctx = ctx};

	return bc_walk(&w, b);
}

/* ---- count -------------------------------------------------------------------------------------- */

static int ask_count(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	char key[STORE_KEY];

	return store_command(w->e->redis, bc_walk_reply, step,
		(const char *const[]){"GET", bc_key(key, w->audience, no, w->id, "oc"), NULL});
}

static void got_count(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	size_t n = bc_recipients(w->e, w->audience, no);

	if (v->type == REDIS_STRING)
		bc_count((const uint8_t *)v->str, v->len, n, w->sums);
	else
		w->sums[NIBBLE_WAITING] += (int64_t)n;
	w->count += (int64_t)n;
	w->seen[no / 8] |= (uint8_t)(1u << no % 8);
}

void bc_count_end(struct bc_walk *w)
{
	struct broadcast *b = broadcast_find(w->e, w->id);

	if (w->rc < 0 || !b || !audience_find(w->e, w->audience))
		return;
	memcpy(b->sums, w->sums, sizeof(b->sums));
	b->count = w->count;
	b->sums_known = true;
	bc_changed(w->e, w->id);
}

int broadcast_recount(
	struct engine *e, struct broadcast *b, void (*done)(void *ctx, int rc), void *ctx)
{
	struct bc_walk w = {.e = e,
		.is_counting = true,
		.ask = ask_count,
		.got = got_count,
		.end = bc_count_end,
		.done = done,
		.ctx = ctx};

	return bc_walk(&w, b);
}

/* ---- sweep -------------------------------------------------------------------------------------- */

struct sweep {
	struct engine *e;
	char id[BROADCAST_ID];
	void (*done)(void *ctx, int rc);
	void *ctx;
};

/* The parts of a segment follow one another on the connection; the answer to the last one counts for all of them. */
static int ask_sweep(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	size_t bytes = (bc_recipients(w->e, w->audience, no) + 1) / 2;

	for (size_t at = 0;; at += BC_SWEEP_BYTES) {
		bool is_last = at + BC_SWEEP_BYTES >= bytes;
		struct bc_args a = {.n = 0};
		int rc;

		bc_arg(&a, w->e->fence);
		bc_arg_int(&a, w->to);
		bc_arg_int(&a, (int64_t)at);
		bc_arg_int(&a, BC_SWEEP_BYTES);
		rc = bc_eval(w->e, "bc_sweep", w->audience, no, w->id, &a,
			is_last ? bc_walk_reply : NULL, is_last ? step : NULL);
		if (rc < 0 || is_last)
			return rc;
	}
}

static void on_swept(void *ctx, int rc)
{
	struct sweep *s = ctx;
	struct broadcast *b = broadcast_find(s->e, s->id);

	/* The sums of a part that failed are not known: nothing is counted, and the caller sweeps once more. */
	if (rc < 0 || !b || broadcast_recount(s->e, b, s->done, s->ctx) < 0)
		s->done(s->ctx, rc < 0 ? rc : b ? -ENOMEM : SW_ENOENT);
	free(s);
}

int broadcast_sweep(struct engine *e, struct broadcast *b, enum broadcast_nibble to,
	void (*done)(void *ctx, int rc), void *ctx)
{
	struct sweep *s = calloc(1, sizeof(*s));
	struct bc_walk w = {
		.e = e, .to = to, .ask = ask_sweep, .got = got_nothing, .done = on_swept, .ctx = s};
	int rc = -ENOMEM;

	if (!s)
		return rc;
	*s = (struct sweep){.e = e, .done = done, .ctx = ctx};
	(void)snprintf(s->id, sizeof(s->id), "%s", b->id);
	rc = bc_walk(&w, b);
	if (rc < 0)
		free(s);
	return rc;
}
