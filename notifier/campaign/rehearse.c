/*
 * notifier/campaign/rehearse.c: one loop over three rising lists: due points, planned messages, replies.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/campaign/rehearse.h"

enum { HOUR_MS = 60 * 60 * 1000, REPORT_MINUTE = 10 * 60, MAX_ANSWER_BYTES = 16384 };

struct waiting {
	struct plan_message m; /* owned */
	uint64_t changes;      /* of facts, when it was decided */
};

struct sender {
	struct question question;
	char digest[65];
	int64_t at_ms;
};

struct run {
	const struct rehearse_input *in;
	void (*tell)(void *ctx, const struct rehearse_event *e);
	void *ctx;
	struct sw_err *err;
	struct unit_facts *facts;
	int64_t *last_group_ms;
	int64_t (*reminded_ms)[PLAN_REMINDED]; /* one row per unit */
	struct contacts contacts;              /* a copy, with what each was sent */
	struct sender *senders;                /* one per contact, then one per unit */
	struct waiting *waiting;               /* by due time, those at START gone */
	size_t n_waiting, start, cap;
	uint64_t changes;
};

static void tell(struct run *r, struct rehearse_event e)
{
	if (e.at_ms >= r->in->from_ms && e.at_ms < r->in->to_ms)
		r->tell(r->ctx, &e);
}

static struct plan_input plan_input(const struct run *r, int64_t now_ms, bool is_again)
{
	/* The cap has counted a message that is decided once more. */
	return (struct plan_input){.c = r->in->c,
		.t = r->in->t,
		.contacts = &r->contacts,
		.facts = r->facts,
		.now_ms = now_ms,
		.last_group_ms = is_again ? NULL : r->last_group_ms,
		.reminded_ms = (const int64_t(*)[PLAN_REMINDED])r->reminded_ms,
		.sms_available = r->in->sms_available};
}

/* ---- points ---- */

