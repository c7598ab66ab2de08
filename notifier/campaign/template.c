/*
 * notifier/campaign/template.c: reads template files with all their mistakes at once, and fills them in.
 *
 * Whatever could fail while a message is due is looked for at load: unknown and forbidden placeholders,
 * variables this kind of text never gets, headings and lines a reminder names and nobody wrote. A line that
 * holds nothing but placeholders and gets no value is left out, so an optional sentence leaves no hole.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/template.h"

enum {
	MAX_TEMPLATES = 512,
	MAX_FILE_BYTES = 64 * 1024,
	MAX_TEXT_BYTES = 64 * 1024,
	MAX_NAMES = 48,
	NAME_SIZE = 64,
	APP_CAP_BYTES = 2048, /* text of an application message, document 90236, 2022 */
};

struct template
{
	char id[DEF_ID];
	char channel[8];
	char *file;
	char *body;
	size_t cap;
	bool cap_in_units; /* UTF-16 units of an SMS; else bytes */
};

struct templates {
	struct template *items;
	size_t n;
};

static const char *const channels[] = {"robot", "app", "sms"};

/* ---- which names there are ---- */

static const char *const campaign_names[] = {"title", "doc_no", "tel", "date", "time", "list_due",
	"list_due_date", "list_days_left", "list_workdays_left", "list_when", "submit_due",
	"submit_due_date", "submit_workday", "submit_workday_date", "submit_when",
	"submit_rest_sentence", "days_left", "workdays_left", "workdays_sentence",
	"deadline_sentence", "delivery", "material_list", "item_list", "notice_days",
	"notice_safe_start", "notice_example", "notice_start", "notice_end", "extension_date"};
static const char *const unit_names[] = {"unit", "quota_line", "counts", "have_line",
	"quota_status", "cap_status", "gap", "gap_sentence", "over_sentence", "materials_line"};
static const char *const category_names[] = {
	"have", "min", "max", "cap", "need", "over", "range", "name", "short", "word"};
static const char *const heading_names[] = {"lines", "n_units"};
static const char *const line_names[] = {"row", "contacts_line", "more"};
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

/* Does a text of the kind of ID (G- heading, L- line, R- answer) get the variable NAME? */
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
	return among(heading_names, ARRAY_LEN(heading_names), name);
}

/* ---- placeholders ---- */

/* Length of a placeholder at S ("{name}" with its braces) and its name; 0: none stands here. */
static size_t placeholder(const char *s, char ret[NAME_SIZE])
{
	size_t n = 1;

	if (s[0] != '{')
		return 0;
	while (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) || s[n] == '_' ||
		s[n] == '-')
		n++;
	if (s[n] != '}' || n == 1 || n > NAME_SIZE)
		return 0;
	memcpy(ret, s + 1, n - 1);
	ret[n - 1] = '\0';
	return n + 1;
}

/* ---- loading one file ---- */

struct names {
	char items[MAX_NAMES][NAME_SIZE];
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
		if (ld->names.n == MAX_NAMES || strlen(s) >= NAME_SIZE) {
			problems_error(ld->p, ld->at->file, line,
				"at most %d variables of %d letters", (int)MAX_NAMES,
				(int)NAME_SIZE - 1);
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
	if (!unit || num_parse(value, 1, MAX_TEXT_BYTES, &n) < 0 ||
		(strcmp(unit, "bytes") != 0 && strcmp(unit, "units") != 0)) {
		problems_error(ld->p, ld->at->file, line,
			"the cap is not understood; write \"# cap: 4096 bytes\" or, for an SMS, "
			"\"# cap: 134 units\"");
		return;
	}
	ld->at->cap = (size_t)n;
	ld->at->cap_in_units = !strcmp(unit, "units");
}

static void read_header(struct loader *ld, int line, char *s)
{
	static const char *const codes[] = {"aliyun_code", "tencent_code", "mas_code"};
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
	else if (!among(codes, ARRAY_LEN(codes), name))
		problems_error(ld->p, ld->at->file, line,
			"\"%s\" is not a header; write variables or cap", name);
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
	char name[NAME_SIZE];

	for (const char *s = body; *s; s++) {
		size_t n = placeholder(s, name);

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

static void need(const struct loader *ld, const struct def_reminder *r, const char *id, bool by_sms)
{
	const char *channel = by_sms ? "sms" : "robot";

	/* An SMS of the ladder waits for its channel and may be written later. */
	if (by_sms || templates_has(ld->t, id, channel))
		return;
	problems_error(ld->p, ld->c->file, r->line,
		"reminder %s: there is no template \"%s\"; write the file %s.robot.txt", r->id, id,
		id);
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
		need(ld, r, r->heading, r->by_sms);
		if (!r->line_template[0])
			continue;
		need(ld, r, r->line_template, r->by_sms);
		snprintf(row, sizeof(row), "%s-ROW", r->line_template);
		if (digest)
			need(ld, r, row, r->by_sms);
	}
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
		rc = p->n_errors > errors ? SW_ECONF : 0;
	}
	if (rc < 0) {
		templates_free(ld.t);
		return rc;
	}
	*ret = ld.t;
	return 0;
}

void templates_free(struct templates *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++) {
		free(t->items[i].file);
		free(t->items[i].body);
	}
	free(t->items);
	free(t);
}

