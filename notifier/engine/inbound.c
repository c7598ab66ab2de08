/*
 * notifier/engine/inbound.c: what officials said: read, applied, answered, in one script per event.
 *
 * Events are worked on one after the other, in the order the bot spooled them, so that each reading sees the facts
 * the one before it made. An event is acknowledged only after its script has answered; a repeat changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/campaign/effect.h"
#include "notifier/engine/engine.h"

enum {
	ANSWER_LIMIT = 20,
	ANSWER_WINDOW_MS = 10 * 60 * 1000,
	ANSWER_EXPIRES_MS = 24 * 3600 * 1000,
	RETRY_MS = 500
};

struct event {
	struct event *next;
	struct engine *e;
	struct wire_in in; /* owned */
	/* what was read for it */
	bool known;
	json_t *ask; /* {"q":..,"last":{"digest","at"},"answers":{"from","n"}}; may be NULL */
	char chat_unit[16]; /* the group's unit, "" = not bound */
	char code[33];      /* binding code the text gives, "" = it is no binding */
	char bind_unit[16]; /* the unit that code was made for, "" = unknown code */
	size_t pending;
	bool failed;
	/* what was decided */
	int unit; /* index, -1 */
	struct unit_facts facts;
	bool changed;
};

struct inbound {
	struct event *head, **tail;
	size_t n;
	struct event *current;
	struct timer *retry;
};

static void start_next(struct engine *e);

size_t inbound_pending(const struct engine *e)
{
	return e->inbound->n;
}

bool inbound_idle(const struct engine *e)
{
	return !e->inbound->current;
}

static void event_free(struct event *v)
{
	wire_in_fini(&v->in);
	json_decref(v->ask);
	free(v);
}

/* The event in progress is over; ACK: it is durable. */
static void event_end(struct engine *e, bool ack)
{
	struct inbound *b = e->inbound;
	struct event *v = b->current;

	b->current = NULL;
	e->activity++;
	if (ack) {
		dispatch_ack(e, v->in.id);
		b->n--;
		event_free(v);
		scheduler_kick(e);
		audit_kick(e);
		start_next(e);
		return;
	}
	/* Not stored: first in the line again, a little later. */
	v->next = b->head;
	if (!b->head)
		b->tail = &v->next;
	b->head = v;
	timer_after(b->retry, RETRY_MS);
}

/* ---- carrying out ---- */

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;
	struct engine *e = ev->e;
	char labels[96];

	if (store_is_fenced(v)) {
		engine_fenced(e);
		event_end(e, false);
		return;
	}
	if (store_failed(rc, v, "inbound")) {
		event_end(e, false);
		return;
	}
	if (v->str && !strcmp(v->str, "rev")) {
		/* What is in memory is not what is stored: read it again, then this event once more. */
		LOG_WARN("facts_changed_meanwhile", "event=%s", ev->in.id);
		leader_reload(e);
		event_end(e, false);
		return;
	}
	if (v->str && !strcmp(v->str, "ok")) {
		if (ev->changed && ev->unit >= 0) {
			e->world.facts[ev->unit] = ev->facts;
			state_publish_unit(e, ev->unit);
		}
		(void)snprintf(labels, sizeof(labels), "source=\"%.60s\"", ev->in.source);
		metrics_add(e->metrics, "shouwang_inbound_events_total", labels, 1);
	}
	event_end(e, true);
}

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

static void store_event(struct event *ev, struct store_call *s)
{
	struct engine *e = ev->e;
	char in_key[STORE_KEY], fact_key[STORE_KEY], ask_key[STORE_KEY], answer_key[STORE_KEY];
	char bind_key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(in_key, KEY_IN_PREFIX, ev->in.id),
		store_key(fact_key, KEY_FACT_PREFIX,
			ev->unit >= 0 ? e->world.c->units->items[ev->unit].code : "-"),
		store_key(ask_key, KEY_ASK_PREFIX, ev->in.sender), KEY_DUE, KEY_MIDS,
		store_key(answer_key, KEY_MESSAGE_PREFIX, s->answer_mid), KEY_QUEUE, KEY_AUDIT,
		KEY_SPOOL_SEQ, KEY_CHAT,
		store_key(bind_key, KEY_BIND ":", ev->code[0] ? ev->code : "-")};
	struct args a;

	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, ev->in.id);
	args_add(&a, s->outcome);
	args_addf(&a, "%" PRIu64, ev->in.seq);
	args_add(&a, s->facts_json);
	args_addi(&a, s->rev_before);
	args_addi(&a, s->rev_after);
	args_add(&a, s->ask_json ? s->ask_json : "=");
	args_add(&a, "0");
	args_add(&a, s->answer_mid);
	args_add(&a, s->queue_json);
	args_add(&a, s->audit_json);
	args_add(&a, s->binding);
	for (size_t i = 0; i < s->answer.n; i++)
		args_add(&a, s->answer.v[i]);
	if (s->answer.error)
		a.error = s->answer.error;
	if (store_eval(e->redis, "inbound", on_stored, ev, keys, 12, &a) < 0)
		event_end(e, false);
	args_fini(&a);
	args_fini(&s->answer);
	free(s->facts_json);
	free(s->ask_json);
	free(s->queue_json);
	free(s->audit_json);
}

