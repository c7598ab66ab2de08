/*
 * tests/unit/test_sim_wecom_crypto.c: the simulator's encryption against the worked vectors, apart from the bot's.
 *
 * A simulator is a program, not an archive: the test takes the one file it is about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/wecom/crypto.c"
#include "tests/unit/vectors.h"

static json_t *vectors;
static struct simcrypt crypt;

static int load(void **state)
{
	(void)state;
	vectors = vectors_load();
	return simcrypt_init(&crypt, vector_str(vectors, "token"), vector_str(vectors, "aes_key"));
}

static int unload(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static void encrypts_every_good_vector_byte_for_byte(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(json_object_get(vectors, "good")) >= 8);
	json_array_foreach(json_object_get(vectors, "good"), i, v)
	{
		const char *msg = vector_str(v, "message");
		struct buf out;

		buf_init(&out, 65536);
		assert_int_equal(simcrypt_encrypt(&crypt, (const uint8_t *)vector_str(v, "random"),
					 msg, strlen(msg), vector_str(v, "receive_id"), &out),
			0);
		assert_string_equal(buf_str(&out), vector_str(v, "encrypt"));
		buf_fini(&out);
	}
}

static void signs_every_vector_as_documented(void **state)
{
	static const char *const kinds[] = {"good", "bad"};
	const json_t *v;
	size_t i;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		json_array_foreach(json_object_get(vectors, kinds[k]), i, v)
		{
			char signature[41];

			simcrypt_sign(&crypt, vector_str(v, "timestamp"), vector_str(v, "nonce"),
				vector_str(v, "encrypt"), signature);
			assert_string_equal(signature, vector_str(v, "signature"));
		}
	}
}

static void decrypts_every_good_vector(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(vectors, "good"), i, v)
	{
		struct buf out;

		buf_init(&out, 65536);
		assert_int_equal(simcrypt_decrypt(&crypt, vector_str(v, "encrypt"),
					 vector_str(v, "receive_id"), &out),
			0);
		assert_string_equal(buf_str(&out), vector_str(v, "message"));
		buf_fini(&out);
	}
}

static void refuses_every_bad_vector_in_spite_of_its_signature(void **state)
{
	const json_t *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(json_object_get(vectors, "bad")) >= 8);
	json_array_foreach(json_object_get(vectors, "bad"), i, v)
	{
		struct buf out;

		buf_init(&out, 65536);
		assert_int_equal(simcrypt_decrypt(&crypt, vector_str(v, "encrypt"),
					 vector_str(vectors, "corp_id"), &out),
			SW_EPROTO);
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
}

static void a_message_for_another_receiver_is_refused(void **state)
{
	const json_t *v = json_array_get(json_object_get(vectors, "good"), 0);
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(simcrypt_decrypt(&crypt, vector_str(v, "encrypt"), "", &out), SW_EPROTO);
	buf_fini(&out);
}

static void a_key_of_another_length_is_refused(void **state)
{
	struct simcrypt c;

	(void)state;
	assert_int_equal(simcrypt_init(&c, "t", ""), SW_EINVAL);
	assert_int_equal(
		simcrypt_init(&c, "t", "ShouWang2022NeiMengGuLinLiShouWangHuZhuGua"), SW_EINVAL);
	assert_int_equal(
		simcrypt_init(&c, "t", "ShouWang2022NeiMengGuLinLiShouWangHuZhuGua*"), SW_EINVAL);
}

static void fresh_random_bytes_give_another_text_with_the_same_message(void **state)
{
	uint8_t one[SIMCRYPT_RANDOM_BYTES] = {1}, two[SIMCRYPT_RANDOM_BYTES] = {2};
	struct buf a, b, msg;

	(void)state;
	buf_init(&a, 4096);
	buf_init(&b, 4096);
	buf_init(&msg, 4096);
	assert_int_equal(simcrypt_encrypt(&crypt, one, "x", 1, "r", &a), 0);
	assert_int_equal(simcrypt_encrypt(&crypt, two, "x", 1, "r", &b), 0);
	assert_string_not_equal(buf_str(&a), buf_str(&b));
	assert_int_equal(simcrypt_decrypt(&crypt, buf_str(&b), "r", &msg), 0);
	assert_string_equal(buf_str(&msg), "x");
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_every_good_vector_byte_for_byte),
		cmocka_unit_test(signs_every_vector_as_documented),
		cmocka_unit_test(decrypts_every_good_vector),
		cmocka_unit_test(refuses_every_bad_vector_in_spite_of_its_signature),
		cmocka_unit_test(a_message_for_another_receiver_is_refused),
		cmocka_unit_test(a_key_of_another_length_is_refused),
		cmocka_unit_test(fresh_random_bytes_give_another_text_with_the_same_message),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
