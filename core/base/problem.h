/*
 * core/base/problem.h: a list of what is wrong with a file a person wrote.
 *
 * Every checker (configuration, campaign definition, roster, template) adds to one list and goes on,
 * so that a person sees all mistakes of a file at once: "file:line: what, and what to write".
 */
#ifndef SW_CORE_BASE_PROBLEM_H
#define SW_CORE_BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/err.h"

enum problem_level { PROBLEM_WARNING, PROBLEM_ERROR };

struct problem {
	enum problem_level level;
	char *file; /* as given by the user */
	int line;   /* 1..; 0: the whole file */
	char *text;
};

struct problems {
	struct problem *items;
	size_t n, n_errors, cap;
};

void problems_init(struct problems *p);
void problems_fini(struct problems *p);

/* Adds one; at most 1,000 are kept, further ones are only counted. FILE is copied. */
void problems_error(struct problems *p, const char *file, int line, const char *fmt, ...)
	SW_PRINTF(4, 5);
void problems_warn(struct problems *p, const char *file, int line, const char *fmt, ...)
	SW_PRINTF(4, 5);

/* One line each: "FILE:LINE: TEXT", warnings as "FILE:LINE: W: TEXT"; no ":LINE" when it is 0. */
void problems_print(const struct problems *p, FILE *out);

#endif
