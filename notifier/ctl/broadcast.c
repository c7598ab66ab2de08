/*
 * notifier/ctl/broadcast.c: publicity: planned by one person, released by another, stopped by anybody who may act.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/num.h"
#include "notifier/ctl/command.h"

#define COUNT_MAX INT64_C(100000000)

static const struct command *self(void)
{
	return &ctl_broadcast_commands[0];
}

/* Is what is left the command, its word and N more, no option among them? Otherwise *RET is the exit code. */
static bool wrong_words(const struct command *cmd, int argc, char **argv, int n, int *ret)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1]) {
			*ret = ctl_usage(cmd, "unknown option \"%s\"", argv[i]);
			return true;
		}
	if (argc == n)
		return false;
	*ret = ctl_usage(cmd, "%s", argc < n ? "something is missing" : "too many words");
	return true;
}

static void set_if(json_t *args, const char *name, const char *value)
{
	if (value)
		json_object_set_new(args, name, json_string(value));
}

static int run_plan(const struct ctl_env *env, int argc, char **argv)
{
	const char *audience = ctl_take_value(&argc, argv, "--audience"),
		   *item = ctl_take_value(&argc, argv, "--item"),
		   *area = ctl_take_value(&argc, argv, "--area"),
		   *from = ctl_take_value(&argc, argv, "--from"),
		   *until = ctl_take_value(&argc, argv, "--until");
	bool all = ctl_take_flag(&argc, argv, "--all-items"),
	     announce = ctl_take_flag(&argc, argv, "--announce");
	json_t *args;
	int rc;

	if (wrong_words(self(), argc, argv, 2, &rc))
		return rc;
	if (!audience)
		return ctl_usage(self(), "give --audience");
	if ((item != NULL) + all + announce != 1)
		return ctl_usage(self(), "give one of --item, --all-items and --announce");
	args = json_pack(
		"{s:s, s:b, s:b}", "audience", audience, "all_items", all, "announce", announce);
	set_if(args, "item", item);
	set_if(args, "area", area);
	set_if(args, "from", from);
	set_if(args, "until", until);
	return ctl_ask(env, "broadcast-plan", args, true);
}

/* The number of recipients, typed by the one who approves; -1: none was. */
static int64_t type_count(const char *id)
{
	char line[32] = "";
	int64_t n;

	(void)fprintf(stderr, "%s goes to how many recipients? Type the number: ", id);
	if (!fgets(line, sizeof(line), stdin))
		return -1;
	line[strcspn(line, "\r\n")] = '\0';
	return num_parse(line, 0, COUNT_MAX, &n) < 0 ? -1 : n;
}

static int run_approve(const struct ctl_env *env, int argc, char **argv)
{
	const char *digest = ctl_take_value(&argc, argv, "--digest"),
		   *typed = ctl_take_value(&argc, argv, "--count");
	int64_t count = -1;
	int rc;

	if (wrong_words(self(), argc, argv, 3, &rc))
		return rc;
	if (!digest)
		return ctl_usage(self(), "give the --digest that you have looked at");
	if (typed && num_parse(typed, 0, COUNT_MAX, &count) < 0)
		return ctl_usage(self(), "\"%s\" is not a number of recipients", typed);
	if (!typed && isatty(STDIN_FILENO))
		count = type_count(argv[2]);
	if (count < 0)
		return ctl_usage(self(), "give the number of recipients by --count");
	return ctl_ask(env, "broadcast-approve",
		json_pack("{s:s, s:s, s:I}", "id", argv[2], "digest", digest, "count",
			(json_int_t)count),
		true);
}

static int run_broadcast(const struct ctl_env *env, int argc, char **argv)
{
	static const struct {
		const char *word, *cmd;
		bool acting;
		int min, max; /* words behind it */
	} plain[] = {
		{"list", "broadcast-list", false, 0, 0},
		{"show", "broadcast-show", false, 1, 1},
		{"progress", "broadcast-progress", false, 0, 1},
		{"failures", "broadcast-failures", false, 1, 1},
		{"start", "broadcast-start", true, 1, 1},
		{"pause", "broadcast-pause", true, 1, 1},
		{"resume", "broadcast-resume", true, 1, 1},
		{"cancel", "broadcast-cancel", true, 1, 1},
	};
	const char *word = argc > 1 ? argv[1] : "";
	int rc;

	if (!strcmp(word, "plan"))
		return run_plan(env, argc, argv);
	if (!strcmp(word, "approve"))
		return run_approve(env, argc, argv);
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		json_t *args;

		if (strcmp(word, plain[i].word))
			continue;
		if (wrong_words(self(), argc, argv,
			    2 + (argc - 2 >= plain[i].max ? plain[i].max : plain[i].min), &rc))
			return rc;
		args = json_object();
		set_if(args, "id", argc > 2 ? argv[2] : NULL);
		return ctl_ask(env, plain[i].cmd, args, plain[i].acting);
	}
	return ctl_usage(self(), word[0] ? "unknown word \"%s\"" : "a word is missing%s", word);
}

static int run_withdraw(const struct ctl_env *env, int argc, char **argv)
{
	const char *reason = ctl_take_value(&argc, argv, "--reason");
	const struct command *cmd = &ctl_broadcast_commands[1];
	int rc;

	if (wrong_words(cmd, argc, argv, 2, &rc))
		return rc;
	if (!reason || !reason[0])
		return ctl_usage(cmd, "give a --reason");
	return ctl_ask(
		env, "withdraw", json_pack("{s:s, s:s}", "item", argv[1], "reason", reason), true);
}

const struct command ctl_broadcast_commands[] = {
	{"broadcast",
		"broadcast plan --audience ID (--item ID | --all-items | --announce) [--area CODE] "
		"[--from TIME] [--until TIME]\n"
		"broadcast list\nbroadcast show ID\n"
		"broadcast approve ID --digest DIGEST --count N\nbroadcast start ID\n"
		"broadcast pause ID\nbroadcast resume ID\nbroadcast cancel ID\n"
		"broadcast progress [ID]\nbroadcast failures ID",
		"publicity to residents: planned by one person, released by another",
		run_broadcast},
	{"withdraw", "withdraw HONOUR --reason TEXT",
		"takes a commended back: what can be stopped is, screens are told", run_withdraw},
	{NULL, NULL, NULL, NULL},
};
