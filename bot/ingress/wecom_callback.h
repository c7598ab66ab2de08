/*
 * bot/ingress/wecom_callback.h: what one callback of WeCom means.
 *
 * Order: envelope, signature, time window, decryption, content. Whatever is wrong from signature to padding
 * gets the same 403; the reason goes to the log. Judging is pure (request and now in, decision out); the
 * route around it asks the spool and answers.
 */
#ifndef SW_BOT_INGRESS_WECOM_CALLBACK_H
#define SW_BOT_INGRESS_WECOM_CALLBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/wire/message.h"

enum { CALLBACK_WINDOW_MS = 600000 };

enum callback_kind {
	CALLBACK_APP,   /* application: XML, receiver is the corp id */
	CALLBACK_ROBOT, /* smart robot in webhook mode: JSON, receiver is empty */
};

enum callback_outcome {
	CALLBACK_EVENT,     /* 200 once EVENT is durable */
	CALLBACK_VERIFIED,  /* 200 with ECHO */
	CALLBACK_IGNORED,   /* 200: nothing for us */
	CALLBACK_STALE,     /* 200 without effect: signed, but outside the window */
	CALLBACK_FORBIDDEN, /* 403 */
	CALLBACK_MALFORMED, /* 400 */
};

struct callback_request {
	bool is_post;
	/* Query parameters, percent-decoded; NULL when absent. */
	const char *signature, *timestamp, *nonce, *echostr;
	const char *body;
	size_t body_len;
};

struct callback_result {
	enum callback_outcome outcome;
	bool is_signed;   /* the signature was good */
	const char *why;  /* for the log; static */
	const char *echo; /* VERIFIED: lives until the next call */
	size_t echo_len;
	struct wire_in event; /* EVENT: owned by the caller; seq is 0 */
};

struct wecom_callback;

/* NAME: configured name of the application or robot; RECEIVE_ID: its corp id, "" for a robot. */
int wecom_callback_create(enum callback_kind kind, const char *name, const char *token,
	const char *aes_key, const char *receive_id, struct wecom_callback **ret,
	struct sw_err *err) SW_MUST_CHECK;
void wecom_callback_destroy(struct wecom_callback *c);
/*
 * New token or key; the former ones stay good until UNTIL_MS (wall time) for what is on its way. Nothing
 * changes when they are the same, or on an error.
 */
int wecom_callback_set_keys(struct wecom_callback *c, const char *token, const char *aes_key,
	int64_t until_ms, struct sw_err *err) SW_MUST_CHECK;
void wecom_callback_judge(struct wecom_callback *c, const struct callback_request *req,
	int64_t now_ms, struct callback_result *ret);

const char *callback_outcome_name(enum callback_outcome o); /* for metrics */

#endif
