/*
 * notifier/engine/inbound_sms.c: what SMS gateways push: receipts, and messages from phones.
 *
 * One push holds several; it is acknowledged after all of them are durable. Receipts are facts, merged as often as they come.
 * A message is an event of its own, with an id made of the provider's: it is read, applied and answered once, also when the
 * process dies between two of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/engine/audience.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/inbound_internal.h"
#include "notifier/engine/sms.h"

/* What a gateway says about when a message was written is believed within this of its arrival. */
#define LONGEST_WAY_MS INT64_C(259200000)

static const char *provider_of(const struct event *ev)
{
	return text_starts(ev->in.source, "sms/") ? ev->in.source + 4 : ev->in.source;
}

/* The push itself, once all it holds is durable. */
static void store_whole(struct event *ev, const char *outcome, json_t *detail)
{
	struct store_call s = {.outcome = outcome};

	args_init(&s.answer);
	if (detail)
		s.audit_json = engine_audit_json(ev->e, "sms_push", detail);
	inbound_store(ev, &s);
}

/* It will not become readable by being repeated. */
static void store_unreadable(struct event *ev, const struct sw_err *err)
{
	LOG_ERROR("sms_push_unreadable", "event=%s source=%s err=%s", ev->in.id, ev->in.source,
		err->text);
	metrics_add(ev->e->metrics, "shouwang_sms_unreadable_total", NULL, 1);
	store_whole(ev, "unreadable",
		json_pack("{s:s, s:s, s:s}", "event", ev->in.id, "source", ev->in.source, "why",
			err->text));
}

static void count_bad(struct event *ev, size_t bad)
{
	if (!bad)
		return;
	LOG_WARN("sms_items_unreadable", "event=%s source=%s n=%zu", ev->in.id, ev->in.source, bad);
	metrics_add(ev->e->metrics, "shouwang_sms_unreadable_total", NULL, (double)bad);
}

/* ---- receipts ---- */

static void receipts_done(struct event *ev, int rc)
{
	ev->failed = ev->failed || rc < 0;
	if (--ev->pending)
		return;
	if (ev->failed || !engine_ready(ev->e))
		inbound_end(ev->e, false);
	else
		store_whole(ev, "receipts", NULL);
}

static void on_receipts(void *ctx, int rc, size_t matched)
{
	(void)matched;
	receipts_done(ctx, rc);
}

/* "b42.7.96.1": a broadcast's; whatever else it is, it is looked for among the messages. */
static bool is_broadcast(const char *out_id)
{
	char id[BROADCAST_ID];
	unsigned segment, index, attempt;

	return broadcast_parse_out_id(out_id, id, &segment, &index, &attempt);
}

/* Moves those of broadcasts behind the others; returns how many others there are. */
static size_t sort_receipts(struct gateway_receipt *items, size_t n)
{
	size_t others = 0;

	for (size_t i = 0; i < n; i++) {
		struct gateway_receipt r = items[i];

		if (is_broadcast(r.out_id))
			continue;
		items[i] = items[others];
		items[others++] = r;
	}
	return others;
}

void inbound_receipts(struct event *ev)
{
	struct engine *e = ev->e;
	struct gateway_receipt *items = NULL;
	const char *body = ev->in.text ? ev->in.text : "";
	size_t n = 0, bad = 0, others;
	struct sw_err err = {0};

	if (gateway_parse_report(provider_of(ev), body, strlen(body), ev->in.query, &items, &n,
		    &bad, &err) < 0) {
		store_unreadable(ev, &err);
		return;
	}
	count_bad(ev, bad);
	others = sort_receipts(items, n);
	ev->pending = 1;
	ev->failed = false;
	if (others) {
		ev->pending++;
		if (sms_receipts(e, provider_of(ev), items, others, on_receipts, ev) < 0)
			receipts_done(ev, SW_EAWAY);
	}
	if (n > others) {
		ev->pending++;
		if (broadcast_receipts(e, items + others, n - others, on_receipts, ev) < 0)
			receipts_done(ev, SW_EAWAY);
	}
	free(items);
	receipts_done(ev, 0);
}

