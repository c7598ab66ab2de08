/*
 * notifier/ctl/notifier.c: the commands that go through the notifier, by its control socket.
 *
 * Each builds one request from its words; what it prints is the notifier's answer. Reading needs no operator; the
 * others need --as NAME and the passphrase, from --passphrase-file or asked for at the terminal.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/num.h"
#include "notifier/ctl/command.h"

enum { IMPORT_MAX_BYTES = 900 * 1024 };

/* ---- words of a command ---- */

static const struct command *self(const char *name)
{
	const struct command *c = ctl_notifier_commands;

	while (strcmp(c->name, name))
		c++;
	return c;
}

/* What is left must be exactly N words behind the name, none of them an option. */
static bool wrong_words(int argc, char **argv, int min, int max, int *ret)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1]) {
			*ret = ctl_usage(self(argv[0]), "unknown option \"%s\"", argv[i]);
			return true;
		}
	if (argc - 1 >= min && argc - 1 <= max)
		return false;
	*ret = ctl_usage(
		self(argv[0]), "%s", argc - 1 < min ? "something is missing" : "too many words");
	return true;
}

static int run_plain(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (wrong_words(argc, argv, 0, 0, &rc))
		return rc;
	return ctl_ask(env, argv[0], NULL, false);
}

static int run_acting(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (wrong_words(argc, argv, 0, 0, &rc))
		return rc;
	return ctl_ask(env, argv[0], NULL, true);
}

static int run_unit(const struct ctl_env *env, int argc, char **argv)
{
	bool bind = ctl_take_flag(&argc, argv, "--bind");
	int rc;

	if (wrong_words(argc, argv, 1, 1, &rc))
		return rc;
	return ctl_ask(env, bind ? "unit-bind" : "unit", json_pack("{s:s}", "unit", argv[1]), bind);
}

static int run_report(const struct ctl_env *env, int argc, char **argv)
{
	const char *source = ctl_take_value(&argc, argv, "--source"),
		   *note = ctl_take_value(&argc, argv, "--note");
	json_t *counts;
	int rc;

	if (wrong_words(argc, argv, 2, 9, &rc))
		return rc;
	counts = json_array();
	for (int i = 2; i < argc; i++) {
		int64_t n;

		if (num_parse(argv[i], 0, 9999, &n) < 0) {
			json_decref(counts);
			return ctl_usage(
				self(argv[0]), "\"%s\" is not a number from 0 to 9999", argv[i]);
		}
		json_array_append_new(counts, json_integer(n));
	}
	return ctl_ask(env, "report",
		json_pack("{s:s, s:o, s:s, s:s}", "unit", argv[1], "counts", counts, "source",
			source ? source : "", "note", note ? note : ""),
		true);
}

static int run_verify(const struct ctl_env *env, int argc, char **argv)
{
	json_t *args;
	int rc;

	if (wrong_words(argc, argv, 1, 2, &rc))
		return rc;
	args = json_pack("{s:s}", "unit", argv[1]);
	if (argc == 3)
		json_object_set_new(args, "what", json_string(argv[2]));
	return ctl_ask(env, "verify", args, true);
}

static int run_queue(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (argc == 3 && !strcmp(argv[1], "done"))
		return ctl_ask(env, "queue-done", json_pack("{s:s}", "id", argv[2]), true);
	if (wrong_words(argc, argv, 0, 0, &rc))
		return rc;
	return ctl_ask(env, "queue", NULL, false);
}

static int run_state(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (wrong_words(argc, argv, 0, 0, &rc))
		return rc;
	return ctl_ask(env, "messages", json_pack("{s:s}", "state", argv[0]), false);
}

static int run_single(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (wrong_words(argc, argv, 1, 1, &rc))
		return rc;
	return ctl_ask(env, argv[0], json_pack("{s:s}", "mid", argv[1]), true);
}

static int run_import(const struct ctl_env *env, int argc, char **argv)
{
	bool dry_run = ctl_take_flag(&argc, argv, "--dry-run");
	const char *name = ctl_take_value(&argc, argv, "--name");
	struct sw_err err = {0};
	struct buf data;
	json_t *args;
	int rc;

	if (wrong_words(argc, argv, 2, 2, &rc))
		return rc;
	if (!strcmp(argv[1], "audience"))
		return ctl_upload(env, argv[2], "import-audience",
			json_pack("{s:s, s:s, s:b}", "file", argv[2], "name", name ? name : "居民",
				"dry_run", dry_run));
	if (name)
		return ctl_usage(self(argv[0]), "only an audience has a --name");
	if (!strcmp(argv[1], "honours"))
		return ctl_upload(env, argv[2], "import-honours",
			json_pack("{s:s, s:b}", "file", argv[2], "dry_run", dry_run));
	if (strcmp(argv[1], "contacts"))
		return ctl_usage(self(argv[0]), "\"%s\" cannot be imported", argv[1]);
	buf_init(&data, IMPORT_MAX_BYTES);
	rc = file_read(argv[2], &data, &err);
	if (rc < 0) {
		(void)fprintf(stderr, "shouwang import: %s: %s\n", argv[2],
			rc == SW_ELIMIT ? "longer than 900 KiB" : err.text);
		buf_fini(&data);
		return EXIT_REFUSED;
	}
	args = json_pack("{s:s, s:s%, s:b}", "name", argv[2], "data", buf_str(&data), data.len,
		"dry_run", dry_run);
	buf_fini(&data);
	if (!args) {
		(void)fprintf(stderr, "shouwang import: %s: not UTF-8: save it as \"CSV UTF-8\"\n",
			argv[2]);
		return EXIT_REFUSED;
	}
	return ctl_ask(env, "import-contacts", args, true);
}

