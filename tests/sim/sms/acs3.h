/*
 * tests/sim/sms/acs3.h: Aliyun's signature V3 (ACS3-HMAC-SHA256), as the receiving side checks it.
 *
 * Written from the vendor's description and apart from the notifier's driver, so that an error of one shows against the
 * other.
 */
#ifndef SW_TESTS_SIM_SMS_ACS3_H
#define SW_TESTS_SIM_SMS_ACS3_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/sms/params.h"

enum { ACS3_HEADERS_MAX = 32 };

/* What stands in an Authorization header; strings point into TEXT. */
struct acs3 {
	char text[1024];
	const char *access_key_id, *signature;
	const char *headers[ACS3_HEADERS_MAX]; /* as signed: lower case, rising, each once */
	size_t n_headers;
};

/* SW_EINVAL: no such thing. */
int acs3_parse(const char *authorization, struct acs3 *ret) SW_MUST_CHECK;
bool acs3_covers(const struct acs3 *a, const char *header);

/* Value of a header as it was sent, NULL: it was not. */
typedef const char *(*acs3_header)(void *ctx, const char *name);
/*
 * The signature that METHOD / with QUERY, the headers A names and the value of x-acs-content-sha256 must have under SECRET.
 * SW_EINVAL: one of them is missing.
 */
int acs3_sign(const struct acs3 *a, const char *secret, const char *method,
	const struct params *query, acs3_header header, void *ctx, char ret[65]) SW_MUST_CHECK;
/* "2022-08-18T01:02:03Z" */
int acs3_parse_date(const char *s, int64_t *ret_ms) SW_MUST_CHECK;

#endif
