/*
 * notifier/campaign/obligation.h: what a unit owes at a given moment, computed from facts.
 *
 * Not messages but obligations are the model: reminders are sent only while one of them is open.
 */
#ifndef SW_CAMPAIGN_OBLIGATION_H
#define SW_CAMPAIGN_OBLIGATION_H

#include "notifier/campaign/facts.h"

enum obligation_kind { OBLIGATION_ACK, OBLIGATION_QUOTA, OBLIGATION_MATERIALS };
enum obligation_state { STATE_OPEN, STATE_CLAIMED, STATE_CLOSED, STATE_INFEASIBLE, STATE_WAIVED };

struct obligation {
	enum obligation_kind kind;
	int category; /* QUOTA: index; -1 otherwise */
	enum obligation_state state;
	int have, min, max, cap; /* QUOTA */
	int need, over, room;    /* QUOTA: max(0,min-have), max(0,have-cap), cap-have */
	int64_t due_ms;
	bool overdue;
	bool paused; /* a reply holds reminders of it off right now */
};

enum { OBLIGATION_MAX = DEF_MAX_CATEGORIES + 4 };

/* Fills RET (room for OBLIGATION_MAX) and returns how many the unit has. */
size_t obligations_of(const struct campaign *c, int unit, const struct unit_facts *f,
	int64_t now_ms, struct obligation *ret);
/* Value of a counter; CATEGORY -1: summed over categories. Items that are paused count as 0 when HONOUR_PAUSE. */
int obligation_counter(const struct campaign *c, int unit, const struct unit_facts *f,
	int64_t now_ms, enum def_counter counter, int category, bool honour_pause);
const char *obligation_state_name(enum obligation_state s); /* "open", .. */
/* The end of a pause that an applied reply at NOW starts: the same clock time on the next working day. */
int64_t obligation_pause_end_ms(const struct campaign *c, int64_t now_ms);

#endif
