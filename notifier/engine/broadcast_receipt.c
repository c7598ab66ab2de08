/*
 * notifier/engine/broadcast_receipt.c: receipts of a broadcast find their recipient.
 *
 * The request's id says broadcast, segment and first index; a segment is sorted by number. The call's surroundings are
 * looked at first, then the whole segment (a retry's recipients are scattered). One segment after the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "notifier/engine/broadcast_internal.h"

struct item {
	char id[BROADCAST_ID];
	unsigned no, first;
	int64_t index; /* -1: not found yet */
	uint8_t packed[AUDIENCE_NUMBER];
	bool delivered;
	char code[BC_CODE];
};

struct receipts {
	struct engine *e;
	struct item *items;    /* owned, by broadcast and segment */
	size_t n, from, to;    /* the group that is looked at */
	unsigned base;         /* index of the first number that was asked for */
	bool is_whole;         /* all numbers of the segment were asked for */
	size_t matched, final; /* FINAL: found without looking, because nothing changes */
	int rc;
	void (*done)(void *ctx, int rc, size_t matched);
	void *ctx;
};

static void next_group(struct receipts *r);

static int by_segment(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int by_id = strcmp(x->id, y->id);

	return by_id ? by_id : (int)x->no - (int)y->no;
}

static void receipts_end(struct receipts *r)
{
	r->done(r->ctx, r->rc, r->matched);
	free(r->items);
	free(r);
}

static const struct broadcast *group_broadcast(const struct receipts *r)
{
	return broadcast_find(r->e, r->items[r->from].id);
}

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct receipts *r = ctx;

	if (store_failed(rc, v, "broadcast_receipt")) {
		r->rc = SW_EAWAY;
	} else if (bc_int(v, 0, 0) >= 0) {
		for (size_t i = r->from; i < r->to; i++)
			r->matched += r->items[i].index >= 0;
		bc_sums(r->e, r->items[r->from].id, r->items[r->from].no, v, 0);
		r->e->activity++;
	}
	r->from = r->to;
	next_group(r);
}

static void store_group(struct receipts *r)
{
	const struct broadcast *b = group_broadcast(r);
	const struct item *first = &r->items[r->from];
	char fence[STORE_KEY], h[STORE_KEY];
	const char *const keys[] = {audience_key(fence, b->audience, first->no, "fence"),
		bc_key(h, b->audience, first->no, b->id, "h")};
	struct args a;
	size_t found = 0;
	int rc = 0;

	args_init(&a);
	args_addi(&a, civil_minute_of_ms(engine_now_ms(r->e)));
	for (size_t i = r->from; i < r->to; i++)
		if (r->items[i].index >= 0) {
			args_addi(&a, r->items[i].index);
			args_addi(
				&a, r->items[i].delivered ? NIBBLE_DELIVERED : NIBBLE_UNDELIVERED);
			args_add(&a, r->items[i].code);
			found++;
		}
	if (found)
		rc = store_eval(r->e->redis, "bc_receipt", on_stored, r, keys, 2, &a);
	args_fini(&a);
	if (found && rc == 0)
		return;
	r->rc = rc < 0 ? SW_EAWAY : r->rc;
	r->from = r->to;
	next_group(r);
}

static void ask_numbers(struct receipts *r, bool is_whole);

