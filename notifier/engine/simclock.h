/*
 * notifier/engine/simclock.h: what the `clock` command does with simulated time.
 */
#ifndef SW_ENGINE_SIMCLOCK_H
#define SW_ENGINE_SIMCLOCK_H

#include <jansson.h>

#include "notifier/engine/engine.h"

/* Steps to GOAL; DONE runs once: 0, or SW_EAWAY when it was broken off. SW_EEXIST: the clock is being moved; SW_EINVAL: no
 * simulation. */
int simclock_advance(struct engine *e, int64_t goal_ms, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;
/* We end: an advance in progress is broken off. */
void simclock_stop(struct engine *e);
/* Sets the instant and lets it run at SPEED (0: it stands). */
int simclock_set(struct engine *e, int64_t sim_ms, double speed) SW_MUST_CHECK;
/* {"simulated":..,"now":..,"speed":..,"rev":..,"participants":[..]} */
json_t *simclock_json(struct engine *e);

#endif
