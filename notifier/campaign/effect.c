/*
 * notifier/campaign/effect.c: from a reading to facts, question and answer.
 */
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/effect.h"
#include "notifier/campaign/obligation.h"

static void answer(struct effect *e, const char *id)
{
	if (text_copy(e->answer, sizeof(e->answer), id) < 0)
		e->answer[0] = '\0';
}

static void no_question(struct effect *e)
{
	e->question_changed = e->question_changed || e->question.open;
	e->question = (struct question){0};
}

/* The three ways a total is answered: above the cap, below the minimum, within. */
static const char *total_answer(
	const struct effect_input *in, const struct unit_facts *f, bool decrease)
{
	bool above = false, below = false;

	for (size_t i = 0; i < in->c->n_categories; i++) {
		int min, max;

		if (!f->counts[i].known || !campaign_quota(in->c, (int)i, in->unit, &min, &max))
			continue;
		/* The cap counts: a league cannot put forward more than its counties may. */
		max = campaign_quota_cap(in->c, (int)i, in->unit);
		above = above || (max >= 0 && f->counts[i].value > max);
		below = below || (min >= 0 && f->counts[i].value < min);
	}
	if (above)
		return "R-ABOVE-MAX";
	return below && !decrease && campaign_tier_of(in->c, in->unit) == in->c->reporting_tier
		       ? "R-BELOW-MIN"
		       : "R-REPORT";
}

static void store_counts(const struct effect_input *in, struct effect *e, const int *counts)
{
	int64_t pause = obligation_pause_end_ms(in->c, in->now_ms);

	for (size_t i = 0; i < in->c->n_categories; i++) {
		struct fact_count *k = &e->facts.counts[i];

		k->paused_until_ms = pause;
		if (counts[i] < 0)
			continue;
		k->previous = k->known ? k->value : -1;
		k->verified = k->verified && k->known && k->value == counts[i];
		k->known = true;
		k->value = counts[i];
		k->at_ms = in->now_ms;
		k->department = in->department;
		if (text_copy(k->by, sizeof(k->by), in->by) < 0)
			k->by[0] = '\0';
	}
	e->facts.report_ms = in->now_ms;
	e->facts.submitted_paused_until_ms = pause;
	e->facts.record_no++;
	e->changed = true;
}

static void totals_of(const struct effect_input *in, const struct reply_act *a, int *ret)
{
	for (size_t i = 0; i < in->c->n_categories; i++) {
		const struct fact_count *k = &in->facts->counts[i];

		ret[i] = a->counts[i];
		if (a->delta && ret[i] >= 0 && k->known)
			ret[i] += k->value;
	}
}

static void pause_quota(const struct effect_input *in, struct effect *e)
{
	int64_t pause = obligation_pause_end_ms(in->c, in->now_ms);

	for (size_t i = 0; i < in->c->n_categories; i++)
		e->facts.counts[i].paused_until_ms = pause;
	e->facts.submitted_paused_until_ms = pause;
	e->facts.report_ms = in->now_ms;
	e->changed = true;
}

/* Opens (or renews) a question about COUNTS, on the facts as they will be after this effect. */
static void ask_again(const struct effect_input *in, struct effect *e, const int *counts,
	const struct question *q)
{
	struct question next = *q;

	next.until_ms = in->now_ms + EFFECT_CONFIRM_MS;
	next.rev = in->facts->rev + (e->changed ? 1 : 0);
	memcpy(e->shown, counts, sizeof(e->shown));
	e->question = next;
	e->question_changed = true;
}

static void apply_act(const struct effect_input *in, struct effect *e, const struct reply_act *a)
{
	int totals[DEF_MAX_CATEGORIES];

	if (a->unit >= 0 && a->kind != ACT_QUERY) {
		e->to_operator = true; /* said of a subordinate: no tier below keeps facts yet */
		return;
	}
	switch (a->kind) {
	case ACT_REPORT:
	case ACT_CORRECT:
		totals_of(in, a, totals);
		if (!in->repeat)
			store_counts(in, e, totals);
		answer(e, total_answer(in, &e->facts, reply_has_flag(in->reading, "DECREASE")));
		no_question(e);
		return;
	case ACT_ACK:
		if (!in->repeat || !e->facts.ack_ms) {
			e->facts.ack_ms = in->now_ms;
			e->changed = true;
		}
		return;
	case ACT_FORECAST:
	case ACT_STATUS:
		if (!in->repeat)
			pause_quota(in, e);
		return;
	case ACT_SUBMITTED:
		e->facts.submitted_paper = e->facts.submitted_paper || !strcmp(a->form, "paper");
		e->facts.submitted_electronic =
			e->facts.submitted_electronic || !strcmp(a->form, "electronic");
		if (!in->repeat) {
			e->facts.submitted_ms = in->now_ms;
			e->facts.submitted_paused_until_ms =
				obligation_pause_end_ms(in->c, in->now_ms);
			e->facts.record_no++;
		}
		e->changed = true;
		return;
	case ACT_YES:
		if (in->question && in->question->open && in->question->rev != in->facts->rev) {
			/* Somebody else reported meanwhile: what was asked is not what would be stored now. */
			ask_again(in, e, in->question->counts, in->question);
			e->disposition = REPLY_CONFIRM;
			answer(e, "R-CONFIRM");
			return;
		}
		if (in->question && in->question->open) {
			store_counts(in, e, in->question->counts);
			answer(e, total_answer(in, &e->facts, true));
		}
		no_question(e);
		return;
	case ACT_NO:
		no_question(e);
		return;
	case ACT_QUERY:
	case ACT_HELP:
		return;
	case ACT_MATERIALS:
	case ACT_NOTICE:
	case ACT_DISCIPLINE:
	case ACT_PLAN:
	case ACT_EXTENSION:
	case ACT_SNOOZE:
	case ACT_CONTACT:
	case ACT_OPT_OUT:
	case ACT_OPT_IN:
	case ACT_UNDO:
	case ACT_PROBLEM:
	case ACT_OBJECTION:
		e->to_operator = true; /* read, but nothing carries it out yet */
		return;
	}
}

