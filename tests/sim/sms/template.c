/* tests/sim/sms/template.c: ${name} is replaced once; what a value holds is text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "tests/sim/sms/template.h"

enum { FILE_MAX_BYTES = 4 << 20, TEMPLATES_MAX = 10000, NAME_MAX_BYTES = 64 };

static int add(struct registry *r, const json_t *v)
{
	const char *code = json_string_value(json_object_get(v, "code"));
	const char *id = json_string_value(json_object_get(v, "id"));
	const char *text = json_string_value(json_object_get(v, "text"));
	struct registered *items, *t;

	if (!code || !text || !text_starts(code, "SMS_") || r->n == TEMPLATES_MAX ||
		registry_find(r, code))
		return SW_EINVAL;
	items = realloc(r->items, (r->n + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	r->items = items;
	t = &items[r->n];
	memset(t, 0, sizeof(*t));
	if (text_copy(t->code, sizeof(t->code), code) < 0 ||
		text_copy(t->id, sizeof(t->id), id ? id : "") < 0)
		return SW_EINVAL;
	t->text = text_dup(text);
	if (!t->text)
		return -ENOMEM;
	r->n++;
	return 0;
}

/* Values one after the other: one array, or an object per line. */
static int read_all(struct registry *r, const char *file, const char *s, struct problems *p)
{
	const char *start = s;

	for (s += strspn(s, " \t\r\n"); *s; s += strspn(s, " \t\r\n")) {
		json_error_t jerr;
		json_t *v = json_loads(s, JSON_DISABLE_EOF_CHECK, &jerr);
		const json_t *item;
		size_t i;
		int rc = v ? 0 : SW_EINVAL;

		if (json_is_array(v)) {
			json_array_foreach(v, i, item) if (rc == 0) rc = add(r, item);
		} else if (v) {
			rc = add(r, v);
		}
		json_decref(v);
		if (rc < 0) {
			int line = 1;

			for (const char *c = start; c < s; c++)
				line += *c == '\n';
			problems_error(p, file, line,
				"no {\"code\":\"SMS_..\",\"id\",\"text\"}, or a code twice");
			return SW_ECONF;
		}
		s += jerr.position;
	}
	return 0;
}

int registry_load(const char *file, struct problems *p, struct registry *ret)
{
	struct registry r = {0};
	struct sw_err err;
	struct buf b;
	int rc;

	buf_init(&b, FILE_MAX_BYTES);
	rc = file_read(file, &b, &err);
	if (rc < 0)
		problems_error(p, file, 0, "%s", err.text);
	else
		rc = read_all(&r, file, buf_str(&b), p);
	buf_fini(&b);
	if (rc < 0) {
		registry_fini(&r);
		return SW_ECONF;
	}
	*ret = r;
	return 0;
}

void registry_fini(struct registry *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->items[i].text);
	free(r->items);
	memset(r, 0, sizeof(*r));
}

const struct registered *registry_find(const struct registry *r, const char *code)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->items[i].code, code) == 0)
			return &r->items[i];
	return NULL;
}

int registered_render(
	const struct registered *t, const char *sign, const json_t *params, struct buf *out)
{
	buf_addf(out, "【%s】", sign);
	for (const char *s = t->text; *s;) {
		const char *end = text_starts(s, "${") ? strchr(s, '}') : NULL;
		char name[NAME_MAX_BYTES + 1];
		const char *value;
		size_t len;

		if (!end || (len = (size_t)(end - s) - 2) > NAME_MAX_BYTES) {
			buf_addc(out, *s++);
			continue;
		}
		memcpy(name, s + 2, len);
		name[len] = '\0';
		value = json_string_value(json_object_get(params, name));
		if (!value)
			return SW_ENOENT;
		buf_adds(out, value);
		s = end + 1;
	}
	return out->error;
}
