/*
 * notifier/engine/broadcast_run.c: which broadcast goes on, with which recipients, and when.
 *
 * One look after another, never a loop that waits: a look opens and ends jobs, claims recipients ahead of need and begins
 * calls while the gateway has tokens. What it cannot do now it knows the instant of. With the store away everything in
 * memory is given up; broadcast_recover() finds it again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/release.h"
#include "notifier/engine/broadcast_internal.h"

enum { MINUTE_MS = 60000, PUBLISH_MS = 1000 };

static void look(void *ctx);

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what may be done --------------------------------------------------------------------------- */

static bool can_work(const struct engine *e)
{
	return engine_ready(e) && engine_may_send(e) && !e->broadcast_run->is_halted &&
	       (e->live || !conf_bool(e->conf, "trial.enabled"));
}

/* When B may be sent to: NOW, an instant to come, or INT64_MAX when its time is over. */
static int64_t open_at(const struct engine *e, const struct broadcast *b, int64_t now)
{
	int64_t at = release_window_next(e->world.c, now > b->from_ms ? now : b->from_ms);

	return at < b->until_ms ? at : INT64_MAX;
}

bool bc_may_go(const struct engine *e, const char *id)
{
	const struct broadcast *b = broadcast_find(e, id);
	int64_t now = engine_now_ms(e);

	return can_work(e) && b && b->state == BROADCAST_RUNNING && open_at(e, b, now) <= now;
}

/* ---- jobs ---------------------------------------------------------------------------------------- */

static struct bc_job *job_find(const struct engine *e, const char *id)
{
	struct bc_job *j;

	TAILQ_FOREACH(j, &e->broadcast_run->jobs, link)
	if (!strcmp(j->id, id))
		return j;
	return NULL;
}

static struct bc_segment *segment_find(struct bc_job *j, unsigned no)
{
	size_t lo = 0, hi = j->n_segments;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (j->segments[mid].no < no)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < j->n_segments && j->segments[lo].no == no ? &j->segments[lo] : NULL;
}

void bc_lease_free(struct engine *e, struct bc_lease *l)
{
	TAILQ_REMOVE(&e->broadcast_run->leases, l, link);
	e->broadcast_run->n_leases--;
	l->job->leases--;
	free(l);
}

static void job_free(struct engine *e, struct bc_job *j)
{
	struct bc_lease *l, *next;

	for (l = TAILQ_FIRST(&e->broadcast_run->leases); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->job == j)
			bc_lease_free(e, l);
	}
	TAILQ_REMOVE(&e->broadcast_run->jobs, j, link);
	free(j->segments);
	free(j);
}

void bc_forget(struct engine *e)
{
	struct bc_job *j;

	while ((j = TAILQ_FIRST(&e->broadcast_run->jobs)))
		job_free(e, j);
}

void bc_again(struct engine *e)
{
	if (!timer_armed(e->broadcast_run->again))
		timer_after(e->broadcast_run->again, BC_AGAIN_MS);
}

void bc_changed(struct engine *e, const char *id)
{
	struct broadcast_run *run = e->broadcast_run;

	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++)
		if (!strcmp(e->broadcasts->items[i]->id, id))
			run->has_changed[i] = true;
	if (!timer_armed(run->publish))
		timer_after(run->publish, PUBLISH_MS);
}

static void publish(void *ctx)
{
	struct engine *e = ctx;

	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++) {
		if (e->broadcast_run->has_changed[i])
			state_publish_broadcast(e, e->broadcasts->items[i]);
		e->broadcast_run->has_changed[i] = false;
	}
}

static void on_stored(void *ctx, int rc)
{
	struct engine *e = ctx;

	/* It comes again: what the store has is read after the next connect, and the same is found. */
	if (rc < 0)
		LOG_WARN("broadcast_not_stored", "err=%s", err_name(rc));
	e->activity++;
	broadcast_kick(e);
}

