/*
 * notifier/sms/driver.c: what all drivers share: the request they fill, which verdict a cause has, who reads what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/sms/driver.h"
#include "notifier/sms/received.h"

static const struct driver *const drivers[] = {&driver_aliyun, &driver_kannel};

/* Temporary is what another time, or another gateway, may take. */
static const enum wire_verdict_word verdicts[] = {
	[GATEWAY_OK] = VERDICT_ACCEPTED,
	[GATEWAY_THROTTLE] = VERDICT_REFUSED_TEMP,
	[GATEWAY_TROUBLE] = VERDICT_REFUSED_TEMP,
	[GATEWAY_NUMBER] = VERDICT_REFUSED_FINAL,
	[GATEWAY_NUMBER_LATER] = VERDICT_REFUSED_TEMP,
	[GATEWAY_CONTENT] = VERDICT_REFUSED_FINAL,
	[GATEWAY_ACCOUNT] = VERDICT_REFUSED_TEMP,
	[GATEWAY_NET] = VERDICT_UNKNOWN,
	[GATEWAY_STOPPED] = VERDICT_NOT_SENT,
};

const struct driver *driver_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		if (strcmp(drivers[i]->name, name) == 0)
			return drivers[i];
	}
	return NULL;
}

void driver_request_fini(struct driver_request *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		free(r->headers[i].name);
		free(r->headers[i].value);
	}
	free(r->url);
	free(r->body);
	memset(r, 0, sizeof(*r));
}

int driver_request_header(struct driver_request *r, const char *name, const char *value)
{
	char *n, *v;

	if (r->n_headers == DRIVER_MAX_HEADERS)
		return SW_ELIMIT;
	n = strdup(name);
	v = strdup(value);
	if (!n || !v) {
		free(n);
		free(v);
		return -ENOMEM;
	}
	r->headers[r->n_headers].name = n;
	r->headers[r->n_headers++].value = v;
	return 0;
}

void driver_judge(
	struct gateway_outcome *o, enum gateway_cause cause, const char *code, const char *text)
{
	o->verdict = verdicts[cause];
	o->cause = cause;
	received_line(o->code, sizeof(o->code), code);
	received_line(o->text, sizeof(o->text), text);
}

void driver_unknown(struct gateway_outcome *o, const struct http_result *res, const char *code)
{
	char status[16]; /* an HTTP status has three digits */

	(void)snprintf(status, sizeof(status), "http %d", res->status);
	driver_judge(o, GATEWAY_NET, *code ? code : status, "");
	o->retry_after_ms = res->retry_after_ms;
}

/* ---- received ----------------------------------------------------------------------------------------- */

int gateway_parse_report(const char *provider, const char *body, size_t len, const char *query,
	struct gateway_receipt **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	const struct driver *d = driver_find(provider);

	if (!d)
		return err_set(err, SW_EPROTO, "there is no driver for this provider");
	return d->parse_report(body, len, query, ret, ret_n, ret_bad, err);
}

int gateway_parse_uplink(const char *provider, const char *body, size_t len, const char *query,
	struct gateway_uplink **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	const struct driver *d = driver_find(provider);

	if (!d)
		return err_set(err, SW_EPROTO, "there is no driver for this provider");
	return d->parse_uplink(body, len, query, ret, ret_n, ret_bad, err);
}

void gateway_uplinks_free(struct gateway_uplink *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(items[i].text);
	free(items);
}
