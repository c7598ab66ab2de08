/*
 * notifier/engine/scheduler.c: what is due now, decided at the last moment.
 *
 * A round asks the store once for everything that is due and for the next due instant, works through it, and asks
 * again until nothing is left; then one wall timer sleeps exactly until that instant. Nothing polls by time.
 *
 * Due points -> plan_decide() on the facts of now -> one message per unit and channel (script "group"). A due
 * message is decided once more just before it is handed over: its text is compared with what the facts say now.
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
#include "notifier/engine/engine.h"

enum { FAILED_AGAIN_MS = 1000 };

struct scheduler {
	struct timer *wall; /* next due point or message */
	struct timer *real; /* next republication */
	bool running;       /* a round is in progress */
	bool again;         /* something changed meanwhile */
	bool deferred;      /* a kick waits for the next turn */
	size_t pending;     /* calls of this round without an answer */
	bool did;           /* this round changed something */
	int64_t next_ms;
	bool failed;        /* something is still due: looked at again a second later */
	int parked;         /* messages this round moved behind a parked route */
	size_t handed_over; /* messages in the outbox as of the last round */
};

static void round_start(struct engine *e);

/* ---- ends of calls ---- */

static void round_end(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	s->running = false;
	if (e->stopping)
		return;
	if (s->again || s->did) {
		s->again = false;
		scheduler_kick(e);
		return;
	}
	if (s->failed)
		timer_after(s->real, FAILED_AGAIN_MS);
	if (s->next_ms != INT64_MAX)
		timer_at(s->wall, s->next_ms);
	simclock_check(e);
}

static void call_done(struct engine *e)
{
	if (--e->scheduler->pending == 0)
		round_end(e);
}

static void on_changed(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;

	if (store_is_fenced(v))
		engine_fenced(e);
	else if (!store_failed(rc, v, "schedule"))
		e->scheduler->did = true;
	else
		e->scheduler->failed = true;
	e->activity++;
	audit_kick(e);
	call_done(e);
}

static void call(struct engine *e, const char *script, redis_cb cb, void *ctx,
	const char *const *keys, int n_keys, const struct args *a)
{
	e->scheduler->pending++;
	if (store_eval(e->redis, script, cb, ctx, keys, n_keys, a) < 0) {
		LOG_WARN("schedule_not_asked", "op=%s", script);
		e->scheduler->failed = true;
		e->scheduler->pending--;
		if (ctx != e)
			free(ctx);
	}
}

/* ---- points become messages ---- */

static void add_outcomes(struct args *a, const struct plan_decision *d,
	const struct plan_message *m, const char *mid)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_outcomes; i++)
		n += !m && d->outcomes[i].reason != PLAN_SEND;
	args_addi(a, (int64_t)(m ? m->n_points : n));
	for (size_t i = 0; m && i < m->n_points; i++) {
		args_add(a, m->points[i]->id);
		args_addf(a, "sent %s", mid);
	}
	for (size_t i = 0; !m && i < d->n_outcomes; i++)
		if (d->outcomes[i].reason != PLAN_SEND) {
			args_add(a, d->outcomes[i].point->id);
			args_add(a, plan_reason_name(d->outcomes[i].reason));
		}
}

static char *mentions_text(const struct engine *e, const struct plan_message *m)
{
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < m->n_mentions; i++)
		buf_addf(&b, "%s%s", i ? " " : "", e->world.contacts.items[m->mentions[i]].userid);
	return buf_take(&b);
}

static char *points_text(const struct plan_message *m)
{
	struct buf b;

	buf_init(&b, 16384);
	for (size_t i = 0; i < m->n_points; i++)
		buf_addf(&b, "%s%s", i ? "," : "", m->points[i]->id);
	return buf_take(&b);
}

