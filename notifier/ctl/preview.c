/*
 * notifier/ctl/preview.c: "shouwang preview": the exact text of one template for one unit, nothing sent.
 *
 * Without --at it is the moment the template is first used, so that the text reads as it will then.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/sms.h"
#include "core/base/text.h"
#include "notifier/campaign/preview.h"
#include "notifier/ctl/offline.h"
#include "notifier/ctl/rehearse.h"
#include "notifier/ctl/stage.h"

enum { MAX_TEXT_BYTES = 64 * 1024 };

struct request {
	struct stage_files files;
	const char *id, *unit, *at, *channel, *facts;
};

/* 0, or the exit code after a message. */
static int read_request(const struct command *cmd, int argc, char **argv, struct request *ret)
{
	struct request r = {0};

	for (int i = 1; i < argc; i++) {
		const char **value = !strcmp(argv[i], "--unit")        ? &r.unit
				     : !strcmp(argv[i], "--at")        ? &r.at
				     : !strcmp(argv[i], "--channel")   ? &r.channel
				     : !strcmp(argv[i], "--facts")     ? &r.facts
				     : !strcmp(argv[i], "--campaign")  ? &r.files.campaign
				     : !strcmp(argv[i], "--templates") ? &r.files.templates
								       : NULL;

		if (value) {
			*value = stage_value(cmd, argc, argv, &i);
			if (!*value)
				return EXIT_USAGE_ERROR;
		} else if (argv[i][0] == '-') {
			return ctl_usage(cmd, "unknown option \"%s\"", argv[i]);
		} else if (r.id) {
			return ctl_usage(cmd, "one template is shown at a time");
		} else {
			r.id = argv[i];
		}
	}
	/* Texts that are only for SMS need no --channel. */
	if (r.id && !r.channel)
		r.channel = text_starts(r.id, "S-") || text_starts(r.id, "P-") ? "sms" : "robot";
	if (!r.id)
		return ctl_usage(cmd, "the template is missing, as in \"preview G-D7\"");
	if (strcmp(r.channel, "robot") != 0 && strcmp(r.channel, "app") != 0 &&
		strcmp(r.channel, "sms") != 0)
		return ctl_usage(cmd, "the channel is robot, app or sms, not \"%s\"", r.channel);
	*ret = r;
	return 0;
}

static void say_id(void *ctx, const char *id, const char *channel, const char *file)
{
	(void)ctx;
	(void)file;
	fprintf(stderr, " %s%s%s", id, strcmp(channel, "robot") ? "." : "",
		strcmp(channel, "robot") ? channel : "");
}

/* Sets the facts of UNIT, or of every unit when a digest is asked for. */
static int take_facts(struct stage *s, int unit, const char *json)
{
	struct unit_facts f;
	struct sw_err err = {0};
	json_error_t jerr;
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, &jerr);
	int tier = campaign_tier_of(s->c, unit);

	if (!j) {
		fprintf(stderr, "shouwang preview: --facts: %s\n", jerr.text);
		return EXIT_USAGE_ERROR;
	}
	if (facts_from_json(s->c, j, &f, &err) < 0) {
		fprintf(stderr, "shouwang preview: --%s\n", err.text);
		json_decref(j);
		return EXIT_USAGE_ERROR;
	}
	json_decref(j);
	for (size_t i = 0; i < s->c->units->n; i++) {
		if ((int)i == unit || (tier >= 0 && s->c->tiers[tier].parent < 0))
			s->facts[i] = f;
	}
	return EXIT_OK;
}

static json_t *text_json(const struct request *r, const struct stage *s, int unit, const char *when,
	const struct buf *text)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "template", r->id, "unit",
		unit >= 0 ? s->c->units->items[unit].code : "", "channel", r->channel, "at", when,
		"bytes", (json_int_t)text->len, "text", buf_str(text));
	size_t units = text_u16_units(buf_str(text));

	if (!strcmp(r->channel, "sms")) {
		json_object_set_new(j, "units", json_integer((json_int_t)units));
		json_object_set_new(j, "billed", json_integer((json_int_t)sms_billed(units)));
	}
	return j;
}

static int show(const struct ctl_env *env, const struct request *r, struct stage *s, int unit,
	int64_t at_ms)
{
	struct plan_input in = {.c = s->c,
		.t = s->t,
		.contacts = &s->contacts,
		.facts = s->facts,
		.now_ms = at_ms,
		.sms_available = s->sms_available};
	struct sw_err err = {0};
	char when[40];
	struct buf text;
	int rc;

	buf_init(&text, MAX_TEXT_BYTES);
	rc = preview_text(&in, r->id, r->channel, unit, &text, &err);
	if (rc < 0) {
		fprintf(stderr, "shouwang preview: %s\n", err.text[0] ? err.text : err_name(rc));
		if (rc == SW_ENOENT) {
			fputs("there are:", stderr);
			templates_each(s->t, say_id, NULL);
			fputc('\n', stderr);
		} else if (rc == SW_EINVAL && unit < 0) {
			fputs("name a unit with --unit CODE\n", stderr);
		}
		buf_fini(&text);
		return EXIT_REFUSED;
	}
	if (env->json)
		ctl_json_print(
			text_json(r, s, unit, civil_format_ms(at_ms, when, sizeof(when)), &text));
	else
		puts(buf_str(&text));
	if (!env->json && !strcmp(r->channel, "sms"))
		printf("(%zu units, %zu billed)\n", text_u16_units(buf_str(&text)),
			sms_billed(text_u16_units(buf_str(&text))));
	buf_fini(&text);
	return EXIT_OK;
}

static int run_preview(const struct ctl_env *env, int argc, char **argv)
{
	const struct command *cmd = ctl_preview_commands;
	struct request r;
	struct stage s;
	int64_t at_ms;
	int unit = -1, rc = read_request(cmd, argc, argv, &r);

	if (rc)
		return rc;
	rc = stage_load(env, &r.files, &s);
	if (rc != EXIT_OK)
		return rc;
	at_ms = preview_first_use_ms(s.c, s.plan, r.id);
	if (r.at && civil_parse_time(r.at, &at_ms) < 0)
		rc = ctl_usage(cmd, "\"%s\" is no time; write it as 2022-08-12T09:00", r.at);
	if (rc == EXIT_OK && r.unit) {
		unit = units_find(s.c->units, r.unit);
		if (unit < 0)
			rc = ctl_usage(cmd,
				"there is no unit \"%s\"; write the six digits of its code",
				r.unit);
	}
	if (rc == EXIT_OK && r.facts && unit < 0)
		rc = ctl_usage(cmd, "--facts are those of a unit: name it with --unit CODE");
	if (rc == EXIT_OK && r.facts)
		rc = take_facts(&s, unit, r.facts);
	if (rc == EXIT_OK)
		rc = show(env, &r, &s, unit, at_ms);
	stage_fini(&s);
	return rc;
}

const struct command ctl_preview_commands[] = {
	{"preview",
		"preview TEMPLATE [--unit CODE] [--at TIME] [--channel robot|app|sms] [--facts "
		"JSON] "
		"[--campaign FILE] [--templates DIR]",
		"the exact text of a template for a unit", run_preview},
	{"rehearse",
		"rehearse [--from DATE] [--to DATE] [--answers none|all|FILE] [--unit CODE] "
		"[--contacts CSV] [--campaign FILE] [--templates DIR]",
		"every message the campaign would send, nothing sent", ctl_run_rehearse},
	{0},
};
