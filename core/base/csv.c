/*
 * core/base/csv.c: rows by column name over libcsv.
 *
 * The file is fed one physical line at a time, because libcsv does not say on which line a row began
 * and a person who has to correct the file needs exactly that.
 */
#include <csv.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "core/base/file.h"
#include "core/base/text.h"

enum {
	MAX_COLUMNS = 64,
	MAX_ROWS = 12000000, /* an audience is 10 million, and some stand there twice */
	MAX_CELL_BYTES = 4096,
	MAX_FILE_BYTES = 512 * 1024 * 1024,
};

struct reader {
	const char *name;
	struct problems *p;
	const char *const *columns;
	size_t n_columns;
	csv_row_cb cb;
	void *ctx;

	int line;     /* physical line being fed */
	int row_line; /* where the current row began */
	bool row_done;
	size_t rows;
	int rc;       /* what stopped reading */
	bool bad_row; /* the current row broke a bound; said already */

	bool has_header;
	size_t header_cells;
	int wanted[MAX_COLUMNS]; /* cell of the file -> wanted column, -1: ignored */

	struct buf text;        /* cells of the current row, NUL after each */
	size_t at[MAX_COLUMNS]; /* start of each in TEXT */
	size_t n_cells;
	const char **cells; /* n_columns, handed to the callback */
};

static bool is_stopped(const struct reader *r)
{
	return r->rc != 0;
}

static void on_cell(void *data, size_t len, void *ctx)
{
	struct reader *r = ctx;

	if (is_stopped(r) || r->bad_row)
		return;
	if (r->n_cells == MAX_COLUMNS) {
		problems_error(r->p, r->name, r->row_line, "more than %d columns", MAX_COLUMNS);
		r->bad_row = true;
		return;
	}
	if (len > MAX_CELL_BYTES) {
		problems_error(r->p, r->name, r->row_line,
			"column %zu is longer than %d bytes: is a quotation mark not closed?",
			r->n_cells + 1, MAX_CELL_BYTES);
		r->bad_row = true;
		return;
	}
	r->at[r->n_cells++] = r->text.len;
	(void)buf_add(&r->text, data, len);
	if (buf_addc(&r->text, '\0') < 0)
		r->rc = r->text.error;
}

static const char *cell(const struct reader *r, size_t i)
{
	return r->text.data + r->at[i];
}

/* Index of NAME among the wanted columns, -1 when nobody wants it. */
static int find_wanted(const struct reader *r, const char *name)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		const char *want = r->columns[i];

		if (strcmp(want + (*want == '?'), name) == 0)
			return (int)i;
	}
	return -1;
}

static void report_missing(struct reader *r, const bool *seen)
{
	for (size_t i = 0; i < r->n_columns; i++) {
		if (seen[i] || r->columns[i][0] == '?')
			continue;
		problems_error(r->p, r->name, r->row_line,
			"column \"%s\" is missing: the first line must name the columns",
			r->columns[i]);
		r->rc = SW_ECONF;
	}
}

static void take_header(struct reader *r)
{
	bool seen[MAX_COLUMNS] = {false};

	r->has_header = true;
	r->header_cells = r->n_cells;
	for (size_t i = 0; i < r->n_cells; i++) {
		int w = find_wanted(r, cell(r, i));

		r->wanted[i] = w;
		if (w < 0)
			continue;
		if (seen[w]) {
			problems_error(r->p, r->name, r->row_line, "column \"%s\" appears twice",
				cell(r, i));
			r->rc = SW_ECONF;
		}
		seen[w] = true;
	}
	report_missing(r, seen);
}

static void take_row(struct reader *r)
{
	struct csv_row row = {.cells = r->cells, .line = r->row_line};
	bool has_content = false;

	for (size_t i = 0; i < r->n_cells; i++)
		has_content = has_content || *cell(r, i);
	if (!has_content)
		return;
	if (r->n_cells > r->header_cells) {
		problems_error(r->p, r->name, r->row_line,
			"%zu cells, but the first line names %zu columns: put a cell that holds a "
			"separator in "
			"quotation marks",
			r->n_cells, r->header_cells);
		return;
	}
	if (++r->rows > MAX_ROWS) {
		problems_error(
			r->p, r->name, r->row_line, "more than %d rows: split the file", MAX_ROWS);
		r->rc = SW_ECONF;
		return;
	}
	for (size_t i = 0; i < r->n_columns; i++)
		r->cells[i] = "";
	for (size_t i = 0; i < r->n_cells; i++) {
		if (r->wanted[i] >= 0)
			r->cells[r->wanted[i]] = cell(r, i);
	}
	r->rc = r->cb(r->ctx, &row);
}

static void on_row(int terminator, void *ctx)
{
	struct reader *r = ctx;

	(void)terminator;
	r->row_done = true;
	if (!is_stopped(r) && !r->bad_row) {
		if (r->has_header)
			take_row(r);
		else
			take_header(r);
	} else if (r->bad_row && !r->has_header) {
		r->rc = SW_ECONF; /* without a header no row means anything */
	}
	r->bad_row = false;
	r->n_cells = 0;
	buf_reset(&r->text);
}

