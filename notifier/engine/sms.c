/*
 * notifier/engine/sms.c: sends single SMS, each in a fixed order of steps, and stores what became of it.
 *
 * ASKED (script try) -> SYNCING (T record) -> ARMED (waits for the gateway's token) -> FLYING (request) -> STORING (script
 * verdict) -> gone. The store may go away in between: then the verdict waits here, and lies in the journal. At most
 * SMS_WINDOW are in these steps at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/scheduler_internal.h"
#include "notifier/engine/sms_internal.h"

enum {
	SMS_WINDOW = 64,
	SMS_ROUND = 16, /* fetched in one round of the scheduler */
	PACE_WAIT_MS =
		60000, /* a journalled one waits no longer for its token: it is decided again */
	REST_WAIT_MS = 2000, /* nor for a gateway that rests */
	AGAIN_MS = 1000,
	HELD_AGAIN_MS = 5000
};

enum sms_step { ASKED, SYNCING, ARMED, FLYING, STORING, WAITING };

struct sms_op {
	TAILQ_ENTRY(sms_op) link;
	struct engine *e;
	enum sms_step step;
	struct message m; /* owned */
	int n;            /* attempt */
	char gateway[12];
	struct sms_outcome outcome;
};

static void launch(struct engine *e);

static void op_end(struct sms_op *op)
{
	struct engine *e = op->e;

	TAILQ_REMOVE(&e->sms->ops, op, link);
	e->sms->n--;
	message_fini(&op->m);
	free(op);
	e->activity++;
}

/* ---- words ---- */

enum wire_verdict_word sms_verdict_of(char kind)
{
	switch (kind) {
	case 'A':
		return VERDICT_ACCEPTED;
	case 'R':
		return VERDICT_REFUSED_TEMP;
	case 'F':
		return VERDICT_REFUSED_FINAL;
	case 'N':
		return VERDICT_NOT_SENT;
	default:
		return VERDICT_UNKNOWN;
	}
}

/* One word of SRC, so that records and attempts can be split at blanks; "" is "-". */
static void word_copy(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src && n + 1 < size; src++)
		dst[n++] = *src > ' ' && *src < 0x7f ? *src : '_';
	if (n == 0)
		dst[n++] = '-';
	dst[n] = '\0';
}

static const char *word_or_empty(const char *word)
{
	return strcmp(word, "-") ? word : "";
}

/* How the store reads a cause: `rate`, `account` and `held` are no tries. */
static const char *class_of(enum gateway_cause c)
{
	switch (c) {
	case GATEWAY_OK:
		return "ok";
	case GATEWAY_THROTTLE:
		return "rate";
	case GATEWAY_TROUBLE:
		return "busy";
	case GATEWAY_NUMBER:
		return "target";
	case GATEWAY_NUMBER_LATER:
		return "later";
	case GATEWAY_CONTENT:
		return "content";
	case GATEWAY_ACCOUNT:
		return "account";
	case GATEWAY_STOPPED:
		return "held";
	case GATEWAY_NET:
		break;
	}
	return "net";
}

static void outcome_from(
	const struct gateway_outcome *g, const char *gateway, struct sms_outcome *ret)
{
	static const char kinds[] = {[VERDICT_ACCEPTED] = 'A',
		[VERDICT_REFUSED_TEMP] = 'R',
		[VERDICT_REFUSED_FINAL] = 'F',
		[VERDICT_NOT_SENT] = 'N',
		[VERDICT_UNKNOWN] = 'U'};
	char kind = kinds[g->verdict];

	if (kind == 'F' && g->cause != GATEWAY_NUMBER && g->cause != GATEWAY_CONTENT &&
		(g->cause == GATEWAY_ACCOUNT || g->cause == GATEWAY_THROTTLE ||
			g->cause == GATEWAY_NUMBER_LATER))
		kind = 'R'; /* it is not about this message: another gateway, or a later day, may take it */
	*ret = (struct sms_outcome){.kind = kind, .retry_after_ms = g->retry_after_ms};
	word_copy(ret->class, sizeof(ret->class), class_of(g->cause));
	word_copy(ret->code, sizeof(ret->code), g->code);
	word_copy(ret->gateway, sizeof(ret->gateway), gateway);
	word_copy(ret->provider_id, sizeof(ret->provider_id), g->provider_id);
}

