/*
 * bot/wecom/crypto.c: OpenSSL's EVP with its padding switched off, because it knows only 16-byte blocks.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bot/wecom/crypto.h"
#include "core/base/id.h"
#include "core/base/text.h"

/* random[16] and the length in 4 bytes stand before the message. */
enum { HEAD_BYTES = 20, BLOCK = 32, KEY_BYTES = 32, IV_BYTES = 16 };
/* The listener takes no longer body. */
enum { MAX_BYTES = 64 * 1024, MAX_TOKEN = 64, MAX_RECEIVE_ID = 128 };

#define BASE64_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

struct wecom_crypto {
	char token[MAX_TOKEN + 1];
	char receive_id[MAX_RECEIVE_ID + 1];
	uint8_t key[KEY_BYTES];
	EVP_MD *sha1;
	EVP_MD_CTX *digest;
	EVP_CIPHER *aes;
	EVP_CIPHER_CTX *decrypt, *encrypt; /* keyed; only the IV is set again */
	uint8_t scratch[MAX_BYTES];        /* cipher text, then plain text */
};

/* The last of the 43 characters carries two spare bits, which may be anything. */
static int key_decode(const char *text, uint8_t key[KEY_BYTES])
{
	struct buf b;
	int rc = SW_EINVAL;

	buf_init(&b, KEY_BYTES);
	if (strlen(text) == WECOM_AES_KEY_CHARS &&
		strspn(text, BASE64_DIGITS) == WECOM_AES_KEY_CHARS)
		rc = id_unbase64(&b, text, WECOM_AES_KEY_CHARS, false);
	if (rc == 0 && b.len == KEY_BYTES)
		memcpy(key, b.data, KEY_BYTES);
	else
		rc = SW_EINVAL;
	if (b.data)
		OPENSSL_cleanse(b.data, b.len);
	buf_fini(&b);
	return rc;
}

static int contexts_open(struct wecom_crypto *c)
{
	c->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	c->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	c->digest = EVP_MD_CTX_new();
	c->decrypt = EVP_CIPHER_CTX_new();
	c->encrypt = EVP_CIPHER_CTX_new();
	if (!c->sha1 || !c->aes || !c->digest || !c->decrypt || !c->encrypt)
		return -ENOMEM;
	if (EVP_DecryptInit_ex2(c->decrypt, c->aes, c->key, c->key, NULL) != 1 ||
		EVP_EncryptInit_ex2(c->encrypt, c->aes, c->key, c->key, NULL) != 1)
		return SW_ECRYPTO;
	return 0;
}

int wecom_crypto_create(const char *token, const char *aes_key, const char *receive_id,
	struct wecom_crypto **ret, struct sw_err *err)
{
	struct wecom_crypto *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	if (!*token || text_copy(c->token, sizeof(c->token), token) < 0)
		rc = err_set(err, SW_ECONF, "the callback's token must have 1 to %d characters",
			MAX_TOKEN);
	else if (text_copy(c->receive_id, sizeof(c->receive_id), receive_id) < 0)
		rc = err_set(
			err, SW_ECONF, "the corp id is longer than %d characters", MAX_RECEIVE_ID);
	else if (key_decode(aes_key, c->key) < 0)
		rc = err_set(err, SW_ECONF, "EncodingAESKey must be 43 letters and digits");
	else if ((rc = contexts_open(c)) < 0)
		err_set(err, rc, "OpenSSL does not offer SHA-1 and AES-256-CBC");
	if (rc < 0) {
		wecom_crypto_destroy(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void wecom_crypto_destroy(struct wecom_crypto *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->encrypt);
	EVP_CIPHER_CTX_free(c->decrypt);
	EVP_MD_CTX_free(c->digest);
	EVP_CIPHER_free(c->aes);
	EVP_MD_free(c->sha1);
	OPENSSL_cleanse(c, sizeof(*c));
	free(c);
}

int wecom_crypto_sign(struct wecom_crypto *c, const char *timestamp, const char *nonce,
	const char *encrypt, char ret[WECOM_SIGNATURE_CHARS + 1])
{
	const char *part[4] = {c->token, timestamp, nonce, encrypt};
	uint8_t sum[EVP_MAX_MD_SIZE];

	for (size_t i = 1; i < ARRAY_LEN(part); i++) {
		for (size_t k = i; k > 0 && strcmp(part[k - 1], part[k]) > 0; k--) {
			const char *t = part[k];

			part[k] = part[k - 1];
			part[k - 1] = t;
		}
	}
	if (EVP_DigestInit_ex2(c->digest, c->sha1, NULL) != 1)
		return SW_ECRYPTO;
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		if (EVP_DigestUpdate(c->digest, part[i], strlen(part[i])) != 1)
			return SW_ECRYPTO;
	}
	if (EVP_DigestFinal_ex(c->digest, sum, NULL) != 1)
		return SW_ECRYPTO;
	id_hex(sum, WECOM_SIGNATURE_CHARS / 2, ret);
	return 0;
}

bool wecom_crypto_verify(struct wecom_crypto *c, const char *signature, const char *timestamp,
	const char *nonce, const char *encrypt)
{
	char want[WECOM_SIGNATURE_CHARS + 1];

	if (!signature || !timestamp || !nonce || !encrypt ||
		strlen(signature) != WECOM_SIGNATURE_CHARS)
		return false;
	if (wecom_crypto_sign(c, timestamp, nonce, encrypt, want) < 0)
		return false;
	return CRYPTO_memcmp(want, signature, WECOM_SIGNATURE_CHARS) == 0;
}

/* Removes PKCS#7 padding of 1..32 bytes; the length without it, 0 when it is wrong. */
static size_t unpad(const uint8_t *plain, size_t len)
{
	size_t pad = plain[len - 1];

	if (pad < 1 || pad > BLOCK || pad > len)
		return 0;
	for (size_t i = len - pad; i < len; i++) {
		if (plain[i] != pad)
			return 0;
	}
	return len - pad;
}

/* Splits the plain text and appends the message. */
static int take_message(struct wecom_crypto *c, const uint8_t *plain, size_t padded_len,
	struct buf *out, struct sw_err *err)
{
	size_t len = unpad(plain, padded_len);
	size_t id_len = strlen(c->receive_id);
	uint64_t msg_len;

