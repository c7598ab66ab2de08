/*
 * notifier/campaign/template_load.c: reads template files with all their mistakes at once.
 *
 * Whatever could fail while a message is due is looked for at load: unknown and forbidden placeholders,
 * variables this kind of text never gets, headings and lines a reminder names and nobody wrote, codes of a provider
 * that two texts share.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/template_internal.h"

enum { MAX_TEMPLATES = 512, MAX_FILE_BYTES = 64 * 1024, MAX_NAMES = 48 };

static const char *const channels[] = {"robot", "app", "sms"};

/* ---- which names there are ---- */

static const char *const campaign_names[] = {"title", "doc_no", "tel", "date", "time", "list_due",
	"list_due_date", "list_days_left", "list_workdays_left", "list_when", "submit_due",
	"submit_due_date", "submit_workday", "submit_workday_date", "submit_when",
	"submit_rest_sentence", "days_left", "workdays_left", "workdays_sentence",
	"deadline_sentence", "delivery", "material_list", "item_list", "notice_days",
	"notice_safe_start", "notice_example", "notice_start", "notice_end", "extension_date",
	"list_due_short", "submit_due_short", "submit_workday_short", "notice_safe_start_short",
	"notice_today", "days_over", "next_due_date", "due_clause"};
static const char *const unit_names[] = {"unit", "quota_line", "counts", "have_line",
	"quota_status", "cap_status", "gap", "gap_sentence", "over_sentence", "materials_line",
	"have_short", "have_bounds", "standing", "open_clause", "materials_state"};
static const char *const category_names[] = {
	"have", "min", "max", "cap", "need", "over", "range", "name", "short", "word"};
static const char *const heading_names[] = {"lines", "n_units", "reminded", "replied"};
static const char *const line_names[] = {"row", "contacts_line", "more", "reminded", "replied"};
/* Of SMS that a person or another part of the program fills in (S-ERRATUM, S-OPS), and of residents' SMS. */
static const char *const sms_names[] = {"t", "d", "n", "w", "h", "wi", "hi", "m", "p", "url",
	"notice", "bad", "good", "ch", "e", "alt", "q"};
static const char *const resident_names[] = {
	"street", "place", "notice", "comm", "name", "y", "deed", "url", "dept", "no"};
/* Their values are several lines, or are for groups; an SMS is one line. */
static const char *const not_by_sms[] = {
	"at", "lines", "quota_status", "cap_status", "material_list", "materials_line"};
static const char *const answer_names[] = {"count_text", "who", "answer_time", "no", "until"};

static bool among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static bool of_category(const struct campaign *c, const char *name)
{
	for (size_t i = 0; i < c->n_categories; i++) {
		const char *id = c->categories[i].id;
		size_t n = strlen(id);

		if (!strncmp(name, id, n) && name[n] == '_' &&
			among(category_names, ARRAY_LEN(category_names), name + n + 1))
			return true;
	}
	return false;
}

static bool of_phase(const struct campaign *c, const char *name)
{
	for (size_t i = 0; text_starts(name, "phase_") && i < c->n_phases; i++) {
		if (!strcmp(name + strlen("phase_"), c->phases[i].id))
			return true;
	}
	return false;
}

/* Does a text of the kind of ID (G- heading, L- line, R- answer, S- SMS, P- residents' SMS) get the variable NAME? */
static bool is_known(const struct campaign *c, const char *id, const char *name)
{
	if (!strcmp(name, "at") || among(campaign_names, ARRAY_LEN(campaign_names), name) ||
		among(unit_names, ARRAY_LEN(unit_names), name) || of_category(c, name) ||
		of_phase(c, name))
		return true;
	if (text_starts(id, "R-"))
		return among(answer_names, ARRAY_LEN(answer_names), name);
	if (text_starts(id, "L-"))
		return among(line_names, ARRAY_LEN(line_names), name);
	if (text_starts(id, "P-"))
		return among(resident_names, ARRAY_LEN(resident_names), name);
	if (text_starts(id, "S-") && among(sms_names, ARRAY_LEN(sms_names), name))
		return true;
	return among(heading_names, ARRAY_LEN(heading_names), name);
}

/* ---- loading one file ---- */

struct names {
	char items[MAX_NAMES][TEMPLATE_NAME];
	bool used[MAX_NAMES];
	size_t n;
};

