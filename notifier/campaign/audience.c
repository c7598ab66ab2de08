/*
 * notifier/campaign/audience.c: a list of residents becomes sorted, packed segments.
 *
 * While it is read, a row is one 64-bit word: number above, rank of the area below. A stable radix sort by number
 * leaves the first row of each number in front; what stays is then dealt out to the areas' segments in that order. So
 * ten million rows need 16 bytes each at most, and nothing is compared twice.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "core/base/id.h"
#include "core/base/mask.h"
#include "notifier/campaign/audience.h"

enum {
	AREA_BITS = 12, /* units are at most 4,096 */
	DIGIT_BITS = 12,
	DIGITS = 1 << DIGIT_BITS,
	PASSES = 3, /* 36 bits: a number has 35 */
	FLAG_SMS = 0x80,
	FLAGS = 0xf8, /* of the first byte */
	BLOCK = 16,
	MAX_ROWS = AUDIENCE_MAX / 5 * 6, /* repeated ones included */
};
#define NUMBER_MIN UINT64_C(13000000000)
#define NUMBER_MAX UINT64_C(19999999999)

struct reading {
	const char *name;
	struct problems *p;
	const char **areas; /* codes, rising; the rank is the place here */
	size_t n_areas;
	size_t last; /* rank of the row before: most files go area by area */
	uint64_t *keys;
	size_t n, cap;
};

/* ---- numbers ---- */

static void pack(uint64_t number, uint8_t flags, uint8_t ret[AUDIENCE_NUMBER])
{
	for (int i = AUDIENCE_NUMBER - 1; i >= 0; i--) {
		ret[i] = (uint8_t)number;
		number >>= 8;
	}
	ret[0] |= flags;
}

static uint64_t unpack(const uint8_t packed[AUDIENCE_NUMBER])
{
	uint64_t number = packed[0] & ~FLAGS & 0xff;

	for (int i = 1; i < AUDIENCE_NUMBER; i++)
		number = number << 8 | packed[i];
	return number;
}

/* 0: PHONE is no mobile number in normal form. */
static uint64_t number_of(const char *phone)
{
	uint64_t number = 0;

	if (strncmp(phone, "+86", 3) || strlen(phone) != 14)
		return 0;
	for (const char *s = phone + 3; *s; s++) {
		if (*s < '0' || *s > '9')
			return 0;
		number = number * 10 + (uint64_t)(*s - '0');
	}
	return number >= NUMBER_MIN && number <= NUMBER_MAX ? number : 0;
}

int audience_pack(const char *phone, uint8_t ret[AUDIENCE_NUMBER])
{
	uint64_t number = number_of(phone);

	if (!number)
		return SW_EINVAL;
	pack(number, 0, ret);
	return 0;
}

void audience_unpack(const uint8_t packed[AUDIENCE_NUMBER], char ret[16])
{
	(void)snprintf(ret, 16, "+86%011llu", (unsigned long long)unpack(packed) % 100000000000ull);
}

int audience_compare(const uint8_t a[AUDIENCE_NUMBER], const uint8_t b[AUDIENCE_NUMBER])
{
	uint64_t x = unpack(a), y = unpack(b);

	return (x > y) - (x < y);
}

