/*
 * notifier/engine/audience_store.c: an import: segment after segment, then one step that lists the audience.
 *
 * A segment is sealed on the thread pool and stored by one script; the next one is sealed when that has answered, so
 * the loop never works on more than one. Until the last step nobody sees the audience, and the record it began with
 * leads to what a broken-off import has left. Opt-outs that come meanwhile are set in a pass before the last step.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/audience_internal.h"

enum {
	OPTED_MAX = 2000000, /* 16 bytes each while an import is on its way */
	OPTED = 16,          /* of a number's index: no two of them are equal by chance */
	LATE_MAX = 1000,
	OO_BYTES = (AUDIENCE_SEGMENT + 7) / 8,
};

enum phase {
	PHASE_BEGIN,    /* asks for its id */
	PHASE_OPTED,    /* reads who has opted out */
	PHASE_SEGMENTS, /* seals and stores them */
	PHASE_LATE,     /* sets who has opted out or in since */
	PHASE_LIST,
};

/* What the thread works on; it touches nothing else. */
struct sealing {
	struct seal_key key;
	char id[AUDIENCE_ID];
	unsigned segment;
	const struct audience_segment *plain;
	uint8_t (*opted)[OPTED];
	size_t n_opted;
	bool is_sorted; /* OPTED, with the first segment */
	uint8_t *data;  /* room for a whole segment */
	uint8_t nonce[AUDIENCE_NONCE], mac[AUDIENCE_MAC], oo[OO_BYTES];
	int rc;
};

struct audience_import {
	struct engine *e;
	struct audience_state *owner;
	const struct audience *a; /* borrowed */
	char *audit;
	void (*done)(void *ctx, int rc, const char *id);
	void *ctx;
	enum phase phase;
	struct audience_info info; /* what is listed in the end */
	struct sealing sealing;
	size_t cap_opted;
	struct {
		uint8_t packed[AUDIENCE_NUMBER];
		bool out;
	} late[LATE_MAX];
	size_t n_late, at_late;
};

static void seal_next(struct audience_import *m);
static void late_next(struct audience_import *m);

/* A reload of the definition meanwhile does not matter. */
static bool can_store(const struct engine *e)
{
	return e->leader && !e->stopping && redis_ready(e->redis);
}

/* ---- the end ---- */

static void import_free(struct audience_import *m)
{
	if (m->sealing.data)
		explicit_bzero(m->sealing.data, (size_t)AUDIENCE_SEGMENT * AUDIENCE_NUMBER);
	explicit_bzero(&m->sealing.key, sizeof(m->sealing.key));
	explicit_bzero(m->late, sizeof(m->late));
	free(m->sealing.data);
	free(m->sealing.opted);
	free(m->audit);
	audience_info_fini(&m->info);
	free(m);
}

static void import_end(struct audience_import *m, int rc)
{
	void (*done)(void *ctx, int rc, const char *id) = m->done;
	struct audience_state *s = m->owner;
	struct engine *e = m->e;
	void *ctx = m->ctx;
	char id[AUDIENCE_ID];

	memcpy(id, m->sealing.id, sizeof(id));
	s->import = NULL;
	if (rc < 0)
		LOG_WARN("audience_import_failed", "audience=%s err=%s", id, err_name(rc));
	/* Without an answer to the last step it may be listed: the next load finds out. */
	if (rc < 0 && rc != SW_EUNKNOWN && id[0] && can_store(e))
		audience_forget(e, id, m->a->n_segments, NULL, NULL);
	import_free(m);
	if (s->is_closing)
		audience_state_free(s);
	done(ctx, rc, rc == 0 ? id : "");
}

/* An answer that is none, or an error, ends the import. True when V can be read. */
static bool answered(struct audience_import *m, int rc, const struct redis_value *v)
{
	if (rc == 0 && store_is_fenced(v))
		engine_fenced(m->e);
	if (!store_failed(rc, v, "audience_import"))
		return true;
	import_end(m, rc < 0 && m->phase == PHASE_LIST ? SW_EUNKNOWN : SW_EAWAY);
	return false;
}

