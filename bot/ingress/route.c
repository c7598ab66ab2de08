/*
 * bot/ingress/route.c: finds the endpoint, limits strangers, and gives the yes once the event is durable.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bot/ingress/route.h"
#include "core/base/bucket.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"

enum {
	MAX_ENDPOINTS = 1000,
	MAX_BODY = 65536,
	LOG_LINES_BURST = 20,
	LOG_LINE_EVERY_MS = 1000,
	MAX_EARLY = 64,
	EARLY_EVERY_MS = 10,
	EARLY_TRIES = 100,
};

struct endpoint {
	UT_hash_handle hh;
	char *path;
	enum callback_kind kind;
	struct wecom_callback *callback; /* NULL: a page */
	http_handler handler;
	bool takes_form; /* POST, too */
	bool is_public;
	void *ctx;
};

struct route {
	struct route_opts opts;
	struct endpoint *endpoints;
	struct sms_callbacks *sms; /* NULL: no gateway has a token */
	size_t n_waiting;
	struct bucket log_lines;
	uint64_t lines_dropped;
	bool is_stopped;
	struct early *early; /* callbacks that wait for the simulated clock */
	size_t n_early;
};

/* A callback that waits for its record to be synced. */
struct waiting {
	struct route *route;
	struct http_exchange *x;
	enum callback_kind kind;
};

static void answer(struct http_exchange *x, int status)
{
	http_respond(x, status, "text/plain", "", 0, NULL);
}

static void answer_not_allowed(struct http_exchange *x, const char *allow)
{
	const char *const headers[] = {"Allow", allow, NULL};

	http_respond(x, 405, "text/plain", "", 0, headers);
}

static void count(const struct route *r, const char *route, const char *outcome)
{
	char labels[80]; /* both words are ours */

	(void)snprintf(labels, sizeof(labels), "route=\"%s\",outcome=\"%s\"", route, outcome);
	metrics_add(r->opts.metrics, "shouwang_callbacks_total", labels, 1);
}

static const char *kind_name(enum callback_kind kind)
{
	return kind == CALLBACK_APP ? "wecom_app" : "wecom_robot";
}

static void on_durable(void *ctx, int rc, bool is_repeat)
{
	struct waiting w = *(struct waiting *)ctx;

	free(ctx);
	w.route->n_waiting--;
	if (rc < 0)
		LOG_ERROR(
			"callback_not_spooled", "route=%s err=%s", kind_name(w.kind), err_name(rc));
	count(w.route, kind_name(w.kind), rc < 0 ? "busy" : is_repeat ? "repeat" : "ok");
	answer(w.x, rc < 0 ? 503 : 200);
}

static void take_event(struct route *r, enum callback_kind kind, struct callback_result *res,
	struct http_exchange *x)
{
	struct waiting *w = malloc(sizeof(*w));
	int rc = -ENOMEM;

	if (w) {
		*w = (struct waiting){r, x, kind};
		rc = spool_add(r->opts.spool, &res->event, on_durable, w);
	}
	wire_in_fini(&res->event);
	if (rc == 0) {
		r->n_waiting++;
		r->opts.on_taken(r->opts.ctx);
		return;
	}
	free(w);
	LOG_ERROR("callback_not_spooled", "route=%s err=%s", kind_name(kind), err_name(rc));
	count(r, kind_name(kind), "busy");
	answer(x, 503);
}

/* Whoever sends rubbish must not fill the disk with our lines about it. */
static void log_refusal(struct route *r, enum callback_kind kind, const struct callback_result *res,
	const struct http_exchange *x)
{
	if (!bucket_take(&r->log_lines, clock_mono_ms())) {
		r->lines_dropped++;
		return;
	}
	LOG_INFO("callback_not_taken", "route=%s outcome=%s why=%s peer=%s not_logged=%" PRIu64,
		kind_name(kind), callback_outcome_name(res->outcome), res->why, http_peer(x),
		r->lines_dropped);
	r->lines_dropped = 0;
}

