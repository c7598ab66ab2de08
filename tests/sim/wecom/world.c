/*
 * tests/sim/wecom/world.c: the configuration table of the simulator and the look-ups over it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/settings.h"
#include "tests/sim/wecom/world.h"

static const struct conf_item table[] = {
	SIM_SETTINGS,
	{"bot_url", CONF_STRING, 0, "http://127.0.0.1:8080", 8, 255, "Base address of the bot."},
	{"callback_pause", CONF_DURATION, 0, "1s", 1, 60000, "Real time between its tries."},
	{"robots[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "name of a group"},
	{"robots[].key", CONF_STRING, CONF_REQUIRED, NULL, 1, 128, "key of its webhook"},
	{"robots[].unit", CONF_STRING, 0, "", 0, 32, "unit whose members are in it"},
	{"robots[].title", CONF_STRING, 0, "", 0, 128, "what the page calls it"},
	{"apps[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "name of an application"},
	{"apps[].corp_id", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "its company"},
	{"apps[].agent_id", CONF_INT, CONF_REQUIRED, NULL, 1, INT32_MAX, "its number"},
	{"apps[].secret", CONF_STRING, CONF_REQUIRED, NULL, 1, 128, "its secret"},
	{"apps[].token", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "token of its callback"},
	{"apps[].aes_key", CONF_STRING, CONF_REQUIRED, NULL, 43, 43, "key of its callback"},
	{"smart_robots[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "name of a smart robot"},
	{"smart_robots[].token", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "token of its callback"},
	{"smart_robots[].aes_key", CONF_STRING, CONF_REQUIRED, NULL, 43, 43, "key of its callback"},
	{"smart_robots[].bot_id", CONF_STRING, 0, "AIB0001", 1, 64, "its id"},
	{"smart_robots[].mention_name", CONF_STRING, 0, "守望", 1, 64,
		"what people write behind @"},
	{"members[].userid", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "user id"},
	{"members[].name", CONF_STRING, 0, "", 0, 64, "invented name"},
	{"members[].unit", CONF_STRING, 0, "", 0, 32, "unit, and so the group"},
};

static void fill_robots(struct world *w)
{
	for (size_t i = 0; i < w->n_robots; i++) {
		struct robot *r = &w->robots[i];
		char seed[96], hex[65];

		r->name = conf_strf(w->conf, "robots[%zu].name", i);
		r->key = conf_strf(w->conf, "robots[%zu].key", i);
		r->unit = conf_strf(w->conf, "robots[%zu].unit", i);
		r->title = conf_strf(w->conf, "robots[%zu].title", i);
		if (!*r->title)
			r->title = r->name;
		/* Both cases: chat ids are case-sensitive, and somebody may forget it. */
		snprintf(seed, sizeof(seed), "simulated chat %s", r->name);
		id_sha256_hex(seed, strlen(seed), hex);
		snprintf(r->chatid, sizeof(r->chatid), "wrSim%.24s", hex);
	}
}

static int fill_apps(struct world *w, struct problems *p)
{
	for (size_t i = 0; i < w->n_apps; i++) {
		struct app *a = &w->apps[i];

		a->name = conf_strf(w->conf, "apps[%zu].name", i);
		a->corp_id = conf_strf(w->conf, "apps[%zu].corp_id", i);
		a->secret = conf_strf(w->conf, "apps[%zu].secret", i);
		a->agent_id = conf_intf(w->conf, "apps[%zu].agent_id", i);
		snprintf(a->chat, sizeof(a->chat), "app:%s", a->name);
		a->sent = calloc(w->n_members + 1, sizeof(*a->sent));
		if (!a->sent)
			return -ENOMEM;
		if (simcrypt_init(&a->crypt, conf_strf(w->conf, "apps[%zu].token", i),
			    conf_strf(w->conf, "apps[%zu].aes_key", i)) < 0)
			problems_error(p, conf_file(w->conf), 0,
				"aes_key of application %s is no base64; write 43 characters",
				a->name);
	}
	return 0;
}

static void fill_smart(struct world *w, struct problems *p)
{
	for (size_t i = 0; i < w->n_smart; i++) {
		struct smart_robot *s = &w->smart[i];

		s->name = conf_strf(w->conf, "smart_robots[%zu].name", i);
		s->bot_id = conf_strf(w->conf, "smart_robots[%zu].bot_id", i);
		s->mention_name = conf_strf(w->conf, "smart_robots[%zu].mention_name", i);
		if (simcrypt_init(&s->crypt, conf_strf(w->conf, "smart_robots[%zu].token", i),
			    conf_strf(w->conf, "smart_robots[%zu].aes_key", i)) < 0)
			problems_error(p, conf_file(w->conf), 0,
				"aes_key of smart robot %s is no base64; write 43 characters",
				s->name);
	}
}

