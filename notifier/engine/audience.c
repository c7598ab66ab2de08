/*
 * notifier/engine/audience.c: the list of audiences, loaded and checked after each connect.
 *
 * What the store holds decides: an audience whose parts do not add up, or whose HMACs are wrong, is left out of the
 * list, so that nothing can be sent over it. The HMACs are looked at once per process, a segment a turn: 10 million
 * numbers are 50 MB. An import that was broken off is removed here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/audience_internal.h"

enum {
	META_WINDOW = 128,
	CHECK_WINDOW = 2, /* 325 KB each */
};

struct loading {
	struct engine *e;
	unsigned adopted; /* how many imports had ended when it began */
	void (*done)(struct engine *e, int rc);
	struct audiences next;
	struct {
		char id[AUDIENCE_ID];
		size_t n;
	} begun[AUDIENCES_MAX];
	size_t n_begun;
	char refused[AUDIENCES_MAX][AUDIENCE_ID];
	size_t n_refused;
	/* The audience being looked at. */
	size_t at, segment, running;
	uint8_t (*macs)[AUDIENCE_MAC];
	bool checking; /* its parts are known: now the content */
	bool bad;
	int rc;
};

struct loading_call {
	struct loading *l;
	unsigned segment;
};

static void pump(struct loading *l);

/* ---- the list in memory ---- */

const char *audience_key(char *buf, const char *id, unsigned segment, const char *tail)
{
	(void)snprintf(buf, STORE_KEY, "sw:{%s.%u}:%s", id, segment, tail);
	return buf;
}

struct audience_state *audience_state(struct engine *e)
{
	struct audience_state *s;

	if (!e->audiences) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		TAILQ_INIT(&s->ops);
		e->audiences = &s->list;
	}
	return (struct audience_state *)e->audiences;
}

const struct audience_info *audience_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; e->audiences && i < e->audiences->n; i++)
		if (!strcmp(e->audiences->items[i].id, id))
			return &e->audiences->items[i];
	return NULL;
}

void audience_refused(const struct engine *e, char (*ret)[AUDIENCE_ID])
{
	const struct audience_state *s = (const struct audience_state *)e->audiences;
	size_t n = s ? s->n_refused : 0;

	for (size_t i = 0; i < n; i++)
		memcpy(ret[i], s->refused[i], AUDIENCE_ID);
	ret[n][0] = '\0';
}

void audience_info_fini(struct audience_info *i)
{
	free(i->parts);
	*i = (struct audience_info){0};
}

static void list_fini(struct audiences *l)
{
	for (size_t i = 0; i < l->n; i++)
		audience_info_fini(&l->items[i]);
	l->n = 0;
}

void audience_state_free(struct audience_state *s)
{
	list_fini(&s->list);
	free(s);
}

void audience_free(struct engine *e)
{
	struct audience_state *s = (struct audience_state *)e->audiences;

	e->audiences = NULL;
	if (!s)
		return;
	if (s->import)
		s->is_closing = true; /* its thread still reads what it was given */
	else
		audience_state_free(s);
}

static void mark_checked(struct audience_state *s, const struct audience_info *i)
{
	if (s->n_checked == ARRAY_LEN(s->checked))
		s->n_checked =
			0; /* cannot be while audiences are never removed; then they are read again */
	memcpy(s->checked[s->n_checked].id, i->id, sizeof(i->id));
	memcpy(s->checked[s->n_checked].digest, i->digest, sizeof(i->digest));
	s->n_checked++;
}

static bool is_checked(const struct audience_state *s, const struct audience_info *i)
{
	for (size_t k = 0; k < s->n_checked; k++)
		if (!strcmp(s->checked[k].id, i->id) && !strcmp(s->checked[k].digest, i->digest))
			return true;
	return false;
}

int audience_adopt(struct engine *e, struct audience_info *a)
{
	struct audience_state *s = audience_state(e);

	if (!s)
		return -ENOMEM;
	if (s->list.n == AUDIENCES_MAX)
		return SW_ELIMIT;
	mark_checked(s, a);
	s->adopted++;
	s->list.items[s->list.n++] = *a;
	*a = (struct audience_info){0};
	return 0;
}

/* ---- loading: the end ---- */

static void loading_end(struct loading *l)
{
	struct audience_state *s = audience_state(l->e);
	void (*done)(struct engine * e, int rc) = l->done;
	struct engine *e = l->e;
	int rc = l->rc;

	if (!s)
		rc = -ENOMEM;
	if (rc == 0 && s->adopted != l->adopted) {
		/* An import ended meanwhile: what was read may lack it. */
		list_fini(&l->next);
		free(l->macs);
		free(l);
		audience_load(e, done);
		return;
	}
	if (rc == 0) {
		list_fini(&s->list);
		s->list = l->next;
		memcpy(s->refused, l->refused, sizeof(s->refused));
		s->n_refused = l->n_refused;
	} else {
		list_fini(&l->next);
	}
	free(l->macs);
	free(l);
	done(e, rc);
}