static void on_numbers(void *ctx, int rc, const struct redis_value *v)
{
	struct receipts *r = ctx;
	const struct broadcast *b = group_broadcast(r);
	const struct audience_info *a = b ? audience_find(r->e, b->audience) : NULL;
	unsigned no = r->items[r->from].no;
	size_t missing = 0;
	uint8_t *plain;

	if (store_failed(rc, v, "broadcast_numbers") || !a || no >= a->n_segments ||
		v->type != REDIS_STRING) {
		r->rc = SW_EAWAY;
		r->from = r->to;
		next_group(r);
		return;
	}
	plain = malloc(v->len ? v->len : 1);
	if (plain)
		memcpy(plain, v->str, v->len);
	if (!plain || audience_crypt(&r->e->data_key, a->parts[no].nonce,
			      (size_t)r->base * AUDIENCE_NUMBER, plain, v->len) < 0)
		r->rc = plain ? SW_ECRYPTO : -ENOMEM;
	for (size_t i = r->from; r->rc == 0 && i < r->to; i++) {
		struct item *it = &r->items[i];

		if (it->index < 0)
			it->index = audience_search(plain, v->len / AUDIENCE_NUMBER, it->packed);
		else
			continue;
		if (it->index >= 0)
			it->index += r->base;
		else
			missing++;
	}
	free(plain);
	if (r->rc == 0 && missing && !r->is_whole)
		ask_numbers(r, true);
	else
		store_group(r);
}

static void ask_numbers(struct receipts *r, bool is_whole)
{
	const struct broadcast *b = group_broadcast(r);
	unsigned lo = AUDIENCE_SEGMENT, hi = 0;
	char key[STORE_KEY], from[24], to[24];

	for (size_t i = r->from; i < r->to; i++) {
		lo = r->items[i].first < lo ? r->items[i].first : lo;
		hi = r->items[i].first > hi ? r->items[i].first : hi;
	}
	r->is_whole = is_whole;
	r->base = is_whole ? 0 : lo;
	/* A first call's recipients all lie in one lease. */
	hi = is_whole ? AUDIENCE_SEGMENT : hi + BROADCAST_BATCH;
	(void)snprintf(from, sizeof(from), "%u", r->base * AUDIENCE_NUMBER);
	(void)snprintf(to, sizeof(to), "%u", hi * AUDIENCE_NUMBER - 1);
	if (store_command(r->e->redis, on_numbers, r,
		    (const char *const[]){"GETRANGE",
			    audience_key(key, b->audience, r->items[r->from].no, "ph"), from, to,
			    NULL}) < 0) {
		r->rc = SW_EAWAY;
		receipts_end(r);
	}
}

/* Receipts of a broadcast or segment nobody knows stay unmatched. */
static void next_group(struct receipts *r)
{
	while (r->rc == 0 && r->from < r->n) {
		const struct broadcast *b = group_broadcast(r);

		for (r->to = r->from + 1;
			r->to < r->n && by_segment(&r->items[r->from], &r->items[r->to]) == 0;)
			r->to++;
		if (b && bc_recipients(r->e, b->audience, r->items[r->from].no)) {
			ask_numbers(r, false);
			return;
		}
		r->from = r->to;
	}
	receipts_end(r);
}

static void begin(void *ctx)
{
	next_group(ctx);
}

int broadcast_receipts(struct engine *e, const struct gateway_receipt *items, size_t n,
	void (*done)(void *ctx, int rc, size_t matched), void *ctx)
{
	struct receipts *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r)
		return rc;
	*r = (struct receipts){.e = e, .done = done, .ctx = ctx};
	r->items = calloc(n ? n : 1, sizeof(*r->items));
	if (!r->items)
		goto fail;
	for (size_t i = 0; i < n; i++) {
		struct item *it = &r->items[r->n];
		unsigned attempt;

		it->index = -1;
		if (!broadcast_parse_out_id(items[i].out_id, it->id, &it->no, &it->first, &attempt))
			continue;
		if (!items[i].is_final) { /* it was ours, and says nothing yet */
			r->matched += broadcast_find(e, it->id) != NULL;
			continue;
		}
		if (audience_pack(items[i].number, it->packed) < 0)
			continue;
		it->delivered = items[i].delivered;
		memcpy(it->code, items[i].code, sizeof(it->code));
		it->code[sizeof(it->code) - 1] = '\0';
		r->n++;
	}
	qsort(r->items, r->n, sizeof(*r->items), by_segment);
	rc = loop_defer(e->loop, begin, r);
	if (rc == 0)
		return 0;
fail:
	free(r->items);
	free(r);
	return rc;
}
