/*
 * notifier/engine/control_act.c: what operators do: figures by telephone, closing, pausing, releasing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/effect.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/control.h"

enum { BIND_TTL_S = 24 * 3600 };

/* ---- a change of one unit's facts ---- */

struct change {
	struct control_call *call;
	int unit;
	struct unit_facts facts;
};

static void on_changed(void *ctx, int rc, const struct redis_value *v)
{
	struct change *h = ctx;
	struct control_call *call = h->call;
	struct engine *e = call->e;

	if (store_failed(rc, v, "facts_set")) {
		control_end(call, 69, "the store did not take it: try again");
	} else if (v->str && !strcmp(v->str, "rev")) {
		control_end(
			call, 75, "a reply of this unit came in meanwhile: look, and try again");
	} else {
		e->world.facts[h->unit] = h->facts;
		e->activity++;
		state_publish_unit(e, h->unit);
		scheduler_kick(e);
		audit_kick(e);
		ctl_line(call->req, "ok");
		control_end(call, 0, NULL);
	}
	free(h);
}

static void change_facts(
	struct control_call *call, int unit, const struct unit_facts *facts, json_t *detail)
{
	struct engine *e = call->e;
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE,
		store_key(key, KEY_FACT_PREFIX, e->world.c->units->items[unit].code), KEY_AUDIT,
		KEY_QUEUE};
	struct change *h = calloc(1, sizeof(*h));
	json_t *j = facts_to_json(e->world.c, facts);
	char *json = json_dumps(j, JSON_COMPACT), *audit = control_audit(call, detail);
	struct args a;

	json_decref(j);
	args_init(&a);
	args_add(&a, e->fence);
	args_add(&a, json);
	args_addi(&a, facts->rev - 1);
	args_addi(&a, facts->rev);
	args_add(&a, audit);
	args_add(&a, "");
	if (h)
		*h = (struct change){.call = call, .unit = unit, .facts = *facts};
	if (!h || store_eval(e->redis, "facts_set", on_changed, h, keys, 4, &a) < 0) {
		free(h);
		control_end(call, 69, "the store is away");
	}
	args_fini(&a);
	free(json);
	free(audit);
}

void control_report(struct control_call *call)
{
	struct engine *e = call->e;
	const struct campaign *c = e->world.c;
	const json_t *counts = json_object_get(call->args, "counts");
	const char *source = control_str(call, "source"), *note = control_str(call, "note");
	struct unit_facts f;
	int unit = control_unit(call);

	if (unit < 0)
		return;
	if (!json_is_array(counts) || json_array_size(counts) != c->n_categories) {
		control_end(call, 64,
			"give one number for each category of the campaign, in its order");
		return;
	}
	f = e->world.facts[unit];
	for (size_t i = 0; i < c->n_categories; i++) {
		json_int_t n = json_integer_value(json_array_get(counts, i));
		int min, max;

		if (!json_is_integer(json_array_get(counts, i)) || n < 0 || n > 9999 ||
			(campaign_quota(c, (int)i, unit, &min, &max) && max >= 0 && n > 3 * max)) {
			control_end(call, 1, "a number is outside anything the quota allows");
			return;
		}
		f.counts[i].previous = f.counts[i].known ? f.counts[i].value : -1;
		f.counts[i].verified = f.counts[i].verified && f.counts[i].value == n;
		f.counts[i].known = true;
		f.counts[i].value = (int)n;
		f.counts[i].at_ms = engine_now_ms(e);
		f.counts[i].department = -1;
		f.counts[i].paused_until_ms = obligation_pause_end_ms(c, engine_now_ms(e));
		if (text_copy(f.counts[i].by, sizeof(f.counts[i].by), call->as) < 0)
			f.counts[i].by[0] = '\0';
	}
	f.report_ms = engine_now_ms(e);
	f.record_no++;
	f.rev++;
	change_facts(call, unit, &f,
		json_pack("{s:s, s:O, s:s, s:s}", "unit", c->units->items[unit].code, "counts",
			json_object_get(call->args, "counts"), "source", source ? source : "",
			"note", note ? note : ""));
}

