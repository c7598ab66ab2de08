/* tests/unit/test_template.c: mistakes of template files, escaping, and the texts that are shipped. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/campaign/template.h"
#include "tests/unit/stage.h"

#define BODY_OF(names, body) "# variables: " names "\n# cap: 4096 bytes\n---\n" body

static struct test_stage s;
static char dir[] = "/tmp/tplXXXXXX";
static struct templates *own; /* of DIR */
static struct problems problems;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	/* A campaign without reminders needs no headings. */
	s.c->n_reminders = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return rmdir(dir);
}

static int begin(void **state)
{
	(void)state;
	problems_init(&problems);
	own = NULL;
	return 0;
}

/* Calls CB for each file of FOLDER. */
static void each_file(const char *folder, void (*cb)(const char *path, const char *name))
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, NULL, alphasort);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++) {
		char path[600];

		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		if (list[i]->d_name[0] != '.')
			cb(path, list[i]->d_name);
		free(list[i]);
	}
	free(list);
}

static void remove_file(const char *path, const char *name)
{
	(void)name;
	unlink(path);
}

static int end(void **state)
{
	(void)state;
	each_file(dir, remove_file);
	templates_free(own);
	problems_fini(&problems);
	return 0;
}

static void write_template(const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, 0600, text, strlen(text), NULL), 0);
}

static void load_own(void)
{
	int rc = templates_load(dir, s.c, &problems, &own);

	problems_print(&problems, stderr);
	assert_int_equal(rc, 0);
}

/* Loading NAME with TEXT fails with one error at LINE that says WHAT. */
static void assert_refused(const char *name, const char *text, int line, const char *what)
{
	struct templates *t = NULL;
	struct problems p;

	problems_init(&p);
	write_template(name, text);
	assert_int_equal(templates_load(dir, s.c, &p, &t), SW_ECONF);
	assert_null(t);
	assert_true(p.n_errors >= 1);
	for (size_t i = 0; i < p.n; i++) {
		if (p.items[i].level != PROBLEM_ERROR)
			continue;
		assert_non_null(strstr(p.items[i].file, name));
		assert_int_equal(p.items[i].line, line);
		if (!strstr(p.items[i].text, what))
			fail_msg("%s", p.items[i].text);
		break;
	}
	problems_fini(&p);
	end(NULL);
	begin(NULL);
}

static void assert_renders(const char *id, const char *channel, const struct template_var *vars,
	size_t n, const char *expected)
{
	struct sw_err err = {0};
	struct buf out;

	buf_init(&out, 65536);
	if (template_render(own, id, channel, vars, n, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&out), expected);
	buf_fini(&out);
}

static int render_code(
	const char *id, const char *channel, const struct template_var *vars, size_t n)
{
	struct sw_err err = {0};
	struct buf out;
	int rc;

	buf_init(&out, 65536);
	rc = template_render(own, id, channel, vars, n, &out, &err);
	if (rc < 0) {
		assert_int_equal(err.code, rc);
		assert_non_null(strstr(err.text, id));
		assert_int_equal(out.len, 0);
	}
	buf_fini(&out);
	return rc;
}

/* ---- mistakes ---- */

static void forbidden_placeholder_is_refused_with_its_place_and_what_to_write(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", BODY_OF("unit id_number", "{unit}\n{id_number}"), 1,
		"never_in_message");
	assert_refused("G-X.robot.txt", BODY_OF("unit", "{unit}\n{home_address}"), 5, "{unit}");
	assert_refused("R-X.app.txt", BODY_OF("", "{phone}"), 4, "{phone}");
}

static void unknown_placeholder_is_refused(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", BODY_OF("unit", "{unit}\n\n{untit}"), 6, "{untit}");
	assert_refused("G-X.robot.txt", BODY_OF("worker_hve", "{worker_hve}"), 1, "{worker_hve}");
	assert_refused("G-X.robot.txt", BODY_OF("phase_none", "{phase_none}"), 1, "{phase_none}");
}

