/*
 * core/base/log.c: JSON lines on standard error, built in one fixed array and written by one call.
 *
 * The format is walked here rather than by vprintf(), so that each value is escaped by its type and a
 * text from outside can never forge a key or a line. The logger is the one global of the project.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/civil.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"

/*
 * Lines stay below 2 KiB, and below PIPE_BUF: a write to a pipe is whole or not at all. A value may be
 * one long text, so VALUE_BYTES bounds it before escaping.
 */
enum { LINE_BYTES = 2048, TAIL_BYTES = 4, VALUE_BYTES = 600 };

static struct {
	enum log_level min;
	int64_t (*now)(void *ctx);
	void *ctx;
	unsigned long dropped;
} logger = {.min = LOG_LEVEL_INFO};

struct line {
	char s[LINE_BYTES];
	size_t n;
	bool is_full;
};

struct value {
	char s[VALUE_BYTES];
	size_t n;
	bool is_number; /* exactly one integer conversion and nothing else */
};

void log_setup(enum log_level min, int64_t (*now)(void *ctx), void *ctx)
{
	logger.min = min;
	logger.now = now;
	logger.ctx = ctx;
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

int log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return SW_EINVAL;
}

/* All of S or nothing: half a key would break the line. */
static bool put(struct line *l, const char *s, size_t n)
{
	if (l->is_full || l->n + n > sizeof(l->s) - TAIL_BYTES) {
		l->is_full = true;
		return false;
	}
	memcpy(l->s + l->n, s, n);
	l->n += n;
	return true;
}

static void puts_line(struct line *l, const char *s)
{
	(void)put(l, s, strlen(s));
}

/* Appends one character of S escaped for JSON; returns the bytes of S used. */
static size_t put_char(struct line *l, const char *s, size_t len)
{
	unsigned char c = (unsigned char)*s;
	char esc[8]; /* \u00XX */
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c == '"' || c == '\\') {
		esc[0] = '\\';
		esc[1] = (char)c;
		(void)put(l, esc, 2);
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		(void)snprintf(esc, sizeof(esc), "\\u%04x", c);
		(void)put(l, esc, 6);
		return 1;
	}
	if (n > len || !text_utf8_valid(s, n, NULL)) {
		(void)put(l, "\xef\xbf\xbd", 3);
		return 1;
	}
	(void)put(l, s, n);
	return n;
}

static void put_string(struct line *l, const char *s, size_t len)
{
	puts_line(l, "\"");
	while (len > 0 && !l->is_full) {
		size_t n = put_char(l, s, len);

		s += n;
		len -= n;
	}
	puts_line(l, "\"");
}

static void value_add(struct value *v, const char *s, size_t len)
{
	size_t room = sizeof(v->s) - 1 - v->n;

	if (len > room)
		len = text_cut_bytes(s, len, room);
	memcpy(v->s + v->n, s, len);
	v->n += len;
	v->s[v->n] = '\0';
}

/* One conversion's letters: precision by '*', length modifier, type. */
struct conversion {
	bool has_star;
	char mod; /* 0, 'z', 'l', 'L' for ll */
	char type;
	size_t len; /* bytes of the format used */
};

static struct conversion read_conversion(const char *fmt)
{
	struct conversion c = {0};
	const char *p = fmt + 1;

	if (text_starts(p, ".*")) {
		c.has_star = true;
		p += 2;
	} else {
		p += strspn(p, "0123456789.-"); /* a width changes nothing in JSON */
	}
	if (text_starts(p, "ll")) {
		c.mod = 'L';
		p += 2;
	} else if (*p == 'z' || *p == 'l') {
		c.mod = *p++;
	}
	c.type = *p;
	c.len = (size_t)(p - fmt) + (*p != '\0');
	return c;
}

static int64_t signed_arg(const struct conversion *c, va_list *ap)
{
	switch (c->mod) {
	case 'z':
		return va_arg(*ap, ssize_t);
	case 'l':
		return va_arg(*ap, long);
	case 'L':
		return va_arg(*ap, long long);
	default:
		return va_arg(*ap, int);
	}
}

static uint64_t unsigned_arg(const struct conversion *c, va_list *ap)
{
	switch (c->mod) {
	case 'z':
		return va_arg(*ap, size_t);
	case 'l':
		return va_arg(*ap, unsigned long);
	case 'L':
		return va_arg(*ap, unsigned long long);
	default:
		return va_arg(*ap, unsigned);
	}
}

static void convert_string(const struct conversion *c, va_list *ap, struct value *v)
{
	int max = c->has_star ? va_arg(*ap, int) : -1;
	const char *s = va_arg(*ap, const char *);

	if (!s) {
		s = "";
		max = 0;
	}
	value_add(v, s, max >= 0 ? strnlen(s, (size_t)max) : strlen(s));
}

