/*
 * tests/sim/participant.h: a simulator's part in the shared simulated clock.
 *
 * It takes over sw/v1/clock, lets the simulator do what is due, and says on sw/v1/clock/at/<name> how far it is: the
 * revision it has seen, what it is busy with, and when it wants to be stopped next.
 */
#ifndef SW_TESTS_SIM_PARTICIPANT_H
#define SW_TESTS_SIM_PARTICIPANT_H

#include "core/base/conf.h"
#include "core/io/loop.h"

struct participant;

struct participant_opts {
	const char *name; /* "wecom_sim"; also its name at the broker */
	struct loop *loop;
	struct clock *clock;     /* moved by it */
	const struct conf *conf; /* mqtt.* of SIM_SETTINGS */
	void *ctx;
	void (*on_time)(void *ctx);    /* the time is known, or has moved */
	int64_t (*next_ms)(void *ctx); /* INT64_MAX: never */
	int64_t (*busy)(void *ctx);    /* what is under way, or due and not begun */
};

/* OPTS is copied. *RET may be set on failure, too: free it. */
int participant_open(const struct participant_opts *opts, struct participant **ret,
	struct sw_err *err) SW_MUST_CHECK;
/* Says nothing more. DONE runs on a later turn. */
void participant_close(struct participant *p, void (*done)(void *ctx), void *ctx);
/* After the loop has ended. */
void participant_free(struct participant *p);
/* Something may have changed: says so if it has. NULL is nobody. */
void participant_report(struct participant *p);

#endif
