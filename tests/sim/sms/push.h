/*
 * tests/sim/sms/push.h: JSON arrays posted to the bot: again after 1, 5 and 10 minutes, then never.
 *
 * An answer counts when it is 200 and a JSON object whose "code" is a number (document 101867).
 */
#ifndef SW_TESTS_SIM_SMS_PUSH_H
#define SW_TESTS_SIM_SMS_PUSH_H

#include "tests/sim/sms/sim.h"

enum { PUSH_ITEMS = 100, PUSHES_BUSY = 8, PUSHES_MAX = 20000 };

struct push_result {
	bool arrived;
	int status; /* 0: no answer */
	int tries;
};

/* What is pushed; remembered until it arrived or is given up. */
struct push_opts {
	const char *url;             /* borrowed for good */
	json_t *(*build)(void *ctx); /* the array, new; the same in each try */
	/* A try has ended; LAST: no other will follow, CTX can go. */
	void (*ended)(void *ctx, const struct push_result *r, bool last);
	void *ctx;
	bool twice; /* once more after it arrived */
};

int pushes_create(struct sim *s, struct pushes **ret) SW_MUST_CHECK;
/* What waits ends now, what is under way on later turns. */
void pushes_close(struct pushes *p);
/* After the loop has ended. */
void pushes_free(struct pushes *p);

/* May one more begin now? */
bool pushes_free_line(const struct pushes *p);
/* OPTS is copied. 0: ENDED runs at least once, on later turns. SW_ELIMIT: too many are kept. */
int push_start(struct pushes *p, const struct push_opts *opts) SW_MUST_CHECK;
/* Begins the tries that are due. */
void pushes_run(struct pushes *p);
size_t pushes_busy(const struct pushes *p);
int64_t pushes_next_ms(const struct pushes *p); /* of the next try; INT64_MAX: none */
/* {"pushed","tries","arrived","lost","waiting"} */
json_t *pushes_json(const struct pushes *p);

#endif
