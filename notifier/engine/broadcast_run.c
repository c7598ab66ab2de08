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
#include "notifier/engine/broadcast_internal.h"
#include "notifier/engine/gates.h"

enum { PUBLISH_MS = 1000 };

static void look(void *ctx);

/* ---- what may be done --------------------------------------------------------------------------- */

static bool can_work(const struct engine *e)
{
	return engine_ready(e) && engine_may_send(e) && !e->broadcast_run->is_halted &&
	       (e->live || !conf_bool(e->conf, "trial.enabled"));
}

bool bc_may_go(const struct engine *e, const char *id)
{
	const struct broadcast *b = broadcast_find(e, id);
	int64_t now = engine_now_ms(e);

	return can_work(e) && b && b->state == BROADCAST_RUNNING && bc_open_at(e, b, now) <= now &&
	       !gates_missing(e, b, now);
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
			if (at < run->next_ms)
				run->next_ms = at;
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
		const struct bc_job *j = bc_job_find(e, d->id);

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

static void look(void *ctx)
{
	struct engine *e = ctx;
	struct broadcast_run *run = e->broadcast_run;
	int64_t now = engine_now_ms(e);

	run->is_looking = false;
	run->next_ms = INT64_MAX;
	timer_stop(run->wall);
	drain_check(e);
	if (run->n_calls == 0 && run->recovery && !run->is_recovering) {
		run->is_recovering = true;
		bc_recover_begin(e);
	}
	if (can_work(e) && !timer_armed(run->again)) {
		bc_jobs_look(e, now);
		begin_calls(e, now);
		bc_claim_ahead(e, now);
		if (run->next_ms > now && run->next_ms < INT64_MAX)
			timer_at(run->wall, run->next_ms);
	} else if (engine_ready(e) && !engine_has_lease(e)) {
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
	const struct bc_job *j = bc_job_find(e, b->id);

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
	run->window = 1;
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
