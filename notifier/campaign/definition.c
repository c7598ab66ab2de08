/*
 * notifier/campaign/definition.c: loading a definition from end to end, and the questions others ask it.
 *
 * Reading goes on after a mistake, so that a person sees all of them; what is judged across sections is
 * judged only once every section is readable by itself.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/conf_source.h"
#include "core/base/csv.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "notifier/campaign/definition_internal.h"

enum { MAX_FILE_BYTES = 1024 * 1024 };

/* ---- release ---- */

static void words_fini(struct def_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
}

static void texts_fini(char **items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(items[i]);
}

static void category_fini(struct def_category *cat)
{
	free(cat->name);
	free(cat->short_name);
	free(cat->unit_word);
	words_fini(&cat->words);
	words_fini(&cat->measures);
	words_fini(&cat->typos);
}

static void tables_fini(struct campaign *c)
{
	for (size_t i = 0; i < c->n_tiers; i++)
		free(c->tiers[i].name);
	for (size_t i = 0; i < c->n_departments; i++) {
		free(c->departments[i].name);
		free(c->departments[i].short_name);
	}
	for (size_t i = 0; i < c->n_categories; i++)
		category_fini(&c->categories[i]);
	for (size_t i = 0; i < c->n_materials; i++) {
		free(c->materials[i].name);
		free(c->materials[i].short_name);
		words_fini(&c->materials[i].words);
	}
	for (size_t i = 0; i < c->n_phases; i++)
		free(c->phases[i].name);
	for (size_t i = 0; i < c->n_deadlines; i++)
		free(c->deadlines[i].what);
}

void campaign_free(struct campaign *c)
{
	if (!c)
		return;
	tables_fini(c);
	texts_fini(c->publicity.gates, c->publicity.n_gates);
	texts_fini(c->publicity.languages, c->publicity.n_languages);
	texts_fini(c->never_in_message, c->n_never);
	free(c->title);
	free(c->doc_no);
	free(c->file);
	free(c->calendar_file);
	free(c->units_file);
	free(c->relations_file);
	free(c->telephone);
	calendar_free(c->calendar);
	units_free(c->units);
	free(c);
}

/* ---- the files it names ---- */

/* CONFIG_DIR/FOLDER/<last part of NAME>; NULL when out of memory. */
static char *in_folder(const char *dir, const char *folder, const char *name)
{
	const char *slash = strrchr(name, '/');
	char *path;

	if (asprintf(&path, "%s/%s/%s", dir, folder, slash ? slash + 1 : name) < 0)
		return NULL;
	return path;
}

/*
 * Where the file NAME of a definition lies: beside it, in the sister folder FOLDER (calendar, units), or in
 * the one of the configuration. When there is none, the first of these, for the message.
 */
static char *locate(struct def_loader *ld, const char *name, const char *folder)
{
	char *beside = file_resolve(ld->file, name), *up = file_resolve(ld->file, ".."),
	     *path = NULL;

	if (!beside || !up) {
		def_oom(ld);
		goto out;
	}
	if (file_exists(beside) || name[0] == '/')
		goto out;
	path = in_folder(up, folder, name);
	if (path && !file_exists(path)) {
		free(path);
		path = ld->config_dir ? in_folder(ld->config_dir, folder, name) : NULL;
	}
	if (path && file_exists(path)) {
		free(beside);
		beside = path;
		path = NULL;
	}
out:
	free(path);
	free(up);
	return beside;
}

static void locate_member(
	struct def_loader *ld, const char *name, enum def_need need, const char *folder, char **ret)
{
	char *value = NULL;

	def_text(ld, config_root_setting(&ld->tree), name, need, 200, &value);
	if (value)
		*ret = locate(ld, value, folder);
	free(value);
}

/* ---- relations ---- */

static bool is_carried(const struct campaign *c, const char *code, const char *by)
{
	for (size_t i = 0; i < c->n_direct; i++) {
		const struct def_direct *d = &c->direct[i];

		for (size_t k = 0; !strcmp(d->code, by) && k < d->n_carries; k++) {
			if (!strcmp(d->carries[k], code))
				return true;
		}
	}
	return false;
}

