/*
 * notifier/ctl/roster.c: contacts from a CSV file, for rehearsals.
 *
 * Ids are computed as the import does, so that what a rehearsal shows bears the names the service will use.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "core/base/id.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/ctl/roster.h"

enum { MAX_CONTACTS = 20000 };

struct reading {
	const char *file;
	const struct campaign *c;
	struct problems *p;
	struct contacts *ret;
	size_t cap;
};

static void read_department(struct reading *r, const struct csv_row *row, struct contact *k)
{
	const char *name = row->cells[1];

	k->department = name[0] ? campaign_find_department(r->c, name) : -1;
	for (size_t i = 0; k->department < 0 && i < r->c->n_departments; i++) {
		if (!strcmp(name, r->c->departments[i].name) ||
			!strcmp(name, r->c->departments[i].short_name))
			k->department = (int)i;
	}
	if (k->department < 0 && name[0])
		problems_error(r->p, r->file, row->line,
			"department: \"%s\" is not one of the definition's, as \"%s\" is", name,
			r->c->departments[0].id);
}

static void read_role(struct reading *r, const struct csv_row *row, struct contact *k)
{
	const char *role = row->cells[2];

	if (!strcmp(role, "deputy"))
		k->role = ROLE_DEPUTY;
	else if (!strcmp(role, "duty"))
		k->role = ROLE_DUTY;
	else if (role[0] && strcmp(role, "contact") != 0)
		problems_error(r->p, r->file, row->line,
			"role: write contact, deputy or duty, not \"%s\"", role);
}

static void name_contact(const struct csv_row *row, struct contact *k)
{
	char digest[65];
	struct buf b;

	buf_init(&b, 32768);
	buf_addf(&b, "%s\n%s\n%s\n%s", row->cells[0], row->cells[3], row->cells[4], row->cells[5]);
	id_sha256_hex(buf_str(&b), b.len, digest);
	buf_fini(&b);
	snprintf(k->id, sizeof(k->id), "c-%.12s", digest);
}

static int make_room(struct reading *r)
{
	size_t cap = r->cap ? r->cap * 2 : 64;
	struct contact *more;

	if (r->ret->n < r->cap)
		return 0;
	more = realloc(r->ret->items, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->ret->items = more;
	r->cap = cap;
	return 0;
}

static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	struct contact k = {.department = -1, .role = ROLE_DEPARTMENT};
	char number[16];
	int rc = make_room(r);

	if (rc < 0)
		return rc;
	if (r->ret->n == MAX_CONTACTS) {
		problems_error(
			r->p, r->file, row->line, "more than %d contacts", (int)MAX_CONTACTS);
		return SW_ELIMIT;
	}
	k.unit = units_find(r->c->units, row->cells[0]);
	if (k.unit < 0)
		problems_error(r->p, r->file, row->line,
			"unit_code: there is no unit \"%s\"; write the six digits of the units "
			"file",
			row->cells[0]);
	read_department(r, row, &k);
	read_role(r, row, &k);
	if (!row->cells[3][0] || text_copy(k.name, sizeof(k.name), row->cells[3]) < 0)
		problems_error(r->p, r->file, row->line, "name: empty, or longer than 63 bytes");
	if (text_copy(k.userid, sizeof(k.userid), row->cells[5]) < 0)
		problems_error(r->p, r->file, row->line, "userid: longer than 64 bytes");
	k.has_mobile = phone_normalise(row->cells[4], number) == PHONE_MOBILE;
	if (k.has_mobile)
		phone_mask(number, k.mobile_masked);
	name_contact(row, &k);
	r->ret->items[r->ret->n++] = k;
	return 0;
}

int roster_read(
	const char *file, const struct campaign *c, struct problems *p, struct contacts *ret)
{
	static const char *const columns[] = {
		"unit_code", "department", "role", "name", "mobile", "userid"};
	struct contacts found = {0};
	struct reading r = {.file = file, .c = c, .p = p, .ret = &found};
	size_t errors = p->n_errors;
	int rc = csv_read_file(file, columns, ARRAY_LEN(columns), on_row, &r, p);

	if (rc == 0 && p->n_errors > errors)
		rc = SW_ECONF;
	if (rc < 0) {
		free(found.items);
		return rc;
	}
	*ret = found;
	return 0;
}