static void set_state(struct engine *e, struct broadcast *b, enum broadcast_state state,
	const char *ev, const char *why)
{
	char *audit =
		engine_audit_json(e, ev, json_pack("{s:s, s:s}", "broadcast", b->id, "why", why));

	b->state = state;
	b->changes++;
	LOG_INFO("broadcast_state", "broadcast=%s state=%s why=\"%s\"", b->id,
		broadcast_state_name(state), why);
	if (broadcast_store(e, b, audit, on_stored, e) < 0)
		LOG_WARN("broadcast_not_stored", "broadcast=%s", b->id);
	state_publish_broadcast(e, b);
	free(audit);
}

void bc_pause(struct engine *e, const char *id, const char *why)
{
	struct broadcast *b = broadcast_find(e, id);

	if (!b || b->state != BROADCAST_RUNNING)
		return;
	LOG_ERROR("broadcast_paused", "broadcast=%s why=\"%s\"", id, why);
	set_state(e, b, BROADCAST_PAUSED, "broadcast_paused", why);
}

/* ---- opening and closing ------------------------------------------------------------------------- */

static int ask_open(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	struct bc_args a = {.n = 0};

	bc_arg(&a, w->e->fence);
	bc_arg(&a, w->to == NIBBLE_WAITING ? "0" : "1");
	bc_arg(&a, "1");
	return bc_eval(w->e, "bc_open", w->audience, no, w->id, &a, bc_walk_reply, step);
}

static void got_open(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	struct bc_job *j = job_find(w->e, w->id);
	struct bc_segment *s = j ? segment_find(j, no) : NULL;
	int64_t minute = bc_int(v, 3, -1);

	if (!s)
		return;
	if (v->type != REDIS_ARRAY || v->n < 4) {
		w->rc = SW_ENOENT;
		return;
	}
	s->is_through = bc_int(v, 0, 0) >= bc_int(v, 1, 0) && bc_int(v, 2, 0) == 0;
	s->retry_ms = minute < 0 ? INT64_MAX : minute * MINUTE_MS;
}

struct opening {
	struct engine *e;
	char id[BROADCAST_ID];
	bool runs;
};

static void opening_end(struct opening *o, int rc)
{
	struct engine *e = o->e;
	struct bc_job *j = job_find(e, o->id);

	if (j && rc == 0 && !o->runs) {
		job_free(e,
			j); /* what it had claimed is put back; whoever resumes it makes it anew */
	} else if (j && rc == 0) {
		j->state = BC_JOB_OPEN;
	} else if (j) {
		j->is_failed = true;
		if (rc == SW_ENOENT)
			bc_pause(e, o->id, "the store has lost its segments");
		bc_again(e);
	}
	free(o);
}

static void on_counted(void *ctx, int rc)
{
	opening_end(ctx, rc);
}

static void on_opened(void *ctx, int rc)
{
	struct opening *o = ctx;
	struct broadcast *b = broadcast_find(o->e, o->id);

	if (rc == 0 && o->runs && b && !b->sums_known) {
		rc = broadcast_recount(o->e, b, on_counted, o);
		if (rc == 0)
			return;
	}
	opening_end(o, rc);
}

/* Its segments become as the list says: they run, or rest. Nobody holds a lease: all are put back. */
static void job_set(struct engine *e, struct bc_job *j, const struct broadcast *b, bool runs)
{
	struct opening *o = calloc(1, sizeof(*o));
	struct bc_walk w = {.e = e,
		.to = runs ? NIBBLE_WAITING : NIBBLE_CANCELLED,
		.ask = ask_open,
		.got = got_open,
		.done = on_opened,
		.ctx = o};

	j->state = BC_JOB_OPENING;
	j->is_failed = false;
	if (o) {
		o->e = e;
		o->runs = runs;
		memcpy(o->id, j->id, sizeof(o->id));
	}
	if (!o || bc_walk(&w, b) < 0) {
		free(o);
		j->is_failed = true;
		bc_again(e);
	}
}

