/*
 * notifier/ctl/ask.c: one request to the notifier over its control socket, and the words it is made of.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/settings.h"
#include "core/io/ctlsock.h"
#include "notifier/ctl/command.h"

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
	(void)fflush(stdout);
}

static void print_data(void *ctx, const json_t *data)
{
	(void)ctx;
	(void)json_dumpf(data, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
	(void)putchar('\n');
}

/* Where the control socket is: in the configuration. NULL after a message. */
static char *socket_path(const struct ctl_env *env)
{
	struct problems p;
	struct conf *conf = NULL;
	char *path = NULL;

	problems_init(&p);
	if (settings_load(env->config, &p, &conf) < 0)
		problems_print(&p, stderr);
	else
		path = strdup(conf_str(conf, "control.socket"));
	conf_free(conf);
	problems_fini(&p);
	return path;
}

int ctl_ask_for(const struct ctl_env *env, const char *cmd, json_t *args, bool acting,
	void (*on_data)(void *ctx, const json_t *data), void *ctx)
{
	json_t *request = json_pack("{s:s, s:o, s:b}", "cmd", cmd, "args",
		args ? args : json_object(), "json", env->json);
	struct sw_err err = {0};
	struct buf passphrase;
	char *path = NULL;
	int rc = EXIT_REFUSED;

	buf_init(&passphrase, 256);
	if (acting && !env->as) {
		(void)fprintf(
			stderr, "shouwang %s: this is done as an operator: give --as NAME\n", cmd);
		goto out;
	}
	if (acting) {
		if (ctl_read_passphrase(env, "passphrase: ", &passphrase) < 0)
			goto out;
		json_object_set_new(request, "as", json_string(env->as));
		json_object_set_new(request, "passphrase", json_string(buf_str(&passphrase)));
	}
	path = socket_path(env);
	if (!path) {
		rc = EXIT_BAD_CONFIG;
		goto out;
	}
	rc = ctl_call(path, request, print_line, on_data, ctx, &err);
	if (rc < 0) {
		(void)fprintf(stderr, "shouwang: the notifier does not answer at %s: %s\n", path,
			err.text[0] ? err.text : err_name(rc));
		rc = EXIT_AWAY;
	} else if (rc > 0) {
		(void)fprintf(stderr, "shouwang %s: %s\n", cmd, err.text);
	}
out:
	if (passphrase.data)
		explicit_bzero(passphrase.data, passphrase.len);
	buf_fini(&passphrase);
	json_decref(request);
	free(path);
	return rc;
}

int ctl_ask(const struct ctl_env *env, const char *cmd, json_t *args, bool acting)
{
	return ctl_ask_for(env, cmd, args, acting, print_data, NULL);
}

const char *ctl_take_value(int *argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < *argc; i++)
		if (!strcmp(argv[i], name)) {
			const char *value = argv[i + 1];

			memmove(&argv[i], &argv[i + 2], (size_t)(*argc - i - 2) * sizeof(*argv));
			*argc -= 2;
			return value;
		}
	return NULL;
}

bool ctl_take_flag(int *argc, char **argv, const char *name)
{
	for (int i = 1; i < *argc; i++)
		if (!strcmp(argv[i], name)) {
			memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i - 1) * sizeof(*argv));
			(*argc)--;
			return true;
		}
	return false;
}
