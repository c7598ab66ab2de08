/*
 * bot/wecom/errcode.h: what WeCom's error codes mean for a message, in one table.
 */
#ifndef SW_BOT_WECOM_ERRCODE_H
#define SW_BOT_WECOM_ERRCODE_H

#include <jansson.h>
#include <stdbool.h>

#include "core/io/http_client.h"
#include "core/wire/message.h"

enum wecom_class {
	WECOM_OK,
	WECOM_BUSY,
	WECOM_RATE,
	WECOM_TOKEN,
	WECOM_CONFIG,
	WECOM_CONTENT,
	WECOM_TARGET,
	WECOM_STRANGE, /* a code nobody has told us about: refused, and logged once by the caller */
};

/* Milliseconds of wall time after which the other side may be asked again. */
enum { WECOM_BUSY_RETRY_MS = 2000, WECOM_RATE_PARK_MS = 60000, WECOM_NOT_SENT_RETRY_MS = 5000 };

enum wecom_class wecom_errcode_class(json_int_t errcode);
const char *wecom_class_name(enum wecom_class c); /* "ok", "busy", .. */

/*
 * Judges a complete or missing answer of a sending request. Fills verdict, class, code, text and
 * retry_after_ms of V; the rest of V is left alone. A verdict other than "unknown" needs a complete answer
 * with an integer errcode. RET_ROOT (may be NULL): the parsed answer, owned by the caller, NULL when none.
 */
enum wecom_class wecom_judge(
	const struct http_result *res, struct wire_verdict *v, json_t **ret_root);
/* Fills V with a refusal or non-sending of our own; CLASS and TEXT are one word and one line. */
void wecom_verdict_set(struct wire_verdict *v, enum wire_verdict_word word, const char *class,
	const char *text, int64_t retry_after_ms);

#endif