void sms_outcome_format(const char *mid, int n, const struct sms_outcome *o, char ret[256])
{
	(void)snprintf(ret, 256, "%s %d %s %s %s %s %" PRId64, mid, n, o->code, o->provider_id,
		o->class, o->gateway, o->retry_after_ms);
}

bool sms_outcome_parse(
	char kind, const char *payload, id_str ret_mid, int *ret_n, struct sms_outcome *ret)
{
	struct sms_outcome o = {.kind = kind};
	long long retry = 0;

	if (sscanf(payload, "%32s %d %47s %63s %15s %11s %lld", ret_mid, ret_n, o.code,
		    o.provider_id, o.class, o.gateway, &retry) != 7 ||
		strlen(ret_mid) != ID_HEX || *ret_n < 1 || retry < 0)
		return false;
	o.retry_after_ms = retry;
	*ret = o;
	return true;
}

int64_t sms_unknown_score(const struct engine *e)
{
	return engine_now_ms(e) + conf_int(e->conf, "sms.unknown_wait_s") * 1000 -
	       ENGINE_UNKNOWN_WAIT_MS;
}

/* ---- the verdict is stored ---- */

int sms_store_verdict(struct engine *e, const char *mid, int n, const struct sms_outcome *o,
	redis_cb cb, void *ctx)
{
	const char *provider_id = word_or_empty(o->provider_id);
	char *audit = engine_audit_json(e, "verdict",
		json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "mid", mid, "attempt", n,
			"verdict", wire_verdict_name(sms_verdict_of(o->kind)), "class", o->class,
			"code", word_or_empty(o->code), "gateway", o->gateway, "provider_id",
			provider_id));
	struct verdict_call call = {.mid = mid,
		.attempt = n,
		.verdict = sms_verdict_of(o->kind),
		.class = o->class,
		.code = o->code,
		.retry_after_ms = o->retry_after_ms,
		.gateway = o->gateway,
		.provider_id = provider_id,
		.instance = e->instance,
		.position = scheduler_journal_position(e),
		.audit = audit};
	int rc = dispatch_record(e, &call, cb, ctx);

	free(audit);
	return rc;
}

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct sms_op *op = ctx;
	struct engine *e = op->e;
	char labels[64], out_id[GATEWAY_OUT_ID];

	if (store_failed(rc, v, "sms_verdict")) {
		op->step = WAITING;
		timer_after(e->sms->again, AGAIN_MS);
		return;
	}
	LOG_INFO("message_verdict",
		"mid=%s attempt=%d chan=%s verdict=%s class=%s code=%s state=%s", op->m.mid, op->n,
		op->gateway, wire_verdict_name(sms_verdict_of(op->outcome.kind)), op->outcome.class,
		op->outcome.code, v->type == REDIS_ARRAY && v->n ? v->items[0].str : "");
	(void)snprintf(labels, sizeof(labels), "verdict=\"%s\"",
		wire_verdict_name(sms_verdict_of(op->outcome.kind)));
	metrics_add(e->metrics, "shouwang_verdicts_total", labels, 1);
	(void)snprintf(out_id, sizeof(out_id), "%s-%d", op->m.mid, op->n);
	op_end(op);
	if (e->sms->orphans)
		sms_orphans_look(e, out_id);
	launch(e);
	scheduler_kick(e);
	audit_kick(e);
}

/*
 * Away, or back and not read yet: after the next load, since the position that goes along must not pass what a lost tail of
 * the store has forgotten before it is known again. Too much on its way: a little later.
 */
static void store(struct sms_op *op)
{
	struct engine *e = op->e;

	op->step = WAITING;
	if (!e->loaded)
		return;
	if (sms_store_verdict(e, op->m.mid, op->n, &op->outcome, on_stored, op) == 0)
		op->step = STORING;
	else if (redis_ready(e->redis))
		timer_after(e->sms->again, AGAIN_MS);
}

