/*
 * core/base/asset.h: files embedded into a program at build time (scripts/embed).
 *
 * A table SYMBOL[] with SYMBOL_len entries; DATA is followed by a zero that LEN does not count.
 */
#ifndef SW_CORE_BASE_ASSET_H
#define SW_CORE_BASE_ASSET_H

#include <stddef.h>

struct asset {
	const char *name; /* file name without folder: "dashboard.js" */
	const char *type; /* content type */
	const unsigned char *data;
	size_t len; /* bytes */
};

#endif
