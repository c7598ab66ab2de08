/*
 * notifier/campaign/reply_read.c: the order of the rules: first the whole message, then clause by clause.
 *
 * A clause is read by the first rule that fits it; what no rule knows makes the rest doubtful. The
 * strictest clause decides what becomes of the message.
 */
#include <string.h>

#include "core/base/err.h"
#include "core/base/text.h"
#include "notifier/campaign/reply_internal.h"

/* ---- what the rules write to ---- */

static void add_flag(struct reply_reading *r, const char *flag)
{
	if (reply_has_flag(r, flag) || r->n_flags == REPLY_MAX_FLAGS)
		return;
	if (text_copy(r->flags[r->n_flags], sizeof(r->flags[0]), flag) == 0)
		r->n_flags++;
}

void reader_flag(struct reader *rd, const char *flag)
{
	add_flag(rd->r, flag);
}

/* refuse > ask > confirm > queue > apply > ignore */
static int strictness(enum reply_disposition d)
{
	switch (d) {
	case REPLY_REFUSE:
		return 5;
	case REPLY_ASK:
		return 4;
	case REPLY_CONFIRM:
		return 3;
	case REPLY_QUEUE:
		return 2;
	case REPLY_APPLY:
		return 1;
	case REPLY_IGNORE:
		break;
	}
	return 0;
}

void reader_issue(struct reader *rd, enum reply_disposition d, const char *reply, const char *flag)
{
	if (flag)
		reader_flag(rd, flag);
	if (rd->has_issue && strictness(rd->issue.disposition) >= strictness(d))
		return;
	rd->issue = (struct reply_outcome){d, reply};
	rd->has_issue = true;
}

/* What a unit does, as against what its contact does. */
static bool concerns_unit(enum reply_act_kind kind)
{
	switch (kind) {
	case ACT_REPORT:
	case ACT_CORRECT:
	case ACT_FORECAST:
	case ACT_MATERIALS:
	case ACT_NOTICE:
	case ACT_DISCIPLINE:
	case ACT_SUBMITTED:
	case ACT_PLAN:
	case ACT_EXTENSION:
	case ACT_STATUS:
	case ACT_QUERY:
		return true;
	default:
		return false;
	}
}

struct reply_act *reader_act(
	struct reader *rd, enum reply_act_kind kind, enum reply_disposition d, const char *reply)
{
	struct reply_act *act;

	if (rd->r->n_acts == REPLY_MAX_ACTS) {
		reader_issue(rd, REPLY_ASK, "R-TOO-LONG", "TOO_LONG");
		return NULL;
	}
	act = &rd->r->acts[rd->r->n_acts];
	memset(act, 0, sizeof(*act));
	act->kind = kind;
	act->unit = concerns_unit(kind) ? rd->unit : -1;
	act->category = -1;
	for (size_t i = 0; i < DEF_MAX_CATEGORIES; i++)
		act->counts[i] = -1;
	rd->out[rd->r->n_acts] = (struct reply_outcome){d, reply};
	rd->last = (int)rd->r->n_acts++;
	return act;
}

void reader_unflag(struct reader *rd, const char *flag)
{
	struct reply_reading *r = rd->r;

	for (size_t i = 0; i < r->n_flags; i++) {
		if (strcmp(r->flags[i], flag) != 0)
			continue;
		memmove(r->flags[i], r->flags[i + 1], (r->n_flags - i - 1) * sizeof(r->flags[0]));
		r->n_flags--;
		return;
	}
}

void reader_word(char *field, size_t size, const char *word)
{
	if (text_copy(field, size, word) < 0)
		field[0] = '\0';
}

void reader_drop_act(struct reader *rd, size_t i)
{
	size_t rest = rd->r->n_acts - i - 1;

	memmove(&rd->r->acts[i], &rd->r->acts[i + 1], rest * sizeof(rd->r->acts[0]));
	memmove(&rd->out[i], &rd->out[i + 1], rest * sizeof(rd->out[0]));
	rd->r->n_acts--;
	rd->last = -1;
}

static void conclude(
	struct reply_reading *r, enum reply_disposition d, const char *reply, const char *flag)
{
	r->disposition = d;
	reader_word(r->reply, sizeof(r->reply), reply);
	if (flag)
		add_flag(r, flag);
}

static void conclude_act(struct reply_reading *r, enum reply_act_kind kind,
	enum reply_disposition d, const char *reply)
{
	r->acts[0].kind = kind;
	r->n_acts = 1;
	conclude(r, d, reply, NULL);
}

