/* tests/sim/wecom/control.c: one table of requests; JSON in, JSON out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/control.h"
#include "tests/sim/wecom/front.h"
#include "tests/sim/wecom/participant.h"
#include "tests/sim/wecom/script.h"

enum { STREAMS_MAX = 64, ANSWER_MAX = 10000 };

struct watcher {
	LIST_ENTRY(watcher) next;
	struct control *control;
	struct http_stream *stream;
};

struct control {
	struct sim *sim;
	LIST_HEAD(watcher_list, watcher) watchers;
	unsigned n_watchers;
};

/* ---- answers ---------------------------------------------------------------------------------- */

/* Takes ANSWER. */
static void answer_json(struct http_exchange *x, int status, json_t *answer)
{
	static const char *const headers[] = {"Cache-Control", "no-store", NULL};
	char *s = answer ? json_dumps(answer, JSON_COMPACT) : NULL;

	if (s)
		http_respond(x, status, "application/json", s, strlen(s), headers);
	else
		http_respond(x, 500, NULL, "", 0, NULL);
	free(s);
	json_decref(answer);
}

static void answer_error(struct http_exchange *x, int status, const char *text)
{
	answer_json(x, status, json_pack("{s:s}", "error", text));
}

static int read_number(
	struct http_exchange *x, const char *name, int64_t max, int64_t def, int64_t *ret)
{
	const char *s = http_query(x, name);

