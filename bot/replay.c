/*
 * bot/replay.c: the thread pool reads and opens SLICE records, the loop hands them over, and so on.
 */
#include <errno.h>
#include <stdlib.h>

#include "bot/replay.h"
#include "bot/spool_record.h"
#include "core/io/journal.h"

enum { SLICE = 64 };

struct event {
	char *json;
	size_t len;
	char topic[TOPIC_MAX];
};

struct replay {
	struct loop *loop;
	const char *path;
	const struct seal_key *key;
	uint64_t from_seq;
	uint64_t pos; /* in the file, behind what was read */
	replay_event_cb event;
	replay_end_cb end;
	void *ctx;
	int64_t n;
	int rc;
	bool is_reading; /* on the thread pool, or about to end */
	bool is_cancelled;
	bool is_end; /* the file has no more */
	size_t slice_n, slice_at;
	struct event slice[SLICE];
};

static void slice_free(struct replay *r)
{
	for (size_t i = 0; i < r->slice_n; i++)
		free(r->slice[i].json);
	r->slice_n = r->slice_at = 0;
}

/* Runs on the thread pool, alone with R. A positive return ends the slice. */
static int on_record(void *ctx, const struct journal_record *rec)
{
	struct replay *r = ctx;
	struct event *e = &r->slice[r->slice_n];
	struct record_head head;
	const char *base64;
	int rc;

	r->pos = rec->pos;
	if (rec->kind != 'E' || record_parse(rec->payload, &head, &base64) < 0 ||
		head.seq <= r->from_seq)
		return 0;
	rc = record_open(r->key, &head, base64, &e->json, &e->len, e->topic);
	if (rc < 0)
		return rc;
	return ++r->slice_n == SLICE ? 1 : 0;
}

static void slice_read(void *ctx)
{
	struct replay *r = ctx;
	int rc = journal_read(r->path, r->pos, on_record, r, NULL);

	r->is_end = rc == 0;
	r->rc = rc < 0 ? rc : 0;
}

static void finish(struct replay *r, int rc)
{
	replay_end_cb end = r->end;
	void *ctx = r->ctx;
	int64_t n = r->n;

	slice_free(r);
	free(r);
	end(ctx, rc, n);
}

static void slice_done(void *ctx);

static void go_on(struct replay *r)
{
	while (r->slice_at < r->slice_n) {
		const struct event *e = &r->slice[r->slice_at];

		if (r->event(r->ctx, e->topic, e->json, e->len) < 0)
			return; /* until replay_resume() */
		r->slice_at++;
		r->n++;
	}
	if (r->rc < 0 || r->is_end) {
		finish(r, r->rc);
		return;
	}
	slice_free(r);
	r->is_reading = true;
	if (loop_work(r->loop, slice_read, slice_done, r) < 0)
		finish(r, -ENOMEM);
}

static void slice_done(void *ctx)
{
	struct replay *r = ctx;

	r->is_reading = false;
	if (r->is_cancelled)
		finish(r, SW_EAWAY);
	else
		go_on(r);
}

int replay_start(struct loop *l, const char *path, const struct seal_key *key, uint64_t from_seq,
	replay_event_cb event, replay_end_cb end, void *ctx, struct replay **ret)
{
	struct replay *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->loop = l;
	r->path = path;
	r->key = key;
	r->from_seq = from_seq;
	r->event = event;
	r->end = end;
	r->ctx = ctx;
	r->is_reading = true;
	rc = loop_work(l, slice_read, slice_done, r);
	if (rc < 0) {
		free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void replay_resume(struct replay *r)
{
	if (!r->is_reading)
		go_on(r);
}

void replay_cancel(struct replay *r)
{
	if (r->is_cancelled)
		return;
	r->is_cancelled = true;
	if (r->is_reading)
		return;
	r->is_reading = true;
	if (loop_defer(r->loop, slice_done, r) < 0)
		finish(r, SW_EAWAY);
}