struct loader {
	const struct campaign *c;
	struct problems *p;
	struct templates *t;
	struct template *at; /* the one being read */
	struct names names;
	int variables_line;
};

static void wrong_name(const struct loader *ld, int line, const char *name)
{
	for (size_t i = 0; i < ld->c->n_never; i++) {
		if (strcmp(ld->c->never_in_message[i], name) != 0)
			continue;
		problems_error(ld->p, ld->at->file, line,
			"{%s} must not stand in a message (never_in_message of the definition); "
			"leave it out "
			"and name the unit ({unit}) or the numbers ({counts})",
			name);
		return;
	}
	problems_error(ld->p, ld->at->file, line,
		"{%s} is not a variable of this kind of text; write one of those docs/campaign.md "
		"lists "
		"under Variables, as {unit}",
		name);
}

static void read_variables(struct loader *ld, int line, char *value)
{
	char *save = NULL;

	ld->variables_line = line;
	for (char *s = strtok_r(value, " \t,", &save); s; s = strtok_r(NULL, " \t,", &save)) {
		if (ld->names.n == MAX_NAMES || strlen(s) >= TEMPLATE_NAME) {
			problems_error(ld->p, ld->at->file, line,
				"at most %d variables of %d letters", (int)MAX_NAMES,
				(int)TEMPLATE_NAME - 1);
			return;
		}
		if (!is_known(ld->c, ld->at->id, s))
			wrong_name(ld, line, s);
		memcpy(ld->names.items[ld->names.n++], s, strlen(s) + 1);
	}
}

static void read_cap(struct loader *ld, int line, char *value)
{
	char *unit = strchr(value, ' ');
	int64_t n = 0;

	if (unit)
		*unit++ = '\0';
	if (!unit || num_parse(value, 1, TEMPLATE_MAX_TEXT, &n) < 0 ||
		(strcmp(unit, "bytes") != 0 && strcmp(unit, "units") != 0)) {
		problems_error(ld->p, ld->at->file, line,
			"the cap is not understood; write \"# cap: 4096 bytes\" or, for an SMS, "
			"\"# cap: 134 units\"");
		return;
	}
	ld->at->cap = (size_t)n;
	ld->at->cap_in_units = !strcmp(unit, "units");
}

/* NAME is "aliyun_code": keeps VALUE as the provider's. False: it is no such name. */
static bool read_code(struct loader *ld, int line, const char *name, const char *value)
{
	for (size_t i = 0; i < TEMPLATE_PROVIDERS; i++) {
		size_t n = strlen(template_providers[i]);

		if (strncmp(name, template_providers[i], n) != 0 || strcmp(name + n, "_code") != 0)
			continue;
		if (text_copy(ld->at->codes[i], TEMPLATE_CODE, value) < 0)
			problems_error(ld->p, ld->at->file, line, "%s: at most %d letters", name,
				(int)TEMPLATE_CODE - 1);
		return true;
	}
	return false;
}

static void read_header(struct loader *ld, int line, char *s)
{
	char *colon = strchr(s, ':'), *name;

	if (s[0] != '#' || !colon) {
		problems_error(ld->p, ld->at->file, line,
			"a header line is \"# name: value\"; write \"---\" above the text");
		return;
	}
	*colon = '\0';
	name = text_trim(s + 1);
	if (!strcmp(name, "variables"))
		read_variables(ld, line, colon + 1);
	else if (!strcmp(name, "cap"))
		read_cap(ld, line, text_trim(colon + 1));
	else if (!read_code(ld, line, name, text_trim(colon + 1)))
		problems_error(ld->p, ld->at->file, line,
			"\"%s\" is not a header; write variables, cap or, for an SMS, aliyun_code",
			name);
}

static void use_name(struct loader *ld, int line, const char *name)
{
	for (size_t i = 0; i < ld->names.n; i++) {
		if (!strcmp(ld->names.items[i], name)) {
			ld->names.used[i] = true;
			return;
		}
	}
	if (is_known(ld->c, ld->at->id, name))
		problems_error(ld->p, ld->at->file, line,
			"{%s} is not listed in the header; add it to \"# variables:\"", name);
	else
		wrong_name(ld, line, name);
}

