/*
 * notifier/campaign/reply_counts.c: how many of each category: reports, increments, corrections, forecasts.
 *
 * Totals, not increments. A number is taken only with what says which category it counts; everything that
 * could make it another number (a minus, a range, a 多 behind it) is asked back.
 */
#include <string.h>

#include "core/base/err.h"
#include "notifier/campaign/reply_internal.h"

enum { MAX_BARE = DEF_MAX_CATEGORIES + 1, TOO_LARGE = 10000 };

struct tally {
	int counts[DEF_MAX_CATEGORIES]; /* -1: not said */
	int bare[MAX_BARE], vague[MAX_BARE];
	size_t n_bare, n_vague;
	size_t last_bare; /* token */
	int pending;      /* the category named before the number, -1 */
	bool slash;       /* between two bare numbers */
	bool is_bad, is_range, is_negative;
	bool is_typed_wrong, is_inferred, is_delta, is_forecast, is_received, has_verb, is_today,
		is_respective;
};

static void place(struct tally *t, int category, int value)
{
	if (t->counts[category] >= 0 && t->counts[category] != value)
		t->is_bad = true; /* two different totals */
	t->counts[category] = value;
	t->pending = -1;
}

static size_t count_said(const struct tally *t)
{
	size_t n = 0;

	for (size_t i = 0; i < DEF_MAX_CATEGORIES; i++)
		n += t->counts[i] >= 0;
	return n;
}

/* ---- numbers ---- */

static const struct reply_token *token(
	const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	static const struct reply_token none = {.kind = W_SEP};

	return i >= cl->from && i < cl->to ? &rd->t->items[i] : &none;
}

/* The token before I that is no blank; cl->to when there is none. */
static size_t before(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	while (i > cl->from && rd->t->items[i - 1].kind == W_BLANK)
		i--;
	return i > cl->from ? i - 1 : cl->to;
}

static bool is_sign(const struct reply_token *tok, char c)
{
	return token_is(tok, W_PUNCT, c);
}

static bool is_range_mark(const struct reply_token *tok)
{
	return tok->kind == W_TO || is_sign(tok, '-') || is_sign(tok, '~');
}

/* What stands in front of the number at I may change it. */
static void look_before(
	const struct reader *rd, const struct reply_clause *cl, size_t i, struct tally *t)
{
	const struct reply_token *sign = token(rd, cl, i - 1);
	const struct reply_token *prev = token(rd, cl, before(rd, cl, i));

	if (is_range_mark(prev) &&
		token(rd, cl, before(rd, cl, before(rd, cl, i)))->kind == W_NUMBER)
		t->is_range = true;
	else if (i > cl->from && is_sign(sign, '-') &&
		 token(rd, cl, before(rd, cl, i - 1))->kind != W_MEASURE)
		t->is_negative = true;
	if (prev->kind == W_NEG && !strncmp(rd->t->s + prev->at, "负", 3))
		t->is_negative = true;
	if (i > cl->from + 1 && (is_sign(sign, '.') || is_sign(sign, ',')) &&
		token(rd, cl, i - 2)->kind == W_NUMBER)
		t->is_bad = true; /* 2.5 */
}

static void take_bare(const struct reader *rd, size_t i, int value, struct tally *t)
{
	for (size_t k = t->last_bare + 1; t->n_bare > 0 && k < i; k++) {
		const struct reply_token *tok = &rd->t->items[k];

		t->slash = t->slash || is_sign(tok, '/');
		if (tok->kind != W_BLANK && !is_sign(tok, '/') && !is_sign(tok, '+'))
			t->is_bad = true;
	}
	t->last_bare = i;
	if (t->n_bare < MAX_BARE)
		t->bare[t->n_bare++] = value;
}

