/*
 * notifier/engine/broadcast.c: the list of broadcasts: in the store, in memory, and what both call them.
 *
 * One hash, read on each connect. A broadcast in memory keeps its place for ever: the sender holds on to it. What it is in
 * the store is its whole, so a store that comes later is right.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast.h"

struct broadcast *broadcast_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++)
		if (!strcmp(e->broadcasts->items[i]->id, id))
			return e->broadcasts->items[i];
	return NULL;
}

const char *broadcast_state_name(enum broadcast_state s)
{
	static const char *const names[] = {
		"planned", "approved", "running", "paused", "done", "cancelled"};

	return names[s];
}

const char *broadcast_nibble_name(enum broadcast_nibble n)
{
	static const char *const names[NIBBLE_COUNT] = {"waiting", "in_flight", "accepted",
		"delivered", "invalid", "refused", "retry", "exhausted", "opted_out", "capped",
		"expired", "cancelled", "unknown", "undelivered", "reserved", "reserved"};

	return n < NIBBLE_COUNT ? names[n] : "reserved";
}

bool broadcast_area_covers(const struct engine *e, const char *area, const char *code)
{
	const struct units *u = e->world.c->units;
	int goal = units_find(u, area), i = units_find(u, code);

	if (!area[0])
		return true;
	while (i >= 0 && i != goal)
		i = u->items[i].parent;
	return i >= 0;
}

size_t broadcast_segments(const struct engine *e, const struct broadcast *b, uint16_t *ret)
{
	const struct audience_info *a = audience_find(e, b->audience);
	size_t n = 0;

	for (size_t i = 0; a && i < a->n_segments && i < AUDIENCE_MAX_SEGMENTS; i++)
		if (broadcast_area_covers(e, b->area, a->parts[i].area))
			ret[n++] = (uint16_t)i;
	return n;
}

void broadcast_out_id(const struct broadcast *b, unsigned segment, unsigned index, unsigned attempt,
	char ret[GATEWAY_OUT_ID])
{
	(void)snprintf(ret, GATEWAY_OUT_ID, "%s.%u.%u.%u", b->id, segment, index, attempt);
}

bool broadcast_parse_out_id(const char *s, char ret_id[BROADCAST_ID], unsigned *ret_segment,
	unsigned *ret_index, unsigned *ret_attempt)
{
	char copy[GATEWAY_OUT_ID], *save = NULL, *part[4];
	int64_t n[3], number;

	if (s[0] != 'b' || text_copy(copy, sizeof(copy), s) < 0)
		return false;
	for (int i = 0; i < 4; i++) {
		part[i] = strtok_r(i ? NULL : copy, ".", &save);
		if (!part[i])
			return false;
	}
	if (strtok_r(NULL, ".", &save) || num_parse(part[0] + 1, 1, 999999, &number) < 0 ||
		num_parse(part[1], 0, AUDIENCE_MAX_SEGMENTS - 1, &n[0]) < 0 ||
		num_parse(part[2], 0, AUDIENCE_SEGMENT - 1, &n[1]) < 0 ||
		num_parse(part[3], 1, 255, &n[2]) < 0)
		return false;
	(void)snprintf(ret_id, BROADCAST_ID, "b%d", (int)number);
	*ret_segment = (unsigned)n[0];
	*ret_index = (unsigned)n[1];
	*ret_attempt = (unsigned)n[2];
	return true;
}

/* ---- as JSON ---- */

char *broadcast_json(const struct broadcast *b)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "state",
		broadcast_state_name(b->state), "item", b->item, "title", b->title, "audience",
		b->audience, "area", b->area, "text", b->text, "params", b->params, "template",
		b->template_id);
	json_t *more = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:b}", "count",
		(json_int_t)b->count, "from", (json_int_t)b->from_ms, "until",
		(json_int_t)b->until_ms, "digest", b->digest, "texts", b->texts, "planned_by",
		b->planned_by, "planned", (json_int_t)b->planned_ms, "approved_by", b->approved_by,
		"approved", (json_int_t)b->approved_ms, "started", (json_int_t)b->started_ms,
		"swept", (int)b->swept);
	char *text = NULL;

	if (j && more && json_object_update(j, more) == 0)
		text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	json_decref(more);
	return text;
}

