/* core/base/backoff.h: full-jitter exponential backoff for reconnects. */
#ifndef SW_CORE_BASE_BACKOFF_H
#define SW_CORE_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t base_ms, cap_ms;
	unsigned tries;
};

void backoff_init(struct backoff *b, int64_t base_ms, int64_t cap_ms);
void backoff_reset(struct backoff *b);
/* Delay before the next try: 50..100 % of min(cap, base * 2^tries). */
int64_t backoff_next_ms(struct backoff *b);

#endif
