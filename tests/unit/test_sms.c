/* tests/unit/test_sms.c: parts as operators bill them, and where we would cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/csv.h"
#include "core/base/num.h"
#include "core/base/sms.h"
#include "core/base/text.h"

/* "好*63+a*2": pieces and how often each stands. */
static void expand(const char *recipe, struct buf *out)
{
	char *copy = text_dup(recipe);
	char *save = NULL;

	for (char *piece = strtok_r(copy, "+", &save); piece; piece = strtok_r(NULL, "+", &save)) {
		char *star = strrchr(piece, '*');
		int64_t n = 0;

		assert_non_null(star);
		*star = '\0';
		assert_int_equal(num_parse(star + 1, 1, 1000, &n), 0);
		while (n-- > 0)
			assert_int_equal(buf_adds(out, piece), 0);
	}
	free(copy);
}

static void assert_number(const char *cell, size_t got, const struct csv_row *row)
{
	int64_t want = -1;

	assert_int_equal(num_parse(cell, 0, 10000, &want), 0);
	if (want != (int64_t)got)
		fail_msg("line %d: got %zu, want %s", row->line, got, cell);
}

static int check_row(void *ctx, const struct csv_row *row)
{
	struct sms_part parts[8];
	struct buf text;
	size_t n, end = 0;

	(*(int *)ctx)++;
	buf_init(&text, 10000);
	expand(row->cells[0], &text);
	assert_number(row->cells[1], text_u16_units(buf_str(&text)), row);
	assert_number(row->cells[2], text_chars(buf_str(&text)), row);
	assert_number(row->cells[3], text.len, row);
	assert_number(row->cells[4], sms_billed(text_u16_units(buf_str(&text))), row);
	n = sms_split(buf_str(&text), text.len, parts, ARRAY_LEN(parts));
	assert_number(row->cells[5], n, row);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(parts[i].start_bytes, end);
		end += parts[i].len_bytes;
		assert_true(text_utf8_valid(
			text.data + parts[i].start_bytes, parts[i].len_bytes, NULL));
		assert_in_range(parts[i].units, 1, n == 1 ? 70 : 67);
	}
	assert_int_equal(end, text.len);
	buf_fini(&text);
	return 0;
}

static void parts_match_the_table_of_vectors(void **state)
{
	static const char *const columns[] = {
		"recipe", "units", "chars", "bytes", "billed", "parts"};
	struct problems p;
	int rows = 0;

	(void)state;
	problems_init(&p);
	assert_int_equal(csv_read_file("tests/fixtures/sms-parts.csv", columns, ARRAY_LEN(columns),
				 check_row, &rows, &p),
		0);
	assert_int_equal(rows, 18);
	problems_fini(&p);
}

static void a_pair_on_the_border_moves_to_the_next_part(void **state)
{
	struct sms_part parts[3];
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	expand("a*66+😀*1+a*66", &text);
	assert_int_equal(sms_split(text.data, text.len, parts, ARRAY_LEN(parts)), 3);
	assert_int_equal(parts[0].units, 66);
	assert_int_equal(parts[1].units, 67);
	assert_int_equal(parts[1].start_bytes, 66);
	assert_int_equal(parts[2].units, 1);
	buf_fini(&text);
}

static void more_parts_than_asked_for_are_counted_only(void **state)
{
	struct sms_part one;
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	expand("a*500", &text);
	assert_int_equal(sms_split(text.data, text.len, &one, 1), 8);
	assert_int_equal(one.len_bytes, 67);
	assert_int_equal(sms_split(text.data, text.len, NULL, 0), 8);
	assert_int_equal(sms_split("", 0, NULL, 0), 0);
	buf_fini(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_match_the_table_of_vectors),
		cmocka_unit_test(a_pair_on_the_border_moves_to_the_next_part),
		cmocka_unit_test(more_parts_than_asked_for_are_counted_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