/* 2名: the category of the measure; one the sender named must agree. Returns the token after it. */
static size_t take_measured(const struct reader *rd, const struct reply_clause *cl, size_t measure,
	int value, struct tally *t)
{
	size_t after = clause_next(rd, cl, measure);
	int mask = rd->t->items[measure].value, category = single_category(mask);

	if (rd->t->items[measure].flags & TYPED_WRONG)
		t->is_typed_wrong = true;
	if (t->pending >= 0) {
		if (!(mask >> t->pending & 1))
			t->is_bad = true;
		place(t, t->pending, value);
		return measure + 1;
	}
	/* 2名社区工作者; but in 6户 工作者2名 the noun belongs to the number behind it. */
	if (token(rd, cl, after)->kind == W_CATEGORY) {
		int noun = rd->t->items[after].value;
		bool next_number = token(rd, cl, clause_next(rd, cl, after))->kind == W_NUMBER;

		if (mask >> noun & 1) {
			place(t, noun, value);
			return after + 1;
		}
		if (!next_number)
			t->is_bad = true;
	}
	if (category >= 0)
		place(t, category, value);
	else if (t->n_vague < MAX_BARE)
		t->vague[t->n_vague++] = value;
	return measure + 1;
}

/* The 三 of 张三: a Han numeral behind a character nobody knows. */
static bool is_in_name(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	char c = rd->t->s[rd->t->items[i].at];

	return (c < '0' || c > '9') && token(rd, cl, i - 1)->kind == W_OTHER;
}

/* Returns the first token not used. */
static size_t take_number(
	struct reader *rd, const struct reply_clause *cl, size_t i, struct tally *t)
{
	size_t next = clause_next(rd, cl, i), after;
	int value = rd->t->items[i].value;

	look_before(rd, cl, i, t);
	if (value == -2)
		t->is_bad = true;
	if (value < 0)
		value = TOO_LARGE;
	switch (token(rd, cl, next)->kind) {
	case W_MEASURE:
		return take_measured(rd, cl, next, value, t);
	case W_VAGUE:
		after = clause_next(rd, cl, next);
		if (token(rd, cl, after)->kind == W_CATEGORY) {
			place(t, rd->t->items[after].value, value);
			return after + 1;
		}
		if (t->n_vague < MAX_BARE)
			t->vague[t->n_vague++] = value;
		t->pending = -1;
		return next + 1;
	case W_COUNTER:
		return next; /* counts something else */
	case W_CATEGORY:
		after = clause_next(rd, cl, next);
		if ((token(rd, cl, after)->kind != W_NUMBER || next == i + 1) && t->pending < 0) {
			place(t, rd->t->items[next].value, value);
			t->is_inferred = true;
			return next + 1;
		}
		break;
	default:
		break;
	}
	if (t->pending >= 0) {
		place(t, t->pending, value);
		t->is_inferred = true;
	} else if (is_in_name(rd, cl, i))
		rd->has_junk = true;
	else
		take_bare(rd, i, value, t);
	return i + 1;
}

/* ---- the words around them ---- */

/* 工作者、好邻居分别2名、6户: the one named before is not what the first number counts. */
static bool says_respectively(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		if (!strncmp(rd->t->s + rd->t->items[i].at, "分别", 6))
			return true;
	}
	return false;
}

static void take_category(
	const struct reader *rd, const struct reply_clause *cl, size_t i, struct tally *t)
{
	if (t->is_respective)
		return;
	/* 工作者和好邻居共2名6户: both were named for what follows. */
	for (size_t k = i + 1; k < cl->to; k++) {
		if (rd->t->items[k].kind == W_NUMBER)
			break;
		if (rd->t->items[k].kind == W_CATEGORY)
			return;
	}
	for (size_t k = i; k-- > cl->from;) {
		if (rd->t->items[k].kind == W_NUMBER)
			break;
		if (rd->t->items[k].kind == W_CATEGORY) {
			t->pending = -1;
			return;
		}
	}
	t->pending = rd->t->items[i].value;
}

/* A day beside a count: as of when it was true, or something else that was meant. */
static void take_date(struct reader *rd, const struct reply_clause *cl, size_t i, struct tally *t)
{
	const struct reply_date *d = token_date(rd, &rd->t->items[i]);
	const struct reply_token *prev = token(rd, cl, before(rd, cl, i));
	bool as_of = !strncmp(rd->t->s + prev->at, "截", 3) && prev->kind != W_SEP, done = as_of;

	for (size_t k = cl->from; k < cl->to; k++)
		done = done || token_is(&rd->t->items[k], W_VERB, VERB_DONE) ||
		       token_is(&rd->t->items[k], W_ALREADY, ALREADY_DONE);
	if (done && d->is_valid && civil_cmp(d->day, rd->today) <= 0)
		return;
	if (d->is_valid && clause_has(cl, W_VERB) && civil_cmp(d->day, rd->today) == 0)
		t->is_today = true;
	else
		rd->has_junk = true;
}

