/*
 * tests/sim/feed.h: numbered JSON objects, the oldest dropped beyond a bound: what was shown, what was asked.
 */
#ifndef SW_TESTS_SIM_FEED_H
#define SW_TESTS_SIM_FEED_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct feed {
	json_t **items; /* ring */
	size_t cap, first, n;
	int64_t next_seq; /* 1.. */
};

int feed_init(struct feed *f, size_t cap) SW_MUST_CHECK;
void feed_fini(struct feed *f);
/* Takes ITEM (NULL: nothing happens, 0 comes back), gives it its "seq", returns that. */
int64_t feed_add(struct feed *f, json_t *item);
/* Borrowed; NULL when it was dropped or never was. */
json_t *feed_get(const struct feed *f, int64_t seq);
/* New array of the items with a greater number, at most LIMIT. They are shared, not copied. */
json_t *feed_since(const struct feed *f, int64_t since, size_t limit);

#endif
