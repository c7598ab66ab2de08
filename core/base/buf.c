/*
 * core/base/buf.c: a growing byte string with a maximum; errors stick.
 *
 * Memory doubles from 64 bytes, so appends are cheap and a small string stays small.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"

enum { FIRST_BYTES = 64 };

void buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Makes room for LEN more bytes and the NUL. */
static int grow(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : FIRST_BYTES;
	size_t need;
	char *data;

	if (b->error)
		return b->error;
	if (len > b->max || b->len > b->max - len || b->max == SIZE_MAX)
		return b->error = SW_ELIMIT;
	need = b->len + len + 1;
	if (b->data && need <= b->cap)
		return 0;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	data = realloc(b->data, cap);
	if (!data)
		return b->error = -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	int rc = grow(b, len);

	if (rc < 0)
		return rc;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return rc;
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;
	int rc;

	if (b->error)
		return b->error;
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return b->error = SW_EINVAL;
	rc = grow(b, (size_t)n);
	if (rc < 0)
		return rc;
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
	char *s;

	if (b->error)
		return NULL;
	s = b->data ? b->data : strdup("");
	buf_init(b, b->max);
	return s;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}
