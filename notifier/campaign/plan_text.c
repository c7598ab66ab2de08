/*
 * notifier/campaign/plan_text.c: what is said of one unit: figures, gaps, what is too much, materials.
 */
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/plan_text.h"

#define SPACE "\xe3\x80\x80" /* U+3000, ideographic */

enum { MAX_INDENT = 6 };

static const struct unit_facts nothing;

void plan_view_init(struct plan_view *v, const struct campaign *c, int unit,
	const struct unit_facts *f, int64_t now_ms)
{
	struct obligation all[OBLIGATION_MAX];
	size_t n;

	*v = (struct plan_view){.c = c,
		.unit = unit,
		.f = f ? f : &nothing,
		.now_ms = now_ms,
		.today = civil_of_ms(now_ms)};
	plan_dates_of(c, c->list_deadline, now_ms, &v->list);
	plan_dates_of(c, c->submit_deadline, now_ms, &v->submit);
	if (unit < 0)
		return;
	n = obligations_of(c, unit, v->f, now_ms, all);
	for (size_t i = 0; i < n; i++) {
		if (all[i].kind != OBLIGATION_QUOTA)
			continue;
		v->quotas[all[i].category] = all[i];
		v->has_quota[all[i].category] = true;
	}
}

bool plan_list_is_open(const struct plan_view *v)
{
	return v->list.is_set && v->list.days >= 0;
}

void plan_say_range(int min, int max, struct buf *out)
{
	if (min >= 0 && max >= 0 && min == max)
		buf_addf(out, "%d", min);
	else if (min >= 0 && max >= 0)
		buf_addf(out, "%d至%d", min, max);
	else if (min >= 0)
		buf_addf(out, "不少于%d", min);
	else if (max >= 0)
		buf_addf(out, "不超过%d", max);
}

static int have_of(const struct plan_view *v, size_t category)
{
	const struct fact_count *k = &v->f->counts[category];

	return k->known ? k->value : 0;
}

/* ---- one line over all categories ---- */

static void say_unit(const struct plan_view *v, struct buf *out)
{
	buf_adds(out, v->c->units->items[v->unit].name);
}

static void say_quota_line(const struct plan_view *v, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < v->c->n_categories; i++) {
		if (!v->has_quota[i])
			continue;
		buf_addf(out, "%s%s", out->len > start ? "，" : "", v->c->categories[i].short_name);
		plan_say_range(v->quotas[i].min, v->quotas[i].cap, out);
		buf_adds(out, v->c->categories[i].unit_word);
	}
}

static void say_counts(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++)
		buf_addf(out, "%s%s %d%s", i ? "，" : "", v->c->categories[i].short_name,
			have_of(v, i), v->c->categories[i].unit_word);
}

/* "工作者 1/2至4名" */
static void say_of_quota(const struct plan_view *v, size_t i, struct buf *out)
{
	buf_addf(out, "%s %d", v->c->categories[i].short_name, have_of(v, i));
	if (v->has_quota[i] && (v->quotas[i].min >= 0 || v->quotas[i].cap >= 0)) {
		buf_addc(out, '/');
		plan_say_range(v->quotas[i].min, v->quotas[i].cap, out);
	}
	buf_adds(out, v->c->categories[i].unit_word);
}

static void say_have_line(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		if (i)
			buf_adds(out, "，");
		say_of_quota(v, i, out);
	}
}

/* ---- one line per category ---- */

/* Starts the line of category I: the unit's name, or as much room on the lines below it. */
static void start_line(const struct plan_view *v, size_t i, struct buf *out)
{
	const char *name = v->c->units->items[v->unit].name;
	size_t indent = text_chars(name) + 1;

	if (i == 0) {
		buf_addf(out, "**%s**" SPACE, name);
		return;
	}
	buf_addc(out, '\n');
	for (size_t k = 0; k < indent && k < MAX_INDENT; k++)
		buf_adds(out, SPACE);
}

