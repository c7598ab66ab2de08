/*
 * notifier/engine/broadcast_recover.c: the store stands behind the journals.
 *
 * All journals of the folder are read once, a slice a turn, from the position up to which every record is known to be in
 * the store. A call with its outcome is given to the store again (nothing changes when it has it); one without is unknown.
 * Who is marked in flight and in no record was surely not sent to, unless a journal is missing. Applying is always right,
 * however often; only when the store had forgotten more than 100 recipients a person has to look before anything is sent.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

enum {
	FORGOTTEN_MAX = 100,
	FILES_MAX = 16,
	SLICE_RECORDS = 8000, /* about 3 ms */
	PENDING_MAX = 256,
	OPEN_MAX = 65536, /* calls without an outcome in one file: 16 of each kill */
};

struct known_call {
	uint64_t pos;
	char id[BROADCAST_ID], audience[AUDIENCE_ID], day[9];
	unsigned no, n;
	uint8_t list[2 * GATEWAY_MAX_NUMBERS];
};

struct known_file {
	char instance[40];
	uint64_t from; /* where reading goes on */
	bool is_there;
};

/* A broadcast under way, and up to where each file is known to its segments. */
struct active {
	char id[BROADCAST_ID];
	size_t n_segments;
	uint64_t *pos; /* owned: by file, then segment */
};

struct bc_recovery {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	struct known_file files[FILES_MAX];
	size_t n_files, file;
	struct active *active;
	size_t n_active, at;      /* the one that is walked over */
	struct known_call *calls; /* without an outcome yet, of the file that is read */
	size_t n_calls, cap;
	size_t pending, records;
	bool is_walking, is_scheduled;
	int64_t forgotten, settled;
	int64_t number; /* the greatest of a broadcast the journals name */
	int64_t number_stored;
	char hold[64];
	int rc;
};

static void proceed(void *ctx);

static void hold(struct bc_recovery *r, const char *why)
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
	LOG_ERROR("sending_on_hold", "why=\"%s\"", r->hold);
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
static void later(struct bc_recovery *r)
{
	if (r->is_scheduled)
		return;
	r->is_scheduled = loop_defer(r->e->loop, proceed, r) == 0;
	if (!r->is_scheduled)
		engine_fatal(r->e, "no memory", 70);
}

/* ---- files --------------------------------------------------------------------------------------- */

static struct known_file *file_find(struct bc_recovery *r, const char *instance)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (!strcmp(r->files[i].instance, instance))
			return &r->files[i];
	return NULL;
}

static struct known_file *file_add(struct bc_recovery *r, const char *instance)
{
	struct known_file *f = &r->files[r->n_files];

	if (r->n_files == FILES_MAX || text_copy(f->instance, sizeof(f->instance), instance) < 0) {
		hold(r, "too many journals");
		return NULL;
	}
	r->n_files++;
	return f;
}

