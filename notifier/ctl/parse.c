/*
 * notifier/ctl/parse.c: "shouwang parse": how the reader understands each line of standard input.
 *
 * Exactly one line of JSON for each line that is not blank, whatever it holds: a program that feeds it
 * lines may count on finding its answers in step. A line may itself be JSON, for texts of several lines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/id.h"
#include "notifier/ctl/command.h"
#include "notifier/ctl/offline.h"
#include "notifier/ctl/parse_world.h"

/* Longer than any text a channel carries; the rest of such a line is read and forgotten. */
enum { MAX_LINE_BYTES = 4 * 1024 * 1024 };

struct parsing {
	struct parse_world *world;
	json_t *context; /* --context, NULL */
	struct buf decoded;
};

/* ---- one line ---- */

static void print_reading(const struct parsing *ps, const struct reply_context *ctx,
	const char *text, size_t len, const char *problem)
{
	const struct campaign *c = parse_world_campaign(ps->world);
	struct reply_reading r;
	json_t *j;

	reply_read(c, ctx, text, len, &r);
	j = reply_to_json(c, &r);
	if (problem && j)
		json_object_set_new(j, "error", json_string(problem));
	ctl_json_print(j);
}

/* The text of a line that is JSON: "text", or "text_b64" for what JSON cannot hold. */
static bool text_of(struct parsing *ps, const json_t *line, const char **ret, size_t *ret_len)
{
	const json_t *text = json_object_get(line, "text"),
		     *b64 = json_object_get(line, "text_b64");

	if (json_is_string(text)) {
		*ret = json_string_value(text);
		*ret_len = json_string_length(text);
		return true;
	}
	if (!json_is_string(b64))
		return false;
	buf_reset(&ps->decoded);
	if (id_unbase64(&ps->decoded, json_string_value(b64), json_string_length(b64), false) < 0)
		return false;
	*ret = buf_str(&ps->decoded);
	*ret_len = ps->decoded.len;
	return true;
}

static void parse_line(struct parsing *ps, const char *line, size_t len)
{
	struct reply_context ctx;
	struct sw_err err = {0};
	json_t *j = NULL;
	const char *text = line;
	size_t text_len = len;
	int rc;

	if (line[0] == '{')
		j = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	if (!j || !text_of(ps, j, &text, &text_len)) {
		json_decref(j);
		j = NULL;
	}
	rc = parse_world_context(ps->world, ps->context, json_object_get(j, "context"), &ctx, &err);
	if (rc == 0)
		print_reading(ps, &ctx, text, text_len, NULL);
	else /* In which context is not known, so nothing is read into it. */
		ctl_json_print(json_pack("{s:[], s:s, s:s, s:[s], s:s}", "acts", "disposition",
			"ask", "reply", "R-NOT-UNDERSTOOD", "flags", "BAD_CONTEXT", "error",
			err.text));
	json_decref(j);
}

/* ---- all lines ---- */

static bool is_blank(const struct buf *line)
{
	return line->len == 0 || strspn(line->data, " \t\r\v\f") == line->len;
}

/* Reads up to the next line end; 1: a line, 0: the end, <0: no memory. */
static int read_line(FILE *in, struct buf *line)
{
	int c = EOF;

	buf_reset(line);
	while ((c = getc_unlocked(in)) != EOF && c != '\n') {
		/* Beyond the bound the line is too long either way. */
		if (line->len < MAX_LINE_BYTES && buf_addc(line, (char)c) < 0)
			return -ENOMEM;
	}
	return c == '\n' || line->len > 0;
}

static int parse_input(struct parsing *ps)
{
	struct buf line;
	int rc;

	buf_init(&line, MAX_LINE_BYTES);
	while ((rc = read_line(stdin, &line)) > 0) {
		if (is_blank(&line))
			continue;
		parse_line(ps, line.data, line.len);
		(void)fflush(stdout);
	}
	buf_fini(&line);
	return rc < 0 || ferror(stdout) ? EXIT_INTERNAL : EXIT_OK;
}

static int load(const struct ctl_env *env, const char *file, struct parsing *ps)
{
	struct problems problems;
	char *shipped = file ? NULL : ctl_shipped_file(env, "example/world.conf");
	char *config = ctl_shipped_file(env, ".");
	int rc = -ENOMEM;

	problems_init(&problems);
	if (file || shipped)
		rc = parse_world_load(file ? file : shipped, config, &problems, &ps->world);
	if (rc < 0)
		problems_print(&problems, stderr);
	problems_fini(&problems);
	free(shipped);
	free(config);
	return rc == 0 ? EXIT_OK : rc == -ENOMEM ? EXIT_INTERNAL : EXIT_BAD_CONFIG;
}

static int check_context(const struct command *cmd, struct parsing *ps, const char *text)
{
	struct reply_context ctx;
	struct sw_err err = {0};
	json_error_t jerr;

	if (!text)
		return EXIT_OK;
	ps->context = json_loads(text, 0, &jerr);
	if (!ps->context)
		return ctl_usage(cmd, "--context is no JSON: %s", jerr.text);
	if (parse_world_context(ps->world, ps->context, NULL, &ctx, &err) < 0)
		return ctl_usage(cmd, "--%s", err.text);
	return EXIT_OK;
}

static int run_parse(const struct ctl_env *env, int argc, char **argv)
{
	const struct command *cmd = &ctl_parse_commands[0];
	const char *world = NULL, *context = NULL;
	struct parsing ps = {0};
	int rc;

	for (int i = 1; i < argc; i++) {
		const char **value = !strcmp(argv[i], "--world")     ? &world
				     : !strcmp(argv[i], "--context") ? &context
								     : NULL;

		if (!value)
			return ctl_usage(cmd, "unknown argument \"%s\"", argv[i]);
		if (i + 1 == argc)
			return ctl_usage(cmd, "%s needs a value", argv[i]);
		*value = argv[++i];
	}
	buf_init(&ps.decoded, MAX_LINE_BYTES);
	rc = load(env, world, &ps);
	if (rc == EXIT_OK)
		rc = check_context(cmd, &ps, context);
	if (rc == EXIT_OK)
		rc = parse_input(&ps);
	json_decref(ps.context);
	parse_world_free(ps.world);
	buf_fini(&ps.decoded);
	return rc;
}

const struct command ctl_parse_commands[] = {
	{"parse", "parse [--world FILE] [--context JSON]  < texts, one a line",
		"how replies are understood: one line of JSON for each line of input", run_parse},
	{NULL, NULL, NULL, NULL},
};
