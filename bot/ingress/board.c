/*
 * bot/ingress/board.c: topics by name, and the two forms in which a page gets them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bot/ingress/board.h"
#include "core/base/text.h"
#include "core/wire/topic.h"

#define STATE "sw/v1/state/"
#define NOTIFIER "sw/v1/status/notifier/"

enum { NAME = 80 };

struct slot {
	UT_hash_handle hh;
	char name[NAME]; /* "campaign", "unit/150100", "notifier/<instance>" */
	json_t *json;
};

struct board {
	struct slot *slots;
	uint64_t rev;
	bool broker_up;
};

/* Kinds of topics in the form "<kind>/<code>", and the list each becomes. */
static const struct {
	const char *prefix, *list, *key;
} lists[] = {{"unit/", "units", "order"}, {"broadcast/", "broadcasts", "from"}};

int board_create(struct board **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void drop(struct board *b, struct slot *s)
{
	HASH_DEL(b->slots, s);
	json_decref(s->json);
	free(s);
}

void board_destroy(struct board *b)
{
	if (!b)
		return;
	while (b->slots)
		drop(b, b->slots);
	free(b);
}

void board_set_broker(struct board *b, bool is_up)
{
	b->broker_up = is_up;
}

/* ---- topics ---- */

static bool name_of(const char *topic, char ret[NAME])
{
	const char *tail = topic_tail(topic, STATE);

	if (tail)
		return *tail && text_copy(ret, NAME, tail) == 0;
	tail = topic_tail(topic, NOTIFIER);
	return tail && *tail && (size_t)snprintf(ret, NAME, "notifier/%s", tail) < NAME;
}

/* Does it differ in more than the moment it was sent? */
static bool is_news(const json_t *old, json_t *now)
{
	json_t *at;
	bool same;

	if (!old)
		return true;
	at = json_incref(json_object_get(now, "at"));
	if (at)
		json_object_set(now, "at", json_object_get(old, "at"));
	same = json_equal(old, now);
	if (at)
		json_object_set(now, "at", at);
	json_decref(at);
	return !same;
}

static int add_event(const struct board *b, const char *name, const json_t *json, struct buf *event)
{
	char *text = json_dumps(json, JSON_COMPACT); /* no line break inside: one data line */

	if (!text)
		return -ENOMEM;
	buf_addf(event, "id: %" PRIu64 "\nevent: %.*s\ndata: %s\n\n", b->rev,
		(int)strcspn(name, "/"), name, text);
	free(text);
	return event->error;
}

int board_put(
	struct board *b, const char *topic, const char *payload, size_t len, struct buf *event)
{
	char name[NAME];
	struct slot *s;
	json_t *json;

	buf_reset(event);
	if (!name_of(topic, name))
		return 0;
	HASH_FIND_STR(b->slots, name, s);
	if (len == 0) {
		/* Cleared: pages see it with their next whole state. */
		if (s)
			drop(b, s);
		return 0;
	}
	if (len > BOARD_TOPIC_BYTES || (!s && HASH_COUNT(b->slots) >= BOARD_TOPICS))
		return SW_ELIMIT;
	json = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(json)) {
		json_decref(json);
		return SW_EPROTO;
	}
	if (s && !is_news(s->json, json)) {
		json_decref(json);
		return 0;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			json_decref(json);
			return -ENOMEM;
		}
		memcpy(s->name, name, sizeof(name));
		HASH_ADD_STR(b->slots, name, s);
	}
	json_decref(s->json);
	s->json = json;
	b->rev++;
	if (text_starts(name, "notifier/"))
		return 1; /* told by the service event */
	return add_event(b, name, json, event) < 0 ? SW_ELIMIT : 1;
}

/* ---- what a page gets ---- */

static bool notifier_online(const struct board *b)
{
	struct slot *s, *tmp;
	bool online = false;

	HASH_ITER(hh, b->slots, s, tmp)
	{
		if (text_starts(s->name, "notifier/"))
			online = online || json_is_true(json_object_get(s->json, "online"));
	}
	return online;
}

static json_t *service_json(const struct board *b, int64_t now_ms)
{
	return json_pack("{s:b, s:b, s:I}", "broker", b->broker_up, "notifier",
		b->broker_up && notifier_online(b), "now", (json_int_t)now_ms);
}

int board_service_event(const struct board *b, int64_t now_ms, struct buf *event)
{
	json_t *json = service_json(b, now_ms);
	int rc;

	buf_reset(event);
	rc = json ? add_event(b, "service", json, event) : -ENOMEM;
	json_decref(json);
	return rc;
}

struct member {
	json_int_t key;
	const char *name;
	json_t *json;
};

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return strcmp(x->name, y->name);
}

static json_t *list_json(const struct board *b, const char *prefix, const char *key)
{
	struct member *all = calloc(BOARD_TOPICS, sizeof(*all));
	struct slot *s, *tmp;
	json_t *list = json_array();
	size_t n = 0;

	if (!all)
		return list;
	HASH_ITER(hh, b->slots, s, tmp)
	{
		if (text_starts(s->name, prefix))
			all[n++] =
				(struct member){json_integer_value(json_object_get(s->json, key)),
					s->name, s->json};
	}
	qsort(all, n, sizeof(*all), by_key);
	for (size_t i = 0; i < n; i++)
		json_array_append(list, all[i].json);
	free(all);
	return list;
}

int board_state(
	const struct board *b, int64_t now_ms, const char *name, const char *role, struct buf *out)
{
	json_t *json = json_pack("{s:i, s:I, s:o, s:{s:s, s:s}}", "v", 1, "rev", (json_int_t)b->rev,
		"service", service_json(b, now_ms), "operator", "name", name, "role", role);
	struct slot *s, *tmp;
	char *text;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		json_object_set_new(
			json, lists[i].list, list_json(b, lists[i].prefix, lists[i].key));
	HASH_ITER(hh, b->slots, s, tmp)
	{
		if (!strchr(s->name, '/') && !json_object_get(json, s->name))
			json_object_set(json, s->name, s->json);
	}
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!text)
		return -ENOMEM;
	buf_adds(out, text);
	free(text);
	return out->error;
}
