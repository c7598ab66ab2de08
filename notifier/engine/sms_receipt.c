/*
 * notifier/engine/sms_receipt.c: receipts of single SMS.
 *
 * A receipt is a fact: merged from any state by one script, as often and in whatever order it comes. One that fits no attempt is
 * kept for a day, without its number, and looked at again when a verdict or a journal has brought back what it is about.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/sms_internal.h"

enum { ASK_AT_ONCE = 64 };

struct receipt {
	struct receipts *list;
	char out_id[GATEWAY_OUT_ID];
	char provider_id[GATEWAY_PROVIDER_ID];
	char gateway[12];
	char recipient[ID_HEX + 1]; /* first half of the number's index */
	char masked[16];
	char code[48];
	bool delivered;
	bool is_orphan; /* it lies in the list already */
};

struct receipts {
	struct engine *e;
	struct receipt *items; /* owned */
	size_t n, next, pending, matched;
	int rc;
	void (*done)(void *ctx, int rc, size_t matched);
	void *ctx;
};

static void go_on(struct receipts *l);

static void list_end(void *ctx)
{
	struct receipts *l = ctx;

	if (l->done)
		l->done(l->ctx, l->rc, l->matched);
	free(l->items);
	free(l);
}

/* "<mid>-<attempt>"; false: it is no single message's. */
static bool split_out_id(const char *out_id, id_str ret_mid, int64_t *ret_n)
{
	if (strlen(out_id) < ID_HEX + 2 || out_id[ID_HEX] != '-' ||
		num_parse(out_id + ID_HEX + 1, 1, 1000000, ret_n) < 0)
		return false;
	memcpy(ret_mid, out_id, ID_HEX);
	ret_mid[ID_HEX] = '\0';
	return strspn(ret_mid, "0123456789abcdef") == ID_HEX;
}

/* As kept in the list: the same receipt is the same text. */
static char *orphan_json(const struct receipt *r)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "out_id", r->out_id,
		"provider_id", r->provider_id, "gateway", r->gateway, "recipient", r->recipient,
		"number", r->masked, "code", r->code, "delivered", r->delivered);
	char *s = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(j);
	return s;
}

static void on_merged(void *ctx, int rc, const struct redis_value *v)
{
	struct receipt *r = ctx;
	struct receipts *l = r->list;
	struct engine *e = l->e;
	const char *how;

	l->pending--;
	if (store_failed(rc, v, "receipt") || v->type != REDIS_ARRAY || v->n != 4) {
		l->rc = SW_EAWAY;
		goto out;
	}
	how = v->items[0].str;
	e->sms->orphans = (size_t)v->items[2].integer;
	if (!strcmp(how, "new") || !strcmp(how, "same")) {
		l->matched++;
		if (!strcmp(how, "new"))
			LOG_INFO("receipt", "out=%s chan=%s delivered=%d code=%s state=%s",
				r->out_id, r->gateway, r->delivered, r->code, v->items[1].str);
	} else if (v->items[3].integer) {
		char labels[48];

		(void)snprintf(labels, sizeof(labels), "why=\"%s\"", how);
		metrics_add(e->metrics, "shouwang_receipts_orphaned_total", labels, 1);
		LOG_WARN("receipt_orphaned", "out=%s chan=%s why=%s", r->out_id, r->gateway, how);
	}
out:
	e->activity++;
	go_on(l);
}

static int merge(struct receipt *r)
{
	struct engine *e = r->list->e;
	char key[STORE_KEY], *json = orphan_json(r), *audit;
	const char *const keys[] = {key, KEY_ORPHANS, KEY_DUE, KEY_OUTBOX, KEY_TRYING, KEY_UNKNOWN,
		KEY_PARK, KEY_DEAD, KEY_AWAIT, KEY_AUDIT};
	const char *word = r->delivered ? "delivered" : "undelivered";
	int64_t now = engine_now_ms(e), n = 0;
	id_str mid = "-";
	struct args a;
	int rc;

	if (!split_out_id(r->out_id, mid, &n))
		n = 0;
	store_key(key, KEY_MESSAGE_PREFIX, mid);
	audit = engine_audit_json(e, "receipt",
		json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "mid", mid, "attempt", (json_int_t)n,
			"gateway", r->gateway, "receipt", word, "code", r->code, "number",
			r->masked));
	args_init(&a);
	args_add(&a, mid);
	args_addi(&a, n);
	args_addi(&a, now);
	args_add(&a, word);
	args_add(&a, r->code[0] ? r->code : "-");
	args_add(&a, r->gateway);
	args_add(&a, r->recipient);
	args_add(&a, json);
	args_add(&a, r->is_orphan ? "1" : "");
	args_addi(&a, now - ORPHANS_KEEP_MS);
	args_addi(&a, ORPHANS_MAX);
	args_add(&a, audit);
	rc = store_eval(e->redis, "receipt", on_merged, r, keys, ARRAY_LEN(keys), &a);
	args_fini(&a);
	free(audit);
	free(json);
	return rc;
}