void sms_flush(struct engine *e)
{
	struct sms_op *op, *next;

	for (op = TAILQ_FIRST(&e->sms->ops); op; op = next) {
		next = TAILQ_NEXT(op, link);
		if (op->step == WAITING)
			store(op);
	}
}

static void on_again(void *ctx)
{
	sms_flush(ctx);
}

/* Needs no sync: a record that is lost makes an outcome unknown, which is what it then is. */
static void settle(struct sms_op *op)
{
	char payload[256];

	sms_outcome_format(op->m.mid, op->n, &op->outcome, payload);
	if (journal_append(op->e->journal, engine_now_ms(op->e), op->outcome.kind, payload, NULL,
		    NULL, NULL) < 0)
		LOG_WARN("journal_refuses", "mid=%s", op->m.mid);
	store(op);
}

static void settle_unsent(
	struct sms_op *op, char kind, const char *class, const char *code, int64_t retry_after_ms)
{
	op->outcome = (struct sms_outcome){.kind = kind, .retry_after_ms = retry_after_ms};
	word_copy(op->outcome.class, sizeof(op->outcome.class), class);
	word_copy(op->outcome.code, sizeof(op->outcome.code), code);
	word_copy(op->outcome.gateway, sizeof(op->outcome.gateway), op->gateway);
	word_copy(op->outcome.provider_id, sizeof(op->outcome.provider_id), "");
	settle(op);
}

/* ---- the request ---- */

static bool may_send(void *ctx)
{
	const struct sms_op *op = ctx;

	return engine_may_send(op->e);
}

static void on_outcome(void *ctx, const struct gateway_outcome *g)
{
	struct sms_op *op = ctx;

	outcome_from(g, op->gateway, &op->outcome);
	settle(op);
}

/* The number in the clear: only for the request, wiped by the caller. */
static int open_number(const struct engine *e, const struct message *m, char ret[16])
{
	char aad[80];
	struct buf sealed, plain;
	int rc;

	buf_init(&sealed, 256);
	buf_init(&plain, 64);
	(void)snprintf(aad, sizeof(aad), "phone:v1:%s", m->to);
	rc = id_unbase64(&sealed, m->tel, strlen(m->tel), true);
	if (rc == 0)
		rc = seal_decrypt(&e->data_key, aad, sealed.data, sealed.len, &plain);
	if (rc == 0)
		rc = text_copy(ret, 16, buf_str(&plain));
	if (plain.data)
		explicit_bzero(plain.data, plain.len);
	buf_fini(&plain);
	buf_fini(&sealed);
	return rc < 0 && rc != -ENOMEM ? SW_ECRYPTO : rc;
}

/* SW_ELIMIT: not now; SW_EINVAL: the request is wrong; SW_ECRYPTO: its number cannot be read. */
static int start_request(struct sms_op *op)
{
	struct engine *e = op->e;
	char number[1][16] = {{0}}, out_id[GATEWAY_OUT_ID];
	const char *registered = gateways_needs_template(e->gateways, op->gateway)
					 ? template_code(e->world.t, op->m.tpl, op->gateway)
					 : "";
	int rc = open_number(e, &op->m, number[0]);

	(void)snprintf(out_id, sizeof(out_id), "%s-%d", op->m.mid, op->n);
	if (rc == 0) {
		struct gateway_request req = {.text = op->m.text,
			.template_code = registered,
			.params = op->m.prm,
			.numbers = (const char(*)[16])number,
			.n = 1,
			.out_id = out_id,
			.mids = op->m.mid,
			.may_send = may_send};

		rc = gateway_send(e->gateways, op->gateway, &req, engine_now_ms(e), on_outcome, op);
	}
	explicit_bzero(number, sizeof(number));
	return rc;
}