static bool is_direct(const struct campaign *c, const char *code)
{
	for (size_t i = 0; i < c->n_direct; i++) {
		if (!strcmp(c->direct[i].code, code))
			return true;
	}
	return false;
}

/* The definition decides; what the file of relations knows and it does not is worth a look. */
static int on_relation(void *ctx, const struct csv_row *row)
{
	struct def_loader *ld = ctx;
	const char *code = row->cells[0], *relation = row->cells[1], *other = row->cells[2];
	const char *file = ld->c->relations_file;

	if (units_find(ld->c->units, code) < 0 || units_find(ld->c->units, other) < 0)
		problems_error(ld->p, file, row->line, "unit %s is not in the file of units",
			units_find(ld->c->units, code) < 0 ? code : other);
	else if (!strcmp(relation, "addressed_directly_by")) {
		if (!is_direct(ld->c, code))
			problems_warn(ld->p, file, row->line,
				"unit %s is addressed directly, but is not among the direct_units "
				"of the "
				"definition",
				code);
	} else if (!strcmp(relation, "administered_by")) {
		if (!is_carried(ld->c, code, other))
			problems_warn(ld->p, file, row->line,
				"unit %s is administered by %s, but the definition does not let %s "
				"carry it",
				code, other, other);
	} else
		problems_error(ld->p, file, row->line,
			"relation \"%s\" is unknown; write addressed_directly_by or "
			"administered_by",
			relation);
	return 0;
}

/* RC of a table; what it has to say is in the problems already, but for a lack of memory. */
static void note(struct def_loader *ld, int rc)
{
	if (rc == -ENOMEM)
		def_oom(ld);
	else if (rc < 0 && def_is_clean(ld))
		problems_error(ld->p, ld->file, 0, "its tables cannot be read: %s", err_name(rc));
}

static void load_tables(struct def_loader *ld)
{
	static const char *const columns[] = {"code", "relation", "other_code"};
	struct campaign *c = ld->c;

	locate_member(ld, "calendar", DEF_REQUIRED, "calendar", &c->calendar_file);
	locate_member(ld, "units", DEF_REQUIRED, "units", &c->units_file);
	locate_member(ld, "relations", DEF_OPTIONAL, "units", &c->relations_file);
	if (c->calendar_file)
		note(ld, calendar_load(c->calendar_file, ld->p, &c->calendar));
	if (c->units_file)
		note(ld, units_load(c->units_file, ld->p, &c->units));
	if (c->units)
		def_tie_units(ld);
	/* Next to a mistake, a contradiction may only be its echo. */
	if (c->units && c->relations_file && def_is_clean(ld))
		note(ld, csv_read_file(c->relations_file, columns, ARRAY_LEN(columns), on_relation,
				 ld, ld->p));
}

/* ---- loading ---- */

static int digest_of(const struct buf *b, char ret[65])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!EVP_Digest(buf_str(b), b->len, md, &n, EVP_sha256(), NULL))
		return SW_ECRYPTO;
	for (unsigned i = 0; i < n && i < 32; i++)
		snprintf(ret + (size_t)i * 2, 3, "%02x", md[i]);
	return 0;
}

/* Reads FILE into LD->text and LD->tree. */
static int read_text(struct def_loader *ld)
{
	struct sw_err err = {0};
	struct buf b;
	int rc;

	buf_init(&b, MAX_FILE_BYTES);
	rc = file_read(ld->file, &b, &err);
	if (rc == -ENOMEM)
		goto out;
	if (rc < 0) {
		problems_error(ld->p, ld->file, 0, "cannot be read: %s",
			rc == SW_ELIMIT ? "it is larger than 1 MiB" : err.text);
		rc = SW_ECONF;
		goto out;
	}
	rc = digest_of(&b, ld->c->digest);
	if (rc < 0)
		goto out;
	rc = conf_source_parse(ld->file, buf_str(&b), b.len, &ld->tree, ld->p);
	if (rc < 0)
		goto out;
	ld->text = buf_take(&b);
	if (!ld->text)
		rc = -ENOMEM;
out:
	buf_fini(&b);
	return rc;
}

