/*
 * notifier/engine/state_unit.c: what a screen shows of one unit: what it owes, when it last spoke, when it hears of us.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/engine/state_internal.h"

enum { MAX_POINTS_OF_UNIT = 32 };

static json_t *obligation_json(
	const struct campaign *c, const struct unit_facts *f, const struct obligation *o)
{
	static const char *const kinds[] = {"ack", "quota", "materials"};
	const struct def_category *cat = o->category >= 0 ? &c->categories[o->category] : NULL;

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:b, s:b}",
		"kind", kinds[o->kind], "category", cat ? cat->id : "", "name",
		cat ? cat->short_name : "", "unit_word", cat ? cat->unit_word : "", "state",
		obligation_state_name(o->state), "known",
		o->category >= 0 && f->counts[o->category].known, "have", o->have, "min", o->min,
		"max", o->max, "cap", o->cap, "need", o->need, "over", o->over, "due",
		(json_int_t)o->due_ms, "overdue", o->overdue, "paused", o->paused);
}

static json_t *obligations_json(const struct engine *e, int unit)
{
	const struct campaign *c = e->world.c;
	const struct unit_facts *f = &e->world.facts[unit];
	struct obligation o[OBLIGATION_MAX];
	size_t n = obligations_of(c, unit, f, engine_now_ms(e), o);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, obligation_json(c, f, &o[i]));
	return list;
}

static int order_of(const struct units *u, int unit)
{
	for (size_t i = 0; i < u->n_reporting; i++)
		if (u->order[i] == unit)
			return (int)i;
	return -1;
}

static void count_contacts(const struct engine *e, int unit, int *ret_n, int *ret_unreachable)
{
	*ret_n = *ret_unreachable = 0;
	for (size_t i = 0; i < e->world.contacts.n; i++) {
		const struct contact *k = &e->world.contacts.items[i];

		if (k->unit != unit)
			continue;
		++*ret_n;
		*ret_unreachable += !k->has_mobile && !k->userid[0];
	}
}

static void set_time(json_t *j, const char *name, int64_t ms)
{
	json_object_set_new(j, name, ms > 0 ? json_integer(ms) : json_null());
}

json_t *state_unit_json(struct engine *e, int unit)
{
	const struct unit *u = &e->world.c->units->items[unit];
	const struct unit_facts *f = &e->world.facts[unit];
	const struct survey *s = state_survey(e);
	int64_t reminded_ms = e->world.last_group_ms[unit];
	int contacts, unreachable;
	json_t *j;

	if (s && s->units[unit].reminded_ms)
		reminded_ms = s->units[unit].reminded_ms;
	count_contacts(e, unit, &contacts, &unreachable);
	j = json_pack("{s:s, s:s, s:s, s:i, s:o, s:b, s:b, s:b, s:i, s:i, s:i, s:b, s:b}", "code",
		u->code, "name", u->name, "short_name", u->short_name, "order",
		order_of(e->world.c->units, unit), "obligations", obligations_json(e, unit),
		"paper", f->submitted_paper, "electronic", f->submitted_electronic, "verified",
		f->submitted_verified, "silent", s ? s->units[unit].silent : 0, "contacts",
		contacts, "unreachable", unreachable, "group", s && s->units[unit].is_bound,
		"robot", dispatch_route(e, "robot", u->code)[0] != '\0');
	if (!j)
		return NULL;
	set_time(j, "ack_at", f->ack_ms);
	set_time(j, "report_at", f->report_ms);
	set_time(j, "submitted_at", f->submitted_ms);
	set_time(j, "snoozed_until",
		f->snoozed_until_ms > engine_now_ms(e) ? f->snoozed_until_ms : 0);
	set_time(j, "last_reminder_at", reminded_ms);
	set_time(j, "next_reminder_at", e->state->next_ms ? e->state->next_ms[unit] : 0);
	return j;
}

/* ---- the next reminder ---- */

/* Would unit UNIT hear something of its points among POINTS (all of one instant)? */
static bool would_send(
	const struct engine *e, int unit, const struct plan_point *const *points, size_t n)
{
	const struct plan_point *own[MAX_POINTS_OF_UNIT];
	struct plan_input in = world_plan_input(&e->world, points[0]->due_ms);
	struct plan_decision d = {0};
	struct sw_err err = {0};
	size_t k = 0;
	bool yes = false;

	for (size_t i = 0; i < n && k < MAX_POINTS_OF_UNIT; i++)
		if (points[i]->unit == unit)
			own[k++] = points[i];
	if (k == 0 || plan_decide(&in, own, k, &d, &err) < 0)
		return false;
	for (size_t i = 0; i < d.n_messages; i++)
		yes = yes || d.messages[i].unit == unit;
	plan_decision_fini(&d);
	return yes;
}

int64_t *state_next_reminders(struct engine *e)
{
	const struct plan *p = e->world.plan;
	const struct units *u = e->world.c->units;
	int64_t *next = calloc(u->n, sizeof(*next)), now = engine_now_ms(e);
	const struct plan_point **points = calloc(p->n ? p->n : 1, sizeof(*points));
	size_t left = u->n_reporting, i = 0;

	if (!next || !points)
		goto out;
	while (i < p->n && p->points[i].due_ms <= now)
		i++;
	while (i < p->n && left) {
		size_t n = 0;

		for (size_t k = i; k < p->n && p->points[k].due_ms == p->points[i].due_ms; k++)
			points[n++] = &p->points[k];
		for (size_t k = 0; k < u->n_reporting; k++) {
			int unit = u->order[k];

			if (next[unit] == 0 && would_send(e, unit, points, n)) {
				next[unit] = points[0]->due_ms;
				left--;
			}
		}
		i += n;
	}
out:
	free(points);
	return next;
}