/* 0: it is on its way or settled. SW_ELIMIT: it has to wait until *RET_AT_MS. */
static int launch_one(struct sms_op *op, int64_t *ret_at_ms)
{
	struct engine *e = op->e;
	int64_t now = engine_now_ms(e), at = INT64_MAX;
	const char *name;
	int rc = SW_ELIMIT;

	/* Asked first: at the end of the process there are no gateways any more. */
	if (!engine_may_send(e)) {
		settle_unsent(op, 'N', "held", "held", 0);
		return 0;
	}
	name = gateways_pick(e->gateways, now, &at);
	if (op->m.expires_ms && now > op->m.expires_ms) {
		settle_unsent(op, 'N', "late", "late", 0);
		return 0;
	}
	if (name && strcmp(name, op->gateway) != 0) {
		settle_unsent(op, 'N', "held", "other_gateway", 0);
		return 0;
	}
	if (name && at <= now)
		rc = start_request(op);
	if (rc == 0) {
		op->step = FLYING;
		return 0;
	}
	if (rc != SW_ELIMIT) {
		bool is_wrong = rc == SW_EINVAL || rc == SW_ECRYPTO;

		LOG_ERROR("sms_not_made", "mid=%s err=%s", op->m.mid, err_name(rc));
		settle_unsent(op, is_wrong ? 'F' : 'N',
			rc == SW_EINVAL    ? "content"
			: rc == SW_ECRYPTO ? "target"
					   : "held",
			err_name(rc), is_wrong ? 0 : HELD_AGAIN_MS);
		return 0;
	}
	if (at - now <= (name ? PACE_WAIT_MS : REST_WAIT_MS) ||
		(!name && gateways_inflight(e->gateways))) {
		*ret_at_ms = at;
		return SW_ELIMIT;
	}
	settle_unsent(op, 'N', "held", "no_gateway", 0);
	return 0;
}

static void launch(struct engine *e)
{
	struct sms_op *op, *next;
	int64_t at;

	for (op = TAILQ_FIRST(&e->sms->ops); op; op = next) {
		next = TAILQ_NEXT(op, link);
		if (op->step != ARMED)
			continue;
		at = INT64_MAX;
		if (launch_one(op, &at) == 0)
			continue;
		if (at != INT64_MAX)
			timer_at(e->sms->token, at);
		return; /* in order; on_change or the token brings us back */
	}
}

static void on_token(void *ctx)
{
	launch(ctx);
}

/* ---- the way to the request ---- */

static void on_synced(void *ctx, int rc)
{
	struct sms_op *op = ctx;
	struct engine *e = op->e;

	if (rc < 0) {
		/* Nobody knows what is on the disk: a new start opens the file anew and settles what is trying. */
		op_end(op);
		engine_fatal(e, "journal_broken", 75);
		return;
	}
	op->step = ARMED;
	launch(e);
}

static void on_tried(void *ctx, int rc, const struct redis_value *v)
{
	struct sms_op *op = ctx;
	struct engine *e = op->e;
	char payload[96];

	if (store_is_fenced(v)) {
		op_end(op);
		engine_fenced(e);
		goto out;
	}
	if (store_failed(rc, v, "sms_try") || v->integer <= 0) {
		if (rc == 0 && v->integer == -3)
			LOG_WARN("message_known_by_journal", "mid=%s job=%s", op->m.mid, op->m.job);
		e->scheduler->failed = e->scheduler->failed || rc < 0 || v->type == REDIS_FAILURE;
		e->scheduler->did = e->scheduler->did || (rc == 0 && v->integer == -3);
		op_end(op);
		goto out;
	}
	op->n = (int)v->integer;
	op->step = SYNCING;
	e->scheduler->did = true;
	LOG_INFO("message_trying", "mid=%s job=%s attempt=%d chan=%s", op->m.mid, op->m.job, op->n,
		op->gateway);
	(void)snprintf(payload, sizeof(payload), "%s %d %s", op->m.mid, op->n, op->gateway);
	if (e->stopping || journal_append(e->journal, engine_now_ms(e), 'T', payload, on_synced, op,
				   NULL) < 0) {
		if (!e->stopping)
			LOG_ERROR("journal_refuses", "mid=%s", op->m.mid);
		settle_unsent(op, 'N', "held", "journal", HELD_AGAIN_MS);
	}
out:
	schedule_call_done(e);
}

