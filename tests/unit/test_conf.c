/* tests/unit/test_conf.c: a configuration file by table; a person sees every mistake with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/conf.h"
#include "core/base/file.h"

static const struct conf_item table[] = {
	{"on", CONF_BOOL, 0, "true", 0, 0, "A switch."},
	{"name", CONF_STRING, CONF_REQUIRED, NULL, 1, 8, "A name."},
	{"net.port", CONF_INT, 0, "1883", 1, 65535, "A port."},
	{"net.wait", CONF_DURATION, 0, "30s", 1000, 3600000, "A wait."},
	{"net.room", CONF_SIZE, 0, "64k", 0, 0, "A size."},
	{"net.deep.word", CONF_STRING, 0, "x", 0, 0, "A word."},
	{"start", CONF_TIME, 0, NULL, 0, 0, "A moment."},
	{"dir", CONF_PATH, 0, "state", 0, 0, "A folder."},
	{"key", CONF_SECRET, 0, NULL, 0, 0, "A key."},
	{"allow", CONF_STRINGS, 0, NULL, 1, 8, "Some words."},
	{"robots[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, 8, "its name"},
	{"robots[].rate", CONF_INT, 0, "20", 1, 100, "its rate"},
	{"robots[].loud", CONF_BOOL, 0, NULL, 0, 0, "is it loud"},
	{"robots[].key", CONF_SECRET, 0, NULL, 0, 0, "its key"},
};

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
	return conf_load(f->file, table, ARRAY_LEN(table), &f->p, &f->c);
}

static void load_good(struct fixture *f, const char *text)
{
	int rc = load(f, text);

	if (rc < 0)
		problems_print(&f->p, stderr);
	assert_int_equal(rc, 0);
}

/* TEXT has exactly one problem, at LINE, that says SAYS. */
static void assert_problem(struct fixture *f, const char *text, int line, const char *says)
{
	assert_int_equal(load(f, text), SW_ECONF);
	if (f->p.n != 1 || f->p.items[0].line != line || !strstr(f->p.items[0].text, says)) {
		problems_print(&f->p, stderr);
		fail_msg("want line %d, \"%s\"", line, says);
	}
	assert_string_equal(f->p.items[0].file, f->file);
	assert_null(f->c);
}

static void defaults_stand_where_the_file_is_silent(void **state)
{
	struct fixture *f = *state;
	char want[64];

	load_good(f, "name = \"a\";\n");
	assert_true(conf_bool(f->c, "on"));
	assert_int_equal(conf_int(f->c, "net.port"), 1883);
	assert_int_equal(conf_int(f->c, "net.wait"), 30000);
	assert_int_equal(conf_int(f->c, "net.room"), 65536);
	assert_string_equal(conf_str(f->c, "net.deep.word"), "x");
	assert_int_equal(conf_int(f->c, "start"), 0);
	assert_string_equal(conf_str(f->c, "key"), "");
	assert_int_equal(conf_count(f->c, "allow"), 0);
	assert_int_equal(conf_count(f->c, "robots"), 0);
	(void)snprintf(want, sizeof(want), "%s/state", f->dir);
	assert_string_equal(conf_str(f->c, "dir"), want);
	assert_false(conf_is_set(f->c, "net.port"));
	assert_int_equal(conf_line(f->c, "net.port"), 0);
	assert_string_equal(conf_file(f->c), f->file);
}

