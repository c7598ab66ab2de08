/*
 * notifier/campaign/definition_load.c: the sections of a definition, in the order in which they refer to
 * each other.
 *
 * An entry with a mistake is still taken into its table, so that what refers to it is not reported too.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/definition_internal.h"

/* A table of C starts with char id[DEF_ID]; these spell out base, length and stride. */
#define TABLE(c, name) (c)->name, (c)->n_##name, sizeof((c)->name[0])

/* Calls FN for each group of the list NAME. */
static void each_group(struct def_loader *ld, const config_setting_t *parent, const char *name,
	enum def_need need, size_t max,
	void (*fn)(struct def_loader *ld, const config_setting_t *g))
{
	const config_setting_t *list = def_groups(ld, parent, name, need, max);

	for (int i = 0; list && i < config_setting_length(list); i++)
		fn(ld, config_setting_get_elem(list, (unsigned)i));
}

/* ---- tiers, departments ---- */

static void load_tier(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "name", "parent_tier", NULL};
	struct campaign *c = ld->c;
	struct def_tier *t = &c->tiers[c->n_tiers];

	def_known(ld, g, names);
	t->parent = -1;
	def_id(ld, g, "id", DEF_REQUIRED, t->id);
	def_text(ld, g, "name", DEF_REQUIRED, 40, &t->name);
	def_unique(ld, g, "tier", TABLE(c, tiers), t->id);
	c->n_tiers++;
}

static void load_tiers(struct def_loader *ld, const config_setting_t *root)
{
	struct campaign *c = ld->c;
	const config_setting_t *list;
	int top = -1;

	each_group(ld, root, "tiers", DEF_REQUIRED, DEF_MAX_TIERS, load_tier);
	list = config_setting_get_member(root, "tiers");
	/* Parents stand after their children, so they are looked up once all are known. */
	for (size_t i = 0; i < c->n_tiers; i++) {
		const config_setting_t *g = config_setting_get_elem(list, (unsigned)i);
		const config_setting_t *s = config_setting_get_member(g, "parent_tier");
		const char *v = s ? def_value_str(ld, s) : "";

		if (v && v[0])
			c->tiers[i].parent = def_ref(ld, s, "tier", TABLE(c, tiers));
		else if (v && top >= 0)
			def_error(ld, g,
				"tiers \"%s\" and \"%s\" both have no parent_tier; only the "
				"highest has none",
				c->tiers[top].id, c->tiers[i].id);
		else if (v)
			top = (int)i;
	}
	c->reporting_tier = -1;
	for (size_t i = 0; i < c->n_tiers; i++) {
		if (top >= 0 && c->tiers[i].parent == top)
			c->reporting_tier = (int)i;
	}
	if (c->n_tiers > 0 && c->reporting_tier < 0)
		def_error(ld, list,
			"no tier reports to the highest one; give one tier the parent_tier of the "
			"highest");
}

static void load_department(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "name", "short_name", NULL};
	struct campaign *c = ld->c;
	struct def_department *d = &c->departments[c->n_departments];

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, d->id);
	def_text(ld, g, "name", DEF_REQUIRED, 40, &d->name);
	def_text(ld, g, "short_name", DEF_OPTIONAL, 20, &d->short_name);
	if (!d->short_name && d->name)
		d->short_name = text_dup(d->name);
	def_unique(ld, g, "department", TABLE(c, departments), d->id);
	c->n_departments++;
}

/* ---- direct units ---- */

static void read_code(struct def_loader *ld, const config_setting_t *s, char ret[UNIT_CODE])
{
	const char *v = def_value_str(ld, s);

	if (!v)
		return;
	if (strlen(v) != 6 || strspn(v, "0123456789") != 6)
		def_error(ld, s, "\"%s\" is not a unit code; write six digits as in \"150781\"", v);
	else
		memcpy(ret, v, 7);
}

static void load_direct(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {
		"code", "acts_as", "carries", "skip_county_quota", NULL};
	struct campaign *c = ld->c;
	struct def_direct *d = &c->direct[c->n_direct];
	const config_setting_t *s = def_member(ld, g, "code", DEF_REQUIRED);
	struct def_strings carries;
	int tier;

	def_known(ld, g, names);
	if (s)
		read_code(ld, s, d->code);
	tier = def_ref_member(ld, g, "acts_as", DEF_REQUIRED, "tier", TABLE(c, tiers));
	if (tier >= 0)
		memcpy(d->acts_as, c->tiers[tier].id, DEF_ID);
	def_bool(ld, g, "skip_county_quota", &d->skip_county_quota);
	carries = def_strings(ld, g, "carries", DEF_OPTIONAL, ARRAY_LEN(d->carries));
	for (size_t i = 0; i < carries.n; i++)
		read_code(ld,
			carries.single ? carries.setting
				       : config_setting_get_elem(carries.setting, (unsigned)i),
			d->carries[d->n_carries++]);
	c->n_direct++;
}

