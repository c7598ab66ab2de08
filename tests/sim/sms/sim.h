/*
 * tests/sim/sms/sim.h: the simulator as a whole, owned by main and passed down.
 *
 * Towards the notifier it is Aliyun's SMS service (api_*.c), towards the bot the one who pushes receipts and answers
 * (receipt.c, push.c), towards tests and the page of phones it is /control (requests.c).
 */
#ifndef SW_TESTS_SIM_SMS_SIM_H
#define SW_TESTS_SIM_SMS_SIM_H

#include "core/io/http_client.h"
#include "core/io/timer.h"
#include "tests/sim/control.h"
#include "tests/sim/fault.h"
#include "tests/sim/front.h"
#include "tests/sim/participant.h"
#include "tests/sim/script.h"
#include "tests/sim/sms/ledger.h"
#include "tests/sim/sms/phones.h"

struct nonces;
struct pushes;
struct receipts;

/* Kinds of faults of its own, beside those of fault.h. Those of receipts have the route "receipt:<broadcast>". */
enum sms_fault {
	SMS_THROTTLE = FAULT_OWN, /* Throttling.User */
	SMS_CODE,                 /* refused with CODE */
	SMS_RECEIPT_EARLY,        /* receipts are pushed, then the request is answered */
	SMS_RECEIPT_LATE,         /* MS of simulated time later */
	SMS_RECEIPT_TWICE,        /* pushed once more after they arrived */
	SMS_RECEIPT_LOST,         /* never pushed */
	SMS_RECEIPT_ORDER,        /* last number first, MS later: later requests' come before */
	SMS_RECEIPT_CODE,         /* not delivered, with CODE */
};

struct sim {
	struct clock clock;
	struct loop *loop;
	struct settings settings;
	struct phones phones;
	struct ledger ledger;
	struct faults faults;
	struct http_client *client;
	struct front *front;
	struct nonces *nonces;
	struct pushes *pushes;
	struct receipts *receipts;
	struct control *control;
	struct script *script;
	struct participant *participant; /* NULL: no broker */
	struct timer *telling;           /* armed: pages will be told of a change */
	int64_t rate_second;             /* of the simulated clock */
	int64_t rate_used;               /* requests in it */
	bool closing;
};

static inline int64_t sim_now_ms(const struct sim *s)
{
	return clock_now_ms(&s->clock);
}

/* Something may have changed for the shared clock. */
static inline void sim_report(struct sim *s)
{
	if (!s->closing)
		participant_report(s->participant);
}

/* Something on the phones changed: the pages are told soon, once for many. */
void sim_changed(struct sim *s);
/* "2022-08-18 09:00:00" */
const char *sim_time(int64_t ms, char buf[32]);

#endif
