/*
 * notifier/sms/breaker.h: may one gateway be asked? Pure: outcomes and the wall clock come in.
 *
 * RUNNING; TRIPPED: five requests in a row without a sane answer, half a minute of rest, then one try; PROBING: that try is in
 * flight; PAUSED: its account needs a person.
 */
#ifndef SW_SMS_BREAKER_H
#define SW_SMS_BREAKER_H

#include "notifier/sms/gateway.h"

enum breaker_state { BREAKER_RUNNING, BREAKER_TRIPPED, BREAKER_PROBING, BREAKER_PAUSED };

struct breaker {
	enum breaker_state state;
	int64_t rest_until_ms;
	unsigned failures; /* in a row */
	char why[64];      /* code of the outcome that stopped it; "" while RUNNING */
};

enum { BREAKER_TRIP_AFTER = 5, BREAKER_REST_MS = 30000 };

bool breaker_lets(const struct breaker *b, int64_t now_ms);
/* A request was started that breaker_lets() through. */
void breaker_started(struct breaker *b);
/* Such a request ended; the state may change. Returns the state before. */
enum breaker_state breaker_judge(
	struct breaker *b, const struct gateway_outcome *o, int64_t now_ms);
/* End of the rest; INT64_MAX when it does not rest. */
int64_t breaker_rest_ms(const struct breaker *b);
void breaker_reset(struct breaker *b);

#endif
