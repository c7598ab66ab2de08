/*
 * notifier/ctl/main.c: the shouwang command: global options, and the family that has the first word.
 *
 * Global options may stand anywhere before "--", so that "shouwang status --json" reads naturally.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "notifier/ctl/command.h"

static const struct command *const families[] = {
	ctl_setup_commands,
	ctl_check_commands,
	ctl_calendar_commands,
	ctl_parse_commands,
	ctl_sms_commands,
	ctl_preview_commands,
	ctl_templates_commands,
	ctl_notifier_commands,
	ctl_broadcast_commands,
};

static void print_help(FILE *out)
{
	fputs("usage: shouwang [-c FILE] [--json] [--as NAME] [--passphrase-file FILE] COMMAND ..\n"
	      "       shouwang help [COMMAND] | --help | --version\n\n",
		out);
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		for (const struct command *c = families[i]; c->name; c++)
			fprintf(out, "  %-12s %s\n", c->name, c->help);
	}
	fputs("\nexit status: 0 done; 1 refused, or the answer is no; 64 wrong use; 69 the "
	      "notifier is "
	      "away or a standby;\n"
	      "70 internal error; 75 try again later; 78 bad configuration or definition\n",
		out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		for (const struct command *c = families[i]; c->name; c++) {
			if (!strcmp(c->name, name))
				return c;
		}
	}
	return NULL;
}

static int unknown(const char *what, const char *name)
{
	fprintf(stderr, "shouwang: unknown %s \"%s\"\n", what, name);
	print_help(stderr);
	return EXIT_USAGE_ERROR;
}

/* The service configuration of the folder one stands in (where `make run` keeps it first), or of an installation. */
static const char *default_config(void)
{
	static const char *const places[] = {"config/service/shouwang.conf", "config/shouwang.conf",
		"/etc/shouwang/shouwang.conf"};
	const char *env = getenv("SHOUWANG_CONFIG");

	if (env && env[0])
		return env;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (file_exists(places[i]))
			return places[i];
	}
	return places[0];
}

/*
 * Takes the global options out of ARGV. Returns how many words are left, or -1 after a message.
 * *RET_WORD is set by --help and --version, which need no command.
 */
static int take_options(int argc, char **argv, struct ctl_env *env, const char **ret_word)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		const char **value = NULL;

		if (!strcmp(argv[i], "--")) {
			while (i < argc)
				argv[n++] = argv[i++];
		} else if (!strcmp(argv[i], "--json")) {
			env->json = true;
		} else if (!strcmp(argv[i], "-c")) {
			value = &env->config;
		} else if (!strcmp(argv[i], "--as")) {
			value = &env->as;
		} else if (!strcmp(argv[i], "--passphrase-file")) {
			value = &env->passphrase_file;
		} else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h") ||
			   !strcmp(argv[i], "--version")) {
			*ret_word = argv[i];
		} else {
			argv[n++] = argv[i];
		}
		if (!value)
			continue;
		if (i + 1 == argc) {
			fprintf(stderr, "shouwang: %s needs a value\n", argv[i]);
			return -1;
		}
		*value = argv[++i];
	}
	return n;
}

static int help(const char *name)
{
	const struct command *cmd = name ? find_command(name) : NULL;

	if (name && !cmd)
		return unknown("command", name);
	if (!cmd) {
		print_help(stdout);
		return EXIT_OK;
	}
	printf("shouwang %s: %s\n", cmd->name, cmd->help);
	for (const char *line = cmd->usage; *line;) {
		size_t n = strcspn(line, "\n");

		printf("  shouwang %.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	struct ctl_env env = {.config = default_config()};
	const char *word = NULL;
	const struct command *cmd;
	int n = take_options(argc - 1, argv + 1, &env, &word), rc;

	argv++;
	if (n < 0)
		return EXIT_USAGE_ERROR;
	if (word && !strcmp(word, "--version")) {
		puts("shouwang " SHOUWANG_VERSION);
		return EXIT_OK;
	}
	if (word)
		return help(n > 0 ? argv[0] : NULL);
	if (n == 0) {
		print_help(stderr);
		return EXIT_USAGE_ERROR;
	}
	if (!strcmp(argv[0], "help"))
		return help(n > 1 ? argv[1] : NULL);
	cmd = find_command(argv[0]);
	if (!cmd)
		return unknown(argv[0][0] == '-' ? "option" : "command", argv[0]);
	rc = cmd->run(&env, n, argv);
	/* A full disk or a closed pipe must not look like success. */
	if (rc == EXIT_OK && (fflush(stdout) || ferror(stdout))) {
		perror("shouwang: standard output");
		return EXIT_INTERNAL;
	}
	return rc;
}
