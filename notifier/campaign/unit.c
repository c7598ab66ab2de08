/*
 * notifier/campaign/unit.c: the table of units, sorted as in the file; a hundred rows, so it is searched
 * from front to back.
 *
 * Parents may stand after their children: they are tied together once all rows are read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "core/base/text.h"
#include "notifier/campaign/unit.h"

enum { MAX_UNITS = 4096, MAX_DEPTH = 16 };

struct reading {
	struct units *u;
	size_t cap;
	int *lines;
	char (*parents)[UNIT_CODE];
	const char *path;
	struct problems *p;
};

static bool is_code(const char *s)
{
	return strlen(s) == 6 && strspn(s, "0123456789") == 6;
}

static int grow(struct reading *r)
{
	size_t cap = r->cap ? r->cap * 2 : 128;
	void *items, *lines, *parents;

	if (r->u->n < r->cap)
		return 0;
	items = realloc(r->u->items, cap * sizeof(*r->u->items));
	if (items)
		r->u->items = items;
	lines = realloc(r->lines, cap * sizeof(*r->lines));
	if (lines)
		r->lines = lines;
	parents = realloc(r->parents, cap * sizeof(*r->parents));
	if (parents)
		r->parents = parents;
	if (!items || !lines || !parents)
		return -ENOMEM;
	r->cap = cap;
	return 0;
}

/* Columns: code, name, short_name, tier, parent_code. */
static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	const char *code = row->cells[0], *parent = row->cells[4];
	struct unit unit = {.parent = -1, .reports_to = -1};
	int rc;

	if (!is_code(code) || (parent[0] && !is_code(parent))) {
		problems_error(r->p, r->path, row->line,
			"\"%s\" is not a unit code; write the six digits of GB/T 2260",
			is_code(code) ? parent : code);
		return 0;
	}
	if (units_find(r->u, code) >= 0) {
		problems_error(r->p, r->path, row->line,
			"unit %s stands here twice; remove one of the rows", code);
		return 0;
	}
	if (!row->cells[1][0] || !row->cells[3][0]) {
		problems_error(r->p, r->path, row->line, "unit %s has no %s", code,
			row->cells[1][0] ? "tier" : "name");
		return 0;
	}
	if (text_copy(unit.name, sizeof(unit.name), row->cells[1]) < 0 ||
		text_copy(unit.short_name, sizeof(unit.short_name),
			row->cells[2][0] ? row->cells[2] : row->cells[1]) < 0 ||
		text_copy(unit.tier, sizeof(unit.tier), row->cells[3]) < 0) {
		problems_error(r->p, r->path, row->line,
			"unit %s: a name of at most 20 Han characters and a tier of at most 15 "
			"letters fit",
			code);
		return 0;
	}
	if (r->u->n >= MAX_UNITS) {
		problems_error(r->p, r->path, row->line, "more than %d units", (int)MAX_UNITS);
		return SW_ELIMIT;
	}
	rc = grow(r);
	if (rc < 0)
		return rc;
	memcpy(unit.code, code, 7);
	memcpy(r->parents[r->u->n], parent, strlen(parent) + 1);
	r->lines[r->u->n] = row->line;
	r->u->items[r->u->n++] = unit;
	return 0;
}

static void tie(struct reading *r)
{
	for (size_t i = 0; i < r->u->n; i++) {
		struct unit *unit = &r->u->items[i];

		if (!r->parents[i][0])
			continue;
		unit->parent = units_find(r->u, r->parents[i]);
		unit->reports_to = unit->parent;
		if (unit->parent < 0)
			problems_error(r->p, r->path, r->lines[i],
				"unit %s: its parent %s is not in this file", unit->code,
				r->parents[i]);
	}
	for (size_t i = 0; i < r->u->n; i++) {
		int depth = 0;

		for (int at = (int)i; at >= 0 && depth <= MAX_DEPTH; depth++)
			at = r->u->items[at].parent;
		if (depth > MAX_DEPTH)
			problems_error(r->p, r->path, r->lines[i],
				"unit %s: its parents lead round in a circle", r->u->items[i].code);
	}
}

int units_load(const char *path, struct problems *p, struct units **ret)
{
	static const char *const columns[] = {"code", "name", "short_name", "tier", "parent_code"};
	struct reading r = {.path = path, .p = p};
	size_t errors = p->n_errors;
	int rc;

	r.u = calloc(1, sizeof(*r.u));
	if (!r.u)
		return -ENOMEM;
	rc = csv_read_file(path, columns, ARRAY_LEN(columns), on_row, &r, p);
	if (rc == 0) {
		tie(&r);
		if (r.u->n == 0)
			problems_error(p, path, 0, "no units");
		if (p->n_errors > errors)
			rc = SW_ECONF;
	}
	free(r.lines);
	free(r.parents);
	if (rc < 0) {
		units_free(r.u);
		return rc;
	}
	*ret = r.u;
	return 0;
}

void units_free(struct units *u)
{
	if (!u)
		return;
	free(u->items);
	free(u->order);
	free(u);
}

int units_find(const struct units *u, const char *code)
{
	for (size_t i = 0; i < u->n; i++) {
		if (!strcmp(u->items[i].code, code))
			return (int)i;
	}
	return -1;
}

static bool equals(const char *s, const char *name, size_t len)
{
	return strlen(s) == len && !memcmp(s, name, len);
}

/* Does S equal NAME followed by one of the words for a kind of unit? */
static bool equals_without_kind(const char *s, const char *name, size_t len)
{
	static const char *const kinds[] = {"市", "盟", "旗", "区", "县"};
	size_t n = strlen(s);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t k = strlen(kinds[i]);

		if (n == len + k && !memcmp(s, name, len) && !strcmp(s + len, kinds[i]))
			return true;
	}
	return false;
}

enum match { MATCH_NAME, MATCH_SHORT_NAME, MATCH_WITHOUT_KIND, MATCH_COUNT };

static bool matches(const struct unit *unit, enum match how, const char *name, size_t len)
{
	switch (how) {
	case MATCH_NAME:
		return equals(unit->name, name, len);
	case MATCH_SHORT_NAME:
		return equals(unit->short_name, name, len);
	case MATCH_WITHOUT_KIND:
		/* One character (甲) is too little to stand for 甲市. */
		return len > 4 && (equals_without_kind(unit->name, name, len) ||
					  equals_without_kind(unit->short_name, name, len));
	case MATCH_COUNT:
		break;
	}
	return false;
}

int units_find_name(const struct units *u, const char *name, size_t len)
{
	for (enum match how = MATCH_NAME; how < MATCH_COUNT; how++) {
		int found = -1;
		bool unique = true;

		for (size_t i = 0; i < u->n; i++) {
			if (!matches(&u->items[i], how, name, len))
				continue;
			unique = found < 0;
			found = (int)i;
		}
		if (found >= 0)
			return unique ? found : -1;
	}
	return -1;
}

bool units_is_under(const struct units *u, int a, int b)
{
	int depth = 0;

	for (int at = a; at >= 0 && depth <= MAX_DEPTH; depth++) {
		if (at == b)
			return true;
		at = u->items[at].reports_to;
	}
	return false;
}