static void take_sign(struct reader *rd, size_t i)
{
	static const char harmless[] = ":/+~-.,";
	char c = (char)rd->t->items[i].value;

	if (c == '\0' || !strchr(harmless, c))
		rd->has_junk = true;
}

static void take_word(struct reader *rd, const struct reply_clause *cl, size_t i, struct tally *t)
{
	const struct reply_token *tok = &rd->t->items[i];

	switch ((enum reply_kind)tok->kind) {
	case W_VERB:
		t->has_verb = true;
		t->is_typed_wrong = t->is_typed_wrong || (tok->flags & TYPED_WRONG);
		break;
	case W_DELTA:
		if (count_said(t) > 0)
			t->is_bad = true; /* 报2人又报1户 */
		t->is_delta = true;
		break;
	case W_FORECAST:
		t->is_forecast = true;
		break;
	case W_ACK:
		if (tok->value == ACK_RECEIVED)
			t->is_received = true;
		else if (i != cl->from)
			rd->has_junk = true;
		break;
	case W_NEG:
	case W_UNSURE:
	case W_EXCEPT:
	case W_HEDGE:
	case W_GAP:
	case W_QUOTA:
		t->is_bad = true;
		break;
	case W_DATE:
		take_date(rd, cl, i, t);
		break;
	case W_PUNCT:
		take_sign(rd, i);
		break;
	case W_CATEGORY:
		take_category(rd, cl, i, t);
		break;
	case W_DEADLINE: /* 截止8月8日 */
	case W_BLANK:
	case W_FILLER:
	case W_UNIT:
	case W_SELF:
	case W_ALREADY:
	case W_CORRECT:
	case W_COURTESY:
	case W_PROMISE:
	case W_EMOJI:
	case W_URL:
	case W_BEFORE:
	case W_NO_PROBLEM:
	case W_TO:
		break;
	default:
		rd->has_junk = true;
		break;
	}
}

static void walk(struct reader *rd, const struct reply_clause *cl, size_t from, struct tally *t)
{
	for (size_t i = from; i < cl->to;) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind == W_NUMBER)
			i = take_number(rd, cl, i, t);
		else
			take_word(rd, cl, i++, t);
	}
}

/* ---- from a clause to an act ---- */

static void refuse_counts(struct reader *rd, const char *flag)
{
	rd->counts_are_bad = true;
	reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", flag);
}

/* Gives numbers without a category their place in the order of the campaign; false when it is not clear. */
static bool assign(const struct reader *rd, struct tally *t, const int *values, size_t n)
{
	size_t said = count_said(t), n_categories = rd->c->n_categories, k = 0;

	if (said + n != n_categories)
		return false;
	for (size_t i = 0; i < n_categories; i++) {
		if (t->counts[i] < 0)
			t->counts[i] = values[k++];
	}
	return true;
}

/* 报送8/12: two counts, or the twelfth of August? */
static bool may_be_date(const struct reader *rd, const struct tally *t)
{
	const struct campaign *c = rd->c;
	struct civil d = {rd->today.year, 0, 0};

	if (!t->slash || t->n_bare != 2 || t->bare[0] > 12 || t->bare[1] > 31 || c->n_phases == 0)
		return false;
	d.month = (uint8_t)t->bare[0];
	d.day = (uint8_t)t->bare[1];
	return civil_valid(d) && civil_cmp(c->phases[0].start, d) <= 0 &&
	       civil_cmp(d, c->phases[c->n_phases - 1].end) <= 0;
}