static void add_record(struct engine *e, struct args *a, const struct plan_message *m,
	const char *text, const char *revision)
{
	const struct unit *u =
		&e->world.c->units->items[m->to.group_unit >= 0 ? m->to.group_unit : m->unit];
	char *mentions = mentions_text(e, m), *points = points_text(m);

	args_pair(a, "kind", "rm");
	args_pair(a, "job", m->job);
	args_pair(a, "unit", e->world.c->units->items[m->unit].code);
	args_pair(a, "ch", m->to.channel);
	args_pair(a, "route", dispatch_route(e, m->to.channel, u->code));
	args_pair(a, "to", m->to.key);
	args_pair(
		a, "uid", m->to.contact >= 0 ? e->world.contacts.items[m->to.contact].userid : "");
	args_pair(a, "class", "must_arrive");
	args_pair(a, "type", m->markdown ? "markdown" : "text");
	args_pair(a, "rev", revision);
	args_pair(a, "text", text);
	args_pair(a, "ment", mentions ? mentions : "");
	args_pair(a, "pts", points ? points : "");
	args_add(a, "nom");
	args_addi(a, m->nominal_ms);
	args_add(a, "due");
	args_addi(a, m->due_ms);
	args_add(a, "exp");
	args_addi(a, m->expires_ms);
	free(mentions);
	free(points);
}

/* A group's own reminder: the day's one is used up once it is stored. */
struct group_op {
	struct engine *e;
	int unit; /* -1: not a group's */
	int64_t nominal_ms;
};

static void on_grouped(void *ctx, int rc, const struct redis_value *v)
{
	struct group_op op = *(struct group_op *)ctx;

	free(ctx);
	if (rc == 0 && v->type == REDIS_INTEGER && v->integer == 1 && op.unit >= 0)
		op.e->world.last_group_ms[op.unit] = op.nominal_ms;
	on_changed(op.e, rc, v);
}

static void group_message(struct engine *e, const struct plan_decision *d,
	const struct plan_message *m, const char *revision, const char *old_mid, int64_t due_ms)
{
	char key[STORE_KEY], old_key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED, KEY_DUE, KEY_MIDS, key,
		KEY_LAST, KEY_AUDIT, old_key};
	struct group_op *op;
	struct args a;
	id_str mid;
	char *audit;

	id_mid(m->job, m->to.channel, m->to.key, revision, mid);
	store_key(key, KEY_MESSAGE_PREFIX, mid);
	store_key(old_key, KEY_MESSAGE_PREFIX, old_mid);
	audit = engine_audit_json(e, "message_planned",
		json_pack("{s:s, s:s, s:s, s:s}", "mid", mid, "job", m->job, "replaces", old_mid,
			"text", m->text));
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, mid);
	args_addi(&a, due_ms);
	args_add(&a, !strcmp(m->to.channel, "robot") ? m->to.key : "");
	args_addi(&a, m->nominal_ms);
	args_add(&a, old_mid);
	add_outcomes(&a, d, m, mid);
	args_add(&a, audit ? audit : "");
	add_record(e, &a, m, m->text, revision);
	op = calloc(1, sizeof(*op));
	if (op) {
		*op = (struct group_op){e, -1, m->nominal_ms};
		if (!strcmp(m->to.channel, "robot"))
			op->unit = m->to.group_unit;
		call(e, "group", on_grouped, op, keys, 9, &a);
	}
	args_fini(&a);
	free(audit);
}

static void group_skipped(
	struct engine *e, const struct plan_decision *d, const char *const *stale, size_t n_stale)
{
	const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED, KEY_DUE, KEY_MIDS,
		"sw:{r}:m:-", KEY_LAST, KEY_AUDIT, "sw:{r}:m:-"};
	json_t *list = json_array();
	size_t n = 0;
	struct args a;
	char *audit;

	for (size_t i = 0; d && i < d->n_outcomes; i++)
		if (d->outcomes[i].reason != PLAN_SEND) {
			json_array_append_new(
				list, json_pack("[s, s]", d->outcomes[i].point->id,
					      plan_reason_name(d->outcomes[i].reason)));
			n++;
		}
	if (n + n_stale == 0) {
		json_decref(list);
		return;
	}
	audit = engine_audit_json(e, "points_not_sent", json_pack("{s:o}", "points", list));
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	for (int i = 0; i < 5; i++)
		args_add(&a, "");
	if (n_stale) {
		args_addi(&a, (int64_t)n_stale);
		for (size_t i = 0; i < n_stale; i++)
			args_pair(&a, stale[i], "not in the plan");
	} else {
		add_outcomes(&a, d, NULL, "");
	}
	args_add(&a, audit ? audit : "");
	call(e, "group", on_changed, e, keys, 9, &a);
	args_fini(&a);
	free(audit);
}