static void check_body(struct loader *ld, const char *body, int line)
{
	char name[TEMPLATE_NAME];

	for (const char *s = body; *s; s++) {
		size_t n = template_placeholder(s, name);

		if (n)
			use_name(ld, line, name);
		else if (*s == '{' || *s == '}')
			problems_error(ld->p, ld->at->file, line,
				"a brace that belongs to no {name}; names are small letters, and a "
				"brace "
				"of the text is written full-width");
		if (*s == '\n')
			line++;
		s += n ? n - 1 : 0;
	}
	for (size_t i = 0; i < ld->names.n; i++) {
		if (!ld->names.used[i])
			problems_warn(ld->p, ld->at->file, ld->variables_line,
				"{%s} is listed and not used", ld->names.items[i]);
	}
}

/* What only an SMS must be: one line, counted in units, without what looks like another signature. */
static void check_sms(struct loader *ld, const char *body, int line)
{
	const char *end = body + strcspn(body, "\n");

	if (ld->at->cap && !ld->at->cap_in_units)
		problems_error(ld->p, ld->at->file, 1,
			"the cap of an SMS counts units; write \"# cap: 70 units\" or \"134 "
			"units\"");
	if (*end && end[1])
		problems_error(
			ld->p, ld->at->file, line + 1, "an SMS is one line; write it in one");
	if (strstr(body, "【") || strstr(body, "】"))
		problems_error(ld->p, ld->at->file, line,
			"【】 is the signature's alone, which the program puts in front; write "
			"（）");
	for (size_t i = 0; i < ld->names.n; i++) {
		if (among(not_by_sms, ARRAY_LEN(not_by_sms), ld->names.items[i]))
			problems_error(ld->p, ld->at->file, ld->variables_line,
				"{%s} is for chats; an SMS has {standing}, {gap} or "
				"{materials_state}",
				ld->names.items[i]);
	}
}

/* Takes TEXT apart; it is changed. */
static int parse(struct loader *ld, char *text)
{
	struct template *t = ld->at;
	char *s = text;
	int line = 1;

	ld->names.n = 0;
	memset(ld->names.used, 0, sizeof(ld->names.used));
	ld->variables_line = 0;
	while (*s) {
		char *end = s + strcspn(s, "\n"), *next = *end ? end + 1 : end;

		*end = '\0';
		if (!strcmp(text_trim(s), "---")) {
			s = next;
			break;
		}
		if (*s)
			read_header(ld, line, s);
		s = next;
		line++;
	}
	if (!*s)
		problems_error(ld->p, t->file, line, "there is no text; write it below \"---\"");
	if (!t->cap)
		problems_error(
			ld->p, t->file, 1, "the cap is missing; write \"# cap: 4096 bytes\"");
	check_body(ld, s, line + 1);
	if (!strcmp(t->channel, "sms"))
		check_sms(ld, s, line + 1);
	t->body = text_dup(s);
	return t->body ? 0 : -ENOMEM;
}

static int read_file(struct loader *ld)
{
	struct sw_err err = {0};
	struct buf b;
	size_t bad;
	char *text;
	int rc;

	buf_init(&b, MAX_FILE_BYTES);
	rc = file_read(ld->at->file, &b, &err);
	if (rc == 0 && !text_utf8_valid(buf_str(&b), b.len, &bad)) {
		problems_error(ld->p, ld->at->file, 0,
			"not UTF-8 from byte %zu on; save it as UTF-8", bad);
		rc = SW_ECONF;
	} else if (rc < 0 && rc != -ENOMEM) {
		problems_error(ld->p, ld->at->file, 0, "cannot be read: %s",
			rc == SW_ELIMIT ? "it is larger than 64 KiB" : err.text);
		rc = SW_ECONF;
	}
	text = rc == 0 ? buf_take(&b) : NULL;
	buf_fini(&b);
	if (rc == 0)
		rc = text ? parse(ld, text) : -ENOMEM;
	free(text);
	return rc == SW_ECONF ? 0 : rc; /* reported; the other files are looked at too */
}

