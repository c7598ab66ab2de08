/*
 * notifier/engine/control.c: finds the command, checks who asks, and carries it out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/control.h"
#include "notifier/engine/upload.h"

enum need { NEED_NOTHING, NEED_LEADER, NEED_OPERATOR, NEED_RELEASER };

static const struct {
	const char *name;
	enum need need;
	void (*run)(struct control_call *call);
} commands[] = {
	{"status", NEED_LEADER, control_status},
	{"unit", NEED_LEADER, control_unit_show},
	{"unit-bind", NEED_OPERATOR, control_bind},
	{"report", NEED_OPERATOR, control_report},
	{"verify", NEED_OPERATOR, control_verify},
	{"queue", NEED_LEADER, control_queue},
	{"queue-done", NEED_OPERATOR, control_queue_done},
	{"messages", NEED_LEADER, control_messages},
	{"retry", NEED_OPERATOR, control_retry},
	{"cancel", NEED_OPERATOR, control_cancel},
	{"export", NEED_LEADER, control_export},
	{"audit", NEED_LEADER, control_recount},
	{"pause", NEED_OPERATOR, control_pause},
	{"stop-all", NEED_OPERATOR, control_stop_all},
	{"resume", NEED_OPERATOR, control_resume},
	{"import-contacts", NEED_OPERATOR, control_import_contacts},
	{"import-open", NEED_OPERATOR, control_import_open},
	{"import-piece", NEED_LEADER, control_import_piece}, /* these three act by the token */
	{"import-audience", NEED_LEADER, control_import_audience},
	{"import-honours", NEED_LEADER, control_import_honours},
	{"audience", NEED_LEADER, control_audience},
	{"broadcast-list", NEED_LEADER, control_broadcast_list},
	{"broadcast-show", NEED_LEADER, control_broadcast_show},
	{"broadcast-progress", NEED_LEADER, control_broadcast_progress},
	{"broadcast-failures", NEED_LEADER, control_broadcast_failures},
	{"broadcast-plan", NEED_OPERATOR, control_broadcast_plan},
	{"broadcast-approve", NEED_RELEASER, control_broadcast_approve},
	{"broadcast-start", NEED_RELEASER, control_broadcast_start},
	{"broadcast-pause", NEED_OPERATOR, control_broadcast_pause},
	{"broadcast-resume", NEED_RELEASER, control_broadcast_resume},
	{"broadcast-cancel", NEED_OPERATOR, control_broadcast_cancel},
	{"withdraw", NEED_RELEASER, control_withdraw},
	{"campaign-gate", NEED_RELEASER, control_gate},
	{"campaign-go-live", NEED_OPERATOR, control_go_live},
	{"campaign-reload", NEED_OPERATOR, control_reload_call},
	{"clock-show", NEED_NOTHING, control_clock_show},
	{"clock-set", NEED_LEADER, control_clock_set},
	{"clock-advance", NEED_LEADER, control_clock_advance},
	{"clock-speed", NEED_LEADER, control_clock_speed},
};

void control_end(struct control_call *call, int exit_code, const char *error)
{
	call->e->calls--;
	ctl_end(call->req, exit_code, error);
	json_decref(call->args);
	free(call);
}

const char *control_str(const struct control_call *call, const char *name)
{
	return json_string_value(json_object_get(call->args, name));
}

int64_t control_int(const struct control_call *call, const char *name, int64_t def)
{
	const json_t *j = json_object_get(call->args, name);

	return json_is_integer(j) ? json_integer_value(j) : def;
}

bool control_full(void *ctx)
{
	const struct control_call *call = ctx;

	return ctl_full(call->req);
}

int control_unit(struct control_call *call)
{
	const struct units *u = call->e->world.c->units;
	const char *code = control_str(call, "unit");
	int unit = code ? units_find(u, code) : -1;

	if (unit < 0 && code)
		unit = units_find_name(u, code, strlen(code));
	if (unit < 0)
		control_end(call, 1, "no such unit: give its six-digit code or its name");
	return unit;
}

char *control_audit(struct control_call *call, json_t *detail)
{
	json_t *j = detail ? detail : json_object();

	json_object_set_new(j, "op", json_string(call->name));
	json_object_set_new(j, "as", json_string(call->as));
	json_object_set_new(j, "uid", json_integer(ctl_uid(call->req)));
	return engine_audit_json(call->e, "operator", j);
}

/* ---- who asks ---- */

