/*
 * notifier/sms/breaker.c: what an outcome says about the gateway itself.
 */
#include <string.h>

#include "notifier/sms/breaker.h"
#include "notifier/sms/received.h"

bool breaker_lets(const struct breaker *b, int64_t now_ms)
{
	if (b->state == BREAKER_RUNNING)
		return true;
	/* A clock that was set back does not make the rest longer. */
	return b->state == BREAKER_TRIPPED &&
	       (now_ms >= b->rest_until_ms || b->rest_until_ms - now_ms > BREAKER_REST_MS);
}

void breaker_started(struct breaker *b)
{
	if (b->state == BREAKER_TRIPPED)
		b->state = BREAKER_PROBING;
}

void breaker_reset(struct breaker *b)
{
	memset(b, 0, sizeof(*b));
}

int64_t breaker_rest_ms(const struct breaker *b)
{
	return b->state == BREAKER_TRIPPED ? b->rest_until_ms : INT64_MAX;
}

static void failed(struct breaker *b, const struct gateway_outcome *o, int64_t now_ms)
{
	b->failures++;
	if (b->state != BREAKER_PROBING &&
		!(b->state == BREAKER_RUNNING && b->failures >= BREAKER_TRIP_AFTER))
		return; /* those that were in flight already say nothing new */
	b->state = BREAKER_TRIPPED;
	b->rest_until_ms = now_ms + BREAKER_REST_MS;
	received_line(b->why, sizeof(b->why), o->code);
}

enum breaker_state breaker_judge(struct breaker *b, const struct gateway_outcome *o, int64_t now_ms)
{
	enum breaker_state before = b->state;

	switch (o->cause) {
	case GATEWAY_STOPPED: /* nothing was learnt: the try is still to be made */
		if (b->state == BREAKER_PROBING)
			b->state = BREAKER_TRIPPED;
		break;
	case GATEWAY_ACCOUNT:
		b->state = BREAKER_PAUSED;
		received_line(b->why, sizeof(b->why), o->code);
		break;
	case GATEWAY_TROUBLE:
	case GATEWAY_NET:
		failed(b, o, now_ms);
		break;
	default:
		b->failures = 0;
		if (b->state != BREAKER_PAUSED)
			breaker_reset(b);
		break;
	}
	return before;
}
