/*
 * notifier/campaign/plan_vars.c: the variables of one message, filled from the sentences of plan_text.h.
 *
 * Name and value of a variable share one allocation, so that names made from category ids live as long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/campaign/plan.h"
#include "notifier/campaign/plan_text.h"

enum { MAX_VALUE_BYTES = 8192 };

int plan_vars_set(struct plan_vars *v, const char *name, const char *value, bool typed)
{
	size_t n = strlen(name) + 1, i = 0;
	char *store;

	while (i < v->n && strcmp(v->vars[i].name, name) != 0)
		i++;
	if (i == PLAN_MAX_VARS)
		return SW_ELIMIT;
	store = malloc(n + strlen(value) + 1);
	if (!store)
		return -ENOMEM;
	memcpy(store, name, n);
	memcpy(store + n, value, strlen(value) + 1);
	if (i == v->n)
		v->n++;
	else
		free(v->store[i]);
	v->store[i] = store;
	v->vars[i] = (struct template_var){.name = store, .value = store + n, .typed = typed};
	return 0;
}

void plan_vars_fini(struct plan_vars *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->store[i]);
	v->n = 0;
}

/* Stores what B holds and empties it; its error wins. */
static int set_from(struct plan_vars *v, const char *name, struct buf *b)
{
	int rc = b->error ? b->error : plan_vars_set(v, name, buf_str(b), false);

	buf_reset(b);
	return rc;
}

static int fill_sentences(struct plan_vars *ret, const struct plan_view *view,
	const struct plan_sentence *sentences, struct buf *b)
{
	int rc = 0;

	for (const struct plan_sentence *s = sentences; s->name && rc == 0; s++) {
		s->say(view, b);
		rc = set_from(ret, s->name, b);
	}
	return rc;
}

static int fill_phases(struct plan_vars *ret, const struct campaign *c, struct buf *b)
{
	char name[DEF_ID + 8];
	int rc = 0;

	for (size_t i = 0; i < c->n_phases && rc == 0; i++) {
		snprintf(name, sizeof(name), "phase_%s", c->phases[i].id);
		plan_say_phase(&c->phases[i], b);
		rc = set_from(ret, name, b);
	}
	return rc;
}

/* Sets {<category>_<what>}. The first error stays in *RC. */
static void set_of(struct plan_vars *ret, const struct def_category *cat, const char *what,
	struct buf *b, int *rc)
{
	char name[DEF_ID + 8];

	if (*rc < 0)
		return;
	snprintf(name, sizeof(name), "%s_%s", cat->id, what);
	*rc = set_from(ret, name, b);
}

/* N < 0, a bound that is not there, becomes "". */
static void set_number(struct plan_vars *ret, const struct def_category *cat, const char *what,
	int n, struct buf *b, int *rc)
{
	if (n >= 0)
		buf_addf(b, "%d", n);
	set_of(ret, cat, what, b, rc);
}

static void set_text(struct plan_vars *ret, const struct def_category *cat, const char *what,
	const char *text, struct buf *b, int *rc)
{
	buf_adds(b, text);
	set_of(ret, cat, what, b, rc);
}

static int fill_category(
	struct plan_vars *ret, const struct plan_view *view, size_t i, struct buf *b)
{
	const struct def_category *cat = &view->c->categories[i];
	const struct fact_count *k = &view->f->counts[i];
	struct obligation o = view->quotas[i];
	int rc = 0;

	if (!view->has_quota[i])
		o = (struct obligation){.min = -1, .max = -1, .cap = -1};
	set_number(ret, cat, "have", k->known ? k->value : 0, b, &rc);
	set_number(ret, cat, "min", o.min, b, &rc);
	set_number(ret, cat, "max", o.max, b, &rc);
	set_number(ret, cat, "cap", o.cap, b, &rc);
	set_number(ret, cat, "need", o.need, b, &rc);
	set_number(ret, cat, "over", o.over, b, &rc);
	plan_say_range(o.min, o.cap, b);
	set_of(ret, cat, "range", b, &rc);
	set_text(ret, cat, "name", cat->name, b, &rc);
	set_text(ret, cat, "short", cat->short_name, b, &rc);
	set_text(ret, cat, "word", cat->unit_word, b, &rc);
	return rc;
}

int plan_vars_fill(const struct campaign *c, int unit, const struct unit_facts *f, int64_t now_ms,
	struct plan_vars *ret)
{
	struct plan_view view;
	struct buf b;
	int rc;

	*ret = (struct plan_vars){0};
	plan_view_init(&view, c, unit, f, now_ms);
	buf_init(&b, MAX_VALUE_BYTES);
	rc = fill_sentences(ret, &view, plan_campaign_sentences, &b);
	if (rc == 0)
		rc = fill_phases(ret, c, &b);
	if (rc == 0 && unit >= 0)
		rc = fill_sentences(ret, &view, plan_unit_sentences, &b);
	for (size_t i = 0; unit >= 0 && i < c->n_categories && rc == 0; i++)
		rc = fill_category(ret, &view, i, &b);
	buf_fini(&b);
	if (rc < 0)
		plan_vars_fini(ret);
	return rc;
}
