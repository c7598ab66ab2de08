/*
 * core/io/loop_internal.h: what loop.c and timer.c know of each other. Nobody else includes it.
 */
#ifndef SW_CORE_IO_LOOP_INTERNAL_H
#define SW_CORE_IO_LOOP_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "core/io/loop.h"
#include "core/io/timer.h"

struct deferred;
struct signal_watch;

/* Something whose memory may have to live as long as the loop. CB runs once every handle is closed. */
struct loop_end {
	LIST_ENTRY(loop_end) next;
	void (*cb)(void *ctx);
	void *ctx;
};

struct loop {
	uv_loop_t uv;
	uv_prepare_t prepare; /* measures the turns; does not keep the loop alive */
	uv_idle_t idle;   /* runs while something is deferred or due, so that poll does not sleep */
	uv_timer_t guard; /* loop_destroy() waits no longer than this for others' handles */
	struct clock *clock;
	STAILQ_HEAD(deferred_list, deferred) deferred;
	SLIST_HEAD(signal_watch_list, signal_watch) signals;
	LIST_HEAD(loop_end_list, loop_end) ends;
	TAILQ_HEAD(timer_list, timer) timers; /* all of them */
	TAILQ_HEAD(due_list, timer) due; /* those whose time has come, in the order they will run */
	uint64_t round; /* of the idle callback: what is added during one waits for the next */
	uint64_t turn_began_ns, idle_seen_ns, longest_turn_ns;
};

/* END is the caller's memory; it stays linked until CB or loop_end_remove(). */
void loop_end_add(struct loop *l, struct loop_end *end, void (*cb)(void *ctx), void *ctx);
void loop_end_remove(struct loop_end *end);
/* Makes the idle callback run on the next turn. */
void loop_wake_idle(struct loop *l);
/* Runs the callbacks of the due timers that were there when this round began. */
void timer_run_due(struct loop *l);
/* Closes the timers nobody destroyed. */
void timer_close_all(struct loop *l);

#endif