/* ---- words ---- */

static int by_length(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	size_t n = strlen(*x), m = strlen(*y);

	if (n != m)
		return n < m ? 1 : -1;
	return strcmp(*x, *y);
}

/* The words NAME, longest first; FALLBACK alone when the definition has none. */
static void load_words(struct def_loader *ld, const config_setting_t *g, const char *name,
	const char *fallback, struct def_words *ret)
{
	ret->n = def_texts(ld, g, name, ret->items, DEF_MAX_WORDS);
	if (ret->n == 0 && fallback) {
		ret->items[0] = text_dup(fallback);
		if (ret->items[0])
			ret->n = 1;
		else
			def_oom(ld);
	}
	qsort(ret->items, ret->n, sizeof(ret->items[0]), by_length);
}

static void dup_if_missing(struct def_loader *ld, char **ret, const char *fallback)
{
	if (*ret || !fallback)
		return;
	*ret = text_dup(fallback);
	if (!*ret)
		def_oom(ld);
}

/* ---- materials ---- */

/* A seal is put by a department or by the office of a tier. */
static void load_seals(struct def_loader *ld, const config_setting_t *g, struct def_material *m)
{
	struct def_strings list = def_strings(ld, g, "seals", DEF_OPTIONAL, ARRAY_LEN(m->seals));
	struct campaign *c = ld->c;

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at;
		const char *v = def_strings_at(ld, &list, i, &at);

		if (!v)
			continue;
		if (def_find_id(TABLE(c, departments), v) < 0 &&
			def_find_id(TABLE(c, tiers), v) < 0)
			def_error(ld, at, "seals: \"%s\" is neither a department nor a tier", v);
		else
			memcpy(m->seals[m->n_seals++], v, strlen(v) + 1);
	}
}

static void load_material(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "name", "short_name", "reply_key", "words", "per",
		"seals", "electronic_only", "shared", "min_bytes", NULL};
	static const char *const per[] = {"candidate", "league", "list", NULL};
	struct campaign *c = ld->c;
	struct def_material *m = &c->materials[c->n_materials];
	int which, min_bytes = 0;

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, m->id);
	def_unique(ld, g, "material", TABLE(c, materials), m->id);
	def_text(ld, g, "name", DEF_REQUIRED, 60, &m->name);
	def_text(ld, g, "short_name", DEF_OPTIONAL, 20, &m->short_name);
	dup_if_missing(ld, &m->short_name, m->name);
	memcpy(m->reply_key, m->id, DEF_ID);
	def_id(ld, g, "reply_key", DEF_OPTIONAL, m->reply_key);
	load_words(ld, g, "words", m->short_name, &m->words);
	which = def_choice(ld, g, "per", DEF_REQUIRED, per);
	if (which >= 0)
		memcpy(m->per, per[which], strlen(per[which]) + 1);
	load_seals(ld, g, m);
	def_bool(ld, g, "electronic_only", &m->electronic_only);
	def_bool(ld, g, "shared", &m->shared);
	def_int(ld, g, "min_bytes", DEF_OPTIONAL, 0, 1 << 30, &min_bytes);
	m->min_bytes = min_bytes;
	c->n_materials++;
}

/* ---- categories ---- */

static struct def_quota *add_quota(
	struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	struct def_quota *q;

	if (cat->n_quotas >= DEF_MAX_QUOTAS) {
		def_error(ld, g, "more than %d quotas in one category", (int)DEF_MAX_QUOTAS);
		return NULL;
	}
	q = &cat->quotas[cat->n_quotas++];
	*q = (struct def_quota){.tier = -1, .min = -1, .max = -1};
	return q;
}

static void read_range(struct def_loader *ld, const config_setting_t *g, struct def_quota *q)
{
	def_int(ld, g, "min", DEF_OPTIONAL, 0, 100000, &q->min);
	def_int(ld, g, "max", DEF_OPTIONAL, 0, 100000, &q->max);
	if (q->min >= 0 && q->max >= 0 && q->min > q->max)
		def_error(ld, config_setting_get_member(g, "min"),
			"min %d is greater than max %d; write the smaller number as min", q->min,
			q->max);
}

