/*
 * notifier/sms/kannel.c: the HTTP interface of Kannel's smsbox, 1.4.5: sendsms, delivery reports, messages from phones.
 *
 * POST with X-Kannel-* headers and the text as the body. One number a request: for several smsbox answers with what became of
 * the first and never tells of the others. It gives no id of its own: ours travels in the address reports go to, whose
 * escapes (%d, %p, ..) it fills in, percent-encoded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mask.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/sms/driver.h"
#include "notifier/sms/received.h"

enum {
	MAX_VALUE = 16 * 1024, /* of one parameter, decoded */
	MAX_URL = 1024,
	DLR_ALL = 31,
	/* State of a delivery report. 4 (buffered) and 8 (accepted by the SMSC) are on the way. */
	DLR_DELIVERED = 1,
	DLR_UNDELIVERED = 2,
	DLR_BUFFERED = 4,
	DLR_ACCEPTED = 8,
	DLR_REFUSED = 16,
};

/* ---- answers ----------------------------------------------------------------------------------- */

/* BEGIN: how the body begins. The answers have no code: CODE, or the text itself when it is NULL. */
static const struct {
	int status;
	const char *begin, *code;
	enum gateway_cause cause;
} answers[] = {
	{202, "0: Accepted for delivery", "0", GATEWAY_OK},
	{202, "3: Queued for later delivery", "3", GATEWAY_OK},
	{202, "Sent.", "sent", GATEWAY_OK}, /* with immediate-sendsms-reply */
	{400, "Missing receiver", NULL, GATEWAY_NUMBER},
	{400, "Empty receiver", NULL, GATEWAY_NUMBER},
	{400, "Number(s) has/have been denied", NULL, GATEWAY_NUMBER}, /* letters in it, too */
	{400, "Sender missing", NULL, GATEWAY_ACCOUNT},
	{400, "DLR-URL field misformed", NULL, GATEWAY_ACCOUNT},
	{403, "Authorization failed", NULL, GATEWAY_ACCOUNT}, /* user, password, our address */
	{403, "Not routable", NULL, GATEWAY_NUMBER},
	{404, "", "http 404", GATEWAY_ACCOUNT},           /* sms.kannel.url names something else */
	{503, "Temporal failure", NULL, GATEWAY_TROUBLE}, /* its queue is full */
};

static void read_answer(const struct http_result *res, struct gateway_outcome *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (answers[i].status != res->status || !text_starts(res->body, answers[i].begin))
			continue;
		driver_judge(ret, answers[i].cause, answers[i].code ? answers[i].code : res->body,
			answers[i].cause == GATEWAY_OK ? "" : res->body);
		ret->retry_after_ms = res->retry_after_ms;
		return;
	}
	if (res->status < 400 || res->status >= 500) {
		driver_unknown(ret, res, "");
		return;
	}
	driver_judge(ret, GATEWAY_CONTENT, *res->body ? res->body : "no text", res->body);
	ret->is_strange = true;
}

/* ---- the request ----------------------------------------------------------------------------------- */

static int check(const struct driver_account *a, struct sw_err *err)
{
	if (!text_starts(a->endpoint, "http://") && !text_starts(a->endpoint, "https://"))
		return err_set(err, SW_ECONF,
			"sms.kannel.url: write the address of sendsms, as "
			"http://127.0.0.1:13013/cgi-bin/sendsms");
	if (!*a->id)
		return err_set(err, SW_ECONF, "sms.kannel.username is not set");
	if (!*a->secret)
		return err_set(err, SW_ECONF, "sms.kannel.password_file is not set");
	return 0;
}

/* Header values are not percent-decoded: the escapes stand as they are. */
static int add_report_headers(
	const struct driver_account *a, const struct gateway_request *req, struct driver_request *r)
{
	char mask[8]; /* two digits */
	struct buf url;
	int rc;

	if (!*a->report_url)
		return 0;
	buf_init(&url, MAX_URL);
	rc = buf_addf(&url, "%s?id=%s&st=%%d&to=%%p&reply=%%A&kid=%%I", a->report_url, req->out_id);
	(void)snprintf(mask, sizeof(mask), "%d", DLR_ALL);
	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-DLR-Mask", mask);
	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-DLR-Url", buf_str(&url));
	buf_fini(&url);
	return rc;
}

static int add_headers(
	const struct driver_account *a, const struct gateway_request *req, struct driver_request *r)
{
	int rc = driver_request_header(r, "Content-Type", "text/plain; charset=UTF-8");

	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-Username", a->id);
	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-Password", a->secret);
	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-To", req->numbers[0] + strlen("+"));
	if (rc == 0 && *a->sender)
		rc = driver_request_header(r, "X-Kannel-From", a->sender);
	/* UCS-2 always: without it Chinese leaves as question marks, and a part counts 70 units anyhow. */
	if (rc == 0)
		rc = driver_request_header(r, "X-Kannel-Coding", "2");
	if (rc == 0)
		rc = add_report_headers(a, req, r);
	return rc;
}

static int build(const struct driver_account *a, const struct gateway_request *req, int64_t now_ms,
	const char *nonce, struct driver_request *ret, struct sw_err *err)
{
	struct driver_request r = {0};
	int rc = -ENOMEM;

	(void)now_ms;
	(void)nonce;
	if (!req->text || !*req->text)
		return err_set(err, SW_EINVAL, "the text is empty");
	r.url = strdup(a->endpoint);
	r.body = strdup(req->text);
	if (r.url && r.body) {
		r.body_len = strlen(r.body);
		rc = add_headers(a, req, &r);
	}
	if (rc < 0) {
		driver_request_fini(&r);
		return err_set(err, rc, "the request cannot be built (%s)", err_name(rc));
	}
	*ret = r;
	return 0;
}

