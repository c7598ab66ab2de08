/*
 * notifier/sms/aliyun_sign.h: Aliyun's signature V3, ACS3-HMAC-SHA256, for its RPC interfaces.
 */
#ifndef SW_SMS_ALIYUN_SIGN_H
#define SW_SMS_ALIYUN_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

#define ALIYUN_FORM "application/x-www-form-urlencoded"
#define ALIYUN_VERSION "2017-05-25"

enum { ALIYUN_DATE = 21, ALIYUN_SHA256 = 65 };

struct aliyun_pair {
	const char *name, *value;
};

/* What is signed: a POST to "/". Strings are borrowed. */
struct aliyun_call {
	const char *id, *secret;
	const char *host; /* as in the Host header: with a port that is not the scheme's */
	const char *action;
	const char *date;           /* aliyun_date() */
	const char *nonce;          /* unique for each attempt */
	const char *query;          /* canonical (aliyun_encode), "" when none */
	const char *content_sha256; /* of the body, lower hex */
	bool has_body;              /* then its type is ALIYUN_FORM, which is signed too */
};

/* name=value&.. sorted by name, both percent-encoded by RFC 3986: canonical query and form body alike. At most 16 pairs. */
int aliyun_encode(const struct aliyun_pair *pairs, size_t n, struct buf *out) SW_MUST_CHECK;
/* "2022-08-18T01:02:03Z" */
void aliyun_date(int64_t now_ms, char ret[ALIYUN_DATE]);
/* The text whose digest is signed. */
int aliyun_canonical(const struct aliyun_call *call, struct buf *out) SW_MUST_CHECK;
/* The value of the Authorization header. */
int aliyun_authorization(const struct aliyun_call *call, struct buf *out) SW_MUST_CHECK;

#endif
