/*
 * notifier/campaign/reply.h: reads what an official typed, and says how it was understood.
 *
 * Pure and driven by the definition: category and material words come from it. What is not surely
 * understood is asked back, never guessed; a question never changes data. The grammar is in docs/replies.md.
 */
#ifndef SW_CAMPAIGN_REPLY_H
#define SW_CAMPAIGN_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "notifier/campaign/definition.h"

enum reply_role { REPLY_LEAGUE, REPLY_COUNTY, REPLY_REGION, REPLY_RESIDENT, REPLY_UNKNOWN };
enum reply_open { OPEN_NONE, OPEN_ACK, OPEN_REPORT, OPEN_CONFIRM };
enum reply_channel { REPLY_SMS, REPLY_SINGLE, REPLY_GROUP };

struct reply_context {
	int64_t now_ms;
	enum reply_role role;
	int unit; /* the sender's own unit, -1: none */
	enum reply_channel channel;
	bool mentioned;                 /* a group message addressed to the robot */
	enum reply_open open;           /* the question that is open with this sender */
	int stored[DEF_MAX_CATEGORIES]; /* stored totals of the unit; -1: none yet */
};

enum reply_disposition {
	REPLY_APPLY,
	REPLY_CONFIRM,
	REPLY_QUEUE,
	REPLY_ASK,
	REPLY_REFUSE,
	REPLY_IGNORE
};

enum reply_act_kind {
	ACT_REPORT,
	ACT_CORRECT,
	ACT_MATERIALS,
	ACT_NOTICE,
	ACT_DISCIPLINE,
	ACT_SUBMITTED,
	ACT_PLAN,
	ACT_EXTENSION,
	ACT_ACK,
	ACT_QUERY,
	ACT_HELP,
	ACT_SNOOZE,
	ACT_CONTACT,
	ACT_OPT_OUT,
	ACT_OPT_IN,
	ACT_YES,
	ACT_NO,
	ACT_UNDO,
	ACT_FORECAST,
	ACT_STATUS,
	ACT_PROBLEM,
	ACT_OBJECTION,
};

enum { REPLY_MAX_ACTS = 16, REPLY_MAX_FLAGS = 16, REPLY_MAX_ITEMS = 16 };

struct reply_act {
	enum reply_act_kind kind;
	int counts[DEF_MAX_CATEGORIES]; /* report, correct, forecast; -1: not said */
	bool delta;                     /* report: an increment */
	int unit;                       /* any act: -1: the sender's own; else a subordinate unit */
	char state
		[16]; /* materials: complete missing received; notice: running ended objection; .. */
	int category;               /* materials: index, -1: both */
	int items[REPLY_MAX_ITEMS]; /* materials: indices in the definition */
	size_t n_items;
	struct civil start, end; /* notice; year 0: not said */
	bool has_objections;
	int objections;
	struct civil date; /* plan, extension */
	int64_t until_ms;  /* snooze */
	char what
		[16]; /* query: progress gap quota deadline materials table; problem: not_received */
	char form[12]; /* submitted: paper, electronic */
	char tracking[40];
	char name[64], phone[24]; /* contact */
};

struct reply_reading {
	struct reply_act acts[REPLY_MAX_ACTS];
	size_t n_acts;
	enum reply_disposition disposition;
	char reply[24]; /* "R-REPORT", "-" */
	char flags[REPLY_MAX_FLAGS][24];
	size_t n_flags;
	bool drop_text; /* personal data in it: the raw text must not be stored */
};

/* TEXT may be any bytes. Never fails: what cannot be read is ASK or IGNORE. At most 50 us CPU a message. */
void reply_read(const struct campaign *c, const struct reply_context *ctx, const char *text,
	size_t len, struct reply_reading *ret);

/* {"acts":[..],"disposition":..,"reply":..,"flags":[..]}: the form `shouwang parse` prints. */
json_t *reply_to_json(const struct campaign *c, const struct reply_reading *r);
const char *reply_disposition_name(enum reply_disposition d);
const char *reply_act_name(enum reply_act_kind k);
bool reply_has_flag(const struct reply_reading *r, const char *flag);

#endif
