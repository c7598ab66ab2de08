/*
 * notifier/engine/publicity.c: items of screens and loudspeakers: stored, then retained at the broker.
 *
 * Nothing is ever taken out of the store: whether an item is to be shown, to say that it is withdrawn, or to be empty follows
 * from its payload and the clock. Publishing goes as far as the broker takes it and goes on when it takes more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/wire/topic.h"
#include "notifier/engine/honours.h"
#include "notifier/engine/publicity.h"

enum { LOUD_A_DAY = 3 };

static const char *const kinds[] = {"screen", "loud"};

struct item {
	char field[PUBLICITY_FIELD];
	char broadcast[BROADCAST_ID];
	char *json; /* owned */
	int64_t until_ms;
	bool withdrawn;
	bool published; /* as it is to be now */
	bool cleared;   /* its time is over */
};

struct publicity {
	struct item *items;
	size_t n, cap;
	struct timer *timer; /* the next end */
};

/* ---- at the broker ---- */

static void arm(struct engine *e)
{
	int64_t next = publicity_next_ms(e);

	if (next == INT64_MAX)
		timer_stop(e->publicity->timer);
	else
		timer_at(e->publicity->timer, next);
}

static bool publish(struct engine *e, const struct item *i)
{
	char topic[TOPIC_MAX];
	const char *payload = i->cleared ? "" : i->json;

	(void)snprintf(topic, sizeof(topic), TOPIC_PUBLICITY "%s", i->field);
	return e->mqtt && mqtt_publish(e->mqtt, topic, payload, strlen(payload), true) == 0;
}

static void flush(struct engine *e)
{
	struct publicity *p = e->publicity;
	int64_t now = engine_now_ms(e);

	/* Awake after a freeze, what we remember may be withdrawn. */
	if (!p || !engine_ready(e) || !engine_has_lease(e))
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct item *it = &p->items[i];
		bool over = it->until_ms <= now;

		if (over != it->cleared) {
			it->cleared = over;
			it->published = false;
		}
		if (!it->published && !publish(e, it))
			break; /* on_connect or on_drain goes on */
		it->published = true;
	}
	arm(e);
}

static void on_timer(void *ctx)
{
	struct engine *e = ctx;

	e->activity++;
	flush(e);
}

void publicity_on_connect(struct engine *e)
{
	for (size_t i = 0; e->publicity && i < e->publicity->n; i++)
		e->publicity->items[i].published = false;
	flush(e);
}

void publicity_on_drain(struct engine *e)
{
	flush(e);
}

int64_t publicity_next_ms(const struct engine *e)
{
	int64_t now = engine_now_ms(e), next = INT64_MAX;

	for (size_t i = 0; e->publicity && i < e->publicity->n; i++)
		if (e->publicity->items[i].until_ms > now && e->publicity->items[i].until_ms < next)
			next = e->publicity->items[i].until_ms;
	return next;
}

/* ---- in memory ---- */

static struct item *find(const struct engine *e, const char *field)
{
	for (size_t i = 0; e->publicity && i < e->publicity->n; i++)
		if (!strcmp(e->publicity->items[i].field, field))
			return &e->publicity->items[i];
	return NULL;
}

static struct item *add(struct publicity *p)
{
	if (p->n == PUBLICITY_MAX)
		return NULL;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct item *items = realloc(p->items, cap * sizeof(*items));

		if (!items)
			return NULL;
		p->items = items;
		p->cap = cap;
	}
	p->items[p->n] = (struct item){0};
	return &p->items[p->n++];
}

/* FIELD is now JSON. */
static int keep(struct engine *e, const char *field, const char *json)
{
	json_t *j = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	const char *broadcast = "";
	json_int_t until = 0;
	int withdrawn = 0, rc = SW_EPROTO;
	struct item *i;

	if (!j || json_unpack(j, "{s:I, s?s, s?b}", "until", &until, "broadcast", &broadcast,
			  "withdrawn", &withdrawn) < 0)
		goto out;
	i = find(e, field);
	if (!i)
		i = add(e->publicity);
	rc = i ? text_copy(i->field, sizeof(i->field), field) : SW_ELIMIT;
	if (rc == 0)
		rc = text_copy(i->broadcast, sizeof(i->broadcast), broadcast);
	if (rc < 0)
		goto out;
	free(i->json);
	i->json = text_dup(json);
	i->until_ms = i->json ? until : 0;
	i->withdrawn = withdrawn;
	i->published = false;
out:
	json_decref(j);
	return rc;
}

void publicity_count(
	const struct engine *e, const char *item, size_t *ret_live, size_t *ret_tombstones)
{
	int64_t now = engine_now_ms(e);

	*ret_live = *ret_tombstones = 0;
	for (size_t i = 0; e->publicity && i < e->publicity->n; i++) {
		const struct item *it = &e->publicity->items[i];
		const char *id = strrchr(it->field, '/');

		if (it->until_ms <= now || !id || strcmp(id + 1, item))
			continue;
		if (it->withdrawn)
			(*ret_tombstones)++;
		else
			(*ret_live)++;
	}
}

