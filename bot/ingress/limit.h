/*
 * bot/ingress/limit.h: requests a second per source address, for those who have not proved who they are.
 *
 * A provider calls from few addresses and in bursts; once a signature from an address was good, it is never
 * limited again. The table has a bound: the address heard of longest ago makes room.
 */
#ifndef SW_BOT_INGRESS_LIMIT_H
#define SW_BOT_INGRESS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

enum { LIMIT_ADDRESSES = 10000 };

struct limit;

/* PER_SECOND 0: no limit. */
int limit_create(int64_t per_second, struct limit **ret) SW_MUST_CHECK;
void limit_destroy(struct limit *l);
void limit_set(struct limit *l, int64_t per_second);
/* One request at NOW (monotonic). False: too many; only a good signature helps. */
bool limit_take(struct limit *l, const char *address, int64_t now_ms);
/* A signature from there was good. */
void limit_trust(struct limit *l, const char *address);

#endif
