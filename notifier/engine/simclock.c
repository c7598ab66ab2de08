/*
 * notifier/engine/simclock.c: simulated time: stored, published, stepped.
 *
 * The state {base_sim, base_real, speed, rev} is written to Redis before it is published. Between steps the clock
 * stands still. A step is over when every participant answered the clock's revision and nothing happened between
 * asking and the last answer: the same broker connection keeps an event in front of its sender's answer, so a quiet
 * round proves that no event is still on its way. Then the clock moves to the smallest next instant of anyone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/wire/topic.h"
#include "notifier/engine/publicity.h"
#include "notifier/engine/simclock.h"
#include "notifier/engine/sms.h"

enum { MAX_PARTICIPANTS = 16, ASK_AGAIN_MS = 5000 };

struct participant {
	char name[33];
	int64_t rev, next_ms, busy;
};

struct simclock {
	struct participant who[MAX_PARTICIPANTS];
	size_t n;
	bool known; /* a state is in the store */
	bool storing;
	/* an advance in progress */
	bool advancing;
	int64_t goal_ms;
	bool moved; /* time was stepped and no second round has confirmed that it is quiet */
	uint64_t asked_activity; /* engine's activity when the revision was published */
	void (*done)(void *ctx, int rc);
	void *done_ctx;
	struct timer *again;
	uint64_t steps;
};

static struct clock *clock_of(struct engine *e)
{
	return loop_clock(e->loop);
}

static void publish(struct engine *e)
{
	const struct clock *c = clock_of(e);
	struct wire_clock w = {.base_sim_ms = c->base_sim_ms,
		.base_real_ms = c->base_real_ms,
		.speed = c->speed,
		.rev = c->rev};
	char *json = wire_clock_encode(&w);

	if (json && e->mqtt)
		(void)mqtt_publish(e->mqtt, TOPIC_CLOCK, json, strlen(json), true);
	free(json);
	e->simclock->asked_activity = e->activity;
}

struct store_op {
	struct engine *e;
	struct clock next;
};

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct store_op *op = ctx;
	struct engine *e = op->e;

	e->simclock->storing = false;
	if (!store_failed(rc, v, "clock")) {
		bool moved =
			op->next.base_sim_ms != clock_now_ms(clock_of(e)) || op->next.speed > 0;

		*clock_of(e) = op->next;
		e->simclock->known = true;
		publish(e);
		if (moved) {
			timer_clock_changed(e->loop);
			scheduler_kick(e);
			state_kick(e);
		}
	}
	timer_after(e->simclock->again, ASK_AGAIN_MS);
	free(op);
}

/* Writes the next state of the clock; the store first, then everyone. */
static void move_to(struct engine *e, int64_t sim_ms, double speed)
{
	struct store_op *op = calloc(1, sizeof(*op));
	struct args a;

	if (!op)
		return;
	op->e = e;
	op->next = *clock_of(e);
	op->next.base_sim_ms = sim_ms;
	op->next.base_real_ms = clock_real_ms();
	op->next.speed = speed;
	op->next.rev++;
	args_init(&a);
	args_pair(&a, "HSET", KEY_CLOCK);
	args_add(&a, "base_sim");
	args_addi(&a, op->next.base_sim_ms);
	args_add(&a, "base_real");
	args_addi(&a, op->next.base_real_ms);
	args_add(&a, "speed");
	args_addf(&a, "%g", op->next.speed);
	args_add(&a, "rev");
	args_addi(&a, op->next.rev);
	e->simclock->storing = true;
	if (a.error || redis_command(e->redis, on_stored, op, (int)a.n, a.v, NULL) < 0) {
		e->simclock->storing = false;
		timer_after(e->simclock->again, 500);
		free(op);
	}
	args_fini(&a);
}

static bool all_answered(const struct engine *e)
{
	const struct simclock *s = e->simclock;

	for (size_t i = 0; i < s->n; i++)
		if (s->who[i].rev != clock_of((struct engine *)(uintptr_t)e)->rev || s->who[i].busy)
			return false;
	return true;
}

static void advance_end(struct engine *e, int rc)
{
	struct simclock *s = e->simclock;
	void (*done)(void *ctx, int rc) = s->done;

	s->advancing = false;
	s->done = NULL;
	timer_stop(s->again);
	if (done)
		done(s->done_ctx, rc);
}

void simclock_stop(struct engine *e)
{
	if (e->simclock && e->simclock->advancing)
		advance_end(e, SW_EAWAY);
}

void simclock_check(struct engine *e)
{
	struct simclock *s = e->simclock;
	int64_t now = engine_now_ms(e), next;

	if (!s->advancing || s->storing || !engine_ready(e) || !e->mqtt || !mqtt_connected(e->mqtt))
		return;
	/* What is handed over and lies with a participant that is not busy waits there for time to go on. */
	if (!all_answered(e) || !scheduler_quiet(e) || !sms_quiet(e) || !broadcast_quiet(e) ||
		inbound_pending(e) || e->unpublished)
		return;
	if (s->asked_activity != e->activity || s->moved) {
		s->moved = false;
		move_to(e, now,
			0); /* something happened, or may be on its way: ask once more at the same instant */
		return;
	}
	if (now >= s->goal_ms) {
		advance_end(e, 0);
		return;
	}
	next = scheduler_next_ms(e);
	next = broadcast_next_ms(e) < next ? broadcast_next_ms(e) : next;
	next = publicity_next_ms(e) < next ? publicity_next_ms(e) : next;
	for (size_t i = 0; i < s->n; i++)
		if (s->who[i].next_ms < next)
			next = s->who[i].next_ms;
	if (next > s->goal_ms)
		next = s->goal_ms;
	if (next < now)
		next = now;
	s->steps++;
	s->moved = true;
	move_to(e, next, 0);
}

