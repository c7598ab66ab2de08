/*
 * core/base/operators.h: the operators' file: names, roles and Argon2id hashes.
 *
 * Written by `shouwang operator`, read by both daemons. One line per operator:
 * "<name> <role> <encoded Argon2id hash>"; mode 0600. Hashing takes tens of milliseconds: off the loop.
 */
#ifndef SW_CORE_BASE_OPERATORS_H
#define SW_CORE_BASE_OPERATORS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/problem.h"

enum { OPERATOR_NAME = 33, OPERATORS_MAX = 200 };

struct operator_entry {
	char name[OPERATOR_NAME]; /* [a-z0-9_-]{1,32} */
	char role[16];            /* viewer editor releaser auditor */
	char hash[160];           /* $argon2id$v=19$m=19456,t=2,p=1$.. */
};

struct operators {
	struct operator_entry *items;
	size_t n;
};

/* A file that does not exist is an empty list. SW_ECONF: damaged, or readable by others. */
int operators_load(const char *path, struct operators *ret, struct sw_err *err) SW_MUST_CHECK;
int operators_save(const char *path, const struct operators *o, struct sw_err *err) SW_MUST_CHECK;
void operators_fini(struct operators *o);
/* SW_EEXIST, SW_EINVAL (name, role, or a passphrase under 8 characters), SW_ELIMIT. */
int operators_add(struct operators *o, const char *name, const char *role, const char *passphrase,
	struct sw_err *err) SW_MUST_CHECK;
int operators_remove(struct operators *o, const char *name) SW_MUST_CHECK;
/* 0: right; SW_EAUTH otherwise, after the same time for unknown names. RET_ROLE may be NULL. */
int operators_verify(const struct operators *o, const char *name, const char *passphrase,
	char ret_role[16]) SW_MUST_CHECK;

#endif
