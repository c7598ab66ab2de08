/*
 * tests/unit/test_wecom_crypto.c: the worked vectors, and what a forger might try.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/wecom/crypto.h"
#include "tests/unit/vectors.h"

static struct wecom_crypto *crypto_for(const json_t *vectors, const char *receive_id)
{
	struct wecom_crypto *c;

	assert_int_equal(wecom_crypto_create(vector_str(vectors, "token"),
				 vector_str(vectors, "aes_key"), receive_id, &c, NULL),
		0);
	return c;
}

static void good_vectors_verify_and_decrypt(void **state)
{
	json_t *vectors = vectors_load();
	const json_t *v;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(vectors, "good")), 8);
	json_array_foreach(json_object_get(vectors, "good"), i, v)
	{
		struct wecom_crypto *c = crypto_for(vectors, vector_str(v, "receive_id"));
		struct buf out;

		buf_init(&out, 65536);
		assert_true(wecom_crypto_verify(c, vector_str(v, "signature"),
			vector_str(v, "timestamp"), vector_str(v, "nonce"),
			vector_str(v, "encrypt")));
		assert_int_equal(wecom_crypto_decrypt(c, vector_str(v, "encrypt"), &out, NULL), 0);
		assert_string_equal(buf_str(&out), vector_str(v, "message"));
		buf_fini(&out);
		wecom_crypto_destroy(c);
	}
	json_decref(vectors);
}

static void encrypting_reproduces_the_vectors(void **state)
{
	json_t *vectors = vectors_load();
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(vectors, "good"), i, v)
	{
		struct wecom_crypto *c = crypto_for(vectors, vector_str(v, "receive_id"));
		const char *msg = vector_str(v, "message");
		uint8_t random[WECOM_RANDOM_BYTES];
		struct buf out;

		memcpy(random, vector_str(v, "random"), sizeof(random));
		buf_init(&out, 65536);
		assert_int_equal(wecom_crypto_encrypt(c, random, msg, strlen(msg), &out), 0);
		assert_string_equal(buf_str(&out), vector_str(v, "encrypt"));
		buf_fini(&out);
		wecom_crypto_destroy(c);
	}
	json_decref(vectors);
}

static void bad_vectors_are_signed_well_and_still_refused(void **state)
{
	json_t *vectors = vectors_load();
	struct wecom_crypto *c = crypto_for(vectors, vector_str(vectors, "corp_id"));
	const json_t *v;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(vectors, "bad")), 8);
	json_array_foreach(json_object_get(vectors, "bad"), i, v)
	{
		struct sw_err err = {0};
		struct buf out;

		buf_init(&out, 65536);
		assert_true(wecom_crypto_verify(c, vector_str(v, "signature"),
			vector_str(v, "timestamp"), vector_str(v, "nonce"),
			vector_str(v, "encrypt")));
		if (wecom_crypto_decrypt(c, vector_str(v, "encrypt"), &out, &err) != SW_ECRYPTO)
			fail_msg("accepted: %s", vector_str(v, "name"));
		assert_int_equal(out.len, 0);
		assert_true(err.text[0]);
		buf_fini(&out);
	}
	wecom_crypto_destroy(c);
	json_decref(vectors);
}

static void vendors_own_sample_verifies(void **state)
{
	struct wecom_crypto *c;
	char got[WECOM_SIGNATURE_CHARS + 1];
	/* Published with the vendor's libraries; only the signature of its cipher text is checked here. */
	static const char encrypt[] =
		"RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/"
		"0lWfrf0QADHHhGd3Qc"
		"zcdCUpj911L3vg3W/"
		"sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs"
		"8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+"
		"LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4z"
		"G4LUMnvw2r+KqCKIw+3IQH03v+"
		"BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS"
		"0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/"
		"T8Z1ptDAV"
		"e0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==";

	(void)state;
	assert_int_equal(
		wecom_crypto_create("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
			"wx5823bf96d3bd56c7", &c, NULL),
		0);
	assert_int_equal(wecom_crypto_sign(c, "1409659813", "1372623149", encrypt, got), 0);
	assert_string_equal(got, "477715d11cdb4164915debcba66cb864d751f3e6");
	wecom_crypto_destroy(c);
}