static int make_room(struct run *r)
{
	size_t cap = r->cap ? r->cap * 2 : 64;
	struct waiting *more;

	if (r->n_waiting < r->cap)
		return 0;
	more = realloc(r->waiting, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->waiting = more;
	r->cap = cap;
	return 0;
}

/* What the caps and "how often" go by, from the moment a message is planned. */
static void count_sent(struct run *r, const struct plan_message *m)
{
	const struct contact *k = m->to.contact >= 0 ? &r->contacts.items[m->to.contact] : NULL;

	if (m->to.group_unit >= 0)
		r->last_group_ms[m->to.group_unit] = m->nominal_ms;
	if (k)
		plan_log_add(r->contacts.items[m->to.contact].sent_ms, CONTACT_SENT, m->nominal_ms);
	if (plan_reminds_contacts(m, &r->contacts))
		plan_log_add(r->reminded_ms[m->unit], PLAN_REMINDED, m->nominal_ms);
}

/* Takes M, whose text leaves the decision. */
static int wait_for(struct run *r, struct plan_message *m)
{
	size_t i;
	int rc = make_room(r);

	if (rc < 0)
		return rc;
	i = r->n_waiting++;
	while (i > r->start && r->waiting[i - 1].m.due_ms > m->due_ms) {
		r->waiting[i] = r->waiting[i - 1];
		i--;
	}
	r->waiting[i] = (struct waiting){.m = *m, .changes = r->changes};
	m->text = m->params = NULL;
	count_sent(r, &r->waiting[i].m);
	return 0;
}

static int decide(struct run *r, const struct plan_point *first, size_t n)
{
	struct plan_input in = plan_input(r, first->due_ms, false);
	const struct plan_point **points = calloc(n, sizeof(*points));
	struct plan_decision d = {0};
	int rc = points ? 0 : -ENOMEM;

	for (size_t i = 0; points && i < n; i++)
		points[i] = first + i;
	if (rc == 0)
		rc = plan_decide(&in, points, n, &d, r->err);
	for (size_t i = 0; i < d.n_messages && rc == 0; i++)
		rc = wait_for(r, &d.messages[i]);
	for (size_t i = 0; i < d.n_outcomes && rc == 0; i++) {
		if (d.outcomes[i].reason != PLAN_SEND)
			tell(r, (struct rehearse_event){.kind = REHEARSE_NOT_SENT,
					.at_ms = first->due_ms,
					.unit = d.outcomes[i].point->unit,
					.outcome = &d.outcomes[i]});
	}
	plan_decision_fini(&d);
	free(points);
	return rc;
}

/* ---- messages ---- */

static void tell_message(struct run *r, const struct plan_message *m)
{
	tell(r, (struct rehearse_event){.kind = REHEARSE_MESSAGE,
			.at_ms = m->due_ms,
			.unit = m->unit,
			.message = m});
}

/* What M says by now: itself, a message with another text, or nothing. */
static int send_changed(struct run *r, const struct plan_message *m)
{
	struct plan_input in = plan_input(r, m->nominal_ms, true);
	const struct plan_message *now = NULL;
	struct plan_decision d = {0};
	int rc = plan_decide(&in, m->points, m->n_points, &d, r->err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < d.n_messages; i++) {
		if (!strcmp(d.messages[i].to.channel, m->to.channel) &&
			!strcmp(d.messages[i].to.key, m->to.key))
			now = &d.messages[i];
	}
	if (now)
		tell_message(r, now);
	for (size_t i = 0; !now && i < d.n_outcomes; i++)
		tell(r, (struct rehearse_event){.kind = REHEARSE_NOT_SENT,
				.at_ms = m->due_ms,
				.unit = d.outcomes[i].point->unit,
				.outcome = &d.outcomes[i],
				.is_cancelled = true});
	plan_decision_fini(&d);
	return 0;
}

static int send_next(struct run *r)
{
	struct waiting *w = &r->waiting[r->start++];
	int rc = 0;

	if (w->changes == r->changes)
		tell_message(r, &w->m);
	else
		rc = send_changed(r, &w->m);
	free(w->m.text);
	free(w->m.params);
	w->m.text = w->m.params = NULL;
	return rc;
}

/* ---- replies ---- */

static enum reply_role role_of(const struct campaign *c, int unit)
{
	int tier = campaign_tier_of(c, unit);

	if (tier < 0)
		return REPLY_UNKNOWN;
	if (tier == c->reporting_tier)
		return REPLY_LEAGUE;
	return c->tiers[tier].parent < 0 ? REPLY_REGION : REPLY_COUNTY;
}

static int tell_answer(struct run *r, const struct rehearse_reply *reply,
	const struct reply_reading *reading, const struct effect *effect, const char *who)
{
	struct answer_input in = {.c = r->in->c,
		.unit = reply->unit,
		.facts = &r->facts[reply->unit],
		.effect = effect,
		.who = who,
		.now_ms = reply->at_ms};
	struct plan_vars vars = {0};
	struct buf text;
	int rc;

	if (!effect->answer[0])
		return 0;
	buf_init(&text, MAX_ANSWER_BYTES);
	rc = answer_vars(&in, &vars);
	if (rc == 0)
		rc = template_render(
			r->in->t, effect->answer, "robot", vars.vars, vars.n, &text, r->err);
	if (rc == 0)
		tell(r, (struct rehearse_event){.kind = REHEARSE_ANSWER,
				.at_ms = reply->at_ms,
				.unit = reply->unit,
				.reply = reply,
				.reading = reading,
				.template_id = effect->answer,
				.text = buf_str(&text)});
	plan_vars_fini(&vars);
	buf_fini(&text);
	return rc;
}

/* The same text within the window in which nothing is stored twice. */
static bool is_repeat(struct sender *s, const struct rehearse_reply *reply)
{
	char digest[65];
	bool same;

	id_sha256_hex(reply->text, strlen(reply->text), digest);
	same = !strcmp(digest, s->digest) && reply->at_ms - s->at_ms < EFFECT_REPEAT_MS;
	if (!same) {
		memcpy(s->digest, digest, sizeof(digest));
		s->at_ms = reply->at_ms;
	}
	return same;
}

static int take_reply(struct run *r, const struct rehearse_reply *reply)
{
	const struct campaign *c = r->in->c;
	const struct contact *k =
		reply->contact >= 0 ? &r->in->contacts->items[reply->contact] : NULL;
	struct sender *s =
		&r->senders[k ? (size_t)reply->contact : r->in->contacts->n + (size_t)reply->unit];
	const struct unit_facts *f = &r->facts[reply->unit];
	struct reply_context ctx = {.now_ms = reply->at_ms,
		.role = role_of(c, reply->unit),
		.unit = reply->unit,
		.channel = REPLY_GROUP,
		.mentioned = true};
	struct reply_reading reading;
	struct effect_input in = {.c = c,
		.unit = reply->unit,
		.department = k ? k->department : -1,
		.by = k ? k->id : "",
		.now_ms = reply->at_ms,
		.facts = f,
		.question = &s->question,
		.reading = &reading,
		.repeat = is_repeat(s, reply)};
	struct effect effect;

	if (s->question.open && reply->at_ms > s->question.until_ms)
		s->question = (struct question){0};
	for (size_t i = 0; i < c->n_categories; i++)
		ctx.stored[i] = f->counts[i].known ? f->counts[i].value : -1;
	ctx.open = s->question.open ? OPEN_CONFIRM : f->ack_ms == 0 ? OPEN_ACK : OPEN_NONE;
	reply_read(c, &ctx, reply->text, strlen(reply->text), &reading);
	effect_of(&in, &effect);
	if (effect.changed) {
		r->facts[reply->unit] = effect.facts;
		r->changes++;
	}
	s->question = effect.question;
	tell(r, (struct rehearse_event){.kind = REHEARSE_REPLY,
			.at_ms = reply->at_ms,
			.unit = reply->unit,
			.reply = reply,
			.reading = &reading});
	return tell_answer(
		r, reply, &reading, &effect, k ? k->name : c->units->items[reply->unit].name);
}

/* ---- the loop ---- */

static size_t same_instant(const struct plan *p, size_t i)
{
	size_t n = 1;

	while (i + n < p->n && p->points[i + n].due_ms == p->points[i].due_ms)
		n++;
	return n;
}

/* At one instant, what was planned goes out first, then points are decided, then replies are read. */
static int run(struct run *r)
{
	const struct rehearse_input *in = r->in;
	size_t point = 0, reply = 0;
	int rc = 0;

	while (rc == 0) {
		int64_t next_point =
			point < in->plan->n ? in->plan->points[point].due_ms : INT64_MAX;
		int64_t next_reply = reply < in->n_replies ? in->replies[reply].at_ms : INT64_MAX;
		int64_t next_message =
			r->start < r->n_waiting ? r->waiting[r->start].m.due_ms : INT64_MAX;

		if (next_message != INT64_MAX && next_message <= next_point &&
			next_message <= next_reply) {
			rc = send_next(r);
		} else if (next_point < in->to_ms && next_point <= next_reply) {
			size_t n = same_instant(in->plan, point);

			rc = decide(r, &in->plan->points[point], n);
			point += n;
		} else if (next_reply < in->to_ms) {
			rc = take_reply(r, &in->replies[reply++]);
		} else if (next_message != INT64_MAX) {
			rc = send_next(r);
		} else {
			break;
		}
	}
	return rc;
}

int rehearse_run(const struct rehearse_input *in,
	void (*tell_cb)(void *ctx, const struct rehearse_event *e), void *ctx, struct sw_err *err)
{
	size_t n_units = in->c->units->n;
	struct run r = {.in = in, .tell = tell_cb, .ctx = ctx, .err = err};
	int rc = -ENOMEM;

	r.facts = calloc(n_units, sizeof(*r.facts));
	r.last_group_ms = calloc(n_units, sizeof(*r.last_group_ms));
	r.senders = calloc(n_units + in->contacts->n, sizeof(*r.senders));
	r.reminded_ms = calloc(n_units, sizeof(*r.reminded_ms));
	r.contacts.items = calloc(in->contacts->n + 1, sizeof(*r.contacts.items));
	if (r.facts && r.last_group_ms && r.senders && r.reminded_ms && r.contacts.items) {
		r.contacts.n = in->contacts->n;
		for (size_t i = 0; i < in->contacts->n; i++)
			r.contacts.items[i] = in->contacts->items[i];
		for (size_t i = 0; i < n_units; i++)
			facts_init(&r.facts[i]);
		rc = run(&r);
	}
	for (size_t i = r.start; i < r.n_waiting; i++) {
		free(r.waiting[i].m.text);
		free(r.waiting[i].m.params);
	}
	free(r.contacts.items);
	free(r.reminded_ms);
	free(r.waiting);
	free(r.senders);
	free(r.last_group_ms);
	free(r.facts);
	if (rc == -ENOMEM && err && !err->code)
		err_set(err, rc, "rehearse: out of memory");
	return rc;
}

/* ---- units that do what is asked ---- */

/* The day on which totals are sent: two working days after the first reminder about quotas. */
static int64_t report_ms(const struct campaign *c, const struct plan *plan)
{
	struct civil d;

	for (size_t i = 0; i < plan->n; i++) {
		const struct def_reminder *rem = &c->reminders[plan->points[i].reminder];

		for (size_t k = 0; k < rem->n_when; k++) {
			if (rem->when[k].counter != COUNTER_NEED)
				continue;
			d = civil_of_ms(plan->points[i].due_ms);
			if (calendar_forward(c->calendar, d, 2, &d, NULL) < 0)
				d = civil_add(d, 2);
			return civil_at_ms(d, REPORT_MINUTE);
		}
	}
	return INT64_MAX;
}

/* "已报工作者2名、好邻居6户", other numbers for each unit, all within its quota; NULL: it has none. */
static char *totals_text(const struct campaign *c, int unit, size_t number)
{
	struct buf b;
	bool any = false;

	buf_init(&b, 1024);
	buf_adds(&b, "已报");
	for (size_t i = 0; i < c->n_categories; i++) {
		int min, max, cap;

		if (!campaign_quota(c, (int)i, unit, &min, &max))
			continue;
		cap = campaign_quota_cap(c, (int)i, unit);
		min = min < 0 ? 0 : min;
		if (cap > min)
			min += (int)(number % (size_t)(cap - min + 1));
		buf_addf(&b, "%s%s%d%s", any ? "、" : "", c->categories[i].short_name, min,
			c->categories[i].unit_word);
		any = true;
	}
	if (any)
		return buf_take(&b);
	buf_fini(&b);
	return NULL;
}

int rehearse_make_replies(const struct campaign *c, const struct plan *plan,
	struct rehearse_reply **ret, size_t *ret_n)
{
	size_t n_units = c->units->n_reporting, n = 0;
	struct rehearse_reply *all = calloc(n_units * 2 + 1, sizeof(*all));
	int64_t ack = plan->n ? plan->points[0].due_ms + HOUR_MS : INT64_MAX,
		report = report_ms(c, plan);

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n_units; i++)
		all[n++] = (struct rehearse_reply){.at_ms = ack,
			.unit = c->units->order[i],
			.contact = -1,
			.text = text_dup("收到")};
	for (size_t i = 0; i < n_units && report != INT64_MAX; i++) {
		char *text = totals_text(c, c->units->order[i], i);

		if (text)
			all[n++] = (struct rehearse_reply){.at_ms = report,
				.unit = c->units->order[i],
				.contact = -1,
				.text = text};
	}
	for (size_t i = 0; i < n; i++) {
		if (!all[i].text) {
			rehearse_replies_free(all, n);
			return -ENOMEM;
		}
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

void rehearse_replies_free(struct rehearse_reply *r, size_t n)
{
	for (size_t i = 0; r && i < n; i++)
		free(r[i].text);
	free(r);
}
