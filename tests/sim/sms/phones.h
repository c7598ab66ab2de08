/*
 * tests/sim/sms/phones.h: all phones that were ever written to or wrote, and the newest messages on them.
 *
 * A phone costs about 60 bytes and is never forgotten; messages are a ring, so a conversation loses its oldest ones
 * when others get many.
 */
#ifndef SW_TESTS_SIM_SMS_PHONES_H
#define SW_TESTS_SIM_SMS_PHONES_H

#include <stdbool.h>

#include "tests/sim/sms/sending.h"
#include "tests/sim/sms/settings.h"
#include "tests/sim/sms/tally.h"

enum phone_state {
	PHONE_ON,
	PHONE_OFF,         /* receipt UNDELIV */
	PHONE_SILENT,      /* never a receipt */
	PHONE_BLACKLISTED, /* receipt MOBILE_IN_BLACK */
	PHONE_UNKNOWN,     /* receipt MOBILE_NOT_ON_SERVICE */
	PHONE_STATES,
};

struct phone {
	uint64_t number; /* 11 digits */
	int64_t last_seq;
	int64_t day_from_ms;   /* when its 24 hours began */
	int64_t counted_at_ms; /* the last one that was counted */
	uint16_t in_minute, in_hour, in_day;
	uint8_t state;
	uint32_t accepted;
	uint32_t mark; /* of the list it was put into last */
};

enum sms_state { SMS_WAITING, SMS_DELIVERED, SMS_FAILED, SMS_RECEIVED };

/* One message on one phone. */
struct sms {
	struct sending *sending; /* NULL: the person wrote it */
	json_t *text;            /* owned */
	int64_t at_ms, real_at_ms, done_ms;
	int64_t before; /* the phone's message before this one */
	uint32_t phone;
	uint8_t state;    /* enum sms_state; of an answer: RECEIVED is that it reached the system */
	const char *code; /* of its receipt, static */
};

struct phones {
	struct phone *items;
	size_t n, cap;
	struct tally index;          /* number -> place + 1 */
	struct sms *ring;            /* of PHONES_MESSAGES */
	int64_t first_seq, next_seq; /* 1.. */
	uint32_t mark;
	const struct conf *conf; /* names */
};

enum { PHONES_MAX = 2000000, PHONES_MESSAGES = 200000 };

int phones_init(
	struct phones *p, const struct settings *s, struct problems *problems) SW_MUST_CHECK;
void phones_fini(struct phones *p);

/* "13800000001", +86 or 0086 or 86 before it; 0: no mobile number. */
uint64_t phone_parse(const char *s, size_t len);
/* SW_EINVAL */
int phone_state_parse(const char *name, enum phone_state *ret) SW_MUST_CHECK;
const char *phone_state_name(enum phone_state s);
/* The code of its receipt, NULL: there will be none. */
const char *phone_receipt_code(enum phone_state s);

/* The phone of NUMBER, made when it is new; NULL: too many. Good until the next call. */
struct phone *phones_at(struct phones *p, uint64_t number);
const struct phone *phones_find(const struct phones *p, uint64_t number);
const char *phones_name(const struct phones *p, uint64_t number); /* "" */
/* The number of a person of the configuration, 0: nobody, or two of that name. */
uint64_t phones_named(const struct phones *p, const char *name);

/* One more message to PHONE would be too many: its name ("分钟级流控Permits:1"), else "". */
const char *phone_over_limit(
	const struct phone *ph, const struct settings *s, int64_t now_ms, char buf[64]);
void phone_count(struct phone *ph, int64_t now_ms);

/* SENDING reaches its phones, all of which exist: sets its first_seq. */
void phones_receive(struct phones *p, struct sending *sending, int64_t now_ms);
/* The person wrote TEXT (owned here on 0); its number. 0: out of memory, or too many phones. */
int64_t phones_answer(struct phones *p, uint64_t number, json_t *text, int64_t now_ms);
/* What became of message SEQ; one that is gone from the ring is nobody. */
void phones_settle(
	struct phones *p, int64_t seq, enum sms_state state, const char *code, int64_t now_ms);
struct sms *phones_sms(const struct phones *p, int64_t seq); /* NULL: gone, or never was */

#endif
