/*
 * notifier/campaign/calendar.c: the table of holidays and make-up days, one byte per day of a known year.
 *
 * A year counts as known once it has a row. Every walk looks each day up, so that one which leaves the
 * known years stops there and names the year.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/csv.h"
#include "notifier/campaign/calendar.h"

enum {
	FIRST_YEAR = 1990,
	LAST_YEAR = 2099,
	MAX_DAYS = 250, /* of a notice; about one year */
};

enum day_kind { DAY_ORDINARY, DAY_HOLIDAY, DAY_WORKDAY };

struct year {
	uint8_t days[366]; /* enum day_kind by day of the year */
};

struct calendar {
	struct year *years[LAST_YEAR - FIRST_YEAR + 1]; /* NULL: no rows */
	int first, last;                                /* 0: none */
};

struct reading {
	struct calendar *c;
	const char *path;
	struct problems *p;
};

static int day_of_year(struct civil d)
{
	return civil_diff(d, (struct civil){d.year, 1, 1});
}

static struct year *year_of(const struct calendar *c, int number)
{
	return number < FIRST_YEAR || number > LAST_YEAR ? NULL : c->years[number - FIRST_YEAR];
}

static struct year *year_add(struct calendar *c, int number)
{
	struct year *y = year_of(c, number);

	if (y)
		return y;
	y = calloc(1, sizeof(*y));
	if (!y)
		return NULL;
	c->years[number - FIRST_YEAR] = y;
	if (!c->first || number < c->first)
		c->first = number;
	if (number > c->last)
		c->last = number;
	return y;
}

/* Columns: date, kind, name, unit. */
static int on_row(void *ctx, const struct csv_row *row)
{
	struct reading *r = ctx;
	const char *date = row->cells[0], *kind = row->cells[1];
	struct civil d;
	struct year *y;
	enum day_kind k;
	uint8_t *slot;

	if (civil_parse(date, &d) < 0 || d.year < FIRST_YEAR || d.year > LAST_YEAR) {
		problems_error(r->p, r->path, row->line,
			"\"%s\" is not a date; write it as 2022-10-01", date);
		return 0;
	}
	if (!strcmp(kind, "holiday")) {
		k = DAY_HOLIDAY;
	} else if (!strcmp(kind, "workday")) {
		k = DAY_WORKDAY;
	} else {
		problems_error(r->p, r->path, row->line,
			"kind \"%s\" is unknown; write holiday or workday", kind);
		return 0;
	}
	if (row->cells[3][0]) {
		problems_warn(r->p, r->path, row->line,
			"%s is a day of unit %s alone; local days are not counted yet", date,
			row->cells[3]);
		return 0;
	}
	y = year_add(r->c, d.year);
	if (!y)
		return -ENOMEM;
	slot = &y->days[day_of_year(d)];
	if (*slot != DAY_ORDINARY) {
		problems_error(r->p, r->path, row->line,
			"%s stands here twice; remove one of the rows", date);
		return 0;
	}
	*slot = (uint8_t)k;
	return 0;
}

int calendar_load(const char *path, struct problems *p, struct calendar **ret)
{
	static const char *const columns[] = {"date", "kind", "name", "?unit"};
	struct reading r = {.path = path, .p = p};
	size_t errors = p->n_errors;
	int rc;

	r.c = calloc(1, sizeof(*r.c));
	if (!r.c)
		return -ENOMEM;
	rc = csv_read_file(path, columns, ARRAY_LEN(columns), on_row, &r, p);
	if (rc == 0 && p->n_errors > errors)
		rc = SW_ECONF;
	if (rc == 0 && !r.c->first) {
		problems_error(
			p, path, 0, "no rows: every year needs its holidays and make-up days");
		rc = SW_ECONF;
	}
	if (rc < 0) {
		calendar_free(r.c);
		return rc;
	}
	*ret = r.c;
	return 0;
}

void calendar_free(struct calendar *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_LEN(c->years); i++)
		free(c->years[i]);
	free(c);
}

bool calendar_has_year(const struct calendar *c, int year)
{
	return year_of(c, year) != NULL;
}

int calendar_first_year(const struct calendar *c)
{
	return c->first;
}

int calendar_last_year(const struct calendar *c)
{
	return c->last;
}

int calendar_is_workday(const struct calendar *c, struct civil d, bool *ret, int *ret_year)
{
	const struct year *y = year_of(c, d.year);

	if (!y) {
		if (ret_year)
			*ret_year = d.year;
		return SW_ENOENT;
	}
	switch ((enum day_kind)y->days[day_of_year(d)]) {
	case DAY_HOLIDAY:
		*ret = false;
		break;
	case DAY_WORKDAY:
		*ret = true;
		break;
	case DAY_ORDINARY:
		*ret = civil_weekday(d) <= 5;
		break;
	}
	return 0;
}

/* The N-th working day from D on in direction STEP, D itself included. */
static int walk(
	const struct calendar *c, struct civil d, int n, int step, struct civil *ret, int *ret_year)
{
	for (;; d = civil_add(d, step)) {
		bool workday = false;
		int rc = calendar_is_workday(c, d, &workday, ret_year);

		if (rc < 0)
			return rc;
		if (workday && --n == 0)
			break;
	}
	*ret = d;
	return 0;
}

int calendar_notice_end(const struct calendar *c, struct civil start, int n, bool inclusive,
	struct civil *ret, int *ret_year)
{
	if (n < 1 || n > MAX_DAYS)
		return SW_EINVAL;
	return walk(c, inclusive ? start : civil_add(start, 1), n, 1, ret, ret_year);
}

int calendar_latest_start(const struct calendar *c, struct civil end, int n, bool inclusive,
	struct civil *ret, int *ret_year)
{
	struct civil first;
	int rc;

	if (n < 1 || n > MAX_DAYS)
		return SW_EINVAL;
	/* The N-th working day back from END must be the first one that counts. */
	rc = walk(c, end, n, -1, &first, ret_year);
	if (rc < 0)
		return rc;
	*ret = inclusive ? first : civil_add(first, -1);
	return 0;
}

int calendar_back(const struct calendar *c, struct civil d, int n, struct civil *ret, int *ret_year)
{
	if (n < 0)
		return SW_EINVAL;
	if (n == 0) {
		*ret = d;
		return 0;
	}
	return walk(c, civil_add(d, -1), n, -1, ret, ret_year);
}

int calendar_forward(
	const struct calendar *c, struct civil d, int n, struct civil *ret, int *ret_year)
{
	if (n < 0)
		return SW_EINVAL;
	if (n == 0) {
		*ret = d;
		return 0;
	}
	return walk(c, civil_add(d, 1), n, 1, ret, ret_year);
}

int calendar_count(
	const struct calendar *c, struct civil from, struct civil to, int *ret, int *ret_year)
{
	int n = 0;

	for (struct civil d = from; civil_cmp(d, to) <= 0; d = civil_add(d, 1)) {
		bool workday = false;
		int rc = calendar_is_workday(c, d, &workday, ret_year);

		if (rc < 0)
			return rc;
		n += workday;
	}
	*ret = n;
	return 0;
}
