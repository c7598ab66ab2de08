/*
 * bot/spool.h: what came in, durable before its sender gets a yes.
 *
 * Each event is one sealed record, numbered and synced; a repeat of a known event is known at once. Records
 * stay until the campaign closes, so that a notifier restored from a backup can ask for them again.
 */
#ifndef SW_BOT_SPOOL_H
#define SW_BOT_SPOOL_H

#include "bot/relay.h"
#include "bot/replay.h"
#include "core/base/seal.h"
#include "core/io/loop.h"
#include "core/wire/message.h"

enum {
	SPOOL_MAX_UNACKED = 10000,
	SPOOL_MAX_UNACKED_BYTES = 16 << 20,
	SPOOL_MAX_SEEN = 500000, /* ids remembered; older acknowledged ones are forgotten first */
	SPOOL_START_SEEN =
		200000, /* more at start: those older than SPOOL_SEEN_DAYS are not loaded */
	SPOOL_SEEN_DAYS = 7,
};

struct spool;

/* RC 0: durable (IS_REPEAT: it was before); negative: it is not, the sender must try again. */
typedef void (*spool_done_cb)(void *ctx, int rc, bool is_repeat);
/* A new event is durable: publish it. Runs before the spool_done_cb of its sender. */
typedef void (*spool_event_cb)(void *ctx, struct relay_item *item);

/* NOW_MS: wall time. Blocking: for start-up only. KEY is copied. */
int spool_open(struct loop *l, const char *path, const struct seal_key *key, int64_t now_ms,
	spool_event_cb on_event, void *ctx, struct spool **ret, struct sw_err *err) SW_MUST_CHECK;
/* Waiting senders are called back first; DONE (may be NULL) runs once on a later turn. */
void spool_close(struct spool *s, void (*done)(void *ctx), void *ctx);

/*
 * Takes IN (its seq is given here). Returned 0: DONE runs exactly once, on a later turn. SW_ELIMIT: too many
 * are not acknowledged; other codes: the file cannot be written.
 */
int spool_add(
	struct spool *s, const struct wire_in *in, spool_done_cb done, void *ctx) SW_MUST_CHECK;
/* Is it known and durable? Then its sender may get the yes without spool_add(). */
bool spool_knows(const struct spool *s, const id_str id);
/* The item of an event that waits for its acknowledgement, to be removed from the relay; else NULL. */
struct relay_item *spool_ack(const struct spool *s, const char *id);
/* It came: ITEM is gone after this; all of one loop turn share a record. */
void spool_settled(struct spool *s, struct relay_item *item);

/* The event of an item as it goes over the wire and its topic. Borrowed. */
const char *spool_payload(const struct relay_item *item, size_t *ret_len, const char **ret_topic);
/* Each event without acknowledgement, in order. For start-up. */
void spool_each_unacked(struct spool *s, void (*cb)(void *ctx, struct relay_item *item), void *ctx);

/* Events with a number greater than FROM_SEQ again, acknowledged or not (replay.h). SW_EEXIST: one is running. */
int spool_replay(struct spool *s, uint64_t from_seq, replay_event_cb event, replay_end_cb end,
	void *ctx) SW_MUST_CHECK;
/* Both do nothing when none is running. */
void spool_replay_resume(struct spool *s);
void spool_replay_cancel(struct spool *s);

bool spool_broken(const struct spool *s);
/* Not acknowledged, counting those that are being written. */
size_t spool_unacked(const struct spool *s);
uint64_t spool_seq(const struct spool *s); /* the last number given */

#endif
