/*
 * notifier/campaign/plan_internal.h: what the parts of a decision share: plan_decide.c judges points, plan_address.c
 * sorts them by recipient, plan_compose.c writes what each recipient reads. Nobody else includes this.
 */
#ifndef SW_CAMPAIGN_PLAN_INTERNAL_H
#define SW_CAMPAIGN_PLAN_INTERNAL_H

#include "notifier/campaign/plan.h"

/* The points that go to one recipient, before there is a text. */
struct plan_draft {
	struct plan_recipient to;
	int unit;       /* of the message: the region's for a digest */
	bool is_digest; /* several units, one line each */
	int64_t nominal_ms;
	uint32_t departments; /* bits: whose contacts a group message mentions */
	const struct plan_point
		*points[PLAN_MAX_POINTS]; /* as given: by unit order, then urgency */
	size_t n_points;
};
_Static_assert(DEF_MAX_DEPARTMENTS <= 32, "a department is a bit");

/* A point and what came of it. */
struct plan_judged {
	const struct plan_point *point;
	enum plan_reason reason;
	int64_t at_ms; /* when it is judged */
	bool is_late;
	bool is_carried; /* by a draft that became a message */
	bool needs_sms;  /* somebody could be reached by SMS, and there is none */
};

struct plan_drafts {
	struct plan_draft **items;
	size_t n, cap;
};

/* Sorts the points of ALL that are to be sent by recipient. */
int plan_address(const struct plan_input *in, struct plan_judged *all, size_t n,
	struct plan_drafts *ret) SW_MUST_CHECK;
void plan_drafts_fini(struct plan_drafts *ds);
/* The unit whose people T means for P: its own, or the one it reports to; -1: not this point's. */
int plan_unit_of_target(
	const struct plan_input *in, const struct plan_point *p, const struct def_target *t);
/* The text of reminder R can go out by SMS. */
bool plan_sms_ready(const struct plan_input *in, const struct def_reminder *r);
/* The earliest instant before AT_MS on its day at which UNIT's contacts were reminded; 0: none is known. */
int64_t plan_reminded_today(const struct plan_input *in, int unit, int64_t at_ms);

/* Does the condition of P hold at AT_MS? Paused items do not count when HONOUR_PAUSE. */
bool plan_condition_holds(
	const struct plan_input *in, const struct plan_point *p, int64_t at_ms, bool honour_pause);
/* The first category for which it holds, 0 when none does: whose department leads. */
int plan_condition_category(const struct plan_input *in, const struct plan_point *p, int64_t at_ms);
/* Writes D as a message. RET owns its text. */
int plan_compose(const struct plan_input *in, const struct plan_draft *d, struct plan_message *ret,
	struct sw_err *err) SW_MUST_CHECK;
/*
 * Sets {reminded} "3次，最近8月17日9:00", those before NOMINAL_MS since the last reply, and {replied} "未见回复"; after a
 * reply that nothing followed, all of them and "最近回复8月18日10:00".
 */
int plan_set_reminded(const struct plan_input *in, int unit, int64_t nominal_ms,
	struct plan_vars *vars) SW_MUST_CHECK;
/* NOMINAL + 0..7 minutes, fixed for each unit. */
int64_t plan_spread_ms(const struct campaign *c, int unit, int64_t nominal_ms);

#endif
