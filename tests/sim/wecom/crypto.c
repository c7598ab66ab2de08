/*
 * tests/sim/wecom/crypto.c: AES-256-CBC as WeCom uses it: IV = first half of the key, padding to 32 bytes.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "tests/sim/wecom/crypto.h"

enum { KEY_CHARS = 43, BLOCK = 32, HEAD = SIMCRYPT_RANDOM_BYTES + 4 };

int simcrypt_init(struct simcrypt *c, const char *token, const char *encoding_aes_key)
{
	struct buf raw;
	int rc;

	buf_init(&raw, 64);
	rc = strlen(encoding_aes_key) == KEY_CHARS
		     ? id_unbase64(&raw, encoding_aes_key, KEY_CHARS, false)
		     : SW_EINVAL;
	if (rc == 0 && raw.len != SIMCRYPT_KEY_BYTES)
		rc = SW_EINVAL;
	if (rc == 0) {
		memcpy(c->key, raw.data, SIMCRYPT_KEY_BYTES);
		c->token = token;
	}
	buf_fini(&raw);
	return rc < 0 ? SW_EINVAL : 0;
}

static int by_bytes(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

void simcrypt_sign(const struct simcrypt *c, const char *timestamp, const char *nonce,
	const char *encrypt, char ret[41])
{
	const char *parts[] = {c->token, timestamp, nonce, encrypt};
	struct buf joined;

	qsort(parts, ARRAY_LEN(parts), sizeof(parts[0]), by_bytes);
	buf_init(&joined, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		buf_adds(&joined, parts[i]);
	id_sha1_hex(buf_str(&joined), joined.len, ret);
	buf_fini(&joined);
}

/* One pass of the cipher over whole blocks, without the library's own padding. */
static int run_cipher(
	const struct simcrypt *c, int encrypting, const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, rest = 0, ok;

	ok = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, c->key, c->key, encrypting) &&
	     EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_CipherUpdate(ctx, out, &n, in, (int)len) &&
	     EVP_CipherFinal_ex(ctx, out + n, &rest) && (size_t)(n + rest) == len;
	EVP_CIPHER_CTX_free(ctx);
	return ok ? 0 : SW_ECRYPTO;
}

int simcrypt_encrypt(const struct simcrypt *c, const uint8_t random[SIMCRYPT_RANDOM_BYTES],
	const char *msg, size_t len, const char *receive_id, struct buf *out)
{
	const uint8_t size[4] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
	struct buf plain;
	uint8_t *cipher;
	size_t pad;
	int rc;

	buf_init(&plain, 1 << 20);
	buf_add(&plain, random, SIMCRYPT_RANDOM_BYTES);
	buf_add(&plain, size, sizeof(size));
	buf_add(&plain, msg, len);
	buf_adds(&plain, receive_id);
	pad = BLOCK - plain.len % BLOCK;
	for (size_t i = 0; i < pad; i++)
		buf_addc(&plain, (char)pad);
	rc = plain.error;
	cipher = rc == 0 ? malloc(plain.len) : NULL;
	if (rc == 0 && !cipher)
		rc = SW_ELIMIT;
	if (rc == 0)
		rc = run_cipher(c, 1, (const uint8_t *)plain.data, plain.len, cipher);
	if (rc == 0)
		rc = id_base64(out, cipher, plain.len);
	free(cipher);
	buf_fini(&plain);
	return rc;
}

/* Finds the message in a decrypted text. */
static int open_plain(
	const uint8_t *p, size_t len, const char *receive_id, const uint8_t **ret, size_t *ret_len)
{
	size_t pad = p[len - 1], msg_len;

	if (pad < 1 || pad > BLOCK || pad > len)
		return SW_EPROTO;
	for (size_t i = len - pad; i < len; i++)
		if (p[i] != pad)
			return SW_EPROTO;
	len -= pad;
	if (len < HEAD)
		return SW_EPROTO;
	msg_len = (size_t)p[16] << 24 | (size_t)p[17] << 16 | (size_t)p[18] << 8 | p[19];
	if (msg_len > len - HEAD || len - HEAD - msg_len != strlen(receive_id) ||
		memcmp(p + HEAD + msg_len, receive_id, strlen(receive_id)) != 0)
		return SW_EPROTO;
	*ret = p + HEAD;
	*ret_len = msg_len;
	return 0;
}

int simcrypt_decrypt(
	const struct simcrypt *c, const char *encrypt, const char *receive_id, struct buf *out)
{
	const uint8_t *msg = NULL;
	uint8_t *plain = NULL;
	size_t msg_len = 0;
	struct buf cipher;
	int rc;

	buf_init(&cipher, 1 << 20);
	rc = id_unbase64(&cipher, encrypt, strlen(encrypt), true);
	if (rc == 0 && (cipher.len == 0 || cipher.len % BLOCK != 0))
		rc = SW_EPROTO;
	if (rc == 0) {
		plain = malloc(cipher.len);
		rc = plain ? run_cipher(c, 0, (const uint8_t *)cipher.data, cipher.len, plain)
			   : SW_ELIMIT;
	}
	if (rc == 0)
		rc = open_plain(plain, cipher.len, receive_id, &msg, &msg_len);
	if (rc == 0)
		rc = buf_add(out, msg, msg_len);
	free(plain);
	buf_fini(&cipher);
	return rc < 0 ? SW_EPROTO : 0;
}