static int run_gate(const struct ctl_env *env, int argc, char **argv)
{
	const char *at = ctl_take_value(&argc, argv, "--at");
	bool close = ctl_take_flag(&argc, argv, "--close");
	json_t *args;
	int rc;

	if (wrong_words(argc, argv, 2, 2, &rc))
		return rc;
	args = json_pack("{s:s, s:b}", "name", argv[2], "close", close);
	if (at)
		json_object_set_new(args, "at", json_string(at));
	return ctl_ask(env, "campaign-gate", args, true);
}

static int run_campaign(const struct ctl_env *env, int argc, char **argv)
{
	int rc;

	if (argc > 1 && !strcmp(argv[1], "gate"))
		return run_gate(env, argc, argv);
	if (wrong_words(argc, argv, 1, 1, &rc))
		return rc;
	if (!strcmp(argv[1], "go-live"))
		return ctl_ask(env, "campaign-go-live", NULL, true);
	if (!strcmp(argv[1], "reload"))
		return ctl_ask(env, "campaign-reload", NULL, true);
	return ctl_usage(self(argv[0]), "unknown word \"%s\"", argv[1]);
}

static int run_clock(const struct ctl_env *env, int argc, char **argv)
{
	const char *to = ctl_take_value(&argc, argv, "--to"),
		   *by = ctl_take_value(&argc, argv, "--by");
	int64_t n;
	int rc;

	if (wrong_words(argc, argv, 1, 2, &rc))
		return rc;
	if (!strcmp(argv[1], "show") && argc == 2)
		return ctl_ask(env, "clock-show", NULL, false);
	if (!strcmp(argv[1], "set") && argc == 3)
		return ctl_ask(env, "clock-set", json_pack("{s:s}", "to", argv[2]), false);
	if (!strcmp(argv[1], "speed") && argc == 3 && num_parse(argv[2], 0, 1000000, &n) == 0)
		return ctl_ask(
			env, "clock-speed", json_pack("{s:I}", "speed", (json_int_t)n), false);
	if (!strcmp(argv[1], "advance") && argc == 2 && to && !by)
		return ctl_ask(env, "clock-advance", json_pack("{s:s}", "to", to), false);
	if (!strcmp(argv[1], "advance") && argc == 2 && by && !to &&
		num_parse_duration(by, &n) == 0)
		return ctl_ask(
			env, "clock-advance", json_pack("{s:I}", "by_ms", (json_int_t)n), false);
	return ctl_usage(self(argv[0]), "this is not one of its forms");
}

const struct command ctl_notifier_commands[] = {
	{"status", "status [--json]", "how the units stand, and what became of the messages",
		run_plain},
	{"unit", "unit CODE\nunit CODE --bind",
		"one unit: facts, contacts, messages; or a code that binds its group", run_unit},
	{"report", "report CODE NUMBER.. [--source phone] [--note TEXT]",
		"enters figures a unit gave by telephone or on paper", run_report},
	{"verify", "verify CODE [CATEGORY|materials]", "closes what a unit has claimed",
		run_verify},
	{"queue", "queue\nqueue done ID", "replies that a person has to look at", run_queue},
	{"unknown", "unknown", "messages whose outcome is not known", run_state},
	{"dead", "dead", "messages that were refused for good or not delivered", run_state},
	{"retry", "retry MID", "sends a parked message again", run_single},
	{"cancel", "cancel MID", "takes back a message that has not left", run_single},
	{"pause", "pause", "stops all sending within a second", run_acting},
	{"stop-all", "stop-all", "the same; only a releaser's resume lifts it", run_acting},
	{"resume", "resume", "goes on after pause, or lifts a hold", run_acting},
	{"import",
		"import contacts FILE [--dry-run]\nimport honours FILE [--dry-run]\n"
		"import audience FILE [--name NAME] [--dry-run]",
		"replaces the roster or the commended, or adds an audience; all or nothing",
		run_import},
	{"audience", "audience [--json]", "the audiences: how many, and how many opted out",
		run_plain},
	{"campaign", "campaign go-live\ncampaign reload\ncampaign gate NAME [--at TIME | --close]",
		"ends the trial; reads definition and templates again; opens a gate of publicity",
		run_campaign},
	{"audit", "audit", "recounts: every message in exactly one state", run_plain},
	{"export", "export [--json]", "one JSON object per message", run_plain},
	{"clock",
		"clock show\nclock set TIME\nclock advance --to TIME\nclock advance --by "
		"DURATION\nclock speed N",
		"moves simulated time", run_clock},
	{NULL, NULL, NULL, NULL},
};
