/*
 * core/base/conf_source.c: what libconfig 1.5 accepts silently or refuses without a usable reason is
 * found by a look at the text itself, before and after its parser ran.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/conf_source.h"
#include "core/base/file.h"
#include "core/base/text.h"

enum { MAX_FILE_BYTES = 4 * 1024 * 1024, MAX_TOKEN_SHOWN = 40 };

/* Moves over a quoted string; P stands on its opening sign. IS_CLOSED becomes false at the end of the text. */
static const char *skip_string(const char *p, int *line, bool *is_closed)
{
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		*line += *p == '\n';
	}
	*is_closed = *p != '\0';
	return p + *is_closed;
}

/* Moves over a comment at P, or returns P when there is none. */
static const char *skip_comment(const char *p, int *line)
{
	if (*p == '#' || (p[0] == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (p[0] != '/' || p[1] != '*')
		return p;
	for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
		*line += *p == '\n';
	return *p ? p + 2 : p;
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c == '.' || c == '*';
}

/* A decimal number without the L suffix wraps silently when it needs more than 32 bits. */
static void check_number(const char *name, int line, const char *s, size_t n, struct problems *p)
{
	size_t digits = strspn(s, "0123456789");

	if (digits != n)
		return;
	if (n > 10 || (n == 10 && strncmp(s, "2147483647", 10) > 0))
		problems_error(p, name, line,
			"%.*s does not fit a number here: put quotes around it (\"%.*s\") if it is "
			"a code or a "
			"telephone number",
			(int)(n < MAX_TOKEN_SHOWN ? n : MAX_TOKEN_SHOWN), s,
			(int)(n < MAX_TOKEN_SHOWN ? n : MAX_TOKEN_SHOWN), s);
}

/* What a walk over the text outside strings and comments found. */
struct scan {
	int line;
	int long_string; /* line of the first text in quotes that goes over the end of its line; 0: none */
	bool is_broken; /* libconfig must not see it */
};

/* Moves over the string at TEXT. An open one makes libconfig lose memory and name the last line. */
static const char *scan_string(
	const char *name, const char *text, struct scan *s, struct problems *p)
{
	int start = s->line;
	bool is_closed;

	text = skip_string(text, &s->line, &is_closed);
	if (!is_closed) {
		problems_error(p, name, s->long_string ? s->long_string : start,
			"a quote is opened here and not closed");
		s->is_broken = true;
	}
	if (s->line > start && s->long_string == 0)
		s->long_string = start;
	return text;
}

static void scan_tokens(const char *name, const char *text, struct scan *s, struct problems *p)
{
	while (*text) {
		const char *start = text;

		text = skip_comment(text, &s->line);
		if (text != start)
			continue;
		if (*text == '"') {
			text = scan_string(name, text, s, p);
			continue;
		}
		if (is_word(*text)) {
			while (is_word(*text))
				text++;
			check_number(name, s->line, start, (size_t)(text - start), p);
			continue;
		}
		if (text_starts(text, "@include")) {
			/* It would read any file that the process may read. */
			problems_error(p, name, s->line,
				"@include is not supported: write it all in one file");
			s->is_broken = true;
		}
		s->line += *text == '\n';
		text++;
	}
}

/*
 * The line at S without its comment and without what stands in quotes: what libconfig stumbled over. A sign
 * of the Chinese keyboard in a text is no mistake.
 */
static void bare_line(const char *s, char *ret, size_t size)
{
	size_t out = 0;
	bool in_string = false;

	for (; *s && *s != '\n' && out + 1 < size; s++) {
		if (in_string && s[0] == '\\' && s[1]) {
			s++;
		} else if (*s == '"') {
			in_string = !in_string;
		} else if (!in_string) {
			if (*s == '#' || (s[0] == '/' && s[1] == '/'))
				break;
			ret[out++] = *s;
		}
	}
	ret[out] = '\0';
}

/* The first full-width sign in S and what to write instead; NULL when there is none. */
static const char *find_full_width(const char *s, const char **ret_ascii)
{
	static const char *const signs[][2] = {{"；", ";"}, {"：", ":"}, {"，", ","}, {"“", "\""},
		{"”", "\""}, {"＂", "\""}, {"＝", "="}, {"（", "("}, {"）", ")"}, {"｛", "{"},
		{"｝", "}"}, {"［", "["}, {"］", "]"}, {"【", "["}, {"】", "]"}, {"、", ","},
		{"‘", "\""}, {"’", "\""}, {"　", " "}};

	for (; *s; s++) {
		for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
			if (text_starts(s, signs[i][0])) {
				*ret_ascii = signs[i][1];
				return signs[i][0];
			}
		}
	}
	return NULL;
}

/* A date, a time or a telephone number without quotes in S: its length, *RET where it starts; 0: none. */
static size_t find_unquoted(const char *s, const char **ret)
{
	while (*s) {
		size_t n = strspn(s, "0123456789-:T");

		if (*s >= '0' && *s <= '9' && (memchr(s, '-', n) || memchr(s, ':', n))) {
			*ret = s;
			return n;
		}
		/* The digits of a name (form_1) begin no number. */
		while (is_word(*s))
			s++;
		s += *s != '\0' && !is_word(*s);
	}
	return 0;
}

static const char *line_start(const char *text, int line)
{
	while (line > 1 && *text) {
		text += strcspn(text, "\n");
		text += *text != '\0';
		line--;
	}
	return text;
}

static void say_syntax_error(const char *name, const char *text, const config_t *c,
	const struct scan *scan, struct problems *p)
{
	int line = config_error_line(c);
	const char *what = config_error_text(c);
	const char *sign, *ascii = "", *token = "";
	char bare[512];
	size_t n;

	bare_line(line_start(text, line), bare, sizeof(bare));
	sign = find_full_width(bare, &ascii);
	n = find_unquoted(bare, &token);
	if (!what)
		what = "cannot be read";
	if (strcmp(what, "duplicate setting name") == 0)
		problems_error(p, name, line, "a name appears twice in the same group");
	else if (sign)
		problems_error(p, name, line,
			"%s: the line holds the full-width sign %s: outside quotes write %s "
			"(half-width)",
			what, sign, ascii);
	else if (n > 0 && n < MAX_TOKEN_SHOWN)
		problems_error(p, name, line, "%.*s needs quotes around it: write \"%.*s\"", (int)n,
			token, (int)n, token);
	else if (scan->long_string > 0 && scan->long_string < line)
		problems_error(p, name, scan->long_string,
			"a text in quotes goes over the end of this line: is its closing quote "
			"missing?");
	else
		problems_error(p, name, line,
			"%s here or on the line before: is a ; or a quote missing?", what);
}

static int line_at(const char *data, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += data[i] == '\n';
	return line;
}

int conf_source_parse(
	const char *name, const char *data, size_t len, config_t *ret, struct problems *p)
{
	size_t errors_before = p->n_errors;
	struct scan scan = {.line = 1};
	size_t bad;

	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		len -= 3;
	}
	if (!text_utf8_valid(data, len, &bad)) {
		problems_error(
			p, name, line_at(data, bad), "not UTF-8 text: save the file as UTF-8");
		return SW_ECONF;
	}
	if (strlen(data) != len) {
		problems_error(p, name, line_at(data, strlen(data)),
			"holds a zero byte: save the file as UTF-8 text");
		return SW_ECONF;
	}
	scan_tokens(name, data, &scan, p);
	if (!scan.is_broken && config_read_string(ret, data) != CONFIG_TRUE)
		say_syntax_error(name, data, ret, &scan, p);
	return p->n_errors > errors_before ? SW_ECONF : 0;
}

int conf_source_read(const char *file, config_t *ret, struct problems *p)
{
	struct sw_err err;
	struct buf data;
	int rc;

	buf_init(&data, MAX_FILE_BYTES);
	rc = file_read(file, &data, &err);
	if (rc < 0) {
		problems_error(p, file, 0, "%s", err.text);
		rc = SW_ECONF;
	} else {
		rc = conf_source_parse(file, buf_str(&data), data.len, ret, p);
	}
	buf_fini(&data);
	return rc;
}