void control_operators_path(const struct engine *e, char ret[CONTROL_PATH])
{
	(void)snprintf(ret, CONTROL_PATH, "%s/operators.conf", conf_str(e->conf, "state_dir"));
}

struct auth {
	struct control_call *call;
	void (*run)(struct control_call *call);
	bool releaser; /* asked for */
	char path[CONTROL_PATH];
	char passphrase[256];
	int rc;
	char role[16];
};

static void auth_work(void *ctx)
{
	struct auth *a = ctx;
	struct operators o = {0};
	struct sw_err err = {0};

	a->rc = operators_load(a->path, &o, &err);
	if (a->rc == 0)
		a->rc = operators_verify(&o, a->call->as, a->passphrase, a->role);
	operators_fini(&o);
}

static void audit_refusal(struct control_call *call)
{
	engine_audit(call->e, "operator_refused",
		json_pack("{s:s, s:s, s:i}", "op", call->name, "as", call->as, "uid",
			(int)ctl_uid(call->req)));
}

static void auth_done(void *ctx)
{
	struct auth *a = ctx;
	struct control_call *call = a->call;
	int rc = a->rc;
	void (*run)(struct control_call *) = a->run;
	bool is_releaser = !strcmp(a->role, "releaser");
	bool may = is_releaser || !strcmp(a->role, "editor"), wanted = a->releaser;

	memcpy(call->role, a->role, sizeof(call->role));
	explicit_bzero(a->passphrase, sizeof(a->passphrase));
	free(a);
	if (rc < 0) {
		audit_refusal(call);
		LOG_WARN("operator_refused", "op=%s uid=%u err=%s", call->name,
			(unsigned)ctl_uid(call->req), err_name(rc));
		control_end(call, 1, "not an operator, or the passphrase is wrong");
	} else if (!may) {
		audit_refusal(call);
		control_end(call, 1, "this operator may only look");
	} else if (wanted && !is_releaser) {
		audit_refusal(call);
		control_end(call, 1, "this needs an operator with the role releaser");
	} else if (!engine_ready(call->e)) {
		control_end(call, 69, "the store went away meanwhile");
	} else {
		LOG_INFO("operator_action", "op=%s as=%s uid=%u", call->name, call->as,
			(unsigned)ctl_uid(call->req));
		run(call);
	}
}

static void authenticate(struct control_call *call, const json_t *body, bool releaser,
	void (*run)(struct control_call *call))
{
	const char *as = json_string_value(json_object_get(body, "as"));
	const char *passphrase = json_string_value(json_object_get(body, "passphrase"));
	struct auth *a = calloc(1, sizeof(*a));

	if (!a || !as || !passphrase || text_copy(call->as, sizeof(call->as), as) < 0 ||
		text_copy(a->passphrase, sizeof(a->passphrase), passphrase) < 0) {
		free(a);
		control_end(call, 1, "this needs an operator: --as NAME and the passphrase");
		return;
	}
	a->call = call;
	a->run = run;
	a->releaser = releaser;
	control_operators_path(call->e, a->path);
	if (loop_work(call->e->loop, auth_work, auth_done, a) < 0) {
		free(a);
		control_end(call, 75, "busy: try again");
	}
}

static void standby(struct control_call *call)
{
	char text[128];

	if (call->e->holder[0] && !call->e->leader)
		(void)snprintf(text, sizeof(text), "standby, holder %s", call->e->holder);
	else
		(void)snprintf(
			text, sizeof(text), "Redis is away, or the store is still being read");
	control_end(call, 69, text);
}

void control_handle(void *ctx, struct ctl_request *req, const json_t *body)
{
	struct engine *e = ctx;
	const char *name = json_string_value(json_object_get(body, "cmd"));
	struct control_call *call = calloc(1, sizeof(*call));
	const json_t *args = json_object_get(body, "args");

	if (!call) {
		ctl_end(req, 70, "out of memory");
		return;
	}
	*call = (struct control_call){
		.e = e, .req = req, .json = json_is_true(json_object_get(body, "json"))};
	e->calls++;
	call->args = json_is_object(args) ? json_deep_copy(args) : json_object();
	for (size_t i = 0; name && i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		(void)snprintf(call->name, sizeof(call->name), "%s", name);
		if (commands[i].need != NEED_NOTHING && !engine_ready(e))
			standby(call);
		else if (commands[i].need >= NEED_OPERATOR)
			authenticate(
				call, body, commands[i].need == NEED_RELEASER, commands[i].run);
		else
			commands[i].run(call);
		return;
	}
	control_end(call, 64, "unknown command");
}
