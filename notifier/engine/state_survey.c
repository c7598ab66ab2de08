/*
 * notifier/engine/state_survey.c: what only the store knows: messages by state, today's ones, the operators' queue.
 *
 * It rides on the count that tally.c makes a second after each change, so that the records are gone through once. A
 * survey is kept only when all of it was read and the definition is still the one it began with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/engine/state_internal.h"

static const char *const words[STATE_MESSAGE_STATES] = {"queued", "handed_over", "trying",
	"accepted", "delivered", "undelivered", "no_receipt", "unknown", "parked", "dead",
	"cancelled", "expired", "suppressed"};

const char *survey_state_name(size_t i)
{
	return i < STATE_MESSAGE_STATES ? words[i] : NULL;
}

void survey_free(struct survey *s)
{
	if (!s)
		return;
	free(s->units);
	free(s);
}

void survey_add(struct survey_row *rows, size_t *n, const struct survey_row *row)
{
	for (size_t i = 0; i < *n; i++) {
		struct survey_row *r = &rows[i];

		if (r->at_ms == row->at_ms && r->reminder == row->reminder &&
			!strcmp(r->channel, row->channel) && !strcmp(r->state, row->state) &&
			!strcmp(r->why, row->why)) {
			r->n += row->n;
			return;
		}
	}
	if (*n < STATE_ROWS)
		rows[(*n)++] = *row;
}

/* ---- the records ---- */

