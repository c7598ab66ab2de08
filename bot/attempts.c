/*
 * bot/attempts.c: a hash table over the journal.
 *
 * Records: T "<mid>-<attempt> <channel> <route> [<who>]", A "<mid>-<attempt> <verdict> <class> <code> <base64 text>"
 * ("-" for an empty word), K "<mid>-<attempt>". The table keeps half a million attempts, so an accepted one
 * carries no text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#include "bot/attempts.h"
#include "bot/wecom/errcode.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/io/journal.h"

struct attempt_key {
	uint8_t mid[ID_HEX / 2];
	uint32_t attempt;
};

struct attempt {
	UT_hash_handle hh;
	struct relay_item item; /* with a relay while is_waiting */
	struct attempt_key key;
	int64_t at_ms;
	char *detail; /* "<code>\0<text>", NULL: code "0" and no text, or none yet */
	uint8_t verdict;
	uint8_t class; /* index of class_words */
	bool is_decided;
	bool is_waiting; /* for an acknowledgement */
};

/* A T record that the windows of its destination still see. */
struct tried {
	STAILQ_ENTRY(tried) link;
	int64_t at_ms;
	const char *channel, *route, *who; /* behind the struct */
};

struct attempts {
	struct journal *journal;
	struct attempt *table;
	int64_t now_ms; /* of opening */
	STAILQ_HEAD(, tried) tried;

	void (*closed)(void *ctx);
	void *closed_ctx;
};

static const char *const class_words[] = {"", "ok", "busy", "rate", "token", "config", "content",
	"target", "late", "held", "cancelled"};

static uint8_t class_index(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(class_words); i++) {
		if (strcmp(class_words[i], word) == 0)
			return (uint8_t)i;
	}
	return 0;
}

static int key_make(const char *mid, int attempt, struct attempt_key *ret)
{
	struct attempt_key k = {.attempt = (uint32_t)attempt};
	int rc = id_unhex(mid, k.mid, sizeof(k.mid));

	if (rc == 0)
		*ret = k;
	return rc;
}

/* "<mid>-<attempt>" */
static int key_parse(const char *id, struct attempt_key *ret)
{
	char mid[ID_HEX + 1];
	int64_t n;

	if (strlen(id) < ID_HEX + 2 || id[ID_HEX] != '-')
		return SW_EINVAL;
	memcpy(mid, id, ID_HEX);
	mid[ID_HEX] = '\0';
	if (num_parse(id + ID_HEX + 1, 1, INT32_MAX, &n) < 0)
		return SW_EINVAL;
	return key_make(mid, (int)n, ret);
}

static struct attempt *find(const struct attempts *a, const struct attempt_key *key)
{
	struct attempt *t;

	HASH_FIND(hh, a->table, key, sizeof(*key), t);
	return t;
}

static struct attempt *find_by_mid(const struct attempts *a, const char *mid, int attempt)
{
	struct attempt_key key;

	return key_make(mid, attempt, &key) == 0 ? find(a, &key) : NULL;
}

static struct attempt *insert(struct attempts *a, const struct attempt_key *key)
{
	struct attempt *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->key = *key;
	HASH_ADD(hh, a->table, key, sizeof(t->key), t);
	return t;
}

static void decide(struct attempt *t, const struct wire_verdict *v)
{
	size_t code = strlen(v->code), text = strlen(v->text);

	t->at_ms = v->at_ms;
	t->verdict = (uint8_t)v->verdict;
	t->class = class_index(v->class);
	t->is_decided = true;
	t->is_waiting = true;
	free(t->detail);
	t->detail = NULL;
	if (v->verdict == VERDICT_ACCEPTED && strcmp(v->code, "0") == 0)
		return;
	/* Without memory for the words the verdict itself still stands. */
	t->detail = malloc(code + text + 2);
	if (t->detail) {
		memcpy(t->detail, v->code, code + 1);
		memcpy(t->detail + code + 1, v->text, text + 1);
	}
}

/* ---- replay -------------------------------------------------------------------------------- */

