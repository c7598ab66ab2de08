/*
 * notifier/engine/audience.h: audiences in the store: import, lookup of a number, opt-outs.
 *
 * Keys of segment s of audience a7, all in the slot {a7.<s>}: ph (sealed numbers), meta (HASH area, n, nonce, mac;
 * the last two in hex), oo (1 opt-out bit each, recipient 0 the highest of byte 0, as SETBIT counts), fc:<yyyymmdd> (2 bits: messages of that day, kept 3 days), cc (nibble: messages of the
 * campaign), journal (HASH instance -> position), fence. The list of audiences: sw:{r}:audiences (HASH id -> JSON
 * {n, segments, digest, name, at}). Opt-outs by number: sw:{r}:optout (HASH index -> at ms), which also covers numbers of
 * audiences not yet imported.
 */
#ifndef SW_ENGINE_AUDIENCE_H
#define SW_ENGINE_AUDIENCE_H

#include "notifier/campaign/audience.h"
#include "notifier/engine/engine.h"

#define KEY_AUDIENCES "sw:{r}:audiences"
#define KEY_AUDIENCES_BEGUN                                                                        \
	"sw:{r}:audiences:begun" /* HASH id -> segments: imports not yet listed */
#define KEY_AUDIENCE_SEQ "sw:{r}:audiences:seq"
#define KEY_OPTOUT "sw:{r}:optout"

enum { AUDIENCES_MAX = 64, AUDIENCE_ID = 8, RESIDENT_DAY_CAP = 2, RESIDENT_CAMPAIGN_CAP = 10 };

struct audience_info {
	char id[AUDIENCE_ID]; /* "a7" */
	char name[64];
	char digest[65];
	size_t n, n_segments;
	struct audience_part {
		char area[UNIT_CODE];
		uint32_t n;
		uint8_t nonce[AUDIENCE_NONCE];
	} * parts; /* owned, one per segment */
};

struct audiences {
	struct audience_info items[AUDIENCES_MAX];
	size_t n;
};

/* "sw:{a7.12}:<tail>" into BUF of STORE_KEY bytes. */
const char *audience_key(char *buf, const char *id, unsigned segment, const char *tail);
/* NULL: there is none, or its content was tampered with and nothing may be sent over it. */
const struct audience_info *audience_find(const struct engine *e, const char *id);
/* Ids of audiences that are refused, "" ends the list; RET has room for AUDIENCES_MAX + 1. */
void audience_refused(const struct engine *e, char (*ret)[AUDIENCE_ID]);

/* After each connect: reads the list and the parts, checks the HMACs of audiences not yet checked. DONE(rc). */
void audience_load(struct engine *e, void (*done)(struct engine *e, int rc));
/* Once no call of Redis is pending any more. */
void audience_free(struct engine *e);
/*
 * Stores A as a new audience with opt-out bits from KEY_OPTOUT. DONE once: 0 with the id, or an error: then nothing of it is
 * listed, and what was stored is removed now or by the next load. SW_EUNKNOWN: it may be listed. A is borrowed until DONE.
 * SW_EEXIST: another one is on its way; SW_ELIMIT: there are AUDIENCES_MAX.
 */
int audience_store(struct engine *e, const struct audience *a, const char *name, const char *audit,
	void (*done)(void *ctx, int rc, const char *id), void *ctx) SW_MUST_CHECK;
/* Is PHONE (normal form) a resident of any audience? Searches all segments. */
int audience_lookup(struct engine *e, const char *phone,
	void (*done)(void *ctx, int rc, bool found), void *ctx) SW_MUST_CHECK;
/* How many of audience ID have opted out. */
int audience_count_out(struct engine *e, const char *id, void (*done)(void *ctx, int rc, size_t n),
	void *ctx) SW_MUST_CHECK;
/*
 * 退订 (OUT true) or 恢复接收: the number's record and its bit in every segment that has it. Durable and in force for every
 * call that starts after DONE(0).
 */
int audience_opt(struct engine *e, const char *phone, bool out, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;

#endif
