/* core/base/bucket.h: token bucket on a caller's clock (milliseconds of the wall clock, maybe simulated). */
#ifndef SW_CORE_BASE_BUCKET_H
#define SW_CORE_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t tat_ms;      /* theoretical arrival time (GCRA) */
	int64_t interval_ms; /* one token per this many ms */
	int64_t burst_ms;    /* interval_ms * (burst - 1) */
};

/* BURST tokens at once after idling, then one each INTERVAL_MS. Both > 0. */
void bucket_init(struct bucket *b, unsigned burst, int64_t interval_ms);
/* Takes one token at NOW; false when there is none. */
bool bucket_take(struct bucket *b, int64_t now_ms);
/* When the next token is there: NOW or later. */
int64_t bucket_next_ms(const struct bucket *b, int64_t now_ms);
/* No token before UNTIL (the other side said "too often"). */
void bucket_block(struct bucket *b, int64_t until_ms);

#endif
