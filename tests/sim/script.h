/*
 * tests/sim/script.h: people who write by themselves at instants of the clock.
 *
 * Lines due are said one after the other, each when the one before has arrived. A line that no try could deliver is
 * written anew two minutes later, five times at most: so would a person who sees no answer. Nothing is stored: lines
 * before the moment the simulator first knows the time count as said.
 */
#ifndef SW_TESTS_SIM_SCRIPT_H
#define SW_TESTS_SIM_SCRIPT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/io/loop.h"

struct script;

struct script_opts {
	struct loop *loop;
	struct clock *clock;
	void *ctx;
	/*
	 * WHO writes TEXT (WHERE: into which chat, or ""). 0: script_said() follows once, on a later turn.
	 * SW_ELIMIT: too much is under way, later. Another code: the line is lost.
	 */
	int (*say)(void *ctx, const char *who, const char *where, const char *text);
	/* Nothing due is left to say, or the next line has changed. */
	void (*rested)(void *ctx);
};

/* OPTS is copied. */
int script_create(const struct script_opts *opts, struct script **ret) SW_MUST_CHECK;
/* After the loop has ended. NULL is nobody. */
void script_free(struct script *k);
/* Stops its timer; nothing is said any more. Twice is harmless. */
void script_close(struct script *k);

/* Room for N more lines; SW_ELIMIT beyond 10,000 in all. */
int script_reserve(struct script *k, size_t n) SW_MUST_CHECK;
/* One line, after script_reserve(). Strings are copied. */
int script_add(struct script *k, int64_t at_ms, const char *who, const char *where,
	const char *text) SW_MUST_CHECK;

/* The time is known now, or has moved, or lines were added: says what is due. */
void script_run(struct script *k);
/* script_run() was called once. */
bool script_started(const struct script *k);
/* What SAY began has ended: the person saw that it ARRIVED, or got no answer. */
void script_said(struct script *k, bool arrived);
/* Nothing due is waiting. */
bool script_idle(const struct script *k);
/* When it wants to speak next; INT64_MAX: never. */
int64_t script_next_ms(const struct script *k);
/* {"total","done","skipped","lost","resent","next_ms"} */
json_t *script_json(const struct script *k);

#endif
