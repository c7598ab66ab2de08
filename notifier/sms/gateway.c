/*
 * notifier/sms/gateway.c: connections, pace and pauses of the gateways on the route.
 *
 * Time is the caller's wall clock, or the loop's, which is the same; nothing here looks at another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"
#include "notifier/sms/accounts.h"
#include "notifier/sms/breaker.h"
#include "notifier/sms/driver.h"
#include "notifier/sms/received.h"
#include "notifier/sms/speed.h"

enum {
	MAX_INFLIGHT = 32, /* requests and connections, in all */
	MAX_STRANGE = 16,  /* codes remembered as logged */
};
#define THROTTLE_MS INT64_C(1000) /* when the gateway names no time */

struct gateway {
	const struct driver *driver;
	struct account account;
	struct speed speed;
	struct breaker breaker;
};

struct gateways {
	struct loop *loop;
	struct http_client *http;
	struct metrics *metrics;
	struct timer *timer; /* end of a rest */
	char *mid_header;
	struct gateway gateways[GATEWAY_MAX];
	size_t n;
	size_t inflight;
	unsigned depth; /* callbacks of ours that run just now */
	bool closing;
	char strange[MAX_STRANGE][64]; /* "<gateway> <code>" */
	size_t n_strange;
	void (*on_change)(void *ctx);
	void *change_ctx;
};

struct op {
	struct gateways *owner;
	struct gateway *gw;
	bool (*may_send)(void *ctx);
	bool is_stopped;
	void (*done)(void *ctx, const struct gateway_outcome *o);
	void *ctx;
};

const char *gateway_cause_name(enum gateway_cause c)
{
	static const char *const names[] = {[GATEWAY_OK] = "ok",
		[GATEWAY_THROTTLE] = "throttle",
		[GATEWAY_TROUBLE] = "trouble",
		[GATEWAY_NUMBER] = "number",
		[GATEWAY_NUMBER_LATER] = "number_later",
		[GATEWAY_CONTENT] = "content",
		[GATEWAY_ACCOUNT] = "account",
		[GATEWAY_NET] = "net",
		[GATEWAY_STOPPED] = "stopped"};

	return names[c];
}

/* ---- pauses ------------------------------------------------------------------------------------- */

/* Wakes whoever sends when the next rest is over; what is over already was told. */
static void arm(struct gateways *g, int64_t now_ms)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < g->n; i++) {
		int64_t rest = breaker_rest_ms(&g->gateways[i].breaker);

		if (rest > now_ms && rest < at)
			at = rest;
	}
	if (at < INT64_MAX)
		timer_at(g->timer, at);
	else
		timer_stop(g->timer);
}

static void tell_change(struct gateways *g)
{
	if (g->on_change && !g->closing)
		g->on_change(g->change_ctx);
}

static void on_rest_over(void *ctx)
{
	struct gateways *g = ctx;

	arm(g, loop_now_ms(g->loop));
	tell_change(g);
}

static void judge_gateway(
	struct gateways *g, struct gateway *gw, const struct gateway_outcome *o, int64_t now_ms)
{
	const char *name = gw->driver->name;
	enum breaker_state before = breaker_judge(&gw->breaker, o, now_ms);

	if (o->cause == GATEWAY_THROTTLE)
		speed_slow(&gw->speed, now_ms, o->retry_after_ms);
	arm(g, now_ms);
	if (gw->breaker.state == before)
		return;
	switch (gw->breaker.state) {
	case BREAKER_PAUSED:
		LOG_ERROR("sms_gateway_paused", "gw=%s code=%s err=%s", name, o->code, o->text);
		break;
	case BREAKER_TRIPPED:
		/* A try that fails is no news. */
		if (before == BREAKER_RUNNING)
			LOG_WARN("sms_gateway_tripped", "gw=%s code=%s n=%u", name, o->code,
				gw->breaker.failures);
		break;
	case BREAKER_RUNNING:
		LOG_INFO("sms_gateway_back", "gw=%s", name);
		break;
	case BREAKER_PROBING:
		break;
	}
}

/* ---- the end of a request --------------------------------------------------------------------------- */