static int load(struct def_loader *ld)
{
	int rc = read_text(ld);

	if (rc < 0)
		return rc;
	def_load_sections(ld);
	load_tables(ld);
	if (ld->rc == 0 && ld->c->units && ld->c->calendar)
		def_check(ld);
	return ld->rc;
}

int campaign_load_with(
	const char *file, const char *config_dir, struct problems *p, struct campaign **ret)
{
	struct def_loader ld = {
		.p = p, .n_errors_before = p->n_errors, .file = file, .config_dir = config_dir};
	int rc = -ENOMEM;

	config_init(&ld.tree);
	ld.c = calloc(1, sizeof(*ld.c));
	if (ld.c)
		ld.c->file = text_dup(file);
	if (ld.c && ld.c->file)
		rc = load(&ld);
	config_destroy(&ld.tree);
	free(ld.text);
	if (rc == -ENOMEM)
		problems_error(p, file, 0, "out of memory");
	if (rc == 0 && !def_is_clean(&ld))
		rc = SW_ECONF;
	if (rc < 0) {
		campaign_free(ld.c);
		return rc;
	}
	*ret = ld.c;
	return 0;
}

int campaign_load(const char *file, struct problems *p, struct campaign **ret)
{
	return campaign_load_with(file, NULL, p, ret);
}

/* ---- questions ---- */

int campaign_find_department(const struct campaign *c, const char *id)
{
	return def_find_id(c->departments, c->n_departments, sizeof(c->departments[0]), id);
}

int campaign_find_reminder(const struct campaign *c, const char *id)
{
	return def_find_id(c->reminders, c->n_reminders, sizeof(c->reminders[0]), id);
}

int campaign_tier_of(const struct campaign *c, int unit)
{
	const struct unit *u = &c->units->items[unit];
	const char *tier = u->tier;

	for (size_t i = 0; u->acts_as_league && i < c->n_direct; i++) {
		if (!strcmp(c->direct[i].code, u->code))
			tier = c->direct[i].acts_as;
	}
	return def_find_id(c->tiers, c->n_tiers, sizeof(c->tiers[0]), tier);
}

bool campaign_quota(const struct campaign *c, int category, int unit, int *ret_min, int *ret_max)
{
	const struct def_category *cat = &c->categories[category];
	const struct unit *u = &c->units->items[unit];
	const struct def_quota *found = NULL;
	int tier = campaign_tier_of(c, unit);

	if (tier < 0 || (u->skip_county_quota && !u->acts_as_league))
		return false;
	for (size_t i = 0; i < cat->n_quotas; i++) {
		const struct def_quota *q = &cat->quotas[i];

		if (q->tier != tier)
			continue;
		if (!strcmp(q->unit, u->code)) {
			found = q;
			break;
		}
		if (!q->unit[0])
			found = q;
	}
	if (!found)
		return false;
	*ret_min = found->min;
	*ret_max = found->max;
	return true;
}

/* What the units below UNIT may put forward together; -1: nothing bounds it. */
static int sum_of_maxima_below(const struct campaign *c, int category, int unit)
{
	int sum = -1;

	for (size_t i = 0; i < c->units->n; i++) {
		int min, max;

		if (c->units->items[i].reports_to != unit ||
			!campaign_quota(c, category, (int)i, &min, &max))
			continue;
		if (max < 0)
			return -1;
		sum = (sum < 0 ? 0 : sum) + max;
	}
	return sum;
}

int campaign_quota_cap(const struct campaign *c, int category, int unit)
{
	int min, max, below;

	if (!campaign_quota(c, category, unit, &min, &max))
		return -1;
	/* A unit that is its own county is not bound by what counties put forward. */
	if (c->units->items[unit].skip_county_quota)
		return max;
	below = sum_of_maxima_below(c, category, unit);
	if (below < 0)
		return max;
	return max < 0 || below < max ? below : max;
}

