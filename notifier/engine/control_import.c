/*
 * notifier/engine/control_import.c: `import contacts`: the roster, all or nothing.
 *
 * Numbers are sealed before they leave this function, and a keyed index finds a contact by number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/roster.h"
#include "notifier/engine/control.h"

struct import {
	struct control_call *call;
	struct contacts contacts;
	size_t unreachable;
};

static void import_free(struct import *m)
{
	free(m->contacts.items);
	free(m);
}

/* The number as kept in the store: base64 of the sealed record; NULL on failure. */
static char *seal_mobile(const struct seal_key *key, const struct roster_row *row)
{
	struct buf sealed, text;
	char aad[64], *ret = NULL;

	buf_init(&sealed, 256);
	buf_init(&text, 512);
	(void)snprintf(aad, sizeof(aad), "phone:v1:%s", row->contact.id);
	if (seal_encrypt(key, aad, row->mobile, strlen(row->mobile), &sealed) == 0 &&
		id_base64(&text, sealed.data, sealed.len) == 0)
		ret = buf_take(&text);
	buf_fini(&sealed);
	buf_fini(&text);
	return ret;
}

/* Three arguments for a row: id, JSON, index of the number. The number, sealed, and its index go into K too. */
static int add_row(
	struct engine *e, const struct roster_row *row, struct contact *k, struct args *a)
{
	char *mobile = NULL, *json;
	json_t *j;

	if (row->mobile[0]) {
		mobile = seal_mobile(&e->data_key, row);
		if (!mobile || text_copy(k->sealed, sizeof(k->sealed), mobile) < 0) {
			free(mobile);
			return SW_ECRYPTO;
		}
		seal_index(&e->data_key, row->mobile, k->index);
	}
	j = contact_to_json(&e->world, k);
	json = json_dumps(j, JSON_COMPACT);
	args_add(a, k->id);
	args_add(a, json);
	args_add(a, k->index);
	json_decref(j);
	free(json);
	free(mobile);
	return 0;
}

static void on_imported(void *ctx, int rc, const struct redis_value *v)
{
	struct import *m = ctx;
	struct control_call *call = m->call;
	struct world *w = &call->e->world;

	if (store_failed(rc, v, "contacts")) {
		control_end(call, 69,
			"the store did not take it: nothing is changed, or all of it: look with "
			"`status`");
	} else if (world_take_contacts(w, &m->contacts) < 0) {
		leader_reload(call->e); /* the store has it; memory is read again */
		control_end(call, 70, "out of memory");
	} else {
		call->e->activity++;
		scheduler_kick(call->e);
		audit_kick(call->e);
		ctl_line(call->req, "%zu contacts, %zu of them without a mobile number",
			w->contacts.n, m->unreachable);
		control_end(call, 0, NULL);
	}
	import_free(m);
}

static void store_roster(struct control_call *call, const struct roster *r)
{
	static const char *const keys[] = {KEY_LEASE, KEY_CONTACTS, KEY_INDEX, KEY_AUDIT};
	char *audit = control_audit(call, json_pack("{s:I}", "contacts", (json_int_t)r->n));
	struct import *m = calloc(1, sizeof(*m));
	struct args a;
	int rc = m ? roster_contacts(r, &m->contacts) : SW_ELIMIT;

	args_init(&a);
	args_add(&a, call->e->fence);
	args_add(&a, audit);
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		rc = add_row(call->e, &r->rows[i], &m->contacts.items[i], &a);
	if (rc == 0) {
		m->call = call;
		m->unreachable = r->unreachable;
		rc = store_eval(call->e->redis, "contacts", on_imported, m, keys, 4, &a);
	}
	if (rc < 0) {
		control_end(call, rc == SW_EAWAY ? 69 : 70,
			rc == SW_EAWAY ? "the store is away" : err_name(rc));
		if (m)
			import_free(m);
	}
	args_fini(&a);
	free(audit);
}

void control_import_contacts(struct control_call *call)
{
	const char *data = control_str(call, "data"), *name = control_str(call, "name");
	struct roster roster = {0};
	struct problems p;
	int rc;

	if (!data || !name) {
		control_end(call, 64, "no file was given");
		return;
	}
	problems_init(&p);
	rc = roster_parse(name, data, strlen(data), call->e->world.c, &p, &roster);
	for (size_t i = 0; i < p.n; i++)
		ctl_line(call->req, "%s:%d: %s%s", p.items[i].file, p.items[i].line,
			p.items[i].level == PROBLEM_WARNING ? "W: " : "", p.items[i].text);
	problems_fini(&p);
	if (rc < 0) {
		control_end(call, 1, "nothing was imported: mend the lines above and try again");
	} else if (roster.n == 0) {
		control_end(call, 1, "nothing was imported: there is no contact in the file");
	} else if (json_is_true(json_object_get(call->args, "dry_run"))) {
		ctl_line(call->req, "dry run: %zu contacts would replace %zu", roster.n,
			call->e->world.contacts.n);
		control_end(call, 0, NULL);
	} else {
		store_roster(call, &roster);
	}
	roster_fini(&roster);
}