/* ---- looking into a clause ---- */

bool token_is(const struct reply_token *tok, enum reply_kind kind, int value)
{
	return tok->kind == kind && tok->value == value;
}

const struct reply_token *clause_find(
	const struct reader *rd, const struct reply_clause *cl, enum reply_kind kind)
{
	for (size_t i = cl->from; clause_has(cl, kind) && i < cl->to; i++) {
		if (rd->t->items[i].kind == kind)
			return &rd->t->items[i];
	}
	return NULL;
}

bool clause_says_done(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; clause_has(cl, W_ALREADY) && i < cl->to; i++) {
		if (token_is(&rd->t->items[i], W_ALREADY, ALREADY_DONE))
			return true;
	}
	return false;
}

size_t clause_next(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	for (i++; i < cl->to && rd->t->items[i].kind == W_BLANK; i++)
		;
	return i < cl->to ? i : cl->to;
}

bool clause_only(const struct reply_clause *cl, const uint8_t *kinds)
{
	static const uint8_t always[] = {W_BLANK, W_FILLER, W_COURTESY, W_PROMISE, W_EMOJI, W_PUNCT,
		W_ALREADY, W_SELF, W_UNIT};
	struct reply_kinds rest = cl->has;

	for (size_t i = 0; i < sizeof(always); i++)
		rest.bits[always[i] / 64] &= ~(UINT64_C(1) << (always[i] % 64));
	for (; *kinds != W_KINDS; kinds++)
		rest.bits[*kinds / 64] &= ~(UINT64_C(1) << (*kinds % 64));
	return rest.bits[0] == 0 && rest.bits[1] == 0;
}

int clause_categories(const struct reader *rd, const struct reply_clause *cl)
{
	int mask = 0;

	for (size_t i = cl->from; clause_has(cl, W_CATEGORY) && i < cl->to; i++) {
		if (rd->t->items[i].kind == W_CATEGORY)
			mask |= 1 << rd->t->items[i].value;
	}
	return mask;
}

const struct reply_date *token_date(const struct reader *rd, const struct reply_token *tok)
{
	return &rd->t->dates[tok->value];
}

int single_category(int mask)
{
	for (int i = 0; i < DEF_MAX_CATEGORIES; i++) {
		if (mask == 1 << i)
			return i;
	}
	return -1;
}

int all_categories(const struct campaign *c)
{
	return (1 << c->n_categories) - 1;
}

/* ---- the whole message ---- */

/* The message without blanks and signs around it, in capitals. */
static void bare_message(const struct reply_text *text, char *ret, size_t size)
{
	static const char signs[] = " \n.,;!?~:";
	size_t from = strspn(text->s, signs), to = text->len, n = 0;

	while (to > from && strchr(signs, text->s[to - 1]))
		to--;
	if (to - from < size) {
		for (size_t i = from; i < to; i++) {
			char c = text->s[i];

			ret[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		}
	}
	ret[n] = '\0';
}

static bool is_one_of(const char *s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(s, words[i]))
			return true;
	}
	return false;
}

static bool is_opt_out(const char *bare)
{
	static const char *const words[] = {"TD", "T", "R", "退订", "拒收", "取消订阅"};

	return is_one_of(bare, words, ARRAY_LEN(words));
}

static bool is_opt_in(const char *bare)
{
	return !strcmp(bare, "恢复接收");
}

static bool is_help(const struct reply_text *text, const char *bare)
{
	static const char *const words[] = {"帮助", "HELP", "菜单", "怎么回复", "如何回复",
		"怎么用", "怎么报", "如何使用", "使用说明", "怎样回复", "回复格式", "说明",
		"怎么填"};

	if (bare[0] == '\0')
		return strchr(text->s, '?') && strspn(text->s, "? \n!") == text->len;
	return is_one_of(bare, words, ARRAY_LEN(words));
}

/* Rule 1, and group talk that is not for the robot. */
static bool read_stranger(
	const struct reply_context *ctx, const char *bare, struct reply_reading *r)
{
	if (ctx->channel == REPLY_GROUP && !ctx->mentioned) {
		conclude(r, REPLY_IGNORE, "-", "NOT_ADDRESSED");
		return true;
	}
	if (ctx->role != REPLY_UNKNOWN)
		return false;
	/* Whoever does not want messages need not be known. */
	if (is_opt_out(bare))
		conclude_act(r, ACT_OPT_OUT, REPLY_APPLY, "R-OPTOUT");
	else if (is_opt_in(bare))
		conclude_act(r, ACT_OPT_IN, REPLY_APPLY, "R-OPTIN");
	else
		conclude(r, REPLY_REFUSE, "R-UNKNOWN-SENDER", "UNKNOWN_SENDER");
	return true;
}

