/*
 * notifier/campaign/reply_notice.c: the rules that turn on a day: public notices, plans, extensions.
 *
 * A notice is judged by the definition's working days; one that is too short is registered and said, one
 * that cannot end in time is confirmed first.
 */
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/reply_internal.h"

/* ---- days of a clause ---- */

struct span {
	struct reply_date days[3];
	size_t n;
	bool is_range; /* a 至 or - between the first two */
	bool only_end; /* 公示到18日 */
};

static bool is_range_mark(const struct reply_token *tok)
{
	return tok->kind == W_TO || token_is(tok, W_PUNCT, '-') || token_is(tok, W_PUNCT, '~');
}

/* A bare number after a mark of range is a day of the month before it: 8.12-18. */
static bool day_of(const struct reader *rd, const struct reply_token *tok, struct reply_date *ret)
{
	if (tok->kind == W_DATE) {
		*ret = *token_date(rd, tok);
		return true;
	}
	if (tok->kind != W_NUMBER || tok->value < 1 || tok->value > 31)
		return false;
	*ret = (struct reply_date){.day = {rd->today.year, rd->today.month, (uint8_t)tok->value}};
	ret->is_valid = civil_valid(ret->day);
	return true;
}

/* The day that had no month takes it from the one before. */
static void inherit_month(struct reply_date *d, const struct reply_date *from)
{
	if (d->has_month)
		return;
	d->day.month = from->day.month;
	if (!d->has_year)
		d->day.year = from->day.year;
	d->has_month = from->has_month;
	d->has_year = from->has_year;
	d->is_valid = civil_valid(d->day);
}

/* The 12 of 12-18号 */
static bool opens_range(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	size_t mark = clause_next(rd, cl, i), end;

	if (rd->t->items[i].kind != W_NUMBER || mark == cl->to ||
		!is_range_mark(&rd->t->items[mark]))
		return false;
	end = clause_next(rd, cl, mark);
	return end < cl->to && rd->t->items[end].kind == W_DATE &&
	       !token_date(rd, &rd->t->items[end])->has_month;
}

static struct span read_span(const struct reader *rd, const struct reply_clause *cl)
{
	struct span sp = {.n = 0};
	bool mark = false;

	for (size_t i = cl->from; i < cl->to && sp.n < 3; i++) {
		const struct reply_token *tok = &rd->t->items[i];
		struct reply_date d;

		if (is_range_mark(tok)) {
			mark = true;
			continue;
		}
		if ((tok->kind == W_DATE || (mark && sp.n == 1) || opens_range(rd, cl, i)) &&
			day_of(rd, tok, &d)) {
			if (sp.n == 0)
				sp.only_end = mark;
			if (sp.n == 1) {
				sp.is_range = mark;
				inherit_month(&d, &sp.days[0]);
				if (!d.has_year && sp.days[0].has_year)
					d.day.year = sp.days[0].day.year;
			}
			sp.days[sp.n++] = d;
		}
		if (tok->kind != W_BLANK)
			mark = false;
	}
	return sp;
}

/* ---- notices ---- */

/* The notice of the campaign that units post: the first that is not the highest tier's. */
static const struct def_notice *posted_notice(const struct campaign *c)
{
	for (size_t i = 0; i < c->n_notices; i++) {
		int tier = c->notices[i].tier;

		if (tier >= 0 && c->tiers[tier].parent >= 0)
			return &c->notices[i];
	}
	return c->n_notices > 0 ? &c->notices[0] : NULL;
}

static bool in_campaign(const struct campaign *c, struct civil d)
{
	return c->n_phases == 0 || (civil_cmp(c->phases[0].start, d) <= 0 &&
					   civil_cmp(d, c->phases[c->n_phases - 1].end) <= 0);
}

static void bad_date(struct reader *rd, const char *flag)
{
	reader_issue(rd, REPLY_ASK, "R-BAD-DATE", flag);
}

