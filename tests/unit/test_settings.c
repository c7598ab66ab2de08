/* tests/unit/test_settings.c: the service configuration's defaults and the checks across settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/settings.h"

struct fixture {
	char dir[32]; /* "/tmp/sw.XXXXXX" */
	char file[64], key[64];
	struct problems p;
	struct conf *c;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sw.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->file, sizeof(f->file), "%s/a.conf", f->dir);
	(void)snprintf(f->key, sizeof(f->key), "%s/k", f->dir);
	assert_int_equal(file_write(f->key, 0600, "x", 1, NULL), 0);
	problems_init(&f->p);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	(void)unlink(f->file);
	(void)unlink(f->key);
	(void)rmdir(f->dir);
	conf_free(f->c);
	problems_fini(&f->p);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	conf_free(f->c);
	f->c = NULL;
	problems_fini(&f->p);
	assert_int_equal(file_write(f->file, 0644, text, strlen(text), NULL), 0);
	return settings_load(f->file, &f->p, &f->c);
}

static void load_good(struct fixture *f, const char *text)
{
	int rc = load(f, text);

	if (rc < 0)
		problems_print(&f->p, stderr);
	assert_int_equal(rc, 0);
}

static void assert_problem(struct fixture *f, const char *text, int line, const char *says)
{
	assert_int_equal(load(f, text), SW_ECONF);
	if (f->p.n != 1 || f->p.items[0].line != line || !strstr(f->p.items[0].text, says)) {
		problems_print(&f->p, stderr);
		fail_msg("want line %d, \"%s\"", line, says);
	}
	assert_null(f->c);
}

static void an_empty_file_is_a_safe_configuration(void **state)
{
	struct fixture *f = *state;

	load_good(f, "");
	assert_false(conf_bool(f->c, "simulation"));
	assert_true(conf_bool(f->c, "trial.enabled"));
	assert_int_equal(conf_count(f->c, "trial.allow"), 0);
	assert_string_equal(conf_str(f->c, "http.listen"), "127.0.0.1");
	assert_int_equal(conf_int(f->c, "http.port"), 8080);
	assert_int_equal(conf_int(f->c, "http.rate_per_ip"), 50);
	assert_int_equal(conf_int(f->c, "http.metrics_port"), 9180);
	assert_int_equal(conf_int(f->c, "notifier.metrics_port"), 9181);
	assert_string_equal(conf_str(f->c, "mqtt.host"), "127.0.0.1");
	assert_int_equal(conf_int(f->c, "mqtt.port"), 1883);
	assert_string_equal(conf_str(f->c, "wecom.api_base"), "https://qyapi.weixin.qq.com");
	assert_string_equal(conf_str(f->c, "log.level"), "info");
	assert_string_equal(conf_str(f->c, "outbound.mid_header"), "");
	assert_int_equal(conf_int(f->c, "sms.unknown_wait_s"), 600);
	assert_false(conf_bool(f->c, "sms.mas.sign_in_content"));
}

static void a_full_configuration_of_the_documented_paths_loads(void **state)
{
	static const char text[] =
		"simulation = true; simulation_start = \"2022-06-20T08:00\";\n"
		"simulation_participants = [ \"bot\", \"wecom-sim\" ];\n"
		"trial = { enabled = false; allow = [ \"150100\", \"+8613800000001\" ]; };\n"
		"state_dir = \"s\"; run_dir = \"r\"; campaign = \"c.conf\";\n"
		"outbound = { mid_header = \"X-Shouwang-Mid\"; };\n"
		"http = { listen = \"0.0.0.0\"; port = 1; rate_per_ip = 0; metrics_port = 2; };\n"
		"notifier = { metrics_port = 3; };\n"
		"mqtt = { host = \"h\"; port = 4; bot = { user = \"bot\"; password_file = \"k\"; "
		"};\n"
		"  notifier = { user = \"notifier\"; password_file = \"k\"; }; };\n"
		"redis = { socket = \"redis.sock\"; user = \"u\"; password_file = \"k\"; };\n"
		"control = { socket = \"c.sock\"; }; keys = { data_file = \"k\"; spool_file = "
		"\"k\"; };\n"
		"wecom = { api_base = \"http://127.0.0.1:9\";\n"
		"  robots = ( { name = \"r1\"; unit = \"150100\"; key_file = \"k\"; publicity = "
		"true; } );\n"
		"  apps = ( { name = \"a1\"; corp_id = \"ww1\"; agent_id = 1000002; secret_file = "
		"\"k\";\n"
		"    token_file = \"k\"; aes_key_file = \"k\"; } );\n"
		"  smart_robots = ( { name = \"s1\"; mode = \"socket\"; url = "
		"\"ws://127.0.0.1:9\"; bot_id = \"b\";\n"
		"    secret_file = \"k\"; ping_s = 5; hold_s = 10; },\n"
		"    { name = \"s2\"; mode = \"webhook\"; token_file = \"k\"; aes_key_file = "
		"\"k\"; } ); };\n"
		"sms = { sign = \"x\"; route = [ \"aliyun\", \"kannel\" ];\n"
		"  aliyun = { endpoint = \"http://127.0.0.1:9\"; region = \"r\"; access_key_id = "
		"\"i\"; secret_file = \"k\"; rate = 9; };\n"
		"  tencent = { endpoint = \"http://127.0.0.1:9\"; region = \"r\"; app_id = \"1\"; "
		"secret_id = \"i\"; secret_key_file = \"k\"; rate = 9; };\n"
		"  mas = { url = \"http://127.0.0.1:9\"; ec_name = \"e\"; ap_id = \"a\"; "
		"secret_file = \"k\"; sign_id = \"s\"; add_serial = \"\"; sign_in_content = true; "
		"rate = 9; };\n"
		"  kannel = { url = \"http://127.0.0.1:9\"; username = \"u\"; password_file = "
		"\"k\"; rate = 9; };\n"
		"  callback_tokens = { aliyun = \"k\"; tencent = \"k\"; mas = \"k\"; kannel = "
		"\"k\"; };\n"
		"  unknown_wait_s = 5; };\n";
	struct fixture *f = *state;

	load_good(f, text);
	assert_int_equal(f->p.n, 0);
	assert_string_equal(conf_str(f->c, "sms.callback_tokens.kannel"), f->key);
	assert_int_equal(conf_intf(f->c, "wecom.apps[%d].agent_id", 0), 1000002);
	assert_string_equal(conf_str(f->c, "wecom.smart_robots[1].mode"), "webhook");
	assert_int_equal(conf_int(f->c, "wecom.smart_robots[1].ping_s"), 30);
}