static void say_mark(const struct plan_view *v, size_t i, const char *between, struct buf *out)
{
	const struct obligation *o = &v->quotas[i];
	const char *word = v->c->categories[i].unit_word;

	if (!v->has_quota[i] || o->state == STATE_CLOSED)
		return;
	if (o->need > 0)
		buf_addf(out, "%s<font color=\"warning\">尚缺%d%s</font>", between, o->need, word);
	else if (o->over > 0)
		buf_addf(out, "%s<font color=\"warning\">超%d%s</font>", between, o->over, word);
}

static void say_quota_status(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		start_line(v, i, out);
		say_of_quota(v, i, out);
		say_mark(v, i, " ", out);
	}
}

static void say_cap_status(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		const char *word = v->c->categories[i].unit_word;

		start_line(v, i, out);
		buf_addf(out, "%s %d%s", v->c->categories[i].short_name, have_of(v, i), word);
		if (v->has_quota[i] && v->quotas[i].cap >= 0)
			buf_addf(out, "（上限%d%s）", v->quotas[i].cap, word);
		say_mark(v, i, "", out);
	}
}

/* "2名6户", whatever is known */
static void say_have_short(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++)
		buf_addf(out, "%d%s", have_of(v, i), v->c->categories[i].unit_word);
}

/* "工作者1名（下限2名）、好邻居12户（上限10户）": with the bound that is not kept. */
static void say_have_bounds(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		const struct obligation *o = &v->quotas[i];
		const char *word = v->c->categories[i].unit_word;

		buf_addf(out, "%s%s%d%s", i ? "、" : "", v->c->categories[i].short_name,
			have_of(v, i), word);
		if (v->has_quota[i] && o->need > 0)
			buf_addf(out, "（下限%d%s）", o->min, word);
		else if (v->has_quota[i] && o->over > 0)
			buf_addf(out, "（上限%d%s）", o->cap, word);
	}
}

/* ---- gaps ---- */

/* "1名2户" of what is needed, or of what is too much. */
static void add_amounts(const struct plan_view *v, bool over, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		int n = !v->has_quota[i] ? 0 : over ? v->quotas[i].over : v->quotas[i].need;

		if (n > 0)
			buf_addf(out, "%d%s", n, v->c->categories[i].unit_word);
	}
}

/* "纸质和电子版材料": what nobody has said to have sent. */
static void add_missing_materials(const struct plan_view *v, struct buf *out)
{
	bool paper = v->c->paper_copies > 0 && !v->f->submitted_paper;
	bool electronic = v->c->electronic && !v->f->submitted_electronic;

	if (v->f->submitted_verified || (!paper && !electronic))
		return;
	buf_addf(out, "%s材料", paper && electronic ? "纸质和电子版" : paper ? "纸质" : "电子版");
}

/* "2名5户" while the list is asked for, then "2名5户及纸质材料". */
static void add_missing(const struct plan_view *v, struct buf *out)
{
	struct buf materials;
	size_t start = out->len;

	buf_init(&materials, 256);
	if (!plan_list_is_open(v))
		add_missing_materials(v, &materials);
	add_amounts(v, false, out);
	if (materials.len)
		buf_addf(out, "%s%s", out->len > start ? "及" : "", buf_str(&materials));
	buf_fini(&materials);
}

/* An SMS takes no empty variable. */
static void say_gap(const struct plan_view *v, struct buf *out)
{
	size_t start = out->len;

	add_missing(v, out);
	if (out->len == start)
		buf_adds(out, "无");
}

/* "尚缺1名，超出2户", or ELSE_SAY. */
static void add_open(
	const struct plan_view *v, bool with_materials, const char *else_say, struct buf *out)
{
	struct buf missing, over;

	buf_init(&missing, 1024);
	buf_init(&over, 1024);
	if (with_materials)
		add_missing(v, &missing);
	else
		add_amounts(v, false, &missing);
	add_amounts(v, true, &over);
	if (missing.len)
		buf_addf(out, "尚缺%s", buf_str(&missing));
	if (over.len)
		buf_addf(out, "%s超出%s", missing.len ? "，" : "", buf_str(&over));
	if (!missing.len && !over.len)
		buf_adds(out, else_say);
	buf_fini(&missing);
	buf_fini(&over);
}