/* ---- load ---- */

struct publicity_loading {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
};

static void on_loaded(void *ctx, int rc, const struct redis_value *v)
{
	struct publicity_loading l = *(struct publicity_loading *)ctx;

	free(ctx);
	if (store_failed(rc, v, "load_publicity")) {
		l.done(l.e, SW_EAWAY);
		return;
	}
	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2)
		if (keep(l.e, v->items[i].str, v->items[i + 1].str) < 0)
			LOG_ERROR("publicity_unreadable", "item=%s", v->items[i].str);
	l.done(l.e, 0);
}

void publicity_load(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct publicity_loading *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	if (!e->publicity) {
		e->publicity = calloc(1, sizeof(*e->publicity));
		if (e->publicity && timer_new(e->loop, on_timer, e, &e->publicity->timer) < 0) {
			free(e->publicity);
			e->publicity = NULL;
		}
	}
	if (l && e->publicity) {
		*l = (struct publicity_loading){.e = e, .done = done};
		rc = store_command(e->redis, on_loaded, l,
			(const char *const[]){"HGETALL", KEY_PUBLICITY, NULL});
	}
	if (rc < 0) {
		free(l);
		done(e, rc);
	}
}

void publicity_free(struct engine *e)
{
	struct publicity *p = e->publicity;

	if (!p)
		return;
	timer_destroy(p->timer);
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].json);
	free(p->items);
	free(p);
	e->publicity = NULL;
}

/* ---- payloads ---- */

/* Shown where the broadcast goes to, else in the unit the commended belongs to: an honour's id begins with its code. */
static void field_of(const struct broadcast *b, const char *kind, char ret[PUBLICITY_FIELD])
{
	int len = b->area[0] ? (int)strlen(b->area) : (int)strcspn(b->item, "-");

	(void)snprintf(ret, PUBLICITY_FIELD, "%.*s/%s/%s", len, b->area[0] ? b->area : b->item,
		kind, b->item);
}

/* A loudspeaker is silent at noon and at night, and speaks at most three times a day. */
static void add_hours(json_t *j)
{
	json_object_set_new(j, "hours",
		json_pack("[{s:s, s:s}, {s:s, s:s}]", "from", "08:00", "to", "12:00", "from",
			"14:30", "to", "20:00"));
	json_object_set_new(j, "max_per_day", json_integer(LOUD_A_DAY));
}

/* NULL: there is no text of this kind. */
static char *payload(
	const struct engine *e, const struct broadcast *b, const struct honour *h, size_t kind)
{
	const char *text = kind == 0 ? h->text_screen : h->text_loud;
	json_t *j;
	char *json;

	if (!text || !text[0])
		return NULL;
	j = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:I, s:I}", "v", 1, "id", b->item, "at",
		(json_int_t)engine_now_ms(e), "broadcast", b->id, "text", text, "language",
		"zh-Hans", "from", (json_int_t)b->from_ms, "until", (json_int_t)b->until_ms);
	if (j && kind == 1)
		add_hours(j);
	json = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return json;
}

/* ---- begin and end ---- */

