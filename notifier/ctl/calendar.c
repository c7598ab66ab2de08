/*
 * notifier/ctl/calendar.c: "shouwang calendar": working days and the length of public notices.
 *
 * Answers are one line, or JSON with --json. "No" and "that year is not known" both end with status 1;
 * the second says so on standard error, and in JSON by its member "error".
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/num.h"
#include "notifier/campaign/definition.h"
#include "notifier/ctl/command.h"
#include "notifier/ctl/offline.h"

enum { MAX_DAYS = 250 };

struct question {
	const struct ctl_env *env;
	const struct campaign *c;
	struct civil day;
	int n;
	bool inclusive;
};

static json_t *day_json(struct civil d)
{
	char text[32];

	return json_string(civil_format(d, text, sizeof(text)));
}

/* The year is beyond the table: said in words and in JSON. */
static int unknown_year(const struct question *q, int year)
{
	char text[160];

	snprintf(text, sizeof(text), "the calendar has no rows for %d (it has %d to %d)", year,
		calendar_first_year(q->c->calendar), calendar_last_year(q->c->calendar));
	if (q->env->json)
		ctl_json_print(json_pack("{s:s, s:i}", "error", text, "year", year));
	else
		fprintf(stderr, "shouwang calendar: %s\n", text);
	return EXIT_REFUSED;
}

static int is_workday(const struct question *q)
{
	bool workday = false;
	int year = 0;

	if (calendar_is_workday(q->c->calendar, q->day, &workday, &year) < 0)
		return unknown_year(q, year);
	if (q->env->json)
		ctl_json_print(json_pack("{s:o, s:s, s:b}", "date", day_json(q->day), "weekday",
			ctl_weekday(q->day), "workday", workday));
	else
		puts(workday ? "yes" : "no");
	return workday ? EXIT_OK : EXIT_REFUSED;
}

static int answer_day(const struct question *q, struct civil answer)
{
	char text[32];

	if (q->env->json)
		ctl_json_print(json_pack(
			"{s:o, s:s}", "date", day_json(answer), "weekday", ctl_weekday(answer)));
	else
		puts(civil_format(answer, text, sizeof(text)));
	return EXIT_OK;
}

static int notice_end(const struct question *q)
{
	struct civil end;
	int year = 0;

	if (calendar_notice_end(q->c->calendar, q->day, q->n, q->inclusive, &end, &year) < 0)
		return unknown_year(q, year);
	return answer_day(q, end);
}

static int latest_start(const struct question *q)
{
	struct civil start;
	int year = 0;

	if (calendar_latest_start(q->c->calendar, q->day, q->n, q->inclusive, &start, &year) < 0)
		return unknown_year(q, year);
	return answer_day(q, start);
}

static int back(const struct question *q)
{
	struct civil day;
	int year = 0;

	if (calendar_back(q->c->calendar, q->day, q->n, &day, &year) < 0)
		return unknown_year(q, year);
	return answer_day(q, day);
}

static int phases(const struct question *q)
{
	int found[DEF_MAX_PHASES];
	size_t n = campaign_phases_on(q->c, q->day, found);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(q->c->phases[found[i]].id));
	if (q->env->json) {
		ctl_json_print(json_pack("{s:o, s:O}", "date", day_json(q->day), "phases", list));
	} else {
		for (size_t i = 0; i < n; i++)
			printf("%s%s", i ? " " : "", q->c->phases[found[i]].id);
		puts(n ? "" : "none");
	}
	json_decref(list);
	return n ? EXIT_OK : EXIT_REFUSED;
}

static const struct {
	const char *name;
	int (*answer)(const struct question *q);
	int min_n; /* 0 is allowed for back; -1: takes no number */
	bool counting;
} questions[] = {
	{"is-workday", is_workday, -1, false},
	{"notice-end", notice_end, 1, true},
	{"latest-start", latest_start, 1, true},
	{"back", back, 0, false},
	{"phases", phases, -1, false},
};

static int ask(const struct ctl_env *env, struct question *q, const char *override,
	int (*answer)(const struct question *q))
{
	struct campaign *c = ctl_campaign_load(env, override);
	int rc;

	if (!c)
		return EXIT_BAD_CONFIG;
	q->env = env;
	q->c = c;
	rc = answer(q);
	campaign_free(c);
	return rc;
}

static int run_calendar(const struct ctl_env *env, int argc, char **argv)
{
	const struct command *cmd = ctl_calendar_commands;
	struct question q = {.inclusive = true};
	const char *words[3], *override = NULL;
	size_t n = 0, which;
	int64_t number = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--exclusive"))
			q.inclusive = false;
		else if (!strcmp(argv[i], "--campaign") && i + 1 < argc)
			override = argv[++i];
		else if (argv[i][0] == '-' && argv[i][1] == '-')
			return ctl_usage(cmd, "unknown option \"%s\"", argv[i]);
		else if (n == ARRAY_LEN(words))
			return ctl_usage(cmd, "\"%s\" is one word too many", argv[i]);
		else
			words[n++] = argv[i];
	}
	if (n == 0)
		return ctl_usage(cmd, "a question is missing");
	for (which = 0; which < ARRAY_LEN(questions); which++) {
		if (!strcmp(questions[which].name, words[0]))
			break;
	}
	if (which == ARRAY_LEN(questions))
		return ctl_usage(cmd, "unknown question \"%s\"", words[0]);
	if (n != (questions[which].min_n < 0 ? 2 : 3))
		return ctl_usage(cmd, "%s needs a date%s", words[0],
			questions[which].min_n < 0 ? "" : " and a number");
	if (!q.inclusive && !questions[which].counting)
		return ctl_usage(cmd, "%s knows no --exclusive", words[0]);
	if (civil_parse(words[1], &q.day) < 0)
		return ctl_usage(cmd, "\"%s\" is not a date; write it as 2022-08-20", words[1]);
	if (n == 3 && num_parse(words[2], questions[which].min_n, MAX_DAYS, &number) < 0)
		return ctl_usage(cmd, "\"%s\" is not a number from %d to %d", words[2],
			questions[which].min_n, (int)MAX_DAYS);
	q.n = (int)number;
	return ask(env, &q, override, questions[which].answer);
}

const struct command ctl_calendar_commands[] = {
	{"calendar",
		"calendar is-workday DATE\n"
		"calendar notice-end START N [--exclusive]\n"
		"calendar latest-start END N [--exclusive]\n"
		"calendar back DATE N\n"
		"calendar phases DATE        each with [--campaign FILE]",
		"working days, ends of public notices, phases", run_calendar},
	{0},
};