static int state_parse(const char *name, enum broadcast_state *ret)
{
	for (int i = 0; i <= BROADCAST_CANCELLED; i++)
		if (!strcmp(name, broadcast_state_name((enum broadcast_state)i))) {
			*ret = (enum broadcast_state)i;
			return 0;
		}
	return SW_EPROTO;
}

static int copy_strings(const json_t *j, struct broadcast *b)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} fields[] = {
		{"item", b->item, sizeof(b->item)},
		{"title", b->title, sizeof(b->title)},
		{"audience", b->audience, sizeof(b->audience)},
		{"area", b->area, sizeof(b->area)},
		{"template", b->template_id, sizeof(b->template_id)},
		{"digest", b->digest, sizeof(b->digest)},
		{"texts", b->texts, sizeof(b->texts)},
		{"planned_by", b->planned_by, sizeof(b->planned_by)},
		{"approved_by", b->approved_by, sizeof(b->approved_by)},
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const char *s = json_string_value(json_object_get(j, fields[i].name));

		if (!s || text_copy(fields[i].to, fields[i].size, s) < 0)
			return SW_EPROTO;
	}
	return 0;
}

/* RET is new and owned by the caller; NULL: unreadable. */
static struct broadcast *from_json(const char *id, const char *text, size_t len)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	struct broadcast *b = calloc(1, sizeof(*b));
	const char *state = "", *sms = "", *params = "";
	json_int_t count = 0, from = 0, until = 0, planned = 0, approved = 0, started = 0;
	int swept = 0;

	if (!j || !b ||
		json_unpack(j, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "state",
			&state, "text", &sms, "params", &params, "count", &count, "from", &from,
			"until", &until, "planned", &planned, "approved", &approved, "started",
			&started, "swept", &swept) < 0 ||
		state_parse(state, &b->state) < 0 || copy_strings(j, b) < 0 ||
		text_copy(b->id, sizeof(b->id), id) < 0) {
		broadcast_destroy(b);
		b = NULL;
	} else {
		b->text = text_dup(sms);
		b->params = text_dup(params);
		b->count = count;
		b->from_ms = from;
		b->until_ms = until;
		b->planned_ms = planned;
		b->approved_ms = approved;
		b->started_ms = started;
		b->swept = swept;
	}
	json_decref(j);
	if (b && (!b->text || !b->params)) {
		broadcast_destroy(b);
		b = NULL;
	}
	return b;
}

void broadcast_destroy(struct broadcast *b)
{
	if (!b)
		return;
	free(b->text);
	free(b->params);
	free(b);
}

/* ---- the list ---- */

static int64_t number_of(const struct broadcast *b)
{
	return strtoll(b->id + 1, NULL, 10);
}

/* By number: in order of planning. Takes B. */
static void insert(struct broadcasts *l, struct broadcast *b)
{
	size_t i = l->n;

	if (l->n == BROADCASTS_MAX) {
		LOG_ERROR("broadcast_left_out", "broadcast=%s", b->id);
		broadcast_destroy(b);
		return;
	}
	while (i > 0 && number_of(l->items[i - 1]) > number_of(b)) {
		l->items[i] = l->items[i - 1];
		i--;
	}
	l->items[i] = b;
	l->n++;
}

static bool is_stopped(const struct broadcast *b)
{
	return b->state == BROADCAST_PAUSED || b->state == BROADCAST_CANCELLED;
}

/*
 * OLD becomes what NEW says; what the sender has counted stays. A stop whose storing was not answered is not undone by the
 * store, it is stored again. Takes NEW.
 */
