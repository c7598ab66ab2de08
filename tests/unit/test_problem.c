/* tests/unit/test_problem.c: all mistakes of a file, printed as an editor can jump to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/problem.h"

static char *printed(const struct problems *p)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	problems_print(p, out);
	fclose(out);
	return text;
}

static void problems_are_printed_with_file_and_line(void **state)
{
	struct problems p;
	char *text;

	(void)state;
	problems_init(&p);
	problems_error(&p, "a.conf", 7, "%s is missing", "id");
	problems_warn(&p, "a.conf", 9, "a rest day");
	problems_error(&p, "b.csv", 0, "the file is empty");
	text = printed(&p);
	assert_string_equal(text,
		"a.conf:7: id is missing\na.conf:9: W: a rest day\nb.csv: the file is empty\n");
	assert_int_equal(p.n, 3);
	assert_int_equal(p.n_errors, 2);
	free(text);
	problems_fini(&p);
}

static void the_list_is_bounded_but_the_count_is_true(void **state)
{
	struct problems p;
	char *text;

	(void)state;
	problems_init(&p);
	for (int i = 1; i <= 1500; i++)
		problems_error(&p, "x", i, "wrong");
	assert_int_equal(p.n, 1000);
	assert_int_equal(p.n_errors, 1500);
	text = printed(&p);
	assert_non_null(strstr(text, "x:1000: wrong\nand 500 more errors\n"));
	free(text);
	problems_fini(&p);
	assert_int_equal(p.n_errors, 0);
}

static void the_file_name_is_copied(void **state)
{
	struct problems p;
	char name[] = "first";

	(void)state;
	problems_init(&p);
	problems_error(&p, name, 1, "wrong");
	name[0] = 'X';
	assert_string_equal(p.items[0].file, "first");
	problems_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(problems_are_printed_with_file_and_line),
		cmocka_unit_test(the_list_is_bounded_but_the_count_is_true),
		cmocka_unit_test(the_file_name_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
