/*
 * notifier/engine/audience_opt.c: finds a number in the store's segments; opt-outs.
 *
 * A segment is sorted and any range of it opens alone, so a number is found by halving: a few bytes at a time, in all
 * segments at once as far as the window goes. Operations are carried out one after the other: what a person says last
 * about a number is what holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/audience_internal.h"

enum {
	OPS_MAX = 1000,
	WINDOW = 128,
	BLOCK = 64, /* recipients: few enough to read them all */
};

struct hit {
	char audience[AUDIENCE_ID];
	unsigned segment;
	uint32_t index;
};

enum op_kind { OP_LOOKUP, OP_OPT, OP_COUNT };

struct audience_op {
	TAILQ_ENTRY(audience_op) link;
	struct engine *e;
	enum op_kind kind;
	uint8_t packed[AUDIENCE_NUMBER];
	bool out;
	bool recorded;              /* OPT: the record of the number is stored */
	bool is_started;            /* its turn has come */
	char count_of[AUDIENCE_ID]; /* COUNT */
	size_t audience, segment;   /* what is looked at next */
	size_t running;
	struct hit hits[AUDIENCES_MAX +
			1]; /* a number stands in an audience once; one that is just being listed */
	size_t n_hits, at_hit;
	size_t count;
	int rc;
	void (*done)(void *ctx, int rc);
	void (*found)(void *ctx, int rc, bool found);
	void (*counted)(void *ctx, int rc, size_t n);
	void *ctx;
};

/* One segment of an operation: the number is at FROM or behind it, and before TO. */
struct probe {
	struct audience_op *op;
	char audience[AUDIENCE_ID];
	unsigned segment;
	uint32_t from, to;
	uint32_t asked, n_asked; /* the recipients that were asked for */
	uint8_t nonce[AUDIENCE_NONCE];
};

static void op_pump(struct audience_op *op);

/* ---- the queue ---- */

static struct audience_state *state_of(const struct audience_op *op)
{
	return (struct audience_state *)op->e->audiences;
}

static void start_next(struct engine *e)
{
	struct audience_state *s = (struct audience_state *)e->audiences;
	struct audience_op *op = s ? TAILQ_FIRST(&s->ops) : NULL;

	if (!op || op->is_started || (op->kind == OP_OPT && !op->recorded && op->rc == 0))
		return;
	op->is_started = true;
	if (op->rc == 0 && !engine_ready(e))
		op->rc = SW_EAWAY; /* the list may not be whole */
	op_pump(op);
}

static void start_later(void *ctx)
{
	start_next(ctx);
}

static void op_end(struct audience_op *op)
{
	struct engine *e = op->e;
	struct audience_state *s = state_of(op);

	TAILQ_REMOVE(&s->ops, op, link);
	s->n_ops--;
	switch (op->kind) {
	case OP_LOOKUP:
		op->found(op->ctx, op->rc, op->n_hits > 0);
		break;
	case OP_OPT:
		op->done(op->ctx, op->rc);
		break;
	case OP_COUNT:
		op->counted(op->ctx, op->rc, op->count);
		break;
	}
	explicit_bzero(op->packed, sizeof(op->packed));
	free(op);
	start_next(e);
}

static struct audience_op *op_create(struct engine *e, enum op_kind kind, void *ctx, int *ret_rc)
{
	struct audience_state *s = audience_state(e);
	struct audience_op *op = NULL;

	*ret_rc = SW_EAWAY;
	if (!engine_ready(e))
		return NULL;
	*ret_rc = s ? SW_ELIMIT : -ENOMEM;
	if (!s || s->n_ops == OPS_MAX)
		return NULL;
	*ret_rc = -ENOMEM;
	op = calloc(1, sizeof(*op));
	if (!op)
		return NULL;
	op->e = e;
	op->kind = kind;
	op->ctx = ctx;
	*ret_rc = 0;
	return op;
}

/* On 0 OP is in the queue, and starts on a later turn. */
static int op_queue(struct audience_op *op)
{
	struct audience_state *s = state_of(op);
	int rc = loop_defer(op->e->loop, start_later, op->e);

	if (rc < 0)
		return rc;
	TAILQ_INSERT_TAIL(&s->ops, op, link);
	s->n_ops++;
	return 0;
}

/* ---- looking for a number ---- */

static void op_failed(struct audience_op *op, int rc)
{
	if (op->rc == 0)
		op->rc = rc;
}

static int probe_ask(struct probe *p);

static void probe_end(struct probe *p)
{
	struct audience_op *op = p->op;

	free(p);
	op->running--;
	op_pump(op);
}

