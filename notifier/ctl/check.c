/*
 * notifier/ctl/check.c: "shouwang check": everything that is wrong with a file before it is used, and for a
 * campaign definition every date that follows from it.
 *
 * A definition is told from a service configuration by its settings, found by a look at the text, because
 * a file with a syntax error must be told apart too.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "notifier/ctl/command.h"
#include "notifier/ctl/offline.h"

enum { MAX_FILE_BYTES = 4 * 1024 * 1024 };

/* ---- what kind of file ---- */

/* Does a line of TEXT open the setting NAME? */
static bool has_setting(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = text; *s;) {
		s += strspn(s, " \t\xef\xbb\xbf");
		if (!strncmp(s, name, n)) {
			const char *after = s + n + strspn(s + n, " \t");

			if (*after == '=' || *after == ':' || text_starts(after, "：") ||
				text_starts(after, "＝"))
				return true;
		}
		s += strcspn(s, "\n");
		s += *s == '\n';
	}
	return false;
}

/* Two of these are enough: one may be misspelt or missing, which is for the loader to say. */
static bool is_definition(const char *text)
{
	static const char *const marks[] = {
		"format", "categories", "phases", "tiers", "departments", "reminders"};
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		found += has_setting(text, marks[i]);
	return found >= 2;
}

/* ---- the resolved plan, as data ---- */

static json_t *day_json(struct civil d)
{
	char text[32];

	return json_string(civil_format(d, text, sizeof(text)));
}

static json_t *instant_json(int64_t ms)
{
	char text[40];

	return json_string(civil_format_ms(ms, text, sizeof(text)));
}

static json_t *phases_json(const struct campaign *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_phases; i++) {
		const struct def_phase *ph = &c->phases[i];
		int workdays = 0;

		if (calendar_count(c->calendar, ph->start, ph->end, &workdays, NULL) < 0)
			workdays = 0;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:s, s:o, s:s, s:i, s:b}", "id", ph->id, "name",
				ph->name, "start", day_json(ph->start), "start_weekday",
				ctl_weekday(ph->start), "end", day_json(ph->end), "end_weekday",
				ctl_weekday(ph->end), "workdays", workdays, "end_is_approximate",
				(int)ph->end_is_approximate));
	}
	return list;
}

struct notice_plan {
	struct civil counted, not_counted; /* latest starts */
	struct civil safe;                 /* last working day right under both countings */
};

static int plan_notice(
	const struct campaign *c, const struct def_notice *n, struct notice_plan *ret)
{
	struct civil first;
	bool workday = false;
	int rc = 0;

	if (n->workdays) {
		rc = calendar_latest_start(
			c->calendar, n->must_end_by, n->days, true, &ret->counted, NULL);
		if (rc == 0)
			rc = calendar_latest_start(c->calendar, n->must_end_by, n->days, false,
				&ret->not_counted, NULL);
	} else {
		ret->counted = civil_add(n->must_end_by, 1 - n->days);
		ret->not_counted = civil_add(n->must_end_by, -n->days);
	}
	if (rc < 0)
		return rc;
	first = ret->not_counted;
	rc = calendar_is_workday(c->calendar, first, &workday, NULL);
	if (rc < 0)
		return rc;
	ret->safe = first;
	return workday ? 0 : calendar_back(c->calendar, first, 1, &ret->safe, NULL);
}

static json_t *notices_json(const struct campaign *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_notices; i++) {
		const struct def_notice *n = &c->notices[i];
		struct notice_plan plan;

		if (plan_notice(c, n, &plan) < 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i, s:b, s:o, s:{s:o, s:o, s:o}}", "id", n->id,
				      "phase", c->phases[n->phase].id, "days", n->days, "workdays",
				      (int)n->workdays, "must_end_by", day_json(n->must_end_by),
				      "latest_start", "posting_day_counts", day_json(plan.counted),
				      "posting_day_not_counted", day_json(plan.not_counted),
				      "safe_workday", day_json(plan.safe)));
	}
	return list;
}

static json_t *deadlines_json(const struct campaign *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_deadlines; i++) {
		const struct def_deadline *d = &c->deadlines[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:o, s:o}", "id", d->id, "what", d->what, "due",
				      instant_json(d->due_ms), "remind_as_if",
				      instant_json(d->remind_as_if_ms)));
	}
	return list;
}

