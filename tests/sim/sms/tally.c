/* tests/sim/sms/tally.c: linear probing, doubled at two thirds. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sms/tally.h"

enum { FIRST_CAP = 1024 };

void tally_init(struct tally *t, size_t max)
{
	memset(t, 0, sizeof(*t));
	t->max = max;
}

void tally_fini(struct tally *t)
{
	free(t->keys);
	free(t->values);
}

/* The slot of KEY, or the free one where it belongs. CAP is a power of two. */
static size_t slot_of(const uint64_t *keys, size_t cap, uint64_t key)
{
	size_t i = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (cap - 1);

	while (keys[i] != 0 && keys[i] != key)
		i = (i + 1) & (cap - 1);
	return i;
}

static int grow(struct tally *t)
{
	size_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
	uint64_t *keys = calloc(cap, sizeof(*keys));
	uint32_t *values = calloc(cap, sizeof(*values));

	if (!keys || !values) {
		free(keys);
		free(values);
		return -1;
	}
	for (size_t i = 0; i < t->cap; i++) {
		size_t to;

		if (t->keys[i] == 0)
			continue;
		to = slot_of(keys, cap, t->keys[i]);
		keys[to] = t->keys[i];
		values[to] = t->values[i];
	}
	free(t->keys);
	free(t->values);
	t->keys = keys;
	t->values = values;
	t->cap = cap;
	return 0;
}

uint32_t *tally_at(struct tally *t, uint64_t key)
{
	size_t i;

	if (t->n * 3 >= t->cap * 2 && grow(t) < 0)
		return NULL;
	i = slot_of(t->keys, t->cap, key);
	if (t->keys[i] == 0) {
		if (t->n == t->max)
			return NULL;
		t->keys[i] = key;
		t->n++;
	}
	return &t->values[i];
}

uint32_t tally_get(const struct tally *t, uint64_t key)
{
	size_t i;

	if (t->cap == 0)
		return 0;
	i = slot_of(t->keys, t->cap, key);
	return t->keys[i] == key ? t->values[i] : 0;
}