/* ---- answers ---- */

/* Where an answer goes: the group it was asked in when it is the unit's own, else the person alone. */
static void answer_route(
	struct event *ev, char channel[16], char route[65], char to[65], char unit[16])
{
	struct engine *e = ev->e;
	const char *own = ev->unit >= 0 ? e->world.c->units->items[ev->unit].code : ev->chat_unit;
	bool in_group = ev->in.group && ev->chat_unit[0] && !strcmp(ev->chat_unit, own);

	(void)snprintf(channel, 16, "%s", in_group ? "robot" : "app");
	(void)snprintf(unit, 16, "%s", own);
	(void)snprintf(route, 65, "%s", dispatch_route(e, channel, own));
	(void)snprintf(to, 65, "%s", in_group ? own : ev->in.sender);
}

/* Fills the fields of the answer's record, speaking of SHOWN_UNIT; nothing when ID is "". */
static void make_answer(struct event *ev, const char *id, int shown_unit, const struct effect *ef,
	struct store_call *s)
{
	struct engine *e = ev->e;
	struct plan_vars vars = {0};
	struct sw_err err = {0};
	int contact = world_contact_by_userid(&e->world, ev->in.sender);
	char channel[16], route[65], to[65], unit[16], job[64];
	struct buf text;
	int64_t now = engine_now_ms(e);
	struct answer_input in = {.c = e->world.c,
		.unit = shown_unit,
		.effect = ef,
		.now_ms = now,
		.facts = ef                ? &ef->facts
			 : shown_unit >= 0 ? &e->world.facts[shown_unit]
					   : NULL,
		.who = contact >= 0 ? e->world.contacts.items[contact].name : ev->in.sender};

	if (!id[0])
		return;
	buf_init(&text, 16384);
	answer_route(ev, channel, route, to, unit);
	if (answer_vars(&in, &vars) < 0 ||
		template_render(e->world.t, id, channel, vars.vars, vars.n, &text, &err) < 0) {
		LOG_ERROR("answer_not_rendered", "template=%s err=%s", id, err.text);
		goto out;
	}
	(void)snprintf(job, sizeof(job), "ans/%s", ev->in.id);
	id_mid(job, channel, to, "1", s->answer_mid);
	args_pair(&s->answer, "kind", "ans");
	args_pair(&s->answer, "job", job);
	args_pair(&s->answer, "unit", unit);
	args_pair(&s->answer, "ch", channel);
	args_pair(&s->answer, "route", route);
	args_pair(&s->answer, "to", to);
	args_pair(&s->answer, "uid", !strcmp(channel, "app") ? ev->in.sender : "");
	args_pair(&s->answer, "class", "must_arrive");
	args_pair(&s->answer, "type", !strcmp(channel, "robot") ? "markdown" : "text");
	args_pair(&s->answer, "rev", "1");
	args_pair(&s->answer, "text", buf_str(&text));
	args_pair(&s->answer, "rt", ev->in.id);
	args_pair(&s->answer, "tpl", id);
	args_add(&s->answer, "nom");
	args_addi(&s->answer, now);
	args_add(&s->answer, "due");
	args_addi(&s->answer, now);
	args_add(&s->answer, "exp");
	args_addi(&s->answer, now + ANSWER_EXPIRES_MS);
out:
	plan_vars_fini(&vars);
	buf_fini(&text);
}

/* A stranger is told once a day that he counts for nothing. */
static bool told_stranger_today(struct event *ev, int64_t now)
{
	json_int_t day = civil_to_days(civil_of_ms(now));

	if (json_integer_value(json_object_get(ev->ask, "stranger")) == day)
		return true;
	json_object_set_new(ev->ask, "stranger", json_integer(day));
	return false;
}

