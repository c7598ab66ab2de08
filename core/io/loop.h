/*
 * core/io/loop.h: the one event loop of a process, over libuv.
 *
 * Everything above sees these small types; only core/io includes <uv.h>. All callbacks run on the
 * loop's thread. Nothing here may be called from another thread.
 */
#ifndef SW_CORE_IO_LOOP_H
#define SW_CORE_IO_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/err.h"

struct loop;
struct uv_loop_s;

/* CLOCK is borrowed for the life of the loop: wall timers follow it. Ignores SIGPIPE. */
int loop_create(struct clock *clock, struct loop **ret) SW_MUST_CHECK;
/* Runs until nothing is left to do or loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Closes what is left (timers, signals), turns the loop until all close callbacks ran, frees it. */
void loop_destroy(struct loop *l);

/* Calls CB on each delivery of SIGNUM (SIGTERM, SIGINT, SIGHUP), until the loop is destroyed. */
int loop_on_signal(struct loop *l, int signum, void (*cb)(void *ctx, int signum), void *ctx);
/* Calls CB once, on a later turn, before the loop sleeps. */
int loop_defer(struct loop *l, void (*cb)(void *ctx), void *ctx);
/* Runs WORK on the thread pool, then DONE on the loop. Returned 0: DONE runs exactly once. */
int loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);

/* Longest time one turn of the loop took since the last call, ms (for /metrics and the watchdog). */
int64_t loop_lag_ms(struct loop *l);
struct clock *loop_clock(struct loop *l);
/* Wall time now, by the loop's clock. */
int64_t loop_now_ms(struct loop *l);

/* For the other modules of core/io. */
struct uv_loop_s *loop_uv(struct loop *l);

#endif
