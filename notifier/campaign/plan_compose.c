/*
 * notifier/campaign/plan_compose.c: what one recipient reads: the heading of the most urgent point and a line for
 * each open one, or, for the tier above, one line per unit in administrative order.
 *
 * An SMS is one template, that of its most urgent point. All figures and days are those of the message's nominal instant.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan_internal.h"

enum {
	MAX_GROUP_BYTES =
		4096,         /* markdown of a group robot, document 91770, 2022; mentions count */
	MAX_ROW_BYTES = 3200, /* of a digest: what remains is its heading and mentions */
	MAX_TEXT_BYTES = 64 * 1024,
	MENTION_BYTES = 4, /* "<@" ">" and the blank before it */
	DAY_ENDS = 20 * 60,
};

static const struct def_reminder *reminder_of(
	const struct plan_input *in, const struct plan_point *p)
{
	return &in->c->reminders[p->reminder];
}

/* ---- lines ---- */

static int render(const struct plan_input *in, const char *id, const struct plan_draft *d,
	const struct plan_vars *vars, struct buf *out, struct sw_err *err)
{
	return template_render(in->t, id, d->to.channel, vars->vars, vars->n, out, err);
}

/* One line for each kind of line among the points; a kind stands once. */
static int add_lines(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *const *points, const struct plan_vars *vars, struct buf *out,
	struct sw_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < d->n_points && rc == 0; i++) {
		const char *line = reminder_of(in, points[i])->line_template;
		bool is_new = line[0] != '\0';

		for (size_t k = 0; k < i; k++)
			is_new = is_new &&
				 strcmp(reminder_of(in, points[k])->line_template, line) != 0;
		if (!is_new)
			continue;
		if (out->len)
			rc = buf_addc(out, '\n');
		if (rc == 0)
			rc = render(in, line, d, vars, out, err);
	}
	return rc;
}

/* "民政局 赵六、文明办 钱七": whom to telephone. */
static int set_contacts_line(const struct plan_input *in, int unit, struct plan_vars *vars)
{
	struct buf b;
	int rc;

	buf_init(&b, 2048);
	for (size_t dep = 0; dep < in->c->n_departments; dep++) {
		for (size_t i = 0; i < in->contacts->n && b.len < 512; i++) {
			const struct contact *k = &in->contacts->items[i];

			if (k->unit != unit || k->role != ROLE_DEPARTMENT ||
				k->department != (int)dep)
				continue;
			buf_addf(&b, "%s%s %s", b.len ? "、" : "",
				in->c->departments[dep].short_name, k->name);
		}
	}
	rc = b.error ? b.error
		     : plan_vars_set(
			       vars, "contacts_line", b.len ? buf_str(&b) : "未登记联系人", true);
	buf_fini(&b);
	return rc;
}

/* ---- how often somebody was told ---- */

static int64_t last_reply_ms(const struct unit_facts *f)
{
	int64_t last = f->ack_ms > f->report_ms ? f->ack_ms : f->report_ms;

	return f->submitted_ms > last ? f->submitted_ms : last;
}

int plan_set_reminded(
	const struct plan_input *in, int unit, int64_t nominal_ms, struct plan_vars *vars)
{
	int64_t replied = last_reply_ms(&in->facts[unit]), last = 0;
	int all = 0, since = 0;
	char when[48], text[96];
	int rc;

	for (size_t i = 0; in->reminded_ms && i < PLAN_REMINDED && in->reminded_ms[unit][i]; i++) {
		int64_t ms = in->reminded_ms[unit][i];

		if (ms >= nominal_ms)
			continue;
		last = last ? last : ms;
		all++;
		since += ms > replied;
	}
	if (all)
		snprintf(text, sizeof(text), "%d次，最近%s", since ? since : all,
			civil_say_time(last, when, sizeof(when)));
	else
		snprintf(text, sizeof(text), "0次");
	rc = plan_vars_set(vars, "reminded", text, false);
	if (since || !replied)
		snprintf(text, sizeof(text), "未见回复");
	else
		snprintf(text, sizeof(text), "最近回复%s",
			civil_say_time(replied, when, sizeof(when)));
	return rc == 0 ? plan_vars_set(vars, "replied", text, false) : rc;
}

/* ---- rows ---- */