static void ask_to_confirm(const struct effect_input *in, struct effect *e)
{
	const struct reply_reading *r = in->reading;
	struct question q = {.open = true, .until_ms = in->now_ms + EFFECT_CONFIRM_MS};

	for (size_t i = 0; i < ARRAY_LEN(q.counts); i++)
		q.counts[i] = -1;
	for (size_t a = 0; a < r->n_acts; a++) {
		const struct reply_act *act = &r->acts[a];

		if (act->kind == ACT_ACK) {
			apply_act(in, e, act);
		} else if (act->kind == ACT_UNDO) {
			q.undo = true;
			for (size_t i = 0; i < in->c->n_categories; i++)
				q.counts[i] = in->facts->counts[i].known &&
							      in->facts->counts[i].previous >= 0
						      ? in->facts->counts[i].previous
						      : -1;
		} else if ((act->kind == ACT_REPORT || act->kind == ACT_CORRECT) && act->unit < 0) {
			int totals[DEF_MAX_CATEGORIES];

			totals_of(in, act, totals);
			for (size_t i = 0; i < in->c->n_categories; i++)
				if (totals[i] >= 0)
					q.counts[i] = totals[i];
		} else {
			/* Only totals can be confirmed yet; the rest is for a person. */
			e->to_operator = true;
			e->disposition = REPLY_QUEUE;
			answer(e, "R-FORWARDED");
			return;
		}
	}
	ask_again(in, e, q.counts, &q);
}

/* Did an applied act leave something of its own to say, beside what goes to the operator? */
static bool has_own_effect(const struct reply_reading *r)
{
	for (size_t i = 0; i < r->n_acts; i++) {
		enum reply_act_kind k = r->acts[i].kind;

		if (k == ACT_YES ||
			(r->acts[i].unit < 0 &&
				(k == ACT_REPORT || k == ACT_CORRECT || k == ACT_SUBMITTED ||
					k == ACT_FORECAST || k == ACT_STATUS)))
			return true;
	}
	return false;
}

void effect_of(const struct effect_input *in, struct effect *ret)
{
	const struct reply_reading *r = in->reading;
	struct effect e = {.facts = *in->facts, .disposition = r->disposition};

	if (in->question)
		e.question = *in->question;
	for (size_t i = 0; i < ARRAY_LEN(e.shown); i++)
		e.shown[i] = -1;
	answer(&e, strcmp(r->reply, "-") ? r->reply : "");
	switch (r->disposition) {
	case REPLY_APPLY:
		for (size_t i = 0; i < r->n_acts; i++)
			apply_act(in, &e, &r->acts[i]);
		if (e.to_operator && !has_own_effect(r)) {
			e.disposition = REPLY_QUEUE;
			answer(&e, "R-FORWARDED");
		}
		break;
	case REPLY_CONFIRM:
		ask_to_confirm(in, &e);
		break;
	case REPLY_QUEUE:
		for (size_t i = 0; i < r->n_acts;
			i++) /* "收到，纪委函已发出": the 收到 counts at once */
			if (r->acts[i].kind == ACT_ACK)
				apply_act(in, &e, &r->acts[i]);
		e.to_operator = true;
		break;
	case REPLY_IGNORE:
		if (!in->single_chat)
			answer(&e, "");
		break;
	case REPLY_ASK:
	case REPLY_REFUSE:
		break;
	}
	if (e.changed)
		e.facts.rev++;
	*ret = e;
}

json_t *question_to_json(const struct campaign *c, const struct question *q)
{
	json_t *counts = json_object();

	for (size_t i = 0; i < c->n_categories; i++)
		if (q->counts[i] >= 0)
			json_object_set_new(
				counts, c->categories[i].id, json_integer(q->counts[i]));
	return json_pack("{s:I, s:I, s:b, s:o}", "until", (json_int_t)q->until_ms, "rev",
		(json_int_t)q->rev, "undo", q->undo, "counts", counts);
}

void question_from_json(const struct campaign *c, const json_t *j, struct question *ret)
{
	struct question q = {.open = true};
	const json_t *counts = json_object_get(j, "counts");

	*ret = (struct question){0};
	if (!json_is_integer(json_object_get(j, "until")) || !json_is_object(counts))
		return;
	q.until_ms = json_integer_value(json_object_get(j, "until"));
	q.rev = json_integer_value(json_object_get(j, "rev"));
	q.undo = json_is_true(json_object_get(j, "undo"));
	for (size_t i = 0; i < ARRAY_LEN(q.counts); i++)
		q.counts[i] = -1;
	for (size_t i = 0; i < c->n_categories; i++) {
		const json_t *n = json_object_get(counts, c->categories[i].id);

		if (json_is_integer(n))
			q.counts[i] = (int)json_integer_value(n);
	}
	*ret = q;
}
