/*
 * bot/ingress/pages.c: paths, sessions and streams of the dashboard.
 *
 * A stream lives as long as its session: what ends the one ends the other within seconds. A page that comes back reads the whole
 * state anew, so that a stream never has to repeat anything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "bot/ingress/board.h"
#include "bot/ingress/form.h"
#include "bot/ingress/login.h"
#include "bot/ingress/page.h"
#include "bot/ingress/pages.h"
#include "bot/ingress/session.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"

enum {
	TICK_MS = 5000,
	TICKS_PER_BEAT = 3, /* a page that hears nothing for 40 s says that it is cut off */
	COOKIE = 160,
};

#define RESULT_MARK "data-result=\"none\""
#define FORM_TYPE "application/x-www-form-urlencoded"
#define NOT_LOGGED_IN "{\"error\":\"not logged in\"}"

struct stream {
	LIST_ENTRY(stream) next;
	struct pages *pages;
	struct http_stream *out;
	char key[SESSION_KEY]; /* of the session it belongs to */
};

struct pages {
	struct pages_opts opts;
	struct login *login;
	struct sessions *sessions;
	struct board *board;
	struct timer *tick;
	unsigned ticks;
	LIST_HEAD(, stream) streams;
	size_t n_streams;
	struct buf event; /* the one being told */
};

/* ---- sessions ---- */

/* A browser takes "__Host-" only with Secure, and Secure only over HTTPS. */
static const char *cookie_name(const struct pages *p)
{
	return p->opts.tls_in_front ? "__Host-sw" : "sw";
}

static void make_cookie(const struct pages *p, const char *id, char ret[COOKIE])
{
	(void)snprintf(ret, COOKIE, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", cookie_name(p),
		id, p->opts.tls_in_front ? "; Secure" : "", *id ? "" : "; Max-Age=0");
}

static const struct session *session_of(
	const struct pages *p, const struct http_exchange *x, char ret_id[PAGE_COOKIE_MAX])
{
	if (!page_cookie(x, cookie_name(p), ret_id))
		return NULL;
	return sessions_find(p->sessions, ret_id, clock_mono_ms());
}

bool pages_knows(void *ctx, const struct http_exchange *x)
{
	char id[PAGE_COOKIE_MAX];

	return session_of(ctx, x, id) != NULL;
}

static bool session_stays(void *ctx, const struct session *one)
{
	struct pages *p = ctx;

	return login_stands(p->login, one->name, one->credential);
}

/* ---- streams ---- */

static void forget_stream(struct stream *s)
{
	LIST_REMOVE(s, next);
	s->pages->n_streams--;
	metrics_set(
		s->pages->opts.metrics, "shouwang_page_streams", NULL, (double)s->pages->n_streams);
	free(s);
}

static void on_stream_closed(void *ctx)
{
	forget_stream(ctx);
}

/* Those whose session is over. */
static void end_streams(struct pages *p)
{
	int64_t now = clock_mono_ms();
	struct stream *s = LIST_FIRST(&p->streams), *next;

	for (; s; s = next) {
		next = LIST_NEXT(s, next);
		if (sessions_has_key(p->sessions, s->key, now))
			continue;
		http_stream_end(s->out);
		forget_stream(s);
	}
}

static size_t streams_of(const struct pages *p, const char *key)
{
	const struct stream *s;
	size_t n = 0;

	LIST_FOREACH(s, &p->streams, next)
	n += !strcmp(s->key, key);
	return n;
}

static void tell_all(struct pages *p)
{
	struct stream *s;

	/* Who is too slow is cut off on a later turn, and reads the whole state again. */
	LIST_FOREACH(s, &p->streams, next)
	(void)http_stream_send(s->out, buf_str(&p->event), p->event.len);
}

static void beat(struct pages *p)
{
	if (board_service_event(p->board, loop_now_ms(p->opts.loop), &p->event) == 0)
		tell_all(p);
}

static void on_tick(void *ctx)
{
	struct pages *p = ctx;

	sessions_sweep(p->sessions, clock_mono_ms(), session_stays, p);
	end_streams(p);
	if (++p->ticks % TICKS_PER_BEAT == 0)
		beat(p);
	timer_after(p->tick, TICK_MS);
}

void pages_on_message(struct pages *p, const char *topic, const void *payload, size_t len)
{
	int rc = board_put(p->board, topic, payload, len, &p->event);

	if (rc < 0)
		LOG_WARN("state_not_taken", "topic=%s err=%s", topic, err_name(rc));
	else if (rc == 1 && p->event.len > 0)
		tell_all(p);
	else if (rc == 1)
		beat(p);
}

void pages_on_broker(struct pages *p, bool is_up)
{
	board_set_broker(p->board, is_up);
	beat(p);
}

/* ---- what is shown ---- */

static void answer_not_logged_in(struct http_exchange *x)
{
	page_respond(x, 401, "application/json", NOT_LOGGED_IN, strlen(NOT_LOGGED_IN), NULL);
}

