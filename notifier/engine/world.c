/*
 * notifier/engine/world.c: loads and holds what decisions are made on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "notifier/engine/world.h"

int world_load(
	const char *campaign_file, const char *templates_dir, struct problems *p, struct world *ret)
{
	struct world w = {0};
	struct sw_err err = {0};
	int rc = campaign_load(campaign_file, p, &w.c);

	if (rc == 0)
		rc = templates_load(templates_dir, w.c, p, &w.t);
	if (rc == 0) {
		rc = plan_build(w.c, &w.plan, &err);
		if (rc < 0)
			problems_error(
				p, campaign_file, 0, "the plan cannot be computed: %s", err.text);
	}
	if (rc == 0) {
		w.facts = calloc(w.c->units->n, sizeof(*w.facts));
		w.last_group_ms = calloc(w.c->units->n, sizeof(*w.last_group_ms));
		if (!w.facts || !w.last_group_ms)
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
		.sms_available = false};
}

static const char *const role_names[] = {
	[ROLE_DEPARTMENT] = "", [ROLE_DEPUTY] = "deputy", [ROLE_DUTY] = "duty", [ROLE_ALL] = "all"};

json_t *contact_to_json(const struct world *w, const struct contact *k, const char *sealed_mobile)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "unit",
		w->c->units->items[k->unit].code, "department",
		k->department >= 0 ? w->c->departments[k->department].id : "", "role",
		role_names[k->role], "name", k->name, "userid", k->userid, "mobile",
		sealed_mobile ? sealed_mobile : "", "masked", k->mobile_masked);
}

int contact_from_json(const struct world *w, const char *id, const char *json, struct contact *ret)
{
	struct contact k = {.department = -1};
	const char *unit, *department, *role, *name, *userid, *mobile, *masked;
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	int rc = SW_EPROTO;

	if (!j || json_unpack(j, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "unit", &unit, "department",
			  &department, "role", &role, "name", &name, "userid", &userid, "mobile",
			  &mobile, "masked", &masked) < 0)
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
		text_copy(k.mobile_masked, sizeof(k.mobile_masked), masked) < 0)
		goto out;
	*ret = k;
	rc = 0;
out:
	json_decref(j);
	return rc;
}
