/*
 * notifier/engine/control_halt.c: pause, cancel, withdraw: whatever stops something is in force before it is stored.
 *
 * Nothing new starts from the moment the command is there. It answers when the calls under way have ended and the bot has
 * said what became of messages to groups, or after 0.9 s with what is still open; the rest is done all the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/control_release.h"
#include "notifier/engine/publicity.h"

enum { ANSWER_MS = 900, REASON = 200 };

enum halt_kind { HALT_PAUSE, HALT_CANCEL, HALT_WITHDRAW };

struct halt {
	struct control_call *call; /* NULL: answered already */
	struct engine *e;
	enum halt_kind kind;
	char item[HONOUR_ID];
	struct broadcast *bs[BROADCASTS_MAX]; /* they keep their place for ever */
	bool runs[BROADCASTS_MAX];            /* something of it may be under way */
	size_t n;
	size_t pending;  /* steps that have not ended */
	size_t draining; /* of them: calls under way */
	size_t asking;   /* of them: messages to groups */
	size_t storing;  /* of them: one for each broadcast that is paused */
	size_t let_end;
	struct publicity_stopped groups;
	int rc; /* of the store */
	struct timer *timer;
};

/* ---- the answer ---- */

static json_t *not_recalled(const struct halt *h)
{
	static const enum broadcast_nibble out[] = {
		NIBBLE_DELIVERED, NIBBLE_ACCEPTED, NIBBLE_UNKNOWN, NIBBLE_UNDELIVERED};
	json_t *j = json_object();

	for (size_t k = 0; k < ARRAY_LEN(out); k++) {
		int64_t sum = 0;

		for (size_t i = 0; i < h->n; i++)
			sum += h->bs[i]->sums[out[k]];
		json_object_set_new(
			j, broadcast_nibble_name(out[k]), json_integer((json_int_t)sum));
	}
	json_object_set_new(j, "groups", json_integer((json_int_t)h->groups.sent));
	return j;
}

static json_t *halt_json(const struct halt *h)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < h->n; i++)
		json_array_append_new(ids, json_pack("{s:s, s:s}", "id", h->bs[i]->id, "state",
						   broadcast_state_name(h->bs[i]->state)));
	return json_pack("{s:s, s:o, s:I, s:b, s:{s:I, s:I, s:I}, s:o}", "item", h->item,
		"broadcasts", ids, "calls_let_end", (json_int_t)h->let_end, "calls_under_way",
		h->draining > 0, "groups", "stopped", (json_int_t)h->groups.stopped, "sent",
		(json_int_t)h->groups.sent, "unconfirmed",
		(json_int_t)(h->groups.unconfirmed + h->asking), "not_recalled", not_recalled(h));
}

static void say(const struct halt *h)
{
	struct ctl_request *req = h->call->req;
	json_t *out = not_recalled(h);
	const char *name;
	json_t *value;

	for (size_t i = 0; i < h->n; i++)
		ctl_line(req, "%s is %s", h->bs[i]->id, broadcast_state_name(h->bs[i]->state));
	if (h->draining)
		ctl_line(req, "calls that had begun are still under way; they are let end");
	else if (h->let_end)
		ctl_line(req, "%zu calls that had begun were let end", h->let_end);
	if (h->groups.stopped || h->groups.sent || h->groups.unconfirmed)
		ctl_line(req, "messages to groups: %zu stopped, %zu sent before", h->groups.stopped,
			h->groups.sent);
	if (h->kind == HALT_WITHDRAW)
		ctl_line(req, "%s is withdrawn; screens and loudspeakers are told", h->item);
	json_object_foreach(out, name, value)
	{
		if (h->kind != HALT_PAUSE && json_integer_value(value))
			ctl_line(req, "cannot be recalled: %" JSON_INTEGER_FORMAT " %s",
				json_integer_value(value), name);
	}
	json_decref(out);
}

static void answer(struct halt *h)
{
	struct control_call *call = h->call;
	bool unconfirmed = h->groups.unconfirmed + h->asking > 0;

	h->call = NULL;
	if (h->rc < 0) {
		control_end(call, 69,
			"stopped here and now, but the store did not take it: say it again");
		return;
	}
	if (call->json)
		ctl_data(call->req, halt_json(h));
	else {
		h->call = call;
		say(h);
		h->call = NULL;
	}
	control_end(call, unconfirmed ? 1 : 0,
		unconfirmed ? "the bot has not confirmed: a message to a group may still go out"
			    : NULL);
}

static void step_end(struct halt *h)
{
	if (--h->pending)
		return;
	if (h->call)
		answer(h);
	timer_destroy(h->timer);
	free(h);
}

static void on_late(void *ctx)
{
	struct halt *h = ctx;

	if (h->call)
		answer(h);
}

/* ---- steps ---- */

static void on_swept(void *ctx, int rc)
{
	if (rc < 0)
		LOG_WARN("broadcast_not_swept", "err=%s", err_name(rc)); /* after the next load */
	step_end(ctx);
}

static void on_drained(void *ctx, size_t n)
{
	struct halt *h = ctx;

	h->draining--;
	h->let_end += n;
	for (size_t i = 0; i < h->n && h->draining == 0 && h->kind != HALT_PAUSE; i++)
		if (h->runs[i] && h->bs[i]->state == BROADCAST_CANCELLED) {
			h->pending++;
			if (broadcast_sweep_cancelled(h->e, h->bs[i], on_swept, h) < 0)
				h->pending--;
		}
	step_end(h);
}

static void on_groups(void *ctx, int rc, const struct publicity_stopped *r)
{
	struct halt *h = ctx;

	h->asking--;
	if (rc < 0)
		h->groups.unconfirmed++;
	h->groups.stopped += r->stopped;
	h->groups.sent += r->sent;
	h->groups.unconfirmed += r->unconfirmed;
	step_end(h);
}

