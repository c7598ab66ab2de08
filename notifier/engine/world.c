/*
 * notifier/engine/world.c: loads and holds what decisions are made on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/world.h"

int world_load(const struct conf *conf, struct problems *p, struct world *ret)
{
	struct world w = {.sms_available = conf_count(conf, "sms.route") > 0};
	const char *file = conf_str(conf, "campaign");
	struct sw_err err = {0};
	int rc = campaign_load(file, p, &w.c);

	if (rc == 0)
		rc = templates_load(conf_str(conf, "templates"), w.c, p, &w.t);
	if (rc == 0) {
		rc = templates_set_sign(w.t, conf_str(conf, "sms.sign"));
		if (rc == SW_EINVAL) {
			problems_error(p, conf_file(conf), conf_line(conf, "sms.sign"),
				"sms.sign: write it without brackets; the program puts them");
			rc = SW_ECONF;
		}
	}
	if (rc == 0) {
		rc = plan_build(w.c, &w.plan, &err);
		if (rc < 0)
			problems_error(p, file, 0, "the plan cannot be computed: %s", err.text);
	}
	if (rc == 0) {
		w.facts = calloc(w.c->units->n, sizeof(*w.facts));
		w.last_group_ms = calloc(w.c->units->n, sizeof(*w.last_group_ms));
		w.reminded_ms = calloc(w.c->units->n, sizeof(*w.reminded_ms));
		if (!w.facts || !w.last_group_ms || !w.reminded_ms)
			rc = -ENOMEM;
	}
	if (rc < 0) {
		world_fini(&w);
		return rc;
	}
	for (size_t i = 0; i < w.c->units->n; i++)
		facts_init(&w.facts[i]);
	*ret = w;
	return 0;
}

void world_fini(struct world *w)
{
	plan_free(w->plan);
	templates_free(w->t);
	campaign_free(w->c);
	free(w->contacts.items);
	free(w->facts);
	free(w->last_group_ms);
	free(w->reminded_ms);
	*w = (struct world){0};
}

int world_contact_by_userid(const struct world *w, const char *userid)
{
	for (size_t i = 0; i < w->contacts.n; i++)
		if (w->contacts.items[i].userid[0] &&
			!strcasecmp(w->contacts.items[i].userid, userid))
			return (int)i;
	return -1;
}

int world_contact_by_id(const struct world *w, const char *id)
{
	for (size_t i = 0; i < w->contacts.n; i++)
		if (!strcmp(w->contacts.items[i].id, id))
			return (int)i;
	return -1;
}

struct plan_input world_plan_input(const struct world *w, int64_t now_ms)
{
	return (struct plan_input){.c = w->c,
		.t = w->t,
		.contacts = &w->contacts,
		.facts = w->facts,
		.now_ms = now_ms,
		.last_group_ms = w->last_group_ms,
		.reminded_ms = (const int64_t(*)[PLAN_REMINDED])w->reminded_ms,
		.sms_available = w->sms_available};
}

/* ---- who was sent what ---- */

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct contact *const *)a)->id, (*(struct contact *const *)b)->id);
}

/* Pointers to the contacts of C in the order of their ids; the caller frees. NULL: no memory. */
static struct contact **sorted(const struct contacts *c)
{
	struct contact **ret = calloc(c->n + 1, sizeof(struct contact *));

	for (size_t i = 0; ret && i < c->n; i++)
		ret[i] = &c->items[i];
	if (ret)
		qsort(ret, c->n, sizeof(struct contact *), by_id);
	return ret;
}

static struct contact *find_sorted(struct contact **all, size_t n, const char *id)
{
	struct contact key, *k = &key, **found;

	if (text_copy(key.id, sizeof(key.id), id) < 0)
		return NULL;
	found = bsearch(&k, all, n, sizeof(struct contact *), by_id);
	return found ? *found : NULL;
}

int world_take_contacts(struct world *w, struct contacts *next)
{
	struct contact **old = sorted(&w->contacts);

	if (!old)
		return -ENOMEM;
	for (size_t i = 0; i < next->n; i++) {
		const struct contact *k = find_sorted(old, w->contacts.n, next->items[i].id);

		if (k)
			memcpy(next->items[i].sent_ms, k->sent_ms, sizeof(k->sent_ms));
	}
	free(old);
	free(w->contacts.items);
	w->contacts = *next;
	*next = (struct contacts){0};
	return 0;
}

