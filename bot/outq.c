/*
 * bot/outq.c: the queue of one destination.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "bot/outq.h"
#include "bot/wecom/errcode.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"

/* After a record that could not be written (full disk) or a request that could not be started. */
#define AGAIN_MS 1000
#define MAX_MEMBERS 10000

/* Why a message whose turn had come was stopped at the last moment. */
enum denial { DENIED_NOT, DENIED_LATE, DENIED_HELD, DENIED_CANCELLED, DENIED_STOPPED };

enum { WHO_HEX = 16 };

struct entry {
	TAILQ_ENTRY(entry) link; /* in the queue unless it is the active one */
	struct outq *q;
	struct wire_out msg;
	char who[WHO_HEX + 1]; /* digest of the recipient, "" for a group */
	bool is_journalled;    /* its T record is synced */
	bool is_cancelled;
	enum denial denial;
};

struct member {
	UT_hash_handle hh;
	char who[WHO_HEX + 1];
	struct pace pace;
};

struct outq {
	struct loop *loop;
	struct outq_opts opts;
	char *channel, *route;
	TAILQ_HEAD(entry_list, entry) queue;
	size_t n;
	struct entry *active;
	struct member *members; /* the only one has who "" unless paced per member */
	struct timer *wall;     /* next instant */
	struct timer *again;    /* real time */
	int64_t parked_until_ms;
	unsigned held;
	bool is_stopped;
	bool is_stepping; /* verdicts may push or cancel while the queue is walked */
};

static void step(struct outq *q);

/* ---- pace ------------------------------------------------------------------------------------ */

/* A file in our state folder holds it: a user id is not written there in clear. */
static void who_make(const struct outq *q, const struct wire_out *m, char ret[WHO_HEX + 1])
{
	char lower[WIRE_NAME];
	char hex[65];
	size_t n = strlen(m->to);

	ret[0] = '\0';
	if (!q->opts.is_paced_per_member)
		return;
	for (size_t i = 0; i <= n; i++) /* WeCom compares user ids without case */
		lower[i] = m->to[i] >= 'A' && m->to[i] <= 'Z' ? (char)(m->to[i] | 0x20) : m->to[i];
	id_sha256_hex(lower, n, hex);
	memcpy(ret, hex, WHO_HEX);
	ret[WHO_HEX] = '\0';
}

static void member_free(struct outq *q, struct member *m)
{
	HASH_DEL(q->members, m);
	pace_fini(&m->pace);
	free(m);
}

/* Those whose windows are empty need not be remembered. */
static void forget_idle_members(struct outq *q, int64_t now_ms)
{
	struct member *m, *tmp;

	HASH_ITER(hh, q->members, m, tmp)
	{
		int64_t last = m->pace.len > 0 ? pace_last_ms(&m->pace) : INT64_MIN;
		bool is_idle = true;

		for (size_t i = 0; i < PACE_LIMITS; i++)
			is_idle = is_idle && last < now_ms - q->opts.limits[i].span_ms;
		if (is_idle)
			member_free(q, m);
	}
}

static struct member *member_get(struct outq *q, const char *who, int64_t now_ms)
{
	struct member *m;

	HASH_FIND_STR(q->members, who, m);
	if (m)
		return m;
	if (HASH_COUNT(q->members) >= MAX_MEMBERS)
		forget_idle_members(q, now_ms);
	if (HASH_COUNT(q->members) >= MAX_MEMBERS)
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	memcpy(m->who, who, strlen(who) + 1);
	pace_init(&m->pace, q->opts.limits);
	HASH_ADD_STR(q->members, who, m);
	return m;
}

void outq_was_sent(struct outq *q, const char *who, int64_t at_ms)
{
	struct member *m = strlen(who) <= WHO_HEX ? member_get(q, who, at_ms) : NULL;

	if (!m || pace_note(&m->pace, at_ms) < 0)
		LOG_WARN("pace_not_restored", "chan=%s route=%s", q->channel, q->route);
}

/* ---- what may go when ---------------------------------------------------------------------------- */

