/*
 * notifier/campaign/definition_check.c: what can be judged without facts, once all sections are read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/campaign/definition_internal.h"

/* ---- units ---- */

static void tie_direct(struct def_loader *ld, size_t i)
{
	struct campaign *c = ld->c;
	const struct def_direct *d = &c->direct[i];
	int unit = units_find(c->units, d->code), top = -1;

	if (!d->code[0])
		return;
	if (unit < 0) {
		def_error(ld, def_at(ld, "direct_units.[%zu].code", i), "there is no unit %s in %s",
			d->code, c->units_file);
		return;
	}
	for (size_t k = 0; k < c->units->n; k++) {
		if (c->units->items[k].parent < 0)
			top = (int)k;
	}
	c->units->items[unit].reports_to = top;
	c->units->items[unit].acts_as_league = true;
	c->units->items[unit].skip_county_quota = d->skip_county_quota;
	for (size_t k = 0; k < d->n_carries; k++) {
		int carried = units_find(c->units, d->carries[k]);

		if (!d->carries[k][0])
			continue;
		if (carried < 0) {
			def_error(ld, def_at(ld, "direct_units.[%zu].carries", i),
				"there is no unit %s in %s", d->carries[k], c->units_file);
			continue;
		}
		c->units->items[carried].reports_to = unit;
		c->units->items[carried].skip_county_quota = d->skip_county_quota;
	}
}

static bool is_ordered(const struct units *u, int unit)
{
	for (size_t i = 0; i < u->n_reporting; i++) {
		if (u->order[i] == unit)
			return true;
	}
	return false;
}

static void order_units(struct def_loader *ld)
{
	struct campaign *c = ld->c;
	struct units *u = c->units;
	struct def_strings list =
		def_strings(ld, config_root_setting(&ld->tree), "unit_order", DEF_OPTIONAL, 256);

	u->order = calloc(u->n ? u->n : 1, sizeof(*u->order));
	if (!u->order) {
		def_oom(ld);
		return;
	}
	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at;
		const char *code = def_strings_at(ld, &list, i, &at);
		int unit = code ? units_find(u, code) : -1;

		if (!code)
			continue;
		if (unit < 0 || campaign_tier_of(c, unit) != c->reporting_tier) {
			/* With a mistake in the direct units, this would only be its echo. */
			if (def_is_clean(ld))
				def_error(ld, at,
					"unit_order: %s is not a unit that reports to the highest "
					"tier",
					code);
		} else if (is_ordered(u, unit)) {
			def_error(ld, at, "unit_order: %s stands here twice", code);
		} else {
			u->order[u->n_reporting++] = unit;
		}
	}
	/* Those not named follow in the order of the file. */
	for (size_t i = 0; i < u->n; i++) {
		if (campaign_tier_of(c, (int)i) == c->reporting_tier && !is_ordered(u, (int)i))
			u->order[u->n_reporting++] = (int)i;
	}
}

void def_tie_units(struct def_loader *ld)
{
	for (size_t i = 0; i < ld->c->n_direct; i++)
		tie_direct(ld, i);
	if (ld->c->reporting_tier >= 0)
		order_units(ld);
}

/* ---- years ---- */

struct years {
	struct def_loader *ld;
	int missing[8]; /* reported */
	size_t n;
};

static void check_year(struct years *y, struct civil d, const config_setting_t *at)
{
	const struct campaign *c = y->ld->c;

	if (!d.year || calendar_has_year(c->calendar, d.year))
		return;
	for (size_t i = 0; i < y->n; i++) {
		if (y->missing[i] == d.year)
			return;
	}
	if (y->n == ARRAY_LEN(y->missing))
		return;
	y->missing[y->n++] = d.year;
	def_error(y->ld, at,
		"the calendar has no rows for %d (it has %d to %d); add the holidays and make-up "
		"days of "
		"%d to %s",
		d.year, calendar_first_year(c->calendar), calendar_last_year(c->calendar), d.year,
		c->calendar_file);
}

