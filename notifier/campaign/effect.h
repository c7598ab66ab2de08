/*
 * notifier/campaign/effect.h: what a reading changes: facts, the open question, and which answer is given.
 *
 * Pure, so that the service, rehearse and the tests do the same. A reply makes a claim and pauses the item for one
 * working day; it never closes anything. An act that nothing carries out yet is put before an operator.
 */
#ifndef SW_CAMPAIGN_EFFECT_H
#define SW_CAMPAIGN_EFFECT_H

#include "notifier/campaign/facts.h"
#include "notifier/campaign/reply.h"

enum { EFFECT_CONFIRM_MS = 30 * 60 * 1000, EFFECT_REPEAT_MS = 10 * 60 * 1000 };

/* A question that is open with one sender. */
struct question {
	bool open;
	int64_t until_ms;
	int64_t rev; /* of the facts it was asked on: after another change it is asked anew */
	bool undo;
	int counts[DEF_MAX_CATEGORIES]; /* totals that "是" stores; -1: unchanged */
};

struct effect_input {
	const struct campaign *c;
	int unit;       /* the sender's own */
	int department; /* -1: none */
	const char *by; /* contact id */
	int64_t now_ms;
	const struct unit_facts *facts;
	const struct question *question;
	const struct reply_reading *reading;
	bool repeat; /* the same text of the same sender within 10 minutes: nothing is stored twice */
	bool single_chat;
};

struct effect {
	struct unit_facts facts; /* after it; rev counted up when CHANGED */
	bool changed;
	struct question question; /* after it */
	bool question_changed;
	enum reply_disposition disposition; /* as carried out */
	char answer[24];                    /* template id, "" = no answer */
	int shown[DEF_MAX_CATEGORIES];      /* totals an answer speaks of */
	bool to_operator;                   /* goes to the operators' queue */
};

void effect_of(const struct effect_input *in, struct effect *ret);

/* The question as JSON for the store and back; NULL or broken text is no question. */
json_t *question_to_json(const struct campaign *c, const struct question *q);
void question_from_json(const struct campaign *c, const json_t *j, struct question *ret);

#endif
