/*
 * notifier/campaign/plan_days.c: what is said of the campaign and of days: deadlines, what is left, notices.
 *
 * Sentences stay true on any day: a text that is sent late must not say "today" of yesterday.
 */
#include <string.h>

#include "core/base/num.h"
#include "notifier/campaign/plan_text.h"

enum { DAY_TEXT = 48, FEW_WORKDAYS = 6 };

static void add_date(struct civil d, struct buf *out)
{
	char text[DAY_TEXT];

	buf_adds(out, civil_say_date(d, text, sizeof(text)));
}

static void add_long(struct civil d, struct buf *out)
{
	char text[DAY_TEXT];

	buf_adds(out, civil_say_long(d, text, sizeof(text)));
}

/* An SMS has no room for 星期六. */
static const char *short_weekday(struct civil d)
{
	static const char *const names[] = {"周一", "周二", "周三", "周四", "周五", "周六", "周日"};

	return names[civil_weekday(d) - 1];
}

/* "8月20日（周六）" */
static void add_short(struct civil d, struct buf *out)
{
	add_date(d, out);
	buf_addf(out, "（%s）", short_weekday(d));
}

/* ---- deadlines ---- */

void plan_dates_of(const struct campaign *c, int deadline, int64_t now_ms, struct plan_dates *ret)
{
	struct plan_dates d = {.is_set = deadline >= 0};
	struct civil today = civil_of_ms(now_ms), from = today;

	*ret = d;
	if (!d.is_set)
		return;
	d.due = civil_of_ms(c->deadlines[deadline].due_ms);
	d.workday = civil_of_ms(c->deadlines[deadline].remind_as_if_ms);
	d.days = civil_diff(d.due, today);
	/* Until the end of office hours the day itself is left. */
	if (civil_minute_of_ms(now_ms) >= c->day_end_minute)
		from = civil_add(from, 1);
	if (calendar_count(c->calendar, from, d.workday, &d.workdays, NULL) < 0)
		d.workdays = 0;
	*ret = d;
}

static void say_list_due(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		add_long(v->list.due, out);
}

static void say_list_due_date(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		add_date(v->list.due, out);
}

static void say_list_due_short(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		add_short(v->list.due, out);
}

static void say_list_days_left(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		buf_addf(out, "%d", v->list.days > 0 ? v->list.days : 0);
}

static void say_list_workdays_left(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		buf_addf(out, "%d", v->list.workdays);
}

static void add_when(int days, struct buf *out)
{
	if (days < 0)
		buf_adds(out, "已截止");
	else if (days == 0)
		buf_adds(out, "今天截止");
	else if (days == 1)
		buf_adds(out, "明天截止");
	else
		buf_addf(out, "还有%d天", days);
}

static void say_list_when(const struct plan_view *v, struct buf *out)
{
	if (v->list.is_set)
		add_when(v->list.days, out);
}

static void say_submit_due(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_long(v->submit.due, out);
}

static void say_submit_due_date(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_date(v->submit.due, out);
}

static void say_submit_due_short(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_short(v->submit.due, out);
}

static void say_submit_workday_short(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_short(v->submit.workday, out);
}

static void say_submit_workday(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_long(v->submit.workday, out);
}

static void say_submit_workday_date(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		add_date(v->submit.workday, out);
}

static void say_submit_when(const struct plan_view *v, struct buf *out)
{
	if (!v->submit.is_set)
		return;
	if (civil_cmp(v->today, v->submit.workday) == 0 && v->submit.days > 0)
		buf_adds(out, "今天是最后一个工作日");
	else
		add_when(v->submit.days, out);
}

static void say_days_left(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		buf_addf(out, "%d", v->submit.days > 0 ? v->submit.days : 0);
}

static void say_days_over(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		buf_addf(out, "%d", v->submit.days < 0 ? -v->submit.days : 0);
}

static void say_workdays_left(const struct plan_view *v, struct buf *out)
{
	if (v->submit.is_set)
		buf_addf(out, "%d", v->submit.workdays);
}

/* The deadline is a rest day: which day to plan for. */
static void say_submit_rest_sentence(const struct plan_view *v, struct buf *out)
{
	if (!v->submit.is_set || civil_cmp(v->submit.due, v->submit.workday) == 0)
		return;
	add_date(v->submit.due, out);
	buf_addf(out, "为%s，请按 <font color=\"warning\">",
		civil_say_weekday(civil_weekday(v->submit.due)));
	add_long(v->submit.workday, out);
	buf_adds(out, "</font> 安排送达。");
}

