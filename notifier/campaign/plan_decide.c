/*
 * notifier/campaign/plan_decide.c: which due points are sent, and to whom.
 *
 * The hard limits stand here and not in the definition: quiet hours, rest days, one message to a group and day, what an
 * official may get.
 * A point is judged at its own instant, or, when it is late, at the present minute, so that deciding the points of
 * a message again at its nominal instant judges the same: only facts can change the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/campaign/plan_internal.h"

enum {
	MINUTE_MS = 60 * 1000,
	LATE_MS = 2 * 60 * MINUTE_MS,
	DAY_STARTS = 8 * 60, /* minutes: quiet before */
	DAY_ENDS = 20 * 60,  /* and from here on */
	SPREAD_MINUTES = 8,
	PERSON_DAY = 3, /* messages to an official */
	PERSON_WEEK = 10,
	WEEK_MS = 7 * 24 * 60 * MINUTE_MS,
};
_Static_assert((int)CONTACT_SENT >= (int)PERSON_WEEK, "a week's messages are remembered");

int64_t plan_spread_ms(const struct campaign *c, int unit, int64_t nominal_ms)
{
	const char *code = c->units->items[unit].code;

	return nominal_ms +
	       (int64_t)(id_crc32c(0, code, strlen(code)) % SPREAD_MINUTES) * MINUTE_MS;
}

static bool same_day(int64_t a, int64_t b)
{
	return civil_cmp(civil_of_ms(a), civil_of_ms(b)) == 0;
}

static const struct def_reminder *reminder_of(
	const struct plan_input *in, const struct plan_point *p)
{
	return &in->c->reminders[p->reminder];
}

/* ---- conditions ---- */

static bool compare(int a, enum def_op op, int b)
{
	switch (op) {
	case OP_EQ:
		return a == b;
	case OP_NE:
		return a != b;
	case OP_LT:
		return a < b;
	case OP_LE:
		return a <= b;
	case OP_GT:
		return a > b;
	case OP_GE:
		return a >= b;
	}
	return false;
}

bool plan_condition_holds(
	const struct plan_input *in, const struct plan_point *p, int64_t at_ms, bool honour_pause)
{
	const struct def_reminder *r = reminder_of(in, p);

	for (size_t i = 0; i < r->n_when; i++) {
		const struct def_condition *w = &r->when[i];
		int n = obligation_counter(in->c, p->unit, &in->facts[p->unit], at_ms, w->counter,
			w->category, honour_pause);

		if (compare(n, w->op, w->value))
			return true;
	}
	return r->n_when == 0;
}

int plan_condition_category(const struct plan_input *in, const struct plan_point *p, int64_t at_ms)
{
	const struct def_reminder *r = reminder_of(in, p);

	for (size_t i = 0; i < r->n_when; i++) {
		const struct def_condition *w = &r->when[i];

		for (int k = 0; k < (int)in->c->n_categories; k++) {
			int n = obligation_counter(
				in->c, p->unit, &in->facts[p->unit], at_ms, w->counter, k, true);

			if ((w->category < 0 || w->category == k) && compare(n, w->op, w->value))
				return k;
		}
	}
	return 0;
}

/* ---- hard limits ---- */

static bool is_quiet(int64_t ms)
{
	int minute = civil_minute_of_ms(ms);

	return minute < DAY_STARTS || minute >= DAY_ENDS;
}

static bool is_rest_day(const struct campaign *c, int64_t ms)
{
	struct civil d = civil_of_ms(ms);
	bool workday = false;

	/* Without rows for the year, a weekend is what one can be sure of. */
	if (calendar_is_workday(c->calendar, d, &workday, NULL) < 0)
		return civil_weekday(d) > 5;
	return !workday;
}

static bool is_deadline_day(const struct campaign *c, int64_t ms)
{
	const struct def_deadline *d;

	if (c->list_deadline >= 0) {
		d = &c->deadlines[c->list_deadline];
		if (same_day(ms, d->due_ms) || same_day(ms, d->remind_as_if_ms))
			return true;
	}
	if (c->submit_deadline < 0)
		return false;
	d = &c->deadlines[c->submit_deadline];
	return same_day(ms, d->due_ms) || same_day(ms, d->remind_as_if_ms);
}