/* What normalisation found wrong. */
static bool read_unfit(const struct reply_text *text, struct reply_reading *r)
{
	if (text->personal)
		conclude(r, REPLY_REFUSE, "R-NO-PII", "PII");
	else if (text->bad_encoding)
		conclude(r, REPLY_ASK, "R-NOT-UNDERSTOOD", "BAD_ENCODING");
	else if (text->bidi)
		conclude(r, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
	else if (text->too_long)
		conclude(r, REPLY_ASK, "R-TOO-LONG", "TOO_LONG");
	else
		return false;
	return true;
}

/* Rules 3 and 4. */
static bool read_service(const struct reply_context *ctx, const struct reply_text *text,
	const char *bare, struct reply_reading *r)
{
	bool resident = ctx->role == REPLY_RESIDENT;

	if (is_opt_out(bare))
		conclude_act(r, ACT_OPT_OUT, resident ? REPLY_APPLY : REPLY_QUEUE,
			resident ? "R-OPTOUT" : "R-OPTOUT-OFFICIAL");
	else if (is_opt_in(bare))
		conclude_act(r, ACT_OPT_IN, REPLY_APPLY, "R-OPTIN");
	else if (is_help(text, bare))
		conclude_act(r, ACT_HELP, REPLY_APPLY, resident ? "R-RESIDENT-HELP" : "R-HELP");
	else
		return false;
	return true;
}

/* Rule 5: residents may object; nothing else they write is acted on. */
static void read_resident(const struct reply_tokens *t, struct reply_reading *r)
{
	static const char *const words[] = {"举报", "投诉", "异议", "反映", "反对", "不实", "不符",
		"造假", "虚假", "弄虚作假", "不同意", "有意见", "不公", "质疑"};
	bool only_courtesy = true;

	for (size_t i = 0; i < t->n; i++) {
		uint8_t k = t->items[i].kind;

		only_courtesy = only_courtesy && (k == W_COURTESY || k == W_BLANK || k == W_SEP ||
							 k == W_EMOJI || k == W_FILLER);
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(t->s, words[i])) {
			conclude_act(r, ACT_OBJECTION, REPLY_QUEUE, "R-OBJECTION");
			return;
		}
	}
	if (only_courtesy)
		conclude(r, REPLY_IGNORE, "-", "COURTESY");
	else
		conclude(r, REPLY_ASK, "R-RESIDENT-HELP", "ROLE");
}

/* Rule 6. */
static bool read_open_question(
	const struct reply_context *ctx, const char *bare, struct reply_reading *r)
{
	bool yes = !strcmp(bare, "是"), no = !strcmp(bare, "否") || !strcmp(bare, "不是");

	if (!strcmp(bare, "1") && ctx->open == OPEN_ACK)
		conclude_act(r, ACT_ACK, REPLY_APPLY, "R-ACK");
	else if ((yes || no) && ctx->open != OPEN_CONFIRM)
		conclude(r, REPLY_IGNORE, "R-NOTHING-PENDING", NULL);
	else if (yes)
		conclude_act(r, ACT_YES, REPLY_APPLY, "R-REPORT");
	else if (no)
		conclude_act(r, ACT_NO, REPLY_APPLY, "R-CANCELLED");
	else
		return false;
	return true;
}

/* Rule 7: a unit that is neither the sender's nor below it. A unit above it may introduce its own. */
static bool names_other_unit(const struct reader *rd)
{
	const struct units *u = rd->c->units;
	const struct reply_tokens *t = rd->t;
	int own = rd->ctx->unit;

	if (rd->ctx->role == REPLY_REGION)
		return false;
	for (size_t i = 0; i < t->n; i++) {
		int unit = t->items[i].value;
		size_t k = i + 1;

		if (t->items[i].kind != W_UNIT || (own >= 0 && units_is_under(u, unit, own)))
			continue;
		if (own < 0 || !units_is_under(u, own, unit))
			return true;
		while (k < t->n && t->items[k].kind == W_BLANK)
			k++;
		if (u->items[unit].parent >= 0 &&
			!(k < t->n && t->items[k].kind == W_UNIT &&
				units_is_under(u, t->items[k].value, own)))
			return true;
	}
	return false;
}

