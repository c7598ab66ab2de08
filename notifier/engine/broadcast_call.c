/*
 * notifier/engine/broadcast_call.c: one request of a broadcast, from the mark to its outcome in the store.
 *
 * mark (1, caps debited) -> record B, synced -> request -> record b -> settle. Killed before B was synced, the request
 * surely did not go; after it, without b, nobody knows.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

/* How many a call may have at each level of the search for a bad number. */
static const unsigned level_sizes[BC_LEVELS] = {GATEWAY_MAX_NUMBERS, 8, 1};

static void settle(struct bc_call *c);
static void call_end(struct bc_call *c);

/* ---- lists of indices --------------------------------------------------------------------------- */

static unsigned call_index(const struct bc_call *c, unsigned i)
{
	return c->lease->index[c->at[i]];
}

static void call_list(const struct bc_call *c, uint8_t *ret)
{
	for (unsigned i = 0; i < c->n; i++) {
		ret[2 * i] = (uint8_t)(call_index(c, i) >> 8);
		ret[2 * i + 1] = (uint8_t)call_index(c, i);
	}
}

/* ---- the end ------------------------------------------------------------------------------------ */

static void give_back(struct bc_call *c)
{
	struct bc_lease *l = c->lease;

	for (unsigned i = 0; i < c->n; i++)
		l->todo[c->at[i] / 64] |= UINT64_C(1) << c->at[i] % 64;
	l->n_todo += c->n;
}

/* Its record is in the journal and its effect not in the store: a recovery brings it there. */
static void call_lost(struct bc_call *c)
{
	c->e->broadcast_run->is_behind |= c->pos > 0;
	call_end(c);
}

static void call_end(struct bc_call *c)
{
	struct engine *e = c->e;
	struct broadcast_run *run = e->broadcast_run;
	struct bc_lease *l = c->lease;

	if (c->state < BC_SENDING)
		run->unsent--;
	TAILQ_REMOVE(&run->calls, c, link);
	run->n_calls--;
	l->calls--;
	l->job->calls--;
	free(c);
	bc_call_ended(e, l);
}

/* ---- what became of it: in the store ------------------------------------------------------------ */

static void on_settled(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_call *c = ctx;
	struct engine *e = c->e;
	struct bc_segment *s = c->lease->segment;

	if (rc < 0) {
		broadcast_halt(e);
		call_lost(c);
		return;
	}
	if (store_is_fenced(v)) {
		call_lost(c);
		engine_fenced(e);
		return;
	}
	if (store_failed(rc, v, "broadcast_settle")) {
		/* While its effect is missing no later call may move the journal's position past it. */
		c->is_waiting = true;
		bc_again(e);
		return;
	}
	bc_sums(e, c->lease->job->id, s->no, v, 1);
	if (c->outcome.retry_minute >= 0 && c->outcome.retry_minute * BC_MINUTE_MS < s->retry_ms)
		s->retry_ms = c->outcome.retry_minute * BC_MINUTE_MS;
	if (c->outcome.is_requeued)
		give_back(c);
	e->activity++;
	call_end(c);
}

/* Every record before this position has its effect in the store once this call's has. */
static uint64_t settled_position(const struct bc_call *c)
{
	const struct bc_lease *l = c->lease;
	uint64_t pos = journal_position(c->e->journal);
	const struct bc_call *o;

	TAILQ_FOREACH(o, &c->e->broadcast_run->calls, link)
	if (o != c && o->pos && o->lease->segment->no == l->segment->no &&
		!strcmp(o->lease->job->audience, l->job->audience) && o->from_pos < pos)
		pos = o->from_pos;
	return pos;
}

static void settle(struct bc_call *c)
{
	struct bc_lease *l = c->lease;
	struct bc_args a = {.n = 0};
	uint8_t list[2 * GATEWAY_MAX_NUMBERS];
	bool is_last = l->calls == 1 && l->n_todo == 0 && !c->outcome.is_requeued;
	int rc;

	l->is_ended = is_last;
	if (c->state < BC_SENDING)
		c->e->broadcast_run->unsent--;
	c->state = BC_SETTLING;
	c->is_waiting = false;
	/* At an orderly stop the store still takes what ended. */
	if (c->e->broadcast_run->is_halted && !c->e->stopping) {
		call_lost(c);
		return;
	}
	call_list(c, list);
	bc_arg(&a, "verdict");
	bc_arg_int(&a, c->outcome.to);
	bc_arg_bytes(&a, list, 2 * c->n);
	bc_arg(&a, c->day);
	if (c->outcome.retry_minute >= 0)
		bc_arg_int(&a, c->outcome.retry_minute);
	else
		bc_arg(&a, "");
	bc_arg_int(&a, c->outcome.retry_attempt);
	bc_arg_int(&a, c->outcome.retry_level);
	bc_arg_int(&a, civil_minute_of_ms(engine_now_ms(c->e)));
	bc_arg(&a, c->outcome.code);
	bc_arg(&a, is_last ? l->member : "");
	bc_arg(&a, c->e->instance);
	if (c->pos && !c->e->broadcast_run->is_behind)
		bc_arg_int(&a, (int64_t)settled_position(c));
	else
		bc_arg(&a, "");
	bc_arg(&a, c->e->fence);
	rc = bc_eval(
		c->e, "bc_settle", l->job->audience, l->segment->no, l->job->id, &a, on_settled, c);
	if (rc == SW_EAWAY) {
		broadcast_halt(c->e);
		call_lost(c);
	} else if (rc < 0) {
		c->is_waiting = true;
		bc_again(c->e);
	}
}