/* Figures or materials are still open. */
static bool is_incomplete(const struct plan_input *in, int unit, int64_t ms)
{
	struct obligation all[OBLIGATION_MAX];
	size_t n = obligations_of(in->c, unit, &in->facts[unit], ms, all);

	for (size_t i = 0; i < n; i++) {
		if (all[i].kind != OBLIGATION_ACK && all[i].state == STATE_OPEN)
			return true;
	}
	return false;
}

/*
 * Has an official had what one may get? Messages of this instant are the one that is decided, or decided once more.
 */
static bool is_person_capped(const struct plan_input *in, const struct plan_draft *d)
{
	const struct contact *k = &in->contacts->items[d->to.contact];
	int day = 0, week = 0;

	for (size_t i = 0; i < CONTACT_SENT && k->sent_ms[i]; i++) {
		if (k->sent_ms[i] >= d->nominal_ms)
			continue;
		day += same_day(k->sent_ms[i], d->nominal_ms);
		week += d->nominal_ms - k->sent_ms[i] < WEEK_MS;
	}
	return day >= PERSON_DAY || week >= PERSON_WEEK;
}

/* Has the group had its message of the day? Units that are late are told again on the day of a deadline. */
static bool is_capped(const struct plan_input *in, const struct plan_draft *d)
{
	int64_t last = in->last_group_ms && d->to.group_unit >= 0
			       ? in->last_group_ms[d->to.group_unit]
			       : 0;

	if (d->to.contact >= 0)
		return is_person_capped(in, d);
	if (!last || !same_day(last, d->nominal_ms))
		return false;
	if (!is_deadline_day(in->c, d->nominal_ms))
		return true;
	for (size_t i = 0; i < d->n_points; i++) {
		if (is_incomplete(in, d->points[i]->unit, d->nominal_ms))
			return false;
	}
	return true;
}

/* ---- one point ---- */

int64_t plan_reminded_today(const struct plan_input *in, int unit, int64_t at_ms)
{
	int64_t first = 0;

	for (size_t i = 0; in->reminded_ms && i < PLAN_REMINDED && in->reminded_ms[unit][i]; i++) {
		int64_t ms = in->reminded_ms[unit][i];

		if (ms < at_ms && same_day(ms, at_ms))
			first = ms; /* newest first: the last one of the day is its earliest */
	}
	return first;
}

/* The unit reacted to what it was told this morning. */
static bool has_answered(const struct plan_input *in, int unit, int64_t at_ms)
{
	const struct unit_facts *f = &in->facts[unit];
	int64_t since = plan_reminded_today(in, unit, at_ms);

	if (!since)
		since = civil_start_ms(civil_of_ms(at_ms));
	return f->ack_ms >= since || f->report_ms >= since || f->submitted_ms >= since;
}

static enum plan_reason judge(const struct plan_input *in, const struct plan_judged *j)
{
	const struct def_reminder *r = reminder_of(in, j->point);
	const struct unit_facts *f = &in->facts[j->point->unit];

	if (!plan_condition_holds(in, j->point, j->at_ms, false))
		return PLAN_CONDITION_FALSE;
	if (!plan_condition_holds(in, j->point, j->at_ms, true))
		return PLAN_PAUSED;
	if (f->snoozed_until_ms > j->at_ms)
		return PLAN_SNOOZED;
	if (r->by_sms && has_answered(in, j->point->unit, j->at_ms))
		return PLAN_ANSWERED;
	if (r->by_sms && !plan_sms_ready(in, r))
		return PLAN_NO_CHANNEL;
	if (is_quiet(in->now_ms) || is_quiet(j->at_ms) ||
		is_quiet(plan_spread_ms(in->c, j->point->unit, j->at_ms)))
		return PLAN_QUIET_HOURS;
	if (!r->rest_day_ok && (is_rest_day(in->c, in->now_ms) || is_rest_day(in->c, j->at_ms)))
		return PLAN_REST_DAY;
	return PLAN_SEND;
}

/* A late point gives way to a newer one of its rule and unit. */
static bool is_newest(const struct plan_judged *all, size_t n, const struct plan_judged *j)
{
	for (size_t i = 0; i < n; i++) {
		const struct plan_point *p = all[i].point;

		if (p->reminder == j->point->reminder && p->unit == j->point->unit &&
			p->due_ms > j->point->due_ms)
			return false;
	}
	return true;
}

