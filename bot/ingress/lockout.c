/*
 * bot/ingress/lockout.c: failures by key, in the order of their last failure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bot/ingress/lockout.h"
#include "core/base/id.h"

enum { KEY_HEX = 65 };

/* Keys are kept as digests: a passphrase typed into the wrong field is not remembered. */
struct entry {
	UT_hash_handle hh;
	char key[KEY_HEX];
	int failures;
	int64_t until_ms;
};

struct lockout {
	struct entry *entries; /* the hash keeps them in the order of adding */
	size_t max_keys;
};

static struct entry *find(const struct lockout *l, const char *key)
{
	char hex[KEY_HEX];
	struct entry *e;

	id_sha256_hex(key, strlen(key), hex);
	HASH_FIND_STR(l->entries, hex, e);
	return e;
}

int lockout_create(size_t max_keys, struct lockout **ret)
{
	struct lockout *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->max_keys = max_keys;
	*ret = l;
	return 0;
}

static void drop(struct lockout *l, struct entry *e)
{
	HASH_DEL(l->entries, e);
	free(e);
}

void lockout_destroy(struct lockout *l)
{
	if (!l)
		return;
	while (l->entries)
		drop(l, l->entries);
	free(l);
}

bool lockout_is_locked(const struct lockout *l, const char *key, int64_t now_ms)
{
	const struct entry *e = find(l, key);

	return e && e->failures >= LOCKOUT_FAILURES && now_ms < e->until_ms;
}

void lockout_count(struct lockout *l, const char *key, int64_t now_ms)
{
	struct entry *e = find(l, key);

	if (e) {
		HASH_DEL(l->entries, e);
		if (now_ms >= e->until_ms)
			e->failures = 0;
	} else {
		if (HASH_COUNT(l->entries) >= l->max_keys)
			drop(l, l->entries);
		e = calloc(1, sizeof(*e));
		if (!e)
			return;
		id_sha256_hex(key, strlen(key), e->key);
	}
	e->failures++;
	e->until_ms = now_ms + LOCKOUT_MS;
	HASH_ADD_STR(l->entries, key, e);
}

void lockout_take_back(struct lockout *l, const char *key)
{
	struct entry *e = find(l, key);

	if (e && --e->failures <= 0)
		drop(l, e);
}

void lockout_clear(struct lockout *l, const char *key)
{
	struct entry *e = find(l, key);

	if (e)
		drop(l, e);
}
