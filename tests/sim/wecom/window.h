/* tests/sim/wecom/window.h: at most so many in each rolling minute of the simulated clock. */
#ifndef SW_TESTS_SIM_WECOM_WINDOW_H
#define SW_TESTS_SIM_WECOM_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { WINDOW_MAX = 30 }; /* the greatest limit asked for: messages per member and minute */

struct window {
	int64_t at_ms[WINDOW_MAX];
	unsigned n, next;
};

/* Counts one more at NOW; false (nothing counted) when LIMIT were counted in the 60 s before. LIMIT <= WINDOW_MAX. */
bool window_take(struct window *w, unsigned limit, int64_t now_ms);

#endif
