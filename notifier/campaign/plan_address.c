/*
 * notifier/campaign/plan_address.c: who gets a point that is to be sent: a unit's group, or persons by application
 * message or SMS. All points of one recipient and channel are one draft.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan_internal.h"

static const struct def_reminder *reminder_of(
	const struct plan_input *in, const struct plan_point *p)
{
	return &in->c->reminders[p->reminder];
}

static int draft_for(struct plan_drafts *ds, const struct plan_recipient *to, int unit,
	bool is_digest, struct plan_draft **ret)
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

void plan_drafts_fini(struct plan_drafts *ds)
{
	for (size_t i = 0; i < ds->n; i++)
		free(ds->items[i]);
	free(ds->items);
}

/* Room is bounded: what does not fit is recorded as capped, since nothing would say it was sent. */
static void put_point(struct plan_draft *d, const struct plan_judged *j)
{
	if (d->n_points && d->points[d->n_points - 1] == j->point)
		return; /* a second target of the same point */
	if (d->n_points == PLAN_MAX_POINTS)
		return;
	d->points[d->n_points++] = j->point;
	if (d->n_points == 1 || j->at_ms > d->nominal_ms)
		d->nominal_ms = j->at_ms;
}

static int to_group(const struct plan_input *in, struct plan_drafts *ds,
	const struct plan_judged *j, int group_unit, const struct def_target *t)
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

static int to_contact(const struct plan_input *in, struct plan_drafts *ds,
	const struct plan_judged *j, const char *channel, int contact)
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

bool plan_sms_ready(const struct plan_input *in, const struct def_reminder *r)
{
	return in->sms_available && r->sms[0] && templates_has(in->t, r->sms, "sms");
}

/* How K is told of J: a member by the application, anybody else by SMS; NULL: not at all. */
static const char *channel_to(
	const struct plan_input *in, struct plan_judged *j, const struct contact *k)
{
	const struct def_reminder *r = reminder_of(in, j->point);
	/* An SMS is about one unit: it cannot hold the list of all. */
	bool by_sms = k->has_mobile && r->sms[0] && k->unit == j->point->unit;

	if (!r->by_sms && k->userid[0])
		return "app";
	if (by_sms && plan_sms_ready(in, r))
		return "sms";
	j->needs_sms = j->needs_sms || by_sms;
	return NULL;
}

/* One message to each contact of UNIT in ROLE (and DEPARTMENT, -1: any). *RET_N counts them. */
static int to_role(const struct plan_input *in, struct plan_drafts *ds, struct plan_judged *j,
	int unit, enum def_role role, int department, size_t *ret_n)
{
	int rc = 0;

	*ret_n = 0;
	for (size_t i = 0; i < in->contacts->n && rc == 0; i++) {
		const struct contact *k = &in->contacts->items[i];
		const char *channel;

		if (k->unit != unit || k->role != role ||
			(department >= 0 && k->department != department))
			continue;
		channel = channel_to(in, j, k);
		if (!channel)
			continue;
		rc = to_contact(in, ds, j, channel, (int)i);
		++*ret_n;
	}
	return rc;
}

/* Nobody is on duty: the first ordinary contact of the department that leads the first category. */
static int to_lead(
	const struct plan_input *in, struct plan_drafts *ds, struct plan_judged *j, int unit)
{
	const struct def_category *cat = &in->c->categories[0];
	const int order[] = {cat->lead, cat->co_lead};

	for (size_t n = 0; in->c->n_categories && n < ARRAY_LEN(order); n++) {
		for (size_t i = 0; i < in->contacts->n; i++) {
			const struct contact *k = &in->contacts->items[i];
			const char *channel;

			if (k->unit != unit || k->role != ROLE_DEPARTMENT ||
				k->department != order[n])
				continue;
			channel = channel_to(in, j, k);
			if (channel)
				return to_contact(in, ds, j, channel, (int)i);
		}
	}
	return 0;
}

int plan_unit_of_target(
	const struct plan_input *in, const struct plan_point *p, const struct def_target *t)
{
	if (t->tier < 0)
		return -1;
	if (in->c->tiers[t->tier].parent < 0)
		return in->c->units->items[p->unit].reports_to;
	return campaign_tier_of(in->c, p->unit) == t->tier ? p->unit : -1;
}

static int address(const struct plan_input *in, struct plan_drafts *ds, struct plan_judged *j,
	const struct def_target *t)
{
	int unit = plan_unit_of_target(in, j->point, t), rc;
	size_t n;

	if (unit < 0)
		return 0;
	switch (t->role) {
	case ROLE_DEPARTMENT:
	case ROLE_ALL:
		if (!reminder_of(in, j->point)->by_sms)
			return to_group(in, ds, j, unit, t);
		return to_role(in, ds, j, unit, ROLE_DEPARTMENT,
			t->role == ROLE_ALL ? -1 : t->department, &n);
	case ROLE_DEPUTY:
		return to_role(in, ds, j, unit, ROLE_DEPUTY, -1, &n);
	case ROLE_DUTY:
		rc = to_role(in, ds, j, unit, ROLE_DUTY, -1, &n);
		return rc == 0 && n == 0 ? to_lead(in, ds, j, unit) : rc;
	}
	return 0;
}

int plan_address(
	const struct plan_input *in, struct plan_judged *all, size_t n, struct plan_drafts *ret)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct def_reminder *r = reminder_of(in, all[i].point);

		if (all[i].reason != PLAN_SEND)
			continue;
		for (size_t k = 0; k < r->n_to && rc == 0; k++)
			rc = address(in, ret, &all[i], &r->to[k]);
	}
	return rc;
}
