/*
 * core/base/text.c: UTF-8 and what each target of a text needs.
 *
 * Escaping works on code points with the neighbours in view, because the invisible characters that
 * would let somebody forge a text are, between Mongolian letters, part of correct spelling.
 */
#include <assert.h>
#include <string.h>

#include "core/base/text.h"

/* Length of the sequence at P (N bytes left), 0 when it is not well-formed (Unicode table 3-7). */
static size_t sequence(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	}
	return len;
}

bool text_utf8_valid(const char *s, size_t len, size_t *bad_at)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	while (i < len) {
		size_t n = sequence(p + i, len - i);

		if (n == 0) {
			if (bad_at)
				*bad_at = i;
			return false;
		}
		i += n;
	}
	return true;
}

uint32_t text_next(const char **p, const char *end)
{
	const unsigned char *s = (const unsigned char *)*p;
	size_t left = (size_t)(end - *p);
	size_t n;
	uint32_t cp;

	if (left == 0)
		return 0;
	n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n > left) {
		/* Valid UTF-8 is promised; a cut sequence still must not be read beyond its end. */
		*p = end;
		return 0xfffd;
	}
	*p += n;
	if (n == 1)
		return s[0];
	cp = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		cp = cp << 6 | (s[i] & 0x3fu);
	return cp;
}

int text_put(struct buf *b, uint32_t cp)
{
	char s[4]; /* the longest UTF-8 sequence */

	if (cp < 0x80) {
		s[0] = (char)cp;
		return buf_add(b, s, 1);
	}
	if (cp < 0x800) {
		s[0] = (char)(0xc0 | cp >> 6);
		s[1] = (char)(0x80 | (cp & 0x3f));
		return buf_add(b, s, 2);
	}
	if (cp < 0x10000) {
		s[0] = (char)(0xe0 | cp >> 12);
		s[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		s[2] = (char)(0x80 | (cp & 0x3f));
		return buf_add(b, s, 3);
	}
	s[0] = (char)(0xf0 | cp >> 18);
	s[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	s[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	s[3] = (char)(0x80 | (cp & 0x3f));
	return buf_add(b, s, 4);
}

size_t text_chars(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t text_u16_units(const char *s)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		n += (c & 0xc0) != 0x80;
		n += c >= 0xf0; /* beyond the BMP: a surrogate pair */
	}
	return n;
}

size_t text_cut_bytes(const char *s, size_t len, size_t max_bytes)
{
	if (len <= max_bytes)
		return len;
	while (max_bytes > 0 && ((unsigned char)s[max_bytes] & 0xc0) == 0x80)
		max_bytes--;
	return max_bytes;
}

int text_fold_width(struct buf *out, const char *s, size_t len)
{
	const char *end = s + len;
	int rc = out->error;

	while (s < end && rc == 0) {
		const char *start = s;
		uint32_t cp = text_next(&s, end);

		if (cp >= 0xff01 && cp <= 0xff5e)
			rc = buf_addc(out, (char)(cp - 0xfee0));
		else if (cp == 0x3000)
			rc = buf_addc(out, ' ');
		else
			rc = buf_add(out, start, (size_t)(s - start));
	}
	return rc;
}

static bool is_mongolian(uint32_t cp)
{
	return (cp >= 0x1800 && cp <= 0x18af) || (cp >= 0x11660 && cp <= 0x1167f);
}

static bool is_line_break(uint32_t cp)
{
	return cp == '\n' || cp == '\r' || cp == 0x0b || cp == 0x0c || cp == 0x85 || cp == 0x2028 ||
	       cp == 0x2029;
}

/* Controls, zero-width and direction characters, byte order mark. */
static bool is_invisible(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0xad || cp == 0x61c ||
	       (cp >= 0x180b && cp <= 0x180f) || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff ||
	       (cp >= 0xe0000 && cp <= 0xe007f);
}

/* What is left of CP between PREV and NEXT: itself, a blank, or 0 for nothing. */
static uint32_t clean(uint32_t cp, uint32_t prev, uint32_t next)
{
	if (cp >= 0x180b && cp <= 0x180f)
		return is_mongolian(prev) ? cp : 0;
	if (cp == 0x200c || cp == 0x200d)
		return is_mongolian(prev) && is_mongolian(next) ? cp : 0;
	if (cp == 0x202f)
		return is_mongolian(prev) && is_mongolian(next) ? cp : ' ';
	if (is_line_break(cp) || cp == '\t')
		return ' ';
	return is_invisible(cp) ? 0 : cp;
}

/* Appends S cleaned, with the ASCII characters of WIDEN in full width. */
static int escape(struct buf *out, const char *s, const char *widen)
{
	const char *end = s + strlen(s);
	uint32_t prev = 0;
	int rc = out->error;

	while (s < end && rc == 0) {
		uint32_t raw = text_next(&s, end);
		const char *ahead = s;
		uint32_t cp = clean(raw, prev, text_next(&ahead, end));

		if (raw == '\r' && *s == '\n')
			continue; /* one line break, one blank */
		if (cp == 0)
			continue;
		prev = cp;
		if (cp < 0x80 && strchr(widen, (int)cp))
			cp += 0xfee0;
		rc = text_put(out, cp);
	}
	return rc;
}

int text_escape_markdown(struct buf *out, const char *s)
{
	return escape(out, s, "<>[]()`*_#@|");
}

int text_escape_plain(struct buf *out, const char *s)
{
	return escape(out, s, "<>@");
}

int text_escape_html(struct buf *out, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "&<>\"'");

		(void)buf_add(out, s, n);
		s += n;
		switch (*s) {
		case '&':
			(void)buf_adds(out, "&amp;");
			break;
		case '<':
			(void)buf_adds(out, "&lt;");
			break;
		case '>':
			(void)buf_adds(out, "&gt;");
			break;
		case '"':
			(void)buf_adds(out, "&quot;");
			break;
		case '\'':
			(void)buf_adds(out, "&#39;");
			break;
		default:
			return out->error;
		}
		s++;
	}
	return out->error;
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

char *text_trim(char *s)
{
	static const char blanks[] = " \t\r\n\v\f";
	size_t skip = strspn(s, blanks);
	size_t n = strlen(s + skip);

	while (n > 0 && strchr(blanks, s[skip + n - 1]))
		n--;
	memmove(s, s + skip, n);
	s[n] = '\0';
	return s;
}

char *text_dup(const char *s)
{
	return s ? strdup(s) : NULL;
}

int text_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (n >= size)
		return SW_ELIMIT;
	memcpy(dst, src, n + 1);
	return 0;
}
