/*
 * tests/sim/wecom/participant.h: the simulator's part in the shared simulated clock.
 *
 * It takes over sw/v1/clock, lets the script speak, and says on sw/v1/clock/at/wecom_sim how far it is: the revision
 * it has seen, what it is busy with, and when it wants to be stopped next.
 */
#ifndef SW_TESTS_SIM_WECOM_PARTICIPANT_H
#define SW_TESTS_SIM_WECOM_PARTICIPANT_H

#include "tests/sim/wecom/sim.h"

#define PARTICIPANT_NAME "wecom_sim"

/* Reads mqtt.* of the configuration. */
int participant_open(struct sim *s, struct participant **ret, struct sw_err *err) SW_MUST_CHECK;
/* DONE runs on a later turn. */
void participant_close(struct participant *p, void (*done)(void *ctx), void *ctx);
/* After the loop has ended. */
void participant_free(struct participant *p);
/* Something may have changed: says so if it has. NULL is nobody. */
void participant_report(struct participant *p);

#endif
