/* tests/unit/test_ctl_offline.c: check, calendar and sms as an operator or a script sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/file.h"
#include "notifier/ctl/command.h"

enum { MAX_OUTPUT = 1024 * 1024 };

static struct buf out, err; /* of the last command */

static FILE *redirect(FILE *stream, int *ret_saved)
{
	FILE *to = tmpfile();

	assert_non_null(to);
	fflush(stream);
	*ret_saved = dup(fileno(stream));
	assert_true(dup2(fileno(to), fileno(stream)) >= 0);
	return to;
}

static void restore(FILE *stream, int saved, FILE *from, struct buf *ret)
{
	char block[4096];
	size_t n;

	fflush(stream);
	assert_true(dup2(saved, fileno(stream)) >= 0);
	close(saved);
	rewind(from);
	buf_reset(ret);
	while ((n = fread(block, 1, sizeof(block), from)) > 0)
		assert_int_equal(buf_add(ret, block, n), 0);
	fclose(from);
}

/* Runs WORDS (NULL-ended) and returns the exit code; what it printed is in out and err. */
static int run(const struct command *cmd, bool json, const char *const *words)
{
	struct ctl_env env = {.config = "/nonexistent/shouwang.conf", .json = json};
	char *argv[8];
	int argc = 0, saved_out, saved_err, rc;
	FILE *o, *e;

	for (; words[argc]; argc++) {
		argv[argc] = strdup(words[argc]);
		assert_non_null(argv[argc]);
	}
	argv[argc] = NULL;
	o = redirect(stdout, &saved_out);
	e = redirect(stderr, &saved_err);
	rc = cmd->run(&env, argc, argv);
	restore(stderr, saved_err, e, &err);
	restore(stdout, saved_out, o, &out);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return rc;
}

