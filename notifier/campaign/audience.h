/*
 * notifier/campaign/audience.h: residents to be told: an immutable list, packed into segments.
 *
 * A CSV of mobile,area_code becomes segments of at most AUDIENCE_SEGMENT recipients of one area, sorted by number, each
 * number once in the whole audience. Packed: 5 bytes each, big-endian: 35 bits number (11 digits < 2^35), 5 flag bits
 * on top (bit 39: SMS can reach it). 13800138000 with flags 0 = 03 36 8d 65 10. Sealed: AES-256-CTR over the packed
 * string, one random 96-bit nonce per segment, counter block = nonce | 32-bit big-endian block number, so that any range can be
 * opened alone; an HMAC-SHA-256 over audience id, segment number, area, nonce and ciphertext is checked on load. Keys are
 * derived from the campaign's data key (HMAC-SHA-256, "shouwang.audience.ctr.v1" / ".mac.v1").
 */
#ifndef SW_CAMPAIGN_AUDIENCE_H
#define SW_CAMPAIGN_AUDIENCE_H

#include "core/base/problem.h"
#include "core/base/seal.h"
#include "notifier/campaign/unit.h"

enum {
	AUDIENCE_SEGMENT = 65000, /* a multiple of 8: bits and nibbles of two calls share no byte */
	AUDIENCE_NUMBER = 5,      /* bytes of a packed recipient */
	AUDIENCE_NONCE = 12,
	AUDIENCE_MAC = 32,
	AUDIENCE_MAX = 10000000,
	AUDIENCE_MAX_SEGMENTS = 4096,
};

struct audience_segment {
	char area[UNIT_CODE];
	uint32_t n;
	uint8_t *packed; /* n * AUDIENCE_NUMBER bytes, plain; owned */
};

struct audience {
	struct audience_segment *segments; /* by area code, then number */
	size_t n_segments, n;              /* recipients in all */
	size_t repeated;                   /* rows left out: the number stood there already */
	char digest[65];                   /* SHA-256 of "<area> <number>\n" of all, in order */
};

/* NAME is used in problems. Any bad row: SW_ECONF, all problems listed (at most 1,000). C's units judge area codes. */
int audience_parse(const char *name, const char *data, size_t len, const struct units *units,
	struct problems *p, struct audience *ret) SW_MUST_CHECK;
void audience_fini(struct audience *a);

/* "+8613800000001" <-> packed, flags 0 (those of a segment have bit 39). SW_EINVAL: no mobile number in normal form. */
int audience_pack(const char *phone, uint8_t ret[AUDIENCE_NUMBER]) SW_MUST_CHECK;
void audience_unpack(const uint8_t packed[AUDIENCE_NUMBER], char ret[16]);
/* <0, 0, >0, by number: flags do not count. */
int audience_compare(const uint8_t a[AUDIENCE_NUMBER], const uint8_t b[AUDIENCE_NUMBER]);
/* Index of PACKED among N sorted ones, -1: not there. Flags do not count. */
int64_t audience_search(const uint8_t *sorted, size_t n, const uint8_t packed[AUDIENCE_NUMBER]);

/* En- or decrypts LEN bytes that stand at byte offset FROM of the segment's string, in place. */
int audience_crypt(const struct seal_key *key, const uint8_t nonce[AUDIENCE_NONCE], size_t from,
	uint8_t *data, size_t len) SW_MUST_CHECK;
/* Over "<id>\n<segment>\n<area>\n", nonce and the whole ciphertext. */
int audience_mac(const struct seal_key *key, const char *id, unsigned segment, const char *area,
	const uint8_t nonce[AUDIENCE_NONCE], const uint8_t *sealed, size_t len,
	uint8_t ret[AUDIENCE_MAC]) SW_MUST_CHECK;

#endif
