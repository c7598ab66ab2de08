/* tests/sim/sms/api_auth.c: who asks, and whether he asked just now and only once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/sms/acs3.h"
#include "tests/sim/sms/api.h"

enum { SKEW_MS = 15 * 60000, NONCES_MAX = 100000, NONCE_MAX_BYTES = 128 };

/* A nonce that was used; its digest, as its length is the caller's. */
struct nonce {
	UT_hash_handle hh;
	uint8_t digest[16];
};

struct nonces {
	struct nonce *all; /* oldest first */
};

int nonces_create(struct nonces **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void nonces_free(struct nonces *n)
{
	struct nonce *o, *after;

	if (!n)
		return;
	HASH_ITER(hh, n->all, o, after)
	{
		HASH_DEL(n->all, o);
		free(o);
	}
	free(n);
}

/* False: it was used, or there is no memory to remember it. */
static bool use_nonce(struct nonces *n, const char *nonce)
{
	uint8_t digest[32];
	struct nonce *o;

	id_sha256(nonce, strlen(nonce), digest);
	HASH_FIND(hh, n->all, digest, sizeof(o->digest), o);
	if (o)
		return false;
	if (HASH_COUNT(n->all) == NONCES_MAX) {
		o = n->all;
		HASH_DEL(n->all, o);
		free(o);
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return false;
	memcpy(o->digest, digest, sizeof(o->digest));
	HASH_ADD(hh, n->all, digest, sizeof(o->digest), o);
	return true;
}

static const char *header(void *ctx, const char *name)
{
	return http_header_get(ctx, name);
}

static bool covers_what_it_must(const struct api_call *c, const struct acs3 *a)
{
	static const char *const always[] = {"host", "x-acs-action", "x-acs-content-sha256",
		"x-acs-date", "x-acs-signature-nonce", "x-acs-version"};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (!acs3_covers(a, always[i]) || !http_header_get(c->x, always[i]))
			return false;
	return !http_header_get(c->x, "content-type") || acs3_covers(a, "content-type");
}

static bool body_is_as_hashed(const struct api_call *c)
{
	char digest[65];
	size_t len;
	const char *body = http_body(c->x, &len);

	id_sha256_hex(body, len, digest);
	return id_equal(digest, http_header_get(c->x, "x-acs-content-sha256"));
}

static bool signature_is_right(const struct api_call *c, const struct acs3 *a)
{
	char want[65];

	return acs3_sign(a, c->sim->settings.secret, http_method(c->x), &c->query, header, c->x,
		       want) == 0 &&
	       id_equal(want, a->signature);
}

/* NULL: just now. */
static const char *objection_to_date(const struct api_call *c)
{
	int64_t at_ms, now_ms = sim_now_ms(c->sim);

	if (acs3_parse_date(http_header_get(c->x, "x-acs-date"), &at_ms) < 0)
		return "InvalidTimeStamp.Format";
	return at_ms < now_ms - SKEW_MS || at_ms > now_ms + SKEW_MS ? "InvalidTimeStamp.Expired"
								    : NULL;
}

bool api_authenticate(struct api_call *c)
{
	struct acs3 a;
	const char *nonce, *why;

	if (acs3_parse(http_header_get(c->x, "authorization"), &a) < 0 ||
		!covers_what_it_must(c, &a)) {
		api_refuse(c, 400, "IncompleteSignature",
			"The request signature does not conform to Aliyun standards.");
		return false;
	}
	if (strcmp(a.access_key_id, c->sim->settings.access_key_id) != 0) {
		api_refuse(c, 404, "InvalidAccessKeyId.NotFound",
			"Specified access key is not found.");
		return false;
	}
	why = objection_to_date(c);
	if (why) {
		api_refuse(c, 400, why,
			"Specified time stamp or date value is not well formatted or expired.");
		return false;
	}
	if (!body_is_as_hashed(c) || !signature_is_right(c, &a)) {
		api_refuse(c, 400, "SignatureDoesNotMatch",
			"Specified signature does not match our calculation.");
		return false;
	}
	nonce = http_header_get(c->x, "x-acs-signature-nonce");
	if (!*nonce || strlen(nonce) > NONCE_MAX_BYTES || !use_nonce(c->sim->nonces, nonce)) {
		api_refuse(c, 400, "SignatureNonceUsed",
			"Specified signature nonce was used already.");
		return false;
	}
	return true;
}
