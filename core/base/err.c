/*
 * core/base/err.c: names of codes, and filling a struct sw_err.
 *
 * libuv's own codes (end of file, resolver errors) are listed by number: layer 0 does not include libuv.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/err.h"

struct code_name {
	int code;
	const char *name;
};

static const struct code_name names[] = {
	{SW_EPROTO, "EPROTO"},
	{SW_ELIMIT, "ELIMIT"},
	{SW_EINVAL, "EINVAL"},
	{SW_ENOENT, "ENOENT"},
	{SW_EEXIST, "EEXIST"},
	{SW_ECONF, "ECONF"},
	{SW_EAUTH, "EAUTH"},
	{SW_EAWAY, "EAWAY"},
	{SW_EUNKNOWN, "EUNKNOWN"},
	{SW_ECRYPTO, "ECRYPTO"},
	{SW_ECORRUPT, "ECORRUPT"},
	{SW_EFENCED, "EFENCED"},
	{-4095, "EOF"},
	{-4094, "UNKNOWN"},
	{-3000, "EAI_ADDRFAMILY"},
	{-3001, "EAI_AGAIN"},
	{-3002, "EAI_BADFLAGS"},
	{-3003, "EAI_CANCELED"},
	{-3004, "EAI_FAIL"},
	{-3005, "EAI_FAMILY"},
	{-3006, "EAI_MEMORY"},
	{-3007, "EAI_NODATA"},
	{-3008, "EAI_NONAME"},
	{-3009, "EAI_OVERFLOW"},
	{-3010, "EAI_SERVICE"},
	{-3011, "EAI_SOCKTYPE"},
	{-3013, "EAI_BADHINTS"},
	{-3014, "EAI_PROTOCOL"},
};

int err_set(struct sw_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	/* The text may be built from the old one, so it is written before the rest is cleared. */
	char text[sizeof(err->text)];

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	}
	memset(err, 0, sizeof(*err));
	err->code = code;
	memcpy(err->text, text, sizeof(text));
	return code;
}

const char *err_name(int code)
{
	const char *name = NULL;

	if (code == 0)
		return "OK";
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	if (code < 0 && code > -4096)
		name = strerrorname_np(-code);
	return name ? name : "E?";
}
