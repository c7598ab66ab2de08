/*
 * notifier/engine/engine.h: what the parts of the engine share.
 *
 * One struct engine is owned by struct notifier; each part (leader, scheduler, dispatch, inbound, simclock,
 * control, audit) is a file that works on it. All of it runs on the loop; nothing is shared with threads.
 */
#ifndef SW_ENGINE_ENGINE_H
#define SW_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/conf.h"
#include "core/base/operators.h"
#include "core/base/seal.h"
#include "core/io/health.h"
#include "core/io/journal.h"
#include "core/io/metrics.h"
#include "core/io/mqtt.h"
#include "core/io/redis.h"
#include "core/io/timer.h"
#include "core/wire/message.h"
#include "notifier/engine/store.h"
#include "notifier/engine/world.h"

enum {
	ENGINE_LEASE_MS = 15000,
	ENGINE_RENEW_MS = 5000,
	ENGINE_REPUBLISH_MS = 30000,     /* unanswered `out` is published again (real time) */
	ENGINE_UNKNOWN_WAIT_MS = 600000, /* an unknown outcome is not resent sooner (wall time) */
	ENGINE_MAX_TRIES = 8,
	ENGINE_POLL_LIMIT = 100,    /* messages worked on in one round */
	ENGINE_POINTS_LIMIT = 4096, /* reminder points decided in one round */
	ENGINE_LATE_MS = 2 * 3600 * 1000,
	ENGINE_MAX_ROUTES = 256,
	ENGINE_MAX_INBOUND = 1000,
	ENGINE_PARK_MAX_MS = 60000, /* a route waits no longer for one message's own pauses */
};

struct scheduler;
struct broadcast;
struct state;
struct inbound;
struct simclock;
struct audit;
struct tally;
struct reload;
struct wire_wait;
struct gateways;
struct sms;
struct audiences;
struct broadcasts;
struct broadcast_run;
struct honours;
struct gates;
struct publicity;
struct recover;
struct upload;

/* A destination that told us to wait; messages of it keep their order. */
struct parked_route {
	char name[80]; /* channel "/" route */
	int64_t until_ms;
};

struct engine {
	struct loop *loop;
	struct conf *conf;
	struct world world;
	struct redis *redis;
	struct mqtt *mqtt; /* NULL while standby */
	struct metrics *metrics;
	struct health *health;
	struct journal *journal;
	char *journal_dir; /* every instance has its own file in it */
	struct seal_key data_key;
	char instance[40]; /* kept in the state folder: its own lease is taken over at once */
	char fence[24];    /* of the lease, as text; "" while standby */
	char holder[64];   /* who has the lease when it is not us */
	bool leader;
	bool loaded; /* roster, facts, flags are read since the last connect */
	bool stopping;
	bool live; /* `campaign go-live` was said: no trial allow-list */
	bool paused;
	bool stopped;  /* paused by stop-all: only a releaser lifts it */
	char hold[64]; /* why sending is held; "" = not */
	struct parked_route parked[ENGINE_MAX_ROUTES];
	size_t n_parked;
	bool unpublished;       /* something in the outbox did not reach the broker yet */
	int64_t outbox_from_ms; /* real: what was published before has to be published again */
	uint64_t activity; /* rises with all that happens: the simulated clock waits for quiet */
	struct timer *lease_timer;
	int64_t lease_until_ms; /* monotonic: nothing may start later than this */
	struct scheduler *scheduler;
	struct inbound *inbound;
	struct simclock *simclock;
	struct audit *audit;
	struct tally *tally;
	struct state *state;
	struct gateways *gateways;
	struct sms *sms;
	struct audiences *audiences;
	struct broadcasts *broadcasts;
	struct broadcast_run *broadcast_run;
	struct honours *honours;     /* the commended, as imported */
	bool honours_on_their_way;   /* others are being stored */
	struct gates *gates;         /* of publicity: which are open */
	struct publicity *publicity; /* what screens and loudspeakers show */
	struct recover *recover;     /* reads the journals */
	struct reload *reload;       /* one on its way */
	struct upload *upload;       /* a file that comes in pieces */
	size_t calls;                /* operators' commands in progress */
	struct wire_wait *waits;     /* control commands to the bot that wait for their answer */
	/* We have the lease (again): time to join the broker. */
	void (*on_leading)(void *ctx);
	/* Asked to end: the lease is lost, or a dependency is unusable for good. */
	void (*on_fatal)(void *ctx, int exit_code);
	void *fatal_ctx;
};

