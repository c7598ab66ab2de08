/* tests/unit/test_ctl_preview.c: preview and rehearse as an operator or a script sees them. */
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

enum { MAX_OUTPUT = 4 * 1024 * 1024, MAX_WORDS = 16 };

static struct buf out, err; /* of the last command */
static char dir[] = "/tmp/rehXXXXXX";
static const char *config; /* NULL: there is none */

static int begin(void **state)
{
	(void)state;
	buf_init(&out, MAX_OUTPUT);
	buf_init(&err, MAX_OUTPUT);
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	buf_fini(&out);
	buf_fini(&err);
	return rmdir(dir);
}

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

/* Runs the command WORDS[0]; returns its exit code. */
static int run(bool json, const char *const *words)
{
	struct ctl_env env = {
		.config = config ? config : "/nonexistent/shouwang.conf", .json = json};
	const struct command *cmd =
		strcmp(words[0], "templates") ? ctl_preview_commands : ctl_templates_commands;
	char *argv[MAX_WORDS + 1];
	int argc = 0, saved_out, saved_err, rc;
	FILE *o, *e;

	while (strcmp(cmd->name, words[0]) != 0)
		cmd++;
	for (; words[argc]; argc++) {
		assert_true(argc < MAX_WORDS);
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

#define RUN(json, ...) run(json, (const char *const[]){__VA_ARGS__, NULL})

static const char *write_file(const char *name, const char *text)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, 0600, text, strlen(text), NULL), 0);
	return path;
}

/* ---- preview ---- */

static void preview_prints_the_text_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(
		RUN(false, "preview", "R-ACK", "--unit", "150100", "--at", "2022-08-08T09:12"),
		EXIT_OK);
	assert_string_equal(buf_str(&out), "已记录呼和浩特市 8月8日9:12 确认收到。\n");
	assert_int_equal(err.len, 0);
}

static void preview_takes_facts_and_a_channel(void **state)
{
	json_t *j;

	(void)state;
	assert_int_equal(RUN(true, "preview", "G-D3", "--unit", "150100", "--channel", "app",
				 "--facts", "{\"counts\":{\"worker\":{\"value\":3}}}"),
		EXIT_OK);
	j = json_loads(buf_str(&out), 0, NULL);
	assert_non_null(strstr(json_string_value(json_object_get(j, "text")), "工作者 3/2至4名\n"));
	assert_null(strstr(json_string_value(json_object_get(j, "text")), "**"));
	/* Without --at: when it is first used. */
	assert_string_equal(
		json_string_value(json_object_get(j, "at")), "2022-08-16T09:00:00+08:00");
	json_decref(j);
}

/* A service configuration with a signature and, when ROUTED, a gateway. */
static const char *write_config(bool routed)
{
	char text[512];

	snprintf(text, sizeof(text), "sms: { sign = \"邻里守望\"; %s };\n",
		routed ? "route = [ \"kannel\" ]; kannel: { url = \"http://127.0.0.1:1\"; }" : "");
	return write_file("s.conf", text);
}

static void preview_of_an_sms_says_how_long_it_is_and_what_is_billed(void **state)
{
	json_t *j;

	(void)state;
	config = write_config(true);
	assert_int_equal(RUN(false, "preview", "S-D0", "--unit", "150100"), EXIT_OK);
	assert_string_equal(buf_str(&out), "【邻里守望】呼和浩特市：今日（8月20日）截止，尚缺2名5户"
					   "及纸质和电子版材料。已寄出请回复“已寄出”。"
					   "电话0471-6962044。\n(67 units, 1 billed)\n");
	assert_int_equal(RUN(true, "preview", "R-MATERIAL-LIST", "--channel", "sms", "--unit",
				 "150100", "--at", "2022-08-08T09:00"),
		EXIT_OK);
	j = json_loads(buf_str(&out), 0, NULL);
	assert_true(json_integer_value(json_object_get(j, "units")) > 70);
	assert_int_equal(json_integer_value(json_object_get(j, "billed")), 2);
	json_decref(j);
	/* What somebody else fills in is shown by its name. */
	assert_int_equal(RUN(false, "preview", "S-ERRATUM", "--unit", "150100"), EXIT_OK);
	assert_non_null(strstr(buf_str(&out), "“（bad）”应为“（good）”"));
	unlink(config);
	config = NULL;
	assert_int_equal(RUN(false, "preview", "P-TD"), EXIT_OK);
	assert_int_equal(strncmp(buf_str(&out), "已为您停发", strlen("已为您停发")), 0);
}

