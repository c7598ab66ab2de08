/*
 * notifier/engine/control_import.c: `import contacts`: the roster, all or nothing.
 *
 * CSV unit_code,department,role,name,mobile,userid. All errors of a file are reported at once; numbers are sealed
 * before they leave this function, and a keyed index finds a contact by number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/csv.h"
#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/engine/control.h"

#define USERID_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@"

enum { ROSTER_MAX = 5000 };

struct roster {
	struct control_call *call;
	struct world *w;
	const char *name;
	struct problems p;
	struct contact *items;
	struct args rows; /* id, json, index */
	size_t n;
	int unreachable;
};

static void row_unit(struct roster *r, const struct csv_row *row, struct contact *k)
{
	k->unit = units_find(r->w->c->units, row->cells[0]);
	if (k->unit < 0)
		problems_error(&r->p, r->name, row->line,
			"unit_code: no unit \"%s\": write the six digits of the units file",
			row->cells[0]);
}

static void row_department(struct roster *r, const struct csv_row *row, struct contact *k)
{
	const struct campaign *c = r->w->c;

	k->department = row->cells[1][0] ? campaign_find_department(c, row->cells[1]) : -1;
	for (size_t i = 0; k->department < 0 && i < c->n_departments; i++)
		if (!strcmp(row->cells[1], c->departments[i].name) ||
			(c->departments[i].short_name &&
				!strcmp(row->cells[1], c->departments[i].short_name)))
			k->department = (int)i;
	if (k->department < 0 && row->cells[1][0])
		problems_error(&r->p, r->name, row->line,
			"department: \"%s\" is not one of the definition's (such as %s)",
			row->cells[1], c->departments[0].id);
	if (!row->cells[2][0] || !strcmp(row->cells[2], "contact"))
		k->role = ROLE_DEPARTMENT;
	else if (!strcmp(row->cells[2], "deputy"))
		k->role = ROLE_DEPUTY;
	else if (!strcmp(row->cells[2], "duty"))
		k->role = ROLE_DUTY;
	else
		problems_error(&r->p, r->name, row->line,
			"role: write contact, deputy or duty, not \"%s\"", row->cells[2]);
}

static char *row_mobile(
	struct roster *r, const struct csv_row *row, struct contact *k, char index[65])
{
	char normal[16], aad[64];
	struct buf sealed, text;
	char *ret = NULL;
	enum phone_verdict v = phone_normalise(row->cells[4], normal);

	index[0] = '\0';
	if (v == PHONE_LANDLINE || v == PHONE_EMPTY) {
		r->unreachable++;
		if (v == PHONE_LANDLINE)
			problems_warn(
				&r->p, r->name, row->line, "mobile: %s", phone_verdict_text(v));
		return text_dup("");
	}
	if (v != PHONE_MOBILE) {
		problems_error(&r->p, r->name, row->line, "mobile: %s", phone_verdict_text(v));
		return text_dup("");
	}
	k->has_mobile = true;
	(void)phone_mask(normal, k->mobile_masked);
	seal_index(&r->call->e->data_key, normal, index);
	buf_init(&sealed, 256);
	buf_init(&text, 512);
	(void)snprintf(aad, sizeof(aad), "phone:v1:%s", k->id);
	if (seal_encrypt(&r->call->e->data_key, aad, normal, strlen(normal), &sealed) == 0 &&
		id_base64(&text, sealed.data, sealed.len) == 0)
		ret = buf_take(&text);
	buf_fini(&sealed);
	buf_fini(&text);
	return ret;
}

