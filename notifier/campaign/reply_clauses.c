/*
 * notifier/campaign/reply_clauses.c: the rules without numbers and days of their own: contacts, snooze,
 * questions, the discipline letter, what was sent, not started, received.
 */
#include <string.h>

#include "core/base/err.h"
#include "core/base/text.h"
#include "notifier/campaign/reply_internal.h"

static const char *text_at(const struct reader *rd, size_t token)
{
	return rd->t->s + rd->t->items[token].at;
}

/* Where the clause's text ends. */
static const char *text_end(const struct reader *rd, const struct reply_clause *cl)
{
	const struct reply_token *last = &rd->t->items[cl->to - 1];

	return rd->t->s + last->at + last->len;
}

/* ---- contacts ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A mobile number, or a landline with area code; blanks and hyphens inside are dropped. */
static bool find_phone(const char *s, const char *end, char *ret, size_t size)
{
	while (s < end) {
		char digits[24]; /* as long as ret: more is no telephone number */
		size_t n = 0;

		if (!is_digit(*s)) {
			s++;
			continue;
		}
		while (s < end && (is_digit(*s) || ((*s == ' ' || *s == '-') && is_digit(s[1])))) {
			if (is_digit(*s) && n < sizeof(digits) - 1)
				digits[n++] = *s;
			s++;
		}
		digits[n] = '\0';
		if ((n == 13 && !strncmp(digits, "86", 2)) || (n == 11 && digits[0] == '1') ||
			((n == 11 || n == 12) && digits[0] == '0'))
			return text_copy(ret, size, n == 13 ? digits + 2 : digits) == 0;
	}
	return false;
}

/* Takes the Han letters (and the point of Mongolian names) at S that can be a name. */
static size_t name_length(const char *s, const char *end)
{
	static const char *const stops[] = {"主任", "同志", "电话", "手机", "联系", "负责", "对接",
		"处理", "办理", "接手", "接替", "科长", "处长", "局长", "号码", "的", "是", "为",
		"，"};
	const char *p = s;
	int chars = 0;

	while (p < end && chars < 15) {
		const char *next = p;
		uint32_t cp = text_next(&next, end);

		if ((cp < 0x4e00 || cp > 0x9fff) && cp != 0xb7 && cp != 0x2022)
			break;
		for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
			if (!strncmp(p, stops[i], strlen(stops[i])) && chars >= 2)
				return (size_t)(p - s);
		}
		p = next;
		chars++;
	}
	if (chars < 2 || (chars > 4 && !memmem(s, (size_t)(p - s), "·", 2)))
		return 0;
	return (size_t)(p - s);
}

