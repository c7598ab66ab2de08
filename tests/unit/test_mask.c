/* tests/unit/test_mask.c: phone numbers in every spelling, and personal data found in texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/csv.h"
#include "core/base/mask.h"
#include "core/base/text.h"

static const char *const verdict_names[] = {
	[PHONE_MOBILE] = "mobile",
	[PHONE_EMPTY] = "empty",
	[PHONE_LANDLINE] = "landline",
	[PHONE_TOO_SHORT] = "too_short",
	[PHONE_TOO_LONG] = "too_long",
	[PHONE_NOT_MOBILE] = "not_mobile",
	[PHONE_LETTERS] = "letters",
	[PHONE_FOREIGN] = "foreign",
	[PHONE_SPREADSHEET] = "spreadsheet",
};

static int check_phone(void *ctx, const struct csv_row *row)
{
	char normal[16] = "";
	enum phone_verdict v = phone_normalise(row->cells[0], normal);

	(*(int *)ctx)++;
	if (strcmp(verdict_names[v], row->cells[2]) != 0)
		fail_msg("line %d: %s is %s", row->line, row->cells[0], verdict_names[v]);
	assert_string_equal(normal, row->cells[1]);
	assert_true(strlen(phone_verdict_text(v)) > 0 && strlen(phone_verdict_zh(v)) > 0);
	return 0;
}

static void numbers_are_normalised_or_refused_with_the_reason(void **state)
{
	static const char *const columns[] = {"written", "normal", "verdict"};
	struct problems p;
	int rows = 0;

	(void)state;
	problems_init(&p);
	assert_int_equal(csv_read_file("tests/fixtures/phone-numbers.csv", columns,
				 ARRAY_LEN(columns), check_phone, &rows, &p),
		0);
	assert_int_equal(rows, 36);
	problems_fini(&p);
}

static void bytes_that_are_no_text_are_no_number(void **state)
{
	char normal[16];

	(void)state;
	assert_int_equal(phone_normalise("138\xff", normal), PHONE_LETTERS);
}

static void masking_shows_first_three_and_last_four(void **state)
{
	char out[16];

	(void)state;
	assert_string_equal(phone_mask("+8613800000001", out), "138****0001");
	assert_string_equal(phone_mask("13800000001", out), "138****0001");
	assert_string_equal(phone_mask("0471-0000000", out), "****");
	assert_string_equal(phone_mask("", out), "****");
}

static void masking_a_text_spares_ids(void **state)
{
	static const char *const pairs[][2] = {
		{"to 13800000001,+8613800000001;", "to 138****0001,+86138****0001;"},
		{"008613800000001", "0086138****0001"},
		{"号码13800000001。", "号码138****0001。"},
		{"7e13800000001a", "7e13800000001a"},
		{"138000000011 1380000000 12800000001", "138000000011 1380000000 12800000001"},
		{"1660784400000", "1660784400000"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		char s[64]; /* the longest of the table */

		assert_int_equal(text_copy(s, sizeof(s), pairs[i][0]), 0);
		phone_mask_text(s);
		assert_string_equal(s, pairs[i][1]);
	}
}

static void assigned_prefixes_are_known(void **state)
{
	(void)state;
	assert_true(phone_prefix_known("+8613800000001"));
	assert_true(phone_prefix_known("19200000001"));
	assert_true(phone_prefix_known("+8616200000001"));
	assert_false(phone_prefix_known("+8615400000001"));
	assert_false(phone_prefix_known("+8619400000001"));
	assert_false(phone_prefix_known("+8614000000001"));
	assert_false(phone_prefix_known("+8617400000001"));
	assert_false(phone_prefix_known("138"));
}

static void there_are_52_assigned_prefixes(void **state)
{
	int n = 0;

	(void)state;
	for (int i = 100; i < 200; i++) {
		char number[32]; /* the compiler sees an int of any length */

		(void)snprintf(number, sizeof(number), "+86%d00000001", i);
		n += phone_prefix_known(number);
	}
	assert_int_equal(n, 52);
}

static int check_id(void *ctx, const struct csv_row *row)
{
	(*(int *)ctx)++;
	assert_int_equal(idnum_valid(row->cells[0], strlen(row->cells[0])),
		strcmp(row->cells[1], "valid") == 0);
	return 0;
}

static void identity_numbers_need_date_and_check_digit(void **state)
{
	static const char *const columns[] = {"number", "expect"};
	struct problems p;
	int rows = 0;

	(void)state;
	problems_init(&p);
	assert_int_equal(csv_read_file("tests/fixtures/id-numbers.csv", columns, ARRAY_LEN(columns),
				 check_id, &rows, &p),
		0);
	assert_int_equal(rows, 9);
	problems_fini(&p);
}