/* It is stored: what a start that was under way has made for groups is in the store by now, too. */
static void on_stored(void *ctx, int rc)
{
	struct halt *h = ctx;

	h->rc = rc;
	for (size_t i = 0; i < h->n; i++) {
		h->pending++;
		h->asking++;
		if (publicity_group_stop(h->e, h->bs[i], h->kind != HALT_PAUSE, on_groups, h) < 0) {
			h->pending--;
			h->asking--;
			h->groups.unconfirmed++;
		}
		state_publish_broadcast(h->e, h->bs[i]);
	}
	step_end(h);
}

static void drain(struct halt *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->runs[i]) {
			h->pending++;
			h->draining++;
			broadcast_drain(h->e, h->bs[i], on_drained, h);
		}
}

static struct halt *halt_new(struct control_call *call, enum halt_kind kind)
{
	struct halt *h = calloc(1, sizeof(*h));

	if (h && timer_new(call->e->loop, on_late, h, &h->timer) < 0) {
		free(h);
		h = NULL;
	}
	if (!h) {
		control_end(call, 70, "out of memory");
		return NULL;
	}
	h->call = call;
	h->e = call->e;
	h->kind = kind;
	h->pending = 1; /* storing it */
	timer_after(h->timer, ANSWER_MS);
	return h;
}

/* B stops here and now. */
static void halt_add(struct halt *h, struct broadcast *b, enum broadcast_state state)
{
	bool had_begun = b->started_ms && b->state != BROADCAST_DONE;

	h->bs[h->n] = b;
	h->runs[h->n++] = had_begun;
	b->changes++;
	b->state = state;
	LOG_INFO("broadcast_state", "broadcast=%s state=%s as=%s", b->id,
		broadcast_state_name(state), h->call->as);
	broadcast_kick(h->e);
}

/* ---- commands ---- */

static void on_one_stored(void *ctx, int rc)
{
	struct halt *h = ctx;

	if (rc < 0)
		h->rc = rc;
	if (--h->storing == 0)
		on_stored(h, h->rc);
}

static void store_paused(struct halt *h)
{
	h->storing = h->n;
	for (size_t i = 0; i < h->n; i++) {
		char *audit = control_audit(h->call, json_pack("{s:s}", "broadcast", h->bs[i]->id));

		if (broadcast_store(h->e, h->bs[i], audit, on_one_stored, h) < 0)
			on_one_stored(h, SW_EAWAY);
		free(audit);
	}
}

void control_broadcast_pause(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	struct halt *h;

	if (!b)
		return;
	if (b->state != BROADCAST_RUNNING && b->state != BROADCAST_PAUSED) {
		control_end(call, 1, "it is not running");
		return;
	}
	h = halt_new(call, HALT_PAUSE);
	if (!h)
		return;
	halt_add(h, b, BROADCAST_PAUSED);
	drain(h);
	store_paused(h);
}

void control_pause_running(struct control_call *call)
{
	const struct broadcasts *l = call->e->broadcasts;
	struct halt *h = halt_new(call, HALT_PAUSE);

	if (!h)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i]->state == BROADCAST_RUNNING)
			halt_add(h, l->items[i], BROADCAST_PAUSED);
	drain(h);
	if (h->n)
		store_paused(h);
	else
		on_stored(h, 0);
}

void control_broadcast_cancel(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	struct halt *h;
	char *audit;

	if (!b)
		return;
	if (b->state == BROADCAST_DONE) {
		control_end(call, 1, "it is done: nothing of it is left to cancel");
		return;
	}
	h = halt_new(call, HALT_CANCEL);
	if (!h)
		return;
	halt_add(h, b, BROADCAST_CANCELLED);
	drain(h);
	audit = control_audit(call, json_pack("{s:s}", "broadcast", b->id));
	if (publicity_end(h->e, (const struct broadcast *const *)h->bs, h->n, NULL, audit,
		    on_stored, h) < 0)
		on_stored(h, SW_EAWAY);
	free(audit);
}

void control_withdraw(struct control_call *call)
{
	struct engine *e = call->e;
	const char *item = control_str(call, "item"), *reason = control_str(call, "reason");
	int i = item && e->honours ? honours_find(e->honours, item) : -1;
	struct honour withdrawn;
	struct halt *h;
	char *audit;

	if (!reason || !reason[0] || strlen(reason) > REASON) {
		control_end(call, 64,
			"give a --reason of at most 200 bytes: it goes into the audit record");
		return;
	}
	if (i < 0) {
		control_end(call, 1, "there is no such commended");
		return;
	}
	if (e->honours_on_their_way) { /* they would come back without the mark */
		control_end(
			call, 75, "the commended are being imported at this moment: say it again");
		return;
	}
	h = halt_new(call, HALT_WITHDRAW);
	if (!h)
		return;
	e->honours->items[i].withdrawn = true;
	state_publish_honours(e);
	withdrawn = e->honours->items[i]; /* its strings are borrowed */
	memcpy(h->item, withdrawn.id, sizeof(h->item));
	for (size_t k = 0; k < e->broadcasts->n; k++) {
		struct broadcast *b = e->broadcasts->items[k];

		if (!strcmp(b->item, h->item))
			halt_add(h, b,
				b->state == BROADCAST_DONE ? BROADCAST_DONE : BROADCAST_CANCELLED);
	}
	drain(h);
	audit = control_audit(call, json_pack("{s:s, s:s}", "item", h->item, "reason", reason));
	if (publicity_end(e, (const struct broadcast *const *)h->bs, h->n, &withdrawn, audit,
		    on_stored, h) < 0)
		on_stored(h, SW_EAWAY);
	free(audit);
}
