/*
 * notifier/sms/speed.h: how fast one gateway is asked: never more than RATE requests in any second of the wall clock, which
 * may be simulated and stand still. A throttled gateway gets half of that, and a tenth of RATE back each second.
 */
#ifndef SW_SMS_SPEED_H
#define SW_SMS_SPEED_H

#include "core/base/bucket.h"

struct speed {
	struct bucket bucket;           /* on microseconds: 5,000 a second is one each 200 */
	int64_t rate_milli, full_milli; /* requests in 1,000 s: now, and as configured */
	int64_t seen_ms;                /* rate_milli is that of this moment */
	int64_t slowed_ms;
	int64_t blocked_ms; /* no token before */
};

enum { SPEED_MAX_RATE = 5000, SPEED_MAX_BLOCK_MS = 3600000 };

/* RATE requests a second, 1..SPEED_MAX_RATE. The first token is there a second after NOW: whoever ran before us may just have used its own. */
void speed_init(struct speed *p, int64_t rate, int64_t now_ms);
/* Takes one token; false when there is none. */
bool speed_take(struct speed *p, int64_t now_ms);
/* When the next token is there: NOW or later. */
int64_t speed_next_ms(const struct speed *p, int64_t now_ms);
/* The gateway said "too often": nothing for AFTER_MS (at least a second), and slower. Requests refused in one second halve once. */
void speed_slow(struct speed *p, int64_t now_ms, int64_t after_ms);

#endif