static void show_state(void *ctx, struct http_exchange *x)
{
	struct pages *p = ctx;
	char id[PAGE_COOKIE_MAX];
	const struct session *one = session_of(p, x, id);
	struct buf out;

	if (!one) {
		answer_not_logged_in(x);
		return;
	}
	/* A page that reconnects by itself is nobody's doing: the session's idle time goes on. */
	if (!http_query(x, "auto"))
		sessions_touch(p->sessions, id, clock_mono_ms());
	buf_init(&out, BOARD_STATE_BYTES);
	if (board_state(p->board, loop_now_ms(p->opts.loop), one->name, one->role, &out) < 0)
		page_respond(x, 503, "text/plain", "", 0, NULL);
	else
		page_respond(x, 200, "application/json", buf_str(&out), out.len, NULL);
	buf_fini(&out);
}

static void start_stream(struct pages *p, struct http_exchange *x, const char *key)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s || p->n_streams >= PAGES_MAX_STREAMS || streams_of(p, key) >= PAGES_STREAMS_OF_ONE) {
		free(s);
		page_respond(x, 503, "text/plain", "", 0, NULL);
		return;
	}
	s->pages = p;
	memcpy(s->key, key, sizeof(s->key));
	s->out = http_stream_start(x, on_stream_closed, s);
	if (!s->out) {
		free(s);
		return;
	}
	LIST_INSERT_HEAD(&p->streams, s, next);
	p->n_streams++;
	metrics_set(p->opts.metrics, "shouwang_page_streams", NULL, (double)p->n_streams);
	if (board_service_event(p->board, loop_now_ms(p->opts.loop), &p->event) == 0)
		(void)http_stream_send(s->out, buf_str(&p->event), p->event.len);
}

static void show_events(void *ctx, struct http_exchange *x)
{
	struct pages *p = ctx;
	char id[PAGE_COOKIE_MAX];
	const struct session *one = session_of(p, x, id);

	if (!one)
		answer_not_logged_in(x);
	else if (!strcmp(http_method(x), "HEAD"))
		page_respond(x, 200, "text/event-stream", "", 0, NULL);
	else
		start_stream(p, x, one->key);
}

static void show_dashboard(void *ctx, struct http_exchange *x)
{
	struct pages *p = ctx;
	char id[PAGE_COOKIE_MAX];

	if (!session_of(p, x, id)) {
		page_redirect(x, "/login", NULL);
		return;
	}
	sessions_touch(p->sessions, id, clock_mono_ms());
	page_respond_asset(x, page_asset("index.html"));
}

static void show_asset(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	page_respond_asset(x, page_asset(http_path(x) + 1));
}

/* ---- in and out ---- */

/* The form, saying what became of the last try; its words stand in the page. */
static void show_form(struct http_exchange *x, int status, const char *result)
{
	static const char *const later[] = {"Retry-After", "900", NULL};
	const struct asset *a = page_asset("login.html");
	const char *html = (const char *)a->data, *mark = strstr(html, RESULT_MARK);
	struct buf out;

	buf_init(&out, a->len + 64);
	buf_add(&out, html, mark ? (size_t)(mark - html) : a->len);
	if (mark)
		buf_addf(&out, "data-result=\"%s\"%s", result, mark + strlen(RESULT_MARK));
	page_respond(x, out.error ? 503 : status, a->type, buf_str(&out), out.len,
		status == 429 ? later : NULL);
	buf_fini(&out);
}

struct attempt {
	struct pages *pages;
	struct http_exchange *x;
	char former[PAGE_COOKIE_MAX]; /* the session it replaces, "" = none */
	char address[PAGE_ADDRESS];
};

static void count_login(struct pages *p, const char *outcome)
{
	char labels[48];

	(void)snprintf(labels, sizeof(labels), "outcome=\"%s\"", outcome);
	metrics_add(p->opts.metrics, "shouwang_logins_total", labels, 1);
}

static void let_in(struct attempt *a, const struct operator_entry *who)
{
	struct pages *p = a->pages;
	char id[SESSION_ID], cookie[COOKIE];

	if (a->former[0])
		sessions_close(p->sessions, a->former);
	if (sessions_open(p->sessions, who, clock_mono_ms(), id) < 0) {
		show_form(a->x, 503, "busy");
		return;
	}
	LOG_INFO("page_login", "as=%s role=%s peer=%s", who->name, who->role, a->address);
	make_cookie(p, id, cookie);
	page_redirect(a->x, "/", cookie);
	explicit_bzero(id, sizeof(id));
	explicit_bzero(cookie, sizeof(cookie));
}

static void on_checked(void *ctx, enum login_outcome outcome, const struct operator_entry *who)
{
	struct attempt *a = ctx;

	count_login(a->pages, login_outcome_name(outcome));
	/* What was typed as a name may be a passphrase: it is not logged. */
	if (outcome != LOGIN_RIGHT)
		LOG_WARN("page_login_refused", "outcome=%s peer=%s", login_outcome_name(outcome),
			a->address);
	switch (outcome) {
	case LOGIN_RIGHT:
		let_in(a, who);
		break;
	case LOGIN_WRONG:
		show_form(a->x, 401, "wrong");
		break;
	case LOGIN_LOCKED:
		show_form(a->x, 429, "locked");
		break;
	case LOGIN_BUSY:
		show_form(a->x, 503, "busy");
		break;
	}
	free(a);
}

