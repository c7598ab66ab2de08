/*
 * notifier/campaign/rehearse.h: the whole campaign replayed in memory: what would be sent, when, to whom.
 *
 * The same decisions as the service makes, on simulated time and from blank facts: points become messages when
 * they are due, a message is decided once more when it goes out, and replies take effect in between.
 */
#ifndef SW_CAMPAIGN_REHEARSE_H
#define SW_CAMPAIGN_REHEARSE_H

#include "notifier/campaign/plan.h"
#include "notifier/campaign/reply.h"

struct rehearse_reply {
	int64_t at_ms;
	int unit;
	int contact; /* -1: somebody of the unit */
	char *text;
};

struct rehearse_input {
	const struct campaign *c;
	const struct templates *t;
	const struct plan *plan;
	const struct contacts *contacts;
	bool sms_available; /* as if a gateway were configured */
	int64_t from_ms,
		to_ms; /* what is told: [from, to); what was before takes effect silently */
	const struct rehearse_reply *replies; /* rising by time */
	size_t n_replies;
};

enum rehearse_kind {
	REHEARSE_MESSAGE, /* a reminder goes out */
	REHEARSE_REPLY,   /* somebody types */
	REHEARSE_ANSWER,  /* and is answered */
	REHEARSE_NOT_SENT,
};

/* What is told; pointers are good until the callback returns. */
struct rehearse_event {
	enum rehearse_kind kind;
	int64_t at_ms;
	int unit;
	const struct plan_message *message;  /* MESSAGE */
	const struct rehearse_reply *reply;  /* REPLY, ANSWER */
	const struct reply_reading *reading; /* REPLY, ANSWER */
	const char *template_id, *text;      /* ANSWER */
	const struct plan_outcome *outcome;  /* NOT_SENT: its reason, */
	bool is_cancelled; /* or it was overtaken by a reply after it had been planned */
};

/* Events come in the order of time. 0, or a template's error. */
int rehearse_run(const struct rehearse_input *in,
	void (*tell)(void *ctx, const struct rehearse_event *e), void *ctx,
	struct sw_err *err) SW_MUST_CHECK;

/* Replies of units that do what is asked: 收到 an hour after the first reminder, totals within their quota some
 * days later. The caller releases them with rehearse_replies_free(). */
int rehearse_make_replies(const struct campaign *c, const struct plan *plan,
	struct rehearse_reply **ret, size_t *ret_n) SW_MUST_CHECK;
void rehearse_replies_free(struct rehearse_reply *r, size_t n);

#endif
