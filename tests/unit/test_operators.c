/* tests/unit/test_operators.c: who may act, and that a damaged file lets nobody in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/operators.h"

static char folder[64], path[96];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/sw.XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/operators.conf", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void a_saved_operator_is_known_by_the_passphrase_alone(void **state)
{
	struct operators o = {0}, read = {0};
	struct sw_err err = {0};
	char role[16] = "";
	struct stat st;

	(void)state;
	assert_int_equal(operators_add(&o, "office", "editor", "correct horse", &err), 0);
	assert_int_equal(operators_save(path, &o, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(operators_load(path, &read, &err), 0);
	assert_int_equal(operators_verify(&read, "office", "correct horse", role), 0);
	assert_string_equal(role, "editor");
	assert_int_equal(operators_verify(&read, "office", "correct horsf", NULL), SW_EAUTH);
	assert_int_equal(operators_verify(&read, "nobody", "correct horse", NULL), SW_EAUTH);
	assert_null(strstr(read.items[0].hash, "correct"));
	operators_fini(&o);
	operators_fini(&read);
}

static void bad_names_roles_and_short_passphrases_are_refused(void **state)
{
	struct operators o = {0};
	struct sw_err err = {0};

	(void)state;
	assert_int_equal(operators_add(&o, "Two Words", "editor", "long enough", &err), SW_EINVAL);
	assert_int_equal(operators_add(&o, "", "editor", "long enough", &err), SW_EINVAL);
	assert_int_equal(operators_add(&o, "a", "king", "long enough", &err), SW_EINVAL);
	assert_int_equal(operators_add(&o, "a", "editor", "short", &err), SW_EINVAL);
	assert_int_equal(o.n, 0);
	assert_int_equal(operators_add(&o, "a", "editor", "long enough", &err), 0);
	assert_int_equal(operators_add(&o, "a", "viewer", "long enough", &err), SW_EEXIST);
	assert_int_equal(operators_remove(&o, "b"), SW_ENOENT);
	assert_int_equal(operators_remove(&o, "a"), 0);
	assert_int_equal(o.n, 0);
	operators_fini(&o);
}

static void a_missing_file_is_an_empty_list(void **state)
{
	struct operators o = {0};
	struct sw_err err = {0};

	(void)state;
	assert_int_equal(operators_load("/nonexistent/operators.conf", &o, &err), 0);
	assert_int_equal(o.n, 0);
}

static void a_damaged_or_open_file_is_refused_with_its_line(void **state)
{
	struct operators o = {0};
	struct sw_err err = {0};
	static const char damaged[] = "# comment\noffice editor\n";

	(void)state;
	assert_int_equal(file_write(path, 0600, damaged, strlen(damaged), &err), 0);
	assert_int_equal(operators_load(path, &o, &err), SW_ECONF);
	assert_non_null(strstr(err.text, "operators.conf:2:"));
	assert_int_equal(file_write(path, 0644, "# empty\n", 8, &err), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(operators_load(path, &o, &err), SW_ECONF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_saved_operator_is_known_by_the_passphrase_alone),
		cmocka_unit_test(bad_names_roles_and_short_passphrases_are_refused),
		cmocka_unit_test(a_missing_file_is_an_empty_list),
		cmocka_unit_test(a_damaged_or_open_file_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
