/* tests/sim/wecom/requests.c: one function for each request. */
#include <string.h>

#include "tests/sim/front.h"
#include "tests/sim/script.h"
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/lines.h"
#include "tests/sim/wecom/requests.h"

enum { ANSWER_MAX = 10000 };

static void get_state(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;
	json_t *state = world_json(&s->world);
	json_t *clock = control_clock_json(&s->clock);

	json_object_update(state, clock);
	json_decref(clock);
	json_object_set_new(state, "script", script_json(s->script));
	json_object_set_new(state, "callbacks", callbacks_json(s->callbacks));
	json_object_set_new(state, "faults", faults_json(&s->faults));
	json_object_set_new(state, "messages", json_integer(s->chat.next_seq - 1));
	json_object_set_new(state, "ledger", json_integer(s->ledger.next_seq - 1));
	control_answer(x, 200, state);
}

static void get_messages(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;

	control_answer_feed(x, &s->chat, ANSWER_MAX);
}

static void get_ledger(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;

	control_answer_feed(x, &s->ledger, ANSWER_MAX);
}

/* ---- say -------------------------------------------------------------------------------------- */

static void on_said(void *ctx, const struct said *said)
{
	struct http_exchange *x = ctx;

	control_answer(x, 200,
		json_pack("{s:i, s:b, s:b, s:i, s:s, s:I}", "status", said->status, "delivered",
			said->delivered, "addressed", said->addressed, "tries", said->tries,
			"msgid", said->msg_id, "seq", (json_int_t)said->seq));
}

static int parse_tamper(const json_t *v, enum tamper *ret)
{
	static const char *const names[] = {"", "signature", "ciphertext", "receiver", "old"};

	*ret = TAMPER_NONE;
	for (size_t i = 0; v && i < ARRAY_LEN(names); i++) {
		if (json_is_string(v) && strcmp(json_string_value(v), names[i]) == 0) {
			*ret = (enum tamper)i;
			return 0;
		}
	}
	return v ? SW_EINVAL : 0;
}

static void post_say(void *ctx, struct http_exchange *x, const json_t *body)
{
	struct sim *s = ctx;
	const char *chat = json_string_value(json_object_get(body, "chat"));
	const char *user = json_string_value(json_object_get(body, "user"));
	const char *text = json_string_value(json_object_get(body, "text"));
	enum tamper tamper;
	int rc;

	if (!chat || !user || !text) {
		control_answer_error(x, 400, "chat, user and text are strings");
		return;
	}
	if (parse_tamper(json_object_get(body, "tamper"), &tamper) < 0) {
		control_answer_error(x, 400, "tamper: signature, ciphertext, receiver or old");
		return;
	}
	rc = callbacks_say(s->callbacks, chat, user, text, tamper, on_said, x);
	if (rc == SW_ENOENT)
		control_answer_error(x, 404, "chat: name of a group, or app:<name>");
	else if (rc == SW_EINVAL)
		control_answer_error(x, 400, "user: a user id; text: 1 to 8192 bytes");
	else if (rc < 0)
		control_answer_error(x, 503, "too much is being said");
}

/* ---- other orders ----------------------------------------------------------------------------- */

static void post_fault(void *ctx, struct http_exchange *x, const json_t *body)
{
	struct sim *s = ctx;
	struct fault f = {0};
	struct sw_err err;

	if (json_is_true(json_object_get(body, "clear"))) {
		faults_clear(&s->faults);
		control_answer(x, 200, json_object());
		return;
	}
	if (faults_order(&s->faults, body, &f, &err) < 0) {
		control_answer_error(x, 400, err.text);
		return;
	}
	control_answer(x, 200, json_pack("{s:s}", "kind", faults_name(&s->faults, f.kind)));
	if (f.kind == FAULT_REFUSE)
		front_refuse(s->front, f.ms);
}

static void post_script(void *ctx, struct http_exchange *x, const json_t *body)
{
	struct sim *s = ctx;
	const json_t *lines = json_object_get(body, "lines");
	struct sw_err err;
	size_t n;

	if (!json_is_array(lines)) {
		control_answer_error(x, 400, "lines: an array of {at, user, chat, text}");
		return;
	}
	if (lines_add(s, lines, &n, &err) < 0) {
		control_answer_error(x, 400, err.text);
		return;
	}
	sim_report(s);
	control_answer(x, 200, json_pack("{s:I}", "added", (json_int_t)n));
}

const struct control_request requests[] = {
	{"/control/state", get_state, NULL},
	{"/control/messages", get_messages, NULL},
	{"/control/ledger", get_ledger, NULL},
	{"/control/say", NULL, post_say},
	{"/control/fault", NULL, post_fault},
	{"/control/script", NULL, post_script},
};
const size_t requests_len = ARRAY_LEN(requests);
