/*
 * notifier/sms/driver.h: what one SMS provider's protocol is: how a request looks and what an answer means.
 *
 * Pure: no sockets, no clock. gateway.c owns connections, pace and pauses. One driver per file; its codes stand in one
 * static const table, each with its class; a code that is not in the table is refused and logged once with its text.
 */
#ifndef SW_SMS_DRIVER_H
#define SW_SMS_DRIVER_H

#include "core/io/http_client.h"
#include "notifier/sms/gateway.h"

struct driver_account { /* borrowed strings of one provider's settings */
	const char *endpoint, *region, *id, *secret, *sign;
	const char *sender; /* Kannel: the number we send from, "": the one set there */
	const char
		*report_url; /* Kannel: the bot's callback with its token, "" when there is none */
};

enum { DRIVER_MAX_HEADERS = 16 };

/* A request to be given to http_client_start(). Strings are owned; driver_request_fini(). */
struct driver_request {
	char *url, *body;
	size_t body_len;
	struct {
		char *name, *value;
	} headers[DRIVER_MAX_HEADERS];
	size_t n_headers;
};

struct driver {
	const char *name;
	bool needs_template;
	size_t max_numbers;
	/* NOW_MS: wall time for dates of the signature. NONCE: 32 hex digits, never used before. */
	int (*build)(const struct driver_account *a, const struct gateway_request *req,
		int64_t now_ms, const char *nonce, struct driver_request *ret, struct sw_err *err);
	/* SW_ECONF: the account can never send, and why (settings that are missing or make no sense). */
	int (*check)(const struct driver_account *a, struct sw_err *err);
	/* RES was answered completely (HTTP_ANSWERED). Fills verdict, cause, code, text, provider_id, retry_after_ms. */
	void (*read)(const struct http_result *res, struct gateway_outcome *ret);
	int (*parse_report)(const char *body, size_t len, const char *query,
		struct gateway_receipt **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err);
	int (*parse_uplink)(const char *body, size_t len, const char *query,
		struct gateway_uplink **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err);
};

void driver_request_fini(struct driver_request *r);
/* Appends a copied header; -ENOMEM or SW_ELIMIT. */
int driver_request_header(struct driver_request *r, const char *name, const char *value);

/* What an answer of CAUSE means: the verdict that belongs to it, CODE and TEXT cut to one line each. */
void driver_judge(
	struct gateway_outcome *o, enum gateway_cause cause, const char *code, const char *text);
/* No answer that can be trusted: CODE, or "http 502" when it is "". */
void driver_unknown(struct gateway_outcome *o, const struct http_result *res, const char *code);

extern const struct driver driver_aliyun, driver_kannel;
/* NULL: there is no such driver. */
const struct driver *driver_find(const char *name);

#endif
