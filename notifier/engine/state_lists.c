/*
 * notifier/engine/state_lists.c: the campaign's days, the service, what goes out today, and what needs a person.
 *
 * What is to come today is decided as the scheduler will decide it, on the facts of now; what was is read from the records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan_text.h"
#include "notifier/campaign/preview.h"
#include "notifier/engine/state_internal.h"
#include "notifier/sms/gateway.h"

enum { TITLE = 96, TEXT_MAX = 16384, MINUTE_MS = 60000 };

/* ---- the campaign ---- */

static json_t *phases_json(const struct campaign *c, struct civil today)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_phases; i++) {
		const struct def_phase *p = &c->phases[i];
		char start[32], end[32]; /* as civil_format() asks */

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "id", p->id, "name", p->name,
				"start", civil_format(p->start, start, sizeof(start)), "end",
				civil_format(p->end, end, sizeof(end)), "approximate",
				p->end_is_approximate, "today",
				civil_cmp(p->start, today) <= 0 && civil_cmp(today, p->end) <= 0));
	}
	return list;
}

static json_t *deadlines_json(const struct campaign *c, int64_t now_ms)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_deadlines; i++) {
		const struct def_deadline *d = &c->deadlines[i];
		struct plan_dates dates;

		plan_dates_of(c, (int)i, now_ms, &dates);
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:b}", "id", d->id, "what",
				      d->what, "due", (json_int_t)d->due_ms, "workday",
				      (json_int_t)d->remind_as_if_ms, "days_left", dates.days,
				      "workdays_left", dates.workdays, "over", now_ms > d->due_ms));
	}
	return list;
}

static json_t *categories_json(const struct campaign *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *k = &c->categories[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:s}", "id", k->id, "name", k->name,
				      "short_name", k->short_name, "unit_word", k->unit_word));
	}
	return list;
}

json_t *state_campaign_json(struct engine *e)
{
	const struct campaign *c = e->world.c;
	const struct clock *clock = loop_clock(e->loop);
	int64_t now = engine_now_ms(e);
	json_t *units = json_array();

	for (size_t i = 0; i < c->units->n_reporting && i < STATE_ROWS; i++)
		json_array_append_new(units, json_string(c->units->items[c->units->order[i]].code));
	/* Seconds go on by themselves: without this, each look would be a change. */
	if (!clock->simulated || clock->speed > 0)
		now -= now % MINUTE_MS;
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:f, s:o, s:o, s:o, s:o}", "id", c->id,
		"title", c->title, "doc_no", c->doc_no, "digest", c->digest, "now", (json_int_t)now,
		"simulated", clock->simulated, "speed", clock->simulated ? clock->speed : 1.0,
		"phases", phases_json(c, civil_of_ms(now)), "deadlines", deadlines_json(c, now),
		"categories", categories_json(c), "units", units);
}

/* ---- the service ---- */

static json_t *parked_json(const struct engine *e)
{
	int64_t now = engine_now_ms(e);
	json_t *list = json_array();

	for (size_t i = 0; i < e->n_parked && json_array_size(list) < STATE_ROWS; i++)
		if (e->parked[i].until_ms > now)
			json_array_append_new(
				list, json_pack("{s:s, s:I}", "route", e->parked[i].name, "until",
					      (json_int_t)e->parked[i].until_ms));
	return list;
}

static json_t *gateways_json(const struct engine *e)
{
	json_t *list = json_array();
	const char *name;

	for (size_t i = 0; e->gateways && (name = gateways_name(e->gateways, i)) != NULL; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "paused",
						    gateway_paused(e->gateways, name)));
	return list;
}

static json_t *messages_json(const struct engine *e)
{
	const struct survey *s = state_survey(e);
	json_t *j = json_object();

	for (size_t i = 0; survey_state_name(i); i++)
		json_object_set_new(
			j, survey_state_name(i), json_integer(s ? (json_int_t)s->counts[i] : 0));
	return j;
}

static int unreachable(const struct engine *e)
{
	int n = 0;

	for (size_t i = 0; i < e->world.contacts.n; i++)
		n += !e->world.contacts.items[i].has_mobile &&
		     !e->world.contacts.items[i].userid[0];
	return n;
}

