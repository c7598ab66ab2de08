/*
 * notifier/engine/control_publicity.c: `campaign gate`: what has to be said before publicity may go out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "notifier/engine/control.h"
#include "notifier/engine/gates.h"

static void on_set(void *ctx, int rc)
{
	struct control_call *call = ctx;
	const char *name = control_str(call, "name");
	const struct gate *g;
	bool is_open;
	char at[40];

	if (rc < 0) {
		control_end(call, 69, "the store did not take it: try again");
		return;
	}
	g = gates_find(call->e, name);
	is_open = g && g->at_ms <= engine_now_ms(call->e);
	LOG_INFO("gate_set", "gate=%s open=%d as=%s", name, is_open, call->as);
	audit_kick(call->e);
	state_publish_honours(call->e);
	if (call->json)
		ctl_data(call->req, json_pack("{s:s, s:b, s:I, s:s}", "name", name, "open", is_open,
					    "at", (json_int_t)(g ? g->at_ms : 0), "by", call->as));
	else if (g)
		ctl_line(call->req, "gate %s is open from %s on", name,
			civil_format_ms(g->at_ms, at, sizeof(at)));
	else
		ctl_line(call->req, "gate %s is closed", name);
	if (!is_open)
		control_pause_running(call); /* nothing goes out past a closed gate */
	else
		control_end(call, 0, NULL);
}

static void name_gates(struct control_call *call)
{
	const struct def_publicity *p = &call->e->world.c->publicity;
	char text[1024] = "there is no such gate to set; there are:";
	size_t len = strlen(text);

	for (size_t i = 0; i < p->n_gates; i++)
		if (gates_settable(call->e, p->gates[i]) && len < sizeof(text))
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, " %.60s", p->gates[i]);
	control_end(call, 1, text);
}

void control_gate(struct control_call *call)
{
	const char *name = control_str(call, "name"), *at = control_str(call, "at");
	bool close = json_is_true(json_object_get(call->args, "close"));
	int64_t at_ms = engine_now_ms(call->e);
	char *audit;
	int rc;

	if (!name || !gates_settable(call->e, name)) {
		name_gates(call);
		return;
	}
	if (at && (close || civil_parse_time(at, &at_ms) < 0)) {
		control_end(call, 64,
			close ? "a gate closes at once: --at and --close do not go together"
			      : "write a time as 2022-10-08T09:00");
		return;
	}
	audit = control_audit(call, json_pack("{s:s, s:b, s:I}", "gate", name, "open", !close, "at",
					    (json_int_t)at_ms));
	rc = gates_set(call->e, name, close ? -1 : at_ms, call->as, audit, on_set, call);
	free(audit);
	if (rc < 0)
		control_end(call, 69, "the store is away");
}