/* An answer to an answer to an answer is a loop: a bounded number for one person in ten minutes. */
static bool may_answer(struct event *ev, int64_t now)
{
	json_t *answers = json_object_get(ev->ask, "answers");
	int64_t from = json_integer_value(json_object_get(answers, "from"));
	int64_t n = json_integer_value(json_object_get(answers, "n"));

	if (now - from >= ANSWER_WINDOW_MS)
		from = now, n = 0;
	if (n >= ANSWER_LIMIT) {
		LOG_WARN("answers_too_many", "event=%s", ev->in.id);
		return false;
	}
	json_object_set_new(ev->ask, "answers",
		json_pack("{s:I, s:I}", "from", (json_int_t)from, "n", (json_int_t)(n + 1)));
	return true;
}

/* ---- deciding ---- */

static enum reply_role role_of(const struct campaign *c, int unit)
{
	int tier = unit >= 0 ? campaign_tier_of(c, unit) : -1;

	if (tier < 0)
		return REPLY_UNKNOWN;
	if (tier == c->reporting_tier)
		return REPLY_LEAGUE;
	return c->tiers[tier].parent < 0 ? REPLY_REGION : REPLY_COUNTY;
}

static void remember_text(struct event *ev, int64_t now, bool *repeat)
{
	json_t *last = json_object_get(ev->ask, "last");
	const char *digest = json_string_value(json_object_get(last, "digest"));
	int64_t at = json_integer_value(json_object_get(last, "at"));
	char hex[65];

	id_sha256_hex(ev->in.text, strlen(ev->in.text), hex);
	*repeat = digest && !strcmp(digest, hex) && now - at < EFFECT_REPEAT_MS;
	if (!*repeat)
		json_object_set_new(ev->ask, "last",
			json_pack("{s:s, s:I}", "digest", hex, "at", (json_int_t)now));
}

static char *queue_entry(struct event *ev, const struct reply_reading *r)
{
	struct engine *e = ev->e;
	json_t *j = json_pack("{s:s, s:I, s:s, s:s, s:s, s:o}", "id", ev->in.id, "at",
		(json_int_t)engine_now_ms(e), "unit",
		ev->unit >= 0 ? e->world.c->units->items[ev->unit].code : "", "by", ev->in.sender,
		"text", r->drop_text ? "" : ev->in.text, "reading", reply_to_json(e->world.c, r));
	char *s = json_dumps(j, JSON_COMPACT);

	json_decref(j);
	return s;
}

static void carry_out(struct event *ev, const struct reply_reading *r, const struct effect *ef,
	const char *answer_id)
{
	struct engine *e = ev->e;
	const struct campaign *c = e->world.c;
	struct store_call s = {.outcome = reply_disposition_name(ef->disposition)};
	int64_t now = engine_now_ms(e);
	json_t *j;

	args_init(&s.answer);
	ev->facts = ef->facts;
	ev->changed = ef->changed && ev->unit >= 0;
	if (ev->changed) {
		j = facts_to_json(c, &ef->facts);
		s.facts_json = json_dumps(j, JSON_COMPACT);
		json_decref(j);
		s.rev_before = ef->facts.rev - 1;
		s.rev_after = ef->facts.rev;
	}
	if (ef->question_changed) {
		if (ef->question.open)
			json_object_set_new(ev->ask, "q", question_to_json(c, &ef->question));
		else
			json_object_del(ev->ask, "q");
	}
	if (answer_id[0] && !(ev->unit < 0 && told_stranger_today(ev, now)) && may_answer(ev, now))
		make_answer(ev, answer_id, ev->unit, ef, &s);
	s.ask_json = json_dumps(ev->ask, JSON_COMPACT);
	if (ef->to_operator)
		s.queue_json = queue_entry(ev, r);
	s.audit_json = engine_audit_json(e, "reply",
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "event", ev->in.id, "unit",
			ev->unit >= 0 ? c->units->items[ev->unit].code : "", "by", ev->in.sender,
			"text", r->drop_text ? "" : ev->in.text, "reading", reply_to_json(c, r),
			"outcome", s.outcome, "answer", s.answer_mid, "template", answer_id));
	LOG_INFO("reply_read", "event=%s unit=%s disposition=%s reply=%s", ev->in.id,
		ev->unit >= 0 ? c->units->items[ev->unit].code : "", s.outcome, answer_id);
	store_event(ev, &s);
}

