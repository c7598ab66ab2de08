/*
 * bot/wecom/app_message.h: sends to one member through a self-built application (document 90236).
 */
#ifndef SW_BOT_WECOM_APP_MESSAGE_H
#define SW_BOT_WECOM_APP_MESSAGE_H

#include "bot/sender.h"
#include "bot/wecom/token.h"
#include "core/io/http_client.h"

enum {
	APP_TEXT_BYTES = 2048, /* longer is cut without a word, so we refuse it */
	APP_DUPLICATE_CHECK_S =
		4 * 3600, /* the longest they offer; a permitted resend stays inside it */
};

struct app;

/* MID_HEADER: "" for none. Strings are copied; HTTP and TOKEN are borrowed. */
int app_create(struct http_client *http, struct wecom_token *token, const char *api_base,
	const char *mid_header, int64_t agent_id, struct app **ret) SW_MUST_CHECK;
/* Not while a request is in flight. */
void app_destroy(struct app *a);
struct sender app_sender(struct app *a);

/* The body of the request, which the caller frees; NULL on out of memory. */
char *app_body(const struct wire_out *m, int64_t agent_id) SW_MUST_CHECK;

#endif