static void say_workdays_sentence(const struct plan_view *v, struct buf *out)
{
	if (!v->submit.is_set)
		return;
	if (v->submit.days < 0) {
		buf_adds(out, "报送已于");
		add_date(v->submit.due, out);
		buf_adds(out, "截止。");
	} else if (v->submit.days == 0) {
		buf_adds(out, "报送今天（");
		add_date(v->submit.due, out);
		buf_adds(out, "）截止。");
	} else if (v->submit.workdays == 0) {
		buf_adds(out, "报送截止");
		add_long(v->submit.due, out);
		buf_adds(out, "。");
	} else if (civil_cmp(v->today, v->submit.workday) == 0) {
		buf_adds(out, "今天（");
		add_date(v->submit.workday, out);
		buf_adds(out, "）是最后一个工作日。");
	} else if (civil_diff(v->submit.workday, v->today) == 1) {
		buf_adds(out, "明天（");
		add_date(v->submit.workday, out);
		buf_addf(out, "，%s）是最后一个工作日。",
			civil_say_weekday(civil_weekday(v->submit.workday)));
	} else {
		buf_adds(out, "从今天起到最后一个工作日");
		add_long(v->submit.workday, out);
		buf_addf(out, "，%s **%d个工作日**。",
			v->submit.workdays <= FEW_WORKDAYS ? "只剩" : "共", v->submit.workdays);
	}
}

/* The next deadline of the two. */
static void say_deadline_sentence(const struct plan_view *v, struct buf *out)
{
	if (!v->list.is_set || v->list.days < 0) {
		say_workdays_sentence(v, out);
		return;
	}
	buf_addf(out, "%s", v->c->deadlines[v->c->list_deadline].what);
	buf_adds(out, v->list.days == 0 ? "今天（" : v->list.days == 1 ? "明天（" : "");
	if (v->list.days > 1)
		add_long(v->list.due, out);
	else
		add_date(v->list.due, out);
	buf_adds(out, v->list.days <= 1 ? "）截止。" : "截止。");
}

/* The day to be ready by: of the list while it is asked for, else the day to plan the materials for. */
static void say_next_due_date(const struct plan_view *v, struct buf *out)
{
	if (plan_list_is_open(v))
		add_date(v->list.due, out);
	else
		say_submit_workday_date(v, out);
}

/* The same as a clause, which says so when the deadline is a rest day, or over. */
static void say_due_clause(const struct plan_view *v, struct buf *out)
{
	if (plan_list_is_open(v)) {
		add_date(v->list.due, out);
		buf_addf(out, "前须报送%s", v->c->deadlines[v->c->list_deadline].what);
	} else if (v->submit.is_set && v->submit.days < 0) {
		buf_adds(out, "报送已于");
		add_date(v->submit.due, out);
		buf_adds(out, "截止");
	} else if (v->submit.is_set) {
		add_date(v->submit.workday, out);
		buf_adds(out, "前须送达");
		if (civil_cmp(v->submit.due, v->submit.workday) == 0)
			return;
		buf_adds(out, "（");
		add_date(v->submit.due, out);
		buf_addf(out, "为%s）", short_weekday(v->submit.due));
	}
}

/* The first working day after the deadline: an example of a day that needs an extension. */
static void say_extension_date(const struct plan_view *v, struct buf *out)
{
	struct civil next;

	if (v->submit.is_set &&
		calendar_forward(v->c->calendar, v->submit.due, 1, &next, NULL) == 0)
		add_date(next, out);
}

/* ---- the campaign ---- */

static void say_title(const struct plan_view *v, struct buf *out)
{
	buf_adds(out, v->c->title ? v->c->title : "");
}

static void say_doc_no(const struct plan_view *v, struct buf *out)
{
	buf_adds(out, v->c->doc_no ? v->c->doc_no : "");
}

static void say_tel(const struct plan_view *v, struct buf *out)
{
	buf_adds(out, v->c->telephone ? v->c->telephone : "");
}

static void say_date(const struct plan_view *v, struct buf *out)
{
	add_long(v->today, out);
}

static void say_time(const struct plan_view *v, struct buf *out)
{
	char text[DAY_TEXT];

	buf_adds(out, civil_say_time(v->now_ms, text, sizeof(text)));
}

static void say_delivery(const struct plan_view *v, struct buf *out)
{
	char n[16];

	if (v->c->paper_copies > 1)
		buf_addf(out, "纸质一式%s份", num_say_han(v->c->paper_copies, n, sizeof(n)));
	else if (v->c->paper_copies == 1)
		buf_adds(out, "纸质一份");
	if (v->c->electronic)
		buf_addf(out, "%s电子版", v->c->paper_copies > 0 ? "及" : "");
}

/* Names of the definition may be written with half-width brackets; texts are not. */
static void add_name(const char *s, struct buf *out)
{
	for (; *s; s++) {
		if (*s == '(')
			buf_adds(out, "（");
		else if (*s == ')')
			buf_adds(out, "）");
		else
			buf_addc(out, *s);
	}
}

static void say_material_list(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		const struct def_category *cat = &v->c->categories[i];

		buf_addf(out, "%s**%s**", i ? "\n" : "", cat->short_name);
		for (size_t k = 0; k < cat->n_materials; k++) {
			buf_addf(out, "\n> %zu. ", k + 1);
			add_name(v->c->materials[cat->materials[k]].name, out);
		}
	}
}

