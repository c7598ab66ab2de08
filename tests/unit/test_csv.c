/* tests/unit/test_csv.c: tables as spreadsheets write them, and what is wrong with them by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/csv.h"

static const char *const columns[] = {"unit_code", "name", "?userid"};

/* Rows come out as "line:code/name/userid;". */
static int collect(void *ctx, const struct csv_row *row)
{
	return buf_addf(
		ctx, "%d:%s/%s/%s;", row->line, row->cells[0], row->cells[1], row->cells[2]);
}

static int read_into(const char *data, size_t len, struct buf *rows, struct problems *p)
{
	buf_init(rows, 100000);
	problems_init(p);
	return csv_read("t.csv", data, len, columns, ARRAY_LEN(columns), collect, rows, p);
}

static void assert_rows(const char *data, const char *want)
{
	struct problems p;
	struct buf rows;
	int rc = read_into(data, strlen(data), &rows, &p);

	if (p.n)
		print_error("%s:%d: %s\n", p.items[0].file, p.items[0].line, p.items[0].text);
	assert_int_equal(rc, 0);
	assert_string_equal(buf_str(&rows), want);
	buf_fini(&rows);
	problems_fini(&p);
}

/* One problem, at LINE, that says SAYS. */
static void assert_problem_n(const char *data, size_t len, int line, const char *says)
{
	struct problems p;
	struct buf rows;

	assert_int_equal(read_into(data, len, &rows, &p), SW_ECONF);
	assert_int_equal(p.n, 1);
	if (p.items[0].line != line || !strstr(p.items[0].text, says))
		fail_msg("line %d: %s", p.items[0].line, p.items[0].text);
	buf_fini(&rows);
	problems_fini(&p);
}

static void assert_problem(const char *data, int line, const char *says)
{
	assert_problem_n(data, strlen(data), line, says);
}

static void rows_are_found_by_column_name(void **state)
{
	(void)state;
	assert_rows("unit_code,name\n1501,甲\n1502,乙\n", "2:1501/甲/;3:1502/乙/;");
	assert_rows("name,ignored,userid,unit_code\n甲,x,u1,1501\n", "2:1501/甲/u1;");
	assert_rows("unit_code,name\n1501\n", "2:1501//;");
	assert_rows("unit_code,name\n1501,甲", "2:1501/甲/;");
}

static void spreadsheet_habits_are_accepted(void **state)
{
	(void)state;
	assert_rows("\xef\xbb\xbfunit_code,name\r\n1501,甲\r\n", "2:1501/甲/;");
	assert_rows("sep=;\r\nunit_code;name\r\n1501;甲,乙\r\n", "3:1501/甲,乙/;");
	assert_rows("\xef\xbb\xbfsep=;\nunit_code;name\n1501;甲\n", "3:1501/甲/;");
	assert_rows("unit_code\tname\n1501\t甲\n", "2:1501/甲/;");
	assert_rows("unit_code;name\n1501;甲\n", "2:1501/甲/;");
	assert_rows("unit_code,name\r1501,甲\r1502,乙\r", "2:1501/甲/;3:1502/乙/;");
	assert_rows(" unit_code , name \n 1501 ,\" 甲 \"\n", "2:1501/ 甲 /;");
}

static void quoted_line_breaks_keep_line_numbers_right(void **state)
{
	(void)state;
	assert_rows("unit_code,name\n1501,\"甲\n\n乙\"\n1502,\"a\"\"b\"\n",
		"2:1501/甲\n\n乙/;5:1502/a\"b/;");
}

static void empty_rows_are_passed_over(void **state)
{
	(void)state;
	assert_rows("\n\nunit_code,name\n\n,,\n  \n1501,甲\n\n", "7:1501/甲/;");
}

static void a_missing_column_is_named(void **state)
{
	(void)state;
	assert_problem("unit_code,userid\n1501,u\n", 1, "column \"name\" is missing");
	assert_problem("unit_code,name,name\n1501,a,b\n", 1, "column \"name\" appears twice");
	assert_problem("", 0, "empty");
	assert_problem("\n\n", 0, "empty");
}

static void other_encodings_are_refused_with_the_offset(void **state)
{
	(void)state;
	assert_problem("unit_code,name\n1501,\xbc\xd7\n", 2, "byte offset 20");
	assert_problem_n("\xff\xfeu\0n\0", 6, 0, "UTF-16");
	assert_problem_n("unit_code,name\n1\0,a\n", 20, 2, "offset 16");
}