json_t *state_ops_json(struct engine *e)
{
	const struct survey *s = state_survey(e);

	return json_pack("{s:b, s:b, s:s, s:b, s:b, s:o, s:I, s:I, s:i, s:o, s:o, s:{s:b, s:I}}",
		"paused", e->paused, "stopped", e->stopped, "hold", e->hold, "live",
		e->live || !conf_bool(e->conf, "trial.enabled"), "store", e->loaded, "messages",
		messages_json(e), "queue", (json_int_t)(s ? s->queue_total : 0), "contacts",
		(json_int_t)e->world.contacts.n, "unreachable", unreachable(e), "parked_routes",
		parked_json(e), "gateways", gateways_json(e), "bot", "online", e->state->bot_online,
		"since", (json_int_t)e->state->bot_since_ms);
}

/* ---- today ---- */

static void remove_all(char *s, const char *part)
{
	size_t n = strlen(part);

	for (char *p = n ? strstr(s, part) : NULL; p; p = strstr(p, part))
		memmove(p, p + n, strlen(p + n) + 1);
}

/* "### 请关注：乌海市报送进度" is, of several units, "请关注：报送进度". */
static void title_of(const struct engine *e, const struct survey_row *row, char ret[TITLE])
{
	const struct campaign *c = e->world.c;
	struct plan_input in = world_plan_input(&e->world, row->at_ms);
	const struct def_reminder *r = row->reminder >= 0 ? &c->reminders[row->reminder] : NULL;
	struct sw_err err = {0};
	struct buf b;
	const char *s;

	(void)snprintf(ret, TITLE, "%s", r ? r->id : "");
	if (!r || !r->heading[0])
		return;
	buf_init(&b, TEXT_MAX);
	if (preview_text(&in, r->heading, "robot", row->unit, &b, &err) == 0) {
		s = buf_str(&b);
		s += strspn(s, "# ");
		(void)snprintf(
			ret, TITLE, "%.*s", (int)text_cut_bytes(s, strcspn(s, "\n"), TITLE - 1), s);
		remove_all(ret, "*");
		remove_all(ret, c->units->items[row->unit].name);
	}
	buf_fini(&b);
}

/* What the points of one instant would become, in the order of the scheduler. */
static void add_planned(struct plan_input *in, const struct plan_point *const *points, size_t n,
	struct survey_row *rows, size_t *n_rows, int64_t *last_group_ms)
{
	struct plan_decision d = {0};
	struct sw_err err = {0};

	in->now_ms = points[0]->due_ms;
	if (plan_decide(in, points, n, &d, &err) < 0)
		return;
	for (size_t i = 0; i < d.n_messages; i++) {
		const struct plan_message *m = &d.messages[i];
		struct survey_row row = {.at_ms = m->nominal_ms,
			.reminder = m->n_points ? m->points[0]->reminder : -1,
			.unit = m->unit,
			.state = "planned",
			.n = 1};

		(void)snprintf(row.channel, sizeof(row.channel), "%s", m->to.channel);
		survey_add(rows, n_rows, &row);
		if (m->to.group_unit >= 0)
			last_group_ms[m->to.group_unit] = m->nominal_ms;
	}
	plan_decision_fini(&d);
}

static void plan_today(const struct engine *e, struct survey_row *rows, size_t *n_rows)
{
	const struct plan *p = e->world.plan;
	size_t n_units = e->world.c->units->n, i = 0;
	int64_t now = engine_now_ms(e);
	int64_t end = civil_start_ms(civil_add(civil_of_ms(now), 1));
	const struct plan_point **points = calloc(p->n ? p->n : 1, sizeof(*points));
	int64_t *last = calloc(n_units, sizeof(*last));
	struct plan_input in = world_plan_input(&e->world, now);

	if (!points || !last)
		goto out;
	memcpy(last, e->world.last_group_ms, n_units * sizeof(*last));
	in.last_group_ms = last;
	while (i < p->n && p->points[i].due_ms <= now)
		i++;
	while (i < p->n && p->points[i].due_ms < end) {
		size_t n = 0;

		for (size_t k = i; k < p->n && p->points[k].due_ms == p->points[i].due_ms; k++)
			points[n++] = &p->points[k];
		add_planned(&in, points, n, rows, n_rows, last);
		i += n;
	}
out:
	free(points);
	free(last);
}