static void on_forgotten(void *ctx, int rc)
{
	struct loading *l = ctx;

	if (rc < 0)
		l->rc = rc;
	pump(l);
}

/* Removes what broken-off imports have left, one after the other. */
static void forget_next(struct loading *l)
{
	/* Whoever has no lease only looks. */
	while (l->e->leader && l->n_begun > 0 && l->rc == 0) {
		size_t i = --l->n_begun;

		if (!strcmp(l->begun[i].id, audience_importing(l->e)))
			continue;
		LOG_WARN("audience_import_broken_off", "audience=%s segments=%zu", l->begun[i].id,
			l->begun[i].n);
		audience_forget(l->e, l->begun[i].id, l->begun[i].n, on_forgotten, l);
		return;
	}
	loading_end(l);
}

/* ---- loading: one audience after the other ---- */

static void refuse(struct loading *l, const char *why)
{
	struct audience_info *i = &l->next.items[l->at];

	LOG_ERROR("audience_refused", "audience=%s why=%s", i->id, why);
	memcpy(l->refused[l->n_refused++], i->id, AUDIENCE_ID);
	audience_info_fini(i);
	memmove(i, i + 1, (l->next.n - l->at - 1) * sizeof(*i));
	l->next.n--;
}

/* All answers about the present audience are in. */
static void step(struct loading *l)
{
	struct audience_state *s = audience_state(l->e);
	struct audience_info *i = &l->next.items[l->at];
	size_t sum = 0;

	for (size_t k = 0; k < i->n_segments; k++)
		sum += i->parts[k].n;
	if (l->bad || (!l->checking && sum != i->n)) {
		refuse(l, l->checking ? "its content is not what was imported"
				      : "its segments are not what was imported");
	} else if (!l->checking && s && !is_checked(s, i)) {
		l->checking = true;
		l->segment = 0;
		return;
	} else {
		if (l->checking && s)
			mark_checked(s, i);
		l->at++;
	}
	l->checking = l->bad = false;
	l->segment = 0;
	free(l->macs);
	l->macs = NULL;
}

static bool answered(struct loading_call *c, int rc, const struct redis_value *v)
{
	struct loading *l = c->l;
	bool ok = !store_failed(rc, v, "audience_load");

	l->running--;
	if (!ok)
		l->rc = SW_EAWAY;
	return ok;
}

static void on_meta(void *ctx, int rc, const struct redis_value *v)
{
	struct loading_call *c = ctx;
	struct loading *l = c->l;
	struct audience_part *p = &l->next.items[l->at].parts[c->segment];
	int64_t n;

	if (answered(c, rc, v)) {
		bool ok = v->type == REDIS_ARRAY && v->n == 4;

		for (size_t i = 0; ok && i < 4; i++)
			ok = v->items[i].type == REDIS_STRING;
		if (ok && text_copy(p->area, sizeof(p->area), v->items[0].str) == 0 &&
			num_parse(v->items[1].str, 1, AUDIENCE_SEGMENT, &n) == 0 &&
			id_unhex(v->items[2].str, p->nonce, sizeof(p->nonce)) == 0 &&
			id_unhex(v->items[3].str, l->macs[c->segment], AUDIENCE_MAC) == 0)
			p->n = (uint32_t)n;
		else
			l->bad = true;
	}
	free(c);
	pump(l);
}

static void on_content(void *ctx, int rc, const struct redis_value *v)
{
	struct loading_call *c = ctx;
	struct loading *l = c->l;
	const struct audience_info *i = &l->next.items[l->at];
	const struct audience_part *p = &i->parts[c->segment];
	uint8_t mac[AUDIENCE_MAC];

	if (answered(c, rc, v) && !l->bad &&
		(v->type != REDIS_STRING || v->len != (size_t)p->n * AUDIENCE_NUMBER ||
			audience_mac(&l->e->data_key, i->id, c->segment, p->area, p->nonce,
				(const uint8_t *)v->str, v->len, mac) < 0 ||
			memcmp(mac, l->macs[c->segment], sizeof(mac))))
		l->bad = true;
	free(c);
	pump(l);
}

/* Asks for the next segment; false: later, or never. */
static bool ask_segment(struct loading *l)
{
	const struct audience_info *i = &l->next.items[l->at];
	struct loading_call *c = malloc(sizeof(*c));
	char key[STORE_KEY];
	int rc;

	if (!c) {
		l->rc = -ENOMEM;
		return false;
	}
	*c = (struct loading_call){.l = l, .segment = (unsigned)l->segment};
	if (l->checking)
		rc = store_command(l->e->redis, on_content, c,
			(const char *const[]){
				"GET", audience_key(key, i->id, c->segment, "ph"), NULL});
	else
		rc = store_command(l->e->redis, on_meta, c,
			(const char *const[]){"HMGET", audience_key(key, i->id, c->segment, "meta"),
				"area", "n", "nonce", "mac", NULL});
	if (rc < 0) {
		free(c);
		if (rc != SW_ELIMIT || l->running == 0)
			l->rc = SW_EAWAY;
		return false;
	}
	l->running++;
	l->segment++;
	return true;
}

