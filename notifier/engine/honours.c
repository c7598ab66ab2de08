/*
 * notifier/engine/honours.c: keeps the commended in the store and in memory.
 *
 * They are few and change as a whole, so one script replaces them and one HGETALL reads them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/honours.h"

#define FIELD_DIGEST "digest"

struct loading {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
};

struct storing {
	struct engine *e;
	struct honours next;
	void (*done)(void *ctx, int rc);
	void *ctx;
};

/* ---- memory ---- */

void honours_free(struct engine *e)
{
	if (e->honours)
		honours_fini(e->honours);
	free(e->honours);
	e->honours = NULL;
}

/* H (taken on 0) is what there is from now on. */
static int take(struct engine *e, struct honours *h)
{
	if (!e->honours)
		e->honours = calloc(1, sizeof(*e->honours));
	if (!e->honours)
		return -ENOMEM;
	honours_fini(e->honours);
	*e->honours = *h;
	*h = (struct honours){0};
	return 0;
}

/* ---- loading ---- */

/* The number at the end of an id. */
static int number_of(const struct honour *h)
{
	const char *dash = strrchr(h->id, '-');
	int64_t n = 0;

	(void)!num_parse(dash ? dash + 1 : "", 0, INT32_MAX, &n);
	return (int)n;
}

/* By category, unit and number: a hash has no order of its own. */
static int by_id(const void *a, const void *b)
{
	const struct honour *x = a, *y = b;
	int m = number_of(x), n = number_of(y);

	if (x->category != y->category)
		return x->category < y->category ? -1 : 1;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (m > n) - (m < n);
}

static void read_item(struct engine *e, struct honours *h, const char *id, const char *json)
{
	json_t *j;

	if (!strcmp(id, FIELD_DIGEST)) {
		if (text_copy(h->digest, sizeof(h->digest), json) < 0)
			h->digest[0] = '\0';
		return;
	}
	j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	if (j && honour_from_json(e->world.c, id, j, &h->items[h->n]) == 0)
		h->n++;
	else
		LOG_ERROR("honour_unreadable", "item=%s", id);
	json_decref(j);
}

static void on_loaded(void *ctx, int rc, const struct redis_value *v)
{
	struct loading *l = ctx;
	struct engine *e = l->e;
	struct honours h = {0};

	if (store_failed(rc, v, "honours_load") || v->type != REDIS_ARRAY) {
		rc = SW_EAWAY;
		goto out;
	}
	h.items = calloc(v->n / 2 + 1, sizeof(*h.items));
	rc = h.items ? 0 : -ENOMEM;
	for (size_t i = 0; rc == 0 && i + 1 < v->n; i += 2)
		read_item(e, &h, v->items[i].str, v->items[i + 1].str);
	if (rc == 0) {
		qsort(h.items, h.n, sizeof(*h.items), by_id);
		rc = take(e, &h);
	}
	honours_fini(&h);
out:
	l->done(e, rc);
	free(l);
}

void honours_load(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct loading *l = calloc(1, sizeof(*l));

	if (l) {
		*l = (struct loading){.e = e, .done = done};
		if (store_command(e->redis, on_loaded, l,
			    (const char *const[]){"HGETALL", KEY_HONOURS, NULL}) == 0)
			return;
	}
	free(l);
	done(e, SW_EAWAY);
}

/* ---- storing ---- */

/* The id of who was withdrawn stays his: K of H gets the next free number of its unit and category. */
static int renumber(const struct engine *e, struct honours *h, size_t k)
{
	struct honour *item = &h->items[k];
	const struct honours *const lists[] = {h, e->honours};
	int max = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->n; i++) {
			const struct honour *o = &lists[l]->items[i];

			if (o->category == item->category && o->unit == item->unit &&
				number_of(o) > max)
				max = number_of(o);
		}
	return snprintf(item->id, sizeof(item->id), "%s-%s-%d",
		       e->world.c->units->items[item->unit].code,
		       e->world.c->categories[item->category].id, max + 1) < (int)sizeof(item->id)
		       ? 0
		       : SW_ELIMIT;
}

