/*
 * core/base/conf.c: a libconfig file checked against a table and turned into typed values.
 *
 * Two kinds of path: a pattern, as the table writes it ("wecom.robots[].name"), and a place, as it is
 * read ("wecom.robots[0].name"). The tree is walked once with both; values are kept by place in a
 * hash, and places the file does not mention get their defaults, so reading never needs libconfig.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Without these uthash ends the process when memory is gone. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(e) ((e)->is_lost = true)
#include <uthash.h>

#include "core/base/civil.h"
#include "core/base/conf.h"
#include "core/base/conf_source.h"
#include "core/base/file.h"
#include "core/base/num.h"
#include "core/base/text.h"

enum { PATH_BYTES = 256, MAX_STRINGS = 10000, MAX_GROUPS = 1000, MAX_DEPTH = 8 };

struct value {
	UT_hash_handle hh;
	bool is_lost; /* the hash had no memory for it */
	bool is_set;
	int line;
	int64_t number;
	char *str;      /* never NULL once stored */
	char **strings; /* CONF_STRINGS */
	size_t count;   /* of STRINGS, or of a list of groups */
	char place[];
};

struct conf {
	char *file;
	const struct conf_item *items;
	size_t n_items;
	struct value *values;
};

struct loader {
	struct conf *conf;
	struct problems *p;
	int rc; /* -ENOMEM */
};

static void value_free(struct value *v)
{
	if (!v)
		return;
	for (size_t i = 0; v->strings && i < v->count; i++)
		free(v->strings[i]);
	free(v->strings);
	free(v->str);
	free(v);
}

void conf_free(struct conf *c)
{
	struct value *v, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->values, v, next)
	{
		HASH_DEL(c->values, v);
		value_free(v);
	}
	free(c->file);
	free(c);
}

static struct value *find(const struct conf *c, const char *place)
{
	struct value *v;

	HASH_FIND_STR(c->values, place, v);
	return v;
}

/* Makes the value of PLACE; NULL (and L->rc) when memory is gone. */
static struct value *add_value(struct loader *l, const char *place)
{
	size_t n = strlen(place) + 1;
	struct value *v = calloc(1, sizeof(*v) + n);

	if (!v) {
		l->rc = -ENOMEM;
		return NULL;
	}
	memcpy(v->place, place, n);
	v->str = strdup("");
	if (v->str)
		HASH_ADD_STR(l->conf->values, place, v);
	if (!v->str || v->is_lost) {
		value_free(v);
		l->rc = -ENOMEM;
		return NULL;
	}
	return v;
}

static const struct conf_item *find_item(const struct conf *c, const char *pattern)
{
	for (size_t i = 0; i < c->n_items; i++) {
		if (strcmp(c->items[i].path, pattern) == 0)
			return &c->items[i];
	}
	return NULL;
}

/* Does a path of the table go on behind PATTERN with SEP ("." for a group, "[]." for a list)? */
static bool has_below(const struct conf *c, const char *pattern, const char *sep)
{
	size_t n = strlen(pattern);

	for (size_t i = 0; i < c->n_items; i++) {
		const char *path = c->items[i].path;

		if (strncmp(path, pattern, n) == 0 && text_starts(path + n, sep))
			return true;
	}
	return false;
}

/* ---- one value ---- */

static void say_range(const struct loader *l, const struct conf_item *item, const char *place,
	int line, const char *unit)
{
	problems_error(l->p, conf_file(l->conf), line,
		"%s must be from %" PRId64 " to %" PRId64 "%s", place, item->min, item->max, unit);
}

static bool in_range(const struct conf_item *item, int64_t v)
{
	return (item->min == 0 && item->max == 0) || (v >= item->min && v <= item->max);
}

static int set_str(struct value *v, const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		return -ENOMEM;
	free(v->str);
	v->str = copy;
	return 0;
}