/* The flags of how the counts were written; false when they are asked back. RET: must they be confirmed? */
static bool settle(struct reader *rd, struct tally *t, bool *ret_confirm)
{
	bool confirm = false, asked = rd->ctx->open == OPEN_REPORT;

	if (t->is_range || t->is_negative || t->is_bad) {
		refuse_counts(rd, t->is_negative ? "NEGATIVE" : t->is_range ? "RANGE" : NULL);
		return false;
	}
	if (t->n_bare > 0 && count_said(t) == 0 && t->n_vague == 0) {
		if (!assign(rd, t, t->bare, t->n_bare)) {
			refuse_counts(rd, "BARE_NUMBERS");
			return false;
		}
		if (!t->has_verb && !asked && !t->is_forecast && !t->is_delta) {
			reader_flag(rd, "BARE_NUMBERS");
			confirm = true;
		}
	} else if (t->n_bare > 0) {
		if (t->n_vague > 0 || !assign(rd, t, t->bare, t->n_bare)) {
			refuse_counts(rd, NULL);
			return false;
		}
		t->is_inferred = true;
	}
	if (t->n_vague > 0) {
		reader_flag(rd, "VAGUE_MEASURE");
		confirm = true;
		if (!assign(rd, t, t->vague, t->n_vague)) {
			refuse_counts(rd, NULL);
			return false;
		}
	}
	if (may_be_date(rd, t) || t->is_today) {
		reader_flag(rd, "DATE_OR_REPORT");
		confirm = true;
	}
	if (t->is_inferred)
		reader_flag(rd, "INFERRED");
	if (t->is_typed_wrong)
		reader_flag(rd, "TYPO");
	if (t->is_received || (rd->has_received && !t->has_verb && !rd->is_correction))
		reader_flag(rd, "ACK_OR_REPORT");
	*ret_confirm = confirm || t->is_inferred || reply_has_flag(rd->r, "ACK_OR_REPORT");
	return true;
}

static bool is_count(enum reply_act_kind kind)
{
	return kind == ACT_REPORT || kind == ACT_CORRECT || kind == ACT_FORECAST;
}

/* Counts of one kind and unit said in several clauses are one act. */
static struct reply_act *act_for(struct reader *rd, enum reply_act_kind kind, bool delta)
{
	struct reply_act *act;

	for (size_t i = 0; i < rd->r->n_acts; i++) {
		act = &rd->r->acts[i];
		if (act->kind == kind && act->delta == delta && act->unit == rd->unit) {
			rd->last = (int)i;
			return act;
		}
	}
	act = reader_act(rd, kind, REPLY_APPLY, kind == ACT_FORECAST ? "R-FORECAST" : "R-REPORT");
	if (act)
		act->delta = delta;
	return act;
}

/* What this message reported and then corrects becomes the correction; what is said anew takes its place. */
static void correct_report(struct reader *rd, const struct tally *t)
{
	for (size_t i = 0; i < rd->r->n_acts; i++) {
		struct reply_act *act = &rd->r->acts[i];

		if (act->kind != ACT_REPORT || act->delta || act->unit != rd->unit)
			continue;
		act->kind = ACT_CORRECT;
		for (size_t k = 0; k < DEF_MAX_CATEGORIES; k++) {
			if (t->counts[k] >= 0)
				act->counts[k] = -1;
		}
	}
}

static bool read_counts(struct reader *rd, const struct reply_clause *cl, size_t from)
{
	struct tally t = {.pending = rd->category};
	enum reply_act_kind kind;
	struct reply_act *act;
	bool confirm = false;

	for (size_t i = 0; i < DEF_MAX_CATEGORIES; i++)
		t.counts[i] = -1;
	if (t.pending >= 0 && says_respectively(rd, cl)) {
		t.is_respective = true;
		t.pending = -1;
	}
	rd->category = -1;
	walk(rd, cl, from, &t);
	if (count_said(&t) == 0 && t.n_bare == 0 && t.n_vague == 0)
		return false;
	rd->has_report_verb = rd->has_report_verb || t.has_verb;
	if (!settle(rd, &t, &confirm))
		return true;
	kind = t.is_forecast ? ACT_FORECAST : rd->is_correction ? ACT_CORRECT : ACT_REPORT;
	if (kind == ACT_CORRECT)
		correct_report(rd, &t);
	act = act_for(rd, kind, kind == ACT_REPORT && t.is_delta);
	if (!act)
		return true;
	for (size_t i = 0; i < rd->c->n_categories; i++) {
		if (t.counts[i] < 0)
			continue;
		if (act->counts[i] >= 0 && act->counts[i] != t.counts[i])
			refuse_counts(rd, NULL); /* two different totals */
		act->counts[i] = t.counts[i];
	}
	if (confirm || act->delta)
		rd->out[rd->last] = (struct reply_outcome){REPLY_CONFIRM, "R-CONFIRM"};
	if (act->delta)
		reader_flag(rd, "DELTA");
	return true;
}