static void text_gets_only_the_variables_of_its_kind(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", BODY_OF("count_text", "{count_text}"), 1, "{count_text}");
	assert_refused("R-X.robot.txt", BODY_OF("lines", "{lines}"), 1, "{lines}");
	assert_refused("R-X.robot.txt", BODY_OF("row", "{row}"), 1, "{row}");
	write_template("R-Y.robot.txt", BODY_OF("count_text at", "{at}{count_text}"));
	write_template("L-Y.robot.txt", BODY_OF("row", "{row}"));
	write_template("G-Y.robot.txt", BODY_OF("lines", "{lines}"));
	load_own();
}

static void placeholder_that_is_not_in_the_header_is_refused(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", BODY_OF("unit", "{unit} {date}"), 4, "add it");
}

static void listed_variable_that_is_not_used_is_a_warning(void **state)
{
	(void)state;
	write_template("G-X.robot.txt", BODY_OF("unit date", "{unit}"));
	assert_int_equal(templates_load(dir, s.c, &problems, &own), 0);
	assert_int_equal(problems.n, 1);
	assert_int_equal(problems.items[0].level, PROBLEM_WARNING);
	assert_non_null(strstr(problems.items[0].text, "{date}"));
}

static void stray_brace_is_refused(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", BODY_OF("", "一\n{Unit}"), 5, "brace");
	assert_refused("G-X.robot.txt", BODY_OF("", "一 }"), 4, "brace");
	assert_refused("G-X.robot.txt", BODY_OF("", "{unit"), 4, "brace");
}

static void header_and_name_are_judged(void **state)
{
	(void)state;
	assert_refused("G-X.robot.txt", "# variables:\n---\n一\n", 1, "cap");
	assert_refused("G-X.robot.txt", "# cap: 4096\n---\n一\n", 1, "4096 bytes");
	assert_refused("G-X.robot.txt", "# cap: many bytes\n---\n一\n", 1, "4096 bytes");
	assert_refused("G-X.robot.txt", "# cap: 10 bytes\n# mood: good\n---\n一\n", 2, "mood");
	assert_refused("G-X.robot.txt", "# cap: 10 bytes\n一\n", 2, "---");
	assert_refused("G-X.robot.txt", "# cap: 10 bytes\n---\n", 2, "no text");
	assert_refused("G-X.pager.txt", BODY_OF("", "一"), 0, "channel");
	assert_refused("G-X.txt", BODY_OF("", "一"), 0, "channel");
	assert_refused("G-X.robot.txt", "# cap: 10 bytes\n---\n\xff\n", 0, "UTF-8");
}

static void all_mistakes_of_all_files_are_reported_at_once(void **state)
{
	(void)state;
	write_template("G-A.robot.txt", BODY_OF("", "{unit}\n{date}"));
	write_template("G-B.robot.txt", "一\n");
	assert_int_equal(templates_load(dir, s.c, &problems, &own), SW_ECONF);
	assert_true(problems.n_errors >= 4);
}

static void missing_folder_is_refused(void **state)
{
	(void)state;
	assert_int_equal(templates_load("/nowhere/templates", s.c, &problems, &own), SW_ECONF);
	assert_int_equal(problems.n_errors, 1);
}

static void reminder_without_its_texts_is_reported_at_its_line(void **state)
{
	struct test_stage other;
	size_t found = 0;

	(void)state;
	test_stage_load(&other);
	write_template("G-KICKOFF.robot.txt", BODY_OF("unit", "{unit}"));
	assert_int_equal(templates_load(dir, other.c, &problems, &own), SW_ECONF);
	for (size_t i = 0; i < problems.n; i++) {
		assert_null(strstr(problems.items[i].text, "G-KICKOFF"));
		if (strstr(problems.items[i].text, "\"L-QUOTA-ROW\"")) {
			int r = campaign_find_reminder(other.c, "R14over");

			assert_int_equal(problems.items[i].line, other.c->reminders[r].line);
			found++;
		}
	}
	assert_int_equal(found, 1);
	test_stage_fini(&other);
}

