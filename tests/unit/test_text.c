/* tests/unit/test_text.c: UTF-8 is strict, escaping leaves nothing to inject and spares Mongolian. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"

typedef int (*escaper)(struct buf *out, const char *s);

static void assert_escaped(escaper f, const char *in, const char *want)
{
	struct buf b;

	buf_init(&b, 10000);
	assert_int_equal(f(&b, in), 0);
	assert_string_equal(buf_str(&b), want);
	buf_fini(&b);
}

static void malformed_utf8_is_refused_at_its_offset(void **state)
{
	static const struct {
		const char *s;
		size_t len, bad_at;
	} bad[] = {
		{"ab\xff", 3, 2},
		{"\xc0\x80", 2, 0},             /* overlong NUL */
		{"x\xe0\x80\x80", 4, 1},        /* overlong */
		{"\xed\xa0\x80", 3, 0},         /* surrogate */
		{"\xf4\x90\x80\x80", 4, 0},     /* above U+10FFFF */
		{"\xf8\x88\x80\x80\x80", 5, 0}, /* five bytes */
		{"好\xe5\xa5", 5, 3},           /* cut */
		{"\x80", 1, 0},
		{"\xf0\x80\x80\x80", 4, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t at = 999;

		assert_false(text_utf8_valid(bad[i].s, bad[i].len, &at));
		assert_int_equal(at, bad[i].bad_at);
	}
	assert_true(text_utf8_valid("aé好😀\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", 20, NULL));
	assert_true(text_utf8_valid("", 0, NULL));
}

static void code_points_survive_decoding_and_encoding(void **state)
{
	static const uint32_t cps[] = {1, 0x7f, 0x80, 0x7ff, 0x800, 0x1820, 0x3010, 0xffff, 0x10000,
		0x1f600, 0x20bb7, 0x10ffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cps); i++) {
		struct buf b;
		const char *p;

		buf_init(&b, 10);
		assert_int_equal(text_put(&b, cps[i]), 0);
		assert_true(text_utf8_valid(b.data, b.len, NULL));
		p = b.data;
		assert_int_equal(text_next(&p, b.data + b.len), cps[i]);
		assert_ptr_equal(p, b.data + b.len);
		assert_int_equal(text_next(&p, b.data + b.len), 0);
		buf_fini(&b);
	}
}

static void characters_and_utf16_units_are_counted(void **state)
{
	(void)state;
	assert_int_equal(text_chars("a好😀"), 3);
	assert_int_equal(text_u16_units("a好😀"), 4);
	assert_int_equal(text_u16_units("ᠮᠣᠩᠭᠣᠯ"), 6);
	assert_int_equal(text_u16_units("𠮷\xf4\x8f\xbf\xbf"), 4);
	assert_int_equal(text_u16_units(""), 0);
}

static void cutting_never_splits_a_character(void **state)
{
	(void)state;
	assert_int_equal(text_cut_bytes("好好", 6, 5), 3);
	assert_int_equal(text_cut_bytes("好好", 6, 6), 6);
	assert_int_equal(text_cut_bytes("好好", 6, 2), 0);
	assert_int_equal(text_cut_bytes("a😀", 5, 4), 1);
	assert_int_equal(text_cut_bytes("abc", 3, 100), 3);
}

static void full_width_folds_to_ascii(void **state)
{
	struct buf b;
	const char in[] = "已报２人６户，ＯＫ　！～。";

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(text_fold_width(&b, in, strlen(in)), 0);
	assert_string_equal(buf_str(&b), "已报2人6户,OK !~。");
	buf_fini(&b);
}

static void markdown_signs_lose_their_power(void **state)
{
	(void)state;
	assert_escaped(text_escape_markdown, "<@all> [x](y) `a` *b* _c_ #d a|b",
		"＜＠all＞ ［x］（y） ｀a｀ ＊b＊ ＿c＿ ＃d a｜b");
	assert_escaped(text_escape_markdown, "张　三·100%\\ & \"'", "张　三·100%\\ & \"'");
}

static void line_breaks_become_one_blank_and_controls_vanish(void **state)
{
	(void)state;
	assert_escaped(text_escape_markdown, "a\r\nb\nc\td\x1b[0m\x7f", "a b c d［0m");
	assert_escaped(text_escape_markdown,
		"a\u202eb\u200bc\ufeffd\u2066e\xc2\x85"
		"f\u2028g",
		"abcde f g");
	assert_escaped(text_escape_plain, "a\nb\x01", "a b");
}

static void joiners_stay_between_mongolian_letters_only(void **state)
{
	(void)state;
	/* variation selector, vowel separator, narrow blank, joiner inside Mongolian */
	assert_escaped(text_escape_markdown, "ᠠ\u180bᠨ\u180eᠠ\u202fᠶᠢᠨ\u200dᠭ",
		"ᠠ\u180bᠨ\u180eᠠ\u202fᠶᠢᠨ\u200dᠭ");
	assert_escaped(text_escape_markdown, "a\u200db\u180bc\u202fd\u200ce", "abc de");
	assert_escaped(text_escape_markdown, "\u200dᠠ\u200d", "ᠠ");
}

static void plain_text_keeps_everything_but_mentions(void **state)
{
	(void)state;
	assert_escaped(text_escape_plain, "<@all> [x](y) *b* #1", "＜＠all＞ [x](y) *b* #1");
}

static void html_signs_become_entities(void **state)
{
	(void)state;
	assert_escaped(
		text_escape_html, "<a href=\"x\">&'好", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;好");
	assert_escaped(text_escape_html, "", "");
}

static void escaping_reports_a_full_buffer(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(text_escape_html(&b, "<<"), SW_ELIMIT);
	buf_reset(&b);
	assert_int_equal(text_escape_markdown(&b, "<<"), SW_ELIMIT);
	buf_fini(&b);
}

static void small_string_tools_do_what_they_say(void **state)
{
	char s[] = " \t a b \r\n";
	char blank[] = "  ";
	char four[4] = "x";
	char *copy = text_dup("abc");

	(void)state;
	assert_string_equal(text_trim(s), "a b");
	assert_string_equal(text_trim(blank), "");
	assert_true(text_starts("abc", "ab"));
	assert_false(text_starts("a", "ab"));
	assert_true(text_ends("abc", "bc"));
	assert_false(text_ends("c", "bc"));
	assert_int_equal(text_copy(four, sizeof(four), "abcd"), SW_ELIMIT);
	assert_string_equal(four, "x");
	assert_int_equal(text_copy(four, sizeof(four), "abc"), 0);
	assert_string_equal(four, "abc");
	assert_string_equal(copy, "abc");
	assert_null(text_dup(NULL));
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_utf8_is_refused_at_its_offset),
		cmocka_unit_test(code_points_survive_decoding_and_encoding),
		cmocka_unit_test(characters_and_utf16_units_are_counted),
		cmocka_unit_test(cutting_never_splits_a_character),
		cmocka_unit_test(full_width_folds_to_ascii),
		cmocka_unit_test(markdown_signs_lose_their_power),
		cmocka_unit_test(line_breaks_become_one_blank_and_controls_vanish),
		cmocka_unit_test(joiners_stay_between_mongolian_letters_only),
		cmocka_unit_test(plain_text_keeps_everything_but_mentions),
		cmocka_unit_test(html_signs_become_entities),
		cmocka_unit_test(escaping_reports_a_full_buffer),
		cmocka_unit_test(small_string_tools_do_what_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
