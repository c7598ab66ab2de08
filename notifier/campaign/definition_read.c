/*
 * notifier/campaign/definition_read.c: typed values out of libconfig's tree, and mistakes in words.
 *
 * libconfig says where a value stands but not what to write instead: every value is checked for its type,
 * and the source line is looked at again to show what stands there and how it should read.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/definition_internal.h"

/* ---- reporting ---- */

static int line_of(const config_setting_t *at)
{
	return at ? (int)config_setting_source_line(at) : 0;
}

void def_error(struct def_loader *ld, const config_setting_t *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problems_error(ld->p, ld->file, line_of(at), "%s", text);
}

void def_warn(struct def_loader *ld, const config_setting_t *at, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problems_warn(ld->p, ld->file, line_of(at), "%s", text);
}

void def_oom(struct def_loader *ld)
{
	ld->rc = -ENOMEM;
}

bool def_is_clean(const struct def_loader *ld)
{
	return ld->p->n_errors == ld->n_errors_before;
}

/* ---- the source text ---- */

/* The LINE-th line (1..), without its end. */
static const char *source_line(const struct def_loader *ld, int line, size_t *ret_len)
{
	const char *s = ld->text;

	while (line > 1 && (s = strchr(s, '\n'))) {
		s++;
		line--;
	}
	if (!s)
		s = "";
	*ret_len = strcspn(s, "\r\n");
	return s;
}

/* What stands after "name =" on the line of S, up to the next separator: "0471-6962044". */
static void raw_value(
	const struct def_loader *ld, const config_setting_t *s, char *ret, size_t size)
{
	const char *name = config_setting_name(s), *end;
	size_t len, n;
	const char *line = source_line(ld, line_of(s), &len);
	const char *at = name ? line : NULL;

	ret[0] = '\0';
	while (at && (at = strstr(at, name)) && at < line + len) {
		const char *v = at + strlen(name);

		v += strspn(v, " \t");
		if (*v == '=' || *v == ':') {
			v += 1 + strspn(v + 1, " \t");
			end = v + strcspn(v, ";,)}]\r\n#");
			while (end > v && isspace((unsigned char)end[-1]))
				end--;
			n = (size_t)(end - v);
			if (n > 0 && n < size) {
				memcpy(ret, v, n);
				ret[n] = '\0';
			}
			return;
		}
		at += strlen(name);
	}
}

/* ---- groups and names ---- */

/* Edit distance of two short names, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
	size_t row[DEF_ID + 1], m = strlen(b);

	if (m > DEF_ID)
		return DEF_ID;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

void def_known(struct def_loader *ld, const config_setting_t *group, const char *const *names)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(s), *nearest = NULL;
		size_t least = 4; /* further off is no typing slip */
		bool known = false;

		for (size_t k = 0; names[k]; k++) {
			size_t d = distance(name, names[k]);

			if (d == 0)
				known = true;
			if (d < least) {
				least = d;
				nearest = names[k];
			}
		}
		if (known)
			continue;
		if (nearest)
			def_error(
				ld, s, "unknown name \"%s\"; did you mean \"%s\"?", name, nearest);
		else
			def_error(ld, s, "unknown name \"%s\"; remove it", name);
	}
}

static const char *name_of(const config_setting_t *s)
{
	const char *name = config_setting_name(s);

	if (name)
		return name;
	/* An element of a list: the list's own name says more. */
	s = config_setting_parent(s);
	name = s ? config_setting_name(s) : NULL;
	return name ? name : "this value";
}

config_setting_t *def_member(
	struct def_loader *ld, const config_setting_t *group, const char *name, enum def_need need)
{
	config_setting_t *s = config_setting_get_member(group, name);

	if (!s && need == DEF_REQUIRED)
		def_error(ld, group, "\"%s\" is missing here", name);
	return s;
}

/* ---- values ---- */

const char *def_value_str(struct def_loader *ld, const config_setting_t *s)
{
	const char *name = name_of(s);
	char raw[64];

	if (config_setting_type(s) == CONFIG_TYPE_STRING)
		return config_setting_get_string(s);
	raw_value(ld, s, raw, sizeof(raw));
	if (!config_setting_is_scalar(s))
		def_error(ld, s, "%s must be a text in quotes", name);
	else if (raw[0])
		def_error(ld, s, "%s: put quotes around it; write %s = \"%s\"", name, name, raw);
	else
		def_error(ld, s, "%s: put quotes around each value, as in \"150703\"", name);
	return NULL;
}

