/*
 * notifier/campaign/reply_lex.c: cuts a normalised message into tokens, the longest word at each place.
 *
 * The words of all sources are put into one index by their first character, anew for each message: that
 * costs a few microseconds and keeps the reader free of state.
 */
#include <string.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/reply_internal.h"

enum {
	BUCKETS = 512,
	MAX_WORDS = 2560, /* function words, and those of a definition at its limits */
	MAX_UNIT_NAMES = 2 * 4096,
	NONE = 0xffff,
};

struct entry {
	const char *text;
	uint16_t next;
	uint8_t kind, flags;
	int16_t value;
};

struct lexer {
	const struct campaign *c;
	const struct reply_context *ctx;
	struct civil today;
	struct reply_tokens *t;
	uint16_t heads[BUCKETS], unit_heads[BUCKETS];
	struct entry words[MAX_WORDS];
	size_t n_words;
	uint16_t unit_next[MAX_UNIT_NAMES]; /* 2 * unit + (0 name, 1 short name) */
	bool after_number;                  /* a measure may follow */
	bool clause_begins;                 /* nothing but blanks since the last separator */
	bool is_loose;                      /* 8.12 is a date in this clause */
	size_t clause_end;                  /* IS_LOOSE is known up to here */
};

static unsigned bucket(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned h = u[0];

	if (u[0] >= 0xc0)
		h = h * 31u + u[1];
	if (u[0] >= 0xe0)
		h = h * 31u + u[2];
	return h % BUCKETS;
}

/* ---- the index ---- */

static void add_word(struct lexer *lx, const char *text, uint8_t kind, int value, uint8_t flags)
{
	struct entry *e = &lx->words[lx->n_words];
	unsigned b;

	if (!text || !text[0] || lx->n_words == MAX_WORDS)
		return;
	b = bucket(text);
	*e = (struct entry){text, lx->heads[b], kind, flags, (int16_t)value};
	lx->heads[b] = (uint16_t)lx->n_words++;
}

static void add_words(
	struct lexer *lx, const struct def_words *w, uint8_t kind, int value, uint8_t flags)
{
	for (size_t i = 0; i < w->n; i++)
		add_word(lx, w->items[i], kind, value, flags);
}

static void index_campaign(struct lexer *lx)
{
	const struct campaign *c = lx->c;

	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *cat = &c->categories[i];

		add_words(lx, &cat->words, W_CATEGORY, (int)i, 0);
		add_word(lx, cat->name, W_CATEGORY, (int)i, 0);
		add_word(lx, cat->short_name, W_CATEGORY, (int)i, 0);
		add_words(lx, &cat->measures, W_MEASURE, 1 << i, 0);
		add_word(lx, cat->unit_word, W_MEASURE, 1 << i, 0);
		add_words(lx, &cat->typos, W_MEASURE, 1 << i, TYPED_WRONG);
	}
	for (size_t i = 0; i < c->n_materials; i++) {
		add_words(lx, &c->materials[i].words, W_ITEM, (int)i, 0);
		add_word(lx, c->materials[i].short_name, W_ITEM, (int)i, 0);
		add_word(lx, c->materials[i].name, W_ITEM, (int)i, 0);
	}
	for (size_t i = 0; i < c->n_departments; i++)
		add_word(lx, c->departments[i].short_name, W_FILLER, 0, 0);
}

static void index_units(struct lexer *lx)
{
	const struct units *u = lx->c->units;

	for (size_t i = 0; i < u->n && 2 * i + 1 < MAX_UNIT_NAMES; i++) {
		const char *names[] = {u->items[i].name, u->items[i].short_name};

		for (size_t k = 0; k < 2; k++) {
			unsigned b = bucket(names[k]);

			lx->unit_next[2 * i + k] = lx->unit_heads[b];
			lx->unit_heads[b] = (uint16_t)(2 * i + k);
		}
	}
}

static void build_index(struct lexer *lx)
{
	memset(lx->heads, 0xff, sizeof(lx->heads));
	memset(lx->unit_heads, 0xff, sizeof(lx->unit_heads));
	lx->n_words = 0;
	for (size_t i = 0; i < reply_words_n; i++) {
		const struct reply_word_group *g = &reply_words[i];

		for (size_t k = 0; k < g->n; k++)
			add_word(lx, g->words[k], g->kind, g->value, g->flags);
	}
	index_campaign(lx);
	index_units(lx);
}