static void add_hit(struct audience_op *op, const char *audience, unsigned segment, uint32_t index)
{
	struct hit *h;

	if (op->n_hits == ARRAY_LEN(op->hits))
		return; /* cannot be: each audience has a number once */
	h = &op->hits[op->n_hits++];
	*h = (struct hit){.segment = segment, .index = index};
	memcpy(h->audience, audience, AUDIENCE_ID);
}

/* The plain numbers PLAIN from p->asked on. True: the search of this segment is over. */
static bool probe_take(struct probe *p, const uint8_t *plain, size_t n)
{
	int64_t at = audience_search(plain, n, p->op->packed);

	if (at >= 0) {
		add_hit(p->op, p->audience, p->segment, p->asked + (uint32_t)at);
		return true;
	}
	if (n > 1 || p->to - p->from <= 1)
		return true;
	if (audience_compare(p->op->packed, plain) < 0)
		p->to = p->asked;
	else
		p->from = p->asked + 1;
	return p->from >= p->to;
}

static void on_range(void *ctx, int rc, const struct redis_value *v)
{
	struct probe *p = ctx;
	struct audience_op *op = p->op;
	uint8_t plain[BLOCK * AUDIENCE_NUMBER];
	bool is_over = true;

	if (store_failed(rc, v, "audience_search")) {
		op_failed(op, SW_EAWAY);
	} else if (v->type != REDIS_STRING || v->len != (size_t)p->n_asked * AUDIENCE_NUMBER) {
		LOG_ERROR("audience_segment_missing", "audience=%s segment=%u", p->audience,
			p->segment);
		op_failed(op, SW_EPROTO);
	} else {
		memcpy(plain, v->str, v->len);
		rc = audience_crypt(&op->e->data_key, p->nonce, (size_t)p->asked * AUDIENCE_NUMBER,
			plain, v->len);
		if (rc == 0)
			is_over = probe_take(p, plain, v->len / AUDIENCE_NUMBER);
		explicit_bzero(plain, sizeof(plain));
	}
	if (rc == 0 && !is_over)
		rc = probe_ask(p);
	if (rc < 0)
		op_failed(op, rc);
	if (rc < 0 || is_over)
		probe_end(p);
}

/* The one in the middle, or all when they are few. */
static int probe_ask(struct probe *p)
{
	uint32_t n = p->to - p->from;
	struct args a;
	char key[STORE_KEY];
	int rc;

	p->asked = n <= BLOCK ? p->from : p->from + n / 2;
	if (n > BLOCK)
		n = 1;
	p->n_asked = n;
	args_init(&a);
	args_add(&a, "GETRANGE");
	args_add(&a, audience_key(key, p->audience, p->segment, "ph"));
	args_addi(&a, (int64_t)p->asked * AUDIENCE_NUMBER);
	args_addi(&a, (int64_t)(p->asked + n) * AUDIENCE_NUMBER - 1);
	rc = a.error ? a.error : redis_command(p->op->e->redis, on_range, p, (int)a.n, a.v, NULL);
	args_fini(&a);
	return rc;
}

static int probe_start(struct audience_op *op, const struct audience_info *i, unsigned segment)
{
	struct probe *p = malloc(sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	*p = (struct probe){.op = op, .segment = segment, .to = i->parts[segment].n};
	memcpy(p->audience, i->id, AUDIENCE_ID);
	memcpy(p->nonce, i->parts[segment].nonce, AUDIENCE_NONCE);
	rc = probe_ask(p);
	if (rc < 0)
		free(p);
	return rc;
}

/* ---- counting ---- */

static void on_bits(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_op *op = ctx;

	if (store_failed(rc, v, "audience_count") || v->type != REDIS_INTEGER)
		op_failed(op, SW_EAWAY);
	else
		op->count += (size_t)v->integer;
	op->running--;
	op_pump(op);
}

static int count_segment(struct audience_op *op, const struct audience_info *i, unsigned segment)
{
	char key[STORE_KEY];

	return store_command(op->e->redis, on_bits, op,
		(const char *const[]){"BITCOUNT", audience_key(key, i->id, segment, "oo"), NULL});
}

/* ---- setting bits ---- */

static void on_bit(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_op *op = ctx;

	if (rc == 0 && store_is_fenced(v))
		engine_fenced(op->e);
	if (store_failed(rc, v, "audience_bit"))
		op_failed(op, SW_EAWAY);
	op->running--;
	op_pump(op);
}

int audience_set_bit(struct engine *e, const char *id, unsigned segment, uint32_t index, bool out,
	redis_cb cb, void *ctx)
{
	char fence[STORE_KEY], oo[STORE_KEY];
	const char *const keys[] = {
		audience_key(fence, id, segment, "fence"), audience_key(oo, id, segment, "oo")};
	struct args a;
	int rc;

	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, index);
	args_add(&a, out ? "1" : "0");
	rc = store_eval(e->redis, "audience_bit", cb, ctx, keys, 2, &a);
	args_fini(&a);
	return rc;
}

