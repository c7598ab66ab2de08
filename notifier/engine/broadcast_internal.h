/*
 * notifier/engine/broadcast_internal.h: what the files that send a broadcast share.
 *
 * A job is a broadcast that is being worked on. A lease is up to 480 recipients of one segment, claimed in the store;
 * a call is one request to a gateway with up to 96 of them. A call's way, each step durable before the next:
 * script mark -> record B, synced -> request -> record b -> script settle.
 */
#ifndef SW_ENGINE_BROADCAST_INTERNAL_H
#define SW_ENGINE_BROADCAST_INTERNAL_H

#include <sys/queue.h>

#include "notifier/engine/broadcast.h"

#define KEY_BROADCAST_JOURNAL                                                                      \
	"sw:{r}:bjournal" /* HASH instance -> position up to which every record is known to be in the store */

enum {
	BC_MAX_CALLS = 16,
	BC_MAX_LEASES = 24,
	BC_MAX_CLAIMS = 4, /* asked for and not answered */
	BC_READY = 16,     /* calls' worth of recipients to have at hand */
	BC_SWEEP_BYTES = 8192,
	BC_AGAIN_MS = 1000, /* real: the store refused something */
	BC_LEVELS = 3,      /* sizes of calls that look for a bad number: 96, 8, 1 */
	BC_RECORD =
		1024, /* a B record: 96 indices of up to 5 digits with commas, and what stands before them */
	BC_CODE = 48,
	BC_OUTCOME = 160, /* a b record */
	BC_MINUTE_MS = 60000,
};

struct bc_segment {
	uint16_t no;
	uint32_t n;
	bool claiming;
	bool is_through; /* nothing to claim before RETRY_MS */
	int64_t retry_ms;
};

enum bc_job_state {
	BC_JOB_OPENING, /* its segments are made to run, or to rest, and read */
	BC_JOB_OPEN,
	BC_JOB_ENDING, /* swept or counted for the last time */
};

struct bc_job {
	TAILQ_ENTRY(bc_job) link;
	struct engine *e;
	struct broadcast *b; /* in the list, where it stays */
	char id[BROADCAST_ID], audience[AUDIENCE_ID];
	enum bc_job_state state;
	struct bc_segment *segments; /* owned */
	size_t n_segments, next;     /* whose turn it is to be claimed from */
	size_t calls, claims, leases;
	bool is_failed; /* opening failed: once more after BC_AGAIN_MS */
	bool is_open;   /* in this look: it may be sent */
};

struct bc_lease {
	TAILQ_ENTRY(bc_lease) link;
	struct bc_job *job;
	struct bc_segment *segment;
	char member[48]; /* in the store */
	unsigned n, n_todo, calls;
	bool is_ended; /* its last call's outcome takes it out of the store */
	uint64_t todo[BROADCAST_BATCH / 64 +
		      1]; /* a bit for each that is not in a call and not done */
	uint16_t index[BROADCAST_BATCH];
	uint8_t attempt[BROADCAST_BATCH], level[BROADCAST_BATCH];
	uint8_t packed[BROADCAST_BATCH * AUDIENCE_NUMBER]; /* plain */
};

/* What became of a call. */
struct bc_outcome {
	enum broadcast_nibble to;
	bool is_requeued;     /* surely not sent, and not its fault: the lease takes them back */
	bool stops;           /* the broadcast: a person must look */
	int64_t retry_minute; /* -1: none */
	unsigned retry_attempt, retry_level;
	char code[BC_CODE];
};

enum bc_call_state { BC_MARKING, BC_SYNCING, BC_SENDING, BC_SETTLING };

struct bc_call {
	TAILQ_ENTRY(bc_call) link;
	struct engine *e;
	struct bc_lease *lease;
	enum bc_call_state state;
	char gateway[12];
	char day[9]; /* of the mark: whose caps were debited */
	unsigned attempt, level;
	unsigned n;                       /* that go (after the mark) */
	uint16_t at[GATEWAY_MAX_NUMBERS]; /* places in the lease, by rising index */
	uint64_t from_pos, pos; /* of the journal before and behind its record; 0: it has none */
	struct bc_outcome outcome;
	bool is_waiting; /* the store did not take its outcome: once more after BC_AGAIN_MS */
	bool is_next;
};

