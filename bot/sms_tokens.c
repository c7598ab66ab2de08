/*
 * bot/sms_tokens.c: one file for each gateway; a token is 32 to 128 hex digits.
 */
#include <stdio.h>
#include <string.h>

#include "bot/secret.h"
#include "bot/sms_tokens.h"
#include "core/base/file.h"
#include "core/base/text.h"

static int load_one(const struct conf *c, struct sms_callbacks *s, const char *provider,
	int64_t until_ms, struct sw_err *err)
{
	const char *file = conf_strf(c, "sms.callback_tokens.%s", provider);
	struct buf token;
	size_t len;
	int rc;

	if (!*file)
		return 0;
	buf_init(&token, SECRET_MAX);
	rc = file_read_secret(file, &token, err);
	len = rc == 0 ? strlen(buf_str(&token)) : 0;
	if (rc == 0 && (len < SMS_TOKEN_MIN || len > SMS_TOKEN_MAX ||
			       strspn(buf_str(&token), "0123456789abcdefABCDEF") != len))
		rc = err_set(err, SW_ECONF,
			"sms.callback_tokens.%s: %s must hold %d to %d hex digits", provider, file,
			SMS_TOKEN_MIN, SMS_TOKEN_MAX);
	if (rc == 0 && s)
		rc = sms_callbacks_set_token(s, provider, buf_str(&token), until_ms);
	secret_fini(&token);
	return rc;
}

int sms_tokens_load(
	const struct conf *c, struct sms_callbacks *s, int64_t until_ms, struct sw_err *err)
{
	static const char *const providers[] = {"aliyun", "tencent", "mas", "kannel"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(providers); i++)
		rc = load_one(c, s, providers[i], until_ms, err);
	return rc;
}
