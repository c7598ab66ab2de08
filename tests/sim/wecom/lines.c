/* tests/sim/wecom/lines.c: officials who type: their lines checked, and said through callback.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/control.h"
#include "tests/sim/script.h"
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/lines.h"

static void on_said(void *ctx, const struct said *said)
{
	struct sim *s = ctx;

	script_said(s->script, said->delivered || !said->addressed);
}

static int say(void *ctx, const char *user, const char *chat, const char *text)
{
	struct sim *s = ctx;

	return callbacks_say(s->callbacks, chat, user, text, TAMPER_NONE, on_said, s);
}

static void on_rested(void *ctx)
{
	sim_report(ctx);
}

int lines_create(struct sim *s)
{
	return script_create(&(struct script_opts){.loop = s->loop,
				     .clock = &s->clock,
				     .ctx = s,
				     .say = say,
				     .rested = on_rested},
		&s->script);
}

/* In a group a person addresses the robot, unless the line says that he forgets it. */
static int add(struct sim *s, int64_t at_ms, const char *user, const char *chat, const char *text,
	bool mention)
{
	const struct world *w = &s->world;
	struct buf b;
	int rc;

	buf_init(&b, 16384);
	if (mention && !text_starts(chat, "app:") && *text != '@' && w->n_smart > 0)
		buf_addf(&b, "@%s ", w->smart[0].mention_name);
	rc = buf_adds(&b, text);
	if (rc == 0)
		rc = script_add(s->script, at_ms, user, chat, buf_str(&b));
	buf_fini(&b);
	return rc;
}

/* NULL when the line can be said. */
static const char *objection(struct sim *s, const char *user, const char *chat, const char *text)
{
	struct world *w = &s->world;

	if (!world_app(w, chat) && !world_robot(w, chat))
		return "chat: no such group or application";
	if (!world_userid_valid(user))
		return "user: no user id";
	if (!*text || strlen(text) > 4096 || !text_utf8_valid(text, strlen(text), NULL))
		return "text: 1 to 4096 bytes of UTF-8";
	return NULL;
}

static const struct conf_item table[] = {
	{"officials[].at", CONF_TIME, CONF_REQUIRED, NULL, 0, 0, "when"},
	{"officials[].user", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "who"},
	{"officials[].chat", CONF_STRING, CONF_REQUIRED, NULL, 1, 72, "where"},
	{"officials[].text", CONF_STRING, CONF_REQUIRED, NULL, 1, 4096, "what"},
	{"officials[].mention", CONF_BOOL, 0, "true", 0, 0, "false: without addressing the robot"},
};

int lines_load(struct sim *s, const char *file, struct problems *p)
{
	struct conf *conf;
	size_t n;
	int rc = conf_load(file, table, ARRAY_LEN(table), p, &conf);

	if (rc < 0)
		return rc;
	n = conf_count(conf, "officials");
	rc = script_reserve(s->script, n);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *user = conf_strf(conf, "officials[%zu].user", i);
		const char *chat = conf_strf(conf, "officials[%zu].chat", i);
		const char *text = conf_strf(conf, "officials[%zu].text", i);
		const char *why = objection(s, user, chat, text);

		if (why)
			problems_error(p, file, 0, "line %zu (%s): %s", i + 1, text, why);
		else
			rc = add(s, conf_intf(conf, "officials[%zu].at", i), user, chat, text,
				conf_boolf(conf, "officials[%zu].mention", i));
	}
	conf_free(conf);
	return rc == 0 && p->n_errors > 0 ? SW_ECONF : rc;
}

static int check_json_line(struct sim *s, const json_t *v, size_t i, struct sw_err *err)
{
	const char *user = json_string_value(json_object_get(v, "user"));
	const char *chat = json_string_value(json_object_get(v, "chat"));
	const char *text = json_string_value(json_object_get(v, "text"));
	const char *why = NULL;
	int64_t at;

	if (!control_time(json_object_get(v, "at"), &at))
		why = "at: a time like 2022-06-20T09:40, or milliseconds";
	else if (!user || !chat || !text)
		why = "user, chat and text are strings";
	else
		why = objection(s, user, chat, text);
	return why ? err_set(err, SW_EINVAL, "line %zu: %s", i + 1, why) : 0;
}

int lines_add(struct sim *s, const json_t *lines, size_t *ret_n, struct sw_err *err)
{
	const json_t *v;
	size_t i;
	int64_t at;
	int rc;

	json_array_foreach(lines, i, v)
	{
		rc = check_json_line(s, v, i, err);
		if (rc < 0)
			return rc;
	}
	rc = script_reserve(s->script, json_array_size(lines));
	if (rc < 0)
		return err_set(err, rc, "too many lines: %s", err_name(rc));
	for (i = 0; rc == 0 && i < json_array_size(lines); i++) {
		v = json_array_get(lines, i);
		if (control_time(json_object_get(v, "at"), &at))
			rc = add(s, at, json_string_value(json_object_get(v, "user")),
				json_string_value(json_object_get(v, "chat")),
				json_string_value(json_object_get(v, "text")),
				!json_is_false(json_object_get(v, "mention")));
	}
	*ret_n = i;
	if (script_started(s->script))
		script_run(s->script);
	return rc < 0 ? err_set(err, rc, "out of memory") : 0;
}
