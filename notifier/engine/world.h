/*
 * notifier/engine/world.h: everything the brain decides on, in memory: definition, templates, plan, roster, facts.
 *
 * Files are loaded at start and on reload; roster and facts are a copy of what Redis has, brought up on each
 * connect and changed only after the script that stores the change has answered.
 */
#ifndef SW_ENGINE_WORLD_H
#define SW_ENGINE_WORLD_H

#include "core/base/problem.h"
#include "notifier/campaign/plan.h"

struct world {
	struct campaign *c;
	struct templates *t;
	struct plan *plan;
	struct contacts contacts;
	struct unit_facts *facts; /* one per unit */
	int64_t *last_group_ms;   /* one per unit */
};

/* Loads the files; the roster is empty and facts are blank. 0, or SW_ECONF with P. */
int world_load(const char *campaign_file, const char *templates_dir, struct problems *p,
	struct world *ret) SW_MUST_CHECK;
void world_fini(struct world *w);
/* Contact by userid (case-insensitive as WeCom compares), -1: none. */
int world_contact_by_userid(const struct world *w, const char *userid);
int world_contact_by_id(const struct world *w, const char *id);
struct plan_input world_plan_input(const struct world *w, int64_t now_ms);

/* JSON of one contact as stored (without the number, which is sealed beside it). */
json_t *contact_to_json(const struct world *w, const struct contact *k, const char *sealed_mobile);
int contact_from_json(const struct world *w, const char *id, const char *json, struct contact *ret);

#endif