/* Cuts the next word off *REST, which moves on; NULL when there is none. */
static char *next_word(char **rest)
{
	char *word = *rest;
	char *blank = word ? strchr(word, ' ') : NULL;

	if (!word || !*word)
		return NULL;
	if (blank)
		*blank++ = '\0';
	*rest = blank;
	return word;
}

static int remember_pace(
	struct attempts *a, int64_t at_ms, const char *channel, const char *route, const char *who)
{
	size_t channel_size = strlen(channel) + 1, route_size = strlen(route) + 1,
	       who_size = strlen(who) + 1;
	struct tried *t = malloc(sizeof(*t) + channel_size + route_size + who_size);
	char *text;

	if (!t)
		return -ENOMEM;
	text = (char *)(t + 1);
	memcpy(text, channel, channel_size);
	memcpy(text + channel_size, route, route_size);
	memcpy(text + channel_size + route_size, who, who_size);
	*t = (struct tried){.at_ms = at_ms,
		.channel = text,
		.route = text + channel_size,
		.who = text + channel_size + route_size};
	STAILQ_INSERT_TAIL(&a->tried, t, link);
	return 0;
}

static int replay_try(
	struct attempts *a, const struct journal_record *rec, struct attempt *t, char *rest)
{
	const char *channel = next_word(&rest);
	const char *route = next_word(&rest);
	const char *who = next_word(&rest);

	if (!channel || !route)
		return SW_ECORRUPT;
	t->at_ms = rec->at_ms;
	if (rec->at_ms < a->now_ms - ATTEMPTS_PACE_MS)
		return 0;
	return remember_pace(a, rec->at_ms, channel, route, who ? who : "");
}

static const char *word_or_empty(const char *word)
{
	return strcmp(word, "-") == 0 ? "" : word;
}

static int replay_verdict(const struct journal_record *rec, struct attempt *t, char *rest)
{
	struct wire_verdict v = {.at_ms = rec->at_ms};
	const char *word = next_word(&rest);
	const char *class = next_word(&rest);
	const char *code = next_word(&rest);
	const char *text = next_word(&rest);
	struct buf plain;

	if (!text || wire_verdict_parse(word, &v.verdict) < 0 ||
		text_copy(v.class, sizeof(v.class), word_or_empty(class)) < 0 ||
		text_copy(v.code, sizeof(v.code), word_or_empty(code)) < 0)
		return SW_ECORRUPT;
	text = word_or_empty(text);
	buf_init(&plain, sizeof(v.text) - 1);
	if (id_unbase64(&plain, text, strlen(text), true) == 0)
		(void)snprintf(v.text, sizeof(v.text), "%s", buf_str(&plain));
	buf_fini(&plain);
	decide(t, &v);
	return 0;
}

static int replay_ack(struct attempt *t)
{
	t->is_waiting = false;
	return 0;
}

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct attempts *a = ctx;
	char *copy = strdup(rec->payload);
	char *rest = copy;
	const char *id = next_word(&rest);
	struct attempt_key key;
	struct attempt *t;
	int rc = SW_ECORRUPT;

	if (!copy)
		return -ENOMEM;
	if (id && key_parse(id, &key) == 0) {
		t = find(a, &key);
		if (!t)
			t = insert(a, &key);
		if (!t)
			rc = -ENOMEM;
		else if (rec->kind == 'T')
			rc = replay_try(a, rec, t, rest);
		else if (rec->kind == 'A')
			rc = replay_verdict(rec, t, rest);
		else if (rec->kind == 'K')
			rc = replay_ack(t);
		else
			rc = 0; /* of a newer version */
	}
	free(copy);
	return rc;
}

static int write_verdict(struct attempts *a, const struct wire_verdict *v);

/* A request that had begun when the process ended: nobody knows. */
static int settle_open_ones(struct attempts *a)
{
	struct attempt *t, *tmp;
	size_t n = 0;

	HASH_ITER(hh, a->table, t, tmp)
	{
		struct wire_verdict v = {0};

		if (t->is_decided)
			continue;
		/* A simulated clock starts anew until it hears of the real one. */
		v.at_ms = t->at_ms > a->now_ms ? t->at_ms : a->now_ms;
		id_hex(t->key.mid, sizeof(t->key.mid), v.mid);
		v.attempt = (int)t->key.attempt;
		wecom_verdict_set(
			&v, VERDICT_UNKNOWN, "", "the bot ended before an answer came", 0);
		decide(t, &v);
		n++;
		if (write_verdict(a, &v) < 0)
			return -EIO;
	}
	if (n > 0)
		LOG_WARN("attempts_left_unknown", "n=%zu", n);
	return 0;
}

