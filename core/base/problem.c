/*
 * core/base/problem.c: the list of mistakes in a file. Out of memory loses the text, never the count:
 * a file with an error is refused whatever happens.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"

enum { MAX_KEPT = 1000 };

void problems_init(struct problems *p)
{
	memset(p, 0, sizeof(*p));
}

void problems_fini(struct problems *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].file);
		free(p->items[i].text);
	}
	free(p->items);
	problems_init(p);
}

static bool has_room(struct problems *p)
{
	size_t cap = p->cap ? p->cap * 2 : 16;
	struct problem *items;

	if (p->n >= MAX_KEPT)
		return false;
	if (p->n < p->cap)
		return true;
	items = realloc(p->items, cap * sizeof(*items));
	if (!items)
		return false;
	p->items = items;
	p->cap = cap;
	return true;
}

static void add(struct problems *p, enum problem_level level, const char *file, int line,
	const char *fmt, va_list ap)
{
	struct problem *item;

	if (level == PROBLEM_ERROR)
		p->n_errors++;
	if (!has_room(p))
		return;
	item = &p->items[p->n];
	item->level = level;
	item->line = line;
	item->file = strdup(file ? file : "");
	if (!item->file)
		return;
	if (vasprintf(&item->text, fmt, ap) < 0) {
		free(item->file);
		return;
	}
	p->n++;
}

void problems_error(struct problems *p, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, PROBLEM_ERROR, file, line, fmt, ap);
	va_end(ap);
}

void problems_warn(struct problems *p, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, PROBLEM_WARNING, file, line, fmt, ap);
	va_end(ap);
}

void problems_print(const struct problems *p, FILE *out)
{
	size_t errors_kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct problem *item = &p->items[i];

		fputs(item->file, out);
		if (item->line > 0)
			fprintf(out, ":%d", item->line);
		fprintf(out, ": %s%s\n", item->level == PROBLEM_WARNING ? "W: " : "", item->text);
		if (item->level == PROBLEM_ERROR)
			errors_kept++;
	}
	if (p->n_errors > errors_kept)
		fprintf(out, "and %zu more errors\n", p->n_errors - errors_kept);
}