static void say_item_list(const struct plan_view *v, struct buf *out)
{
	for (size_t i = 0; i < v->c->n_categories; i++) {
		const struct def_category *cat = &v->c->categories[i];

		buf_addf(out, "%s%s：", i ? "；" : "", cat->short_name);
		for (size_t k = 0; k < cat->n_materials; k++) {
			buf_addf(out, "%zu", k + 1);
			add_name(v->c->materials[cat->materials[k]].short_name, out);
		}
	}
}

/* ---- the public notice below the reporting units ---- */

static const struct def_notice *notice_of(const struct campaign *c)
{
	for (size_t i = 0; i < c->n_notices; i++) {
		if (c->tiers[c->notices[i].tier].parent >= 0)
			return &c->notices[i];
	}
	return NULL;
}

/* The end of a notice posted on START. */
static bool notice_end(
	const struct campaign *c, const struct def_notice *n, struct civil start, struct civil *ret)
{
	if (!n->workdays) {
		*ret = civil_add(start, c->count_start_day ? n->days - 1 : n->days);
		return true;
	}
	return calendar_notice_end(c->calendar, start, n->days, c->count_start_day, ret, NULL) == 0;
}

/* The latest working day on which both ways of counting end in time. */
static bool safe_start(const struct campaign *c, const struct def_notice *n, struct civil *ret)
{
	struct civil d;
	bool workday = false;

	if (!n->must_end_by.year)
		return false;
	d = civil_add(n->must_end_by, -n->days);
	if (n->workdays &&
		calendar_latest_start(c->calendar, n->must_end_by, n->days, false, &d, NULL) < 0)
		return false;
	if (calendar_is_workday(c->calendar, d, &workday, NULL) < 0)
		return false;
	/* Nobody posts a notice on a Sunday. */
	if (!workday && calendar_back(c->calendar, d, 1, &d, NULL) < 0)
		return false;
	*ret = d;
	return true;
}

static void say_notice_days(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);

	if (n)
		buf_addf(out, "%d%s", n->days, n->workdays ? "个工作日" : "天");
}

static void say_notice_safe_start(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);
	struct civil d;

	if (n && safe_start(v->c, n, &d))
		add_long(d, out);
}

static void say_notice_safe_start_short(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);
	struct civil d;

	if (n && safe_start(v->c, n, &d))
		add_short(d, out);
}

static void add_notice(struct civil start, struct civil end, struct buf *out)
{
	buf_adds(out, "公示");
	add_date(start, out);
	buf_adds(out, "至");
	add_date(end, out);
}

static void say_notice_example(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);
	struct civil start, end;

	if (!n || !safe_start(v->c, n, &start) || !notice_end(v->c, n, start, &end))
		return;
	add_notice(start, end, out);
}

/* The reply that names a notice posted today. */
static void say_notice_today(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);
	struct civil end;

	if (n && notice_end(v->c, n, v->today, &end))
		add_notice(v->today, end, out);
}

static void say_notice_start(const struct plan_view *v, struct buf *out)
{
	add_date(v->today, out);
}

static void say_notice_end(const struct plan_view *v, struct buf *out)
{
	const struct def_notice *n = notice_of(v->c);
	struct civil end;

	if (n && notice_end(v->c, n, v->today, &end))
		add_date(end, out);
}

void plan_say_phase(const struct def_phase *p, struct buf *out)
{
	add_date(p->start, out);
	buf_adds(out, "至");
	add_date(p->end, out);
}

const struct plan_sentence plan_campaign_sentences[] = {
	{"title", say_title},
	{"doc_no", say_doc_no},
	{"tel", say_tel},
	{"date", say_date},
	{"time", say_time},
	{"list_due", say_list_due},
	{"list_due_date", say_list_due_date},
	{"list_days_left", say_list_days_left},
	{"list_workdays_left", say_list_workdays_left},
	{"list_when", say_list_when},
	{"submit_due", say_submit_due},
	{"submit_due_date", say_submit_due_date},
	{"submit_workday", say_submit_workday},
	{"submit_workday_date", say_submit_workday_date},
	{"submit_when", say_submit_when},
	{"submit_rest_sentence", say_submit_rest_sentence},
	{"days_left", say_days_left},
	{"workdays_left", say_workdays_left},
	{"workdays_sentence", say_workdays_sentence},
	{"deadline_sentence", say_deadline_sentence},
	{"delivery", say_delivery},
	{"material_list", say_material_list},
	{"item_list", say_item_list},
	{"notice_days", say_notice_days},
	{"notice_safe_start", say_notice_safe_start},
	{"notice_example", say_notice_example},
	{"notice_start", say_notice_start},
	{"notice_end", say_notice_end},
	{"extension_date", say_extension_date},
	{"list_due_short", say_list_due_short},
	{"submit_due_short", say_submit_due_short},
	{"submit_workday_short", say_submit_workday_short},
	{"notice_safe_start_short", say_notice_safe_start_short},
	{"notice_today", say_notice_today},
	{"days_over", say_days_over},
	{"next_due_date", say_next_due_date},
	{"due_clause", say_due_clause},
	{0},
};
