/*
 * notifier/sms/gateway.h: the SMS gateways of the configuration: which one is used, how fast, and what became of a request.
 *
 * One object over all drivers (driver.h). It knows no campaign, no store and no journal: whoever calls journals before
 * gateway_send() and records after DONE. Nothing is ever resent here. Four outcomes, never folded into each
 * other: accepted, refused (for good or for now), surely not sent, unknown.
 */
#ifndef SW_SMS_GATEWAY_H
#define SW_SMS_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/conf.h"
#include "core/io/loop.h"
#include "core/io/metrics.h"
#include "core/wire/message.h"

enum {
	GATEWAY_MAX_NUMBERS =
		96, /* of one request: the blast radius of a lost answer; a multiple of 8 */
	GATEWAY_OUT_ID =
		64, /* our id of a request, echoed in receipts (Aliyun: OutId < 256 bytes) */
	GATEWAY_PROVIDER_ID = 64, /* BizId and the like */
	GATEWAY_MAX = 4,
};

/* What a refusal is about: decides what the caller does with it. */
enum gateway_cause {
	GATEWAY_OK,
	GATEWAY_THROTTLE, /* the account's rate: slower, no attempt counted */
	GATEWAY_TROUBLE,  /* the vendor's own: later */
	GATEWAY_NUMBER, /* a number of the request: split the batch to find it; alone: give it up */
	GATEWAY_NUMBER_LATER, /* a number had too many: that number later (RETRY_AFTER_MS) */
	GATEWAY_CONTENT, /* template, signature, words: stop this content, a person must look */
	GATEWAY_ACCOUNT, /* balance, credentials, permission, clock: the gateway is paused */
	GATEWAY_NET,     /* not sent, or nobody knows */
	GATEWAY_STOPPED, /* MAY_SEND said no */
};

struct gateway_outcome {
	enum wire_verdict_word verdict;
	enum gateway_cause cause;
	char gateway[12]; /* "aliyun", "kannel" */
	char code
		[48]; /* the provider's, as it wrote it; ours ("timeout", "http 502") when there is none */
	char provider_id
		[GATEWAY_PROVIDER_ID]; /* accepted: BizId; "" when the provider gives none */
	char text[160];         /* its words, one line, numbers masked; "" when there are none */
	bool is_strange;        /* refused with a code our table does not know */
	int64_t retry_after_ms; /* 0: no hint */
	int64_t took_ms;
};

struct gateway_request {
	const char *text; /* the whole text as a phone shows it, with 【sign】 */
	const char
		*template_code; /* as registered with this provider; "" when it takes free text */
	const char *params;     /* JSON object of strings, the template's variables */
	const char (*numbers)[16]; /* normal form "+8613800000001", each only once */
	size_t n;                  /* 1..GATEWAY_MAX_NUMBERS */
	const char *out_id;        /* [A-Za-z0-9.-]{1,63} */
	const char *mids; /* value of the outbound.mid_header, in number order; NULL: none */
	/*
	 * Asked with the CTX of gateway_send() just before the first byte leaves (lease, pause); false: NOT_SENT,
	 * cause STOPPED. May be NULL.
	 */
	bool (*may_send)(void *ctx);
};

struct gateways;

/*
 * Reads sms.*, outbound.mid_header and where the bot listens (Kannel reports to it). No route configured: an object that has
 * no gateway. SW_ECONF: a secret cannot be read, an address makes no sense, there is no driver.
 */
int gateways_create(struct loop *l, const struct conf *c, struct metrics *m, struct gateways **ret,
	struct sw_err *err) SW_MUST_CHECK;
/*
 * Requests in flight end before it returns control to the loop: UNKNOWN, or NOT_SENT when surely nothing had left.
 * May be called from DONE.
 */
void gateways_destroy(struct gateways *g);
bool gateways_any(const struct gateways *g);

/*
 * The gateway to use at NOW (wall): the first of sms.route that is not paused and has a free connection. NULL: none now;
 * *RET_AT_MS (may be NULL) is when to ask again (INT64_MAX: a person must act, or a request must end first).
 * *RET_AT_MS also says with a name when its next token is there (NOW: at once).
 */
const char *gateways_pick(const struct gateways *g, int64_t now_ms, int64_t *ret_at_ms);
/* Does it send registered templates only? Then requests need a template code. */
bool gateways_needs_template(const struct gateways *g, const char *name);
/*
 * Numbers of one request at most, <= GATEWAY_MAX_NUMBERS. 1 for Kannel: its answer to several numbers speaks of the first
 * alone, whatever became of the others.
 */
size_t gateways_max_numbers(const struct gateways *g, const char *name);

/*
 * Takes one token of NAME's pace and starts one request; everything of REQ is copied. Returned 0: DONE runs exactly once,
 * on a later turn. SW_ELIMIT: no token or no free connection now (see gateways_pick()); SW_EINVAL: REQ is wrong.
 */
int gateway_send(struct gateways *g, const char *name, const struct gateway_request *req,
	int64_t now_ms, void (*done)(void *ctx, const struct gateway_outcome *o),
	void *ctx) SW_MUST_CHECK;
size_t gateways_inflight(const struct gateways *g);

/* Why a gateway is paused ("" = it is not), for `status` and the dashboard; resume is an operator's. */
const char *gateway_paused(const struct gateways *g, const char *name);
void gateways_resume(struct gateways *g);
const char *gateways_name(
	const struct gateways *g, size_t i); /* in route order; NULL beyond the last */
/* A request ended, a pause began or ended: ask gateways_pick() again. CB may be NULL. */
void gateways_on_change(struct gateways *g, void (*cb)(void *ctx), void *ctx);

const char *gateway_cause_name(enum gateway_cause c); /* "ok", "throttle", .. */

/* ---- what comes back through the bot's callbacks, raw -------------------------------------------- */

struct gateway_receipt {
	char out_id[GATEWAY_OUT_ID]; /* "" when not echoed */
	char provider_id[GATEWAY_PROVIDER_ID];
	char number[16]; /* normal form, "" unreadable */
	bool is_final;   /* false: an intermediate state (Kannel 4, 8): nothing changes */
	bool delivered;
	char code[48];
};

struct gateway_uplink {
	char id[80]; /* the provider's own id of it, or a digest of what it says: its dedupe key */
	char number[16]; /* normal form */
	char *text;      /* owned, UTF-8 */
	int64_t at_ms;   /* 0: not said */
	char extension[24];
};

enum { GATEWAY_MAX_ITEMS = 1000 };

/*
 * PROVIDER "aliyun" (JSON array in BODY) or "kannel" (QUERY as sent). 0 and *RET of *RET_N (free with free()), or
 * SW_EPROTO with a text in ERR. An item that cannot be read is left out, *RET_BAD counts it.
 */
int gateway_parse_report(const char *provider, const char *body, size_t len, const char *query,
	struct gateway_receipt **ret, size_t *ret_n, size_t *ret_bad,
	struct sw_err *err) SW_MUST_CHECK;
int gateway_parse_uplink(const char *provider, const char *body, size_t len, const char *query,
	struct gateway_uplink **ret, size_t *ret_n, size_t *ret_bad,
	struct sw_err *err) SW_MUST_CHECK;
void gateway_uplinks_free(struct gateway_uplink *items, size_t n);

#endif