#define RUN(family, json, ...)                                                                     \
	run(ctl_##family##_commands, json, (const char *const[]){#family, __VA_ARGS__, NULL})

static json_t *output_json(void)
{
	json_error_t e;
	json_t *j = json_loads(buf_str(&out), 0, &e);

	if (!j)
		fail_msg("not JSON: %s", buf_str(&out));
	return j;
}

/* ---- calendar ---- */

static void calendar_answers_one_line(void **state)
{
	(void)state;
	assert_int_equal(RUN(calendar, false, "is-workday", "2022-10-08"), EXIT_OK);
	assert_string_equal(buf_str(&out), "yes\n");
	assert_int_equal(RUN(calendar, false, "is-workday", "2022-09-12"), EXIT_REFUSED);
	assert_string_equal(buf_str(&out), "no\n");
	assert_int_equal(RUN(calendar, false, "notice-end", "2022-08-12", "5"), EXIT_OK);
	assert_string_equal(buf_str(&out), "2022-08-18\n");
	assert_int_equal(
		RUN(calendar, false, "notice-end", "2022-08-12", "5", "--exclusive"), EXIT_OK);
	assert_string_equal(buf_str(&out), "2022-08-19\n");
	assert_int_equal(RUN(calendar, false, "latest-start", "2022-08-19", "5"), EXIT_OK);
	assert_string_equal(buf_str(&out), "2022-08-15\n");
	assert_int_equal(RUN(calendar, false, "back", "2022-08-10", "10"), EXIT_OK);
	assert_string_equal(buf_str(&out), "2022-07-27\n");
}

static void calendar_lists_every_phase_of_a_day(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(RUN(calendar, false, "phases", "2022-08-10"), EXIT_OK);
	assert_string_equal(buf_str(&out), "nominate precheck\n");
	assert_int_equal(RUN(calendar, true, "phases", "2022-12-01"), EXIT_REFUSED);
	j = output_json();
	assert_int_equal(json_array_size(json_object_get(j, "phases")), 0);
	json_decref(j);
}

static void json_tells_an_unknown_year_from_no(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(RUN(calendar, true, "is-workday", "2022-09-12"), EXIT_REFUSED);
	j = output_json();
	assert_true(json_is_false(json_object_get(j, "workday")));
	json_decref(j);
	assert_int_equal(RUN(calendar, true, "is-workday", "2027-01-04"), EXIT_REFUSED);
	j = output_json();
	assert_null(json_object_get(j, "workday"));
	assert_int_equal(json_integer_value(json_object_get(j, "year")), 2027);
	assert_non_null(json_string_value(json_object_get(j, "error")));
	json_decref(j);
	assert_int_equal(RUN(calendar, false, "notice-end", "2026-12-30", "5"), EXIT_REFUSED);
	assert_non_null(strstr(buf_str(&err), "2027"));
	assert_string_equal(buf_str(&out), "");
}

static void calendar_explains_wrong_use(void **state)
{
	(void)state;
	assert_int_equal(RUN(calendar, false, "tomorrow", "2022-08-10"), EXIT_USAGE_ERROR);
	assert_non_null(strstr(buf_str(&err), "usage: shouwang calendar is-workday DATE"));
	assert_int_equal(RUN(calendar, false, "is-workday", "2022-02-30"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(calendar, false, "back", "2022-08-10"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(calendar, false, "notice-end", "2022-08-10", "0"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(calendar, false, "notice-end", "2022-08-10", "5", "--inclusive"),
		EXIT_USAGE_ERROR);
	assert_int_equal(
		RUN(calendar, false, "back", "2022-08-10", "5", "--exclusive"), EXIT_USAGE_ERROR);
}

/* ---- check ---- */

static void check_prints_every_date_of_the_campaign(void **state)
{
	static const char *const want[] = {
		"precheck     Wed 2022-08-10 .. Sat 2022-08-20, 8 working days",
		"posting day counts:      Mon 2022-08-15",
		"posting day not counted: Sun 2022-08-14",
		"safe either way:         Fri 2022-08-12",
		"safe either way:         Fri 2022-09-23",
		"R13         Mon 2022-08-08 09:00, Tue 2022-08-09 09:00", "Tue 2022-09-13 09:00",
		"Sat 2022-08-20 18:00, reminded as if Fri 2022-08-19 18:00",
		"W: reminder R08 is not carried out yet", "reported 28 to 54, final 20"};

	(void)state;
	assert_int_equal(RUN(check, false, "config/campaigns/nm-2022-63.conf"), EXIT_OK);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		if (!strstr(buf_str(&out), want[i]))
			fail_msg("missing: %s", want[i]);
	}
}

static void check_gives_the_plan_as_json(void **state)
{
	json_t *j, *plan, *notice;

	(void)state;
	assert_int_equal(RUN(check, true, "config/campaigns/nm-2022-63.conf"), EXIT_OK);
	j = output_json();
	assert_true(json_is_true(json_object_get(j, "ok")));
	assert_string_equal(json_string_value(json_object_get(j, "kind")), "definition");
	plan = json_object_get(j, "plan");
	assert_int_equal(json_array_size(json_object_get(plan, "phases")), 4);
	assert_int_equal(json_integer_value(json_object_get(plan, "reporting_units")), 14);
	notice = json_object_get(
		json_array_get(json_object_get(plan, "notices"), 0), "latest_start");
	assert_string_equal(
		json_string_value(json_object_get(notice, "posting_day_counts")), "2022-08-15");
	assert_string_equal(
		json_string_value(json_object_get(notice, "safe_workday")), "2022-08-12");
	json_decref(j);
}

/* Writes TEXT to a file and checks it. */
static int check_text(const char *text, bool json)
{
	char dir[] = "/tmp/chkXXXXXX", path[64];
	int rc;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	assert_int_equal(file_write(path, 0600, text, strlen(text), NULL), 0);
	rc = RUN(check, json, path);
	remove(path);
	remove(dir);
	return rc;
}

static void check_names_file_line_and_remedy(void **state)
{
	json_t *j, *problem;

	(void)state;
	assert_int_equal(
		check_text("format = 1;\nid = \"x\";\nphases = （ );\n", false), EXIT_BAD_CONFIG);
	assert_non_null(strstr(buf_str(&out), "a.conf:3: "));
	assert_non_null(strstr(buf_str(&out), "（"));
	assert_int_equal(
		check_text("format = 1;\nid = \"x\";\nphases = （ );\n", true), EXIT_BAD_CONFIG);
	j = output_json();
	assert_true(json_is_false(json_object_get(j, "ok")));
	problem = json_array_get(json_object_get(j, "problems"), 0);
	assert_string_equal(json_string_value(json_object_get(problem, "level")), "error");
	assert_int_equal(json_integer_value(json_object_get(problem, "line")), 3);
	json_decref(j);
}

static void check_tells_settings_from_definitions(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(check_text("state_dir = \"/tmp\";\nhttp = { prot = 8080; };\n", true),
		EXIT_BAD_CONFIG);
	j = output_json();
	assert_string_equal(json_string_value(json_object_get(j, "kind")), "settings");
	json_decref(j);
	assert_int_equal(check_text("format = 1;\ntiers = ( );\n", true), EXIT_BAD_CONFIG);
	j = output_json();
	assert_string_equal(json_string_value(json_object_get(j, "kind")), "definition");
	json_decref(j);
}

static void check_of_a_missing_file_is_bad_configuration(void **state)
{
	(void)state;
	assert_int_equal(RUN(check, false, "/nonexistent/x.conf"), EXIT_BAD_CONFIG);
	assert_int_equal(RUN(check, false, "a", "b"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(check, false, "--strict"), EXIT_USAGE_ERROR);
}

/* ---- sms ---- */

static int count_text(const char *text, size_t len)
{
	FILE *in = tmpfile();
	int saved = dup(STDIN_FILENO), rc;

	assert_non_null(in);
	assert_int_equal(fwrite(text, 1, len, in), len);
	rewind(in);
	assert_true(dup2(fileno(in), STDIN_FILENO) >= 0);
	clearerr(stdin);
	rc = RUN(sms, false, "count");
	assert_true(dup2(saved, STDIN_FILENO) >= 0);
	close(saved);
	fclose(in);
	return rc;
}

static void newline_at_the_end_is_counted(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(count_text("【守望】😀\n", strlen("【守望】😀\n")), EXIT_OK);
	j = output_json();
	assert_int_equal(json_integer_value(json_object_get(j, "units")), 7);
	assert_int_equal(json_integer_value(json_object_get(j, "billed")), 1);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(j, "split"), 0)), "【守望】😀\n");
	json_decref(j);
}

static void long_text_is_split_and_billed(void **state)
{
	char text[71 * 3 + 1] = "";
	json_t *j;

	(void)state;
	for (size_t i = 0; i < 71; i++)
		memcpy(text + i * 3, "字", 4);
	assert_int_equal(count_text(text, strlen(text)), EXIT_OK);
	j = output_json();
	assert_int_equal(json_integer_value(json_object_get(j, "units")), 71);
	assert_int_equal(json_integer_value(json_object_get(j, "parts")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "billed")), 2);
	json_decref(j);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
	(void)state;
	assert_int_equal(count_text("\xc4\xe3", 2), EXIT_REFUSED);
	assert_non_null(strstr(buf_str(&err), "UTF-8"));
}