void control_verify(struct control_call *call)
{
	struct engine *e = call->e;
	const struct campaign *c = e->world.c;
	const char *what = control_str(call, "what");
	struct unit_facts f;
	size_t n = 0;
	int unit = control_unit(call);

	if (unit < 0)
		return;
	f = e->world.facts[unit];
	for (size_t i = 0; i < c->n_categories; i++) {
		if (what && strcmp(what, c->categories[i].id) &&
			strcmp(what, c->categories[i].reply_key))
			continue;
		if (f.counts[i].known && !f.counts[i].verified) {
			f.counts[i].verified = true;
			n++;
		}
	}
	if ((!what || !strcmp(what, "materials")) && f.submitted_ms && !f.submitted_verified) {
		f.submitted_verified = true;
		n++;
	}
	if (n == 0) {
		control_end(call, 1, "nothing of this unit waits to be verified");
		return;
	}
	f.rev++;
	change_facts(call, unit, &f,
		json_pack("{s:s, s:s}", "unit", c->units->items[unit].code, "what",
			what ? what : "all"));
}

/* ---- calls that end with a plain answer of the store ---- */

static void on_plain(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;

	if (store_failed(rc, v, call->name)) {
		control_end(call, 69, "the store did not take it: try again");
		return;
	}
	if (v->type == REDIS_STRING && !strcmp(v->str, "none")) {
		control_end(call, 1, "there is no such entry");
		return;
	}
	audit_kick(call->e);
	ctl_line(call->req, "ok");
	control_end(call, 0, NULL);
}

void control_queue_done(struct control_call *call)
{
	static const char *const keys[] = {KEY_LEASE, "sw:{r}:fact:-", KEY_AUDIT, KEY_QUEUE};
	const char *id = control_str(call, "id");
	char *audit = control_audit(call, json_pack("{s:s}", "id", id ? id : ""));
	struct args a;

	args_init(&a);
	args_add(&a, call->e->fence);
	for (int i = 0; i < 3; i++)
		args_add(&a, "");
	args_add(&a, audit);
	args_add(&a, id);
	if (!id || store_eval(call->e->redis, "facts_set", on_plain, call, keys, 4, &a) < 0)
		control_end(call, id ? 69 : 64, id ? "the store is away" : "give the entry's id");
	args_fini(&a);
	free(audit);
}

static void on_bound_code(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;

	if (store_failed(rc, v, "bind_code")) {
		control_end(call, 69, "the store did not take it: try again");
		return;
	}
	engine_audit(call->e, "operator",
		json_pack("{s:s, s:s, s:s}", "op", call->name, "as", call->as, "unit",
			control_str(call, "unit")));
	if (call->json)
		ctl_data(call->req, json_pack("{s:s}", "code", control_str(call, "code")));
	else
		ctl_line(call->req, "in the unit's group, within 24 h, once: @守望 绑定 %s",
			control_str(call, "code"));
	control_end(call, 0, NULL);
}

void control_bind(struct control_call *call)
{
	char code[9], key[STORE_KEY], ttl[12];
	int unit = control_unit(call);

	if (unit < 0)
		return;
	id_random_hex(4, code);
	(void)snprintf(key, sizeof(key), "%s:%s", KEY_BIND, code);
	(void)snprintf(ttl, sizeof(ttl), "%d", BIND_TTL_S);
	json_object_set_new(call->args, "code", json_string(code));
	if (store_command(call->e->redis, on_bound_code, call,
		    (const char *const[]){"SET", key, call->e->world.c->units->items[unit].code,
			    "EX", ttl, NULL}) < 0)
		control_end(call, 69, "the store is away");
}

/* ---- flags, with the bot told and heard ---- */

struct flag {
	struct control_call *call;
	char op[16];
	bool stops; /* for a releaser to lift */
};

static void on_bot_answer(void *ctx, const struct wire_control *answer)
{
	struct flag *f = ctx;
	struct control_call *call = f->call;

	if (!answer || !answer->ok)
		control_end(call, 1,
			"done here, but the bot has not confirmed within 5 s: a send in progress "
			"may still go out");
	else {
		ctl_line(call->req, "ok, confirmed by the bot");
		control_end(call, 0, NULL);
	}
	free(f);
}

static void on_flag(void *ctx, int rc, const struct redis_value *v)
{
	struct flag *f = ctx;
	struct control_call *call = f->call;
	struct wire_control c = {0};

	if (store_failed(rc, v, call->name)) {
		control_end(call, 69, "the store did not take it: try again");
		free(f);
		return;
	}
	(void)snprintf(c.op, sizeof(c.op), "%s", f->op);
	call->e->paused = !strcmp(f->op, "hold");
	call->e->stopped = call->e->paused && (f->stops || call->e->stopped);
	state_publish_all(call->e);
	/* A bot that came while we paused has not got what was handed over before. */
	if (!call->e->paused) {
		dispatch_on_connect(call->e);
		gateways_resume(call->e->gateways);
	}
	scheduler_kick(call->e);
	broadcast_kick(call->e);
	audit_kick(call->e);
	if (wait_control(call->e, &c, on_bot_answer, f) < 0) {
		control_end(call, 1, "done here, but the bot could not be told");
		free(f);
	}
}

