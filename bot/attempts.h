/*
 * bot/attempts.h: what became of each (mid, attempt) the notifier has asked for, durable before the first byte.
 *
 * A T record is synced before a request leaves and an A record follows its verdict; at start a T without an A
 * is "unknown": the request may have gone out. Everything is kept until the campaign closes, because knowing
 * an attempt is what prevents sending it twice.
 */
#ifndef SW_BOT_ATTEMPTS_H
#define SW_BOT_ATTEMPTS_H

#include "bot/relay.h"
#include "core/io/loop.h"
#include "core/wire/message.h"

struct attempts;
struct attempt;

enum attempt_state {
	ATTEMPT_NEW,     /* never heard of */
	ATTEMPT_RUNNING, /* queued or being sent */
	ATTEMPT_DECIDED,
};

enum { ATTEMPTS_MAX = 500000, ATTEMPTS_PACE_MS = 3600000 };

/*
 * Opens the journal PATH and rebuilds. NOW_MS: wall time for verdicts of attempts a crash
 * has left open. Blocking: for start-up only.
 */
int attempts_open(struct loop *l, const char *path, int64_t now_ms, struct attempts **ret,
	struct sw_err *err) SW_MUST_CHECK;
/*
 * The T records of the last ATTEMPTS_PACE_MS before NOW_MS of attempts_open(), in order: their pace still counts. WHO: "" or
 * what was given to attempts_try(). Only once, after opening: they are forgotten then.
 */
void attempts_each_tried(struct attempts *a,
	void (*cb)(
		void *ctx, int64_t at_ms, const char *channel, const char *route, const char *who),
	void *ctx);
/* T records that wait are called back first; DONE (may be NULL) runs once on a later turn, then A is gone. */
void attempts_close(struct attempts *a, void (*done)(void *ctx), void *ctx);

/* RET (may be NULL) is filled when DECIDED. */
enum attempt_state attempts_look(
	const struct attempts *a, const char *mid, int attempt, struct wire_verdict *ret);
/* NEW -> RUNNING, in memory. SW_ELIMIT: the table is full. */
int attempts_begin(struct attempts *a, const char *mid, int attempt) SW_MUST_CHECK;
/* A RUNNING one that never came to a request is forgotten (NEW again). */
void attempts_forget(struct attempts *a, const char *mid, int attempt);
/* Writes the T record; SYNCED runs as journal_append() says. WHO is one word or "". */
int attempts_try(struct attempts *a, const struct wire_out *m, const char *who, int64_t at_ms,
	void (*synced)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/* RUNNING -> DECIDED; the verdict now waits for an acknowledgement. The caller hands the item to a relay. */
struct relay_item *attempts_decide(struct attempts *a, const struct wire_verdict *v);
/* NULL unless a verdict of ID ("<mid>-<attempt>") waits for its acknowledgement; it is then settled. */
struct relay_item *attempts_ack(struct attempts *a, const char *id, int64_t at_ms);
/* Each verdict that waits for its acknowledgement, in the order they were tried. For start-up. */
void attempts_each_unacked(
	struct attempts *a, void (*cb)(void *ctx, struct relay_item *item), void *ctx);
/* Fills RET from an item of ours. */
void attempts_verdict(const struct relay_item *item, struct wire_verdict *ret);

bool attempts_broken(const struct attempts *a);
size_t attempts_count(const struct attempts *a);

#endif