/* Formats one argument into V; false for a conversion we do not know, whose size is unknown too. */
static bool convert(const struct conversion *c, va_list *ap, struct value *v)
{
	char num[32]; /* 20 digits and a sign */

	switch (c->type) {
	case 's':
		convert_string(c, ap, v);
		return true;
	case 'd':
	case 'i':
		(void)snprintf(num, sizeof(num), "%" PRId64, signed_arg(c, ap));
		break;
	case 'u':
		(void)snprintf(num, sizeof(num), "%" PRIu64, unsigned_arg(c, ap));
		break;
	case 'x':
		(void)snprintf(num, sizeof(num), "%" PRIx64, unsigned_arg(c, ap));
		break;
	case 'c':
		(void)snprintf(num, sizeof(num), "%c", (char)va_arg(*ap, int));
		break;
	case 'f':
	case 'g':
		(void)snprintf(num, sizeof(num), "%.9g", va_arg(*ap, double));
		break;
	case '%':
		num[0] = '%';
		num[1] = '\0';
		break;
	default:
		return false;
	}
	value_add(v, num, strlen(num));
	return true;
}

/* Reads the value part of one key=value, moving *FMT to the blank behind it. */
static bool read_value(const char **fmt, va_list *ap, struct value *v)
{
	const char *p = *fmt;
	bool only_number = true;
	size_t pieces = 0;

	v->n = 0;
	v->s[0] = '\0';
	while (*p && *p != ' ') {
		pieces++;
		if (*p == '%') {
			struct conversion c = read_conversion(p);

			if (!convert(&c, ap, v))
				return false;
			only_number = only_number && strchr("diu", c.type);
			p += c.len;
		} else {
			size_t n = strcspn(p, " %");

			value_add(v, p, n);
			only_number = false;
			p += n;
		}
	}
	v->is_number = only_number && pieces == 1;
	*fmt = p;
	return true;
}

/* Appends ,"key":value; takes it back when the line has no room for all of it. */
static void put_pair(struct line *l, const char *key, size_t key_len, struct value *v)
{
	size_t start = l->n;

	puts_line(l, ",");
	put_string(l, key, key_len);
	puts_line(l, ":");
	if (v->is_number) {
		(void)put(l, v->s, v->n);
	} else {
		phone_mask_text(v->s);
		put_string(l, v->s, v->n);
	}
	if (l->is_full)
		l->n = start;
}

static void put_pairs(struct line *l, const char *fmt, va_list *ap)
{
	struct value v;

	while (*fmt && !l->is_full) {
		const char *key;
		size_t key_len;

		fmt += strspn(fmt, " ");
		key = fmt;
		key_len = strcspn(fmt, "= ");
		fmt += key_len;
		if (*fmt != '=') /* a word without a value: not worth losing the line for */
			continue;
		fmt++;
		if (!read_value(&fmt, ap, &v))
			return;
		put_pair(l, key, key_len, &v);
	}
}

static void put_head(struct line *l, const char *lvl, const char *ev)
{
	char ts[40]; /* 2022-08-18T09:00:00.412+08:00 */
	int64_t now = logger.now ? logger.now(logger.ctx) : clock_real_ms();

	puts_line(l, "{\"ts\":\"");
	puts_line(l, civil_format_ms_frac(now, ts, sizeof(ts)));
	puts_line(l, "\",\"lvl\":\"");
	puts_line(l, lvl);
	puts_line(l, "\",\"ev\":");
	put_string(l, ev, strlen(ev));
}

/* False when standard error does not take the line now. */
static bool emit(struct line *l)
{
	struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t n;

	memcpy(l->s + l->n, "}\n", 2);
	l->n += 2;
	/* The descriptor is shared and usually blocking: ask first whether a write would wait. */
	if (poll(&pfd, 1, 0) == 0)
		return false;
	do
		n = write(STDERR_FILENO, l->s, l->n);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)l->n;
}

/* Says how many lines were lost before this one; it stays owed until it could be written. */
static void emit_dropped(void)
{
	struct line l = {.n = 0};
	char num[32]; /* 20 digits */

	put_head(&l, "warn", "log_dropped");
	(void)snprintf(num, sizeof(num), ",\"n\":%lu", logger.dropped);
	puts_line(&l, num);
	if (emit(&l))
		logger.dropped = 0;
}

void log_event(enum log_level lvl, const char *ev, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	if (lvl < logger.min)
		return;
	l.n = 0;
	l.is_full = false;
	put_head(&l, level_names[lvl], ev);
	va_start(ap, fmt);
	put_pairs(&l, fmt, &ap);
	va_end(ap);
	if (logger.dropped > 0)
		emit_dropped();
	if (logger.dropped > 0 || !emit(&l))
		logger.dropped++;
}
