/*
 * notifier/campaign/preview.c: headings through the same composition as real messages, lines and answers filled in
 * by themselves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/campaign/plan_internal.h"
#include "notifier/campaign/preview.h"

static bool is_top(const struct campaign *c, int unit)
{
	int tier = campaign_tier_of(c, unit);

	return tier >= 0 && c->tiers[tier].parent < 0;
}

/* Is ID the row of a digest that stands for LINE? */
static bool is_row_of(const char *id, const char *line)
{
	size_t n = strlen(line);

	return n && !strncmp(id, line, n) && !strcmp(id + n, "-ROW");
}

/* ---- headings ---- */

static bool falls_on(const struct campaign *c, size_t reminder, int64_t at_ms)
{
	int64_t *all = calloc(DEF_MAX_OCCASIONS, sizeof(*all));
	size_t n = all ? campaign_occasions(c, (int)reminder, all) : 0;
	bool found = false;

	for (size_t i = 0; i < n; i++)
		found = found || civil_cmp(civil_of_ms(all[i]), civil_of_ms(at_ms)) == 0;
	free(all);
	return found;
}

/* Points of the reminders that ID heads (those of the day, or ANY), about UNIT or about all that report to it. */
static size_t add_points(const struct campaign *c, const char *id, int unit, int64_t at_ms,
	bool any, struct plan_point *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_reminders; i++) {
		const struct def_reminder *r = &c->reminders[i];

		if (!r->supported || r->by_sms || strcmp(r->heading, id) != 0 ||
			(!any && !falls_on(c, i, at_ms)))
			continue;
		if (!is_top(c, unit) && n < max)
			ret[n++] = (struct plan_point){
				.reminder = (int)i, .unit = unit, .due_ms = at_ms};
		for (size_t k = 0; is_top(c, unit) && k < c->units->n_reporting && n < max; k++)
			ret[n++] = (struct plan_point){
				.reminder = (int)i, .unit = c->units->order[k], .due_ms = at_ms};
	}
	return n;
}

static int preview_heading(const struct plan_input *in, const char *channel, int unit,
	const struct plan_point *points, size_t n, struct buf *out, struct sw_err *err)
{
	struct plan_draft *d = calloc(1, sizeof(*d));
	struct plan_message *m = calloc(1, sizeof(*m));
	int rc = d && m ? 0 : -ENOMEM;

	if (rc == 0) {
		*d = (struct plan_draft){
			.to = {.group_unit = !strcmp(channel, "robot") ? unit : -1, .contact = -1},
			.unit = unit,
			.is_digest = is_top(in->c, unit),
			.nominal_ms = in->now_ms,
			.n_points = n};
		for (size_t i = 0; i < n; i++)
			d->points[i] = &points[i];
		rc = text_copy(d->to.channel, sizeof(d->to.channel), channel);
	}
	if (rc == 0)
		rc = plan_compose(in, d, m, err);
	if (rc == 0)
		rc = buf_adds(out, m->text);
	if (m) {
		free(m->text);
		free(m->params);
	}
	free(m);
	free(d);
	return rc;
}

/* ---- lines and answers ---- */

struct blanks {
	struct plan_vars *vars;
	int rc;
};

/* What nobody works out, a person or another part of the program fills in: shown as its name. */
static void set_blank(void *ctx, const char *name)
{
	struct blanks *b = ctx;
	char text[128];

	for (size_t i = 0; i < b->vars->n; i++) {
		if (!strcmp(b->vars->vars[i].name, name))
			return;
	}
	snprintf(text, sizeof(text), "（%s）", name);
	if (b->rc == 0 && strcmp(name, "at") != 0)
		b->rc = plan_vars_set(b->vars, name, text, false);
}

static bool is_given_by_hand(const char *id)
{
	return text_starts(id, "S-") || text_starts(id, "P-");
}

static int preview_plain(const struct plan_input *in, const char *id, const char *channel, int unit,
	struct buf *out, struct sw_err *err)
{
	struct answer_input answer = {.c = in->c,
		.unit = unit,
		.facts = unit >= 0 ? &in->facts[unit] : NULL,
		.who = "（登记人）",
		.now_ms = in->now_ms};
	struct plan_vars vars = {0};
	struct blanks blanks = {.vars = &vars};
	int rc = answer_vars(&answer, &vars);

	if (rc == 0 && unit >= 0)
		rc = plan_set_reminded(in, unit, in->now_ms, &vars);
	if (rc == 0 && is_given_by_hand(id) && (unit >= 0 || text_starts(id, "P-"))) {
		template_each_var(in->t, id, channel, set_blank, &blanks);
		rc = blanks.rc;
	}
	if (rc == 0)
		rc = plan_vars_set(&vars, "row", "1", false);
	if (rc == 0)
		rc = plan_vars_set(&vars, "more", "1", false);
	if (rc == 0)
		rc = plan_vars_set(&vars, "contacts_line", "（联系人）", false);
	if (rc == 0)
		rc = plan_vars_set(&vars, "lines", "", false);
	if (rc == 0)
		rc = plan_vars_set(&vars, "n_units", "1", false);
	if (rc == 0)
		rc = template_render(in->t, id, channel, vars.vars, vars.n, out, err);
	plan_vars_fini(&vars);
	return rc;
}

int preview_text(const struct plan_input *in, const char *id, const char *channel, int unit,
	struct buf *out, struct sw_err *err)
{
	struct plan_point points[PLAN_MAX_POINTS];
	size_t n;

	if (!templates_has(in->t, id, channel))
		return err_set(err, SW_ENOENT, "there is no template %s", id);
	n = unit >= 0 ? add_points(in->c, id, unit, in->now_ms, false, points, ARRAY_LEN(points))
		      : 0;
	if (unit >= 0 && n == 0)
		n = add_points(in->c, id, unit, in->now_ms, true, points, ARRAY_LEN(points));
	return n ? preview_heading(in, channel, unit, points, n, out, err)
		 : preview_plain(in, id, channel, unit, out, err);
}

int64_t preview_first_use_ms(const struct campaign *c, const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct def_reminder *r = &c->reminders[plan->points[i].reminder];

		if (!strcmp(r->heading, id) || !strcmp(r->line_template, id) ||
			!strcmp(r->sms, id) || is_row_of(id, r->line_template))
			return plan->points[i].due_ms;
	}
	return plan->n ? plan->points[0].due_ms : 0;
}