static void log_strange(struct gateways *g, const struct gateway_outcome *o)
{
	char key[sizeof(g->strange[0])]; /* name and code are 12 and 48 bytes */

	(void)snprintf(key, sizeof(key), "%s %s", o->gateway, o->code);
	for (size_t i = 0; i < g->n_strange && i < MAX_STRANGE; i++) {
		if (strcmp(g->strange[i], key) == 0)
			return;
	}
	(void)memcpy(g->strange[g->n_strange++ % MAX_STRANGE], key, sizeof(key));
	LOG_ERROR("sms_code_unknown", "gw=%s code=%s err=%s", o->gateway, o->code, o->text);
}

/* Nothing was answered. */
static void judge_silence(
	const struct op *op, const struct http_result *res, struct gateway_outcome *o)
{
	const char *why = res->error ? res->error : "";

	if (op->is_stopped) {
		driver_judge(o, GATEWAY_STOPPED, "stopped", why);
		return;
	}
	if (res->outcome == HTTP_NOT_SENT)
		driver_judge(o, GATEWAY_NET, "not sent", why);
	else
		driver_judge(o, GATEWAY_NET, strstr(why, "Timeout") ? "timeout" : "no answer", why);
	if (res->outcome == HTTP_NOT_SENT)
		o->verdict = VERDICT_NOT_SENT;
}

static const char *verdict_name(enum wire_verdict_word v)
{
	static const char *const names[] = {[VERDICT_ACCEPTED] = "accepted",
		[VERDICT_REFUSED_TEMP] = "refused_temp",
		[VERDICT_REFUSED_FINAL] = "refused_final",
		[VERDICT_NOT_SENT] = "not_sent",
		[VERDICT_UNKNOWN] = "unknown"};

	return names[v];
}

static void count(struct gateways *g, const struct gateway_outcome *o)
{
	char labels[64]; /* both words are ours, of 12 and 13 characters */

	(void)snprintf(labels, sizeof(labels), "gw=\"%s\",verdict=\"%s\"", o->gateway,
		verdict_name(o->verdict));
	metrics_add(g->metrics, "shouwang_attempts_total", labels, 1);
	(void)snprintf(labels, sizeof(labels), "gw=\"%s\"", o->gateway);
	metrics_observe(
		g->metrics, "shouwang_send_duration_seconds", labels, (double)o->took_ms / 1000);
}

static void destroy_now(struct gateways *g)
{
	for (size_t i = 0; i < g->n; i++)
		account_fini(&g->gateways[i].account);
	timer_destroy(g->timer);
	free(g->mid_header);
	free(g);
}

static void on_http_done(void *ctx, const struct http_result *res)
{
	struct op *op = ctx;
	struct gateways *g = op->owner;
	struct gateway_outcome o = {.took_ms = res->took_ms};

	(void)snprintf(o.gateway, sizeof(o.gateway), "%s", op->gw->driver->name);
	if (res->outcome == HTTP_ANSWERED)
		op->gw->driver->read(res, &o);
	else
		judge_silence(op, res, &o);
	if (o.cause == GATEWAY_THROTTLE && o.retry_after_ms < THROTTLE_MS)
		o.retry_after_ms = THROTTLE_MS;
	g->inflight--;
	count(g, &o);
	if (o.is_strange)
		log_strange(g, &o);
	if (!g->closing)
		judge_gateway(g, op->gw, &o, loop_now_ms(g->loop));
	g->depth++;
	op->done(op->ctx, &o);
	tell_change(g);
	free(op);
	if (--g->depth == 0 && g->closing && !g->http)
		destroy_now(g);
}

/* ---- sending ------------------------------------------------------------------------------------------ */

static bool ask_may_send(void *ctx)
{
	struct op *op = ctx;

	if (op->may_send(op->ctx))
		return true;
	op->is_stopped = true;
	return false;
}

/* The place of NAME on the route; g->n: it has none. */
static size_t place_of(const struct gateways *g, const char *name)
{
	size_t i = 0;

	while (i < g->n && strcmp(g->gateways[i].driver->name, name) != 0)
		i++;
	return i;
}

