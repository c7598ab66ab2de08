/*
 * core/base/seal.h: AES-256-GCM of small records at rest (contacts' numbers, spool records).
 *
 * A key is 32 bytes in a file of mode 0600 as 64 hex digits. A sealed record is
 * nonce(12, random) | ciphertext | tag(16).
 */
#ifndef SW_CORE_BASE_SEAL_H
#define SW_CORE_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

#define SEAL_KEY_BYTES 32
#define SEAL_OVERHEAD_BYTES 28

struct seal_key {
	uint8_t bytes[SEAL_KEY_BYTES];
};

/* SW_ECONF when the file is missing, readable by others, or not 64 hex digits. */
int seal_key_load(const char *file, struct seal_key *ret, struct sw_err *err) SW_MUST_CHECK;
int seal_encrypt(const struct seal_key *key, const char *aad, const void *data, size_t len,
	struct buf *out) SW_MUST_CHECK;
/* SW_ECRYPTO when key, aad or data do not fit. */
int seal_decrypt(const struct seal_key *key, const char *aad, const void *data, size_t len,
	struct buf *out) SW_MUST_CHECK;
/* Keyed index of a phone number in normal form (+86..): HMAC-SHA-256 under a key derived from KEY. */
void seal_index(const struct seal_key *key, const char *phone, char ret_hex[65]);

/* The same of many numbers, in a tenth of the time; one per thread. NULL on failure. */
struct seal_indexer;
struct seal_indexer *seal_indexer_create(const struct seal_key *key);
void seal_indexer_destroy(struct seal_indexer *x);
int seal_indexer_get(struct seal_indexer *x, const char *phone, uint8_t ret[32]) SW_MUST_CHECK;

#endif