/* Reads a text as the type wants it. Problems are said here; returns -ENOMEM only. */
static int set_from_text(
	struct loader *l, const struct conf_item *item, struct value *v, const char *s)
{
	const char *file = conf_file(l->conf);
	const char *unit = "";
	int64_t number = 0;
	int rc;

	switch (item->type) {
	case CONF_DURATION:
		rc = num_parse_duration(s, &number);
		unit = " ms";
		if (rc < 0)
			problems_error(l->p, file, v->line,
				"%s = \"%s\" is no duration: write for example \"30s\", \"15m\" or "
				"\"2h\"",
				v->place, s);
		break;
	case CONF_SIZE:
		rc = num_parse_size(s, &number);
		unit = " bytes";
		if (rc < 0)
			problems_error(l->p, file, v->line,
				"%s = \"%s\" is no size: write for example \"64k\" or \"2m\"",
				v->place, s);
		break;
	case CONF_TIME:
		rc = civil_parse_time(s, &number);
		if (rc < 0)
			problems_error(l->p, file, v->line,
				"%s = \"%s\" is no time: write for example \"2022-06-20T08:00\"",
				v->place, s);
		break;
	case CONF_INT:
		rc = num_parse(s, INT64_MIN, INT64_MAX, &number);
		if (rc < 0)
			problems_error(
				l->p, file, v->line, "%s = \"%s\" is no number", v->place, s);
		break;
	default:
		number = (int64_t)strlen(s);
		unit = " bytes";
		rc = 0;
	}
	if (rc < 0)
		return 0;
	if (!in_range(item, number)) {
		say_range(l, item, v->place, v->line, unit);
		return 0;
	}
	v->number = number;
	return set_str(v, s);
}

/* Paths are seen from the folder of the file; an empty one stays empty. */
static int resolve(struct loader *l, const struct conf_item *item, struct value *v)
{
	struct sw_err err;
	char *full;

	if (!*v->str || (item->type != CONF_PATH && item->type != CONF_SECRET))
		return 0;
	full = file_resolve(conf_file(l->conf), v->str);
	if (!full)
		return -ENOMEM;
	free(v->str);
	v->str = full;
	if (item->type == CONF_SECRET && file_check_secret(full, &err) < 0)
		problems_error(l->p, conf_file(l->conf), v->line, "%s: %s", v->place, err.text);
	return 0;
}

static const char *type_wanted(enum conf_type t)
{
	switch (t) {
	case CONF_BOOL:
		return "true or false, without quotes";
	case CONF_INT:
		return "a whole number";
	case CONF_DURATION:
		return "a duration in quotes, such as \"30s\"";
	case CONF_SIZE:
		return "a size in quotes, such as \"64k\"";
	case CONF_TIME:
		return "a time in quotes, such as \"2022-06-20T08:00\"";
	case CONF_STRINGS:
		return "a list of texts, such as [ \"a\", \"b\" ]";
	default:
		return "a text in quotes";
	}
}

static void say_type(const struct loader *l, const struct conf_item *item,
	const config_setting_t *s, const char *place)
{
	int t = config_setting_type(s);
	bool is_number = t == CONFIG_TYPE_INT || t == CONFIG_TYPE_INT64 || t == CONFIG_TYPE_FLOAT;
	bool wants_text = item->type == CONF_STRING || item->type == CONF_PATH ||
			  item->type == CONF_SECRET || item->type == CONF_TIME;

	problems_error(l->p, conf_file(l->conf), (int)config_setting_source_line(s),
		"%s must be %s%s", place, type_wanted(item->type),
		is_number && wants_text ? ": put quotes around the number" : "");
}

static int set_number(
	struct loader *l, const struct conf_item *item, struct value *v, int64_t number)
{
	if (item->type == CONF_DURATION && __builtin_mul_overflow(number, 1000, &number))
		number = INT64_MAX; /* a bare number is seconds */
	if (number < 0 && item->type != CONF_INT)
		problems_error(
			l->p, conf_file(l->conf), v->line, "%s must not be negative", v->place);
	else if (!in_range(item, number))
		say_range(l, item, v->place, v->line,
			item->type == CONF_DURATION ? " ms"
			: item->type == CONF_SIZE   ? " bytes"
						    : "");
	else
		v->number = number;
	return 0;
}

