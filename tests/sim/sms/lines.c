/* tests/sim/sms/lines.c: people who answer on their phones: their lines checked, and said through answer.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/sms/answer.h"
#include "tests/sim/sms/lines.h"

/* Nobody sees on a phone whether an answer arrived: it is not written anew, only pushed again. */
static void on_answered(void *ctx, const struct answered *a)
{
	struct sim *s = ctx;

	(void)a;
	script_said(s->script, true);
}

static int say(void *ctx, const char *number, const char *where, const char *text)
{
	struct sim *s = ctx;

	(void)where;
	return answer_send(s, phone_parse(number, strlen(number)), text, on_answered, s);
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

/* NULL when the line can be said; *RET is then who says it. */
static const char *objection(
	struct sim *s, const char *number, const char *name, const char *text, uint64_t *ret)
{
	*ret = *number ? phone_parse(number, strlen(number)) : phones_named(&s->phones, name);
	if (*ret == 0)
		return *number ? "number: 11 digits of a mobile number"
			       : "name: of exactly one of phones[], or a number";
	if (!*text || strlen(text) > 2000 || !text_utf8_valid(text, strlen(text), NULL))
		return "text: 1 to 2000 bytes of UTF-8";
	return NULL;
}

static int add(struct sim *s, int64_t at_ms, uint64_t number, const char *text)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	return script_add(s->script, at_ms, digits, "", text);
}

static const struct conf_item table[] = {
	{"people[].at", CONF_TIME, CONF_REQUIRED, NULL, 0, 0, "when"},
	{"people[].number", CONF_STRING, 0, "", 0, 16, "who"},
	{"people[].name", CONF_STRING, 0, "", 0, 64, "or by his name"},
	{"people[].text", CONF_STRING, CONF_REQUIRED, NULL, 1, 2000, "what"},
};

int lines_load(struct sim *s, const char *file, struct problems *p)
{
	struct conf *conf;
	size_t n;
	int rc = conf_load(file, table, ARRAY_LEN(table), p, &conf);

	if (rc < 0)
		return rc;
	n = conf_count(conf, "people");
	rc = script_reserve(s->script, n);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *text = conf_strf(conf, "people[%zu].text", i);
		uint64_t number;
		const char *why = objection(s, conf_strf(conf, "people[%zu].number", i),
			conf_strf(conf, "people[%zu].name", i), text, &number);

		if (why)
			problems_error(p, file, 0, "line %zu (%s): %s", i + 1, text, why);
		else
			rc = add(s, conf_intf(conf, "people[%zu].at", i), number, text);
	}
	conf_free(conf);
	return rc == 0 && p->n_errors > 0 ? SW_ECONF : rc;
}

static const char *string_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));

	return s ? s : "";
}

static int check_json_line(struct sim *s, const json_t *v, size_t i, struct sw_err *err)
{
	uint64_t number;
	int64_t at;
	const char *why = control_time(json_object_get(v, "at"), &at)
				  ? objection(s, string_of(v, "number"), string_of(v, "name"),
					    string_of(v, "text"), &number)
				  : "at: a time like 2022-06-20T09:40, or milliseconds";

	return why ? err_set(err, SW_EINVAL, "line %zu: %s", i + 1, why) : 0;
}

int lines_add(struct sim *s, const json_t *lines, size_t *ret_n, struct sw_err *err)
{
	const json_t *v;
	size_t i;
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
		uint64_t number;
		int64_t at;

		v = json_array_get(lines, i);
		if (control_time(json_object_get(v, "at"), &at) &&
			!objection(s, string_of(v, "number"), string_of(v, "name"),
				string_of(v, "text"), &number))
			rc = add(s, at, number, string_of(v, "text"));
	}
	*ret_n = i;
	if (script_started(s->script))
		script_run(s->script);
	return rc < 0 ? err_set(err, rc, "out of memory") : 0;
}
