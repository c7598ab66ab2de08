/*
 * bot/outq.h: outbound queue of one destination: order, pace, one request at a time.
 *
 * A message goes through: queued, its T record synced, the request, the verdict. What may not go yet
 * (not_before, pace, park, hold) waits in place; what may passes what may not, so only the order among
 * messages that may be sent is kept. A queued message is in memory only: the notifier asks again.
 */
#ifndef SW_BOT_OUTQ_H
#define SW_BOT_OUTQ_H

#include "bot/attempts.h"
#include "bot/pace.h"
#include "bot/sender.h"
#include "core/io/loop.h"
#include "core/wire/message.h"

enum { OUTQ_MAX_QUEUED = 1000 };

struct outq;

struct outq_opts {
	const char *channel, *route; /* copied */
	struct pace_limit limits[PACE_LIMITS];
	bool is_paced_per_member; /* the limits count for each recipient, else for the whole destination */
	struct sender sender;
	struct attempts *attempts; /* borrowed */
	/* A verdict of a message that was pushed; mid, attempt and at_ms are set. */
	void (*on_verdict)(void *ctx, const char *channel, const struct wire_verdict *v);
	/* Something outq_busy() or outq_next_ms() tell may have changed. */
	void (*on_change)(void *ctx);
	void *ctx;
};

int outq_create(struct loop *l, const struct outq_opts *opts, struct outq **ret) SW_MUST_CHECK;
/* What is queued is dropped. Not while a request is in flight (outq_is_sending()). */
void outq_destroy(struct outq *q);

const char *outq_channel(const struct outq *q);
const char *outq_route(const struct outq *q);
/* WHO of an older T record was sent to at AT_MS: for start-up. */
void outq_was_sent(struct outq *q, const char *who, int64_t at_ms);

/* On 0 the queue owns what MSG holds (MSG is emptied); on SW_ELIMIT (full) the caller still does. */
int outq_push(struct outq *q, struct wire_out *msg) SW_MUST_CHECK;
/* 0: it will not be sent, and a verdict says so; SW_ENOENT: not queued here, or too late. */
int outq_cancel(struct outq *q, const char *mid) SW_MUST_CHECK;

enum outq_hold {
	OUTQ_HOLD_ALL = 1,    /* everything is held */
	OUTQ_HOLD_ROUTE = 2,  /* this destination is */
	OUTQ_HOLD_CONFIG = 4, /* its credentials are refused; until they are loaded anew */
};
void outq_hold(struct outq *q, enum outq_hold why);
/* WHY: one or several of enum outq_hold. */
void outq_release(struct outq *q, unsigned why);
unsigned outq_held(const struct outq *q);

/* No new request from here on. */
void outq_stop(struct outq *q);
bool outq_is_sending(const struct outq *q);
size_t outq_length(const struct outq *q);
/* Messages that are being sent or would be without the wall clock moving. */
size_t outq_busy(struct outq *q);
/* The next instant of the wall clock at which it has something to do; INT64_MAX: none. */
int64_t outq_next_ms(struct outq *q);

#endif
