/* tests/sim/control.c: one table of requests, one list of pages that listen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base/civil.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/io/timer.h"
#include "tests/sim/control.h"

enum { STREAMS_MAX = 64 };

struct watcher {
	LIST_ENTRY(watcher) next;
	struct control *control;
	struct http_stream *stream;
};

struct control {
	struct control_opts opts;
	bool clock_is_shared;
	LIST_HEAD(watcher_list, watcher) watchers;
	unsigned n_watchers;
};

/* ---- answers ---------------------------------------------------------------------------------- */

void control_answer(struct http_exchange *x, int status, json_t *answer)
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

void control_answer_error(struct http_exchange *x, int status, const char *text)
{
	control_answer(x, status, json_pack("{s:s}", "error", text));
}

int control_number(
	struct http_exchange *x, const char *name, int64_t max, int64_t def, int64_t *ret)
{
	const char *s = http_query(x, name);

	*ret = def;
	return s ? num_parse(s, 0, max, ret) : 0;
}

void control_answer_feed(struct http_exchange *x, const struct feed *f, size_t max)
{
	int64_t since, limit;

	if (control_number(x, "since", INT64_MAX / 2, 0, &since) < 0 ||
		control_number(x, "limit", (int64_t)max, (int64_t)max, &limit) < 0)
		control_answer_error(x, 400, "since and limit are whole numbers");
	else
		control_answer(x, 200, feed_since(f, since, (size_t)limit));
}

bool control_time(const json_t *v, int64_t *ret_ms)
{
	if (json_is_integer(v)) {
		*ret_ms = json_integer_value(v);
		return true;
	}
	return json_is_string(v) && civil_parse_time(json_string_value(v), ret_ms) == 0;
}

json_t *control_clock_json(const struct clock *c)
{
	return json_pack("{s:I, s:I, s:f, s:I, s:b}", "now", (json_int_t)clock_now_ms(c),
		"real_now", (json_int_t)clock_real_ms(), "speed", c->simulated ? c->speed : 1.0,
		"rev", (json_int_t)c->rev, "simulated", c->simulated);
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
	json_t *data = control_clock_json(c->opts.clock);

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
		control_answer_error(x, 503, "too many pages are open");
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
	data = control_clock_json(c->opts.clock);
	send_event(w, "clock", data);
	json_decref(data);
}

/* ---- the clock -------------------------------------------------------------------------------- */

void control_share_clock(struct control *c)
{
	c->clock_is_shared = true;
}

static void post_clock(struct control *c, struct http_exchange *x, const json_t *body)
{
	struct clock *clock = c->opts.clock;
	int64_t at;

	if (c->clock_is_shared || !clock->simulated) {
		control_answer_error(x, 409, "this clock is not moved here");
		return;
	}
	if (!control_time(json_object_get(body, "now"), &at)) {
		control_answer_error(x, 400, "now: a time like 2022-06-20T09:40, or milliseconds");
		return;
	}
	clock->base_sim_ms = at;
	clock->rev++;
	timer_clock_changed(c->opts.loop);
	c->opts.on_time(c->opts.ctx);
	control_answer(x, 200, control_clock_json(clock));
}

/* ---- requests --------------------------------------------------------------------------------- */

/* NULL: answered with what is wrong. */
static json_t *read_body(struct http_exchange *x)
{
	const char *type = http_header_get(x, "Content-Type");
	size_t len;
	const char *s = http_body(x, &len);
	json_t *body;

	/* A form on a foreign page cannot send this type: nobody types through a visitor's browser. */
	if (!type || !text_starts(type, "application/json")) {
		control_answer_error(x, 415, "Content-Type: application/json");
		return NULL;
	}
	body = json_loadb(s, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(body))
		return body;
	json_decref(body);
	control_answer_error(x, 400, "the body is no JSON object");
	return NULL;
}

static void handle_common(struct control *c, struct http_exchange *x, bool is_get, bool is_post)
{
	bool is_events = strcmp(http_path(x), "/control/events") == 0,
	     is_clock = strcmp(http_path(x), "/control/clock") == 0;
	json_t *body;

	if (is_events && is_get) {
		get_events(c, x);
	} else if (is_clock && is_post) {
		body = read_body(x);
		if (body)
			post_clock(c, x, body);
		json_decref(body);
	} else if (is_events || is_clock) {
		control_answer_error(x, 405, "another method");
	} else {
		control_answer_error(x, 404, "no such request");
	}
}

static void handle_own(struct control *c, struct http_exchange *x, bool is_get, bool is_post,
	const struct control_request *r)
{
	json_t *body;

	if (is_get && r->get) {
		r->get(c->opts.ctx, x);
	} else if (is_post && r->post) {
		body = read_body(x);
		if (body)
			r->post(c->opts.ctx, x, body);
		json_decref(body);
	} else {
		control_answer_error(x, 405, "another method");
	}
}

bool control_handle(struct control *c, struct http_exchange *x)
{
	bool is_get = strcmp(http_method(x), "GET") == 0,
	     is_post = strcmp(http_method(x), "POST") == 0;

	if (!text_starts(http_path(x), "/control/"))
		return false;
	for (size_t i = 0; i < c->opts.n_requests; i++) {
		const struct control_request *r = &c->opts.requests[i];

		if (strcmp(http_path(x), r->path) == 0) {
			handle_own(c, x, is_get, is_post, r);
			return true;
		}
	}
	handle_common(c, x, is_get, is_post);
	return true;
}

int control_create(const struct control_opts *opts, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->opts = *opts;
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
