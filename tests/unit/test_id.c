/* tests/unit/test_id.c: ids and digests against published or independently computed vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/id.h"

static void a_message_id_is_computed_from_its_parts(void **state)
{
	id_str id, other;

	(void)state;
	id_mid("job-2022-0820-gap", "sms", "C0001", "1", id);
	assert_string_equal(id, "7e7c3e54634a2504c5f2ccc590655aac");
	id_mid("job-2022-0820-gap", "sms", "C0001", "1.1", other);
	assert_string_not_equal(id, other);
}

static void an_event_id_is_computed_from_source_and_provider_id(void **state)
{
	id_str id;

	(void)state;
	id_event("wecom", "1234567890", id);
	assert_string_equal(id, "e165881cc60cc8fabe981af40e72cf82");
}

static void digests_match_the_standards(void **state)
{
	char hex[65];

	(void)state;
	id_sha1_hex("abc", 3, hex);
	assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
	id_sha256_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	id_sha256_hex("", 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_matches_rfc_4231_and_a_number(void **state)
{
	uint8_t key[32], mac[32];
	char hex[65];

	(void)state;
	id_hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, mac);
	id_hex(mac, 32, hex);
	assert_string_equal(
		hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	for (uint8_t i = 0; i < 32; i++)
		key[i] = i;
	id_hmac_sha256(key, 32, "+8613800138000", 14, mac);
	id_hex(mac, 32, hex);
	assert_string_equal(
		hex, "eee9810e7b839a5c52ae4093c2785f71089272caa6d14ea9956bc905af031e79");
}

static void crc32c_matches_its_check_value_and_chains(void **state)
{
	uint32_t crc;

	(void)state;
	assert_int_equal(id_crc32c(0, "123456789", 9), 0xe3069283);
	crc = id_crc32c(0, "1234", 4);
	assert_int_equal(id_crc32c(crc, "56789", 5), 0xe3069283);
	assert_int_equal(id_crc32c(0, "", 0), 0);
}

static void hex_is_read_only_when_whole(void **state)
{
	uint8_t b[2] = {9, 9};

	(void)state;
	assert_int_equal(id_unhex("fF0a", b, 2), 0);
	assert_int_equal(b[0], 0xff);
	assert_int_equal(b[1], 0x0a);
	assert_int_equal(id_unhex("ff0", b, 2), SW_EINVAL);
	assert_int_equal(id_unhex("ff0a00", b, 2), SW_EINVAL);
	assert_int_equal(id_unhex("ffg0", b, 2), SW_EINVAL);
	assert_int_equal(id_unhex("", b, 2), SW_EINVAL);
	assert_int_equal(b[0], 0xff);
}

static void base64_matches_rfc_4648(void **state)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		buf_reset(&b);
		assert_int_equal(id_base64(&b, pairs[i][0], strlen(pairs[i][0])), 0);
		assert_string_equal(buf_str(&b), pairs[i][1]);
		buf_reset(&b);
		assert_int_equal(id_unbase64(&b, pairs[i][1], strlen(pairs[i][1]), true), 0);
		assert_string_equal(buf_str(&b), pairs[i][0]);
	}
	buf_fini(&b);
}

static void long_data_survives_base64(void **state)
{
	uint8_t data[1000];
	struct buf text, back;

	(void)state;
	id_random_bytes(data, sizeof(data));
	buf_init(&text, 2000);
	buf_init(&back, 2000);
	assert_int_equal(id_base64(&text, data, sizeof(data)), 0);
	assert_int_equal(text.len, 1336);
	assert_int_equal(id_unbase64(&back, text.data, text.len, true), 0);
	assert_int_equal(back.len, sizeof(data));
	assert_memory_equal(back.data, data, sizeof(data));
	buf_fini(&text);
	buf_fini(&back);
}

static void strict_base64_refuses_what_lenient_accepts(void **state)
{
	static const char *const sloppy[] = {"Zg", "Zm8", "Zh==", "Zm9="};
	static const char *const broken[] = {
		"Z", "Zg=", "=", "Zm9v=", "Zm9vZ", "Z===", "Zm 8", "Zm-v", "Zg==Zg=="};
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(sloppy); i++) {
		assert_int_equal(id_unbase64(&b, sloppy[i], strlen(sloppy[i]), true), SW_EINVAL);
		assert_int_equal(id_unbase64(&b, sloppy[i], strlen(sloppy[i]), false), 0);
	}
	buf_reset(&b);
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_int_equal(id_unbase64(&b, broken[i], strlen(broken[i]), true), SW_EINVAL);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void an_encoding_key_of_43_characters_gives_32_bytes(void **state)
{
	/* The last character's two spare bits are set, as WeCom's may be. */
	static const char key[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFH";
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(id_unbase64(&b, key, strlen(key), false), 0);
	assert_int_equal(b.len, 32);
	buf_fini(&b);
}

static void random_ids_differ(void **state)
{
	char a[101], b[101];

	(void)state;
	id_random_hex(50, a);
	id_random_hex(50, b);
	assert_int_equal(strlen(a), 100);
	assert_int_equal(strspn(a, "0123456789abcdef"), 100);
	assert_string_not_equal(a, b);
}

static void equality_needs_equal_lengths(void **state)
{
	(void)state;
	assert_true(id_equal("abc", "abc"));
	assert_false(id_equal("abc", "abd"));
	assert_false(id_equal("abc", "ab"));
	assert_true(id_equal("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_id_is_computed_from_its_parts),
		cmocka_unit_test(an_event_id_is_computed_from_source_and_provider_id),
		cmocka_unit_test(digests_match_the_standards),
		cmocka_unit_test(hmac_matches_rfc_4231_and_a_number),
		cmocka_unit_test(crc32c_matches_its_check_value_and_chains),
		cmocka_unit_test(hex_is_read_only_when_whole),
		cmocka_unit_test(base64_matches_rfc_4648),
		cmocka_unit_test(long_data_survives_base64),
		cmocka_unit_test(strict_base64_refuses_what_lenient_accepts),
		cmocka_unit_test(an_encoding_key_of_43_characters_gives_32_bytes),
		cmocka_unit_test(random_ids_differ),
		cmocka_unit_test(equality_needs_equal_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
