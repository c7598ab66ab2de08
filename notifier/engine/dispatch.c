/*
 * notifier/engine/dispatch.c: the outbox towards the bot, and the verdicts that come back.
 *
 * MQTT only carries: a message stays in the outbox and is published again every 30 s and on each connect until its
 * verdict is in Redis; only then is the verdict acknowledged. The bot sends each (mid, attempt) at most once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "core/wire/topic.h"
#include "notifier/engine/publicity.h"
#include "notifier/engine/sms.h"

const char *dispatch_route(const struct engine *e, const char *channel, const char *unit)
{
	if (!strcmp(channel, "app"))
		return conf_count(e->conf, "wecom.apps") ? conf_str(e->conf, "wecom.apps[0].name")
							 : "";
	for (size_t i = 0; i < conf_count(e->conf, "wecom.robots"); i++)
		if (!strcmp(conf_strf(e->conf, "wecom.robots[%zu].unit", i), unit))
			return conf_strf(e->conf, "wecom.robots[%zu].name", i);
	return "";
}

/* NAME, an entry of the allow-list, is a number in any way of writing: is it this message's? */
static bool is_number_of(const struct engine *e, const char *name, const struct message *m)
{
	char phone[16], index[65];

	if (!m->rcp[0] || phone_normalise(name, phone) != PHONE_MOBILE)
		return false;
	seal_index(&e->data_key, phone, index);
	return !strncmp(index, m->rcp, sizeof(m->rcp) - 1);
}

static bool is_sms(const struct message *m)
{
	return !strcmp(m->ch, "sms");
}

/* The user id of the contact a message goes to, "" when there is none. */
static const char *userid_of(const struct engine *e, const struct message *m)
{
	int i = is_sms(m) ? world_contact_by_id(&e->world, m->to) : -1;

	return i >= 0 ? e->world.contacts.items[i].userid : m->uid;
}

bool dispatch_allowed(const struct engine *e, const struct message *m)
{
	const char *uid = userid_of(e, m);

	if (e->live || !conf_bool(e->conf, "trial.enabled"))
		return true;
	for (size_t i = 0; i < conf_count(e->conf, "trial.allow"); i++) {
		const char *name = conf_str_at(e->conf, "trial.allow", i);

		if ((m->unit[0] && !strcmp(name, m->unit)) ||
			(!is_sms(m) && !strcmp(name, m->route)) ||
			(name[0] && !strcmp(name, uid)) ||
			(is_sms(m) && (!strcmp(name, m->to) || is_number_of(e, name, m))))
			return true;
	}
	return false;
}

/* ---- routes that asked us to wait ---- */

void dispatch_park(struct engine *e, const char *channel, const char *route, int64_t until_ms)
{
	char name[80];
	size_t i = 0;

	(void)snprintf(name, sizeof(name), "%s/%s", channel, route);
	while (i < e->n_parked && strcmp(e->parked[i].name, name))
		i++;
	if (i == ENGINE_MAX_ROUTES)
		return;
	if (i == e->n_parked)
		e->n_parked++;
	else if (e->parked[i].until_ms >= until_ms)
		return; /* it waits longer already */
	(void)snprintf(e->parked[i].name, sizeof(e->parked[i].name), "%s", name);
	e->parked[i].until_ms = until_ms;
	LOG_INFO("route_parked", "chan=%s until_ms=%" PRId64, name, until_ms);
}

int64_t dispatch_parked_until(const struct engine *e, const char *channel, const char *route)
{
	char name[80];

	(void)snprintf(name, sizeof(name), "%s/%s", channel, route);
	for (size_t i = 0; i < e->n_parked; i++)
		if (!strcmp(e->parked[i].name, name))
			return e->parked[i].until_ms;
	return 0;
}

/* ---- out ---- */

static void fill_mentions(struct wire_out *o, const char *mentions)
{
	char *copy = text_dup(mentions), *save = NULL;

	for (char *id = copy ? strtok_r(copy, " ", &save) : NULL;
		id && o->n_mentions < WIRE_MAX_MENTIONS; id = strtok_r(NULL, " ", &save))
		o->mentions[o->n_mentions++] = text_dup(id);
	free(copy);
}