static void assert_scan(const char *text, enum scan_hit want)
{
	enum scan_hit got = scan_personal(text, false);

	if (got != want)
		fail_msg("\"%s\": got %d, want %d", text, (int)got, (int)want);
}

static void identity_numbers_are_found_however_they_are_written(void **state)
{
	static const char *const texts[] = {
		"990101198002290126",
		"证件号码990101198002290126。",
		"99010119650708007X",
		"99010119650708007x，谢谢",
		"９９０１０１１９８００２２９０１２６",
		"９９０１０１１９６５０７０８００７Ｘ",
		"990101 19800229 0126",
		"990101-1980-02-29-0126",
		"9 9 0 1 0 1 1 9 8 0 0 2 2 9 0 1 2 6",
		"990101 19650708 007 X",
		"990101　19800229　0126",
		"990101\u200b19800229\u200b0126",
		"共2人 990101198002290126 13800000001",
		"2 6 990101 19800229 0126 8",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_scan(texts[i], SCAN_ID_NUMBER);
		assert_int_equal(scan_personal(texts[i], true), SCAN_ID_NUMBER);
	}
}

static void cards_are_found_however_they_are_grouped(void **state)
{
	static const char *const texts[] = {
		"4111111111111111",
		"4111 1111 1111 1111",
		"4111-1111-1111-1111。",
		"４１１１ １１１１ １１１１ １１１１",
		"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
		"411111 1111111111",
		"卡号:6222020000000000000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_scan(texts[i], SCAN_BANK_CARD);
	assert_scan("4111111111111112", SCAN_CLEAN);
	assert_scan("41111111111111111111", SCAN_CLEAN); /* 20 digits */
}

static void mobile_numbers_are_found_unless_allowed(void **state)
{
	static const char *const texts[] = {"13800000001", "138 0000 0001", "138-0000-0001",
		"+86 13800000001", "8613800000001", "008613800000001", "１３８００００００01",
		"1 3 8 0 0 0 0 0 0 0 1", "联系人张三13800000001", "1380000 0001"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_scan(texts[i], SCAN_MOBILE);
		assert_int_equal(scan_personal(texts[i], true), SCAN_CLEAN);
	}
}

static void ordinary_figures_are_clean(void **state)
{
	static const char *const texts[] = {
		"",
		"已报2人6户，还差照片",
		"8月12日-8月18日 9:00-17:30",
		"2022-08-20 2022-08-19 2022-08-18",
		"请于2022年8月20日18:00前报送，电话0471-0000000 0471-0000001",
		"内民政发〔2022〕63号",
		"990101198002290127", /* fails its check digit, and Luhn */
		"202208201800000017", /* an order number */
		"1660784400000",
		"7e7c3e54634a2504c5f2ccc590655aac",
		"12800000001",
		"138000000011",
		"13 2022 08 20 9 8",
		"150102 150103 150104",
		"工作者 2 名 好邻居 6 户",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_scan(texts[i], SCAN_CLEAN);
}

static void the_worst_hit_is_reported(void **state)
{
	(void)state;
	assert_scan("13800000001 和 4111111111111111", SCAN_BANK_CARD);
	assert_scan("13800000001，4111111111111111，990101198002290126", SCAN_ID_NUMBER);
}

static void a_very_long_run_of_digits_hides_nothing(void **state)
{
	static char text[40000];
	size_t n = 0;

	(void)state;
	while (n < 30000) {
		text[n++] = '0';
		text[n++] = ' ';
	}
	(void)snprintf(text + n, sizeof(text) - n, "990101198002290126");
	assert_scan(text, SCAN_ID_NUMBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_normalised_or_refused_with_the_reason),
		cmocka_unit_test(bytes_that_are_no_text_are_no_number),
		cmocka_unit_test(masking_shows_first_three_and_last_four),
		cmocka_unit_test(masking_a_text_spares_ids),
		cmocka_unit_test(assigned_prefixes_are_known),
		cmocka_unit_test(there_are_52_assigned_prefixes),
		cmocka_unit_test(identity_numbers_need_date_and_check_digit),
		cmocka_unit_test(identity_numbers_are_found_however_they_are_written),
		cmocka_unit_test(cards_are_found_however_they_are_grouped),
		cmocka_unit_test(mobile_numbers_are_found_unless_allowed),
		cmocka_unit_test(ordinary_figures_are_clean),
		cmocka_unit_test(the_worst_hit_is_reported),
		cmocka_unit_test(a_very_long_run_of_digits_hides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