static int add_row(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *p, size_t row, struct buf *out, struct sw_err *err)
{
	char id[DEF_ID + 4], number[24];
	struct plan_vars vars = {0};
	int rc = plan_vars_fill(in->c, p->unit, &in->facts[p->unit], d->nominal_ms, &vars);

	snprintf(id, sizeof(id), "%s-ROW", reminder_of(in, p)->line_template);
	snprintf(number, sizeof(number), "%zu", row);
	if (rc == 0)
		rc = plan_vars_set(&vars, "row", number, false);
	if (rc == 0)
		rc = set_contacts_line(in, p->unit, &vars);
	if (rc == 0)
		rc = plan_set_reminded(in, p->unit, d->nominal_ms, &vars);
	if (rc == 0 && out->len)
		rc = buf_addc(out, '\n');
	if (rc == 0)
		rc = render(in, id, d, &vars, out, err);
	plan_vars_fini(&vars);
	return rc;
}

/* The most urgent point of UNIT that has a line; NULL: none. POINTS are in the order of urgency. */
static const struct plan_point *row_of(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *const *points, int unit)
{
	for (size_t i = 0; i < d->n_points; i++) {
		if (points[i]->unit == unit && reminder_of(in, points[i])->line_template[0])
			return points[i];
	}
	return NULL;
}

static int add_more(const struct plan_input *in, const struct plan_draft *d, size_t more,
	struct buf *out, struct sw_err *err)
{
	struct plan_vars vars = {0};
	char number[24];
	int rc;

	snprintf(number, sizeof(number), "%zu", more);
	rc = plan_vars_set(&vars, "more", number, false);
	if (rc == 0)
		rc = buf_addc(out, '\n');
	if (rc == 0)
		rc = render(in, "L-MORE", d, &vars, out, err);
	plan_vars_fini(&vars);
	return rc;
}

/* One row per unit, administrative order; what no message can hold is counted in its last row. */
static int add_rows(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *const *points, struct buf *out, size_t *ret_units,
	struct sw_err *err)
{
	const struct units *u = in->c->units;
	size_t n = 0, more = 0;
	int rc = 0;

	for (size_t i = 0; i < u->n_reporting && rc == 0; i++) {
		const struct plan_point *p = row_of(in, d, points, u->order[i]);

		if (!p)
			continue;
		n++;
		if (out->len > MAX_ROW_BYTES)
			more++;
		else
			rc = add_row(in, d, p, n, out, err);
	}
	*ret_units = n;
	return rc == 0 && more ? add_more(in, d, more, out, err) : rc;
}

/* ---- who is mentioned ---- */

static void mention_department(
	const struct plan_input *in, int unit, int department, size_t *room, struct plan_message *m)
{
	for (size_t i = 0; i < in->contacts->n; i++) {
		const struct contact *k = &in->contacts->items[i];
		size_t bytes = strlen(k->userid) + MENTION_BYTES;

		if (k->unit != unit || k->role != ROLE_DEPARTMENT || !k->userid[0] ||
			k->department != department)
			continue;
		if (m->n_mentions == ARRAY_LEN(m->mentions) || bytes > *room)
			return;
		m->mentions[m->n_mentions++] = (int)i;
		*room -= bytes;
	}
}

/* The leading department first; contacts without a department are everybody's. */
static void add_mentions(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *heading, struct plan_message *m)
{
	size_t used = strlen(m->text), room = used < MAX_GROUP_BYTES ? MAX_GROUP_BYTES - used : 0;
	int lead = in->c->n_categories
			   ? in->c->categories[plan_condition_category(in, heading, d->nominal_ms)]
				     .lead
			   : -1;

	for (int step = 0; step < 2; step++) {
		for (int dep = 0; dep < (int)in->c->n_departments; dep++) {
			if ((dep == lead) == (step == 0) && d->departments & UINT32_C(1) << dep)
				mention_department(in, d->to.group_unit, dep, &room, m);
		}
	}
	if (d->departments == UINT32_MAX)
		mention_department(in, d->to.group_unit, -1, &room, m);
}

/* ---- the message ---- */

static void sort_by_urgency(
	const struct plan_input *in, const struct plan_draft *d, const struct plan_point **ret)
{
	for (size_t i = 0; i < d->n_points; i++) {
		size_t k = i;

		/* A stable insertion: equal ones keep their order. */
		while (k > 0 && reminder_of(in, ret[k - 1])->urgency <
					reminder_of(in, d->points[i])->urgency) {
			ret[k] = ret[k - 1];
			k--;
		}
		ret[k] = d->points[i];
	}
}

static void name_job(
	const struct plan_input *in, const struct plan_draft *d, struct plan_message *m)
{
	struct civil day = civil_of_ms(d->nominal_ms);
	unsigned minute = (unsigned)civil_minute_of_ms(d->nominal_ms) % (24 * 60);
	bool alone = d->to.contact >= 0;

	snprintf(m->job, sizeof(m->job), "rm/%s/%s/%s/%04u%02u%02u/%02u%02u%s%.24s", in->c->id,
		in->c->units->items[d->unit].code, d->to.channel, (unsigned)day.year % 10000,
		day.month % 100u, day.day % 100u, minute / 60, minute % 60, alone ? "/" : "",
		alone ? d->to.key : "");
}

