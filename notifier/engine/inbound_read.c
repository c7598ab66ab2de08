/*
 * notifier/engine/inbound_read.c: how a text is read, what it changes, and what is recorded of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/audience.h"
#include "notifier/engine/inbound_internal.h"

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

/* A resident has no name here: the masked number. */
static const char *by_whom(const struct event *ev)
{
	return ev->phone[0] && ev->contact < 0 ? ev->number : ev->in.sender;
}

static char *queue_entry(struct event *ev, const struct reply_reading *r)
{
	struct engine *e = ev->e;
	json_t *j = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:o}", "id", ev->in.id, "at",
		(json_int_t)engine_now_ms(e), "unit",
		ev->unit >= 0 ? e->world.c->units->items[ev->unit].code : "", "by", by_whom(ev),
		"number", ev->number, "text", r->drop_text ? "" : ev->in.text, "reading",
		reply_to_json(e->world.c, r));
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
	/* Whoever is no official is told the same thing once a day. */
	if (answer_id[0] && !(ev->unit < 0 && inbound_told_today(ev, answer_id, now)) &&
		inbound_may_answer(ev, now))
		inbound_answer(ev, answer_id, ev->unit, ef, &s);
	s.ask_json = json_dumps(ev->ask, JSON_COMPACT);
	if (ef->to_operator)
		s.queue_json = queue_entry(ev, r);
	s.audit_json = engine_audit_json(e, "reply",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "event", ev->in.id,
			"unit", ev->unit >= 0 ? c->units->items[ev->unit].code : "", "by",
			by_whom(ev), "number", ev->number, "text", r->drop_text ? "" : ev->in.text,
			"reading", reply_to_json(c, r), "outcome", s.outcome, "answer",
			s.answer_mid, "template", answer_id));
	LOG_INFO("reply_read", "event=%s unit=%s disposition=%s reply=%s", ev->in.id,
		ev->unit >= 0 ? c->units->items[ev->unit].code : "", s.outcome, answer_id);
	inbound_store(ev, &s);
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
	inbound_answer(ev, good ? "R-BOUND" : "R-BIND-FAILED",
		good ? units_find(e->world.c->units, ev->bind_unit) : ev->unit, NULL, &s);
	s.audit_json = engine_audit_json(e, "group_bound",
		json_pack("{s:s, s:s, s:s, s:b}", "event", ev->in.id, "unit", ev->bind_unit, "by",
			ev->in.sender, "done", good));
	inbound_store(ev, &s);
}

/* By his place in the roster of this moment; a stranger's number gives none. */
static void find_contact(struct event *ev)
{
	const struct world *w = &ev->e->world;

	ev->contact = ev->phone[0] ? world_contact_by_id(w, ev->in.sender)
				   : world_contact_by_userid(w, ev->in.sender);
}

/* ---- opting out and in: in force before the event is stored, so that its answer is true ---- */

static const struct reply_act *find_act(const struct reply_reading *r, enum reply_act_kind kind)
{
	for (size_t i = 0; i < r->n_acts; i++)
		if (r->acts[i].kind == kind)
			return &r->acts[i];
	return NULL;
}

static void on_opted(void *ctx, int rc)
{
	struct event *ev = ctx;

	if (rc < 0 || !engine_ready(ev->e)) {
		LOG_WARN("opt_not_stored", "event=%s err=%s", ev->in.id, err_name(rc));
		inbound_end(ev->e, false);
		return;
	}
	find_contact(ev);
	carry_out(ev, &ev->reading->r, &ev->reading->ef, ev->reading->ef.answer);
}

static void opt(struct event *ev, bool out)
{
	struct effect *ef = &ev->reading->ef;
	int rc;

	/* Carried out here and now. An official's duty goes on: whether he is still in charge is for an operator. */
	if (ev->reading->r.disposition == REPLY_APPLY) {
		ef->to_operator = false;
		ef->disposition = REPLY_APPLY;
		(void)snprintf(ef->answer, sizeof(ef->answer), "%s", ev->reading->r.reply);
	}
	rc = audience_opt(ev->e, ev->phone, out, on_opted, ev);
	if (rc < 0)
		on_opted(ev, rc);
}

/* ---- deciding ---- */

static void read_text(struct event *ev, const struct reply_context *ctx)
{
	struct engine *e = ev->e;
	const struct campaign *c = e->world.c;
	const struct contact *k = ev->contact >= 0 ? &e->world.contacts.items[ev->contact] : NULL;
	struct reply_context with_question = *ctx;
	struct question question = {0};
	struct effect_input in;
	bool repeat;

	remember_text(ev, ctx->now_ms, &repeat);
	question_from_json(c, json_object_get(ev->ask, "q"), &question);
	if (question.open && ctx->now_ms > question.until_ms)
		question = (struct question){0};
	for (size_t i = 0; i < c->n_categories; i++)
		with_question.stored[i] =
			ev->facts.counts[i].known ? ev->facts.counts[i].value : -1;
	with_question.open = question.open           ? OPEN_CONFIRM
			     : ev->facts.ack_ms == 0 ? OPEN_ACK
						     : OPEN_NONE;
	reply_read(c, &with_question, ev->in.text, strlen(ev->in.text), &ev->reading->r);
	in = (struct effect_input){.c = c,
		.unit = ctx->unit,
		.department = k ? k->department : -1,
		.by = k ? k->id : ev->in.sender,
		.now_ms = ctx->now_ms,
		.facts = &ev->facts,
		.question = &question,
		.reading = &ev->reading->r,
		.repeat = repeat,
		.single_chat = ctx->channel == REPLY_SINGLE};
	effect_of(&in, &ev->reading->ef);
}

void inbound_decide(struct event *ev)
{
	struct engine *e = ev->e;
	static const struct unit_facts nothing;
	/* The moment it was said, not the moment we got round to it: "明天" and a half-hour's question depend on it. */
	struct reply_context ctx = {
		.now_ms = ev->in.at_ms < engine_now_ms(e) ? ev->in.at_ms : engine_now_ms(e),
		.mentioned = ev->in.mentioned,
		.channel = ev->phone[0]   ? REPLY_SMS
			   : ev->in.group ? REPLY_GROUP
					  : REPLY_SINGLE};

	find_contact(ev);
	ev->unit = ctx.unit = ev->contact >= 0 ? e->world.contacts.items[ev->contact].unit : -1;
	if (!ev->ask)
		ev->ask = json_object();
	if (ev->code[0]) {
		carry_out_binding(ev);
		return;
	}
	ctx.role = ev->is_resident ? REPLY_RESIDENT : role_of(e->world.c, ctx.unit);
	ev->facts = ctx.unit >= 0 ? e->world.facts[ctx.unit] : nothing;
	free(ev->reading);
	ev->reading = calloc(1, sizeof(*ev->reading));
	if (!ev->reading) {
		inbound_end(e, false);
		return;
	}
	read_text(ev, &ctx);
	if (ev->phone[0] && find_act(&ev->reading->r, ACT_OPT_OUT))
		opt(ev, true);
	else if (ev->phone[0] && find_act(&ev->reading->r, ACT_OPT_IN))
		opt(ev, false);
	else
		carry_out(ev, &ev->reading->r, &ev->reading->ef, ev->reading->ef.answer);
}
