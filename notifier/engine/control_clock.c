/*
 * notifier/engine/control_clock.c: `clock show|set|advance|speed`: only in simulation.
 */
#include "core/base/civil.h"
#include "notifier/engine/control.h"
#include "notifier/engine/simclock.h"

void control_clock_show(struct control_call *call)
{
	char text[40];

	if (call->json)
		ctl_data(call->req, simclock_json(call->e));
	else
		ctl_line(call->req, "%s%s",
			civil_format_ms(engine_now_ms(call->e), text, sizeof(text)),
			engine_simulated(call->e) ? " (simulated)" : "");
	control_end(call, 0, NULL);
}

static void refuse(struct control_call *call, int rc)
{
	if (rc == SW_EINVAL)
		control_end(call, 1,
			"the clock is the real one: it can be moved only with simulation = true");
	else if (rc == SW_EEXIST)
		control_end(call, 75, "an advance is in progress");
	else
		control_end(call, 69, "the store is away");
}

static bool goal_of(struct control_call *call, int64_t *ret)
{
	const char *to = control_str(call, "to");
	int64_t by = control_int(call, "by_ms", -1);

	if (to && civil_parse_time(to, ret) == 0)
		return true;
	if (!to && by >= 0) {
		*ret = engine_now_ms(call->e) + by;
		return true;
	}
	control_end(call, 64, "give a time like 2022-08-18T09:00");
	return false;
}

void control_clock_set(struct control_call *call)
{
	int64_t goal;
	int rc;

	if (!goal_of(call, &goal))
		return;
	rc = simclock_set(call->e, goal, 0);
	if (rc < 0)
		refuse(call, rc);
	else
		control_end(call, 0, NULL);
}

void control_clock_speed(struct control_call *call)
{
	int64_t speed = control_int(call, "speed", -1);
	int rc;

	if (speed < 0 || speed > 1000000) {
		control_end(call, 64, "give a speed from 0 (stands still) to 1000000");
		return;
	}
	rc = simclock_set(call->e, engine_now_ms(call->e), (double)speed);
	if (rc < 0)
		refuse(call, rc);
	else
		control_end(call, 0, NULL);
}

static void advanced(void *ctx, int rc)
{
	struct control_call *call = ctx;
	char text[40];

	if (rc == 0)
		ctl_line(call->req, "%s",
			civil_format_ms(engine_now_ms(call->e), text, sizeof(text)));
	control_end(call, rc == 0 ? 0 : 69, rc == 0 ? NULL : "the advance was broken off");
}

void control_clock_advance(struct control_call *call)
{
	int64_t goal;
	int rc;

	if (!goal_of(call, &goal))
		return;
	if (goal < engine_now_ms(call->e)) {
		control_end(call, 1, "that instant has passed: `clock set` goes back");
		return;
	}
	rc = simclock_advance(call->e, goal, advanced, call);
	if (rc < 0)
		refuse(call, rc);
}
