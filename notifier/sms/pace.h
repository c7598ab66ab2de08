/*
 * notifier/sms/pace.h: how fast one gateway is asked: never more than RATE requests in any second of the wall clock, which
 * may be simulated and stand still. A throttled gateway gets half of that, and a tenth of RATE back each second.
 */
#ifndef SW_SMS_PACE_H
#define SW_SMS_PACE_H

#include "core/base/bucket.h"

struct pace {
	struct bucket bucket;           /* on microseconds: 5,000 a second is one each 200 */
	int64_t rate_milli, full_milli; /* requests in 1,000 s: now, and as configured */
	int64_t seen_ms;                /* rate_milli is that of this moment */
	int64_t slowed_ms;
	int64_t blocked_ms; /* no token before */
};

enum { PACE_MAX_RATE = 5000, PACE_MAX_BLOCK_MS = 3600000 };

/* RATE requests a second, 1..PACE_MAX_RATE. The first token is there a second after NOW: whoever ran before us may just have used its own. */
void pace_init(struct pace *p, int64_t rate, int64_t now_ms);
/* Takes one token; false when there is none. */
bool pace_take(struct pace *p, int64_t now_ms);
/* When the next token is there: NOW or later. */
int64_t pace_next_ms(const struct pace *p, int64_t now_ms);
/* The gateway said "too often": nothing for AFTER_MS (at least a second), and slower. Requests refused in one second halve once. */
void pace_slow(struct pace *p, int64_t now_ms, int64_t after_ms);

#endif
