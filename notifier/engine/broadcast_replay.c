/*
 * notifier/engine/broadcast_replay.c: reads the journals and tells the store what they know of broadcasts.
 *
 * One pass over each file, a slice a turn, at most a few hundred answers of the store outstanding. A call with its outcome
 * is settled again, which changes nothing when it was; a call that has none at the end of its file is unknown.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_recovery.h"

enum {
	SLICE_RECORDS = 8000, /* about 3 ms */
	OPEN_MAX = 65536,     /* calls without an outcome in one file: 16 of each kill */
};

/* ---- files --------------------------------------------------------------------------------------- */

static struct bc_known_file *file_find(struct bc_recovery *r, const char *instance)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (!strcmp(r->files[i].instance, instance))
			return &r->files[i];
	return NULL;
}

static struct bc_known_file *file_add(struct bc_recovery *r, const char *instance)
{
	struct bc_known_file *f = &r->files[r->n_files];

	if (r->n_files == BC_FILES_MAX ||
		text_copy(f->instance, sizeof(f->instance), instance) < 0) {
		bc_recovery_hold(r, "too many journals");
		return NULL;
	}
	r->n_files++;
	return f;
}

void bc_replay_files(struct bc_recovery *r)
{
	DIR *d = opendir(r->e->journal_dir);

	for (struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
		char instance[sizeof(r->files[0].instance)];
		size_t len = strlen(f->d_name);
		struct bc_known_file *k;

		if (!text_ends(f->d_name, ".log") || len - 4 >= sizeof(instance))
			continue;
		memcpy(instance, f->d_name, len - 4);
		instance[len - 4] = '\0';
		k = file_add(r, instance);
		if (k)
			k->is_there = true;
	}
	if (d)
		(void)closedir(d);
}

/* The store names a journal. */
struct bc_known_file *bc_replay_named(struct bc_recovery *r, const char *instance)
{
	struct bc_known_file *f = file_find(r, instance);

	if (f && f->is_there)
		return f;
	bc_recovery_hold(r, "a journal the store names is missing");
	return f ? f : file_add(r, instance);
}

bool bc_replay_all_there(const struct bc_recovery *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (!r->files[i].is_there)
			return false;
	return true;
}

/* ---- what the store is told ---------------------------------------------------------------------- */

static void on_prepared(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_recovery *r = ctx;

	if (store_failed(rc, v, "broadcast_recover"))
		r->rc = SW_EAWAY;
	r->pending--;
	bc_recovery_later(r);
}

static void on_applied(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_recovery *r = ctx;

	r->pending--;
	if (store_failed(rc, v, "broadcast_recover")) {
		r->rc = SW_EAWAY;
	} else {
		int64_t forgotten = bc_int(v, 0, 0);

		r->forgotten += forgotten;
		r->settled += v->n > 1;
		if (forgotten)
			metrics_add(r->e->metrics, "shouwang_store_behind_total", NULL,
				(double)forgotten);
	}
	bc_recovery_later(r);
}

/* An old store does not know that B began; nobody may be told again under another id because of that. */
static void note_begun(struct bc_recovery *r, struct broadcast *b)
{
	if (b->started_ms)
		return;
	b->started_ms = engine_now_ms(r->e);
	if (broadcast_store(r->e, b, NULL, NULL, NULL) < 0)
		r->rc = SW_EAWAY;
}

static void apply(struct bc_recovery *r, const struct bc_record *k, const struct bc_outcome *o)
{
	struct broadcast *b = broadcast_find(r->e, k->id);
	struct bc_args p = {.n = 0}, a = {.n = 0};

	if (b && b->state <= BROADCAST_APPROVED) {
		/* What was sent must not be sent again when it begins, as far as the store knows. */
		note_begun(r, b);
		bc_arg(&p, r->e->fence);
		bc_arg_int(&p, bc_recipients(r->e, k->audience, k->segment));
		if (bc_eval(r->e, "bc_prepare", k->audience, k->segment, k->id, &p, on_prepared,
			    r) == 0)
			r->pending++;
	}
	bc_arg(&a, "journal");
	bc_arg_int(&a, o->to);
	bc_arg_bytes(&a, k->list, 2 * k->n);
	bc_arg(&a, k->day);
	if (o->retry_minute >= 0)
		bc_arg_int(&a, o->retry_minute);
	else
		bc_arg(&a, "");
	bc_arg_int(&a, o->retry_attempt);
	bc_arg_int(&a, o->retry_level);
	bc_arg(&a, "0");
	bc_arg(&a, o->code);
	bc_arg(&a, "");
	bc_arg(&a, "");
	bc_arg(&a, "");
	bc_arg(&a, r->e->fence);
	if (bc_eval(r->e, "bc_settle", k->audience, k->segment, k->id, &a, on_applied, r) < 0)
		r->rc = SW_EAWAY;
	else
		r->pending++;
}

