/* tests/unit/test_metrics.c: the Prometheus text of a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/io/metrics.h"

static int set_up(void **state)
{
	struct metrics *m;

	assert_int_equal(metrics_create(&m), 0);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	metrics_destroy(*state);
	return 0;
}

/* The caller frees. */
static char *render(struct metrics *m)
{
	struct buf b;
	char *text;

	buf_init(&b, 1 << 20);
	assert_int_equal(metrics_render(m, &b), 0);
	text = buf_take(&b);
	assert_non_null(text);
	buf_fini(&b);
	return text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not there: %s\nin:\n%s", part, text);
}

static void counters_add_and_gauges_are_set(void **state)
{
	struct metrics *m = *state;
	char *text;

	metrics_add(m, "sw_sent_total", "gw=\"a\"", 1);
	metrics_add(m, "sw_sent_total", "gw=\"a\"", 2);
	metrics_add(m, "sw_sent_total", "gw=\"b\"", 0.5);
	metrics_set(m, "sw_held", NULL, 7);
	metrics_set(m, "sw_held", NULL, -3);
	text = render(m);
	has(text, "# TYPE sw_sent_total counter\nsw_sent_total{gw=\"a\"} "
		  "3\nsw_sent_total{gw=\"b\"} 0.5\n");
	has(text, "# TYPE sw_held gauge\nsw_held -3\n");
	free(text);
}

static void histogram_buckets_are_cumulative(void **state)
{
	struct metrics *m = *state;
	char *text;

	metrics_observe(m, "sw_took_seconds", "gw=\"a\"", 0.001);
	metrics_observe(m, "sw_took_seconds", "gw=\"a\"", 0.002);
	metrics_observe(m, "sw_took_seconds", "gw=\"a\"", 61);
	metrics_observe(m, "sw_plain_seconds", NULL, 60);
	text = render(m);
	has(text, "# TYPE sw_took_seconds histogram\n");
	has(text, "sw_took_seconds_bucket{gw=\"a\",le=\"0.001\"} 1\n");
	has(text, "sw_took_seconds_bucket{gw=\"a\",le=\"0.0025\"} 2\n");
	has(text, "sw_took_seconds_bucket{gw=\"a\",le=\"60\"} 2\n");
	has(text, "sw_took_seconds_bucket{gw=\"a\",le=\"+Inf\"} 3\n");
	has(text, "sw_took_seconds_sum{gw=\"a\"} 61.003\n");
	has(text, "sw_took_seconds_count{gw=\"a\"} 3\n");
	has(text, "sw_plain_seconds_bucket{le=\"60\"} 1\n");
	has(text, "sw_plain_seconds_count 1\n");
	free(text);
}

static void help_is_shown_once_and_escaped(void **state)
{
	struct metrics *m = *state;
	char *text, *first;

	metrics_help(m, "sw_a", "never used");
	metrics_help(m, "sw_b", "old");
	metrics_help(m, "sw_b", "back\\slash and\nnewline");
	metrics_set(m, "sw_b", "x=\"1\"", 1);
	metrics_set(m, "sw_b", "x=\"2\"", 1);
	text = render(m);
	first = strstr(text, "# HELP sw_b back\\\\slash and\\nnewline\n# TYPE sw_b gauge\n");
	assert_non_null(first);
	assert_null(strstr(first + 3, "HELP sw_b"));
	assert_null(strstr(text, "sw_a")); /* a family without samples is not shown */
	free(text);
}

static void series_over_500_go_to_the_overflow_counter(void **state)
{
	struct metrics *m = *state;
	char labels[32], *text;

	for (int i = 0; i < 503; i++) {
		(void)snprintf(labels, sizeof(labels), "n=\"%d\"", i);
		metrics_add(m, "sw_many_total", labels, 1);
	}
	metrics_add(m, "sw_many_total", "n=\"499\"", 1); /* one that is there still counts */
	text = render(m);
	has(text, "sw_many_total{n=\"499\"} 2\n");
	assert_null(strstr(text, "sw_many_total{n=\"500\"}"));
	has(text, "shouwang_metrics_overflow_total 3\n");
	free(text);
}

static void name_of_one_kind_is_not_mixed_with_another(void **state)
{
	struct metrics *m = *state;
	char *text;

	metrics_observe(m, "sw_x", NULL, 1);
	metrics_add(m, "sw_x", NULL, 5);
	metrics_set(m, "sw_x", "a=\"b\"", 5);
	metrics_add(m, "sw_y", NULL, 5);
	metrics_observe(m, "sw_y", NULL, 1);
	metrics_observe(m, "sw_y", "a=\"b\"", 1);
	text = render(m);
	has(text, "sw_x_count 1\n");
	has(text, "sw_x_sum 1\n");
	has(text, "sw_y 5\n");
	assert_null(strstr(text, "{a="));
	free(text);
}

static void own_figures_are_there(void **state)
{
	static const char *const names[] = {"\nprocess_cpu_seconds_total ",
		"\nprocess_resident_memory_bytes ", "\nprocess_open_fds "};
	char *text = render(*state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		has(text, names[i]);
		assert_true(strtod(strstr(text, names[i]) + strlen(names[i]), NULL) > 0);
	}
	free(text);
}

static void text_that_does_not_fit_is_an_error(void **state)
{
	struct buf b;

	buf_init(&b, 20);
	assert_int_equal(metrics_render(*state, &b), SW_ELIMIT);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counters_add_and_gauges_are_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			histogram_buckets_are_cumulative, set_up, tear_down),
		cmocka_unit_test_setup_teardown(help_is_shown_once_and_escaped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			series_over_500_go_to_the_overflow_counter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			name_of_one_kind_is_not_mixed_with_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(own_figures_are_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			text_that_does_not_fit_is_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
