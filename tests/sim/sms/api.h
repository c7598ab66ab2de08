/*
 * tests/sim/sms/api.h: one request to Aliyun's interface, from its arrival to its line in the ledger.
 */
#ifndef SW_TESTS_SIM_SMS_API_H
#define SW_TESTS_SIM_SMS_API_H

#include "tests/sim/sms/params.h"
#include "tests/sim/sms/sim.h"

struct api_call {
	struct sim *sim;
	struct http_exchange *x;
	struct params query;                /* what is signed */
	struct params params;               /* query and form together */
	const char *action, *out_id, *mids; /* "" when missing */
	char route[160];                    /* of faults: "SendSms:b42" */
	/* the outcome */
	int status;
	char code[64];
	json_t *answer;          /* owned */
	struct sending *sending; /* owned; NULL: nothing was accepted */
};

int nonces_create(struct nonces **ret) SW_MUST_CHECK;
void nonces_free(struct nonces *n);

/* Is X one for this interface? */
bool api_wants(const struct http_exchange *x);
/* Answers X now or later. */
void api_handle(struct sim *s, struct http_exchange *x);

/* For the parts: the gateway refuses (4xx, 5xx) before the operation was looked at. */
void api_refuse(struct api_call *c, int status, const char *code, const char *message);
/* The operation refuses the whole request: 200 with a code. */
void api_fail(struct api_call *c, const char *code, const char *message);
/* Takes MORE, whose members are added to Code OK. */
void api_ok(struct api_call *c, json_t *more);
/* "" when absent */
const char *api_param(const struct api_call *c, const char *name);

/* api_auth.c: false: refused. */
bool api_authenticate(struct api_call *c);
/* api_send.c, api_query.c */
void api_send_sms(struct api_call *c);
void api_query_details(struct api_call *c);

#endif