static const char *fate(const char *st)
{
	static const struct {
		const char *st, *fate;
	} table[] = {
		{"accepted", "sent"},
		{"delivered", "sent"},
		{"no_receipt", "sent"},
		{"unknown", "unknown"},
		{"parked", "unknown"},
		{"dead", "failed"},
		{"undelivered", "failed"},
		{"cancelled", "skipped"},
		{"expired", "skipped"},
		{"suppressed", "skipped"},
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (!strcmp(table[i].st, st))
			return table[i].fate;
	return "waiting";
}

static int64_t last_word_ms(const struct unit_facts *f)
{
	int64_t at = f->ack_ms;

	if (f->report_ms > at)
		at = f->report_ms;
	return f->submitted_ms > at ? f->submitted_ms : at;
}

static int reminder_of(const struct engine *e, const struct message *m)
{
	char first[POINT_ID];
	size_t len = strcspn(m->pts, ",");
	const struct plan_point *p;

	if (len == 0 || len >= sizeof(first))
		return -1;
	memcpy(first, m->pts, len);
	first[len] = '\0';
	p = plan_find(e->world.plan, first);
	return p ? p->reminder : -1;
}

static void count_unit(struct survey *s, const struct message *m, int unit)
{
	struct survey_unit *u = &s->units[unit];
	bool sent = !strcmp(fate(m->st), "sent");

	u->unknown += !strcmp(fate(m->st), "unknown");
	u->dead += !strcmp(fate(m->st), "failed");
	if (!sent || strcmp(m->kind, "rm"))
		return;
	if (m->nominal_ms > u->reminded_ms)
		u->reminded_ms = m->nominal_ms;
	u->silent += m->nominal_ms > last_word_ms(&s->e->world.facts[unit]);
}

static void count_today(struct survey *s, const struct message *m, int unit)
{
	struct survey_row row = {.at_ms = m->nominal_ms,
		.reminder = reminder_of(s->e, m),
		.unit = unit,
		.state = fate(m->st),
		.n = 1};

	/* Its place was taken by another message of the same instant. */
	if (!strcmp(m->why, "replanned") || text_copy(row.channel, sizeof(row.channel), m->ch) < 0)
		return;
	if (!strcmp(row.state, "skipped"))
		(void)snprintf(row.why, sizeof(row.why), "%s", m->st);
	survey_add(s->rows, &s->n_rows, &row);
}

static bool is_usable(const struct survey *s)
{
	return s && s->c == s->e->world.c;
}

void state_survey_begin(struct engine *e)
{
	struct state *st = e->state;
	struct survey *s;

	if (!st)
		return;
	survey_free(st->running);
	st->running = NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->units = calloc(e->world.c->units->n, sizeof(*s->units));
	if (!s->units) {
		free(s);
		return;
	}
	s->e = e;
	s->c = e->world.c;
	s->day = civil_to_days(civil_of_ms(engine_now_ms(e)));
	st->running = s;
}

void state_survey_one(struct engine *e, const struct message *m)
{
	struct survey *s = e->state ? e->state->running : NULL;
	int unit;

	if (!is_usable(s))
		return;
	for (size_t i = 0; i < STATE_MESSAGE_STATES; i++)
		s->counts[i] += !strcmp(words[i], m->st);
	unit = units_find(s->c->units, m->unit);
	if (unit < 0)
		return;
	count_unit(s, m, unit);
	if (!strcmp(m->kind, "rm") && civil_to_days(civil_of_ms(m->nominal_ms)) == s->day)
		count_today(s, m, unit);
}

/* ---- what else is asked: queue, groups, points that were not sent ---- */

static void ended(struct survey *s)
{
	struct engine *e = s->e;

	if (--s->pending)
		return;
	if (s->rc < 0 || !e->state || !is_usable(s)) {
		survey_free(s);
		return;
	}
	survey_free(e->state->survey);
	e->state->survey = s;
	state_kick(e);
}

static bool is_bad(struct survey *s, int rc, const struct redis_value *v, const char *what)
{
	if (!store_failed(rc, v, what) && v->type == REDIS_ARRAY && is_usable(s))
		return false;
	s->rc = SW_EAWAY;
	return true;
}

static void add_queue(struct survey *s, const struct redis_value *v)
{
	json_t *j = json_loadb(v->str, v->len, 0, NULL);
	json_t *act = json_array_get(json_object_get(json_object_get(j, "reading"), "acts"), 0);
	const char *unit = json_string_value(json_object_get(j, "unit"));
	const char *what = json_string_value(json_object_get(act, "act"));
	struct survey_queue *q;

	s->queue_total++;
	if (s->n_queue < STATE_ROWS) {
		q = &s->queue[s->n_queue++];
		q->at_ms = json_integer_value(json_object_get(j, "at"));
		q->unit = unit ? units_find(s->c->units, unit) : -1;
		(void)snprintf(q->what, sizeof(q->what), "%s", what ? what : "other");
	}
	json_decref(j);
}

static int by_time(const void *a, const void *b)
{
	const struct survey_queue *x = a, *y = b;

	return x->at_ms < y->at_ms ? -1 : x->at_ms > y->at_ms;
}

static void on_queue(void *ctx, int rc, const struct redis_value *v)
{
	struct survey *s = ctx;

	if (!is_bad(s, rc, v, "state_queue")) {
		for (size_t i = 0; i + 1 < v->n; i += 2)
			add_queue(s, &v->items[i + 1]);
		qsort(s->queue, s->n_queue, sizeof(s->queue[0]), by_time);
	}
	ended(s);
}

static void on_groups(void *ctx, int rc, const struct redis_value *v)
{
	struct survey *s = ctx;

	if (!is_bad(s, rc, v, "state_groups"))
		for (size_t i = 0; i + 1 < v->n; i += 2) {
			int unit = units_find(s->c->units, v->items[i + 1].str);

			if (unit >= 0)
				s->units[unit].is_bound = true;
		}
	ended(s);
}

static void on_decided(void *ctx, int rc, const struct redis_value *v)
{
	struct survey *s = ctx;

	if (!is_bad(s, rc, v, "state_decided"))
		for (size_t i = 0; i < v->n && i < s->n_asked; i++) {
			const char *why = v->items[i].type == REDIS_STRING ? v->items[i].str : "";
			struct survey_row row = {.at_ms = s->asked[i]->due_ms,
				.reminder = s->asked[i]->reminder,
				.unit = s->asked[i]->unit,
				.state = "skipped",
				.n = 1};

			if (!*why || text_starts(why, "sent "))
				continue;
			if (text_copy(row.why, sizeof(row.why), why) == 0)
				survey_add(s->rows, &s->n_rows, &row);
		}
	ended(s);
}

static void ask_decided(struct survey *s)
{
	const struct plan *p = s->e->world.plan;
	int64_t from = civil_start_ms(civil_from_days(s->day)), now = engine_now_ms(s->e);
	struct args a;

	args_init(&a);
	args_pair(&a, "HMGET", KEY_DECIDED);
	for (size_t i = 0; i < p->n && s->n_asked < STATE_ROWS; i++)
		if (p->points[i].due_ms >= from && p->points[i].due_ms <= now) {
			s->asked[s->n_asked++] = &p->points[i];
			args_add(&a, p->points[i].id);
		}
	if (s->n_asked) {
		s->pending++;
		if (a.error || redis_command(s->e->redis, on_decided, s, (int)a.n, a.v, NULL) < 0) {
			s->pending--;
			s->rc = SW_EAWAY;
		}
	}
	args_fini(&a);
}

static void ask_hash(struct survey *s, redis_cb cb, const char *key)
{
	s->pending++;
	if (store_command(s->e->redis, cb, s, (const char *const[]){"HGETALL", key, NULL}) < 0) {
		s->pending--;
		s->rc = SW_EAWAY;
	}
}

void state_survey_end(struct engine *e, int rc)
{
	struct survey *s = e->state ? e->state->running : NULL;

	if (!s)
		return;
	e->state->running = NULL;
	s->rc = is_usable(s) ? rc : SW_EAWAY;
	s->pending = 1;
	if (s->rc == 0) {
		ask_hash(s, on_queue, KEY_QUEUE);
		ask_hash(s, on_groups, KEY_CHAT);
		ask_decided(s);
	}
	ended(s);
}
