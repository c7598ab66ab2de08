/*
 * notifier/campaign/plan.c: the points of a campaign, listed once, and looked up by their id.
 *
 * An id holds everything that makes the point, so looking it up is reading it: no second index is kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan.h"

/* ---- which points there are ---- */

static bool is_top(const struct campaign *c, int tier)
{
	return c->tiers[tier].parent < 0;
}

/* Is R about units of TIER? What goes to the top is about those that report to it. */
static bool is_about(const struct campaign *c, const struct def_reminder *r, int tier)
{
	for (size_t i = 0; i < r->n_to; i++) {
		int to = r->to[i].tier;

		if (to >= 0 && (is_top(c, to) ? tier == c->reporting_tier : tier == to))
			return true;
	}
	return false;
}

static void make_id(const struct campaign *c, int reminder, int unit, int64_t due_ms, char *ret)
{
	struct civil d = civil_of_ms(due_ms);
	int minute = civil_minute_of_ms(due_ms);

	snprintf(ret, POINT_ID, "%s/%s/%04d%02d%02dT%02d%02d", c->reminders[reminder].id,
		c->units->items[unit].code, d.year, d.month, d.day, minute / 60, minute % 60);
}

struct growing {
	struct plan *plan;
	size_t cap;
};

static int add_point(
	struct growing *g, const struct campaign *c, int reminder, int unit, int64_t due_ms)
{
	struct plan_point *p;

	if (g->plan->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 256;
		struct plan_point *more = realloc(g->plan->points, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		g->plan->points = more;
		g->cap = cap;
	}
	p = &g->plan->points[g->plan->n++];
	*p = (struct plan_point){.reminder = reminder, .unit = unit, .due_ms = due_ms};
	make_id(c, reminder, unit, due_ms, p->id);
	return 0;
}

static int add_reminder(struct growing *g, const struct campaign *c, int reminder, const int *tiers)
{
	int64_t *at = calloc(DEF_MAX_OCCASIONS, sizeof(*at));
	size_t n;
	int rc = at ? 0 : -ENOMEM;

	n = at ? campaign_occasions(c, reminder, at) : 0;
	for (size_t u = 0; u < c->units->n && rc == 0; u++) {
		if (tiers[u] < 0 || !is_about(c, &c->reminders[reminder], tiers[u]))
			continue;
		for (size_t i = 0; i < n && rc == 0; i++)
			rc = add_point(g, c, reminder, (int)u, at[i]);
	}
	free(at);
	return rc;
}

/* ---- their order ---- */

struct ranked {
	struct plan_point point;
	int rank, urgency;
};

static int by_due_unit_urgency(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->point.due_ms != y->point.due_ms)
		return x->point.due_ms < y->point.due_ms ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->urgency != y->urgency)
		return x->urgency > y->urgency ? -1 : 1;
	return strcmp(x->point.id, y->point.id);
}

static int sort_points(const struct campaign *c, struct plan *p, const int *ranks)
{
	struct ranked *all = calloc(p->n ? p->n : 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		all[i] = (struct ranked){.point = p->points[i],
			.rank = ranks[p->points[i].unit],
			.urgency = c->reminders[p->points[i].reminder].urgency};
	qsort(all, p->n, sizeof(*all), by_due_unit_urgency);
	for (size_t i = 0; i < p->n; i++)
		p->points[i] = all[i].point;
	free(all);
	return 0;
}

/* Reporting units in administrative order, the others behind them as in their file. */
static void rank_units(const struct campaign *c, int *ret)
{
	for (size_t i = 0; i < c->units->n; i++)
		ret[i] = (int)(c->units->n_reporting + i);
	for (size_t i = 0; i < c->units->n_reporting; i++)
		ret[c->units->order[i]] = (int)i;
}

int plan_build(const struct campaign *c, struct plan **ret, struct sw_err *err)
{
	struct growing g = {.plan = calloc(1, sizeof(*g.plan))};
	int *tiers = calloc(c->units->n, sizeof(*tiers)),
	    *ranks = calloc(c->units->n, sizeof(*ranks)), rc = -ENOMEM;

	if (!g.plan || !tiers || !ranks)
		goto out;
	rc = 0;
	rank_units(c, ranks);
	for (size_t i = 0; i < c->units->n; i++)
		tiers[i] = campaign_tier_of(c, (int)i);
	for (size_t i = 0; i < c->n_reminders && rc == 0; i++) {
		if (c->reminders[i].supported)
			rc = add_reminder(&g, c, (int)i, tiers);
	}
	if (rc == 0)
		rc = sort_points(c, g.plan, ranks);
out:
	free(tiers);
	free(ranks);
	if (rc < 0) {
		plan_free(g.plan);
		return err_set(err, rc, "plan: out of memory");
	}
	*ret = g.plan;
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->points);
	free(p);
}

/* ---- looking up ---- */

/* The instant an id ends with: "20220805T0900". */
static bool instant_of(const char *id, int64_t *ret)
{
	const char *s = strrchr(id, '/');
	char text[24];

	if (!s || strlen(s + 1) != 13 || s[9] != 'T')
		return false;
	snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s", s + 1, s + 5, s + 7, s + 10,
		s + 12);
	return civil_parse_time(text, ret) == 0;
}

const struct plan_point *plan_find(const struct plan *p, const char *id)
{
	size_t low = 0, high = p->n;
	int64_t due;

	if (!instant_of(id, &due))
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->points[middle].due_ms < due)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i < p->n && p->points[i].due_ms == due; i++) {
		if (!strcmp(p->points[i].id, id))
			return &p->points[i];
	}
	return NULL;
}

const char *plan_reason_name(enum plan_reason r)
{
	static const char *const names[] = {
		[PLAN_SEND] = "send",
		[PLAN_CONDITION_FALSE] = "condition_false",
		[PLAN_PAUSED] = "paused",
		[PLAN_SNOOZED] = "snoozed",
		[PLAN_REST_DAY] = "rest_day",
		[PLAN_QUIET_HOURS] = "quiet_hours",
		[PLAN_NO_RECIPIENT] = "no_recipient",
		[PLAN_CAPPED] = "capped",
		[PLAN_MISSED] = "missed",
		[PLAN_NO_CHANNEL] = "no_channel",
		[PLAN_ANSWERED] = "answered",
	};

	return names[r];
}

bool plan_reminds_contacts(const struct plan_message *m, const struct contacts *contacts)
{
	return m->to.contact >= 0 ? contacts->items[m->to.contact].role == ROLE_DEPARTMENT
				  : m->to.group_unit == m->unit;
}

void plan_log_add(int64_t *log, size_t max, int64_t at_ms)
{
	size_t n = 0, i;

	while (n < max && log[n]) {
		if (log[n++] == at_ms)
			return;
	}
	if (n == max && log[--n] > at_ms)
		return; /* older than all there is room for; else the oldest goes */
	for (i = n; i > 0 && log[i - 1] < at_ms; i--)
		log[i] = log[i - 1];
	log[i] = at_ms;
}