/* ---- messages from phones ---- */

/* Who it is is known: what he was asked last is read, then it is decided as any reply is. */
static void read_question(struct event *ev)
{
	ev->pending = 1;
	ev->then = inbound_decide;
	inbound_ask_question(ev);
	inbound_read_done(ev);
}

static void on_resident(void *ctx, int rc, bool found)
{
	struct event *ev = ctx;

	if (rc < 0 || !engine_ready(ev->e)) {
		inbound_end(ev->e, false);
		return;
	}
	ev->is_resident = found;
	read_question(ev);
}

/* The index names a contact, or nobody: then a resident of an audience, or a stranger. */
static void find_sender(struct event *ev)
{
	struct engine *e = ev->e;
	int rc;

	if (ev->in.sender[0]) {
		read_question(ev);
		return;
	}
	(void)snprintf(ev->in.sender, sizeof(ev->in.sender), "%.*s", ID_HEX, ev->index);
	rc = audience_lookup(e, ev->phone, on_resident, ev);
	if (rc < 0)
		on_resident(ev, rc, false);
}

static void on_index(void *ctx, int rc, const struct redis_value *v)
{
	struct event *ev = ctx;

	ev->failed = store_failed(rc, v, "in_index") || ev->failed;
	/* His id, not his place: a roster may be imported before it is decided. */
	if (!ev->failed && v->type == REDIS_STRING &&
		world_contact_by_id(&ev->e->world, v->str) >= 0 &&
		text_copy(ev->in.sender, sizeof(ev->in.sender), v->str) < 0)
		ev->in.sender[0] = '\0';
	inbound_read_done(ev);
}

static int64_t said_at(const struct event *whole, const struct gateway_uplink *u)
{
	if (u->at_ms > whole->in.at_ms || u->at_ms < whole->in.at_ms - LONGEST_WAY_MS)
		return whole->in.at_ms;
	return u->at_ms;
}

/* The message at AT becomes the event in progress. */
static void start_part(struct event *whole)
{
	struct engine *e = whole->e;
	const struct gateway_uplink *u = &whole->uplinks[whole->at];
	struct event *ev = calloc(1, sizeof(*ev));

	if (ev)
		ev->in.text = text_dup(u->text);
	if (!ev || !ev->in.text) {
		free(ev);
		inbound_end(e, false);
		return;
	}
	ev->e = e;
	ev->parent = whole;
	ev->unit = ev->contact = -1;
	ev->in.kind = IN_REPLY;
	ev->in.mentioned = true;
	ev->in.at_ms = said_at(whole, u);
	(void)snprintf(ev->in.source, sizeof(ev->in.source), "%s", whole->in.source);
	id_event(whole->in.source, u->id, ev->in.id);
	(void)snprintf(ev->phone, sizeof(ev->phone), "%s", u->number);
	phone_mask(ev->phone, ev->number);
	seal_index(&e->data_key, ev->phone, ev->index);
	e->inbound->current = ev;
	ev->pending = 1;
	ev->then = find_sender;
	inbound_ask_known(ev);
	inbound_ask(ev, on_index, (const char *const[]){"HGET", KEY_INDEX, ev->index, NULL});
	inbound_read_done(ev);
}

void inbound_uplinks(struct event *ev)
{
	const char *body = ev->in.text ? ev->in.text : "";
	struct sw_err err = {0};
	size_t bad = 0;

	if (!ev->is_parsed) {
		if (gateway_parse_uplink(provider_of(ev), body, strlen(body), ev->in.query,
			    &ev->uplinks, &ev->n_uplinks, &bad, &err) < 0) {
			store_unreadable(ev, &err);
			return;
		}
		ev->is_parsed = true;
		count_bad(ev, bad);
	}
	while (ev->at < ev->n_uplinks && !ev->uplinks[ev->at].number[0])
		ev->at++; /* nobody to answer, nobody to believe */
	if (ev->at < ev->n_uplinks)
		start_part(ev);
	else
		store_whole(ev, "uplinks", NULL);
}