static const struct template *find_exact(
	const struct templates *t, const char *id, const char *channel)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!strcmp(t->items[i].id, id) && !strcmp(t->items[i].channel, channel))
			return &t->items[i];
	}
	return NULL;
}

static const struct template *find(const struct templates *t, const char *id, const char *channel)
{
	const struct template *found = find_exact(t, id, channel);

	if (!found && !strcmp(channel, "robot"))
		found = find_exact(t, id, "app");
	else if (!found && !strcmp(channel, "app"))
		found = find_exact(t, id, "robot");
	return found;
}

bool templates_has(const struct templates *t, const char *id, const char *channel)
{
	return find(t, id, channel) != NULL;
}

void templates_each(const struct templates *t,
	void (*cb)(void *ctx, const char *id, const char *channel, const char *file), void *ctx)
{
	for (size_t i = 0; i < t->n; i++)
		cb(ctx, t->items[i].id, t->items[i].channel, t->items[i].file);
}

/* ---- filling in ---- */

struct render {
	const struct template *t;
	const struct template_var *vars;
	size_t n_vars;
	enum template_target target; /* escaping */
	bool in_group;               /* the reader has to address the robot */
	struct sw_err *err;
};

static const struct template_var *find_var(const struct render *r, const char *name)
{
	for (size_t i = 0; i < r->n_vars; i++) {
		if (!strcmp(r->vars[i].name, name))
			return &r->vars[i];
	}
	return NULL;
}

static int put_value(const struct render *r, const char *name, struct buf *out)
{
	/* In a group the robot only hears what is addressed to it. */
	const struct template_var at = {"at", r->in_group ? "@守望 " : "", false};
	const struct template_var *v = strcmp(name, "at") ? find_var(r, name) : &at;

	if (!v || !v->value)
		return err_set(r->err, SW_EINVAL, "template %s: {%s} has no value", r->t->id, name);
	if (!v->typed)
		return buf_adds(out, v->value);
	return r->target == TARGET_MARKDOWN ? text_escape_markdown(out, v->value)
					    : text_escape_plain(out, v->value);
}

/* One line of the body, [S, END). *RET_DROP: nothing but placeholders, and none had a value. */
static int put_line(
	const struct render *r, const char *s, const char *end, struct buf *out, bool *ret_drop)
{
	char name[NAME_SIZE];
	size_t start = out->len;
	bool literal = false, any = false;
	int rc = 0;

	while (s < end && rc == 0) {
		size_t n = placeholder(s, name);

		if (n) {
			any = true;
			rc = put_value(r, name, out);
			s += n;
		} else {
			literal = literal || *s != ' ';
			rc = buf_addc(out, *s++);
		}
	}
	*ret_drop =
		any && !literal && buf_str(out)[start + strspn(buf_str(out) + start, " ")] == '\0';
	return rc;
}

/* Ends at "\n\n", or holds nothing yet: another blank line would be one too many. */
static bool after_blank(const struct buf *b)
{
	return b->len == 0 || (b->len >= 2 && !memcmp(b->data + b->len - 2, "\n\n", 2));
}

