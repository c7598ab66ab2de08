/*
 * notifier/engine/world.h: everything the brain decides on, in memory: definition, templates, plan, roster, facts.
 *
 * Files are loaded at start and on reload; roster and facts are a copy of what Redis has, brought up on each
 * connect and changed only after the script that stores the change has answered.
 */
#ifndef SW_ENGINE_WORLD_H
#define SW_ENGINE_WORLD_H

#include "core/base/conf.h"
#include "core/base/problem.h"
#include "notifier/campaign/plan.h"

struct world {
	struct campaign *c;
	struct templates *t;
	struct plan *plan;
	struct contacts contacts;
	struct unit_facts *facts;              /* one per unit */
	int64_t *last_group_ms;                /* one per unit */
	int64_t (*reminded_ms)[PLAN_REMINDED]; /* one row per unit: plan_input.reminded_ms */
	bool sms_available;                    /* a gateway is configured */
};

/* Loads the files CONF names; SMS get its signature. The roster is empty and facts are blank. 0, or SW_ECONF with P. */
int world_load(const struct conf *conf, struct problems *p, struct world *ret) SW_MUST_CHECK;
void world_fini(struct world *w);
/* Contact by userid (case-insensitive as WeCom compares), -1: none. */
int world_contact_by_userid(const struct world *w, const char *userid);
int world_contact_by_id(const struct world *w, const char *id);
/* Takes NEXT as the roster; who was on the old one keeps what he was sent. */
int world_take_contacts(struct world *w, struct contacts *next) SW_MUST_CHECK;
/*
 * What was sent to whom is kept in one hash of the store: "150100" -> last instant of the group's reminder,
 * "u:150100" -> instants at which the unit's contacts were reminded, "c-.." -> a contact's; lists are newest first with
 * blanks between. Forgets all of it; takes N fields; notes one reminder ("" or -1: not counted there).
 */
void world_forget_sent(struct world *w);
int world_read_sent(struct world *w, const char *const (*fields)[2], size_t n) SW_MUST_CHECK;
void world_note_sent(struct world *w, const char *contact, int reminded_unit, int64_t nominal_ms);
struct plan_input world_plan_input(const struct world *w, int64_t now_ms);

/* JSON of one contact as stored; its number only sealed. */
json_t *contact_to_json(const struct world *w, const struct contact *k);
int contact_from_json(const struct world *w, const char *id, const char *json, struct contact *ret);

#endif