static void answer_callback(struct route *r, enum callback_kind kind, struct callback_result *res,
	struct http_exchange *x)
{
	static const int status[] = {[CALLBACK_VERIFIED] = 200,
		[CALLBACK_IGNORED] = 200,
		[CALLBACK_STALE] = 200,
		[CALLBACK_FORBIDDEN] = 403,
		[CALLBACK_MALFORMED] = 400};

	if (res->outcome == CALLBACK_EVENT) {
		take_event(r, kind, res, x);
		return;
	}
	count(r, kind_name(kind), callback_outcome_name(res->outcome));
	if (res->outcome == CALLBACK_STALE)
		/* Our clock may be the wrong one: then every reply would be lost without this line. */
		LOG_WARN("callback_stale", "route=%s", kind_name(kind));
	else if (res->outcome != CALLBACK_VERIFIED)
		log_refusal(r, kind, res, x);
	http_respond(x, status[res->outcome], "text/plain", res->echo, res->echo_len, NULL);
}

static void handle_callback(struct route *r, const struct endpoint *e, struct http_exchange *x,
	bool is_over, unsigned tries);

/*
 * In simulation a sender may hear of the new time before we do, and its callback then comes from the future. It is
 * judged again for a moment; with a real clock nothing waits.
 */
struct early {
	struct early *next;
	struct route *route;
	const struct endpoint *endpoint;
	struct http_exchange *x;
	struct timer *timer;
	unsigned tries;
};

/* Takes it out of the list; what it stood for is returned. */
static struct early early_take(struct early *w)
{
	struct early ret = *w, **p = &w->route->early;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	w->route->n_early--;
	timer_destroy(w->timer);
	free(w);
	return ret;
}

static void on_early(void *ctx)
{
	struct early w = early_take(ctx);

	handle_callback(w.route, w.endpoint, w.x, false, w.tries + 1);
}

static bool wait_for_clock(
	struct route *r, const struct endpoint *e, struct http_exchange *x, unsigned tries)
{
	struct early *w;

	if (!loop_clock(r->opts.loop)->simulated || tries >= EARLY_TRIES || r->n_early >= MAX_EARLY)
		return false;
	w = calloc(1, sizeof(*w));
	if (!w || timer_new(r->opts.loop, on_early, w, &w->timer) < 0) {
		free(w);
		return false;
	}
	w->next = r->early;
	w->route = r;
	w->endpoint = e;
	w->x = x;
	w->tries = tries;
	r->early = w;
	r->n_early++;
	timer_after(w->timer, EARLY_EVERY_MS);
	return true;
}

static void handle_callback(struct route *r, const struct endpoint *e, struct http_exchange *x,
	bool is_over, unsigned tries)
{
	struct callback_request req = {
		.is_post = strcmp(http_method(x), "POST") == 0,
		.signature = http_query(x, "msg_signature"),
		.timestamp = http_query(x, "timestamp"),
		.nonce = http_query(x, "nonce"),
		.echostr = http_query(x, "echostr"),
	};
	struct callback_result res;

	if (!req.is_post && strcmp(http_method(x), "GET") != 0) {
		answer_not_allowed(x, "GET, POST");
		return;
	}
	if (r->is_stopped) {
		answer(x, 503);
		return;
	}
	req.body = http_body(x, &req.body_len);
	wecom_callback_judge(e->callback, &req, loop_now_ms(r->opts.loop), &res);
	if (res.is_signed) {
		limit_trust(r->opts.limit, http_peer(x));
	} else if (is_over) {
		count(r, kind_name(e->kind), "limited");
		answer(x, 429);
		return;
	}
	if (res.outcome == CALLBACK_STALE && wait_for_clock(r, e, x, tries))
		return;
	answer_callback(r, e->kind, &res, x);
}

static void handle_page(const struct endpoint *e, struct http_exchange *x)
{
	const char *method = http_method(x);

	if (!strcmp(method, "GET") || !strcmp(method, "HEAD") ||
		(e->takes_form && !strcmp(method, "POST")))
		e->handler(e->ctx, x);
	else
		answer_not_allowed(x, e->takes_form ? "GET, HEAD, POST" : "GET, HEAD");
}

