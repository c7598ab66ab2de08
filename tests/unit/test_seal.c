/* tests/unit/test_seal.c: sealed records open with their key and place only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/seal.h"

static const char aad[] = "phone:v1:C0001";
static const char phone[] = "+8613800138000";

static struct seal_key test_key(void)
{
	struct seal_key k;

	for (uint8_t i = 0; i < SEAL_KEY_BYTES; i++)
		k.bytes[i] = i;
	return k;
}

static void a_published_record_opens(void **state)
{
	static const char record_hex[] = "000000000000000000000001"
					 "3eee89cd77cc002e3f1d6909dc96"
					 "fb7232fc1d2a3bc0ee7c673279f82d58";
	struct seal_key k = test_key();
	uint8_t record[sizeof(record_hex) / 2];
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(id_unhex(record_hex, record, sizeof(record)), 0);
	assert_int_equal(seal_decrypt(&k, aad, record, sizeof(record), &out), 0);
	assert_string_equal(buf_str(&out), phone);
	buf_fini(&out);
}

static void what_is_sealed_opens_and_never_looks_the_same(void **state)
{
	struct seal_key k = test_key();
	struct buf a, b, out;

	(void)state;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	buf_init(&out, 1000);
	assert_int_equal(seal_encrypt(&k, aad, phone, strlen(phone), &a), 0);
	assert_int_equal(seal_encrypt(&k, aad, phone, strlen(phone), &b), 0);
	assert_int_equal(a.len, strlen(phone) + SEAL_OVERHEAD_BYTES);
	assert_memory_not_equal(a.data, b.data, a.len);
	assert_int_equal(buf_adds(&out, "x="), 0);
	assert_int_equal(seal_decrypt(&k, aad, a.data, a.len, &out), 0);
	assert_string_equal(buf_str(&out), "x=+8613800138000");
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&out);
}

static void an_empty_text_can_be_sealed(void **state)
{
	struct seal_key k = test_key();
	struct buf sealed, out;

	(void)state;
	buf_init(&sealed, SEAL_OVERHEAD_BYTES);
	buf_init(&out, 10);
	assert_int_equal(seal_encrypt(&k, "", "", 0, &sealed), 0);
	assert_int_equal(sealed.len, SEAL_OVERHEAD_BYTES);
	assert_int_equal(seal_decrypt(&k, "", sealed.data, sealed.len, &out), 0);
	assert_int_equal(out.len, 0);
	buf_fini(&sealed);
	buf_fini(&out);
}

static void every_changed_byte_is_noticed(void **state)
{
	struct seal_key k = test_key();
	struct buf sealed, out;

	(void)state;
	buf_init(&sealed, 1000);
	buf_init(&out, 1000);
	assert_int_equal(seal_encrypt(&k, aad, phone, strlen(phone), &sealed), 0);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(seal_decrypt(&k, aad, sealed.data, sealed.len, &out), SW_ECRYPTO);
		sealed.data[i] ^= 1;
	}
	assert_int_equal(out.len, 0);
	assert_int_equal(seal_decrypt(&k, aad, sealed.data, sealed.len - 1, &out), SW_ECRYPTO);
	assert_int_equal(seal_decrypt(&k, aad, sealed.data, 5, &out), SW_ECRYPTO);
	assert_int_equal(
		seal_decrypt(&k, "phone:v1:C0002", sealed.data, sealed.len, &out), SW_ECRYPTO);
	k.bytes[31] ^= 1;
	assert_int_equal(seal_decrypt(&k, aad, sealed.data, sealed.len, &out), SW_ECRYPTO);
	buf_fini(&sealed);
	buf_fini(&out);
}

static void a_full_buffer_gets_nothing(void **state)
{
	struct seal_key k = test_key();
	struct buf out;

	(void)state;
	buf_init(&out, 20);
	assert_int_equal(seal_encrypt(&k, aad, phone, strlen(phone), &out), SW_ELIMIT);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

static void the_index_of_a_number_depends_on_the_key(void **state)
{
	struct seal_key k = test_key();
	char a[65], b[65], plain[65];
	uint8_t mac[32];

	(void)state;
	seal_index(&k, phone, a);
	seal_index(&k, phone, b);
	assert_string_equal(a, b);
	/* Not the data key itself: a leaked index key must open no record. */
	id_hmac_sha256(k.bytes, sizeof(k.bytes), phone, strlen(phone), mac);
	id_hex(mac, sizeof(mac), plain);
	assert_string_not_equal(a, plain);
	k.bytes[0] ^= 1;
	seal_index(&k, phone, b);
	assert_string_not_equal(a, b);
}

static void the_indexer_gives_the_same_index_each_time(void **state)
{
	static const char *const numbers[] = {"+8613800000001", "+8613800000002", "+8613800000001"};
	struct seal_key k = test_key();
	struct seal_indexer *x = seal_indexer_create(&k);
	char want[65], hex[65];
	uint8_t got[32];

	(void)state;
	assert_non_null(x);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		seal_index(&k, numbers[i], want);
		assert_int_equal(seal_indexer_get(x, numbers[i], got), 0);
		id_hex(got, sizeof(got), hex);
		assert_string_equal(hex, want);
	}
	seal_indexer_destroy(x);
}

static void a_key_file_is_64_hex_digits_and_private(void **state)
{
	static const char hex[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F\n";
	char dir[] = "/tmp/sw.XXXXXX";
	char path[64]; /* dir + "/key" */
	struct seal_key want = test_key(), got;
	struct sw_err err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	assert_int_equal(seal_key_load(path, &got, &err), SW_ECONF);
	assert_int_equal(file_write(path, 0600, hex, strlen(hex), NULL), 0);
	assert_int_equal(seal_key_load(path, &got, &err), 0);
	assert_memory_equal(&got, &want, sizeof(got));
	assert_int_equal(file_write(path, 0644, hex, strlen(hex), NULL), 0);
	assert_int_equal(seal_key_load(path, &got, &err), SW_ECONF);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(file_write(path, 0600, hex, 62, NULL), 0);
	assert_int_equal(seal_key_load(path, &got, &err), SW_ECONF);
	assert_non_null(strstr(err.text, "64 hex digits"));
	(void)unlink(path);
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_published_record_opens),
		cmocka_unit_test(what_is_sealed_opens_and_never_looks_the_same),
		cmocka_unit_test(an_empty_text_can_be_sealed),
		cmocka_unit_test(every_changed_byte_is_noticed),
		cmocka_unit_test(a_full_buffer_gets_nothing),
		cmocka_unit_test(the_index_of_a_number_depends_on_the_key),
		cmocka_unit_test(the_indexer_gives_the_same_index_each_time),
		cmocka_unit_test(a_key_file_is_64_hex_digits_and_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