static bool is_late(const struct entry *e, int64_t now_ms)
{
	return now_ms >= e->msg.expires_at_ms;
}

/* The instant from which E may be sent, as far as the clock is concerned. */
static int64_t ready_ms(struct outq *q, const struct entry *e, int64_t now_ms)
{
	int64_t at = e->msg.not_before_ms > now_ms ? e->msg.not_before_ms : now_ms;
	struct member *m;
	int64_t paced;

	if (q->parked_until_ms > at)
		at = q->parked_until_ms;
	HASH_FIND_STR(q->members, e->who, m);
	paced = m ? pace_next_ms(&m->pace, now_ms) : now_ms;
	return paced > at ? paced : at;
}

static bool is_blocked(const struct outq *q)
{
	return q->held || q->is_stopped || attempts_broken(q->opts.attempts);
}

static struct entry *pick(struct outq *q, int64_t now_ms)
{
	struct entry *e;

	TAILQ_FOREACH(e, &q->queue, link)
	{
		if (ready_ms(q, e, now_ms) <= now_ms)
			return e;
	}
	return NULL;
}

int64_t outq_next_ms(struct outq *q)
{
	int64_t now = loop_now_ms(q->loop), next = INT64_MAX;
	bool blocked = is_blocked(q);
	struct entry *e;

	if (q->is_stopped)
		return INT64_MAX;
	TAILQ_FOREACH(e, &q->queue, link)
	{
		int64_t ready = blocked ? INT64_MAX : ready_ms(q, e, now);

		if (ready > now && ready < next)
			next = ready;
		if (e->msg.expires_at_ms > now && e->msg.expires_at_ms < next)
			next = e->msg.expires_at_ms;
	}
	return next;
}

size_t outq_busy(struct outq *q)
{
	int64_t now = loop_now_ms(q->loop);
	size_t n = q->active ? 1 : 0;
	bool blocked = is_blocked(q);
	struct entry *e;

	TAILQ_FOREACH(e, &q->queue, link)
	{
		if (is_late(e, now) || (!blocked && ready_ms(q, e, now) <= now))
			n++;
	}
	return n;
}

/* ---- the end of a message -------------------------------------------------------------------------- */

static void entry_free(struct entry *e)
{
	wire_out_fini(&e->msg);
	free(e);
}

/* E is in no list any more. */
static void give_verdict(struct entry *e, struct wire_verdict *v)
{
	struct outq *q = e->q;

	memcpy(v->mid, e->msg.mid, sizeof(v->mid));
	v->attempt = e->msg.attempt;
	v->at_ms = loop_now_ms(q->loop);
	LOG_INFO("message_verdict",
		"mid=%s attempt=%d unit=%s chan=%s route=%s verdict=%s class=%s code=%s", v->mid,
		v->attempt, e->msg.unit, q->channel, q->route, wire_verdict_name(v->verdict),
		v->class, v->code);
	q->opts.on_verdict(q->opts.ctx, q->channel, v);
	entry_free(e);
}

static void give_not_sent(struct entry *e, const char *class, const char *text)
{
	struct wire_verdict v = {0};

	wecom_verdict_set(&v, VERDICT_NOT_SENT, class, text, 0);
	give_verdict(e, &v);
}

static void unqueue(struct outq *q, struct entry *e)
{
	TAILQ_REMOVE(&q->queue, e, link);
	q->n--;
}

static void put_back(struct outq *q, struct entry *e)
{
	q->active = NULL;
	e->denial = DENIED_NOT;
	TAILQ_INSERT_HEAD(&q->queue, e, link);
	q->n++;
}