void bc_calls_again(struct engine *e)
{
	struct bc_calls *calls = &e->broadcast_run->calls;
	struct bc_call *c;

	/* Each of those that wait now, once: giving one to the store may end others. */
	TAILQ_FOREACH(c, calls, link)
	c->is_next = c->is_waiting;
	do {
		TAILQ_FOREACH(c, calls, link)
		if (c->is_next)
			break;
		if (c) {
			c->is_next = false;
			settle(c);
		}
	} while (c);
}

void bc_lease_drop(struct engine *e, const struct bc_lease *l)
{
	struct bc_args a = {.n = 0};

	bc_arg(&a, "verdict");
	bc_arg_int(&a, NIBBLE_ACCEPTED);
	bc_arg(&a, ""); /* nobody */
	bc_arg(&a, "");
	bc_arg(&a, "");
	bc_arg(&a, "0");
	bc_arg(&a, "0");
	bc_arg(&a, "0");
	bc_arg(&a, "");
	bc_arg(&a, l->member);
	bc_arg(&a, e->instance);
	bc_arg(&a, "");
	bc_arg(&a, e->fence);
	(void)!bc_eval(
		e, "bc_settle", l->job->audience, l->segment->no, l->job->id, &a, NULL, NULL);
}

/* The outcome, in the journal first. */
static void record_outcome(struct bc_call *c)
{
	char payload[BC_OUTCOME];
	int rc;

	bc_outcome_format(&c->outcome, c->pos, payload);
	rc = journal_append(c->e->journal, engine_now_ms(c->e), 'b', payload, NULL, NULL, NULL);
	if (rc == SW_EINVAL) { /* a provider's code that is no text */
		(void)snprintf(c->outcome.code, sizeof(c->outcome.code), "-");
		record_outcome(c);
		return;
	}
	/* Without this record a crash makes the call unknown, no more. */
	if (rc < 0)
		LOG_ERROR(
			"journal_refuses", "broadcast=%s err=%s", c->lease->job->id, err_name(rc));
	settle(c);
}

/* It surely did not go: the lease takes its recipients back. */
static void undo(struct bc_call *c, const char *why)
{
	c->outcome =
		(struct bc_outcome){.to = NIBBLE_WAITING, .is_requeued = true, .retry_minute = -1};
	(void)snprintf(c->outcome.code, sizeof(c->outcome.code), "%s", why);
	if (c->pos)
		record_outcome(c);
	else
		settle(c);
}

/* ---- the request -------------------------------------------------------------------------------- */

static void on_outcome(void *ctx, const struct gateway_outcome *o)
{
	struct bc_call *c = ctx;
	const struct bc_attempt attempt = {
		.attempt = c->attempt, .level = c->level, .n = c->n, .now_ms = engine_now_ms(c->e)};
	char labels[64];

	bc_judge(&attempt, o, &c->outcome);
	if (c->outcome.stops)
		bc_pause(c->e, c->lease->job->id, o->code);
	LOG_DEBUG("broadcast_call",
		"broadcast=%s segment=%u first=%u n=%u attempt=%u verdict=%s code=%s",
		c->lease->job->id, c->lease->segment->no, call_index(c, 0), c->n, c->attempt,
		wire_verdict_name(o->verdict), c->outcome.code);
	(void)snprintf(labels, sizeof(labels), "verdict=\"%s\"", wire_verdict_name(o->verdict));
	metrics_add(c->e->metrics, "shouwang_broadcast_calls_total", labels, 1);
	record_outcome(c);
}

static bool may_send(void *ctx)
{
	const struct bc_call *c = ctx;

	return bc_may_go(c->e, c->lease->job->id);
}

