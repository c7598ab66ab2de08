/*
 * bot/sms_tokens.h: the secret parts of the SMS callbacks' paths, as sms.callback_tokens names their files.
 */
#ifndef SW_BOT_SMS_TOKENS_H
#define SW_BOT_SMS_TOKENS_H

#include "bot/ingress/sms_callback.h"
#include "core/base/conf.h"

/*
 * Reads the token of every gateway that has one. Former tokens stay good until UNTIL_MS (wall time). SW_ECONF with the
 * setting in ERR; those before it are set. S NULL: only looked at.
 */
int sms_tokens_load(const struct conf *c, struct sms_callbacks *s, int64_t until_ms,
	struct sw_err *err) SW_MUST_CHECK;

#endif