static bool any_of_kind(const struct reply_tokens *t, enum reply_kind kind)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->items[i].kind == kind)
			return true;
	}
	return false;
}

/* Rule 8: 撤回, 刚才的作废; with a number in it, it is a correction or nothing. */
static bool is_undo(const struct reply_tokens *t, const char *bare)
{
	static const char *const alone[] = {"取消", "取消登记", "取消上报", "取消报送"};
	static const char *const words[] = {"撤回", "撤销", "作废"};

	if (is_one_of(bare, alone, ARRAY_LEN(alone)))
		return true;
	if (any_of_kind(t, W_MEASURE) || any_of_kind(t, W_NEG) || text_chars(t->s) > 16)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(bare, words[i]))
			return true;
	}
	return false;
}

/* Ends in a question mark or 吗. */
static bool ends_in_question(const struct reply_tokens *t)
{
	size_t n = t->n;

	while (n > 0 && (t->items[n - 1].kind == W_BLANK || t->items[n - 1].kind == W_EMOJI ||
				token_is(&t->items[n - 1], W_SEP, '.') ||
				token_is(&t->items[n - 1], W_SEP, '!')))
		n--;
	if (n == 0)
		return false;
	return token_is(&t->items[n - 1], W_SEP, '?') ||
	       (t->items[n - 1].kind == W_QUESTION && !memcmp(t->s + t->items[n - 1].at, "吗", 3));
}

/*
 * Whose affairs a stretch speaks of: the last unit below the sender's named in it; its own when it says so;
 * else that of the stretch before.
 */
static void choose_unit(struct reader *rd, size_t from, size_t to)
{
	int own = rd->ctx->unit;

	for (size_t i = from; i < to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind == W_SELF || token_is(tok, W_UNIT, own))
			rd->unit = -1;
		else if (tok->kind == W_UNIT &&
			 (own < 0 || units_is_under(rd->c->units, tok->value, own)))
			rd->unit = tok->value;
	}
}

static bool read_whole_question(struct reader *rd)
{
	struct reply_kinds has = {{0, 0}};

	if (!ends_in_question(rd->t))
		return false;
	for (size_t i = 0; i < rd->t->n; i++)
		kinds_add(&has, (enum reply_kind)rd->t->items[i].kind);
	choose_unit(rd, 0, rd->t->n);
	read_question(rd, &has);
	return true;
}

/* ---- clauses ---- */

/* 我是民政局的小王, 现将材料报上: how a letter begins. */
static bool introduces(const struct reader *rd, const struct reply_clause *cl)
{
	size_t i = cl->from;
	const char *s;

	while (i < cl->to && rd->t->items[i].kind == W_BLANK)
		i++;
	if (i == cl->to || rd->t->items[i].kind != W_COURTESY || clause_has(cl, W_NUMBER) ||
		clause_has(cl, W_NEG) || clause_has(cl, W_CONTACT))
		return false;
	s = rd->t->s + rd->t->items[i].at;
	return text_starts(s, "现将") || text_starts(s, "现就") ||
	       (text_starts(s, "我是") && !clause_has(cl, W_VERB));
}

static void read_clause(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t none[] = {W_KINDS};
	static const uint8_t fine[] = {W_NO_PROBLEM, W_KINDS};
	static bool (*const rules[])(struct reader *, const struct reply_clause *) = {
		rule_continuation, rule_correction, rule_contact, rule_snooze, rule_question,
		rule_notice, rule_discipline, rule_plan, rule_submitted, rule_status,
		rule_materials, rule_counts, rule_ack};

	size_t items_from = rd->items_from;

	if (clause_has(cl, W_UNIT) || clause_has(cl, W_SELF))
		choose_unit(rd, cl->from, cl->to);
	if (clause_only(cl, none)) {
		rd->has_courtesy =
			rd->has_courtesy || clause_has(cl, W_COURTESY) || clause_has(cl, W_EMOJI);
		rd->has_promise = rd->has_promise || clause_has(cl, W_PROMISE);
		/* A subject on its own belongs to what follows; words that say nothing are dropped. */
		return;
	}
	if (introduces(rd, cl)) {
		rd->has_courtesy = true;
		return;
	}
	if (clause_has(cl, W_ASIDE))
		rd->has_junk = true; /* 材料齐了（照片除外） */
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (!rules[i](rd, cl))
			continue;
		if (items_from != SIZE_MAX && rd->items_from == items_from) {
			rd->has_junk = true; /* items of which nothing was said */
			rd->items_from = SIZE_MAX;
		}
		return;
	}
	if (clause_only(cl, fine))
		rd->has_promise = true;
	else {
		rd->has_junk = true;
		rd->last = -1;
	}
}