static void load_quota(struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	static const char *const names[] = {"from", "min", "max", "per_unit", NULL};
	static const char *const unit_names[] = {"code", "min", "max", NULL};
	struct campaign *c = ld->c;
	struct def_quota *q = add_quota(ld, g, cat);
	const config_setting_t *list;
	int tier;

	if (!q)
		return;
	def_known(ld, g, names);
	tier = q->tier = def_ref_member(ld, g, "from", DEF_REQUIRED, "tier", TABLE(c, tiers));
	read_range(ld, g, q);
	list = def_groups(ld, g, "per_unit", DEF_OPTIONAL, DEF_MAX_QUOTAS);
	for (int i = 0; list && i < config_setting_length(list); i++) {
		const config_setting_t *u = config_setting_get_elem(list, (unsigned)i);
		const config_setting_t *code = def_member(ld, u, "code", DEF_REQUIRED);

		q = add_quota(ld, u, cat);
		if (!q)
			return;
		def_known(ld, u, unit_names);
		q->tier = tier;
		if (code)
			read_code(ld, code, q->unit);
		read_range(ld, u, q);
	}
}

/* final = 20; or final = { min = 18; max = 20; }; absent: open */
static void load_final(struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	static const char *const names[] = {"min", "max", NULL};
	const config_setting_t *s = config_setting_get_member(g, "final");

	cat->final_min = cat->final_max = -1;
	if (!s)
		return;
	if (config_setting_type(s) == CONFIG_TYPE_GROUP) {
		struct def_quota q = {.min = -1, .max = -1};

		def_known(ld, s, names);
		read_range(ld, s, &q);
		cat->final_min = q.min;
		cat->final_max = q.max;
		return;
	}
	def_int(ld, g, "final", DEF_REQUIRED, 1, 100000, &cat->final_min);
	cat->final_max = cat->final_min;
}

static void load_departments_of(
	struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	struct campaign *c = ld->c;
	struct def_strings list;

	cat->lead =
		def_ref_member(ld, g, "lead", DEF_REQUIRED, "department", TABLE(c, departments));
	cat->co_lead =
		def_ref_member(ld, g, "co_lead", DEF_OPTIONAL, "department", TABLE(c, departments));
	if (cat->lead >= 0 && cat->lead == cat->co_lead)
		def_error(ld, config_setting_get_member(g, "co_lead"),
			"co_lead is the lead itself; write another department or leave it out");
	list = def_strings(ld, g, "addressees", DEF_OPTIONAL, DEF_MAX_DEPARTMENTS);
	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at =
			list.single ? list.setting
				    : config_setting_get_elem(list.setting, (unsigned)i);
		int d = def_ref(ld, at, "department", TABLE(c, departments));

		if (d >= 0)
			cat->addressees[cat->n_addressees++] = d;
	}
}

static void load_material_refs(
	struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	struct campaign *c = ld->c;
	struct def_strings list = def_strings(ld, g, "materials", DEF_OPTIONAL, DEF_MAX_MATERIALS);

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at =
			list.single ? list.setting
				    : config_setting_get_elem(list.setting, (unsigned)i);
		int m = def_ref(ld, at, "material", TABLE(c, materials));

		for (size_t k = 0; m >= 0 && k < cat->n_materials; k++) {
			if (cat->materials[k] == m) {
				def_error(ld, at, "material \"%s\" stands here twice",
					c->materials[m].id);
				m = -1;
			}
		}
		if (m >= 0)
			cat->materials[cat->n_materials++] = m;
	}
}

static void load_category_words(
	struct def_loader *ld, const config_setting_t *g, struct def_category *cat)
{
	char *flag = NULL;

	memcpy(cat->reply_key, cat->id, DEF_ID);
	def_id(ld, g, "reply_key", DEF_OPTIONAL, cat->reply_key);
	cat->flag[0] =
		cat->id[0] >= 'a' && cat->id[0] <= 'z' ? (char)(cat->id[0] - 'a' + 'A') : 'X';
	def_text(ld, g, "flag", DEF_OPTIONAL, 7, &flag);
	if (flag && text_copy(cat->flag, sizeof(cat->flag), flag) < 0)
		def_error(ld, config_setting_get_member(g, "flag"), "flag: write 1 to 7 capitals");
	free(flag);
	load_words(ld, g, "words", cat->name, &cat->words);
	load_words(ld, g, "measures", cat->unit_word, &cat->measures);
	load_words(ld, g, "typos", NULL, &cat->typos);
}

