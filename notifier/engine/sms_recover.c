/*
 * notifier/engine/sms_recover.c: SMS that are `trying` and not in flight here are settled by the journals.
 *
 * A message says which journal holds the record of its last attempt, and from which position. No record: the attempt
 * was not sent. A record with an outcome: that is its verdict. A record without one, or a journal that cannot be read: nobody knows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/sms_internal.h"

struct entry {
	UT_hash_handle hh;
	struct settle *s;
	id_str mid;
	int n; /* 0: not read yet */
	char gateway[12];
	char instance[40];
	uint64_t from;
	bool tried;
	struct sms_outcome outcome; /* KIND 0: no record of it */
};

struct settle {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	struct entry *by_mid;
	size_t pending;
	int rc;
	const char *reading; /* the journal being read */
};

static void settle_end(struct settle *s)
{
	struct engine *e = s->e;
	struct entry *it, *tmp;

	HASH_ITER(hh, s->by_mid, it, tmp)
	{
		HASH_DEL(s->by_mid, it);
		free(it);
	}
	if (s->rc == 0)
		sms_orphans_look(e, "");
	s->done(e, s->rc);
	free(s);
}

/* ---- 3: verdicts ---- */

static void on_verdict(void *ctx, int rc, const struct redis_value *v)
{
	struct settle *s = ctx;

	if (store_failed(rc, v, "sms_recover"))
		s->rc = SW_EAWAY;
	if (--s->pending == 0)
		settle_end(s);
}

static void decide(struct entry *it)
{
	struct sms_outcome *o = &it->outcome;

	if (o->kind)
		return;
	*o = (struct sms_outcome){
		.kind = it->tried ? 'U' : 'N', .code = "restart", .provider_id = "-"};
	(void)snprintf(o->class, sizeof(o->class), "%s", it->tried ? "net" : "held");
	(void)snprintf(o->gateway, sizeof(o->gateway), "%s", it->gateway);
}

static void settle_verdicts(struct settle *s)
{
	struct entry *it, *tmp;

	s->pending = 1;
	HASH_ITER(hh, s->by_mid, it, tmp)
	{
		if (it->n == 0)
			continue;
		decide(it);
		LOG_INFO("message_settled", "mid=%s attempt=%d verdict=%s", it->mid, it->n,
			wire_verdict_name(sms_verdict_of(it->outcome.kind)));
		s->pending++;
		if (sms_store_verdict(s->e, it->mid, it->n, &it->outcome, on_verdict, s) < 0) {
			s->pending--;
			s->rc = SW_EAWAY;
		}
	}
	if (--s->pending == 0)
		settle_end(s);
}

/* ---- 2: journals ---- */

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct settle *s = ctx;
	struct sms_outcome o;
	struct entry *it;
	id_str mid;
	int n;

	if (!strchr("TARFNU", rec->kind) || rec->len < ID_HEX)
		return 0;
	memcpy(mid, rec->payload, ID_HEX);
	mid[ID_HEX] = '\0';
	HASH_FIND_STR(s->by_mid, mid, it);
	if (!it || strcmp(it->instance, s->reading) != 0)
		return 0;
	if (rec->kind == 'T')
		it->tried = it->tried || (sscanf(rec->payload, "%*s %d", &n) == 1 && n == it->n);
	else if (sms_outcome_parse(rec->kind, rec->payload, mid, &n, &o) && n == it->n)
		it->outcome = o;
	return 0;
}

/* All entries of the journal that AT names are read in one pass. */
static void read_journal(struct settle *s, struct entry *at)
{
	uint64_t from = at->from;
	struct sw_err err = {0};
	char *path = NULL;
	int rc = SW_ENOENT;

	for (struct entry *it = s->by_mid; it; it = it->hh.next)
		if (!strcmp(it->instance, at->instance) && it->from < from)
			from = it->from;
	s->reading = at->instance;
	if (at->instance[0] && asprintf(&path, "%s/%s.log", s->e->journal_dir, at->instance) >= 0)
		rc = journal_read(path, from, on_record, s, &err);
	if (rc < 0) {
		LOG_ERROR("journal_unreadable", "err=%s", err.text[0] ? err.text : err_name(rc));
		for (struct entry *it = s->by_mid; it; it = it->hh.next)
			if (!strcmp(it->instance, at->instance))
				it->tried = true;
	}
	free(path);
}