struct publicity_op {
	struct engine *e;
	json_t *fields; /* field -> payload, as asked for */
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void op_free(struct publicity_op *op)
{
	if (op)
		json_decref(op->fields);
	free(op);
}

static struct publicity_op *op_new(struct engine *e, void (*done)(void *ctx, int rc), void *ctx)
{
	struct publicity_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	*op = (struct publicity_op){.e = e, .fields = json_object(), .done = done, .ctx = ctx};
	return op;
}

/* V names what was written. */
static void on_written(void *ctx, int rc, const struct redis_value *v)
{
	struct publicity_op *op = ctx;
	struct engine *e = op->e;

	if (store_is_fenced(v))
		engine_fenced(e);
	if (store_failed(rc, v, "publicity")) {
		op->done(op->ctx, SW_EAWAY);
		op_free(op);
		return;
	}
	for (size_t i = 0; v->type == REDIS_ARRAY && i < v->n; i++) {
		const char *json = json_string_value(json_object_get(op->fields, v->items[i].str));

		if (json && keep(e, v->items[i].str, json) < 0)
			LOG_ERROR("publicity_not_kept", "item=%s", v->items[i].str);
	}
	e->activity++;
	flush(e);
	audit_kick(e);
	op->done(op->ctx, 0);
	op_free(op);
}

static void add_fields(struct args *a, json_t *fields)
{
	const char *field;
	json_t *json;

	json_object_foreach(fields, field, json)
	{
		args_pair(a, field, json_string_value(json));
	}
}

int publicity_start(struct engine *e, const struct broadcast *b, const struct honour *h,
	const char *audit, void (*done)(void *ctx, int rc), void *ctx)
{
	struct publicity_op *op = op_new(e, done, ctx);
	char(*message_keys)[STORE_KEY] = calloc(PUBLICITY_MAX_GROUPS, STORE_KEY);
	const char *keys[7 + PUBLICITY_MAX_GROUPS] = {KEY_LEASE, KEY_BROADCASTS, KEY_AUDIT,
		KEY_PUBLICITY, KEY_PUBLICITY_GROUPS, KEY_DUE, KEY_MIDS};
	char *json = broadcast_json(b), *record = NULL, field[PUBLICITY_FIELD];
	struct args a, groups;
	int64_t due = 0;
	size_t n = 0;
	int rc = -ENOMEM;

	args_init(&a);
	args_init(&groups);
	if (!op || !op->fields || !message_keys || !json)
		goto out;
	for (size_t k = 0; h && k < ARRAY_LEN(kinds); k++) {
		char *text = payload(e, b, h, k);

		field_of(b, kinds[k], field);
		if (text)
			json_object_set_new(op->fields, field, json_string(text));
		free(text);
	}
	rc = SW_ELIMIT;
	if (e->publicity->n + json_object_size(op->fields) > PUBLICITY_MAX)
		goto out;
	if (h)
		n = publicity_group_args(e, b, h, &groups, message_keys, &record, &due);
	args_add(&a, e->fence);
	args_add(&a, b->id);
	args_add(&a, json);
	args_add(&a, audit);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, b->item);
	args_add(&a, record);
	args_addi(&a, due);
	args_addi(&a, (int64_t)json_object_size(op->fields));
	add_fields(&a, op->fields);
	args_addi(&a, (int64_t)n);
	for (size_t i = 0; i < groups.n; i++)
		args_add(&a, groups.v[i]);
	for (size_t i = 0; i < n; i++)
		keys[7 + i] = message_keys[i];
	rc = groups.error ? groups.error
			  : store_eval(e->redis, "broadcast_start", on_written, op, keys,
				    7 + (int)n, &a);
out:
	if (rc < 0)
		op_free(op);
	args_fini(&a);
	args_fini(&groups);
	free(message_keys);
	free(record);
	free(json);
	return rc;
}

/* What the item of FIELD is from now on: its tombstone until its end, or nothing. */
static char *ending(const struct engine *e, const struct broadcast *b, const char *field, bool gone)
{
	const struct item *i = find(e, field);
	int64_t now = engine_now_ms(e);
	int64_t until = i && i->until_ms > b->until_ms ? i->until_ms : b->until_ms;
	json_t *j = json_pack("{s:i, s:s, s:I, s:s, s:I}", "v", 1, "id", b->item, "at",
		(json_int_t)now, "broadcast", b->id, "until", (json_int_t)(gone ? until : now));
	char *json;

	if (j && gone)
		json_object_set_new(j, "withdrawn", json_true());
	json = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return json;
}

int publicity_end(struct engine *e, const struct broadcast *const *bs, size_t n,
	const struct honour *withdrawn, const char *audit, void (*done)(void *ctx, int rc),
	void *ctx)
{
	static const char *const keys[] = {
		KEY_LEASE, KEY_BROADCASTS, KEY_AUDIT, KEY_PUBLICITY, KEY_HONOURS};
	struct publicity_op *op = op_new(e, done, ctx);
	json_t *honour = withdrawn ? honour_to_json(e->world.c, withdrawn) : NULL;
	char *honour_json = honour ? json_dumps(honour, JSON_COMPACT) : NULL;
	struct args a;
	int rc = -ENOMEM;

	args_init(&a);
	if (!op || !op->fields || (withdrawn && !honour_json))
		goto out;
	args_add(&a, e->fence);
	args_add(&a, audit);
	args_add(&a, withdrawn ? withdrawn->id : "");
	args_add(&a, honour_json);
	args_addi(&a, (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		char *json = broadcast_json(bs[i]);

		args_add(&a, bs[i]->id);
		args_add(&a, json);
		free(json);
	}
	for (size_t i = 0; i < 2 * n; i++) {
		const struct broadcast *b = bs[i / 2];
		char field[PUBLICITY_FIELD], *json;
		const struct item *it;

		if (!b->item[0])
			continue; /* an announcement */
		field_of(b, kinds[i % 2], field);
		it = find(e, field);
		if (!withdrawn && it && strcmp(it->broadcast, b->id))
			continue; /* another broadcast of the same honour shows it */
		json = ending(e, b, field, withdrawn != NULL);
		if (json)
			json_object_set_new(op->fields, field, json_string(json));
		free(json);
	}
	add_fields(&a, op->fields);
	rc = store_eval(e->redis, "broadcast_end", on_written, op, keys, 5, &a);
out:
	if (rc < 0)
		op_free(op);
	args_fini(&a);
	json_decref(honour);
	free(honour_json);
	return rc;
}