void def_text(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, size_t max_chars, char **ret)
{
	const config_setting_t *s = def_member(ld, group, name, need);
	const char *v = s ? def_value_str(ld, s) : NULL;

	if (!v)
		return;
	if (!v[0] && need == DEF_REQUIRED) {
		def_error(ld, s, "%s is empty", name);
		return;
	}
	if (text_chars(v) > max_chars) {
		def_error(ld, s, "%s is longer than %zu characters", name, max_chars);
		return;
	}
	free(*ret);
	*ret = text_dup(v);
	if (!*ret)
		def_oom(ld);
}

void def_copy_id(struct def_loader *ld, const config_setting_t *s, char ret[DEF_ID])
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *v = def_value_str(ld, s);
	size_t n = v ? strlen(v) : 0;

	if (!v)
		return;
	if (n == 0 || n >= DEF_ID || strspn(v, allowed) != n) {
		def_error(ld, s,
			"%s \"%s\": write 1 to %d letters without accents, digits, \"_\" or \"-\"",
			name_of(s), v, DEF_ID - 1);
		return;
	}
	memcpy(ret, v, n + 1);
}

void def_id(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, char ret[DEF_ID])
{
	const config_setting_t *s = def_member(ld, group, name, need);

	if (s)
		def_copy_id(ld, s, ret);
}

void def_int(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, int min, int max, int *ret)
{
	const config_setting_t *s = def_member(ld, group, name, need);
	long long v;

	if (!s)
		return;
	if (config_setting_type(s) != CONFIG_TYPE_INT &&
		config_setting_type(s) != CONFIG_TYPE_INT64) {
		def_error(ld, s, "%s must be a whole number without quotes, %d to %d", name, min,
			max);
		return;
	}
	v = config_setting_get_int64(s);
	if (config_setting_type(s) == CONFIG_TYPE_INT)
		v = config_setting_get_int(s);
	if (v < min || v > max) {
		def_error(ld, s, "%s = %lld is out of range; write %d to %d", name, v, min, max);
		return;
	}
	*ret = (int)v;
}

void def_bool(struct def_loader *ld, const config_setting_t *group, const char *name, bool *ret)
{
	const config_setting_t *s = config_setting_get_member(group, name);

	if (!s)
		return;
	if (config_setting_type(s) != CONFIG_TYPE_BOOL) {
		def_error(ld, s, "%s must be true or false, without quotes", name);
		return;
	}
	*ret = config_setting_get_bool(s);
}

bool def_value_date(struct def_loader *ld, const config_setting_t *s, struct civil *ret)
{
	const char *v = def_value_str(ld, s);

	if (!v)
		return false;
	if (civil_parse(v, ret) < 0) {
		def_error(ld, s,
			"%s: \"%s\" is not a day of the calendar; write it as \"2022-08-20\"",
			name_of(s), v);
		return false;
	}
	return true;
}

bool def_date(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, struct civil *ret)
{
	const config_setting_t *s = def_member(ld, group, name, need);

	return s && def_value_date(ld, s, ret);
}

bool def_time(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, int64_t *ret_ms)
{
	const config_setting_t *s = def_member(ld, group, name, need);
	const char *v = s ? def_value_str(ld, s) : NULL;

	if (!v)
		return false;
	if (!strchr(v, ':') || civil_parse_time(v, ret_ms) < 0) {
		def_error(ld, s, "%s: \"%s\" is not a moment; write it as \"2022-08-20T18:00\"",
			name, v);
		return false;
	}
	return true;
}

bool def_value_clock(struct def_loader *ld, const config_setting_t *s, int *ret_minute)
{
	const char *v = def_value_str(ld, s);

	if (!v)
		return false;
	if (civil_parse_clock(v, ret_minute) < 0) {
		def_error(ld, s, "%s: \"%s\" is not a time of day; write it as \"09:00\"",
			name_of(s), v);
		return false;
	}
	return true;
}

/* "a, b or c" of NULL-ended words. */
static void say_words(const char *const *words, char *ret, size_t size)
{
	size_t out = 0;

	ret[0] = '\0';
	for (size_t i = 0; words[i] && out < size; i++) {
		int n = snprintf(ret + out, size - out, "%s%s", i ? ", " : "", words[i]);

		out += n > 0 ? (size_t)n : 0;
	}
}

int def_choice(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, const char *const *words)
{
	const config_setting_t *s = def_member(ld, group, name, need);
	const char *v = s ? def_value_str(ld, s) : NULL;
	char all[256];

	if (!v)
		return -1;
	for (int i = 0; words[i]; i++) {
		if (!strcmp(v, words[i]))
			return i;
	}
	say_words(words, all, sizeof(all));
	def_error(ld, s, "%s: \"%s\" is unknown; write one of %s", name, v, all);
	return -1;
}

/* ---- lists ---- */