size_t campaign_phases_on(const struct campaign *c, struct civil d, int *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_phases; i++) {
		if (civil_cmp(c->phases[i].start, d) <= 0 && civil_cmp(d, c->phases[i].end) <= 0)
			ret[n++] = (int)i;
	}
	return n;
}

/* ---- occasions ---- */

/* D, moved in direction STEP to a working day; D itself where the calendar does not know. */
static struct civil to_workday(const struct campaign *c, struct civil d, int step)
{
	struct civil at = d;
	bool workday = false;

	while (calendar_is_workday(c->calendar, at, &workday, NULL) == 0) {
		if (workday)
			return at;
		at = civil_add(at, step);
	}
	return d;
}

static struct civil anchor_day(const struct campaign *c, const struct def_reminder *r, int offset)
{
	switch (r->anchor) {
	case ANCHOR_DEADLINE:
		return civil_of_ms(c->deadlines[r->ref].remind_as_if_ms);
	case ANCHOR_NOTICE:
		return c->notices[r->ref].must_end_by;
	case ANCHOR_PHASE:
		return offset < 0 ? c->phases[r->ref].end : c->phases[r->ref].start;
	case ANCHOR_ON:
	case ANCHOR_EVERY:
	case ANCHOR_EVENT:
		break;
	}
	return (struct civil){0};
}

/* The day of one offset; false where the calendar has no rows. */
static bool offset_day(
	const struct campaign *c, const struct def_reminder *r, int offset, struct civil *ret)
{
	struct civil base = anchor_day(c, r, offset);

	if (!r->offset_workdays) {
		*ret = civil_add(base, offset);
		if (!r->rest_day_ok)
			*ret = to_workday(c, *ret, -1);
		return true;
	}
	/* Day 0 of a deadline on a Saturday is the Friday: the last day on which it can be met. */
	if (!r->rest_day_ok)
		base = to_workday(c, base, -1);
	if (offset < 0)
		return calendar_back(c->calendar, base, -offset, ret, NULL) == 0;
	return calendar_forward(c->calendar, base, offset, ret, NULL) == 0;
}

static bool falls_on(const struct campaign *c, const struct def_reminder *r, struct civil d)
{
	bool workday = false;

	if (r->every != EVERY_WORKDAY)
		return civil_weekday(d) == (int)r->every - (int)EVERY_MONDAY + 1;
	return calendar_is_workday(c->calendar, d, &workday, NULL) == 0 && workday;
}

struct occasions {
	int64_t *ret;
	size_t n;
};

static void add_day(struct occasions *o, const struct def_reminder *r, struct civil d)
{
	for (size_t i = 0; i < r->n_at && o->n < DEF_MAX_OCCASIONS; i++)
		o->ret[o->n++] = civil_at_ms(d, r->at[i]);
}

static int by_instant(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

size_t campaign_occasions(const struct campaign *c, int reminder, int64_t *ret)
{
	const struct def_reminder *r = &c->reminders[reminder];
	struct occasions o = {.ret = ret};
	struct civil d;
	size_t n = 0;

	switch (r->anchor) {
	case ANCHOR_ON:
		for (size_t i = 0; i < r->n_on; i++)
			add_day(&o, r, r->on[i]);
		break;
	case ANCHOR_DEADLINE:
	case ANCHOR_NOTICE:
	case ANCHOR_PHASE:
		for (size_t i = 0; r->ref >= 0 && i < r->n_offsets; i++) {
			if (offset_day(c, r, r->offsets[i], &d))
				add_day(&o, r, d);
		}
		break;
	case ANCHOR_EVERY:
		for (d = r->from; r->from.year && civil_cmp(d, r->until) <= 0;
			d = civil_add(d, 1)) {
			if (falls_on(c, r, d))
				add_day(&o, r, r->rest_day_ok ? d : to_workday(c, d, 1));
		}
		break;
	case ANCHOR_EVENT:
		break;
	}
	qsort(ret, o.n, sizeof(ret[0]), by_instant);
	for (size_t i = 0; i < o.n; i++) {
		if (n == 0 || ret[n - 1] != ret[i])
			ret[n++] = ret[i];
	}
	return n;
}
