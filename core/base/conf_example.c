/*
 * core/base/conf_example.c: the commented example file that a table describes.
 *
 * Everything without a default is a comment, so that the example as printed is a file that loads.
 */
#include <string.h>

#include "core/base/conf.h"

enum { MAX_DEPTH = 8, NAME_BYTES = 64 };

struct printer {
	FILE *out;
	size_t depth;
	char open[MAX_DEPTH]
		 [NAME_BYTES]; /* groups we are inside of; a list's name keeps its "[]" */
	size_t lists;          /* of those, lists: their content is a comment */
};

static void indent(const struct printer *p)
{
	for (size_t i = 0; i < p->depth; i++)
		fputs("    ", p->out);
	if (p->lists > 0)
		fputs("# ", p->out);
}

static size_t part_length(const char *path)
{
	return strcspn(path, ".");
}

static bool is_list(const char *part, size_t n)
{
	return n > 2 && part[n - 1] == ']';
}

static void open_group(struct printer *p, const char *part, size_t n)
{
	if (is_list(part, n)) {
		indent(p);
		fprintf(p->out, "%.*s = ( ", (int)(n - 2), part);
		p->lists++;
		fputs("# { .. }, one group for each\n", p->out);
	} else {
		indent(p);
		fprintf(p->out, "%.*s = {\n", (int)n, part);
	}
	(void)snprintf(p->open[p->depth], NAME_BYTES, "%.*s", (int)n, part);
	p->depth++;
}

static void close_group(struct printer *p)
{
	const char *part = p->open[--p->depth];

	if (is_list(part, strlen(part))) {
		p->lists--;
		indent(p);
		fputs(");\n", p->out);
	} else {
		indent(p);
		fputs("};\n", p->out);
	}
}

/* Closes and opens groups until the last part of PATH can be written; returns that part. */
static const char *enter(struct printer *p, const char *path)
{
	size_t level = 0;

	for (; path[part_length(path)]; level++) {
		size_t n = part_length(path);

		if (level >= p->depth || strlen(p->open[level]) != n ||
			strncmp(p->open[level], path, n) != 0) {
			while (p->depth > level)
				close_group(p);
			if (level == MAX_DEPTH)
				return path;
			open_group(p, path, n);
		}
		path += n + 1;
	}
	while (p->depth > level)
		close_group(p);
	return path;
}

static void print_value(FILE *out, const struct conf_item *item)
{
	const char *def = item->def ? item->def : "";

	if (item->type == CONF_STRINGS)
		fputs("[ ]", out);
	else if (item->type == CONF_BOOL)
		fputs(*def ? def : "false", out);
	else if (item->type == CONF_INT)
		fputs(*def ? def : "0", out);
	else
		fprintf(out, "\"%s\"", def);
}

void conf_print_example(const struct conf_item *items, size_t n, FILE *out)
{
	struct printer p = {.out = out};

	for (size_t i = 0; i < n; i++) {
		const char *name = enter(&p, items[i].path);

		indent(&p);
		fprintf(out, "%s%s%s%s\n", p.lists > 0 ? "" : "# ", items[i].help,
			items[i].flags & CONF_REQUIRED ? " (required)" : "",
			items[i].flags & CONF_RELOAD ? " (again on SIGHUP of the bot)" : "");
		indent(&p);
		if (!items[i].def && p.lists == 0)
			fputs("# ", out);
		fprintf(out, "%s = ", name);
		print_value(out, &items[i]);
		fputs(";\n", out);
	}
	while (p.depth > 0)
		close_group(&p);
}