	*ret = def;
	return s ? num_parse(s, 0, max, ret) : 0;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static json_t *clock_json(const struct sim *s)
{
	return json_pack("{s:I, s:I, s:f, s:I, s:b}", "now", (json_int_t)sim_now_ms(s), "real_now",
		(json_int_t)clock_real_ms(), "speed", s->clock.simulated ? s->clock.speed : 1.0,
		"rev", (json_int_t)s->clock.rev, "simulated", s->clock.simulated);
}

static void get_state(struct control *c, struct http_exchange *x)
{
	struct sim *s = c->sim;
	json_t *state = world_json(&s->world);
	json_t *clock = clock_json(s);

	json_object_update(state, clock);
	json_decref(clock);
	json_object_set_new(state, "script", script_json(s->script));
	json_object_set_new(state, "callbacks", callbacks_json(s->callbacks));
	json_object_set_new(state, "faults", faults_json(&s->faults));
	json_object_set_new(state, "messages", json_integer(s->chat.next_seq - 1));
	json_object_set_new(state, "ledger", json_integer(s->ledger.next_seq - 1));
	answer_json(x, 200, state);
}

static void get_feed(struct http_exchange *x, const struct feed *f)
{
	int64_t since, limit;

	if (read_number(x, "since", INT64_MAX / 2, 0, &since) < 0 ||
		read_number(x, "limit", ANSWER_MAX, ANSWER_MAX, &limit) < 0)
		answer_error(x, 400, "since and limit are whole numbers");
	else
		answer_json(x, 200, feed_since(f, since, (size_t)limit));
}

static void get_messages(struct control *c, struct http_exchange *x)
{
	get_feed(x, &c->sim->chat);
}

static void get_ledger(struct control *c, struct http_exchange *x)
{
	get_feed(x, &c->sim->ledger);
}

/* ---- events ----------------------------------------------------------------------------------- */

static void send_event(struct watcher *w, const char *event, const json_t *data)
{
	char *json = json_dumps(data, JSON_COMPACT);
	struct buf b;

	buf_init(&b, 65536);
	buf_addf(&b, "event: %s\ndata: %s\n\n", event, json ? json : "{}");
	/* A page that does not read is cut off; it asks anew for what it missed. */
	if (!b.error)
		(void)http_stream_send(w->stream, b.data, b.len);
	buf_fini(&b);
	free(json);
}

void control_tell(struct control *c, const char *event, const json_t *data)
{
	struct watcher *w;

	if (!c || !data)
		return;
	LIST_FOREACH(w, &c->watchers, next)
	send_event(w, event, data);
}

void control_tell_clock(struct control *c)
{
	json_t *data = clock_json(c->sim);

	control_tell(c, "clock", data);
	json_decref(data);
}

static void on_watcher_gone(void *ctx)
{
	struct watcher *w = ctx;

	LIST_REMOVE(w, next);
	w->control->n_watchers--;
	free(w);
}

static void get_events(struct control *c, struct http_exchange *x)
{
	struct watcher *w = c->n_watchers < STREAMS_MAX ? calloc(1, sizeof(*w)) : NULL;
	json_t *data;

	if (!w) {
		answer_error(x, 503, "too many pages are open");
		return;
	}
	w->control = c;
	w->stream = http_stream_start(x, on_watcher_gone, w);
	if (!w->stream) {
		free(w);
		return;
	}
	LIST_INSERT_HEAD(&c->watchers, w, next);
	c->n_watchers++;
	data = clock_json(c->sim);
	send_event(w, "clock", data);
	json_decref(data);
}

/* ---- say -------------------------------------------------------------------------------------- */

static void on_said(void *ctx, const struct said *said)
{
	struct http_exchange *x = ctx;

	answer_json(x, 200,
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

static void post_say(struct control *c, struct http_exchange *x, const json_t *body)
{
	const char *chat = json_string_value(json_object_get(body, "chat"));
	const char *user = json_string_value(json_object_get(body, "user"));
	const char *text = json_string_value(json_object_get(body, "text"));
	enum tamper tamper;
	int rc;

	if (!chat || !user || !text) {
		answer_error(x, 400, "chat, user and text are strings");
		return;
	}
	if (parse_tamper(json_object_get(body, "tamper"), &tamper) < 0) {
		answer_error(x, 400, "tamper: signature, ciphertext, receiver or old");
		return;
	}
	rc = callbacks_say(c->sim->callbacks, chat, user, text, tamper, on_said, x);
	if (rc == SW_ENOENT)
		answer_error(x, 404, "chat: name of a group, or app:<name>");
	else if (rc == SW_EINVAL)
		answer_error(x, 400, "user: a user id; text: 1 to 8192 bytes");
	else if (rc < 0)
		answer_error(x, 503, "too much is being said");
}

/* ---- other orders ----------------------------------------------------------------------------- */

static void post_fault(struct control *c, struct http_exchange *x, const json_t *body)
{
	struct fault f = {0};
	struct sw_err err;

	if (json_is_true(json_object_get(body, "clear"))) {
		faults_clear(&c->sim->faults);
		answer_json(x, 200, json_object());
		return;
	}
	if (faults_order(&c->sim->faults, body, &f, &err) < 0) {
		answer_error(x, 400, err.text);
		return;
	}
	answer_json(x, 200, json_pack("{s:s}", "kind", fault_name(f.kind)));
	if (f.kind == FAULT_REFUSE)
		front_refuse(c->sim->front, f.ms);
}

static void post_script(struct control *c, struct http_exchange *x, const json_t *body)
{
	const json_t *lines = json_object_get(body, "lines");
	struct sw_err err;
	size_t n;

	if (!json_is_array(lines)) {
		answer_error(x, 400, "lines: an array of {at, user, chat, text}");
		return;
	}
	if (script_add(c->sim->script, lines, &n, &err) < 0) {
		answer_error(x, 400, err.text);
		return;
	}
	participant_report(c->sim->participant);
	answer_json(x, 200, json_pack("{s:I}", "added", (json_int_t)n));
}

static void post_clock(struct control *c, struct http_exchange *x, const json_t *body)
{
	const json_t *now = json_object_get(body, "now");
	int64_t at;

	if (c->sim->participant || !c->sim->clock.simulated) {
		answer_error(x, 409, "this clock is not moved here");
		return;
	}
	if (json_is_integer(now)) {
		at = json_integer_value(now);
	} else if (!json_is_string(now) || civil_parse_time(json_string_value(now), &at) < 0) {
		answer_error(x, 400, "now: a time like 2022-06-20T09:40, or milliseconds");
		return;
	}
	c->sim->clock.base_sim_ms = at;
	c->sim->clock.rev++;
	timer_clock_changed(c->sim->loop);
	control_tell_clock(c);
	script_run(c->sim->script);
	answer_json(x, 200, clock_json(c->sim));
}

/* ---- the table -------------------------------------------------------------------------------- */

static const struct request {
	const char *path;
	void (*get)(struct control *c, struct http_exchange *x);
	void (*post)(struct control *c, struct http_exchange *x, const json_t *body);
} requests[] = {
	{"/control/state", get_state, NULL},
	{"/control/messages", get_messages, NULL},
	{"/control/ledger", get_ledger, NULL},
	{"/control/events", get_events, NULL},
	{"/control/say", NULL, post_say},
	{"/control/fault", NULL, post_fault},
	{"/control/script", NULL, post_script},
	{"/control/clock", NULL, post_clock},
};

static void handle_post(struct control *c, struct http_exchange *x, const struct request *r)
{
	const char *type = http_header_get(x, "Content-Type");
	size_t len;
	const char *s = http_body(x, &len);
	json_t *body;

	/* A form on a foreign page cannot send this type: nobody types through a visitor's browser. */
	if (!type || !text_starts(type, "application/json")) {
		answer_error(x, 415, "Content-Type: application/json");
		return;
	}
	body = json_loadb(s, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(body))
		r->post(c, x, body);
	else
		answer_error(x, 400, "the body is no JSON object");
	json_decref(body);
}

void control_handle(struct control *c, struct http_exchange *x)
{
	bool is_get = strcmp(http_method(x), "GET") == 0,
	     is_post = strcmp(http_method(x), "POST") == 0;

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const struct request *r = &requests[i];

		if (strcmp(http_path(x), r->path) != 0)
			continue;
		if (is_get && r->get)
			r->get(c, x);
		else if (is_post && r->post)
			handle_post(c, x, r);
		else
			answer_error(x, 405, "another method");
		return;
	}
	answer_error(x, 404, "no such request");
}

int control_create(struct sim *s, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->sim = s;
	LIST_INIT(&c->watchers);
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	struct watcher *w;

	if (!c)
		return;
	while ((w = LIST_FIRST(&c->watchers)) != NULL) {
		LIST_REMOVE(w, next);
		free(w);
	}
	free(c);
}
