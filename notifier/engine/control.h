/*
 * notifier/engine/control.h: the commands of operators, as they arrive on the control socket.
 *
 * A request is {"cmd":NAME,"args":{..},"json":bool,"as":NAME,"passphrase":..}. Reading needs no operator; acting does.
 * A standby answers every command but `clock show` with "standby, holder X" and exit code 69.
 */
#ifndef SW_ENGINE_CONTROL_H
#define SW_ENGINE_CONTROL_H

#include "core/io/ctlsock.h"
#include "notifier/engine/engine.h"

/* Handler for ctlsock_open(); CTX is the engine. */
void control_handle(void *ctx, struct ctl_request *req, const json_t *body);
/* One command being carried out. */
struct control_call {
	struct engine *e;
	struct ctl_request *req;
	json_t *args; /* owned object, never NULL */
	bool json;
	char as[33];   /* the operator, "" for reading commands */
	char role[16]; /* of the operator: editor or releaser */
	char name[40];
};

/* Ends the call: exit code and error (NULL: none). CALL is gone afterwards. */
void control_end(struct control_call *call, int exit_code, const char *error);
/* String or integer argument; NULL or DEF when absent. */
const char *control_str(const struct control_call *call, const char *name);
int64_t control_int(const struct control_call *call, const char *name, int64_t def);
/* The one who asked has not yet taken what was said: CTX is the call. */
bool control_full(void *ctx);
/* Index of the unit named by argument "unit", or -1 after ending the call with exit 1. */
int control_unit(struct control_call *call);
enum { CONTROL_PATH = 512 };
/* Where the operators are listed. */
void control_operators_path(const struct engine *e, char ret[CONTROL_PATH]);
/* Audit record of an operator's action; the caller frees. */
char *control_audit(struct control_call *call, json_t *detail);

/* control_read.c */
void control_status(struct control_call *call);
void control_unit_show(struct control_call *call);
void control_queue(struct control_call *call);
void control_messages(struct control_call *call); /* unknown, dead, messages: by argument "state" */
void control_export(struct control_call *call);
void control_recount(struct control_call *call);
/* The record of one message as `export` shows it. */
json_t *control_export_json(const struct engine *e, const struct message *m);
/* control_act.c */
void control_report(struct control_call *call);
void control_verify(struct control_call *call);
void control_queue_done(struct control_call *call);
void control_bind(struct control_call *call);
void control_pause(struct control_call *call);
void control_stop_all(struct control_call *call);
void control_resume(struct control_call *call);
void control_go_live(struct control_call *call);
void control_retry(struct control_call *call);
void control_cancel(struct control_call *call);
/* control_import.c */
void control_import_contacts(struct control_call *call);
/* control_import_audience.c; files come by upload.h */
void control_import_audience(struct control_call *call);
void control_import_honours(struct control_call *call);
void control_audience(struct control_call *call);
/* control_reload.c */
void control_reload_call(struct control_call *call);
/* control_clock.c */
void control_clock_show(struct control_call *call);
void control_clock_set(struct control_call *call);
void control_clock_advance(struct control_call *call);
void control_clock_speed(struct control_call *call);
/* control_broadcast.c */
void control_broadcast_list(struct control_call *call);
void control_broadcast_show(struct control_call *call);
void control_broadcast_progress(struct control_call *call);
void control_broadcast_failures(struct control_call *call);
/* control_release.c */
void control_broadcast_plan(struct control_call *call);
void control_broadcast_approve(struct control_call *call);
void control_broadcast_start(struct control_call *call);
void control_broadcast_resume(struct control_call *call);
/* control_halt.c */
void control_broadcast_pause(struct control_call *call);
void control_broadcast_cancel(struct control_call *call);
void control_withdraw(struct control_call *call);
/* Pauses all broadcasts that run, and ends the call. */
void control_pause_running(struct control_call *call);
/* control_publicity.c */
void control_gate(struct control_call *call);

#endif