static const struct gateway *find(const struct gateways *g, const char *name)
{
	size_t i = place_of(g, name);

	return i < g->n ? &g->gateways[i] : NULL;
}

static bool is_number(const char *s)
{
	return strlen(s) == 14 && text_starts(s, "+861") && strspn(s + 1, "0123456789") == 13;
}

static bool is_request(const struct gateway *gw, const struct gateway_request *req)
{
	bool is_rising = true;

	if (req->n == 0 || req->n > gw->driver->max_numbers || !received_is_out_id(req->out_id))
		return false;
	if (gw->driver->needs_template && (!req->template_code || !*req->template_code))
		return false;
	for (size_t i = 0; i < req->n; i++) {
		if (!is_number(req->numbers[i]))
			return false;
		/* One number twice is one person told twice. Those of a broadcast come rising. */
		is_rising =
			is_rising && (i == 0 || strcmp(req->numbers[i - 1], req->numbers[i]) < 0);
		for (size_t k = 0; !is_rising && k < i; k++) {
			if (strcmp(req->numbers[i], req->numbers[k]) == 0)
				return false;
		}
	}
	return true;
}

static int start(
	struct gateways *g, struct op *op, const struct gateway_request *req, int64_t now_ms)
{
	struct http_header headers[DRIVER_MAX_HEADERS + 1];
	struct driver_request r;
	struct http_request http = {.method = "POST", .headers = headers};
	id_str nonce;
	int rc;

	id_random_hex(ID_HEX / 2, nonce);
	rc = op->gw->driver->build(&op->gw->account.view, req, now_ms, nonce, &r, NULL);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r.n_headers; i++)
		headers[i] = (struct http_header){r.headers[i].name, r.headers[i].value};
	http.n_headers = r.n_headers;
	if (*g->mid_header && req->mids)
		headers[http.n_headers++] = (struct http_header){g->mid_header, req->mids};
	http.url = r.url;
	http.body = r.body;
	http.body_len = r.body_len;
	http.may_send = req->may_send ? ask_may_send : NULL;
	rc = http_client_start(g->http, &http, on_http_done, op, NULL);
	driver_request_fini(&r);
	return rc;
}

int gateway_send(struct gateways *g, const char *name, const struct gateway_request *req,
	int64_t now_ms, void (*done)(void *ctx, const struct gateway_outcome *o), void *ctx)
{
	size_t place = place_of(g, name);
	struct gateway *gw;
	struct op *op;
	int rc;

	if (place == g->n)
		return SW_EINVAL;
	gw = &g->gateways[place];
	if (!is_request(gw, req))
		return SW_EINVAL;
	if (g->closing || g->inflight >= MAX_INFLIGHT || !breaker_lets(&gw->breaker, now_ms) ||
		!speed_take(&gw->speed, now_ms))
		return SW_ELIMIT;
	op = malloc(sizeof(*op));
	if (!op)
		return -ENOMEM;
	*op = (struct op){
		.owner = g, .gw = gw, .may_send = req->may_send, .done = done, .ctx = ctx};
	rc = start(g, op, req, now_ms);
	if (rc < 0) {
		free(op);
		return rc;
	}
	g->inflight++;
	breaker_started(&gw->breaker);
	return 0;
}

/* ---- questions ---------------------------------------------------------------------------------------- */

const char *gateways_pick(const struct gateways *g, int64_t now_ms, int64_t *ret_at_ms)
{
	int64_t at = INT64_MAX;
	const char *name = NULL;

	for (size_t i = 0; i < g->n && !name && g->inflight < MAX_INFLIGHT; i++) {
		const struct gateway *gw = &g->gateways[i];

		if (breaker_lets(&gw->breaker, now_ms)) {
			name = gw->driver->name;
			at = speed_next_ms(&gw->speed, now_ms);
		} else if (breaker_rest_ms(&gw->breaker) < at) {
			at = breaker_rest_ms(&gw->breaker);
		}
	}
	if (ret_at_ms)
		*ret_at_ms = at;
	return name;
}

bool gateways_any(const struct gateways *g)
{
	return g->n > 0;
}

bool gateways_needs_template(const struct gateways *g, const char *name)
{
	const struct gateway *gw = find(g, name);

	return gw && gw->driver->needs_template;
}

