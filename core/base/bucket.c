/*
 * core/base/bucket.c: the generic cell rate algorithm: one number (the theoretical arrival time)
 * instead of a token count, so that no tick refills anything.
 */
#include <assert.h>

#include "core/base/bucket.h"

void bucket_init(struct bucket *b, unsigned burst, int64_t interval_ms)
{
	assert(burst > 0 && interval_ms > 0);
	b->tat_ms = INT64_MIN / 2;
	b->interval_ms = interval_ms;
	b->burst_ms = interval_ms * (int64_t)(burst - 1);
}

bool bucket_take(struct bucket *b, int64_t now_ms)
{
	if (bucket_next_ms(b, now_ms) > now_ms)
		return false;
	b->tat_ms = (b->tat_ms > now_ms ? b->tat_ms : now_ms) + b->interval_ms;
	return true;
}

int64_t bucket_next_ms(const struct bucket *b, int64_t now_ms)
{
	int64_t at = b->tat_ms - b->burst_ms;

	return at > now_ms ? at : now_ms;
}

void bucket_block(struct bucket *b, int64_t until_ms)
{
	int64_t tat = until_ms + b->burst_ms;

	if (tat > b->tat_ms)
		b->tat_ms = tat;
}
