/*
 * notifier/engine/schedule_points.c: due points become messages.
 *
 * plan_decide() on the facts of now; then one script for each message moves its points and freezes its text, and
 * one more records the points that were not sent, with the reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/scheduler_internal.h"

static void add_outcomes(struct args *a, const struct plan_decision *d,
	const struct plan_message *m, const char *mid)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_outcomes; i++)
		n += !m && d->outcomes[i].reason != PLAN_SEND;
	args_addi(a, (int64_t)(m ? m->n_points : n));
	for (size_t i = 0; m && i < m->n_points; i++) {
		args_add(a, m->points[i]->id);
		args_addf(a, "sent %s", mid);
	}
	for (size_t i = 0; !m && i < d->n_outcomes; i++)
		if (d->outcomes[i].reason != PLAN_SEND) {
			args_add(a, d->outcomes[i].point->id);
			args_add(a, plan_reason_name(d->outcomes[i].reason));
		}
}

static char *mentions_text(const struct engine *e, const struct plan_message *m)
{
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < m->n_mentions; i++)
		buf_addf(&b, "%s%s", i ? " " : "", e->world.contacts.items[m->mentions[i]].userid);
	return buf_take(&b);
}

static char *points_text(const struct plan_message *m)
{
	struct buf b;

	buf_init(&b, 16384);
	for (size_t i = 0; i < m->n_points; i++)
		buf_addf(&b, "%s%s", i ? "," : "", m->points[i]->id);
	return buf_take(&b);
}

/* What the sender needs beside the text: the number stays sealed, an export shows half of its index. */
static void add_sms(struct args *a, const struct plan_message *m, const struct contact *k)
{
	char recipient[33];

	(void)snprintf(recipient, sizeof(recipient), "%.32s", k->index);
	args_pair(a, "tpl", m->template_id);
	args_pair(a, "prm", m->params);
	args_pair(a, "tel", k->sealed);
	args_pair(a, "rcp", recipient);
}

static void add_record(struct engine *e, struct args *a, const struct plan_message *m,
	const char *text, const char *revision)
{
	const struct unit *u =
		&e->world.c->units->items[m->to.group_unit >= 0 ? m->to.group_unit : m->unit];
	const struct contact *k =
		m->to.contact >= 0 ? &e->world.contacts.items[m->to.contact] : NULL;
	bool is_sms = !strcmp(m->to.channel, "sms");
	char *mentions = mentions_text(e, m), *points = points_text(m);

	args_pair(a, "kind", "rm");
	args_pair(a, "job", m->job);
	args_pair(a, "unit", e->world.c->units->items[m->unit].code);
	args_pair(a, "ch", m->to.channel);
	/* The gateway of an SMS is chosen when it is sent. */
	args_pair(a, "route", is_sms ? "" : dispatch_route(e, m->to.channel, u->code));
	args_pair(a, "to", m->to.key);
	args_pair(a, "uid", k && !is_sms ? k->userid : "");
	args_pair(a, "class", "must_arrive");
	args_pair(a, "type", m->markdown ? "markdown" : "text");
	args_pair(a, "rev", revision);
	args_pair(a, "text", text);
	args_pair(a, "ment", mentions ? mentions : "");
	args_pair(a, "pts", points ? points : "");
	if (k && is_sms)
		add_sms(a, m, k);
	args_add(a, "nom");
	args_addi(a, m->nominal_ms);
	args_add(a, "due");
	args_addi(a, m->due_ms);
	args_add(a, "exp");
	args_addi(a, m->expires_ms);
	free(mentions);
	free(points);
}

/* A reminder counts for the caps from when it is stored. */
struct group_op {
	struct engine *e;
	int group_unit;    /* whose group's one of the day is used up; -1: none */
	int reminded_unit; /* whose contacts were reminded; -1: nobody's */
	char contact[24];  /* who got it alone; "" : a group */
	int64_t nominal_ms;
};

static void on_grouped(void *ctx, int rc, const struct redis_value *v)
{
	struct group_op op = *(struct group_op *)ctx;

	free(ctx);
	if (rc == 0 && v->type == REDIS_INTEGER && v->integer == 1) {
		if (op.group_unit >= 0)
			op.e->world.last_group_ms[op.group_unit] = op.nominal_ms;
		world_note_sent(&op.e->world, op.contact, op.reminded_unit, op.nominal_ms);
	}
	schedule_changed(op.e, rc, v);
}

static bool group_op_init(struct group_op *op, struct engine *e, const struct plan_message *m)
{
	*op = (struct group_op){.e = e,
		.group_unit = m->to.group_unit,
		.reminded_unit = plan_reminds_contacts(m, &e->world.contacts) ? m->unit : -1,
		.nominal_ms = m->nominal_ms};
	return m->to.contact < 0 || text_copy(op->contact, sizeof(op->contact), m->to.key) == 0;
}