/* ---- the last step ---- */

static void on_listed(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_import *m = ctx;

	if (!answered(m, rc, v))
		return;
	LOG_INFO("audience_imported", "audience=%s recipients=%zu segments=%zu", m->info.id,
		m->info.n, m->info.n_segments);
	audit_kick(m->e);
	m->e->activity++;
	/* Without room in memory it is there all the same: the next load reads it. */
	if (m->owner->is_closing || audience_adopt(m->e, &m->info) == 0)
		import_end(m, 0);
	else
		import_end(m, SW_EUNKNOWN);
}

static void list(struct audience_import *m)
{
	static const char *const keys[] = {
		KEY_LEASE, KEY_AUDIENCES, KEY_AUDIENCES_BEGUN, KEY_AUDIT};
	json_t *j = json_pack("{s:I, s:I, s:s, s:s, s:I}", "n", (json_int_t)m->info.n, "segments",
		(json_int_t)m->info.n_segments, "digest", m->info.digest, "name", m->info.name,
		"at", (json_int_t)engine_now_ms(m->e));
	char *json = j ? json_dumps(j, JSON_COMPACT) : NULL;
	struct args a;
	int rc = -ENOMEM;

	m->phase = PHASE_LIST;
	args_init(&a);
	args_add(&a, m->e->fence);
	args_add(&a, m->info.id);
	args_add(&a, json);
	args_add(&a, m->audit);
	if (json)
		rc = store_eval(m->e->redis, "audience_list", on_listed, m, keys, 4, &a);
	args_fini(&a);
	json_decref(j);
	free(json);
	if (rc < 0)
		import_end(m, SW_EAWAY);
}

/* ---- opt-outs since it began ---- */

static bool find_plain(const struct audience_import *m, const uint8_t *packed, int *ret_segment,
	uint32_t *ret_index)
{
	for (size_t i = 0; i < m->a->n_segments; i++) {
		const struct audience_segment *s = &m->a->segments[i];
		int64_t at = audience_search(s->packed, s->n, packed);

		if (at < 0)
			continue;
		*ret_segment = (int)i;
		*ret_index = (uint32_t)at;
		return true;
	}
	return false;
}

int audience_import_opt(struct engine *e, const uint8_t packed[AUDIENCE_NUMBER], bool out,
	int *ret_segment, uint32_t *ret_index)
{
	const struct audience_state *s = (const struct audience_state *)e->audiences;
	struct audience_import *m = s ? s->import : NULL;

	*ret_segment = -1;
	/* Before it reads who has opted out, the record of the number is enough. */
	if (!m || m->phase == PHASE_BEGIN)
		return 0;
	if (m->phase == PHASE_LIST) {
		(void)find_plain(m, packed, ret_segment, ret_index);
		return 0;
	}
	if (m->n_late == LATE_MAX)
		return SW_ELIMIT;
	memcpy(m->late[m->n_late].packed, packed, AUDIENCE_NUMBER);
	m->late[m->n_late++].out = out;
	return 0;
}

static void on_late_set(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_import *m = ctx;

	if (answered(m, rc, v))
		late_next(m);
}

static void late_next(struct audience_import *m)
{
	m->phase = PHASE_LATE;
	while (m->at_late < m->n_late) {
		size_t i = m->at_late++;
		uint32_t index;
		int segment;

		if (!find_plain(m, m->late[i].packed, &segment, &index))
			continue;
		if (audience_set_bit(m->e, m->info.id, (unsigned)segment, index, m->late[i].out,
			    on_late_set, m) < 0)
			import_end(m, SW_EAWAY);
		return;
	}
	list(m);
}