static bool are_days_usable(struct reader *rd, const struct span *sp)
{
	for (size_t i = 0; i < sp->n; i++) {
		if (!sp->days[i].is_valid) {
			bad_date(rd, "DATE_INVALID");
			return false;
		}
		if (!in_campaign(rd->c, sp->days[i].day)) {
			bad_date(rd, "DATE_OUT_OF_CAMPAIGN");
			return false;
		}
	}
	return true;
}

static void judge_notice(struct reader *rd, struct reply_act *act, struct reply_outcome *out)
{
	const struct campaign *c = rd->c;
	const struct def_notice *n = posted_notice(c);
	bool inclusive = c->count_start_day, is_short = false, is_tight = false, is_late = false;
	struct civil end;

	if (n && calendar_notice_end(c->calendar, act->start, n->days, inclusive, &end, NULL) == 0)
		is_short = civil_cmp(end, act->end) > 0;
	if (n && n->must_end_by.year) {
		is_late = civil_cmp(act->end, n->must_end_by) > 0;
		if (calendar_notice_end(c->calendar, act->start, n->days, false, &end, NULL) == 0)
			is_tight = civil_cmp(end, n->must_end_by) > 0;
	}
	if (is_short) {
		reader_flag(rd, "NOTICE_SHORT");
		*out = (struct reply_outcome){REPLY_APPLY, "R-NOTICE-SHORT"};
	} else if (is_tight)
		reader_flag(rd, "NOTICE_TIGHT");
	if ((is_late && !is_short) || civil_cmp(act->end, rd->today) < 0)
		*out = (struct reply_outcome){REPLY_CONFIRM, "R-CONFIRM"};
}

static struct reply_act *notice_act(
	struct reader *rd, const char *state, enum reply_disposition d, const char *reply)
{
	struct reply_act *act = reader_act(rd, ACT_NOTICE, d, reply);

	if (act)
		reader_word(act->state, sizeof(act->state), state);
	return act;
}

static void read_running(struct reader *rd, const struct span *sp)
{
	struct reply_act *act;
	struct reply_outcome *out;

	if (!are_days_usable(rd, sp))
		return;
	if (sp->n == 1 && sp->only_end) {
		bad_date(rd, "START_MISSING");
		return;
	}
	if (sp->n < 2) {
		act = notice_act(rd, "running", REPLY_ASK, "R-NOTICE-END");
		if (act && sp->n == 1)
			act->start = sp->days[0].day;
		reader_flag(rd, "END_MISSING");
		return;
	}
	if (sp->n > 2) {
		reader_issue(rd, REPLY_ASK, "R-BAD-DATE", NULL);
		return;
	}
	if (civil_cmp(sp->days[1].day, sp->days[0].day) < 0) {
		bad_date(rd, "DATE_ORDER");
		return;
	}
	act = notice_act(rd, "running", REPLY_APPLY, "R-NOTICE");
	if (!act)
		return;
	act->start = sp->days[0].day;
	act->end = sp->days[1].day;
	out = &rd->out[rd->last];
	judge_notice(rd, act, out);
	if (!sp->days[0].has_month) {
		reader_flag(rd, "INFERRED_MONTH");
		*out = (struct reply_outcome){REPLY_CONFIRM, "R-CONFIRM"};
	}
}

static void read_ended(struct reader *rd, const struct reply_clause *cl, const struct span *sp)
{
	struct reply_act *act;
	bool quiet = clause_has(cl, W_NO_OBJECTION);

	if (clause_has(cl, W_NEG) || clause_has(cl, W_HEDGE) || clause_has(cl, W_FORECAST)) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return;
	}
	if (!are_days_usable(rd, sp))
		return;
	if (sp->n == 2 && civil_cmp(sp->days[1].day, rd->today) > 0) {
		read_running(rd, sp); /* 8月12日至18日期满: when it will */
		return;
	}
	if (sp->n > 0 && civil_cmp(sp->days[sp->n - 1].day, rd->today) > 0) {
		bad_date(rd, "START_MISSING");
		return;
	}
	/* Without a word that it is over, no objections so far is not the end. */
	act = notice_act(rd, "ended", clause_has(cl, W_END) ? REPLY_APPLY : REPLY_CONFIRM,
		clause_has(cl, W_END) ? "R-NOTICE-ENDED" : "R-CONFIRM");
	if (act)
		act->has_objections = quiet;
}