static struct bc_job *job_create(struct engine *e, const struct broadcast *b)
{
	struct bc_job *j = calloc(1, sizeof(*j));
	uint16_t *nos = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*nos));

	if (!j || !nos)
		goto fail;
	j->e = e;
	memcpy(j->id, b->id, sizeof(j->id));
	memcpy(j->audience, b->audience, sizeof(j->audience));
	j->n_segments = broadcast_segments(e, b, nos);
	j->segments = calloc(j->n_segments ? j->n_segments : 1, sizeof(*j->segments));
	if (!j->segments)
		goto fail;
	for (size_t i = 0; i < j->n_segments; i++)
		j->segments[i] = (struct bc_segment){.no = nos[i],
			.n = bc_recipients(e, b->audience, nos[i]),
			.retry_ms = INT64_MAX};
	free(nos);
	TAILQ_INSERT_TAIL(&e->broadcast_run->jobs, j, link);
	return j;
fail:
	free(nos);
	free(j);
	return NULL;
}

/* ---- the end of a broadcast ---------------------------------------------------------------------- */

static void on_ended(void *ctx, int rc)
{
	struct opening *o = ctx;
	struct engine *e = o->e;
	struct bc_job *j = job_find(e, o->id);
	struct broadcast *b = broadcast_find(e, o->id);

	if (j && b && rc == 0) {
		bool is_done = b->sums[NIBBLE_WAITING] == 0 && b->sums[NIBBLE_IN_FLIGHT] == 0 &&
			       b->sums[NIBBLE_RETRY] == 0;

		if (is_done && b->state == BROADCAST_RUNNING)
			set_state(e, b, BROADCAST_DONE, "broadcast_done",
				b->sums[NIBBLE_EXPIRED] ? "its time is over" : "nobody is left");
		/* Not done after all: its segments are looked at anew. */
		job_free(e, j);
	} else if (j) {
		j->state = BC_JOB_OPEN;
		bc_again(e);
	}
	free(o);
}

static void job_end(struct engine *e, struct bc_job *j, struct broadcast *b, bool is_over)
{
	struct opening *o = calloc(1, sizeof(*o));
	int rc = -ENOMEM;

	if (o) {
		o->e = e;
		memcpy(o->id, j->id, sizeof(o->id));
		rc = is_over ? broadcast_sweep(e, b, NIBBLE_EXPIRED, on_ended, o)
			     : broadcast_recount(e, b, on_ended, o);
	}
	if (rc == 0) {
		j->state = BC_JOB_ENDING;
		return;
	}
	free(o);
	bc_again(e);
}

static bool has_nobody_left(const struct broadcast *b)
{
	return b->sums_known && b->sums[NIBBLE_WAITING] <= 0 && b->sums[NIBBLE_IN_FLIGHT] <= 0 &&
	       b->sums[NIBBLE_RETRY] <= 0;
}

static void job_look(struct engine *e, struct bc_job *j, int64_t now)
{
	struct broadcast *b = broadcast_find(e, j->id);
	bool is_busy = j->calls || j->claims;

	if (j->state == BC_JOB_ENDING || (j->state == BC_JOB_OPENING && !j->is_failed))
		return;
	if (j->is_failed) {
		if (b && b->state == BROADCAST_RUNNING)
			job_set(e, j, b, true);
		else
			job_free(e, j);
	} else if (is_busy) {
		return;
	} else if (!b || (b->state != BROADCAST_RUNNING && b->state != BROADCAST_PAUSED)) {
		job_free(e, j);
	} else if (b->state == BROADCAST_PAUSED) {
		job_set(e, j, b, false);
	} else if (has_nobody_left(b)) {
		job_end(e, j, b, false);
	} else if (open_at(e, b, now) == INT64_MAX) {
		job_end(e, j, b, true);
	}
}

/* ---- claims -------------------------------------------------------------------------------------- */

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
		s->retry_ms = minute < 0 ? INT64_MAX : minute * MINUTE_MS;
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
	struct bc_job *j = job_find(e, c->id);
	struct bc_segment *s = j ? segment_find(j, c->no) : NULL;

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
	bc_arg_int(&a, now / MINUTE_MS);
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
		run->next_ms = least(run->next_ms, s->retry_ms);
	}
	return NULL;
}

