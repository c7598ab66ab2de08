/*
 * notifier/engine/broadcast_recover.c: the store stands behind the journals.
 *
 * All journals of the folder are read once, a slice a turn, from the position up to which every record is known to be in
 * the store. A call with its outcome is given to the store again (nothing changes when it has it); one without is unknown.
 * Who is marked in flight and in no record was surely not sent to, unless a journal is missing. Applying is always right,
 * however often; only when the store had forgotten more than 100 recipients a person has to look before anything is sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_recovery.h"

enum { FORGOTTEN_MAX = 100 };

static void proceed(void *ctx);

void bc_recovery_hold(struct bc_recovery *r, const char *why)
{
	if (!r->hold[0])
		(void)snprintf(r->hold, sizeof(r->hold), "%s", why);
}

static void set_hold(struct bc_recovery *r)
{
	static const char *const keys[] = {KEY_CTL, KEY_AUDIT};
	struct engine *e = r->e;
	char *audit;
	struct args a;

	if (!r->hold[0] || e->hold[0])
		return;
	LOG_ERROR("sending_on_hold", "why=%s", r->hold);
	(void)snprintf(e->hold, sizeof(e->hold), "%s", r->hold);
	audit = engine_audit_json(e, "hold", json_pack("{s:s}", "why", r->hold));
	args_init(&a);
	args_add(&a, "hold");
	args_add(&a, r->hold);
	args_add(&a, audit);
	(void)!store_eval(e->redis, "ctl_set", NULL, NULL, keys, 2, &a);
	args_fini(&a);
	free(audit);
}

static void recover_end(struct bc_recovery *r)
{
	struct engine *e = r->e;
	struct broadcast_run *run = e->broadcast_run;
	void (*done)(struct engine * e, int rc) = r->done;
	int rc = r->rc;

	if (run->recovery == r) {
		run->recovery = NULL;
		run->is_recovering = false;
		run->is_halted = rc < 0;
		if (rc == 0)
			run->is_behind = false;
		run->n_missing = 0;
		for (size_t i = 0; i < r->n_files; i++)
			if (!r->files[i].is_there)
				memcpy(run->missing[run->n_missing++], r->files[i].instance,
					sizeof(run->missing[0]));
	}
	if (rc == 0 && (r->settled || r->forgotten))
		LOG_INFO("broadcasts_recovered", "calls=%" PRId64 " forgotten=%" PRId64, r->settled,
			r->forgotten);
	if (rc == 0)
		set_hold(r);
	for (size_t i = 0; i < r->n_active; i++)
		free(r->active[i].pos);
	free(r->active);
	free(r->calls);
	free(r);
	done(e, rc);
	broadcast_kick(e);
}

/* PROCEED on a later turn; it alone decides that all is over. */
void bc_recovery_later(struct bc_recovery *r)
{
	if (r->is_scheduled)
		return;
	r->is_scheduled = loop_defer(r->e->loop, proceed, r) == 0;
	if (!r->is_scheduled)
		engine_fatal(r->e, "no memory", 70);
}

/* ---- positions, and what is left in flight --------------------------------------------------------- */

static int ask_position(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	char key[STORE_KEY];

	return store_command(w->e->redis, bc_walk_reply, step,
		(const char *const[]){
			"HGETALL", audience_key(key, w->audience, no, "journal"), NULL});
}

static void got_position(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	struct bc_recovery *r = w->ctx;
	struct bc_active *a = &r->active[r->at];

	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		struct bc_known_file *f = bc_replay_named(r, v->items[i].str);
		int64_t pos;

		if (f && no < a->n_segments &&
			num_parse(v->items[i + 1].str, 0, INT64_MAX, &pos) == 0)
			a->pos[(size_t)(f - r->files) * a->n_segments + no] = (uint64_t)pos;
	}
}

static void on_walked(void *ctx, int rc)
{
	struct bc_recovery *r = ctx;

	r->is_walking = false;
	if (rc < 0)
		r->rc = rc;
	r->at++;
	bc_recovery_later(r);
}

static int ask_nibbles(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	char key[STORE_KEY];

	return store_command(w->e->redis, bc_walk_reply, step,
		(const char *const[]){"GET", bc_key(key, w->audience, no, w->id, "oc"), NULL});
}

struct undone {
	struct bc_recovery *r;
	char id[BROADCAST_ID];
	unsigned no;
};

static void on_undone(void *ctx, int rc, const struct redis_value *v)
{
	struct undone *u = ctx;
	struct bc_recovery *r = u->r;

	if (store_failed(rc, v, "broadcast_recover"))
		r->rc = SW_EAWAY;
	else
		bc_sums(r->e, u->id, u->no, v, 1);
	free(u);
	r->pending--;
	bc_recovery_later(r);
}

/* Marked, and in no record: it was killed before the record was on the disk, so the request never went. */
static void undo(
	struct bc_recovery *r, const struct bc_walk *w, unsigned no, const uint8_t *oc, size_t n)
{
	struct undone *u = calloc(1, sizeof(*u));
	uint8_t *list = malloc(2 * n);
	struct bc_args a = {.n = 0};
	size_t found = 0;
	int rc = -ENOMEM;