static void say_standing(const struct plan_view *v, struct buf *out)
{
	add_open(v, false, "在名额内", out);
}

static void say_open_clause(const struct plan_view *v, struct buf *out)
{
	add_open(v, true, "已登记齐全", out);
}

/* "工作者1名、好邻居2户" of what is needed, or of what is too much. */
static void say_differences(const struct plan_view *v, bool over, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < v->c->n_categories; i++) {
		int n = !v->has_quota[i] ? 0 : over ? v->quotas[i].over : v->quotas[i].need;

		if (n > 0)
			buf_addf(out, "%s%s%d%s", out->len > start ? "、" : "",
				v->c->categories[i].short_name, n, v->c->categories[i].unit_word);
	}
}

static bool has_any_quota(const struct plan_view *v)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		if (v->has_quota[i])
			return true;
	}
	return false;
}

static void say_over_sentence(const struct plan_view *v, struct buf *out)
{
	size_t start = out->len, named;

	buf_adds(out, "超出上限：");
	named = out->len;
	say_differences(v, true, out);
	if (out->len > named)
		buf_adds(out, "，请确定最终人选后更正。");
	else if (!out->error)
		out->data[out->len = start] = '\0';
}

static void say_gap_sentence(const struct plan_view *v, struct buf *out)
{
	struct buf over;
	size_t start = out->len, named;

	if (!has_any_quota(v))
		return;
	buf_adds(out, "尚缺：");
	named = out->len;
	say_differences(v, false, out);
	if (out->error)
		return;
	if (out->len > named) {
		buf_adds(out, "。");
		return;
	}
	out->data[out->len = start] = '\0';
	/* What is too much is said by its own sentence. */
	buf_init(&over, 1024);
	say_differences(v, true, &over);
	if (over.len == 0)
		buf_adds(out, "已报数均在名额内。");
	buf_fini(&over);
}

/* ---- materials ---- */

static void say_materials_line(const struct plan_view *v, struct buf *out)
{
	bool paper = v->c->paper_copies > 0, electronic = v->c->electronic;
	bool no_paper = paper && !v->f->submitted_paper;
	bool no_electronic = electronic && !v->f->submitted_electronic;

	buf_adds(out, "材料" SPACE);
	if (v->f->submitted_verified)
		buf_adds(out, "已核收");
	else if (!v->f->submitted_paper && !v->f->submitted_electronic)
		buf_adds(out, "<font color=\"warning\">未登记报送</font>");
	else if (no_electronic)
		buf_adds(out, "纸质已登记，电子版<font color=\"warning\">未登记</font>");
	else if (no_paper)
		buf_adds(out, "电子版已登记，纸质<font color=\"warning\">未登记</font>");
	else
		buf_addf(out, "%s已登记，待核收",
			paper && electronic ? "纸质和电子版均"
			: paper             ? "纸质"
					    : "电子版");
}

/* The same for an SMS. */
static void say_materials_state(const struct plan_view *v, struct buf *out)
{
	bool paper = v->c->paper_copies > 0, electronic = v->c->electronic;

	if (v->f->submitted_verified)
		buf_adds(out, "已核收");
	else if (!v->f->submitted_paper && !v->f->submitted_electronic)
		buf_adds(out, "未登记报送");
	else if (electronic && !v->f->submitted_electronic)
		buf_adds(out, "电子版未登记");
	else if (paper && !v->f->submitted_paper)
		buf_adds(out, "纸质未登记");
	else
		buf_adds(out, "已登记");
}

const struct plan_sentence plan_unit_sentences[] = {
	{"unit", say_unit},
	{"quota_line", say_quota_line},
	{"counts", say_counts},
	{"have_line", say_have_line},
	{"quota_status", say_quota_status},
	{"cap_status", say_cap_status},
	{"gap", say_gap},
	{"gap_sentence", say_gap_sentence},
	{"over_sentence", say_over_sentence},
	{"materials_line", say_materials_line},
	{"have_short", say_have_short},
	{"have_bounds", say_have_bounds},
	{"standing", say_standing},
	{"open_clause", say_open_clause},
	{"materials_state", say_materials_state},
	{0},
};
