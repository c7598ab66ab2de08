/*
 * notifier/engine/broadcast.h: one text to one audience, over days, each recipient at most once.
 *
 * A broadcast is a cursor over an immutable audience and a nibble per recipient for the outcome. Class no_repeat:
 * what may have been sent is never sent again. broadcast.c owns the list and what operators do (plan, approve, start,
 * pause, cancel), broadcast_run.c sends, broadcast_recover.c brings the journal's knowledge into the store,
 * broadcast_receipt.c takes receipts in. docs/architecture.md lists the keys.
 */
#ifndef SW_ENGINE_BROADCAST_H
#define SW_ENGINE_BROADCAST_H

#include "notifier/engine/audience.h"
#include "notifier/sms/gateway.h"

#define KEY_BROADCASTS "sw:{r}:broadcasts"         /* HASH id -> JSON of struct broadcast */
#define KEY_BROADCAST_NUMBER "sw:{r}:broadcast:no" /* the last one */

enum {
	BROADCASTS_MAX = 1024, /* 70 commended to twelve leagues each, and some planned anew */
	BROADCAST_ID = 8,      /* "b42" */
	BROADCAST_BATCH = 480,
	BROADCAST_MAX_ATTEMPTS = 7,
	BROADCAST_UNKNOWN_WAIT_MS = 600000,
};

enum broadcast_state {
	BROADCAST_PLANNED,
	BROADCAST_APPROVED,
	BROADCAST_RUNNING,
	BROADCAST_PAUSED,
	BROADCAST_DONE,
	BROADCAST_CANCELLED,
};

/* Outcome of a recipient. 3 is final; a receipt changes 1, 2, 12 to 3 or 13 and 13 to 3; a late verdict 1, 12 to 2 or 5. */
enum broadcast_nibble {
	NIBBLE_WAITING = 0,
	NIBBLE_IN_FLIGHT = 1,
	NIBBLE_ACCEPTED = 2,
	NIBBLE_DELIVERED = 3,
	NIBBLE_INVALID = 4,
	NIBBLE_REFUSED = 5,
	NIBBLE_RETRY = 6,
	NIBBLE_EXHAUSTED = 7,
	NIBBLE_OPTED_OUT = 8,
	NIBBLE_CAPPED = 9,
	NIBBLE_EXPIRED = 10,
	NIBBLE_CANCELLED = 11,
	NIBBLE_UNKNOWN = 12,
	NIBBLE_UNDELIVERED = 13,
	NIBBLE_COUNT = 16,
};

struct broadcast {
	char id[BROADCAST_ID];
	enum broadcast_state state;
	char item[48];  /* honour id; "" for an announcement of its own */
	char title[96]; /* for lists: "乌海市 张三（工作者）" */
	char audience[AUDIENCE_ID];
	char area[UNIT_CODE]; /* only segments of this area or of areas below it; "" = all */
	char *text, *params;  /* owned: exact SMS text with sign; variables as JSON */
	char template_id[33]; /* "" = free text */
	int64_t count;        /* recipients in its segments */
	int64_t from_ms,
		until_ms; /* nothing before, nothing after; inside the definition's window anyway */
	char digest[65], texts[65]; /* what was planned; TEXTS: of groups, screens, loudspeakers */
	char planned_by[33], approved_by[33];
	int64_t planned_ms, approved_ms;
	int64_t started_ms; /* 0: never started, so nothing of it can have gone out */
	bool swept;         /* cancelled, and what had waited is marked so in the store */
	unsigned changes;   /* by operators; an answer that comes after another change is stale */
	/* Sums over its segments, kept up by broadcast_run.c; WAITING is what is left. */
	int64_t sums[NIBBLE_COUNT];
	bool sums_known;
	bool has_job; /* of broadcast_job.c's */
};

struct broadcasts {
	struct broadcast *items[BROADCASTS_MAX]; /* owned, in order of planning */
	size_t n;
	bool planning;  /* one plan at a time: no publicity twice */
	size_t settled; /* of ITEMS, by broadcast_settle() */
	bool settling;
};

struct broadcast *broadcast_find(const struct engine *e, const char *id);
const char *broadcast_state_name(enum broadcast_state s);   /* "planned", "approved", .. */
const char *broadcast_nibble_name(enum broadcast_nibble n); /* "waiting", "in_flight", .. */
/* Is CODE the unit AREA or one that lies in it ("": everything does)? By administration, whoever it reports to. */
bool broadcast_area_covers(const struct engine *e, const char *area, const char *code);
/* Segments of its audience that it covers: RET has room for AUDIENCE_MAX_SEGMENTS; returns how many. */
size_t broadcast_segments(const struct engine *e, const struct broadcast *b, uint16_t *ret);
/* "b42.<segment>.<first index>.<attempt>" <-> parts; false: it is none of ours. */
void broadcast_out_id(const struct broadcast *b, unsigned segment, unsigned index, unsigned attempt,
	char ret[GATEWAY_OUT_ID]);
bool broadcast_parse_out_id(const char *s, char ret_id[BROADCAST_ID], unsigned *ret_segment,
	unsigned *ret_index, unsigned *ret_attempt);

