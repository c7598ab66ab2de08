/*
 * notifier/ctl/rehearse.c: "shouwang rehearse": prints the campaign as it would go, and what it adds up to.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/file.h"
#include "core/base/sms.h"
#include "core/base/text.h"
#include "notifier/campaign/rehearse.h"
#include "notifier/campaign/roster.h"
#include "notifier/ctl/offline.h"
#include "notifier/ctl/rehearse.h"
#include "notifier/ctl/stage.h"

enum { MAX_FILE_BYTES = 16 * 1024 * 1024, MAX_REPLIES = 100000 };
/* What the table at the end counts. */
enum { GROUP, PERSON, SMS, ANSWERS, COUNTED };

struct request {
	struct stage_files files;
	const char *from, *to, *answers, *unit, *contacts;
};

/* Not sent, counted by reminder, day and reason. */
struct skipped {
	int reminder;
	int64_t at_ms;
	enum plan_reason reason;
	bool is_cancelled;
	size_t n;
};

struct report {
	const struct ctl_env *env;
	const struct stage *s;
	int unit;                  /* -1: all */
	size_t (*counts)[COUNTED]; /* per unit */
	struct skipped *skipped;
	size_t n_skipped, cap;
	bool failed; /* out of memory */
};

/* ---- events ---- */

static bool is_asked_for(const struct report *r, int unit)
{
	return r->unit < 0 || r->unit == unit;
}

static const struct unit *unit_of(const struct report *r, int unit)
{
	return &r->s->c->units->items[unit];
}

static void print_head(const struct report *r, int64_t at_ms, int unit)
{
	struct civil d = civil_of_ms(at_ms);
	char day[48];
	int minute = civil_minute_of_ms(at_ms);

	printf("%s %02d:%02d  %s", ctl_say_day(d, day, sizeof(day)), minute / 60, minute % 60,
		unit_of(r, unit)->name);
}

/* Indents each line. */
static void print_text(const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");

		printf(n ? "    %.*s\n" : "%.*s\n", (int)n, s);
		s += n + (s[n] == '\n');
	}
	putchar('\n');
}

static bool is_sms(const struct plan_message *m)
{
	return !strcmp(m->to.channel, "sms");
}

static void print_message(const struct report *r, const struct plan_message *m)
{
	const struct contacts *k = &r->s->contacts;

	print_head(r, m->due_ms, m->unit);
	if (m->to.contact >= 0)
		printf("  %s to %s", m->to.channel, k->items[m->to.contact].name);
	if (is_sms(m))
		printf(" (%zu units, %zu billed)", text_u16_units(m->text),
			sms_billed(text_u16_units(m->text)));
	if (m->to.contact < 0)
		fputs("  group", stdout);
	for (size_t i = 0; i < m->n_points; i++) {
		const char *id = r->s->c->reminders[m->points[i]->reminder].id;

		if (i == 0 || m->points[i]->reminder != m->points[i - 1]->reminder)
			printf("  %s", id);
	}
	for (size_t i = 0; i < m->n_mentions; i++)
		printf("  @%s", k->items[m->mentions[i]].userid);
	putchar('\n');
	print_text(m->text);
}

static json_t *event_json(const struct report *r, const char *kind, const struct rehearse_event *e)
{
	char at[40];

	return json_pack("{s:s, s:s, s:s}", "kind", kind, "at",
		civil_format_ms(e->at_ms, at, sizeof(at)), "unit", unit_of(r, e->unit)->code);
}

static void message_json(const struct report *r, const struct rehearse_event *e)
{
	const struct plan_message *m = e->message;
	json_t *j = event_json(r, "message", e), *points = json_array(), *mentions = json_array();
	char at[40];
	id_str mid;

	id_mid(m->job, m->to.channel, m->to.key, "1", mid);
	for (size_t i = 0; i < m->n_points; i++)
		json_array_append_new(points, json_string(m->points[i]->id));
	for (size_t i = 0; i < m->n_mentions; i++)
		json_array_append_new(
			mentions, json_string(r->s->contacts.items[m->mentions[i]].userid));
	json_object_set_new(
		j, "nominal", json_string(civil_format_ms(m->nominal_ms, at, sizeof(at))));
	json_object_set_new(j, "channel", json_string(m->to.channel));
	json_object_set_new(j, "recipient", json_string(m->to.key));
	json_object_set_new(j, "job", json_string(m->job));
	json_object_set_new(j, "mid", json_string(mid));
	json_object_set_new(j, "points", points);
	json_object_set_new(j, "mentions", mentions);
	json_object_set_new(j, "text", json_string(m->text));
	if (is_sms(m)) {
		size_t units = text_u16_units(m->text);

		json_object_set_new(j, "template", json_string(m->template_id));
		json_object_set_new(j, "params", json_loads(m->params, 0, NULL));
		json_object_set_new(j, "units", json_integer((json_int_t)units));
		json_object_set_new(j, "billed", json_integer((json_int_t)sms_billed(units)));
	}
	ctl_json_print(j);
}

