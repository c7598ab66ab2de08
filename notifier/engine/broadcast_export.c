/*
 * notifier/engine/broadcast_export.c: broadcasts in the words of messages: export, recount, gauge.
 *
 * A recipient of a broadcast has no record of its own: it is a number and an outcome. Its id is computed here as it was for
 * the request that went to it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/engine/broadcast.h"

const char *broadcast_message_state(enum broadcast_nibble n)
{
	static const char *const names[NIBBLE_COUNT] = {"queued", "trying", "accepted", "delivered",
		"dead", "dead", "queued", "dead", "suppressed", "suppressed", "expired",
		"cancelled", "unknown", "undelivered", "queued", "queued"};

	return names[n];
}

/* What the gateway said last; NULL: it was not asked. */
static const char *verdict_of(enum broadcast_nibble n)
{
	switch (n) {
	case NIBBLE_ACCEPTED:
	case NIBBLE_DELIVERED:
	case NIBBLE_UNDELIVERED:
		return "accepted";
	case NIBBLE_INVALID:
	case NIBBLE_REFUSED:
		return "refused_final";
	case NIBBLE_RETRY:
	case NIBBLE_EXHAUSTED:
		return "refused_temp";
	case NIBBLE_IN_FLIGHT:
	case NIBBLE_UNKNOWN:
		return "unknown";
	default:
		return NULL;
	}
}

/* ---- export ---- */

struct exporting {
	struct engine *e;
	struct seal_indexer *indexer;
	size_t at; /* in the list */
	char job[112];
	const struct broadcast *b;
	void (*one)(void *ctx, json_t *row);
	bool (*full)(void *ctx);
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void export_one(void *ctx, unsigned segment, unsigned index, const char phone[16],
	enum broadcast_nibble n, const char *code)
{
	struct exporting *x = ctx;
	const char *verdict = verdict_of(n);
	json_t *attempts = json_array();
	uint8_t mac[32];
	char recipient[65];
	id_str mid;

	(void)segment;
	(void)index;
	if (seal_indexer_get(x->indexer, phone, mac) < 0)
		memset(mac, 0, sizeof(mac));
	id_hex(mac, sizeof(mac), recipient);
	recipient[ID_HEX] = '\0';
	id_mid(x->job, "sms", recipient, "1", mid);
	if (verdict)
		json_array_append_new(attempts, json_pack("{s:i, s:I, s:s, s:s}", "n", 1, "at",
							(json_int_t)x->b->started_ms, "verdict",
							verdict, "code", code ? code : ""));
	x->one(x->ctx, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "mid", mid, "job",
			       x->job, "unit", "", "channel", "sms", "class", "no_repeat",
			       "recipient", recipient, "state", broadcast_message_state(n), "due",
			       (json_int_t)x->b->from_ms, "attempts", attempts));
}

static bool export_full(void *ctx)
{
	struct exporting *x = ctx;

	return x->full && x->full(x->ctx);
}

static void export_end(struct exporting *x, int rc)
{
	x->done(x->ctx, rc);
	seal_indexer_destroy(x->indexer);
	free(x);
}

/* The next one that was started: 0 it is on its way, 1 there is none. */
static int export_next(struct exporting *x);

static void export_next_done(void *ctx, int rc)
{
	struct exporting *x = ctx;

	if (rc == 0)
		rc = export_next(x);
	if (rc != 0)
		export_end(x, rc < 0 ? rc : 0);
}

static int export_next(struct exporting *x)
{
	const struct broadcasts *l = x->e->broadcasts;

	while (x->at < l->n && !l->items[x->at]->started_ms)
		x->at++;
	if (x->at == l->n)
		return 1;
	x->b = l->items[x->at++];
	(void)snprintf(x->job, sizeof(x->job), "pub/%s/%s", x->e->world.c->id, x->b->id);
	return broadcast_each(x->e, x->b, export_one, export_full, export_next_done, x);
}

static void export_nothing(void *ctx)
{
	export_end(ctx, 0);
}

int broadcast_export(struct engine *e, void (*one)(void *ctx, json_t *row), bool (*full)(void *ctx),
	void (*done)(void *ctx, int rc), void *ctx)
{
	struct exporting *x = calloc(1, sizeof(*x));
	int rc = -ENOMEM;

	if (!x)
		return rc;
	*x = (struct exporting){.e = e, .one = one, .full = full, .done = done, .ctx = ctx};
	x->indexer = seal_indexer_create(&e->data_key);
	if (x->indexer)
		rc = export_next(x);
	if (rc == 1)
		rc = loop_defer(e->loop, export_nothing, x);
	if (rc < 0) {
		seal_indexer_destroy(x->indexer);
		free(x);
	}
	return rc;
}

/* ---- recount ---- */

struct recounting {
	struct engine *e;
	size_t at;
	struct broadcast *b;
	int64_t planned; /* counting makes it what was found */
	void (*one)(void *ctx, const struct broadcast *b, int64_t planned);
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void recount_next(struct recounting *r);

static void recount_one(void *ctx, int rc)
{
	struct recounting *r = ctx;

	if (rc < 0) {
		r->done(r->ctx, rc);
		free(r);
		return;
	}
	r->one(r->ctx, r->b, r->planned);
	state_publish_broadcast(r->e, r->b);
	recount_next(r);
}

static void recount_next(struct recounting *r)
{
	const struct broadcasts *l = r->e->broadcasts;
	int rc = 0;

	while (r->at < l->n && !l->items[r->at]->started_ms)
		r->at++;
	if (r->at < l->n) {
		r->b = l->items[r->at++];
		r->planned = r->b->count;
		rc = broadcast_recount(r->e, r->b, recount_one, r);
		if (rc == 0)
			return;
	}
	r->done(r->ctx, rc);
	free(r);
}

void broadcast_recount_all(struct engine *e,
	void (*one)(void *ctx, const struct broadcast *b, int64_t planned),
	void (*done)(void *ctx, int rc), void *ctx)
{
	struct recounting *r = calloc(1, sizeof(*r));

	if (!r) {
		done(ctx, -ENOMEM);
		return;
	}
	*r = (struct recounting){.e = e, .one = one, .done = done, .ctx = ctx};
	recount_next(r);
}
