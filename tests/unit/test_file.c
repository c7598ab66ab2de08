/* tests/unit/test_file.c: files are read within bounds and written whole; secrets are private. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"

struct fixture {
	char dir[32]; /* "/tmp/sw.XXXXXX" */
	char path[64];
	struct buf buf;
	struct sw_err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sw.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/f", f->dir);
	buf_init(&f->buf, 100);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->path);
	(void)rmdir(f->dir);
	buf_fini(&f->buf);
	free(f);
	return 0;
}

static int count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	/* cppcheck-suppress readdirCalled ; one thread */
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* . and .. */
}

static void what_is_written_is_read_back_and_nothing_else_is_left(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(file_write(f->path, 0640, "a\0b", 3, &f->err), 0);
	assert_int_equal(file_write(f->path, 0640, "new", 3, &f->err), 0);
	assert_int_equal(file_read(f->path, &f->buf, &f->err), 0);
	assert_string_equal(buf_str(&f->buf), "new");
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(count_entries(f->dir), 1);
	assert_true(file_exists(f->path));
}

static void a_file_longer_than_the_buffer_allows_is_refused(void **state)
{
	struct fixture *f = *state;
	char data[101];

	memset(data, 'x', sizeof(data));
	assert_int_equal(file_write(f->path, 0600, data, 100, NULL), 0);
	assert_int_equal(file_read(f->path, &f->buf, &f->err), 0);
	buf_reset(&f->buf);
	assert_int_equal(file_write(f->path, 0600, data, 101, NULL), 0);
	assert_int_equal(file_read(f->path, &f->buf, &f->err), SW_ELIMIT);
	assert_non_null(strstr(f->err.text, "longer than 100 bytes"));
}

static void missing_files_and_folders_are_named(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(file_read(f->path, &f->buf, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, f->path));
	assert_int_equal(file_read(f->dir, &f->buf, &f->err), -EISDIR);
	assert_int_equal(file_write("/tmp/sw-there-is-no-such/f", 0600, "x", 1, &f->err), -ENOENT);
	assert_false(file_exists(f->path));
}

static void a_secret_is_one_line_without_its_end(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(file_write(f->path, 0600, "s3cret \r\n", 9, NULL), 0);
	assert_int_equal(file_read_secret(f->path, &f->buf, &f->err), 0);
	assert_string_equal(buf_str(&f->buf), "s3cret");
	buf_reset(&f->buf);
	assert_int_equal(file_write(f->path, 0600, "\xef\xbb\xbfs3cret", 9, NULL), 0);
	assert_int_equal(file_read_secret(f->path, &f->buf, &f->err), 0);
	assert_string_equal(buf_str(&f->buf), "s3cret");
}

static void bad_secrets_are_refused_without_showing_them(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		mode_t mode;
		const char *says;
	} bad[] = {{"two\nlines", 9, 0600, "one line"}, {"nul\0x", 5, 0600, "one line"},
		{" \n", 2, 0600, "empty"}, {"open", 4, 0640, "chmod 600"},
		{"open", 4, 0604, "chmod 600"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_reset(&f->buf);
		assert_int_equal(
			file_write(f->path, bad[i].mode, bad[i].data, bad[i].len, NULL), 0);
		assert_int_equal(file_read_secret(f->path, &f->buf, &f->err), SW_ECONF);
		assert_non_null(strstr(f->err.text, bad[i].says));
		assert_null(strstr(f->err.text, "two"));
	}
	assert_int_equal(file_read_secret(f->dir, &f->buf, &f->err), SW_ECONF);
}

static void a_secret_of_somebody_else_is_refused(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	assert_int_equal(file_write(f->path, 0600, "x", 1, NULL), 0);
	assert_int_equal(chown(f->path, 65534, 65534), 0);
	assert_int_equal(file_read_secret(f->path, &f->buf, &f->err), SW_ECONF);
	assert_non_null(strstr(f->err.text, "belongs to"));
}

static void folders_are_made_along_the_way(void **state)
{
	struct fixture *f = *state;
	char path[64]; /* dir + "/a/b" */
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/a//b/", f->dir);
	assert_int_equal(file_mkdirs(path, 0700, &f->err), 0);
	assert_int_equal(file_mkdirs(path, 0700, &f->err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/a", f->dir);
	(void)rmdir(path);
	assert_int_equal(file_write(f->path, 0600, "x", 1, NULL), 0);
	assert_int_equal(file_mkdirs(f->path, 0700, &f->err), -ENOTDIR);
}

static void relative_paths_are_seen_from_the_file(void **state)
{
	static const char *const table[][3] = {{"/etc/sw/a.conf", "keys/k", "/etc/sw/keys/k"},
		{"/etc/sw/a.conf", "/keys/k", "/keys/k"}, {"a.conf", "k", "k"},
		{"d/a.conf", "../k", "d/../k"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char *s = file_resolve(table[i][0], table[i][1]);

		assert_string_equal(s, table[i][2]);
		free(s);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_back_and_nothing_else_is_left),
		TEST(a_file_longer_than_the_buffer_allows_is_refused),
		TEST(missing_files_and_folders_are_named),
		TEST(a_secret_is_one_line_without_its_end),
		TEST(bad_secrets_are_refused_without_showing_them),
		TEST(a_secret_of_somebody_else_is_refused),
		TEST(folders_are_made_along_the_way),
		TEST(relative_paths_are_seen_from_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