void route_handle(void *ctx, struct http_exchange *x)
{
	struct route *r = ctx;
	const char *path = http_path(x);
	struct endpoint *e;
	bool is_over;

	HASH_FIND_STR(r->endpoints, path, e);
	/* Residents come by thousands at a time, all of them by one address when a proxy stands in front. */
	if (e && e->is_public) {
		handle_page(e, x);
		return;
	}
	is_over = !limit_take(r->opts.limit, http_peer(x), clock_mono_ms());
	if (r->sms && sms_callbacks_know(r->sms, path)) {
		sms_callbacks_handle(r->sms, x);
		return;
	}
	if (e && e->callback) {
		handle_callback(r, e, x, is_over, 0);
	} else if (is_over && !(r->opts.knows && r->opts.knows(r->opts.knows_ctx, x))) {
		count(r, "page", "limited");
		answer(x, 429);
	} else if (!e) {
		count(r, "none", "not_found");
		answer(x, 404);
	} else {
		handle_page(e, x);
	}
}

static int add(struct route *r, const char *path, struct endpoint **ret)
{
	struct endpoint *e;

	HASH_FIND_STR(r->endpoints, path, e);
	if (e)
		return SW_EEXIST;
	if (HASH_COUNT(r->endpoints) >= MAX_ENDPOINTS)
		return SW_ELIMIT;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->path = strdup(path);
	if (!e->path) {
		free(e);
		return -ENOMEM;
	}
	HASH_ADD_KEYPTR(hh, r->endpoints, e->path, strlen(e->path), e);
	*ret = e;
	return 0;
}

int route_add_callback(
	struct route *r, const char *path, enum callback_kind kind, struct wecom_callback *cb)
{
	struct endpoint *e;
	int rc = add(r, path, &e);

	if (rc == 0) {
		e->kind = kind;
		e->callback = cb;
	}
	return rc;
}

int route_add_page(struct route *r, const char *path, http_handler handler, void *ctx)
{
	struct endpoint *e;
	int rc = add(r, path, &e);

	if (rc == 0) {
		e->handler = handler;
		e->ctx = ctx;
	}
	return rc;
}

int route_add_form(struct route *r, const char *path, http_handler handler, void *ctx)
{
	struct endpoint *e;
	int rc = add(r, path, &e);

	if (rc == 0) {
		e->handler = handler;
		e->ctx = ctx;
		e->takes_form = true;
	}
	return rc;
}

int route_add_public(struct route *r, const char *path, http_handler handler, void *ctx)
{
	struct endpoint *e;
	int rc = add(r, path, &e);

	if (rc == 0) {
		e->handler = handler;
		e->ctx = ctx;
		e->is_public = true;
	}
	return rc;
}

int route_create(const struct route_opts *opts, struct route **ret)
{
	struct route *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->opts = *opts;
	bucket_init(&r->log_lines, LOG_LINES_BURST, LOG_LINE_EVERY_MS);
	*ret = r;
	return 0;
}

void route_destroy(struct route *r)
{
	struct endpoint *e, *tmp;

	if (!r)
		return;
	while (r->early)
		(void)early_take(r->early);
	HASH_ITER(hh, r->endpoints, e, tmp)
	{
		HASH_DEL(r->endpoints, e);
		free(e->path);
		free(e);
	}
	free(r);
}

void route_set_sms(struct route *r, struct sms_callbacks *cb)
{
	r->sms = cb;
}

size_t route_max_body(void *ctx, const char *path)
{
	const struct route *r = ctx;

	return r->sms && sms_callbacks_know(r->sms, path) ? SMS_CALLBACK_MAX_BODY : MAX_BODY;
}

void route_stop(struct route *r)
{
	r->is_stopped = true;
	if (r->sms)
		sms_callbacks_stop(r->sms);
}

size_t route_waiting(const struct route *r)
{
	return r->n_waiting + (r->sms ? sms_callbacks_waiting(r->sms) : 0);
}
