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
		if (unit < 0 || campaign_tier_of(c, unit) != c->reporting_tier)
			def_error(ld, at,
				"unit_order: %s is not a unit that reports to the highest tier",
				code);
		else if (is_ordered(u, unit))
			def_error(ld, at, "unit_order: %s stands here twice", code);
		else
			u->order[u->n_reporting++] = unit;
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

void def_check(struct def_loader *ld)
{
	(void)ld;
}