static void read_objection(struct reader *rd, const struct reply_clause *cl)
{
	struct reply_act *act;
	int n = -1;

	for (size_t i = cl->from; i < cl->to; i++) {
		if (rd->t->items[i].kind == W_NUMBER)
			n = rd->t->items[i].value;
	}
	if (clause_has(cl, W_NEG) || n == 0) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return;
	}
	act = notice_act(rd, "objection", REPLY_QUEUE, "R-OBJECTION-UNIT");
	if (act && n > 0) {
		act->has_objections = true;
		act->objections = n;
	}
}

bool rule_notice(struct reader *rd, const struct reply_clause *cl)
{
	struct span sp;

	if (clause_has(cl, W_OBJECTION)) {
		read_objection(rd, cl);
		return true;
	}
	if (!clause_has(cl, W_NOTICE))
		return false;
	sp = read_span(rd, cl);
	if (clause_has(cl, W_END) || clause_has(cl, W_NO_OBJECTION))
		read_ended(rd, cl, &sp);
	else if (clause_has(cl, W_NEG))
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
	else
		read_running(rd, &sp);
	return true;
}

bool continue_notice(struct reader *rd, const struct reply_clause *cl, struct reply_act *act)
{
	static const uint8_t quiet[] = {W_NO_OBJECTION, W_KINDS};
	static const uint8_t ending[] = {W_DATE, W_END, W_TO, W_NOTICE, W_KINDS};
	static const uint8_t over[] = {W_END, W_NOTICE, W_KINDS},
			     length[] = {W_NUMBER, W_COUNTER, W_KINDS};
	struct reply_date start = {.day = act->start, .is_valid = true, .has_month = true};
	struct span sp;

	if (!strcmp(act->state, "ended") && clause_has(cl, W_NO_OBJECTION) &&
		clause_only(cl, quiet)) {
		act->has_objections = true;
		act->objections = 0;
		return true;
	}
	if (!strcmp(act->state, "ended") && clause_has(cl, W_END) && clause_only(cl, over)) {
		rd->out[rd->last] = (struct reply_outcome){REPLY_APPLY, "R-NOTICE-ENDED"};
		return true;
	}
	if (clause_has(cl, W_COUNTER) && clause_only(cl, length))
		return true; /* 共5个工作日 */
	if (strcmp(act->state, "running") != 0 || act->end.year || !act->start.year ||
		!clause_has(cl, W_DATE) || !(clause_has(cl, W_END) || clause_has(cl, W_TO)) ||
		!clause_only(cl, ending))
		return false;
	sp = read_span(rd, cl);
	if (sp.n != 1)
		return false;
	inherit_month(&sp.days[0], &start);
	sp = (struct span){.days = {start, sp.days[0]}, .n = 2, .is_range = true};
	reader_drop_act(rd, (size_t)rd->last);
	reader_unflag(rd, "END_MISSING");
	read_running(rd, &sp);
	return true;
}

/* ---- plans and extensions ---- */

static struct civil deadline_day(const struct campaign *c)
{
	if (c->submit_deadline >= 0)
		return civil_of_ms(c->deadlines[c->submit_deadline].due_ms);
	return (struct civil){2200, 1, 1};
}

/* A day without month that has passed is one of next month. */
static struct civil coming(const struct reader *rd, const struct reply_date *d)
{
	struct civil day = d->day;

	if (d->has_month || civil_cmp(day, rd->today) >= 0)
		return day;
	day.year = (int16_t)(day.month == 12 ? day.year + 1 : day.year);
	day.month = (uint8_t)(day.month == 12 ? 1 : day.month + 1);
	return day;
}