void attempts_each_tried(struct attempts *a,
	void (*cb)(
		void *ctx, int64_t at_ms, const char *channel, const char *route, const char *who),
	void *ctx)
{
	struct tried *t;

	while ((t = STAILQ_FIRST(&a->tried))) {
		STAILQ_REMOVE_HEAD(&a->tried, link);
		if (cb)
			cb(ctx, t->at_ms, t->channel, t->route, t->who);
		free(t);
	}
}

static void attempts_free(struct attempts *a)
{
	struct attempt *t, *tmp;

	attempts_each_tried(a, NULL, NULL);

	HASH_ITER(hh, a->table, t, tmp)
	{
		HASH_DEL(a->table, t);
		free(t->detail);
		free(t);
	}
	free(a);
}

int attempts_open(
	struct loop *l, const char *path, int64_t now_ms, struct attempts **ret, struct sw_err *err)
{
	struct attempts *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	STAILQ_INIT(&a->tried);
	a->now_ms = now_ms;
	rc = journal_open(l, path, on_record, a, &a->journal, err);
	if (rc == SW_ECORRUPT && !err->text[0])
		err_set(err, rc, "%s: a record that is none of ours", path);
	if (rc == 0) {
		rc = settle_open_ones(a);
		if (rc < 0)
			err_set(err, rc, "%s: cannot be written", path);
	}
	if (rc < 0) {
		if (a->journal)
			attempts_close(a, NULL, NULL);
		else
			attempts_free(a);
		return rc;
	}
	*ret = a;
	return 0;
}

static void on_journal_closed(void *ctx)
{
	struct attempts *a = ctx;
	void (*closed)(void *) = a->closed;
	void *closed_ctx = a->closed_ctx;

	attempts_free(a);
	if (closed)
		closed(closed_ctx);
}

void attempts_close(struct attempts *a, void (*done)(void *ctx), void *ctx)
{
	a->closed = done;
	a->closed_ctx = ctx;
	journal_close(a->journal, on_journal_closed, a);
}

/* ---- the life of an attempt ------------------------------------------------------------------ */

enum attempt_state attempts_look(
	const struct attempts *a, const char *mid, int attempt, struct wire_verdict *ret)
{
	const struct attempt *t = find_by_mid(a, mid, attempt);

	if (!t)
		return ATTEMPT_NEW;
	if (!t->is_decided)
		return ATTEMPT_RUNNING;
	if (ret)
		attempts_verdict(&t->item, ret);
	return ATTEMPT_DECIDED;
}

int attempts_begin(struct attempts *a, const char *mid, int attempt)
{
	struct attempt_key key;

	if (key_make(mid, attempt, &key) < 0)
		return SW_EINVAL;
	if (find(a, &key))
		return SW_EEXIST;
	if (HASH_COUNT(a->table) >= ATTEMPTS_MAX)
		return SW_ELIMIT;
	return insert(a, &key) ? 0 : -ENOMEM;
}

void attempts_forget(struct attempts *a, const char *mid, int attempt)
{
	struct attempt *t = find_by_mid(a, mid, attempt);

	if (!t || t->is_decided)
		return;
	HASH_DEL(a->table, t);
	free(t);
}

int attempts_try(struct attempts *a, const struct wire_out *m, const char *who, int64_t at_ms,
	void (*synced)(void *ctx, int rc), void *ctx)
{
	char line[ID_HEX + 12 + sizeof(m->channel) + sizeof(m->route) + WIRE_NAME + 8];

	(void)snprintf(line, sizeof(line), "%s-%d %s %s%s%.64s", m->mid, m->attempt, m->channel,
		m->route, *who ? " " : "", who);
	return journal_append(a->journal, at_ms, 'T', line, synced, ctx, NULL);
}