static void templates_are_listed_as_a_provider_registers_them(void **state)
{
	char *copy, *save = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(RUN(true, "templates", "--provider", "aliyun"), EXIT_OK);
	copy = strdup(buf_str(&out));
	assert_non_null(copy);
	for (char *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save), n++) {
		json_t *j = json_loads(s, 0, NULL);
		const char *id = json_string_value(json_object_get(j, "id"));
		const char *text = json_string_value(json_object_get(j, "text"));

		assert_non_null(id);
		assert_non_null(text);
		assert_null(strstr(text, "【"));
		assert_int_equal(
			strncmp(json_string_value(json_object_get(j, "code")), "SMS_", 4), 0);
		if (!strcmp(id, "R-CONFIRM"))
			assert_string_equal(text, "请确认：${unit}累计${count_text}"
						  "？回复“是”登记，“否”取消，${until}前有效。");
		json_decref(j);
	}
	assert_true(n >= 78);
	free(copy);
	assert_int_equal(RUN(false, "templates", "--provider", "kannel"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "templates", "all"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "templates"), EXIT_OK);
	assert_non_null(strstr(buf_str(&out), "SMS_1000033      R-ABOVE-MAX"));
}

static void wrong_preview_says_what_to_write(void **state)
{
	(void)state;
	assert_int_equal(RUN(false, "preview"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "preview", "G-D3", "--unit", "999999"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "preview", "G-D3", "--unit", "150100", "--at", "tomorrow"),
		EXIT_USAGE_ERROR);
	assert_non_null(strstr(buf_str(&err), "2022-08-12T09:00"));
	assert_int_equal(
		RUN(false, "preview", "G-D3", "--unit", "150100", "--facts", "{\"rev\":-1}"),
		EXIT_USAGE_ERROR);
	assert_non_null(strstr(buf_str(&err), "rev"));
	assert_int_equal(RUN(false, "preview", "G-D3", "--unit"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "preview", "G-D3", "--channel", "pigeon"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "preview", "G-NONE", "--unit", "150100"), EXIT_REFUSED);
	assert_non_null(strstr(buf_str(&err), "G-KICKOFF")); /* what there is */
	assert_int_equal(RUN(false, "preview", "R-ACK"), EXIT_REFUSED);
	assert_non_null(strstr(buf_str(&err), "--unit"));
	assert_int_equal(out.len, 0);
}

/* ---- rehearse ---- */

static size_t lines_with(const char *s, const char *what)
{
	size_t n = 0;

	for (s = strstr(s, what); s; s = strstr(s + 1, what))
		n++;
	return n;
}

static void rehearsal_prints_each_message_and_what_it_adds_up_to(void **state)
{
	(void)state;
	assert_int_equal(
		RUN(false, "rehearse", "--from", "2022-06-20", "--to", "2022-08-22"), EXIT_OK);
	assert_int_equal(lines_with(buf_str(&out), "  group  R"), 241);
	assert_non_null(strstr(buf_str(&out), "\ntotal       241      0      0        0\n"));
	assert_non_null(
		strstr(buf_str(&out), "R34      Sat 2022-08-20 09:00  no_recipient     14"));
	assert_int_equal(err.len, 0);
}