static void load_category(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "name", "short_name", "unit_word", "subject",
		"reply_key", "flag", "words", "measures", "typos", "lead", "co_lead", "addressees",
		"final", "quotas", "materials", NULL};
	static const char *const subjects[] = {"person", "household", "organisation", NULL};
	struct campaign *c = ld->c;
	struct def_category *cat = &c->categories[c->n_categories];
	const config_setting_t *quotas;
	int subject;

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, cat->id);
	def_unique(ld, g, "category", TABLE(c, categories), cat->id);
	def_text(ld, g, "name", DEF_REQUIRED, 40, &cat->name);
	def_text(ld, g, "short_name", DEF_OPTIONAL, 20, &cat->short_name);
	dup_if_missing(ld, &cat->short_name, cat->name);
	def_text(ld, g, "unit_word", DEF_REQUIRED, 4, &cat->unit_word);
	load_category_words(ld, g, cat);
	subject = def_choice(ld, g, "subject", DEF_REQUIRED, subjects);
	cat->subject = subject < 0 ? SUBJECT_PERSON : (enum def_subject)subject;
	load_departments_of(ld, g, cat);
	load_final(ld, g, cat);
	quotas = def_groups(ld, g, "quotas", DEF_OPTIONAL, DEF_MAX_QUOTAS);
	for (int i = 0; quotas && i < config_setting_length(quotas); i++)
		load_quota(ld, config_setting_get_elem(quotas, (unsigned)i), cat);
	load_material_refs(ld, g, cat);
	c->n_categories++;
}

/* ---- phases, notices, checks, deadlines ---- */

static void load_phase(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {
		"id", "name", "start", "end", "end_is_approximate", NULL};
	struct campaign *c = ld->c;
	struct def_phase *ph = &c->phases[c->n_phases];
	bool start, end;

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, ph->id);
	def_unique(ld, g, "phase", TABLE(c, phases), ph->id);
	def_text(ld, g, "name", DEF_REQUIRED, 40, &ph->name);
	start = def_date(ld, g, "start", DEF_REQUIRED, &ph->start);
	end = def_date(ld, g, "end", DEF_REQUIRED, &ph->end);
	if (start && end && civil_cmp(ph->start, ph->end) > 0) {
		char a[32], b[32];

		def_error(ld, config_setting_get_member(g, "start"),
			"phase \"%s\": start %s is after end %s; write the earlier day as start",
			ph->id, civil_format(ph->start, a, sizeof(a)),
			civil_format(ph->end, b, sizeof(b)));
	}
	def_bool(ld, g, "end_is_approximate", &ph->end_is_approximate);
	c->n_phases++;
}

static void load_notice(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "phase", "tier", "per", "workdays", "days",
		"exact", "scope", "must_end_by", "restart_on_replacement", NULL};
	static const char *const per[] = {"candidate", "list", NULL};
	static const char *const scopes[] = {"county_picks", "league_list", NULL};
	struct campaign *c = ld->c;
	struct def_notice *n = &c->notices[c->n_notices];
	int which;

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, n->id);
	def_unique(ld, g, "notice", TABLE(c, notices), n->id);
	n->phase = def_ref_member(ld, g, "phase", DEF_REQUIRED, "phase", TABLE(c, phases));
	n->tier = def_ref_member(ld, g, "tier", DEF_REQUIRED, "tier", TABLE(c, tiers));
	which = def_choice(ld, g, "per", DEF_REQUIRED, per);
	if (which >= 0)
		memcpy(n->per, per[which], strlen(per[which]) + 1);
	which = def_choice(ld, g, "scope", DEF_OPTIONAL, scopes);
	if (which >= 0)
		memcpy(n->scope, scopes[which], strlen(scopes[which]) + 1);
	n->workdays = config_setting_get_member(g, "workdays") != NULL;
	if (n->workdays && config_setting_get_member(g, "days"))
		def_error(ld, config_setting_get_member(g, "days"),
			"a notice has workdays or days, not both; remove one");
	def_int(ld, g, n->workdays ? "workdays" : "days", DEF_REQUIRED, 1, 60, &n->days);
	def_bool(ld, g, "exact", &n->exact);
	def_bool(ld, g, "restart_on_replacement", &n->restart_on_replacement);
	if (n->phase >= 0)
		n->must_end_by = c->phases[n->phase].end;
	def_date(ld, g, "must_end_by", DEF_OPTIONAL, &n->must_end_by);
	c->n_notices++;
}

