/*
 * notifier/campaign/honours.c: reads the commended with their approved texts, and judges every text by where it goes.
 *
 * Nothing is mended here: a text that does not fit is refused, because what two people approved and what residents
 * get must be the same to the last character. The one exception is the sign, which each gateway wants in front.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "core/base/id.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/campaign/honours.h"

#define REFUSAL "拒收请回复R"

enum {
	SMS_UNITS = 134,    /* two parts */
	GROUP_BYTES = 4096, /* markdown of a group robot, document 91770, 2022 */
	SCREEN_CHARS = 60,
	NAME_CHARS = 40,
	COMMUNITY_CHARS = 60,
	MAX_TEXT = 8192,
	MAX_TEMPLATES = 64,
};

enum {
	COL_CATEGORY,
	COL_UNIT,
	COL_NAME,
	COL_COMMUNITY,
	COL_DEED,
	COL_SMS,
	COL_GROUP,
	COL_SCREEN,
	COL_LOUD,
	N_COLUMNS
};
static const char *const columns[N_COLUMNS] = {"category", "unit_code", "name", "community", "deed",
	"text_sms", "text_group", "text_screen", "text_loud"};

struct reading {
	const char *name;
	const struct campaign *c;
	const struct templates *t;
	char sign[128]; /* with its brackets, "" = none */
	struct problems *p;
	struct honours h;
	int *lines; /* of H's items */
	char templates[MAX_TEMPLATES][DEF_ID];
	size_t n_templates;
};

/* ---- one text ---- */

static void bad(struct reading *r, const struct csv_row *row, int column, const char *what)
{
	problems_error(r->p, r->name, row->line, "%s: %s", columns[column], what);
}

/* Control and direction characters; those Mongolian is written with are text. */
static bool is_unseen(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x200b || cp == 0x200e ||
	       cp == 0x200f || (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) ||
	       cp == 0xfeff;
}

static bool has_unseen(const char *s, bool lines_ok)
{
	const char *end = s + strlen(s);

	while (s < end) {
		uint32_t cp = text_next(&s, end);

		if (is_unseen(cp) && !(lines_ok && cp == '\n'))
			return true;
	}
	return false;
}

static void check_clean(struct reading *r, const struct csv_row *row, int column)
{
	const char *s = row->cells[column];

	if (has_unseen(s, column == COL_GROUP))
		bad(r, row, column,
			column == COL_GROUP ? "holds control characters: write it anew"
					    : "holds line breaks or control characters: write it "
					      "as one line");
	switch (scan_personal(s, false)) {
	case SCAN_ID_NUMBER:
		bad(r, row, column, "holds an identity number: take it out");
		break;
	case SCAN_BANK_CARD:
		bad(r, row, column, "holds the number of a bank card: take it out");
		break;
	case SCAN_MOBILE:
		bad(r, row, column, "holds a mobile number: take it out");
		break;
	case SCAN_CLEAN:
		break;
	}
}

static void check_length(
	struct reading *r, const struct csv_row *row, int column, size_t max, bool required)
{
	size_t n = text_chars(row->cells[column]);

	if (required && n == 0)
		bad(r, row, column, "empty: write it");
	if (n > max)
		problems_error(r->p, r->name, row->line, "%s: %zu characters, at most %zu",
			columns[column], n, max);
}

/* The SMS as residents get it; NULL without memory. */
static char *complete_sms(struct reading *r, const struct csv_row *row)
{
	const char *s = row->cells[COL_SMS];
	bool has_sign = text_starts(s, "【");
	struct buf b;
	size_t units;
	char *ret;

	buf_init(&b, MAX_TEXT);
	if (!has_sign)
		(void)buf_adds(&b, r->sign);
	(void)buf_adds(&b, s);
	ret = buf_take(&b);
	buf_fini(&b);
	if (!ret)
		return NULL;
	if (!s[0]) {
		bad(r, row, COL_SMS, "empty: write what residents get");
		return ret;
	}
	if (!r->sign[0])
		bad(r, row, COL_SMS, "no sign to put in front: set sms.sign in the configuration");
	else if (!text_starts(ret, r->sign))
		problems_error(r->p, r->name, row->line,
			"text_sms: begins with another sign than %s: write that one, or none",
			r->sign);
	else if (strstr(ret + strlen(r->sign), "【") || strstr(ret + strlen(r->sign), "】"))
		bad(r, row, COL_SMS,
			"【 or 】 inside the text, which gateways refuse: write other signs");
	if (!text_ends(ret, REFUSAL))
		bad(r, row, COL_SMS, "does not end with " REFUSAL ": write it as the last words");
	units = text_u16_units(ret);
	if (units > SMS_UNITS)
		problems_error(r->p, r->name, row->line,
			"text_sms: %zu units with %s, at most %d: shorten it", units, r->sign,
			(int)SMS_UNITS);
	return ret;
}

