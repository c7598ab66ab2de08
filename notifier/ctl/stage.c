/* notifier/ctl/stage.c: what preview and rehearse decide on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/ctl/offline.h"
#include "notifier/ctl/stage.h"

static int sign_texts(const struct ctl_env *env, struct stage *s)
{
	char *sign = ctl_sms_sign(env, &s->sms_available);
	int rc = sign ? templates_set_sign(s->t, sign) : -ENOMEM;

	if (rc == SW_EINVAL)
		fputs("shouwang: sms.sign is written without brackets\n", stderr);
	free(sign);
	return rc == SW_EINVAL ? SW_ECONF : rc;
}

static int load_templates(
	const struct ctl_env *env, const struct stage_files *files, struct stage *s)
{
	char *dir = files->templates ? text_dup(files->templates) : ctl_templates_dir(env);
	struct problems p;
	int rc;

	if (!dir)
		return EXIT_INTERNAL;
	problems_init(&p);
	rc = templates_load(dir, s->c, &p, &s->t);
	if (rc == 0)
		rc = sign_texts(env, s);
	if (rc < 0)
		problems_print(&p, stderr);
	problems_fini(&p);
	free(dir);
	return rc == 0 ? EXIT_OK : rc == SW_ECONF ? EXIT_BAD_CONFIG : EXIT_INTERNAL;
}

int stage_load(const struct ctl_env *env, const struct stage_files *files, struct stage *ret)
{
	struct stage s = {.c = ctl_campaign_load(env, files->campaign)};
	struct sw_err err = {0};
	int rc = s.c ? load_templates(env, files, &s) : EXIT_BAD_CONFIG;

	if (rc == EXIT_OK && plan_build(s.c, &s.plan, &err) < 0) {
		fprintf(stderr, "shouwang: %s\n", err.text);
		rc = EXIT_INTERNAL;
	}
	if (rc == EXIT_OK) {
		s.facts = calloc(s.c->units->n, sizeof(*s.facts));
		rc = s.facts ? EXIT_OK : EXIT_INTERNAL;
	}
	if (rc != EXIT_OK) {
		stage_fini(&s);
		return rc;
	}
	for (size_t i = 0; i < s.c->units->n; i++)
		facts_init(&s.facts[i]);
	*ret = s;
	return EXIT_OK;
}

void stage_fini(struct stage *s)
{
	free(s->contacts.items);
	free(s->facts);
	plan_free(s->plan);
	templates_free(s->t);
	campaign_free(s->c);
	*s = (struct stage){0};
}

const char *stage_value(const struct command *cmd, int argc, char **argv, int *i)
{
	if (*i + 1 >= argc) {
		ctl_usage(cmd, "%s needs a value", argv[*i]);
		return NULL;
	}
	return argv[++*i];
}
