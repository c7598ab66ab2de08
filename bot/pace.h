/*
 * bot/pace.h: sliding windows: never more than N in any M milliseconds of the wall clock.
 *
 * Not a token bucket: a bucket that refills lets almost twice its burst pass within one window, and the
 * provider counts windows. What was sent is remembered as instants, the last N of the largest limit.
 */
#ifndef SW_BOT_PACE_H
#define SW_BOT_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum { PACE_LIMITS = 2, PACE_MAX = 1000 };

struct pace_limit {
	size_t n; /* 1..PACE_MAX; 0: no limit */
	int64_t span_ms;
};

struct pace {
	struct pace_limit limits[PACE_LIMITS];
	int64_t *sent; /* ring of instants, oldest first */
	size_t first, len, cap;
};

/* LIMITS is copied. */
void pace_init(struct pace *p, const struct pace_limit limits[PACE_LIMITS]);
void pace_fini(struct pace *p);
/* When the next one may go: NOW or later. */
int64_t pace_next_ms(struct pace *p, int64_t now_ms);
/* When the latest was sent; only when there is one (len > 0). */
int64_t pace_last_ms(const struct pace *p);
/* One was sent at NOW. -ENOMEM: it is not remembered and must not be sent. */
int pace_note(struct pace *p, int64_t now_ms) SW_MUST_CHECK;

#endif