static void simulation_needs_its_first_moment(void **state)
{
	assert_problem(*state, "\nsimulation = true;\n", 2, "simulation_start is missing");
}

static void names_are_unique_in_their_list_and_fit_topics(void **state)
{
	struct fixture *f = *state;

	assert_problem(f,
		"wecom = { robots = (\n{ name = \"a\"; key_file = \"k\"; },\n{ name = \"a\"; "
		"key_file = \"k\"; } ); };\n",
		3, "is taken");
	assert_problem(f, "wecom = { robots = ( { name = \"A/b\"; key_file = \"k\"; } ); };\n", 1,
		"use 1 to 32");
	load_good(f, "wecom = { robots = ( { name = \"a\"; key_file = \"k\"; } );\n"
		     "apps = ( { name = \"a\"; corp_id = \"w\"; agent_id = 1; secret_file = \"k\"; "
		     "} ); };\n");
}

static void a_smart_robot_needs_what_its_mode_uses(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "wecom = { smart_robots = ( { name = \"a\"; bot_id = \"b\"; } ); };\n", 1,
		"secret_file is missing");
	assert_problem(f,
		"wecom = { smart_robots = ( { name = \"a\"; mode = \"webhook\"; token_file = "
		"\"k\"; } ); };\n",
		1, "aes_key_file is missing");
	assert_problem(f, "wecom = { smart_robots = ( { name = \"a\"; mode = \"pigeon\"; } ); };\n",
		1, "\"socket\" or \"webhook\"");
}

static void folders_must_be_named(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "state_dir = \"\";\n", 1, "state_dir must name a folder");
	assert_problem(f, "run_dir = \"\";\n", 1, "run_dir must name a folder");
}

static void a_socket_path_longer_than_107_bytes_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[256];
	char path[128];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	(void)snprintf(text, sizeof(text), "control = { socket = \"%s\"; };", path);
	load_good(f, text);
	path[107] = 'x';
	path[108] = '\0';
	(void)snprintf(text, sizeof(text), "control = { socket = \"%s\"; };", path);
	assert_problem(f, text, 1, "108 bytes");
}

static void a_route_names_gateways_that_are_configured(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "sms = { sign = \"x\"; route = [ \"pigeon\" ]; };\n", 1,
		"no gateway \"pigeon\"");
	/* Their settings are known, their protocols not yet. */
	assert_problem(f,
		"sms = { sign = \"x\"; route = [ \"tencent\" ]; tencent = { secret_id = \"x\"; "
		"}; };\n",
		1, "no gateway \"tencent\"");
	assert_problem(f, "sms = { sign = \"x\"; route = [ \"kannel\" ]; };\n", 1,
		"sms.kannel.url is not set");
	load_good(f,
		"sms = { route = [ \"kannel\" ]; kannel = { url = \"http://127.0.0.1:9\"; }; };\n");
	assert_int_equal(f->p.n, 1);
	assert_int_equal(f->p.items[0].level, PROBLEM_WARNING);
}

static void secrets_that_are_missing_are_named_with_their_line(void **state)
{
	assert_problem(*state, "\nkeys = {\n  data_file = \"nope\"; };\n", 3, "/nope");
}

static void the_log_level_is_one_of_four(void **state)
{
	assert_problem(*state, "log = { level = \"loud\"; };\n", 1, "debug, info, warn or error");
}

static void the_printed_example_is_a_configuration_that_loads(void **state)
{
	struct fixture *f = *state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	conf_print_example(settings_table, settings_table_len, out);
	fclose(out);
	load_good(f, text);
	assert_true(conf_is_set(f->c, "sms.unknown_wait_s"));
	assert_int_equal(conf_count(f->c, "wecom.robots"), 0);
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_file_is_a_safe_configuration),
		TEST(a_full_configuration_of_the_documented_paths_loads),
		TEST(simulation_needs_its_first_moment),
		TEST(names_are_unique_in_their_list_and_fit_topics),
		TEST(a_smart_robot_needs_what_its_mode_uses),
		TEST(folders_must_be_named),
		TEST(a_socket_path_longer_than_107_bytes_is_refused),
		TEST(a_route_names_gateways_that_are_configured),
		TEST(secrets_that_are_missing_are_named_with_their_line),
		TEST(the_log_level_is_one_of_four),
		TEST(the_printed_example_is_a_configuration_that_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