struct bc_walk;
struct bc_recovery;

TAILQ_HEAD(bc_jobs, bc_job);
TAILQ_HEAD(bc_leases, bc_lease);
TAILQ_HEAD(bc_calls, bc_call);

struct bc_drain {
	struct bc_drain *next;
	char id[BROADCAST_ID];
	size_t n;
	void (*done)(void *ctx, size_t n);
	void *ctx;
};

struct broadcast_run {
	struct bc_jobs jobs;
	struct bc_leases leases;
	struct bc_calls calls;
	size_t n_calls, n_leases, n_claims, n_walks;
	LIST_HEAD(, bc_walk) counts; /* walks that are counting */
	size_t unsent;               /* calls before their request: they have no token yet */
	double window; /* how many of these there may be: the gateway's pace shows in it */
	bool is_halted; /* the store is away, or what it has was not compared with the journals yet */
	bool is_behind; /* a call's outcome is in the journal only: the position stays where it is */
	bool is_looking;              /* a look is due on a later turn */
	struct bc_recovery *recovery; /* asked for */
	bool is_recovering;           /* and begun: no call is in flight */
	int64_t next_ms;              /* wall: nothing to do before */
	struct timer *wall;           /* NEXT_MS */
	struct timer *again;          /* BC_AGAIN_MS after a failure */
	struct timer *publish;        /* what changed becomes visible once a second */
	bool has_changed[BROADCASTS_MAX];
	struct bc_drain *drains;
	char missing[16][40]; /* instances whose journal the store names and the folder lacks */
	size_t n_missing;
};

/* ---- broadcast_walk.c: calls of the scripts, walks over segments --------------------------------------------------- */

struct bc_args {
	const char *v[16];
	size_t len[16];
	int n;
	char numbers[8][24];
	int n_numbers;
};
void bc_arg(struct bc_args *a, const char *s);
void bc_arg_bytes(struct bc_args *a, const void *data, size_t len);
void bc_arg_int(struct bc_args *a, int64_t n);
/* SCRIPT on segment SEGMENT of broadcast ID: keys fence and h. */
int bc_eval(struct engine *e, const char *script, const char *audience, unsigned segment,
	const char *id, const struct bc_args *a, redis_cb cb, void *ctx) SW_MUST_CHECK;
/* "sw:{a7.12}:b42:<tail>" */
const char *bc_key(
	char *buf, const char *audience, unsigned segment, const char *id, const char *tail);
/* Integer I of an array, DEF when it is none. */
int64_t bc_int(const struct redis_value *v, size_t i, int64_t def);
/* N recipients of a segment changed from WAS to IS: the sums follow, also those that are being counted. */
void bc_sum(
	struct engine *e, const char *id, unsigned segment, unsigned was, unsigned is, int64_t n);
/* The same for a script's answer: pairs old*16+new, how many, from item FROM on. */
void bc_sums(struct engine *e, const char *id, unsigned segment, const struct redis_value *v,
	size_t from);
void bc_day(int64_t now_ms, char ret[9]);

/*
 * A walk over all segments of a broadcast, a few at a time. ASK sends the command of segment NO with bc_walk_reply and STEP;
 * GOT sees each answer that is no failure; it may set w->rc.
 */
