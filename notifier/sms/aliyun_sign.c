/*
 * notifier/sms/aliyun_sign.c: the canonical request and its HMAC (Aliyun document 2593177, signature V3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/id.h"
#include "core/io/http_client.h"
#include "notifier/sms/aliyun_sign.h"

enum { MAX_PAIRS = 16, MAX_CANONICAL = 256 * 1024 };

#define ALGORITHM "ACS3-HMAC-SHA256"
#define SIGNED_HEADERS                                                                             \
	"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

static int by_name(const void *a, const void *b)
{
	const struct aliyun_pair *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add_escaped(struct buf *out, const char *s)
{
	char *escaped = http_escape(s);
	int rc = escaped ? buf_adds(out, escaped) : -ENOMEM;

	free(escaped);
	return rc;
}

int aliyun_encode(const struct aliyun_pair *pairs, size_t n, struct buf *out)
{
	struct aliyun_pair sorted[MAX_PAIRS];
	int rc = 0;

	if (n > MAX_PAIRS)
		return SW_ELIMIT;
	memcpy(sorted, pairs, n * sizeof(*pairs));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i > 0)
			(void)buf_addc(out, '&');
		rc = add_escaped(out, sorted[i].name);
		(void)buf_addc(out, '=');
		if (rc == 0)
			rc = add_escaped(out, sorted[i].value);
	}
	return rc < 0 ? rc : out->error;
}

void aliyun_date(int64_t now_ms, char ret[ALIYUN_DATE])
{
	char text[32]; /* civil_format_ms() needs no more */

	/* It writes Shanghai's time: moved back by its zone, the same digits are UTC. */
	(void)civil_format_ms(now_ms - CIVIL_ZONE_MS, text, sizeof(text));
	memcpy(ret, text, 19); /* YYYY-MM-DDThh:mm:ss */
	ret[19] = 'Z';
	ret[20] = '\0';
}

int aliyun_canonical(const struct aliyun_call *call, struct buf *out)
{
	(void)buf_addf(out, "POST\n/\n%s\n", call->query);
	if (call->has_body)
		(void)buf_adds(out, "content-type:" ALIYUN_FORM "\n");
	(void)buf_addf(out,
		"host:%s\nx-acs-action:%s\nx-acs-content-sha256:%s\nx-acs-date:%s\n"
		"x-acs-signature-nonce:%s\nx-acs-version:" ALIYUN_VERSION "\n\n%s" SIGNED_HEADERS
		"\n%s",
		call->host, call->action, call->content_sha256, call->date, call->nonce,
		call->has_body ? "content-type;" : "", call->content_sha256);
	return out->error;
}

int aliyun_authorization(const struct aliyun_call *call, struct buf *out)
{
	char to_sign[sizeof(ALGORITHM) + ALIYUN_SHA256] = ALGORITHM "\n"; /* and 64 digits */
	uint8_t mac[32];
	char signature[ALIYUN_SHA256];
	struct buf canonical;
	int rc;

	buf_init(&canonical, MAX_CANONICAL);
	rc = aliyun_canonical(call, &canonical);
	if (rc == 0) {
		id_sha256_hex(buf_str(&canonical), canonical.len, to_sign + sizeof(ALGORITHM));
		id_hmac_sha256((const uint8_t *)call->secret, strlen(call->secret), to_sign,
			strlen(to_sign), mac);
		id_hex(mac, sizeof(mac), signature);
		rc = buf_addf(out, ALGORITHM " Credential=%s,SignedHeaders=%s%s,Signature=%s",
			call->id, call->has_body ? "content-type;" : "", SIGNED_HEADERS, signature);
	}
	buf_fini(&canonical);
	return rc;
}
