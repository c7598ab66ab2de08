/* tests/unit/test_ctl_parse.c: shouwang parse answers every line that is not blank with one line of JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/err.h"
#include "notifier/ctl/command.h"

enum { MAX_ANSWERS = 32 };

static json_t *answers[MAX_ANSWERS]; /* of the last run */
static size_t n_answers;

static void forget_answers(void)
{
	while (n_answers > 0)
		json_decref(answers[--n_answers]);
}

/* Lets FD be FILE and returns what it was. */
static int replace(int fd, FILE *file)
{
	int saved = dup(fd);

	assert_true(saved >= 0 && dup2(fileno(file), fd) >= 0);
	return saved;
}

static void put_back(int fd, int saved)
{
	assert_true(dup2(saved, fd) >= 0);
	close(saved);
}

static void take_answers(FILE *out)
{
	char *line = NULL;
	size_t cap = 0;

	forget_answers();
	rewind(out);
	while (getline(&line, &cap, out) > 0) {
		assert_true(n_answers < MAX_ANSWERS);
		answers[n_answers] = json_loads(line, 0, NULL);
		assert_non_null(answers[n_answers++]);
	}
	free(line);
}

static int parse_with(const char *option, const char *value, const void *input, size_t len)
{
	struct ctl_env env = {.config = "/nonexistent/shouwang.conf"};
	char name[] = "parse", opt[16] = "", val[256] = ""; /* as long as the tests need */
	char *argv[] = {name, opt, val, NULL};
	FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
	int saved_in, saved_out, saved_err, rc;

	assert_true(in && out && err);
	snprintf(opt, sizeof(opt), "%s", option ? option : "");
	snprintf(val, sizeof(val), "%s", value ? value : "");
	assert_int_equal(fwrite(input, 1, len, in), len);
	rewind(in);
	fflush(stdout);
	fflush(stderr);
	saved_in = replace(STDIN_FILENO, in);
	saved_out = replace(STDOUT_FILENO, out);
	saved_err = replace(STDERR_FILENO, err);
	clearerr(stdin);
	rc = ctl_parse_commands[0].run(&env, option ? 3 : 1, argv);
	fflush(stdout);
	fflush(stderr);
	put_back(STDERR_FILENO, saved_err);
	put_back(STDOUT_FILENO, saved_out);
	put_back(STDIN_FILENO, saved_in);
	take_answers(out);
	fclose(in);
	fclose(out);
	fclose(err);
	return rc;
}

static int parse(const char *input)
{
	return parse_with(NULL, NULL, input, strlen(input));
}

static const char *reply_of(size_t i)
{
	assert_true(i < n_answers);
	return json_string_value(json_object_get(answers[i], "reply"));
}

static void one_line_in_one_line_out(void **state)
{
	(void)state;
	assert_int_equal(parse("已报2人6户\n"), EXIT_OK);
	assert_int_equal(n_answers, 1);
	assert_string_equal(reply_of(0), "R-REPORT");
}

static void blank_lines_are_skipped_and_the_last_needs_no_end(void **state)
{
	(void)state;
	assert_int_equal(parse("\n  \t\r\n收到\n\n查进度"), EXIT_OK);
	assert_int_equal(n_answers, 2);
	assert_string_equal(reply_of(0), "R-ACK");
	assert_string_equal(reply_of(1), "R-PROGRESS");
}

static void bad_input_is_answered_in_step(void **state)
{
	static const char input[] =
		"\xff\xfe\n\0\n%s%n\n{\n{\"text\":1}\n{\"text_b64\":\"!\"}\n收到\n";

	(void)state;
	assert_int_equal(parse_with(NULL, NULL, input, sizeof(input) - 1), EXIT_OK);
	assert_int_equal(n_answers, 7);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(json_array_size(json_object_get(answers[i], "acts")), 0);
	assert_string_equal(reply_of(6), "R-ACK");
}

static void a_line_beyond_the_bound_is_one_answer(void **state)
{
	size_t len = 5 * 1024 * 1024;
	char *input = malloc(len);

	(void)state;
	assert_non_null(input);
	memset(input, 'x', len);
	input[len - 8] = '\n';
	memcpy(input + len - 7, "收到\n", 7);
	assert_int_equal(parse_with(NULL, NULL, input, len), EXIT_OK);
	free(input);
	assert_int_equal(n_answers, 2);
	assert_string_equal(reply_of(0), "R-TOO-LONG");
	assert_string_equal(reply_of(1), "R-ACK");
}

static void a_json_line_brings_text_and_context(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"text\":\"已报2人5户\",\"context\":{\"role\":\"county\"}}\n"
			       "{\"text\":\"已报2人6户\\n丙市已报0人0户\"}\n"
			       "{\"text_b64\":\"5bey5oqlMuS6ujbmiLc=\",\"context\":{\"stored\":{"
			       "\"workers\":3}}}\n"
			       "{\"text_b64\":\"/w==\"}\n"),
		EXIT_OK);
	assert_int_equal(n_answers, 4);
	assert_string_equal(reply_of(0), "R-ABOVE-MAX");
	assert_string_equal(reply_of(1), "R-NOT-YOUR-UNIT");
	assert_string_equal(reply_of(2), "R-CONFIRM");
	assert_string_equal(reply_of(3), "R-NOT-UNDERSTOOD");
}

static void a_context_for_all_is_changed_by_that_of_a_line(void **state)
{
	static const char input[] = "是\n{\"text\":\"是\",\"context\":{\"open\":\"\"}}\n";

	(void)state;
	assert_int_equal(
		parse_with("--context", "{\"open\":\"Q-CONFIRM\"}", input, sizeof(input) - 1),
		EXIT_OK);
	assert_string_equal(reply_of(0), "R-REPORT");
	assert_string_equal(reply_of(1), "R-NOTHING-PENDING");
}

static void a_wrong_context_of_a_line_is_said_in_its_answer(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\"text\":\"收到\",\"context\":{\"role\":\"king\"}}\n收到\n"), EXIT_OK);
	assert_int_equal(n_answers, 2);
	assert_non_null(json_object_get(answers[0], "error"));
	assert_string_equal(reply_of(1), "R-ACK");
}

static void wrong_use_and_wrong_worlds_have_their_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(parse_with("--context", "{", "x\n", 2), EXIT_USAGE_ERROR);
	assert_int_equal(
		parse_with("--context", "{\"role\":\"king\"}", "x\n", 2), EXIT_USAGE_ERROR);
	assert_int_equal(parse_with("--wrong", "x", "x\n", 2), EXIT_USAGE_ERROR);
	assert_int_equal(
		parse_with("--world", "/nonexistent/world.conf", "x\n", 2), EXIT_BAD_CONFIG);
	assert_int_equal(n_answers, 0);
}

static int end(void **state)
{
	(void)state;
	forget_answers();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_in_one_line_out),
		cmocka_unit_test(blank_lines_are_skipped_and_the_last_needs_no_end),
		cmocka_unit_test(bad_input_is_answered_in_step),
		cmocka_unit_test(a_line_beyond_the_bound_is_one_answer),
		cmocka_unit_test(a_json_line_brings_text_and_context),
		cmocka_unit_test(a_context_for_all_is_changed_by_that_of_a_line),
		cmocka_unit_test(a_wrong_context_of_a_line_is_said_in_its_answer),
		cmocka_unit_test(wrong_use_and_wrong_worlds_have_their_exit_codes),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
