/*
 * notifier/engine/state.c: the retained state topics: when they are published.
 *
 * What changes is only marked; a short real timer publishes what is marked, each topic at most once a second and only when
 * its content is another. Nothing waits for it: neither the simulated clock nor a message. Counts and states only: no
 * texts of people, no names, no numbers. The one exception is the honour roll, which is public once its gates are open and
 * does not wait for the timer: a name that was withdrawn goes at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/base/log.h"
#include "core/wire/topic.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/state_internal.h"

#define HONOURS "honours"

enum {
	SOON_MS = 50,      /* several changes of one event become one publication */
	EVERY_MS = 1000,   /* of one topic */
	AGAIN_MS = 200,    /* the broker takes no more right now */
	MINUTE_MS = 60000, /* days and hours left change by themselves */
	WINDOW = 64, /* messages for people go first: more than this is never in flight for us */
	MAX_TOPICS = 400,
	SLOT_NAME = 48,
};

struct slot {
	UT_hash_handle hh;
	char name[SLOT_NAME]; /* "campaign", "unit/150100", "broadcast/b42" */
	bool is_marked;
	char digest[65]; /* of what the broker has; "" = nothing of ours */
	json_t *json;    /* of state_put(): its content as of the last call; owned */
};

/* ---- slots ---- */

static struct slot *slot_of(struct state *s, const char *kind, const char *code)
{
	char name[SLOT_NAME];
	struct slot *t;

	(void)snprintf(name, sizeof(name), "%s%s%.32s", kind, *code ? "/" : "", code);
	HASH_FIND_STR(s->slots, name, t);
	if (t || HASH_COUNT(s->slots) >= MAX_TOPICS)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	memcpy(t->name, name, sizeof(name));
	HASH_ADD_STR(s->slots, name, t);
	return t;
}

static void arm(struct state *s)
{
	int64_t wait = s->flushed_ms + EVERY_MS - clock_mono_ms();

	if (!s->e->stopping && !timer_armed(s->timer))
		timer_after(s->timer, wait > SOON_MS ? wait : SOON_MS);
}

static void mark(struct engine *e, const char *kind, const char *code)
{
	struct slot *t = e->state ? slot_of(e->state, kind, code) : NULL;

	if (!t)
		return;
	t->is_marked = true;
	arm(e->state);
}

/* ---- publishing ---- */

static json_t *content_of(struct engine *e, struct slot *t)
{
	const char *code = strchr(t->name, '/');
	int unit;

	if (t->json)
		return json_incref(t->json);
	if (!strcmp(t->name, "campaign"))
		return state_campaign_json(e);
	if (!strcmp(t->name, "ops"))
		return state_ops_json(e);
	if (!strcmp(t->name, "today"))
		return state_today_json(e);
	if (!strcmp(t->name, "attention"))
		return state_attention_json(e);
	if (!strcmp(t->name, HONOURS))
		return state_honours_json(e);
	unit = code ? units_find(e->world.c->units, code + 1) : -1;
	return unit >= 0 ? state_unit_json(e, unit) : NULL;
}

static int send_topic(struct engine *e, const struct slot *t, json_t *j)
{
	char topic[TOPIC_MAX], kind[SLOT_NAME], *slash, *json;
	int rc = -ENOMEM;

	(void)snprintf(kind, sizeof(kind), "%s", t->name);
	slash = strchr(kind, '/');
	if (slash)
		*slash = '\0';
	json_object_set_new(j, "v", json_integer(1));
	json_object_set_new(j, "at", json_integer(engine_now_ms(e)));
	json = json_dumps(j, JSON_COMPACT);
	if (json)
		rc = mqtt_publish(e->mqtt, topic_state(topic, kind, slash ? slash + 1 : NULL), json,
			strlen(json), true);
	free(json);
	return rc;
}

/* 0: the broker has the present content, or there is none. */
static int publish(struct engine *e, struct slot *t)
{
	json_t *content = content_of(e, t), *copy;
	char *json = content ? json_dumps(content, JSON_COMPACT) : NULL;
	char digest[65];
	int rc = 0;

	if (!json)
		goto out;
	id_sha256_hex(json, strlen(json), digest);
	if (strcmp(digest, t->digest)) {
		copy = json_copy(content);
		rc = copy ? send_topic(e, t, copy) : -ENOMEM;
		json_decref(copy);
		if (rc == 0)
			memcpy(t->digest, digest, sizeof(digest));
	}
out:
	free(json);
	json_decref(content);
	return rc;
}

/*
 * Without the store, memory may be blank, and without the lease it may be of long ago: only the state of the service itself is
 * told then.
 */
static bool may_publish(const struct engine *e, const struct slot *t)
{
	return (e->loaded && engine_has_lease(e)) || !strcmp(t->name, "ops");
}