/* "G-D7.robot.txt" to id and channel. */
static bool split_name(const char *name, struct template *ret)
{
	const char *dot = strchr(name, '.'), *end = strrchr(name, '.');
	size_t n = dot ? (size_t)(dot - name) : 0;
	char channel[8] = "";

	if (!dot || end <= dot || n == 0 || n >= sizeof(ret->id) ||
		(size_t)(end - dot - 1) >= sizeof(channel))
		return false;
	memcpy(channel, dot + 1, (size_t)(end - dot - 1));
	if (!among(channels, ARRAY_LEN(channels), channel))
		return false;
	memcpy(ret->id, name, n);
	ret->id[n] = '\0';
	memcpy(ret->channel, channel, sizeof(channel));
	return true;
}

static int load_one(struct loader *ld, const char *dir, const char *name)
{
	struct template *t = &ld->t->items[ld->t->n];
	char *file;

	if (asprintf(&file, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	*t = (struct template){.file = file};
	ld->t->n++;
	if (!split_name(name, t)) {
		problems_error(ld->p, file, 0,
			"a template is named <ID>.<channel>.txt with channel robot, app or sms, as "
			"in G-D7.robot.txt");
		return 0;
	}
	ld->at = t;
	return read_file(ld);
}

/* ---- what the definition needs ---- */

static void need(
	const struct loader *ld, const struct def_reminder *r, const char *id, const char *channel)
{
	if (!id[0] || templates_has(ld->t, id, channel))
		return;
	problems_error(ld->p, ld->c->file, r->line,
		"reminder %s: there is no template \"%s\"; write the file %s.%s.txt", r->id, id, id,
		channel);
}

static void check_reminders(const struct loader *ld)
{
	for (size_t i = 0; i < ld->c->n_reminders; i++) {
		const struct def_reminder *r = &ld->c->reminders[i];
		char row[DEF_ID + 4];
		bool digest = false;

		if (!r->supported)
			continue;
		for (size_t k = 0; k < r->n_to; k++)
			digest = digest ||
				 (r->to[k].tier >= 0 && ld->c->tiers[r->to[k].tier].parent < 0);
		need(ld, r, r->sms, "sms");
		if (r->by_sms)
			continue;
		need(ld, r, r->heading, "robot");
		need(ld, r, r->line_template, "robot");
		snprintf(row, sizeof(row), "%s-ROW", r->line_template);
		if (digest && r->line_template[0])
			need(ld, r, row, "robot");
	}
}

/* A provider's code names one text: with the same one on two, the wrong words would go out. */
static void check_codes(const struct loader *ld)
{
	const struct templates *t = ld->t;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < i; k++)
			for (size_t p = 0; p < TEMPLATE_PROVIDERS; p++)
				if (t->items[i].codes[p][0] &&
					!strcmp(t->items[i].codes[p], t->items[k].codes[p]))
					problems_error(ld->p, t->items[i].file, 0,
						"%s_code %s is that of %s too; each text has its "
						"own",
						template_providers[p], t->items[i].codes[p],
						t->items[k].id);
}

/* ---- the folder ---- */

static int is_text(const struct dirent *d)
{
	return d->d_name[0] != '.' && text_ends(d->d_name, ".txt");
}

static int load_folder(struct loader *ld, const char *dir)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_text, alphasort), rc = 0;

	if (n < 0) {
		problems_error(ld->p, dir, 0, "the folder of templates cannot be read: %s",
			err_name(-errno));
		return 0;
	}
	if (n > MAX_TEMPLATES)
		problems_error(ld->p, dir, 0, "more than %d templates", (int)MAX_TEMPLATES);
	ld->t->items = calloc(n > 0 ? (size_t)n : 1, sizeof(*ld->t->items));
	if (!ld->t->items)
		rc = -ENOMEM;
	for (int i = 0; rc == 0 && i < n && i < MAX_TEMPLATES; i++)
		rc = load_one(ld, dir, list[i]->d_name);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return rc;
}

int templates_load(
	const char *dir, const struct campaign *c, struct problems *p, struct templates **ret)
{
	struct loader ld = {.c = c, .p = p, .t = calloc(1, sizeof(*ld.t))};
	size_t errors = p->n_errors;
	int rc = ld.t ? load_folder(&ld, dir) : -ENOMEM;

	if (rc == 0) {
		check_reminders(&ld);
		check_codes(&ld);
		rc = p->n_errors > errors ? SW_ECONF : 0;
	}
	if (rc < 0) {
		templates_free(ld.t);
		return rc;
	}
	*ret = ld.t;
	return 0;
}
