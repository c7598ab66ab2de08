/*
 * notifier/campaign/roster.h: contacts out of a CSV file: unit_code,department,role,name,mobile,userid.
 *
 * All mistakes of a file are reported at once. Numbers come out in normal form for whoever seals them; a
 * rehearsal forgets them.
 */
#ifndef SW_CAMPAIGN_ROSTER_H
#define SW_CAMPAIGN_ROSTER_H

#include "notifier/campaign/facts.h"

enum { ROSTER_MAX = 5000 };

struct roster_row {
	struct contact contact;
	char mobile[16]; /* "+8613800000001", "" = none */
};

struct roster {
	struct roster_row *rows;
	size_t n;
	size_t unreachable; /* without a mobile number: a landline is only a warning */
};

/* NAME is used in problems. SW_ECONF when P gained an error. */
int roster_parse(const char *name, const char *data, size_t len, const struct campaign *c,
	struct problems *p, struct roster *ret) SW_MUST_CHECK;
void roster_fini(struct roster *r);
/* The contacts alone; RET is released by free(ret->items). */
int roster_contacts(const struct roster *r, struct contacts *ret) SW_MUST_CHECK;

#endif