static void set_pause(struct control_call *call, bool on, bool stops)
{
	static const char *const keys[] = {KEY_CTL, KEY_AUDIT};
	char *audit = control_audit(call, NULL);
	struct flag *f = calloc(1, sizeof(*f));
	struct args a;

	args_init(&a);
	args_add(&a, "paused");
	args_add(&a, on ? "1" : "");
	args_add(&a, audit);
	if (stops || !on)
		args_pair(&a, "stopped", on ? "1" : "");
	if (f) {
		*f = (struct flag){.call = call, .stops = stops};
		(void)snprintf(f->op, sizeof(f->op), "%s", on ? "hold" : "release");
	}
	/* What stops is in force before it is stored. */
	call->e->paused = call->e->paused || on;
	call->e->stopped = call->e->stopped || stops;
	if (!f || store_eval(call->e->redis, "ctl_set", on_flag, f, keys, 2, &a) < 0) {
		free(f);
		control_end(call, 69, "the store is away");
	}
	args_fini(&a);
	free(audit);
}

void control_pause(struct control_call *call)
{
	set_pause(call, true, false);
}

void control_stop_all(struct control_call *call)
{
	set_pause(call, true, true);
}

/* ---- resume: lifts pause and hold; after a hold the bot first sends every event again ---- */

enum { SETTLE_EVERY_MS = 200, SETTLE_QUIET = 5, SETTLE_TRIES = 300 };

struct settle {
	struct control_call *call;
	struct timer *timer;
	int quiet, tries;
	uint64_t activity;
};

static void on_unhold(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;

	if (store_failed(rc, v, "resume")) {
		control_end(call, 69, "the store did not take it: try again");
		return;
	}
	call->e->hold[0] = '\0';
	set_pause(call, false, false);
}

static void unhold(struct control_call *call)
{
	static const char *const keys[] = {KEY_CTL, KEY_AUDIT};
	char *audit = control_audit(call, json_pack("{s:s}", "hold", call->e->hold));
	struct args a;

	recover_settle(call->e);
	args_init(&a);
	args_add(&a, "hold");
	args_add(&a, "");
	args_add(&a, audit);
	if (store_eval(call->e->redis, "ctl_set", on_unhold, call, keys, 2, &a) < 0)
		control_end(call, 69, "the store is away");
	args_fini(&a);
	free(audit);
}

/* The events that come again are facts: what is due is decided only when they are in. */
static void settle(void *ctx)
{
	struct settle *t = ctx;
	struct control_call *call = t->call;
	struct engine *e = call->e;

	t->quiet = inbound_pending(e) || t->activity != e->activity ? 0 : t->quiet + 1;
	t->activity = e->activity;
	if (t->quiet < SETTLE_QUIET && ++t->tries < SETTLE_TRIES && !e->stopping) {
		timer_after(t->timer, SETTLE_EVERY_MS);
		return;
	}
	timer_destroy(t->timer);
	free(t);
	if (e->stopping)
		control_end(call, 69, "the notifier is stopping");
	else
		unhold(call);
}

static void on_republished(void *ctx, const struct wire_control *answer)
{
	struct control_call *call = ctx;
	struct settle *t;

	if (!answer || !answer->ok) {
		control_end(call, 1,
			"still on hold: the bot has not confirmed that it sends the replies again");
		return;
	}
	ctl_line(call->req, "the bot sends %" PRId64 " events again", answer->n);
	t = calloc(1, sizeof(*t));
	if (!t || timer_new(call->e->loop, settle, t, &t->timer) < 0) {
		free(t);
		control_end(call, 70, "out of memory");
		return;
	}
	t->call = call;
	timer_after(t->timer, SETTLE_EVERY_MS);
}

static void on_seq(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;
	struct wire_control c = {.op = "republish"};

	if (store_failed(rc, v, "resume")) {
		control_end(call, 69, "the store is away");
		return;
	}
	if (v->type == REDIS_STRING)
		c.from_seq = strtoull(v->str, NULL, 10);
	if (wait_control(call->e, &c, on_republished, call) < 0)
		control_end(call, 75, "too many commands wait for the bot: try again");
}

void control_resume(struct control_call *call)
{
	if (call->e->stopped && strcmp(call->role, "releaser"))
		control_end(call, 1, "everything was stopped: only a releaser lifts that");
	else if (!call->e->hold[0])
		set_pause(call, false, false);
	else if (store_command(call->e->redis, on_seq, call,
			 (const char *const[]){"GET", KEY_SPOOL_SEQ, NULL}) < 0)
		control_end(call, 69, "the store is away");
}