static void check_group(struct reading *r, const struct csv_row *row)
{
	const char *s = row->cells[COL_GROUP];

	if (strlen(s) > GROUP_BYTES)
		problems_error(r->p, r->name, row->line,
			"text_group: %zu bytes, at most %d: shorten it", strlen(s),
			(int)GROUP_BYTES);
	if (strstr(s, "<@"))
		bad(r, row, COL_GROUP, "calls on members by <@: take it out");
}

static bool is_bracket(uint32_t cp)
{
	static const char brackets[] = "()[]{}<>（）［］｛｝＜＞【】〔〕〖〗";
	const char *s = brackets, *end = s + sizeof(brackets) - 1;

	while (s < end)
		if (text_next(&s, end) == cp)
			return true;
	return false;
}

static bool has_address(const char *s)
{
	static const char *const marks[] = {"://", "www.", "http", "@", ".cn", ".com"};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (strcasestr(s, marks[i]))
			return true;
	return false;
}

/* A loudspeaker's voice reads what stands there, sign by sign. */
static void check_loud(struct reading *r, const struct csv_row *row)
{
	const char *s = row->cells[COL_LOUD], *end = s + strlen(s);
	bool digit = false, bracket = false;

	if (has_address(s))
		bad(r, row, COL_LOUD, "holds an address nobody can follow by ear: take it out");
	while (s < end) {
		uint32_t cp = text_next(&s, end);

		digit = digit || (cp >= '0' && cp <= '9') || (cp >= 0xff10 && cp <= 0xff19);
		bracket = bracket || is_bracket(cp);
	}
	if (digit)
		bad(r, row, COL_LOUD, "holds digits: write numbers as they are spoken (十二)");
	if (bracket)
		bad(r, row, COL_LOUD, "holds brackets: write it as it is spoken");
}

/* ---- the template a text fits ---- */

static void collect_template(void *ctx, const char *id, const char *channel, const char *file)
{
	struct reading *r = ctx;

	(void)file;
	if (strcmp(channel, "sms") || !text_starts(id, "P-") || r->n_templates == MAX_TEMPLATES)
		return;
	if (text_copy(r->templates[r->n_templates], DEF_ID, id) == 0)
		r->n_templates++;
}

static bool fits(struct reading *r, const char *id, struct honour *h)
{
	struct buf params;
	bool ok;

	buf_init(&params, MAX_TEXT);
	ok = template_match(r->t, id, h->text_sms, &params) == 0 &&
	     text_copy(h->template_id, sizeof(h->template_id), id) == 0;
	if (ok)
		h->params = buf_take(&params);
	buf_fini(&params);
	if (ok && h->params)
		return true;
	h->template_id[0] = '\0';
	return false;
}

static void find_template(struct reading *r, int line, struct honour *h)
{
	const char *first =
		r->c->categories[h->category].subject == SUBJECT_HOUSEHOLD ? "P-HOUSE" : "P-WORKER";

	if (templates_has(r->t, first, "sms") && fits(r, first, h))
		return;
	for (size_t i = 0; i < r->n_templates; i++)
		if (strcmp(r->templates[i], first) && fits(r, r->templates[i], h))
			return;
	problems_warn(r->p, r->name, line,
		"text_sms: no template P-.. gives this text: only gateways that take free text can "
		"send it");
}

/* ---- rows ---- */

