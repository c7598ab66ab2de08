/*
 * notifier/campaign/definition.h: one campaign as data: phases, quotas, materials, deadlines, reminders.
 *
 * The next campaign is another file, not another program. The loader checks everything that can be
 * checked without facts and reports all problems with file and line. Format: docs/campaign.md.
 */
#ifndef SW_CAMPAIGN_DEFINITION_H
#define SW_CAMPAIGN_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/civil.h"
#include "core/base/problem.h"
#include "notifier/campaign/calendar.h"
#include "notifier/campaign/unit.h"

enum {
	DEF_ID = 33,
	DEF_MAX_TIERS = 8,
	DEF_MAX_DIRECT = 16,
	DEF_MAX_DEPARTMENTS = 8,
	DEF_MAX_CATEGORIES = 8,
	DEF_MAX_QUOTAS = 64,
	DEF_MAX_MATERIALS = 32,
	DEF_MAX_PHASES = 16,
	DEF_MAX_NOTICES = 8,
	DEF_MAX_CHECKS = 8,
	DEF_MAX_DEADLINES = 16,
	DEF_MAX_REMINDERS = 96,
	DEF_MAX_WORDS = 16,
	DEF_MAX_TARGETS = 8,
	DEF_MAX_AT = 4,
	DEF_MAX_ON = 12,
	DEF_MAX_CONDITIONS = 4,
	DEF_MAX_OFFSETS = 4,
	DEF_MAX_OCCASIONS = 400,
};

/* Words the reply reader accepts, longest first after loading. */
struct def_words {
	char *items[DEF_MAX_WORDS];
	size_t n;
};

struct def_tier {
	char id[DEF_ID];
	char *name;
	int parent; /* index, -1: the highest */
};

struct def_direct {
	char code[UNIT_CODE];
	char acts_as[DEF_ID];
	char carries[8][UNIT_CODE];
	size_t n_carries;
	bool skip_county_quota;
};

struct def_department {
	char id[DEF_ID]; /* civil, civility */
	char *name;
	char *short_name; /* 民政局 / 文明办, for messages */
};

struct def_quota {
	int tier;             /* index of the tier that puts forward */
	char unit[UNIT_CODE]; /* per_unit: for this unit alone; "" otherwise */
	int min, max;         /* -1: not limited */
};

struct def_material {
	char id[DEF_ID];
	char *name, *short_name;
	char reply_key[DEF_ID]; /* photo, form, summary, discipline, notice, report */
	struct def_words words;
	char per[16]; /* candidate | league | list */
	char seals[8][DEF_ID];
	size_t n_seals;
	bool electronic_only, shared;
	int64_t min_bytes;
};

enum def_subject { SUBJECT_PERSON, SUBJECT_HOUSEHOLD, SUBJECT_ORGANISATION };

struct def_category {
	char id[DEF_ID];
	char *name;                              /* 自治区最美社区工作者 */
	char *short_name;                        /* 工作者 */
	char *unit_word;                         /* 名 */
	char reply_key[DEF_ID];                  /* workers */
	char flag[8];                            /* suffix of reader flags: W, H */
	struct def_words words, measures, typos; /* 社区工作者..; 名 人 位; 互 护 沪 */
	enum def_subject subject;
	int lead, co_lead; /* department indices */
	int addressees[DEF_MAX_DEPARTMENTS];
	size_t n_addressees;
	int final_min, final_max; /* -1: open */
	struct def_quota quotas[DEF_MAX_QUOTAS];
	size_t n_quotas;
	/* Indices, in the order of the notice: the item numbers of replies. */
	int materials[DEF_MAX_MATERIALS];
	size_t n_materials;
};

struct def_phase {
	char id[DEF_ID];
	char *name;
	struct civil start, end; /* both inclusive */
	bool end_is_approximate;
};

struct def_notice {
	char id[DEF_ID];
	int phase, tier;
	char per[16];
	int days;
	bool workdays, exact, restart_on_replacement;
	struct civil must_end_by;
	char scope[16];
};

struct def_check {
	char id[DEF_ID];
	int phase, tier;
	int applies_to[DEF_MAX_CATEGORIES];
	size_t n_applies_to;
	int letter_for[DEF_MAX_CATEGORIES];
	size_t n_letter_for;
};

struct def_deadline {
	char id[DEF_ID];
	int owner;                       /* tier */
	int64_t due_ms, remind_as_if_ms; /* equal when not set */
	char *what;
};

/* ANCHOR_EVENT: when something happens (an objection), so it has no date of its own and is never planned. */
enum def_anchor {
	ANCHOR_ON,
	ANCHOR_DEADLINE,
	ANCHOR_NOTICE,
	ANCHOR_PHASE,
	ANCHOR_EVERY,
	ANCHOR_EVENT
};
enum def_every {
	EVERY_NONE,
	EVERY_WORKDAY,
	EVERY_MONDAY,
	EVERY_TUESDAY,
	EVERY_WEDNESDAY,
	EVERY_THURSDAY,
	EVERY_FRIDAY,
	EVERY_SATURDAY,
	EVERY_SUNDAY
};
enum def_role { ROLE_DEPARTMENT, ROLE_DEPUTY, ROLE_DUTY, ROLE_ALL };

struct def_target {
	int tier; /* -1: residents (publicity, never planned as a reminder) */
	enum def_role role;
	int department; /* ROLE_DEPARTMENT */
};