static void check_years(struct def_loader *ld)
{
	const struct campaign *c = ld->c;
	struct years y = {.ld = ld};

	for (size_t i = 0; i < c->n_phases; i++) {
		check_year(&y, c->phases[i].start, def_at(ld, "phases.[%zu].start", i));
		check_year(&y, c->phases[i].end, def_at(ld, "phases.[%zu].end", i));
	}
	for (size_t i = 0; i < c->n_notices; i++)
		check_year(
			&y, c->notices[i].must_end_by, def_at(ld, "notices.[%zu].must_end_by", i));
	for (size_t i = 0; i < c->n_deadlines; i++) {
		if (c->deadlines[i].due_ms > 0)
			check_year(&y, civil_of_ms(c->deadlines[i].due_ms),
				def_at(ld, "deadlines.[%zu].due", i));
	}
	for (size_t i = 0; i < c->n_reminders; i++) {
		const struct def_reminder *r = &c->reminders[i];

		for (size_t k = 0; k < r->n_on; k++)
			check_year(&y, r->on[k], def_at(ld, "reminders.[%zu].on", i));
		check_year(&y, r->from, def_at(ld, "reminders.[%zu].from", i));
		check_year(&y, r->until, def_at(ld, "reminders.[%zu].until", i));
	}
	check_year(&y, c->publicity.end, def_at(ld, "publicity.window.end"));
}

/* ---- notices and deadlines ---- */

static bool is_rest_day(const struct campaign *c, struct civil d)
{
	bool workday = true;

	return calendar_is_workday(c->calendar, d, &workday, NULL) == 0 && !workday;
}

static const char *say_day(struct civil d, char *buf, size_t size)
{
	static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
	char date[32];

	snprintf(buf, size, "%s %s", names[civil_weekday(d) - 1],
		civil_format(d, date, sizeof(date)));
	return buf;
}

int def_latest_start(
	const struct campaign *c, const struct def_notice *n, bool inclusive, struct civil *ret)
{
	if (n->workdays)
		return calendar_latest_start(
			c->calendar, n->must_end_by, n->days, inclusive, ret, NULL);
	*ret = civil_add(n->must_end_by, inclusive ? 1 - n->days : -n->days);
	return 0;
}

static void check_notice(struct def_loader *ld, size_t i)
{
	const struct campaign *c = ld->c;
	const struct def_notice *n = &c->notices[i];
	const struct def_phase *ph = n->phase >= 0 ? &c->phases[n->phase] : NULL;
	const config_setting_t *at = def_at(ld, "notices.[%zu].must_end_by", i);
	struct civil counted, not_counted;
	char a[48], b[48];
	bool fits, fits_otherwise;

	if (!ph || !ph->start.year || !n->must_end_by.year || n->days < 1)
		return;
	if (civil_cmp(n->must_end_by, ph->start) < 0 || civil_cmp(n->must_end_by, ph->end) > 0) {
		def_error(ld, at,
			"notice %s: must_end_by lies outside phase %s; write a day from %s to %s",
			n->id, ph->id, civil_format(ph->start, a, sizeof(a)),
			civil_format(ph->end, b, sizeof(b)));
		return;
	}
	if (n->workdays && is_rest_day(c, n->must_end_by))
		def_warn(ld, at,
			"notice %s must end by %s, which is not a working day; write the working "
			"day before",
			n->id, say_day(n->must_end_by, a, sizeof(a)));
	if (def_latest_start(c, n, true, &counted) < 0 ||
		def_latest_start(c, n, false, &not_counted) < 0)
		return;
	fits = civil_cmp(c->count_start_day ? counted : not_counted, ph->start) >= 0;
	fits_otherwise = civil_cmp(c->count_start_day ? not_counted : counted, ph->start) >= 0;
	if (!fits)
		def_error(ld, def_at(ld, "notices.[%zu].%s", i, n->workdays ? "workdays" : "days"),
			"notice %s: %d %sdays do not fit between the start of phase %s (%s) and "
			"%s; let the "
			"phase start by %s, or write fewer days",
			n->id, n->days, n->workdays ? "working " : "", ph->id,
			civil_format(ph->start, a, sizeof(a)),
			say_day(n->must_end_by, b, sizeof(b)),
			civil_format(
				c->count_start_day ? counted : not_counted, (char[32]){0}, 32));
	else if (!fits_otherwise && c->warn_if_only_one_counting_fits)
		def_warn(ld, def_at(ld, "notices.[%zu].%s", i, n->workdays ? "workdays" : "days"),
			"notice %s fits into phase %s only if the posting day %s", n->id, ph->id,
			c->count_start_day ? "counts" : "does not count");
}