static void values_are_read_by_their_types(void **state)
{
	struct fixture *f = *state;

	load_good(f, "# comment with 13800000001 and a \xef\xbc\x9b\n"
		     "on = false; name = \"n\";\n"
		     "net = { port = 80; wait = \"2m\"; room = 100; deep : { word = "
		     "\"\xe5\xa5\xbd\" } };\n"
		     "start = \"2022-08-18T09:00\"; dir = \"/var/x\";\n"
		     "allow = [ \"1501\", \"1502\" ];\n");
	assert_false(conf_bool(f->c, "on"));
	assert_int_equal(conf_int(f->c, "net.port"), 80);
	assert_int_equal(conf_int(f->c, "net.wait"), 120000);
	assert_int_equal(conf_int(f->c, "net.room"), 100);
	assert_string_equal(conf_str(f->c, "net.deep.word"), "好");
	assert_true(conf_int(f->c, "start") == INT64_C(1660784400000));
	assert_string_equal(conf_str(f->c, "dir"), "/var/x");
	assert_int_equal(conf_count(f->c, "allow"), 2);
	assert_string_equal(conf_str_at(f->c, "allow", 1), "1502");
	assert_true(conf_is_set(f->c, "net.port"));
	assert_int_equal(conf_line(f->c, "net.port"), 3);
}

static void a_bare_number_of_a_duration_is_seconds(void **state)
{
	struct fixture *f = *state;

	load_good(f, "name = \"n\"; net = { wait = 5; };");
	assert_int_equal(conf_int(f->c, "net.wait"), 5000);
}

static void groups_of_a_list_are_read_by_index(void **state)
{
	struct fixture *f = *state;

	load_good(f, "name = \"n\";\nrobots = (\n { name = \"a\"; rate = 7; },\n { name = \"b\"; "
		     "loud = true; }\n);\n");
	assert_int_equal(conf_count(f->c, "robots"), 2);
	assert_string_equal(conf_strf(f->c, "robots[%d].name", 1), "b");
	assert_int_equal(conf_intf(f->c, "robots[%d].rate", 0), 7);
	assert_int_equal(conf_intf(f->c, "robots[%d].rate", 1), 20);
	assert_true(conf_boolf(f->c, "robots[%d].loud", 1));
	assert_false(conf_boolf(f->c, "robots[%d].loud", 0));
	assert_string_equal(conf_str(f->c, "robots[0].key"), "");
	assert_int_equal(conf_line(f->c, "robots[1].name"), 4);
	load_good(f, "name = \"n\"; robots = ( );");
	assert_int_equal(conf_count(f->c, "robots"), 0);
}

static void all_mistakes_are_reported_at_once_in_order_of_lines(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "on = 1;\n"
				 "nmae = \"x\";\n"
				 "net = { port = 0; wiat = \"5s\"; };\n"
				 "robots = ( { rate = 5; } );\n"),
		SW_ECONF);
	assert_int_equal(f->p.n_errors, 6);
	assert_non_null(strstr(f->p.items[0].text, "name is missing"));
	assert_int_equal(f->p.items[1].line, 1);
	assert_int_equal(f->p.items[2].line, 2);
	assert_non_null(strstr(f->p.items[2].text, "unknown setting nmae"));
	assert_int_equal(f->p.items[3].line, 3);
	assert_non_null(strstr(f->p.items[3].text, "net.port must be from 1 to 65535"));
	assert_non_null(strstr(f->p.items[4].text, "unknown setting net.wiat"));
	assert_int_equal(f->p.items[5].line, 4);
	assert_non_null(strstr(f->p.items[5].text, "robots[0].name is missing"));
}