static void ask_again(void *ctx)
{
	struct engine *e = ctx;

	if (e->stopping)
		return;
	if (e->simclock->advancing && !e->simclock->storing && engine_ready(e)) {
		/* Somebody restarted or an answer got lost: the retained clock asks again under a new revision. */
		LOG_DEBUG("clock_asked_again", "rev=%" PRId64, clock_of(e)->rev);
		move_to(e, engine_now_ms(e), 0);
	}
	timer_after(e->simclock->again, ASK_AGAIN_MS);
}

void simclock_on_at(struct engine *e, const char *name, const char *payload, size_t len)
{
	struct wire_clock_at at;
	struct sw_err err = {0};

	if (wire_clock_at_decode(payload, len, &at, &err) < 0)
		return;
	for (size_t i = 0; i < e->simclock->n; i++)
		if (!strcmp(e->simclock->who[i].name, name)) {
			e->simclock->who[i].rev = at.rev;
			e->simclock->who[i].next_ms = at.next_ms;
			e->simclock->who[i].busy = at.busy;
		}
	simclock_check(e);
}

static int64_t field_int(const struct redis_value *v, const char *name, int64_t def)
{
	const char *s = store_field(v, name);
	int64_t n = def;

	if (s && num_parse(s, INT64_MIN, INT64_MAX, &n) < 0)
		return def;
	return n;
}

void simclock_adopt(struct engine *e, const struct redis_value *v)
{
	struct clock *c = clock_of(e);
	const char *speed = store_field(v, "speed");

	if (!engine_simulated(e))
		return;
	if (store_field(v, "rev")) {
		c->base_sim_ms = field_int(v, "base_sim", c->base_sim_ms);
		c->base_real_ms = field_int(v, "base_real", clock_real_ms());
		c->rev = field_int(v, "rev", c->rev);
		c->speed = speed ? strtod(speed, NULL) : 0;
		e->simclock->known = true;
		timer_clock_changed(e->loop);
	}
}

void simclock_on_connect(struct engine *e)
{
	if (!engine_simulated(e) || !engine_ready(e) || e->simclock->storing)
		return;
	/* A new revision, so that every participant answers this broker or this start. */
	move_to(e, engine_now_ms(e), clock_of(e)->speed);
}

int simclock_create(struct engine *e)
{
	struct simclock *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	e->simclock = s;
	for (size_t i = 0;
		i < conf_count(e->conf, "simulation_participants") && s->n < MAX_PARTICIPANTS; i++)
		if (text_copy(s->who[s->n].name, sizeof(s->who[0].name),
			    conf_str_at(e->conf, "simulation_participants", i)) == 0) {
			s->who[s->n].rev = -1;
			s->who[s->n].next_ms = INT64_MAX;
			s->n++;
		}
	return timer_new(e->loop, ask_again, e, &s->again);
}

void simclock_destroy(struct engine *e)
{
	if (!e->simclock)
		return;
	timer_destroy(e->simclock->again);
	free(e->simclock);
	e->simclock = NULL;
}

int simclock_advance(struct engine *e, int64_t goal_ms, void (*done)(void *ctx, int rc), void *ctx)
{
	struct simclock *s = e->simclock;

	if (!engine_simulated(e))
		return SW_EINVAL;
	if (s->advancing || s->storing)
		return SW_EEXIST;
	s->advancing = true;
	s->goal_ms = goal_ms;
	s->done = done;
	s->done_ctx = ctx;
	e->activity++; /* the first thing is to ask everyone */
	timer_after(s->again, ASK_AGAIN_MS);
	move_to(e, engine_now_ms(e), 0);
	return 0;
}

int simclock_set(struct engine *e, int64_t sim_ms, double speed)
{
	if (!engine_simulated(e))
		return SW_EINVAL;
	if (e->simclock->advancing || e->simclock->storing)
		return SW_EEXIST;
	if (!engine_ready(e))
		return SW_EAWAY;
	move_to(e, sim_ms, speed);
	return 0;
}

json_t *simclock_json(struct engine *e)
{
	const struct simclock *s = e->simclock;
	const struct clock *c = clock_of(e);
	json_t *who = json_array();
	char text[40];

	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(who,
			json_pack("{s:s, s:I, s:I, s:I}", "name", s->who[i].name, "rev",
				(json_int_t)s->who[i].rev, "next_ms", (json_int_t)s->who[i].next_ms,
				"busy", (json_int_t)s->who[i].busy));
	return json_pack("{s:b, s:I, s:s, s:f, s:I, s:b, s:I, s:o}", "simulated", c->simulated,
		"now_ms", (json_int_t)engine_now_ms(e), "now",
		civil_format_ms(engine_now_ms(e), text, sizeof(text)), "speed", c->speed, "rev",
		(json_int_t)c->rev, "advancing", s->advancing, "steps", (json_int_t)s->steps,
		"participants", who);
}
