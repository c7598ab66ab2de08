/*
 * core/wire/message.h: the JSON messages that bot and notifier exchange: {"v":1,"id":..,"at":ms, ..}.
 *
 * Decoders check version, types and bounds; unknown members are ignored, so a newer peer may add some.
 * Owned strings are freed by the _fini functions. See docs/protocol.md for the schema.
 */
#ifndef SW_CORE_WIRE_MESSAGE_H
#define SW_CORE_WIRE_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/id.h"
#include "core/wire/topic.h"

enum { WIRE_NAME = 65, WIRE_PROVIDER_ID = 129, WIRE_MAX_MENTIONS = 32, WIRE_MAX_BYTES = 65536 };

enum wire_class { CLASS_MUST_ARRIVE, CLASS_NO_REPEAT };
enum wire_text_type { TEXT_PLAIN, TEXT_MARKDOWN }; /* "text", "markdown" */

/* out/<channel>/<route>: deliver one message to one recipient; id = "<mid>-<attempt>" */
struct wire_out {
	id_str mid;
	int attempt; /* 1.. */
	enum wire_class class;
	char unit[16];
	char channel[16];                     /* "robot", "app" */
	char route[WIRE_NAME];                /* configured destination name */
	char to[WIRE_NAME];                   /* channel app: the member's userid */
	char reply_to[WIRE_PROVIDER_ID];      /* "" or the event this answers */
	int64_t not_before_ms, expires_at_ms; /* wall time */
	enum wire_text_type type;
	char *text;                        /* owned */
	char *mentions[WIRE_MAX_MENTIONS]; /* owned userids; "@all" is never one */
	size_t n_mentions;
};

enum wire_verdict_word {
	VERDICT_ACCEPTED,
	VERDICT_REFUSED_TEMP,
	VERDICT_REFUSED_FINAL,
	VERDICT_NOT_SENT,
	VERDICT_UNKNOWN
};

/* in/verdict: what became of one attempt; id = "<mid>-<attempt>" */
struct wire_verdict {
	id_str mid;
	int attempt;
	int64_t at_ms;
	enum wire_verdict_word verdict;
	char class[12]; /* error class: ok busy rate token config content target late held, "" */
	char code[48];  /* the provider's, as it wrote it */
	char text[200];
	int64_t retry_after_ms;
};

/* What came in; each kind has its topic (topic_in). */
enum wire_in_kind {
	IN_REPLY,      /* a person wrote: TEXT */
	IN_EVENT,      /* a person did something else: TEXT holds the event's name */
	IN_SMS_REPORT, /* a gateway's receipts, raw: TEXT is the body, QUERY the address's query */
	IN_SMS_UPLINK, /* messages from phones, raw in the same way */
};

/* in/reply, in/event, in/sms/<provider>/<report|uplink> */
struct wire_in {
	id_str id;
	uint64_t seq;  /* number in the bot's spool */
	int64_t at_ms; /* wall time of arrival */
	enum wire_in_kind kind;
	char source[80]; /* "app/<name>", "robot/<name>", "sms/<provider>" */
	char provider_id[WIRE_PROVIDER_ID];
	bool group;
	char chat
		[WIRE_NAME]; /* group: the chat id's 32 hex digest (never the id itself); single: "" */
	char sender[WIRE_NAME]; /* userid */
	bool mentioned;         /* the robot was addressed (always true in a single chat) */
	char *text;             /* owned; the robot's own mention is still in it */
	char *query;            /* SMS only: owned, percent-encoded as sent; NULL: none */
};

/* ack: these events and verdicts are durable with the notifier */
struct wire_ack {
	char (*ids)[48]; /* owned array: event id, or "<mid>-<attempt>" */
	size_t n;
};

/* control and in/control_ack. OP: hold release cancel republish */
struct wire_control {
	char id[40];
	char op[16];
	char route[WIRE_NAME]; /* "" = all */
	id_str mid;            /* cancel */
	uint64_t from_seq;     /* republish: events with a greater number */
	/* in the answer: */
	bool ok;
	int64_t n; /* sends cancelled, events republished */
	char text[120];
};

/* clock (retained) and clock/at/<name> (retained) */
struct wire_clock {
	int64_t base_sim_ms, base_real_ms;
	double speed;
	int64_t rev;
};
struct wire_clock_at {
	int64_t rev;
	int64_t next_ms; /* the participant's own next instant; INT64_MAX: none */
	int64_t busy;    /* things it is working on right now */
};

/* status/<program>/<instance> (retained, last will) */
struct wire_status {
	bool online;
	char version[24];
	int64_t at_ms;
};

/* Encoders return a compact JSON text the caller frees, NULL on out of memory. AT_MS: wall time of writing. */
char *wire_out_encode(const struct wire_out *m, int64_t at_ms);
char *wire_verdict_encode(const struct wire_verdict *m);
char *wire_in_encode(const struct wire_in *m);
/* The topic it is published on; RET. */
const char *wire_in_topic(const struct wire_in *m, char ret[TOPIC_MAX]);
char *wire_ack_encode(const struct wire_ack *m, int64_t at_ms);
char *wire_control_encode(const struct wire_control *m, int64_t at_ms, bool answer);
char *wire_clock_encode(const struct wire_clock *m);
char *wire_clock_at_encode(const struct wire_clock_at *m);
char *wire_status_encode(const struct wire_status *m);

/* SW_EPROTO with text in ERR when it is not one; RET is then untouched. */
int wire_out_decode(
	const char *json, size_t len, struct wire_out *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_verdict_decode(
	const char *json, size_t len, struct wire_verdict *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_in_decode(
	const char *json, size_t len, struct wire_in *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_ack_decode(
	const char *json, size_t len, struct wire_ack *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_control_decode(
	const char *json, size_t len, struct wire_control *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_clock_decode(
	const char *json, size_t len, struct wire_clock *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_clock_at_decode(
	const char *json, size_t len, struct wire_clock_at *ret, struct sw_err *err) SW_MUST_CHECK;
int wire_status_decode(
	const char *json, size_t len, struct wire_status *ret, struct sw_err *err) SW_MUST_CHECK;

void wire_out_fini(struct wire_out *m);
void wire_in_fini(struct wire_in *m);
void wire_ack_fini(struct wire_ack *m);

const char *wire_verdict_name(enum wire_verdict_word v); /* "accepted", "refused_temp", .. */
int wire_verdict_parse(const char *name, enum wire_verdict_word *ret) SW_MUST_CHECK;
const char *wire_class_name(enum wire_class c); /* "must_arrive", "no_repeat" */

#endif