/* Goes on as far as it can without an answer. L may be gone afterwards. */
static void pump(struct loading *l)
{
	while (l->rc == 0 && l->at < l->next.n) {
		struct audience_info *i = &l->next.items[l->at];

		if (!l->macs) {
			l->macs = calloc(i->n_segments, sizeof(*l->macs));
			i->parts = calloc(i->n_segments, sizeof(*i->parts));
			if (!l->macs || !i->parts) {
				l->rc = -ENOMEM;
				break;
			}
		}
		while (l->segment < i->n_segments &&
			l->running < (l->checking ? CHECK_WINDOW : META_WINDOW) && ask_segment(l))
			;
		if (l->running > 0 || l->rc < 0)
			break;
		step(l);
	}
	if (l->running > 0)
		return;
	if (l->rc < 0 || l->at == l->next.n)
		forget_next(l);
}

/* ---- loading: the beginning ---- */

static bool info_from(const char *id, const char *json, struct audience_info *ret)
{
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const char *digest = json_string_value(json_object_get(j, "digest"));
	const char *name = json_string_value(json_object_get(j, "name"));
	json_int_t n = json_integer_value(json_object_get(j, "n"));
	json_int_t segments = json_integer_value(json_object_get(j, "segments"));
	bool ok;

	*ret = (struct audience_info){.n = (size_t)n, .n_segments = (size_t)segments};
	ok = digest && name && n > 0 && n <= AUDIENCE_MAX && segments > 0 &&
	     segments <= AUDIENCE_MAX_SEGMENTS && text_copy(ret->id, sizeof(ret->id), id) == 0 &&
	     text_copy(ret->digest, sizeof(ret->digest), digest) == 0 &&
	     text_copy(ret->name, sizeof(ret->name), name) == 0;
	json_decref(j);
	return ok;
}

static int by_number(const void *a, const void *b)
{
	const struct audience_info *x = a, *y = b;
	int64_t i = 0, k = 0;

	(void)!num_parse(x->id + 1, 0, INT32_MAX, &i);
	(void)!num_parse(y->id + 1, 0, INT32_MAX, &k);
	return (i > k) - (i < k);
}

static void on_begun(void *ctx, int rc, const struct redis_value *v)
{
	struct loading *l = ctx;

	if (store_failed(rc, v, "audiences_begun") || v->type != REDIS_ARRAY)
		l->rc = SW_EAWAY;
	for (size_t i = 0; l->rc == 0 && i + 1 < v->n && l->n_begun < AUDIENCES_MAX; i += 2) {
		int64_t n;

		if (text_copy(l->begun[l->n_begun].id, AUDIENCE_ID, v->items[i].str) == 0 &&
			num_parse(v->items[i + 1].str, 0, AUDIENCE_MAX_SEGMENTS, &n) == 0)
			l->begun[l->n_begun++].n = (size_t)n;
	}
	pump(l);
}

static void on_list(void *ctx, int rc, const struct redis_value *v)
{
	struct loading *l = ctx;

	if (store_failed(rc, v, "audiences") || v->type != REDIS_ARRAY)
		l->rc = SW_EAWAY;
	for (size_t i = 0; l->rc == 0 && i + 1 < v->n && l->next.n < AUDIENCES_MAX; i += 2) {
		if (info_from(v->items[i].str, v->items[i + 1].str, &l->next.items[l->next.n]))
			l->next.n++;
		else
			LOG_ERROR("audience_unreadable", "audience=%s", v->items[i].str);
	}
	qsort(l->next.items, l->next.n, sizeof(l->next.items[0]), by_number);
	if (l->rc == 0 && store_command(l->e->redis, on_begun, l,
				  (const char *const[]){"HGETALL", KEY_AUDIENCES_BEGUN, NULL}) == 0)
		return;
	l->rc = SW_EAWAY;
	loading_end(l);
}

void audience_load(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct audience_state *s = audience_state(e);
	struct loading *l = s ? calloc(1, sizeof(*l)) : NULL;

	if (!l) {
		done(e, -ENOMEM);
		return;
	}
	l->e = e;
	l->adopted = s->adopted;
	l->done = done;
	if (store_command(e->redis, on_list, l,
		    (const char *const[]){"HGETALL", KEY_AUDIENCES, NULL}) < 0) {
		l->rc = SW_EAWAY;
		loading_end(l);
	}
}
