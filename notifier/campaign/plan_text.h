/*
 * notifier/campaign/plan_text.h: the sentences and figures a message is put together from.
 *
 * One function per variable, each appending its value to a buffer. All are driven by the definition: none knows
 * a category, a date or a quota. Texts are in Chinese, in the forms of official documents: 8月20日（星期六）, 9:00, 2名.
 */
#ifndef SW_CAMPAIGN_PLAN_TEXT_H
#define SW_CAMPAIGN_PLAN_TEXT_H

#include "core/base/buf.h"
#include "notifier/campaign/obligation.h"

/* A deadline as seen from the instant of a text. */
struct plan_dates {
	bool is_set;          /* the campaign has it */
	struct civil due;     /* the day of the notice */
	struct civil workday; /* the day to plan for: the last working day up to it */
	int days, workdays;   /* left; negative DAYS: over */
};

/* What a text is about: a unit (-1: none) at an instant, which is the nominal one of the message. */
struct plan_view {
	const struct campaign *c;
	int unit;
	const struct unit_facts *f; /* never NULL */
	int64_t now_ms;
	struct civil today;
	struct obligation quotas[DEF_MAX_CATEGORIES];
	bool has_quota[DEF_MAX_CATEGORIES];
	struct plan_dates list, submit;
};

/* F may be NULL: nothing is known. */
void plan_view_init(struct plan_view *v, const struct campaign *c, int unit,
	const struct unit_facts *f, int64_t now_ms);

/* DEADLINE: index, -1 = there is none. */
void plan_dates_of(const struct campaign *c, int deadline, int64_t now_ms, struct plan_dates *ret);

/* The list of names is what is asked for next; afterwards it is the materials. */
bool plan_list_is_open(const struct plan_view *v);

typedef void plan_say(const struct plan_view *v, struct buf *out);

struct plan_sentence {
	const char *name; /* of the variable */
	plan_say *say;
};

/* Of the campaign and the day; and of a unit, which must not be -1. Each ends with a NULL name. */
extern const struct plan_sentence plan_campaign_sentences[];
extern const struct plan_sentence plan_unit_sentences[];

/* "2至4", "不少于2", "不超过4", "5" for equal bounds, "" without bounds; -1: not limited. */
void plan_say_range(int min, int max, struct buf *out);
/* "6月20日至8月10日" */
void plan_say_phase(const struct def_phase *p, struct buf *out);

#endif
