/*
 * bot/replay.h: reads the spool's file again, a slice at a time off the loop.
 *
 * For a notifier that was restored from a backup and asks for everything since then. The reader's pace is that
 * of its receiver: an event that is refused is offered again by replay_resume().
 */
#ifndef SW_BOT_REPLAY_H
#define SW_BOT_REPLAY_H

#include <stdbool.h>

#include "core/base/seal.h"
#include "core/io/loop.h"
#include "core/wire/topic.h"

struct replay;

/* The next event in order. Negative: not now. */
typedef int (*replay_event_cb)(void *ctx, const char *topic, const char *json, size_t len);
/* RC 0: N events were taken; SW_EAWAY: cancelled; others: the file cannot be read. R is gone. */
typedef void (*replay_end_cb)(void *ctx, int rc, int64_t n);

/* PATH and KEY live until END has run. Returned 0: END runs exactly once, on a later turn. */
int replay_start(struct loop *l, const char *path, const struct seal_key *key, uint64_t from_seq,
	replay_event_cb event, replay_end_cb end, void *ctx, struct replay **ret) SW_MUST_CHECK;
void replay_resume(struct replay *r);
void replay_cancel(struct replay *r);

#endif