static void on_live(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;

	if (!store_failed(rc, v, "go_live")) {
		call->e->live = true;
		state_publish_all(call->e);
	}
	on_plain(call, rc, v);
}

void control_go_live(struct control_call *call)
{
	static const char *const keys[] = {KEY_CTL, KEY_AUDIT};
	char *audit = control_audit(call, NULL);
	struct args a;

	args_init(&a);
	args_add(&a, "live");
	args_add(&a, "1");
	args_add(&a, audit);
	if (store_eval(call->e->redis, "ctl_set", on_live, call, keys, 2, &a) < 0)
		control_end(call, 69, "the store is away");
	args_fini(&a);
	free(audit);
}

/* ---- single messages ---- */

struct single {
	struct control_call *call;
	char mid[40];
	const char *state, *why;
	bool is_retry;
};

static void cancel_at_bot(struct single *s);

static void on_single(void *ctx, int rc, const struct redis_value *v)
{
	struct single *s = ctx;
	struct control_call *call = s->call;

	if (store_failed(rc, v, call->name))
		control_end(call, 69, "the store did not take it: try again");
	else if (v->type == REDIS_STRING && !strcmp(v->str, s->state)) {
		scheduler_kick(call->e);
		audit_kick(call->e);
		ctl_line(call->req, "ok");
		control_end(call, 0, NULL);
	} else if (v->type == REDIS_STRING && !strcmp(v->str, "handed_over") && !s->is_retry) {
		cancel_at_bot(s);
		return;
	} else
		control_end(call, 1,
			s->is_retry ? "only what is parked or dead can be sent again, and "
				      "publicity never"
				    : "no such message, or it has left already");
	free(s);
}

static void single_finish(struct single *s)
{
	struct control_call *call = s->call;
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, s->mid), KEY_DUE,
		KEY_PARK, KEY_UNKNOWN, KEY_DEAD, KEY_AUDIT};
	char *audit = control_audit(call, json_pack("{s:s}", "mid", s->mid));
	struct args a;

	args_init(&a);
	args_add(&a, call->e->fence);
	args_addi(&a, engine_now_ms(call->e));
	args_add(&a, s->mid);
	args_add(&a, s->state);
	args_add(&a, s->why);
	args_addi(&a, engine_now_ms(call->e));
	args_add(&a, audit);
	args_add(&a, s->is_retry ? "retry" : "");
	if (store_eval(call->e->redis, "finish", on_single, s, keys, 7, &a) < 0) {
		control_end(call, 69, "the store is away");
		free(s);
	}
	args_fini(&a);
	free(audit);
}

static struct single *single_new(struct control_call *call, const char *state, const char *why)
{
	const char *mid = control_str(call, "mid");
	struct single *s = calloc(1, sizeof(*s));

	if (!s || !mid || strlen(mid) != ID_HEX) {
		free(s);
		control_end(call, 64, "give the message's id: 32 hex digits");
		return NULL;
	}
	*s = (struct single){.call = call, .state = state, .why = why};
	memcpy(s->mid, mid, ID_HEX + 1);
	return s;
}

void control_retry(struct control_call *call)
{
	struct single *s = single_new(call, "queued", "an operator has it sent again");

	if (!s)
		return;
	s->is_retry = true;
	single_finish(s);
}

static void on_cancel_answer(void *ctx, const struct wire_control *answer)
{
	struct single *s = ctx;
	struct control_call *call = s->call;

	if (!answer)
		control_end(call, 1, "unconfirmed: the bot has not answered within 5 s");
	else if (!answer->ok)
		control_end(call, 1, "too late: the bot has sent it, or does not have it");
	else {
		engine_audit(call->e, "operator",
			json_pack("{s:s, s:s, s:s}", "op", call->name, "as", call->as, "mid",
				s->mid));
		ctl_line(call->req, "taken back from the bot");
		control_end(call, 0, NULL);
	}
	free(s);
}

static void cancel_at_bot(struct single *s)
{
	struct wire_control c = {.op = "cancel"};

	memcpy(c.mid, s->mid, ID_HEX + 1);
	if (wait_control(s->call->e, &c, on_cancel_answer, s) < 0) {
		control_end(s->call, 75, "too many commands wait for the bot: try again");
		free(s);
	}
}

void control_cancel(struct control_call *call)
{
	struct single *s = single_new(call, "cancelled", "an operator cancelled it");

	if (s)
		single_finish(s);
}
