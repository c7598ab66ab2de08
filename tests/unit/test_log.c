/* tests/unit/test_log.c: each line is one JSON object, whatever the values hold. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/log.h"

/* Standard error goes into a pipe for the time of a test. */
struct fixture {
	int saved, out;
};

static int64_t fixed_time(void *ctx)
{
	return *(int64_t *)ctx;
}

static int64_t now = INT64_C(1660784400412);

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	f->saved = dup(STDERR_FILENO);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	f->out = fds[0];
	log_setup(LOG_LEVEL_DEBUG, fixed_time, &now);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)dup2(f->saved, STDERR_FILENO);
	close(f->saved);
	close(f->out);
	free(f);
	log_setup(LOG_LEVEL_INFO, NULL, NULL);
	return 0;
}

/* What was logged since the last look; the caller frees. */
static char *logged(struct fixture *f)
{
	char *s = calloc(1, 70000);
	ssize_t n = read(f->out, s, 69999);

	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	return s;
}

static json_t *logged_json(struct fixture *f)
{
	char *s = logged(f);
	json_error_t e;
	json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		fail_msg("%s: %s", e.text, s);
	assert_int_equal(s[strlen(s) - 1], '\n');
	assert_ptr_equal(strchr(s, '\n'), s + strlen(s) - 1);
	free(s);
	return j;
}

static const char *field(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "(none)";
}

static void an_event_is_one_json_line_with_its_keys_in_order(void **state)
{
	struct fixture *f = *state;
	int64_t took = 83;
	char *s;

	LOG_INFO("job_sent", "job=%s unit=%s took_ms=%" PRId64, "rm/x", "1502", took);
	s = logged(f);
	assert_string_equal(s,
		"{\"ts\":\"2022-08-18T09:00:00.412+08:00\",\"lvl\":\"info\",\"ev\":\"job_sent\","
		"\"job\":\"rm/x\",\"unit\":\"1502\",\"took_ms\":83}\n");
	free(s);
}

static void every_documented_conversion_works(void **state)
{
	struct fixture *f = *state;
	json_t *j;

	LOG_WARN("all", "d=%d u=%u zu=%zu ld=%ld lu=%lu lld=%lld llu=%llu x=%x s=%.*s z=%s", -1, 2u,
		(size_t)3, -4L, 5UL, -6LL, 7ULL, 0xabu, 2, "xyz", "last");
	j = logged_json(f);
	assert_int_equal(json_integer_value(json_object_get(j, "d")), -1);
	assert_int_equal(json_integer_value(json_object_get(j, "u")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "zu")), 3);
	assert_int_equal(json_integer_value(json_object_get(j, "ld")), -4);
	assert_int_equal(json_integer_value(json_object_get(j, "lu")), 5);
	assert_int_equal(json_integer_value(json_object_get(j, "lld")), -6);
	assert_int_equal(json_integer_value(json_object_get(j, "llu")), 7);
	assert_string_equal(field(j, "x"), "ab");
	assert_string_equal(field(j, "s"), "xy");
	assert_string_equal(field(j, "z"), "last");
	assert_string_equal(field(j, "lvl"), "warn");
	json_decref(j);
}

static void values_cannot_forge_keys_or_lines(void **state)
{
	struct fixture *f = *state;
	json_t *j;

	LOG_ERROR("x", "a=%s b=%s c=%s n=%d", "\",\"lvl\":\"info\"}\n{", "\x01\\\x7f\t",
		"\xff\xfe好", 5);
	j = logged_json(f);
	assert_string_equal(field(j, "lvl"), "error");
	assert_string_equal(field(j, "a"), "\",\"lvl\":\"info\"}\n{");
	assert_string_equal(field(j, "b"), "\x01\\\x7f\t");
	assert_string_equal(field(j, "c"), "\xef\xbf\xbd\xef\xbf\xbd好");
	assert_int_equal(json_integer_value(json_object_get(j, "n")), 5);
	json_decref(j);
}

static void mixed_values_and_literals_become_strings(void **state)
{
	struct fixture *f = *state;
	const char *volatile none = NULL; /* hidden from the compiler's own check */
	json_t *j;

	LOG_INFO("x", "at=%s:%d kind=fixed share=%d%% none=%s", "host", 80, 5, none);
	j = logged_json(f);
	assert_string_equal(field(j, "at"), "host:80");
	assert_string_equal(field(j, "kind"), "fixed");
	assert_string_equal(field(j, "share"), "5%");
	assert_string_equal(field(j, "none"), "");
	json_decref(j);
}

static void mobile_numbers_in_values_are_masked(void **state)
{
	struct fixture *f = *state;
	json_t *j;

	LOG_INFO("x", "to=%s mid=%s", "+8613800000001", "7e13800000001aac");
	j = logged_json(f);
	assert_string_equal(field(j, "to"), "+86138****0001");
	assert_string_equal(field(j, "mid"), "7e13800000001aac");
	json_decref(j);
}

static void long_values_are_cut_and_the_line_stays_valid(void **state)
{
	struct fixture *f = *state;
	char *longer = malloc(30001);
	json_t *j;

	for (size_t i = 0; i < 30000; i += 3)
		memcpy(longer + i, "好", 3);
	longer[30000] = '\0';
	LOG_INFO("x", "a=%s b=%s c=%s d=%s e=%d", longer, longer, longer, longer, 7);
	j = logged_json(f);
	assert_in_range(strlen(field(j, "a")), 500, 700);
	assert_true(json_dumpb(j, NULL, 0, JSON_COMPACT) < 2048);
	json_decref(j);
	free(longer);
}

static void levels_below_the_minimum_are_silent(void **state)
{
	struct fixture *f = *state;
	enum log_level lvl = LOG_LEVEL_ERROR;
	char *s;

	assert_int_equal(log_level_parse("warn", &lvl), 0);
	assert_int_equal(lvl, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("WARN", &lvl), SW_EINVAL);
	log_setup(LOG_LEVEL_WARN, fixed_time, &now);
	LOG_INFO("x", "n=%d", 1);
	LOG_DEBUG("x", "n=%d", 2);
	s = logged(f);
	assert_string_equal(s, "");
	free(s);
}

static void lines_nobody_reads_are_dropped_and_counted(void **state)
{
	struct fixture *f = *state;
	char *s;
	const char *said;

	for (int i = 0; i < 5000;
		i++) /* more than a pipe holds: a blocking write would hang here */
		LOG_INFO("flood", "n=%d", i);
	s = logged(f);
	assert_null(strstr(s, "log_dropped"));
	free(s);
	for (;;) {
		s = logged(f);
		if (!*s)
			break;
		free(s);
	}
	free(s);
	LOG_INFO("after", "n=%d", 1);
	s = logged(f);
	said = strstr(s, "\"ev\":\"log_dropped\",\"n\":");
	assert_non_null(said);
	assert_true(strtol(said + strlen("\"ev\":\"log_dropped\",\"n\":"), NULL, 10) > 1000);
	assert_non_null(strstr(said, "\"ev\":\"after\""));
	free(s);
	LOG_INFO("later", "n=%d", 1);
	s = logged(f);
	assert_null(strstr(s, "log_dropped"));
	free(s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_event_is_one_json_line_with_its_keys_in_order),
		TEST(every_documented_conversion_works),
		TEST(values_cannot_forge_keys_or_lines),
		TEST(mixed_values_and_literals_become_strings),
		TEST(mobile_numbers_in_values_are_masked),
		TEST(long_values_are_cut_and_the_line_stays_valid),
		TEST(levels_below_the_minimum_are_silent),
		TEST(lines_nobody_reads_are_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
