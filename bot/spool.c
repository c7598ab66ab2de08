/*
 * bot/spool.c: records E "<seq> <event id> <base64 of the sealed JSON>" and K "<event id> ..".
 *
 * The id stands outside the seal so that a start opens only what is not acknowledged; number and id are the
 * seal's additional data, so that a record cannot be moved. All ids are kept in one hash table in the order
 * of their arrival, which is also the order in which they are forgotten.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "bot/spool.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/io/journal.h"
#include "core/io/timer.h"

enum { ID_BYTES = ID_HEX / 2, SLICE = 64, ACKS_BYTES = 100 * (ID_HEX + 1), GATHER_MS = 2 };

enum event_state {
	EVENT_WRITING, /* its record is not synced yet */
	EVENT_WAITING, /* durable, not acknowledged */
	EVENT_SETTLED,
};

struct sender {
	struct sender *next;
	spool_done_cb done;
	void *ctx;
	bool is_repeat;
};

/* What an unacknowledged event needs beyond being known. */
struct pending {
	struct relay_item item;
	STAILQ_ENTRY(pending) in_batch; /* until its record is written */
	struct known *known;
	struct spool *spool;
	struct sender *senders; /* while it is being written */
	uint64_t seq;
	int64_t at_ms;
	char *json;
	size_t len;
	bool is_event;
};

struct known {
	UT_hash_handle hh;
	uint8_t id[ID_BYTES];
	struct pending *pending; /* NULL when settled */
	enum event_state state;
};

struct replay {
	struct spool *spool;
	uint64_t from_seq;
	uint64_t pos; /* in the file, behind what was read */
	spool_replay_cb event;
	spool_replay_end_cb end;
	void *ctx;
	int64_t n;
	bool is_cancelled;
	bool is_reading; /* on the thread pool */
	bool is_end;     /* the file has no more */
	int rc;
	size_t slice_n, slice_at;
	struct wire_slice {
		char *json;
		size_t len;
		bool is_event;
	} slice[SLICE];
};

struct spool {
	struct loop *loop;
	struct journal *journal;
	struct seal_key key;
	char *path;
	struct known *table;
	spool_event_cb on_event;
	void *ctx;
	uint64_t seq;
	size_t n_pending, pending_bytes;
	struct buf sealed, line;      /* of the record being written; kept for the next one */
	STAILQ_HEAD(, pending) batch; /* to be written when the timer fires */
	struct timer *gather;
	int64_t written_ms; /* monotonic */
	struct buf acks;    /* ids acknowledged in this turn, for one K record */
	bool is_flush_due;
	struct replay *replay;
	int64_t forget_before_ms; /* while loading */
	bool is_closing;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void flush_acks(struct spool *s);
static void on_gathered(void *ctx);

/* ---- records --------------------------------------------------------------------------------- */

/* The head of a record, which is also the additional data of its seal. */
struct head {
	char text[24 + ID_HEX + 2]; /* number, blank, id */
	uint64_t seq;
	id_str id;
};

static void head_make(struct head *h, uint64_t seq, const char *id)
{
	h->seq = seq;
	memcpy(h->id, id, sizeof(h->id));
	(void)snprintf(h->text, sizeof(h->text), "%" PRIu64 " %s", seq, id);
}

/* RET_BASE64: where the sealed part begins. */
static int head_parse(const char *payload, struct head *ret, const char **ret_base64)
{
	const char *id = strchr(payload, ' ');
	const char *base64 = id ? strchr(id + 1, ' ') : NULL;
	char number[24];
	int64_t seq;

	if (!base64 || (size_t)(id - payload) >= sizeof(number) || base64 - id != ID_HEX + 1)
		return SW_ECORRUPT;
	memcpy(number, payload, (size_t)(id - payload));
	number[id - payload] = '\0';
	if (num_parse(number, 1, INT64_MAX, &seq) < 0)
		return SW_ECORRUPT;
	memcpy(ret->text, payload, (size_t)(base64 - payload));
	ret->text[base64 - payload] = '\0';
	ret->seq = (uint64_t)seq;
	memcpy(ret->id, id + 1, ID_HEX);
	ret->id[ID_HEX] = '\0';
	*ret_base64 = base64 + 1;
	return 0;
}

/* The event of a record as JSON, which the caller frees, and whether it is for in/event. */
static int record_decode(const struct seal_key *key, const struct head *h, const char *base64,
	char **ret_json, size_t *ret_len, bool *ret_is_event)
{
	struct wire_in in;
	struct buf sealed, json;
	int rc;

	buf_init(&sealed, WIRE_MAX_BYTES + SEAL_OVERHEAD_BYTES);
	buf_init(&json, WIRE_MAX_BYTES);
	rc = id_unbase64(&sealed, base64, strlen(base64), true);
	if (rc == 0)
		rc = seal_decrypt(key, h->text, buf_str(&sealed), sealed.len, &json);
	if (rc == 0)
		rc = wire_in_decode(buf_str(&json), json.len, &in, NULL);
	if (rc == 0) {
		*ret_is_event = in.is_event;
		*ret_len = json.len;
		*ret_json = buf_take(&json);
		rc = *ret_json ? 0 : -ENOMEM;
		wire_in_fini(&in);
	}
	buf_fini(&json);
	buf_fini(&sealed);
	return rc;
}

/* ---- what is known ------------------------------------------------------------------------------ */

static struct known *find(const struct spool *s, const char *id)
{
	uint8_t key[ID_BYTES];
	struct known *k;

