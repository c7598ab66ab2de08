/* tests/sim/sms/acs3.c: canonical request, string to sign, HMAC. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/sms/acs3.h"

#define ALGORITHM "ACS3-HMAC-SHA256"

enum { CANONICAL_MAX = 1 << 20 };

/* Moves behind PREFIX, or says NULL. */
static char *behind(char *s, const char *prefix)
{
	return s && text_starts(s, prefix) ? s + strlen(prefix) : NULL;
}

/* Ends the part that begins at S; what comes behind the comma, NULL when there is none. */
static char *cut(char *s)
{
	char *comma = s ? strchr(s, ',') : NULL;

	if (comma)
		*comma++ = '\0';
	return comma;
}

static int split_headers(struct acs3 *a, char *s)
{
	while (s) {
		char *next = strchr(s, ';');

		if (next)
			*next++ = '\0';
		if (*s == '\0' || a->n_headers == ACS3_HEADERS_MAX)
			return SW_EINVAL;
		for (const char *c = s; *c; c++)
			if (isupper((unsigned char)*c))
				return SW_EINVAL;
		if (a->n_headers > 0 && strcmp(a->headers[a->n_headers - 1], s) >= 0)
			return SW_EINVAL;
		a->headers[a->n_headers++] = s;
		s = next;
	}
	return 0;
}

int acs3_parse(const char *authorization, struct acs3 *ret)
{
	char *id, *names, *signature;

	memset(ret, 0, sizeof(*ret));
	if (!authorization || text_copy(ret->text, sizeof(ret->text), authorization) < 0)
		return SW_EINVAL;
	id = behind(ret->text, ALGORITHM " Credential=");
	names = behind(cut(id), "SignedHeaders=");
	signature = behind(cut(names), "Signature=");
	if (!signature || strlen(signature) != 64 || !*id)
		return SW_EINVAL;
	ret->access_key_id = id;
	ret->signature = signature;
	return split_headers(ret, names);
}

bool acs3_covers(const struct acs3 *a, const char *header)
{
	for (size_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i], header) == 0)
			return true;
	return false;
}

static void add_trimmed(struct buf *b, const char *s)
{
	size_t len;

	s += strspn(s, " \t");
	len = strlen(s);
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	buf_add(b, s, len);
}

static int canonical_request(const struct acs3 *a, const char *method, const struct params *query,
	acs3_header header, void *ctx, struct buf *out)
{
	const char *hashed = header(ctx, "x-acs-content-sha256");
	int rc;

	buf_addf(out, "%s\n/\n", method);
	rc = params_canonical(query, out);
	if (rc < 0 || !hashed)
		return rc < 0 ? rc : SW_EINVAL;
	buf_addc(out, '\n');
	for (size_t i = 0; i < a->n_headers; i++) {
		const char *value = header(ctx, a->headers[i]);

		if (!value)
			return SW_EINVAL;
		buf_addf(out, "%s:", a->headers[i]);
		add_trimmed(out, value);
		buf_addc(out, '\n');
	}
	buf_addc(out, '\n');
	for (size_t i = 0; i < a->n_headers; i++)
		buf_addf(out, "%s%s", i > 0 ? ";" : "", a->headers[i]);
	buf_addf(out, "\n%s", hashed);
	return out->error;
}

int acs3_sign(const struct acs3 *a, const char *secret, const char *method,
	const struct params *query, acs3_header header, void *ctx, char ret[65])
{
	char hashed[65], to_sign[96];
	uint8_t mac[32];
	struct buf b;
	int rc;

	buf_init(&b, CANONICAL_MAX);
	rc = canonical_request(a, method, query, header, ctx, &b);
	if (rc == 0) {
		id_sha256_hex(buf_str(&b), b.len, hashed);
		snprintf(to_sign, sizeof(to_sign), ALGORITHM "\n%s", hashed);
		id_hmac_sha256(
			(const uint8_t *)secret, strlen(secret), to_sign, strlen(to_sign), mac);
		id_hex(mac, sizeof(mac), ret);
	}
	buf_fini(&b);
	return rc;
}

int acs3_parse_date(const char *s, int64_t *ret_ms)
{
	char local[20];
	int64_t ms;

	/* Its own form, in universal time; the calendar's functions know only ours. */
	if (strlen(s) != 20 || s[10] != 'T' || s[19] != 'Z')
		return SW_EINVAL;
	memcpy(local, s, 19);
	local[19] = '\0';
	if (civil_parse_time(local, &ms) < 0)
		return SW_EINVAL;
	*ret_ms = ms + CIVIL_ZONE_MS;
	return 0;
}