int64_t engine_now_ms(const struct engine *e);
bool engine_simulated(const struct engine *e);
/* Is the lease ours at this very moment, as far as we know? Asleep for longer, we may have a successor. */
bool engine_has_lease(const struct engine *e);
/* May a request begin at this very moment: our lease is not past, and nobody said pause? */
bool engine_may_send(const struct engine *e);
/* May the notifier work right now: leader, store loaded and reachable? */
bool engine_ready(const struct engine *e);
/* Nothing in progress holds on to units or facts by their place. */
bool engine_idle(const struct engine *e);
/* A call answered FENCED: somebody else has the lease. Ends the process by on_fatal. */
void engine_fenced(struct engine *e);
/* Ends the process for its supervisor to start it anew. Once. */
void engine_fatal(struct engine *e, const char *why, int exit_code);
/* A record of its own in the audit stream, for what is no transition. DETAIL is taken. */
void engine_audit(struct engine *e, const char *ev, json_t *detail);
/* Compact JSON object {"at":..,"ev":EV, ..} for the audit stream from json_pack-ed DETAIL (taken); caller frees. */
char *engine_audit_json(struct engine *e, const char *ev, json_t *detail);

/* leader.c: lease, loading of the store, becoming the worker */
int leader_start(struct engine *e) SW_MUST_CHECK;
void leader_on_redis_ready(struct engine *e);
void leader_on_redis_away(struct engine *e);
void leader_stop(struct engine *e);
/* Memory and store disagree: everything is read again. */
void leader_reload(struct engine *e);

/* load.c: reads roster, facts, flags, clock from the store; DONE(rc) on a later turn */
void load_all(struct engine *e, void (*done)(struct engine *e, int rc));

/* The journal position of this moment that a script may write: what lies before it is in the store, or will be found. */
uint64_t scheduler_journal_position(const struct engine *e);

/* recover.c: after a load, attempts the journals know and the store does not; may put sending on hold */
void recover_start(struct engine *e, void (*done)(struct engine *e, int rc));
/* The store is away: one that is under way ends with an error. */
void recover_stop(struct engine *e);
/* `resume`: the journals' ends become the positions of the store, so that the hold does not come back. */
void recover_settle(struct engine *e);

/* scheduler.c */
int scheduler_start(struct engine *e) SW_MUST_CHECK;
void scheduler_stop(struct engine *e);
/* Something may be due now: looks on a later turn. Cheap to call often. */
void scheduler_kick(struct engine *e);
/* Makes the waiting points equal to the plan; DONE(rc). */
void scheduler_sync_points(struct engine *e, void (*done)(struct engine *e, int rc));
/* The next instant (wall) something of ours is due, INT64_MAX: nothing; valid when the scheduler is quiet. */
int64_t scheduler_next_ms(const struct engine *e);
bool scheduler_quiet(
	const struct engine *e); /* no round is running or asked for, nothing handed over */
size_t scheduler_handed_over(const struct engine *e);