static void job_window(struct engine *e, struct bc_job *j, int64_t now)
{
	struct broadcast_run *run = e->broadcast_run;
	const struct broadcast *b = broadcast_find(e, j->id);
	int64_t at;

	j->is_open = false;
	if (j->state != BC_JOB_OPEN || !b || b->state != BROADCAST_RUNNING)
		return;
	at = open_at(e, b, now);
	j->is_open = at <= now;
	/* At the end of the window there may be no other one. */
	run->next_ms = least(run->next_ms,
		j->is_open ? least(b->until_ms, release_window_end(e->world.c, now)) : at);
}

static void claim_ahead(struct engine *e, int64_t now)
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

/* ---- calls --------------------------------------------------------------------------------------- */

static struct bc_lease *next_lease(struct engine *e)
{
	struct bc_lease *l;

	TAILQ_FOREACH(l, &e->broadcast_run->leases, link)
	if (l->n_todo > 0 && l->job->is_open)
		return l;
	return NULL;
}

static void begin_calls(struct engine *e, int64_t now)
{
	struct broadcast_run *run = e->broadcast_run;

	while (run->n_calls < BC_MAX_CALLS && (double)(run->unsent + 1) <= run->window) {
		struct bc_lease *l = next_lease(e);
		int64_t at = INT64_MAX;
		const char *gateway;

		if (!l)
			return;
		gateway = gateways_pick(e->gateways, now, &at);
		if (!gateway || at > now) {
			run->next_ms = least(run->next_ms, at);
			return;
		}
		if (!bc_call_start(e, l, gateway, gateways_max_numbers(e->gateways, gateway))) {
			bc_again(e);
			return;
		}
	}
}

static void drain_check(struct engine *e)
{
	struct broadcast_run *run = e->broadcast_run;

	for (struct bc_drain **at = &run->drains, *d; (d = *at);) {
		const struct bc_job *j = job_find(e, d->id);

		if (j && j->calls) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		d->done(d->ctx, d->n);
		free(d);
		at = &run->drains; /* DONE may have added one */
	}
}

void bc_call_ended(struct engine *e, struct bc_lease *l)
{
	struct broadcast_run *run = e->broadcast_run;

	if (l->calls == 0 && l->n_todo == 0) {
		if (!l->is_ended && !run->is_halted)
			bc_lease_drop(e, l);
		bc_lease_free(e, l);
	}
	if (run->n_calls == 0 && run->is_halted)
		bc_forget(e);
	broadcast_kick(e);
}

/* ---- looks --------------------------------------------------------------------------------------- */

static void begin_jobs(struct engine *e)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++) {
		const struct broadcast *b = e->broadcasts->items[i];
		struct bc_job *j;

		if (b->state != BROADCAST_RUNNING || job_find(e, b->id))
			continue;
		if (!audience_find(e, b->audience)) {
			bc_pause(e, b->id, "its audience is not to be trusted or missing");
			continue;
		}
		j = job_create(e, b);
		if (j)
			job_set(e, j, b, true);
		else
			bc_again(e);
	}
}

static void look(void *ctx)
{
	struct engine *e = ctx;
	struct broadcast_run *run = e->broadcast_run;
	int64_t now = engine_now_ms(e);
	struct bc_job *j, *next;

	run->is_looking = false;
	run->next_ms = INT64_MAX;
	timer_stop(run->wall);
	drain_check(e);
	if (run->n_calls == 0 && run->recovery && !run->is_recovering) {
		run->is_recovering = true;
		bc_recover_begin(e);
	}
	if (can_work(e) && !timer_armed(run->again)) {
		begin_jobs(e);
		for (j = TAILQ_FIRST(&run->jobs); j; j = next) {
			next = TAILQ_NEXT(j, link);
			job_look(e, j, now);
		}
		TAILQ_FOREACH(j, &run->jobs, link)
		job_window(e, j, now);
		begin_calls(e, now);
		claim_ahead(e, now);
		if (run->next_ms > now && run->next_ms < INT64_MAX)
			timer_at(run->wall, run->next_ms);
	} else if (engine_ready(e) && clock_mono_ms() >= e->lease_until_ms) {
		bc_again(e); /* it is renewed, or we end */
	}
	if (broadcast_quiet(e))
		simclock_check(e);
}

