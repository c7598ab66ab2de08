/*
 * notifier/engine/inbound_internal.h: what the files of inbound share: the event that is worked on.
 *
 * inbound.c keeps the line and stores what was decided, inbound_read.c decides what a text does, inbound_answer.c makes
 * the answer, inbound_sms.c takes what SMS gateways push apart.
 */
#ifndef SW_ENGINE_INBOUND_INTERNAL_H
#define SW_ENGINE_INBOUND_INTERNAL_H

#include "notifier/campaign/effect.h"
#include "notifier/engine/engine.h"
#include "notifier/sms/gateway.h"

struct event {
	struct event *next;
	struct engine *e;
	struct wire_in in; /* owned */
	/* what was read for it */
	bool known;
	json_t *ask; /* {"q":..,"last":{"digest","at"},"answers":{"from","n"},"told":{"day","ids"}}; may be NULL */
	char chat_unit[16]; /* the group's unit, "" = not bound */
	char code[33];      /* binding code the text gives, "" = it is no binding */
	char bind_unit[16]; /* the unit that code was made for, "" = unknown code */
	size_t pending;
	bool failed;
	void (*then)(struct event *ev); /* once all is there */
	/* a message from a phone: one of several of the event PARENT */
	struct event *parent;
	char phone[16];   /* normal form, "" = not by SMS */
	char index[65];   /* keyed index of it */
	char number[16];  /* masked */
	bool is_resident; /* of an audience */
	/* an event of an SMS gateway: what it holds */
	struct gateway_uplink *uplinks; /* owned */
	size_t n_uplinks, at;
	bool is_parsed;
	/* what was decided */
	int contact; /* index, -1 */
	int unit;    /* index, -1 */
	struct unit_facts facts;
	bool changed;
	struct reading *reading; /* while opting out is carried out; owned */
};

struct inbound {
	struct event *head, **tail;
	size_t n;
	struct event *current;
	struct timer *retry;
};

/* What one call of script inbound stores beside the event itself; moved into inbound_store(). */
struct store_call {
	const char *outcome;
	char *facts_json; /* NULL: unchanged */
	int64_t rev_before, rev_after;
	char *ask_json; /* NULL: leave */
	char answer_mid[ID_HEX + 1];
	char *queue_json; /* NULL: none */
	char *audit_json;
	char binding[96];   /* "digest unit", "" = none */
	struct args answer; /* fields of the message */
};

/* inbound.c */
void inbound_store(struct event *ev, struct store_call *s);
/* The event in progress is over; ACK: it is durable; else it is first in the line again, a little later. */
void inbound_end(struct engine *e, bool ack);
/* One thing to be read first: CB ends with inbound_read_done(). */
void inbound_ask(struct event *ev, redis_cb cb, const char *const *words);
void inbound_ask_known(struct event *ev);
void inbound_ask_question(struct event *ev);
/* One of what was to be read is there; after the last THEN goes on, unless it failed or the event is known already. */
void inbound_read_done(struct event *ev);

/* inbound_read.c: what was said, and what it does */
struct reading {
	struct reply_reading r;
	struct effect ef;
};
void inbound_decide(struct event *ev);

/* inbound_answer.c */
/* Fills the fields of the answer's record, speaking of SHOWN_UNIT; nothing when ID is "". */
void inbound_answer(struct event *ev, const char *id, int shown_unit, const struct effect *ef,
	struct store_call *s);
/* Bounds on answers; they count as they are asked. */
bool inbound_told_today(struct event *ev, const char *id, int64_t now);
bool inbound_may_answer(struct event *ev, int64_t now);

/* inbound_sms.c */
void inbound_receipts(struct event *ev);
void inbound_uplinks(struct event *ev);

#endif
