/*
 * notifier/engine/schedule_due.c: what happens to a message whose time has come.
 *
 * It is decided once more just before it is handed over: its text is compared with what the facts say now. The attempt is
 * journalled and synced before the store learns of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/engine/publicity.h"
#include "notifier/engine/scheduler_internal.h"
#include "notifier/engine/sms.h"

struct fetch {
	struct engine *e;
	id_str mid;
	void (*then)(struct engine *e, struct message *m);
};

static void on_fetched(void *ctx, int rc, const struct redis_value *v)
{
	struct fetch *f = ctx;
	struct engine *e = f->e;
	struct message m;

	if (store_failed(rc, v, "fetch")) {
		e->scheduler->failed = true;
	} else if (message_from(v, f->mid, &m)) {
		f->then(e, &m);
		message_fini(&m);
	}
	free(f);
	schedule_call_done(e);
}

static void fetch(
	struct engine *e, const char *mid, void (*then)(struct engine *e, struct message *m))
{
	struct fetch *f = calloc(1, sizeof(*f));
	char key[STORE_KEY];

	if (!f || text_copy(f->mid, sizeof(f->mid), mid) < 0) {
		free(f);
		return;
	}
	f->e = e;
	f->then = then;
	e->scheduler->pending++;
	if (store_command(e->redis, on_fetched, f,
		    (const char *const[]){
			    "HGETALL", store_key(key, KEY_MESSAGE_PREFIX, mid), NULL}) < 0) {
		e->scheduler->pending--;
		e->scheduler->failed = true;
		free(f);
	}
}

void schedule_finish(struct engine *e, const struct message *m, const char *state, const char *why,
	int64_t due_ms)
{
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, m->mid), KEY_DUE,
		KEY_PARK, KEY_UNKNOWN, KEY_DEAD, KEY_AUDIT};
	struct args a;
	char *audit = engine_audit_json(e, "message_state",
		json_pack("{s:s, s:s, s:s, s:s}", "mid", m->mid, "job", m->job, "state", state,
			"why", why));

	LOG_INFO("message_state", "mid=%s job=%s state=%s why=%s", m->mid, m->job, state, why);
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, m->mid);
	args_add(&a, state);
	args_add(&a, why);
	args_addi(&a, due_ms);
	args_add(&a, audit ? audit : "");
	args_add(&a, "");
	schedule_call(e, "finish", schedule_changed, e, keys, 7, &a);
	args_fini(&a);
	free(audit);
}

struct handover {
	struct engine *e;
	struct message m; /* owned */
	int attempt;
	uint64_t pos; /* in the journal, behind its record */
};

static void handover_free(struct handover *h)
{
	h->e->scheduler->handing--;
	message_fini(&h->m);
	free(h);
}

static void score_outbox(struct engine *e, const char *mid, int64_t real_ms)
{
	char score[24];

	(void)snprintf(score, sizeof(score), "%" PRId64, real_ms);
	(void)!store_command(e->redis, NULL, NULL,
		(const char *const[]){"ZADD", KEY_OUTBOX, "XX", score, mid, NULL});
}

static void on_handed(void *ctx, int rc, const struct redis_value *v)
{
	struct handover *h = ctx;
	struct engine *e = h->e;

	if (store_is_fenced(v)) {
		engine_fenced(e);
	} else if (store_failed(rc, v, "handover")) {
		e->scheduler->failed = true;
	} else {
		if (v->integer > 0) {
			e->scheduler->did = true;
			e->scheduler->handed_over++;
			LOG_INFO("message_handed_over", "mid=%s job=%s attempt=%d", h->m.mid,
				h->m.job, (int)v->integer);
			if (!dispatch_publish(e, &h->m, (int)v->integer))
				score_outbox(e, h->m.mid, clock_real_ms()); /* due at once */
		} else {
			/* Paused or cancelled in between: the journal must not claim an attempt that never was. */
			char payload[96];

			(void)snprintf(payload, sizeof(payload), "%s %d", h->m.mid, h->attempt);
			(void)!journal_append(
				e->journal, engine_now_ms(e), 'X', payload, NULL, NULL, NULL);
		}
	}
	e->activity++;
	handover_free(h);
	schedule_call_done(e);
}