static int load_strings(
	struct loader *l, const struct conf_item *item, const config_setting_t *s, struct value *v)
{
	int n = config_setting_length(s);

	if (n > MAX_STRINGS) {
		problems_error(l->p, conf_file(l->conf), v->line, "%s has more than %d entries",
			v->place, MAX_STRINGS);
		return 0;
	}
	v->strings = calloc(n > 0 ? (size_t)n : 1, sizeof(*v->strings));
	if (!v->strings)
		return -ENOMEM;
	for (int i = 0; i < n; i++) {
		const char *text = config_setting_get_string_elem(s, i);

		if (!text) {
			problems_error(l->p, conf_file(l->conf),
				(int)config_setting_source_line(
					config_setting_get_elem(s, (unsigned)i)),
				"%s: each entry must be in quotes", v->place);
			continue;
		}
		if (!in_range(item, (int64_t)strlen(text)))
			say_range(l, item, v->place, v->line, " bytes each");
		v->strings[v->count] = strdup(text);
		if (!v->strings[v->count])
			return -ENOMEM;
		v->count++;
	}
	return 0;
}

static int load_scalar(
	struct loader *l, const struct conf_item *item, const config_setting_t *s, struct value *v)
{
	int t = config_setting_type(s);
	int rc = 0;

	if (item->type == CONF_BOOL && t == CONFIG_TYPE_BOOL) {
		v->number = config_setting_get_bool(s);
	} else if ((t == CONFIG_TYPE_INT || t == CONFIG_TYPE_INT64) &&
		   (item->type == CONF_INT || item->type == CONF_DURATION ||
			   item->type == CONF_SIZE)) {
		rc = set_number(l, item, v, config_setting_get_int64(s));
	} else if (t == CONFIG_TYPE_STRING && item->type != CONF_BOOL &&
		   item->type != CONF_STRINGS) {
		rc = set_from_text(l, item, v, config_setting_get_string(s));
		if (rc == 0)
			rc = resolve(l, item, v);
	} else if (item->type == CONF_STRINGS &&
		   (t == CONFIG_TYPE_ARRAY || t == CONFIG_TYPE_LIST)) {
		rc = load_strings(l, item, s, v);
	} else {
		say_type(l, item, s, v->place);
	}
	return rc;
}

static void load_item(struct loader *l, const struct conf_item *item, const config_setting_t *s,
	const char *place)
{
	struct value *v = add_value(l, place);
	int rc;

	if (!v)
		return;
	v->is_set = true;
	v->line = (int)config_setting_source_line(s);
	rc = load_scalar(l, item, s, v);
	if (rc < 0)
		l->rc = rc;
}

/* ---- the tree ---- */

static void load_default(
	struct loader *l, const struct conf_item *item, const char *place, int line)
{
	struct value *v;
	int rc = 0;

	if (find(l->conf, place))
		return;
	if (item->flags & CONF_REQUIRED)
		problems_error(
			l->p, conf_file(l->conf), line, "%s is missing: %s", place, item->help);
	v = add_value(l, place);
	if (!v || !item->def || item->type == CONF_STRINGS)
		return;
	if (item->type == CONF_BOOL)
		v->number = strcmp(item->def, "true") == 0;
	else
		rc = set_from_text(l, item, v, item->def);
	if (rc == 0)
		rc = resolve(l, item, v);
	if (rc < 0)
		l->rc = rc;
}

/* Gives every path directly or through groups below PATTERN, but not through a list, its value. */
static void load_defaults(struct loader *l, const char *pattern, const char *place, int line)
{
	size_t n = strlen(pattern);
	char full[PATH_BYTES];

	for (size_t i = 0; i < l->conf->n_items; i++) {
		const struct conf_item *item = &l->conf->items[i];
		const char *rest = item->path + n;

		if (strncmp(item->path, pattern, n) != 0 || strstr(rest, "[]"))
			continue;
		if (n > 0 && *rest != '.')
			continue;
		(void)snprintf(full, sizeof(full), "%s%s", place, rest);
		load_default(l, item, full, line);
	}
}