/* broadcast.c: the list. After each connect, after audience_load(). DONE(rc). */
void broadcast_load(struct engine *e, void (*done)(struct engine *e, int rc));
void broadcast_free(struct engine *e);
/* B as it is stored; the caller frees. NULL: no memory. */
char *broadcast_json(const struct broadcast *b);
void broadcast_destroy(struct broadcast *b); /* accepts NULL */
/*
 * A new broadcast: stored under the next number, with AUDIT (its "broadcast":"@" becomes the id), then in the list. Takes B when it
 * returns 0. DONE(rc, the new one or NULL); SW_ELIMIT: there are BROADCASTS_MAX already.
 */
int broadcast_add(struct engine *e, struct broadcast *b, const char *audit,
	void (*done)(void *ctx, int rc, struct broadcast *b), void *ctx) SW_MUST_CHECK;
/* Stores B as it stands (fenced), with an audit record (may be NULL). DONE(rc); memory is right already. */
int broadcast_store(struct engine *e, const struct broadcast *b, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;

/* B is cancelled: what waited becomes CANCELLED, and B says so in the store. DONE(rc), may be NULL. */
int broadcast_sweep_cancelled(struct engine *e, struct broadcast *b,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/* After broadcast_recover(): does that for those a crash has kept from it, and counts what is not being sent. */
void broadcast_settle(struct engine *e);

/* broadcast_recover.c: after broadcast_load(), before anything is sent. May put sending on hold. */
void broadcast_recover(struct engine *e, void (*done)(struct engine *e, int rc));
/* `resume` after a hold: a journal that is missing was looked at by a person, and is not missed again. */
void broadcast_recover_settle(struct engine *e);

/* broadcast_run.c: sends. */
int broadcast_run_create(struct engine *e) SW_MUST_CHECK;
void broadcast_run_destroy(struct engine *e);
/* Creates the per-segment keys of B (idempotent), before it is RUNNING for the first time. */
int broadcast_prepare(struct engine *e, const struct broadcast *b, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;
/* Something changed (state, gateway, time, window): looks on a later turn. Cheap. */
void broadcast_kick(struct engine *e);
/* Its store is away or the lease is lost: nothing new is started; what is in flight ends in the journal. */
void broadcast_halt(struct engine *e);
/* B was paused or cancelled in memory: DONE(n) once no call of it is in flight; N calls were let end. */
void broadcast_drain(
	struct engine *e, struct broadcast *b, void (*done)(void *ctx, size_t n), void *ctx);
/* Cancelled for good: WAITING and RETRY become CANCELLED in all its segments. Idempotent. */
int broadcast_sweep(struct engine *e, struct broadcast *b, enum broadcast_nibble to,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/* Counts the nibbles of all its segments anew. */
int broadcast_recount(struct engine *e, struct broadcast *b, void (*done)(void *ctx, int rc),
	void *ctx) SW_MUST_CHECK;
/* Nothing in flight and nothing that could be sent at this instant (the simulated clock waits for it). */
bool broadcast_quiet(const struct engine *e);
/* Next instant (wall) something of a broadcast is due: a window, a retry, a token. INT64_MAX: nothing. */
int64_t broadcast_next_ms(const struct engine *e);
size_t broadcast_inflight(const struct engine *e); /* recipients */
/*
 * Each recipient of B: ONE (index order), memory bounded; while FULL (may be NULL) says true, it waits. DONE(rc). For export and
 * `failures`.
 */
int broadcast_each(struct engine *e, const struct broadcast *b,
	void (*one)(void *ctx, unsigned segment, unsigned index, const char phone[16],
		enum broadcast_nibble n, const char *code),
	bool (*full)(void *ctx), void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;

/* broadcast_meet.c: is there anybody in the segments of both A and B? The numbers of A are held in memory meanwhile. DONE(rc, ..). */
int broadcast_meet(struct engine *e, const struct broadcast *a, const struct broadcast *b,
	void (*done)(void *ctx, int rc, bool meet), void *ctx) SW_MUST_CHECK;

/* broadcast_export.c: the state of a message that N is, as in `export` and the gauge. */
const char *broadcast_message_state(enum broadcast_nibble n);
/* A row of the export for each recipient of what was started: ONE takes ROW; FULL as above. DONE(rc). */
int broadcast_export(struct engine *e, void (*one)(void *ctx, json_t *row), bool (*full)(void *ctx),
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/* Counts all that were started anew: ONE of each with what was planned, which is to be its sum. DONE(rc), maybe at once. */
void broadcast_recount_all(struct engine *e,
	void (*one)(void *ctx, const struct broadcast *b, int64_t planned),
	void (*done)(void *ctx, int rc), void *ctx);

/* broadcast_receipt.c: receipts whose out_id is a broadcast's. DONE(rc, matched): 0 when all are in the store. ITEMS is copied. */
int broadcast_receipts(struct engine *e, const struct gateway_receipt *items, size_t n,
	void (*done)(void *ctx, int rc, size_t matched), void *ctx) SW_MUST_CHECK;

#endif
