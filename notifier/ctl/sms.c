/*
 * notifier/ctl/sms.c: "shouwang sms": how a text would be counted and cut, how a number is judged.
 *
 * The text is taken exactly as it comes: a newline at its end is a character that is billed.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mask.h"
#include "core/base/sms.h"
#include "core/base/text.h"
#include "notifier/ctl/command.h"
#include "notifier/ctl/offline.h"

enum { MAX_TEXT_BYTES = 256 * 1024 };

static int read_stdin(struct buf *b)
{
	char block[4096];
	size_t n;

	while ((n = fread(block, 1, sizeof(block), stdin)) > 0) {
		int rc = buf_add(b, block, n);

		if (rc < 0)
			return rc;
	}
	return ferror(stdin) ? -EIO : 0;
}

static int print_count(const struct buf *b)
{
	const char *text = buf_str(b);
	size_t n = sms_split(text, b->len, NULL, 0), units = 0;
	struct sms_part *parts = calloc(n ? n : 1, sizeof(*parts));
	json_t *split = json_array();

	if (!parts || !split) {
		free(parts);
		json_decref(split);
		return EXIT_INTERNAL;
	}
	n = sms_split(text, b->len, parts, n);
	for (size_t i = 0; i < n; i++) {
		units += parts[i].units;
		json_array_append_new(
			split, json_stringn(text + parts[i].start_bytes, parts[i].len_bytes));
	}
	ctl_json_print(json_pack("{s:I, s:I, s:I, s:o}", "units", (json_int_t)units, "parts",
		(json_int_t)n, "billed", (json_int_t)sms_billed(units), "split", split));
	free(parts);
	return EXIT_OK;
}

static int count(void)
{
	struct buf b;
	size_t bad;
	int rc;

	buf_init(&b, MAX_TEXT_BYTES);
	rc = read_stdin(&b);
	if (rc == SW_ELIMIT) {
		fprintf(stderr, "shouwang sms: the text is longer than %d bytes\n",
			(int)MAX_TEXT_BYTES);
		rc = EXIT_REFUSED;
	} else if (rc < 0) {
		fprintf(stderr, "shouwang sms: standard input cannot be read\n");
		rc = EXIT_INTERNAL;
	} else if (!text_utf8_valid(buf_str(&b), b.len, &bad)) {
		fprintf(stderr, "shouwang sms: not UTF-8 from byte %zu on\n", bad);
		rc = EXIT_REFUSED;
	} else {
		rc = print_count(&b);
	}
	buf_fini(&b);
	return rc;
}

static int number(const struct ctl_env *env, const char *s)
{
	char normal[16] = "";
	enum phone_verdict v = phone_normalise(s, normal);
	bool known;

	if (v != PHONE_MOBILE) {
		if (env->json)
			ctl_json_print(json_pack("{s:b, s:s, s:s}", "ok", 0, "reason",
				phone_verdict_text(v), "reason_zh", phone_verdict_zh(v)));
		else
			fprintf(stderr, "shouwang sms: refused: %s\n", phone_verdict_text(v));
		return EXIT_REFUSED;
	}
	known = phone_prefix_known(normal);
	if (env->json)
		ctl_json_print(json_pack(
			"{s:b, s:s, s:b}", "ok", 1, "number", normal, "prefix_known", (int)known));
	else
		printf("%s%s\n", normal, known ? "" : " (its prefix is not known to be in use)");
	return EXIT_OK;
}

static int run_sms(const struct ctl_env *env, int argc, char **argv)
{
	const struct command *cmd = ctl_sms_commands;

	if (argc < 2)
		return ctl_usage(cmd, "count or number is missing");
	if (!strcmp(argv[1], "count")) {
		if (argc > 2)
			return ctl_usage(cmd, "count reads the text from standard input");
		return count();
	}
	if (strcmp(argv[1], "number") != 0)
		return ctl_usage(cmd, "unknown word \"%s\"", argv[1]);
	/* "--" lets a number that starts with a hyphen be judged too. */
	if (argc == 4 && !strcmp(argv[2], "--"))
		return number(env, argv[3]);
	if (argc != 3)
		return ctl_usage(cmd, "one number is needed; quote it when it holds blanks");
	return number(env, argv[2]);
}

const struct command ctl_sms_commands[] = {
	{"sms",
		"sms count <TEXT\n"
		"sms number NUMBER",
		"count and cut a text message, judge a number", run_sms},
	{0},
};