static bool ends_a_statement(uint8_t kind)
{
	return kind == W_COMPLETE || kind == W_ARRIVED || kind == W_SENT || kind == W_END ||
	       kind == W_NO_OBJECTION || kind == W_REPLIED || kind == W_COURTESY;
}

static bool starts_a_subject(uint8_t kind)
{
	return kind == W_GAP || kind == W_MATERIALS || kind == W_ITEM || kind == W_NOTICE ||
	       kind == W_PAPER || kind == W_ELECTRONIC || kind == W_DISCIPLINE;
}

/*
 * People leave the comma out: 已报2人6户还差照片, 好的材料齐了. A new clause also begins where a
 * finished statement is followed by what can only begin another one.
 */
static bool turns(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	const struct reply_token *items = rd->t->items;
	size_t before = i;
	bool blank;
	uint8_t kind = items[i].kind;

	while (before > cl->from && items[before - 1].kind == W_BLANK)
		before--;
	if (before == cl->from || kind == W_BLANK)
		return false;
	blank = before < i;
	before--;
	if (items[before].kind == W_ACK && items[before].value == ACK_WORD)
		return kind != W_ACK && kind != W_COURTESY && kind != W_PROMISE &&
		       kind != W_FILLER && kind != W_EMOJI && kind != W_QUESTION &&
		       kind != W_WEAK_QUESTION;
	if (token_is(&items[before], W_ACK, ACK_RECEIVED))
		return blank && (token_is(&items[i], W_VERB, VERB_DONE) || starts_a_subject(kind));
	if ((items[before].kind == W_MEASURE || items[before].kind == W_VAGUE) &&
		starts_a_subject(kind))
		return blank || clause_has(cl, W_VERB);
	if (blank && ends_a_statement(items[before].kind))
		return starts_a_subject(kind) || kind == W_VERB || kind == W_CATEGORY ||
		       kind == W_ACK;
	return blank && kind == W_CATEGORY && clause_has(cl, W_GAP);
}

/* "1." in front of the first point of a list, "2." in front of the second. */
static bool is_list_number(const struct reader *rd, size_t from, size_t to, int expected)
{
	const struct reply_token *items = rd->t->items;

	while (from < to && items[from].kind == W_BLANK)
		from++;
	if (to == rd->t->n || from + 1 != to || !token_is(&items[from], W_NUMBER, expected))
		return false;
	return token_is(&items[to], W_SEP, '.') || token_is(&items[to], W_SEP, ',');
}

static void read_clauses(struct reader *rd)
{
	const struct reply_tokens *t = rd->t;
	struct reply_clause cl = {0};
	int point = 1;

	for (size_t i = 0; i <= t->n; i++) {
		bool sep = i < t->n && t->items[i].kind == W_SEP;

		if (i < t->n && !sep && !turns(rd, &cl, i)) {
			kinds_add(&cl.has, (enum reply_kind)t->items[i].kind);
			continue;
		}
		cl.to = i;
		cl.end = sep ? (char)t->items[i].value : 0;
		if ((point > 1 || cl.from == 0) && is_list_number(rd, cl.from, cl.to, point))
			point++;
		else if (cl.to > cl.from)
			read_clause(rd, &cl);
		cl = (struct reply_clause){.from = sep ? i + 1 : i};
		if (i < t->n && !sep)
			kinds_add(&cl.has, (enum reply_kind)t->items[i].kind);
	}
}

/* ---- the verdict ---- */

/* Of several answers at the same level the one that tells the sender most. */
static int weight(const char *reply)
{
	static const char *const order[] = {"R-ACK", "R-HELP", "R-PROGRESS", "R-SNOOZE", "R-STATUS",
		"R-FORECAST", "R-PLAN", NULL, "R-REPORT", "R-NOTICE-SHORT", "R-BELOW-MIN",
		"R-ABOVE-MAX"};
	int other = 0;

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!order[i])
			other = (int)i;
		else if (!strcmp(order[i], reply))
			return (int)i;
	}
	return other;
}

static bool stores(enum reply_act_kind kind)
{
	return kind != ACT_ACK && kind != ACT_QUERY && kind != ACT_HELP && kind != ACT_SNOOZE;
}