static size_t load_category_refs(
	struct def_loader *ld, const config_setting_t *g, const char *name, int *ret)
{
	struct campaign *c = ld->c;
	struct def_strings list = def_strings(ld, g, name, DEF_OPTIONAL, DEF_MAX_CATEGORIES);
	size_t n = 0;

	for (size_t i = 0; i < list.n; i++) {
		int cat = def_ref(ld,
			list.single ? list.setting
				    : config_setting_get_elem(list.setting, (unsigned)i),
			"category", TABLE(c, categories));

		if (cat >= 0)
			ret[n++] = cat;
	}
	return n;
}

static void load_check(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {
		"id", "phase", "tier", "applies_to", "before", "letter_for", NULL};
	struct campaign *c = ld->c;
	struct def_check *k = &c->checks[c->n_checks];

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, k->id);
	def_unique(ld, g, "check", TABLE(c, checks), k->id);
	k->phase = def_ref_member(ld, g, "phase", DEF_REQUIRED, "phase", TABLE(c, phases));
	k->tier = def_ref_member(ld, g, "tier", DEF_REQUIRED, "tier", TABLE(c, tiers));
	(void)def_ref_member(ld, g, "before", DEF_OPTIONAL, "deadline", TABLE(c, deadlines));
	k->n_applies_to = load_category_refs(ld, g, "applies_to", k->applies_to);
	k->n_letter_for = load_category_refs(ld, g, "letter_for", k->letter_for);
	c->n_checks++;
}

static void load_deadline(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "owner", "due", "remind_as_if", "what", NULL};
	struct campaign *c = ld->c;
	struct def_deadline *d = &c->deadlines[c->n_deadlines];
	char a[32], b[32];

	def_known(ld, g, names);
	def_id(ld, g, "id", DEF_REQUIRED, d->id);
	def_unique(ld, g, "deadline", TABLE(c, deadlines), d->id);
	d->owner = def_ref_member(ld, g, "owner", DEF_REQUIRED, "tier", TABLE(c, tiers));
	def_text(ld, g, "what", DEF_REQUIRED, 40, &d->what);
	def_time(ld, g, "due", DEF_REQUIRED, &d->due_ms);
	d->remind_as_if_ms = d->due_ms;
	if (def_time(ld, g, "remind_as_if", DEF_OPTIONAL, &d->remind_as_if_ms) &&
		d->remind_as_if_ms > d->due_ms)
		def_error(ld, config_setting_get_member(g, "remind_as_if"),
			"remind_as_if %s is after due %s; write a moment before it",
			civil_format_ms(d->remind_as_if_ms, a, sizeof(a)),
			civil_format_ms(d->due_ms, b, sizeof(b)));
	c->n_deadlines++;
}

/* ---- the rest ---- */

static void load_publicity(struct def_loader *ld, const config_setting_t *root)
{
	static const char *const names[] = {"gate", "window", "languages", NULL};
	static const char *const window_names[] = {"start", "end", "from", "to", NULL};
	struct def_publicity *pub = &ld->c->publicity;
	const config_setting_t *g = config_setting_get_member(root, "publicity"), *w, *s;
	bool start, end;

	pub->from_minute = 8 * 60;
	pub->to_minute = 20 * 60;
	if (!g)
		return;
	if (config_setting_type(g) != CONFIG_TYPE_GROUP) {
		def_error(ld, g, "publicity must be a group { .. }");
		return;
	}
	def_known(ld, g, names);
	pub->n_gates = def_texts(ld, g, "gate", pub->gates, ARRAY_LEN(pub->gates));
	pub->n_languages = def_texts(ld, g, "languages", pub->languages, ARRAY_LEN(pub->languages));
	w = def_member(ld, g, "window", DEF_REQUIRED);
	if (!w)
		return;
	if (config_setting_type(w) != CONFIG_TYPE_GROUP) {
		def_error(ld, w, "window must be a group { .. }");
		return;
	}
	def_known(ld, w, window_names);
	start = def_date(ld, w, "start", DEF_REQUIRED, &pub->start);
	end = def_date(ld, w, "end", DEF_REQUIRED, &pub->end);
	s = def_member(ld, w, "from", DEF_OPTIONAL);
	if (s)
		(void)def_value_clock(ld, s, &pub->from_minute);
	s = def_member(ld, w, "to", DEF_OPTIONAL);
	if (s)
		(void)def_value_clock(ld, s, &pub->to_minute);
	if (start && end && civil_cmp(pub->start, pub->end) > 0)
		def_error(ld, w, "publicity: start is after end; write the earlier day as start");
	if (pub->from_minute >= pub->to_minute)
		def_error(
			ld, w, "publicity: from is not before to; write the earlier time as from");
}