/* Length of the physical line at S with its end: LF, CRLF or CR. */
static size_t line_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] != '\n' && s[n] != '\r')
		n++;
	if (n + 1 < len && s[n] == '\r' && s[n + 1] == '\n')
		return n + 2;
	return n < len ? n + 1 : n;
}

static bool is_blank_line(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(" \t\r\n", s[i]))
			return false;
	}
	return true;
}

/* "sep=;" as spreadsheets write it, else the sign the header line uses. */
static char find_separator(const char **data, size_t *len, int *lines)
{
	size_t n = line_length(*data, *len);
	const char *s = *data;

	if (n >= 5 && strncasecmp(s, "sep=", 4) == 0 && s[4] != '\r' && s[4] != '\n') {
		*data += n;
		*len -= n;
		(*lines)++;
		return s[4];
	}
	if (memchr(s, ',', n))
		return ',';
	if (memchr(s, '\t', n))
		return '\t';
	return memchr(s, ';', n) ? ';' : ',';
}

static void say_syntax(struct reader *r)
{
	problems_error(r->p, r->name, r->row_line,
		"a quotation mark stands where none may: put the whole cell in quotation marks and "
		"double "
		"those inside it");
	r->rc = SW_ECONF;
}

/* Feeds lines until the end or until something stops it. */
static void feed(struct reader *r, struct csv_parser *parser, const char *data, size_t len)
{
	bool in_row = false;

	while (len > 0 && !is_stopped(r)) {
		size_t n = line_length(data, len);

		r->line++;
		if (!in_row)
			r->row_line = r->line;
		r->row_done = false;
		if (csv_parse(parser, data, n, on_cell, on_row, r) != n) {
			if (csv_error(parser) == CSV_EPARSE)
				say_syntax(r);
			else
				r->rc = -ENOMEM;
			return;
		}
		in_row = !r->row_done && (in_row || !is_blank_line(data, n));
		data += n;
		len -= n;
		/* A cell that goes on for this long is an open quotation mark: do not buffer the file. */
		if (in_row && r->line - r->row_line > MAX_CELL_BYTES) {
			problems_error(
				r->p, r->name, r->row_line, "a quotation mark is not closed");
			r->rc = SW_ECONF;
		}
	}
	if (!is_stopped(r) && csv_fini(parser, on_cell, on_row, r) != 0) {
		problems_error(r->p, r->name, r->row_line, "a quotation mark is not closed");
		r->rc = SW_ECONF;
	}
}

static int line_of(const char *data, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += data[i] == '\n';
	return line;
}

/* False, with a problem, for bytes that are no UTF-8 text. */
static bool check_encoding(const char *name, const char *data, size_t len, struct problems *p)
{
	const char *nul = memchr(data, '\0', len);
	size_t bad = 0;

	if (len >= 2 && (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
		problems_error(p, name, 0, "the file is UTF-16: save it as CSV UTF-8");
		return false;
	}
	if (!text_utf8_valid(data, len, &bad)) {
		problems_error(p, name, line_of(data, bad),
			"not UTF-8 from byte offset %zu on: save it as CSV UTF-8", bad);
		return false;
	}
	if (nul) {
		bad = (size_t)(nul - data);
		problems_error(p, name, line_of(data, bad),
			"a NUL byte at offset %zu: this is no text file", bad);
		return false;
	}
	return true;
}

int csv_read(const char *name, const char *data, size_t len, const char *const *columns,
	size_t n_columns, csv_row_cb cb, void *ctx, struct problems *p)
{
	struct reader r = {.name = name,
		.p = p,
		.columns = columns,
		.n_columns = n_columns,
		.cb = cb,
		.ctx = ctx};
	size_t errors_before = p->n_errors;
	struct csv_parser parser;

	if (n_columns > MAX_COLUMNS)
		return SW_ELIMIT;
	if (!check_encoding(name, data, len, p))
		return SW_ECONF;
	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		return -ENOMEM;
	r.cells = calloc(n_columns ? n_columns : 1, sizeof(*r.cells));
	buf_init(&r.text, MAX_COLUMNS * (MAX_CELL_BYTES + 1));
	if (!r.cells) {
		r.rc = -ENOMEM;
		goto out;
	}
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		len -= 3;
	}
	csv_set_delim(&parser, (unsigned char)find_separator(&data, &len, &r.line));
	feed(&r, &parser, data, len);
	if (!is_stopped(&r) && !r.has_header)
		problems_error(
			p, name, 0, "the file is empty: its first line must name the columns");
out:
	csv_free(&parser);
	buf_fini(&r.text);
	free(r.cells);
	if (r.rc == 0 && p->n_errors > errors_before)
		r.rc = SW_ECONF;
	return r.rc;
}

int csv_read_file(const char *path, const char *const *columns, size_t n_columns, csv_row_cb cb,
	void *ctx, struct problems *p)
{
	struct sw_err err;
	struct buf data;
	int rc;

	buf_init(&data, MAX_FILE_BYTES);
	rc = file_read(path, &data, &err);
	if (rc < 0) {
		problems_error(p, path, 0, "%s", err.text);
		rc = SW_ECONF;
	} else {
		rc = csv_read(path, buf_str(&data), data.len, columns, n_columns, cb, ctx, p);
	}
	buf_fini(&data);
	return rc;
}