static void load_group(struct loader *l, const config_setting_t *g, const char *pattern,
	const char *place, int depth);

static void load_list(struct loader *l, const config_setting_t *s, const char *pattern,
	const char *place, int depth)
{
	struct value *v = add_value(l, place);
	char sub_pattern[PATH_BYTES + 16], sub_place[PATH_BYTES + 16]; /* "[999]" more */
	int n = config_setting_length(s);

	if (!v)
		return;
	v->is_set = true;
	v->line = (int)config_setting_source_line(s);
	if (n > MAX_GROUPS) {
		problems_error(l->p, conf_file(l->conf), v->line, "%s has more than %d entries",
			place, MAX_GROUPS);
		return;
	}
	v->count = (size_t)n;
	(void)snprintf(sub_pattern, sizeof(sub_pattern), "%s[]", pattern);
	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		int line = (int)config_setting_source_line(e);

		(void)snprintf(sub_place, sizeof(sub_place), "%s[%d]", place, i);
		if (!config_setting_is_group(e)) {
			problems_error(l->p, conf_file(l->conf), line, "%s must be a group: { .. }",
				sub_place);
			continue;
		}
		load_group(l, e, sub_pattern, sub_place, depth + 1);
		load_defaults(l, sub_pattern, sub_place, line);
	}
}

static void load_setting(struct loader *l, const config_setting_t *s, const char *pattern,
	const char *place, int depth)
{
	const struct conf_item *item = find_item(l->conf, pattern);
	const char *file = conf_file(l->conf);
	int line = (int)config_setting_source_line(s);

	if (item) {
		load_item(l, item, s, place);
	} else if (has_below(l->conf, pattern, ".")) {
		if (config_setting_is_group(s))
			load_group(l, s, pattern, place, depth + 1);
		else
			problems_error(l->p, file, line, "%s must be a group: %s = { .. };", place,
				config_setting_name(s));
	} else if (has_below(l->conf, pattern, "[].")) {
		if (config_setting_is_list(s) ||
			(config_setting_is_array(s) && config_setting_length(s) == 0))
			load_list(l, s, pattern, place, depth);
		else
			problems_error(l->p, file, line,
				"%s must be a list of groups: ( { .. }, { .. } )", place);
	} else {
		problems_error(l->p, file, line, "unknown setting %s", place);
	}
}

static void load_group(struct loader *l, const config_setting_t *g, const char *pattern,
	const char *place, int depth)
{
	int n = config_setting_length(g);
	char sub_pattern[PATH_BYTES], sub_place[PATH_BYTES];

	if (depth > MAX_DEPTH) /* the table is not that deep; a loop would be ours */
		return;
	for (int i = 0; i < n && l->rc == 0; i++) {
		const config_setting_t *s = config_setting_get_elem(g, (unsigned)i);
		const char *name = config_setting_name(s);
		const char *dot = *pattern ? "." : "";

		if (strlen(place) + strlen(name) + 16 > PATH_BYTES) {
			problems_error(l->p, conf_file(l->conf), (int)config_setting_source_line(s),
				"unknown setting %.40s..", name);
			continue;
		}
		(void)snprintf(sub_pattern, sizeof(sub_pattern), "%s%s%s", pattern, dot, name);
		(void)snprintf(sub_place, sizeof(sub_place), "%s%s%s", place, dot, name);
		load_setting(l, s, sub_pattern, sub_place, depth);
	}
}