static int try_call(struct sms_op *op)
{
	struct engine *e = op->e;
	char key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, op->m.mid),
		KEY_DUE, KEY_TRYING, KEY_CTL, KEY_JOURNAL, KEY_TRIED, KEY_UNKNOWN, KEY_AWAIT};
	struct args a;
	int rc;

	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, op->m.mid);
	args_add(&a, op->gateway);
	args_add(&a, e->instance);
	args_addf(&a, "%" PRIu64, scheduler_journal_position(e));
	args_addi(&a, sms_unknown_score(e));
	rc = store_eval(e->redis, "sms_try", on_tried, op, keys, ARRAY_LEN(keys), &a);
	args_fini(&a);
	return rc;
}

void sms_send(struct engine *e, struct message *m)
{
	int64_t now = engine_now_ms(e), at = INT64_MAX;
	const char *name = gateways_pick(e->gateways, now, &at);
	struct sms_op *op;

	if (!engine_may_send(e)) {
		e->scheduler->failed = true;
		return;
	}
	if (!name || at > now || e->sms->n >= SMS_WINDOW) {
		e->scheduler->sms_waiting++; /* it stays due */
		return;
	}
	if (gateways_needs_template(e->gateways, name) &&
		!template_code(e->world.t, m->tpl, name)[0]) {
		LOG_ERROR("template_not_registered", "mid=%s template=%s chan=%s", m->mid, m->tpl,
			name);
		schedule_finish(e, m, "dead", "the text is not registered with the gateway", 0);
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op)
		return;
	op->e = e;
	op->step = ASKED;
	op->m = *m;
	*m = (struct message){0}; /* moved */
	(void)snprintf(op->gateway, sizeof(op->gateway), "%s", name);
	TAILQ_INSERT_TAIL(&e->sms->ops, op, link);
	e->sms->n++;
	e->scheduler->pending++;
	if (try_call(op) < 0) {
		e->scheduler->pending--;
		e->scheduler->failed = true;
		op_end(op);
	}
}

/* ---- what others ask ---- */

int64_t sms_ready_ms(const struct engine *e)
{
	int64_t now = engine_now_ms(e), at = INT64_MAX;
	const char *name;

	if (!e->gateways || e->sms->n >= SMS_WINDOW)
		return INT64_MAX;
	name = gateways_pick(e->gateways, now, &at);
	return name && at < now ? now : at;
}

size_t sms_room(const struct engine *e)
{
	size_t left = e->sms->n < SMS_WINDOW ? SMS_WINDOW - e->sms->n : 0;

	if (sms_ready_ms(e) > engine_now_ms(e))
		return 0;
	return left < SMS_ROUND ? left : SMS_ROUND;
}

int64_t sms_next_ms(const struct engine *e)
{
	return timer_wall_ms(e->sms->token);
}

bool sms_quiet(const struct engine *e)
{
	const struct sms_op *op;

	TAILQ_FOREACH(op, &e->sms->ops, link)
	if (op->step != ARMED)
		return false;
	return true;
}

size_t sms_inflight(const struct engine *e)
{
	return e->sms->n;
}

bool sms_knows(const struct engine *e, const char *mid)
{
	const struct sms_op *op;

	TAILQ_FOREACH(op, &e->sms->ops, link)
	if (!strcmp(op->m.mid, mid))
		return true;
	return false;
}

void sms_on_change(struct engine *e)
{
	launch(e);
	scheduler_kick(e);
}

void sms_halt(struct engine *e)
{
	launch(e); /* nothing may be sent any more: what is armed goes back */
}

int sms_create(struct engine *e)
{
	struct sms *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return -ENOMEM;
	TAILQ_INIT(&s->ops);
	e->sms = s;
	rc = timer_new(e->loop, on_token, e, &s->token);
	return rc < 0 ? rc : timer_new(e->loop, on_again, e, &s->again);
}

void sms_destroy(struct engine *e)
{
	struct sms_op *op;

	if (!e->sms)
		return;
	while ((op = TAILQ_FIRST(&e->sms->ops)) != NULL)
		op_end(op);
	timer_destroy(e->sms->token);
	timer_destroy(e->sms->again);
	free(e->sms);
	e->sms = NULL;
}