static void go_on(struct receipts *l)
{
	while (l->rc == 0 && l->next < l->n && l->pending < ASK_AT_ONCE) {
		l->pending++;
		if (merge(&l->items[l->next++]) < 0) {
			l->pending--;
			l->rc = SW_EAWAY;
		}
	}
	if (l->pending == 0)
		list_end(l);
}

static void start(void *ctx)
{
	go_on(ctx);
}

static struct receipts *list_new(struct engine *e, size_t n)
{
	struct receipts *l = calloc(1, sizeof(*l));

	if (l)
		l->items = calloc(n ? n : 1, sizeof(*l->items));
	if (!l || !l->items) {
		free(l);
		return NULL;
	}
	l->e = e;
	return l;
}

/* Begins on a later turn: whoever asked may set up its state first. */
static int list_start(struct receipts *l)
{
	int rc = loop_defer(l->e->loop, start, l);

	if (rc < 0) {
		free(l->items);
		free(l);
	}
	return rc;
}

/* What came from outside becomes one word of ASCII. */
static void plain(char *s)
{
	for (; *s; s++)
		*s = *s > ' ' && *s < 0x7f ? *s : '_';
}

int sms_receipts(struct engine *e, const char *provider, const struct gateway_receipt *items,
	size_t n, void (*done)(void *ctx, int rc, size_t matched), void *ctx)
{
	struct receipts *l = list_new(e, n);

	if (!l)
		return -ENOMEM;
	l->done = done;
	l->ctx = ctx;
	for (size_t i = 0; i < n; i++) {
		struct receipt *r = &l->items[l->n];
		char index[65] = "";

		if (!items[i].is_final)
			continue;
		if (items[i].number[0])
			seal_index(&e->data_key, items[i].number, index);
		r->list = l;
		(void)snprintf(r->out_id, sizeof(r->out_id), "%s", items[i].out_id);
		(void)snprintf(r->provider_id, sizeof(r->provider_id), "%s", items[i].provider_id);
		(void)snprintf(r->gateway, sizeof(r->gateway), "%s", provider);
		(void)snprintf(r->code, sizeof(r->code), "%s", items[i].code);
		(void)snprintf(r->recipient, sizeof(r->recipient), "%.*s", ID_HEX, index);
		phone_mask(items[i].number, r->masked);
		r->delivered = items[i].delivered;
		plain(r->out_id);
		plain(r->provider_id);
		plain(r->code);
		l->n++;
	}
	return list_start(l);
}

/* ---- the list of those nobody sent ---- */

struct look {
	struct engine *e;
	char out_id[GATEWAY_OUT_ID];
};

static bool orphan_read(const struct redis_value *v, struct receipt *ret)
{
	json_t *j = json_loadb(v->str, v->len, 0, NULL);
	const char *out_id, *provider_id, *gateway, *recipient, *number, *code;
	int delivered;
	bool ok = j &&
		  json_unpack(j, "{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "out_id", &out_id,
			  "provider_id", &provider_id, "gateway", &gateway, "recipient", &recipient,
			  "number", &number, "code", &code, "delivered", &delivered) == 0 &&
		  text_copy(ret->out_id, sizeof(ret->out_id), out_id) == 0 &&
		  text_copy(ret->provider_id, sizeof(ret->provider_id), provider_id) == 0 &&
		  text_copy(ret->gateway, sizeof(ret->gateway), gateway) == 0 &&
		  text_copy(ret->recipient, sizeof(ret->recipient), recipient) == 0 &&
		  text_copy(ret->masked, sizeof(ret->masked), number) == 0 &&
		  text_copy(ret->code, sizeof(ret->code), code) == 0;

	ret->delivered = ok && delivered;
	ret->is_orphan = true;
	json_decref(j);
	return ok;
}

static void on_orphans(void *ctx, int rc, const struct redis_value *v)
{
	struct look *k = ctx;
	struct engine *e = k->e;
	struct receipts *l;

	if (store_failed(rc, v, "orphans") || v->type != REDIS_ARRAY)
		goto out;
	e->sms->orphans = v->n;
	l = v->n ? list_new(e, v->n) : NULL;
	for (size_t i = 0; l && i < v->n; i++) {
		struct receipt *r = &l->items[l->n];

		if ((k->out_id[0] && !strstr(v->items[i].str, k->out_id)) ||
			!orphan_read(&v->items[i], r))
			continue;
		r->list = l;
		l->n++;
	}
	if (l && list_start(l) < 0)
		LOG_WARN("orphans_not_looked_at", "n=%zu", v->n);
out:
	free(k);
}

void sms_orphans_look(struct engine *e, const char *out_id)
{
	struct look *k = calloc(1, sizeof(*k));

	if (!k)
		return;
	k->e = e;
	(void)snprintf(k->out_id, sizeof(k->out_id), "%s", out_id);
	if (store_command(e->redis, on_orphans, k,
		    (const char *const[]){"ZRANGE", KEY_ORPHANS, "0", "-1", NULL}) < 0)
		free(k); /* looked at again after the next load */
}
