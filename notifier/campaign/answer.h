/*
 * notifier/campaign/answer.h: the variables of an answer to what somebody typed.
 *
 * Beside those of every text (plan.h): {count_text} what was read, {who} typed it, {answer_time}, {no} of the
 * record, {until} when an open question is good.
 */
#ifndef SW_CAMPAIGN_ANSWER_H
#define SW_CAMPAIGN_ANSWER_H

#include "notifier/campaign/effect.h"
#include "notifier/campaign/plan.h"

struct answer_input {
	const struct campaign *c;
	int unit; /* the sender's own, -1: none */
	const struct unit_facts
		*facts;              /* after what was typed took effect; NULL: nothing is known */
	const struct effect *effect; /* NULL: nothing was read */
	const char *who;             /* name or user id, escaped where it is shown */
	int64_t now_ms;
};

/* RET is released by plan_vars_fini(), also after an error. */
int answer_vars(const struct answer_input *in, struct plan_vars *ret) SW_MUST_CHECK;

#endif
