/*
 * tests/sim/wecom/fault.h: what goes wrong next, ordered through the control interface.
 *
 * A fault has a kind, a route and a count; each request of that route uses up one. Routes: name of a group, "app",
 * "app:<name>", "token" (gettoken), "*".
 */
#ifndef SW_TESTS_SIM_WECOM_FAULT_H
#define SW_TESTS_SIM_WECOM_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_SLOW,        /* answered after MS */
	FAULT_HTTP5XX,     /* 502 with a page of HTML, nothing accepted */
	FAULT_ERRCODE,     /* refused with CODE ("45009" is short for that) */
	FAULT_ANSWER_LOST, /* accepted, then the connection is closed without an answer */
	FAULT_HALF_ANSWER, /* accepted, but the answer breaks off in its middle */
	FAULT_RESET,       /* the connection is closed, nothing accepted */
	FAULT_REFUSE,      /* nobody listens for MS */
	FAULT_REPEAT,      /* a callback that got its 200 is sent once more */
};

struct fault {
	enum fault_kind kind;
	char route[72];
	int64_t count, ms;
	int code;
};

enum { FAULTS_MAX = 64 };

struct faults {
	struct fault items[FAULTS_MAX];
	unsigned n;
};

const char *fault_name(enum fault_kind k);
/* {"kind","route","count","ms","code"}; SW_EINVAL with a text in ERR, SW_ELIMIT. RET (may be NULL): what was understood. */
int faults_order(
	struct faults *f, const json_t *order, struct fault *ret, struct sw_err *err) SW_MUST_CHECK;
/* The first one that fits a request of ROUTE; RET->kind is FAULT_NONE when there is none. */
void faults_take(struct faults *f, const char *route, bool of_callback, struct fault *ret);
void faults_clear(struct faults *f);
json_t *faults_json(const struct faults *f);

#endif