size_t gateways_max_numbers(const struct gateways *g, const char *name)
{
	const struct gateway *gw = find(g, name);

	return gw ? gw->driver->max_numbers : 0;
}

size_t gateways_inflight(const struct gateways *g)
{
	return g->inflight;
}

const char *gateways_name(const struct gateways *g, size_t i)
{
	return i < g->n ? g->gateways[i].driver->name : NULL;
}

const char *gateway_paused(const struct gateways *g, const char *name)
{
	const struct gateway *gw = find(g, name);

	return gw ? gw->breaker.why : "";
}

void gateways_resume(struct gateways *g)
{
	bool has_changed = false;

	for (size_t i = 0; i < g->n; i++) {
		if (g->gateways[i].breaker.state == BREAKER_RUNNING)
			continue;
		breaker_reset(&g->gateways[i].breaker);
		LOG_INFO("sms_gateway_resumed", "gw=%s", g->gateways[i].driver->name);
		has_changed = true;
	}
	arm(g, loop_now_ms(g->loop));
	if (has_changed)
		tell_change(g);
}

void gateways_on_change(struct gateways *g, void (*cb)(void *ctx), void *ctx)
{
	g->on_change = cb;
	g->change_ctx = ctx;
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static int add_gateway(
	struct gateways *g, const struct conf *c, const char *name, struct sw_err *err)
{
	struct gateway *gw = &g->gateways[g->n];
	int rc;

	if (g->n == GATEWAY_MAX || find(g, name))
		return err_set(err, SW_ECONF, "sms.route names %s twice", name);
	gw->driver = driver_find(name);
	if (!gw->driver)
		return err_set(err, SW_ECONF, "sms.route: this version has no driver for %s", name);
	rc = account_read(c, name, &gw->account, err);
	if (rc < 0)
		return rc;
	g->n++;
	rc = gw->driver->check(&gw->account.view, err);
	if (rc < 0)
		return rc;
	speed_init(&gw->speed, gw->account.rate, loop_now_ms(g->loop));
	if (strcmp(name, "kannel") == 0 && !*gw->account.view.report_url)
		LOG_WARN("sms_no_receipts", "gw=%s err=%s", name,
			"neither sms.callback_tokens.kannel nor an address for reports is set");
	return 0;
}

static int open_all(struct gateways *g, const struct conf *c, struct sw_err *err)
{
	const struct http_client_opts opts = {.max_connections = MAX_INFLIGHT,
		.max_per_host = MAX_INFLIGHT,
		.max_calls = MAX_INFLIGHT,
		.max_response_bytes = 64 * 1024};
	int rc = 0;

	g->mid_header = strdup(conf_str(c, "outbound.mid_header"));
	if (!g->mid_header)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < conf_count(c, "sms.route") && rc == 0; i++)
		rc = add_gateway(g, c, conf_str_at(c, "sms.route", i), err);
	if (rc < 0)
		return rc;
	rc = timer_new(g->loop, on_rest_over, g, &g->timer);
	if (rc == 0)
		rc = http_client_create(g->loop, &opts, &g->http);
	return rc < 0 ? err_set(err, rc, "cannot set up the SMS gateways (%s)", err_name(rc)) : 0;
}

int gateways_create(struct loop *l, const struct conf *c, struct metrics *m, struct gateways **ret,
	struct sw_err *err)
{
	struct gateways *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return err_set(err, -ENOMEM, "out of memory");
	g->loop = l;
	g->metrics = m;
	metrics_help(m, "shouwang_attempts_total", "Attempts to send by their verdict.");
	metrics_help(m, "shouwang_send_duration_seconds", "Time from a request to its answer.");
	rc = open_all(g, c, err);
	if (rc < 0) {
		destroy_now(g);
		return rc;
	}
	*ret = g;
	return 0;
}

void gateways_destroy(struct gateways *g)
{
	struct http_client *http;

	if (!g || g->closing)
		return;
	g->closing = true;
	g->depth++; /* the ends of requests do not free us */
	http = g->http;
	http_client_destroy(http);
	g->http = NULL;
	if (--g->depth == 0)
		destroy_now(g);
}
