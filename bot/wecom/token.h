/*
 * bot/wecom/token.h: the access token of one application (document 91039).
 *
 * One refresh is in the air at most, whoever waits shares its result; a failed refresh never leaves an empty
 * token behind. The token survives a restart in a file of mode 0600, because asking for it often gets the
 * caller blocked. Its age is counted by the wall clock.
 */
#ifndef SW_BOT_WECOM_TOKEN_H
#define SW_BOT_WECOM_TOKEN_H

#include "core/io/http_client.h"
#include "core/io/loop.h"
#include "core/wire/message.h"

enum { TOKEN_MAX = 513, TOKEN_EARLY_S = 300 };

struct wecom_token;

/* TOKEN, or NULL and REFUSAL: why a message that needs it was surely not sent. Borrowed during the call. */
typedef void (*wecom_token_cb)(void *ctx, const char *token, const struct wire_verdict *refusal);

/* All strings are copied; HTTP is borrowed. An unreadable FILE is only a reason to ask anew. */
int wecom_token_create(struct loop *l, struct http_client *http, const char *api_base,
	const char *corp_id, const char *secret, const char *file,
	struct wecom_token **ret) SW_MUST_CHECK;
/* Nobody may be waiting, and no refresh be in the air. */
void wecom_token_destroy(struct wecom_token *t);
/* A new secret takes effect with the next refresh; the cached token is dropped. */
int wecom_token_set_secret(struct wecom_token *t, const char *secret) SW_MUST_CHECK;

/* Returned 0: CB runs exactly once, on a later turn. */
int wecom_token_get(struct wecom_token *t, wecom_token_cb cb, void *ctx) SW_MUST_CHECK;
/* USED was refused: it is forgotten, unless it was replaced in the meantime. */
void wecom_token_drop(struct wecom_token *t, const char *used);

#endif