static void cut_back(struct buf *b, size_t len)
{
	b->len = len;
	if (b->data)
		b->data[len] = '\0';
}

static int fill(const struct render *r, struct buf *out)
{
	for (const char *s = r->t->body; *s;) {
		const char *end = s + strcspn(s, "\n");
		size_t start = out->len;
		bool drop = false;
		int rc = 0;

		if (end == s)
			drop = after_blank(out);
		else
			rc = put_line(r, s, end, out, &drop);
		if (rc == 0 && drop)
			cut_back(out, start);
		else if (rc == 0)
			rc = buf_addc(out, '\n');
		if (rc < 0)
			return rc;
		s = *end ? end + 1 : end;
	}
	while (out->len && out->data[out->len - 1] == '\n')
		cut_back(out, out->len - 1);
	return out->error;
}

/* What markdown adds at the start of a line: "### " or "> ". */
static size_t line_mark(const char *s)
{
	size_t n = strspn(s, "#");

	if (n && s[n] == ' ')
		return n + 1;
	return text_starts(s, "> ") ? 2 : 0;
}

/* Length of a markdown sign within a line: bold, or a font tag. */
static size_t inline_mark(const char *s)
{
	const char *end;

	if (text_starts(s, "**"))
		return 2;
	if (!text_starts(s, "<font ") && !text_starts(s, "</font>"))
		return 0;
	end = strchr(s, '>');
	return end ? (size_t)(end - s) + 1 : 0;
}

/* Markdown to the plain text of an application message. Typed values carry no such signs: they were escaped. */
static int to_plain(const char *s, struct buf *out)
{
	bool line_start = true;
	int rc = 0;

	while (*s && rc == 0) {
		size_t n = line_start ? line_mark(s) : 0;

		if (!n)
			n = inline_mark(s);
		if (n) {
			s += n;
			line_start = false;
			continue;
		}
		line_start = *s == '\n';
		rc = buf_addc(out, *s++);
	}
	return rc;
}

static int check_cap(const struct render *r, const char *channel, const char *text)
{
	size_t cap = r->t->cap, n = r->t->cap_in_units ? text_u16_units(text) : strlen(text);

	if (!strcmp(channel, "app") && !r->t->cap_in_units && cap > APP_CAP_BYTES)
		cap = APP_CAP_BYTES;
	if (n <= cap)
		return 0;
	return err_set(r->err, SW_ELIMIT, "template %s: the text has %zu %s, its cap is %zu",
		r->t->id, n, r->t->cap_in_units ? "units" : "bytes", cap);
}

int template_render(const struct templates *t, const char *id, const char *channel,
	const struct template_var *vars, size_t n_vars, struct buf *out, struct sw_err *err)
{
	struct render r = {.t = find(t, id, channel), .vars = vars, .n_vars = n_vars, .err = err};
	bool reduce;
	struct buf text;
	int rc;

	if (!r.t)
		return err_set(err, SW_ENOENT, "there is no template %s for %s", id, channel);
	r.in_group = !strcmp(channel, "robot");
	/* Values are escaped for what the file is written in, also where it is reduced afterwards. */
	r.target = !strcmp(r.t->channel, "robot") || r.in_group ? TARGET_MARKDOWN
		   : !strcmp(channel, "sms")                    ? TARGET_SMS
								: TARGET_PLAIN;
	reduce = !strcmp(r.t->channel, "robot") && !r.in_group;
	buf_init(&text, MAX_TEXT_BYTES);
	rc = fill(&r, &text);
	if (rc == 0 && reduce) {
		struct buf plain;

		buf_init(&plain, MAX_TEXT_BYTES);
		rc = to_plain(buf_str(&text), &plain);
		buf_fini(&text);
		text = plain;
	}
	if (rc == 0)
		rc = check_cap(&r, channel, buf_str(&text));
	if (rc == 0)
		rc = buf_adds(out, buf_str(&text));
	if (rc == SW_ELIMIT && err && !err->code)
		err_set(err, rc, "template %s: the text is far too long", id);
	buf_fini(&text);
	return rc;
}