void schedule_message(struct engine *e, const struct plan_decision *d, const struct plan_message *m,
	const char *revision, const char *old_mid, int64_t due_ms)
{
	char key[STORE_KEY], old_key[STORE_KEY];
	const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED, KEY_DUE, KEY_MIDS, key,
		KEY_LAST, KEY_AUDIT, old_key};
	bool reminds = plan_reminds_contacts(m, &e->world.contacts);
	struct group_op *op;
	struct args a;
	id_str mid;
	char *audit;

	id_mid(m->job, m->to.channel, m->to.key, revision, mid);
	store_key(key, KEY_MESSAGE_PREFIX, mid);
	store_key(old_key, KEY_MESSAGE_PREFIX, old_mid);
	audit = engine_audit_json(e, "message_planned",
		json_pack("{s:s, s:s, s:s, s:s}", "mid", mid, "job", m->job, "replaces", old_mid,
			"text", m->text));
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	args_add(&a, mid);
	args_addi(&a, due_ms);
	args_add(&a, m->to.group_unit >= 0 ? m->to.key : "");
	args_addi(&a, m->nominal_ms);
	args_add(&a, old_mid);
	args_add(&a, m->to.contact >= 0 ? m->to.key : "");
	args_addf(&a, "%s%s", reminds ? "u:" : "",
		reminds ? e->world.c->units->items[m->unit].code : "");
	add_outcomes(&a, d, m, mid);
	args_add(&a, audit ? audit : "");
	add_record(e, &a, m, m->text, revision);
	op = calloc(1, sizeof(*op));
	if (op && group_op_init(op, e, m))
		schedule_call(e, "group", on_grouped, op, keys, 9, &a);
	else
		free(op);
	args_fini(&a);
	free(audit);
}

static void group_skipped(
	struct engine *e, const struct plan_decision *d, const char *const *stale, size_t n_stale)
{
	const char *const keys[] = {KEY_LEASE, KEY_POINTS, KEY_DECIDED, KEY_DUE, KEY_MIDS,
		"sw:{r}:m:-", KEY_LAST, KEY_AUDIT, "sw:{r}:m:-"};
	json_t *list = json_array();
	size_t n = 0;
	struct args a;
	char *audit;

	for (size_t i = 0; d && i < d->n_outcomes; i++)
		if (d->outcomes[i].reason != PLAN_SEND) {
			json_array_append_new(
				list, json_pack("[s, s]", d->outcomes[i].point->id,
					      plan_reason_name(d->outcomes[i].reason)));
			n++;
		}
	if (n + n_stale == 0) {
		json_decref(list);
		return;
	}
	audit = engine_audit_json(e, "points_not_sent", json_pack("{s:o}", "points", list));
	args_init(&a);
	args_add(&a, e->fence);
	args_addi(&a, engine_now_ms(e));
	for (int i = 0; i < 7; i++)
		args_add(&a, "");
	if (n_stale) {
		args_addi(&a, (int64_t)n_stale);
		for (size_t i = 0; i < n_stale; i++)
			args_pair(&a, stale[i], "not in the plan");
	} else {
		add_outcomes(&a, d, NULL, "");
	}
	args_add(&a, audit ? audit : "");
	schedule_call(e, "group", schedule_changed, e, keys, 9, &a);
	args_fini(&a);
	free(audit);
}

static bool decide_points(
	struct engine *e, const struct plan_input *in, const struct plan_point **points, size_t n)
{
	struct plan_decision d = {0};
	struct sw_err err = {0};

	if (plan_decide(in, points, n, &d, &err) < 0) {
		LOG_ERROR("plan_failed", "n=%zu err=%s", n, err.text);
		return false;
	}
	for (size_t i = 0; i < d.n_messages; i++)
		schedule_message(e, &d, &d.messages[i], "1", "", d.messages[i].due_ms);
	group_skipped(e, &d, NULL, 0);
	plan_decision_fini(&d);
	return true;
}

/* One unit's text that cannot be made must not keep the others waiting. */
static void decide_by_unit(
	struct engine *e, const struct plan_input *in, const struct plan_point **points, size_t n)
{
	const struct plan_point **own = calloc(n, sizeof(*own));

	for (size_t u = 0; own && u < e->world.c->units->n; u++) {
		size_t k = 0;

		for (size_t i = 0; i < n; i++)
			if (points[i]->unit == (int)u)
				own[k++] = points[i];
		if (k && !decide_points(e, in, own, k))
			e->scheduler->failed = true;
	}
	free(own);
}

void schedule_points(struct engine *e, const struct redis_value *ids)
{
	const struct plan_point **points = calloc(ids->n, sizeof(*points));
	const char **stale = calloc(ids->n, sizeof(*stale));
	struct plan_input in = world_plan_input(&e->world, engine_now_ms(e));
	size_t n = 0, n_stale = 0, whole;

	if (!points || !stale)
		goto out;
	for (size_t i = 0; i < ids->n; i++) {
		const struct plan_point *p = plan_find(e->world.plan, ids->items[i].str);

		if (p)
			points[n++] = p;
		else
			stale[n_stale++] = ids->items[i].str;
	}
	if (n_stale)
		group_skipped(e, NULL, stale, n_stale);
	/* A full answer may end in the middle of an instant: its last instant waits for the next round. */
	whole = n;
	if (ids->n >= ENGINE_POINTS_LIMIT && n > 1 && points[0]->due_ms != points[n - 1]->due_ms)
		while (points[whole - 1]->due_ms == points[n - 1]->due_ms)
			whole--;
	if (whole == 0)
		goto out;
	if (!decide_points(e, &in, points, whole))
		decide_by_unit(e, &in, points, whole);
out:
	free(points);
	free(stale);
}
