/*
 * tests/sim/sms/api.c: Aliyun's HTTP interface: routing, faults, answers, ledger.
 *
 * A fault comes before or behind the handling, never inside: what the ledger calls accepted is what was accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/sms/api.h"
#include "tests/sim/sms/receipt.h"

#define JSON_TYPE "application/json;charset=utf-8"
#define VERSION "2017-05-25"

/* ---- outcomes --------------------------------------------------------------------------------- */

static void new_request_id(char ret[37])
{
	char hex[33];

	id_random_hex(16, hex);
	for (char *c = hex; *c; c++)
		if (*c >= 'a')
			*c = (char)(*c - 'a' + 'A');
	snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void set_outcome(struct api_call *c, int status, const char *code, json_t *answer)
{
	json_decref(c->answer);
	c->status = status;
	c->answer = answer;
	snprintf(c->code, sizeof(c->code), "%s", code);
}

void api_refuse(struct api_call *c, int status, const char *code, const char *message)
{
	const char *host = http_header_get(c->x, "host");
	char id[37];

	new_request_id(id);
	set_outcome(c, status, code,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "RequestId", id, "HostId",
			host && text_utf8_valid(host, strlen(host), NULL) ? host : "", "Code", code,
			"Message", message, "Recommend", "https://api.aliyun.com/troubleshoot"));
}

void api_fail(struct api_call *c, const char *code, const char *message)
{
	char id[37];

	new_request_id(id);
	set_outcome(c, 200, code,
		json_pack("{s:s, s:s, s:s}", "Code", code, "Message", message, "RequestId", id));
}

void api_ok(struct api_call *c, json_t *more)
{
	char id[37];
	json_t *answer;

	new_request_id(id);
	answer = json_pack("{s:s, s:s, s:s}", "Code", "OK", "Message", "OK", "RequestId", id);
	json_object_update(answer, more);
	json_decref(more);
	set_outcome(c, 200, "OK", answer);
}

const char *api_param(const struct api_call *c, const char *name)
{
	const char *s = params_get(&c->params, name);

	return s ? s : "";
}

/* ---- what was asked --------------------------------------------------------------------------- */

bool api_wants(const struct http_exchange *x)
{
	return strcmp(http_path(x), "/") == 0 &&
	       (strcmp(http_method(x), "POST") == 0 || http_header_get(x, "x-acs-action"));
}

static bool read_params(struct api_call *c)
{
	const char *type = http_header_get(c->x, "content-type");
	const char *query = http_query_raw(c->x);
	size_t len;
	const char *body = http_body(c->x, &len);
	bool is_form = type && text_starts(type, "application/x-www-form-urlencoded");

	return params_add(&c->query, query, strlen(query)) == 0 &&
	       params_add(&c->params, query, strlen(query)) == 0 &&
	       (!is_form || params_add(&c->params, body, len) == 0);
}

static const char *or_empty(const char *s)
{
	return s && text_utf8_valid(s, strlen(s), NULL) ? s : "";
}

static bool is_too_fast(struct sim *s)
{
	int64_t second = sim_now_ms(s) / 1000;

	if (second != s->rate_second)
		s->rate_used = 0;
	s->rate_second = second;
	return s->settings.rate > 0 && ++s->rate_used > s->settings.rate;
}

static void throttle(struct api_call *c)
{
	api_refuse(c, 400, "Throttling.User", "Request was denied due to user flow control.");
}

static void handle(struct api_call *c)
{
	const char *version = or_empty(http_header_get(c->x, "x-acs-version"));
	bool is_send = strcmp(c->action, "SendSms") == 0;

	if (strcmp(version, VERSION) != 0)
		api_refuse(c, 400, "InvalidVersion", "Specified parameter Version is not valid.");
	else if (!is_send && strcmp(c->action, "QuerySendDetails") != 0)
		api_refuse(c, 404, "InvalidAction.NotFound",
			"Specified api is not found, please check your url and method.");
	else if (!api_authenticate(c))
		return;
	else if (is_too_fast(c->sim))
		throttle(c);
	else if (is_send)
		api_send_sms(c);
	else
		api_query_details(c);
}

/* A code that Aliyun's gateway gives has another status than one of the operation. */
static void refuse_by_order(struct api_call *c, const char *code)
{
	if (text_starts(code, "isv.") || text_starts(code, "isp."))
		api_fail(c, code, "ordered by the test");
	else
		api_refuse(c,
			strcmp(code, "InternalError") == 0        ? 500
			: strcmp(code, "ServiceUnavailable") == 0 ? 503
			: text_ends(code, ".NotFound")            ? 404
								  : 400,
			code, "ordered by the test");
}

/* ---- the ledger ------------------------------------------------------------------------------- */

