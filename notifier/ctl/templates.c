/*
 * notifier/ctl/templates.c: "shouwang templates": the texts to be registered with a provider of SMS, with their codes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/template.h"
#include "notifier/ctl/offline.h"
#include "notifier/ctl/stage.h"

enum { MAX_TEXT_BYTES = 64 * 1024 };

struct listing {
	const struct ctl_env *env;
	const struct stage *s;
	const char *provider;
	bool failed;
};

static void show(void *ctx, const char *id, const char *channel, const char *file)
{
	struct listing *l = ctx;
	const char *code;
	struct buf text;

	(void)file;
	if (strcmp(channel, "sms") != 0)
		return;
	code = template_code(l->s->t, id, l->provider);
	buf_init(&text, MAX_TEXT_BYTES);
	if (template_registered(l->s->t, id, &text) < 0)
		l->failed = true;
	else if (l->env->json)
		ctl_json_print(json_pack(
			"{s:s, s:s, s:s}", "code", code, "id", id, "text", buf_str(&text)));
	else
		printf("%-16s %-20s %s\n", code[0] ? code : "-", id, buf_str(&text));
	buf_fini(&text);
}

static int run_templates(const struct ctl_env *env, int argc, char **argv)
{
	static const char *const providers[] = {"aliyun", "tencent", "mas"};
	const struct command *cmd = ctl_templates_commands;
	struct listing l = {.env = env, .provider = "aliyun"};
	struct stage_files files = {0};
	struct stage s;
	bool known = false;
	int rc;

	for (int i = 1; i < argc; i++) {
		const char **value = !strcmp(argv[i], "--provider")    ? &l.provider
				     : !strcmp(argv[i], "--campaign")  ? &files.campaign
				     : !strcmp(argv[i], "--templates") ? &files.templates
								       : NULL;

		if (!value)
			return ctl_usage(cmd, "unknown word \"%s\"", argv[i]);
		*value = stage_value(cmd, argc, argv, &i);
		if (!*value)
			return EXIT_USAGE_ERROR;
	}
	for (size_t i = 0; i < ARRAY_LEN(providers); i++)
		known = known || !strcmp(providers[i], l.provider);
	if (!known)
		return ctl_usage(cmd,
			"no provider \"%s\" registers texts: write aliyun, tencent or mas",
			l.provider);
	rc = stage_load(env, &files, &s);
	if (rc != EXIT_OK)
		return rc;
	l.s = &s;
	templates_each(s.t, show, &l);
	stage_fini(&s);
	return l.failed ? EXIT_INTERNAL : EXIT_OK;
}

const struct command ctl_templates_commands[] = {
	{"templates",
		"templates [--provider aliyun|tencent|mas] [--campaign FILE] [--templates DIR]",
		"the texts to be registered with a provider of SMS", run_templates},
	{0},
};
