/*
 * tests/sim/wecom/api.c: WeCom's HTTP interface: routing, faults, answers, ledger.
 *
 * Answers are HTTP 200 with errcode and errmsg, refusals too, as the real one gives them. A fault comes before or
 * behind the handling, never inside: what the ledger calls accepted is what the handlers accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "tests/sim/front.h"
#include "tests/sim/wecom/api.h"
#include "tests/sim/wecom/callback.h"

#define JSON_TYPE "application/json; charset=UTF-8"

/* ---- outcomes --------------------------------------------------------------------------------- */

void api_fail(struct api_call *c, int errcode, const char *what)
{
	char hint[17], text[320];

	id_random_hex(8, hint);
	snprintf(text, sizeof(text),
		"%s, hint: [%lld%s], from ip: %s, more info at "
		"https://open.work.weixin.qq.com/devtool/query?e=%d",
		what, (long long)(clock_real_ms() / 1000), hint, http_peer(c->x), errcode);
	json_decref(c->answer);
	c->answer = json_pack("{s:i, s:s}", "errcode", errcode, "errmsg", text);
	c->errcode = errcode;
	c->accepted = false;
}

void api_ok(struct api_call *c)
{
	json_decref(c->answer);
	c->answer = json_pack("{s:i, s:s}", "errcode", 0, "errmsg", "ok");
	c->errcode = 0;
	c->accepted = true;
}

/* A \u escape in the raw body: a backslash pair before a u is none. */
static bool has_unicode_escape(const char *s, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (s[i] != '\\')
			continue;
		if (s[i + 1] == 'u')
			return true;
		i++;
	}
	return false;
}

bool api_parse_body(struct api_call *c)
{
	if (has_unicode_escape(c->body, c->body_len) ||
		!text_utf8_valid(c->body, c->body_len, NULL)) {
		api_fail(c, 40033, "illegal characters");
		return false;
	}
	c->request = json_loadb(c->body, c->body_len, 0, NULL);
	if (!json_is_object(c->request)) {
		api_fail(c, 47001, "data format error");
		return false;
	}
	return true;
}

const char *api_read_content(
	struct api_call *c, size_t max_text, size_t max_markdown, bool limit_cuts, size_t *ret_len)
{
	const char *type = json_string_value(json_object_get(c->request, "msgtype"));
	const json_t *content;
	const char *s;
	size_t len, max;
	char what[96];

	if (!type || (strcmp(type, "text") != 0 && strcmp(type, "markdown") != 0 &&
			     strcmp(type, "markdown_v2") != 0)) {
		api_fail(c, 40008, "invalid message type");
		return NULL;
	}
	snprintf(c->msgtype, sizeof(c->msgtype), "%s", type);
	content = json_object_get(json_object_get(c->request, type), "content");
	s = json_string_value(content);
	len = json_string_length(content);
	c->text = text_dup(s);
	max = strcmp(type, "text") == 0 ? max_text : max_markdown;
	if (!s || len == 0) {
		api_fail(c, 44004, "empty content");
		return NULL;
	}
	if (len > max && limit_cuts)
		len = text_cut_bytes(s, len, max);
	if (len > max) {
		snprintf(what, sizeof(what),
			"%s.content exceed max length %zu. invalid Request Parameter", type, max);
		api_fail(c, 40058, what);
		return NULL;
	}
	*ret_len = len;
	return s;
}

/* ---- whom it concerns ------------------------------------------------------------------------- */

static const char *query_or_empty(struct http_exchange *x, const char *name)
{
	const char *v = http_query(x, name);

	return v ? v : "";
}

static void identify(struct api_call *c)
{
	const char *path = http_path(c->x);

	c->kind = "other";
	if (strcmp(path, "/cgi-bin/webhook/send") == 0) {
		c->kind = "robot";
		c->robot = world_robot_by_key(&c->sim->world, query_or_empty(c->x, "key"));
		snprintf(c->route, sizeof(c->route), "%s", c->robot ? c->robot->name : "");
	} else if (strcmp(path, "/cgi-bin/message/send") == 0) {
		c->kind = "app";
		c->app = api_app_of_token(&c->sim->world, query_or_empty(c->x, "access_token"));
		snprintf(c->route, sizeof(c->route), "%s", c->app ? c->app->chat : "app:");
	} else if (strcmp(path, "/cgi-bin/gettoken") == 0) {
		c->kind = "token";
		snprintf(c->route, sizeof(c->route), "token");
	} else if (strcmp(path, "/cgi-bin/aibot/response") == 0) {
		c->kind = "response";
		c->robot = callbacks_robot_of_code(
			c->sim->callbacks, query_or_empty(c->x, "response_code"));
		snprintf(c->route, sizeof(c->route), "%s", c->robot ? c->robot->name : "");
	}
}

