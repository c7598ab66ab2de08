/*
 * tests/sim/sms/params.h: the parameters of a request: query and form, decoded, and encoded anew as they are signed.
 */
#ifndef SW_TESTS_SIM_SMS_PARAMS_H
#define SW_TESTS_SIM_SMS_PARAMS_H

#include "core/base/buf.h"

struct param {
	char *name, *value; /* decoded, owned */
};

enum { PARAMS_MAX = 64 };

struct params {
	struct param items[PARAMS_MAX];
	size_t n;
};

/* Adds "a=b&c=d" of LEN bytes. SW_EINVAL: an encoding or text that is none; SW_ELIMIT: too many. */
int params_add(struct params *p, const char *s, size_t len) SW_MUST_CHECK;
void params_fini(struct params *p);
/* NULL when absent; the first one when it was given twice. */
const char *params_get(const struct params *p, const char *name);
/* "a=b&c=d" sorted by name, all but A-Z a-z 0-9 - _ . ~ as %XX. */
int params_canonical(const struct params *p, struct buf *out) SW_MUST_CHECK;

#endif