static int find_category(const struct reading *r, const char *s)
{
	for (size_t i = 0; i < r->c->n_categories; i++) {
		const struct def_category *k = &r->c->categories[i];

		if (!strcmp(s, k->id) || !strcmp(s, k->name) ||
			(k->short_name && !strcmp(s, k->short_name)))
			return (int)i;
	}
	return -1;
}

static void read_place(struct reading *r, const struct csv_row *row, struct honour *h)
{
	h->category = find_category(r, row->cells[COL_CATEGORY]);
	h->unit = units_find(r->c->units, row->cells[COL_UNIT]);
	if (h->category < 0)
		problems_error(r->p, r->name, row->line,
			"category: \"%.60s\" is not one of the definition's, as \"%s\" is",
			row->cells[COL_CATEGORY], r->c->n_categories ? r->c->categories[0].id : "");
	if (h->unit < 0)
		problems_error(r->p, r->name, row->line,
			"unit_code: there is no unit \"%.40s\": write the six digits of the units "
			"file",
			row->cells[COL_UNIT]);
}

static bool is_same(const struct honour *a, const struct honour *b)
{
	return a->category == b->category && a->unit == b->unit && !strcmp(a->name, b->name) &&
	       !strcmp(a->community, b->community);
}

/* Its number within unit and category; two rows for the same subject are a mistake. */
static void identify(struct reading *r, const struct csv_row *row, struct honour *h)
{
	int n = 1, in_category = 1, max = r->c->categories[h->category].final_max;

	for (size_t i = 0; i < r->h.n; i++) {
		const struct honour *o = &r->h.items[i];

		if (o->category != h->category)
			continue;
		in_category++;
		n += o->unit == h->unit;
		if (is_same(o, h))
			problems_error(r->p, r->name, row->line,
				"the same category, unit, community and name as in line %d: leave "
				"one out",
				r->lines[i]);
	}
	if (max >= 0 && in_category == max + 1)
		problems_error(r->p, r->name, row->line,
			"category: more than the %d %s of the definition: leave some out", max,
			r->c->categories[h->category].id);
	if (snprintf(h->id, sizeof(h->id), "%s-%s-%d", r->c->units->items[h->unit].code,
		    r->c->categories[h->category].id, n) >= (int)sizeof(h->id))
		bad(r, row, COL_CATEGORY, "its id in the definition is too long for an honour");
}

static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	struct honour *h = &r->h.items[r->h.n];
	size_t errors = r->p->n_errors;

	if (r->h.n == HONOURS_MAX) {
		problems_error(r->p, r->name, row->line, "more than %d rows", (int)HONOURS_MAX);
		return SW_ECONF;
	}
	*h = (struct honour){.name = text_dup(row->cells[COL_NAME]),
		.community = text_dup(row->cells[COL_COMMUNITY]),
		.deed = text_dup(row->cells[COL_DEED]),
		.text_sms = complete_sms(r, row),
		.text_group = text_dup(row->cells[COL_GROUP]),
		.text_screen = text_dup(row->cells[COL_SCREEN]),
		.text_loud = text_dup(row->cells[COL_LOUD])};
	r->lines[r->h.n] = row->line;
	if (!h->name || !h->community || !h->deed || !h->text_sms || !h->text_group ||
		!h->text_screen || !h->text_loud) {
		honour_fini(h);
		return -ENOMEM;
	}
	read_place(r, row, h);
	check_length(r, row, COL_NAME, NAME_CHARS, true);
	check_length(r, row, COL_COMMUNITY, COMMUNITY_CHARS, true);
	check_length(r, row, COL_SCREEN, SCREEN_CHARS, false);
	for (int i = COL_NAME; i < N_COLUMNS; i++)
		check_clean(r, row, i);
	check_group(r, row);
	check_loud(r, row);
	/* A text beside the wrong name is the worst mistake of all, and easily made in a table. */
	if (h->name[0] && h->text_sms[0] && !strstr(h->text_sms, h->name))
		problems_warn(r->p, r->name, row->line,
			"text_sms: the name of this row does not stand in it: the right row?");
	if (h->category < 0 || h->unit < 0) {
		honour_fini(h);
		return 0;
	}
	identify(r, row, h);
	if (r->p->n_errors == errors)
		find_template(r, row->line, h);
	if (!h->params)
		h->params = text_dup("");
	r->h.n++;
	return h->params ? 0 : -ENOMEM;
}

