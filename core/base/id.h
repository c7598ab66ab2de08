/*
 * core/base/id.h: computed and random identifiers, digests, hex and base64.
 *
 * A message id is computed, never drawn, so planning the same thing twice creates nothing new.
 */
#ifndef SW_CORE_BASE_ID_H
#define SW_CORE_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

#define ID_HEX 32 /* hex digits of a mid or event id */
typedef char id_str[ID_HEX + 1];

void id_sha256(const void *data, size_t len, uint8_t ret[32]);
void id_sha1_hex(const void *data, size_t len, char ret[41]);
void id_sha256_hex(const void *data, size_t len, char ret[65]);
void id_hmac_sha256(
	const uint8_t *key, size_t key_len, const void *data, size_t len, uint8_t ret[32]);

/* hex(SHA-256("shouwang.mid.v1\n" job "\n" channel "\n" recipient "\n" revision)[0..15]) */
void id_mid(const char *job, const char *channel, const char *recipient, const char *revision,
	id_str ret);
/* first 32 hex of SHA-256("shouwang.in.v1\n" source "\n" provider_id) */
void id_event(const char *source, const char *provider_id, id_str ret);

/* 2*N hex digits plus NUL of N random bytes; aborts the process when the system has no randomness. */
void id_random_hex(size_t n_bytes, char *ret);
void id_random_bytes(uint8_t *ret, size_t n);

void id_hex(const uint8_t *data, size_t len, char *ret); /* 2*len+1 bytes */
/* Both cases accepted. SW_EINVAL unless exactly 2*LEN digits. */
int id_unhex(const char *hex, uint8_t *ret, size_t len) SW_MUST_CHECK;
int id_base64(struct buf *out, const void *data, size_t len);
/* Standard alphabet; padding required when STRICT, else missing '=' and non-zero spare bits are accepted. */
int id_unbase64(struct buf *out, const char *s, size_t len, bool strict) SW_MUST_CHECK;
/* CRC-32C (Castagnoli, reflected 0x82F63B78): "123456789" -> 0xe3069283 */
uint32_t id_crc32c(uint32_t crc, const void *data, size_t len);
/* Constant time for equal lengths. */
bool id_equal(const char *a, const char *b);

#endif