/* `@守望 绑定 <code>`: ties this group to a unit; the code is single use. */
static void carry_out_binding(struct event *ev)
{
	struct engine *e = ev->e;
	struct store_call s = {.outcome = "bind"};
	bool good = ev->in.group && ev->bind_unit[0] && ev->unit >= 0 &&
		    units_is_under(e->world.c->units, units_find(e->world.c->units, ev->bind_unit),
			    ev->unit);

	args_init(&s.answer);
	if (good) {
		(void)snprintf(ev->chat_unit, sizeof(ev->chat_unit), "%s", ev->bind_unit);
		(void)snprintf(s.binding, sizeof(s.binding), "%s %s", ev->in.chat, ev->bind_unit);
	}
	make_answer(ev, good ? "R-BOUND" : "R-BIND-FAILED",
		good ? units_find(e->world.c->units, ev->bind_unit) : ev->unit, NULL, &s);
	s.audit_json = engine_audit_json(e, "group_bound",
		json_pack("{s:s, s:s, s:s, s:b}", "event", ev->in.id, "unit", ev->bind_unit, "by",
			ev->in.sender, "done", good));
	store_event(ev, &s);
}

static void decide(struct event *ev)
{
	struct engine *e = ev->e;
	const struct campaign *c = e->world.c;
	int contact = world_contact_by_userid(&e->world, ev->in.sender);
	const struct contact *k = contact >= 0 ? &e->world.contacts.items[contact] : NULL;
	/* The moment it was said, not the moment we got round to it: "明天" and a half-hour's question depend on it. */
	int64_t at_ms = ev->in.at_ms < engine_now_ms(e) ? ev->in.at_ms : engine_now_ms(e);
	struct reply_context ctx = {.now_ms = at_ms,
		.unit = k ? k->unit : -1,
		.mentioned = ev->in.mentioned,
		.channel = ev->in.group ? REPLY_GROUP : REPLY_SINGLE};
	static const struct unit_facts nothing;
	struct question question = {0};
	struct reply_reading reading;
	struct effect effect;
	struct effect_input in;
	bool repeat;

	ev->unit = ctx.unit;
	if (!ev->ask)
		ev->ask = json_object();
	if (ev->code[0]) {
		carry_out_binding(ev);
		return;
	}
	remember_text(ev, ctx.now_ms, &repeat);
	question_from_json(c, json_object_get(ev->ask, "q"), &question);
	if (question.open && ctx.now_ms > question.until_ms)
		question = (struct question){0};
	ctx.role = role_of(c, ctx.unit);
	ev->facts = ctx.unit >= 0 ? e->world.facts[ctx.unit] : nothing;
	for (size_t i = 0; i < c->n_categories; i++)
		ctx.stored[i] = ev->facts.counts[i].known ? ev->facts.counts[i].value : -1;
	ctx.open = question.open ? OPEN_CONFIRM : ev->facts.ack_ms == 0 ? OPEN_ACK : OPEN_NONE;
	reply_read(c, &ctx, ev->in.text, strlen(ev->in.text), &reading);
	in = (struct effect_input){.c = c,
		.unit = ctx.unit,
		.department = k ? k->department : -1,
		.by = k ? k->id : ev->in.sender,
		.now_ms = ctx.now_ms,
		.facts = &ev->facts,
		.question = &question,
		.reading = &reading,
		.repeat = repeat,
		.single_chat = !ev->in.group};
	effect_of(&in, &effect);
	carry_out(ev, &reading, &effect, effect.answer);
}

/* ---- what is read first ---- */

static void read_done(struct event *ev)
{
	struct engine *e = ev->e;

	if (--ev->pending)
		return;
	if (ev->failed || !engine_ready(e)) {
		event_end(e, false);
		return;
	}
	if (ev->known) {
		event_end(e, true);
		return;
	}
	if (ev->in.kind == IN_EVENT) {
		struct store_call s = {.outcome = "event"};

		args_init(&s.answer);
		ev->unit = -1;
		s.audit_json = engine_audit_json(e, "chat_event",
			json_pack("{s:s, s:s, s:s}", "event", ev->in.id, "by", ev->in.sender,
				"name", ev->in.text));
		store_event(ev, &s);
		return;
	}
	decide(ev);
}

static void on_known(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_known") || ev->failed;
	ev->known = !ev->failed && v->type == REDIS_INTEGER && v->integer == 1;
	read_done(ev);
}