static void wrong_types_say_what_to_write(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"name = 12;", "put quotes around"},
		{"name = true;", "a text in quotes"},
		{"name = \"n\"; on = \"true\";", "true or false, without quotes"},
		{"name = \"n\"; on = 1;", "true or false"},
		{"name = \"n\"; net = 5;", "net must be a group"},
		{"name = \"n\"; net = { port = \"http\"; };", "is no number"},
		{"name = \"n\"; net = { port = 1.5; };", "a whole number"},
		{"name = \"n\"; net = { wait = \"5x\"; };", "\"30s\""},
		{"name = \"n\"; net = { wait = \"2h\"; };", "from 1000 to 3600000 ms"},
		{"name = \"n\"; net = { room = -1; };", "must not be negative"},
		{"name = \"n\"; net = { room = \"5x\"; };", "\"64k\""},
		{"name = \"n\"; start = \"tomorrow\";", "2022-06-20T08:00"},
		{"name = \"n\"; start = 20220620;", "put quotes around"},
		{"name = \"n\"; allow = \"x\";", "a list of texts"},
		{"name = \"n\"; allow = [ 1501, 1502 ];", "in quotes"},
		{"name = \"n\"; allow = [ \"123456789\" ];", "from 1 to 8"},
		{"name = \"n\"; robots = { name = \"a\"; };", "a list of groups"},
		{"name = \"n\"; robots = ( \"a\" );", "must be a group"},
		{"name = \"123456789\";", "from 1 to 8 bytes"},
		{"name = \"\";", "from 1 to 8 bytes"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(load(f, bad[i].text), SW_ECONF);
		if (!strstr(f->p.items[f->p.n - 1].text, bad[i].says)) {
			problems_print(&f->p, stderr);
			fail_msg("%s: want \"%s\"", bad[i].text, bad[i].says);
		}
	}
}

static void a_number_of_digits_means_that_number(void **state)
{
	struct fixture *f = *state;

	load_good(f,
		"name = \"n\"; net = { port = \"8080\"; };"); /* some programs quote everything */
	assert_int_equal(conf_int(f->c, "net.port"), 8080);
}

static void unquoted_codes_and_numbers_do_not_wrap_silently(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, "name = \"n\";\nnet = { port = 04710000000; };\n"), SW_ECONF);
	assert_int_equal(f->p.items[0].line, 2);
	assert_non_null(strstr(f->p.items[0].text, "put quotes around it (\"04710000000\")"));
	assert_int_equal(load(f, "name = \"n\";\n/* 13800000001\n */ // 13800000001\nallow = [ "
				 "4294967297 ];"),
		SW_ECONF);
	assert_int_equal(f->p.items[0].line, 4);
	load_good(f, "name = \"n\"; allow = [ \"4294967\", \"a\\\"1\" ]; # 42949672970\n");
}

static void a_byte_order_mark_is_skipped(void **state)
{
	load_good(*state, "\xef\xbb\xbfname = \"n\";\r\n");
}

static void full_width_signs_are_pointed_out(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "on = true;\nname = \"n\"；\n", 2, "full-width sign ；");
	assert_problem(
		f, "on = true;\nname ＝ \"n\";\n", 2, "full-width sign ＝: outside quotes write =");
	assert_problem(f, "name = “n”;\n", 1, "full-width sign “: outside quotes write \"");
	assert_problem(f, "name = \"n\"\n  on = = true;\n", 2, "syntax error");
}

static void a_missing_quote_is_reported_where_it_was_opened(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "on = true;\nname = \"n;\nallow = [ \"x\" ];\n", 2, "not closed");
	assert_problem(f, "on = true;\nname = \"n;\ndir = \"x;\n", 2, "closing quote missing");
	assert_problem(f, "name = \"n", 1, "not closed");
}

static void a_name_given_twice_is_refused(void **state)
{
	assert_problem(*state, "name = \"n\";\nname = \"m\";\n", 2, "twice");
}

static void includes_are_refused(void **state)
{
	assert_problem(*state, "name = \"n\";\n@include \"/etc/passwd\"\n", 2, "@include");
}

static void unquoted_date_time_or_telephone_is_shown_in_quotes(void **state)
{
	assert_problem(*state, "name = \"x\";\nday = 2022-08-20;\n", 2, "\"2022-08-20\"");
	assert_problem(*state, "at = 09:00;\n", 1, "\"09:00\"");
	assert_problem(*state, "tel_1 = 0471-0000000;\n", 1, "\"0471-0000000\"");
}

static void full_width_sign_in_a_text_or_comment_is_not_blamed(void **state)
{
	assert_problem(*state, "name = \"，；\" \"a\" oops; # ：\n", 1, "quote missing");
}