static void fill_members(struct world *w, struct problems *p)
{
	for (size_t i = 0; i < w->n_members; i++) {
		struct member *m = &w->members[i];

		m->userid = conf_strf(w->conf, "members[%zu].userid", i);
		m->name = conf_strf(w->conf, "members[%zu].name", i);
		m->unit = conf_strf(w->conf, "members[%zu].unit", i);
		if (!*m->name)
			m->name = m->userid;
		if (!world_userid_valid(m->userid))
			problems_error(p, conf_file(w->conf), 0,
				"user id %s: only letters, digits and _ - . @", m->userid);
	}
}

int world_load(const char *file, struct problems *p, struct world *ret)
{
	struct world w = {0};
	int rc = conf_load(file, table, ARRAY_LEN(table), p, &w.conf);

	if (rc < 0)
		return rc;
	w.n_robots = conf_count(w.conf, "robots");
	w.n_apps = conf_count(w.conf, "apps");
	w.n_smart = conf_count(w.conf, "smart_robots");
	w.n_members = conf_count(w.conf, "members");
	w.robots = calloc(w.n_robots + 1, sizeof(*w.robots));
	w.apps = calloc(w.n_apps + 1, sizeof(*w.apps));
	w.smart = calloc(w.n_smart + 1, sizeof(*w.smart));
	w.members = calloc(w.n_members + 1, sizeof(*w.members));
	rc = -ENOMEM;
	if (w.robots && w.apps && w.smart && w.members) {
		fill_robots(&w);
		fill_members(&w, p);
		fill_smart(&w, p);
		rc = fill_apps(&w, p);
	}
	if (rc == 0 && p->n_errors > 0)
		rc = SW_ECONF;
	if (rc < 0)
		world_fini(&w);
	else
		*ret = w;
	return rc;
}

void world_fini(struct world *w)
{
	for (size_t i = 0; w->apps && i < w->n_apps; i++) {
		free(w->apps[i].sent);
		free(w->apps[i].seen);
	}
	free(w->robots);
	free(w->apps);
	free(w->smart);
	free(w->members);
	conf_free(w->conf);
}

struct robot *world_robot(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->n_robots; i++)
		if (strcmp(w->robots[i].name, name) == 0)
			return &w->robots[i];
	return NULL;
}

struct robot *world_robot_by_key(struct world *w, const char *key)
{
	for (size_t i = 0; i < w->n_robots; i++)
		if (strcmp(w->robots[i].key, key) == 0)
			return &w->robots[i];
	return NULL;
}

struct app *world_app(struct world *w, const char *chat)
{
	for (size_t i = 0; i < w->n_apps; i++)
		if (strcmp(w->apps[i].chat, chat) == 0)
			return &w->apps[i];
	return NULL;
}

const struct member *world_member(const struct world *w, const char *userid, size_t len)
{
	for (size_t i = 0; i < w->n_members; i++)
		if (strlen(w->members[i].userid) == len &&
			strncasecmp(w->members[i].userid, userid, len) == 0)
			return &w->members[i];
	return NULL;
}

bool world_userid_valid(const char *userid)
{
	size_t n = strspn(userid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789_.@-");

	return n >= 1 && n <= 64 && userid[n] == '\0';
}

json_t *world_json(const struct world *w)
{
	json_t *robots = json_array(), *apps = json_array(), *smart = json_array(),
	       *members = json_array();

	for (size_t i = 0; i < w->n_robots; i++) {
		const struct robot *r = &w->robots[i];

		json_array_append_new(
			robots, json_pack("{s:s, s:s, s:s, s:s}", "name", r->name, "unit", r->unit,
					"title", r->title, "chatid", r->chatid));
	}
	for (size_t i = 0; i < w->n_apps; i++)
		json_array_append_new(apps,
			json_pack("{s:s, s:s}", "name", w->apps[i].name, "chat", w->apps[i].chat));
	for (size_t i = 0; i < w->n_smart; i++)
		json_array_append_new(smart, json_pack("{s:s, s:s}", "name", w->smart[i].name,
						     "mention_name", w->smart[i].mention_name));
	for (size_t i = 0; i < w->n_members; i++)
		json_array_append_new(
			members, json_pack("{s:s, s:s, s:s}", "userid", w->members[i].userid,
					 "name", w->members[i].name, "unit", w->members[i].unit));
	return json_pack("{s:o, s:o, s:o, s:o}", "robots", robots, "apps", apps, "smart_robots",
		smart, "members", members);
}
