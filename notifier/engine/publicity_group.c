/*
 * notifier/engine/publicity_group.c: the texts for groups: ordinary messages, each sent at most once.
 *
 * The robots marked for publicity stand in groups of community workers, who forward the text to their residents. So residents'
 * hours hold for it, and an outcome that stayed unknown is parked for good.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/release.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/publicity.h"

enum { GATE_AGAIN_MS = 600000 }; /* nothing tells when somebody opens it again */

#define WHY_PAUSED "its broadcast is paused"
#define WHY_CANCELLED "its broadcast was cancelled"

static void add_message(struct engine *e, const struct broadcast *b, const struct honour *h,
	size_t robot, const char *job, int64_t due, struct args *a)
{
	const char *name = conf_strf(e->conf, "wecom.robots[%zu].name", robot);
	size_t count_at = a->n;

	args_add(a, "28");
	args_pair(a, "kind", "pub");
	args_pair(a, "job", job);
	args_pair(a, "unit", conf_strf(e->conf, "wecom.robots[%zu].unit", robot));
	args_pair(a, "ch", "robot");
	args_pair(a, "route", name);
	args_pair(a, "to", name);
	args_pair(a, "class", "no_repeat");
	args_pair(a, "type", "markdown");
	args_pair(a, "rev", "1");
	args_pair(a, "text", h->text_group);
	args_pair(a, "ment", "");
	args_add(a, "nom");
	args_addi(a, due);
	args_add(a, "due");
	args_addi(a, due);
	args_add(a, "exp");
	args_addi(a, b->until_ms);
	if (!a->error && a->n - count_at - 1 != 28)
		a->error = SW_EINVAL; /* the script counts on it */
}

size_t publicity_group_args(struct engine *e, const struct broadcast *b, const struct honour *h,
	struct args *a, char (*keys)[STORE_KEY], char **ret_record, int64_t *ret_due_ms)
{
	int64_t now = engine_now_ms(e), from = b->from_ms > now ? b->from_ms : now;
	json_t *mids = json_array(), *record;
	char job[112];
	size_t n = 0;

	*ret_record = NULL;
	*ret_due_ms = release_window_next(e->world.c, from);
	(void)snprintf(job, sizeof(job), "pub/%s/%s/group", e->world.c->id, b->id);
	for (size_t i = 0; i < conf_count(e->conf, "wecom.robots"); i++) {
		id_str mid;

		if (!conf_boolf(e->conf, "wecom.robots[%zu].publicity", i) || !h->text_group[0] ||
			*ret_due_ms >= b->until_ms)
			continue;
		if (n == PUBLICITY_MAX_GROUPS) {
			LOG_ERROR("publicity_groups_left_out", "most=%d", PUBLICITY_MAX_GROUPS);
			break;
		}
		id_mid(job, "robot", conf_strf(e->conf, "wecom.robots[%zu].name", i), "1", mid);
		store_key(keys[n++], KEY_MESSAGE_PREFIX, mid);
		json_array_append_new(mids, json_string(mid));
		args_add(a, mid);
		add_message(e, b, h, i, job, *ret_due_ms, a);
	}
	record = json_pack("{s:s, s:o}", "broadcast", b->id, "mids", mids);
	*ret_record = json_dumps(record, JSON_COMPACT);
	json_decref(record);
	return n;
}

/* ---- when one is due ---- */

static const struct broadcast *broadcast_of(const struct engine *e, const struct message *m)
{
	const char *id = m->job;
	char name[BROADCAST_ID];
	size_t len;

	/* "pub/<campaign>/<b>/group" */
	for (int i = 0; i < 2 && id; i++) {
		id = strchr(id, '/');
		id = id ? id + 1 : NULL;
	}
	len = id ? strcspn(id, "/") : 0;
	if (len == 0 || len >= sizeof(name))
		return NULL;
	memcpy(name, id, len);
	name[len] = '\0';
	return broadcast_find(e, name);
}

