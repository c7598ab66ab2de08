/*
 * notifier/engine/broadcast_job.c: the life of a broadcast that is sent: opened, at rest, over.
 *
 * Whatever state the list says, the job follows. It ends when nobody is left, which is counted once more in the store before
 * it is believed, or when no window is left: then whoever still waits is expired.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "notifier/campaign/release.h"
#include "notifier/engine/broadcast_internal.h"
#include "notifier/engine/gates.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When B may be sent to: NOW, an instant to come, or INT64_MAX when its time is over. */
int64_t bc_open_at(const struct engine *e, const struct broadcast *b, int64_t now)
{
	int64_t at = release_window_next(e->world.c, now > b->from_ms ? now : b->from_ms);

	return at < b->until_ms ? at : INT64_MAX;
}

/* ---- jobs ---------------------------------------------------------------------------------------- */

struct bc_job *bc_job_find(const struct engine *e, const char *id)
{
	struct bc_job *j;

	TAILQ_FOREACH(j, &e->broadcast_run->jobs, link)
	if (!strcmp(j->id, id))
		return j;
	return NULL;
}

struct bc_segment *bc_segment_find(struct bc_job *j, unsigned no)
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

static void job_free(struct engine *e, struct bc_job *j)
{
	struct bc_lease *l, *next;

	for (l = TAILQ_FIRST(&e->broadcast_run->leases); l; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->job == j)
			bc_lease_free(e, l);
	}
	TAILQ_REMOVE(&e->broadcast_run->jobs, j, link);
	j->b->has_job = false;
	free(j->segments);
	free(j);
}

void bc_forget(struct engine *e)
{
	struct bc_job *j;

	while ((j = TAILQ_FIRST(&e->broadcast_run->jobs)))
		job_free(e, j);
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
	LOG_INFO("broadcast_state", "broadcast=%s state=%s why=%s", b->id,
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
	LOG_ERROR("broadcast_paused", "broadcast=%s why=%s", id, why);
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
	struct bc_job *j = bc_job_find(w->e, w->id);
	struct bc_segment *s = j ? bc_segment_find(j, no) : NULL;
	int64_t minute = bc_int(v, 3, -1);

	if (!s)
		return;
	if (v->type != REDIS_ARRAY || v->n < 4) {
		w->rc = SW_ENOENT;
		return;
	}
	s->is_through = bc_int(v, 0, 0) >= bc_int(v, 1, 0) && bc_int(v, 2, 0) == 0;
	s->retry_ms = minute < 0 ? INT64_MAX : minute * BC_MINUTE_MS;
}

struct opening {
	struct engine *e;
	char id[BROADCAST_ID];
	bool runs;
};

static void opening_end(struct opening *o, int rc)
{
	struct engine *e = o->e;
	struct bc_job *j = bc_job_find(e, o->id);

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

static struct bc_job *job_create(struct engine *e, struct broadcast *b)
{
	struct bc_job *j = calloc(1, sizeof(*j));
	uint16_t *nos = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*nos));

	if (!j || !nos)
		goto fail;
	j->e = e;
	j->b = b;
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
	b->has_job = true;
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
	struct bc_job *j = bc_job_find(e, o->id);
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
	struct broadcast *b = j->b;
	bool is_busy = j->calls || j->claims;

	if (j->state == BC_JOB_ENDING || (j->state == BC_JOB_OPENING && !j->is_failed))
		return;
	if (j->is_failed) {
		if (b->state == BROADCAST_RUNNING)
			job_set(e, j, b, true);
		else
			job_free(e, j);
	} else if (is_busy) {
		return;
	} else if (b->state != BROADCAST_RUNNING && b->state != BROADCAST_PAUSED) {
		job_free(e, j);
	} else if (b->state == BROADCAST_PAUSED) {
		job_set(e, j, b, false);
	} else if (has_nobody_left(b)) {
		job_end(e, j, b, false);
	} else if (bc_open_at(e, b, now) == INT64_MAX) {
		job_end(e, j, b, true);
	}
}

/* A gate may have been closed while it was being started, or a new definition have one more. */
static void heed_gates(struct engine *e, int64_t now)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++) {
		const struct broadcast *b = e->broadcasts->items[i];
		const char *gate = b->state == BROADCAST_RUNNING ? gates_missing(e, b, now) : NULL;
		char why[GATE_NAME + 20];

		if (!gate)
			continue;
		(void)snprintf(why, sizeof(why), "gate %.*s is closed", GATE_NAME, gate);
		bc_pause(e, b->id, why);
	}
}

static void begin_jobs(struct engine *e)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++) {
		struct broadcast *b = e->broadcasts->items[i];
		struct bc_job *j;

		if (b->state != BROADCAST_RUNNING || b->has_job)
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

static void job_window(struct engine *e, struct bc_job *j, int64_t now)
{
	struct broadcast_run *run = e->broadcast_run;
	const struct broadcast *b = j->b;
	int64_t at;

	j->is_open = false;
	if (j->state != BC_JOB_OPEN || b->state != BROADCAST_RUNNING)
		return;
	at = bc_open_at(e, b, now);
	j->is_open = at <= now;
	/* At the end of the window there may be no other one. */
	run->next_ms = least(run->next_ms,
		j->is_open ? least(b->until_ms, release_window_end(e->world.c, now)) : at);
}

void bc_jobs_look(struct engine *e, int64_t now)
{
	struct bc_jobs *jobs = &e->broadcast_run->jobs;
	struct bc_job *j, *next;

	heed_gates(e, now);
	begin_jobs(e);
	for (j = TAILQ_FIRST(jobs); j; j = next) {
		next = TAILQ_NEXT(j, link);
		job_look(e, j, now);
	}
	TAILQ_FOREACH(j, jobs, link)
	job_window(e, j, now);
}