static void rehearsal_as_json_is_one_object_per_line(void **state)
{
	size_t n = 0, messages = 0;
	char *copy, *save = NULL;

	(void)state;
	assert_int_equal(
		RUN(true, "rehearse", "--answers", "all", "--unit", "150100", "--to", "2022-07-31"),
		EXIT_OK);
	copy = strdup(buf_str(&out));
	assert_non_null(copy);
	for (char *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save), n++) {
		json_t *j = json_loads(s, 0, NULL);
		const char *kind = json_string_value(json_object_get(j, "kind"));

		assert_non_null(kind);
		if (!strcmp(kind, "message")) {
			messages++;
			assert_int_equal(strlen(json_string_value(json_object_get(j, "mid"))), 32);
		} else if (!strcmp(kind, "summary")) {
			assert_int_equal(
				json_integer_value(json_object_get(j, "messages")), messages);
		}
		json_decref(j);
	}
	assert_int_equal(messages, 2); /* the kick-off and one Monday */
	assert_true(n > messages + 4); /* replies, answers, what was not sent, the summary */
	free(copy);
}

static void rehearsal_knows_the_people_of_a_roster(void **state)
{
	const char *roster = write_file("r.csv",
		"unit_code,department,role,name,mobile,userid\n"
		"150100,civil,contact,赵六,13800000001,zhaoliu\n150100,,duty,周九,,zhoujiu\n");

	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--contacts", roster, "--from", "2022-08-19",
				 "--to", "2022-08-20", "--unit", "150100"),
		EXIT_OK);
	assert_non_null(strstr(buf_str(&out), "group  R33  @zhaoliu\n"));
	assert_non_null(strstr(buf_str(&out), "app to 周九  R34\n"));
	unlink(roster);
}

static void rehearsal_shows_sms_and_counts_them(void **state)
{
	const char *const roster = "unit_code,department,role,name,mobile,userid\n"
				   "150100,civil,contact,赵六,13800000001,zhaoliu\n"
				   "150100,,deputy,钱七,13800000002,\n";
	char file[64], *text;

	(void)state;
	snprintf(file, sizeof(file), "%s", write_file("r.csv", roster));
	assert_int_equal(RUN(false, "rehearse", "--contacts", file, "--from", "2022-08-10", "--to",
				 "2022-08-19", "--unit", "150100"),
		EXIT_OK);
	text = strstr(buf_str(&out), "  sms to 赵六 (");
	assert_non_null(text);
	assert_non_null(strstr(text, " billed)  R14pm\n    呼和浩特市：已报工作者0名"));
	assert_non_null(strstr(buf_str(&out), "  sms to 钱七 ("));
	/* R14pm and R33pm to the contact, R33dep to the deputy */
	assert_non_null(
		strstr(buf_str(&out), "\n150100        6      0      3        0  呼和浩特市\n"));
	assert_int_equal(RUN(true, "rehearse", "--contacts", file, "--from", "2022-08-19", "--to",
				 "2022-08-19", "--unit", "150100"),
		EXIT_OK);
	assert_non_null(strstr(buf_str(&out), "\"template\":\"S-ESCALATE\",\"params\":{\"unit\":"));
	/* In a service without a gateway nothing would go out by SMS. */
	config = write_config(false);
	assert_int_equal(RUN(false, "rehearse", "--contacts", file, "--from", "2022-08-10", "--to",
				 "2022-08-10", "--unit", "150100"),
		EXIT_OK);
	assert_null(strstr(buf_str(&out), "  sms to"));
	assert_non_null(strstr(buf_str(&out), "R14pm    Wed 2022-08-10 15:00  no_channel"));
	unlink(config);
	config = NULL;
	unlink(file);
}