static void check_deadline(struct def_loader *ld, size_t i)
{
	const struct campaign *c = ld->c;
	const struct def_deadline *d = &c->deadlines[i];
	struct civil day = civil_of_ms(d->remind_as_if_ms);
	bool own = d->remind_as_if_ms != d->due_ms;
	char a[48];

	if (d->due_ms > 0 && is_rest_day(c, day))
		def_warn(ld, def_at(ld, "deadlines.[%zu].%s", i, own ? "remind_as_if" : "due"),
			"deadline %s: %s is not a working day; write the working day before as "
			"remind_as_if",
			d->id, say_day(day, a, sizeof(a)));
}

/* ---- quotas ---- */

static void check_per_unit(struct def_loader *ld, size_t i)
{
	const struct def_category *cat = &ld->c->categories[i];

	for (size_t k = 0; k < cat->n_quotas; k++) {
		const struct def_quota *q = &cat->quotas[k];

		if (q->unit[0] && units_find(ld->c->units, q->unit) < 0)
			def_error(ld, def_at(ld, "categories.[%zu].quotas", i),
				"category %s: per_unit names unit %s, which is not in %s", cat->id,
				q->unit, ld->c->units_file);
	}
}

/* What all reporting units may put forward together; -1: without limit. */
static int sum_of_caps(const struct campaign *c, int category, bool *ret_any)
{
	int sum = 0;

	*ret_any = false;
	for (size_t i = 0; i < c->units->n_reporting; i++) {
		int unit = c->units->order[i], min, max, cap;

		if (!campaign_quota(c, category, unit, &min, &max))
			continue;
		*ret_any = true;
		cap = campaign_quota_cap(c, category, unit);
		if (cap < 0)
			return -1;
		sum += cap;
	}
	return sum;
}

static void check_quotas(struct def_loader *ld, size_t i)
{
	const struct campaign *c = ld->c;
	const struct def_category *cat = &c->categories[i];
	bool any;
	int sum = sum_of_caps(c, (int)i, &any);

	check_per_unit(ld, i);
	if (any && sum >= 0 && cat->final_min > sum)
		def_error(ld, def_at(ld, "categories.[%zu].final", i),
			"category %s: final %d, but all units may put forward at most %d together; "
			"lower "
			"final or raise the quotas",
			cat->id, cat->final_min, sum);
	for (size_t k = 0; k < c->units->n_reporting; k++) {
		int unit = c->units->order[k], min, max, cap;

		if (!campaign_quota(c, (int)i, unit, &min, &max))
			continue;
		cap = campaign_quota_cap(c, (int)i, unit);
		if (cap >= 0 && cap < min)
			def_warn(ld, def_at(ld, "categories.[%zu].quotas", i),
				"category %s: %s cannot reach its minimum %d: the units below it "
				"may put "
				"forward %d",
				cat->id, c->units->items[unit].name, min, cap);
	}
}

/* ---- words of the reply reader ---- */

static bool has_word(const struct def_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!strcmp(w->items[i], word))
			return true;
	}
	return false;
}

static void check_words(struct def_loader *ld, size_t i)
{
	const struct campaign *c = ld->c;
	const struct def_category *a = &c->categories[i];

	for (size_t k = 0; k < i; k++) {
		const struct def_category *b = &c->categories[k];

		if (!strcmp(a->reply_key, b->reply_key))
			def_error(ld, def_at(ld, "categories.[%zu].reply_key", i),
				"categories %s and %s have the same reply_key \"%s\"; give each "
				"its own",
				b->id, a->id, a->reply_key);
		if (!strcmp(a->flag, b->flag))
			def_error(ld, def_at(ld, "categories.[%zu].flag", i),
				"categories %s and %s have the same flag \"%s\"; give each its own",
				b->id, a->id, a->flag);
		for (size_t w = 0; w < a->words.n; w++) {
			if (has_word(&b->words, a->words.items[w]))
				def_error(ld, def_at(ld, "categories.[%zu].words", i),
					"the word \"%s\" stands for both %s and %s; keep it in one "
					"of them",
					a->words.items[w], b->id, a->id);
		}
	}
}