/* ---- records ------------------------------------------------------------------------------------- */

static const struct bc_active *active_find(const struct bc_recovery *r, const char *id)
{
	for (size_t i = 0; i < r->n_active; i++)
		if (!strcmp(r->active[i].id, id))
			return &r->active[i];
	return NULL;
}

/* Is the record that ends at POS of the file being read in the store already? */
static bool is_known(const struct bc_recovery *r, const struct bc_record *k, uint64_t pos)
{
	const struct bc_active *a = active_find(r, k->id);

	return a && k->segment < a->n_segments &&
	       pos <= a->pos[r->file * a->n_segments + k->segment];
}

static void note_number(struct bc_recovery *r, const char *id)
{
	int64_t n;

	if (num_parse(id + 1, 1, 999999, &n) == 0 && n > r->number)
		r->number = n;
}

static int take_call(struct bc_recovery *r, const struct journal_record *rec)
{
	struct bc_record k;
	const struct broadcast *b;

	if (!bc_record_parse(rec->payload, &k)) {
		bc_recovery_hold(r, "a record of a broadcast cannot be read");
		return 0;
	}
	note_number(r, k.id);
	b = broadcast_find(r->e, k.id);
	if (!b || strcmp(b->audience, k.audience) != 0) {
		bc_recovery_hold(r, "the store has forgotten a broadcast");
		return 0;
	}
	if (b->state == BROADCAST_DONE || (b->state == BROADCAST_CANCELLED && b->swept) ||
		is_known(r, &k, rec->pos))
		return 0;
	if (r->n_calls == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct bc_known_call *calls =
			cap > OPEN_MAX ? NULL : realloc(r->calls, cap * sizeof(*calls));

		if (!calls)
			return -ENOMEM;
		r->calls = calls;
		r->cap = cap;
	}
	r->calls[r->n_calls++] = (struct bc_known_call){.pos = rec->pos, .record = k};
	return 0;
}

static void take_outcome(struct bc_recovery *r, const struct journal_record *rec)
{
	struct bc_outcome o;
	uint64_t pos;

	if (!bc_outcome_parse(rec->payload, &pos, &o))
		return; /* its call stays without an outcome: unknown */
	for (size_t i = r->n_calls; i-- > 0;)
		if (r->calls[i].pos == pos) {
			/*
			 * What surely did not go is a mark without a record again: a later call may have
			 * marked the same people since, and what it says is to come.
			 */
			if (o.to != NIBBLE_WAITING)
				apply(r, &r->calls[i].record, &o);
			r->calls[i] = r->calls[--r->n_calls];
			return;
		}
}

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct bc_recovery *r = ctx;
	int rc = 0;

	r->files[r->file].from = rec->pos;
	if (rec->kind == 'B')
		rc = take_call(r, rec);
	else if (rec->kind == 'b')
		take_outcome(r, rec);
	if (rc == 0 && r->rc < 0)
		rc = r->rc;
	if (rc == 0 && (++r->records >= SLICE_RECORDS || r->pending >= BC_PENDING_MAX))
		rc = 1;
	return rc;
}

static void file_ended(struct bc_recovery *r)
{
	static const struct bc_outcome unknown = {
		.to = NIBBLE_UNKNOWN, .retry_minute = -1, .code = "interrupted"};

	for (size_t i = 0; i < r->n_calls; i++)
		apply(r, &r->calls[i].record, &unknown);
	r->n_calls = 0;
	r->file++;
}

/* A slice of the file whose turn it is. */
void bc_replay(struct bc_recovery *r)
{
	struct bc_known_file *f = &r->files[r->file];
	struct sw_err err = {0};
	char *path = NULL;
	int rc;

	if (!f->is_there) {
		r->file++;
		return;
	}
	if (asprintf(&path, "%s/%s.log", r->e->journal_dir, f->instance) < 0) {
		r->rc = -ENOMEM;
		return;
	}
	r->records = 0;
	rc = journal_read(path, f->from, on_record, r, &err);
	free(path);
	if (rc == 1)
		return;
	if (rc < 0 && r->rc == 0 && (rc == SW_ECORRUPT || rc == SW_ENOENT || rc == -EACCES)) {
		LOG_ERROR("journal_unreadable", "err=%s", err.text);
		bc_recovery_hold(r, "a journal cannot be read");
		f->is_there = false;
	} else if (rc < 0) {
		r->rc = rc;
		return;
	}
	file_ended(r);
}