/* What all reporting units must and may put forward together. */
static void sum_quotas(const struct campaign *c, size_t category, int *ret_min, int *ret_max)
{
	*ret_min = *ret_max = 0;
	for (size_t i = 0; i < c->units->n_reporting; i++) {
		int min, max, cap;

		if (!campaign_quota(c, (int)category, c->units->order[i], &min, &max))
			continue;
		cap = campaign_quota_cap(c, (int)category, c->units->order[i]);
		*ret_min += min > 0 ? min : 0;
		if (cap < 0)
			*ret_max = -1;
		else if (*ret_max >= 0)
			*ret_max += cap;
	}
}

static json_t *categories_json(const struct campaign *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *cat = &c->categories[i];
		int min, max;

		sum_quotas(c, i, &min, &max);
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i, s:o, s:i, s:i}", "id", cat->id, "name",
				      cat->name, "reported_min", min, "reported_max",
				      max < 0 ? json_null() : json_integer(max), "final_min",
				      cat->final_min, "final_max", cat->final_max));
	}
	return list;
}

static json_t *reminders_json(const struct campaign *c)
{
	json_t *list = json_array();
	int64_t due[DEF_MAX_OCCASIONS];

	for (size_t i = 0; i < c->n_reminders; i++) {
		size_t n = campaign_occasions(c, (int)i, due);
		json_t *at = json_array();

		for (size_t k = 0; k < n; k++)
			json_array_append_new(
				at, json_pack("{s:o, s:s}", "at", instant_json(due[k]), "weekday",
					    ctl_weekday(civil_of_ms(due[k]))));
		json_array_append_new(
			list, json_pack("{s:s, s:b, s:s, s:i, s:o}", "id", c->reminders[i].id,
				      "supported", (int)c->reminders[i].supported, "channel",
				      c->reminders[i].by_sms ? "sms" : "chat", "line",
				      c->reminders[i].line, "occasions", at));
	}
	return list;
}

static json_t *plan_json(const struct campaign *c)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "id", c->id, "title",
		c->title, "digest", c->digest, "units", (int)c->units->n, "reporting_units",
		(int)c->units->n_reporting, "phases", phases_json(c), "deadlines",
		deadlines_json(c), "notices", notices_json(c), "categories", categories_json(c),
		"reminders", reminders_json(c));
}

static json_t *problems_json(const struct problems *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:i, s:s}", "level",
				      p->items[i].level == PROBLEM_ERROR ? "error" : "warning",
				      "file", p->items[i].file, "line", p->items[i].line, "text",
				      p->items[i].text));
	return list;
}

/* ---- the resolved plan, to read ---- */

static void print_instant(int64_t ms)
{
	char day[48];
	int minute = civil_minute_of_ms(ms);

	printf("%s %02d:%02d", ctl_say_day(civil_of_ms(ms), day, sizeof(day)), minute / 60,
		minute % 60);
}

static void print_phases(const struct campaign *c)
{
	puts("\nphases (first and last day)");
	for (size_t i = 0; i < c->n_phases; i++) {
		const struct def_phase *ph = &c->phases[i];
		char a[48], b[48];
		int workdays = 0;

		if (calendar_count(c->calendar, ph->start, ph->end, &workdays, NULL) < 0)
			workdays = 0;
		printf("  %-12s %s .. %s%s, %d working days  %s\n", ph->id,
			ctl_say_day(ph->start, a, sizeof(a)), ctl_say_day(ph->end, b, sizeof(b)),
			ph->end_is_approximate ? " (about)" : "", workdays, ph->name);
	}
}

static void print_deadlines(const struct campaign *c)
{
	puts("\ndeadlines");
	for (size_t i = 0; i < c->n_deadlines; i++) {
		const struct def_deadline *d = &c->deadlines[i];

		printf("  %-12s ", d->id);
		print_instant(d->due_ms);
		if (d->remind_as_if_ms != d->due_ms) {
			fputs(", reminded as if ", stdout);
			print_instant(d->remind_as_if_ms);
		}
		printf("  %s\n", d->what);
	}
}

static void print_notices(const struct campaign *c)
{
	puts("\npublic notices (last day to post them)");
	for (size_t i = 0; i < c->n_notices; i++) {
		const struct def_notice *n = &c->notices[i];
		struct notice_plan plan;
		char a[48];

		printf("  %-14s %d %sdays, ends by %s\n", n->id, n->days,
			n->workdays ? "working " : "", ctl_say_day(n->must_end_by, a, sizeof(a)));
		if (plan_notice(c, n, &plan) < 0)
			continue;
		printf("  %-14s   posting day counts:      %s%s\n", "",
			ctl_say_day(plan.counted, a, sizeof(a)),
			c->count_start_day ? "  (the rule)" : "");
		printf("  %-14s   posting day not counted: %s%s\n", "",
			ctl_say_day(plan.not_counted, a, sizeof(a)),
			c->count_start_day ? "" : "  (the rule)");
		printf("  %-14s   safe either way:         %s\n", "",
			ctl_say_day(plan.safe, a, sizeof(a)));
	}
}