static void changed_inputs_fail_the_signature(void **state)
{
	json_t *vectors = vectors_load();
	const json_t *v = vector_get(vectors, "good", "text");
	struct wecom_crypto *c = crypto_for(vectors, vector_str(vectors, "corp_id"));
	const char *sig = vector_str(v, "signature"), *ts = vector_str(v, "timestamp");
	const char *nonce = vector_str(v, "nonce"), *encrypt = vector_str(v, "encrypt");
	char upper[WECOM_SIGNATURE_CHARS + 1];

	(void)state;
	assert_true(wecom_crypto_verify(c, sig, ts, nonce, encrypt));
	assert_false(wecom_crypto_verify(c, sig, "1663913106", nonce, encrypt));
	assert_false(wecom_crypto_verify(c, sig, ts, "1", encrypt));
	assert_false(wecom_crypto_verify(c, sig, ts, nonce, encrypt + 1));
	assert_false(wecom_crypto_verify(c, "", ts, nonce, encrypt));
	assert_false(wecom_crypto_verify(c, NULL, ts, nonce, encrypt));
	assert_false(wecom_crypto_verify(c, sig, NULL, nonce, encrypt));
	assert_false(wecom_crypto_verify(c, sig, ts, NULL, encrypt));
	assert_false(wecom_crypto_verify(c, sig, ts, nonce, NULL));
	for (size_t i = 0; i <= WECOM_SIGNATURE_CHARS; i++)
		upper[i] = sig[i] >= 'a' && sig[i] <= 'f' ? (char)(sig[i] & ~0x20) : sig[i];
	assert_false(wecom_crypto_verify(c, upper, ts, nonce, encrypt));
	wecom_crypto_destroy(c);
	json_decref(vectors);
}

static void garbage_is_no_cipher_text(void **state)
{
	static const char *const bad[] = {"", "====", "A", "AAAA", "not base64 at all",
		"AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=AAAA",
		"\xff\xfe"};
	json_t *vectors = vectors_load();
	struct wecom_crypto *c = crypto_for(vectors, "");
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(wecom_crypto_decrypt(c, bad[i], &out, NULL), SW_ECRYPTO);
	buf_fini(&out);
	wecom_crypto_destroy(c);
	json_decref(vectors);
}

static void smart_robot_and_application_do_not_take_each_others(void **state)
{
	json_t *vectors = vectors_load();
	struct wecom_crypto *app = crypto_for(vectors, vector_str(vectors, "corp_id"));
	struct wecom_crypto *robot = crypto_for(vectors, "");
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(
		wecom_crypto_decrypt(robot,
			vector_str(vector_get(vectors, "good", "text"), "encrypt"), &out, NULL),
		SW_ECRYPTO);
	assert_int_equal(wecom_crypto_decrypt(app,
				 vector_str(vector_get(vectors, "good", "aibot_json"), "encrypt"),
				 &out, NULL),
		SW_ECRYPTO);
	buf_fini(&out);
	wecom_crypto_destroy(app);
	wecom_crypto_destroy(robot);
	json_decref(vectors);
}

static void every_length_survives_the_round_trip(void **state)
{
	json_t *vectors = vectors_load();
	struct wecom_crypto *c = crypto_for(vectors, "corp");
	const uint8_t random[WECOM_RANDOM_BYTES] = {1, 2, 3};
	char msg[100];
	struct buf encrypted, out;

	(void)state;
	memset(msg, 'm', sizeof(msg));
	buf_init(&encrypted, 4096);
	buf_init(&out, 4096);
	for (size_t len = 0; len <= sizeof(msg); len++) {
		buf_reset(&encrypted);
		buf_reset(&out);
		assert_int_equal(wecom_crypto_encrypt(c, random, msg, len, &encrypted), 0);
		assert_int_equal(wecom_crypto_decrypt(c, buf_str(&encrypted), &out, NULL), 0);
		assert_int_equal(out.len, len);
	}
	buf_fini(&out);
	buf_fini(&encrypted);
	wecom_crypto_destroy(c);
	json_decref(vectors);
}

static void bad_keys_are_a_configuration_error(void **state)
{
	static const char good[] = "ShouWang2022NeiMengGuLinLiShouWangHuZhuGuaB";
	struct wecom_crypto *c = NULL;
	struct sw_err err = {0};

	(void)state;
	assert_int_equal(wecom_crypto_create("", good, "", &c, &err), SW_ECONF);
	assert_int_equal(wecom_crypto_create("t", "short", "", &c, &err), SW_ECONF);
	assert_int_equal(wecom_crypto_create(
				 "t", "ShouWang2022NeiMengGuLinLiShouWangHuZhuGua!", "", &c, &err),
		SW_ECONF);
	assert_int_equal(wecom_crypto_create(
				 "t", "ShouWang2022NeiMengGuLinLiShouWangHuZhuGuaBB", "", &c, &err),
		SW_ECONF);
	assert_null(strstr(err.text, "ShouWang"));
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_vectors_verify_and_decrypt),
		cmocka_unit_test(encrypting_reproduces_the_vectors),
		cmocka_unit_test(bad_vectors_are_signed_well_and_still_refused),
		cmocka_unit_test(vendors_own_sample_verifies),
		cmocka_unit_test(changed_inputs_fail_the_signature),
		cmocka_unit_test(garbage_is_no_cipher_text),
		cmocka_unit_test(smart_robot_and_application_do_not_take_each_others),
		cmocka_unit_test(every_length_survives_the_round_trip),
		cmocka_unit_test(bad_keys_are_a_configuration_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