static void find_name(const struct reader *rd, const struct reply_clause *cl, size_t after,
	char *ret, size_t size)
{
	static const char *const lead[] = {
		"是", "为", "成", "改", "新", "由", ":", " ", "-", "我单位", "我局", "我们"};
	static const char *const nobody[] = {"我", "你", "他", "她", "其他", "电话", "手机", "贵"};
	const char *s = text_at(rd, after) + rd->t->items[after].len, *end = text_end(rd, cl);
	size_t n;
	bool moved = true;

	while (moved && s < end) {
		moved = false;
		for (size_t i = 0; i < ARRAY_LEN(lead); i++) {
			if (text_starts(s, lead[i])) {
				s += strlen(lead[i]);
				moved = true;
			}
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(nobody); i++) {
		if (text_starts(s, nobody[i]))
			return;
	}
	n = s < end ? name_length(s, end) : 0;
	if (n > 0 && n < size) {
		memcpy(ret, s, n);
		ret[n] = '\0';
	}
}

bool rule_contact(struct reader *rd, const struct reply_clause *cl)
{
	char name[64] = "", phone[24] = ""; /* as in struct reply_act */
	struct reply_act *act;
	bool plain = false, strong = false, has_phone;

	if (clause_find(rd, cl, W_NOT_RECEIVED)) {
		if (clause_has(cl, W_ITEM) || clause_has(cl, W_MATERIALS) ||
			clause_has(cl, W_REPLIED))
			return false;
		act = reader_act(rd, ACT_PROBLEM, REPLY_QUEUE, "R-FORWARDED");
		if (act)
			reader_word(act->what, sizeof(act->what), "not_received");
		return true;
	}
	if (!clause_has(cl, W_CONTACT))
		return false;
	if (clause_has(cl, W_PROBLEM)) { /* 如有问题请联系.. is how a letter ends */
		rd->has_courtesy = true;
		return true;
	}
	for (size_t i = cl->from; i < cl->to; i++) {
		if (rd->t->items[i].kind != W_CONTACT)
			continue;
		if (rd->t->items[i].value == CONTACT_PLAIN)
			plain = true;
		else {
			strong = strong || rd->t->items[i].value == CONTACT_NAME;
			find_name(rd, cl, i, name, sizeof(name));
		}
	}
	has_phone = find_phone(text_at(rd, cl->from), text_end(rd, cl), phone, sizeof(phone));
	if (!plain && !strong && !(name[0] && has_phone))
		return false;
	act = rd->last >= 0 && rd->r->acts[rd->last].kind == ACT_CONTACT
		      ? &rd->r->acts[rd->last]
		      : reader_act(rd, ACT_CONTACT, REPLY_QUEUE, "R-CONTACT");
	if (act && name[0])
		reader_word(act->name, sizeof(act->name), name);
	if (act && has_phone)
		reader_word(act->phone, sizeof(act->phone), phone);
	return true;
}

/* ---- snooze ---- */

/* 下午3点, 9点: minutes of the day; -1 when no time is said. */
static int time_of_day(const struct reader *rd, const struct reply_clause *cl)
{
	const char *s = rd->t->s;
	bool afternoon = false, morning = false;
	int minute = -1;

	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];
		const char *w = s + tok->at;

		afternoon = afternoon || !strncmp(w, "下午", 6) || !strncmp(w, "晚上", 6);
		morning = morning || !strncmp(w, "上午", 6) || !strncmp(w, "早上", 6);
		if (tok->kind == W_NUMBER && tok->value >= 0 && tok->value < 24 && i + 1 < cl->to &&
			!strncmp(s + rd->t->items[i + 1].at, "点", 3)) {
			minute = tok->value * 60;
			if (!strncmp(s + rd->t->items[i + 1].at, "点半", 6))
				minute += 30;
		}
	}
	if (minute >= 0 && minute < 12 * 60 && afternoon)
		minute += 12 * 60;
	if (minute < 0 && (afternoon || morning))
		minute = afternoon ? 15 * 60 : 9 * 60;
	return minute;
}

/* 两小时后: milliseconds; 0: not said. */
static int64_t delay(const struct reader *rd, const struct reply_clause *cl)
{
	const char *s = rd->t->s;

	for (size_t i = cl->from; i + 1 < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];
		const char *unit = s + rd->t->items[i + 1].at;

		if (tok->kind != W_NUMBER || tok->value <= 0)
			continue;
		if (!strncmp(unit, "小时", 6) || !strncmp(unit, "个小时", 9))
			return tok->value * INT64_C(3600000);
		if (!strncmp(unit, "分钟", 6))
			return tok->value * INT64_C(60000);
		if (!strncmp(unit, "天", 3))
			return tok->value * CIVIL_DAY_MS;
	}
	return 0;
}

static int64_t deadline_ms(const struct campaign *c)
{
	return c->submit_deadline >= 0 ? c->deadlines[c->submit_deadline].due_ms : INT64_MAX;
}

bool rule_snooze(struct reader *rd, const struct reply_clause *cl)
{
	const struct reply_token *day = clause_find(rd, cl, W_DATE);
	struct reply_act *act;
	int64_t until = 0;
	int minute;

	if (!clause_has(cl, W_SNOOZE) && !clause_has(cl, W_NO_SNOOZE))
		return false;
	if (clause_has(cl, W_QUESTION) || cl->end == '?')
		return false;
	minute = time_of_day(rd, cl);
	if (clause_has(cl, W_NO_SNOOZE) || clause_has(cl, W_NEG))
		until = 0;
	else if (delay(rd, cl) > 0)
		until = rd->ctx->now_ms + delay(rd, cl);
	else if (day && token_date(rd, day)->is_valid)
		until = civil_at_ms(token_date(rd, day)->day, minute < 0 ? 9 * 60 : minute);
	else if (minute >= 0)
		until = civil_at_ms(rd->today, minute);
	if (until <= rd->ctx->now_ms || until > deadline_ms(rd->c)) {
		reader_issue(rd, REPLY_ASK, "R-SNOOZE-HOW", NULL);
		return true;
	}
	act = reader_act(rd, ACT_SNOOZE, REPLY_APPLY, "R-SNOOZE");
	if (act)
		act->until_ms = until;
	return true;
}