struct bc_step;
struct bc_walk {
	struct engine *e;
	char id[BROADCAST_ID], audience[AUDIENCE_ID];
	uint16_t *segments; /* owned */
	size_t n, next, pending;
	int rc;
	/* counting: */
	LIST_ENTRY(bc_walk) link;
	bool is_counting;
	uint8_t seen[AUDIENCE_MAX_SEGMENTS / 8]; /* segments whose nibbles are in SUMS */
	int64_t sums[NIBBLE_COUNT], count;
	/* sweeping: */
	enum broadcast_nibble to;
	int (*ask)(struct bc_walk *w, unsigned no, struct bc_step *step);
	void (*got)(struct bc_walk *w, unsigned no, const struct redis_value *v);
	void (*end)(struct bc_walk *w);
	void (*done)(void *ctx, int rc);
	void *ctx;
};
/* W as a template; END (may be NULL) before DONE. Returned 0: DONE runs once, on a later turn. */
int bc_walk(const struct bc_walk *w, const struct broadcast *b) SW_MUST_CHECK;
void bc_walk_reply(void *ctx, int rc, const struct redis_value *v);
uint32_t bc_recipients(const struct engine *e, const char *audience, unsigned segment);
/* END of a walk that counts: the broadcast has its sums. */
void bc_count_end(struct bc_walk *w);
/* Adds the nibbles of N recipients. */
void bc_count(const uint8_t *oc, size_t bytes, size_t n, int64_t sums[NIBBLE_COUNT]);

/* ---- broadcast_call.c --------------------------------------------------------------------------- */

/* Takes the next of L that fit one request of at most MAX numbers and sends them by GATEWAY. False: nothing was begun. */
bool bc_call_start(struct engine *e, struct bc_lease *l, const char *gateway, size_t max);
/* Outcomes the store did not take are given to it again. */
void bc_calls_again(struct engine *e);
/* Nothing of it is left to do: it goes from the store. Lost, a start puts it back, to no harm. */
void bc_lease_drop(struct engine *e, const struct bc_lease *l);

/* ---- broadcast_outcome.c ------------------------------------------------------------------------- */

struct bc_attempt {
	unsigned attempt, level, n; /* N that went */
	int64_t now_ms;
};
void bc_judge(
	const struct bc_attempt *a, const struct gateway_outcome *answer, struct bc_outcome *ret);

/* ---- broadcast_record.c -------------------------------------------------------------------------- */

struct bc_record {
	char id[BROADCAST_ID], audience[AUDIENCE_ID], gateway[12], day[9];
	unsigned segment, attempt, n;
	uint8_t list[2 * GATEWAY_MAX_NUMBERS]; /* indices, rising, as the scripts take them */
};
unsigned bc_index(const uint8_t *list, unsigned i);
int bc_record_format(const struct bc_record *r, struct buf *out) SW_MUST_CHECK;
bool bc_record_parse(const char *payload, struct bc_record *ret);
/* POS: the end of the call's B record. */
void bc_outcome_format(const struct bc_outcome *o, uint64_t pos, char ret[BC_OUTCOME]);
bool bc_outcome_parse(const char *payload, uint64_t *ret_pos, struct bc_outcome *ret);

/* ---- broadcast_recover.c ------------------------------------------------------------------------- */

/* The recovery that was asked for: no call is in flight. */
void bc_recover_begin(struct engine *e);

/* ---- broadcast_job.c ------------------------------------------------------------------------------ */

struct bc_job *bc_job_find(const struct engine *e, const char *id);
struct bc_segment *bc_segment_find(struct bc_job *j, unsigned no);
/* When B may be sent to: NOW, an instant to come, or INT64_MAX when its time is over. */
int64_t bc_open_at(const struct engine *e, const struct broadcast *b, int64_t now);
/* Jobs follow the list: opened, put to rest, ended; which of them may be sent now. */
void bc_jobs_look(struct engine *e, int64_t now);
/* B stops by itself until somebody has looked. */
void bc_pause(struct engine *e, const char *id, const char *why);
/* Everything in memory goes; no call may be in flight. */
void bc_forget(struct engine *e);

/* ---- broadcast_claim.c ---------------------------------------------------------------------------- */

void bc_claim_ahead(struct engine *e, int64_t now);
void bc_lease_free(struct engine *e, struct bc_lease *l);

/* ---- broadcast_run.c ---------------------------------------------------------------------------- */

/* May a request of B begin at this very moment? */
bool bc_may_go(const struct engine *e, const char *id);
void bc_call_ended(struct engine *e, struct bc_lease *l);
void bc_changed(struct engine *e, const char *id);
/* Something failed for now: a look after BC_AGAIN_MS. */
void bc_again(struct engine *e);

#endif
