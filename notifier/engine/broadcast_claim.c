/*
 * notifier/engine/broadcast_claim.c: takes recipients out of the store ahead of need, 480 of a segment at a time.
 *
 * Segments take turns, and so do broadcasts. What is claimed and not sent stays leased in the store; a start puts it back.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

void bc_lease_free(struct engine *e, struct bc_lease *l)
{
	TAILQ_REMOVE(&e->broadcast_run->leases, l, link);
	e->broadcast_run->n_leases--;
	l->job->leases--;
	free(l);
}

struct claim {
	struct engine *e;
	char id[BROADCAST_ID];
	unsigned no;
};

/* LEASE from a claim's answer: {kind, member, first, count, sealed numbers, entries}. */
static bool lease_fill(struct engine *e, struct bc_lease *l, const struct redis_value *v)
{
	const struct audience_info *a = audience_find(e, l->job->audience);
	const uint8_t *nonce = a ? a->parts[l->segment->no].nonce : NULL;
	bool is_retry = v->items[0].str[0] == 'r';
	int64_t first = bc_int(v, 2, -1), n = bc_int(v, 3, -1);
	const uint8_t *entry = (const uint8_t *)(is_retry ? v->items[5].str : NULL);

	if (!nonce || first < 0 || n < 1 || n > BROADCAST_BATCH || first + n > AUDIENCE_SEGMENT ||
		v->items[4].len != (size_t)n * AUDIENCE_NUMBER ||
		(is_retry && v->items[5].len != (size_t)n * 4) ||
		text_copy(l->member, sizeof(l->member), v->items[1].str) < 0)
		return false;
	memcpy(l->packed, v->items[4].str, v->items[4].len);
	for (int64_t i = 0; i < n; i++) {
		l->index[i] =
			(uint16_t)(is_retry ? entry[4 * i + 2] << 8 | entry[4 * i + 3] : first + i);
		l->attempt[i] = is_retry ? entry[4 * i] : 1;
		l->level[i] = is_retry && entry[4 * i + 1] < BC_LEVELS ? entry[4 * i + 1] : 0;
		l->todo[i / 64] |= UINT64_C(1) << i % 64;
		if (is_retry &&
			audience_crypt(&e->data_key, nonce, (size_t)l->index[i] * AUDIENCE_NUMBER,
				l->packed + AUDIENCE_NUMBER * i, AUDIENCE_NUMBER) < 0)
			return false;
	}
	l->n = l->n_todo = (unsigned)n;
	return is_retry || audience_crypt(&e->data_key, nonce, (size_t)first * AUDIENCE_NUMBER,
				   l->packed, (size_t)n * AUDIENCE_NUMBER) == 0;
}

static void take_claim(
	struct engine *e, struct bc_job *j, struct bc_segment *s, const struct redis_value *v)
{
	struct bc_lease *l;

	if (v->type == REDIS_ARRAY && v->n == 2 && v->items[0].type == REDIS_STRING) {
		int64_t minute = bc_int(v, 1, -1);

		/* "none", or "st": paused or swept meanwhile, which the list will say too. */
		s->is_through = true;
		s->retry_ms = minute < 0 ? INT64_MAX : minute * BC_MINUTE_MS;
		return;
	}
	l = calloc(1, sizeof(*l));
	if (l) {
		l->job = j;
		l->segment = s;
	}
	if (!l || v->type != REDIS_ARRAY || v->n < 5 || v->items[0].type != REDIS_STRING ||
		(v->items[0].str[0] == 'r' && v->n < 6) || !lease_fill(e, l, v)) {
		LOG_ERROR("broadcast_claim_unreadable", "broadcast=%s segment=%u", j->id, s->no);
		free(l);
		s->is_through = true; /* it stays leased; a start puts it back */
		return;
	}
	TAILQ_INSERT_TAIL(&e->broadcast_run->leases, l, link);
	e->broadcast_run->n_leases++;
	j->leases++;
}

static void on_claimed(void *ctx, int rc, const struct redis_value *v)
{
	struct claim *c = ctx;
	struct engine *e = c->e;
	struct bc_job *j = bc_job_find(e, c->id);
	struct bc_segment *s = j ? bc_segment_find(j, c->no) : NULL;

	e->broadcast_run->n_claims--;
	if (s) {
		j->claims--;
		s->claiming = false;
	}
	if (rc < 0)
		broadcast_halt(e);
	else if (store_is_fenced(v))
		engine_fenced(e);
	else if (store_failed(rc, v, "broadcast_claim"))
		bc_again(e);
	else if (s)
		take_claim(e, j, s, v);
	free(c);
	broadcast_kick(e);
}

static bool claim(struct engine *e, struct bc_job *j, struct bc_segment *s, int64_t now)
{
	struct claim *c = calloc(1, sizeof(*c));
	struct bc_args a = {.n = 0};

	if (!c)
		return false;
	*c = (struct claim){.e = e, .no = s->no};
	memcpy(c->id, j->id, sizeof(c->id));
	bc_arg(&a, e->fence);
	bc_arg_int(&a, now / BC_MINUTE_MS);
	bc_arg_int(&a, BROADCAST_BATCH);
	if (bc_eval(e, "bc_claim", j->audience, s->no, j->id, &a, on_claimed, c) < 0) {
		free(c);
		return false;
	}
	s->claiming = true;
	j->claims++;
	e->broadcast_run->n_claims++;
	return true;
}

/* The next segment of J that has somebody to be claimed at NOW. */
static struct bc_segment *claimable(struct broadcast_run *run, struct bc_job *j, int64_t now)
{
	for (size_t i = 0; i < j->n_segments; i++) {
		struct bc_segment *s = &j->segments[(j->next + i) % j->n_segments];

		if (s->claiming)
			continue;
		if (!s->is_through || s->retry_ms <= now) {
			j->next = (size_t)(s - j->segments) + 1;
			return s;
		}
		if (s->retry_ms < run->next_ms)
			run->next_ms = s->retry_ms;
	}
	return NULL;
}

void bc_claim_ahead(struct engine *e, int64_t now)
{
	struct broadcast_run *run = e->broadcast_run;
	size_t ready = run->n_claims * BROADCAST_BATCH;
	const struct bc_lease *l;
	struct bc_job *j, *next;

	TAILQ_FOREACH(l, &run->leases, link)
	ready += l->n_todo;
	for (j = TAILQ_FIRST(&run->jobs); j; j = next) {
		struct bc_segment *s;

		next = TAILQ_NEXT(j, link);
		if (!j->is_open)
			continue;
		while (ready < BC_READY * GATEWAY_MAX_NUMBERS && run->n_claims < BC_MAX_CLAIMS &&
			run->n_leases + run->n_claims < BC_MAX_LEASES &&
			(s = claimable(run, j, now))) {
			if (!claim(e, j, s, now)) {
				bc_again(e);
				return;
			}
			ready += BROADCAST_BATCH;
		}
	}
	/* The next look begins with another one. */
	j = TAILQ_FIRST(&run->jobs);
	if (j && TAILQ_NEXT(j, link)) {
		TAILQ_REMOVE(&run->jobs, j, link);
		TAILQ_INSERT_TAIL(&run->jobs, j, link);
	}
}