/* ---- finding ---- */

static size_t match(const char *word, const char *s)
{
	size_t n = 0;

	while (word[n] && word[n] == s[n])
		n++;
	return word[n] ? 0 : n;
}

/* Measures and counters are words only after a number; then they come before another word as long. */
static bool beats(const struct entry *e, size_t len, const struct entry *best, size_t best_len)
{
	if (!best || len != best_len)
		return len > best_len;
	return e->kind == W_MEASURE || (e->kind == W_COUNTER && best->kind != W_MEASURE);
}

static const struct entry *find_word(
	const struct lexer *lx, const char *s, size_t *ret_len, int *ret_mask)
{
	const struct entry *best = NULL;

	*ret_len = 0;
	*ret_mask = 0;
	for (uint16_t i = lx->heads[bucket(s)]; i != NONE; i = lx->words[i].next) {
		const struct entry *e = &lx->words[i];
		size_t n = match(e->text, s);

		if (n == 0 || (!lx->after_number && (e->kind == W_MEASURE || e->kind == W_COUNTER ||
							    e->kind == W_VAGUE)))
			continue;
		if (best && e->kind == W_MEASURE && best->kind == W_MEASURE && n == *ret_len) {
			*ret_mask |= e->value; /* a measure of two categories */
			continue;
		}
		if (!beats(e, n, best, *ret_len))
			continue;
		best = e;
		*ret_len = n;
		*ret_mask = e->value;
	}
	return best;
}

/* How near a unit is to the sender: its own first, then below it, above it, any other. */
static int nearness(const struct lexer *lx, int unit)
{
	const struct units *u = lx->c->units;
	int own = lx->ctx->unit;

	if (unit == own)
		return 3;
	if (own >= 0 && units_is_under(u, unit, own))
		return 2;
	return own >= 0 && units_is_under(u, own, unit) ? 1 : 0;
}

static size_t find_full_name(const struct lexer *lx, const char *s, int *ret_unit)
{
	const struct units *u = lx->c->units;
	size_t best = 0;

	for (uint16_t i = lx->unit_heads[bucket(s)]; i != NONE; i = lx->unit_next[i]) {
		const struct unit *unit = &u->items[i / 2];
		size_t n = match(i % 2 ? unit->short_name : unit->name, s);

		if (n < 4 || n < best)
			continue;
		if (n == best && nearness(lx, i / 2) <= nearness(lx, *ret_unit))
			continue;
		best = n;
		*ret_unit = i / 2;
	}
	return best;
}

/* 包头 for 包头市: only as the subject of a clause, where nothing else can be meant. */
static size_t find_bare_name(const struct lexer *lx, const char *s, int *ret_unit)
{
	const struct units *u = lx->c->units;
	size_t best = 0;

	if (!lx->clause_begins)
		return 0;
	for (uint16_t i = lx->unit_heads[bucket(s)]; i != NONE; i = lx->unit_next[i]) {
		const struct unit *unit = &u->items[i / 2];
		const char *name = i % 2 ? unit->short_name : unit->name;
		size_t n = strlen(name);

		/* All but the last character (市 盟 旗 区 县), of at least two. */
		if (n < 9 || memcmp(name, s, n - 3) != 0 || n - 3 < best)
			continue;
		if (units_find_name(u, name, n - 3) < 0 && nearness(lx, i / 2) == 0)
			continue;
		if (n - 3 == best && nearness(lx, i / 2) <= nearness(lx, *ret_unit))
			continue;
		best = n - 3;
		*ret_unit = i / 2;
	}
	return best;
}