static void drop_late(struct outq *q, int64_t now_ms)
{
	struct entry *e = TAILQ_FIRST(&q->queue);

	while (e) {
		struct entry *next = TAILQ_NEXT(e, link);

		if (is_late(e, now_ms)) {
			unqueue(q, e);
			give_not_sent(e, "late", "its time had passed");
		}
		e = next;
	}
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static enum denial deny(const struct entry *e)
{
	const struct outq *q = e->q;

	if (e->is_cancelled)
		return DENIED_CANCELLED;
	if (q->is_stopped)
		return DENIED_STOPPED;
	if (is_late(e, loop_now_ms(q->loop)))
		return DENIED_LATE;
	return q->held ? DENIED_HELD : DENIED_NOT;
}

static bool may_send(void *ctx)
{
	struct entry *e = ctx;

	e->denial = deny(e);
	return e->denial == DENIED_NOT;
}

/* The active message surely did not leave, for a reason of ours. */
static void end_denied(struct entry *e)
{
	struct outq *q = e->q;
	enum denial denial = e->denial;

	if (denial == DENIED_HELD) {
		put_back(q, e);
		return;
	}
	q->active = NULL;
	if (denial == DENIED_LATE)
		give_not_sent(e, "late", "its time had passed");
	else if (denial == DENIED_CANCELLED)
		give_not_sent(e, "cancelled", "");
	else
		give_not_sent(e, "", "the bot is ending");
}

static void learn(struct outq *q, const struct wire_verdict *v)
{
	if (strcmp(v->class, "rate") == 0) {
		q->parked_until_ms = loop_now_ms(q->loop) + v->retry_after_ms;
		LOG_WARN("route_parked", "chan=%s route=%s origin_code=%s ms=%" PRId64, q->channel,
			q->route, v->code, v->retry_after_ms);
	} else if (strcmp(v->class, "config") == 0 && !(q->held & OUTQ_HOLD_CONFIG)) {
		q->held |= OUTQ_HOLD_CONFIG;
		LOG_ERROR("route_refused", "chan=%s route=%s origin=wecom origin_code=%s err=%s",
			q->channel, q->route, v->code, v->text);
	}
}

static void on_sent(void *ctx, const struct wire_verdict *verdict)
{
	struct entry *e = ctx;
	struct outq *q = e->q;
	struct wire_verdict v = *verdict;

	if (v.verdict == VERDICT_NOT_SENT && e->denial != DENIED_NOT) {
		end_denied(e);
	} else {
		learn(q, &v);
		q->active = NULL;
		give_verdict(e, &v);
	}
	step(q);
}

static void send_now(struct entry *e)
{
	struct outq *q = e->q;
	const struct send_request req = {
		.msg = &e->msg, .may_send = may_send, .done = on_sent, .ctx = e};
	struct wire_verdict v = {0};
	int rc = q->opts.sender.send(q->opts.sender.ctx, &req);

	if (rc == 0)
		return;
	q->active = NULL;
	wecom_verdict_set(&v, VERDICT_NOT_SENT, "", err_name(rc), WECOM_NOT_SENT_RETRY_MS);
	give_verdict(e, &v);
}

static void on_synced(void *ctx, int rc)
{
	struct entry *e = ctx;
	struct outq *q = e->q;

	if (rc < 0) {
		put_back(q, e);
	} else {
		e->is_journalled = true;
		e->denial = deny(e);
		if (e->denial != DENIED_NOT)
			end_denied(e);
		else
			send_now(e);
	}
	step(q);
}

/* Takes E out of the queue and starts it. Negative: it stays queued and is tried again. */
static int start(struct outq *q, struct entry *e, int64_t now_ms)
{
	struct wire_verdict v = {0};
	struct member *m;
	int rc = 0;

	if (q->opts.sender.check(q->opts.sender.ctx, &e->msg, &v) < 0) {
		unqueue(q, e);
		give_verdict(e, &v);
		return 0;
	}
	m = member_get(q, e->who, now_ms);
	if (!m)
		rc = -ENOMEM;
	else if (!e->is_journalled) /* one that was put back has its record */
		rc = attempts_try(q->opts.attempts, &e->msg, e->who, now_ms, on_synced, e);
	if (rc < 0) {
		LOG_WARN("message_not_started", "chan=%s route=%s err=%s", q->channel, q->route,
			err_name(rc));
		return rc;
	}
	/* The ring has room or grows by a few bytes; without them one too many may go, far below the limit. */
	if (pace_note(&m->pace, now_ms) < 0)
		LOG_WARN("pace_not_counted", "chan=%s route=%s", q->channel, q->route);
	unqueue(q, e);
	q->active = e;
	if (e->is_journalled)
		send_now(e);
	return 0;
}

/* Everything that can be done at this moment; then arms the timer for the next one. */
static void step(struct outq *q)
{
	int64_t now = loop_now_ms(q->loop);
	struct entry *e;

	if (q->is_stepping || q->is_stopped) {
		q->opts.on_change(q->opts.ctx);
		return;
	}
	q->is_stepping = true;
	drop_late(q, now);
	while (!q->active && !is_blocked(q) && (e = pick(q, now))) {
		if (start(q, e, now) < 0) {
			timer_after(q->again, AGAIN_MS);
			break;
		}
	}
	q->is_stepping = false;
	now = outq_next_ms(q);
	if (now == INT64_MAX)
		timer_stop(q->wall);
	else
		timer_at(q->wall, now);
	q->opts.on_change(q->opts.ctx);
}

static void on_timer(void *ctx)
{
	step(ctx);
}

/* ---- life ------------------------------------------------------------------------------------------- */

int outq_create(struct loop *l, const struct outq_opts *opts, struct outq **ret)
{
	struct outq *q = calloc(1, sizeof(*q));
	int rc = -ENOMEM;

	if (!q)
		return rc;
	q->loop = l;
	q->opts = *opts;
	TAILQ_INIT(&q->queue);
	q->channel = strdup(opts->channel);
	q->route = strdup(opts->route);
	if (q->channel && q->route)
		rc = timer_new(l, on_timer, q, &q->wall);
	if (rc == 0)
		rc = timer_new(l, on_timer, q, &q->again);
	if (rc < 0) {
		outq_destroy(q);
		return rc;
	}
	*ret = q;
	return 0;
}

void outq_destroy(struct outq *q)
{
	struct member *m, *tmp;
	struct entry *e;

	if (!q)
		return;
	while ((e = TAILQ_FIRST(&q->queue))) {
		unqueue(q, e);
		entry_free(e);
	}
	HASH_ITER(hh, q->members, m, tmp)
	{
		member_free(q, m);
	}
	timer_destroy(q->wall);
	timer_destroy(q->again);
	free(q->channel);
	free(q->route);
	free(q);
}

const char *outq_channel(const struct outq *q)
{
	return q->channel;
}

const char *outq_route(const struct outq *q)
{
	return q->route;
}

int outq_push(struct outq *q, struct wire_out *msg)
{
	struct entry *e;

	if (q->n >= OUTQ_MAX_QUEUED)
		return SW_ELIMIT;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->q = q;
	e->msg = *msg;
	*msg = (struct wire_out){0};
	who_make(q, &e->msg, e->who);
	TAILQ_INSERT_TAIL(&q->queue, e, link);
	q->n++;
	step(q);
	return 0;
}

int outq_cancel(struct outq *q, const char *mid)
{
	struct entry *e;
	int rc = SW_ENOENT;

	/* Between the T record and its sync it can still be stopped. */
	if (q->active && !q->active->is_journalled && strcmp(q->active->msg.mid, mid) == 0) {
		q->active->is_cancelled = true;
		return 0;
	}
	e = TAILQ_FIRST(&q->queue);
	while (e) {
		struct entry *next = TAILQ_NEXT(e, link);

		if (strcmp(e->msg.mid, mid) == 0) {
			unqueue(q, e);
			give_not_sent(e, "cancelled", "");
			rc = 0;
		}
		e = next;
	}
	if (rc == 0)
		step(q);
	return rc;
}

void outq_hold(struct outq *q, enum outq_hold why)
{
	q->held |= why;
	step(q);
}

void outq_release(struct outq *q, unsigned why)
{
	q->held &= ~why;
	step(q);
}

unsigned outq_held(const struct outq *q)
{
	return q->held;
}

void outq_stop(struct outq *q)
{
	q->is_stopped = true;
	timer_stop(q->wall);
	timer_stop(q->again);
}

bool outq_is_sending(const struct outq *q)
{
	return q->active != NULL;
}

size_t outq_length(const struct outq *q)
{
	return q->n;
}