static char *call_mids(const struct bc_call *c, const char (*numbers)[16])
{
	const struct engine *e = c->e;
	char job[160], index[65];
	struct buf out;
	id_str mid;

	if (!conf_str(e->conf, "outbound.mid_header")[0])
		return NULL;
	(void)snprintf(job, sizeof(job), "pub/%s/%s", e->world.c->id, c->lease->job->id);
	buf_init(&out, GATEWAY_MAX_NUMBERS * (ID_HEX + 1));
	for (unsigned i = 0; i < c->n; i++) {
		seal_index(&e->data_key, numbers[i], index);
		index[ID_HEX] = '\0';
		id_mid(job, "sms", index, "1", mid);
		(void)buf_addf(&out, "%s%s", i ? "," : "", mid);
	}
	return buf_take(&out);
}

static int send_request(struct bc_call *c)
{
	struct engine *e = c->e;
	const struct broadcast *b = broadcast_find(e, c->lease->job->id);
	char numbers[GATEWAY_MAX_NUMBERS][16], out_id[GATEWAY_OUT_ID], *mids;
	struct gateway_request req = {.text = b->text,
		.params = b->params ? b->params : "{}",
		.template_code = b->template_id[0]
					 ? template_code(e->world.t, b->template_id, c->gateway)
					 : "",
		.numbers = (const char(*)[16])numbers,
		.n = c->n,
		.out_id = out_id,
		.may_send = may_send};
	int rc;

	for (unsigned i = 0; i < c->n; i++)
		audience_unpack(c->lease->packed + AUDIENCE_NUMBER * c->at[i], numbers[i]);
	broadcast_out_id(b, c->lease->segment->no, call_index(c, 0), c->attempt, out_id);
	req.mids = mids = call_mids(c, req.numbers);
	rc = gateway_send(e->gateways, c->gateway, &req, engine_now_ms(e), on_outcome, c);
	free(mids);
	return rc;
}

/*
 * More calls were begun than the gateway has tokens for: fewer from here on, slowly more again. What has no token is in the
 * journal for nothing, and unknown when we are killed just then: a slow gateway is seldom asked for a second one.
 */
static void pace(struct broadcast_run *run, bool was_taken)
{
	double more = run->window < 2 ? 1.0 / 16 : 1 / run->window;

	run->window = was_taken ? run->window + more : run->window / 2;
	if (run->window > BC_MAX_CALLS)
		run->window = BC_MAX_CALLS;
	if (run->window < 1)
		run->window = 1;
}

static void on_synced(void *ctx, int rc)
{
	struct bc_call *c = ctx;
	struct engine *e = c->e;

	if (rc < 0) {
		/* After a failed sync nobody knows what is on the disk: a new start opens the file anew. */
		call_lost(c);
		engine_fatal(e, "journal_broken", 75);
		return;
	}
	if (!bc_may_go(e, c->lease->job->id)) {
		undo(c, "stopped");
		return;
	}
	rc = send_request(c);
	if (rc == 0) {
		e->broadcast_run->unsent--;
		c->state = BC_SENDING;
		pace(e->broadcast_run, true);
	} else if (rc == SW_EINVAL) {
		bc_pause(e, c->lease->job->id, "the gateway cannot take this text");
		undo(c, "einval");
	} else {
		pace(e->broadcast_run, false);
		undo(c, "no token");
	}
}

static void journal_call(struct bc_call *c)
{
	const struct bc_job *job = c->lease->job;
	struct bc_record r = {.segment = c->lease->segment->no, .attempt = c->attempt, .n = c->n};
	uint64_t from = journal_position(c->e->journal);
	struct buf b;
	int rc;

	memcpy(r.id, job->id, sizeof(r.id));
	memcpy(r.audience, job->audience, sizeof(r.audience));
	memcpy(r.gateway, c->gateway, sizeof(r.gateway));
	memcpy(r.day, c->day, sizeof(r.day));
	call_list(c, r.list);
	buf_init(&b, BC_RECORD);
	rc = bc_record_format(&r, &b);
	if (rc == 0)
		rc = journal_append(
			c->e->journal, engine_now_ms(c->e), 'B', b.data, on_synced, c, &c->pos);
	buf_fini(&b);
	if (rc < 0) {
		LOG_ERROR("journal_refuses", "broadcast=%s err=%s", job->id, err_name(rc));
		c->pos = 0;
		undo(c, "journal");
		bc_again(c->e);
		return;
	}
	c->from_pos = from;
	c->state = BC_SYNCING;
}

/* ---- the mark ----------------------------------------------------------------------------------- */

