/*
 * notifier/engine/recover.c: Redis stands behind the journal.
 *
 * Every handover (H) is journalled before the store learns of it, every SMS (T) after it; the store keeps the position it
 * has seen. After a load, the records behind that position are attempts a lost tail or an old backup has forgotten. Up to
 * 100 of a kind are reconciled: a handover goes back into the outbox with its attempt number (the bot answers a repeat with the
 * verdict it has), an SMS is trying again and settled by what else its journal says. More, a journal the store names and the
 * folder lacks, or no position beside a journal that has records: sending is on hold. SMS are reconciled even then, since
 * that never sends anything. Records of other kinds belong to others; there may be a hundred times as many, so a journal is
 * read a slice a turn, and what was read once, and is in the store, is not read again.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/sms.h"

enum {
	RECONCILE_MAX = 100,
	ATTEMPTS_MAX = 1000,
	FILES_MAX = 64,
	SLICE_RECORDS = 8000, /* about 3 ms */
};

struct attempt {
	id_str mid;
	int n;
	char kind; /* of its last record: 'H', or 'T' 'A' 'R' 'F' 'N' 'U' */
	char gateway[12];
	char place[64]; /* "<instance> <position before it>" */
};

/* A journal: of the folder, or named by the store, or both. */
struct known_file {
	char instance[40];
	bool is_named;
	uint64_t from, pos; /* the store's position; how far it was read */
};

struct recover {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	struct attempt attempts[ATTEMPTS_MAX];
	size_t n;
	bool too_many;
	size_t oldest; /* the next to be forgotten once there are too many */
	struct known_file files[FILES_MAX];
	size_t n_files, file; /* the one that is read */
	char place[64];       /* where its reading began */
	size_t records;       /* of attempts in it */
	size_t slice;         /* records of any kind in this turn */
	size_t pending;
	int rc;
	char hold[64];
};

/* All that was read is in the store by now. An empty journal is named as well: a kill before its first position is no riddle. */
static void note_positions(const struct recover *r)
{
	struct args a;

	args_init(&a);
	args_pair(&a, "HSET", KEY_JOURNAL);
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].pos > r->files[i].from || !r->files[i].is_named) {
			args_add(&a, r->files[i].instance);
			args_addf(&a, "%" PRIu64, r->files[i].pos);
		}
	/* Not noted: read once more by the next one. */
	if (a.n > 2 && !a.error)
		(void)!redis_command(r->e->redis, NULL, NULL, (int)a.n, a.v, NULL);
	args_fini(&a);
}

static void recover_end(struct recover *r)
{
	struct engine *e = r->e;

	if (--r->pending)
		return;
	if (e->recover == r)
		e->recover = NULL;
	if (r->rc == 0 && !e->hold[0])
		note_positions(r);
	r->done(e, r->rc);
	free(r);
}

static struct attempt *find(struct recover *r, const char *mid)
{
	for (size_t i = 0; i < r->n; i++)
		if (!strcmp(r->attempts[i].mid, mid))
			return &r->attempts[i];
	return NULL;
}

static void take_record(struct recover *r, const struct journal_record *rec)
{
	struct attempt a = {.kind = rec->kind}, *known;

	if (!strchr("HXTARFNU", rec->kind) ||
		sscanf(rec->payload, "%32s %d %11s", a.mid, &a.n, a.gateway) < 2 ||
		strlen(a.mid) != ID_HEX || a.n < 1)
		return;
	r->records++;
	known = find(r, a.mid);
	if (rec->kind == 'X') { /* that attempt never was */
		if (known && known->n == a.n)
			*known = r->attempts[--r->n];
		return;
	}
	if (rec->kind != 'H' && rec->kind != 'T') {
		if (known && known->n == a.n)
			known->kind = a.kind;
		return; /* the outcome of an attempt the store knows */
	}
	memcpy(a.place, r->place, sizeof(a.place));
	if (known)
		*known = a.n > known->n ? a : *known;
	else if (r->n < ATTEMPTS_MAX)
		r->attempts[r->n++] = a;
	else { /* the latest are the ones that may be planned anew */
		r->too_many = true;
		r->attempts[r->oldest++ % ATTEMPTS_MAX] = a;
	}
}

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct recover *r = ctx;

	take_record(r, rec);
	r->files[r->file].pos = rec->pos;
	return ++r->slice >= SLICE_RECORDS;
}