static int by_time(const void *a, const void *b)
{
	const struct survey_row *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	if (x->reminder != y->reminder)
		return x->reminder < y->reminder ? -1 : 1;
	return strcmp(x->state, y->state);
}

json_t *state_today_json(struct engine *e)
{
	const struct survey *s = state_survey(e);
	struct survey_row *rows = calloc(STATE_ROWS, sizeof(*rows));
	int32_t today = civil_to_days(civil_of_ms(engine_now_ms(e)));
	size_t n = 0;
	json_t *list;
	char title[TITLE], date[32];

	if (!rows)
		return NULL;
	if (s && s->day == today) {
		n = s->n_rows;
		memcpy(rows, s->rows, n * sizeof(*rows));
	}
	plan_today(e, rows, &n);
	qsort(rows, n, sizeof(*rows), by_time);
	list = json_array();
	for (size_t i = 0; i < n; i++) {
		title_of(e, &rows[i], title);
		json_array_append_new(list,
			json_pack("{s:I, s:s, s:s, s:s, s:i, s:s, s:s}", "at",
				(json_int_t)rows[i].at_ms, "rule",
				rows[i].reminder >= 0 ? e->world.c->reminders[rows[i].reminder].id
						      : "",
				"title", title, "channel", rows[i].channel, "n", rows[i].n, "state",
				rows[i].state, "why", rows[i].why));
	}
	free(rows);
	return json_pack("{s:s, s:o, s:b}", "date",
		civil_format(civil_from_days(today), date, sizeof(date)), "items", list, "cut",
		n == STATE_ROWS);
}

/* ---- what needs a person ---- */

static void add_item(json_t *list, json_t *item)
{
	if (json_array_size(list) < STATE_ROWS)
		json_array_append_new(list, item);
	else
		json_decref(item);
}

static void add_count(json_t *list, const char *kind, const struct unit *u, int n)
{
	if (n > 0)
		add_item(list, json_pack("{s:s, s:s, s:i}", "kind", kind, "unit", u->code, "n", n));
}

static void add_queue(json_t *list, const struct campaign *c, const struct survey *s)
{
	for (size_t i = 0; i < s->n_queue; i++) {
		const struct survey_queue *q = &s->queue[i];

		add_item(list, json_pack("{s:s, s:s, s:s, s:I}", "kind", "queue", "unit",
				       q->unit >= 0 ? c->units->items[q->unit].code : "", "what",
				       q->what, "at", (json_int_t)q->at_ms));
	}
}

static void add_infeasible(json_t *list, const struct engine *e, int unit)
{
	const struct campaign *c = e->world.c;
	struct obligation o[OBLIGATION_MAX];
	size_t n = obligations_of(c, unit, &e->world.facts[unit], engine_now_ms(e), o);

	for (size_t i = 0; i < n; i++)
		if (o[i].state == STATE_INFEASIBLE && o[i].category >= 0)
			add_item(list, json_pack("{s:s, s:s, s:s}", "kind", "infeasible", "unit",
					       c->units->items[unit].code, "what",
					       c->categories[o[i].category].short_name));
}

json_t *state_attention_json(struct engine *e)
{
	const struct campaign *c = e->world.c;
	const struct survey *s = state_survey(e);
	json_t *list = json_array();

	for (size_t i = 0; s && i < c->units->n; i++)
		add_count(list, "failed", &c->units->items[i], s->units[i].dead);
	for (size_t i = 0; s && i < c->units->n; i++)
		add_count(list, "unknown", &c->units->items[i], s->units[i].unknown);
	if (s)
		add_queue(list, c, s);
	for (size_t i = 0; i < c->units->n_reporting; i++)
		add_infeasible(list, e, c->units->order[i]);
	for (size_t i = 0; s && i < c->units->n_reporting; i++) {
		int unit = c->units->order[i];

		if (s->units[unit].silent >= STATE_SILENT_AFTER)
			add_count(list, "silent", &c->units->items[unit], s->units[unit].silent);
	}
	return json_pack("{s:o, s:b}", "items", list, "cut", json_array_size(list) >= STATE_ROWS);
}
