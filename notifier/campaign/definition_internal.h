/*
 * notifier/campaign/definition_internal.h: what the parts of the definition's loader share.
 *
 * definition_read.c reads typed values out of libconfig's tree, definition_load.c the sections,
 * definition_remind.c the reminders, definition_check.c what can be judged once all is read.
 * Nobody else includes this.
 */
#ifndef SW_CAMPAIGN_DEFINITION_INTERNAL_H
#define SW_CAMPAIGN_DEFINITION_INTERNAL_H

#include <libconfig.h>

#include "notifier/campaign/definition.h"

struct def_loader {
	struct problems *p;
	size_t n_errors_before; /* P may hold those of other files */
	const char *file;
	const char *config_dir; /* NULL: none */
	char *text;             /* the definition as it stands in the file */
	config_t tree;
	struct campaign *c;
	int rc; /* -ENOMEM sticks; mistakes are counted in P */
};

enum def_need { DEF_OPTIONAL, DEF_REQUIRED };

/* ---- definition_read.c: each reports a wrong value with its line and leaves *RET alone ---- */

void def_error(struct def_loader *ld, const config_setting_t *at, const char *fmt, ...)
	SW_PRINTF(3, 4);
void def_warn(struct def_loader *ld, const config_setting_t *at, const char *fmt, ...)
	SW_PRINTF(3, 4);
void def_oom(struct def_loader *ld);
/* No error so far. */
bool def_is_clean(const struct def_loader *ld);
/* Refuses members of GROUP that are not in NAMES (NULL-ended). */
void def_known(struct def_loader *ld, const config_setting_t *group, const char *const *names);
/* The member NAME; reports its absence when required. */
config_setting_t *def_member(
	struct def_loader *ld, const config_setting_t *group, const char *name, enum def_need need);
/* The quoted string at S, NULL when it is none (reported). */
const char *def_value_str(struct def_loader *ld, const config_setting_t *s);
/* A text of at most MAX_CHARS code points. */
void def_text(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, size_t max_chars, char **ret);
/* A name of [a-z0-9_-], or also of capitals and dots when it names a template or a reminder. */
void def_id(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, char ret[DEF_ID]);
void def_copy_id(struct def_loader *ld, const config_setting_t *s, char ret[DEF_ID]);
/* Absent: *RET keeps its value. */
void def_int(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, int min, int max, int *ret);
void def_bool(struct def_loader *ld, const config_setting_t *group, const char *name, bool *ret);
bool def_date(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, struct civil *ret);
bool def_value_date(struct def_loader *ld, const config_setting_t *s, struct civil *ret);
bool def_time(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, int64_t *ret_ms);
bool def_value_clock(struct def_loader *ld, const config_setting_t *s, int *ret_minute);
/* One of WORDS (NULL-ended): its index, or -1. */
int def_choice(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, const char *const *words);
/* The list of groups NAME, at most MAX; NULL when absent or wrong. */
config_setting_t *def_groups(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, size_t max);
/* The list or array of strings NAME, a single string too; SIZE is 0 when absent or wrong. */
struct def_strings {
	const config_setting_t *setting;
	bool single;
	size_t n;
};
struct def_strings def_strings(struct def_loader *ld, const config_setting_t *group,
	const char *name, enum def_need need, size_t max);
/* The I-th one; NULL when it is no string (reported). *RET_AT (may be NULL): where it stands. */
const char *def_strings_at(struct def_loader *ld, const struct def_strings *list, size_t i,
	const config_setting_t **ret_at);
/* Copies of all of them into ITEMS; returns how many. */
size_t def_texts(struct def_loader *ld, const config_setting_t *group, const char *name,
	char **items, size_t max);
/*
 * References: all tables start with char id[DEF_ID]. def_find_id: index or -1. def_ref reads the string at
 * S and reports an unknown one with the ids there are; WHAT is "department".
 */
int def_find_id(const void *table, size_t n, size_t stride, const char *id);
int def_ref(struct def_loader *ld, const config_setting_t *s, const char *what, const void *table,
	size_t n, size_t stride);
/* The same for the member NAME of GROUP; -1 when absent. */
int def_ref_member(struct def_loader *ld, const config_setting_t *group, const char *name,
	enum def_need need, const char *what, const void *table, size_t n, size_t stride);
/* Reports an id that stands in the table already. */
void def_unique(struct def_loader *ld, const config_setting_t *at, const char *what,
	const void *table, size_t n, size_t stride, const char *id);
/* The setting "phases.[2].start", or the nearest one above it that exists. */
const config_setting_t *def_at(struct def_loader *ld, const char *path_format, ...) SW_PRINTF(2, 3);

/* ---- definition_load.c, definition_remind.c, definition_check.c ---- */

void def_load_sections(struct def_loader *ld);
void def_load_reminders(struct def_loader *ld);
/* Ties units to the campaign: direct units, carried ones, the order of reporting. */
void def_tie_units(struct def_loader *ld);
/* What can be judged without facts, once everything is read. */
void def_check(struct def_loader *ld);
/* Last day on which notice N may be posted, by the counting INCLUSIVE. SW_ENOENT: the calendar ends before. */
int def_latest_start(const struct campaign *c, const struct def_notice *n, bool inclusive,
	struct civil *ret) SW_MUST_CHECK;
/* Whether reminder R names what somebody computes and reaches; the reason otherwise. */
const char *def_unsupported_reason(const struct campaign *c, const struct def_reminder *r);

#endif