bool dispatch_publish(struct engine *e, const struct message *m, int attempt)
{
	struct wire_out o = {
		.attempt = attempt, .not_before_ms = m->due_ms, .expires_at_ms = m->expires_ms};
	char topic[TOPIC_MAX], *json;
	bool done;

	if (!e->mqtt || !mqtt_connected(e->mqtt)) {
		e->unpublished = true; /* published when the broker is back */
		return false;
	}
	if (text_copy(o.mid, sizeof(o.mid), m->mid) < 0 ||
		text_copy(o.unit, sizeof(o.unit), m->unit) < 0 ||
		text_copy(o.channel, sizeof(o.channel), m->ch) < 0 ||
		text_copy(o.route, sizeof(o.route), m->route) < 0 ||
		text_copy(o.to, sizeof(o.to), m->uid) < 0 ||
		text_copy(o.reply_to, sizeof(o.reply_to), m->rt) < 0)
		return false;
	if (!strcmp(m->kind, "pub"))
		o.expires_at_ms = publicity_group_expires(e, m);
	o.class = strcmp(m->class, "no_repeat") ? CLASS_MUST_ARRIVE : CLASS_NO_REPEAT;
	o.type = strcmp(m->type, "markdown") ? TEXT_PLAIN : TEXT_MARKDOWN;
	o.text = text_dup(m->text);
	fill_mentions(&o, m->ment);
	json = wire_out_encode(&o, engine_now_ms(e));
	done = json && mqtt_publish(e->mqtt, topic_out(topic, o.channel, o.route), json,
			       strlen(json), false) == 0;
	if (!done)
		e->unpublished = true; /* the outbox brings it again */
	else
		LOG_DEBUG("message_published", "mid=%s attempt=%d", m->mid, attempt);
	free(json);
	wire_out_fini(&o);
	return done;
}

/* ---- the outbox: who has come gets all of it ---- */

int64_t dispatch_republish_ms(const struct engine *e)
{
	int64_t now = clock_real_ms();

	return (now > e->outbox_from_ms ? now : e->outbox_from_ms) + ENGINE_REPUBLISH_MS;
}

int64_t dispatch_outbox_until_ms(const struct engine *e)
{
	int64_t now = clock_real_ms(), before = e->outbox_from_ms + ENGINE_REPUBLISH_MS - 1;

	return now > before ? now : before;
}

void dispatch_on_connect(struct engine *e)
{
	/* What was published up to now has a lesser score than what will be: the scheduler's rounds bring it, in order. */
	e->outbox_from_ms = clock_real_ms() + 1;
	e->unpublished = false;
	scheduler_kick(e);
}

void dispatch_on_drain(struct engine *e)
{
	e->unpublished = false;
	scheduler_kick(e);
}

static void on_hold_heard(void *ctx, const struct wire_control *answer)
{
	(void)ctx;
	if (!answer || !answer->ok)
		LOG_WARN("hold_not_confirmed", "answer=%d", answer != NULL);
}

void dispatch_on_bot_online(struct engine *e)
{
	struct wire_control hold = {.op = "hold"};

	/* Its own hold does not outlive it. */
	if ((e->paused || e->hold[0]) && wait_control(e, &hold, on_hold_heard, NULL) < 0)
		LOG_WARN("hold_not_sent", "paused=%d", e->paused);
	dispatch_on_connect(e);
}

/* ---- verdicts ---- */

void dispatch_ack(struct engine *e, const char *id)
{
	struct wire_ack a = {.n = 1};
	char *json;

	a.ids = calloc(1, sizeof(*a.ids));
	if (!a.ids || text_copy(a.ids[0], sizeof(a.ids[0]), id) < 0) {
		free(a.ids);
		return;
	}
	json = wire_ack_encode(&a, engine_now_ms(e));
	/* Lost with the broker away: the bot asks again, the answer is the same. */
	if (json && e->mqtt)
		(void)mqtt_publish(e->mqtt, TOPIC_ACK, json, strlen(json), false);
	free(json);
	wire_ack_fini(&a);
}

struct verdict_op {
	struct engine *e;
	struct wire_verdict v;
};

/* A rate refusal holds for as long as it says; for one message's own pauses the others wait a minute at most. */
static void park_for(
	struct engine *e, const char *channel, const char *route, int64_t due_ms, bool is_rate)
{
	int64_t longest = engine_now_ms(e) + ENGINE_PARK_MAX_MS;

