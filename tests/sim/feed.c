/* tests/sim/feed.c: a ring whose numbers never come twice, so that readers ask "since". */
#include <errno.h>
#include <stdlib.h>

#include "tests/sim/feed.h"

int feed_init(struct feed *f, size_t cap)
{
	f->items = calloc(cap, sizeof(json_t *));
	f->cap = cap;
	f->first = f->n = 0;
	f->next_seq = 1;
	return f->items ? 0 : -ENOMEM;
}

void feed_fini(struct feed *f)
{
	for (size_t i = 0; i < f->n; i++)
		json_decref(f->items[(f->first + i) % f->cap]);
	free(f->items);
}

int64_t feed_add(struct feed *f, json_t *item)
{
	if (!item || json_object_set_new(item, "seq", json_integer(f->next_seq)) < 0) {
		json_decref(item);
		return 0;
	}
	if (f->n == f->cap) {
		json_decref(f->items[f->first]);
		f->first = (f->first + 1) % f->cap;
		f->n--;
	}
	f->items[(f->first + f->n++) % f->cap] = item;
	return f->next_seq++;
}

json_t *feed_get(const struct feed *f, int64_t seq)
{
	int64_t oldest = f->next_seq - (int64_t)f->n;

	if (seq < oldest || seq >= f->next_seq)
		return NULL;
	return f->items[(f->first + (size_t)(seq - oldest)) % f->cap];
}

json_t *feed_since(const struct feed *f, int64_t since, size_t limit)
{
	int64_t oldest = f->next_seq - (int64_t)f->n;
	json_t *list = json_array();

	for (int64_t seq = since + 1 > oldest ? since + 1 : oldest; seq < f->next_seq && limit > 0;
		seq++, limit--)
		json_array_append(list, feed_get(f, seq));
	return list;
}