static void a_stray_separator_is_a_problem_and_reading_goes_on(void **state)
{
	struct problems p;
	struct buf rows;
	const char data[] = "unit_code,name\n1501,a,b,c\n1502,d\n1503,e,f\n";

	(void)state;
	assert_int_equal(read_into(data, strlen(data), &rows, &p), SW_ECONF);
	assert_string_equal(buf_str(&rows), "3:1502/d/;");
	assert_int_equal(p.n, 2);
	assert_int_equal(p.items[0].line, 2);
	assert_int_equal(p.items[1].line, 4);
	buf_fini(&rows);
	problems_fini(&p);
}

static void quotation_mistakes_are_found_at_their_line(void **state)
{
	(void)state;
	assert_problem("unit_code,name\n1501,a\"b\n", 2, "quotation mark");
	assert_problem("unit_code,name\n1501,\"a\"b\n", 2, "quotation mark");
	assert_problem("unit_code,name\n1501,a\n1502,\"b\n1503,c\n", 3, "not closed");
}

static void an_open_quotation_mark_does_not_swallow_a_big_file(void **state)
{
	struct buf data;

	(void)state;
	buf_init(&data, 1000000);
	assert_int_equal(buf_adds(&data, "unit_code,name\n1501,\"a\n"), 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_adds(&data, "1502,b\n"), 0);
	assert_problem(buf_str(&data), 2, "not closed");
	buf_fini(&data);
}

static void bounds_of_cell_and_columns_hold(void **state)
{
	struct buf data;

	(void)state;
	buf_init(&data, 100000);
	assert_int_equal(buf_adds(&data, "unit_code,name\n1501,"), 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(buf_addc(&data, 'x'), 0);
	{
		struct problems p;
		struct buf rows;

		assert_int_equal(read_into(data.data, data.len, &rows, &p), 0);
		buf_fini(&rows);
		problems_fini(&p);
	}
	assert_int_equal(buf_adds(&data, "x\n"), 0);
	assert_problem(buf_str(&data), 2, "longer than 4096 bytes");
	buf_reset(&data);
	assert_int_equal(buf_adds(&data, "unit_code,name"), 0);
	for (int i = 0; i < 63; i++)
		assert_int_equal(buf_adds(&data, ",x"), 0);
	assert_problem(buf_str(&data), 1, "more than 64 columns");
	buf_fini(&data);
}

static int stop_at_second(void *ctx, const struct csv_row *row)
{
	(*(int *)ctx)++;
	return row->line == 3 ? SW_ELIMIT : 0;
}

static void the_callback_can_stop_reading(void **state)
{
	const char data[] = "unit_code,name\n1,a\n2,b\n3,c\n";
	struct problems p;
	int calls = 0;

	(void)state;
	problems_init(&p);
	assert_int_equal(csv_read("t", data, strlen(data), columns, ARRAY_LEN(columns),
				 stop_at_second, &calls, &p),
		SW_ELIMIT);
	assert_int_equal(calls, 2);
	assert_int_equal(p.n, 0);
	problems_fini(&p);
}

static void a_file_that_is_not_there_is_a_problem(void **state)
{
	struct problems p;

	(void)state;
	problems_init(&p);
	assert_int_equal(
		csv_read_file("/nonexistent.csv", columns, ARRAY_LEN(columns), collect, NULL, &p),
		SW_ECONF);
	assert_non_null(strstr(p.items[0].text, "No such file"));
	problems_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_found_by_column_name),
		cmocka_unit_test(spreadsheet_habits_are_accepted),
		cmocka_unit_test(quoted_line_breaks_keep_line_numbers_right),
		cmocka_unit_test(empty_rows_are_passed_over),
		cmocka_unit_test(a_missing_column_is_named),
		cmocka_unit_test(other_encodings_are_refused_with_the_offset),
		cmocka_unit_test(a_stray_separator_is_a_problem_and_reading_goes_on),
		cmocka_unit_test(quotation_mistakes_are_found_at_their_line),
		cmocka_unit_test(an_open_quotation_mark_does_not_swallow_a_big_file),
		cmocka_unit_test(bounds_of_cell_and_columns_hold),
		cmocka_unit_test(the_callback_can_stop_reading),
		cmocka_unit_test(a_file_that_is_not_there_is_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