static void show_reply(const struct report *r, const struct rehearse_event *e)
{
	json_t *j;

	if (!r->env->json) {
		print_head(r, e->at_ms, e->unit);
		printf("  typed: %s\n", e->reply->text);
		return;
	}
	j = event_json(r, "reply", e);
	json_object_set_new(j, "text", json_string(e->reply->text));
	json_object_set_new(j, "reading", reply_to_json(r->s->c, e->reading));
	ctl_json_print(j);
}

static void show_answer(const struct report *r, const struct rehearse_event *e)
{
	json_t *j;

	if (!r->env->json) {
		print_head(r, e->at_ms, e->unit);
		printf("  answer %s\n", e->template_id);
		print_text(e->text);
		return;
	}
	j = event_json(r, "answer", e);
	json_object_set_new(j, "template", json_string(e->template_id));
	json_object_set_new(j, "text", json_string(e->text));
	ctl_json_print(j);
}

static const char *reason_name(enum plan_reason reason, bool is_cancelled)
{
	return is_cancelled ? "cancelled" : plan_reason_name(reason);
}

static void count_skipped(struct report *r, const struct rehearse_event *e)
{
	struct skipped k = {.reminder = e->outcome->point->reminder,
		.at_ms = e->outcome->point->due_ms,
		.reason = e->outcome->reason,
		.is_cancelled = e->is_cancelled,
		.n = 1};

	for (size_t i = r->n_skipped; i-- > 0 && r->skipped[i].at_ms == k.at_ms;) {
		if (r->skipped[i].reminder == k.reminder && r->skipped[i].reason == k.reason &&
			r->skipped[i].is_cancelled == k.is_cancelled) {
			r->skipped[i].n++;
			return;
		}
	}
	if (r->n_skipped == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct skipped *more = realloc(r->skipped, cap * sizeof(*more));

		if (!more) {
			r->failed = true;
			return;
		}
		r->skipped = more;
		r->cap = cap;
	}
	r->skipped[r->n_skipped++] = k;
}

static void show_skipped(struct report *r, const struct rehearse_event *e)
{
	json_t *j;

	count_skipped(r, e);
	if (!r->env->json)
		return; /* summed up at the end */
	j = event_json(r, "not_sent", e);
	json_object_set_new(j, "point", json_string(e->outcome->point->id));
	json_object_set_new(
		j, "reason", json_string(reason_name(e->outcome->reason, e->is_cancelled)));
	ctl_json_print(j);
}

static void on_event(void *ctx, const struct rehearse_event *e)
{
	struct report *r = ctx;

	if (!is_asked_for(r, e->unit))
		return;
	switch (e->kind) {
	case REHEARSE_MESSAGE:
		r->counts[e->unit][is_sms(e->message)            ? SMS
				   : e->message->to.contact >= 0 ? PERSON
								 : GROUP]++;
		if (r->env->json)
			message_json(r, e);
		else
			print_message(r, e->message);
		break;
	case REHEARSE_REPLY:
		show_reply(r, e);
		break;
	case REHEARSE_ANSWER:
		r->counts[e->unit][ANSWERS]++;
		show_answer(r, e);
		break;
	case REHEARSE_NOT_SENT:
		show_skipped(r, e);
		break;
	}
}

/* ---- the table at the end ---- */

static bool is_reporting(const struct units *u, int unit)
{
	for (size_t i = 0; i < u->n_reporting; i++) {
		if (u->order[i] == unit)
			return true;
	}
	return false;
}