/* ---- segments ---- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, OPTED);
}

/* A bit for each recipient whose index is among OPTED. */
static int mark_opted(struct sealing *s)
{
	struct seal_indexer *x = seal_indexer_create(&s->key);
	int rc = x ? 0 : SW_ECRYPTO;

	if (!s->is_sorted)
		qsort(s->opted, s->n_opted, OPTED, by_bytes);
	s->is_sorted = true;
	for (uint32_t i = 0; rc == 0 && i < s->plain->n; i++) {
		uint8_t index[32];
		char phone[16];

		audience_unpack(s->plain->packed + (size_t)i * AUDIENCE_NUMBER, phone);
		rc = seal_indexer_get(x, phone, index);
		if (rc == 0 && bsearch(index, s->opted, s->n_opted, OPTED, by_bytes))
			s->oo[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	seal_indexer_destroy(x);
	return rc;
}

static void seal_work(void *ctx)
{
	struct audience_import *m = ctx;
	struct sealing *s = &m->sealing;
	size_t len = (size_t)s->plain->n * AUDIENCE_NUMBER;

	memset(s->oo, 0, sizeof(s->oo));
	s->rc = s->n_opted ? mark_opted(s) : 0;
	memcpy(s->data, s->plain->packed, len);
	id_random_bytes(s->nonce, sizeof(s->nonce));
	if (s->rc == 0)
		s->rc = audience_crypt(&s->key, s->nonce, 0, s->data, len);
	if (s->rc == 0)
		s->rc = audience_mac(
			&s->key, s->id, s->segment, s->plain->area, s->nonce, s->data, len, s->mac);
}

static void on_stored(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_import *m = ctx;

	if (!answered(m, rc, v))
		return;
	m->sealing.segment++;
	seal_next(m);
}

static void sealed(void *ctx)
{
	static const char *const tails[] = {"fence", "ph", "meta", "oo", "cc"};
	struct audience_import *m = ctx;
	struct sealing *s = &m->sealing;
	char keys[ARRAY_LEN(tails)][STORE_KEY], n[12], nonce[2 * AUDIENCE_NONCE + 1],
		mac[2 * AUDIENCE_MAC + 1];
	const char *key_list[ARRAY_LEN(tails)];
	const char *args[] = {m->e->fence, (const char *)s->data, s->plain->area, n, nonce, mac,
		(const char *)s->oo};
	size_t lens[ARRAY_LEN(args)];
	struct audience_part *part = &m->info.parts[s->segment];
	int rc = s->rc;

	if (m->owner->is_closing || !can_store(m->e))
		rc = SW_EAWAY;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		key_list[i] = audience_key(keys[i], s->id, s->segment, tails[i]);
	(void)snprintf(n, sizeof(n), "%u", s->plain->n);
	id_hex(s->nonce, sizeof(s->nonce), nonce);
	id_hex(s->mac, sizeof(s->mac), mac);
	for (size_t i = 0; i < ARRAY_LEN(args); i++)
		lens[i] = strlen(args[i] == (const char *)s->data || args[i] == (const char *)s->oo
					 ? ""
					 : args[i]);
	lens[1] = (size_t)s->plain->n * AUDIENCE_NUMBER;
	lens[6] = (s->plain->n + 7) / 8;
	*part = (struct audience_part){.n = s->plain->n};
	memcpy(part->area, s->plain->area, sizeof(part->area));
	memcpy(part->nonce, s->nonce, sizeof(part->nonce));
	if (rc == 0)
		rc = redis_eval(m->e->redis, "audience_segment", on_stored, m,
			(int)ARRAY_LEN(key_list), key_list, (int)ARRAY_LEN(args), args, lens);
	if (rc < 0)
		import_end(m, rc);
}

static void seal_next(struct audience_import *m)
{
	struct sealing *s = &m->sealing;

	m->phase = PHASE_SEGMENTS;
	if (s->segment == m->a->n_segments) {
		late_next(m);
		return;
	}
	s->plain = &m->a->segments[s->segment];
	if (loop_work(m->e->loop, seal_work, sealed, m) < 0)
		import_end(m, -ENOMEM);
}

/* ---- who has opted out ---- */

static int ask_opted(struct audience_import *m, const char *cursor);

static int keep_opted(struct audience_import *m, const struct redis_value *hex)
{
	struct sealing *s = &m->sealing;
	uint8_t index[32];

	if (hex->type != REDIS_STRING || id_unhex(hex->str, index, sizeof(index)) < 0)
		return SW_EPROTO;
	if (s->n_opted == m->cap_opted) {
		size_t cap = m->cap_opted ? m->cap_opted * 2 : 1024;
		void *more = cap > 2 * (size_t)OPTED_MAX ? NULL : realloc(s->opted, cap * OPTED);

		if (!more)
			return SW_ELIMIT;
		s->opted = more;
		m->cap_opted = cap;
	}
	memcpy(s->opted[s->n_opted++], index, OPTED);
	return 0;
}

static void on_opted(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_import *m = ctx;

	if (!answered(m, rc, v))
		return;
	rc = v->type == REDIS_ARRAY && v->n == 2 && v->items[1].type == REDIS_ARRAY ? 0 : SW_EPROTO;
	for (size_t i = 0; rc == 0 && i + 1 < v->items[1].n; i += 2)
		rc = keep_opted(m, &v->items[1].items[i]);
	if (rc == 0 && strcmp(v->items[0].str, "0"))
		rc = ask_opted(m, v->items[0].str);
	else if (rc == 0)
		seal_next(m);
	if (rc < 0)
		import_end(m, rc);
}

static int ask_opted(struct audience_import *m, const char *cursor)
{
	m->phase = PHASE_OPTED;
	return store_command(m->e->redis, on_opted, m,
		(const char *const[]){"HSCAN", KEY_OPTOUT, cursor, "COUNT", "1000", NULL});
}

/* ---- the beginning ---- */

static void on_begun(void *ctx, int rc, const struct redis_value *v)
{
	struct audience_import *m = ctx;

	if (!answered(m, rc, v))
		return;
	if (v->type != REDIS_STRING ||
		text_copy(m->sealing.id, sizeof(m->sealing.id), v->str) < 0) {
		import_end(m, SW_EPROTO);
		return;
	}
	memcpy(m->info.id, m->sealing.id, sizeof(m->info.id));
	rc = ask_opted(m, "0");
	if (rc < 0)
		import_end(m, rc);
}

const char *audience_importing(const struct engine *e)
{
	const struct audience_state *s = (const struct audience_state *)e->audiences;

	return s && s->import ? s->import->sealing.id : "";
}

int audience_store(struct engine *e, const struct audience *a, const char *name, const char *audit,
	void (*done)(void *ctx, int rc, const char *id), void *ctx)
{
	static const char *const keys[] = {KEY_LEASE, KEY_AUDIENCE_SEQ, KEY_AUDIENCES_BEGUN};
	struct audience_state *s = audience_state(e);
	struct audience_import *m;
	struct args args;
	int rc = -ENOMEM;

	if (!s)
		return rc;
	if (s->import)
		return SW_EEXIST;
	if (s->list.n == AUDIENCES_MAX)
		return SW_ELIMIT;
	m = calloc(1, sizeof(*m));
	if (!m)
		return rc;
	*m = (struct audience_import){.e = e, .owner = s, .a = a, .done = done, .ctx = ctx};
	m->info.n = a->n;
	m->info.n_segments = a->n_segments;
	memcpy(m->info.digest, a->digest, sizeof(m->info.digest));
	m->info.parts = calloc(a->n_segments ? a->n_segments : 1, sizeof(*m->info.parts));
	m->sealing.key = e->data_key;
	m->sealing.data = malloc((size_t)AUDIENCE_SEGMENT * AUDIENCE_NUMBER);
	m->audit = text_dup(audit ? audit : "");
	args_init(&args);
	args_add(&args, e->fence);
	args_addi(&args, (int64_t)a->n_segments);
	if (m->info.parts && m->sealing.data && m->audit)
		rc = text_copy(m->info.name, sizeof(m->info.name), name);
	if (rc == 0)
		rc = store_eval(e->redis, "audience_begin", on_begun, m, keys, 3, &args);
	args_fini(&args);
	if (rc < 0) {
		import_free(m);
		return rc;
	}
	s->import = m;
	return 0;
}
