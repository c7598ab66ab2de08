/*
 * core/base/csv.h: rows of a CSV file with a header line, by column name, over libcsv.
 *
 * Accepts a byte order mark, CRLF, quoted line breaks and "sep=;" as first line; refuses what is not
 * valid UTF-8 with the offset of the first bad byte. Bounds: 64 columns, 12,000,000 rows, 4 KiB a cell.
 */
#ifndef SW_CORE_BASE_CSV_H
#define SW_CORE_BASE_CSV_H

#include <stddef.h>

#include "core/base/problem.h"

struct csv_row {
	const char *const *cells; /* one per wanted column, in the caller's order; "" when absent */
	int line;                 /* 1.. */
};

/* Called for each row with at least one non-empty cell. A non-zero return stops reading and is returned. */
typedef int (*csv_row_cb)(void *ctx, const struct csv_row *row);

/*
 * COLUMNS are wanted names; one starting with '?' is optional. A missing column is a problem. Columns not
 * wanted are ignored and never handed out. NAME is used in problems. SW_ECONF when P gained an error.
 */
int csv_read(const char *name, const char *data, size_t len, const char *const *columns,
	size_t n_columns, csv_row_cb cb, void *ctx, struct problems *p) SW_MUST_CHECK;
int csv_read_file(const char *path, const char *const *columns, size_t n_columns, csv_row_cb cb,
	void *ctx, struct problems *p) SW_MUST_CHECK;

#endif