static void print_unit(const struct report *r, int unit, size_t *total)
{
	const size_t *n = r->counts[unit];

	if (n[GROUP] + n[PERSON] + n[SMS] + n[ANSWERS] == 0)
		return;
	printf("%-8s %6zu %6zu %6zu %8zu  %s\n", unit_of(r, unit)->code, n[GROUP], n[PERSON],
		n[SMS], n[ANSWERS], unit_of(r, unit)->name);
	for (int k = 0; k < COUNTED; k++)
		total[k] += n[k];
}

/* Reporting units in administrative order, the others before them. */
static void print_counts(const struct report *r)
{
	const struct units *u = r->s->c->units;
	size_t total[COUNTED] = {0};

	printf("%-8s %6s %6s %6s %8s\n", "unit", "group", "person", "sms", "answers");
	for (size_t i = 0; i < u->n; i++) {
		if (!is_reporting(u, (int)i))
			print_unit(r, (int)i, total);
	}
	for (size_t i = 0; i < u->n_reporting; i++)
		print_unit(r, u->order[i], total);
	printf("%-8s %6zu %6zu %6zu %8zu\n", "total", total[GROUP], total[PERSON], total[SMS],
		total[ANSWERS]);
}

static void print_skipped(const struct report *r)
{
	for (size_t i = 0; i < r->n_skipped; i++) {
		const struct skipped *k = &r->skipped[i];
		char day[48];
		int minute = civil_minute_of_ms(k->at_ms);

		if (i == 0)
			puts("\nnot sent");
		printf("%-8s %s %02d:%02d  %-16s %zu\n", r->s->c->reminders[k->reminder].id,
			ctl_say_day(civil_of_ms(k->at_ms), day, sizeof(day)), minute / 60,
			minute % 60, reason_name(k->reason, k->is_cancelled), k->n);
	}
}

static void summary_json(const struct report *r)
{
	json_t *units = json_object(), *reasons = json_object();
	size_t total = 0;

	for (size_t i = 0; i < r->s->c->units->n; i++) {
		const size_t *n = r->counts[i];

		if (n[GROUP] + n[PERSON] + n[SMS] + n[ANSWERS] == 0)
			continue;
		json_object_set_new(units, unit_of(r, (int)i)->code,
			json_pack("{s:I, s:I, s:I, s:I}", "group", (json_int_t)n[GROUP], "person",
				(json_int_t)n[PERSON], "sms", (json_int_t)n[SMS], "answers",
				(json_int_t)n[ANSWERS]));
		total += n[GROUP] + n[PERSON] + n[SMS];
	}
	for (size_t i = 0; i < r->n_skipped; i++) {
		const char *name = reason_name(r->skipped[i].reason, r->skipped[i].is_cancelled);
		json_int_t n = json_integer_value(json_object_get(reasons, name));

		json_object_set_new(reasons, name, json_integer(n + (json_int_t)r->skipped[i].n));
	}
	ctl_json_print(json_pack("{s:s, s:I, s:o, s:o}", "kind", "summary", "messages",
		(json_int_t)total, "units", units, "not_sent", reasons));
}

/* ---- replies of a file ---- */

struct replies {
	struct rehearse_reply *items;
	size_t n, cap;
};

static int contact_by_userid(const struct contacts *k, const char *userid)
{
	for (size_t i = 0; i < k->n; i++) {
		if (k->items[i].userid[0] && !strcasecmp(k->items[i].userid, userid))
			return (int)i;
	}
	return -1;
}

/* One line {"at":.., "unit":.. or "userid":.., "text":..}. False after a problem or for want of memory. */
static bool read_reply(const struct stage *s, const char *file, int line, const json_t *j,
	struct rehearse_reply *ret, struct problems *p)
{
	const char *at = json_string_value(json_object_get(j, "at"));
	const char *unit = json_string_value(json_object_get(j, "unit"));
	const char *userid = json_string_value(json_object_get(j, "userid"));
	const char *text = json_string_value(json_object_get(j, "text"));
	struct rehearse_reply r = {.unit = -1, .contact = -1};

	if (!at || civil_parse_time(at, &r.at_ms) < 0)
		problems_error(p, file, line, "at: write the time as \"2022-07-06T10:00\"");
	else if (!text)
		problems_error(p, file, line, "text: missing");
	else if (!unit == !userid)
		problems_error(p, file, line, "write either unit or userid");
	if (unit)
		r.unit = units_find(s->c->units, unit);
	if (userid) {
		r.contact = contact_by_userid(&s->contacts, userid);
		r.unit = r.contact >= 0 ? s->contacts.items[r.contact].unit : -1;
	}
	if (r.unit < 0 && (unit || userid))
		problems_error(p, file, line, "%s \"%s\" is not known%s", unit ? "unit" : "userid",
			unit ? unit : userid, unit ? "" : "; give the roster with --contacts");
	if (r.unit < 0 || !text || !r.at_ms)
		return false;
	r.text = text_dup(text);
	*ret = r;
	return r.text != NULL;
}