/* ---- tokens ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void push(struct lexer *lx, enum reply_kind kind, int value, size_t at, size_t len)
{
	struct reply_tokens *t = lx->t;

	if (t->n == REPLY_MAX_TOKENS)
		return;
	t->items[t->n++] =
		(struct reply_token){(uint8_t)kind, 0, (int16_t)value, (uint16_t)at, (uint16_t)len};
	if (kind != W_BLANK) {
		lx->after_number = kind == W_NUMBER || kind == W_ORDINAL;
		lx->clause_begins = kind == W_SEP || (kind == W_UNIT && lx->clause_begins) ||
				    (lx->clause_begins && kind == W_PUNCT);
	}
}

/* A sign that ends a clause; a point or comma between two digits does not. */
static bool is_separator(const struct lexer *lx, size_t at)
{
	const char *s = lx->t->s;
	char c = s[at];

	if (c == ';' || c == '!' || c == '?' || c == '\n')
		return true;
	if (c != '.' && c != ',')
		return false;
	return at == 0 || !is_digit(s[at - 1]) || !is_digit(s[at + 1]);
}

/* In a clause about a notice or a delay, 8.12 is a date. */
static bool loose_clause(struct lexer *lx, size_t at)
{
	static const char *const words[] = {
		"公示", "公式", "延期", "延到", "延至", "推迟", "延后", "张贴"};
	const char *s = lx->t->s;
	size_t end = at;

	if (at < lx->clause_end)
		return lx->is_loose;
	while (end < lx->t->len && !is_separator(lx, end))
		end++;
	lx->is_loose = false;
	lx->clause_end = end;
	while (at > 0 && !is_separator(lx, at - 1))
		at--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (memmem(s + at, end - at, words[i], strlen(words[i])))
			lx->is_loose = true;
	}
	return lx->is_loose;
}

static bool in_campaign(const struct campaign *c, struct civil d)
{
	return c->n_phases > 0 && civil_cmp(c->phases[0].start, d) <= 0 &&
	       civil_cmp(d, c->phases[c->n_phases - 1].end) <= 0;
}

/* 8.15前报, 8/15报送: a date as well, when it lies in the campaign. */
static bool planned(const struct lexer *lx, const struct reply_date *d, const char *after)
{
	static const char *const words[] = {
		"前", "之前", "以前", "报", "上报", "寄", "送", "交", "开始", "起"};

	while (*after == ' ')
		after++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (text_starts(after, words[i]))
			return d->is_valid && in_campaign(lx->c, d->day);
	}
	return false;
}

/* The year that was left out is the one in which the day lies in the campaign. */
static void choose_year(const struct campaign *c, struct reply_date *d)
{
	for (int step = -1; step <= 1 && !d->has_year && d->is_valid; step += 2) {
		struct civil other = {(int16_t)(d->day.year + step), d->day.month, d->day.day};

		if (!in_campaign(c, d->day) && civil_valid(other) && in_campaign(c, other))
			d->day = other;
	}
}

/* Can a date begin with this character? Most cannot, and trying all forms is what costs time. */
static bool may_begin_date(const char *s)
{
	static const char first[] = "一二三四五六七八九十廿两大后明今昨前本这月下上周星礼";

	if (is_digit(*s))
		return true;
	for (size_t i = 0; i < sizeof(first) - 1; i += 3) {
		if (!memcmp(first + i, s, 3))
			return true;
	}
	return false;
}

static size_t lex_date(struct lexer *lx, size_t at)
{
	struct reply_tokens *t = lx->t;
	const char *s = t->s + at;
	struct reply_date d;
	size_t n = reply_date_read(s, t->len - at, lx->today, DATE_STRICT, &d);

	if (n == 0 && is_digit(*s)) {
		n = reply_date_read(s, t->len - at, lx->today, DATE_LOOSE, &d);
		if (n > 0 && !loose_clause(lx, at) && !planned(lx, &d, s + n))
			n = 0;
	}
	if (n == 0 || t->n_dates == REPLY_MAX_DATES)
		return 0;
	if (d.has_month)
		choose_year(lx->c, &d);
	t->dates[t->n_dates] = d;
	push(lx, W_DATE, (int)t->n_dates++, at, n);
	return n;
}

