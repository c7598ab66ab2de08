/* tests/sim/wecom/window.c: the last 30 instants in a ring; the one LIMIT places back decides. */
#include "tests/sim/wecom/window.h"

enum { SPAN_MS = 60000 };

bool window_take(struct window *w, unsigned limit, int64_t now_ms)
{
	if (w->n >= limit) {
		int64_t then = w->at_ms[(w->next + WINDOW_MAX - limit) % WINDOW_MAX];

		/* An instant ahead of us is left from a clock that was set back: it counts for nothing. */
		if (then <= now_ms && now_ms - then < SPAN_MS)
			return false;
	}
	w->at_ms[w->next] = now_ms;
	w->next = (w->next + 1) % WINDOW_MAX;
	if (w->n < WINDOW_MAX)
		w->n++;
	return true;
}
