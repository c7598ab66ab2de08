/*
 * notifier/engine/broadcast_outcome.c: what a gateway's answer means for the recipients of a call. Pure.
 *
 * Nothing that may have gone out is sent again. What was refused for a bad number is sent again in smaller calls (96, 8,
 * 1) until the number stands alone; what was refused for now waits, longer each time.
 */
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

enum { RETRY_BASE_MS = 15000, RETRY_CAP_MS = 1800000, THROTTLE_MS = 1000 };

static int64_t longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The minute that begins then; at once is the minute that is running. */
static int64_t minute_of(int64_t now_ms, int64_t delay_ms)
{
	return (now_ms + delay_ms + (delay_ms ? BC_MINUTE_MS - 1 : 0)) / BC_MINUTE_MS;
}

static void retry(struct bc_outcome *o, const struct bc_attempt *a, int64_t delay_ms)
{
	o->to = NIBBLE_RETRY;
	o->retry_attempt = a->attempt;
	o->retry_level = a->level;
	o->retry_minute = minute_of(a->now_ms, delay_ms);
}

static void retry_counted(struct bc_outcome *o, const struct bc_attempt *a, int64_t delay_ms)
{
	if (a->attempt >= BROADCAST_MAX_ATTEMPTS) {
		o->to = NIBBLE_EXHAUSTED;
		return;
	}
	retry(o, a, delay_ms);
	o->retry_attempt++;
}

static void retry_smaller(struct bc_outcome *o, const struct bc_attempt *a)
{
	retry_counted(o, a, 0);
	if (o->retry_level + 1 < BC_LEVELS)
		o->retry_level++;
}

static int64_t backoff_ms(unsigned attempt)
{
	int64_t delay = RETRY_BASE_MS;

	for (unsigned i = 1; i < attempt && delay < RETRY_CAP_MS; i++)
		delay *= 2;
	return delay < RETRY_CAP_MS ? delay : RETRY_CAP_MS;
}

static void judge_refusal(
	struct bc_outcome *o, const struct bc_attempt *a, const struct gateway_outcome *answer)
{
	int64_t delay = longer(backoff_ms(a->attempt), answer->retry_after_ms);

	switch (answer->cause) {
	case GATEWAY_THROTTLE:
		retry(o, a, longer(answer->retry_after_ms, THROTTLE_MS));
		break;
	case GATEWAY_TROUBLE:
	case GATEWAY_NET:
		retry_counted(o, a, delay);
		break;
	case GATEWAY_NUMBER:
		if (a->n > 1)
			retry_smaller(o, a);
		else
			o->to = NIBBLE_INVALID;
		break;
	case GATEWAY_NUMBER_LATER:
		if (a->n > 1)
			retry_smaller(o, a);
		else
			retry_counted(o, a, delay);
		break;
	case GATEWAY_ACCOUNT: /* the gateway rests until somebody has seen to it */
	case GATEWAY_STOPPED:
		o->to = NIBBLE_WAITING;
		o->is_requeued = true;
		break;
	case GATEWAY_CONTENT:
	case GATEWAY_OK:
		o->to = NIBBLE_REFUSED;
		o->stops = true;
		break;
	}
}

void bc_judge(
	const struct bc_attempt *a, const struct gateway_outcome *answer, struct bc_outcome *ret)
{
	struct bc_outcome o = {.retry_minute = -1};

	if (text_copy(o.code, sizeof(o.code), answer->code) < 0)
		o.code[0] = '\0';
	if (answer->verdict == VERDICT_ACCEPTED)
		o.to = NIBBLE_ACCEPTED;
	else if (answer->verdict == VERDICT_UNKNOWN)
		o.to = NIBBLE_UNKNOWN;
	else
		judge_refusal(&o, a, answer);
	*ret = o;
}
