/*
 * notifier/ctl/command.c: what all command families share: usage messages and where files lie.
 *
 * The program works from a source tree (build/<variant>/shouwang) and installed (bin/shouwang with
 * share/shouwang beside it), so shipped files are looked for from the program's own place.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "notifier/ctl/command.h"

int ctl_usage(const struct command *cmd, const char *fmt, ...)
{
	const char *line = cmd->usage;
	va_list ap;

	fprintf(stderr, "shouwang %s: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	while (*line) {
		size_t n = strcspn(line, "\n");

		fprintf(stderr, "%s shouwang %.*s\n", line == cmd->usage ? "usage:" : "      ",
			(int)n, line);
		line += n + (line[n] == '\n');
	}
	return EXIT_USAGE_ERROR;
}

/* The folder the program lies in; NULL when it cannot be told. */
static char *program_folder(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return text_dup(path);
}

/* The shipped config folder: installed, in the source tree, in the current folder. */
static char *shipped_folder(void)
{
	static const char *const places[] = {
		"../share/shouwang/config", "../../config", "../../../../config"};
	char *program = program_folder();

	for (size_t i = 0; program && i < ARRAY_LEN(places); i++) {
		char *dir, *probe;

		if (asprintf(&dir, "%s/%s", program, places[i]) < 0)
			break;
		if (asprintf(&probe, "%s/campaigns", dir) < 0)
			probe = NULL;
		if (probe && file_exists(probe)) {
			free(probe);
			free(program);
			program = realpath(dir, NULL);
			free(dir);
			return program;
		}
		free(probe);
		free(dir);
	}
	free(program);
	return text_dup("config");
}

char *ctl_shipped_file(const struct ctl_env *env, const char *relative)
{
	char *dir = shipped_folder(), *path = NULL;

	(void)env;
	if (dir && asprintf(&path, "%s/%s", dir, relative) < 0)
		path = NULL;
	free(dir);
	return path;
}

/* The service configuration for its setting NAME; NULL when there is none or it cannot be read. */
static struct conf *configuration(const struct ctl_env *env, const char *name)
{
	struct problems problems;
	struct conf *conf = NULL;

	if (!env->config || !file_exists(env->config))
		return NULL;
	problems_init(&problems);
	if (settings_load(env->config, &problems, &conf) < 0) {
		/* What works offline goes on with what is shipped, but says so. */
		fprintf(stderr,
			"shouwang: %s has mistakes (shouwang check shows them); its %s is not "
			"used\n",
			env->config, name);
		conf = NULL;
	}
	problems_fini(&problems);
	return conf;
}

/* The path setting NAME of the service configuration; NULL when it has none. */
static char *configured(const struct ctl_env *env, const char *name)
{
	struct conf *conf = configuration(env, name);
	char *path = conf && conf_is_set(conf, name) ? text_dup(conf_str(conf, name)) : NULL;

	conf_free(conf);
	return path;
}

char *ctl_sms_sign(const struct ctl_env *env, bool *ret_available)
{
	struct conf *conf = configuration(env, "sms.sign");
	char *sign =
		text_dup(conf && conf_is_set(conf, "sms.sign") ? conf_str(conf, "sms.sign") : "");

	*ret_available = !conf || conf_count(conf, "sms.route") > 0;
	conf_free(conf);
	return sign;
}

char *ctl_campaign_file(const struct ctl_env *env, const char *override)
{
	char *path;

	if (override)
		return text_dup(override);
	path = configured(env, "campaign");
	return path ? path : ctl_shipped_file(env, "campaigns/nm-2022-63.conf");
}

char *ctl_templates_dir(const struct ctl_env *env)
{
	char *path = configured(env, "templates");

	return path ? path : ctl_shipped_file(env, "templates");
}