static void renew(struct engine *e, struct broadcast *old, struct broadcast *new)
{
	bool lost = is_stopped(old) && !is_stopped(new) && new->state != BROADCAST_DONE;

	free(old->text);
	free(old->params);
	memcpy(new->sums, old->sums, sizeof(new->sums));
	new->sums_known = old->sums_known;
	new->has_job = old->has_job;
	new->changes = old->changes + 1;
	if (lost)
		new->state = old->state;
	*old = *new;
	free(new);
	if (lost && broadcast_store(e, old, NULL, NULL, NULL) < 0)
		LOG_WARN("broadcast_not_stored", "broadcast=%s", old->id);
}

struct loading {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
};

static void on_loaded(void *ctx, int rc, const struct redis_value *v)
{
	struct loading l = *(struct loading *)ctx;
	struct broadcasts *list = l.e->broadcasts;

	free(ctx);
	if (store_failed(rc, v, "load_broadcasts")) {
		l.done(l.e, SW_EAWAY);
		return;
	}
	list->planning = false; /* whatever was asked for is in the store now, or will never be */
	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		struct broadcast *old = broadcast_find(l.e, v->items[i].str);
		struct broadcast *b =
			from_json(v->items[i].str, v->items[i + 1].str, v->items[i + 1].len);

		if (!b)
			LOG_ERROR("broadcast_unreadable", "broadcast=%s", v->items[i].str);
		else if (old)
			renew(l.e, old, b);
		else
			insert(list, b);
	}
	for (size_t k = 0; k < list->n; k++)
		if (!store_field(v, list->items[k]->id)) {
			/* Nothing more is sent of what nobody could account for. */
			LOG_ERROR("broadcast_lost", "broadcast=%s", list->items[k]->id);
			list->items[k]->state = BROADCAST_CANCELLED;
			list->items[k]->changes++;
		}
	for (size_t k = 0; k < list->n; k++)
		state_publish_broadcast(l.e, list->items[k]);
	l.done(l.e, 0);
}

void broadcast_load(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct loading *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	if (!e->broadcasts)
		e->broadcasts = calloc(1, sizeof(*e->broadcasts));
	if (l && e->broadcasts) {
		*l = (struct loading){.e = e, .done = done};
		rc = store_command(e->redis, on_loaded, l,
			(const char *const[]){"HGETALL", KEY_BROADCASTS, NULL});
	}
	if (rc < 0) {
		free(l);
		done(e, rc);
	}
}

void broadcast_free(struct engine *e)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++)
		broadcast_destroy(e->broadcasts->items[i]);
	free(e->broadcasts);
	e->broadcasts = NULL;
}

/* ---- changes ---- */

struct storing {
	struct engine *e;
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct storing s = *(struct storing *)ctx;

	free(ctx);
	if (store_is_fenced(v))
		engine_fenced(s.e);
	rc = store_failed(rc, v, "broadcast_store") ? SW_EAWAY : 0;
	s.e->activity++;
	audit_kick(s.e);
	if (s.done)
		s.done(s.ctx, rc);
}

int broadcast_store(struct engine *e, const struct broadcast *b, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx)
{
	static const char *const keys[] = {KEY_LEASE, KEY_BROADCASTS, KEY_AUDIT};
	struct storing *s = calloc(1, sizeof(*s));
	char *json = broadcast_json(b);
	struct args a;
	int rc = -ENOMEM;

	args_init(&a);
	args_add(&a, e->fence);
	args_add(&a, b->id);
	args_add(&a, json);
	args_add(&a, audit);
	if (s && json) {
		*s = (struct storing){.e = e, .done = done, .ctx = ctx};
		rc = store_eval(e->redis, "broadcast_store", on_stored, s, keys, 3, &a);
	}
	if (rc < 0)
		free(s);
	args_fini(&a);
	free(json);
	return rc;
}

struct adding {
	struct engine *e;
	struct broadcast *b; /* owned */
	void (*done)(void *ctx, int rc, struct broadcast *b);
	void *ctx;
};