	for (size_t i = 0; list && i < n; i++)
		if ((i % 2 ? oc[i / 2] & 15 : oc[i / 2] >> 4) == NIBBLE_IN_FLIGHT) {
			list[2 * found] = (uint8_t)(i >> 8);
			list[2 * found++ + 1] = (uint8_t)i;
		}
	if (u && list) {
		*u = (struct undone){.r = r, .no = no};
		memcpy(u->id, w->id, sizeof(u->id));
		bc_arg(&a, "verdict");
		bc_arg_int(&a, bc_replay_all_there(r) ? NIBBLE_WAITING : NIBBLE_UNKNOWN);
		bc_arg_bytes(&a, list, 2 * found);
		bc_arg(&a, "");
		bc_arg(&a, "");
		bc_arg(&a, "0");
		bc_arg(&a, "0");
		bc_arg(&a, "0");
		bc_arg(&a, "journal missing");
		bc_arg(&a, "");
		bc_arg(&a, "");
		bc_arg(&a, "");
		bc_arg(&a, r->e->fence);
		rc = bc_eval(r->e, "bc_settle", w->audience, no, w->id, &a, on_undone, u);
	}
	if (rc == 0) {
		r->pending++;
		LOG_INFO("broadcast_marks_undone", "broadcast=%s segment=%u n=%zu", w->id, no,
			found);
	} else {
		free(u);
		r->rc = SW_EAWAY;
	}
	free(list);
}

static void got_nibbles(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	size_t n = bc_recipients(w->e, w->audience, no);
	int64_t before = w->sums[NIBBLE_IN_FLIGHT];

	w->count += (int64_t)n;
	w->seen[no / 8] |= (uint8_t)(1u << no % 8);
	if (v->type != REDIS_STRING) {
		w->sums[NIBBLE_WAITING] += (int64_t)n;
		return;
	}
	n = n < 2 * v->len ? n : 2 * v->len;
	bc_count((const uint8_t *)v->str, v->len, n, w->sums);
	if (w->sums[NIBBLE_IN_FLIGHT] > before)
		undo(w->ctx, w, no, (const uint8_t *)v->str, n);
}

static void walk(struct bc_recovery *r, const struct bc_walk *w)
{
	struct broadcast *b = broadcast_find(r->e, r->active[r->at % r->n_active].id);

	if (b && bc_walk(w, b) == 0)
		r->is_walking = true;
	else
		r->rc = b ? -ENOMEM : SW_ENOENT;
}

/* ---- the order of it ------------------------------------------------------------------------------- */

static void on_noted(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_recovery *r = ctx;

	if (store_failed(rc, v, "broadcast_recover"))
		r->rc = SW_EAWAY;
	recover_end(r);
}

/* Everything up to here is in the store; and an emptied store gives no number away that was used. */
static void note_positions(struct bc_recovery *r)
{
	struct args a;
	int rc;

	args_init(&a);
	if (r->number > r->number_stored) {
		char text[24];

		(void)snprintf(text, sizeof(text), "%" PRId64, r->number);
		(void)!store_command(r->e->redis, NULL, NULL,
			(const char *const[]){"SET", KEY_BROADCAST_NUMBER, text, NULL});
	}
	args_pair(&a, "HSET", KEY_BROADCAST_JOURNAL);
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].is_there) {
			args_add(&a, r->files[i].instance);
			args_addf(&a, "%" PRIu64, r->files[i].from);
		}
	rc = a.error ? a.error : redis_command(r->e->redis, on_noted, r, (int)a.n, a.v, NULL);
	args_fini(&a);
	if (rc < 0) {
		r->rc = rc;
		recover_end(r);
	}
}

static void proceed(void *ctx)
{
	struct bc_recovery *r = ctx;
	const struct bc_walk positions = {
		.e = r->e, .ask = ask_position, .got = got_position, .done = on_walked, .ctx = r};
	const struct bc_walk nibbles = {.e = r->e,
		.is_counting = true,
		.ask = ask_nibbles,
		.got = got_nibbles,
		.end = bc_count_end,
		.done = on_walked,
		.ctx = r};

	r->is_scheduled = false;
	if (r->e->broadcast_run->recovery != r || !redis_ready(r->e->redis))
		r->rc = r->rc < 0 ? r->rc : SW_EAWAY; /* the connection has changed meanwhile */
	if (r->is_walking)
		return;
	if (r->rc < 0) {
		if (r->pending == 0)
			recover_end(r);
	} else if (r->at < r->n_active) {
		walk(r, &positions);
		bc_recovery_later(r);
	} else if (r->file < r->n_files) {
		if (r->pending < BC_PENDING_MAX) {
			bc_replay(r);
			bc_recovery_later(r);
		} /* else it goes on when the store has answered */
	} else if (r->pending == 0 && r->at < 2 * r->n_active) {
		walk(r, &nibbles);
		bc_recovery_later(r);
	} else if (r->pending == 0) {
		if (r->forgotten > FORGOTTEN_MAX)
			bc_recovery_hold(r, "the store has forgotten more than 100 recipients");
		note_positions(r);
	}
}

