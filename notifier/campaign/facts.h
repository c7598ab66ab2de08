/*
 * notifier/campaign/facts.h: what is known of a unit; the input of every decision.
 *
 * Facts are plain data: the engine keeps them in Redis, rehearse and tests in memory. A figure a unit
 * reported is a claim; only the receiving tier verifies it.
 */
#ifndef SW_CAMPAIGN_FACTS_H
#define SW_CAMPAIGN_FACTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "notifier/campaign/definition.h"

enum { FACT_BY = 65, CONTACT_SENT = 10 };

struct fact_count {
	bool known;
	int value;    /* claimed total */
	int previous; /* value before the last change, -1: none (for undo) */
	int64_t at_ms;
	char by[FACT_BY];        /* contact id */
	int department;          /* of the contact, -1 */
	bool verified;           /* the receiving tier closed it at this value */
	int64_t paused_until_ms; /* an applied reply pauses the item for one working day */
};

struct unit_facts {
	struct fact_count counts[DEF_MAX_CATEGORIES];
	int64_t ack_ms;       /* last 收到; 0: none */
	int64_t report_ms;    /* last applied report, status or forecast; 0: none */
	int64_t submitted_ms; /* materials said to be sent; 0: not */
	bool submitted_paper, submitted_electronic, submitted_verified;
	int64_t submitted_paused_until_ms;
	int64_t snoozed_until_ms;
	int record_no; /* number of the last record shown in an answer */
	int64_t rev;   /* rises with each change */
};

/* One contact of a unit. The mobile number itself stays encrypted in the store. */
struct contact {
	char id[24];        /* c-<8 hex> */
	int unit;           /* index in units */
	int department;     /* index, -1: none */
	enum def_role role; /* ROLE_DEPARTMENT: ordinary contact; deputy; duty */
	char name[64];
	char userid[65]; /* "" : not a member */
	bool has_mobile;
	char mobile_masked[16];
	char sealed[96]; /* base64 of the sealed number (aad "phone:v1:<id>"), "" = none */
	char index[65];  /* keyed index of the number, "" = none */
	/* Nominal instants of reminders to this person alone, newest first, each once, 0 behind the last. */
	int64_t sent_ms[CONTACT_SENT];
};

struct contacts {
	struct contact *items;
	size_t n; /* at most 20,000 */
};

void facts_init(struct unit_facts *f);
/* JSON object <-> facts, category ids as keys: the form kept in the store and shown by --json. */
json_t *facts_to_json(const struct campaign *c, const struct unit_facts *f);
int facts_from_json(const struct campaign *c, const json_t *j, struct unit_facts *ret,
	struct sw_err *err) SW_MUST_CHECK;

#endif