static void list_files(struct bc_recovery *r)
{
	DIR *d = opendir(r->e->journal_dir);

	for (struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
		char instance[sizeof(r->files[0].instance)];
		size_t len = strlen(f->d_name);
		struct known_file *k;

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
static struct known_file *file_named(struct bc_recovery *r, const char *instance)
{
	struct known_file *f = file_find(r, instance);

	if (f && f->is_there)
		return f;
	hold(r, "a journal the store names is missing");
	return f ? f : file_add(r, instance);
}

static bool all_there(const struct bc_recovery *r)
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
	later(r);
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
	later(r);
}

struct outcome {
	int64_t to, minute, attempt, level;
	const char *code;
};

static void apply(struct bc_recovery *r, const struct known_call *k, const struct outcome *o)
{
	const struct broadcast *b = broadcast_find(r->e, k->id);
	struct bc_args p = {.n = 0}, a = {.n = 0};

	if (b && !b->started_ms) {
		/* An old store does not know that it began: what was sent must not be sent again when it does. */
		bc_arg(&p, r->e->fence);
		bc_arg_int(&p, bc_recipients(r->e, k->audience, k->no));
		if (bc_eval(r->e, "bc_prepare", k->audience, k->no, k->id, &p, on_prepared, r) == 0)
			r->pending++;
	}
	bc_arg(&a, "journal");
	bc_arg_int(&a, o->to);
	bc_arg_bytes(&a, k->list, 2 * k->n);
	bc_arg(&a, k->day);
	if (o->minute >= 0)
		bc_arg_int(&a, o->minute);
	else
		bc_arg(&a, "");
	bc_arg_int(&a, o->attempt);
	bc_arg_int(&a, o->level);
	bc_arg(&a, "0");
	bc_arg(&a, o->code);
	bc_arg(&a, "");
	bc_arg(&a, "");
	bc_arg(&a, "");
	if (bc_eval(r->e, "bc_settle", k->audience, k->no, k->id, &a, on_applied, r) < 0)
		r->rc = SW_EAWAY;
	else
		r->pending++;
}

/* ---- records ------------------------------------------------------------------------------------- */

static bool call_read(char *payload, struct known_call *ret)
{
	char *save = NULL, *part[6], *dot;
	int64_t no;
	size_t n;

	for (int i = 0; i < 6; i++) {
		part[i] = strtok_r(i ? NULL : payload, " ", &save);
		if (!part[i])
			return false;
	}
	dot = strchr(part[1], '.');
	if (!dot)
		return false;
	*dot = '\0';
	if (text_copy(ret->id, sizeof(ret->id), part[0]) < 0 ||
		text_copy(ret->audience, sizeof(ret->audience), part[1]) < 0 ||
		num_parse(dot + 1, 0, AUDIENCE_MAX_SEGMENTS - 1, &no) < 0 ||
		text_copy(ret->day, sizeof(ret->day), part[4]) < 0 ||
		!bc_list_parse(part[5], ret->list, GATEWAY_MAX_NUMBERS, &n))
		return false;
	ret->no = (unsigned)no;
	ret->n = (unsigned)n;
	return true;
}

static const struct active *active_find(const struct bc_recovery *r, const char *id)
{
	for (size_t i = 0; i < r->n_active; i++)
		if (!strcmp(r->active[i].id, id))
			return &r->active[i];
	return NULL;
}

/* Is the record that ends at POS of the file being read in the store already? */
static bool is_known(const struct bc_recovery *r, const struct known_call *k, uint64_t pos)
{
	const struct active *a = active_find(r, k->id);

	return a && k->no < a->n_segments && pos <= a->pos[r->file * a->n_segments + k->no];
}

static void note_number(struct bc_recovery *r, const char *id)
{
	int64_t n;

	if (num_parse(id + 1, 1, 999999, &n) == 0 && n > r->number)
		r->number = n;
}

static int take_call(struct bc_recovery *r, const struct journal_record *rec)
{
	struct known_call k = {.pos = rec->pos};
	const struct broadcast *b;
	char *payload = text_dup(rec->payload);
	bool is_readable = payload && call_read(payload, &k);

	free(payload);
	if (!is_readable) {
		hold(r, "a record of a broadcast cannot be read");
		return 0;
	}
	note_number(r, k.id);
	b = broadcast_find(r->e, k.id);
	if (!b || strcmp(b->audience, k.audience) != 0) {
		hold(r, "the store has forgotten a broadcast");
		return 0;
	}
	if (b->state == BROADCAST_DONE || (b->state == BROADCAST_CANCELLED && b->swept) ||
		is_known(r, &k, rec->pos))
		return 0;
	if (r->n_calls == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct known_call *calls =
			cap > OPEN_MAX ? NULL : realloc(r->calls, cap * sizeof(*calls));

		if (!calls)
			return -ENOMEM;
		r->calls = calls;
		r->cap = cap;
	}
	r->calls[r->n_calls++] = k;
	return 0;
}

static void take_outcome(struct bc_recovery *r, const struct journal_record *rec)
{
	struct outcome o = {.code = "-"};
	uint64_t pos;
	int at = 0;

	if (sscanf(rec->payload, "%" SCNu64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %n",
		    &pos, &o.to, &o.minute, &o.attempt, &o.level, &at) < 5 ||
		at == 0 || o.to < 0 || o.to >= NIBBLE_COUNT || o.attempt < 0 || o.attempt > 255 ||
		o.level < 0 || o.level >= BC_LEVELS)
		return; /* its call stays without an outcome: unknown */
	o.code = rec->payload + at;
	for (size_t i = r->n_calls; i-- > 0;)
		if (r->calls[i].pos == pos) {
			apply(r, &r->calls[i], &o);
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
	if (rc == 0 && (++r->records >= SLICE_RECORDS || r->pending >= PENDING_MAX))
		rc = 1;
	return rc;
}

static void file_ended(struct bc_recovery *r)
{
	static const struct outcome unknown = {
		.to = NIBBLE_UNKNOWN, .minute = -1, .code = "interrupted"};

	for (size_t i = 0; i < r->n_calls; i++)
		apply(r, &r->calls[i], &unknown);
	r->n_calls = 0;
	r->file++;
}

/* A slice of the file whose turn it is. */
static void read_on(struct bc_recovery *r)
{
	struct known_file *f = &r->files[r->file];
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
		hold(r, "a journal cannot be read");
		f->is_there = false;
	} else if (rc < 0) {
		r->rc = rc;
		return;
	}
	file_ended(r);
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
	struct active *a = &r->active[r->at];

	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		struct known_file *f = file_named(r, v->items[i].str);
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
	later(r);
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
	later(r);
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
		bc_arg_int(&a, all_there(r) ? NIBBLE_WAITING : NIBBLE_UNKNOWN);
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
		later(r);
	} else if (r->file < r->n_files) {
		if (r->pending < PENDING_MAX) {
			read_on(r);
			later(r);
		} /* else it goes on when the store has answered */
	} else if (r->pending == 0 && r->at < 2 * r->n_active) {
		walk(r, &nibbles);
		later(r);
	} else if (r->pending == 0) {
		if (r->forgotten > FORGOTTEN_MAX)
			hold(r, "the store has forgotten more than 100 recipients");
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
		struct active *a = &r->active[r->n_active];

		if (!is_under_way(b))
			continue;
		memcpy(a->id, b->id, sizeof(a->id));
		a->n_segments = info ? info->n_segments : 0;
		a->pos = calloc(FILES_MAX * (a->n_segments ? a->n_segments : 1), sizeof(*a->pos));
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
		struct known_file *f;
		int64_t n;

		if (num_parse(v->items[i + 1].str, 0, INT64_MAX, &n) < 0)
			continue;
		f = file_named(r, v->items[i].str);
		if (f)
			f->from = (uint64_t)n;
	}
	later(r);
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
	later(r);
}

void bc_recover_begin(struct engine *e)
{
	struct bc_recovery *r = e->broadcast_run->recovery;

	bc_forget(e);
	r->rc = list_active(r);
	list_files(r);
	if (r->rc == 0 && store_command(e->redis, on_number, r,
				  (const char *const[]){"GET", KEY_BROADCAST_NUMBER, NULL}) == 0)
		return;
	r->rc = SW_EAWAY;
	later(r);
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
		later(run->recovery);
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
	const char *words[3 + FILES_MAX] = {"HDEL"};
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