static void flush(void *ctx)
{
	struct state *s = ctx;
	struct engine *e = s->e;
	struct slot *t, *tmp;
	bool is_left = false;

	if (e->stopping || !e->mqtt || !mqtt_connected(e->mqtt))
		return; /* marked again when the broker is back */
	s->flushed_ms = clock_mono_ms();
	s->next_ms = e->loaded ? state_next_reminders(e) : NULL;
	HASH_ITER(hh, s->slots, t, tmp)
	{
		if (!t->is_marked || !may_publish(e, t))
			continue;
		if (mqtt_inflight(e->mqtt) >= WINDOW || publish(e, t) < 0)
			is_left = true;
		else
			t->is_marked = false;
	}
	free(s->next_ms);
	s->next_ms = NULL;
	if (is_left)
		timer_after(s->timer, AGAIN_MS);
}

/* ---- what others call ---- */

void state_publish_unit(struct engine *e, int unit)
{
	mark(e, "unit", e->world.c->units->items[unit].code);
}

void state_publish_ops(struct engine *e)
{
	mark(e, "ops", "");
}

void state_publish_today(struct engine *e)
{
	mark(e, "today", "");
}

void state_publish_attention(struct engine *e)
{
	mark(e, "attention", "");
}

void state_publish_honours(struct engine *e)
{
	struct slot *t = e->state && e->loaded ? slot_of(e->state, HONOURS, "") : NULL;
	int64_t now = engine_now_ms(e), next;

	if (!t || e->stopping)
		return; /* on load, everything is published */
	t->is_marked =
		!e->mqtt || !mqtt_connected(e->mqtt) || !may_publish(e, t) || publish(e, t) < 0;
	if (t->is_marked)
		arm(e->state);
	next = gates_next_ms(e, now);
	if (next == INT64_MAX)
		timer_stop(e->state->gate);
	else
		timer_at(e->state->gate, next);
}

void state_put(struct engine *e, const char *kind, const char *code, json_t *content)
{
	struct slot *t = e->state && content ? slot_of(e->state, kind, code) : NULL;

	if (!t) {
		json_decref(content);
		return;
	}
	json_decref(t->json);
	t->json = content;
	t->is_marked = true;
	arm(e->state);
}

void state_kick(struct engine *e)
{
	const struct units *u = e->world.c->units;

	mark(e, "campaign", "");
	mark(e, HONOURS, "");
	state_publish_ops(e);
	state_publish_today(e);
	state_publish_attention(e);
	for (size_t i = 0; i < u->n_reporting; i++)
		state_publish_unit(e, u->order[i]);
}

void state_publish_all(struct engine *e)
{
	struct slot *t, *tmp;

	if (!e->state)
		return;
	/* A broker that was started anew has nothing of ours. */
	HASH_ITER(hh, e->state->slots, t, tmp)
	{
		t->digest[0] = '\0';
		t->is_marked = true;
	}
	state_kick(e);
	state_publish_honours(e);
}

void state_on_bot(struct engine *e, bool online)
{
	if (!e->state || (e->state->bot_online == online && e->state->bot_since_ms))
		return;
	e->state->bot_online = online;
	e->state->bot_since_ms = engine_now_ms(e);
	state_publish_ops(e);
}

const struct survey *state_survey(const struct engine *e)
{
	const struct survey *s = e->state ? e->state->survey : NULL;

	return s && s->c == e->world.c ? s : NULL;
}

/* ---- life ---- */

static void on_minute(void *ctx)
{
	struct state *s = ctx;

	if (s->e->leader)
		state_kick(s->e);
	timer_after(s->minute, MINUTE_MS);
}

static void on_gate(void *ctx)
{
	struct state *s = ctx;

	if (s->e->leader)
		state_publish_honours(s->e);
}

int state_create(struct engine *e)
{
	struct state *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	s->e = e;
	e->state = s;
	rc = timer_new(e->loop, flush, s, &s->timer);
	if (rc == 0)
		rc = timer_new(e->loop, on_minute, s, &s->minute);
	if (rc == 0)
		rc = timer_new(e->loop, on_gate, s, &s->gate);
	/* It has its place, however many broadcasts there are. */
	if (rc == 0 && !slot_of(s, HONOURS, ""))
		rc = -ENOMEM;
	if (rc == 0)
		timer_after(s->minute, MINUTE_MS);
	return rc;
}

void state_destroy(struct engine *e)
{
	struct state *s = e->state;
	struct slot *t, *tmp;

	if (!s)
		return;
	timer_destroy(s->timer);
	timer_destroy(s->minute);
	timer_destroy(s->gate);
	HASH_ITER(hh, s->slots, t, tmp)
	{
		HASH_DEL(s->slots, t);
		json_decref(t->json);
		free(t);
	}
	survey_free(s->running);
	survey_free(s->survey);
	free(s);
	e->state = NULL;
}