/* ---- the start of it ------------------------------------------------------------------------------- */

static bool is_under_way(const struct broadcast *b)
{
	return b->state == BROADCAST_RUNNING || b->state == BROADCAST_PAUSED ||
	       (b->state == BROADCAST_CANCELLED && !b->swept && b->started_ms);
}

static int list_active(struct bc_recovery *r)
{
	const struct broadcasts *list = r->e->broadcasts;

	r->active = calloc(list && list->n ? list->n : 1, sizeof(*r->active));
	if (!r->active)
		return -ENOMEM;
	for (size_t i = 0; list && i < list->n; i++) {
		const struct broadcast *b = list->items[i];
		const struct audience_info *info = audience_find(r->e, b->audience);
		struct bc_active *a = &r->active[r->n_active];

		if (!is_under_way(b))
			continue;
		memcpy(a->id, b->id, sizeof(a->id));
		a->n_segments = info ? info->n_segments : 0;
		a->pos =
			calloc(BC_FILES_MAX * (a->n_segments ? a->n_segments : 1), sizeof(*a->pos));
		if (!a->pos)
			return -ENOMEM;
		r->n_active++;
	}
	return 0;
}

static void on_positions(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_recovery *r = ctx;

	if (store_failed(rc, v, "broadcast_journal"))
		r->rc = SW_EAWAY;
	for (size_t i = 0; rc == 0 && v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		struct bc_known_file *f;
		int64_t n;

		if (num_parse(v->items[i + 1].str, 0, INT64_MAX, &n) < 0)
			continue;
		f = bc_replay_named(r, v->items[i].str);
		if (f)
			f->from = (uint64_t)n;
	}
	bc_recovery_later(r);
}

static void on_number(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_recovery *r = ctx;

	if (store_failed(rc, v, "broadcast_number"))
		r->rc = SW_EAWAY;
	else if (v->type == REDIS_STRING && num_parse(v->str, 0, INT64_MAX, &r->number_stored) < 0)
		r->number_stored = 0;
	if (r->rc == 0 &&
		store_command(r->e->redis, on_positions, r,
			(const char *const[]){"HGETALL", KEY_BROADCAST_JOURNAL, NULL}) == 0)
		return;
	r->rc = SW_EAWAY;
	bc_recovery_later(r);
}

void bc_recover_begin(struct engine *e)
{
	struct bc_recovery *r = e->broadcast_run->recovery;

	bc_forget(e);
	r->rc = list_active(r);
	bc_replay_files(r);
	if (r->rc == 0 && store_command(e->redis, on_number, r,
				  (const char *const[]){"GET", KEY_BROADCAST_NUMBER, NULL}) == 0)
		return;
	r->rc = SW_EAWAY;
	bc_recovery_later(r);
}

void broadcast_recover(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct broadcast_run *run = e->broadcast_run;
	struct bc_recovery *r = calloc(1, sizeof(*r));

	broadcast_halt(e);
	if (!r) {
		done(e, -ENOMEM);
		return;
	}
	r->e = e;
	r->done = done;
	if (run->recovery && !run->is_recovering) { /* it had not begun: its connection is gone */
		run->recovery->rc = SW_EAWAY;
		bc_recovery_later(run->recovery);
	}
	run->recovery = r; /* one that had ends by itself */
	run->is_recovering = false;
	broadcast_kick(e); /* begins when the last call has ended */
}

static void on_forgotten(void *ctx, int rc)
{
	(void)ctx;
	if (rc < 0)
		LOG_WARN("broadcast_journal_not_settled", "err=%s", err_name(rc));
}

static int ask_missing(struct bc_walk *w, unsigned no, struct bc_step *step)
{
	struct broadcast_run *run = w->e->broadcast_run;
	const char *words[3 + BC_FILES_MAX] = {"HDEL"};
	char key[STORE_KEY];
	int n = 2;

	words[1] = audience_key(key, w->audience, no, "journal");
	for (size_t i = 0; i < run->n_missing; i++)
		words[n++] = run->missing[i];
	return redis_command(w->e->redis, bc_walk_reply, step, n, words, NULL);
}

static void got_missing(struct bc_walk *w, unsigned no, const struct redis_value *v)
{
	(void)w;
	(void)no;
	(void)v;
}

void broadcast_recover_settle(struct engine *e)
{
	struct broadcast_run *run = e->broadcast_run;
	const struct bc_walk w = {
		.e = e, .ask = ask_missing, .got = got_missing, .done = on_forgotten, .ctx = e};

	for (size_t i = 0; i < run->n_missing; i++)
		(void)!store_command(e->redis, NULL, NULL,
			(const char *const[]){
				"HDEL", KEY_BROADCAST_JOURNAL, run->missing[i], NULL});
	for (size_t i = 0; run->n_missing && e->broadcasts && i < e->broadcasts->n; i++)
		if (is_under_way(e->broadcasts->items[i]) &&
			bc_walk(&w, e->broadcasts->items[i]) < 0)
			LOG_WARN("broadcast_journal_not_settled", "broadcast=%s",
				e->broadcasts->items[i]->id);
}