bool rule_counts(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t subject[] = {W_CATEGORY, W_VERB, W_KINDS},
			     verb[] = {W_VERB, W_END, W_KINDS};

	if (!clause_has(cl, W_NUMBER)) {
		/* 报了，2人6户: what was reported comes next, or is asked for. */
		if (clause_has(cl, W_VERB) && clause_only(cl, verb)) {
			rd->has_report_verb = true;
			return true;
		}
		if (!clause_has(cl, W_CATEGORY) || !clause_only(cl, subject))
			return false;
		rd->category = rd->category < 0 ? single_category(clause_categories(rd, cl)) : -1;
		return true;
	}
	/* 18号前报，2人6户 is still a plan. */
	if (rd->last >= 0 && !clause_has(cl, W_VERB) &&
		(rd->r->acts[rd->last].kind == ACT_PLAN ||
			rd->r->acts[rd->last].kind == ACT_EXTENSION) &&
		clause_has(cl, W_MEASURE))
		return true;
	return read_counts(rd, cl, cl->from);
}

bool rule_correction(struct reader *rd, const struct reply_clause *cl)
{
	size_t last = cl->from;

	if (!clause_has(cl, W_CORRECT) || clause_has(cl, W_CONTACT) || clause_has(cl, W_ITEM) ||
		clause_has(cl, W_MATERIALS) || clause_has(cl, W_NOTICE) || cl->end == '?')
		return false;
	for (size_t i = cl->from; i < cl->to; i++) {
		if (rd->t->items[i].kind == W_CORRECT)
			last = i;
	}
	rd->is_correction = true;
	rd->category = -1;
	for (size_t i = last; i < cl->to; i++) {
		if (rd->t->items[i].kind == W_NUMBER)
			return read_counts(rd, cl, last);
	}
	return true; /* the numbers come in the next clause; those before it are the wrong ones */
}

/* ---- what the counts amount to ---- */

static void judge_report(struct reader *rd, size_t i)
{
	const struct campaign *c = rd->c;
	const struct reply_act *act = &rd->r->acts[i];
	int unit = act->unit >= 0 ? act->unit : rd->ctx->unit;
	bool total = act->kind != ACT_FORECAST && !act->delta, above = false, below = false,
	     less = false;
	char flag[24]; /* "ABOVE_MAX_" and at most seven letters of a category */

	for (size_t k = 0; k < c->n_categories; k++) {
		int n = act->counts[k], min = -1, max = -1;

		if (n < 0)
			continue;
		(void)campaign_quota(c, (int)k, unit, &min, &max);
		if (n >= TOO_LARGE || (max >= 0 && n > 3 * max)) {
			rd->counts_are_bad = true;
			reader_issue(rd, REPLY_ASK, "R-IMPLAUSIBLE", "IMPLAUSIBLE");
			return;
		}
		if (total && max >= 0 && n > max) {
			above = true;
			snprintf(flag, sizeof(flag), "ABOVE_MAX_%.7s", c->categories[k].flag);
			reader_flag(rd, flag);
		}
		less = less || (total && act->unit < 0 && rd->ctx->stored[k] >= 0 &&
				       n < rd->ctx->stored[k]);
	}
	for (size_t k = 0; k < c->n_categories && total && !less; k++) {
		int n = act->counts[k], min = -1, max = -1;

		if (n < 0 || !campaign_quota(c, (int)k, unit, &min, &max) || n >= min)
			continue;
		below = true;
		snprintf(flag, sizeof(flag), "BELOW_MIN_%.7s", c->categories[k].flag);
		reader_flag(rd, flag);
	}
	if (less) {
		reader_flag(rd, "DECREASE");
		rd->out[i] = (struct reply_outcome){REPLY_CONFIRM, "R-CONFIRM"};
	}
	if (rd->out[i].disposition == REPLY_APPLY && (above || below))
		rd->out[i].reply = above ? "R-ABOVE-MAX" : "R-BELOW-MIN";
}