/* ---- reminders ---- */

enum { QUIET_UNTIL = 8 * 60, QUIET_FROM = 20 * 60, DAYS_AFTER_END = 31 };

struct span {
	struct civil first, last; /* year 0: not known */
};

static struct span span_of(const struct campaign *c)
{
	struct span s = {0};

	for (size_t i = 0; i < c->n_phases; i++) {
		const struct def_phase *ph = &c->phases[i];

		if (ph->start.year && (!s.first.year || civil_cmp(ph->start, s.first) < 0))
			s.first = ph->start;
		if (ph->end.year && (!s.last.year || civil_cmp(ph->end, s.last) > 0))
			s.last = ph->end;
	}
	if (c->publicity.end.year && civil_cmp(c->publicity.end, s.last) > 0)
		s.last = c->publicity.end;
	return s;
}

static void check_quiet_hours(struct def_loader *ld, size_t i)
{
	const struct def_reminder *r = &ld->c->reminders[i];

	for (size_t k = 0; k < r->n_at; k++) {
		if (r->at[k] >= QUIET_UNTIL && r->at[k] < QUIET_FROM)
			continue;
		def_error(ld, def_at(ld, "reminders.[%zu].at", i),
			"reminder %s is unreachable at %02d:%02d: nothing is sent from 20:00 to "
			"08:00; write a "
			"time between",
			r->id, r->at[k] / 60, r->at[k] % 60);
	}
}

/* All counters are 0 or more. */
static void check_condition(struct def_loader *ld, size_t i)
{
	const struct def_reminder *r = &ld->c->reminders[i];
	size_t never = 0;

	for (size_t k = 0; k < r->n_when; k++)
		never += r->when[k].op == OP_LT && r->when[k].value == 0;
	if (r->n_when > 0 && never == r->n_when)
		def_error(ld, def_at(ld, "reminders.[%zu].when", i),
			"reminder %s is unreachable: no counter is ever below 0; write as in "
			"\"need > 0\"",
			r->id);
}

static const char *day_setting(const struct def_reminder *r)
{
	switch (r->anchor) {
	case ANCHOR_ON:
		return "on";
	case ANCHOR_EVERY:
		return "until";
	case ANCHOR_EVENT:
		return "event";
	case ANCHOR_DEADLINE:
	case ANCHOR_NOTICE:
	case ANCHOR_PHASE:
		break;
	}
	return r->offset_workdays ? "offset_workdays" : "offset_days";
}

static void check_days(struct def_loader *ld, size_t i, const struct span *span)
{
	const struct campaign *c = ld->c;
	const struct def_reminder *r = &c->reminders[i];
	const config_setting_t *at = def_at(ld, "reminders.[%zu].%s", i, day_setting(r));
	int64_t due[DEF_MAX_OCCASIONS];
	size_t n = campaign_occasions(c, (int)i, due), outside = 0, resting = 0;
	char day[48] = "", a[32], b[32];

	if (n == DEF_MAX_OCCASIONS)
		def_error(ld, at, "reminder %s has more than %d occasions; make its range shorter",
			r->id, (int)DEF_MAX_OCCASIONS - 1);
	for (size_t k = 0; k < n; k++) {
		struct civil d = civil_of_ms(due[k]);

		if (civil_cmp(d, span->first) < 0 || civil_diff(d, span->last) > DAYS_AFTER_END) {
			outside++;
		} else if (!r->rest_day_ok && is_rest_day(c, d)) {
			resting++;
			say_day(d, day, sizeof(day));
		}
	}
	if (n == 0)
		def_error(ld, at, "reminder %s is unreachable: there is no such day from %s to %s",
			r->id, civil_format(r->from, a, sizeof(a)),
			civil_format(r->until, b, sizeof(b)));
	else if (outside == n)
		def_error(ld, at,
			"reminder %s is unreachable: the campaign runs from %s to %s; write a day "
			"of it",
			r->id, civil_format(span->first, a, sizeof(a)),
			civil_format(span->last, b, sizeof(b)));
	else if (resting == n)
		def_error(ld, at,
			"reminder %s is unreachable: %s is a rest day; write a working day, or "
			"rest_day_ok = "
			"true",
			r->id, day);
	else if (resting > 0)
		def_warn(ld, at, "reminder %s: %s is a rest day, on which it stays silent", r->id,
			day);
}