	dispatch_park(e, channel, route, is_rate || due_ms < longest ? due_ms : longest);
}

static void on_recorded(void *ctx, int rc, const struct redis_value *v)
{
	struct verdict_op *op = ctx;
	struct engine *e = op->e;
	char id[48], labels[64];

	if (store_failed(rc, v, "verdict"))
		goto out; /* not acknowledged: it comes again */
	(void)snprintf(id, sizeof(id), "%s-%d", op->v.mid, op->v.attempt);
	dispatch_ack(e, id);
	if (v->type == REDIS_ARRAY && v->n == 5 && v->items[1].integer == 1) {
		LOG_INFO("message_verdict",
			"mid=%s attempt=%d verdict=%s class=%s code=%s state=%s", op->v.mid,
			op->v.attempt, wire_verdict_name(op->v.verdict), op->v.class, op->v.code,
			v->items[0].str);
		(void)snprintf(
			labels, sizeof(labels), "verdict=\"%s\"", wire_verdict_name(op->v.verdict));
		metrics_add(e->metrics, "shouwang_verdicts_total", labels, 1);
		/* The destination asked us to wait, or cannot be reached: what else is for it waits too, in order. */
		if (v->items[2].integer > 0)
			park_for(e, v->items[3].str, v->items[4].str, v->items[2].integer,
				!strcmp(op->v.class, "rate"));
	}
out:
	e->activity++;
	scheduler_kick(e);
	audit_kick(e);
	free(op);
}

int dispatch_record(struct engine *e, const struct verdict_call *v, redis_cb cb, void *ctx)
{
	char key[STORE_KEY];
	const char *const keys[] = {store_key(key, KEY_MESSAGE_PREFIX, v->mid), KEY_OUTBOX, KEY_DUE,
		KEY_PARK, KEY_UNKNOWN, KEY_DEAD, KEY_AUDIT, KEY_TRYING, KEY_AWAIT, KEY_JOURNAL};
	int64_t now = engine_now_ms(e);
	struct args a;
	int rc;

	args_init(&a);
	args_add(&a, v->mid);
	args_addi(&a, v->attempt);
	args_addi(&a, now);
	args_add(&a, wire_verdict_name(v->verdict));
	args_add(&a, v->class[0] ? v->class : "-");
	args_add(&a, v->code[0] ? v->code : "-");
	args_addi(&a, v->retry_after_ms);
	args_addi(&a, ENGINE_MAX_TRIES);
	args_add(&a, v->audit);
	/* The policy ends an unknown outcome ENGINE_UNKNOWN_WAIT_MS after its score. */
	args_addi(&a, v->gateway[0] ? sms_unknown_score(e) : now);
	args_add(&a, v->gateway);
	args_add(&a, v->provider_id);
	args_add(&a, v->instance);
	args_addf(&a, "%" PRIu64, v->position);
	rc = store_eval(e->redis, "verdict", cb, ctx, keys, ARRAY_LEN(keys), &a);
	args_fini(&a);
	return rc;
}

void dispatch_on_verdict(struct engine *e, const char *payload, size_t len)
{
	struct verdict_op *op = calloc(1, sizeof(*op));
	struct sw_err err = {0};
	struct verdict_call call;
	char *audit = NULL;

	if (!op || wire_verdict_decode(payload, len, &op->v, &err) < 0) {
		LOG_WARN("verdict_unreadable", "err=%s", err.text);
		free(op);
		return;
	}
	op->e = e;
	if (!engine_ready(e)) {
		free(op); /* the bot keeps it until we acknowledge */
		return;
	}
	audit = engine_audit_json(e, "verdict",
		json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "mid", op->v.mid, "attempt",
			op->v.attempt, "verdict", wire_verdict_name(op->v.verdict), "class",
			op->v.class, "code", op->v.code, "text", op->v.text));
	call = (struct verdict_call){.mid = op->v.mid,
		.attempt = op->v.attempt,
		.verdict = op->v.verdict,
		.class = op->v.class,
		.code = op->v.code,
		.retry_after_ms = op->v.retry_after_ms,
		.gateway = "",
		.provider_id = "",
		.instance = "",
		.audit = audit};
	if (dispatch_record(e, &call, on_recorded, op) < 0)
		free(op);
	free(audit);
}