static bool same_letters(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

/* A run of ASCII letters and digits that is no number. */
static size_t lex_latin(struct lexer *lx, size_t at)
{
	const char *s = lx->t->s + at;
	size_t n = 0;

	while (is_letter(s[n]) || is_digit(s[n]))
		n++;
	if (same_letters(s, n, "ok")) {
		push(lx, W_ACK, ACK_WORD, at, n);
		return n;
	}
	if (same_letters(s, n, "ems")) {
		push(lx, W_COURIER, 0, at, n);
		return n;
	}
	if (strncasecmp(s, "http", 4) == 0 || strncasecmp(s, "www.", 4) == 0) {
		n += strcspn(s + n, " \n,)");
		push(lx, W_URL, 0, at, n);
		return n;
	}
	push(lx, W_LATIN, 0, at, n);
	return n;
}

/* [text](address) */
static size_t lex_link(struct lexer *lx, size_t at)
{
	const char *s = lx->t->s + at, *mid = strstr(s, "](");
	const char *close = mid ? strchr(mid, ')') : NULL;

	if (!close || memchr(s, '\n', (size_t)(close - s)))
		return 0;
	push(lx, W_URL, 0, at, (size_t)(close - s) + 1);
	return (size_t)(close - s) + 1;
}

static size_t lex_number(struct lexer *lx, size_t at)
{
	const char *s = lx->t->s + at;
	bool ordinal = text_starts(s, "第");
	size_t skip = ordinal ? strlen("第") : 0, n;
	int v = 0;

	n = num_read_han(s + skip, lx->t->len - at - skip, &v);
	if (n == 0)
		return 0;
	if (is_digit(s[skip]) && is_letter(s[skip + n]) && !ordinal) {
		push(lx, W_LATIN, 0, at, n + 1);
		return n + 1;
	}
	push(lx, ordinal ? W_ORDINAL : W_NUMBER, v, at, skip + n);
	return skip + n;
}

static bool is_emoji(uint32_t cp)
{
	return (cp >= 0x1f000 && cp <= 0x1faff) || (cp >= 0x2600 && cp <= 0x27bf) ||
	       (cp >= 0x2b00 && cp <= 0x2bff);
}

/* 个人, 个户: the measure counts, 个 adds nothing; but 个家庭 is a noun. */
static size_t lex_vague(struct lexer *lx, size_t at, size_t n)
{
	size_t more, noun_len;
	int mask, noun_mask;
	const struct entry *e = find_word(lx, lx->t->s + at + n, &more, &mask), *noun;

	if (e && e->kind == W_MEASURE && e->flags == 0) {
		lx->after_number = false;
		noun = find_word(lx, lx->t->s + at + n, &noun_len, &noun_mask);
		lx->after_number = true;
		if (!noun || noun_len <= more) {
			push(lx, W_MEASURE, mask, at, n + more);
			return n + more;
		}
	}
	push(lx, W_VAGUE, 0, at, n);
	return n;
}

static size_t lex_word(struct lexer *lx, size_t at, size_t longer_than)
{
	const char *s = lx->t->s + at;
	size_t n, name;
	int mask, unit = -1;
	const struct entry *e = find_word(lx, s, &n, &mask);

	name = find_full_name(lx, s, &unit);
	if (name == 0)
		name = find_bare_name(lx, s, &unit);
	if (name > n && name > longer_than) {
		push(lx, W_UNIT, unit, at, name);
		return name;
	}
	if (!e || n <= longer_than)
		return 0;
	if (e->kind == W_VAGUE)
		return lex_vague(lx, at, n);
	push(lx, (enum reply_kind)e->kind, mask, at, n);
	if (lx->t->n > 0)
		lx->t->items[lx->t->n - 1].flags = e->flags;
	return n;
}

/* How long a number would be here, so that only a longer word (一下, 两类) takes its place. */
static size_t number_length(const struct lexer *lx, size_t at)
{
	int v;

	return num_read_han(lx->t->s + at, lx->t->len - at, &v);
}

static size_t lex_one(struct lexer *lx, size_t at)
{
	const char *s = lx->t->s + at, *next = s;
	char c = *s;
	size_t n = 0;
	uint32_t cp;

	if (c == ' ') {
		push(lx, W_BLANK, 0, at, 1);
		return 1;
	}
	if (c == '[')
		n = lex_link(lx, at);
	if (n == 0 && is_letter(c))
		n = lex_latin(lx, at);
	if (n == 0 && lx->t->len - at >= 2 && may_begin_date(s))
		n = lex_date(lx, at);
	if (n == 0)
		n = lex_word(lx, at, number_length(lx, at));
	if (n == 0)
		n = lex_number(lx, at);
	if (n > 0)
		return n;
	cp = text_next(&next, lx->t->s + lx->t->len);
	n = (size_t)(next - s);
	if (cp >= 0x80)
		push(lx, is_emoji(cp) ? W_EMOJI : W_OTHER, 0, at, n);
	else
		push(lx, is_separator(lx, at) ? W_SEP : W_PUNCT, c, at, n);
	return n;
}

/* ---- brackets ---- */

static bool is_in(uint8_t kind, const uint8_t *kinds)
{
	while (*kinds != W_KINDS && *kinds != kind)
		kinds++;
	return *kinds == kind;
}

static bool all_in(const struct reply_tokens *t, size_t from, size_t to, const uint8_t *kinds)
{
	for (size_t i = from; i < to; i++) {
		if (!is_in(t->items[i].kind, kinds))
			return false;
	}
	return true;
}

/*
 * What stands in brackets is said aside and never counts, except where brackets only set off a name, a
 * period, or the number of what stands before them: 【乙市】, 公示（8月12日至18日）, 工作者（2名）.
 */
static bool is_aside(const struct reply_tokens *t, size_t open, size_t close)
{
	static const uint8_t names[] = {W_BLANK, W_UNIT, W_CATEGORY, W_SELF, W_FILLER, W_COURTESY,
		W_EMOJI, W_VERB, W_ALREADY, W_ITEM, W_MATERIALS, W_KINDS};
	static const uint8_t period[] = {
		W_BLANK, W_DATE, W_NUMBER, W_TO, W_PUNCT, W_FILLER, W_KINDS};
	static const uint8_t count[] = {W_BLANK, W_NUMBER, W_MEASURE, W_VAGUE, W_KINDS};
	size_t before = open;

	while (before > 0 && t->items[before - 1].kind == W_BLANK)
		before--;
	if (before == 0 || t->items[before - 1].kind == W_SEP || all_in(t, open + 1, close, names))
		return false;
	if (t->items[before - 1].kind == W_CATEGORY && all_in(t, open + 1, close, count))
		return false;
	return t->n_dates == 0 || !all_in(t, open + 1, close, period);
}

static size_t find_close(const struct reply_tokens *t, size_t open)
{
	int close = t->items[open].value == '(' ? ')' : ']';

	for (size_t i = open + 1; i < t->n; i++) {
		if (token_is(&t->items[i], W_PUNCT, close))
			return i;
	}
	return t->n;
}

static void fold_brackets(struct reply_tokens *t)
{
	size_t n = 0;
	bool open = true; /* false: no bracket closes any more */

	for (size_t i = 0; i < t->n; i++) {
		size_t close = t->n;

		if (open && (token_is(&t->items[i], W_PUNCT, '(') ||
				    token_is(&t->items[i], W_PUNCT, '['))) {
			close = find_close(t, i);
			open = close < t->n;
		}
		if (close < t->n && is_aside(t, i, close)) {
			struct reply_token *last = &t->items[close];

			last->len = (uint16_t)(last->at + last->len - t->items[i].at);
			last->at = t->items[i].at;
			last->kind = W_ASIDE;
			i = close;
		} else if (close < t->n) {
			t->items[i].kind = W_BLANK;
			t->items[close].kind = W_BLANK;
		}
		t->items[n++] = t->items[i];
	}
	t->n = n;
}

void reply_lex(const struct campaign *c, const struct reply_context *ctx,
	const struct reply_text *text, struct reply_tokens *ret)
{
	struct lexer lx;

	lx.c = c;
	lx.ctx = ctx;
	lx.today = civil_of_ms(ctx->now_ms);
	lx.t = ret;
	lx.after_number = lx.is_loose = false;
	lx.clause_begins = true;
	lx.clause_end = 0;
	ret->s = text->s;
	ret->len = text->len;
	ret->n = ret->n_dates = 0;
	build_index(&lx);
	for (size_t at = 0; at < text->len;)
		at += lex_one(&lx, at);
	fold_brackets(ret);
}
