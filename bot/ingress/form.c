/*
 * bot/ingress/form.c: one pass over the body for each field; a field that comes twice counts once, the first time.
 */
#include <stdint.h>
#include <string.h>

#include "bot/ingress/form.h"
#include "core/base/id.h"
#include "core/base/text.h"

static int decode(const char *s, size_t len, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		uint8_t byte;

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			char hex[3] = {0};

			if (len - i < 3)
				return SW_EINVAL;
			memcpy(hex, s + i + 1, 2);
			if (id_unhex(hex, &byte, 1) < 0)
				return SW_EINVAL;
			c = (char)byte;
			i += 2;
		}
		if (c == '\0')
			return SW_EINVAL;
		if (n + 1 >= size)
			return SW_ELIMIT;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return text_utf8_valid(ret, n, NULL) ? 0 : SW_EINVAL;
}

int form_field(const char *body, size_t len, const char *field, char *ret, size_t size)
{
	const char *end = body + len;
	size_t name = strlen(field);
	int rc;

	ret[0] = '\0';
	while (body < end) {
		const char *amp = memchr(body, '&', (size_t)(end - body));
		size_t part = (size_t)((amp ? amp : end) - body);

		if (part > name && body[name] == '=' && !memcmp(body, field, name)) {
			rc = decode(body + name + 1, part - name - 1, ret, size);
			if (rc < 0)
				ret[0] = '\0';
			return rc;
		}
		body += part + 1;
	}
	return SW_ENOENT;
}
