/*
 * notifier/campaign/plan.h: which reminders fall due when, and what they say at that moment.
 *
 * A reminder point is (rule, unit, occasion) with a deterministic id. Planning lists points; nothing is
 * decided until a point is due: then the conditions are evaluated on the facts of that moment, and all due
 * points of one unit and recipient become one message. Scheduler, preview and rehearse use the same calls.
 */
#ifndef SW_CAMPAIGN_PLAN_H
#define SW_CAMPAIGN_PLAN_H

#include "core/base/id.h"
#include "notifier/campaign/facts.h"
#include "notifier/campaign/obligation.h"
#include "notifier/campaign/template.h"

enum {
	POINT_ID = 48,
	PLAN_MAX_POINTS = 128, /* of one message: a digest of 14 units has a few dozen */
	PLAN_REMINDED = 40,    /* instants kept of a unit: more than a campaign has */
};

struct plan_point {
	char id[POINT_ID]; /* "R12/150100/20220805T0900" */
	int reminder;      /* index in the definition */
	int unit;          /* the unit it is about */
	int64_t due_ms;    /* nominal instant */
};

struct plan {
	struct plan_point *points; /* sorted by due_ms, then unit order, then urgency */
	size_t n;
};

/* All points of supported reminders for all units of their tiers. Fails only for lack of memory or calendar. */
int plan_build(const struct campaign *c, struct plan **ret, struct sw_err *err) SW_MUST_CHECK;
void plan_free(struct plan *p);
const struct plan_point *plan_find(const struct plan *p, const char *id);

/* Where a due point goes. */
struct plan_recipient {
	char channel[8]; /* "robot": the unit's group; "app": one member; "sms" */
	int group_unit;  /* robot: whose group (the unit itself, or the region's office) */
	int contact;     /* app, sms: index in contacts; robot: -1 */
	char key[64];    /* "150100", or the contact id: recipient part of job and mid */
};

enum plan_reason { /* why a point was not sent */
	PLAN_SEND,
	PLAN_CONDITION_FALSE,
	PLAN_PAUSED,
	PLAN_SNOOZED,
	PLAN_REST_DAY,
	PLAN_QUIET_HOURS,
	PLAN_NO_RECIPIENT,
	PLAN_CAPPED,
	PLAN_MISSED,
	PLAN_NO_CHANNEL,
	PLAN_ANSWERED, /* 收到 or an applied reply since the morning: no SMS */
};
const char *plan_reason_name(enum plan_reason r);

struct plan_message {
	struct plan_recipient to;
	char job[96]; /* rm/<campaign>/<unit>/<channel>/<yyyymmdd>/<HHMM>[/<contact>] */
	int unit;     /* the unit it is about */
	int64_t nominal_ms, due_ms, expires_ms; /* due = nominal + 0..7 min, fixed per unit */
	bool markdown;
	char *text;               /* owned */
	char template_id[DEF_ID]; /* sms; "" otherwise */
	char *params;             /* sms, owned: the template's variables as JSON; NULL otherwise */
	int mentions[32];         /* contact indices to be mentioned, group messages only */
	size_t n_mentions;
	const struct plan_point *points[PLAN_MAX_POINTS]; /* what it covers, most urgent first */
	size_t n_points;
};

struct plan_outcome { /* of one due point */
	const struct plan_point *point;
	enum plan_reason reason;
};

struct plan_decision {
	struct plan_message *messages; /* owned */
	size_t n_messages;
	struct plan_outcome *outcomes; /* one per input point, owned */
	size_t n_outcomes;
};

struct plan_input {
	const struct campaign *c;
	const struct templates *t;
	const struct contacts *contacts;
	const struct unit_facts *facts; /* one per unit index */
	int64_t now_ms;
	/* last instant a group reminder went to a unit's group (0: never), one per unit; NULL: not known.
	 * At most one reminder per unit, channel and working day, deadline day excepted. */
	const int64_t *last_group_ms;
	/* Nominal instants of reminders to a unit's ordinary contacts (its group, SMS), newest first, each once,
	 * 0 behind the last; one row per unit; NULL: not known. Those of the decided message itself do not count. */
	const int64_t (*reminded_ms)[PLAN_REMINDED];
	bool sms_available; /* a gateway is configured */
};

/* Is M one of those that plan_input.reminded_ms counts? Its instant is M's nominal one, its unit M's. */
bool plan_reminds_contacts(const struct plan_message *m, const struct contacts *contacts);
/* Adds AT_MS to the list LOG of MAX instants, newest first, unless it is there. */
void plan_log_add(int64_t *log, size_t max, int64_t at_ms);

/*
 * Decides the due points POINTS (all due, same nominal instant or older). A point more than 2 h late is
 * merged into the message of now when its condition still holds and it is the newest of its rule, else
 * PLAN_MISSED. Returns 0, or a template error in ERR.
 *
 * An official gets at most 3 messages a day and 10 in seven days, by application and SMS together (contact.sent_ms).
 */
int plan_decide(const struct plan_input *in, const struct plan_point *const *points, size_t n,
	struct plan_decision *ret, struct sw_err *err) SW_MUST_CHECK;
void plan_decision_fini(struct plan_decision *d);

/* The progress lines of a unit (answer R-PROGRESS) and other answer texts use the same variables: fills VARS
 * (room for PLAN_MAX_VARS) with values owned by STORE. Names: docs/campaign.md "variables". */
enum { PLAN_MAX_VARS = 192 }; /* 10 for each category, one for each phase, and some forty more */
struct plan_vars {
	struct template_var vars[PLAN_MAX_VARS];
	size_t n;
	char *store[PLAN_MAX_VARS]; /* owned values */
};
int plan_vars_fill(const struct campaign *c, int unit, const struct unit_facts *f, int64_t now_ms,
	struct plan_vars *ret) SW_MUST_CHECK;
/* Adds or replaces one; VALUE is copied. */
int plan_vars_set(
	struct plan_vars *v, const char *name, const char *value, bool typed) SW_MUST_CHECK;
void plan_vars_fini(struct plan_vars *v);

#endif