/* 又报1户 and a total of the same category: which one holds is not clear. */
static bool contradicts_delta(const struct reader *rd, size_t i)
{
	const struct reply_act *a = &rd->r->acts[i];

	for (size_t k = 0; k < rd->r->n_acts; k++) {
		const struct reply_act *b = &rd->r->acts[k];

		if (b->kind == ACT_FORECAST || !is_count(b->kind) || b->delta || b->unit != a->unit)
			continue;
		for (size_t n = 0; n < DEF_MAX_CATEGORIES; n++) {
			if (a->counts[n] >= 0 && b->counts[n] >= 0)
				return true;
		}
	}
	return false;
}

/* 材料齐了，还差照片 */
static bool materials_contradict(const struct reply_reading *r)
{
	for (size_t i = 0; i < r->n_acts; i++) {
		for (size_t k = 0; k < r->n_acts; k++) {
			const struct reply_act *a = &r->acts[i], *b = &r->acts[k];

			if (a->kind != ACT_MATERIALS || b->kind != ACT_MATERIALS ||
				strcmp(b->state, "missing") != 0)
				continue;
			if (a->unit != b->unit || (a->category >= 0 && b->category >= 0 &&
							  a->category != b->category))
				continue;
			if (!strcmp(a->state, "complete"))
				return true;
			for (size_t n = 0; n < a->n_items && !strcmp(a->state, "received"); n++) {
				for (size_t m = 0; m < b->n_items; m++) {
					if (a->items[n] == b->items[m])
						return true;
				}
			}
		}
	}
	return false;
}

static void drop_kind(struct reader *rd, bool (*is)(enum reply_act_kind))
{
	for (size_t i = rd->r->n_acts; i-- > 0;) {
		if (is(rd->r->acts[i].kind))
			reader_drop_act(rd, i);
	}
}

static bool is_materials(enum reply_act_kind kind)
{
	return kind == ACT_MATERIALS;
}

static void finish_gap(struct reader *rd)
{
	struct reply_act *act;

	reader_flag(rd, "GAP_STATED");
	for (size_t i = 0; i < rd->r->n_acts; i++) {
		if (is_count(rd->r->acts[i].kind))
			return;
	}
	act = reader_act(rd, ACT_QUERY, REPLY_APPLY, "R-PROGRESS");
	if (act)
		reader_word(act->what, sizeof(act->what), "gap");
}

void finish_counts(struct reader *rd)
{
	bool corrected = false, reported = false;

	for (size_t i = 0; i < rd->r->n_acts; i++) {
		const struct reply_act *act = &rd->r->acts[i];

		corrected = corrected || act->kind == ACT_CORRECT;
		reported = reported || act->kind == ACT_REPORT;
		if (!is_count(act->kind))
			continue;
		if (act->unit < 0 && (rd->ctx->unit < 0 || rd->ctx->role == REPLY_REGION))
			refuse_counts(
				rd, "ROLE"); /* whose counts? the region has none of its own */
		else if (act->delta && contradicts_delta(rd, i))
			refuse_counts(rd, NULL);
		else if (!rd->counts_are_bad)
			judge_report(rd, i);
	}
	/* 3人6户，前面的不对: which of them? */
	if (rd->is_correction && !corrected && (reported || (rd->r->n_acts == 0 && !rd->has_issue)))
		refuse_counts(rd, NULL);
	if (rd->counts_are_bad)
		drop_kind(rd, is_count);
	if (materials_contradict(rd->r)) {
		drop_kind(rd, is_materials);
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
	}
	if (rd->gap_stated)
		finish_gap(rd);
}