void broadcast_kick(struct engine *e)
{
	struct broadcast_run *run = e->broadcast_run;

	if (!run || run->is_looking || e->stopping)
		return;
	run->is_looking = true;
	if (loop_defer(e->loop, look, e) < 0) {
		run->is_looking = false;
		bc_again(e);
	}
}

static void on_wall(void *ctx)
{
	broadcast_kick(ctx);
}

static void on_again(void *ctx)
{
	bc_calls_again(ctx);
	broadcast_kick(ctx);
}

/* ---- for the others ------------------------------------------------------------------------------ */

void broadcast_halt(struct engine *e)
{
	struct broadcast_run *run = e->broadcast_run;

	if (run->is_halted)
		return;
	run->is_halted = true;
	/* Calls that only wait for the store are in the journal. */
	bc_calls_again(e);
	if (run->n_calls == 0)
		bc_forget(e);
	broadcast_kick(e);
}

void broadcast_drain(
	struct engine *e, struct broadcast *b, void (*done)(void *ctx, size_t n), void *ctx)
{
	struct bc_drain *d = calloc(1, sizeof(*d)), **at = &e->broadcast_run->drains;
	const struct bc_job *j = job_find(e, b->id);

	if (!d) {
		done(ctx, j ? j->calls : 0);
		return;
	}
	*d = (struct bc_drain){.n = j ? j->calls : 0, .done = done, .ctx = ctx};
	memcpy(d->id, b->id, sizeof(d->id));
	while (*at)
		at = &(*at)->next;
	*at = d;
	broadcast_kick(e);
}

bool broadcast_quiet(const struct engine *e)
{
	const struct broadcast_run *run = e->broadcast_run;

	return !run->is_looking && !run->recovery && run->n_calls == 0 && run->n_claims == 0 &&
	       run->n_walks == 0 && !timer_armed(run->again) && run->next_ms > engine_now_ms(e);
}

int64_t broadcast_next_ms(const struct engine *e)
{
	return e->broadcast_run->next_ms;
}

size_t broadcast_inflight(const struct engine *e)
{
	const struct bc_call *c;
	size_t n = 0;

	TAILQ_FOREACH(c, &e->broadcast_run->calls, link)
	n += c->n;
	return n;
}

int broadcast_run_create(struct engine *e)
{
	struct broadcast_run *run = calloc(1, sizeof(*run));
	int rc;

	if (!run)
		return -ENOMEM;
	e->broadcast_run = run;
	TAILQ_INIT(&run->jobs);
	TAILQ_INIT(&run->leases);
	TAILQ_INIT(&run->calls);
	LIST_INIT(&run->counts);
	run->window = BC_MAX_CALLS;
	run->next_ms = INT64_MAX;
	run->is_halted = true; /* until the journals were read */
	rc = timer_new(e->loop, on_wall, e, &run->wall);
	if (rc == 0)
		rc = timer_new(e->loop, on_again, e, &run->again);
	if (rc == 0)
		rc = timer_new(e->loop, publish, e, &run->publish);
	return rc;
}

void broadcast_run_destroy(struct engine *e)
{
	struct broadcast_run *run = e->broadcast_run;
	struct bc_call *c;
	struct bc_drain *d;

	if (!run)
		return;
	/* Whoever had started something has had its callback by now; what is left was never answered. */
	while ((c = TAILQ_FIRST(&run->calls))) {
		TAILQ_REMOVE(&run->calls, c, link);
		free(c);
	}
	bc_forget(e);
	while ((d = run->drains)) {
		run->drains = d->next;
		free(d);
	}
	timer_destroy(run->wall);
	timer_destroy(run->again);
	timer_destroy(run->publish);
	free(run);
	e->broadcast_run = NULL;
}