/* ---- what it calls us with ------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends the N bytes of VALUE decoded; '+' is a blank. SW_EPROTO: a broken escape, a NUL, no UTF-8. */
static int decode(const char *value, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		char c = value[i] == '+' ? ' ' : value[i];

		if (c == '%') {
			int hi = i + 2 < n ? hex_digit(value[i + 1]) : -1;
			int lo = i + 2 < n ? hex_digit(value[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return SW_EPROTO;
			c = (char)(hi * 16 + lo);
			i += 2;
		}
		if (c == '\0')
			return SW_EPROTO;
		if (buf_addc(out, c) < 0)
			return out->error;
	}
	return text_utf8_valid(buf_str(out), out->len, NULL) ? 0 : SW_EPROTO;
}

/* The first parameter NAME of QUERY, owned: "" when it is absent; NULL: it cannot be read. */
static char *parameter(const char *query, const char *name)
{
	size_t n = strlen(name);
	struct buf b;
	char *ret = NULL;

	for (const char *p = query; *p; p += strcspn(p, "&"), p += *p == '&') {
		size_t len = strcspn(p, "&");

		if (len <= n || strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		buf_init(&b, MAX_VALUE);
		if (decode(p + n + 1, len - n - 1, &b) == 0)
			ret = buf_take(&b);
		buf_fini(&b);
		return ret;
	}
	return strdup("");
}

static int state_of(const char *query)
{
	char *text = parameter(query, "st");
	int64_t state;

	if (!text || num_parse(text, 1, DLR_REFUSED, &state) < 0)
		state = 0;
	free(text);
	switch (state) {
	case DLR_DELIVERED:
	case DLR_UNDELIVERED:
	case DLR_BUFFERED:
	case DLR_ACCEPTED:
	case DLR_REFUSED:
		return (int)state;
	default:
		return 0;
	}
}

/* The SMSC's words ("NACK/0x0000000b") or, without any, the state. */
static void read_reply(struct gateway_receipt *r, const char *query, int state)
{
	char *reply = parameter(query, "reply");
	char word[16]; /* "st=16" */

	(void)snprintf(word, sizeof(word), "st=%d", state);
	received_line(r->code, sizeof(r->code), reply && *reply ? reply : word);
	free(reply);
}

static int parse_report(const char *body, size_t len, const char *query,
	struct gateway_receipt **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	struct receipts l = {0};
	struct gateway_receipt *r;
	char *id, *to, *kid;
	int state;

	(void)body;
	(void)len;
	if (!query || !*query)
		return err_set(err, SW_EPROTO, "a report without parameters");
	state = state_of(query);
	id = parameter(query, "id");
	to = parameter(query, "to");
	kid = parameter(query, "kid");
	if (state && id && received_is_out_id(id)) {
		r = received_receipt(&l);
		if (r) {
			received_out_id(r, id);
			if (!to || phone_normalise(to, r->number) != PHONE_MOBILE)
				r->number[0] = '\0';
			if (!kid || text_copy(r->provider_id, sizeof(r->provider_id), kid) < 0)
				r->provider_id[0] = '\0';
			r->is_final = state != DLR_BUFFERED && state != DLR_ACCEPTED;
			r->delivered = state == DLR_DELIVERED;
			read_reply(r, query, state);
		}
	} else {
		l.bad = 1;
	}
	free(id);
	free(to);
	free(kid);
	if (l.n + l.bad == 0)
		return err_set(err, -ENOMEM, "out of memory");
	*ret = l.items;
	*ret_n = l.n;
	*ret_bad = l.bad;
	return 0;
}

static int64_t seconds_of(const char *text)
{
	/* To the year 2100; beyond, somebody's clock is broken. */
	int64_t s;

	return text && num_parse(text, 0, INT64_C(4102444800), &s) == 0 ? s * 1000 : 0;
}

static int add_uplink(struct uplinks *l, const char *query)
{
	char *from = parameter(query, "from"), *to = parameter(query, "to");
	char *text = parameter(query, "text"), *id = parameter(query, "id");
	char *at = parameter(query, "ts");
	struct gateway_uplink *u;
	char number[16];
	int rc = 0;

	if (!from || !text || phone_normalise(from, number) != PHONE_MOBILE) {
		l->bad = 1;
	} else if ((u = received_uplink(l)) == NULL) {
		rc = -ENOMEM;
	} else {
		memcpy(u->number, number, sizeof(number));
		u->text = text;
		text = NULL;
		u->at_ms = seconds_of(at);
		received_line(u->extension, sizeof(u->extension), to ? to : "");
		if (!id || !*id || text_copy(u->id, sizeof(u->id), id) < 0)
			received_digest(u);
	}
	free(from);
	free(to);
	free(text);
	free(id);
	free(at);
	return rc;
}

static int parse_uplink(const char *body, size_t len, const char *query,
	struct gateway_uplink **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	struct uplinks l = {0};
	int rc;

	(void)body;
	(void)len;
	if (!query || !*query)
		return err_set(err, SW_EPROTO, "a message without parameters");
	rc = add_uplink(&l, query);
	if (rc < 0) {
		received_uplinks_fini(&l);
		return err_set(err, rc, "out of memory");
	}
	*ret = l.items;
	*ret_n = l.n;
	*ret_bad = l.bad;
	return 0;
}

const struct driver driver_kannel = {.name = "kannel",
	.needs_template = false,
	.max_numbers = 1,
	.check = check,
	.build = build,
	.read = read_answer,
	.parse_report = parse_report,
	.parse_uplink = parse_uplink};