/* ---- filling in ---- */

static void typed_value_cannot_mention_link_or_colour(void **state)
{
	const struct template_var vars[] = {
		{"unit", "甲市", false}, {"who", "<@all> [点](x) **赵**\n# @守望", true}};

	(void)state;
	write_template("R-X.robot.txt", BODY_OF("unit who", "**{unit}** {who}"));
	load_own();
	assert_renders(
		"R-X", "robot", vars, 2, "**甲市** ＜＠all＞ ［点］（x） ＊＊赵＊＊ ＃ ＠守望");
	/* Reduced to plain text, signs a person typed are still no signs. */
	assert_renders("R-X", "app", vars, 2, "甲市 ＜＠all＞ ［点］（x） ＊＊赵＊＊ ＃ ＠守望");
}

static void configured_value_is_taken_as_it_is(void **state)
{
	const struct template_var vars[] = {{"tel", "0471-6962044 (办公)", false}};

	(void)state;
	write_template("G-X.robot.txt", BODY_OF("tel", "电话{tel}"));
	load_own();
	assert_renders("G-X", "robot", vars, 1, "电话0471-6962044 (办公)");
}

static void group_is_told_to_address_the_robot_and_a_person_is_not(void **state)
{
	(void)state;
	write_template("R-X.robot.txt", BODY_OF("at", "回复“{at}是”。"));
	load_own();
	assert_renders("R-X", "robot", NULL, 0, "回复“@守望 是”。");
	assert_renders("R-X", "app", NULL, 0, "回复“是”。");
}

static void markdown_becomes_plain_text_for_one_person(void **state)
{
	(void)state;
	write_template("G-X.robot.txt",
		BODY_OF("",
			"### 标题\n> 引用 **粗** <font color=\"warning\">红</font>\n#号 1 > 0\n"));
	load_own();
	assert_renders("G-X", "app", NULL, 0, "标题\n引用 粗 红\n#号 1 > 0");
	assert_renders("G-X", "robot", NULL, 0,
		"### 标题\n> 引用 **粗** <font color=\"warning\">红</font>\n#号 1 > 0");
}

static void text_of_its_own_channel_wins(void **state)
{
	(void)state;
	write_template("G-X.robot.txt", BODY_OF("", "**群**"));
	write_template("G-X.app.txt", BODY_OF("", "人"));
	write_template("G-Y.app.txt", BODY_OF("", "人"));
	write_template("G-Z.sms.txt", "# cap: 70 units\n---\n短\n");
	load_own();
	assert_renders("G-X", "robot", NULL, 0, "**群**");
	assert_renders("G-X", "app", NULL, 0, "人");
	assert_renders("G-Y", "robot", NULL, 0, "人");
	assert_true(templates_has(own, "G-Y", "robot"));
	assert_false(templates_has(own, "G-X", "sms")); /* an SMS is never made from another text */
	assert_false(templates_has(own, "G-Z", "robot"));
	assert_int_equal(render_code("G-Z", "robot", NULL, 0), SW_ENOENT);
}

static void sentence_without_value_leaves_no_hole(void **state)
{
	const struct template_var none[] = {
		{"unit", "甲市", false}, {"gap_sentence", "", false}, {"over_sentence", "", false}};

	(void)state;
	write_template("G-X.robot.txt", BODY_OF("unit gap_sentence over_sentence",
						"{unit}\n\n{gap_sentence}{over_sentence}\n\n缺{gap_"
						"sentence}\n\n{over_sentence}\n"));
	load_own();
	assert_renders("G-X", "robot", none, 3, "甲市\n\n缺");
}

static void variable_without_value_is_an_error_not_a_blank(void **state)
{
	(void)state;
	write_template("G-X.robot.txt", BODY_OF("unit", "{unit}"));
	load_own();
	assert_int_equal(render_code("G-X", "robot", NULL, 0), SW_EINVAL);
}

