/*
 * notifier/campaign/reply_internal.h: what the parts of the reply reader share.
 *
 * A message becomes tokens (reply_lex.c: function words from reply_words.c, the campaign's own words, units,
 * numbers, dates), tokens become clauses, and each clause is read by the first rule that fits
 * (reply_clauses.c, reply_materials.c, reply_dates.c, reply_counts.c). Nobody else includes this.
 */
#ifndef SW_CAMPAIGN_REPLY_INTERNAL_H
#define SW_CAMPAIGN_REPLY_INTERNAL_H

#include "notifier/campaign/reply.h"
#include "notifier/campaign/reply_normalise.h"

/* ---- tokens ---- */

/* Kinds of tokens. */
enum reply_kind {
	W_OTHER, /* a character nothing knows */
	W_BLANK,
	W_SEP,     /* , ; . ! ? newline; VALUE is the character */
	W_PUNCT,   /* other ASCII signs; VALUE is the character */
	W_NUMBER,  /* VALUE; -1 too large, -2 unclear (二三) */
	W_ORDINAL, /* 第3; VALUE */
	W_DATE,    /* VALUE indexes the dates */
	W_LATIN,   /* ASCII letters and digits */
	W_URL,
	W_EMOJI,
	W_ASIDE, /* what stands in brackets */
	/* from the definition and the units */
	W_UNIT,     /* VALUE */
	W_CATEGORY, /* VALUE */
	W_MEASURE,  /* after a number; VALUE is a set of categories */
	W_ITEM,     /* VALUE: index of a material */
	/* function words; VALUE below */
	W_VAGUE,
	W_COUNTER,
	W_FILLER,
	W_SELF,
	W_ALREADY,
	W_VERB,
	W_DELTA,
	W_CORRECT,
	W_NEG,
	W_HEDGE,
	W_UNSURE,
	W_EXCEPT,
	W_GAP,
	W_MATERIALS,
	W_COMPLETE,
	W_ARRIVED,
	W_QUALITY,
	W_SEAL,
	W_NOTICE,
	W_START,
	W_END,
	W_OBJECTION,
	W_NO_OBJECTION,
	W_DISCIPLINE,
	W_REPLIED,
	W_NO_PROBLEM,
	W_PROBLEM,
	W_SENT,
	W_PAPER,
	W_ELECTRONIC,
	W_COURIER,
	W_EXTEND,
	W_BEFORE,
	W_TO,
	W_QUESTION,
	W_WEAK_QUESTION,
	W_WHEN,
	W_CHECK,
	W_TABLE,
	W_QUOTA,
	W_DEADLINE,
	W_PROGRESS,
	W_SNOOZE,
	W_NO_SNOOZE,
	W_CONTACT,
	W_NOT_RECEIVED,
	W_FORECAST,
	W_NOT_STARTED,
	W_ACK,
	W_PROMISE,
	W_COURTESY,
	W_KINDS
};
_Static_assert(W_KINDS <= 128, "the kinds of a clause fit two words of bits");

enum {
	REPLY_MAX_TOKENS = REPLY_MAX_CHARS + 1,
	REPLY_MAX_DATES = 16,
	TYPED_WRONG = 1, /* token flag: a known slip (互 for 户) */
};

struct reply_date {
	struct civil day; /* year and month filled in */
	bool is_valid;    /* is there such a day */
	bool has_year, has_month;
};

struct reply_token {
	uint8_t kind;
	uint8_t flags;
	int16_t value;
	uint16_t at, len; /* bytes of the text */
};

struct reply_tokens {
	const char *s; /* the normalised text */
	size_t len;
	struct reply_token items[REPLY_MAX_TOKENS];
	size_t n;
	struct reply_date dates[REPLY_MAX_DATES];
	size_t n_dates;
};

/* Function words of one kind; VALUE tells groups of a kind apart. */
struct reply_word_group {
	uint8_t kind, value, flags;
	const char *const *words;
	size_t n;
};
extern const struct reply_word_group reply_words[];
extern const size_t reply_words_n;

/* Values of function words. */
enum { ALREADY_ALL, ALREADY_DONE };                       /* 都; 已 */
enum { VERB_BARE, VERB_DONE };                            /* 报送; 已报 */
enum { SENT_BARE_POST, SENT_BARE, SENT_POST, SENT_DONE }; /* 寄; 发; 已寄出; 已发 */
enum { ACK_WEAK, ACK_WORD, ACK_RECEIVED };                /* 好 (alone only); 明白; 收到 */
enum {
	CONTACT_PLAIN,
	CONTACT_NAME,
	CONTACT_WEAK
}; /* 调离; 请联系 (a name follows); 联系 (with a number) */

/* TEXT is normalised. */
void reply_lex(const struct campaign *c, const struct reply_context *ctx,
	const struct reply_text *text, struct reply_tokens *ret);

/* ---- dates (reply_date.c) ---- */

enum reply_date_style { DATE_STRICT, DATE_LOOSE /* 8.12 and 8/12 too */ };
/* A date at the start of S; bytes used, 0 when there is none. */
size_t reply_date_read(const char *s, size_t len, struct civil today, enum reply_date_style style,
	struct reply_date *ret);

