/* core/base/backoff.c: delays that double up to a cap, with jitter so that many clients spread out. */
#include <assert.h>

#include "core/base/backoff.h"
#include "core/base/id.h"

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms)
{
	assert(base_ms > 0 && cap_ms >= base_ms);
	b->base_ms = base_ms;
	b->cap_ms = cap_ms;
	b->tries = 0;
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}

int64_t backoff_next_ms(struct backoff *b)
{
	int64_t full = b->base_ms;
	uint32_t r;

	for (unsigned i = 0; i < b->tries && full < b->cap_ms; i++)
		full = full > b->cap_ms / 2 ? b->cap_ms : full * 2;
	if (full > b->cap_ms)
		full = b->cap_ms;
	if (full < b->cap_ms)
		b->tries++;
	id_random_bytes((uint8_t *)&r, sizeof(r));
	return full - full / 2 + (int64_t)(r % (uint64_t)(full / 2 + 1));
}