static void text_over_its_cap_is_refused_not_cut(void **state)
{
	char hanzi[3 * 700 + 1] = "", *p = hanzi;
	struct template_var vars[] = {{"unit", hanzi, false}};

	(void)state;
	for (int i = 0; i < 700; i++, p += 3)
		memcpy(p, "甲", 4);
	write_template("G-X.robot.txt", BODY_OF("unit", "{unit}"));
	write_template("G-S.sms.txt", "# variables: unit\n# cap: 70 units\n---\n{unit}\n");
	load_own();
	assert_int_equal(render_code("G-X", "robot", vars, 1), 0);       /* 2,100 bytes of 4,096 */
	assert_int_equal(render_code("G-X", "app", vars, 1), SW_ELIMIT); /* .. and of 2,048 */
	hanzi[3 * 682] = '\0';
	assert_int_equal(render_code("G-X", "app", vars, 1), 0);
	assert_int_equal(render_code("G-S", "sms", vars, 1), SW_ELIMIT);
	hanzi[3 * 70] = '\0';
	assert_int_equal(render_code("G-S", "sms", vars, 1), 0); /* 70 characters, 210 bytes */
}

/* ---- what is shipped ---- */

/* Calls CHECK for each "R-.." written in FILE. */
static void each_answer_in(const char *file, void (*check)(const char *id, const char *file))
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	assert_int_equal(file_read(file, &b, NULL), 0);
	for (const char *q = strstr(buf_str(&b), "\"R-"); q; q = strstr(q + 1, "\"R-")) {
		char id[DEF_ID];
		size_t n = strspn(q + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

		if (q[1 + n] != '"' || n <= 2)
			continue;
		assert_true(n < sizeof(id));
		memcpy(id, q + 1, n);
		id[n] = '\0';
		check(id, file);
	}
	buf_fini(&b);
}

static size_t n_answers;

static void has_template(const char *id, const char *file)
{
	if (!templates_has(s.t, id, "robot") || !templates_has(s.t, id, "app") ||
		!templates_has(s.t, id, "sms"))
		fail_msg("%s gives %s, which has no template", file, id);
	n_answers++;
}

/* The sources of the reader, of what follows from a reading, and of what the service answers. */
static void look_into(const char *path, const char *name)
{
	if (text_ends(name, ".c") && (text_starts(name, "reply_") || !strcmp(name, "effect.c") ||
					     !strcmp(name, "inbound.c")))
		each_answer_in(path, has_template);
}

static void every_answer_a_reply_can_get_has_a_template(void **state)
{
	(void)state;
	n_answers = 0;
	each_file("notifier/campaign", look_into);
	each_file("notifier/engine", look_into);
	assert_true(n_answers > 40); /* the scan found them */
}

static int render_shipped(const char *id, const char *channel, const struct plan_vars *vars,
	struct buf *out, struct sw_err *err)
{
	return template_render(s.t, id, channel, vars->vars, vars->n, out, err);
}

static void strangers_get_answers_that_name_no_unit(void **state)
{
	static const char *const ids[] = {"R-UNKNOWN-SENDER", "R-OPTOUT", "R-OPTIN",
		"R-RESIDENT-HELP", "R-OBJECTION", "R-NO-PII", "R-TOO-LONG", "R-NOT-UNDERSTOOD",
		"R-HELP", "R-BIND-FAILED", "R-FORWARDED", "R-NOTHING-PENDING", "R-CANCELLED"};
	struct answer_input in = {
		.c = s.c, .unit = -1, .who = "生人", .now_ms = test_ms("2022-08-08T10:00")};
	struct plan_vars vars = {0};

	(void)state;
	assert_int_equal(answer_vars(&in, &vars), 0);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct sw_err err = {0};
		struct buf out;

		buf_init(&out, 65536);
		if (render_shipped(ids[i], "app", &vars, &out, &err) < 0 ||
			render_shipped(ids[i], "sms", &vars, &out, &err) < 0)
			fail_msg("%s", err.text);
		assert_true(out.len > 0);
		buf_fini(&out);
	}
	plan_vars_fini(&vars);
}