static void on_journalled(void *ctx, int rc)
{
	struct handover *h = ctx;
	struct engine *e = h->e;
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, h->m.mid),
		KEY_DUE, KEY_OUTBOX, KEY_CTL, KEY_JOURNAL};
	struct args a;

	if (rc < 0 || !engine_ready(e)) {
		e->scheduler->failed = true;
		handover_free(h);
		schedule_call_done(e);
		/* After a failed sync nobody knows what is on the disk: a new start opens the file anew. */
		if (rc < 0 && journal_broken(e->journal))
			engine_fatal(e, "journal_broken", 75);
		return;
	}
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, h->m.mid);
	args_addi(&a, dispatch_republish_ms(e));
	args_add(&a, e->instance);
	args_addi(&a, (int64_t)h->pos);
	if (store_eval(e->redis, "handover", on_handed, h, keys, 6, &a) < 0) {
		e->scheduler->failed = true;
		handover_free(h);
		schedule_call_done(e);
	}
	args_fini(&a);
}

static void hand_over(struct engine *e, struct message *m)
{
	struct handover *h = calloc(1, sizeof(*h));
	char payload[96];

	if (!h)
		return;
	if (e->scheduler->handing++ == 0)
		e->scheduler->handing_from = journal_position(e->journal);
	h->e = e;
	h->m = *m;
	*m = (struct message){0}; /* moved */
	h->attempt = h->m.att + 1;
	(void)snprintf(payload, sizeof(payload), "%s %d", h->m.mid, h->attempt);
	e->scheduler->pending++;
	if (journal_append(e->journal, engine_now_ms(e), 'H', payload, on_journalled, h, &h->pos) <
		0) {
		LOG_ERROR("journal_refuses", "mid=%s", h->m.mid);
		e->scheduler->failed = true;
		handover_free(h);
		e->scheduler->pending--;
	}
}

/* The revision after "3" is "4"; parts ("3.2") count as their whole. */
static void next_revision(const char *rev, char ret[16])
{
	int n = (int)strtol(rev, NULL, 10);

	(void)snprintf(ret, 16, "%d", n + 1);
}

static size_t points_of(
	struct engine *e, const struct message *m, const struct plan_point **ret, size_t max)
{
	char *copy = text_dup(m->pts), *save = NULL;
	size_t n = 0;

	for (char *id = copy ? strtok_r(copy, ",", &save) : NULL; id && n < max;
		id = strtok_r(NULL, ",", &save)) {
		const struct plan_point *p = plan_find(e->world.plan, id);

		if (p)
			ret[n++] = p;
	}
	free(copy);
	return n;
}

/* Decides a due reminder once more. True when it may go as it is. */
static bool still_right(struct engine *e, const struct message *m)
{
	const struct plan_point *points[PLAN_MAX_POINTS];
	size_t n = points_of(e, m, points, ARRAY_LEN(points));
	struct plan_input in = world_plan_input(&e->world, m->nominal_ms);
	struct plan_decision d = {0};
	const struct plan_message *now = NULL;
	struct sw_err err = {0};
	char revision[16];
	bool same;

	in.last_group_ms = NULL; /* the cap counted this very message when it was planned */
	if (n == 0 || plan_decide(&in, points, n, &d, &err) < 0) {
		schedule_finish(e, m, "cancelled",
			n ? "the plan cannot be computed" : "not in the plan any more", 0);
		return false;
	}
	for (size_t i = 0; i < d.n_messages; i++)
		if (!strcmp(d.messages[i].to.channel, m->ch) &&
			!strcmp(d.messages[i].to.key, m->to))
			now = &d.messages[i];
	same = now && !strcmp(now->text, m->text);
	if (!now) {
		schedule_finish(e, m, "cancelled", "the condition does not hold any more", 0);
	} else if (!same) {
		next_revision(m->rev, revision);
		schedule_message(e, &d, now, revision, m->mid, engine_now_ms(e));
	}
	plan_decision_fini(&d);
	return same;
}

