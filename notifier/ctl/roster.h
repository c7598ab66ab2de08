/* notifier/ctl/roster.h: a roster file for commands that need no notifier: the columns "import contacts" takes. */
#ifndef SW_CTL_ROSTER_H
#define SW_CTL_ROSTER_H

#include "notifier/campaign/facts.h"

/* Reads FILE; mistakes go into P. Numbers are judged and forgotten. SW_ECONF; RET is released by free(ret->items). */
int roster_read(const char *file, const struct campaign *c, struct problems *p,
	struct contacts *ret) SW_MUST_CHECK;

#endif
