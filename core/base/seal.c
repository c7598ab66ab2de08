/*
 * core/base/seal.c: AES-256-GCM with a random nonce per record.
 *
 * 96 random bits per record stay safe for some 2^32 records under one key; a campaign seals
 * thousands. The aad ties a record to its place, so that records cannot be swapped.
 */
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/seal.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, KEY_FILE_MAX = 4096 };

int seal_key_load(const char *file, struct seal_key *ret, struct sw_err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, KEY_FILE_MAX);
	rc = file_read_secret(file, &text, err);
	if (rc < 0)
		rc = SW_ECONF;
	else if (id_unhex(buf_str(&text), ret->bytes, sizeof(ret->bytes)) < 0)
		rc = err_set(err, SW_ECONF, "%s: a key is 64 hex digits", file);
	if (text.data)
		OPENSSL_cleanse(text.data, text.cap);
	buf_fini(&text);
	return rc;
}

static bool encrypt(EVP_CIPHER_CTX *ctx, const struct seal_key *key, const char *aad,
	const void *data, size_t len, uint8_t *sealed)
{
	uint8_t *body = sealed + NONCE_BYTES;
	int n;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, sealed) == 1 &&
	       EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) == 1 &&
	       EVP_EncryptUpdate(ctx, body, &n, data, (int)len) == 1 &&
	       EVP_EncryptFinal_ex(ctx, body + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, body + len) == 1;
}

static bool decrypt(EVP_CIPHER_CTX *ctx, const struct seal_key *key, const char *aad,
	const uint8_t *sealed, size_t len, uint8_t *plain)
{
	const uint8_t *body = sealed + NONCE_BYTES;
	uint8_t tag[TAG_BYTES];
	int n;

	memcpy(tag, body + len, sizeof(tag));
	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, sealed) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) == 1 &&
	       EVP_DecryptUpdate(ctx, plain, &n, body, (int)len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, plain + len, &n) == 1;
}

/* Takes back what was appended to OUT after START, leaving no plaintext behind. */
static void undo(struct buf *out, size_t start)
{
	OPENSSL_cleanse(out->data + start, out->len - start);
	out->len = start;
}

/* Appends LEN zero bytes to be written over. */
static int extend(struct buf *out, size_t len)
{
	static const uint8_t zeros[256];
	size_t start = out->len;
	int rc = out->error;

	while (len > 0 && rc == 0) {
		size_t n = len < sizeof(zeros) ? len : sizeof(zeros);

		rc = buf_add(out, zeros, n);
		len -= n;
	}
	if (rc < 0 && out->data)
		undo(out, start);
	return rc;
}

int seal_encrypt(
	const struct seal_key *key, const char *aad, const void *data, size_t len, struct buf *out)
{
	size_t start = out->len;
	EVP_CIPHER_CTX *ctx;
	int rc;

	if (len > INT_MAX - SEAL_OVERHEAD_BYTES)
		return SW_ELIMIT;
	rc = extend(out, len + SEAL_OVERHEAD_BYTES);
	if (rc < 0)
		return rc;
	ctx = EVP_CIPHER_CTX_new();
	id_random_bytes((uint8_t *)out->data + start, NONCE_BYTES);
	if (!ctx || !encrypt(ctx, key, aad, data, len, (uint8_t *)out->data + start)) {
		undo(out, start);
		rc = SW_ECRYPTO;
	}
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

int seal_decrypt(
	const struct seal_key *key, const char *aad, const void *data, size_t len, struct buf *out)
{
	size_t start = out->len;
	EVP_CIPHER_CTX *ctx;
	int rc;

	if (len < SEAL_OVERHEAD_BYTES || len > INT_MAX)
		return SW_ECRYPTO;
	len -= SEAL_OVERHEAD_BYTES;
	/* One byte more than the text, so that there is memory to write to when it is empty. */
	rc = buf_addc(out, 0);
	if (rc == 0)
		rc = extend(out, len);
	if (rc < 0)
		return rc;
	out->len = start + len;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || !decrypt(ctx, key, aad, data, len, (uint8_t *)out->data + start)) {
		undo(out, start);
		rc = SW_ECRYPTO;
	}
	out->data[out->len] = '\0';
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

static void derive_index_key(const struct seal_key *key, uint8_t ret[32])
{
	static const char label[] = "shouwang.index.v1";

	id_hmac_sha256(key->bytes, sizeof(key->bytes), label, sizeof(label) - 1, ret);
}

void seal_index(const struct seal_key *key, const char *phone, char ret_hex[65])
{
	uint8_t derived[32], mac[32];

	derive_index_key(key, derived);
	id_hmac_sha256(derived, sizeof(derived), phone, strlen(phone), mac);
	id_hex(mac, sizeof(mac), ret_hex);
	OPENSSL_cleanse(derived, sizeof(derived));
}

struct seal_indexer {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx; /* keyed: a start without a key uses it again */
};

struct seal_indexer *seal_indexer_create(const struct seal_key *key)
{
	struct seal_indexer *x = calloc(1, sizeof(*x));
	char sha256[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end()};
	uint8_t derived[32];
	int ok;

	if (!x)
		return NULL;
	x->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	x->ctx = x->mac ? EVP_MAC_CTX_new(x->mac) : NULL;
	derive_index_key(key, derived);
	ok = x->ctx && EVP_MAC_init(x->ctx, derived, sizeof(derived), params) == 1;
	OPENSSL_cleanse(derived, sizeof(derived));
	if (ok)
		return x;
	seal_indexer_destroy(x);
	return NULL;
}

void seal_indexer_destroy(struct seal_indexer *x)
{
	if (!x)
		return;
	EVP_MAC_CTX_free(x->ctx);
	EVP_MAC_free(x->mac);
	free(x);
}

int seal_indexer_get(struct seal_indexer *x, const char *phone, uint8_t ret[32])
{
	size_t n;

	if (EVP_MAC_init(x->ctx, NULL, 0, NULL) != 1 ||
		EVP_MAC_update(x->ctx, (const uint8_t *)phone, strlen(phone)) != 1 ||
		EVP_MAC_final(x->ctx, ret, &n, 32) != 1)
		return SW_ECRYPTO;
	return 0;
}