static const char *word_or_dash(const char *word)
{
	return *word ? word : "-";
}

static int write_verdict(struct attempts *a, const struct wire_verdict *v)
{
	struct buf line;
	int rc;

	buf_init(&line, 1024); /* mid, words and 200 bytes of text as base64 */
	(void)buf_addf(&line, "%s-%d %s %s %s ", v->mid, v->attempt, wire_verdict_name(v->verdict),
		word_or_dash(v->class), word_or_dash(v->code));
	if (*v->text)
		(void)id_base64(&line, v->text, strlen(v->text));
	else
		(void)buf_addc(&line, '-');
	rc = line.error
		     ? line.error
		     : journal_append(a->journal, v->at_ms, 'A', buf_str(&line), NULL, NULL, NULL);
	buf_fini(&line);
	return rc;
}

struct relay_item *attempts_decide(struct attempts *a, const struct wire_verdict *v)
{
	struct attempt *t = find_by_mid(a, v->mid, v->attempt);

	if (!t || t->is_decided)
		return NULL;
	decide(t, v);
	/* Not written: after a restart it is "unknown", which is still no lie. */
	if (write_verdict(a, v) < 0)
		LOG_WARN("verdict_not_written", "mid=%s attempt=%d", v->mid, v->attempt);
	return &t->item;
}

static struct attempt *of_item(const struct relay_item *item)
{
	/* The item is a member of an attempt of ours, never a lone one. */
	return (struct attempt *)(uintptr_t)((const char *)item - offsetof(struct attempt, item));
}

struct relay_item *attempts_ack(struct attempts *a, const char *id, int64_t at_ms)
{
	struct attempt_key key;
	struct attempt *t = key_parse(id, &key) == 0 ? find(a, &key) : NULL;

	if (!t || !t->is_waiting)
		return NULL;
	t->is_waiting = false;
	/* Not written, it makes one more publication after a restart. */
	if (journal_append(a->journal, at_ms, 'K', id, NULL, NULL, NULL) < 0)
		LOG_DEBUG("ack_not_written", "id=%s", id);
	return &t->item;
}

void attempts_each_unacked(
	struct attempts *a, void (*cb)(void *ctx, struct relay_item *item), void *ctx)
{
	struct attempt *t, *tmp;

	HASH_ITER(hh, a->table, t, tmp)
	{
		if (t->is_waiting)
			cb(ctx, &t->item);
	}
}

static int64_t default_retry_ms(const struct attempt *t)
{
	if (t->verdict == VERDICT_NOT_SENT && t->class == 0)
		return WECOM_NOT_SENT_RETRY_MS;
	if (t->verdict != VERDICT_REFUSED_TEMP)
		return 0;
	return t->class == class_index("rate") ? WECOM_RATE_PARK_MS : WECOM_BUSY_RETRY_MS;
}

void attempts_verdict(const struct relay_item *item, struct wire_verdict *ret)
{
	const struct attempt *t = of_item(item);
	struct wire_verdict v = {.attempt = (int)t->key.attempt,
		.at_ms = t->at_ms,
		.verdict = (enum wire_verdict_word)t->verdict,
		.retry_after_ms = default_retry_ms(t)};

	id_hex(t->key.mid, sizeof(t->key.mid), v.mid);
	(void)snprintf(v.class, sizeof(v.class), "%s", class_words[t->class]);
	if (t->detail) {
		(void)snprintf(v.code, sizeof(v.code), "%s", t->detail);
		(void)snprintf(v.text, sizeof(v.text), "%s", t->detail + strlen(t->detail) + 1);
	} else if (v.verdict == VERDICT_ACCEPTED) {
		(void)snprintf(v.code, sizeof(v.code), "0");
		(void)snprintf(v.text, sizeof(v.text), "ok");
	}
	*ret = v;
}

bool attempts_broken(const struct attempts *a)
{
	return journal_broken(a->journal);
}

size_t attempts_count(const struct attempts *a)
{
	return HASH_COUNT(a->table);
}
