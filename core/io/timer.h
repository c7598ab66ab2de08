/*
 * core/io/timer.h: one-shot timers of two kinds.
 *
 * Monotonic: fires DELAY ms from now (time-outs, pings). Wall: fires once the clock (real or
 * simulated) has passed T; when the clock is moved, timer_clock_changed() re-arms all wall timers, and
 * with a clock that stands still a wall timer ahead of it just waits.
 */
#ifndef SW_CORE_IO_TIMER_H
#define SW_CORE_IO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/io/loop.h"

struct timer;

/* Named timer_new because POSIX (<time.h>) has a timer_create(). */
int timer_new(struct loop *l, void (*cb)(void *ctx), void *ctx, struct timer **ret) SW_MUST_CHECK;
/* Arms (again); an armed timer is moved. CB runs on a later turn, once. */
void timer_after(struct timer *t, int64_t delay_ms);
void timer_at(struct timer *t, int64_t wall_ms);
void timer_stop(struct timer *t);
bool timer_armed(const struct timer *t);
/* Wall instant a wall timer is armed for, INT64_MAX when not armed or monotonic. */
int64_t timer_wall_ms(const struct timer *t);
/* Accepts NULL. Safe inside its own callback. */
void timer_destroy(struct timer *t);

/* The loop's clock was set, stepped or changed speed: due wall timers fire on a later turn. */
void timer_clock_changed(struct loop *l);

#endif