/* ---- questions ---- */

void read_question(struct reader *rd, const struct reply_kinds *has)
{
	static const struct {
		enum reply_kind kind;
		const char *what, *reply;
	} subjects[] = {{W_TABLE, "table", "R-NO-PERMISSION"}, {W_GAP, "gap", "R-PROGRESS"},
		{W_QUOTA, "quota", "R-QUOTA"}, {W_DEADLINE, "deadline", "R-DEADLINE"},
		{W_WHEN, "deadline", "R-DEADLINE"}, {W_EXTEND, "deadline", "R-DEADLINE"},
		{W_COMPLETE, "progress", "R-PROGRESS"}, {W_ARRIVED, "progress", "R-PROGRESS"},
		{W_ACK, "progress", "R-PROGRESS"}, {W_MATERIALS, "materials", "R-MATERIAL-LIST"},
		{W_ITEM, "materials", "R-MATERIAL-LIST"}, {W_DATE, "deadline", "R-DEADLINE"}};
	const char *what = "progress", *reply = "R-PROGRESS";
	struct reply_act *act;
	bool table = false;

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		if (kinds_has(has, subjects[i].kind)) {
			what = subjects[i].what;
			reply = subjects[i].reply;
			break;
		}
	}
	table = !strcmp(what, "table");
	if (table && rd->ctx->role == REPLY_REGION) {
		reply = "R-PROGRESS";
		table = false;
	}
	act = reader_act(rd, ACT_QUERY, table ? REPLY_REFUSE : REPLY_APPLY, reply);
	if (act)
		reader_word(act->what, sizeof(act->what), what);
	if (table)
		reader_flag(rd, "ROLE");
}

static bool has_subject(const struct reply_clause *cl)
{
	static const uint8_t subjects[] = {W_TABLE, W_GAP, W_QUOTA, W_DEADLINE, W_WHEN, W_EXTEND,
		W_MATERIALS, W_PROGRESS, W_VERB, W_ITEM, W_NOTICE, W_SENT, W_SNOOZE, W_CATEGORY};

	for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
		if (clause_has(cl, (enum reply_kind)subjects[i]))
			return true;
	}
	return false;
}

/* 名额, 截止, 查进度: a subject and nothing else. */
static bool only_subject(const struct reply_clause *cl)
{
	static const uint8_t subjects[] = {
		W_QUOTA, W_DEADLINE, W_PROGRESS, W_TABLE, W_CHECK, W_KINDS};
	static const uint8_t kinds[] = {W_QUOTA, W_DEADLINE, W_PROGRESS, W_TABLE, W_CHECK, W_VERB,
		W_CATEGORY, W_MATERIALS, W_KINDS};

	if (!clause_only(cl, kinds))
		return false;
	for (size_t i = 0; subjects[i] != W_KINDS; i++) {
		if (clause_has(cl, (enum reply_kind)subjects[i]))
			return true;
	}
	return false;
}

static bool begins_with_check(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		uint8_t kind = rd->t->items[i].kind;

		if (kind == W_CHECK)
			return true;
		if (kind != W_BLANK && kind != W_FILLER && kind != W_SELF && kind != W_UNIT &&
			kind != W_HEDGE)
			return false;
	}
	return false;
}

bool rule_question(struct reader *rd, const struct reply_clause *cl)
{
	/* What is ranked or shown of others needs no question mark. */
	bool table = clause_has(cl, W_TABLE) && !clause_has(cl, W_NUMBER);

	if (cl->end == '?' || clause_has(cl, W_QUESTION) || clause_has(cl, W_WHEN) || table ||
		(clause_has(cl, W_WEAK_QUESTION) && has_subject(cl)) || only_subject(cl) ||
		begins_with_check(rd, cl)) {
		read_question(rd, &cl->has);
		return true;
	}
	return false;
}

/* ---- discipline letter ---- */

static bool is_discipline(const struct reader *rd, const struct reply_clause *cl)
{
	if (clause_has(cl, W_DISCIPLINE))
		return true;
	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind == W_ITEM &&
			!strcmp(rd->c->materials[tok->value].reply_key, "discipline"))
			return true;
	}
	return false;
}

/* What was promised or denied is not done. */
static bool not_done(const struct reply_clause *cl)
{
	return clause_has(cl, W_NEG) || clause_has(cl, W_HEDGE) || clause_has(cl, W_UNSURE) ||
	       clause_has(cl, W_FORECAST) || clause_has(cl, W_EXCEPT);
}

