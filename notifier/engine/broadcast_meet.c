/*
 * notifier/engine/broadcast_meet.c: is there anybody whom two broadcasts would both tell?
 *
 * Within one audience their areas say so. Two audiences may hold the same number: then all numbers of the one lie opened in
 * memory (50 MB for ten million) while the other's segments pass by, one at a time, on the thread pool. The first common number
 * ends it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/engine/broadcast.h"

struct numbers {
	uint8_t *packed; /* owned, plain once it was opened */
	size_t n;
};

struct side {
	char audience[AUDIENCE_ID];
	uint16_t *segments; /* owned */
	size_t n;
};

struct meeting {
	struct engine *e;
	struct side held, passing;
	struct numbers *opened; /* of HELD, as many as it has segments; owned */
	size_t at_held, at_passing;
	/* What the thread works on. */
	struct seal_key key;
	uint8_t nonce[AUDIENCE_NONCE];
	struct numbers now;
	bool is_common;
	int rc;
	void (*done)(void *ctx, int rc, bool meet);
	void *ctx;
};

static void go_on(struct meeting *m);

/* ---- the end ---- */

static void numbers_fini(struct numbers *x)
{
	if (x->packed)
		explicit_bzero(x->packed, x->n * AUDIENCE_NUMBER);
	free(x->packed);
	*x = (struct numbers){0};
}

static void free_work(void *ctx)
{
	struct meeting *m = ctx;

	numbers_fini(&m->now);
	for (size_t i = 0; m->opened && i < m->held.n; i++)
		numbers_fini(&m->opened[i]);
}

static void freed(void *ctx)
{
	struct meeting *m = ctx;

	free(m->opened);
	free(m->held.segments);
	free(m->passing.segments);
	explicit_bzero(&m->key, sizeof(m->key));
	free(m);
}

static void meeting_end(struct meeting *m)
{
	m->done(m->ctx, m->rc, m->is_common);
	if (loop_work(m->e->loop, free_work, freed, m) < 0) {
		free_work(m);
		freed(m);
	}
}

/* ---- a segment ---- */

static bool have_common(const struct numbers *a, const struct numbers *b)
{
	size_t i = 0, k = 0;

	while (i < a->n && k < b->n) {
		int order = audience_compare(
			a->packed + i * AUDIENCE_NUMBER, b->packed + k * AUDIENCE_NUMBER);

		if (order == 0)
			return true;
		if (order < 0)
			i++;
		else
			k++;
	}
	return false;
}

/* Does one of them end before the other begins? */
static bool lie_apart(const struct numbers *a, const struct numbers *b)
{
	const uint8_t *a_last = a->packed + (a->n - 1) * AUDIENCE_NUMBER,
		      *b_last = b->packed + (b->n - 1) * AUDIENCE_NUMBER;

	return audience_compare(a_last, b->packed) < 0 || audience_compare(b_last, a->packed) < 0;
}

static void segment_work(void *ctx)
{
	struct meeting *m = ctx;

	m->rc = audience_crypt(&m->key, m->nonce, 0, m->now.packed, m->now.n * AUDIENCE_NUMBER);
	for (size_t i = 0; m->rc == 0 && m->at_held == m->held.n && i < m->held.n; i++)
		if (!lie_apart(&m->now, &m->opened[i]) && have_common(&m->now, &m->opened[i])) {
			m->is_common = true;
			return;
		}
}

static void segment_done(void *ctx)
{
	struct meeting *m = ctx;

	if (m->at_held < m->held.n) {
		m->opened[m->at_held++] = m->now;
		m->now = (struct numbers){0};
	} else {
		numbers_fini(&m->now);
		m->at_passing++;
	}
	go_on(m);
}

static void on_numbers(void *ctx, int rc, const struct redis_value *v)
{
	struct meeting *m = ctx;

	if (store_failed(rc, v, "broadcast_meet") || v->type != REDIS_STRING ||
		v->len != m->now.n * AUDIENCE_NUMBER)
		m->rc = SW_EAWAY;
	else if (!(m->now.packed = malloc(v->len)))
		m->rc = -ENOMEM;
	if (m->rc == 0) {
		memcpy(m->now.packed, v->str, v->len);
		m->rc = loop_work(m->e->loop, segment_work, segment_done, m);
	}
	if (m->rc < 0)
		meeting_end(m);
}

static int ask(struct meeting *m, const struct side *s, size_t at)
{
	const struct audience_info *a = audience_find(m->e, s->audience);
	unsigned no = s->segments[at];
	char key[STORE_KEY];

	if (!a || no >= a->n_segments)
		return SW_EAWAY;
	memcpy(m->nonce, a->parts[no].nonce, sizeof(m->nonce));
	m->now.n = a->parts[no].n;
	return store_command(m->e->redis, on_numbers, m,
		(const char *const[]){"GET", audience_key(key, s->audience, no, "ph"), NULL});
}

static void go_on(struct meeting *m)
{
	if (m->rc == 0 && !m->is_common && m->at_passing < m->passing.n) {
		m->rc = m->at_held < m->held.n ? ask(m, &m->held, m->at_held)
					       : ask(m, &m->passing, m->at_passing);
		if (m->rc == 0)
			return;
	}
	meeting_end(m);
}

/* ---- the beginning ---- */

static int side_init(const struct engine *e, const struct broadcast *b, struct side *s)
{
	memcpy(s->audience, b->audience, sizeof(s->audience));
	s->segments = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*s->segments));
	s->n = s->segments ? broadcast_segments(e, b, s->segments) : 0;
	return s->segments ? 0 : -ENOMEM;
}

static void begin(void *ctx)
{
	go_on(ctx);
}

int broadcast_meet(struct engine *e, const struct broadcast *a, const struct broadcast *b,
	void (*done)(void *ctx, int rc, bool meet), void *ctx)
{
	struct meeting *m = calloc(1, sizeof(*m));
	int rc = -ENOMEM;

	if (!m)
		return rc;
	*m = (struct meeting){.e = e, .key = e->data_key, .done = done, .ctx = ctx};
	rc = side_init(e, a, &m->held);
	if (rc == 0)
		rc = side_init(e, b, &m->passing);
	if (rc == 0) {
		m->opened = calloc(m->held.n ? m->held.n : 1, sizeof(*m->opened));
		rc = m->opened ? loop_defer(e->loop, begin, m) : -ENOMEM;
	}
	if (rc < 0)
		freed(m);
	return rc;
}
