/*
 * bot/wecom/crypto.h: signature and encryption of WeCom callbacks (document 90968).
 *
 * AES-256-CBC with a constant IV and PKCS#7 to a multiple of 32 bytes; the sender's name (corp id, or ""
 * for a smart robot) stands behind the message inside the cipher text. One object per key pair keeps its
 * contexts, so that a callback costs no lookup of an algorithm.
 */
#ifndef SW_BOT_WECOM_CRYPTO_H
#define SW_BOT_WECOM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

enum { WECOM_AES_KEY_CHARS = 43, WECOM_SIGNATURE_CHARS = 40, WECOM_RANDOM_BYTES = 16 };

struct wecom_crypto;

/* RECEIVE_ID "" for a smart robot. SW_ECONF: the token is empty or AES_KEY is not 43 base64 characters. */
int wecom_crypto_create(const char *token, const char *aes_key, const char *receive_id,
	struct wecom_crypto **ret, struct sw_err *err) SW_MUST_CHECK;
void wecom_crypto_destroy(struct wecom_crypto *c);

/* Lower-case hex of SHA-1 over the four strings in byte order, as they were received. */
int wecom_crypto_sign(struct wecom_crypto *c, const char *timestamp, const char *nonce,
	const char *encrypt, char ret[WECOM_SIGNATURE_CHARS + 1]) SW_MUST_CHECK;
/* Constant time; NULL arguments are simply wrong. */
bool wecom_crypto_verify(struct wecom_crypto *c, const char *signature, const char *timestamp,
	const char *nonce, const char *encrypt);
/*
 * Base64 cipher text to the message, appended to OUT. SW_ECRYPTO for whatever is wrong: the reason in ERR is
 * for the log, never for the peer. Call it only behind a good signature: it tells paddings apart by time.
 */
int wecom_crypto_decrypt(struct wecom_crypto *c, const char *encrypt, struct buf *out,
	struct sw_err *err) SW_MUST_CHECK;
/* The reverse, appended to OUT as base64. RANDOM: 16 fresh bytes. */
int wecom_crypto_encrypt(struct wecom_crypto *c, const uint8_t random[WECOM_RANDOM_BYTES],
	const void *msg, size_t len, struct buf *out) SW_MUST_CHECK;

#endif