static void other_encodings_are_refused(void **state)
{
	assert_problem(*state, "name = \"\xbc\xd7\";\n", 1, "UTF-8");
}

static void a_missing_file_is_a_problem(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		conf_load("/nonexistent.conf", table, ARRAY_LEN(table), &f->p, &f->c), SW_ECONF);
	assert_int_equal(f->p.n, 1);
	assert_non_null(strstr(f->p.items[0].text, "No such file"));
}

static void secrets_are_looked_at_while_loading(void **state)
{
	struct fixture *f = *state;

	assert_problem(f, "name = \"n\";\nkey = \"k\";\n", 2, f->key);
	assert_int_equal(file_write(f->key, 0644, "x", 1, NULL), 0);
	assert_problem(f, "name = \"n\";\nkey = \"k\";\n", 2, "chmod 600");
	assert_int_equal(file_write(f->key, 0600, "x", 1, NULL), 0);
	load_good(f, "name = \"n\";\nkey = \"k\";\nrobots = ( { name = \"a\"; key = \"k\"; } );\n");
	assert_string_equal(conf_str(f->c, "key"), f->key);
	assert_string_equal(conf_str(f->c, "robots[0].key"), f->key);
}

static void the_example_names_every_setting_and_loads(void **state)
{
	static const struct conf_item no_required[] = {
		{"a", CONF_STRING, 0, "x", 0, 0, "First."},
		{"g.b", CONF_INT, 0, "5", 0, 0, "Second."},
		{"g.h.c", CONF_BOOL, 0, "true", 0, 0, "Third."},
		{"g.l[].name", CONF_STRING, CONF_REQUIRED, NULL, 0, 0, "a name"},
		{"g.d", CONF_DURATION, CONF_RELOAD, "30s", 0, 0, "Fourth."},
		{"k", CONF_SECRET, 0, NULL, 0, 0, "Fifth."},
		{"w", CONF_STRINGS, 0, NULL, 0, 0, "Sixth."},
	};
	struct fixture *f = *state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int rc;

	conf_print_example(no_required, ARRAY_LEN(no_required), out);
	fclose(out);
	assert_non_null(strstr(text, "# First.\na = \"x\";\n"));
	assert_non_null(strstr(text, "name = \"\";"));
	assert_non_null(strstr(text, "# Fourth. (again on SIGHUP of the bot)\n"));
	assert_int_equal(file_write(f->file, 0644, text, len, NULL), 0);
	rc = conf_load(f->file, no_required, ARRAY_LEN(no_required), &f->p, &f->c);
	if (rc < 0) {
		problems_print(&f->p, stderr);
		print_error("%s\n", text);
	}
	assert_int_equal(rc, 0);
	assert_true(conf_is_set(f->c, "g.h.c"));
	assert_int_equal(conf_int(f->c, "g.d"), 30000);
	assert_false(conf_is_set(f->c, "k"));
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_stand_where_the_file_is_silent),
		TEST(values_are_read_by_their_types),
		TEST(a_bare_number_of_a_duration_is_seconds),
		TEST(groups_of_a_list_are_read_by_index),
		TEST(all_mistakes_are_reported_at_once_in_order_of_lines),
		TEST(wrong_types_say_what_to_write),
		TEST(a_number_of_digits_means_that_number),
		TEST(unquoted_codes_and_numbers_do_not_wrap_silently),
		TEST(a_byte_order_mark_is_skipped),
		TEST(full_width_signs_are_pointed_out),
		TEST(a_missing_quote_is_reported_where_it_was_opened),
		TEST(a_name_given_twice_is_refused),
		TEST(includes_are_refused),
		TEST(unquoted_date_time_or_telephone_is_shown_in_quotes),
		TEST(full_width_sign_in_a_text_or_comment_is_not_blamed),
		TEST(other_encodings_are_refused),
		TEST(a_missing_file_is_a_problem),
		TEST(secrets_are_looked_at_while_loading),
		TEST(the_example_names_every_setting_and_loads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
