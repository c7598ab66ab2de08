/*
 * core/base/clock.h: what time it is, for everyone above the I/O layer.
 *
 * Wall time is real or simulated. In simulation it is
 *     base_sim_ms + (real_now - base_real_ms) * speed      (speed 0: it stands still)
 * with a revision that rises with each change. Nobody above layer 1 calls time(); a struct clock is
 * passed in, read once per event, and handed down.
 */
#ifndef SW_CORE_BASE_CLOCK_H
#define SW_CORE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
	bool simulated;
	int64_t base_sim_ms;
	int64_t base_real_ms;
	double speed;
	int64_t rev; /* 0: not set yet */
};

void clock_init_real(struct clock *c);
/* Stands still at SIM_MS until told otherwise; rev 0. */
void clock_init_simulated(struct clock *c, int64_t sim_ms);
int64_t clock_now_ms(const struct clock *c); /* wall time, real or simulated */
int64_t clock_real_ms(void);                 /* CLOCK_REALTIME */
int64_t clock_mono_ms(void);                 /* CLOCK_MONOTONIC; for time-outs */
/* Real milliseconds from now until wall time T; 0 when passed; -1 when the clock stands still before T. */
int64_t clock_until_ms(const struct clock *c, int64_t t_ms);

#endif