static bool decide_points(
	struct engine *e, const struct plan_input *in, const struct plan_point **points, size_t n)
{
	struct plan_decision d = {0};
	struct sw_err err = {0};

	if (plan_decide(in, points, n, &d, &err) < 0) {
		LOG_ERROR("plan_failed", "n=%zu err=%s", n, err.text);
		return false;
	}
	for (size_t i = 0; i < d.n_messages; i++)
		group_message(e, &d, &d.messages[i], "1", "", d.messages[i].due_ms);
	group_skipped(e, &d, NULL, 0);
	plan_decision_fini(&d);
	return true;
}

/* One unit's text that cannot be made must not keep the others waiting. */
static void decide_by_unit(
	struct engine *e, const struct plan_input *in, const struct plan_point **points, size_t n)
{
	const struct plan_point **own = calloc(n, sizeof(*own));

	for (size_t u = 0; own && u < e->world.c->units->n; u++) {
		size_t k = 0;

		for (size_t i = 0; i < n; i++)
			if (points[i]->unit == (int)u)
				own[k++] = points[i];
		if (k && !decide_points(e, in, own, k))
			e->scheduler->failed = true;
	}
	free(own);
}

static void handle_points(struct engine *e, const struct redis_value *ids)
{
	const struct plan_point **points = calloc(ids->n, sizeof(*points));
	const char **stale = calloc(ids->n, sizeof(*stale));
	struct plan_input in = world_plan_input(&e->world, engine_now_ms(e));
	size_t n = 0, n_stale = 0, whole;

	if (!points || !stale)
		goto out;
	for (size_t i = 0; i < ids->n; i++) {
		const struct plan_point *p = plan_find(e->world.plan, ids->items[i].str);

		if (p)
			points[n++] = p;
		else
			stale[n_stale++] = ids->items[i].str;
	}
	if (n_stale)
		group_skipped(e, NULL, stale, n_stale);
	/* A full answer may end in the middle of an instant: its last instant waits for the next round. */
	whole = n;
	if (ids->n >= ENGINE_POINTS_LIMIT && n > 1 && points[0]->due_ms != points[n - 1]->due_ms)
		while (points[whole - 1]->due_ms == points[n - 1]->due_ms)
			whole--;
	if (whole == 0)
		goto out;
	if (!decide_points(e, &in, points, whole))
		decide_by_unit(e, &in, points, whole);
out:
	free(points);
	free(stale);
}

/* ---- due messages ---- */

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
	call_done(e);
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

static void finish(struct engine *e, const struct message *m, const char *state, const char *why,
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
	call(e, "finish", on_changed, e, keys, 7, &a);
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
	message_fini(&h->m);
	free(h);
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
			dispatch_publish(e, &h->m, (int)v->integer);
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
	call_done(e);
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
		call_done(e);
		/* After a failed sync nobody knows what is on the disk: a new start opens the file anew. */
		if (rc < 0 && journal_broken(e->journal))
			engine_fatal(e, "journal_broken", 75);
		return;
	}
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, h->m.mid);
	args_addi(&a, clock_real_ms() + ENGINE_REPUBLISH_MS);
	args_add(&a, e->instance);
	args_addi(&a, (int64_t)h->pos);
	if (store_eval(e->redis, "handover", on_handed, h, keys, 6, &a) < 0) {
		e->scheduler->failed = true;
		handover_free(h);
		call_done(e);
	}
	args_fini(&a);
}

static void hand_over(struct engine *e, struct message *m)
{
	struct handover *h = calloc(1, sizeof(*h));
	char payload[96];

	if (!h)
		return;
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
		finish(e, m, "cancelled",
			n ? "the plan cannot be computed" : "not in the plan any more", 0);
		return false;
	}
	for (size_t i = 0; i < d.n_messages; i++)
		if (!strcmp(d.messages[i].to.channel, m->ch) &&
			!strcmp(d.messages[i].to.key, m->to))
			now = &d.messages[i];
	same = now && !strcmp(now->text, m->text);
	if (!now) {
		finish(e, m, "cancelled", "the condition does not hold any more", 0);
	} else if (!same) {
		next_revision(m->rev, revision);
		group_message(e, &d, now, revision, m->mid, engine_now_ms(e));
	}
	plan_decision_fini(&d);
	return same;
}

