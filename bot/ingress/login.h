/*
 * bot/ingress/login.h: name and passphrase against the operators' file.
 *
 * Hashing takes tens of milliseconds and 19 MiB: it runs off the loop, two at a time, the others wait in a line with an end.
 * Whoever guesses is locked out by account and by address; an unknown account costs the same time and gets the same
 * answers. The file is read again whenever it has changed.
 */
#ifndef SW_BOT_INGRESS_LOGIN_H
#define SW_BOT_INGRESS_LOGIN_H

#include "core/base/operators.h"
#include "core/io/loop.h"

enum {
	LOGIN_AT_ONCE = 2,
	LOGIN_MAX_WAITING = 32,
	LOGIN_NAME_MAX = 64, /* bytes of what is typed, without NUL */
	LOGIN_PASSPHRASE_MAX = 256,
};

enum login_outcome {
	LOGIN_RIGHT,
	LOGIN_WRONG,  /* no such operator, or not the passphrase: nobody is told which */
	LOGIN_LOCKED, /* too many failures */
	LOGIN_BUSY,   /* too many are waiting */
};

struct login;

int login_create(struct loop *loop, const char *operators_file, struct login **ret) SW_MUST_CHECK;
/* After loop_destroy(): no check is running any more. */
void login_destroy(struct login *l);
/*
 * Everything is copied. DONE runs exactly once, on a later turn; WHO (RIGHT, else NULL) is good until it returns. Out of memory: an
 * error, and DONE never runs.
 */
int login_check(struct login *l, const char *name, const char *passphrase, const char *address,
	void (*done)(void *ctx, enum login_outcome outcome, const struct operator_entry *who),
	void *ctx) SW_MUST_CHECK;
/* Is there still an operator NAME with this HASH? Looks whether the file has changed. */
bool login_stands(struct login *l, const char *name, const char *hash);
/* From here on nobody is checked; who waits gets BUSY. */
void login_stop(struct login *l);

const char *login_outcome_name(enum login_outcome o); /* for metrics */

#endif
