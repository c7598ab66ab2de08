/*
 * notifier/campaign/plan_decide.c: which due points are sent, and to whom.
 *
 * The hard limits stand here and not in the definition: quiet hours, rest days, one message to a group and day.
 * A point is judged at its own instant, or, when it is late, at the present minute, so that deciding the points of
 * a message again at its nominal instant judges the same: only facts can change the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan_internal.h"

enum {
	MINUTE_MS = 60 * 1000,
	LATE_MS = 2 * 60 * MINUTE_MS,
	DAY_STARTS = 8 * 60, /* minutes: quiet before */
	DAY_ENDS = 20 * 60,  /* and from here on */
	SPREAD_MINUTES = 8,
};

struct judged {
	const struct plan_point *point;
	enum plan_reason reason;
	int64_t at_ms; /* when it is judged */
	bool is_late;
	bool is_carried; /* by a draft that became a message */
};

struct drafts {
	struct plan_draft **items;
	size_t n, cap;
};

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

/* Has the group had its message of the day? Units that are late are told again on the day of a deadline. */
static bool is_capped(const struct plan_input *in, const struct plan_draft *d)
{
	int64_t last = in->last_group_ms && d->to.group_unit >= 0
			       ? in->last_group_ms[d->to.group_unit]
			       : 0;

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

static enum plan_reason judge(const struct plan_input *in, const struct judged *j)
{
	const struct def_reminder *r = reminder_of(in, j->point);
	const struct unit_facts *f = &in->facts[j->point->unit];

	if (!plan_condition_holds(in, j->point, j->at_ms, false))
		return PLAN_CONDITION_FALSE;
	if (!plan_condition_holds(in, j->point, j->at_ms, true))
		return PLAN_PAUSED;
	if (f->snoozed_until_ms > j->at_ms)
		return PLAN_SNOOZED;
	if (r->by_sms && (!in->sms_available || !templates_has(in->t, r->heading, "sms")))
		return PLAN_NO_CHANNEL;
	if (is_quiet(in->now_ms) || is_quiet(j->at_ms) ||
		is_quiet(plan_spread_ms(in->c, j->point->unit, j->at_ms)))
		return PLAN_QUIET_HOURS;
	if (!r->rest_day_ok && (is_rest_day(in->c, in->now_ms) || is_rest_day(in->c, j->at_ms)))
		return PLAN_REST_DAY;
	return PLAN_SEND;
}

/* A late point gives way to a newer one of its rule and unit. */
static bool is_newest(const struct judged *all, size_t n, const struct judged *j)
{
	for (size_t i = 0; i < n; i++) {
		const struct plan_point *p = all[i].point;

		if (p->reminder == j->point->reminder && p->unit == j->point->unit &&
			p->due_ms > j->point->due_ms)
			return false;
	}
	return true;
}

static void judge_all(const struct plan_input *in, struct judged *all, size_t n)
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

/* ---- recipients ---- */

static int draft_for(struct drafts *ds, const struct plan_recipient *to, int unit, bool is_digest,
	struct plan_draft **ret)
{
	struct plan_draft *d;

	for (size_t i = 0; i < ds->n; i++) {
		d = ds->items[i];
		if (!strcmp(d->to.channel, to->channel) && !strcmp(d->to.key, to->key)) {
			*ret = d;
			return 0;
		}
	}
	if (ds->n == ds->cap) {
		size_t cap = ds->cap ? ds->cap * 2 : 32;
		struct plan_draft **more = realloc(ds->items, cap * sizeof(struct plan_draft *));

		if (!more)
			return -ENOMEM;
		ds->items = more;
		ds->cap = cap;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->to = *to;
	d->unit = unit;
	d->is_digest = is_digest;
	ds->items[ds->n++] = d;
	*ret = d;
	return 0;
}

static void drafts_fini(struct drafts *ds)
{
	for (size_t i = 0; i < ds->n; i++)
		free(ds->items[i]);
	free(ds->items);
}

/* Room is bounded: what does not fit is recorded as capped, since nothing would say it was sent. */
static void put_point(struct plan_draft *d, const struct judged *j)
{
	if (d->n_points && d->points[d->n_points - 1] == j->point)
		return; /* a second target of the same point */
	if (d->n_points == PLAN_MAX_POINTS)
		return;
	d->points[d->n_points++] = j->point;
	if (d->n_points == 1 || j->at_ms > d->nominal_ms)
		d->nominal_ms = j->at_ms;
}

static int to_group(const struct plan_input *in, struct drafts *ds, const struct judged *j,
	int group_unit, const struct def_target *t)
{
	struct plan_recipient to = {.channel = "robot", .group_unit = group_unit, .contact = -1};
	struct plan_draft *d;
	int rc;

	if (text_copy(to.key, sizeof(to.key), in->c->units->items[group_unit].code) < 0)
		return SW_ELIMIT;
	rc = draft_for(ds, &to, group_unit, group_unit != j->point->unit, &d);
	if (rc < 0)
		return rc;
	d->departments |= t->role == ROLE_DEPARTMENT && t->department >= 0
				  ? UINT32_C(1) << t->department
				  : UINT32_MAX;
	put_point(d, j);
	return 0;
}

static int to_contact(const struct plan_input *in, struct drafts *ds, const struct judged *j,
	const char *channel, int contact)
{
	const struct contact *k = &in->contacts->items[contact];
	struct plan_recipient to = {.group_unit = -1, .contact = contact};
	struct plan_draft *d;
	int rc;

	if (text_copy(to.channel, sizeof(to.channel), channel) < 0 ||
		text_copy(to.key, sizeof(to.key), k->id) < 0)
		return SW_ELIMIT;
	rc = draft_for(ds, &to, k->unit, k->unit != j->point->unit, &d);
	if (rc == 0)
		put_point(d, j);
	return rc;
}

static bool can_reach(const struct contact *k, const char *channel)
{
	return !strcmp(channel, "sms") ? k->has_mobile : k->userid[0] != '\0';
}

/* One message to each contact of UNIT in ROLE (and DEPARTMENT, -1: any). *RET_N counts them. */
static int to_role(const struct plan_input *in, struct drafts *ds, const struct judged *j, int unit,
	const char *channel, enum def_role role, int department, size_t *ret_n)
{
	int rc = 0;

	*ret_n = 0;
	for (size_t i = 0; i < in->contacts->n && rc == 0; i++) {
		const struct contact *k = &in->contacts->items[i];

		if (k->unit != unit || k->role != role || !can_reach(k, channel) ||
			(department >= 0 && k->department != department))
			continue;
		rc = to_contact(in, ds, j, channel, (int)i);
		++*ret_n;
	}
	return rc;
}

/* Nobody is on duty: the first ordinary contact of the department that leads the first category. */
static int to_lead(const struct plan_input *in, struct drafts *ds, const struct judged *j, int unit,
	const char *channel)
{
	const struct def_category *cat = &in->c->categories[0];
	const int order[] = {cat->lead, cat->co_lead};

	for (size_t n = 0; in->c->n_categories && n < ARRAY_LEN(order); n++) {
		for (size_t i = 0; i < in->contacts->n; i++) {
			const struct contact *k = &in->contacts->items[i];

			if (k->unit == unit && k->role == ROLE_DEPARTMENT &&
				k->department == order[n] && can_reach(k, channel))
				return to_contact(in, ds, j, channel, (int)i);
		}
	}
	return 0;
}

/* The unit whose people a target means: the point's own, or the one it reports to; -1: not this point's. */
static int unit_of_target(
	const struct plan_input *in, const struct judged *j, const struct def_target *t)
{
	if (t->tier < 0)
		return -1;
	if (in->c->tiers[t->tier].parent < 0)
		return in->c->units->items[j->point->unit].reports_to;
	return campaign_tier_of(in->c, j->point->unit) == t->tier ? j->point->unit : -1;
}

static int address(const struct plan_input *in, struct drafts *ds, const struct judged *j,
	const struct def_target *t)
{
	const struct def_reminder *r = reminder_of(in, j->point);
	const char *channel = r->by_sms ? "sms" : "app";
	int unit = unit_of_target(in, j, t), rc;
	size_t n;

	if (unit < 0)
		return 0;
	switch (t->role) {
	case ROLE_DEPARTMENT:
	case ROLE_ALL:
		if (!r->by_sms)
			return to_group(in, ds, j, unit, t);
		return to_role(in, ds, j, unit, channel, ROLE_DEPARTMENT,
			t->role == ROLE_ALL ? -1 : t->department, &n);
	case ROLE_DEPUTY:
		return to_role(in, ds, j, unit, channel, ROLE_DEPUTY, -1, &n);
	case ROLE_DUTY:
		rc = to_role(in, ds, j, unit, channel, ROLE_DUTY, -1, &n);
		return rc == 0 && n == 0 ? to_lead(in, ds, j, unit, channel) : rc;
	}
	return 0;
}

static int address_all(const struct plan_input *in, struct drafts *ds, struct judged *all, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct def_reminder *r = reminder_of(in, all[i].point);

		if (all[i].reason != PLAN_SEND)
			continue;
		for (size_t k = 0; k < r->n_to && rc == 0; k++)
			rc = address(in, ds, &all[i], &r->to[k]);
	}
	return rc;
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

static int write_messages(const struct plan_input *in, const struct drafts *ds, struct judged *all,
	size_t n, struct plan_decision *ret, struct sw_err *err)
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
	const struct plan_input *in, const struct drafts *ds, const struct judged *j)
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
			unit_of_target(in, j, &r->to[k]) >= 0)
			return PLAN_CAPPED; /* there is a group, and its message was full */
	}
	return PLAN_NO_RECIPIENT;
}

int plan_decide(const struct plan_input *in, const struct plan_point *const *points, size_t n,
	struct plan_decision *ret, struct sw_err *err)
{
	struct judged *all = calloc(n ? n : 1, sizeof(*all));
	struct plan_decision d = {0};
	struct drafts ds = {0};
	int rc = -ENOMEM;

	d.outcomes = calloc(n ? n : 1, sizeof(*d.outcomes));
	if (!all || !d.outcomes) {
		err_set(err, rc, "plan: out of memory");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		all[i].point = points[i];
	judge_all(in, all, n);
	rc = address_all(in, &ds, all, n);
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
	drafts_fini(&ds);
	free(all);
	return rc;
}

void plan_decision_fini(struct plan_decision *d)
{
	for (size_t i = 0; i < d->n_messages; i++)
		free(d->messages[i].text);
	free(d->messages);
	free(d->outcomes);
	*d = (struct plan_decision){0};
}
