/*
 * tests/sim/wecom/world.h: what exists in the simulated WeCom: groups with a robot, applications, people.
 *
 * Read once from a configuration file; strings live as long as the world. Secrets stand in the file as they
 * are: it is written for one run and thrown away.
 */
#ifndef SW_TESTS_SIM_WECOM_WORLD_H
#define SW_TESTS_SIM_WECOM_WORLD_H

#include <jansson.h>

#include "core/base/conf.h"
#include "tests/sim/wecom/crypto.h"
#include "tests/sim/wecom/window.h"

struct seen_body;

struct robot {
	const char *name, *key, *unit, *title;
	char chatid[33];
	struct window sent;
};

struct app {
	const char *name, *corp_id, *secret;
	char chat[72]; /* "app:<name>" */
	int64_t agent_id;
	struct simcrypt crypt;
	char access_token[65]; /* "" when none was asked for */
	int64_t token_until_ms;
	struct window *sent;    /* one per member */
	struct seen_body *seen; /* api_app.c's; freed with free() */
	size_t seen_next;
};

struct smart_robot {
	const char *name, *bot_id, *mention_name;
	struct simcrypt crypt;
};

struct member {
	const char *userid, *name, *unit;
};

struct world {
	struct conf *conf;
	struct robot *robots;
	struct app *apps;
	struct smart_robot *smart;
	struct member *members;
	size_t n_robots, n_apps, n_smart, n_members;
};

/* Loads FILE; what is wrong goes to P. SW_ECONF then. */
int world_load(const char *file, struct problems *p, struct world *ret) SW_MUST_CHECK;
void world_fini(struct world *w);

struct robot *world_robot(struct world *w, const char *name);
struct robot *world_robot_by_key(struct world *w, const char *key);
/* CHAT: "app:<name>" */
struct app *world_app(struct world *w, const char *chat);
/* User ids are compared without regard to case. NULL when unknown. */
const struct member *world_member(const struct world *w, const char *userid, size_t len);
/* 1..64 of [A-Za-z0-9_.@-] */
bool world_userid_valid(const char *userid);
/* Groups, applications, members without any secret, for the page. */
json_t *world_json(const struct world *w);

#endif
