/*
 * notifier/engine/publicity.h: what screens, loudspeakers and groups are given beside the SMS of a broadcast.
 *
 * Items of screens and loudspeakers lie in the store first and are retained messages of the broker then: on each connect
 * all of them are published again, an item whose time is over as an empty message, which clears it. So the broker's
 * state is a function of the store and the clock, whenever either of them dies. Texts for groups are ordinary messages
 * of class no_repeat (kind "pub"), created once for each commended.
 */
#ifndef SW_ENGINE_PUBLICITY_H
#define SW_ENGINE_PUBLICITY_H

#include "notifier/campaign/honours.h"
#include "notifier/engine/broadcast.h"

#define KEY_PUBLICITY "sw:{r}:publicity" /* HASH "<area>/<kind>/<honour id>" -> payload */
#define KEY_PUBLICITY_GROUPS                                                                       \
	"sw:{r}:publicity:groups" /* HASH honour id -> {"broadcast","mids":[..]} */

enum { PUBLICITY_MAX = 8192, PUBLICITY_FIELD = 96, PUBLICITY_MAX_GROUPS = 256 };

/* After each connect, after broadcast_load(). DONE(rc). */
void publicity_load(struct engine *e, void (*done)(struct engine *e, int rc));
void publicity_free(struct engine *e);
/* The broker is (back) there: all items and tombstones are published again. */
void publicity_on_connect(struct engine *e);
/* The broker takes more again. */
void publicity_on_drain(struct engine *e);
/* The next instant (wall) an item ends; INT64_MAX: none. */
int64_t publicity_next_ms(const struct engine *e);
/* Items of honour ITEM that are shown now: live ones and tombstones. */
void publicity_count(
	const struct engine *e, const char *item, size_t *ret_live, size_t *ret_tombstones);

/*
 * B (as it is to stand: running) begins for the first time: one step stores it with AUDIT, the items of H and its messages to
 * groups. H NULL: an announcement, which has none. DONE(rc).
 */
int publicity_start(struct engine *e, const struct broadcast *b, const struct honour *h,
	const char *audit, void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/*
 * The N broadcasts BS (as they are to stand: cancelled) end in one step with AUDIT. WITHDRAWN: this honour, as it is to stand, is
 * stored too, and its items become tombstones until their end; NULL: the items of BS end now. DONE(rc).
 */
int publicity_end(struct engine *e, const struct broadcast *const *bs, size_t n,
	const struct honour *withdrawn, const char *audit, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;

/* ---- publicity_group.c ---- */

/*
 * The messages of B to groups as arguments of the start script: mid, number of words, field, value .. each, their keys into
 * KEYS (PUBLICITY_MAX_GROUPS). Returns how many; *RET_RECORD is what is kept of them (the caller frees).
 */
size_t publicity_group_args(struct engine *e, const struct broadcast *b, const struct honour *h,
	struct args *a, char (*keys)[STORE_KEY], char **ret_record, int64_t *ret_due_ms);

struct publicity_stopped {
	size_t stopped;     /* not sent, and will not be */
	size_t sent;        /* accepted by the group, or nobody knows */
	size_t unconfirmed; /* the bot has not answered */
};
/* Messages of B to groups that have not left: cancelled for good, or parked until publicity_group_resume(). */
int publicity_group_stop(struct engine *e, const struct broadcast *b, bool for_good,
	void (*done)(void *ctx, int rc, const struct publicity_stopped *r),
	void *ctx) SW_MUST_CHECK;
int publicity_group_resume(struct engine *e, const struct broadcast *b,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/*
 * May group message M (kind "pub"), which is due, be sent at this instant? NULL: yes; else the state it gets, with *RET_WHY and (for
 * "queued") *RET_DUE_MS.
 */
const char *publicity_group_verdict(
	const struct engine *e, const struct message *m, const char **ret_why, int64_t *ret_due_ms);
/* When the bot must not send M any more: its own end, or the end of residents' hours if that is sooner. */
int64_t publicity_group_expires(const struct engine *e, const struct message *m);

#endif
