/*
 * notifier/engine/gates.c: which gates of publicity are open, by whom and since when.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/gates.h"

#define APPROVED "operator.approved"

/* "operator.approved:2": how many people; 0: another gate. */
static int64_t approvals_needed(const char *name)
{
	int64_t n = 1;

	if (!text_starts(name, APPROVED))
		return 0;
	name += strlen(APPROVED);
	if (*name && (*name != ':' || num_parse(name + 1, 1, 99, &n) < 0))
		return 0;
	return n;
}

/* More people than the one who plans and the one who approves there are not. */
static bool approved(const struct broadcast *b, int64_t needed)
{
	int64_t people =
		b->planned_by[0] && b->approved_by[0] && strcmp(b->planned_by, b->approved_by) != 0
			? 2
			: b->approved_by[0] != '\0';

	return people >= needed;
}

const struct gate *gates_find(const struct engine *e, const char *name)
{
	for (size_t i = 0; e->gates && i < e->gates->n; i++)
		if (!strcmp(e->gates->items[i].name, name))
			return &e->gates->items[i];
	return NULL;
}

bool gates_settable(const struct engine *e, const char *name)
{
	const struct def_publicity *p = &e->world.c->publicity;

	for (size_t i = 0; i < p->n_gates; i++)
		if (!strcmp(p->gates[i], name))
			return approvals_needed(name) == 0;
	return false;
}

/* Opened by somebody, and its moment is there. */
static bool is_set(const struct engine *e, const char *name, int64_t now_ms)
{
	const struct gate *g = gates_find(e, name);

	return g && g->at_ms <= now_ms;
}

static bool is_open(
	const struct engine *e, const char *name, const struct broadcast *b, int64_t now_ms)
{
	int64_t needed = approvals_needed(name);

	return needed ? approved(b, needed) : is_set(e, name, now_ms);
}

const char *gates_missing(const struct engine *e, const struct broadcast *b, int64_t now_ms)
{
	const struct def_publicity *p = &e->world.c->publicity;

	for (size_t i = 0; i < p->n_gates; i++)
		if (!is_open(e, p->gates[i], b, now_ms))
			return p->gates[i];
	return NULL;
}

bool gates_public(const struct engine *e, int64_t now_ms)
{
	const struct def_publicity *p = &e->world.c->publicity;
	size_t n = 0;

	for (size_t i = 0; i < p->n_gates; i++) {
		if (approvals_needed(p->gates[i]))
			continue;
		if (!is_set(e, p->gates[i], now_ms))
			return false;
		n++;
	}
	return n > 0;
}

int64_t gates_next_ms(const struct engine *e, int64_t now_ms)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; e->gates && i < e->gates->n; i++) {
		int64_t at = e->gates->items[i].at_ms;

		if (at > now_ms && at < next)
			next = at;
	}
	return next;
}

json_t *gates_json(const struct engine *e, const struct broadcast *b, int64_t now_ms)
{
	const struct def_publicity *p = &e->world.c->publicity;
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_gates; i++) {
		const struct gate *g = gates_find(e, p->gates[i]);

		json_array_append_new(
			list, json_pack("{s:s, s:b, s:I, s:s}", "name", p->gates[i], "open",
				      is_open(e, p->gates[i], b, now_ms), "at",
				      (json_int_t)(g ? g->at_ms : 0), "by", g ? g->by : ""));
	}
	return list;
}

/* ---- store ---- */

static int from_json(const char *name, const char *text, size_t len, struct gate *ret)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *by = "";
	json_int_t at = 0, set = 0;
	int rc = SW_EPROTO;

	*ret = (struct gate){0};
	if (j && json_unpack(j, "{s:I, s?s, s?I}", "at", &at, "by", &by, "set", &set) == 0 &&
		text_copy(ret->name, sizeof(ret->name), name) == 0 &&
		text_copy(ret->by, sizeof(ret->by), by) == 0) {
		ret->at_ms = at;
		ret->set_ms = set;
		rc = 0;
	}
	json_decref(j);
	return rc;
}