/* A browser names its form's type; a page elsewhere can make it send others without asking. */
static bool is_form(const struct http_exchange *x)
{
	const char *type = http_header_get(x, "Content-Type");

	return type && !strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE));
}

static void try_login(struct pages *p, struct http_exchange *x)
{
	struct attempt *a = calloc(1, sizeof(*a));
	char name[LOGIN_NAME_MAX + 2], passphrase[LOGIN_PASSPHRASE_MAX + 2];
	size_t len;
	const char *body = http_body(x, &len);
	int rc = -ENOMEM;

	if (a) {
		a->pages = p;
		a->x = x;
		if (!page_cookie(x, cookie_name(p), a->former))
			a->former[0] = '\0';
		page_client_address(x, p->opts.tls_in_front, a->address);
		/* What cannot be read is as wrong as what does not fit. */
		if (form_field(body, len, "name", name, sizeof(name)) < 0)
			name[0] = '\0';
		if (form_field(body, len, "passphrase", passphrase, sizeof(passphrase)) < 0)
			passphrase[0] = '\0';
		rc = login_check(p->login, name, passphrase, a->address, on_checked, a);
		explicit_bzero(passphrase, sizeof(passphrase));
	}
	if (rc < 0) {
		free(a);
		show_form(x, 503, "busy");
	}
}

static bool is_post(const struct http_exchange *x)
{
	return !strcmp(http_method(x), "POST");
}

static void handle_login(void *ctx, struct http_exchange *x)
{
	struct pages *p = ctx;

	if (is_post(x)) {
		if (!page_is_own_request(x, p->opts.tls_in_front))
			page_respond(x, 403, "text/plain", "", 0, NULL);
		else if (!is_form(x))
			page_respond(x, 415, "text/plain", "", 0, NULL);
		else
			try_login(p, x);
	} else if (pages_knows(p, x)) {
		page_redirect(x, "/", NULL);
	} else {
		show_form(x, 200, "none");
	}
}

static void handle_logout(void *ctx, struct http_exchange *x)
{
	static const char *const allow[] = {"Allow", "POST", NULL};
	struct pages *p = ctx;
	char id[PAGE_COOKIE_MAX], cookie[COOKIE];

	if (!is_post(x)) {
		page_respond(x, 405, "text/plain", "", 0, allow);
		return;
	}
	if (!page_is_own_request(x, p->opts.tls_in_front)) {
		page_respond(x, 403, "text/plain", "", 0, NULL);
		return;
	}
	if (page_cookie(x, cookie_name(p), id))
		sessions_close(p->sessions, id);
	end_streams(p);
	make_cookie(p, "", cookie);
	page_redirect(x, "/login", cookie);
}

/* ---- life ---- */

int pages_add(struct pages *p, struct route *r)
{
	static const char *const assets[] = {"/app.css", "/app.js"};
	int rc = route_add_page(r, "/", show_dashboard, p);

	if (rc == 0)
		rc = route_add_page(r, "/api/v1/state", show_state, p);
	if (rc == 0)
		rc = route_add_page(r, "/api/v1/events", show_events, p);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(assets); i++)
		rc = route_add_page(r, assets[i], show_asset, p);
	if (rc == 0)
		rc = route_add_form(r, "/login", handle_login, p);
	if (rc == 0)
		rc = route_add_form(r, "/logout", handle_logout, p);
	return rc;
}

int pages_create(const struct pages_opts *opts, struct pages **ret)
{
	struct pages *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->opts = *opts;
	p->opts.operators_file = NULL; /* the login has its copy */
	LIST_INIT(&p->streams);
	buf_init(&p->event, BOARD_EVENT_BYTES);
	rc = login_create(opts->loop, opts->operators_file, &p->login);
	if (rc == 0)
		rc = sessions_create(&p->sessions);
	if (rc == 0)
		rc = board_create(&p->board);
	if (rc == 0)
		rc = timer_new(opts->loop, on_tick, p, &p->tick);
	if (rc < 0) {
		pages_stop(p);
		pages_destroy(p);
		return rc;
	}
	metrics_help(opts->metrics, "shouwang_logins_total", "Logins to the pages by outcome.");
	metrics_help(opts->metrics, "shouwang_page_streams", "Pages that are open and live.");
	timer_after(p->tick, TICK_MS);
	*ret = p;
	return 0;
}

void pages_stop(struct pages *p)
{
	if (!p)
		return;
	if (p->login)
		login_stop(p->login);
	timer_destroy(p->tick);
	p->tick = NULL;
}

void pages_destroy(struct pages *p)
{
	if (!p)
		return;
	while (!LIST_EMPTY(&p->streams))
		forget_stream(LIST_FIRST(&p->streams));
	login_destroy(p->login);
	sessions_destroy(p->sessions);
	board_destroy(p->board);
	buf_fini(&p->event);
	free(p);
}
