/*
 * core/base/buf.h: a growing byte string with a maximum.
 *
 * Errors stick: after the first failed append every further one fails too, so that a caller may
 * append many pieces and look once (buf_error). DATA is always NUL-terminated when not NULL.
 */
#ifndef SW_CORE_BASE_BUF_H
#define SW_CORE_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "core/base/err.h"

struct buf {
	char *data; /* NULL until the first byte */
	size_t len; /* without the terminating NUL */
	size_t cap;
	size_t max; /* bytes of content allowed */
	int error;  /* 0, -ENOMEM or SW_ELIMIT; sticky */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties it and forgets an error; keeps the memory. */
void buf_reset(struct buf *b);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) SW_PRINTF(2, 3);
int buf_vaddf(struct buf *b, const char *fmt, va_list ap);
/* Removes N bytes from the front (N <= len). */
void buf_consume(struct buf *b, size_t n);
/* Moves the string out (never NULL on success: "" when empty); the caller frees. NULL on error. */
char *buf_take(struct buf *b) SW_MUST_CHECK;
/* The content as a string, "" when empty. */
const char *buf_str(const struct buf *b);

#endif
