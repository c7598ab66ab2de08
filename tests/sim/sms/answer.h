/*
 * tests/sim/sms/answer.h: what a person writes back, pushed to the bot as an uplink (SmsUp, document 414223).
 */
#ifndef SW_TESTS_SIM_SMS_ANSWER_H
#define SW_TESTS_SIM_SMS_ANSWER_H

#include "tests/sim/sms/push.h"

struct answered {
	struct push_result result; /* of the first try; others may follow */
	char sequence_id[24];
	int64_t seq; /* on the phone */
};

/*
 * Returned 0: DONE runs once, on a later turn. SW_EINVAL: text empty, more than 2,000 bytes, no UTF-8; SW_EAWAY: no
 * uplink_url; SW_ELIMIT: too much waits, or too many phones.
 */
int answer_send(struct sim *s, uint64_t number, const char *text,
	void (*done)(void *ctx, const struct answered *a), void *ctx) SW_MUST_CHECK;

#endif