/* ---- an operation, step by step ---- */

/* The next segment that has to be looked at; false: all are. */
static bool next_segment(
	struct audience_op *op, const struct audience_info **ret, unsigned *ret_segment)
{
	const struct audiences *l = op->e->audiences;

	for (; l && op->audience < l->n; op->audience++, op->segment = 0) {
		const struct audience_info *i = &l->items[op->audience];

		if (op->kind == OP_COUNT && strcmp(i->id, op->count_of))
			continue;
		if (op->segment == i->n_segments)
			continue;
		*ret = i;
		*ret_segment = (unsigned)op->segment++;
		return true;
	}
	return false;
}

/* Goes on as far as it can without an answer. OP may be gone afterwards. */
static void op_pump(struct audience_op *op)
{
	const struct audience_info *i;
	unsigned segment;
	bool enough = op->kind == OP_LOOKUP && op->n_hits > 0;

	while (op->rc == 0 && !enough && op->running < WINDOW && next_segment(op, &i, &segment)) {
		int rc = op->kind == OP_COUNT ? count_segment(op, i, segment)
					      : probe_start(op, i, segment);

		if (rc == SW_ELIMIT && op->running > 0) {
			op->segment--; /* others keep the store busy: after the next answer */
			return;
		}
		if (rc < 0)
			op_failed(op, rc);
		else
			op->running++;
	}
	if (op->running > 0)
		return;
	if (op->kind == OP_OPT && op->rc == 0 && op->at_hit < op->n_hits) {
		const struct hit *h = &op->hits[op->at_hit++];
		int rc = audience_set_bit(
			op->e, h->audience, h->segment, h->index, op->out, on_bit, op);

		if (rc == 0) {
			op->running++;
			return;
		}
		op_failed(op, rc);
	}
	op_end(op);
}

int audience_lookup(
	struct engine *e, const char *phone, void (*done)(void *ctx, int rc, bool found), void *ctx)
{
	int rc;
	struct audience_op *op = op_create(e, OP_LOOKUP, ctx, &rc);

	if (!op)
		return rc;
	op->found = done;
	rc = audience_pack(phone, op->packed);
	if (rc == 0)
		rc = op_queue(op);
	if (rc < 0)
		free(op);
	return rc;
}

int audience_count_out(
	struct engine *e, const char *id, void (*done)(void *ctx, int rc, size_t n), void *ctx)
{
	int rc;
	struct audience_op *op = op_create(e, OP_COUNT, ctx, &rc);

	if (!op)
		return rc;
	op->counted = done;
	rc = text_copy(op->count_of, sizeof(op->count_of), id);
	if (rc == 0)
		rc = op_queue(op);
	if (rc < 0)
		free(op);
	return rc;
}

static void on_recorded(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_op *op = ctx;

	if (rc == 0 && store_is_fenced(v))
		engine_fenced(op->e);
	if (store_failed(rc, v, "optout"))
		op_failed(op, SW_EAWAY);
	op->recorded = true;
	start_next(op->e);
}

static int record(struct audience_op *op, const char *phone)
{
	static const char *const keys[] = {KEY_LEASE, KEY_OPTOUT};
	char index[65];
	struct args a;
	int rc;

	seal_index(&op->e->data_key, phone, index);
	args_init(&a);
	args_add(&a, op->e->fence);
	args_add(&a, index);
	if (op->out)
		args_addi(&a, engine_now_ms(op->e));
	else
		args_add(&a, "");
	rc = store_eval(op->e->redis, "optout", on_recorded, op, keys, 2, &a);
	args_fini(&a);
	return rc;
}

int audience_opt(
	struct engine *e, const char *phone, bool out, void (*done)(void *ctx, int rc), void *ctx)
{
	int rc, segment = -1;
	uint32_t index = 0;
	struct audience_op *op = op_create(e, OP_OPT, ctx, &rc);

	if (!op)
		return rc;
	op->done = done;
	op->out = out;
	rc = audience_pack(phone, op->packed);
	if (rc == 0)
		rc = audience_import_opt(e, op->packed, out, &segment, &index);
	/* In this order: an import that begins after this line reads the record. */
	if (rc == 0)
		rc = record(op, phone);
	if (rc < 0) {
		free(op);
		return rc;
	}
	if (segment >= 0)
		add_hit(op, audience_importing(e), (unsigned)segment, index);
	TAILQ_INSERT_TAIL(&state_of(op)->ops, op, link);
	state_of(op)->n_ops++;
	return 0;
}
