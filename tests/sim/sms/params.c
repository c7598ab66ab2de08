/* tests/sim/sms/params.c: percent-encoding by RFC 3986, written from the description of signature V3. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/sms/params.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: no encoding, a zero byte, or no UTF-8. */
static char *decode(const char *s, size_t len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; out && i < len; i++) {
		int hi, lo;

		if (s[i] != '%') {
			out[n++] = s[i] == '+' ? ' ' : s[i];
			continue;
		}
		hi = i + 2 < len ? hex_digit(s[i + 1]) : -1;
		lo = hi >= 0 ? hex_digit(s[i + 2]) : -1;
		if (lo < 0 || (hi == 0 && lo == 0)) {
			free(out);
			return NULL;
		}
		out[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	if (out && !text_utf8_valid(out, n, NULL)) {
		free(out);
		return NULL;
	}
	if (out)
		out[n] = '\0';
	return out;
}

static int add_one(struct params *p, const char *s, size_t len)
{
	const char *equals = memchr(s, '=', len);
	size_t name_len = equals ? (size_t)(equals - s) : len;
	struct param *item = &p->items[p->n];

	if (p->n == PARAMS_MAX)
		return SW_ELIMIT;
	item->name = decode(s, name_len);
	item->value = equals ? decode(equals + 1, len - name_len - 1) : text_dup("");
	if (!item->name || !item->value) {
		free(item->name);
		free(item->value);
		return SW_EINVAL;
	}
	p->n++;
	return 0;
}

int params_add(struct params *p, const char *s, size_t len)
{
	int rc = 0;

	while (rc == 0 && len > 0) {
		const char *and = memchr(s, '&', len);
		size_t n = and? (size_t)(and-s) : len;

		if (n > 0)
			rc = add_one(p, s, n);
		n += and? 1 : 0;
		s += n;
		len -= n;
	}
	return rc;
}

void params_fini(struct params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].name);
		free(p->items[i].value);
	}
	p->n = 0;
}

const char *params_get(const struct params *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->items[i].name, name) == 0)
			return p->items[i].value;
	return NULL;
}

static void encode(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 0x80 && isalnum(c)) || strchr("-_.~", c))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct param *const *x = a, *const *y = b;
	int by = strcmp((*x)->name, (*y)->name);

	return by ? by : strcmp((*x)->value, (*y)->value);
}

int params_canonical(const struct params *p, struct buf *out)
{
	const struct param *sorted[PARAMS_MAX] = {NULL};

	for (size_t i = 0; i < p->n; i++)
		sorted[i] = &p->items[i];
	qsort(sorted, p->n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < p->n; i++) {
		if (i > 0)
			buf_addc(out, '&');
		encode(out, sorted[i]->name);
		buf_addc(out, '=');
		encode(out, sorted[i]->value);
	}
	return out->error;
}
