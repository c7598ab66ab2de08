/* tests/sim/sms/requests.c: one function for each request. */
#include <string.h>

#include "tests/sim/sms/answer.h"
#include "tests/sim/sms/lines.h"
#include "tests/sim/sms/receipt.h"
#include "tests/sim/sms/requests.h"

enum { LEDGER_MAX = 1000 };

static void get_state(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;
	json_t *state = control_clock_json(&s->clock);

	json_object_set_new(state, "sign", json_string(s->settings.sign));
	json_object_set_new(state, "templates", json_integer((json_int_t)s->settings.registry.n));
	json_object_set_new(state, "messages", json_integer(s->phones.next_seq - 1));
	json_object_set_new(state, "ledger", json_integer(s->ledger.requests.next_seq - 1));
	json_object_set_new(state, "requests", json_integer(s->ledger.n_requests));
	json_object_set_new(state, "accepted", json_integer(s->ledger.n_accepted));
	json_object_set_new(state, "numbers", json_integer(s->ledger.n_numbers));
	json_object_set_new(state, "script", script_json(s->script));
	json_object_set_new(state, "receipts", receipts_json(s->receipts));
	json_object_set_new(state, "pushes", pushes_json(s->pushes));
	json_object_set_new(state, "faults", faults_json(&s->faults));
	control_answer(x, 200, state);
}

static void get_ledger(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;

	control_answer_feed(x, &s->ledger.requests, LEDGER_MAX);
}

static void get_twice(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;

	control_answer(x, 200, ledger_twice_json(&s->ledger, http_query(x, "broadcast")));
}

/* ---- orders ----------------------------------------------------------------------------------- */

static const char *string_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s ? s : "";
}

static uint64_t number_of(const json_t *body)
{
	const char *s = string_of(body, "number");

	return phone_parse(s, strlen(s));
}

static void on_answered(void *ctx, const struct answered *a)
{
	struct http_exchange *x = ctx;

	control_answer(x, 200,
		json_pack("{s:b, s:i, s:i, s:s, s:I}", "delivered", a->result.arrived, "status",
			a->result.status, "tries", a->result.tries, "sequence_id", a->sequence_id,
			"seq", (json_int_t)a->seq));
}

static void post_answer(void *ctx, struct http_exchange *x, const json_t *body)
{
	struct sim *s = ctx;
	uint64_t number = number_of(body);
	int rc = number ? answer_send(s, number, string_of(body, "text"), on_answered, x)
			: SW_EINVAL;

	if (rc == SW_EINVAL)
		control_answer_error(
			x, 400, "number: 11 digits of a mobile number; text: 1 to 2000 bytes");
	else if (rc == SW_EAWAY)
		control_answer_error(x, 409, "nobody takes answers: uplink_url is not set");
	else if (rc < 0)
		control_answer_error(x, 503, "too much is being said");
}

static void post_phone(void *ctx, struct http_exchange *x, const json_t *body)
{
	struct sim *s = ctx;
	uint64_t number = number_of(body);
	enum phone_state state;
	struct phone *ph;

	if (!number || phone_state_parse(string_of(body, "state"), &state) < 0) {
		control_answer_error(x, 400,
			"number: 11 digits; state: on, off, silent, blacklisted or unknown");
		return;
	}
	ph = phones_at(&s->phones, number);
	if (!ph) {
		control_answer_error(x, 503, "too many phones");
		return;
	}
	ph->state = (uint8_t)state;
	sim_changed(s);
	control_answer(x, 200, json_pack("{s:s}", "state", phone_state_name(state)));
}

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
		control_answer_error(x, 400, "lines: an array of {at, number or name, text}");
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
	{"/control/ledger", get_ledger, NULL},
	{"/control/twice", get_twice, NULL},
	{"/control/phones", view_phones, NULL},
	{"/control/messages", view_messages, NULL},
	{"/control/answer", NULL, post_answer},
	{"/control/phone", NULL, post_phone},
	{"/control/fault", NULL, post_fault},
	{"/control/script", NULL, post_script},
};
const size_t requests_len = ARRAY_LEN(requests);
