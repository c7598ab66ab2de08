/*
 * tests/sim/fault.h: what goes wrong next, ordered through the control interface.
 *
 * A fault has a kind, a route and a count; what it fits uses up one of it. What a route is, each simulator says;
 * "*" is all of them, and "a" covers "a:b". Some kinds are common to all simulators, others are a simulator's own.
 */
#ifndef SW_TESTS_SIM_FAULT_H
#define SW_TESTS_SIM_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

enum fault_kind {
	FAULT_NONE,
	FAULT_SLOW,        /* answered after MS */
	FAULT_HTTP5XX,     /* 502 with a page of HTML, nothing accepted */
	FAULT_ANSWER_LOST, /* accepted, then the connection is closed without an answer */
	FAULT_HALF_ANSWER, /* accepted, but the answer breaks off in its middle */
	FAULT_RESET,       /* the connection is closed, nothing accepted */
	FAULT_REFUSE,      /* nobody listens for MS */
	FAULT_OWN,         /* the first of a simulator's own */
};

#define FAULT_GATEWAY_PAGE                                                                         \
	"<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad "        \
	"Gateway</h1></center>\n</body>\n</html>\n"

enum fault_place { FAULT_OF_REQUEST, FAULT_OF_CALLBACK };

/* Kind FAULT_OWN + its index. */
struct fault_own {
	const char *name;
	enum fault_place place;
	const char *code; /* what "code" is when the order does not say */
};

struct fault {
	int kind;
	char route[72];
	int64_t count, ms;
	char code[64];
};

enum { FAULTS_MAX = 64 };

struct faults {
	const struct fault_own *own;
	size_t n_own;
	struct fault items[FAULTS_MAX];
	unsigned n;
};

/* OWN is borrowed. */
void faults_init(struct faults *f, const struct fault_own *own, size_t n_own);
const char *faults_name(const struct faults *f, int kind);
/*
 * {"kind","route","count","ms","code"}; code is a string or a whole number. SW_EINVAL with a text in ERR, SW_ELIMIT.
 * RET (may be NULL): what was understood. FAULT_REFUSE is not kept: the caller does it at once.
 */
int faults_order(
	struct faults *f, const json_t *order, struct fault *ret, struct sw_err *err) SW_MUST_CHECK;
/* The first one that fits what happens at PLACE of ROUTE; RET->kind is FAULT_NONE when there is none. */
void faults_take(struct faults *f, const char *route, enum fault_place place, struct fault *ret);
void faults_clear(struct faults *f);
json_t *faults_json(const struct faults *f);

#endif
