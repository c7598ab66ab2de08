/*
 * notifier/engine/inbound.c: the line of what came in: each event is read, applied and answered in one script.
 *
 * Events are worked on one after the other, in the order the bot spooled them, so that each reading sees the facts
 * the one before it made. An event is acknowledged only after its script has answered; a repeat changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/inbound_internal.h"

enum { RETRY_MS = 500 };

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
	gateway_uplinks_free(v->uplinks, v->n_uplinks);
	free(v->reading);
	free(v);
}

/* First in the line again. */
static void put_back(struct engine *e, struct event *v)
{
	struct inbound *b = e->inbound;

	v->next = b->head;
	if (!b->head)
		b->tail = &v->next;
	b->head = v;
	timer_after(b->retry, RETRY_MS);
}

/* One message of an event of several is over. */
static void part_end(struct event *part, bool ack)
{
	struct engine *e = part->e;
	struct event *whole = part->parent;

	event_free(part);
	if (!ack) {
		put_back(e, whole);
		return;
	}
	e->inbound->current = whole;
	whole->at++;
	scheduler_kick(e);
	audit_kick(e);
	if (!engine_ready(e)) {
		inbound_end(e, false);
		return;
	}
	inbound_uplinks(whole);
}

void inbound_end(struct engine *e, bool ack)
{
	struct inbound *b = e->inbound;
	struct event *v = b->current;

	b->current = NULL;
	e->activity++;
	if (v->parent) {
		part_end(v, ack);
	} else if (ack) {
		dispatch_ack(e, v->in.id);
		b->n--;
		event_free(v);
		scheduler_kick(e);
		audit_kick(e);
		start_next(e);
	} else {
		put_back(e, v);
	}
}

/* ---- carrying out ---- */

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;
	struct engine *e = ev->e;
	char labels[96];

	if (store_is_fenced(v)) {
		engine_fenced(e);
		inbound_end(e, false);
		return;
	}
	if (store_failed(rc, v, "inbound")) {
		inbound_end(e, false);
		return;
	}
	if (v->str && !strcmp(v->str, "rev")) {
		/* What is in memory is not what is stored: read it again, then this event once more. */
		LOG_WARN("facts_changed_meanwhile", "event=%s", ev->in.id);
		leader_reload(e);
		inbound_end(e, false);
		return;
	}
	if (v->str && !strcmp(v->str, "ok")) {
		if (ev->changed && ev->unit >= 0) {
			e->world.facts[ev->unit] = ev->facts;
			state_publish_unit(e, ev->unit);
		}
		(void)snprintf(labels, sizeof(labels), "source=\"%.60s\"", ev->in.source);
		/* An event of several messages: each was counted. */
		if (ev->in.kind != IN_SMS_UPLINK)
			metrics_add(e->metrics, "shouwang_inbound_events_total", labels, 1);
	}
	inbound_end(e, true);
}

void inbound_store(struct event *ev, struct store_call *s)
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
		inbound_end(e, false);
	args_fini(&a);
	args_fini(&s->answer);
	free(s->facts_json);
	free(s->ask_json);
	free(s->queue_json);
	free(s->audit_json);
}

/* ---- what is read first ---- */

void inbound_read_done(struct event *ev)
{
	struct engine *e = ev->e;

	if (--ev->pending)
		return;
	if (ev->failed || !engine_ready(e))
		inbound_end(e, false);
	else if (ev->known)
		inbound_end(e, true);
	else
		ev->then(ev);
}

static void store_chat_event(struct event *ev)
{
	struct store_call s = {.outcome = "event"};

	args_init(&s.answer);
	ev->unit = -1;
	s.audit_json = engine_audit_json(ev->e, "chat_event",
		json_pack("{s:s, s:s, s:s}", "event", ev->in.id, "by", ev->in.sender, "name",
			ev->in.text));
	inbound_store(ev, &s);
}

static void begin(struct event *ev)
{
	switch (ev->in.kind) {
	case IN_REPLY:
		inbound_decide(ev);
		return;
	case IN_EVENT:
		store_chat_event(ev);
		return;
	case IN_SMS_REPORT:
		inbound_receipts(ev);
		return;
	case IN_SMS_UPLINK:
		inbound_uplinks(ev);
		return;
	}
}

static void on_known(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_known") || ev->failed;
	ev->known = !ev->failed && v->type == REDIS_INTEGER && v->integer == 1;
	inbound_read_done(ev);
}

static void on_ask(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_ask") || ev->failed;
	json_decref(ev->ask);
	ev->ask =
		!ev->failed && v->type == REDIS_STRING ? json_loadb(v->str, v->len, 0, NULL) : NULL;
	inbound_read_done(ev);
}

static void on_chat(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_chat") || ev->failed;
	if (!ev->failed && v->type == REDIS_STRING &&
		text_copy(ev->chat_unit, sizeof(ev->chat_unit), v->str) < 0)
		ev->chat_unit[0] = '\0';
	inbound_read_done(ev);
}

static void on_bind(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_bind") || ev->failed;
	if (!ev->failed && v->type == REDIS_STRING &&
		text_copy(ev->bind_unit, sizeof(ev->bind_unit), v->str) < 0)
		ev->bind_unit[0] = '\0';
	inbound_read_done(ev);
}

void inbound_ask(struct event *ev, redis_cb cb, const char *const *words)
{
	ev->pending++;
	if (store_command(ev->e->redis, cb, ev, words) < 0) {
		ev->pending--;
		ev->failed = true;
	}
}

void inbound_ask_known(struct event *ev)
{
	char key[STORE_KEY];

	inbound_ask(ev, on_known,
		(const char *const[]){"EXISTS", store_key(key, KEY_IN_PREFIX, ev->in.id), NULL});
}

void inbound_ask_question(struct event *ev)
{
	char key[STORE_KEY];

	inbound_ask(ev, on_ask,
		(const char *const[]){"GET", store_key(key, KEY_ASK_PREFIX, ev->in.sender), NULL});
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
	ev->then = begin;
	inbound_ask_known(ev);
	if (ev->in.kind == IN_REPLY)
		inbound_ask_question(ev);
	if (ev->in.group)
		inbound_ask(
			ev, on_chat, (const char *const[]){"HGET", KEY_CHAT, ev->in.chat, NULL});
	if (ev->in.kind == IN_REPLY)
		binding_code(&ev->in, ev->code);
	if (ev->code[0])
		inbound_ask(ev, on_bind,
			(const char *const[]){"GET", store_key(key, KEY_BIND ":", ev->code), NULL});
	inbound_read_done(ev);
}

static bool is_current(const struct inbound *b, const char *id)
{
	return b->current &&
	       (!strcmp(b->current->in.id, id) ||
		       (b->current->parent && !strcmp(b->current->parent->in.id, id)));
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
	if (b->n >= ENGINE_MAX_INBOUND || is_current(b, ev->in.id)) {
		event_free(ev);
		return;
	}
	ev->e = e;
	ev->unit = ev->contact = -1;
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
	if (b->current && b->current->parent)
		event_free(b->current->parent);
	if (b->current)
		event_free(b->current);
	free(b);
	e->inbound = NULL;
}