/* Text and parameters of an SMS about one unit. */
static int write_sms(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *most_urgent, struct plan_message *m, struct sw_err *err)
{
	const char *id = reminder_of(in, most_urgent)->sms;
	struct plan_vars vars = {0};
	struct buf text, params;
	int rc;

	buf_init(&text, MAX_TEXT_BYTES);
	buf_init(&params, MAX_TEXT_BYTES);
	rc = text_copy(m->template_id, sizeof(m->template_id), id);
	if (rc == 0)
		rc = plan_vars_fill(in->c, d->unit, &in->facts[d->unit], d->nominal_ms, &vars);
	if (rc == 0)
		rc = plan_set_reminded(in, d->unit, d->nominal_ms, &vars);
	if (rc == 0)
		rc = render(in, id, d, &vars, &text, err);
	if (rc == 0)
		rc = template_params(in->t, id, vars.vars, vars.n, &params, err);
	if (rc == 0) {
		m->text = buf_take(&text);
		m->params = buf_take(&params);
		rc = m->text && m->params ? 0 : -ENOMEM;
	}
	plan_vars_fini(&vars);
	buf_fini(&text);
	buf_fini(&params);
	return rc;
}

static int write_text(const struct plan_input *in, const struct plan_draft *d,
	const struct plan_point *const *points, char **ret, struct sw_err *err)
{
	const struct def_reminder *heading = reminder_of(in, points[0]);
	struct plan_vars vars = {0};
	struct buf lines, text;
	size_t n_units = 1;
	char number[24];
	int rc;

	buf_init(&lines, MAX_TEXT_BYTES);
	buf_init(&text, MAX_TEXT_BYTES);
	rc = plan_vars_fill(in->c, d->unit, &in->facts[d->unit], d->nominal_ms, &vars);
	if (rc == 0)
		rc = plan_set_reminded(in, d->unit, d->nominal_ms, &vars);
	if (rc == 0)
		rc = d->is_digest ? add_rows(in, d, points, &lines, &n_units, err)
				  : add_lines(in, d, points, &vars, &lines, err);
	snprintf(number, sizeof(number), "%zu", n_units);
	if (rc == 0)
		rc = plan_vars_set(&vars, "lines", buf_str(&lines), false);
	if (rc == 0)
		rc = plan_vars_set(&vars, "n_units", number, false);
	if (rc == 0)
		rc = render(in, heading->heading, d, &vars, &text, err);
	/* A heading without room for lines was not written for company. */
	if (rc == 0 && lines.len && !strstr(buf_str(&text), buf_str(&lines)))
		rc = buf_addf(&text, "\n\n%s", buf_str(&lines));
	if (rc == 0) {
		*ret = buf_take(&text);
		rc = *ret ? 0 : -ENOMEM;
	}
	plan_vars_fini(&vars);
	buf_fini(&lines);
	buf_fini(&text);
	return rc;
}

int plan_compose(const struct plan_input *in, const struct plan_draft *d, struct plan_message *ret,
	struct sw_err *err)
{
	struct plan_message m = {.to = d->to,
		.unit = d->unit,
		.nominal_ms = d->nominal_ms,
		.due_ms = plan_spread_ms(in->c, d->unit, d->nominal_ms),
		.expires_ms = civil_at_ms(civil_of_ms(d->nominal_ms), DAY_ENDS),
		.markdown = !strcmp(d->to.channel, "robot"),
		.n_points = d->n_points};
	int rc;

	sort_by_urgency(in, d, m.points);
	rc = strcmp(d->to.channel, "sms") ? write_text(in, d, m.points, &m.text, err)
					  : write_sms(in, d, m.points[0], &m, err);
	if (rc < 0) {
		free(m.text);
		free(m.params);
		if (err && !err->code)
			err_set(err, rc, "plan: the text of %s cannot be written: %s",
				m.points[0]->id, err_name(rc));
		return rc;
	}
	if (m.markdown && strlen(m.text) > MAX_GROUP_BYTES) {
		free(m.text);
		free(m.params);
		return err_set(err, SW_ELIMIT, "plan: the message of %s is longer than %d bytes",
			m.points[0]->id, (int)MAX_GROUP_BYTES);
	}
	if (m.to.group_unit >= 0)
		add_mentions(in, d, m.points[0], &m);
	name_job(in, d, &m);
	*ret = m;
	return 0;
}