/* LETTERS: one for each of the call. Those that do not go leave it. */
static void take_marks(struct bc_call *c, const char *letters)
{
	static const uint8_t is[] = {NIBBLE_IN_FLIGHT, NIBBLE_IN_FLIGHT, NIBBLE_OPTED_OUT,
		NIBBLE_OPTED_OUT, NIBBLE_CAPPED, NIBBLE_CAPPED};
	int64_t counts[6] = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++) {
		if (letters[i] >= 'a' && letters[i] <= 'f')
			counts[letters[i] - 'a']++;
		if (letters[i] == 'a' || letters[i] == 'b')
			c->at[n++] = c->at[i];
	}
	c->n = n;
	for (unsigned i = 0; i < ARRAY_LEN(is); i++)
		bc_sum(c->e, c->lease->job->id, c->lease->segment->no,
			i % 2 ? NIBBLE_RETRY : NIBBLE_WAITING, is[i], counts[i]);
}

static void on_marked(void *ctx, int rc, const struct redis_value *v)
{
	struct bc_call *c = ctx;
	struct engine *e = c->e;

	if (rc < 0) {
		broadcast_halt(e);
		call_end(c);
	} else if (store_is_fenced(v)) {
		call_end(c);
		engine_fenced(e);
	} else if (store_failed(rc, v, "broadcast_mark") || v->type != REDIS_ARRAY || v->n != 2) {
		give_back(c);
		call_end(c);
		bc_again(e);
	} else if (strcmp(v->items[0].str, "ok") != 0 || v->items[1].len != c->n) {
		/* Not its lease, or not a running one: what the store has is right. */
		LOG_WARN("broadcast_mark_refused", "broadcast=%s why=%s", c->lease->job->id,
			v->items[0].str);
		c->lease->n_todo = 0;
		memset(c->lease->todo, 0, sizeof(c->lease->todo));
		call_end(c);
	} else {
		take_marks(c, v->items[1].str);
		if (c->n == 0)
			call_end(c);
		else if (!bc_may_go(e, c->lease->job->id))
			undo(c, "stopped");
		else
			journal_call(c);
	}
}

/* The first of the lease that still wait and may share a request; their places by rising index. */
static void pick(struct bc_call *c, size_t max)
{
	struct bc_lease *l = c->lease;
	unsigned i = 0;

	while (!(l->todo[i / 64] >> i % 64 & 1))
		i++;
	c->attempt = l->attempt[i];
	c->level = l->level[i];
	if (max > level_sizes[c->level])
		max = level_sizes[c->level];
	for (; i < l->n && c->n < max; i++) {
		unsigned k = c->n;

		if (!(l->todo[i / 64] >> i % 64 & 1) || l->attempt[i] != c->attempt ||
			l->level[i] != c->level)
			continue;
		l->todo[i / 64] &= ~(UINT64_C(1) << i % 64);
		l->n_todo--;
		while (k > 0 && l->index[c->at[k - 1]] > l->index[i])
			k--;
		if (k > 0 && l->index[c->at[k - 1]] == l->index[i])
			continue; /* an entry that came twice */
		memmove(&c->at[k + 1], &c->at[k], (c->n - k) * sizeof(c->at[0]));
		c->at[k] = (uint16_t)i;
		c->n++;
	}
}

bool bc_call_start(struct engine *e, struct bc_lease *l, const char *gateway, size_t max)
{
	struct broadcast_run *run = e->broadcast_run;
	struct bc_call *c = calloc(1, sizeof(*c));
	struct bc_args a = {.n = 0};
	uint8_t list[2 * GATEWAY_MAX_NUMBERS];

	if (!c)
		return false;
	*c = (struct bc_call){.e = e, .lease = l, .state = BC_MARKING};
	(void)snprintf(c->gateway, sizeof(c->gateway), "%s", gateway);
	bc_day(engine_now_ms(e), c->day);
	pick(c, max < GATEWAY_MAX_NUMBERS ? max : GATEWAY_MAX_NUMBERS);
	call_list(c, list);
	bc_arg(&a, e->fence);
	bc_arg(&a, l->member);
	bc_arg(&a, c->day);
	bc_arg_bytes(&a, list, 2 * c->n);
	bc_arg_int(&a, RESIDENT_DAY_CAP);
	bc_arg_int(&a, RESIDENT_CAMPAIGN_CAP);
	if (bc_eval(e, "bc_mark", l->job->audience, l->segment->no, l->job->id, &a, on_marked, c) <
		0) {
		give_back(c);
		free(c);
		return false;
	}
	TAILQ_INSERT_TAIL(&run->calls, c, link);
	run->n_calls++;
	run->unsent++;
	l->calls++;
	l->job->calls++;
	return true;
}