/* Its broadcast may be done by then, and is not cancelled any more. */
static bool is_withdrawn(const struct engine *e, const struct broadcast *b)
{
	int i = e->honours && b->item[0] ? honours_find(e->honours, b->item) : -1;

	return i >= 0 && e->honours->items[i].withdrawn;
}

const char *publicity_group_verdict(
	const struct engine *e, const struct message *m, const char **ret_why, int64_t *ret_due_ms)
{
	const struct broadcast *b = broadcast_of(e, m);
	int64_t now = engine_now_ms(e), next = release_window_next(e->world.c, now);

	*ret_due_ms = 0;
	if (!b || b->state == BROADCAST_CANCELLED || is_withdrawn(e, b)) {
		*ret_why = WHY_CANCELLED;
		return "cancelled";
	}
	if (b->state == BROADCAST_PAUSED) {
		*ret_why = WHY_PAUSED;
		return "parked";
	}
	if (next == INT64_MAX || next > m->expires_ms) {
		*ret_why = "its time is over";
		return "expired";
	}
	if (gates_missing(e, b, now)) {
		*ret_why = "a gate is closed";
		*ret_due_ms = now + GATE_AGAIN_MS;
		return "queued";
	}
	if (next > now) {
		*ret_why = "residents are left alone now";
		*ret_due_ms = next;
		return "queued";
	}
	return NULL;
}

int64_t publicity_group_expires(const struct engine *e, const struct message *m)
{
	int64_t end = release_window_end(e->world.c, engine_now_ms(e));

	return m->expires_ms && m->expires_ms < end ? m->expires_ms : end;
}

/* ---- stop and go on ---- */

struct group_op {
	struct engine *e;
	char broadcast[BROADCAST_ID];
	char item[48];
	const char *script; /* publicity_stop or publicity_resume */
	bool for_good;
	json_t *mids; /* owned; being worked on, from the end */
	size_t pending;
	int rc;
	struct publicity_stopped r;
	void (*stopped)(void *ctx, int rc, const struct publicity_stopped *r);
	void (*resumed)(void *ctx, int rc);
	void *ctx;
};

struct group_call {
	struct group_op *op;
	id_str mid;
};

static void op_go_on(struct group_op *op);

static void op_end(struct group_op *op)
{
	/* Nothing of it was seen by a group: should the commended be planned anew, groups get the text then. */
	if (op->for_good && op->mids && op->rc == 0 && !op->r.sent && !op->r.unconfirmed)
		(void)!store_command(op->e->redis, NULL, NULL,
			(const char *const[]){"HDEL", KEY_PUBLICITY_GROUPS, op->item, NULL});
	if (op->stopped)
		op->stopped(op->ctx, op->rc, &op->r);
	else
		op->resumed(op->ctx, op->rc);
	json_decref(op->mids);
	free(op);
}

static void call_end(struct group_call *k)
{
	struct group_op *op = k->op;

	free(k);
	op->pending--;
	op_go_on(op);
}

static void on_bot(void *ctx, const struct wire_control *answer)
{
	struct group_call *k = ctx;

	if (!answer)
		k->op->r.unconfirmed++;
	else if (answer->ok)
		k->op->r.stopped++;
	else
		k->op->r.sent++; /* or about to be recorded as what it became */
	call_end(k);
}

static void ask_bot(struct group_call *k)
{
	struct wire_control c = {.op = "cancel"};

	memcpy(c.mid, k->mid, sizeof(c.mid));
	if (wait_control(k->op->e, &c, on_bot, k) < 0) {
		k->op->r.unconfirmed++;
		call_end(k);
	}
}

static void on_state(void *ctx, int rc, const struct redis_value *v)
{
	struct group_call *k = ctx;
	struct group_op *op = k->op;

	if (store_is_fenced(v))
		engine_fenced(op->e);
	if (store_failed(rc, v, op->script)) {
		op->rc = SW_EAWAY;
	} else if (op->stopped && v->type == REDIS_STRING) {
		if (!strcmp(v->str, "handed_over")) {
			ask_bot(k);
			return;
		}
		if (!strcmp(v->str, "accepted") || !strcmp(v->str, "unknown") ||
			(!strcmp(v->str, "parked") && op->for_good))
			op->r.sent++; /* parked, and still so: nobody knows what became of it */
		else
			op->r.stopped++;
	}
	op->e->activity++;
	call_end(k);
}