static char *journal_path(const struct engine *e, const char *instance)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s.log", e->journal_dir, instance) < 0 ? NULL : path;
}

static void hold(struct recover *r, const char *why)
{
	if (!r->hold[0] && text_copy(r->hold, sizeof(r->hold), why) < 0)
		memcpy(r->hold, "journal", 8);
}

/* A slice of the file whose turn it is. */
static void read_slice(struct recover *r)
{
	struct known_file *f = &r->files[r->file];
	char *path = journal_path(r->e, f->instance);
	struct sw_err err = {0};
	int rc;

	if (!path) {
		r->rc = -ENOMEM;
		return;
	}
	(void)snprintf(r->place, sizeof(r->place), "%s %" PRIu64, f->instance, f->from);
	r->slice = 0;
	rc = journal_read(path, f->pos, on_record, r, &err);
	free(path);
	if (rc == 1)
		return;
	if (rc == SW_ENOENT) {
		hold(r, "a journal the store names is missing");
	} else if (rc < 0) {
		LOG_ERROR("journal_unreadable", "err=%s", err.text);
		hold(r, "a journal cannot be read");
	} else if (!f->is_named && r->records) {
		hold(r, "the store has no position of a journal");
	}
	r->records = 0;
	r->file++;
}

static void on_rehanded(void *ctx, int rc, const struct redis_value *v)
{
	struct recover *r = ctx;

	if (store_failed(rc, v, "rehand"))
		r->rc = SW_EAWAY;
	else if (v->integer == 1)
		metrics_add(r->e->metrics, "shouwang_store_behind_total", NULL, 1);
	recover_end(r);
}

static void rehand(struct recover *r, const struct attempt *at)
{
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, at->mid), KEY_DUE,
		KEY_OUTBOX, KEY_UNKNOWN, KEY_PARK, KEY_TRYING, KEY_TRIED};
	struct args a;

	args_init(&a);
	args_add(&a, r->e->fence);
	args_add(&a, at->mid);
	args_addi(&a, at->n);
	args_addi(&a, engine_now_ms(r->e));
	args_addf(&a, "%c", at->kind);
	args_add(&a, at->gateway);
	args_add(&a, at->place);
	r->pending++;
	if (store_eval(r->e->redis, "rehand", on_rehanded, r, keys, ARRAY_LEN(keys), &a) < 0) {
		r->rc = SW_EAWAY;
		r->pending--;
	}
	args_fini(&a);
}

static void set_hold(struct recover *r)
{
	static const char *const keys[] = {KEY_CTL, KEY_AUDIT};
	char *audit = engine_audit_json(r->e, "hold", json_pack("{s:s}", "why", r->hold));
	struct args a;

	LOG_ERROR("sending_on_hold", "why=%s", r->hold);
	(void)snprintf(r->e->hold, sizeof(r->e->hold), "%s", r->hold);
	args_init(&a);
	args_add(&a, "hold");
	args_add(&a, r->hold);
	args_add(&a, audit);
	(void)!store_eval(r->e->redis, "ctl_set", NULL, NULL, keys, 2, &a);
	args_fini(&a);
	free(audit);
}

/* All journals are read. */
static void reconcile(struct recover *r)
{
	struct engine *e = r->e;
	size_t handovers = 0;

	for (size_t i = 0; i < r->n; i++)
		handovers += r->attempts[i].kind == 'H';
	if (r->too_many || handovers > RECONCILE_MAX || r->n - handovers > RECONCILE_MAX)
		hold(r, "the store has forgotten more than 100 attempts");
	if (r->hold[0])
		set_hold(r);
	else if (r->n && !e->hold[0])
		LOG_WARN("store_behind_journal", "n=%zu", r->n);
	for (size_t i = 0; i < r->n; i++)
		if (r->attempts[i].kind != 'H' || !e->hold[0])
			rehand(r, &r->attempts[i]);
	recover_end(r);
}

