/*
 * tests/sim/wecom/script.h: officials who type by themselves at instants of the clock.
 *
 * Lines due are said one after the other, each when the one before has its 200. A line that no try could deliver is
 * typed anew two minutes later, five times at most: so would a person who sees no answer. Nothing is stored: lines
 * before the moment the simulator first knows the time count as said.
 */
#ifndef SW_TESTS_SIM_WECOM_SCRIPT_H
#define SW_TESTS_SIM_WECOM_SCRIPT_H

#include "core/base/problem.h"
#include "tests/sim/wecom/sim.h"

int script_create(struct sim *s, struct script **ret) SW_MUST_CHECK;
void script_free(struct script *k);
/* Stops its timer; nothing is said any more. */
void script_close(struct script *k);

/* officials = ( {at; user; chat; text; mention;}, .. ) */
int script_load(struct script *k, const char *file, struct problems *p) SW_MUST_CHECK;
/* [{"at":"2022-06-20T09:40" or ms,"user","chat","text","mention":true}, ..]: all of them or none. What is due is said at once. */
int script_add(
	struct script *k, const json_t *lines, size_t *ret_n, struct sw_err *err) SW_MUST_CHECK;

/* The time is known now, or has moved. Says what is due; participant_report() follows when all is said. */
void script_run(struct script *k);
/* Nothing due is waiting. */
bool script_idle(const struct script *k);
/* When it wants to speak next; INT64_MAX: never. */
int64_t script_next_ms(const struct script *k);
/* {"total","done","skipped","lost","resent","next_ms"} */
json_t *script_json(const struct script *k);

#endif