static void on_due(struct engine *e, struct message *m)
{
	int64_t now = engine_now_ms(e), parked;

	if (strcmp(m->st, "queued"))
		return;
	if (m->expires_ms && now > m->expires_ms) {
		finish(e, m, "expired", "its time is over", 0);
		return;
	}
	if (!m->route[0]) {
		finish(e, m, "suppressed", "no channel to this recipient is configured", 0);
		return;
	}
	if (!dispatch_allowed(e, m)) {
		finish(e, m, "suppressed", "trial: not on the allow-list", 0);
		return;
	}
	if (scan_personal(m->text, false) != SCAN_CLEAN) {
		/* Whatever a template or a person put there: it does not leave the house. */
		LOG_ERROR("personal_data_stopped", "mid=%s", m->mid);
		finish(e, m, "suppressed", "personal data in the text", 0);
		return;
	}
	parked = dispatch_parked_until(e, m->ch, m->route);
	if (parked > now) {
		/* One after the other, as they were due. */
		finish(e, m, "queued", "route parked", parked + e->scheduler->parked++);
		return;
	}
	/* After an unknown outcome the copy must be the same text; until then it must be today's truth. */
	if (!strcmp(m->kind, "rm") && m->unk == 0 && !still_right(e, m))
		return;
	hand_over(e, m);
}

/* An outcome stayed unknown for unknown_wait: one resend of what must arrive, then a person has to look. */
static void on_unknown(struct engine *e, struct message *m)
{
	if (strcmp(m->st, "unknown"))
		return;
	if (!strcmp(m->class, "must_arrive") && m->unk < 2 &&
		(!m->expires_ms || engine_now_ms(e) <= m->expires_ms))
		finish(e, m, "queued", "resend after an unknown outcome", engine_now_ms(e));
	else
		finish(e, m, "parked", "outcome unknown: to be looked at", 0);
}

static void on_outbox(struct engine *e, struct message *m)
{
	char score[24];

	if (strcmp(m->st, "handed_over"))
		return;
	e->scheduler->did = true; /* the next round arms the timer by the new score */
	dispatch_publish(e, m, m->att);
	(void)snprintf(score, sizeof(score), "%" PRId64, clock_real_ms() + ENGINE_REPUBLISH_MS);
	(void)!store_command(e->redis, NULL, NULL,
		(const char *const[]){"ZADD", KEY_OUTBOX, "XX", score, m->mid, NULL});
}

/* ---- rounds ---- */

static void on_poll(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;
	struct scheduler *s = e->scheduler;

	if (store_is_fenced(v)) {
		engine_fenced(e);
		goto out;
	}
	if (store_failed(rc, v, "poll") || v->type != REDIS_ARRAY || v->n != 7) {
		s->failed = true;
		goto out;
	}
	s->next_ms = v->items[5].integer < 0 ? INT64_MAX : v->items[5].integer;
	if (v->items[6].integer >= 0)
		timer_after(s->real, v->items[6].integer - clock_real_ms() + 1);
	if (v->items[1].n)
		handle_points(e, &v->items[1]);
	for (size_t i = 0; i < v->items[2].n; i++)
		fetch(e, v->items[2].items[i].str, on_due);
	for (size_t i = 0; i < v->items[3].n; i++)
		fetch(e, v->items[3].items[i].str, on_outbox);
	for (size_t i = 0; i < v->items[4].n; i++)
		fetch(e, v->items[4].items[i].str, on_unknown);
out:
	call_done(e);
}

static void on_outbox_len(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;

	if (!store_failed(rc, v, "outbox_len"))
		e->scheduler->handed_over = (size_t)v->integer;
	call_done(e);
}

static void round_start(struct engine *e)
{
	static const char *const keys[] = {
		KEY_LEASE, KEY_POINTS, KEY_DUE, KEY_OUTBOX, KEY_UNKNOWN, KEY_CTL};
	struct scheduler *s = e->scheduler;
	struct args a;

	s->running = true;
	s->again = s->did = s->failed = false;
	s->parked = 0;
	s->next_ms = INT64_MAX;
	timer_stop(s->wall);
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_addi(&a, clock_real_ms());
	args_addi(&a, ENGINE_POLL_LIMIT);
	args_addi(&a, ENGINE_POINTS_LIMIT);
	args_addi(&a, ENGINE_UNKNOWN_WAIT_MS);
	s->pending = 1; /* held until all of the round is asked for */
	s->pending++;
	if (store_command(e->redis, on_outbox_len, e,
		    (const char *const[]){"ZCARD", KEY_OUTBOX, NULL}) < 0)
		s->pending--;
	call(e, "poll", on_poll, e, keys, 6, &a);
	args_fini(&a);
	call_done(e);
}