static void read_on(void *ctx)
{
	struct recover *r = ctx;

	if (r->e->recover != r)
		r->rc = SW_EAWAY; /* the connection has gone meanwhile */
	if (r->rc == 0 && r->file == r->n_files) {
		reconcile(r);
		return;
	}
	if (r->rc == 0)
		read_slice(r);
	if (r->rc == 0 && loop_defer(r->e->loop, read_on, r) < 0)
		r->rc = -ENOMEM;
	if (r->rc < 0)
		recover_end(r);
}

static void add_file(struct recover *r, const char *instance, const char *pos)
{
	struct known_file *f = &r->files[r->n_files];
	int64_t from = 0;

	if (r->n_files == FILES_MAX || text_copy(f->instance, sizeof(f->instance), instance) < 0) {
		hold(r, "too many journals");
		return;
	}
	if (pos && num_parse(pos, 0, INT64_MAX, &from) < 0)
		from = 0;
	f->is_named = pos != NULL;
	f->from = f->pos = (uint64_t)from;
	r->n_files++;
}

static void on_positions(void *ctx, int rc, const struct redis_value *v)
{
	struct recover *r = ctx;
	struct engine *e = r->e;
	DIR *d;

	if (store_failed(rc, v, "journal_positions")) {
		r->rc = SW_EAWAY;
		recover_end(r);
		return;
	}
	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2)
		add_file(r, v->items[i].str, v->items[i + 1].str);
	d = opendir(e->journal_dir);
	for (struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
		char instance[sizeof(e->instance)];
		size_t len = strlen(f->d_name);

		if (!text_ends(f->d_name, ".log") || len - 4 >= sizeof(instance))
			continue;
		memcpy(instance, f->d_name, len - 4);
		instance[len - 4] = '\0';
		if (!store_field(v, instance))
			add_file(r, instance, NULL);
	}
	if (d)
		(void)closedir(d);
	read_on(r);
}

void recover_start(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct recover *r = calloc(1, sizeof(*r));

	if (!r) {
		done(e, -ENOMEM);
		return;
	}
	r->e = e;
	r->done = done;
	r->pending = 1;
	e->recover = r; /* one that is under way ends by itself */
	if (store_command(e->redis, on_positions, r,
		    (const char *const[]){"HGETALL", KEY_JOURNAL, NULL}) < 0) {
		r->rc = SW_EAWAY;
		recover_end(r);
	}
}

void recover_stop(struct engine *e)
{
	e->recover = NULL;
}

static int on_last_record(void *ctx, const struct journal_record *rec)
{
	*(uint64_t *)ctx = rec->pos;
	return 0;
}

void recover_settle(struct engine *e)
{
	struct sw_err err = {0};
	struct args a;
	DIR *d = opendir(e->journal_dir);

	args_init(&a);
	args_pair(&a, "HSET", KEY_JOURNAL);
	for (struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d)) {
		char *path = NULL;
		uint64_t end = 0;
		size_t len = strlen(f->d_name);

		if (!text_ends(f->d_name, ".log") ||
			asprintf(&path, "%s/%s", e->journal_dir, f->d_name) < 0)
			continue;
		if (journal_read(path, 0, on_last_record, &end, &err) < 0)
			LOG_ERROR("journal_unreadable", "err=%s", err.text);
		args_addf(&a, "%.*s", (int)(len - 4), f->d_name);
		args_addf(&a, "%" PRIu64, end);
		free(path);
	}
	if (d)
		(void)closedir(d);
	/* A journal the folder lacks was looked at by a person: it is not missed again. */
	if (store_command(e->redis, NULL, NULL, (const char *const[]){"DEL", KEY_JOURNAL, NULL}) ==
			0 &&
		a.n > 2 && !a.error)
		(void)!redis_command(e->redis, NULL, NULL, (int)a.n, a.v, NULL);
	args_fini(&a);
	broadcast_recover_settle(e);
}