	if (id_unhex(id, key, sizeof(key)) < 0)
		return NULL;
	HASH_FIND(hh, s->table, key, sizeof(key), k);
	return k;
}

static void pending_free(struct spool *s, struct pending *p)
{
	if (!p)
		return;
	s->n_pending--;
	s->pending_bytes -= p->len;
	free(p->json);
	free(p);
}

static void forget(struct spool *s, struct known *k)
{
	HASH_DEL(s->table, k);
	pending_free(s, k->pending);
	free(k);
}

/* The hash table keeps the order of insertion: its head is the oldest. */
static void forget_old(struct spool *s)
{
	while (HASH_COUNT(s->table) >= SPOOL_MAX_SEEN && s->table->state == EVENT_SETTLED)
		forget(s, s->table);
}

/* Takes JSON. */
static struct known *remember(struct spool *s, const char *id, char *json, size_t len)
{
	struct known *k = calloc(1, sizeof(*k));
	struct pending *p = calloc(1, sizeof(*p));

	if (!k || !p || id_unhex(id, k->id, sizeof(k->id)) < 0) {
		free(k);
		free(p);
		free(json);
		return NULL;
	}
	forget_old(s);
	*p = (struct pending){.known = k, .spool = s, .json = json, .len = len};
	k->pending = p;
	HASH_ADD(hh, s->table, id, sizeof(k->id), k);
	s->n_pending++;
	s->pending_bytes += len;
	return k;
}

static void settle(struct spool *s, struct known *k)
{
	pending_free(s, k->pending);
	k->pending = NULL;
	k->state = EVENT_SETTLED;
}

/* ---- start -------------------------------------------------------------------------------------- */

/* Keeps the record sealed: most of them are acknowledged further down the file. */
static int load_event(struct spool *s, const struct journal_record *rec)
{
	const char *base64;
	struct head head;
	struct known *k;
	char *line;
	int rc = head_parse(rec->payload, &head, &base64);

	if (rc < 0)
		return rc;
	if (head.seq > s->seq)
		s->seq = head.seq;
	if (find(s, head.id))
		return 0;
	line = strdup(rec->payload);
	k = line ? remember(s, head.id, line, rec->len) : NULL;
	if (!k)
		return -ENOMEM;
	k->state = EVENT_WAITING;
	return 0;
}

static void load_ack(struct spool *s, const char *id, int64_t at_ms)
{
	struct known *k = find(s, id);

	if (!k || k->state != EVENT_WAITING)
		return;
	settle(s, k);
	if (HASH_COUNT(s->table) > SPOOL_START_SEEN && at_ms < s->forget_before_ms)
		forget(s, k);
}

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct spool *s = ctx;
	const char *at = rec->payload;
	id_str id;

	if (rec->kind == 'E')
		return load_event(s, rec);
	while (rec->kind == 'K' && strcspn(at, " ") == ID_HEX) {
		memcpy(id, at, ID_HEX);
		id[ID_HEX] = '\0';
		load_ack(s, id, rec->at_ms);
		at += ID_HEX;
		at += *at == ' ';
	}
	return 0;
}

/* Opens the records that are not acknowledged. */
static int open_unacked(struct spool *s, struct sw_err *err)
{
	struct known *k, *tmp;

	HASH_ITER(hh, s->table, k, tmp)
	{
		struct pending *p = k->pending;
		const char *base64;
		struct head head;
		char *line;
		int rc;

		if (k->state != EVENT_WAITING)
			continue;
		line = p->json;
		s->pending_bytes -= p->len;
		p->json = NULL;
		p->len = 0;
		rc = head_parse(line, &head, &base64);
		if (rc == 0)
			rc = record_decode(&s->key, &head, base64, &p->json, &p->len, &p->is_event);
		free(line);
		if (rc < 0)
			return err_set(err, rc,
				"%s: record %" PRIu64 " does not open with keys.spool_file",
				s->path, head.seq);
		s->pending_bytes += p->len;
	}
	return 0;
}

