/*
 * tests/sim/sms/template.h: the templates registered with the provider, and the text a phone shows.
 *
 * A file holds objects {"code","id","text"}: as one JSON array, or one per line. TEXT is without the 【sign】.
 */
#ifndef SW_TESTS_SIM_SMS_TEMPLATE_H
#define SW_TESTS_SIM_SMS_TEMPLATE_H

#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/problem.h"

struct registered {
	char code[33]; /* "SMS_1000001" */
	char id[65];
	char *text; /* with ${name} */
};

struct registry {
	struct registered *items;
	size_t n;
};

/* What is wrong goes to P; SW_ECONF then. */
int registry_load(const char *file, struct problems *p, struct registry *ret) SW_MUST_CHECK;
void registry_fini(struct registry *r);
const struct registered *registry_find(const struct registry *r, const char *code);
/* 【SIGN】 and the text with PARAMS, an object of strings. SW_ENOENT: a variable has no value. */
int registered_render(const struct registered *t, const char *sign, const json_t *params,
	struct buf *out) SW_MUST_CHECK;

#endif