static void mistakes_of_a_roster_are_shown_with_their_lines(void **state)
{
	const char *roster = write_file("r.csv",
		"unit_code,department,role,name,mobile,userid\n150199,civil,contact,赵六,,a\n"
		"150100,nobody,boss,,,b\n");

	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--contacts", roster), EXIT_REFUSED);
	assert_non_null(strstr(buf_str(&err), "r.csv:2: unit_code"));
	assert_non_null(strstr(buf_str(&err), "r.csv:3: department"));
	assert_non_null(strstr(buf_str(&err), "r.csv:3: role"));
	assert_non_null(strstr(buf_str(&err), "r.csv:3: name"));
	assert_int_equal(out.len, 0);
	unlink(roster);
}

static void replies_of_a_file_take_effect_in_the_order_of_time(void **state)
{
	const char *file = write_file("a.jsonl",
		"{\"at\":\"2022-07-20T10:05\",\"unit\":\"150100\",\"text\":\"是\"}\n\n"
		"{\"at\":\"2022-07-20T10:00\",\"unit\":\"150100\",\"text\":\"2 6\"}\n");

	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--answers", file, "--unit", "150100", "--from",
				 "2022-07-18", "--to", "2022-07-31"),
		EXIT_OK);
	assert_true(strstr(buf_str(&out), "typed: 2 6") < strstr(buf_str(&out), "typed: 是"));
	assert_non_null(strstr(buf_str(&out), "answer R-REPORT"));
	unlink(file);
}

static void mistakes_of_a_file_of_replies_are_shown_with_their_lines(void **state)
{
	const char *file = write_file("a.jsonl",
		"{\"at\":\"soon\",\"unit\":\"150100\",\"text\":\"a\"}\nnonsense\n"
		"{\"at\":\"2022-07-20T10:00\",\"text\":\"a\"}\n"
		"{\"at\":\"2022-07-20T10:00\",\"userid\":\"nobody\",\"text\":\"a\"}\n");

	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--answers", file), EXIT_REFUSED);
	for (int line = 1; line <= 4; line++) {
		char place[32];

		snprintf(place, sizeof(place), "a.jsonl:%d: ", line);
		assert_non_null(strstr(buf_str(&err), place));
	}
	assert_non_null(strstr(buf_str(&err), "--contacts"));
	unlink(file);
}

static void wrong_days_are_refused(void **state)
{
	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--from", "2022-06-31"), EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "rehearse", "--from", "2022-08-02", "--to", "2022-08-01"),
		EXIT_USAGE_ERROR);
	assert_int_equal(RUN(false, "rehearse", "now"), EXIT_USAGE_ERROR);
}

static void folder_without_templates_is_a_bad_configuration(void **state)
{
	(void)state;
	assert_int_equal(RUN(false, "rehearse", "--templates", dir), EXIT_BAD_CONFIG);
	assert_non_null(strstr(buf_str(&err), "G-KICKOFF.robot.txt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(preview_prints_the_text_and_nothing_else),
		cmocka_unit_test(preview_takes_facts_and_a_channel),
		cmocka_unit_test(preview_of_an_sms_says_how_long_it_is_and_what_is_billed),
		cmocka_unit_test(templates_are_listed_as_a_provider_registers_them),
		cmocka_unit_test(wrong_preview_says_what_to_write),
		cmocka_unit_test(rehearsal_prints_each_message_and_what_it_adds_up_to),
		cmocka_unit_test(rehearsal_as_json_is_one_object_per_line),
		cmocka_unit_test(rehearsal_knows_the_people_of_a_roster),
		cmocka_unit_test(rehearsal_shows_sms_and_counts_them),
		cmocka_unit_test(mistakes_of_a_roster_are_shown_with_their_lines),
		cmocka_unit_test(replies_of_a_file_take_effect_in_the_order_of_time),
		cmocka_unit_test(mistakes_of_a_file_of_replies_are_shown_with_their_lines),
		cmocka_unit_test(wrong_days_are_refused),
		cmocka_unit_test(folder_without_templates_is_a_bad_configuration),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