struct gates_loading {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
};

static void on_loaded(void *ctx, int rc, const struct redis_value *v)
{
	struct gates_loading l = *(struct gates_loading *)ctx;
	struct gates *g = l.e->gates;

	free(ctx);
	if (store_failed(rc, v, "load_gates")) {
		l.done(l.e, SW_EAWAY);
		return;
	}
	g->n = 0;
	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n && g->n < GATES_MAX; i += 2) {
		if (from_json(v->items[i].str, v->items[i + 1].str, v->items[i + 1].len,
			    &g->items[g->n]) == 0)
			g->n++;
		else /* unreadable is closed */
			LOG_ERROR("gate_unreadable", "name=%s", v->items[i].str);
	}
	l.done(l.e, 0);
}

void gates_load(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct gates_loading *l = calloc(1, sizeof(*l));

	if (!e->gates)
		e->gates = calloc(1, sizeof(*e->gates));
	if (!l || !e->gates) {
		free(l);
		done(e, -ENOMEM);
		return;
	}
	*l = (struct gates_loading){.e = e, .done = done};
	if (store_command(e->redis, on_loaded, l,
		    (const char *const[]){"HGETALL", KEY_GATES, NULL}) < 0) {
		free(l);
		done(e, SW_EAWAY);
	}
}

void gates_free(struct engine *e)
{
	free(e->gates);
	e->gates = NULL;
}

/* ---- opening and closing ---- */

struct gates_setting {
	struct engine *e;
	struct gate gate;
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void keep(struct gates *g, const struct gate *gate)
{
	size_t i = 0;

	while (i < g->n && strcmp(g->items[i].name, gate->name))
		i++;
	if (gate->at_ms < 0) {
		if (i < g->n)
			g->items[i] = g->items[--g->n];
	} else if (i < GATES_MAX) {
		g->items[i] = *gate;
		if (i == g->n)
			g->n++;
	}
}

static void on_set(void *ctx, int rc, const struct redis_value *v)
{
	struct gates_setting s = *(struct gates_setting *)ctx;

	free(ctx);
	if (store_is_fenced(v))
		engine_fenced(s.e);
	if (store_failed(rc, v, "gate")) {
		s.done(s.ctx, SW_EAWAY);
		return;
	}
	keep(s.e->gates, &s.gate);
	s.e->activity++;
	s.done(s.ctx, 0);
}

int gates_set(struct engine *e, const char *name, int64_t at_ms, const char *by, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx)
{
	static const char *const keys[] = {KEY_LEASE, KEY_GATES, KEY_AUDIT};
	struct gates_setting *s = calloc(1, sizeof(*s));
	json_t *j = json_pack("{s:I, s:s, s:I}", "at", (json_int_t)at_ms, "by", by, "set",
		(json_int_t)engine_now_ms(e));
	char *json = json_dumps(j, JSON_COMPACT);
	struct args a;
	int rc = -ENOMEM;

	args_init(&a);
	args_add(&a, e->fence);
	args_add(&a, name);
	args_add(&a, at_ms < 0 ? "" : json);
	args_add(&a, audit);
	if (s && json) {
		*s = (struct gates_setting){.e = e, .done = done, .ctx = ctx};
		s->gate.at_ms = at_ms;
		s->gate.set_ms = engine_now_ms(e);
		rc = text_copy(s->gate.name, sizeof(s->gate.name), name);
		if (rc == 0)
			rc = text_copy(s->gate.by, sizeof(s->gate.by), by);
		if (rc == 0)
			rc = store_eval(e->redis, "gate", on_set, s, keys, 3, &a);
	}
	if (rc < 0)
		free(s);
	args_fini(&a);
	json_decref(j);
	free(json);
	return rc;
}