static void judge(struct reader *rd)
{
	struct reply_reading *r = rd->r;
	struct reply_outcome best = rd->issue;
	bool any = rd->has_issue, doubtful = false;

	for (size_t i = 0; i < r->n_acts; i++) {
		int level = strictness(rd->out[i].disposition),
		    so_far = strictness(best.disposition);

		doubtful = doubtful || stores(r->acts[i].kind);
		if (!any || level > so_far ||
			(level == so_far && weight(rd->out[i].reply) > weight(best.reply)))
			best = rd->out[i];
		any = true;
	}
	if (!any) {
		conclude(r, REPLY_ASK, "R-NOT-UNDERSTOOD", rd->has_url ? "URL" : NULL);
		return;
	}
	/* Beside a count that is sure, words nobody knows may change its sense. */
	if (best.disposition == REPLY_APPLY && ((rd->has_junk && doubtful) || rd->has_url))
		best = (struct reply_outcome){REPLY_CONFIRM, "R-CONFIRM"};
	if (rd->has_url)
		reader_flag(rd, "URL");
	if (rd->has_junk && doubtful && best.disposition == REPLY_CONFIRM)
		reader_flag(rd, "TRAILING_JUNK");
	conclude(r, best.disposition, best.reply, NULL);
}

static void read_official(struct reader *rd, const char *bare)
{
	if (names_other_unit(rd)) {
		conclude(rd->r, REPLY_REFUSE, "R-NOT-YOUR-UNIT", "OTHER_UNIT");
		return;
	}
	if (is_undo(rd->t, bare)) {
		conclude_act(rd->r, ACT_UNDO, REPLY_CONFIRM, "R-CONFIRM");
		return;
	}
	if (!read_whole_question(rd)) {
		read_clauses(rd);
		finish_counts(rd);
	}
	if (rd->r->n_acts == 0 && !rd->has_issue && !rd->has_junk &&
		(rd->has_courtesy || rd->has_promise)) {
		if (rd->has_promise)
			(void)reader_act(rd, ACT_ACK, REPLY_APPLY, "R-ACK");
		else {
			conclude(rd->r, REPLY_IGNORE, "-", "COURTESY");
			return;
		}
	}
	judge(rd);
}

void reply_read(const struct campaign *c, const struct reply_context *ctx, const char *text,
	size_t len, struct reply_reading *ret)
{
	struct reader rd = {.c = c,
		.ctx = ctx,
		.r = ret,
		.category = -1,
		.unit = -1,
		.last = -1,
		.gap_mask = -1,
		.items_from = SIZE_MAX};
	struct reply_text norm = {.len = 0};
	struct reply_tokens tokens;
	char bare[64]; /* the longest word that is a whole message is far shorter */

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < REPLY_MAX_ACTS; i++) {
		ret->acts[i].unit = ret->acts[i].category = -1;
		for (size_t k = 0; k < DEF_MAX_CATEGORIES; k++)
			ret->acts[i].counts[k] = -1;
	}
	reply_normalise(text, len, &norm);
	/* What is no text cannot be searched for personal data, so it is not kept either. */
	ret->drop_text = norm.personal || norm.bad_encoding;
	if (norm.bidi)
		add_flag(ret, "BIDI");
	if (norm.stripped)
		add_flag(ret, "STRIPPED");
	bare_message(&norm, bare, sizeof(bare));
	if (norm.len == 0 && !norm.bad_encoding && !norm.bidi && !norm.too_long && !norm.personal) {
		conclude(ret, REPLY_IGNORE, "-", "EMPTY");
		return;
	}
	if (read_stranger(ctx, bare, ret) || read_unfit(&norm, ret) ||
		read_service(ctx, &norm, bare, ret))
		return;
	reply_lex(c, ctx, &norm, &tokens);
	rd.t = &tokens;
	rd.today = civil_of_ms(ctx->now_ms);
	rd.has_url = any_of_kind(&tokens, W_URL);
	if (ctx->role == REPLY_RESIDENT)
		read_resident(&tokens, ret);
	else if (!read_open_question(ctx, bare, ret))
		read_official(&rd, bare);
}

/* ---- names ---- */

bool reply_has_flag(const struct reply_reading *r, const char *flag)
{
	for (size_t i = 0; i < r->n_flags; i++) {
		if (!strcmp(r->flags[i], flag))
			return true;
	}
	return false;
}
