/*
 * notifier/sms/received.c: nothing here trusts what it reads; all strings that leave are UTF-8 and bounded.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/sms/received.h"

/* libjansson's own limit is a compiled-in 2,048, each level a stack frame. */
static bool is_deeper(const char *body, size_t len, size_t max)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = body[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > max)
				return true;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

json_t *received_json(const char *body, size_t len, struct sw_err *err)
{
	json_error_t jerr;
	json_t *root;

	if (is_deeper(body, len, RECEIVED_MAX_DEPTH)) {
		err_set(err, SW_EPROTO, "JSON nested deeper than %d", RECEIVED_MAX_DEPTH);
		return NULL;
	}
	root = json_loadb(body, len, JSON_REJECT_DUPLICATES, &jerr);
	/* The text of the error may quote a number or a message. */
	if (!root)
		err_set(err, SW_EPROTO, "no JSON (line %d, column %d)", jerr.line, jerr.column);
	return root;
}

const char *received_str(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

/* Room for one more: doubled, from 8 on. */
static void *grow(void *items, size_t n, size_t size)
{
	if (n > 0 && (n < 8 || (n & (n - 1)) != 0))
		return items;
	return realloc(items, (n ? 2 * n : 8) * size);
}

struct gateway_receipt *received_receipt(struct receipts *l)
{
	struct gateway_receipt *items = grow(l->items, l->n, sizeof(*items));

	if (!items)
		return NULL;
	l->items = items;
	memset(&items[l->n], 0, sizeof(*items));
	return &items[l->n++];
}

struct gateway_uplink *received_uplink(struct uplinks *l)
{
	struct gateway_uplink *items = grow(l->items, l->n, sizeof(*items));

	if (!items)
		return NULL;
	l->items = items;
	memset(&items[l->n], 0, sizeof(*items));
	return &items[l->n++];
}

void received_uplinks_fini(struct uplinks *l)
{
	gateway_uplinks_free(l->items, l->n);
	memset(l, 0, sizeof(*l));
}

bool received_is_out_id(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");

	return n > 0 && n < GATEWAY_OUT_ID && s[n] == '\0';
}

void received_out_id(struct gateway_receipt *r, const char *out_id)
{
	r->out_id[0] = '\0';
	if (received_is_out_id(out_id))
		memcpy(r->out_id, out_id, strlen(out_id) + 1);
}

/* Where to end instead of N so that no run of digits is cut: what is left of a number could not be told to be one. */
static size_t before_digits(const char *text, size_t n)
{
	if (!isdigit((unsigned char)text[n]))
		return n;
	while (n > 0 && isdigit((unsigned char)text[n - 1]))
		n--;
	return n;
}

void received_line(char *dst, size_t size, const char *text)
{
	size_t len = strlen(text), n;
	bool is_utf8 = text_utf8_valid(text, len, NULL);

	n = is_utf8 ? text_cut_bytes(text, len, size - 1) : (len < size ? len : size - 1);
	n = before_digits(text, n);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			dst[i] = ' ';
		else
			dst[i] = c >= 0x80 && !is_utf8 ? '?' : text[i];
	}
	dst[n] = '\0';
	phone_mask_text(dst);
}

void received_digest(struct gateway_uplink *u)
{
	char minute[24], hex[65]; /* an int64_t has 20 characters */
	struct buf b;

	buf_init(&b, strlen(u->text) + sizeof(u->number) + sizeof(minute) + 2);
	(void)snprintf(minute, sizeof(minute), "%" PRId64, u->at_ms / 60000);
	(void)buf_addf(&b, "%s\n%s\n%s", u->number, minute, u->text);
	id_sha256_hex(buf_str(&b), b.len, hex);
	buf_fini(&b);
	(void)snprintf(u->id, sizeof(u->id), "d-%.32s", hex);
}