static void spool_free(struct spool *s)
{
	struct known *k, *tmp;

	HASH_ITER(hh, s->table, k, tmp)
	{
		forget(s, k);
	}
	explicit_bzero(&s->key, sizeof(s->key));
	buf_fini(&s->sealed);
	buf_fini(&s->line);
	buf_fini(&s->acks);
	free(s->path);
	free(s);
}

int spool_open(struct loop *l, const char *path, const struct seal_key *key, int64_t now_ms,
	spool_event_cb on_event, void *ctx, struct spool **ret, struct sw_err *err)
{
	struct spool *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->loop = l;
	s->key = *key;
	s->on_event = on_event;
	s->ctx = ctx;
	s->forget_before_ms = now_ms - (int64_t)SPOOL_SEEN_DAYS * 86400000;
	buf_init(&s->sealed, WIRE_MAX_BYTES + SEAL_OVERHEAD_BYTES);
	buf_init(&s->line, 2 * WIRE_MAX_BYTES);
	buf_init(&s->acks, ACKS_BYTES);
	STAILQ_INIT(&s->batch);
	s->written_ms = INT64_MIN / 2;
	s->path = strdup(path);
	rc = s->path ? journal_open(l, path, on_record, s, &s->journal, err)
		     : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = open_unacked(s, err);
	if (rc == 0) {
		rc = timer_new(l, on_gathered, s, &s->gather);
		if (rc < 0)
			err_set(err, rc, "out of memory");
	}
	if (rc < 0) {
		if (s->journal)
			spool_close(s, NULL, NULL);
		else
			spool_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* The journal, a slice on the thread pool and a deferred call point at S. */
static void close_step(struct spool *s)
{
	void (*closed)(void *) = s->closed;
	void *ctx = s->closed_ctx;

	if (!s->is_closing || s->journal || s->replay || s->is_flush_due)
		return;
	spool_free(s);
	if (closed)
		closed(ctx);
}

static void on_journal_closed(void *ctx)
{
	struct spool *s = ctx;

	s->journal = NULL;
	close_step(s);
}

void spool_close(struct spool *s, void (*done)(void *ctx), void *ctx)
{
	s->is_closing = true;
	s->closed = done;
	s->closed_ctx = ctx;
	spool_replay_cancel(s);
	on_gathered(s);
	flush_acks(s);
	timer_destroy(s->gather);
	s->gather = NULL;
	journal_close(s->journal, on_journal_closed, s);
}

/* ---- taking ------------------------------------------------------------------------------------- */

static void tell_senders(struct sender *list, int rc)
{
	while (list) {
		struct sender *next = list->next;

		list->done(list->ctx, rc, list->is_repeat);
		free(list);
		list = next;
	}
}

static void on_synced(void *ctx, int rc)
{
	struct pending *p = ctx;
	struct spool *s = p->spool;
	struct sender *senders = p->senders;

	p->senders = NULL;
	if (rc == 0) {
		p->known->state = EVENT_WAITING;
		s->on_event(s->ctx, &p->item);
	} else {
		forget(s, p->known);
	}
	tell_senders(senders, rc);
}

static int add_sender(struct pending *p, spool_done_cb done, void *ctx, bool is_repeat)
{
	struct sender *n = malloc(sizeof(*n));
	struct sender **at = &p->senders;

	if (!n)
		return -ENOMEM;
	*n = (struct sender){.done = done, .ctx = ctx, .is_repeat = is_repeat};
	while (*at)
		at = &(*at)->next;
	*at = n;
	return 0;
}

struct repeat {
	spool_done_cb done;
	void *ctx;
};

static void answer_repeat(void *ctx)
{
	struct repeat r = *(struct repeat *)ctx;

	free(ctx);
	r.done(r.ctx, 0, true);
}

static int add_repeat(struct spool *s, struct known *k, spool_done_cb done, void *ctx)
{
	struct repeat *r;
	int rc;

	if (k->state == EVENT_WRITING)
		return add_sender(k->pending, done, ctx, true);
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct repeat){done, ctx};
	rc = loop_defer(s->loop, answer_repeat, r);
	if (rc < 0)
		free(r);
	return rc;
}

static int write_event(struct spool *s, struct pending *p)
{
	struct head head;
	id_str id;
	int rc;

	id_hex(p->known->id, sizeof(p->known->id), id);
	head_make(&head, p->seq, id);
	buf_reset(&s->sealed);
	buf_reset(&s->line);
	rc = seal_encrypt(&s->key, head.text, p->json, p->len, &s->sealed);
	if (rc < 0)
		return rc;
	(void)buf_addf(&s->line, "%s ", head.text);
	rc = id_base64(&s->line, buf_str(&s->sealed), s->sealed.len);
	if (rc < 0)
		return rc;
	return journal_append(s->journal, p->at_ms, 'E', buf_str(&s->line), on_synced, p, NULL);
}

/* Those who came within GATHER_MS share a sync. */
static void on_gathered(void *ctx)
{
	struct spool *s = ctx;
	struct pending *p;

	s->written_ms = clock_mono_ms();
	while ((p = STAILQ_FIRST(&s->batch))) {
		struct sender *senders = p->senders;
		int rc;

		STAILQ_REMOVE_HEAD(&s->batch, in_batch);
		rc = write_event(s, p);
		if (rc < 0) {
			p->senders = NULL;
			forget(s, p->known);
			tell_senders(senders, rc);
		}
	}
}

/*
 * Each sync costs several requests to the disk, so under load there is at most one in GATHER_MS; an event that
 * comes alone is written at once.
 */
static int write_soon(struct spool *s, struct pending *p)
{
	int64_t wait_ms = s->written_ms + GATHER_MS - clock_mono_ms();

	if (wait_ms <= 0 && STAILQ_EMPTY(&s->batch)) {
		s->written_ms = clock_mono_ms();
		return write_event(s, p);
	}
	STAILQ_INSERT_TAIL(&s->batch, p, in_batch);
	if (!timer_armed(s->gather))
		timer_after(s->gather, wait_ms);
	return 0;
}

int spool_add(struct spool *s, const struct wire_in *in, spool_done_cb done, void *ctx)
{
	struct wire_in numbered = *in;
	struct known *k = find(s, in->id);
	char *json;
	int rc;

	if (k)
		return add_repeat(s, k, done, ctx);
	if (s->n_pending >= SPOOL_MAX_UNACKED || s->pending_bytes >= SPOOL_MAX_UNACKED_BYTES)
		return SW_ELIMIT;
	numbered.seq = s->seq + 1;
	json = wire_in_encode(&numbered);
	if (!json)
		return -ENOMEM;
	if (strlen(json) > WIRE_MAX_BYTES) {
		free(json);
		return SW_EINVAL;
	}
	k = remember(s, in->id, json, strlen(json));
	if (!k)
		return -ENOMEM;
	k->pending->is_event = in->is_event;
	k->pending->seq = ++s->seq;
	k->pending->at_ms = in->at_ms;
	rc = add_sender(k->pending, done, ctx, false);
	if (rc == 0)
		rc = write_soon(s, k->pending);
	if (rc < 0) {
		free(k->pending->senders);
		forget(s, k);
	}
	return rc;
}

bool spool_knows(const struct spool *s, const id_str id)
{
	const struct known *k = find(s, id);

	return k && k->state != EVENT_WRITING;
}

struct relay_item *spool_ack(const struct spool *s, const char *id)
{
	struct known *k = find(s, id);

	return k && k->state == EVENT_WAITING ? &k->pending->item : NULL;
}

static struct pending *of_item(const struct relay_item *item)
{
	/* The item is a member of an event of ours, never a lone one. */
	return (struct pending *)(uintptr_t)((const char *)item - offsetof(struct pending, item));
}

/* Not written, these events are published once more after a restart: the notifier knows them. */
static void flush_acks(struct spool *s)
{
	if (s->acks.len == 0 || !s->journal)
		return;
	if (journal_append(
		    s->journal, loop_now_ms(s->loop), 'K', buf_str(&s->acks), NULL, NULL, NULL) < 0)
		LOG_DEBUG("acks_not_written", "bytes=%zu", s->acks.len);
	buf_reset(&s->acks);
}

static void on_flush(void *ctx)
{
	struct spool *s = ctx;

	s->is_flush_due = false;
	flush_acks(s);
	close_step(s);
}

void spool_settled(struct spool *s, struct relay_item *item)
{
	struct known *k = of_item(item)->known;
	id_str id;

	if (s->acks.len + ID_HEX + 1 > ACKS_BYTES)
		flush_acks(s);
	id_hex(k->id, sizeof(k->id), id);
	(void)buf_addf(&s->acks, "%s%s", s->acks.len > 0 ? " " : "", id);
	settle(s, k);
	if (!s->is_flush_due)
		s->is_flush_due = loop_defer(s->loop, on_flush, s) == 0;
}

const char *spool_payload(const struct relay_item *item, size_t *ret_len, bool *ret_is_event)
{
	const struct pending *p = of_item(item);

	*ret_len = p->len;
	*ret_is_event = p->is_event;
	return p->json;
}

void spool_each_unacked(struct spool *s, void (*cb)(void *ctx, struct relay_item *item), void *ctx)
{
	struct known *k, *tmp;

	HASH_ITER(hh, s->table, k, tmp)
	{
		if (k->state == EVENT_WAITING)
			cb(ctx, &k->pending->item);
	}
}

/* ---- replay --------------------------------------------------------------------------------------- */

static void slice_free(struct replay *r)
{
	for (size_t i = 0; i < r->slice_n; i++)
		free(r->slice[i].json);
	r->slice_n = r->slice_at = 0;
}

/* Runs on the thread pool, alone with R. A positive return ends the slice. */
static int on_slice_record(void *ctx, const struct journal_record *rec)
{
	struct replay *r = ctx;
	struct wire_slice *e = &r->slice[r->slice_n];
	const char *base64;
	struct head head;
	int rc;

	r->pos = rec->pos;
	if (rec->kind != 'E' || head_parse(rec->payload, &head, &base64) < 0 ||
		head.seq <= r->from_seq)
		return 0;
	rc = record_decode(&r->spool->key, &head, base64, &e->json, &e->len, &e->is_event);
	if (rc < 0)
		return rc;
	return ++r->slice_n == SLICE ? 1 : 0;
}

static void slice_read(void *ctx)
{
	struct replay *r = ctx;
	int rc = journal_read(r->spool->path, r->pos, on_slice_record, r, NULL);

	r->is_end = rc == 0;
	r->rc = rc < 0 ? rc : 0;
}

static void replay_end(struct replay *r, int rc)
{
	struct spool *s = r->spool;
	spool_replay_end_cb end = r->end;
	void *ctx = r->ctx;
	int64_t n = r->n;

	s->replay = NULL;
	slice_free(r);
	free(r);
	end(ctx, rc, n);
	close_step(s);
}

static void slice_done(void *ctx);

static void replay_go_on(struct replay *r)
{
	while (r->slice_at < r->slice_n) {
		const struct wire_slice *e = &r->slice[r->slice_at];

		if (r->event(r->ctx, e->json, e->len, e->is_event) < 0)
			return; /* until spool_replay_resume() */
		r->slice_at++;
		r->n++;
	}
	if (r->rc < 0 || r->is_end) {
		replay_end(r, r->rc);
		return;
	}
	slice_free(r);
	r->is_reading = true;
	if (loop_work(r->spool->loop, slice_read, slice_done, r) < 0) {
		r->is_reading = false;
		replay_end(r, -ENOMEM);
	}
}

static void slice_done(void *ctx)
{
	struct replay *r = ctx;

	r->is_reading = false;
	if (r->is_cancelled)
		replay_end(r, SW_EAWAY);
	else
		replay_go_on(r);
}

int spool_replay(struct spool *s, uint64_t from_seq, spool_replay_cb event, spool_replay_end_cb end,
	void *ctx)
{
	struct replay *r;
	int rc;

	if (s->replay)
		return SW_EEXIST;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->spool = s;
	r->from_seq = from_seq;
	r->event = event;
	r->end = end;
	r->ctx = ctx;
	r->is_reading = true;
	rc = loop_work(s->loop, slice_read, slice_done, r);
	if (rc < 0) {
		free(r);
		return rc;
	}
	s->replay = r;
	return 0;
}

void spool_replay_resume(struct spool *s)
{
	if (s->replay && !s->replay->is_reading)
		replay_go_on(s->replay);
}

void spool_replay_cancel(struct spool *s)
{
	struct replay *r = s->replay;

	if (!r)
		return;
	r->is_cancelled = true;
	if (!r->is_reading) {
		/* Through the thread pool only to end on a later turn. */
		r->is_reading = true;
		r->rc = SW_EAWAY;
		slice_free(r);
		if (loop_defer(s->loop, slice_done, r) < 0)
			replay_end(r, SW_EAWAY);
	}
}

bool spool_broken(const struct spool *s)
{
	return journal_broken(s->journal);
}

size_t spool_unacked(const struct spool *s)
{
	return s->n_pending;
}

uint64_t spool_seq(const struct spool *s)
{
	return s->seq;
}