/* Whether the days of R can be told at all: a missing year or reference is reported elsewhere. */
static bool is_resolvable(const struct campaign *c, const struct def_reminder *r)
{
	switch (r->anchor) {
	case ANCHOR_ON:
		return r->n_on > 0;
	case ANCHOR_EVERY:
		return r->from.year && calendar_has_year(c->calendar, r->from.year) &&
		       calendar_has_year(c->calendar, r->until.year);
	case ANCHOR_DEADLINE:
		return r->ref >= 0 && c->deadlines[r->ref].due_ms > 0 &&
		       calendar_has_year(
			       c->calendar, civil_of_ms(c->deadlines[r->ref].remind_as_if_ms).year);
	case ANCHOR_NOTICE:
		return r->ref >= 0 &&
		       calendar_has_year(c->calendar, c->notices[r->ref].must_end_by.year);
	case ANCHOR_PHASE:
		return r->ref >= 0 &&
		       calendar_has_year(c->calendar, c->phases[r->ref].start.year) &&
		       calendar_has_year(c->calendar, c->phases[r->ref].end.year);
	case ANCHOR_EVENT:
		break;
	}
	return false;
}

static void check_reminder(struct def_loader *ld, size_t i, const struct span *span)
{
	const struct def_reminder *r = &ld->c->reminders[i];

	check_quiet_hours(ld, i);
	check_condition(ld, i);
	if (span->first.year && is_resolvable(ld->c, r))
		check_days(ld, i, span);
}

/* ---- units ---- */

static void check_unit_tiers(struct def_loader *ld)
{
	const struct campaign *c = ld->c;

	for (size_t i = 0; i < c->units->n; i++) {
		const char *tier = c->units->items[i].tier;
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = strcmp(c->units->items[k].tier, tier) != 0;
		if (first && def_find_id(c->tiers, c->n_tiers, sizeof(c->tiers[0]), tier) < 0)
			problems_warn(ld->p, c->units_file, 0,
				"unit %s is of tier \"%s\", which the definition does not have",
				c->units->items[i].code, tier);
	}
	if (c->n_tiers > 0 && c->reporting_tier >= 0 && c->units->n_reporting == 0)
		def_error(ld, def_at(ld, "units"), "no unit in %s is of tier \"%s\"", c->units_file,
			c->tiers[c->reporting_tier].id);
}

static void check_telephone(struct def_loader *ld)
{
	const char *tel = ld->c->telephone;

	if (tel && strspn(tel, "0123456789-") != strlen(tel))
		def_error(ld, def_at(ld, "telephone"),
			"telephone \"%s\": write area code, hyphen and number as in "
			"\"0471-0000000\"",
			tel);
}

void def_check(struct def_loader *ld)
{
	const struct campaign *c = ld->c;
	struct span span = span_of(c);

	check_years(ld);
	check_telephone(ld);
	check_unit_tiers(ld);
	for (size_t i = 0; i < c->n_categories; i++) {
		check_quotas(ld, i);
		check_words(ld, i);
	}
	for (size_t i = 0; i < c->n_notices; i++)
		check_notice(ld, i);
	for (size_t i = 0; i < c->n_deadlines; i++)
		check_deadline(ld, i);
	for (size_t i = 0; i < c->n_reminders; i++)
		check_reminder(ld, i, &span);
}