/* ---- reading (reply_read.c) ---- */

struct reply_kinds {
	uint64_t bits[2];
};
static inline bool kinds_has(const struct reply_kinds *k, enum reply_kind kind)
{
	return (k->bits[kind / 64] >> (kind % 64) & 1) != 0;
}
static inline void kinds_add(struct reply_kinds *k, enum reply_kind kind)
{
	k->bits[kind / 64] |= UINT64_C(1) << (kind % 64);
}

struct reply_clause {
	size_t from, to; /* tokens */
	struct reply_kinds has;
	char end; /* the sign that ended it, 0: the message or a turn of phrase */
};

struct reply_outcome {
	enum reply_disposition disposition;
	const char *reply;
};

enum count_mode { COUNT_TOTAL, COUNT_DELTA, COUNT_CORRECT, COUNT_FORECAST };

struct reader {
	const struct campaign *c;
	const struct reply_context *ctx;
	struct civil today;
	const struct reply_tokens *t;
	struct reply_reading *r;
	struct reply_outcome out[REPLY_MAX_ACTS]; /* of each act */
	struct reply_outcome issue;               /* the strictest that has no act */
	bool has_issue;
	bool has_courtesy, has_promise, has_junk, has_url;
	bool has_received; /* 收到 was said */
	bool has_report_verb;
	bool counts_are_bad; /* a count was not surely read: none is kept */
	bool gap_stated;
	bool is_correction; /* 更正 was said: the counts that follow are new */
	int category;       /* named by a clause of its own: 工作者，2名; -1: none */
	int unit;           /* a subordinate unit the counts are of, -1: the sender's own */
	int last;           /* act of the clause before, -1: none */
	size_t items_from; /* token where a list of items began that its verb has not ended: 照片、推荐表齐了; SIZE_MAX */
	int gap_mask;      /* categories of a list by number that may go on, -1: none */
};

/* NULL when there are too many (the message is then asked back). */
struct reply_act *reader_act(
	struct reader *rd, enum reply_act_kind kind, enum reply_disposition d, const char *reply);
void reader_issue(struct reader *rd, enum reply_disposition d, const char *reply, const char *flag);
void reader_flag(struct reader *rd, const char *flag);
/* Copies a word into a field of an act; one that does not fit leaves it empty. */
void reader_word(char *field, size_t size, const char *word);
void reader_drop_act(struct reader *rd, size_t i);
void reader_unflag(struct reader *rd, const char *flag);

static inline bool clause_has(const struct reply_clause *cl, enum reply_kind kind)
{
	return kinds_has(&cl->has, kind);
}
/* The first token of KIND in the clause, NULL. */
const struct reply_token *clause_find(
	const struct reader *rd, const struct reply_clause *cl, enum reply_kind kind);
/* Says the clause 已, in whatever word? */
bool clause_says_done(const struct reader *rd, const struct reply_clause *cl);
/* The next token after I that is no blank, or CL->to. */
size_t clause_next(const struct reader *rd, const struct reply_clause *cl, size_t i);
/* Has the clause no other kinds than these (W_KINDS-ended) and blanks, fillers, courtesy? */
bool clause_only(const struct reply_clause *cl, const uint8_t *kinds);
/* Categories named in the clause, as a set. */
int clause_categories(const struct reader *rd, const struct reply_clause *cl);
bool token_is(const struct reply_token *tok, enum reply_kind kind, int value);
const struct reply_date *token_date(const struct reader *rd, const struct reply_token *tok);
/* The index of the only category in the set MASK, -1 when it is none or several. */
int single_category(int mask);
int all_categories(const struct campaign *c);

/* ---- rules; each returns whether the clause was its own ---- */

bool rule_contact(struct reader *rd, const struct reply_clause *cl);
bool rule_snooze(struct reader *rd, const struct reply_clause *cl);
bool rule_question(struct reader *rd, const struct reply_clause *cl);
/* One query act for the kinds of words in HAS. */
void read_question(struct reader *rd, const struct reply_kinds *has);
bool rule_notice(struct reader *rd, const struct reply_clause *cl);
/* 8月12日开始公示，8月18日结束: the end comes in a clause of its own. */
bool continue_notice(struct reader *rd, const struct reply_clause *cl, struct reply_act *act);
bool rule_discipline(struct reader *rd, const struct reply_clause *cl);
bool rule_plan(struct reader *rd, const struct reply_clause *cl);
bool rule_submitted(struct reader *rd, const struct reply_clause *cl);
bool rule_status(struct reader *rd, const struct reply_clause *cl);
bool rule_materials(struct reader *rd, const struct reply_clause *cl);
bool rule_continuation(struct reader *rd, const struct reply_clause *cl);
bool rule_counts(struct reader *rd, const struct reply_clause *cl);
bool rule_correction(struct reader *rd, const struct reply_clause *cl);
bool rule_ack(struct reader *rd, const struct reply_clause *cl);
/* Judges the counts of all acts: quotas, stored totals, contradictions. */
void finish_counts(struct reader *rd);

#endif
