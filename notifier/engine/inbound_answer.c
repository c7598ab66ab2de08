/*
 * notifier/engine/inbound_answer.c: the answer to what somebody typed: to whom, by what channel, how often.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/engine/inbound_internal.h"

enum {
	ANSWER_LIMIT = 20,
	ANSWER_WINDOW_MS = 10 * 60 * 1000,
	ANSWER_EXPIRES_MS = 24 * 3600 * 1000,
	MAX_TEXT_BYTES = 16384
};

/* Where an answer goes and what kind of text it is. */
struct address {
	const char *channel;
	char route[65], to[65], unit[16];
};

/* To the phone that wrote, to the group it was asked in when it is the unit's own, else to the person alone. */
static struct address address_of(const struct event *ev)
{
	const struct engine *e = ev->e;
	const char *own = ev->unit >= 0 ? e->world.c->units->items[ev->unit].code : ev->chat_unit;
	bool in_group = ev->in.group && ev->chat_unit[0] && !strcmp(ev->chat_unit, own);
	struct address a = {.channel = ev->phone[0] ? "sms" : in_group ? "robot" : "app"};

	(void)snprintf(a.unit, sizeof(a.unit), "%s", own);
	/* The gateway of an SMS is chosen when it is sent. */
	if (!ev->phone[0])
		(void)snprintf(a.route, sizeof(a.route), "%s", dispatch_route(e, a.channel, own));
	(void)snprintf(a.to, sizeof(a.to), "%s", in_group ? own : ev->in.sender);
	return a;
}

/* The fields an SMS has beside those of a chat message. */
static int add_phone(struct event *ev, const char *id, const struct plan_vars *vars,
	const struct address *at, struct args *a)
{
	struct engine *e = ev->e;
	struct buf sealed, tel, params;
	char aad[96];
	int rc;

	buf_init(&sealed, 256);
	buf_init(&tel, 512);
	buf_init(&params, MAX_TEXT_BYTES);
	(void)snprintf(aad, sizeof(aad), "phone:v1:%s", at->to);
	rc = template_params(e->world.t, id, vars->vars, vars->n, &params, NULL);
	if (rc == 0)
		rc = seal_encrypt(&e->data_key, aad, ev->phone, strlen(ev->phone), &sealed);
	if (rc == 0)
		rc = id_base64(&tel, sealed.data, sealed.len);
	if (rc == 0) {
		args_pair(a, "tel", buf_str(&tel));
		args_pair(a, "prm", buf_str(&params));
		args_add(a, "rcp");
		args_addf(a, "%.*s", ID_HEX, ev->index);
	}
	buf_fini(&sealed);
	buf_fini(&tel);
	buf_fini(&params);
	return rc;
}

static void add_record(struct event *ev, const char *id, const struct address *at, const char *text,
	struct args *a)
{
	bool in_group = !strcmp(at->channel, "robot");
	int64_t now = engine_now_ms(ev->e);

	args_pair(a, "kind", "ans");
	args_add(a, "job");
	args_addf(a, "ans/%s", ev->in.id);
	args_pair(a, "unit", at->unit);
	args_pair(a, "ch", at->channel);
	args_pair(a, "route", at->route);
	args_pair(a, "to", at->to);
	args_pair(a, "uid", !strcmp(at->channel, "app") ? ev->in.sender : "");
	args_pair(a, "class", "must_arrive");
	args_pair(a, "type", in_group ? "markdown" : "text");
	args_pair(a, "rev", "1");
	args_pair(a, "text", text);
	args_pair(a, "rt", ev->in.id);
	args_pair(a, "tpl", id);
	args_add(a, "nom");
	args_addi(a, now);
	args_add(a, "due");
	args_addi(a, now);
	args_add(a, "exp");
	args_addi(a, now + ANSWER_EXPIRES_MS);
}

static int fill_vars(
	struct event *ev, int shown_unit, const struct effect *ef, struct plan_vars *ret)
{
	struct engine *e = ev->e;
	struct answer_input in = {.c = e->world.c,
		.unit = shown_unit,
		.effect = ef,
		.now_ms = engine_now_ms(e),
		.facts = ef && ev->unit >= 0 ? &ef->facts
			 : shown_unit >= 0   ? &e->world.facts[shown_unit]
					     : NULL,
		.who = ev->contact >= 0 ? e->world.contacts.items[ev->contact].name
		       : ev->phone[0]   ? ev->number
					: ev->in.sender};
	char no[16];
	int rc = answer_vars(&in, ret);

	/* Nobody's record: the number says which entry of the operators' queue it is. */
	if (rc == 0 && ev->phone[0] && ev->unit < 0) {
		(void)snprintf(no, sizeof(no), "Y%.6s", ev->in.id);
		rc = plan_vars_set(ret, "no", no, false);
	}
	return rc;
}

void inbound_answer(struct event *ev, const char *id, int shown_unit, const struct effect *ef,
	struct store_call *s)
{
	struct engine *e = ev->e;
	struct plan_vars vars = {0};
	struct sw_err err = {0};
	struct address at = address_of(ev);
	struct buf text;
	char job[64];
	int rc;

	if (!id[0])
		return;
	buf_init(&text, MAX_TEXT_BYTES);
	rc = fill_vars(ev, shown_unit, ef, &vars);
	if (rc == 0)
		rc = template_render(e->world.t, id, at.channel, vars.vars, vars.n, &text, &err);
	if (rc == 0 && ev->phone[0])
		rc = add_phone(ev, id, &vars, &at, &s->answer);
	if (rc < 0) {
		LOG_ERROR("answer_not_rendered", "template=%s chan=%s err=%s", id, at.channel,
			err.text[0] ? err.text : err_name(rc));
	} else {
		(void)snprintf(job, sizeof(job), "ans/%s", ev->in.id);
		id_mid(job, at.channel, at.to, "1", s->answer_mid);
		add_record(ev, id, &at, buf_str(&text), &s->answer);
	}
	plan_vars_fini(&vars);
	buf_fini(&text);
}

bool inbound_told_today(struct event *ev, const char *id, int64_t now)
{
	json_int_t day = civil_to_days(civil_of_ms(now));
	json_t *told = json_object_get(ev->ask, "told");
	json_t *ids = json_object_get(told, "ids");

	if (json_integer_value(json_object_get(told, "day")) != day || !json_is_object(ids)) {
		told = json_pack("{s:I, s:{}}", "day", day, "ids");
		json_object_set_new(ev->ask, "told", told);
		ids = json_object_get(told, "ids");
	}
	if (json_object_get(ids, id))
		return true;
	json_object_set_new(ids, id, json_true());
	return false;
}

/* An answer to an answer to an answer is a loop: a bounded number for one person in ten minutes. */
bool inbound_may_answer(struct event *ev, int64_t now)
{
	json_t *answers = json_object_get(ev->ask, "answers");
	int64_t from = json_integer_value(json_object_get(answers, "from"));
	int64_t n = json_integer_value(json_object_get(answers, "n"));

	if (now - from >= ANSWER_WINDOW_MS)
		from = now, n = 0;
	if (n >= ANSWER_LIMIT) {
		LOG_WARN("answers_too_many", "event=%s", ev->in.id);
		return false;
	}
	json_object_set_new(ev->ask, "answers",
		json_pack("{s:I, s:I}", "from", (json_int_t)from, "n", (json_int_t)(n + 1)));
	return true;
}