static int ask_store(struct group_op *op, struct group_call *k)
{
	struct engine *e = op->e;
	char key[STORE_KEY];
	const char *const keys[] = {
		KEY_LEASE, store_key(key, KEY_MESSAGE_PREFIX, k->mid), KEY_DUE, KEY_PARK};
	struct args a;
	int rc;

	args_init(&a);
	args_add(&a, e->fence);
	if (op->stopped) {
		args_addi(&a, engine_now_ms(e));
		args_add(&a, k->mid);
		args_add(&a, op->for_good ? "cancelled" : "parked");
		args_add(&a, op->for_good ? WHY_CANCELLED : WHY_PAUSED);
	} else {
		args_add(&a, k->mid);
		args_add(&a, WHY_PAUSED);
		args_addi(&a, engine_now_ms(e));
	}
	rc = store_eval(e->redis, op->script, on_state, k, keys, 4, &a);
	args_fini(&a);
	return rc;
}

/* A few at a time: the bot's answers are waited for in a table of 64. */
static void op_go_on(struct group_op *op)
{
	enum { AT_ONCE = 16 };

	op->pending++; /* not before all is asked for */
	while (op->pending <= AT_ONCE && json_array_size(op->mids) > 0) {
		size_t last = json_array_size(op->mids) - 1;
		const char *mid = json_string_value(json_array_get(op->mids, last));
		struct group_call *k = calloc(1, sizeof(*k));

		if (k)
			k->op = op;
		if (!k || !mid || text_copy(k->mid, sizeof(k->mid), mid) < 0 ||
			ask_store(op, k) < 0) {
			free(k);
			op->rc = SW_EAWAY;
		} else {
			op->pending++;
		}
		json_array_remove(op->mids, last);
	}
	if (--op->pending == 0)
		op_end(op);
}

static void on_record(void *ctx, int rc, const struct redis_value *v)
{
	struct group_op *op = ctx;
	json_t *j = NULL;
	const char *broadcast;

	if (store_failed(rc, v, "publicity_groups"))
		op->rc = SW_EAWAY;
	else if (v->type == REDIS_STRING)
		j = json_loadb(v->str, v->len, JSON_REJECT_DUPLICATES, NULL);
	broadcast = json_string_value(json_object_get(j, "broadcast"));
	if (broadcast && !strcmp(broadcast, op->broadcast))
		op->mids = json_incref(json_object_get(j, "mids"));
	json_decref(j);
	op_go_on(op);
}

static int op_start(struct group_op *op, struct engine *e, const struct broadcast *b)
{
	int rc;

	op->e = e;
	memcpy(op->broadcast, b->id, sizeof(op->broadcast));
	memcpy(op->item, b->item, sizeof(op->item));
	rc = store_command(e->redis, on_record, op,
		(const char *const[]){"HGET", KEY_PUBLICITY_GROUPS, op->item, NULL});
	if (rc < 0)
		free(op);
	return rc;
}

int publicity_group_stop(struct engine *e, const struct broadcast *b, bool for_good,
	void (*done)(void *ctx, int rc, const struct publicity_stopped *r), void *ctx)
{
	struct group_op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	*op = (struct group_op){
		.script = "publicity_stop", .for_good = for_good, .stopped = done, .ctx = ctx};
	return op_start(op, e, b);
}

int publicity_group_resume(
	struct engine *e, const struct broadcast *b, void (*done)(void *ctx, int rc), void *ctx)
{
	struct group_op *op = calloc(1, sizeof(*op));

	if (!op)
		return -ENOMEM;
	*op = (struct group_op){.script = "publicity_resume", .resumed = done, .ctx = ctx};
	return op_start(op, e, b);
}