static int copy_of(const struct engine *e, const struct honour *h, struct honour *ret)
{
	json_t *j = honour_to_json(e->world.c, h);
	int rc = j ? honour_from_json(e->world.c, h->id, j, ret) : -ENOMEM;

	json_decref(j);
	return rc;
}

/* Who was withdrawn stays on record, and stays withdrawn. */
static int keep_withdrawn(const struct engine *e, struct honours *h)
{
	struct honour *items;
	int rc = 0;

	if (!e->honours || !e->honours->n)
		return 0;
	items = realloc(h->items, (h->n + e->honours->n) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	h->items = items;
	for (size_t i = 0; rc == 0 && i < e->honours->n; i++) {
		const struct honour *old = &e->honours->items[i];
		int same = honours_find(h, old->id);

		if (!old->withdrawn)
			continue;
		if (same >= 0)
			rc = renumber(e, h, (size_t)same);
		if (rc == 0)
			rc = copy_of(e, old, &h->items[h->n]);
		h->n += rc == 0;
	}
	return rc;
}

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct storing *s = ctx;

	s->e->honours_on_their_way = false;
	if (rc == 0 && store_is_fenced(v))
		engine_fenced(s->e);
	if (store_failed(rc, v, "honours"))
		rc = SW_EAWAY;
	if (rc == 0)
		rc = take(s->e, &s->next);
	if (rc == 0)
		audit_kick(s->e);
	s->done(s->ctx, rc);
	honours_fini(&s->next);
	free(s);
}

static int add_items(const struct engine *e, const struct honours *h, struct args *a)
{
	for (size_t i = 0; i < h->n; i++) {
		json_t *j = honour_to_json(e->world.c, &h->items[i]);
		char *json = j ? json_dumps(j, JSON_COMPACT) : NULL;

		json_decref(j);
		if (!json)
			return -ENOMEM;
		args_pair(a, h->items[i].id, json);
		free(json);
	}
	args_pair(a, FIELD_DIGEST, h->digest);
	return a->error;
}

int honours_store(struct engine *e, struct honours *h, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx)
{
	static const char *const keys[] = {KEY_LEASE, KEY_HONOURS, KEY_AUDIT};
	struct storing *s = calloc(1, sizeof(*s));
	struct args a;
	int rc = s ? 0 : -ENOMEM;

	args_init(&a);
	args_add(&a, e->fence);
	args_add(&a, audit ? audit : "");
	if (rc == 0)
		rc = keep_withdrawn(e, h);
	if (rc == 0)
		rc = add_items(e, h, &a);
	if (rc == 0) {
		*s = (struct storing){.e = e, .done = done, .ctx = ctx};
		rc = store_eval(e->redis, "honours", on_stored, s, keys, 3, &a);
	}
	args_fini(&a);
	if (rc < 0) {
		free(s);
		return rc;
	}
	e->honours_on_their_way = true;
	s->next = *h;
	*h = (struct honours){0};
	return 0;
}

/* ---- may it be replaced? ---- */

static bool is_same(const struct honour *a, const struct honour *b)
{
	return a->category == b->category && a->unit == b->unit && !strcmp(a->name, b->name) &&
	       !strcmp(a->community, b->community);
}

bool honours_may_replace(const struct engine *e, const struct honours *h, char *why, size_t size)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++) {
		const struct broadcast *b = e->broadcasts->items[i];

		if (b->item[0] && (b->approved_by[0] || (b->state != BROADCAST_PLANNED &&
								b->state != BROADCAST_CANCELLED))) {
			(void)snprintf(why, size,
				"broadcast %s of %s was approved: what was released may not change "
				"any more",
				b->id, b->item);
			return false;
		}
	}
	for (size_t i = 0; e->honours && i < e->honours->n; i++) {
		const struct honour *old = &e->honours->items[i];

		for (size_t k = 0; old->withdrawn && k < h->n; k++)
			if (is_same(old, &h->items[k])) {
				(void)snprintf(why, size,
					"%s was withdrawn: leave the row out of the file", old->id);
				return false;
			}
	}
	return true;
}
