/*
 * notifier/sms/accounts.h: the settings of one gateway, read from sms.<name> and its secret files.
 */
#ifndef SW_SMS_ACCOUNTS_H
#define SW_SMS_ACCOUNTS_H

#include "notifier/sms/driver.h"

enum { ACCOUNT_MAX_STRINGS = 8 };

struct account {
	struct driver_account view; /* borrows from OWNED */
	int64_t rate;               /* requests a second */
	char *owned[ACCOUNT_MAX_STRINGS];
	size_t n_owned;
};

/* NAME: that of a driver. SW_ECONF: a secret cannot be read. On an error nothing is owned. */
int account_read(const struct conf *c, const char *name, struct account *ret,
	struct sw_err *err) SW_MUST_CHECK;
/* Wipes what it frees. */
void account_fini(struct account *a);

#endif