static int by_line(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

/* Has a file with problems a tree all the same? Then there is more to say about it. */
static bool is_readable(const config_t *cfg)
{
	return !config_error_text(cfg) && config_setting_length(config_root_setting(cfg)) > 0;
}

int conf_load(const char *file, const struct conf_item *items, size_t n, struct problems *p,
	struct conf **ret)
{
	struct conf *c = calloc(1, sizeof(*c));
	struct loader l = {.conf = c, .p = p};
	size_t errors_before = p->n_errors, first = p->n;
	config_t cfg;
	int rc;

	if (!c)
		return -ENOMEM;
	config_init(&cfg);
	c->items = items;
	c->n_items = n;
	c->file = strdup(file);
	rc = c->file ? conf_source_read(file, &cfg, p) : -ENOMEM;
	if (rc == 0 || is_readable(&cfg)) {
		load_group(&l, config_root_setting(&cfg), "", "", 0);
		load_defaults(&l, "", "", 0);
	}
	config_destroy(&cfg);
	if (p->n > first)
		qsort(p->items + first, p->n - first, sizeof(*p->items), by_line);
	if (l.rc < 0)
		rc = l.rc;
	else if (p->n_errors > errors_before)
		rc = SW_ECONF;
	if (rc < 0) {
		conf_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

/* ---- reading ---- */

/* The value of PLACE; an absent one is a mistake in our code, not in the file. */
static const struct value *get(const struct conf *c, const char *place)
{
	static const struct value nothing;
	const struct value *v = find(c, place);

	assert(v);
	return v ? v : &nothing;
}

static const char *str_of(const struct value *v)
{
	return v->str ? v->str : "";
}

bool conf_bool(const struct conf *c, const char *path)
{
	return get(c, path)->number != 0;
}

int64_t conf_int(const struct conf *c, const char *path)
{
	return get(c, path)->number;
}

const char *conf_str(const struct conf *c, const char *path)
{
	return str_of(get(c, path));
}

/* "a[3].b" to "a[].b". */
static void to_pattern(const char *place, char *ret, size_t size)
{
	size_t n = 0;

	for (; *place && n + 1 < size; place++) {
		ret[n++] = *place;
		if (*place == '[')
			place += strspn(place + 1, "0123456789");
	}
	ret[n] = '\0';
}

size_t conf_count(const struct conf *c, const char *path)
{
	const struct value *v = find(c, path);
	char pattern[PATH_BYTES];

	if (v)
		return v->count;
	to_pattern(path, pattern, sizeof(pattern));
	assert(has_below(c, pattern, "[].")); /* a list the file does not mention */
	return 0;
}

const char *conf_str_at(const struct conf *c, const char *path, size_t i)
{
	const struct value *v = get(c, path);

	assert(v->strings && i < v->count);
	return v->strings[i];
}

static const struct value *getf(const struct conf *c, const char *fmt, va_list ap)
{
	char place[PATH_BYTES];
	int n = vsnprintf(place, sizeof(place), fmt, ap);

	assert(n > 0 && (size_t)n < sizeof(place));
	(void)n;
	return get(c, place);
}

const char *conf_strf(const struct conf *c, const char *fmt, ...)
{
	const struct value *v;
	va_list ap;

	va_start(ap, fmt);
	v = getf(c, fmt, ap);
	va_end(ap);
	return str_of(v);
}

int64_t conf_intf(const struct conf *c, const char *fmt, ...)
{
	const struct value *v;
	va_list ap;

	va_start(ap, fmt);
	v = getf(c, fmt, ap);
	va_end(ap);
	return v->number;
}

bool conf_boolf(const struct conf *c, const char *fmt, ...)
{
	const struct value *v;
	va_list ap;

	va_start(ap, fmt);
	v = getf(c, fmt, ap);
	va_end(ap);
	return v->number != 0;
}

bool conf_is_set(const struct conf *c, const char *path)
{
	const struct value *v = find(c, path);

	return v && v->is_set;
}

const char *conf_file(const struct conf *c)
{
	return c->file;
}

int conf_line(const struct conf *c, const char *path)
{
	const struct value *v = find(c, path);

	return v ? v->line : 0;
}
