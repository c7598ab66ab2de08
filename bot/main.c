/*
 * bot/main.c: reads the command line and the configuration, and starts the bot.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bot/bot.h"
#include "bot/check.h"
#include "core/base/log.h"
#include "core/base/settings.h"

enum { EXIT_OK = 0, EXIT_USAGE = 64, EXIT_INTERNAL = 70, EXIT_CONF = 78 };

static int usage(void)
{
	(void)fputs(
		"usage: shouwang-bot -c FILE [--check]\n       shouwang-bot --version\n", stderr);
	return EXIT_USAGE;
}

/* Keys and people's words are in our memory: no core file. */
static void forbid_core_files(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		LOG_WARN("core_files_allowed", "err=%s", "setrlimit");
}

static int load(const char *file, struct conf **ret)
{
	struct problems problems;
	int rc;

	problems_init(&problems);
	rc = settings_load(file, &problems, ret);
	if (rc == 0) {
		check_conf(*ret, &problems);
		if (problems.n_errors > 0) {
			conf_free(*ret);
			rc = SW_ECONF;
		}
	}
	problems_print(&problems, stderr);
	problems_fini(&problems);
	return rc;
}

static int run(struct conf *conf)
{
	struct sw_err err = {0};
	struct bot *bot;
	int rc;

	forbid_core_files();
	rc = bot_open(conf, &bot, &err);
	if (rc < 0) {
		LOG_ERROR("cannot_start", "err=%s code=%s", err.text, err_name(rc));
		return rc == SW_ECONF ? EXIT_CONF : EXIT_INTERNAL;
	}
	bot_run(bot);
	bot_destroy(bot);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'V'}, {"config", required_argument, NULL, 'c'}, {0}};
	const char *file = NULL;
	bool check_only = false;
	struct conf *conf;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			file = optarg;
			break;
		case 'k':
			check_only = true;
			break;
		case 'V':
			(void)puts("shouwang-bot " SHOUWANG_VERSION);
			return EXIT_OK;
		default:
			return usage();
		}
	}
	if (!file || optind != argc)
		return usage();
	if (load(file, &conf) < 0)
		return EXIT_CONF;
	if (check_only) {
		conf_free(conf);
		return EXIT_OK;
	}
	return run(conf);
}
