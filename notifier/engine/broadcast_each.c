/*
 * notifier/engine/broadcast_each.c: goes through all recipients of a broadcast, for exports and lists of failures.
 *
 * One segment in memory at a time (numbers, nibbles, failures: under 1 MB), a thousand recipients a turn.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

enum { FULL_WAIT_MS = 5, SLICE = 1000, CODES_MAX = 1001, FAILURE = 8 };

struct each {
	struct engine *e;
	char id[BROADCAST_ID], audience[AUDIENCE_ID];
	uint16_t *segments;
	size_t n_segments, at; /* the segment whose turn it is */
	size_t pending;
	uint8_t *numbers, *nibbles; /* of it */
	size_t n, next;             /* recipients; the next one */
	uint16_t *code;             /* of its last failure, by index; 0: none */
	char *codes[CODES_MAX];
	int rc;
	struct timer *timer;
	bool (*full)(void *ctx);
	void (*one)(void *ctx, unsigned segment, unsigned index, const char phone[16],
		enum broadcast_nibble n, const char *code);
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void ask_segment(struct each *it);

static void segment_fini(struct each *it)
{
	free(it->numbers);
	free(it->nibbles);
	free(it->code);
	it->numbers = it->nibbles = NULL;
	it->code = NULL;
	for (size_t i = 0; i < CODES_MAX; i++) {
		free(it->codes[i]);
		it->codes[i] = NULL;
	}
}

static void each_end(struct each *it)
{
	segment_fini(it);
	it->done(it->ctx, it->rc);
	timer_destroy(it->timer);
	free(it->segments);
	free(it);
}

static void slice(void *ctx)
{
	struct each *it = ctx;
	size_t end = it->next + SLICE < it->n ? it->next + SLICE : it->n;

	if (it->full && it->full(it->ctx)) {
		timer_after(it->timer, FULL_WAIT_MS);
		return;
	}
	for (; it->next < end; it->next++) {
		size_t i = it->next;
		char phone[16];

		audience_unpack(it->numbers + i * AUDIENCE_NUMBER, phone);
		it->one(it->ctx, it->segments[it->at], (unsigned)i, phone,
			i % 2 ? it->nibbles[i / 2] & 15 : it->nibbles[i / 2] >> 4,
			it->code[i] && it->codes[it->code[i]] ? it->codes[it->code[i]] : "");
	}
	if (it->next == it->n) {
		segment_fini(it);
		it->at++;
		ask_segment(it);
	} else if (loop_defer(it->e->loop, slice, it) < 0) {
		it->rc = -ENOMEM;
		each_end(it);
	}
}

/* The answer to one of a segment's questions was taken in. */
static void answered(struct each *it)
{
	if (--it->pending)
		return;
	if (it->rc == 0 && (!it->numbers || !it->nibbles || !it->code))
		it->rc = SW_ENOENT;
	if (it->rc < 0)
		each_end(it);
	else
		slice(it);
}

static bool failed(struct each *it, int rc, const struct redis_value *v)
{
	if (!store_failed(rc, v, "broadcast_each"))
		return false;
	it->rc = SW_EAWAY;
	return true;
}

static void on_numbers(void *ctx, int rc, const struct redis_value *v)
{
	struct each *it = ctx;
	const struct audience_info *a = audience_find(it->e, it->audience);
	size_t len = it->n * AUDIENCE_NUMBER;

	if (!failed(it, rc, v) && a && v->type == REDIS_STRING && v->len == len) {
		it->numbers = malloc(len ? len : 1);
		if (it->numbers) {
			memcpy(it->numbers, v->str, len);
			if (audience_crypt(&it->e->data_key, a->parts[it->segments[it->at]].nonce,
				    0, it->numbers, len) < 0)
				it->rc = SW_ECRYPTO;
		}
	}
	answered(it);
}

static void on_nibbles(void *ctx, int rc, const struct redis_value *v)
{
	struct each *it = ctx;
	size_t len = (it->n + 1) / 2;

	if (!failed(it, rc, v)) {
		it->nibbles = calloc(len ? len : 1, 1); /* not prepared yet: everybody waits */
		if (it->nibbles && v->type == REDIS_STRING)
			memcpy(it->nibbles, v->str, v->len < len ? v->len : len);
	}
	answered(it);
}

static void on_failures(void *ctx, int rc, const struct redis_value *v)
{
	struct each *it = ctx;

	if (!failed(it, rc, v)) {
		const uint8_t *f = (const uint8_t *)v->str;

		it->code = calloc(it->n ? it->n : 1, sizeof(*it->code));
		for (size_t i = 0; it->code && v->type == REDIS_STRING && i + FAILURE <= v->len;
			i += FAILURE) {
			size_t index = (size_t)f[i + 2] << 8 | f[i + 3];
			unsigned code = (unsigned)f[i + 4] << 8 | f[i + 5];

			if (index < it->n && code < CODES_MAX)
				it->code[index] = (uint16_t)code;
		}
	}
	answered(it);
}

static void on_codes(void *ctx, int rc, const struct redis_value *v)
{
	struct each *it = ctx;

	if (!failed(it, rc, v))
		for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
			int64_t no;

			if (num_parse(v->items[i + 1].str, 1, CODES_MAX - 1, &no) == 0 &&
				!it->codes[no])
				it->codes[no] = text_dup(v->items[i].str);
		}
	answered(it);
}

static void ask(struct each *it, redis_cb cb, const char *command, const char *key)
{
	it->pending++;
	if (store_command(it->e->redis, cb, it, (const char *const[]){command, key, NULL}) < 0) {
		it->rc = SW_EAWAY;
		it->pending--;
	}
}

static void ask_segment(struct each *it)
{
	char key[STORE_KEY];
	unsigned no;

	if (it->rc < 0 || it->at == it->n_segments) {
		each_end(it);
		return;
	}
	no = it->segments[it->at];
	it->n = bc_recipients(it->e, it->audience, no);
	it->next = 0;
	it->pending = 1;
	ask(it, on_numbers, "GET", audience_key(key, it->audience, no, "ph"));
	ask(it, on_nibbles, "GET", bc_key(key, it->audience, no, it->id, "oc"));
	ask(it, on_failures, "GET", bc_key(key, it->audience, no, it->id, "er"));
	ask(it, on_codes, "HGETALL", bc_key(key, it->audience, no, it->id, "ec"));
	answered(it);
}

static void begin(void *ctx)
{
	ask_segment(ctx);
}

int broadcast_each(struct engine *e, const struct broadcast *b,
	void (*one)(void *ctx, unsigned segment, unsigned index, const char phone[16],
		enum broadcast_nibble n, const char *code),
	bool (*full)(void *ctx), void (*done)(void *ctx, int rc), void *ctx)
{
	struct each *it = calloc(1, sizeof(*it));
	int rc = -ENOMEM;

	if (!it)
		return rc;
	*it = (struct each){.e = e, .one = one, .full = full, .done = done, .ctx = ctx};
	memcpy(it->id, b->id, sizeof(it->id));
	memcpy(it->audience, b->audience, sizeof(it->audience));
	it->segments = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*it->segments));
	if (!it->segments)
		goto fail;
	it->n_segments = broadcast_segments(e, b, it->segments);
	rc = timer_new(e->loop, slice, it, &it->timer);
	if (rc == 0)
		rc = loop_defer(e->loop, begin, it);
	if (rc == 0)
		return 0;
	timer_destroy(it->timer);
fail:
	free(it->segments);
	free(it);
	return rc;
}