int64_t audience_search(const uint8_t *sorted, size_t n, const uint8_t packed[AUDIENCE_NUMBER])
{
	uint64_t number = unpack(packed);
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint64_t at = unpack(sorted + mid * AUDIENCE_NUMBER);

		if (at == number)
			return (int64_t)mid;
		if (at < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

/* ---- reading ---- */

static int by_code(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rank of the area CODE, -1: no unit has it. */
static int find_area(struct reading *r, const char *code)
{
	const char **found;

	if (r->last < r->n_areas && !strcmp(r->areas[r->last], code))
		return (int)r->last;
	found = bsearch(&code, r->areas, r->n_areas, sizeof(*r->areas), by_code);
	if (!found)
		return -1;
	r->last = (size_t)(found - r->areas);
	return (int)r->last;
}

static int grow(struct reading *r)
{
	size_t cap = r->cap ? r->cap * 2 : 65536;
	uint64_t *keys;

	if (cap > MAX_ROWS)
		cap = MAX_ROWS;
	if (r->n == MAX_ROWS)
		return SW_ELIMIT;
	keys = realloc(r->keys, cap * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	r->keys = keys;
	r->cap = cap;
	return 0;
}

static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	char phone[16];
	enum phone_verdict v = phone_normalise(row->cells[0], phone);
	int area = find_area(r, row->cells[1]);
	int rc;

	if (v != PHONE_MOBILE)
		problems_error(r->p, r->name, row->line,
			"mobile: %s: write 11 digits, or leave the row out", phone_verdict_text(v));
	/* What is longer than a code may be a number that stands in the wrong column. */
	if (area < 0)
		problems_error(r->p, r->name, row->line,
			"area_code: there is no unit \"%s\": write the six digits of the units "
			"file",
			strlen(row->cells[1]) < UNIT_CODE ? row->cells[1] : "..");
	/* With one bad row the file is refused: the others are still looked at, but need no room. */
	if (r->p->n_errors)
		return 0;
	if (r->n == r->cap) {
		rc = grow(r);
		if (rc == SW_ELIMIT)
			problems_error(r->p, r->name, row->line,
				"more than %d rows: make two audiences of them", (int)MAX_ROWS);
		if (rc < 0)
			return rc;
	}
	r->keys[r->n++] = number_of(phone) << AREA_BITS | (uint64_t)area;
	return 0;
}

static int list_areas(struct reading *r, const struct units *units)
{
	assert(units->n <= 1u << AREA_BITS);
	r->areas = calloc(units->n ? units->n : 1, sizeof(*r->areas));
	if (!r->areas)
		return -ENOMEM;
	for (size_t i = 0; i < units->n; i++)
		r->areas[i] = units->items[i].code;
	r->n_areas = units->n;
	qsort(r->areas, r->n_areas, sizeof(*r->areas), by_code);
	return 0;
}

/* ---- sorting and packing ---- */

/* Stable, by number; KEYS may point elsewhere afterwards. */
static int sort_by_number(uint64_t **keys, size_t n)
{
	uint64_t *from = *keys, *to = malloc((n ? n : 1) * sizeof(*to));
	size_t *starts = calloc(DIGITS, sizeof(*starts));

	if (!to || !starts) {
		free(to);
		free(starts);
		return -ENOMEM;
	}
	for (int pass = 0; pass < PASSES; pass++) {
		int shift = AREA_BITS + pass * DIGIT_BITS;
		size_t sum = 0;
		uint64_t *spare = from;

		memset(starts, 0, DIGITS * sizeof(*starts));
		for (size_t i = 0; i < n; i++)
			starts[from[i] >> shift & (DIGITS - 1)]++;
		for (size_t d = 0; d < DIGITS; d++) {
			size_t count = starts[d];

			starts[d] = sum;
			sum += count;
		}
		for (size_t i = 0; i < n; i++)
			to[starts[from[i] >> shift & (DIGITS - 1)]++] = from[i];
		from = to;
		to = spare;
	}
	explicit_bzero(to, n * sizeof(*to));
	free(to);
	free(starts);
	*keys = from;
	return 0;
}

/* Of rows with the same number the first stays. */
static size_t drop_repeated(uint64_t *keys, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (kept == 0 || keys[i] >> AREA_BITS != keys[kept - 1] >> AREA_BITS)
			keys[kept++] = keys[i];
	return kept;
}

/* Makes A's segments, empty; FIRST is each area's first one. */
static int lay_out(const struct reading *r, size_t *first, struct audience *a)
{
	size_t *counts = calloc(r->n_areas ? r->n_areas : 1, sizeof(*counts)), n = 0;
	int rc = -ENOMEM;

	if (!counts)
		return rc;
	for (size_t i = 0; i < r->n; i++)
		counts[r->keys[i] & ((1u << AREA_BITS) - 1)]++;
	for (size_t i = 0; i < r->n_areas; i++)
		n += (counts[i] + AUDIENCE_SEGMENT - 1) / AUDIENCE_SEGMENT;
	a->segments = calloc(n ? n : 1, sizeof(*a->segments));
	if (!a->segments)
		goto out;
	for (size_t i = 0; i < r->n_areas; i++) {
		first[i] = a->n_segments;
		for (size_t left = counts[i]; left > 0;) {
			struct audience_segment *s = &a->segments[a->n_segments];
			size_t room = left < AUDIENCE_SEGMENT ? left : AUDIENCE_SEGMENT;

			memcpy(s->area, r->areas[i], strlen(r->areas[i]) + 1);
			s->packed = malloc(room * AUDIENCE_NUMBER);
			if (!s->packed)
				goto out;
			a->n_segments++;
			left -= room;
		}
	}
	rc = 0;
out:
	free(counts);
	return rc;
}

static int deal_out(const struct reading *r, struct audience *a)
{
	size_t *at = calloc(r->n_areas ? r->n_areas : 1, sizeof(*at));
	int rc = at ? lay_out(r, at, a) : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < r->n; i++) {
		size_t area = r->keys[i] & ((1u << AREA_BITS) - 1);
		struct audience_segment *s = &a->segments[at[area]];

		pack(r->keys[i] >> AREA_BITS, FLAG_SMS, s->packed + (size_t)s->n * AUDIENCE_NUMBER);
		if (++s->n == AUDIENCE_SEGMENT)
			at[area]++;
	}
	a->n = r->n;
	free(at);
	return rc;
}

static int digest(struct audience *a)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sum[32];
	char line[32]; /* a code of at most 7 bytes, a blank, 11 digits, a line feed */
	char phone[16];
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (size_t i = 0; ok && i < a->n_segments; i++) {
		const struct audience_segment *s = &a->segments[i];
		size_t head = (size_t)snprintf(line, sizeof(line), "%s ", s->area);

		for (size_t k = 0; ok && k < s->n; k++) {
			audience_unpack(s->packed + k * AUDIENCE_NUMBER, phone);
			memcpy(line + head, phone + 3, 11);
			line[head + 11] = '\n';
			ok = EVP_DigestUpdate(ctx, line, head + 12) == 1;
		}
	}
	ok = ok && EVP_DigestFinal_ex(ctx, sum, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return SW_ECRYPTO;
	id_hex(sum, sizeof(sum), a->digest);
	return 0;
}

int audience_parse(const char *name, const char *data, size_t len, const struct units *units,
	struct problems *p, struct audience *ret)
{
	static const char *const columns[] = {"mobile", "area_code"};
	struct reading r = {.name = name, .p = p};
	struct audience a = {0};
	size_t errors = p->n_errors;
	int rc = list_areas(&r, units);

	if (rc == 0)
		rc = csv_read(name, data, len, columns, ARRAY_LEN(columns), on_row, &r, p);
	if (rc == 0 && p->n_errors > errors)
		rc = SW_ECONF;
	if (rc == 0)
		rc = sort_by_number(&r.keys, r.n);
	if (rc == 0) {
		size_t kept = drop_repeated(r.keys, r.n);

		a.repeated = r.n - kept;
		r.n = kept;
		rc = deal_out(&r, &a);
	}
	if (rc == 0 && (a.n > AUDIENCE_MAX || a.n_segments > AUDIENCE_MAX_SEGMENTS)) {
		problems_error(p, name, 0,
			"%zu numbers in %zu segments are too many: make two "
			"audiences of them",
			a.n, a.n_segments);
		rc = SW_ECONF;
	}
	if (rc == 0)
		rc = digest(&a);
	if (r.keys)
		explicit_bzero(r.keys, r.n * sizeof(*r.keys));
	free(r.keys);
	free(r.areas);
	if (rc < 0) {
		audience_fini(&a);
		return rc == SW_ELIMIT ? SW_ECONF : rc;
	}
	*ret = a;
	return 0;
}

void audience_fini(struct audience *a)
{
	for (size_t i = 0; i < a->n_segments; i++) {
		explicit_bzero(a->segments[i].packed, (size_t)a->segments[i].n * AUDIENCE_NUMBER);
		free(a->segments[i].packed);
	}
	free(a->segments);
	*a = (struct audience){0};
}

/* ---- sealing ---- */

static void derive(const struct seal_key *key, const char *label, uint8_t ret[32])
{
	id_hmac_sha256(key->bytes, sizeof(key->bytes), label, strlen(label), ret);
}

int audience_crypt(const struct seal_key *key, const uint8_t nonce[AUDIENCE_NONCE], size_t from,
	uint8_t *data, size_t len)
{
	uint8_t derived[32], counter[BLOCK], skipped[BLOCK] = {0};
	uint32_t block = (uint32_t)(from / BLOCK);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool ok;
	int n;

	memcpy(counter, nonce, AUDIENCE_NONCE);
	for (int i = 0; i < 4; i++)
		counter[AUDIENCE_NONCE + i] = (uint8_t)(block >> (24 - 8 * i));
	derive(key, "shouwang.audience.ctr.v1", derived);
	/* The key stream begins at a block's border: what lies before FROM is thrown away. */
	ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, derived, counter) == 1 &&
	     EVP_EncryptUpdate(ctx, skipped, &n, skipped, (int)(from % BLOCK)) == 1 &&
	     EVP_EncryptUpdate(ctx, data, &n, data, (int)len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(derived, sizeof(derived));
	return ok ? 0 : SW_ECRYPTO;
}

int audience_mac(const struct seal_key *key, const char *id, unsigned segment, const char *area,
	const uint8_t nonce[AUDIENCE_NONCE], const uint8_t *sealed, size_t len,
	uint8_t ret[AUDIENCE_MAC])
{
	uint8_t derived[32];
	char head[64]; /* an id of at most 7 bytes, 10 digits, a code of at most 7 bytes */
	size_t head_len = (size_t)snprintf(head, sizeof(head), "%s\n%u\n%s\n", id, segment, area);
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	char sha256[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end()};
	size_t n;
	bool ok;

	derive(key, "shouwang.audience.mac.v1", derived);
	ok = ctx && EVP_MAC_init(ctx, derived, sizeof(derived), params) == 1 &&
	     EVP_MAC_update(ctx, (const uint8_t *)head, head_len) == 1 &&
	     EVP_MAC_update(ctx, nonce, AUDIENCE_NONCE) == 1 &&
	     EVP_MAC_update(ctx, sealed, len) == 1 &&
	     EVP_MAC_final(ctx, ret, &n, AUDIENCE_MAC) == 1;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	explicit_bzero(derived, sizeof(derived));
	return ok ? 0 : SW_ECRYPTO;
}