static void on_kick(void *ctx)
{
	struct engine *e = ctx;
	struct scheduler *s = e->scheduler;

	if (!s)
		return;
	s->deferred = false;
	if (e->stopping || !engine_ready(e))
		return;
	if (s->running)
		s->again = true;
	else
		round_start(e);
}

void scheduler_kick(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	if (s->deferred || e->stopping)
		return;
	if (loop_defer(e->loop, on_kick, e) == 0)
		s->deferred = true;
}

static void on_timer(void *ctx)
{
	scheduler_kick(ctx);
}

int scheduler_start(struct engine *e)
{
	struct scheduler *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	e->scheduler = s;
	s->next_ms = INT64_MAX;
	rc = timer_new(e->loop, on_timer, e, &s->wall);
	return rc < 0 ? rc : timer_new(e->loop, on_timer, e, &s->real);
}

void scheduler_stop(struct engine *e)
{
	struct scheduler *s = e->scheduler;

	if (!s)
		return;
	timer_destroy(s->wall);
	timer_destroy(s->real);
	free(s);
	e->scheduler = NULL;
}

int64_t scheduler_next_ms(const struct engine *e)
{
	return e->scheduler->next_ms;
}

bool scheduler_quiet(const struct engine *e)
{
	const struct scheduler *s = e->scheduler;

	return !s->running && !s->again && !s->deferred && !s->failed;
}

size_t scheduler_handed_over(const struct engine *e)
{
	return e->scheduler->handed_over;
}

/* ---- the plan and the waiting points ---- */

struct sync {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	size_t pending;
	int rc;
};

static void sync_end(struct sync *y)
{
	if (--y->pending)
		return;
	y->done(y->e, y->rc);
	free(y);
}

static void on_synced(void *ctx, int rc, const struct redis_value *v)
{
	struct sync *y = ctx;

	if (store_is_fenced(v))
		engine_fenced(y->e);
	if (store_failed(rc, v, "points_sync"))
		y->rc = SW_EAWAY;
	sync_end(y);
}

static void sync_chunk(struct sync *y, struct args *a)
{
	static const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED};

	y->pending++;
	if (store_eval(y->e->redis, "points_sync", on_synced, y, keys, 3, a) < 0) {
		y->rc = SW_EAWAY;
		y->pending--;
	}
	args_fini(a);
	args_init(a);
	args_add(a, y->e->fence);
}

static void on_waiting(void *ctx, int rc, const struct redis_value *v)
{
	struct sync *y = ctx;
	const struct plan *p = y->e->world.plan;
	struct args a;

	if (store_failed(rc, v, "points_read")) {
		y->rc = SW_EAWAY;
		sync_end(y);
		return;
	}
	args_init(&a);
	args_add(&a, y->e->fence);
	for (size_t i = 0; v->type == REDIS_ARRAY && i < v->n; i++) {
		if (!plan_find(p, v->items[i].str))
			args_pair(&a, v->items[i].str, "");
		if (a.n > 1000)
			sync_chunk(y, &a);
	}
	for (size_t i = 0; i < p->n; i++) {
		args_add(&a, p->points[i].id);
		args_addi(&a, p->points[i].due_ms);
		if (a.n > 1000)
			sync_chunk(y, &a);
	}
	sync_chunk(y, &a);
	args_fini(&a);
	sync_end(y);
}

void scheduler_sync_points(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct sync *y = calloc(1, sizeof(*y));

	if (!y) {
		done(e, -ENOMEM);
		return;
	}
	*y = (struct sync){.e = e, .done = done, .pending = 1};
	if (store_command(e->redis, on_waiting, y,
		    (const char *const[]){"ZRANGE", KEY_POINTS, "0", "-1", NULL}) < 0) {
		y->rc = SW_EAWAY;
		sync_end(y);
	}
}