static int add_reply(struct replies *all, const struct rehearse_reply *r)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 64;
		struct rehearse_reply *more = realloc(all->items, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		all->items = more;
		all->cap = cap;
	}
	all->items[all->n++] = *r;
	return 0;
}

static int read_line(const struct stage *s, const char *file, int line, const char *text,
	size_t len, struct replies *all, struct problems *p)
{
	struct rehearse_reply r;
	json_error_t jerr;
	json_t *j;
	int rc = 0;

	if (strspn(text, " \t\r") >= len)
		return 0;
	j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &jerr);
	if (!json_is_object(j))
		problems_error(
			p, file, line, "no JSON object: %s", j ? "another value" : jerr.text);
	else if (all->n == MAX_REPLIES)
		problems_error(p, file, line, "more than %d replies", (int)MAX_REPLIES);
	else if (read_reply(s, file, line, j, &r, p)) {
		rc = add_reply(all, &r);
		if (rc < 0)
			free(r.text);
	}
	json_decref(j);
	return rc;
}

/* By time; of one instant in the order of the file, which a merge keeps. */
static void sort_replies(struct rehearse_reply *r, size_t n, struct rehearse_reply *spare)
{
	size_t half = n / 2, a = 0, b = half, out = 0;

	if (n < 2)
		return;
	sort_replies(r, half, spare);
	sort_replies(r + half, n - half, spare);
	memcpy(spare, r, n * sizeof(*r));
	while (out < n)
		r[out++] = b == n || (a < half && spare[a].at_ms <= spare[b].at_ms) ? spare[a++]
										    : spare[b++];
}

static int read_replies(const struct stage *s, const char *file, struct replies *all)
{
	struct rehearse_reply *spare;
	struct problems p;
	struct sw_err err = {0};
	struct buf b;
	int rc, line = 1;

	problems_init(&p);
	buf_init(&b, MAX_FILE_BYTES);
	rc = file_read(file, &b, &err);
	if (rc < 0)
		problems_error(&p, file, 0, "cannot be read: %s", err.text);
	for (const char *t = buf_str(&b); rc == 0 && *t; line++) {
		size_t n = strcspn(t, "\n");

		rc = read_line(s, file, line, t, n, all, &p);
		t += n + (t[n] == '\n');
	}
	spare = calloc(all->n ? all->n : 1, sizeof(*spare));
	if (spare)
		sort_replies(all->items, all->n, spare);
	else
		rc = -ENOMEM;
	free(spare);
	problems_print(&p, stderr);
	if (rc == 0 && p.n_errors)
		rc = SW_ECONF;
	problems_fini(&p);
	buf_fini(&b);
	return rc;
}

static int get_replies(const struct request *q, const struct stage *s, struct replies *all)
{
	int rc = 0;

	if (!strcmp(q->answers, "all"))
		rc = rehearse_make_replies(s->c, s->plan, &all->items, &all->n);
	else if (strcmp(q->answers, "none") != 0)
		rc = read_replies(s, q->answers, all);
	return rc == 0 ? EXIT_OK : rc == -ENOMEM ? EXIT_INTERNAL : EXIT_REFUSED;
}

/* ---- the command ---- */

static int read_request(const struct command *cmd, int argc, char **argv, struct request *ret)
{
	struct request r = {.answers = "none"};

	for (int i = 1; i < argc; i++) {
		const char **value = !strcmp(argv[i], "--from")        ? &r.from
				     : !strcmp(argv[i], "--to")        ? &r.to
				     : !strcmp(argv[i], "--answers")   ? &r.answers
				     : !strcmp(argv[i], "--unit")      ? &r.unit
				     : !strcmp(argv[i], "--contacts")  ? &r.contacts
				     : !strcmp(argv[i], "--campaign")  ? &r.files.campaign
				     : !strcmp(argv[i], "--templates") ? &r.files.templates
								       : NULL;

		if (!value)
			return ctl_usage(cmd, "unknown word \"%s\"", argv[i]);
		*value = stage_value(cmd, argc, argv, &i);
		if (!*value)
			return EXIT_USAGE_ERROR;
	}
	*ret = r;
	return 0;
}

