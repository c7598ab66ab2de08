/* tests/sim/sms/sim.c: what several parts of the simulator need. */
#include <stdio.h>

#include "core/base/civil.h"
#include "tests/sim/sms/sim.h"

enum { TELL_AFTER_MS = 100 };

void sim_changed(struct sim *s)
{
	if (!s->closing && !timer_armed(s->telling))
		timer_after(s->telling, TELL_AFTER_MS);
}

const char *sim_time(int64_t ms, char buf[32])
{
	(void)civil_format_ms(ms, buf, 32);
	buf[10] = ' ';
	buf[19] = '\0';
	return buf;
}