static void judge_all(const struct plan_input *in, struct plan_judged *all, size_t n)
{
	/* The same minute when a message is decided again at its nominal instant. */
	int64_t minute = in->now_ms - in->now_ms % MINUTE_MS;

	for (size_t i = 0; i < n; i++) {
		all[i].is_late = minute - all[i].point->due_ms > LATE_MS;
		all[i].at_ms = all[i].is_late ? minute : all[i].point->due_ms;
	}
	for (size_t i = 0; i < n; i++)
		all[i].reason = all[i].is_late && !is_newest(all, n, &all[i]) ? PLAN_MISSED
									      : judge(in, &all[i]);
}

/* ---- the decision ---- */

static bool holds_point(const struct plan_draft *d, const struct plan_point *p)
{
	for (size_t i = 0; i < d->n_points; i++) {
		if (d->points[i] == p)
			return true;
	}
	return false;
}

static int write_messages(const struct plan_input *in, const struct plan_drafts *ds,
	struct plan_judged *all, size_t n, struct plan_decision *ret, struct sw_err *err)
{
	ret->messages = calloc(ds->n ? ds->n : 1, sizeof(*ret->messages));
	if (!ret->messages)
		return err_set(err, -ENOMEM, "plan: out of memory");
	for (size_t i = 0; i < ds->n; i++) {
		const struct plan_draft *d = ds->items[i];
		bool capped = is_capped(in, d);
		int rc;

		for (size_t k = 0; k < n; k++) {
			if (holds_point(d, all[k].point))
				all[k].is_carried = all[k].is_carried || !capped;
		}
		if (capped)
			continue;
		rc = plan_compose(in, d, &ret->messages[ret->n_messages], err);
		if (rc < 0)
			return rc;
		ret->n_messages++;
	}
	return 0;
}

/* Why a point that passed is in no message: its recipients were full or capped, or there are none. */
static enum plan_reason reason_of(
	const struct plan_input *in, const struct plan_drafts *ds, const struct plan_judged *j)
{
	const struct def_reminder *r = reminder_of(in, j->point);

	if (j->reason != PLAN_SEND || j->is_carried)
		return j->reason;
	for (size_t i = 0; i < ds->n; i++) {
		if (holds_point(ds->items[i], j->point))
			return PLAN_CAPPED;
	}
	for (size_t k = 0; k < r->n_to; k++) {
		if ((r->to[k].role == ROLE_ALL || r->to[k].role == ROLE_DEPARTMENT) && !r->by_sms &&
			plan_unit_of_target(in, j->point, &r->to[k]) >= 0)
			return PLAN_CAPPED; /* there is a group, and its message was full */
	}
	return j->needs_sms ? PLAN_NO_CHANNEL : PLAN_NO_RECIPIENT;
}

int plan_decide(const struct plan_input *in, const struct plan_point *const *points, size_t n,
	struct plan_decision *ret, struct sw_err *err)
{
	struct plan_judged *all = calloc(n ? n : 1, sizeof(*all));
	struct plan_decision d = {0};
	struct plan_drafts ds = {0};
	int rc = -ENOMEM;

	d.outcomes = calloc(n ? n : 1, sizeof(*d.outcomes));
	if (!all || !d.outcomes) {
		err_set(err, rc, "plan: out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		all[i].point = points[i];
	judge_all(in, all, n);
	rc = plan_address(in, all, n, &ds);
	if (rc < 0) {
		err_set(err, rc, "plan: recipients cannot be listed");
		goto out;
	}
	rc = write_messages(in, &ds, all, n, &d, err);
	if (rc < 0)
		goto out;
	for (size_t i = 0; i < n; i++)
		d.outcomes[d.n_outcomes++] = (struct plan_outcome){
			.point = points[i], .reason = reason_of(in, &ds, &all[i])};
	*ret = d;
	d = (struct plan_decision){0};
out:
	plan_decision_fini(&d);
	plan_drafts_fini(&ds);
	free(all);
	return rc;
}

void plan_decision_fini(struct plan_decision *d)
{
	for (size_t i = 0; i < d->n_messages; i++) {
		free(d->messages[i].text);
		free(d->messages[i].params);
	}
	free(d->messages);
	free(d->outcomes);
	*d = (struct plan_decision){0};
}
