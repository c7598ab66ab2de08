/*
 * notifier/sms/speed.c: a token bucket whose rate comes back by itself.
 *
 * A clock that was set back must not stop the gateway until it has caught up: waits of the old time are then over at once.
 * At once, and not a while from NOW: who only asks for the next token would be put off each time it asks.
 */
#include <assert.h>

#include "notifier/sms/speed.h"

#define SECOND_MS 1000
#define SECOND_US INT64_C(1000000)

enum { STEPS_BACK = 10 }; /* seconds from nothing to the full rate */

/* Tokens at once: a fiftieth of a second's, so that a clock of whole milliseconds is enough for each rate. */
static unsigned burst_of(int64_t rate_milli)
{
	return (unsigned)(1 + rate_milli / 1000 / 50);
}

/* A burst and the refill of one second after it are together RATE. */
static int64_t interval_us(const struct speed *p)
{
	int64_t refill_milli = p->rate_milli;

	if (p->rate_milli == p->full_milli)
		refill_milli -= 1000 * (int64_t)(burst_of(p->full_milli) - 1);
	return (SECOND_US * 1000 + refill_milli - 1) / refill_milli;
}

static void set_interval(struct speed *p)
{
	unsigned burst = p->rate_milli == p->full_milli ? burst_of(p->full_milli) : 1;

	p->bucket.interval_ms = interval_us(p);
	p->bucket.burst_ms = p->bucket.interval_ms * (int64_t)(burst - 1);
}

static void raise_to(struct speed *p, int64_t now_ms)
{
	int64_t seconds = (now_ms - p->seen_ms) / SECOND_MS;

	if (p->rate_milli == p->full_milli || seconds >= STEPS_BACK) {
		p->rate_milli = p->full_milli;
		p->seen_ms = now_ms;
	} else {
		p->rate_milli += seconds * p->full_milli / STEPS_BACK;
		p->seen_ms += seconds * SECOND_MS;
		if (p->rate_milli > p->full_milli)
			p->rate_milli = p->full_milli;
	}
	set_interval(p);
}

static void follow_clock(struct speed *p, int64_t now_ms)
{
	if (now_ms < p->seen_ms) {
		p->seen_ms = p->slowed_ms = now_ms;
		if (p->blocked_ms > now_ms)
			p->blocked_ms = now_ms;
		if (p->bucket.tat_ms > now_ms * SECOND_MS)
			p->bucket.tat_ms = now_ms * SECOND_MS;
	}
	raise_to(p, now_ms);
}

void speed_init(struct speed *p, int64_t rate, int64_t now_ms)
{
	assert(rate > 0 && rate <= SPEED_MAX_RATE);
	bucket_init(&p->bucket, 1, 1);
	p->rate_milli = p->full_milli = rate * 1000;
	p->seen_ms = now_ms;
	p->slowed_ms = INT64_MIN / 2;
	p->blocked_ms = now_ms + SECOND_MS;
	set_interval(p);
}

int64_t speed_next_ms(const struct speed *p, int64_t now_ms)
{
	struct speed then = *p;
	int64_t at;

	follow_clock(&then, now_ms);
	at = (bucket_next_ms(&then.bucket, now_ms * SECOND_MS) + SECOND_MS - 1) / SECOND_MS;
	return at > then.blocked_ms ? at : then.blocked_ms;
}

bool speed_take(struct speed *p, int64_t now_ms)
{
	follow_clock(p, now_ms);
	if (now_ms < p->blocked_ms)
		return false;
	return bucket_take(&p->bucket, now_ms * SECOND_MS);
}

void speed_slow(struct speed *p, int64_t now_ms, int64_t after_ms)
{
	int64_t until;

	follow_clock(p, now_ms);
	if (after_ms < SECOND_MS)
		after_ms = SECOND_MS;
	if (after_ms > SPEED_MAX_BLOCK_MS)
		after_ms = SPEED_MAX_BLOCK_MS;
	until = now_ms + after_ms;
	if (until > p->blocked_ms)
		p->blocked_ms = until;
	/* All requests in flight are refused alike: they are one sign. */
	if (now_ms - p->slowed_ms < SECOND_MS)
		return;
	p->slowed_ms = p->seen_ms = now_ms;
	p->rate_milli /= 2;
	if (p->rate_milli < p->full_milli / 64)
		p->rate_milli = p->full_milli / 64;
	set_interval(p);
}
