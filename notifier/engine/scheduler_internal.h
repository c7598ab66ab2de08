/*
 * notifier/engine/scheduler_internal.h: what the files of the scheduler share: the round and its calls.
 *
 * scheduler.c runs the rounds, schedule_points.c makes messages of due points, schedule_due.c works on due messages,
 * schedule_sync.c keeps the waiting points equal to the plan.
 */
#ifndef SW_ENGINE_SCHEDULER_INTERNAL_H
#define SW_ENGINE_SCHEDULER_INTERNAL_H

#include "notifier/engine/engine.h"

struct scheduler {
	struct timer *wall; /* next due point or message */
	struct timer *real; /* next republication */
	bool running;       /* a round is in progress */
	bool again;         /* something changed meanwhile */
	bool deferred;      /* a kick waits for the next turn */
	size_t pending;     /* calls of this round without an answer */
	bool did;           /* this round changed something */
	int64_t next_ms;
	bool failed;           /* something is still due: looked at again a second later */
	int parked;            /* messages this round moved behind a parked route */
	size_t handed_over;    /* messages in the outbox as of the last round */
	size_t handing;        /* handovers that are journalled and not stored yet */
	uint64_t handing_from; /* position before the first of them */
	size_t sms_waiting;    /* SMS that were due in the last round and no gateway could take */
};

/* One call of the round: CB must end with schedule_call_done(). A call that cannot be asked frees CTX unless it is E. */
void schedule_call(struct engine *e, const char *script, redis_cb cb, void *ctx,
	const char *const *keys, int n_keys, const struct args *a);
void schedule_call_done(struct engine *e);
/* The usual end of a call that changed something; CTX is the engine. */
void schedule_changed(void *ctx, int rc, const struct redis_value *v);

/* Due points by id: decided, and made messages or recorded as not sent. */
void schedule_points(struct engine *e, const struct redis_value *ids);
/* Stores message M of decision D under REVISION, replacing the queued OLD_MID ("" = none). */
void schedule_message(struct engine *e, const struct plan_decision *d, const struct plan_message *m,
	const char *revision, const char *old_mid, int64_t due_ms);

/* M ends, or waits until DUE: STATE as for script finish. One call of the round. */
void schedule_finish(struct engine *e, const struct message *m, const char *state, const char *why,
	int64_t due_ms);
/* An SMS was accepted three days ago and no receipt came. */
void schedule_no_receipt(struct engine *e, const char *mid);

/* One message: its time has come; its outcome stayed unknown; its verdict is missing. */
void schedule_due(struct engine *e, const char *mid);
void schedule_unknown(struct engine *e, const char *mid);
void schedule_outbox(struct engine *e, const char *mid);

#endif
