/* tests/sim/sms/ledger.c: a compact count of (broadcast, number), and a list of those that are counted twice. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/base/text.h"
#include "tests/sim/sms/ledger.h"

enum {
	REQUESTS_MAX = 20000,
	BROADCASTS_MAX = 200000,
	TIMES_MAX = 4000000,
	TWICE_MAX = 10000,
	NAME_MAX_BYTES = 64,
	NUMBER_BITS = 35, /* 11 digits */
};

struct broadcast_count {
	UT_hash_handle hh;
	char name[NAME_MAX_BYTES + 1];
	uint32_t index; /* 1.. */
	int64_t accepted, numbers, requests;
};

int ledger_init(struct ledger *l)
{
	memset(l, 0, sizeof(*l));
	tally_init(&l->times, TIMES_MAX);
	l->twice = calloc(TWICE_MAX, sizeof(*l->twice));
	return l->twice ? feed_init(&l->requests, REQUESTS_MAX) : -ENOMEM;
}

void ledger_fini(struct ledger *l)
{
	struct broadcast_count *b, *after;

	HASH_ITER(hh, l->broadcasts, b, after)
	{
		HASH_DEL(l->broadcasts, b);
		free(b);
	}
	tally_fini(&l->times);
	free(l->twice);
	feed_fini(&l->requests);
}

void ledger_note(struct ledger *l, json_t *entry)
{
	l->n_requests++;
	feed_add(&l->requests, entry);
}

static struct broadcast_count *find_broadcast(const struct ledger *l, const char *name, size_t len)
{
	struct broadcast_count *b;

	HASH_FIND(hh, l->broadcasts, name, len, b);
	return b;
}

/* NULL: too many, or no name. */
static struct broadcast_count *broadcast_of(struct ledger *l, const char *out_id)
{
	size_t len = strcspn(out_id, ".");
	struct broadcast_count *b;

	if (len == 0 || len > NAME_MAX_BYTES)
		return NULL;
	b = find_broadcast(l, out_id, len);
	if (b || l->n_broadcasts == BROADCASTS_MAX)
		return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	memcpy(b->name, out_id, len);
	b->index = ++l->n_broadcasts;
	HASH_ADD_KEYPTR(hh, l->broadcasts, b->name, len, b);
	return b;
}

void ledger_count(struct ledger *l, const struct sending *s)
{
	struct broadcast_count *b = broadcast_of(l, s->out_id);

	l->n_accepted += (int64_t)s->n;
	if (b)
		b->requests++;
	for (size_t i = 0; i < s->n; i++) {
		uint64_t key = b ? (uint64_t)b->index << NUMBER_BITS | s->numbers[i] : 0;
		uint32_t *times = b ? tally_at(&l->times, key) : NULL;

		if (!times) {
			l->n_uncounted++;
			continue;
		}
		b->accepted++;
		if (++*times == 1)
			b->numbers++;
		else if (*times == 2 && ++l->n_twice <= TWICE_MAX)
			l->twice[l->n_twice_kept++] = (struct twice){.key = key, .broadcast = b};
	}
}

json_t *ledger_twice_json(const struct ledger *l, const char *broadcast)
{
	const struct broadcast_count *b =
		broadcast ? find_broadcast(l, broadcast, strlen(broadcast)) : NULL;
	json_t *list = json_array();

	for (size_t i = 0; i < l->n_twice_kept; i++) {
		const struct twice *t = &l->twice[i];
		char number[24];

		if (broadcast && t->broadcast != b)
			continue;
		snprintf(number, sizeof(number), "%" PRIu64,
			t->key & ((UINT64_C(1) << NUMBER_BITS) - 1));
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I}", "broadcast", t->broadcast->name, "number",
				number, "times", (json_int_t)tally_get(&l->times, t->key)));
	}
	if (broadcast)
		return json_pack("{s:I, s:I, s:I, s:o}", "requests",
			(json_int_t)(b ? b->requests : 0), "accepted",
			(json_int_t)(b ? b->accepted : 0), "numbers",
			(json_int_t)(b ? b->numbers : 0), "twice", list);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "requests", (json_int_t)l->n_requests,
		"accepted", (json_int_t)l->n_accepted, "numbers", (json_int_t)l->n_numbers,
		"uncounted", (json_int_t)l->n_uncounted, "twice_total", (json_int_t)l->n_twice,
		"twice", list);
}