static void numbers_are_normalised_or_refused_with_a_reason(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(RUN(sms, false, "number", "１38-0000 0001"), EXIT_OK);
	assert_string_equal(buf_str(&out), "+8613800000001\n");
	assert_int_equal(RUN(sms, true, "number", "0471-6962044"), EXIT_REFUSED);
	j = output_json();
	assert_true(json_is_false(json_object_get(j, "ok")));
	assert_non_null(json_string_value(json_object_get(j, "reason")));
	json_decref(j);
	assert_int_equal(RUN(sms, false, "number"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(sms, false, "weigh"), EXIT_USAGE_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calendar_answers_one_line),
		cmocka_unit_test(calendar_lists_every_phase_of_a_day),
		cmocka_unit_test(json_tells_an_unknown_year_from_no),
		cmocka_unit_test(calendar_explains_wrong_use),
		cmocka_unit_test(check_prints_every_date_of_the_campaign),
		cmocka_unit_test(check_gives_the_plan_as_json),
		cmocka_unit_test(check_names_file_line_and_remedy),
		cmocka_unit_test(check_tells_settings_from_definitions),
		cmocka_unit_test(check_of_a_missing_file_is_bad_configuration),
		cmocka_unit_test(newline_at_the_end_is_counted),
		cmocka_unit_test(long_text_is_split_and_billed),
		cmocka_unit_test(text_that_is_not_utf8_is_refused),
		cmocka_unit_test(numbers_are_normalised_or_refused_with_a_reason),
	};
	int rc;

	buf_init(&out, MAX_OUTPUT);
	buf_init(&err, MAX_OUTPUT);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&out);
	buf_fini(&err);
	return rc;
}