static void note(struct api_call *c, const struct fault *f)
{
	struct sim *s = c->sim;
	const struct sending *sent = c->sending;
	json_t *text = sent ? json_incref(sent->text) : json_string("");
	size_t n = strcspn(c->out_id, ".");
	const char *numbers =
		api_param(c, strcmp(c->action, "SendSms") == 0 ? "PhoneNumbers" : "PhoneNumber");

	ledger_note(&s->ledger,
		json_pack("{s:I, s:I, s:s, s:b, s:s, s:i, s:s, s:s, s:s#, s:s, s:s, s:s, s:s, s:o, "
			  "s:s}",
			"at", (json_int_t)sim_now_ms(s), "real_at", (json_int_t)clock_real_ms(),
			"action", c->action, "accepted", sent != NULL, "code", c->code, "status",
			c->status, "numbers", numbers, "out_id", c->out_id, "broadcast", c->out_id,
			(int)n, "mids", c->mids, "biz_id", sent ? sent->biz_id : "", "sign",
			api_param(c, "SignName"), "template", api_param(c, "TemplateCode"), "text",
			text, "fault", faults_name(&s->faults, f->kind)));
	if (sent)
		ledger_count(&s->ledger, sent);
}

/* ---- answering -------------------------------------------------------------------------------- */

static void give_answer(
	struct sim *s, struct http_exchange *x, int status, const char *body, const struct fault *f)
{
	size_t len = strlen(body);

	switch (f->kind) {
	case FAULT_ANSWER_LOST:
	case FAULT_RESET:
		http_drop(x);
		break;
	case FAULT_HTTP5XX:
		http_respond(
			x, 502, "text/html", FAULT_GATEWAY_PAGE, strlen(FAULT_GATEWAY_PAGE), NULL);
		break;
	case FAULT_SLOW:
		front_respond_later(s->front, x, f->ms, status, JSON_TYPE, body, len);
		break;
	case FAULT_HALF_ANSWER:
		len /= 2;
		/* fall through */
	default:
		http_respond(x, status, JSON_TYPE, body, len, NULL);
	}
}

/* An answer that waits for its receipts. */
struct held {
	struct sim *sim;
	struct http_exchange *x;
	struct fault fault;
	int status;
	char *body;
};

static void on_receipts_out(void *ctx)
{
	struct held *h = ctx;

	give_answer(h->sim, h->x, h->status, h->body, &h->fault);
	free(h->body);
	free(h);
}

/* False: nobody is told anything early, the answer is given as always. */
static bool hold_answer(struct api_call *c, const char *body, const struct fault *f)
{
	struct held *h = calloc(1, sizeof(*h));

	if (h)
		*h = (struct held){.sim = c->sim,
			.x = c->x,
			.fault = *f,
			.status = c->status,
			.body = text_dup(body)};
	if (h && h->body && receipts_early(c->sim->receipts, c->sending, on_receipts_out, h) == 0)
		return true;
	if (h)
		free(h->body);
	free(h);
	return false;
}

/* Receipts begin when the request was accepted, whatever becomes of its answer. */
static void begin_receipts(struct api_call *c, const char *body, const struct fault *f)
{
	struct sending *sent = c->sending;
	struct fault own;
	char route[160];

	snprintf(route, sizeof(route), "receipt:%.*s", (int)strcspn(c->out_id, "."), c->out_id);
	faults_take(&c->sim->faults, route, FAULT_OF_CALLBACK, &own);
	sent->fault = own.kind;
	snprintf(sent->fault_code, sizeof(sent->fault_code), "%s", own.code);
	if (own.kind == SMS_RECEIPT_EARLY && *c->sim->settings.report_url &&
		hold_answer(c, body, f))
		return;
	sent->due_ms = sent->at_ms + c->sim->settings.receipt_delay_ms;
	if (own.kind == SMS_RECEIPT_LATE || own.kind == SMS_RECEIPT_ORDER)
		sent->due_ms += own.ms;
	give_answer(c->sim, c->x, c->status, body, f);
	receipts_add(c->sim->receipts, sent);
}

void api_handle(struct sim *s, struct http_exchange *x)
{
	const char *mid_header = conf_str(s->settings.conf, "mid_header");
	struct api_call c = {.sim = s, .x = x};
	struct fault fault = {0};
	char *body;

	c.action = or_empty(http_header_get(x, "x-acs-action"));
	c.mids = or_empty(*mid_header ? http_header_get(x, mid_header) : NULL);
	c.out_id = "";
	if (!read_params(&c)) {
		api_refuse(&c, 400, "InvalidParameter", "A parameter is not well encoded.");
	} else {
		c.out_id = api_param(&c, "OutId");
		snprintf(c.route, sizeof(c.route), "%.40s:%.*s", c.action,
			(int)strcspn(c.out_id, "."), c.out_id);
		faults_take(&s->faults, c.route, FAULT_OF_REQUEST, &fault);
		if (fault.kind == SMS_THROTTLE)
			throttle(&c);
		else if (fault.kind == SMS_CODE)
			refuse_by_order(&c, fault.code);
		else if (fault.kind != FAULT_HTTP5XX && fault.kind != FAULT_RESET)
			handle(&c);
	}
	note(&c, &fault);
	body = c.answer ? json_dumps(c.answer, JSON_COMPACT) : NULL;
	if (c.sending)
		begin_receipts(&c, body ? body : "", &fault);
	else
		give_answer(s, x, c.answer ? c.status : 500, body ? body : "", &fault);
	free(body);
	json_decref(c.answer);
	sending_release(c.sending);
	params_fini(&c.query);
	params_fini(&c.params);
}