	if (len < HEAD_BYTES)
		return err_set(err, SW_ECRYPTO, "bad padding or too short");
	msg_len = (uint64_t)plain[16] << 24 | (uint64_t)plain[17] << 16 | (uint64_t)plain[18] << 8 |
		  plain[19];
	if (msg_len > len - HEAD_BYTES)
		return err_set(err, SW_ECRYPTO, "message length beyond the plain text");
	if (len - HEAD_BYTES - msg_len != id_len ||
		CRYPTO_memcmp(plain + HEAD_BYTES + msg_len, c->receive_id, id_len) != 0)
		return err_set(err, SW_ECRYPTO, "meant for another receiver");
	return buf_add(out, plain + HEAD_BYTES, (size_t)msg_len);
}

/*
 * Base64 into SCRATCH. EVP_DecodeBlock() is three times as fast as a decoder that looks at each character, but
 * reads '=' as a zero anywhere and counts it: what it may not see is refused before. The number of bytes, 0: no
 * base64.
 */
static size_t decode(struct wecom_crypto *c, const char *encrypt)
{
	size_t len = strlen(encrypt);
	size_t body = strspn(encrypt, BASE64_DIGITS);
	size_t pad = len - body;

	if (len == 0 || len % 4 != 0 || len > sizeof(c->scratch) || pad > 2 ||
		strspn(encrypt + body, "=") != pad)
		return 0;
	if (EVP_DecodeBlock(c->scratch, (const uint8_t *)encrypt, (int)len) < 0)
		return 0;
	return len / 4 * 3 - pad;
}

int wecom_crypto_decrypt(
	struct wecom_crypto *c, const char *encrypt, struct buf *out, struct sw_err *err)
{
	size_t len = decode(c, encrypt);
	uint8_t *data = c->scratch;
	int n = 0, rest = 0;

	if (len == 0)
		return err_set(err, SW_ECRYPTO, "no base64");
	if (len % BLOCK != 0)
		return err_set(err, SW_ECRYPTO, "cipher text is no multiple of %d bytes", BLOCK);
	/* CBC may be decrypted in place; without OpenSSL's padding as many bytes come out as went in. */
	if (EVP_DecryptInit_ex2(c->decrypt, NULL, NULL, c->key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(c->decrypt, 0) != 1 ||
		EVP_DecryptUpdate(c->decrypt, data, &n, data, (int)len) != 1 ||
		EVP_DecryptFinal_ex(c->decrypt, data + n, &rest) != 1 || (size_t)(n + rest) != len)
		return err_set(err, SW_ECRYPTO, "cannot be decrypted");
	return take_message(c, data, len, out, err);
}

int wecom_crypto_encrypt(struct wecom_crypto *c, const uint8_t random[WECOM_RANDOM_BYTES],
	const void *msg, size_t len, struct buf *out)
{
	const uint8_t be[4] = {
		(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
	size_t id_len = strlen(c->receive_id), pad, plain;
	uint8_t *data = c->scratch;
	int n = 0, rest = 0;

	if (len > sizeof(c->scratch) - HEAD_BYTES - MAX_RECEIVE_ID - BLOCK)
		return SW_ELIMIT;
	plain = HEAD_BYTES + len + id_len;
	pad = BLOCK - plain % BLOCK;
	memcpy(data, random, WECOM_RANDOM_BYTES);
	memcpy(data + WECOM_RANDOM_BYTES, be, sizeof(be));
	memcpy(data + HEAD_BYTES, msg, len);
	memcpy(data + HEAD_BYTES + len, c->receive_id, id_len);
	memset(data + plain, (int)pad, pad);
	if (EVP_EncryptInit_ex2(c->encrypt, NULL, NULL, c->key, NULL) != 1 ||
		EVP_CIPHER_CTX_set_padding(c->encrypt, 0) != 1 ||
		EVP_EncryptUpdate(c->encrypt, data, &n, data, (int)(plain + pad)) != 1 ||
		EVP_EncryptFinal_ex(c->encrypt, data + n, &rest) != 1)
		return SW_ECRYPTO;
	return id_base64(out, data, (size_t)(n + rest));
}