static void load_head(struct def_loader *ld, const config_setting_t *root)
{
	static const char *const zones[] = {"Asia/Shanghai", NULL};
	struct campaign *c = ld->c;
	const config_setting_t *s;
	int format = 0;

	def_int(ld, root, "format", DEF_REQUIRED, 1, 1, &format);
	def_id(ld, root, "id", DEF_REQUIRED, c->id);
	if (strspn(c->id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(c->id))
		def_error(ld, config_setting_get_member(root, "id"),
			"id \"%s\": write small letters, digits and \"-\"", c->id);
	def_text(ld, root, "title", DEF_REQUIRED, 60, &c->title);
	def_text(ld, root, "doc_no", DEF_OPTIONAL, 40, &c->doc_no);
	dup_if_missing(ld, &c->doc_no, "");
	(void)def_choice(ld, root, "timezone", DEF_OPTIONAL, zones);
	def_text(ld, root, "telephone", DEF_OPTIONAL, 20, &c->telephone);
	dup_if_missing(ld, &c->telephone, "");
	c->day_end_minute = 17 * 60 + 30;
	s = config_setting_get_member(root, "day_end");
	if (s)
		(void)def_value_clock(ld, s, &c->day_end_minute);
	c->paper_copies = 0;
	def_int(ld, root, "paper_copies", DEF_OPTIONAL, 0, 9, &c->paper_copies);
	def_bool(ld, root, "electronic", &c->electronic);
}

static void load_workday_rule(struct def_loader *ld, const config_setting_t *root)
{
	static const char *const names[] = {
		"count_start_day", "warn_if_only_one_counting_fits", NULL};
	const config_setting_t *g = config_setting_get_member(root, "workday_rule");

	ld->c->count_start_day = true;
	ld->c->warn_if_only_one_counting_fits = true;
	if (!g)
		return;
	if (config_setting_type(g) != CONFIG_TYPE_GROUP) {
		def_error(ld, g, "workday_rule must be a group { .. }");
		return;
	}
	def_known(ld, g, names);
	def_bool(ld, g, "count_start_day", &ld->c->count_start_day);
	def_bool(ld, g, "warn_if_only_one_counting_fits", &ld->c->warn_if_only_one_counting_fits);
}

void def_load_sections(struct def_loader *ld)
{
	static const char *const names[] = {"format", "id", "title", "doc_no", "timezone",
		"calendar", "units", "relations", "telephone", "day_end", "workday_rule", "tiers",
		"direct_units", "unit_order", "departments", "categories", "materials",
		"paper_copies", "electronic", "phases", "notices", "checks", "deadlines",
		"reminders", "publicity", "never_in_message", NULL};
	const config_setting_t *root = config_root_setting(&ld->tree);
	struct campaign *c = ld->c;

	def_known(ld, root, names);
	load_head(ld, root);
	load_workday_rule(ld, root);
	load_tiers(ld, root);
	each_group(ld, root, "departments", DEF_REQUIRED, DEF_MAX_DEPARTMENTS, load_department);
	each_group(ld, root, "direct_units", DEF_OPTIONAL, DEF_MAX_DIRECT, load_direct);
	each_group(ld, root, "materials", DEF_OPTIONAL, DEF_MAX_MATERIALS, load_material);
	each_group(ld, root, "categories", DEF_REQUIRED, DEF_MAX_CATEGORIES, load_category);
	each_group(ld, root, "phases", DEF_REQUIRED, DEF_MAX_PHASES, load_phase);
	each_group(ld, root, "notices", DEF_OPTIONAL, DEF_MAX_NOTICES, load_notice);
	each_group(ld, root, "deadlines", DEF_OPTIONAL, DEF_MAX_DEADLINES, load_deadline);
	each_group(ld, root, "checks", DEF_OPTIONAL, DEF_MAX_CHECKS, load_check);
	c->list_deadline = def_find_id(TABLE(c, deadlines), "league_list");
	c->submit_deadline = def_find_id(TABLE(c, deadlines), "submit");
	def_load_reminders(ld);
	load_publicity(ld, root);
	c->n_never = def_texts(
		ld, root, "never_in_message", c->never_in_message, ARRAY_LEN(c->never_in_message));
}