int honours_parse(const char *name, const char *data, size_t len, const struct campaign *c,
	const struct templates *t, const char *sign, struct problems *p, struct honours *ret)
{
	struct reading *r = calloc(1, sizeof(*r));
	size_t errors = p->n_errors;
	int rc = -ENOMEM;

	if (!r)
		return rc;
	r->name = name;
	r->c = c;
	r->t = t;
	r->p = p;
	if (sign && sign[0])
		(void)snprintf(r->sign, sizeof(r->sign), "【%s】", sign);
	/* One more than is kept: a row is read where it may stay. */
	r->h.items = calloc(HONOURS_MAX + 1, sizeof(*r->h.items));
	r->lines = calloc(HONOURS_MAX + 1, sizeof(*r->lines));
	if (!r->h.items || !r->lines)
		goto out;
	templates_each(t, collect_template, r);
	rc = csv_read(name, data, len, columns, N_COLUMNS, on_row, r, p);
	if (rc == 0 && p->n_errors > errors)
		rc = SW_ECONF;
	if (rc == 0) {
		id_sha256_hex(data, len, r->h.digest);
		*ret = r->h;
		r->h = (struct honours){0};
	}
out:
	honours_fini(&r->h);
	free(r->lines);
	free(r);
	return rc;
}

/* ---- as they are kept ---- */

void honour_fini(struct honour *h)
{
	free(h->name);
	free(h->community);
	free(h->deed);
	free(h->text_sms);
	free(h->text_group);
	free(h->text_screen);
	free(h->text_loud);
	free(h->params);
	*h = (struct honour){0};
}

void honours_fini(struct honours *h)
{
	for (size_t i = 0; i < h->n; i++)
		honour_fini(&h->items[i]);
	free(h->items);
	*h = (struct honours){0};
}

int honours_find(const struct honours *h, const char *id)
{
	for (size_t i = 0; h && i < h->n; i++)
		if (!strcmp(h->items[i].id, id))
			return (int)i;
	return -1;
}

json_t *honour_to_json(const struct campaign *c, const struct honour *h)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "category",
		c->categories[h->category].id, "unit", c->units->items[h->unit].code, "name",
		h->name, "community", h->community, "deed", h->deed, "sms", h->text_sms, "group",
		h->text_group, "screen", h->text_screen, "loud", h->text_loud, "template",
		h->template_id, "params", h->params, "withdrawn", h->withdrawn);
}

/* A copy of the string NAME, NULL when there is none. */
static char *member(const json_t *j, const char *name)
{
	return text_dup(json_string_value(json_object_get(j, name)));
}

int honour_from_json(const struct campaign *c, const char *id, const json_t *j, struct honour *ret)
{
	const char *category = json_string_value(json_object_get(j, "category"));
	const char *unit = json_string_value(json_object_get(j, "unit"));
	const char *tpl = json_string_value(json_object_get(j, "template"));
	struct honour h = {.category = -1,
		.unit = unit ? units_find(c->units, unit) : -1,
		.name = member(j, "name"),
		.community = member(j, "community"),
		.deed = member(j, "deed"),
		.text_sms = member(j, "sms"),
		.text_group = member(j, "group"),
		.text_screen = member(j, "screen"),
		.text_loud = member(j, "loud"),
		.params = member(j, "params"),
		.withdrawn = json_is_true(json_object_get(j, "withdrawn"))};
	int rc = SW_EPROTO;

	if (!category || !unit || !tpl || !h.name || !h.community || !h.deed || !h.text_sms ||
		!h.text_group || !h.text_screen || !h.text_loud || !h.params ||
		text_copy(h.id, sizeof(h.id), id) < 0 ||
		text_copy(h.template_id, sizeof(h.template_id), tpl) < 0)
		goto out;
	for (size_t i = 0; i < c->n_categories; i++)
		if (!strcmp(c->categories[i].id, category))
			h.category = (int)i;
	rc = h.category < 0 || h.unit < 0 ? SW_ENOENT : 0;
	if (rc == 0) {
		*ret = h;
		return 0;
	}
out:
	honour_fini(&h);
	return rc;
}
