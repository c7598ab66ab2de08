/*
 * bot/spool.c: records E (spool_record.h) and K "<event id> ..", over one hash table.
 *
 * All ids are kept in the table in the order of their arrival, which is also the order in which they are
 * forgotten; what is not acknowledged has its text in memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "bot/spool.h"
#include "bot/spool_record.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/io/journal.h"
#include "core/io/timer.h"

enum { ID_BYTES = ID_HEX / 2, ACKS_BYTES = 100 * (ID_HEX + 1), GATHER_MS = 2 };

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
	char topic[TOPIC_MAX];
};

struct known {
	UT_hash_handle hh;
	uint8_t id[ID_BYTES];
	struct pending *pending; /* NULL when settled */
	enum event_state state;
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
	struct replay *replay; /* NULL: none is running */
	replay_event_cb replay_event;
	replay_end_cb replay_end;
	void *replay_ctx;
	int64_t forget_before_ms; /* while loading */
	bool is_closing;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void flush_acks(struct spool *s);
static void on_gathered(void *ctx);

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
	struct record_head head;
	struct known *k;
	char *line;
	int rc = record_parse(rec->payload, &head, &base64);

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
		struct record_head head;
		char *line;
		int rc;

		if (k->state != EVENT_WAITING)
			continue;
		line = p->json;
		s->pending_bytes -= p->len;
		p->json = NULL;
		p->len = 0;
		rc = record_parse(line, &head, &base64);
		if (rc == 0)
			rc = record_open(&s->key, &head, base64, &p->json, &p->len, p->topic);
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
	struct record_head head;
	id_str id;
	int rc;

	id_hex(p->known->id, sizeof(p->known->id), id);
	record_head(&head, p->seq, id);
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
	(void)wire_in_topic(in, k->pending->topic);
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

const char *spool_payload(const struct relay_item *item, size_t *ret_len, const char **ret_topic)
{
	const struct pending *p = of_item(item);

	*ret_len = p->len;
	*ret_topic = p->topic;
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

static void on_replay_end(void *ctx, int rc, int64_t n)
{
	struct spool *s = ctx;

	s->replay = NULL;
	s->replay_end(s->replay_ctx, rc, n);
	close_step(s);
}

static int on_replay_event(void *ctx, const char *topic, const char *json, size_t len)
{
	struct spool *s = ctx;

	return s->replay_event(s->replay_ctx, topic, json, len);
}

int spool_replay(
	struct spool *s, uint64_t from_seq, replay_event_cb event, replay_end_cb end, void *ctx)
{
	if (s->replay)
		return SW_EEXIST;
	s->replay_event = event;
	s->replay_end = end;
	s->replay_ctx = ctx;
	return replay_start(
		s->loop, s->path, &s->key, from_seq, on_replay_event, on_replay_end, s, &s->replay);
}

void spool_replay_resume(struct spool *s)
{
	if (s->replay)
		replay_resume(s->replay);
}

void spool_replay_cancel(struct spool *s)
{
	if (s->replay)
		replay_cancel(s->replay);
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
