/* Audiences: rows of a file to sorted, packed, sealed segments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/id.h"
#include "notifier/campaign/audience.h"

static struct units *units;

static int load_units(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = units_load("config/example/units.csv", &p, &units);
	problems_fini(&p);
	return rc;
}

static int free_units(void **state)
{
	(void)state;
	units_free(units);
	return 0;
}

static int parse(const char *data, struct problems *p, struct audience *ret)
{
	problems_init(p);
	*ret = (struct audience){0};
	return audience_parse("a.csv", data, strlen(data), units, p, ret);
}

static struct seal_key test_key(void)
{
	struct seal_key k;

	for (size_t i = 0; i < sizeof(k.bytes); i++)
		k.bytes[i] = (uint8_t)i;
	return k;
}

static void assert_number(const struct audience_segment *s, size_t i, const char *phone)
{
	char got[16];

	audience_unpack(s->packed + i * AUDIENCE_NUMBER, got);
	assert_string_equal(got, phone);
}

static void a_number_takes_five_bytes(void **state)
{
	static const uint8_t want[AUDIENCE_NUMBER] = {0x03, 0x36, 0x8d, 0x65, 0x10};
	uint8_t got[AUDIENCE_NUMBER];
	char phone[16];

	(void)state;
	assert_int_equal(audience_pack("+8613800138000", got), 0);
	assert_memory_equal(got, want, sizeof(want));
	audience_unpack(got, phone);
	assert_string_equal(phone, "+8613800138000");
	assert_int_equal(audience_pack("+8619999999999", got), 0);
	audience_unpack(got, phone);
	assert_string_equal(phone, "+8619999999999");
}

static void only_mobile_numbers_in_normal_form_are_packed(void **state)
{
	static const char *const bad[] = {"13800138000", "+8612800138000", "+861380013800",
		"+86138001380001", "+86138 0138000", "+8523800138000", ""};
	uint8_t got[AUDIENCE_NUMBER];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(audience_pack(bad[i], got), SW_EINVAL);
}

static void rows_are_sorted_by_area_then_number_and_each_number_stands_once(void **state)
{
	struct problems p;
	struct audience a;
	char digest[65];
	static const char in_order[] = "990100 13800000001\n990100 13800000003\n"
				       "990200 13800000002\n990201 13900000009\n";

	(void)state;
	assert_int_equal(parse("area_code,mobile\n"
			       "990201,139-0000-0009\n"
			       "990200,13800000002\n"
			       "990100,+86 13800000003\n"
			       "990100,１３８０００００００１\n"
			       "990201,13800000002\n"
			       "990200,8613800000002\n",
				 &p, &a),
		0);
	assert_int_equal(a.n, 4);
	assert_int_equal(a.repeated, 2);
	assert_int_equal(a.n_segments, 3);
	assert_string_equal(a.segments[0].area, "990100");
	assert_int_equal(a.segments[0].n, 2);
	assert_number(&a.segments[0], 0, "+8613800000001");
	assert_number(&a.segments[0], 1, "+8613800000003");
	assert_string_equal(a.segments[1].area, "990200"); /* the first row of a number counts */
	assert_number(&a.segments[1], 0, "+8613800000002");
	assert_int_equal(a.segments[2].n, 1);
	id_sha256_hex(in_order, sizeof(in_order) - 1, digest);
	assert_string_equal(a.digest, digest);
	audience_fini(&a);
	problems_fini(&p);
}

static void the_order_of_rows_does_not_change_the_digest(void **state)
{
	struct problems p, q;
	struct audience a, b;

	(void)state;
	assert_int_equal(
		parse("mobile,area_code\n13800000001,990100\n13800000002,990200\n", &p, &a), 0);
	assert_int_equal(
		parse("mobile,area_code\n13800000002,990200\n13800000001,990100\n", &q, &b), 0);
	assert_string_equal(a.digest, b.digest);
	audience_fini(&a);
	audience_fini(&b);
	problems_fini(&p);
	problems_fini(&q);
}

static void a_segment_holds_no_more_than_its_size_and_one_area(void **state)
{
	enum { N = AUDIENCE_SEGMENT + 5 };
	struct problems p;
	struct audience a = {0};
	struct buf b;

	(void)state;
	buf_init(&b, 4 << 20);
	(void)buf_adds(&b, "mobile,area_code\n13700000000,990200\n");
	for (int i = N - 1; i >= 0; i--)
		(void)buf_addf(&b, "138%08d,990100\n", i * 7);
	problems_init(&p);
	assert_int_equal(audience_parse("a.csv", b.data, b.len, units, &p, &a), 0);
	assert_int_equal(a.n_segments, 3);
	assert_int_equal(a.segments[0].n, AUDIENCE_SEGMENT);
	assert_int_equal(a.segments[1].n, 5);
	assert_string_equal(a.segments[1].area, "990100");
	assert_number(&a.segments[0], 0, "+8613800000000");
	assert_number(&a.segments[1], 0, "+8613800455000");
	assert_string_equal(a.segments[2].area, "990200");
	audience_fini(&a);
	problems_fini(&p);
	buf_fini(&b);
}