static void print_categories(const struct campaign *c)
{
	printf("\nquotas (%zu reporting units, %zu units)\n", c->units->n_reporting, c->units->n);
	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *cat = &c->categories[i];
		int min, max;

		sum_quotas(c, i, &min, &max);
		printf("  %-12s reported %d to ", cat->id, min);
		if (max < 0)
			fputs("any number", stdout);
		else
			printf("%d", max);
		if (cat->final_max >= 0)
			printf(", final %d", cat->final_max);
		printf("  %s\n", cat->name);
	}
}

static void print_reminders(const struct campaign *c)
{
	int64_t due[DEF_MAX_OCCASIONS];

	puts("\nreminders (* not carried out yet)");
	for (size_t i = 0; i < c->n_reminders; i++) {
		const struct def_reminder *r = &c->reminders[i];
		size_t n = campaign_occasions(c, (int)i, due);

		printf("  %-10s%s ", r->id, r->supported ? " " : "*");
		if (n == 0)
			fputs("when it happens", stdout);
		for (size_t k = 0; k < n; k++) {
			fputs(k ? ", " : "", stdout);
			print_instant(due[k]);
		}
		puts(r->by_sms ? "  by SMS" : "");
	}
}

static void print_plan(const struct campaign *c)
{
	printf("campaign %s: %s\n", c->id, c->title);
	print_phases(c);
	print_deadlines(c);
	print_notices(c);
	print_categories(c);
	print_reminders(c);
}

/* ---- checking ---- */

struct check {
	const struct ctl_env *env;
	struct problems problems;
	struct campaign *c; /* NULL: no definition, or one with mistakes */
	const char *kind;
};

static void check_definition(struct check *k, const char *file)
{
	k->kind = "definition";
	if (ctl_campaign_read(k->env, file, &k->problems, &k->c) < 0)
		k->c = NULL;
}

/* With a service configuration goes the campaign it names: neither runs without the other. */
static void check_settings(struct check *k, const char *file)
{
	struct conf *conf = NULL;

	k->kind = "settings";
	if (settings_load(file, &k->problems, &conf) < 0)
		return;
	if (conf_is_set(conf, "campaign") &&
		ctl_campaign_read(k->env, conf_str(conf, "campaign"), &k->problems, &k->c) < 0)
		k->c = NULL;
	conf_free(conf);
}

static int report(struct check *k, const char *file)
{
	bool ok = k->problems.n_errors == 0;

	if (k->env->json) {
		json_t *j = json_pack("{s:s, s:s, s:b, s:o}", "file", file, "kind", k->kind, "ok",
			(int)ok, "problems", problems_json(&k->problems));

		if (j && k->c)
			json_object_set_new(j, "plan", plan_json(k->c));
		ctl_json_print(j);
		return ok ? EXIT_OK : EXIT_BAD_CONFIG;
	}
	problems_print(&k->problems, stdout);
	if (ok)
		printf("%s: good\n", file);
	else
		printf("%s: %zu error%s\n", file, k->problems.n_errors,
			k->problems.n_errors == 1 ? "" : "s");
	if (ok && k->c) {
		putchar('\n');
		print_plan(k->c);
	}
	return ok ? EXIT_OK : EXIT_BAD_CONFIG;
}

static int run_check(const struct ctl_env *env, int argc, char **argv)
{
	struct check k = {.env = env, .kind = "unknown"};
	const char *file = argc > 1 ? argv[1] : env->config;
	struct sw_err err = {0};
	struct buf text;
	int rc;

	if (argc > 2)
		return ctl_usage(ctl_check_commands, "one file at a time");
	if (argc > 1 && file[0] == '-')
		return ctl_usage(ctl_check_commands, "unknown option \"%s\"", file);
	problems_init(&k.problems);
	buf_init(&text, MAX_FILE_BYTES);
	if (file_read(file, &text, &err) < 0)
		problems_error(&k.problems, file, 0, "cannot be read: %s", err.text);
	else if (is_definition(buf_str(&text)))
		check_definition(&k, file);
	else
		check_settings(&k, file);
	rc = report(&k, file);
	buf_fini(&text);
	campaign_free(k.c);
	problems_fini(&k.problems);
	return rc;
}

const struct command ctl_check_commands[] = {
	{"check", "check [FILE]",
		"a service configuration or a campaign definition: mistakes, dates", run_check},
	{0},
};