config_setting_t *def_groups(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, size_t max)
{
	config_setting_t *s = def_member(ld, group, name, need);

	if (!s)
		return NULL;
	if (config_setting_type(s) != CONFIG_TYPE_LIST) {
		def_error(
			ld, s, "%s must be a list of groups: %s = ( { .. }, { .. } );", name, name);
		return NULL;
	}
	if ((size_t)config_setting_length(s) > max) {
		def_error(ld, s, "%s has %d entries; at most %zu are possible", name,
			config_setting_length(s), max);
		return NULL;
	}
	if (need == DEF_REQUIRED && config_setting_length(s) == 0) {
		def_error(ld, s, "%s is empty", name);
		return NULL;
	}
	for (int i = 0; i < config_setting_length(s); i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (config_setting_type(e) != CONFIG_TYPE_GROUP) {
			def_error(ld, e, "%s: entry %d must be a group { .. }", name, i + 1);
			return NULL;
		}
	}
	return s;
}

struct def_strings def_strings(struct def_loader *ld, const config_setting_t *group,
	const char *name, enum def_need need, size_t max)
{
	const config_setting_t *s = def_member(ld, group, name, need);
	struct def_strings list = {.setting = s};

	if (!s)
		return list;
	if (config_setting_is_scalar(s)) {
		list.single = true;
		list.n = 1;
	} else if (config_setting_type(s) == CONFIG_TYPE_GROUP) {
		def_error(ld, s, "%s must be a list of texts: [ \"..\", \"..\" ]", name);
	} else if ((size_t)config_setting_length(s) > max) {
		def_error(ld, s, "%s has %d entries; at most %zu are possible", name,
			config_setting_length(s), max);
	} else {
		list.n = (size_t)config_setting_length(s);
	}
	if (need == DEF_REQUIRED && !list.single && config_setting_length(s) == 0)
		def_error(ld, s, "%s is empty", name);
	return list;
}

const char *def_strings_at(struct def_loader *ld, const struct def_strings *list, size_t i,
	const config_setting_t **ret_at)
{
	const config_setting_t *s =
		list->single ? list->setting : config_setting_get_elem(list->setting, (unsigned)i);

	if (ret_at)
		*ret_at = s;
	return def_value_str(ld, s);
}

size_t def_texts(struct def_loader *ld, const config_setting_t *group, const char *name,
	char **items, size_t max)
{
	struct def_strings list = def_strings(ld, group, name, DEF_OPTIONAL, max);
	size_t n = 0;

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at;
		const char *v = def_strings_at(ld, &list, i, &at);

		if (!v)
			continue;
		if (!v[0] || text_chars(v) > 40) {
			def_error(ld, at, "%s: each entry has 1 to 40 characters", name);
			continue;
		}
		items[n] = text_dup(v);
		if (items[n])
			n++;
		else
			def_oom(ld);
	}
	return n;
}

/* ---- references ---- */

int def_find_id(const void *table, size_t n, size_t stride, const char *id)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp((const char *)table + i * stride, id))
			return (int)i;
	}
	return -1;
}

int def_ref(struct def_loader *ld, const config_setting_t *s, const char *what, const void *table,
	size_t n, size_t stride)
{
	const char *v = def_value_str(ld, s);
	const char *ids[DEF_MAX_REMINDERS + 1];
	char all[256];
	int found;

	if (!v)
		return -1;
	found = def_find_id(table, n, stride, v);
	if (found >= 0)
		return found;
	for (size_t i = 0; i < n; i++)
		ids[i] = (const char *)table + i * stride;
	ids[n] = NULL;
	say_words(ids, all, sizeof(all));
	def_error(ld, s, "%s: there is no %s \"%s\"; write one of %s", name_of(s), what, v,
		n ? all : "(none is defined)");
	return -1;
}

int def_ref_member(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, const char *what, const void *table, size_t n, size_t stride)
{
	const config_setting_t *s = def_member(ld, group, name, need);

	return s ? def_ref(ld, s, what, table, n, stride) : -1;
}

void def_unique(struct def_loader *ld, const config_setting_t *at, const char *what,
	const void *table, size_t n, size_t stride, const char *id)
{
	if (id[0] && def_find_id(table, n, stride, id) >= 0)
		def_error(ld, at, "%s \"%s\" stands here twice; give one of them another id", what,
			id);
}

const config_setting_t *def_at(struct def_loader *ld, const char *path_format, ...)
{
	char path[128];
	va_list ap;
	config_setting_t *s;

	va_start(ap, path_format);
	vsnprintf(path, sizeof(path), path_format, ap);
	va_end(ap);
	for (;;) {
		char *dot = strrchr(path, '.');

		s = config_lookup(&ld->tree, path);
		if (s || !dot)
			return s;
		*dot = '\0';
	}
}
