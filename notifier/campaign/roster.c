/*
 * notifier/campaign/roster.c: reads a roster, row by row.
 *
 * A contact's id is computed from who it is, so importing the same roster again changes nothing, and a rehearsal
 * bears the ids the service will use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/csv.h"
#include "core/base/id.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/campaign/roster.h"

/* WeCom's own characters (document 90236). */
#define USERID_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@"

enum { COL_UNIT, COL_DEPARTMENT, COL_ROLE, COL_NAME, COL_MOBILE, COL_USERID, N_COLUMNS };

struct reading {
	const char *name;
	const struct campaign *c;
	struct problems *p;
	struct roster roster;
};

static void read_unit(struct reading *r, const struct csv_row *row, struct contact *k)
{
	k->unit = units_find(r->c->units, row->cells[COL_UNIT]);
	if (k->unit < 0)
		problems_error(r->p, r->name, row->line,
			"unit_code: there is no unit \"%s\"; write the six digits of the units "
			"file",
			row->cells[COL_UNIT]);
}

static void read_department(struct reading *r, const struct csv_row *row, struct contact *k)
{
	const char *name = row->cells[COL_DEPARTMENT];

	k->department = name[0] ? campaign_find_department(r->c, name) : -1;
	for (size_t i = 0; k->department < 0 && i < r->c->n_departments; i++)
		if (!strcmp(name, r->c->departments[i].name) ||
			(r->c->departments[i].short_name &&
				!strcmp(name, r->c->departments[i].short_name)))
			k->department = (int)i;
	if (k->department < 0 && name[0])
		problems_error(r->p, r->name, row->line,
			"department: \"%s\" is not one of the definition's, as \"%s\" is", name,
			r->c->departments[0].id);
}

static void read_role(struct reading *r, const struct csv_row *row, struct contact *k)
{
	const char *role = row->cells[COL_ROLE];

	if (!strcmp(role, "deputy"))
		k->role = ROLE_DEPUTY;
	else if (!strcmp(role, "duty"))
		k->role = ROLE_DUTY;
	else if (role[0] && strcmp(role, "contact") != 0)
		problems_error(r->p, r->name, row->line,
			"role: write contact, deputy or duty, not \"%s\"", role);
}

static void read_person(struct reading *r, const struct csv_row *row, struct contact *k)
{
	const char *userid = row->cells[COL_USERID];

	if (!row->cells[COL_NAME][0] ||
		text_copy(k->name, sizeof(k->name), row->cells[COL_NAME]) < 0)
		problems_error(r->p, r->name, row->line, "name: empty, or longer than 63 bytes");
	/* "@all" would call everybody. */
	if (userid[0] == '@' || strspn(userid, USERID_CHARS) != strlen(userid) ||
		text_copy(k->userid, sizeof(k->userid), userid) < 0)
		problems_error(r->p, r->name, row->line,
			"userid: at most 64 letters, digits and _ - . @, not \"%.80s\"", userid);
	for (size_t i = 0; k->userid[0] && i < r->roster.n; i++)
		if (!strcasecmp(r->roster.rows[i].contact.userid, k->userid))
			problems_error(r->p, r->name, row->line,
				"userid: the same as in an earlier row: one person, one row");
}

static void read_mobile(struct reading *r, const struct csv_row *row, struct roster_row *ret)
{
	enum phone_verdict v = phone_normalise(row->cells[COL_MOBILE], ret->mobile);

	if (v == PHONE_MOBILE) {
		ret->contact.has_mobile = true;
		(void)phone_mask(ret->mobile, ret->contact.mobile_masked);
		return;
	}
	ret->mobile[0] = '\0';
	r->roster.unreachable++;
	if (v == PHONE_LANDLINE)
		problems_warn(r->p, r->name, row->line, "mobile: %s", phone_verdict_text(v));
	else if (v != PHONE_EMPTY)
		problems_error(r->p, r->name, row->line, "mobile: %s", phone_verdict_text(v));
}

static void name_contact(const struct csv_row *row, struct contact *k)
{
	char digest[65];
	struct buf b;

	buf_init(&b, 32768);
	(void)buf_addf(&b, "%s\n%s\n%s\n%s", row->cells[COL_UNIT], row->cells[COL_NAME],
		row->cells[COL_MOBILE], row->cells[COL_USERID]);
	id_sha256_hex(buf_str(&b), b.len, digest);
	buf_fini(&b);
	(void)snprintf(k->id, sizeof(k->id), "c-%.12s", digest);
}

static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	struct roster_row *to = &r->roster.rows[r->roster.n];

	if (r->roster.n == ROSTER_MAX) {
		problems_error(r->p, r->name, row->line, "more than %d contacts", (int)ROSTER_MAX);
		return SW_ELIMIT;
	}
	*to = (struct roster_row){.contact = {.department = -1, .role = ROLE_DEPARTMENT}};
	read_unit(r, row, &to->contact);
	read_department(r, row, &to->contact);
	read_role(r, row, &to->contact);
	read_person(r, row, &to->contact);
	read_mobile(r, row, to);
	name_contact(row, &to->contact);
	r->roster.n++;
	return 0;
}

int roster_parse(const char *name, const char *data, size_t len, const struct campaign *c,
	struct problems *p, struct roster *ret)
{
	static const char *const columns[N_COLUMNS] = {
		"unit_code", "department", "role", "name", "mobile", "userid"};
	struct reading r = {.name = name, .c = c, .p = p};
	size_t errors = p->n_errors;
	int rc;

	r.roster.rows = calloc(ROSTER_MAX, sizeof(*r.roster.rows));
	if (!r.roster.rows)
		return -ENOMEM;
	rc = csv_read(name, data, len, columns, N_COLUMNS, on_row, &r, p);
	if (rc == 0 && p->n_errors > errors)
		rc = SW_ECONF;
	if (rc < 0) {
		roster_fini(&r.roster);
		return rc;
	}
	*ret = r.roster;
	return 0;
}

void roster_fini(struct roster *r)
{
	free(r->rows);
	*r = (struct roster){0};
}

int roster_contacts(const struct roster *r, struct contacts *ret)
{
	struct contacts found = {.n = r->n};

	found.items = calloc(r->n ? r->n : 1, sizeof(*found.items));
	if (!found.items)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		found.items[i] = r->rows[i].contact;
	*ret = found;
	return 0;
}