static void handle(struct api_call *c)
{
	bool is_get = strcmp(c->kind, "token") == 0;

	if (strcmp(c->kind, "other") == 0)
		api_fail(c, 40066, "invalid url");
	else if (strcmp(http_method(c->x), is_get ? "GET" : "POST") != 0)
		api_fail(c, 43002, is_get ? "require GET method" : "require POST method");
	else if (is_get)
		api_app_token(c);
	else if (strcmp(c->kind, "robot") == 0)
		api_robot_send(c);
	else if (strcmp(c->kind, "response") == 0)
		api_robot_response(c, query_or_empty(c->x, "response_code"));
	else
		api_app_send(c);
}

/* ---- the ledger ------------------------------------------------------------------------------- */

static void note(struct api_call *c, const struct fault *f)
{
	json_t *mid = json_string(c->mid);
	json_t *text = json_string(c->text ? c->text : "");

	/* A header may hold bytes that are no text: the line is kept without them. */
	feed_add(&c->sim->ledger,
		json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:b, s:i, s:s}", "at",
			(json_int_t)sim_now_ms(c->sim), "real_at", (json_int_t)clock_real_ms(),
			"kind", c->kind, "route", c->route, "to", c->to, "msgtype", c->msgtype,
			"text", text ? text : json_string(""), "mid", mid ? mid : json_string("?"),
			"accepted", c->accepted, "shown", c->shown, "duplicate", c->duplicate,
			"errcode", c->errcode, "fault", faults_name(&c->sim->faults, f->kind)));
}

/* ---- answering -------------------------------------------------------------------------------- */

static void give_answer(struct api_call *c, const struct fault *f)
{
	char *body = c->answer ? json_dumps(c->answer, JSON_COMPACT) : NULL;
	size_t len = body ? strlen(body) : 0;

	switch (f->kind) {
	case FAULT_ANSWER_LOST:
	case FAULT_RESET:
		http_drop(c->x);
		break;
	case FAULT_HTTP5XX:
		http_respond(c->x, 502, "text/html", FAULT_GATEWAY_PAGE, strlen(FAULT_GATEWAY_PAGE),
			NULL);
		break;
	case FAULT_SLOW:
		front_respond_later(c->sim->front, c->x, f->ms, body ? 200 : 500, JSON_TYPE,
			body ? body : "", len);
		break;
	case FAULT_HALF_ANSWER:
		len /= 2;
		/* fall through */
	default:
		http_respond(c->x, body ? 200 : 500, JSON_TYPE, body ? body : "", len, NULL);
	}
	free(body);
}

/* A token that the real one says is gone really is gone: asking again must bring another. */
static void refuse_by_order(struct api_call *c, const char *ordered)
{
	int64_t n;
	int code = num_parse(ordered, -1, INT32_MAX, &n) == 0 ? (int)n : -1;

	if (c->app && (code == 40014 || code == 42001))
		c->app->access_token[0] = '\0';
	api_fail(c, code, code == 45009 ? "api freq out of limit" : "ordered by the test");
}

void api_handle(struct sim *s, struct http_exchange *x)
{
	struct api_call c = {.sim = s, .x = x};
	const char *mid_header = conf_str(s->world.conf, "mid_header");
	struct fault fault;

	c.body = http_body(x, &c.body_len);
	c.mid = *mid_header ? http_header_get(x, mid_header) : NULL;
	if (!c.mid)
		c.mid = "";
	identify(&c);
	faults_take(&s->faults, c.route, FAULT_OF_REQUEST, &fault);
	if (fault.kind == WECOM_ERRCODE || fault.kind == WECOM_45009)
		refuse_by_order(&c, fault.code);
	else if (fault.kind != FAULT_HTTP5XX && fault.kind != FAULT_RESET)
		handle(&c);
	note(&c, &fault);
	give_answer(&c, &fault);
	json_decref(c.request);
	json_decref(c.answer);
	free(c.text);
}
