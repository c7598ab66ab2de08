/*
 * bot/ingress/form.h: fields of a form as a browser posts it (application/x-www-form-urlencoded).
 */
#ifndef SW_BOT_INGRESS_FORM_H
#define SW_BOT_INGRESS_FORM_H

#include <stddef.h>

#include "core/base/err.h"

/*
 * The decoded value of FIELD into RET of SIZE bytes. SW_ENOENT; SW_EINVAL: wrong percent sign, a NUL, or not UTF-8; SW_ELIMIT: longer.
 * RET is "" then.
 */
int form_field(
	const char *body, size_t len, const char *field, char *ret, size_t size) SW_MUST_CHECK;

#endif