static void settle_journals(struct settle *s)
{
	for (struct entry *it = s->by_mid; it; it = it->hh.next) {
		bool seen = false;

		for (struct entry *before = s->by_mid; before != it; before = before->hh.next)
			seen = seen || !strcmp(before->instance, it->instance);
		if (!seen && it->n)
			read_journal(s, it);
	}
	settle_verdicts(s);
}

/* ---- 1: who is trying ---- */

static void on_message(void *ctx, int rc, const struct redis_value *v)
{
	struct entry *it = ctx;
	struct settle *s = it->s;
	const char *blank;
	int64_t n = 0, from = 0;

	if (store_failed(rc, v, "sms_recover") || v->type != REDIS_ARRAY || v->n != 3) {
		s->rc = SW_EAWAY;
	} else if (v->items[0].str && num_parse(v->items[0].str, 1, 1000000, &n) == 0) {
		it->n = (int)n;
		if (!v->items[1].str ||
			text_copy(it->gateway, sizeof(it->gateway), v->items[1].str) < 0)
			memcpy(it->gateway, "-", 2);
		blank = v->items[2].str ? strchr(v->items[2].str, ' ') : NULL;
		if (blank && (size_t)(blank - v->items[2].str) < sizeof(it->instance) &&
			num_parse(blank + 1, 0, INT64_MAX, &from) == 0) {
			memcpy(it->instance, v->items[2].str, (size_t)(blank - v->items[2].str));
			it->from = (uint64_t)from;
		}
	}
	if (--s->pending)
		return;
	if (s->rc < 0)
		settle_end(s);
	else
		settle_journals(s);
}

static void add(struct settle *s, const char *mid)
{
	struct entry *it = calloc(1, sizeof(*it));
	char key[STORE_KEY];

	if (!it || text_copy(it->mid, sizeof(it->mid), mid) < 0) {
		free(it);
		s->rc = s->rc < 0 ? s->rc : -ENOMEM;
		return;
	}
	it->s = s;
	HASH_ADD_STR(s->by_mid, mid, it);
	s->pending++;
	if (store_command(s->e->redis, on_message, it,
		    (const char *const[]){"HMGET", store_key(key, KEY_MESSAGE_PREFIX, mid), "att",
			    "gw", "jp", NULL}) < 0) {
		s->pending--;
		s->rc = SW_EAWAY;
	}
}

static void on_trying(void *ctx, int rc, const struct redis_value *v)
{
	struct settle *s = ctx;

	if (store_failed(rc, v, "sms_recover"))
		s->rc = SW_EAWAY;
	for (size_t i = 0; s->rc == 0 && v->type == REDIS_ARRAY && i < v->n; i++)
		if (!sms_knows(s->e, v->items[i].str))
			add(s, v->items[i].str);
	if (--s->pending)
		return;
	if (s->rc < 0)
		settle_end(s);
	else
		settle_verdicts(s); /* nobody */
}

void sms_recover(struct engine *e, void (*done)(struct engine *e, int rc))
{
	struct settle *s = calloc(1, sizeof(*s));

	if (!s) {
		done(e, -ENOMEM);
		return;
	}
	*s = (struct settle){.e = e, .done = done, .pending = 1};
	if (store_command(e->redis, on_trying, s,
		    (const char *const[]){"ZRANGE", KEY_TRYING, "0", "-1", NULL}) < 0) {
		s->rc = SW_EAWAY;
		settle_end(s);
	}
}
