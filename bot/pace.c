/*
 * bot/pace.c: a ring of instants that grows to the largest limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bot/pace.h"

void pace_init(struct pace *p, const struct pace_limit limits[PACE_LIMITS])
{
	*p = (struct pace){0};
	memcpy(p->limits, limits, sizeof(p->limits));
}

void pace_fini(struct pace *p)
{
	free(p->sent);
	p->sent = NULL;
	p->first = p->len = p->cap = 0;
}

static int64_t *instant(const struct pace *p, size_t i)
{
	return &p->sent[(p->first + i) % p->cap];
}

int64_t pace_next_ms(struct pace *p, int64_t now_ms)
{
	int64_t next = now_ms;

	/*
	 * A clock that was set back must neither forget what was sent nor block for as long as it was wrong:
	 * what lies in the future counts as sent now.
	 */
	for (size_t i = p->len; i > 0 && *instant(p, i - 1) > now_ms; i--)
		*instant(p, i - 1) = now_ms;
	for (size_t i = 0; i < PACE_LIMITS; i++) {
		const struct pace_limit *l = &p->limits[i];

		if (l->n > 0 && p->len >= l->n) {
			/* The window is closed at both ends: the provider may count either way. */
			int64_t at = *instant(p, p->len - l->n) + l->span_ms + 1;

			next = at > next ? at : next;
		}
	}
	return next;
}

int64_t pace_last_ms(const struct pace *p)
{
	return *instant(p, p->len - 1);
}

static size_t largest(const struct pace *p)
{
	size_t n = 0;

	for (size_t i = 0; i < PACE_LIMITS; i++)
		n = p->limits[i].n > n ? p->limits[i].n : n;
	return n;
}

static int grow(struct pace *p, size_t max)
{
	size_t cap = p->cap ? p->cap * 2 : 8;
	int64_t *sent;

	if (cap > max)
		cap = max;
	sent = malloc(cap * sizeof(*sent));
	if (!sent)
		return -ENOMEM;
	for (size_t i = 0; i < p->len; i++)
		sent[i] = *instant(p, i);
	free(p->sent);
	p->sent = sent;
	p->cap = cap;
	p->first = 0;
	return 0;
}

int pace_note(struct pace *p, int64_t now_ms)
{
	size_t max = largest(p);

	if (max == 0)
		return 0;
	if (p->len == p->cap && p->cap < max && grow(p, max) < 0)
		return -ENOMEM;
	if (p->len == p->cap) {
		p->first = (p->first + 1) % p->cap;
		p->len--;
	}
	p->len++;
	*instant(p, p->len - 1) = now_ms;
	return 0;
}