static void on_ask(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_ask") || ev->failed;
	json_decref(ev->ask);
	ev->ask =
		!ev->failed && v->type == REDIS_STRING ? json_loadb(v->str, v->len, 0, NULL) : NULL;
	read_done(ev);
}

static void on_chat(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_chat") || ev->failed;
	if (!ev->failed && v->type == REDIS_STRING &&
		text_copy(ev->chat_unit, sizeof(ev->chat_unit), v->str) < 0)
		ev->chat_unit[0] = '\0';
	read_done(ev);
}

static void on_bind(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_bind") || ev->failed;
	if (!ev->failed && v->type == REDIS_STRING &&
		text_copy(ev->bind_unit, sizeof(ev->bind_unit), v->str) < 0)
		ev->bind_unit[0] = '\0';
	read_done(ev);
}

static void ask(struct event *ev, redis_cb cb, const char *const *words)
{
	ev->pending++;
	if (store_command(ev->e->redis, cb, ev, words) < 0) {
		ev->pending--;
		ev->failed = true;
	}
}

/* `@name 绑定 CODE` and nothing else, said to the robot in a group: CODE goes into RET. "" otherwise. */
static void binding_code(const struct wire_in *in, char ret[33])
{
	const char *p = in->text;
	size_t n;

	ret[0] = '\0';
	if (!in->group || !in->mentioned)
		return;
	if (*p == '@') {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	if (!text_starts(p, "绑定"))
		return;
	p += strlen("绑定");
	p += strspn(p, " ");
	n = strspn(p, "0123456789abcdefABCDEF");
	if (n == 0 || n > 32 || p[n + strspn(p + n, " ")])
		return;
	memcpy(ret, p, n);
	ret[n] = '\0';
}

static void start_next(struct engine *e)
{
	struct inbound *b = e->inbound;
	struct event *ev = b->head;
	char key[STORE_KEY];

	if (b->current || !ev || !engine_ready(e) || e->stopping)
		return;
	b->head = ev->next;
	if (!b->head)
		b->tail = &b->head;
	b->current = ev;
	ev->next = NULL;
	ev->failed = ev->known = false;
	ev->pending = 1;
	ask(ev, on_known,
		(const char *const[]){"EXISTS", store_key(key, KEY_IN_PREFIX, ev->in.id), NULL});
	ask(ev, on_ask,
		(const char *const[]){"GET", store_key(key, KEY_ASK_PREFIX, ev->in.sender), NULL});
	if (ev->in.group)
		ask(ev, on_chat, (const char *const[]){"HGET", KEY_CHAT, ev->in.chat, NULL});
	binding_code(&ev->in, ev->code);
	if (ev->code[0])
		ask(ev, on_bind,
			(const char *const[]){"GET", store_key(key, KEY_BIND ":", ev->code), NULL});
	read_done(ev);
}

void inbound_on_event(struct engine *e, const char *payload, size_t len)
{
	struct inbound *b = e->inbound;
	struct event *ev = calloc(1, sizeof(*ev));
	struct sw_err err = {0};

	if (!ev || wire_in_decode(payload, len, &ev->in, &err) < 0) {
		LOG_WARN("event_unreadable", "err=%s", err.text);
		free(ev);
		return;
	}
	/* The bot repeats what is not acknowledged: the same event may be in the line already. */
	for (struct event *q = b->head; q; q = q->next)
		if (!strcmp(q->in.id, ev->in.id)) {
			event_free(ev);
			return;
		}
	if (b->n >= ENGINE_MAX_INBOUND || (b->current && !strcmp(b->current->in.id, ev->in.id))) {
		event_free(ev);
		return;
	}
	ev->e = e;
	ev->unit = -1;
	*b->tail = ev;
	b->tail = &ev->next;
	b->n++;
	e->activity++;
	start_next(e);
}

static void on_retry(void *ctx)
{
	start_next(ctx);
}

void inbound_kick(struct engine *e)
{
	start_next(e);
}

int inbound_create(struct engine *e)
{
	struct inbound *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->tail = &b->head;
	e->inbound = b;
	return timer_new(e->loop, on_retry, e, &b->retry);
}

void inbound_destroy(struct engine *e)
{
	struct inbound *b = e->inbound;

	if (!b)
		return;
	while (b->head) {
		struct event *ev = b->head;

		b->head = ev->next;
		event_free(ev);
	}
	timer_destroy(b->retry);
	if (b->current)
		event_free(b->current);
	free(b);
	e->inbound = NULL;
}