bool rule_discipline(struct reader *rd, const struct reply_clause *cl)
{
	struct reply_act *act;
	bool replied = clause_has(cl, W_REPLIED), cleared = clause_has(cl, W_NO_PROBLEM);

	if (!is_discipline(rd, cl) || clause_has(cl, W_GAP))
		return false;
	if (!replied && !cleared && !clause_has(cl, W_SENT) && !clause_has(cl, W_VERB))
		return false;
	if (not_done(cl) || clause_has(cl, W_PROBLEM)) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return true;
	}
	if (!replied && !cleared) {
		act = reader_act(rd, ACT_DISCIPLINE, REPLY_APPLY, "R-DISCIPLINE");
		if (act)
			reader_word(act->state, sizeof(act->state), "sent");
		return true;
	}
	act = reader_act(rd, ACT_DISCIPLINE, cleared ? REPLY_APPLY : REPLY_CONFIRM,
		cleared ? "R-DISCIPLINE" : "R-CONFIRM");
	if (act)
		reader_word(act->state, sizeof(act->state), "cleared");
	return true;
}

/* ---- sent by post or mail ---- */

static void find_tracking(
	const struct reader *rd, const struct reply_clause *cl, struct reply_act *act)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];
		const struct reply_token *before = i > cl->from + 1 ? &rd->t->items[i - 2] : NULL;
		bool digits = tok->kind == W_NUMBER && tok->len >= 8;

		if ((tok->kind == W_LATIN || digits) && tok->len >= 8 &&
			tok->len < sizeof(act->tracking)) {
			size_t n = 0;

			/* SF 0000000001 is one number. */
			if (digits && before && before->kind == W_LATIN && before->len <= 4 &&
				before->len + tok->len < (int)sizeof(act->tracking)) {
				n = before->len;
				memcpy(act->tracking, rd->t->s + before->at, n);
			}
			memcpy(act->tracking + n, rd->t->s + tok->at, tok->len);
			act->tracking[n + tok->len] = '\0';
			return;
		}
	}
}

/* Was it done, by the words that say so? */
static bool is_done(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if ((tok->kind == W_SENT && tok->value >= SENT_POST) ||
			token_is(tok, W_VERB, VERB_DONE) || tok->kind == W_ARRIVED)
			return true;
	}
	return clause_says_done(rd, cl);
}

static bool by_post(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind == W_SENT &&
			(tok->value == SENT_POST || tok->value == SENT_BARE_POST))
			return true;
	}
	return clause_has(cl, W_PAPER) || clause_has(cl, W_COURIER);
}

static void add_submitted(struct reader *rd, const struct reply_clause *cl, const char *form)
{
	struct reply_act *act = reader_act(rd, ACT_SUBMITTED, form[0] ? REPLY_APPLY : REPLY_CONFIRM,
		form[0] ? "R-SUBMITTED" : "R-CONFIRM");

	if (!act)
		return;
	reader_word(act->form, sizeof(act->form), form);
	find_tracking(rd, cl, act);
}

bool rule_submitted(struct reader *rd, const struct reply_clause *cl)
{
	bool paper = by_post(rd, cl), electronic = clause_has(cl, W_ELECTRONIC);
	bool named = paper || electronic || clause_has(cl, W_MATERIALS);

	if (!named || clause_has(cl, W_ITEM) || clause_has(cl, W_GAP) ||
		(!clause_has(cl, W_SENT) && !clause_has(cl, W_VERB) &&
			!(clause_has(cl, W_ARRIVED) && (clause_has(cl, W_PAPER) || electronic))))
		return false;
	if (clause_has(cl, W_MEASURE) && !clause_has(cl, W_SENT))
		return false;
	if (not_done(cl) || clause_has(cl, W_DATE)) {
		/* 已于8月5日寄出 is done; 明天寄出 and 未寄出 are not. */
		const struct reply_token *day = clause_find(rd, cl, W_DATE);

		if (not_done(cl) || !is_done(rd, cl) ||
			civil_cmp(token_date(rd, day)->day, rd->today) > 0) {
			reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
			return true;
		}
	}
	if (!is_done(rd, cl)) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return true;
	}
	if (paper)
		add_submitted(rd, cl, "paper");
	if (electronic)
		add_submitted(rd, cl, "electronic");
	if (!paper && !electronic)
		add_submitted(rd, cl, "");
	return true;
}

/* ---- not started ---- */