void world_forget_sent(struct world *w)
{
	memset(w->last_group_ms, 0, w->c->units->n * sizeof(*w->last_group_ms));
	memset(w->reminded_ms, 0, w->c->units->n * sizeof(*w->reminded_ms));
	for (size_t i = 0; i < w->contacts.n; i++)
		memset(w->contacts.items[i].sent_ms, 0, sizeof(w->contacts.items[i].sent_ms));
}

/* "1660035600000 1659949200000": what is no number is left out. */
static void read_log(const char *text, int64_t *log, size_t max)
{
	for (const char *s = text + strspn(text, " "); *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");
		char number[24];
		int64_t ms;

		snprintf(number, sizeof(number), "%.*s", (int)(n < sizeof(number) ? n : 0), s);
		if (num_parse(number, 1, INT64_MAX, &ms) == 0)
			plan_log_add(log, max, ms);
		s += n;
	}
}

int world_read_sent(struct world *w, const char *const (*fields)[2], size_t n)
{
	struct contact **all = sorted(&w->contacts);

	if (!all)
		return -ENOMEM;
	world_forget_sent(w);
	for (size_t i = 0; i < n; i++) {
		const char *name = fields[i][0], *value = fields[i][1];
		struct contact *k = find_sorted(all, w->contacts.n, name);
		bool is_log = text_starts(name, "u:");
		int unit = units_find(w->c->units, is_log ? name + 2 : name);

		if (k)
			read_log(value, k->sent_ms, CONTACT_SENT);
		else if (unit >= 0 && is_log)
			read_log(value, w->reminded_ms[unit], PLAN_REMINDED);
		else if (unit >= 0 && num_parse(value, 0, INT64_MAX, &w->last_group_ms[unit]) < 0)
			w->last_group_ms[unit] = 0;
	}
	free(all);
	return 0;
}

void world_note_sent(struct world *w, const char *contact, int reminded_unit, int64_t nominal_ms)
{
	int k = contact[0] ? world_contact_by_id(w, contact) : -1;

	if (k >= 0)
		plan_log_add(w->contacts.items[k].sent_ms, CONTACT_SENT, nominal_ms);
	if (reminded_unit >= 0)
		plan_log_add(w->reminded_ms[reminded_unit], PLAN_REMINDED, nominal_ms);
}

/* ---- a contact as stored ---- */

static const char *const role_names[] = {
	[ROLE_DEPARTMENT] = "", [ROLE_DEPUTY] = "deputy", [ROLE_DUTY] = "duty", [ROLE_ALL] = "all"};

json_t *contact_to_json(const struct world *w, const struct contact *k)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "unit",
		w->c->units->items[k->unit].code, "department",
		k->department >= 0 ? w->c->departments[k->department].id : "", "role",
		role_names[k->role], "name", k->name, "userid", k->userid, "mobile", k->sealed,
		"index", k->index, "masked", k->mobile_masked);
}

int contact_from_json(const struct world *w, const char *id, const char *json, struct contact *ret)
{
	struct contact k = {.department = -1};
	const char *unit, *department, *role, *name, *userid, *mobile, *masked, *index = "";
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	int rc = SW_EPROTO;

	if (!j || json_unpack(j, "{s:s, s:s, s:s, s:s, s:s, s:s, s?s, s:s}", "unit", &unit,
			  "department", &department, "role", &role, "name", &name, "userid",
			  &userid, "mobile", &mobile, "index", &index, "masked", &masked) < 0)
		goto out;
	k.unit = units_find(w->c->units, unit);
	k.department = department[0] ? campaign_find_department(w->c, department) : -1;
	for (size_t i = 0; i < ARRAY_LEN(role_names); i++)
		if (!strcmp(role, role_names[i]))
			k.role = (enum def_role)i;
	k.has_mobile = mobile[0] != '\0';
	if (k.unit < 0 || text_copy(k.id, sizeof(k.id), id) < 0 ||
		text_copy(k.name, sizeof(k.name), name) < 0 ||
		text_copy(k.userid, sizeof(k.userid), userid) < 0 ||
		text_copy(k.mobile_masked, sizeof(k.mobile_masked), masked) < 0 ||
		text_copy(k.sealed, sizeof(k.sealed), mobile) < 0 ||
		text_copy(k.index, sizeof(k.index), index) < 0)
		goto out;
	*ret = k;
	rc = 0;
out:
	json_decref(j);
	return rc;
}