struct every {
	const struct plan_vars *vars;
	size_t n;
};

/* Official Chinese: no exclamation mark, no half-width punctuation between characters, nothing left unfilled. */
static void assert_tone(const char *id, const char *text)
{
	static const char *const wrong[] = {
		"!", "！", "{", "}", "亲", "哦", "督促", "通报批评", ",", "; "};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (strstr(text, wrong[i]))
			fail_msg("%s: \"%s\" in: %s", id, wrong[i], text);
	}
	if (scan_personal(text, false) != SCAN_CLEAN)
		fail_msg("%s looks like personal data: %s", id, text);
}

static void check_shipped(void *ctx, const char *id, const char *channel, const char *file)
{
	struct every *e = ctx;
	static const char *const targets[] = {"robot", "app"};

	(void)file;
	if (!strcmp(channel, "sms"))
		return; /* test_template_sms.c */
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct sw_err err = {0};
		struct buf out;

		buf_init(&out, 65536);
		if (render_shipped(id, targets[i], e->vars, &out, &err) < 0)
			fail_msg("%s", err.text);
		assert_tone(id, buf_str(&out));
		buf_fini(&out);
	}
	e->n++;
}

/* Every variable a template may name gets a value, and no text is too long with the longest ones. */
static void every_shipped_text_fits_with_its_longest_values(void **state)
{
	int unit = test_stage_unit(&s, "150700");
	struct unit_facts *f = &s.facts[unit];
	struct answer_input in = {.c = s.c,
		.unit = unit,
		.facts = f,
		.who = "阿拉腾其木格·乌云塔娜",
		.now_ms = test_ms("2022-08-08T10:00")};
	struct plan_vars vars = {0};
	struct every e = {.vars = &vars};

	(void)state;
	test_stage_report(&s, unit, 99, 1);
	f->record_no = 99999;
	assert_int_equal(answer_vars(&in, &vars), 0);
	assert_int_equal(plan_vars_set(&vars, "row", "14", false), 0);
	assert_int_equal(plan_vars_set(&vars, "more", "14", false), 0);
	assert_int_equal(plan_vars_set(&vars, "n_units", "14", false), 0);
	assert_int_equal(
		plan_vars_set(&vars, "contacts_line", "民政局 阿拉腾其木格、文明办 乌云塔娜", true),
		0);
	assert_int_equal(plan_vars_set(&vars, "lines", "一行", false), 0);
	assert_int_equal(plan_vars_set(&vars, "reminded", "40次，最近8月17日15:00", false), 0);
	templates_each(s.t, check_shipped, &e);
	assert_true(e.n >= 67);
	plan_vars_fini(&vars);
	test_stage_blank(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(forbidden_placeholder_is_refused_with_its_place_and_what_to_write),
		TEST(unknown_placeholder_is_refused),
		TEST(text_gets_only_the_variables_of_its_kind),
		TEST(placeholder_that_is_not_in_the_header_is_refused),
		TEST(listed_variable_that_is_not_used_is_a_warning),
		TEST(stray_brace_is_refused),
		TEST(header_and_name_are_judged),
		TEST(all_mistakes_of_all_files_are_reported_at_once),
		TEST(missing_folder_is_refused),
		TEST(reminder_without_its_texts_is_reported_at_its_line),
		TEST(typed_value_cannot_mention_link_or_colour),
		TEST(configured_value_is_taken_as_it_is),
		TEST(group_is_told_to_address_the_robot_and_a_person_is_not),
		TEST(markdown_becomes_plain_text_for_one_person),
		TEST(text_of_its_own_channel_wins),
		TEST(sentence_without_value_leaves_no_hole),
		TEST(variable_without_value_is_an_error_not_a_blank),
		TEST(text_over_its_cap_is_refused_not_cut),
		TEST(every_answer_a_reply_can_get_has_a_template),
		TEST(strangers_get_answers_that_name_no_unit),
		TEST(every_shipped_text_fits_with_its_longest_values),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
