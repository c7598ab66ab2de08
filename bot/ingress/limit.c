/*
 * bot/ingress/limit.c: one token bucket per address; the hash table's order is the order of last use.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "bot/ingress/limit.h"
#include "core/base/bucket.h"

enum { ADDRESS_MAX = 46 }; /* the longest numeric IPv6 address and its NUL */

struct source {
	UT_hash_handle hh;
	char address[ADDRESS_MAX];
	struct bucket bucket;
	bool is_trusted;
};

struct limit {
	int64_t per_second;
	struct source *sources;
};

int limit_create(int64_t per_second, struct limit **ret)
{
	struct limit *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->per_second = per_second;
	*ret = l;
	return 0;
}

static void forget(struct limit *l, struct source *s)
{
	HASH_DEL(l->sources, s);
	free(s);
}

void limit_destroy(struct limit *l)
{
	struct source *s, *tmp;

	if (!l)
		return;
	HASH_ITER(hh, l->sources, s, tmp)
	{
		forget(l, s);
	}
	free(l);
}

static void bucket_start(const struct limit *l, struct bucket *b)
{
	/* A second's worth at once; above 1,000 a second the grain of a millisecond ends. */
	int64_t interval_ms = 1000 / l->per_second;

	bucket_init(b, (unsigned)l->per_second, interval_ms > 0 ? interval_ms : 1);
}

void limit_set(struct limit *l, int64_t per_second)
{
	struct source *s, *tmp;

	l->per_second = per_second;
	HASH_ITER(hh, l->sources, s, tmp)
	{
		if (per_second > 0)
			bucket_start(l, &s->bucket);
	}
}

/* The entry of ADDRESS, now the youngest; NULL when there is no memory. */
static struct source *touch(struct limit *l, const char *address)
{
	struct source *s;

	HASH_FIND_STR(l->sources, address, s);
	if (s) {
		HASH_DEL(l->sources, s);
	} else {
		if (HASH_COUNT(l->sources) >= LIMIT_ADDRESSES)
			forget(l, l->sources);
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		(void)snprintf(s->address, sizeof(s->address), "%s", address);
		bucket_start(l, &s->bucket);
	}
	HASH_ADD_STR(l->sources, address, s);
	return s;
}

bool limit_take(struct limit *l, const char *address, int64_t now_ms)
{
	struct source *s;

	if (l->per_second == 0)
		return true;
	s = touch(l, address);
	return !s || s->is_trusted || bucket_take(&s->bucket, now_ms);
}

void limit_trust(struct limit *l, const char *address)
{
	struct source *s = l->per_second > 0 ? touch(l, address) : NULL;

	if (s)
		s->is_trusted = true;
}
