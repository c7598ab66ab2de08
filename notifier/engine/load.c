/*
 * notifier/engine/load.c: brings roster, facts, flags and the simulated clock up from the store.
 *
 * Done on each connect, since an answer that was lost may have been carried out: the store is right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/engine.h"

struct load {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	size_t pending;
	int rc;
};

struct load_fact {
	struct load *l;
	int unit;
};

static void load_end(struct load *l)
{
	if (--l->pending)
		return;
	if (l->rc < 0)
		LOG_WARN("load_failed", "err=%s", err_name(l->rc));
	else
		LOG_INFO("load_done", "contacts=%zu", l->e->world.contacts.n);
	l->done(l->e, l->rc);
	free(l);
}

static bool bad(struct load *l, int rc, const struct redis_value *v, const char *what)
{
	if (!store_failed(rc, v, what))
		return false;
	if (l->rc == 0)
		l->rc = SW_EAWAY;
	return true;
}

static void on_clock(void *ctx, int rc, const struct redis_value *v)
{
	struct load *l = ctx;

	if (!bad(l, rc, v, "load_clock"))
		simclock_adopt(l->e, v);
	load_end(l);
}

static void on_ctl(void *ctx, int rc, const struct redis_value *v)
{
	struct load *l = ctx;

	if (!bad(l, rc, v, "load_ctl")) {
		const char *paused = store_field(v, "paused"), *hold = store_field(v, "hold"),
			   *stopped = store_field(v, "stopped"), *live = store_field(v, "live");

		l->e->paused = paused && !strcmp(paused, "1");
		l->e->stopped = l->e->paused && stopped;
		l->e->live = live && !strcmp(live, "1");
		if (text_copy(l->e->hold, sizeof(l->e->hold), hold ? hold : "") < 0)
			memcpy(l->e->hold, "hold", 5);
	}
	load_end(l);
}

static void on_contacts(void *ctx, int rc, const struct redis_value *v)
{
	struct load *l = ctx;
	struct world *w = &l->e->world;
	struct contact *items = NULL;
	struct contacts found;
	size_t n = 0;

	if (bad(l, rc, v, "load_contacts"))
		goto out;
	if (v->type == REDIS_ARRAY && v->n) {
		items = calloc(v->n / 2, sizeof(*items));
		if (!items) {
			l->rc = -ENOMEM;
			goto out;
		}
		for (size_t i = 0; i + 1 < v->n; i += 2) {
			if (contact_from_json(w, v->items[i].str, v->items[i + 1].str, &items[n]) ==
				0)
				n++;
			else
				LOG_ERROR("contact_unreadable", "id=%s", v->items[i].str);
		}
	}
	found = (struct contacts){.items = items, .n = n};
	if (world_take_contacts(w, &found) < 0) {
		free(items);
		l->rc = -ENOMEM;
	}
out:
	load_end(l);
}

/* Asked for behind the roster, so its answer comes behind it. */
static void on_last(void *ctx, int rc, const struct redis_value *v)
{
	struct load *l = ctx;
	const char *(*fields)[2];
	size_t n;

	if (bad(l, rc, v, "load_last"))
		goto out;
	n = v->type == REDIS_ARRAY ? v->n / 2 : 0;
	fields = calloc(n + 1, sizeof(*fields));
	for (size_t i = 0; fields && i < n; i++) {
		fields[i][0] = v->items[i * 2].str;
		fields[i][1] = v->items[i * 2 + 1].str;
	}
	if (!fields || world_read_sent(&l->e->world, (const char *const(*)[2])fields, n) < 0)
		l->rc = -ENOMEM;
	free(fields);
out:
	load_end(l);
}

static void on_fact(void *ctx, int rc, const struct redis_value *v)
{
	struct load_fact *f = ctx;
	struct load *l = f->l;
	struct world *w = &l->e->world;

	if (!bad(l, rc, v, "load_fact"))
		facts_init(&w->facts[f->unit]); /* what the store does not have, nobody has */
	if (rc == 0 && v->type == REDIS_STRING) {
		json_t *j = json_loadb(v->str, v->len, JSON_REJECT_DUPLICATES, NULL);
		struct sw_err err = {0};

		if (!j || facts_from_json(w->c, j, &w->facts[f->unit], &err) < 0)
			LOG_ERROR("facts_unreadable", "unit=%s err=%s",
				w->c->units->items[f->unit].code, err.text);
		json_decref(j);
	}
	free(f);
	load_end(l);
}

static void ask(struct load *l, redis_cb cb, void *ctx, const char *const *words)
{
	l->pending++;
	if (store_command(l->e->redis, cb, ctx, words) < 0) {
		l->pending--;
		l->rc = SW_EAWAY;
		if (cb == on_fact)
			free(ctx);
	}
}

void load_all(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct load *l = calloc(1, sizeof(*l));
	char key[STORE_KEY];

	if (!l) {
		done(e, -ENOMEM);
		return;
	}
	*l = (struct load){.e = e, .done = done, .pending = 1};
	ask(l, on_clock, l, (const char *const[]){"HGETALL", KEY_CLOCK, NULL});
	ask(l, on_ctl, l, (const char *const[]){"HGETALL", KEY_CTL, NULL});
	ask(l, on_contacts, l, (const char *const[]){"HGETALL", KEY_CONTACTS, NULL});
	ask(l, on_last, l, (const char *const[]){"HGETALL", KEY_LAST, NULL});
	for (size_t i = 0; i < e->world.c->units->n; i++) {
		struct load_fact *f = calloc(1, sizeof(*f));

		if (!f) {
			l->rc = -ENOMEM;
			break;
		}
		*f = (struct load_fact){.l = l, .unit = (int)i};
		ask(l, on_fact, f,
			(const char *const[]){"HGET",
				store_key(key, KEY_FACT_PREFIX, e->world.c->units->items[i].code),
				"j", NULL});
	}
	load_end(l);
}