bool rule_status(struct reader *rd, const struct reply_clause *cl)
{
	const struct reply_token *verb = clause_find(rd, cl, W_VERB),
				 *neg = clause_find(rd, cl, W_NEG);
	struct reply_act *act;

	if (clause_has(cl, W_NUMBER) || clause_has(cl, W_GAP))
		return false;
	if (!clause_has(cl, W_NOT_STARTED)) {
		if (!verb || !neg || clause_has(cl, W_MATERIALS) || clause_has(cl, W_ITEM))
			return false;
		/* 还没上报 may also speak of a list that went nowhere yet: asked back. */
		if (!strncmp(rd->t->s + verb->at, "上报", 6) ||
			strncmp(rd->t->s + neg->at, "不", 3) == 0 ||
			strncmp(rd->t->s + neg->at, "别", 3) == 0) {
			reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
			return true;
		}
	}
	act = reader_act(rd, ACT_STATUS, REPLY_APPLY, "R-STATUS");
	if (act)
		reader_word(act->state, sizeof(act->state), "not_started");
	return true;
}

/* ---- received ---- */

bool rule_ack(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t kinds[] = {W_ACK, W_NO_PROBLEM, W_KINDS};
	const struct reply_token *ack = clause_find(rd, cl, W_ACK);

	if (!ack)
		return false;
	if (!clause_only(cl, kinds)) {
		/* 收到，.. and something the reader need not know; but 好像 is no 好, and 收到材料 no 收到. */
		size_t first = cl->from;

		while (first < cl->to && rd->t->items[first].kind != W_ACK) {
			uint8_t kind = rd->t->items[first].kind;

			if (kind != W_BLANK && kind != W_COURTESY && kind != W_SELF &&
				kind != W_FILLER)
				return false;
			first++;
		}
		if (ack->value == ACK_WEAK || clause_has(cl, W_ITEM) ||
			clause_has(cl, W_MATERIALS) || clause_has(cl, W_NEG))
			return false;
		rd->has_junk = true;
	}
	for (size_t i = cl->from; i < cl->to; i++)
		rd->has_received =
			rd->has_received || token_is(&rd->t->items[i], W_ACK, ACK_RECEIVED);
	for (size_t i = 0; i < rd->r->n_acts; i++) {
		if (rd->r->acts[i].kind == ACT_ACK)
			return true;
	}
	(void)reader_act(rd, ACT_ACK, REPLY_APPLY, "R-ACK");
	return true;
}

/* ---- a clause that goes on with the one before ---- */

static bool continue_contact(
	struct reader *rd, const struct reply_clause *cl, struct reply_act *act)
{
	static const uint8_t kinds[] = {W_NUMBER, W_OTHER, W_KINDS};
	char phone[24]; /* as in struct reply_act */

	if (act->phone[0] || !clause_has(cl, W_NUMBER) || !clause_only(cl, kinds) ||
		!find_phone(text_at(rd, cl->from), text_end(rd, cl), phone, sizeof(phone)))
		return false;
	reader_word(act->phone, sizeof(act->phone), phone);
	return true;
}

static bool continue_discipline(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t fine[] = {W_NO_PROBLEM, W_KINDS}, wrong[] = {W_PROBLEM, W_KINDS};

	if (clause_has(cl, W_NO_PROBLEM) && clause_only(cl, fine)) {
		rd->out[rd->last] = (struct reply_outcome){REPLY_APPLY, "R-DISCIPLINE"};
		return true;
	}
	if (clause_has(cl, W_PROBLEM) && clause_only(cl, wrong)) {
		reader_drop_act(rd, (size_t)rd->last);
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return true;
	}
	return false;
}

bool rule_continuation(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t tracking[] = {W_COURIER, W_LATIN, W_NUMBER, W_OTHER, W_KINDS};
	struct reply_act *act;

	if (rd->last < 0)
		return false;
	act = &rd->r->acts[rd->last];
	switch (act->kind) {
	case ACT_CONTACT:
		return continue_contact(rd, cl, act);
	case ACT_SUBMITTED:
		if (act->tracking[0] || !clause_only(cl, tracking))
			return false;
		find_tracking(rd, cl, act);
		return act->tracking[0] != '\0' || clause_has(cl, W_COURIER);
	case ACT_DISCIPLINE:
		return !strcmp(act->state, "cleared") && continue_discipline(rd, cl);
	case ACT_NOTICE:
		return continue_notice(rd, cl, act);
	default:
		return false;
	}
}