/* [from, to) of the days asked for; without them, all days of the plan. */
static int get_days(const struct command *cmd, const struct request *q, const struct plan *p,
	struct rehearse_input *in)
{
	struct civil from = civil_of_ms(p->n ? p->points[0].due_ms : 0),
		     to = civil_of_ms(p->n ? p->points[p->n - 1].due_ms : 0);

	if (q->from && civil_parse(q->from, &from) < 0)
		return ctl_usage(cmd, "\"%s\" is no date; write it as 2022-06-20", q->from);
	if (q->to && civil_parse(q->to, &to) < 0)
		return ctl_usage(cmd, "\"%s\" is no date; write it as 2022-08-22", q->to);
	if (civil_cmp(to, from) < 0)
		return ctl_usage(cmd, "the last day is before the first");
	in->from_ms = civil_start_ms(from);
	in->to_ms = civil_start_ms(civil_add(to, 1));
	return EXIT_OK;
}

static int get_contacts(const struct request *q, struct stage *s)
{
	struct roster roster = {0};
	struct sw_err err = {0};
	struct problems p;
	struct buf data;
	int rc;

	if (!q->contacts)
		return EXIT_OK;
	problems_init(&p);
	buf_init(&data, MAX_FILE_BYTES);
	rc = file_read(q->contacts, &data, &err);
	if (rc < 0)
		problems_error(&p, q->contacts, 0, "%s", err.text);
	if (rc == 0)
		rc = roster_parse(q->contacts, buf_str(&data), data.len, s->c, &p, &roster);
	if (rc == 0)
		rc = roster_contacts(&roster, &s->contacts);
	roster_fini(&roster);
	buf_fini(&data);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc == 0 ? EXIT_OK : rc == -ENOMEM ? EXIT_INTERNAL : EXIT_REFUSED;
}

static int rehearse(const struct ctl_env *env, const struct request *q, struct stage *s,
	struct rehearse_input *in, int unit)
{
	struct report r = {.env = env, .s = s, .unit = unit};
	struct replies replies = {0};
	struct sw_err err = {0};
	int rc = get_replies(q, s, &replies);

	r.counts = calloc(s->c->units->n, sizeof(*r.counts));
	if (!r.counts)
		rc = EXIT_INTERNAL;
	if (rc == EXIT_OK) {
		in->replies = replies.items;
		in->n_replies = replies.n;
		if (rehearse_run(in, on_event, &r, &err) < 0 || r.failed) {
			fprintf(stderr, "shouwang rehearse: %s\n",
				err.text[0] ? err.text : "out of memory");
			rc = r.failed ? EXIT_INTERNAL : EXIT_REFUSED;
		}
	}
	if (rc == EXIT_OK && env->json)
		summary_json(&r);
	else if (rc == EXIT_OK) {
		print_counts(&r);
		print_skipped(&r);
	}
	free(r.counts);
	free(r.skipped);
	rehearse_replies_free(replies.items, replies.n);
	return rc;
}

int ctl_run_rehearse(const struct ctl_env *env, int argc, char **argv)
{
	const struct command *cmd = &ctl_preview_commands[1];
	struct rehearse_input in = {0};
	struct request q;
	struct stage s;
	int unit = -1, rc = read_request(cmd, argc, argv, &q);

	if (rc)
		return rc;
	rc = stage_load(env, &q.files, &s);
	if (rc != EXIT_OK)
		return rc;
	rc = get_days(cmd, &q, s.plan, &in);
	if (rc == EXIT_OK && q.unit) {
		unit = units_find(s.c->units, q.unit);
		if (unit < 0)
			rc = ctl_usage(cmd,
				"there is no unit \"%s\"; write the six digits of its code",
				q.unit);
	}
	if (rc == EXIT_OK)
		rc = get_contacts(&q, &s);
	in.c = s.c;
	in.t = s.t;
	in.plan = s.plan;
	in.contacts = &s.contacts;
	in.sms_available = s.sms_available;
	if (rc == EXIT_OK)
		rc = rehearse(env, &q, &s, &in, unit);
	stage_fini(&s);
	return rc;
}