static void on_added(void *ctx, int rc, const struct redis_value *v)
{
	struct adding a = *(struct adding *)ctx;
	struct broadcast *there;

	free(ctx);
	if (store_is_fenced(v))
		engine_fenced(a.e);
	if (store_failed(rc, v, "broadcast_plan") || v->type != REDIS_STRING) {
		rc = SW_EAWAY;
	} else if (!strcmp(v->str, "full")) {
		rc = SW_ELIMIT;
	} else {
		rc = text_copy(a.b->id, sizeof(a.b->id), v->str);
	}
	there = rc == 0 ? broadcast_find(a.e, a.b->id) : NULL;
	if (rc == 0 && !there) {
		insert(a.e->broadcasts, a.b);
		there = broadcast_find(a.e, v->str);
	} else {
		broadcast_destroy(a.b);
	}
	if (there)
		state_publish_broadcast(a.e, there);
	a.e->activity++;
	audit_kick(a.e);
	a.done(a.ctx, rc, there);
}

int broadcast_add(struct engine *e, struct broadcast *b, const char *audit,
	void (*done)(void *ctx, int rc, struct broadcast *b), void *ctx)
{
	static const char *const keys[] = {
		KEY_LEASE, KEY_BROADCASTS, KEY_BROADCAST_NUMBER, KEY_AUDIT};
	struct adding *s = calloc(1, sizeof(*s));
	char *json = broadcast_json(b);
	struct args a;
	int rc = -ENOMEM;

	args_init(&a);
	args_add(&a, e->fence);
	args_add(&a, json);
	args_add(&a, audit);
	args_addi(&a, BROADCASTS_MAX);
	if (s && json) {
		*s = (struct adding){.e = e, .b = b, .done = done, .ctx = ctx};
		rc = store_eval(e->redis, "broadcast_plan", on_added, s, keys, 4, &a);
	}
	if (rc < 0)
		free(s);
	args_fini(&a);
	free(json);
	return rc;
}

/* ---- what a cancelled one leaves behind ---- */

struct sweeping {
	struct engine *e;
	struct broadcast *b;
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void on_swept(void *ctx, int rc)
{
	struct sweeping s = *(struct sweeping *)ctx;

	free(ctx);
	if (rc == 0) {
		s.b->swept = true;
		/* Not stored: swept again after the next load, which does no harm. */
		if (broadcast_store(s.e, s.b, NULL, NULL, NULL) < 0)
			LOG_WARN("broadcast_not_stored", "broadcast=%s", s.b->id);
		state_publish_broadcast(s.e, s.b);
	}
	if (s.done)
		s.done(s.ctx, rc);
}

int broadcast_sweep_cancelled(
	struct engine *e, struct broadcast *b, void (*done)(void *ctx, int rc), void *ctx)
{
	struct sweeping *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s) {
		*s = (struct sweeping){.e = e, .b = b, .done = done, .ctx = ctx};
		rc = broadcast_sweep(e, b, NIBBLE_CANCELLED, on_swept, s);
	}
	if (rc < 0)
		free(s);
	return rc;
}

/* ---- after a load: one after the other, from the first ---- */

static void settle_next(void *ctx, int rc);

/* 1: something of B is under way; 0: there was nothing to do; negative. */
static int settle_one(struct engine *e, struct broadcast *b)
{
	int rc;

	if (!b->started_ms || b->state == BROADCAST_RUNNING)
		return 0; /* the sender counts what it sends */
	if (b->state == BROADCAST_CANCELLED && !b->swept)
		rc = broadcast_sweep_cancelled(e, b, settle_next, e);
	else if (!b->sums_known)
		rc = broadcast_recount(e, b, settle_next, e);
	else
		return 0;
	return rc < 0 ? rc : 1;
}

static void settle_next(void *ctx, int rc)
{
	struct engine *e = ctx;
	struct broadcasts *l = e->broadcasts;

	while (rc == 0 && l->settled < l->n) {
		rc = settle_one(e, l->items[l->settled++]);
		if (rc == 1)
			return;
	}
	l->settling = false;
	if (rc < 0)
		LOG_WARN("broadcasts_not_settled", "err=%s", err_name(rc)); /* by the next load */
}

void broadcast_settle(struct engine *e)
{
	struct broadcasts *l = e->broadcasts;

	l->settled = 0; /* one that is under way begins anew */
	if (l->settling)
		return;
	l->settling = true;
	settle_next(e, 0);
}
