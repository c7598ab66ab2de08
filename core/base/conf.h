/*
 * core/base/conf.h: a libconfig file described by a table.
 *
 * The table says of each path its type, default, range and help; unknown keys, wrong types and values
 * out of range are problems with file and line. Lists of groups use "[]" in the path
 * ("wecom.robots[].name"); values are then read with an index ("wecom.robots[0].name").
 */
#ifndef SW_CORE_BASE_CONF_H
#define SW_CORE_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/problem.h"

enum conf_type {
	CONF_BOOL,
	CONF_INT,      /* min..max */
	CONF_STRING,   /* min..max bytes */
	CONF_DURATION, /* "30s"; read in ms, min..max in ms */
	CONF_SIZE,     /* "64k"; read in bytes */
	CONF_TIME,     /* "2022-06-20T08:00"; read in epoch ms */
	CONF_PATH,     /* resolved against the file's folder */
	CONF_SECRET,   /* path of a secret file, resolved; its mode is checked at load */
	CONF_STRINGS,  /* array of strings */
};

enum {
	CONF_REQUIRED = 1,
	CONF_RELOAD = 2, /* the bot takes it over on SIGHUP; all else is read at start */
};

struct conf_item {
	const char *path;
	enum conf_type type;
	unsigned flags;
	const char *def;  /* NULL: no default (empty string, 0, false); for arrays always empty */
	int64_t min, max; /* 0, 0: no limit */
	const char *help; /* one line */
};

struct conf;

/*
 * Loads FILE; problems go to P (all of them). Returns 0, or SW_ECONF when there was an error.
 * A byte order mark is skipped; a syntax error whose line holds a full-width sign says so.
 */
int conf_load(const char *file, const struct conf_item *items, size_t n, struct problems *p,
	struct conf **ret) SW_MUST_CHECK;
void conf_free(struct conf *c);

/* Reading needs a path of the table (assert otherwise). Strings live as long as C, never NULL. */
bool conf_bool(const struct conf *c, const char *path);
int64_t conf_int(
	const struct conf *c, const char *path); /* INT, DURATION (ms), SIZE (bytes), TIME (ms) */
const char *conf_str(const struct conf *c, const char *path);
/* Elements of a list of groups ("wecom.robots") or of an array of strings. */
size_t conf_count(const struct conf *c, const char *path);
const char *conf_str_at(const struct conf *c, const char *path, size_t i);
/* Indexed form: conf_strf(c, "wecom.robots[%zu].name", i) */
const char *conf_strf(const struct conf *c, const char *fmt, ...) SW_PRINTF(2, 3);
int64_t conf_intf(const struct conf *c, const char *fmt, ...) SW_PRINTF(2, 3);
bool conf_boolf(const struct conf *c, const char *fmt, ...) SW_PRINTF(2, 3);
bool conf_is_set(const struct conf *c, const char *path);
/* The file's own name and the line of a setting (0: default). */
const char *conf_file(const struct conf *c);
int conf_line(const struct conf *c, const char *path);

/* Writes a commented example of the whole table with its defaults. */
void conf_print_example(const struct conf_item *items, size_t n, FILE *out);

#endif