/* Counters a condition may name; the ones no obligation computes yet make the reminder unsupported. */
enum def_counter {
	COUNTER_HAVE,
	COUNTER_NEED,
	COUNTER_OVER,
	COUNTER_MISSING,
	COUNTER_MATERIALS_MISSING,
	COUNTER_UNCONFIRMED_DEPARTMENTS,
	COUNTER_NOTICES_NOT_STARTED,
	COUNTER_CONSULTATIONS_OPEN,
	COUNTER_ACKS_MISSING,
	COUNTER_UNREPORTED, /* no applied report that holds and nothing said to be sent: stands in for materials */
	COUNTER_OTHER, /* a fact the format knows and nothing computes yet: reviews, objections, gates .. */
	COUNTER_COUNT
};
enum def_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

struct def_condition {
	enum def_counter counter;
	int category; /* -1: any category */
	enum def_op op;
	int value;
};

struct def_reminder {
	char id[DEF_ID]; /* R01.. (docs/campaign.md) */
	enum def_anchor anchor;
	int ref; /* index of deadline, notice or phase */
	/* In working days or days, negative: before; one occasion each. */
	int offsets[DEF_MAX_OFFSETS];
	size_t n_offsets;
	bool offset_workdays;
	struct civil on[DEF_MAX_ON];
	size_t n_on;
	enum def_every every;
	struct civil from, until; /* EVERY: range, both included */
	int at[DEF_MAX_AT];       /* minutes of the day */
	size_t n_at;
	struct def_target to[DEF_MAX_TARGETS];
	size_t n_to;
	bool by_sms;                                   /* channel = "sms" */
	bool soft;                                     /* an operator may move it */
	bool rest_day_ok;                              /* may go out on a rest day */
	struct def_condition when[DEF_MAX_CONDITIONS]; /* any of them; n_when 0: always */
	size_t n_when;
	char heading[DEF_ID];       /* template of a message whose most urgent point this is */
	char line_template[DEF_ID]; /* template of its line in a merged message; "" = none */
	char sms[DEF_ID]; /* template of its text by SMS: by_sms, or somebody no chat reaches; "" = none */
	int urgency;    /* higher wins the heading; by default the order in the file */
	bool supported; /* false: a warning at load, never planned */
	int line;       /* in the file */
};

struct def_publicity {
	char *gates[8];
	size_t n_gates;
	struct civil start, end;
	int from_minute, to_minute;
	char *languages[4];
	size_t n_languages;
};

struct campaign {
	char id[DEF_ID];
	char *title, *doc_no;
	char *file, *calendar_file, *units_file, *relations_file; /* resolved paths */
	char *telephone; /* {tel} of messages: an office number of the definition */
	bool count_start_day, warn_if_only_one_counting_fits;
	int day_end_minute; /* 17:30: until when a working day counts as left */
	struct def_tier tiers[DEF_MAX_TIERS];
	size_t n_tiers;
	int reporting_tier; /* league: whose units report to the highest tier */
	struct def_direct direct[DEF_MAX_DIRECT];
	size_t n_direct;
	struct def_department departments[DEF_MAX_DEPARTMENTS];
	size_t n_departments;
	struct def_category categories[DEF_MAX_CATEGORIES];
	size_t n_categories;
	struct def_material materials[DEF_MAX_MATERIALS];
	size_t n_materials;
	int paper_copies;
	bool electronic;
	struct def_phase phases[DEF_MAX_PHASES];
	size_t n_phases;
	struct def_notice notices[DEF_MAX_NOTICES];
	size_t n_notices;
	struct def_check checks[DEF_MAX_CHECKS];
	size_t n_checks;
	struct def_deadline deadlines[DEF_MAX_DEADLINES];
	size_t n_deadlines;
	/* Indices by id league_list and submit; -1 when the campaign has none. */
	int list_deadline, submit_deadline;
	struct def_reminder reminders[DEF_MAX_REMINDERS];
	size_t n_reminders;
	struct def_publicity publicity;
	char *never_in_message[32];
	size_t n_never;
	struct calendar *calendar; /* owned */
	struct units *units;       /* owned; reports_to, acts_as_league set */
	char digest[65];           /* SHA-256 of the definition file's bytes */
};

/* Loads the definition with its calendar and units. All problems in P; 0, or SW_ECONF when there was an error. */
int campaign_load(const char *file, struct problems *p, struct campaign **ret) SW_MUST_CHECK;
/* The same; calendar and units that are not beside the definition are looked for in CONFIG_DIR (may be NULL). */
int campaign_load_with(const char *file, const char *config_dir, struct problems *p,
	struct campaign **ret) SW_MUST_CHECK;
void campaign_free(struct campaign *c);

/* The quota of a category for a unit (by its tier in this campaign; per_unit first): false when none applies. */
bool campaign_quota(const struct campaign *c, int category, int unit, int *ret_min, int *ret_max);
/* The unit's own maximum after feasibility (a league cannot report more than its counties may): <= max. */
int campaign_quota_cap(const struct campaign *c, int category, int unit);
/* The tier index at which a unit acts in this campaign, -1: none. */
int campaign_tier_of(const struct campaign *c, int unit);
/* Phases that hold D (0, 1 or 2); RET has room for n_phases. */
size_t campaign_phases_on(const struct campaign *c, struct civil d, int *ret);
/*
 * The instants at which a reminder falls due, rising, without repetition: the one place that turns anchors, offsets
 * and weekdays into days. An EVERY occasion on a rest day moves to the next working day, one counted in calendar
 * days to the working day before (both stay when rest_day_ok); ON dates stay. RET has room for
 * DEF_MAX_OCCASIONS. Events have none.
 */
size_t campaign_occasions(const struct campaign *c, int reminder, int64_t *ret);
int campaign_find_reminder(const struct campaign *c, const char *id);
int campaign_find_department(const struct campaign *c, const char *id);

#endif
