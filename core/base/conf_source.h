/*
 * core/base/conf_source.h: a libconfig file read with the traps people fall into turned into problems:
 * byte order mark, other encodings, full-width signs, numbers that wrap at 32 bits, @include.
 *
 * Used by conf.c and by whoever reads a file of another shape (the campaign definition).
 */
#ifndef SW_CORE_BASE_CONF_SOURCE_H
#define SW_CORE_BASE_CONF_SOURCE_H

#include <libconfig.h>
#include <stddef.h>

#include "core/base/problem.h"

/*
 * Reads FILE (at most 4 MiB) into RET, which the caller has initialised with config_init() and
 * destroys in any case. Problems go to P; SW_ECONF when there was an error.
 */
int conf_source_read(const char *file, config_t *ret, struct problems *p) SW_MUST_CHECK;
/* The same from memory; NAME is used in problems. */
int conf_source_parse(const char *name, const char *data, size_t len, config_t *ret,
	struct problems *p) SW_MUST_CHECK;

#endif