static void every_bad_row_is_named_with_its_line_and_no_number(void **state)
{
	static const struct {
		int line;
		const char *text;
	} want[] = {{2, "landline"}, {3, "there is no unit \"150100\""}, {4, "too short"},
		{4, "there is no unit \"\""}, {6, "spreadsheet"}, {7, "too short"},
		{7, "there is no unit \"..\""}};
	struct problems p;
	struct audience a;

	(void)state;
	assert_int_equal(parse("mobile,area_code\n"
			       "0471-0000000,990100\n"
			       "13800000001,150100\n"
			       "1380000000,\n"
			       "13800000002,990100\n"
			       "1.38E+10,990100\n"
			       "990100,13800000000\n",
				 &p, &a),
		SW_ECONF);
	assert_int_equal(p.n, ARRAY_LEN(want));
	for (size_t i = 0; i < p.n; i++) {
		assert_int_equal(p.items[i].line, want[i].line);
		assert_non_null(strstr(p.items[i].text, want[i].text));
		assert_null(strstr(p.items[i].text, "0000000"));
	}
	assert_int_equal(a.n, 0);
	problems_fini(&p);
}

static void a_thousand_problems_are_listed_and_the_others_counted(void **state)
{
	struct problems p;
	struct audience a = {0};
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	(void)buf_adds(&b, "mobile,area_code\n");
	for (int i = 0; i < 1500; i++)
		(void)buf_adds(&b, "123,990100\n");
	problems_init(&p);
	assert_int_equal(audience_parse("a.csv", b.data, b.len, units, &p, &a), SW_ECONF);
	assert_int_equal(p.n, 1000);
	assert_int_equal(p.n_errors, 1500);
	problems_fini(&p);
	buf_fini(&b);
}

static void a_number_is_found_by_halving_whatever_its_flags(void **state)
{
	enum { N = 1001 };
	uint8_t sorted[N * AUDIENCE_NUMBER], packed[AUDIENCE_NUMBER];
	char phone[24]; /* "+86138" and 8 digits */

	(void)state;
	for (int i = 0; i < N; i++) {
		(void)snprintf(phone, sizeof(phone), "+86138%08d", i * 2);
		assert_int_equal(audience_pack(phone, sorted + (size_t)i * AUDIENCE_NUMBER), 0);
		sorted[(size_t)i * AUDIENCE_NUMBER] |= 0x80;
	}
	for (int i = 0; i < 2 * N; i++) {
		(void)snprintf(phone, sizeof(phone), "+86138%08d", i);
		assert_int_equal(audience_pack(phone, packed), 0);
		assert_int_equal(
			audience_search(sorted, N, packed), i % 2 == 0 && i < 2 * N ? i / 2 : -1);
	}
	assert_int_equal(audience_search(sorted, 0, packed), -1);
}

static void any_range_of_a_sealed_segment_opens_alone(void **state)
{
	struct seal_key k = test_key();
	const uint8_t nonce[AUDIENCE_NONCE] = {7};
	uint8_t plain[1000], sealed[1000], part[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 31);
	memcpy(sealed, plain, sizeof(plain));
	assert_int_equal(audience_crypt(&k, nonce, 0, sealed, sizeof(sealed)), 0);
	assert_memory_not_equal(sealed, plain, sizeof(plain));
	for (size_t from = 0; from < 60; from++) {
		size_t len = 5 + from * 3;

		memcpy(part, sealed + from, len);
		assert_int_equal(audience_crypt(&k, nonce, from, part, len), 0);
		assert_memory_equal(part, plain + from, len);
	}
	/* Blocks count from 0 behind the nonce, under a key of their own. */
	memset(part, 0, 16);
	assert_int_equal(audience_crypt(&k, nonce, 256 * 16, part, 16), 0);
	assert_memory_not_equal(part, sealed, 16);
}

static void whatever_is_changed_changes_the_mac(void **state)
{
	struct seal_key k = test_key();
	const uint8_t nonce[AUDIENCE_NONCE] = {7}, other[AUDIENCE_NONCE] = {8};
	uint8_t data[50] = {1, 2, 3}, a[AUDIENCE_MAC], b[AUDIENCE_MAC];

	(void)state;
	assert_int_equal(audience_mac(&k, "a7", 12, "990100", nonce, data, sizeof(data), a), 0);
	assert_int_equal(audience_mac(&k, "a7", 12, "990100", nonce, data, sizeof(data), b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(audience_mac(&k, "a8", 12, "990100", nonce, data, sizeof(data), b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(audience_mac(&k, "a7", 13, "990100", nonce, data, sizeof(data), b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(audience_mac(&k, "a7", 12, "990200", nonce, data, sizeof(data), b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(audience_mac(&k, "a7", 12, "990100", other, data, sizeof(data), b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(audience_mac(&k, "a7", 12, "990100", nonce, data, sizeof(data) - 1, b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	data[40] ^= 1;
	assert_int_equal(audience_mac(&k, "a7", 12, "990100", nonce, data, sizeof(data), b), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_takes_five_bytes),
		cmocka_unit_test(only_mobile_numbers_in_normal_form_are_packed),
		cmocka_unit_test(rows_are_sorted_by_area_then_number_and_each_number_stands_once),
		cmocka_unit_test(the_order_of_rows_does_not_change_the_digest),
		cmocka_unit_test(a_segment_holds_no_more_than_its_size_and_one_area),
		cmocka_unit_test(every_bad_row_is_named_with_its_line_and_no_number),
		cmocka_unit_test(a_thousand_problems_are_listed_and_the_others_counted),
		cmocka_unit_test(a_number_is_found_by_halving_whatever_its_flags),
		cmocka_unit_test(any_range_of_a_sealed_segment_opens_alone),
		cmocka_unit_test(whatever_is_changed_changes_the_mac),
	};

	return cmocka_run_group_tests(tests, load_units, free_units);
}
