/*
 * tests/unit/test_health.c: the second listener of a daemon, asked by our own client on the same loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/io/health.h"
#include "core/io/http_client.h"

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct metrics *metrics;
	struct health *health;
	struct http_client *client;
	int renders;
	int status;
	char body[16384];
};

static void before_metrics(void *ctx)
{
	struct fixture *f = ctx;

	metrics_set(f->metrics, "sw_renders", NULL, ++f->renders);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	clock_init_simulated(&f->clock, 1660784400000);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	assert_int_equal(metrics_create(&f->metrics), 0);
	assert_int_equal(health_open(f->loop, "127.0.0.1", 0, f->metrics, before_metrics, f,
				 &f->health, NULL),
		0);
	assert_int_equal(http_client_create(f->loop, NULL, &f->client), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	http_client_destroy(f->client);
	health_close(f->health);
	loop_destroy(f->loop);
	metrics_destroy(f->metrics);
	free(f);
	return 0;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct fixture *f = ctx;

	assert_int_equal(res->outcome, HTTP_ANSWERED);
	f->status = res->status;
	(void)snprintf(f->body, sizeof(f->body), "%s", res->body);
	loop_stop(f->loop);
}

static int ask(struct fixture *f, const char *method, const char *path)
{
	char url[128];
	struct http_request req = {
		.method = method, .url = url, .body = "x", .body_len = *method == 'P'};

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", health_port(f->health), path);
	assert_int_equal(http_client_start(f->client, &req, on_answer, f, NULL), 0);
	loop_run(f->loop);
	return f->status;
}

static void healthz_is_200_whatever_is_away(void **state)
{
	struct fixture *f = *state;

	health_set(f->health, "redis", false);
	assert_int_equal(ask(f, "GET", "/healthz"), 200);
}

static void readyz_follows_the_dependencies(void **state)
{
	struct fixture *f = *state;
	json_t *root;

	assert_true(health_ready(f->health));
	health_set(f->health, "redis", true);
	health_set(f->health, "mqtt", true);
	assert_true(health_ready(f->health));
	assert_int_equal(ask(f, "GET", "/readyz"), 200);
	assert_string_equal(f->body, "{\"redis\":\"up\",\"mqtt\":\"up\"}");
	health_set(f->health, "mqtt", false);
	assert_false(health_ready(f->health));
	assert_int_equal(ask(f, "GET", "/readyz"), 503);
	root = json_loads(f->body, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(root, "redis")), "up");
	assert_int_equal(
		strncmp(json_string_value(json_object_get(root, "mqtt")), "away since 2", 12), 0);
	json_decref(root);
	health_set(f->health, "mqtt", true);
	assert_int_equal(ask(f, "GET", "/readyz"), 200);
}

static void metrics_are_shown_with_fresh_gauges(void **state)
{
	struct fixture *f = *state;

	health_set(f->health, "redis", true);
	health_set(f->health, "mqtt", false);
	assert_int_equal(ask(f, "GET", "/metrics"), 200);
	assert_non_null(strstr(f->body, "\nsw_renders 1\n"));
	assert_non_null(strstr(f->body, "# TYPE shouwang_dependency_up gauge\n"));
	assert_non_null(strstr(f->body, "shouwang_dependency_up{dep=\"redis\"} 1\n"));
	assert_non_null(strstr(f->body, "shouwang_dependency_up{dep=\"mqtt\"} 0\n"));
	assert_non_null(strstr(f->body, "process_cpu_seconds_total "));
	assert_int_equal(ask(f, "GET", "/metrics"), 200);
	assert_non_null(strstr(f->body, "\nsw_renders 2\n"));
}

static void other_paths_and_methods_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f, "GET", "/"), 404);
	assert_int_equal(ask(f, "GET", "/healthz/"), 404);
	assert_int_equal(ask(f, "POST", "/healthz"), 405);
	assert_int_equal(ask(f, "GET", "/healthz?verbose"), 200);
}

static int lines_of(const char *path, const char *what)
{
	FILE *log = fopen(path, "r");
	char line[1024];
	int n = 0;

	assert_non_null(log);
	while (fgets(line, sizeof(line), log))
		n += strstr(line, what) != NULL;
	(void)fclose(log);
	return n;
}

static void change_is_logged_once_and_not_per_call(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/sw-health-XXXXXX";
	int fd = mkstemp(path), kept = dup(STDERR_FILENO);

	assert_true(fd >= 0 && kept >= 0);
	health_set(f->health, "redis", true);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	for (int i = 0; i < 5; i++)
		health_set(f->health, "redis", false);
	for (int i = 0; i < 5; i++)
		health_set(f->health, "redis", true);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	close(fd);
	assert_int_equal(lines_of(path, "\"ev\":\"dependency_away\""), 1);
	assert_int_equal(lines_of(path, "\"ev\":\"dependency_up\""), 1);
	assert_int_equal(unlink(path), 0);
}

static void port_in_use_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct health *second;
	struct sw_err err;

	assert_true(health_open(f->loop, "127.0.0.1", health_port(f->health), f->metrics, NULL,
			    NULL, &second, &err) < 0);
	assert_true(err.text[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(healthz_is_200_whatever_is_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(readyz_follows_the_dependencies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			metrics_are_shown_with_fresh_gauges, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			other_paths_and_methods_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			change_is_logged_once_and_not_per_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(port_in_use_is_an_error, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