static int on_row(void *ctx, const struct csv_row *row)
{
	struct roster *r = ctx;
	struct contact k = {.department = -1};
	char digest[65], index[65], *mobile, *json;
	struct buf source;
	json_t *j;

	if (r->n >= ROSTER_MAX) {
		problems_error(&r->p, r->name, row->line, "more than %d contacts", ROSTER_MAX);
		return SW_ELIMIT;
	}
	row_unit(r, row, &k);
	row_department(r, row, &k);
	if (!row->cells[3][0] || text_copy(k.name, sizeof(k.name), row->cells[3]) < 0)
		problems_error(&r->p, r->name, row->line, "name: empty, or longer than 63 bytes");
	if (text_copy(k.userid, sizeof(k.userid), row->cells[5]) < 0)
		problems_error(&r->p, r->name, row->line, "userid: longer than 64 bytes");
	/* WeCom's own characters (document 90236); "@all" would call everybody. */
	if (k.userid[0] == '@' || strspn(k.userid, USERID_CHARS) != strlen(k.userid))
		problems_error(&r->p, r->name, row->line,
			"userid: letters, digits and _ - . @ only, not \"%s\"", k.userid);
	for (size_t i = 0; k.userid[0] && i < r->n; i++)
		if (!strcasecmp(r->items[i].userid, k.userid))
			problems_error(&r->p, r->name, row->line,
				"userid: the same as in an earlier row: one person, one row");
	/* The id is computed from who it is, so that importing the same roster again changes nothing. */
	buf_init(&source, 4096);
	buf_addf(&source, "%s\n%s\n%s\n%s", row->cells[0], row->cells[3], row->cells[4],
		row->cells[5]);
	id_sha256_hex(buf_str(&source), source.len, digest);
	buf_fini(&source);
	(void)snprintf(k.id, sizeof(k.id), "c-%.12s", digest);
	mobile = row_mobile(r, row, &k, index);
	if (mobile && !r->p.n_errors) {
		j = contact_to_json(r->w, &k, mobile);
		json = json_dumps(j, JSON_COMPACT);
		args_add(&r->rows, k.id);
		args_add(&r->rows, json);
		args_add(&r->rows, index);
		json_decref(j);
		free(json);
	}
	free(mobile);
	r->items[r->n++] = k;
	return 0;
}

static void roster_free(struct roster *r)
{
	problems_fini(&r->p);
	args_fini(&r->rows);
	free(r->items);
	free(r);
}

static void on_imported(void *ctx, int rc, const struct redis_value *v)
{
	struct roster *r = ctx;
	struct control_call *call = r->call;
	struct world *w = r->w;

	if (store_failed(rc, v, "contacts")) {
		control_end(call, 69,
			"the store did not take it: nothing is changed, or all of it: look with "
			"`status`");
	} else {
		free(w->contacts.items);
		w->contacts.items = r->items;
		w->contacts.n = r->n;
		r->items = NULL;
		call->e->activity++;
		scheduler_kick(call->e);
		audit_kick(call->e);
		ctl_line(call->req, "%zu contacts, %d of them without a mobile number",
			w->contacts.n, r->unreachable);
		control_end(call, 0, NULL);
	}
	roster_free(r);
}

static void store_roster(struct roster *r)
{
	static const char *const keys[] = {KEY_LEASE, KEY_CONTACTS, KEY_INDEX, KEY_AUDIT};
	struct control_call *call = r->call;
	char *audit = control_audit(call, json_pack("{s:I}", "contacts", (json_int_t)r->n));
	struct args a;

	args_init(&a);
	args_add(&a, call->e->fence);
	args_add(&a, audit);
	for (size_t i = 0; i < r->rows.n; i++)
		args_add(&a, r->rows.v[i]);
	if (store_eval(call->e->redis, "contacts", on_imported, r, keys, 4, &a) < 0) {
		control_end(call, 69, "the store is away");
		roster_free(r);
	}
	args_fini(&a);
	free(audit);
}

void control_import_contacts(struct control_call *call)
{
	static const char *const columns[] = {
		"unit_code", "department", "role", "name", "mobile", "userid"};
	const char *data = control_str(call, "data"), *name = control_str(call, "name");
	struct roster *r = calloc(1, sizeof(*r));

	if (!r || !data || !name) {
		free(r);
		control_end(call, 64, "no file was given");
		return;
	}
	r->call = call;
	r->w = &call->e->world;
	r->name = name;
	problems_init(&r->p);
	args_init(&r->rows);
	r->items = calloc(ROSTER_MAX, sizeof(*r->items));
	if (r->items)
		(void)!csv_read(
			name, data, strlen(data), columns, ARRAY_LEN(columns), on_row, r, &r->p);
	for (size_t i = 0; i < r->p.n; i++)
		ctl_line(call->req, "%s:%d: %s%s", r->p.items[i].file, r->p.items[i].line,
			r->p.items[i].level == PROBLEM_WARNING ? "W: " : "", r->p.items[i].text);
	if (!r->items || r->p.n_errors || r->n == 0) {
		control_end(call, 1,
			r->n ? "nothing was imported: mend the lines above and try again"
			     : "nothing was imported: there is no contact in the file");
		roster_free(r);
	} else if (json_is_true(json_object_get(call->args, "dry_run"))) {
		ctl_line(call->req, "dry run: %zu contacts would replace %zu", r->n,
			r->w->contacts.n);
		control_end(call, 0, NULL);
		roster_free(r);
	} else {
		store_roster(r);
	}
}
