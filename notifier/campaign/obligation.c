/*
 * notifier/campaign/obligation.c: obligations and counters, computed anew each time from facts and quotas.
 *
 * A figure that is not known counts as 0: silence is what reminders are for. What a unit claims closes nothing;
 * it only moves an item from open to claimed until the receiving tier has verified it.
 */
#include "notifier/campaign/obligation.h"

static int positive(int n)
{
	return n > 0 ? n : 0;
}

static int64_t deadline_ms(const struct campaign *c, int deadline)
{
	return deadline >= 0 ? c->deadlines[deadline].due_ms : 0;
}

static struct obligation base(enum obligation_kind kind, int64_t due_ms)
{
	return (struct obligation){
		.kind = kind, .category = -1, .min = -1, .max = -1, .cap = -1, .due_ms = due_ms};
}

/* The quota obligation of a category; false when it has none for this unit. */
static bool quota_of(const struct campaign *c, int category, int unit, const struct unit_facts *f,
	struct obligation *ret)
{
	const struct fact_count *k = &f->counts[category];
	struct obligation o = base(OBLIGATION_QUOTA, deadline_ms(c, c->list_deadline));

	if (!campaign_quota(c, category, unit, &o.min, &o.max))
		return false;
	o.category = category;
	o.cap = campaign_quota_cap(c, category, unit);
	o.have = k->known ? k->value : 0;
	o.need = positive(o.min - o.have);
	o.over = o.cap >= 0 ? positive(o.have - o.cap) : 0;
	o.room = o.cap >= 0 ? positive(o.cap - o.have) : 0;
	if (k->known && k->verified)
		o.state = STATE_CLOSED;
	else if (o.cap >= 0 && o.cap < o.min)
		o.state = STATE_INFEASIBLE;
	else
		o.state = !k->known || o.need > 0 || o.over > 0 ? STATE_OPEN : STATE_CLAIMED;
	*ret = o;
	return true;
}

static bool said_to_be_sent(const struct unit_facts *f)
{
	return f->submitted_paper || f->submitted_electronic || f->submitted_verified;
}

static struct obligation materials_of(const struct campaign *c, const struct unit_facts *f)
{
	struct obligation o = base(OBLIGATION_MATERIALS, deadline_ms(c, c->submit_deadline));

	o.state = f->submitted_verified ? STATE_CLOSED
		  : said_to_be_sent(f)  ? STATE_CLAIMED
					: STATE_OPEN;
	return o;
}

size_t obligations_of(const struct campaign *c, int unit, const struct unit_facts *f,
	int64_t now_ms, struct obligation *ret)
{
	bool reports = campaign_tier_of(c, unit) == c->reporting_tier;
	size_t n = 0;

	if (reports) {
		ret[n] = base(OBLIGATION_ACK, 0);
		ret[n++].state = f->ack_ms ? STATE_CLOSED : STATE_OPEN;
	}
	for (size_t i = 0; i < c->n_categories; i++) {
		if (!quota_of(c, (int)i, unit, f, &ret[n]))
			continue;
		ret[n++].paused = f->counts[i].paused_until_ms > now_ms;
	}
	if (reports) {
		ret[n] = materials_of(c, f);
		ret[n++].paused = f->submitted_paused_until_ms > now_ms;
	}
	for (size_t i = 0; i < n; i++)
		ret[i].overdue =
			ret[i].due_ms && now_ms > ret[i].due_ms && ret[i].state == STATE_OPEN;
	return n;
}

/* A report that holds today: it came on the same day, not after NOW. */
static bool reported_today(const struct unit_facts *f, int64_t now_ms)
{
	return f->report_ms && f->report_ms <= now_ms &&
	       civil_cmp(civil_of_ms(f->report_ms), civil_of_ms(now_ms)) == 0;
}

static int unreported(const struct unit_facts *f, int64_t now_ms, bool honour_pause)
{
	if (said_to_be_sent(f) || reported_today(f, now_ms))
		return 0;
	return honour_pause && f->submitted_paused_until_ms > now_ms ? 0 : 1;
}

static int of_category(const struct campaign *c, int category, int unit, const struct unit_facts *f,
	int64_t now_ms, enum def_counter counter, bool honour_pause)
{
	struct obligation o;

	if (counter == COUNTER_HAVE)
		return f->counts[category].known ? f->counts[category].value : 0;
	if (!quota_of(c, category, unit, f, &o) || o.state == STATE_CLOSED)
		return 0;
	if (honour_pause && f->counts[category].paused_until_ms > now_ms)
		return 0;
	return counter == COUNTER_OVER ? o.over : o.need;
}

int obligation_counter(const struct campaign *c, int unit, const struct unit_facts *f,
	int64_t now_ms, enum def_counter counter, int category, bool honour_pause)
{
	int sum = 0;

	switch (counter) {
	case COUNTER_HAVE:
	case COUNTER_NEED:
	case COUNTER_OVER:
	case COUNTER_MISSING: /* up to the minimum: the same as need */
		if (category >= 0)
			return of_category(c, category, unit, f, now_ms, counter, honour_pause);
		for (size_t i = 0; i < c->n_categories; i++)
			sum += of_category(c, (int)i, unit, f, now_ms, counter, honour_pause);
		return sum;
	case COUNTER_ACKS_MISSING:
		return f->ack_ms == 0;
	case COUNTER_UNREPORTED:
		return unreported(f, now_ms, honour_pause);
	case COUNTER_MATERIALS_MISSING:
	case COUNTER_UNCONFIRMED_DEPARTMENTS:
	case COUNTER_NOTICES_NOT_STARTED:
	case COUNTER_CONSULTATIONS_OPEN:
	case COUNTER_OTHER:
	case COUNTER_COUNT:
		break; /* no facts of these yet; a reminder that rests on one is never planned */
	}
	return 0;
}

const char *obligation_state_name(enum obligation_state s)
{
	static const char *const names[] = {[STATE_OPEN] = "open",
		[STATE_CLAIMED] = "claimed",
		[STATE_CLOSED] = "closed",
		[STATE_INFEASIBLE] = "infeasible",
		[STATE_WAIVED] = "waived"};

	return names[s];
}

int64_t obligation_pause_end_ms(const struct campaign *c, int64_t now_ms)
{
	struct civil today = civil_of_ms(now_ms), next;

	/* A year without rows: a plain day, so that a reply never fails for want of a calendar. */
	if (calendar_forward(c->calendar, today, 1, &next, NULL) < 0)
		next = civil_add(today, 1);
	return now_ms + civil_diff(next, today) * CIVIL_DAY_MS;
}
