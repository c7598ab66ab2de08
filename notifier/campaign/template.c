/*
 * notifier/campaign/template.c: finds templates and fills those of chats in.
 *
 * A line that holds nothing but placeholders and gets no value is left out, so an optional sentence leaves no hole.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/template_internal.h"

enum { APP_CAP_BYTES = 2048 /* text of an application message, document 90236, 2022 */ };

size_t template_placeholder(const char *s, char ret[TEMPLATE_NAME])
{
	size_t n = 1;

	if (s[0] != '{')
		return 0;
	while (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) || s[n] == '_' ||
		s[n] == '-')
		n++;
	if (s[n] != '}' || n == 1 || n > TEMPLATE_NAME)
		return 0;
	memcpy(ret, s + 1, n - 1);
	ret[n - 1] = '\0';
	return n + 1;
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
	free(t->sign);
	free(t);
}

const struct template *template_find(const struct templates *t, const char *id, const char *channel)
{
	for (size_t i = 0; i < t->n; i++) {
		if (!strcmp(t->items[i].id, id) && !strcmp(t->items[i].channel, channel))
			return &t->items[i];
	}
	return NULL;
}

/* The file a channel's text is made of: group and person share one when there is one only; an SMS has its own. */
static const struct template *find(const struct templates *t, const char *id, const char *channel)
{
	const struct template *found = template_find(t, id, channel);

	if (!found && !strcmp(channel, "robot"))
		found = template_find(t, id, "app");
	else if (!found && !strcmp(channel, "app"))
		found = template_find(t, id, "robot");
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

void template_each_var(const struct templates *t, const char *id, const char *channel,
	void (*cb)(void *ctx, const char *name), void *ctx)
{
	const struct template *found = find(t, id, channel);
	char name[TEMPLATE_NAME];

	for (const char *s = found ? found->body : ""; *s;) {
		size_t n = template_placeholder(s, name);

		if (n)
			cb(ctx, name);
		s += n ? n : 1;
	}
}

const struct template_var *template_var_of(
	const struct template_var *vars, size_t n_vars, const char *name)
{
	for (size_t i = 0; i < n_vars; i++) {
		if (!strcmp(vars[i].name, name))
			return &vars[i];
	}
	return NULL;
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

static int put_value(const struct render *r, const char *name, struct buf *out)
{
	/* In a group the robot only hears what is addressed to it. */
	const struct template_var at = {"at", r->in_group ? "@守望 " : "", false};
	const struct template_var *v =
		strcmp(name, "at") ? template_var_of(r->vars, r->n_vars, name) : &at;

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
	char name[TEMPLATE_NAME];
	size_t start = out->len;
	bool literal = false, any = false;
	int rc = 0;

	while (s < end && rc == 0) {
		size_t n = template_placeholder(s, name);

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
int template_to_plain(const char *s, struct buf *out)
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

int template_check_cap(
	const struct template *t, const char *channel, const char *text, struct sw_err *err)
{
	size_t cap = t->cap, n = t->cap_in_units ? text_u16_units(text) : strlen(text);

	if (!strcmp(channel, "app") && !t->cap_in_units && cap > APP_CAP_BYTES)
		cap = APP_CAP_BYTES;
	if (n <= cap)
		return 0;
	return err_set(err, SW_ELIMIT, "template %s: the text has %zu %s, its cap is %zu", t->id, n,
		t->cap_in_units ? "units" : "bytes", cap);
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
	if (!strcmp(channel, "sms"))
		return template_render_sms(t, r.t, vars, n_vars, out, err);
	r.in_group = !strcmp(channel, "robot");
	/* Values are escaped for what the file is written in, also where it is reduced afterwards. */
	r.target = !strcmp(r.t->channel, "robot") || r.in_group ? TARGET_MARKDOWN : TARGET_PLAIN;
	reduce = !strcmp(r.t->channel, "robot") && !r.in_group;
	buf_init(&text, TEMPLATE_MAX_TEXT);
	rc = fill(&r, &text);
	if (rc == 0 && reduce) {
		struct buf plain;

		buf_init(&plain, TEMPLATE_MAX_TEXT);
		rc = template_to_plain(buf_str(&text), &plain);
		buf_fini(&text);
		text = plain;
	}
	if (rc == 0)
		rc = template_check_cap(r.t, channel, buf_str(&text), err);
	if (rc == 0)
		rc = buf_adds(out, buf_str(&text));
	if (rc == SW_ELIMIT && err && !err->code)
		err_set(err, rc, "template %s: the text is far too long", id);
	buf_fini(&text);
	return rc;
}
