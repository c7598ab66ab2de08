/*
 * notifier/engine/audience_forget.c: removes what an import has left that never came to be listed.
 *
 * The record of the import goes last, so that a removal that is itself broken off begins again with the next load.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/engine/audience_internal.h"

enum { WINDOW = 64 };

struct forgetting {
	struct engine *e;
	char id[AUDIENCE_ID];
	size_t n, next, running;
	bool is_last; /* its record is being removed */
	int rc;
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void forget_pump(struct forgetting *f);

static void on_removed(void *ctx, int rc, const struct redis_value *v)
{
	struct forgetting *f = ctx;

	f->running--;
	if (store_failed(rc, v, "audience_forget"))
		f->rc = SW_EAWAY;
	forget_pump(f);
}

static bool forget_ask(struct forgetting *f, const char *const *words)
{
	int rc = store_command(f->e->redis, on_removed, f, words);

	if (rc == 0)
		f->running++;
	else if (rc != SW_ELIMIT || f->running == 0)
		f->rc = SW_EAWAY;
	return rc == 0;
}

static void forget_pump(struct forgetting *f)
{
	static const char *const tails[] = {"ph", "meta", "oo", "cc", "fence"};
	char keys[ARRAY_LEN(tails)][STORE_KEY];

	while (f->rc == 0 && f->next < f->n && f->running < WINDOW) {
		for (size_t i = 0; i < ARRAY_LEN(tails); i++)
			audience_key(keys[i], f->id, (unsigned)f->next, tails[i]);
		if (!forget_ask(f, (const char *const[]){"UNLINK", keys[0], keys[1], keys[2],
					   keys[3], keys[4], NULL}))
			break;
		f->next++;
	}
	if (f->rc == 0 && f->next == f->n && f->running == 0 && !f->is_last) {
		f->is_last = true;
		(void)forget_ask(
			f, (const char *const[]){"HDEL", KEY_AUDIENCES_BEGUN, f->id, NULL});
	}
	if (f->running > 0)
		return;
	if (f->done)
		f->done(f->ctx, f->rc);
	free(f);
}

void audience_forget(
	struct engine *e, const char *id, size_t n, void (*done)(void *ctx, int rc), void *ctx)
{
	struct forgetting *f = calloc(1, sizeof(*f));

	if (!f) {
		if (done)
			done(ctx, -ENOMEM);
		return;
	}
	*f = (struct forgetting){.e = e, .n = n, .done = done, .ctx = ctx};
	memcpy(f->id, id, strnlen(id, AUDIENCE_ID - 1));
	forget_pump(f);
}