static void plan_for(struct reader *rd, const struct reply_date *d, bool asks_for_delay)
{
	struct civil day = coming(rd, d);
	struct reply_act *act;

	if (!d->is_valid || !civil_valid(day)) {
		bad_date(rd, "DATE_INVALID");
		return;
	}
	if (civil_cmp(day, rd->today) < 0 || day.year > rd->today.year + 1) {
		bad_date(rd, "DATE_OUT_OF_CAMPAIGN");
		return;
	}
	if (!d->has_month)
		reader_flag(rd, "INFERRED_MONTH");
	if (civil_cmp(day, deadline_day(rd->c)) > 0)
		act = reader_act(rd, ACT_EXTENSION, REPLY_QUEUE, "R-EXTENSION");
	else {
		act = reader_act(rd, ACT_PLAN, REPLY_APPLY, "R-PLAN");
		if (asks_for_delay)
			reader_flag(rd, "WITHIN_DEADLINE");
	}
	if (act)
		act->date = day;
}

/* What one does by a day: 报送, 寄出, 交齐. Returns its token, cl->to when there is none. */
static size_t find_doing(
	const struct reader *rd, const struct reply_clause *cl, size_t from, bool *done)
{
	for (size_t i = from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind != W_VERB && tok->kind != W_SENT && tok->kind != W_COMPLETE &&
			tok->kind != W_ARRIVED)
			continue;
		if (tok->kind == W_END)
			continue;
		*done = token_is(tok, W_VERB, VERB_DONE) ||
			(tok->kind == W_SENT && tok->value >= SENT_POST &&
				!strncmp(rd->t->s + tok->at, "已", 3));
		return i;
	}
	return cl->to;
}

/* 截至8月8日: the day only says as of when. */
static bool as_of(const struct reader *rd, const struct reply_clause *cl, size_t day)
{
	size_t i = day;

	while (i > cl->from && rd->t->items[i - 1].kind == W_BLANK)
		i--;
	return i > cl->from && (!strncmp(rd->t->s + rd->t->items[i - 1].at, "截至", 6) ||
				       !strncmp(rd->t->s + rd->t->items[i - 1].at, "截止", 6));
}

static bool read_delay(struct reader *rd, const struct reply_clause *cl)
{
	const struct reply_date *last = NULL;

	for (size_t i = cl->from; i < cl->to; i++) {
		if (rd->t->items[i].kind == W_DATE)
			last = token_date(rd, &rd->t->items[i]);
	}
	if (clause_has(cl, W_NEG) || !last)
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
	else
		plan_for(rd, last, true);
	return true;
}

bool rule_plan(struct reader *rd, const struct reply_clause *cl)
{
	const struct reply_token *tok = clause_find(rd, cl, W_DATE);
	const struct reply_date *d;
	bool done = false, counts = clause_has(cl, W_MEASURE) || clause_has(cl, W_VAGUE);
	size_t day, doing;

	if (clause_has(cl, W_EXTEND))
		return read_delay(rd, cl);
	if (!tok || clause_has(cl, W_NEG))
		return false;
	d = token_date(rd, tok);
	day = (size_t)(tok - rd->t->items);
	doing = find_doing(rd, cl, day + 1, &done);
	done = done || clause_says_done(rd, cl);
	if (doing == cl->to && find_doing(rd, cl, cl->from, &done) < cl->to &&
		clause_has(cl, W_BEFORE))
		doing = day; /* 报送在18日前 */
	/* 8月5日寄出, 8月5日报2人6户: what was done then is for the rules that follow. */
	if (doing < cl->to && !clause_has(cl, W_BEFORE) && civil_cmp(d->day, rd->today) < 0 &&
		d->is_valid && d->has_month && (counts || clause_has(cl, W_SENT)))
		return false;
	if (as_of(rd, cl, day) || (done && d->is_valid && civil_cmp(d->day, rd->today) <= 0))
		return false;
	if (doing == cl->to && counts)
		return false;
	if (doing < cl->to && !done && !clause_has(cl, W_ITEM)) {
		/* 今天报2人6户 is more likely the report than the plan. */
		if (counts && !clause_has(cl, W_BEFORE) && civil_cmp(d->day, rd->today) == 0)
			return false;
		plan_for(rd, d, false);
		return true;
	}
	if (!d->is_valid)
		bad_date(rd, "DATE_INVALID");
	else
		reader_issue(rd, REPLY_ASK, "R-WHAT-DATE", "BARE_DATE");
	return true;
}