static void on_due(struct engine *e, struct message *m)
{
	int64_t now = engine_now_ms(e), parked;
	bool is_sms = !strcmp(m->ch, "sms");
	const char *state, *why;

	if (strcmp(m->st, "queued"))
		return;
	state = strcmp(m->kind, "pub") ? NULL : publicity_group_verdict(e, m, &why, &parked);
	if (state) {
		schedule_finish(e, m, state, why, parked);
		return;
	}
	if (m->expires_ms && now > m->expires_ms) {
		schedule_finish(e, m, "expired", "its time is over", 0);
		return;
	}
	if (is_sms ? !gateways_any(e->gateways) : !m->route[0]) {
		schedule_finish(
			e, m, "suppressed", "no channel to this recipient is configured", 0);
		return;
	}
	if (!dispatch_allowed(e, m)) {
		schedule_finish(e, m, "suppressed", "trial: not on the allow-list", 0);
		return;
	}
	if (scan_personal(m->text, false) != SCAN_CLEAN) {
		/* Whatever a template or a person put there: it does not leave the house. */
		LOG_ERROR("personal_data_stopped", "mid=%s", m->mid);
		schedule_finish(e, m, "suppressed", "personal data in the text", 0);
		return;
	}
	parked = is_sms ? 0 : dispatch_parked_until(e, m->ch, m->route);
	if (parked > now) {
		/* One after the other, as they were due. */
		schedule_finish(e, m, "queued", "route parked", parked + e->scheduler->parked++);
		return;
	}
	/* After an unknown outcome the copy must be the same text; until then it must be today's truth. */
	if (!strcmp(m->kind, "rm") && m->unk == 0 && !still_right(e, m))
		return;
	if (is_sms)
		sms_send(e, m);
	else
		hand_over(e, m);
}

/* An outcome stayed unknown for unknown_wait: one resend of what must arrive, then a person has to look. */
static void on_unknown(struct engine *e, struct message *m)
{
	if (strcmp(m->st, "unknown"))
		return;
	if (!strcmp(m->class, "must_arrive") && m->unk < 2 &&
		(!m->expires_ms || engine_now_ms(e) <= m->expires_ms))
		schedule_finish(
			e, m, "queued", "resend after an unknown outcome", engine_now_ms(e));
	else
		schedule_finish(e, m, "parked", "outcome unknown: to be looked at", 0);
}

static void on_outbox(struct engine *e, struct message *m)
{
	if (strcmp(m->st, "handed_over"))
		return;
	if (!dispatch_publish(e, m, m->att))
		return; /* it stays due */
	/* The next round arms the timer by the new score; whoever said before that he has nothing to do is asked anew. */
	e->scheduler->did = true;
	e->activity++;
	score_outbox(e, m->mid, dispatch_republish_ms(e));
}

uint64_t scheduler_journal_position(const struct engine *e)
{
	/* A handover is journalled before the store knows of it; an SMS is `trying` in the store before its record. */
	return e->scheduler->handing ? e->scheduler->handing_from : journal_position(e->journal);
}

void schedule_no_receipt(struct engine *e, const char *mid)
{
	char key[STORE_KEY];
	const char *const keys[] = {
		KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, mid), KEY_AWAIT, KEY_AUDIT};
	char *audit = engine_audit_json(e, "message_state",
		json_pack("{s:s, s:s, s:s}", "mid", mid, "state", "no_receipt", "why",
			"no receipt within three days"));
	struct args a;

	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, mid);
	args_add(&a, audit);
	schedule_call(e, "no_receipt", schedule_changed, e, keys, ARRAY_LEN(keys), &a);
	args_fini(&a);
	free(audit);
}

void schedule_due(struct engine *e, const char *mid)
{
	fetch(e, mid, on_due);
}

void schedule_unknown(struct engine *e, const char *mid)
{
	fetch(e, mid, on_unknown);
}

void schedule_outbox(struct engine *e, const char *mid)
{
	fetch(e, mid, on_outbox);
}
