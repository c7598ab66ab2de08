/*
 * bot/ingress/session.c: sessions by the digest of their id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bot/ingress/session.h"
#include "core/base/id.h"

struct entry {
	UT_hash_handle hh;
	struct session one;
};

struct sessions {
	struct entry *entries;
};

static bool is_valid(const struct session *one, int64_t now_ms)
{
	return now_ms - one->seen_ms < SESSION_IDLE_MS && now_ms - one->from_ms < SESSION_LIFE_MS;
}

static struct entry *by_key(const struct sessions *s, const char *key)
{
	struct entry *e;

	HASH_FIND_STR(s->entries, key, e);
	return e;
}

static struct entry *by_id(const struct sessions *s, const char *id)
{
	char key[SESSION_KEY];

	if (strlen(id) != SESSION_ID - 1)
		return NULL;
	id_sha256_hex(id, SESSION_ID - 1, key);
	return by_key(s, key);
}

static void drop(struct sessions *s, struct entry *e)
{
	HASH_DEL(s->entries, e);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

int sessions_create(struct sessions **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void sessions_destroy(struct sessions *s)
{
	if (!s)
		return;
	while (s->entries)
		drop(s, s->entries);
	free(s);
}

/* The least recently used session of NAME (NULL: of all), when there are MAX or more. */
static struct entry *one_too_many(const struct sessions *s, const char *name, size_t max)
{
	struct entry *e, *tmp, *oldest = NULL;
	size_t n = 0;

	HASH_ITER(hh, s->entries, e, tmp)
	{
		if (name && strcmp(e->one.name, name))
			continue;
		n++;
		if (!oldest || e->one.seen_ms < oldest->one.seen_ms)
			oldest = e;
	}
	return n >= max ? oldest : NULL;
}

int sessions_open(struct sessions *s, const struct operator_entry *who, int64_t now_ms,
	char ret_id[SESSION_ID])
{
	struct entry *e, *old;
	char id[SESSION_ID];

	sessions_sweep(s, now_ms, NULL, NULL);
	if ((old = one_too_many(s, who->name, SESSIONS_OF_ONE)) != NULL)
		drop(s, old);
	if ((old = one_too_many(s, NULL, SESSIONS_MAX)) != NULL)
		drop(s, old);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	id_random_hex((SESSION_ID - 1) / 2, id);
	id_sha256_hex(id, SESSION_ID - 1, e->one.key);
	memcpy(e->one.name, who->name, sizeof(e->one.name));
	memcpy(e->one.role, who->role, sizeof(e->one.role));
	memcpy(e->one.credential, who->hash, sizeof(e->one.credential));
	e->one.from_ms = e->one.seen_ms = now_ms;
	HASH_ADD_STR(s->entries, one.key, e);
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

const struct session *sessions_find(const struct sessions *s, const char *id, int64_t now_ms)
{
	const struct entry *e = by_id(s, id);

	return e && is_valid(&e->one, now_ms) ? &e->one : NULL;
}

bool sessions_has_key(const struct sessions *s, const char *key, int64_t now_ms)
{
	const struct entry *e = by_key(s, key);

	return e && is_valid(&e->one, now_ms);
}

void sessions_touch(struct sessions *s, const char *id, int64_t now_ms)
{
	struct entry *e = by_id(s, id);

	if (e && is_valid(&e->one, now_ms))
		e->one.seen_ms = now_ms;
}

void sessions_close(struct sessions *s, const char *id)
{
	struct entry *e = by_id(s, id);

	if (e)
		drop(s, e);
}

void sessions_sweep(struct sessions *s, int64_t now_ms,
	bool (*stays)(void *ctx, const struct session *one), void *ctx)
{
	struct entry *e, *tmp;

	HASH_ITER(hh, s->entries, e, tmp)
	{
		if (!is_valid(&e->one, now_ms) || (stays && !stays(ctx, &e->one)))
			drop(s, e);
	}
}

size_t sessions_count(const struct sessions *s)
{
	return HASH_COUNT(s->entries);
}
