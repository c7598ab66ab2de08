/*
 * notifier/campaign/calendar.h: working days of China, from the State Council's yearly arrangements.
 *
 * A year without rows is refused, never guessed: the arrangement of a year is published in the autumn
 * before it and was changed once four days ahead (2020).
 */
#ifndef SW_CAMPAIGN_CALENDAR_H
#define SW_CAMPAIGN_CALENDAR_H

#include <stdbool.h>

#include "core/base/civil.h"
#include "core/base/problem.h"

struct calendar;

/* CSV date,kind(holiday|workday),name[,unit]; problems with file and line. */
int calendar_load(const char *path, struct problems *p, struct calendar **ret) SW_MUST_CHECK;
void calendar_free(struct calendar *c);
bool calendar_has_year(const struct calendar *c, int year);
int calendar_first_year(const struct calendar *c);
int calendar_last_year(const struct calendar *c);

/* All return 0, or SW_ENOENT with the year in *RET_YEAR (may be NULL) when it has no rows. */
int calendar_is_workday(
	const struct calendar *c, struct civil d, bool *ret, int *ret_year) SW_MUST_CHECK;
/* Last day of a notice of N (1..250) working days posted on START; INCLUSIVE: the posting day counts. */
int calendar_notice_end(const struct calendar *c, struct civil start, int n, bool inclusive,
	struct civil *ret, int *ret_year) SW_MUST_CHECK;
/* Latest START <= END whose notice ends by END. */
int calendar_latest_start(const struct calendar *c, struct civil end, int n, bool inclusive,
	struct civil *ret, int *ret_year) SW_MUST_CHECK;
/* The N-th working day strictly before D (N >= 1); N == 0: D itself. calendar_forward: strictly after. */
int calendar_back(const struct calendar *c, struct civil d, int n, struct civil *ret,
	int *ret_year) SW_MUST_CHECK;
int calendar_forward(const struct calendar *c, struct civil d, int n, struct civil *ret,
	int *ret_year) SW_MUST_CHECK;
/* Working days in FROM..TO, both included; 0 when TO < FROM. */
int calendar_count(const struct calendar *c, struct civil from, struct civil to, int *ret,
	int *ret_year) SW_MUST_CHECK;

#endif
