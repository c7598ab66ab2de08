/*
 * notifier/engine/each.c: an iterator over the messages, 200 records a turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/engine/each.h"

enum { SLICE = 200 };

struct each {
	struct engine *e;
	void (*one)(void *ctx, const struct message *m);
	void (*done)(void *ctx, int rc);
	void *ctx;
	size_t start, got;
	id_str mids[SLICE];
	struct message messages[SLICE];
	bool there[SLICE];
	size_t pending;
	int rc;
};

struct each_fetch {
	struct each *it;
	size_t i;
};

static void ask_slice(struct each *it);

static void slice_end(struct each *it)
{
	if (--it->pending)
		return;
	for (size_t i = 0; i < it->got; i++)
		if (it->there[i]) {
			if (it->rc == 0)
				it->one(it->ctx, &it->messages[i]);
			message_fini(&it->messages[i]);
		}
	if (it->rc < 0 || it->got < SLICE) {
		it->done(it->ctx, it->rc);
		free(it);
		return;
	}
	it->start += it->got;
	ask_slice(it);
}

static void on_message(void *ctx, int rc, const struct redis_value *v)
{
	struct each_fetch *f = ctx;
	struct each *it = f->it;

	if (store_failed(rc, v, "each_message"))
		it->rc = SW_EAWAY;
	else
		it->there[f->i] = message_from(v, it->mids[f->i], &it->messages[f->i]);
	free(f);
	slice_end(it);
}

static void on_mids(void *ctx, int rc, const struct redis_value *v)
{
	struct each *it = ctx;
	char key[STORE_KEY];

	it->got = 0;
	if (store_failed(rc, v, "each_mids") || v->type != REDIS_ARRAY) {
		it->rc = SW_EAWAY;
		slice_end(it);
		return;
	}
	for (size_t i = 0; i < v->n && i < SLICE; i++) {
		struct each_fetch *f = calloc(1, sizeof(*f));

		it->there[it->got] = false;
		if (!f || text_copy(it->mids[it->got], sizeof(id_str), v->items[i].str) < 0) {
			free(f);
			continue;
		}
		*f = (struct each_fetch){.it = it, .i = it->got++};
		it->pending++;
		if (store_command(it->e->redis, on_message, f,
			    (const char *const[]){"HGETALL",
				    store_key(key, KEY_MESSAGE_PREFIX, v->items[i].str), NULL}) <
			0) {
			it->pending--;
			it->rc = SW_EAWAY;
			free(f);
		}
	}
	slice_end(it);
}

static void ask_slice(struct each *it)
{
	char from[24], to[24];

	(void)snprintf(from, sizeof(from), "%zu", it->start);
	(void)snprintf(to, sizeof(to), "%zu", it->start + SLICE - 1);
	it->pending = 1;
	it->got = 0;
	if (store_command(it->e->redis, on_mids, it,
		    (const char *const[]){"ZRANGE", KEY_MIDS, from, to, NULL}) < 0) {
		it->rc = SW_EAWAY;
		slice_end(it);
	}
}

void each_message(struct engine *e, void (*one)(void *ctx, const struct message *m),
	void (*done)(void *ctx, int rc), void *ctx)
{
	struct each *it = calloc(1, sizeof(*it));

	if (!it) {
		done(ctx, -ENOMEM);
		return;
	}
	it->e = e;
	it->one = one;
	it->done = done;
	it->ctx = ctx;
	ask_slice(it);
}
