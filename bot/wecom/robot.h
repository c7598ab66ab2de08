/*
 * bot/wecom/robot.h: sends to one group by the webhook of its robot (document 91770).
 *
 * The key is all it takes to post into the group, so it is never logged. The webhook gives no message id and
 * has no idempotency key: what went out without an answer stays unknown.
 */
#ifndef SW_BOT_WECOM_ROBOT_H
#define SW_BOT_WECOM_ROBOT_H

#include "bot/sender.h"
#include "core/io/http_client.h"

enum { ROBOT_TEXT_BYTES = 2048, ROBOT_MARKDOWN_BYTES = 4096 };

struct robot;

/* API_BASE: "https://host"; MID_HEADER: "" for none. All are copied, HTTP is borrowed. */
int robot_create(struct http_client *http, const char *api_base, const char *mid_header,
	const char *key, struct robot **ret, struct sw_err *err) SW_MUST_CHECK;
/* Not while a request is in flight. */
void robot_destroy(struct robot *r);
/* KEY: the bare key or the whole address. SW_ECONF when it is neither. */
int robot_set_key(struct robot *r, const char *key, struct sw_err *err) SW_MUST_CHECK;
struct sender robot_sender(struct robot *r);

/* The body of the request, which the caller frees; NULL on out of memory. */
char *robot_body(const struct wire_out *m) SW_MUST_CHECK;

#endif
