/*
 * notifier/engine/control_reload.c: `campaign reload`.
 */
#include "notifier/engine/control.h"
#include "notifier/engine/reload.h"

static void on_reloaded(void *ctx, int rc)
{
	struct control_call *call = ctx;

	if (rc == 0)
		ctl_line(call->req, "ok, definition %s", call->e->world.c->digest);
	control_end(call, rc == 0 ? 0 : 75,
		rc == 0 ? NULL : "busy: what was running goes on; try again");
}

void control_reload_call(struct control_call *call)
{
	struct problems p;
	int rc;

	problems_init(&p);
	rc = reload_start(call->e, &p, on_reloaded, call);
	for (size_t i = 0; i < p.n; i++)
		ctl_line(call->req, "%s:%d: %s%s", p.items[i].file, p.items[i].line,
			p.items[i].level == PROBLEM_WARNING ? "W: " : "", p.items[i].text);
	problems_fini(&p);
	if (rc == SW_EEXIST)
		control_end(call, 75, "a reload is on its way already");
	else if (rc < 0)
		control_end(call, 78, "refused: what was running goes on");
}