/* dispatch.c: outbox towards the bot */
/* False: the broker did not take it; the clock waits, and on_drain or on_connect follows. */
bool dispatch_publish(struct engine *e, const struct message *m, int attempt);
/* Broker, bot or store have come (back): the whole outbox is published again. */
void dispatch_on_connect(struct engine *e);
/* The broker takes more again. */
void dispatch_on_drain(struct engine *e);
/* Scores of the outbox (real time): of what is published now; up to which it is to be published again now. */
int64_t dispatch_republish_ms(const struct engine *e);
int64_t dispatch_outbox_until_ms(const struct engine *e);
/* The bot (re)started: it gets the outbox, and the hold while we pause. */
void dispatch_on_bot_online(struct engine *e);
void dispatch_on_verdict(struct engine *e, const char *payload, size_t len);
/* Destination of a recipient: channel robot -> the group's robot name, app -> the first application; "" = none. */
const char *dispatch_route(const struct engine *e, const char *channel, const char *unit);
bool dispatch_allowed(const struct engine *e, const struct message *m); /* trial allow-list */
/* How the verdict script is called, for one attempt by whatever channel. */
struct verdict_call {
	const char *mid;
	int attempt;
	enum wire_verdict_word verdict;
	const char *class, *code;
	int64_t retry_after_ms;
	const char *gateway, *provider_id; /* "": not by SMS */
	const char *instance;              /* "": no journal position goes along */
	uint64_t position;
	const char *audit;
};
int dispatch_record(
	struct engine *e, const struct verdict_call *v, redis_cb cb, void *ctx) SW_MUST_CHECK;
void dispatch_park(struct engine *e, const char *channel, const char *route, int64_t until_ms);
int64_t dispatch_parked_until(const struct engine *e, const char *channel, const char *route);
void dispatch_ack(struct engine *e, const char *id);

/* inbound.c */
int inbound_create(struct engine *e) SW_MUST_CHECK;
void inbound_destroy(struct engine *e);
void inbound_on_event(struct engine *e, const char *payload, size_t len);
size_t inbound_pending(const struct engine *e);
bool inbound_idle(const struct engine *e); /* none is being worked on */
/* The store is back: goes on with what waits. */
void inbound_kick(struct engine *e);

/* simclock.c */
int simclock_create(struct engine *e) SW_MUST_CHECK;
void simclock_destroy(struct engine *e);
/* The stored clock was read at load: adopt (V is HGETALL of the clock key). */
void simclock_adopt(struct engine *e, const struct redis_value *v);
void simclock_on_connect(struct engine *e); /* publishes the clock again */
void simclock_on_at(struct engine *e, const char *name, const char *payload, size_t len);
/* Anything changed: maybe the step is over. */
void simclock_check(struct engine *e);

/* audit.c: drains the stream into a file */
int audit_start(struct engine *e) SW_MUST_CHECK;
void audit_kick(struct engine *e);
void audit_stop(struct engine *e);

/*
 * state.c: retained state topics. These only mark; what is marked is published a moment later by a real timer, each topic at
 * most once a second, and nothing waits for it.
 */
int state_create(struct engine *e) SW_MUST_CHECK;
void state_destroy(struct engine *e);
/* On connect: all topics, also when nothing changed. */
void state_publish_all(struct engine *e);
void state_publish_unit(struct engine *e, int unit);
void state_publish_ops(struct engine *e);
void state_publish_today(struct engine *e);
void state_publish_attention(struct engine *e);
/* After each change of it, and for each one that was loaded. What is published stays until the broker ends. */
void state_publish_broadcast(struct engine *e, const struct broadcast *b);
/* The commended or a gate have changed: at once, since a name may have to go. */
void state_publish_honours(struct engine *e);
/* Time or messages have moved on: all but broadcasts. */
void state_kick(struct engine *e);
void state_on_bot(struct engine *e, bool online);
/* state_survey.c: called by the count of tally.c for all records; what it learns is published by itself. */
void state_survey_begin(struct engine *e);
void state_survey_one(struct engine *e, const struct message *m);
void state_survey_end(struct engine *e, int rc);

/* wait.c: control messages to the bot and their answers */
/* DONE(ctx, answer or NULL after 5 s real time without one). */
int wait_control(struct engine *e, const struct wire_control *c,
	void (*done)(void *ctx, const struct wire_control *a), void *ctx) SW_MUST_CHECK;
void wait_on_answer(struct engine *e, const char *payload, size_t len);
void wait_destroy(struct engine *e);

#endif
