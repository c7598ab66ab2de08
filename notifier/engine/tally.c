/*
 * notifier/engine/tally.c: the gauge shouwang_messages{state,class}.
 *
 * Counted anew a second after the last change, from the records themselves: a counter kept beside them could drift.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/engine/broadcast.h"
#include "notifier/engine/each.h"
#include "notifier/engine/tally.h"

enum { TALLY_AFTER_MS = 1000, TALLY_MAX = 48 };

struct tally {
	struct engine *e;
	struct timer *timer;
	bool running;
	uint64_t counted; /* the engine's activity that the last count has seen */
	struct {
		char labels[64];
		double n;
	} rows[TALLY_MAX];
	size_t n_rows;
};

static void add(struct tally *t, const char *state, const char *class, double n)
{
	char labels[64];
	size_t i = 0;

	(void)snprintf(labels, sizeof(labels), "state=\"%s\",class=\"%s\"", state, class);
	while (i < t->n_rows && strcmp(t->rows[i].labels, labels))
		i++;
	if (i == TALLY_MAX)
		return;
	if (i == t->n_rows) {
		memcpy(t->rows[i].labels, labels, sizeof(labels));
		t->n_rows++;
	}
	t->rows[i].n += n;
}

static void one(void *ctx, const struct message *m)
{
	struct tally *t = ctx;

	state_survey_one(t->e, m);
	add(t, m->st, m->class, 1);
}

/* Recipients have no records: their outcomes are summed by the sender. */
static void add_broadcasts(struct tally *t)
{
	const struct broadcasts *l = t->e->broadcasts;

	for (size_t i = 0; l && i < l->n; i++)
		for (int k = 0; l->items[i]->started_ms && k < NIBBLE_COUNT; k++)
			if (l->items[i]->sums[k] > 0)
				add(t, broadcast_message_state((enum broadcast_nibble)k),
					"no_repeat", (double)l->items[i]->sums[k]);
}

static void done(void *ctx, int rc)
{
	struct tally *t = ctx;

	t->running = false;
	state_survey_end(t->e, rc);
	add_broadcasts(t);
	for (size_t i = 0; i < t->n_rows; i++) {
		/* A state that has emptied stays in the list as 0. */
		if (rc == 0)
			metrics_set(t->e->metrics, "shouwang_messages", t->rows[i].labels,
				t->rows[i].n);
		t->rows[i].n = 0;
	}
	tally_kick(t->e);
}

static void count(void *ctx)
{
	struct tally *t = ctx;

	if (t->running || !engine_ready(t->e))
		return;
	t->running = true;
	t->counted = t->e->activity;
	state_survey_begin(t->e);
	each_message(t->e, one, done, t);
}

void tally_kick(struct engine *e)
{
	if (e->tally && !e->tally->running && e->tally->counted != e->activity &&
		!timer_armed(e->tally->timer) && !e->stopping)
		timer_after(e->tally->timer, TALLY_AFTER_MS);
}

int tally_create(struct engine *e)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->e = e;
	t->counted = UINT64_MAX;
	e->tally = t;
	return timer_new(e->loop, count, t, &t->timer);
}

void tally_destroy(struct engine *e)
{
	if (!e->tally)
		return;
	timer_destroy(e->tally->timer);
	free(e->tally);
	e->tally = NULL;
}
