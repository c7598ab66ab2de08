/*
 * bot/ingress/lockout.h: who has guessed too often waits.
 *
 * One table counts failures by key: an account, or an address. Five in a row lock the key for fifteen minutes. An attempt counts
 * before its outcome is known, so that twenty at once are not twenty guesses. The table has a bound: the key that
 * failed longest ago makes room. Times are monotonic.
 */
#ifndef SW_BOT_INGRESS_LOCKOUT_H
#define SW_BOT_INGRESS_LOCKOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum { LOCKOUT_FAILURES = 5, LOCKOUT_MS = 15 * 60 * 1000 };

struct lockout;

int lockout_create(size_t max_keys, struct lockout **ret) SW_MUST_CHECK;
void lockout_destroy(struct lockout *l);
bool lockout_is_locked(const struct lockout *l, const char *key, int64_t now_ms);
/* An attempt begins: a failure until it is proved otherwise. */
void lockout_count(struct lockout *l, const char *key, int64_t now_ms);
/* That attempt was no failure: takes one back. */
void lockout_take_back(struct lockout *l, const char *key);
/* The owner of KEY is here: nothing is held against it any more. */
void lockout_clear(struct lockout *l, const char *key);

#endif
