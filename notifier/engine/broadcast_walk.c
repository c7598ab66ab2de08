/*
 * notifier/engine/broadcast_walk.c: calls of a broadcast's scripts, and walks over all its segments.
 *
 * A walk keeps a few commands on their way and takes whatever comes back; it remembers ids and numbers of segments, no
 * pointers, since the list may be read anew while it waits.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

enum { WALK_PENDING = 16 };

void bc_arg_bytes(struct bc_args *a, const void *data, size_t len)
{
	a->v[a->n] = data;
	a->len[a->n++] = len;
}

void bc_arg(struct bc_args *a, const char *s)
{
	bc_arg_bytes(a, s, strlen(s));
}

void bc_arg_int(struct bc_args *a, int64_t n)
{
	char *s = a->numbers[a->n_numbers++];

	(void)snprintf(s, sizeof(a->numbers[0]), "%" PRId64, n);
	bc_arg(a, s);
}

const char *bc_key(
	char *buf, const char *audience, unsigned segment, const char *id, const char *tail)
{
	(void)snprintf(buf, STORE_KEY, "sw:{%s.%u}:%s:%s", audience, segment, id, tail);
	return buf;
}

int bc_eval(struct engine *e, const char *script, const char *audience, unsigned segment,
	const char *id, const struct bc_args *a, redis_cb cb, void *ctx)
{
	char fence[STORE_KEY], h[STORE_KEY];
	const char *const keys[] = {audience_key(fence, audience, segment, "fence"),
		bc_key(h, audience, segment, id, "h")};

	return redis_eval(e->redis, script, cb, ctx, 2, keys, a->n, a->v, a->len);
}

int64_t bc_int(const struct redis_value *v, size_t i, int64_t def)
{
	return v && v->type == REDIS_ARRAY && i < v->n && v->items[i].type == REDIS_INTEGER
		       ? v->items[i].integer
		       : def;
}

void bc_sum(
	struct engine *e, const char *id, unsigned segment, unsigned was, unsigned is, int64_t n)
{
	struct broadcast *b = broadcast_find(e, id);
	struct bc_walk *w;

	if (!b || was >= NIBBLE_COUNT || is >= NIBBLE_COUNT || n == 0)
		return;
	b->sums[was] -= n;
	b->sums[is] += n;
	/* Answers come in order: what a count has not read yet it will read as it is now. */
	LIST_FOREACH(w, &e->broadcast_run->counts, link)
	if (!strcmp(w->id, id) && w->seen[segment / 8] & 1u << segment % 8) {
		w->sums[was] -= n;
		w->sums[is] += n;
	}
	bc_changed(e, id);
}

void bc_sums(struct engine *e, const char *id, unsigned segment, const struct redis_value *v,
	size_t from)
{
	for (size_t i = from; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		int64_t key = bc_int(v, i, 0);

		if (key >= 0 && key < NIBBLE_COUNT * NIBBLE_COUNT)
			bc_sum(e, id, segment, (unsigned)key / NIBBLE_COUNT,
				(unsigned)key % NIBBLE_COUNT, bc_int(v, i + 1, 0));
	}
}

void bc_day(int64_t now_ms, char ret[9])
{
	struct civil d = civil_of_ms(now_ms);

	(void)snprintf(
		ret, 9, "%04u%02u%02u", (unsigned)d.year % 10000, d.month % 100u, d.day % 100u);
}

uint32_t bc_recipients(const struct engine *e, const char *audience, unsigned segment)
{
	const struct audience_info *a = audience_find(e, audience);

	return a && segment < a->n_segments ? a->parts[segment].n : 0;
}

void bc_count(const uint8_t *oc, size_t bytes, size_t n, int64_t sums[NIBBLE_COUNT])
{
	size_t pairs = n / 2 < bytes ? n / 2 : bytes;

	for (size_t i = 0; i < pairs; i++) {
		sums[oc[i] >> 4]++;
		sums[oc[i] & 15]++;
	}
	if (n % 2 && n / 2 < bytes)
		sums[oc[n / 2] >> 4]++;
}

/* ---- walks -------------------------------------------------------------------------------------- */

struct bc_step {
	struct bc_walk *w;
	unsigned no;
};

static void walk_end(struct bc_walk *w)
{
	struct engine *e = w->e;

	if (w->is_counting)
		LIST_REMOVE(w, link);
	if (w->end)
		w->end(w);
	e->broadcast_run->n_walks--;
	w->done(w->ctx, w->rc);
	free(w->segments);
	free(w);
	broadcast_kick(e);
}

static void walk_on(struct bc_walk *w)
{
	while (w->rc == 0 && w->next < w->n && w->pending < WALK_PENDING) {
		struct bc_step *step = calloc(1, sizeof(*step));
		int rc = -ENOMEM;

		if (step) {
			*step = (struct bc_step){.w = w, .no = w->segments[w->next]};
			rc = w->ask(w, step->no, step);
		}
		if (rc < 0) {
			free(step);
			w->rc = rc;
			break;
		}
		w->next++;
		w->pending++;
	}
	if (w->pending == 0)
		walk_end(w);
}

void bc_walk_reply(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_step *step = ctx;
	struct bc_walk *w = step->w;

	w->pending--;
	if (store_is_fenced(v)) {
		w->rc = SW_EFENCED;
		engine_fenced(w->e);
	} else if (store_failed(rc, v, "broadcast_segments")) {
		w->rc = SW_EAWAY;
	} else {
		w->got(w, step->no, v);
	}
	free(step);
	walk_on(w);
}

static void walk_begin(void *ctx)
{
	walk_on(ctx);
}

int bc_walk(const struct bc_walk *template, const struct broadcast *b)
{
	struct bc_walk *w = malloc(sizeof(*w));
	int rc = -ENOMEM;

	if (!w)
		return rc;
	*w = *template;
	w->segments = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*w->segments));
	if (!w->segments)
		goto fail;
	(void)snprintf(w->id, sizeof(w->id), "%s", b->id);
	(void)snprintf(w->audience, sizeof(w->audience), "%s", b->audience);
	w->n = broadcast_segments(w->e, b, w->segments);
	rc = loop_defer(w->e->loop, walk_begin, w);
	if (rc < 0)
		goto fail;
	w->e->broadcast_run->n_walks++;
	if (w->is_counting)
		LIST_INSERT_HEAD(&w->e->broadcast_run->counts, w, link);
	return 0;
fail:
	free(w->segments);
	free(w);
	return rc;
}
