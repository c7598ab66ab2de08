/*
 * tests/sim/wecom/crypto.h: the simulator's own signing and encryption of callbacks.
 *
 * Written from WeCom's document (90968) and apart from the bot's, so that an error of one shows against the other.
 */
#ifndef SW_TESTS_SIM_WECOM_CRYPTO_H
#define SW_TESTS_SIM_WECOM_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

#define SIMCRYPT_KEY_BYTES 32
#define SIMCRYPT_RANDOM_BYTES 16

struct simcrypt {
	uint8_t key[SIMCRYPT_KEY_BYTES];
	const char *token; /* borrowed */
};

/* EncodingAESKey: 43 characters of base64. SW_EINVAL otherwise. */
int simcrypt_init(
	struct simcrypt *c, const char *token, const char *encoding_aes_key) SW_MUST_CHECK;
/* msg_signature: lower-case hex. */
void simcrypt_sign(const struct simcrypt *c, const char *timestamp, const char *nonce,
	const char *encrypt, char ret[41]);
/* Appends base64 of the encryption of RANDOM, length, MSG, RECEIVE_ID to OUT. */
int simcrypt_encrypt(const struct simcrypt *c, const uint8_t random[SIMCRYPT_RANDOM_BYTES],
	const char *msg, size_t len, const char *receive_id, struct buf *out) SW_MUST_CHECK;
/* The reverse: appends the message to OUT. SW_EPROTO for whatever is wrong with ENCRYPT. */
int simcrypt_decrypt(const struct simcrypt *c, const char *encrypt, const char *receive_id,
	struct buf *out) SW_MUST_CHECK;

#endif
