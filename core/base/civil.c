/*
 * core/base/civil.c: days of the proleptic Gregorian calendar, at a fixed +08:00.
 *
 * The day count follows "chrono-compatible low-level date algorithms": years start in March, so the
 * leap day is the last of its year and needs no special case. Years are 1..9999; instants beyond
 * those are clamped, because a wrong instant from outside must not become undefined behaviour.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/civil.h"

enum { FIRST_DAY = -719162, LAST_DAY = 2932896 }; /* 0001-01-01, 9999-12-31 */

static const char *const weekdays[] = {
	"星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"};

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

bool civil_valid(struct civil d)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (d.year < 1 || d.year > 9999 || d.month < 1 || d.month > 12 || d.day < 1)
		return false;
	return d.day <= days[d.month - 1] + (d.month == 2 && is_leap(d.year));
}

int32_t civil_to_days(struct civil d)
{
	int y = d.year - (d.month <= 2);
	int era = (y >= 0 ? y : y - 399) / 400;
	int yoe = y - era * 400;
	int doy = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

struct civil civil_from_days(int32_t days)
{
	int z, era, doe, yoe, doy, mp, month;

	if (days < FIRST_DAY)
		days = FIRST_DAY;
	if (days > LAST_DAY)
		days = LAST_DAY;
	z = days + 719468;
	era = z / 146097; /* z >= 306: never negative after the clamp */
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	month = mp < 10 ? mp + 3 : mp - 9;
	return (struct civil){
		.year = (int16_t)(yoe + era * 400 + (month <= 2)),
		.month = (uint8_t)month,
		.day = (uint8_t)(doy - (153 * mp + 2) / 5 + 1),
	};
}

struct civil civil_add(struct civil d, int days)
{
	int64_t sum = (int64_t)civil_to_days(d) + days;

	if (sum < FIRST_DAY)
		sum = FIRST_DAY;
	if (sum > LAST_DAY)
		sum = LAST_DAY;
	return civil_from_days((int32_t)sum);
}

int civil_diff(struct civil a, struct civil b)
{
	return civil_to_days(a) - civil_to_days(b);
}

int civil_cmp(struct civil a, struct civil b)
{
	if (a.year != b.year)
		return a.year < b.year ? -1 : 1;
	if (a.month != b.month)
		return a.month < b.month ? -1 : 1;
	return (a.day > b.day) - (a.day < b.day);
}

int civil_weekday(struct civil d)
{
	int w = (civil_to_days(d) + 3) % 7; /* 1970-01-01 was a Thursday */

	return (w < 0 ? w + 7 : w) + 1;
}

int64_t civil_start_ms(struct civil d)
{
	return civil_to_days(d) * CIVIL_DAY_MS - CIVIL_ZONE_MS;
}

int64_t civil_at_ms(struct civil d, int minute_of_day)
{
	return civil_start_ms(d) + minute_of_day * INT64_C(60000);
}

/* Milliseconds since local 1970-01-01T00:00, clamped to the years we can name. */
static int64_t local_ms(int64_t ms)
{
	const int64_t first = FIRST_DAY * CIVIL_DAY_MS;
	const int64_t last = (LAST_DAY + 1) * CIVIL_DAY_MS - 1;

	if (ms > last - CIVIL_ZONE_MS)
		return last;
	if (ms < first - CIVIL_ZONE_MS)
		return first;
	return ms + CIVIL_ZONE_MS;
}

static int64_t floor_day(int64_t local)
{
	return local >= 0 ? local / CIVIL_DAY_MS : -((-local + CIVIL_DAY_MS - 1) / CIVIL_DAY_MS);
}

struct civil civil_of_ms(int64_t ms)
{
	return civil_from_days((int32_t)floor_day(local_ms(ms)));
}

static int ms_of_day(int64_t ms)
{
	int64_t local = local_ms(ms);

	return (int)(local - floor_day(local) * CIVIL_DAY_MS);
}

int civil_minute_of_ms(int64_t ms)
{
	return ms_of_day(ms) / 60000;
}

/* Exactly N decimal digits, moving *S. */
static bool read_digits(const char **s, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		char c = (*s)[i];

		if (c < '0' || c > '9')
			return false;
		v = v * 10 + (c - '0');
	}
	*s += n;
	*ret = v;
	return true;
}

static bool read_char(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool read_date(const char **s, struct civil *ret)
{
	int y, m, d;

	if (!read_digits(s, 4, &y) || !read_char(s, '-') || !read_digits(s, 2, &m) ||
		!read_char(s, '-') || !read_digits(s, 2, &d))
		return false;
	*ret = (struct civil){.year = (int16_t)y, .month = (uint8_t)m, .day = (uint8_t)d};
	return civil_valid(*ret);
}

static bool read_clock(const char **s, int *ret_minute)
{
	int h, m;

	if (!read_digits(s, 2, &h) || !read_char(s, ':') || !read_digits(s, 2, &m))
		return false;
	if (h > 23 || m > 59)
		return false;
	*ret_minute = h * 60 + m;
	return true;
}

int civil_parse(const char *s, struct civil *ret)
{
	struct civil d;

	if (!read_date(&s, &d) || *s)
		return SW_EINVAL;
	*ret = d;
	return 0;
}

int civil_parse_time(const char *s, int64_t *ret_ms)
{
	struct civil d;
	int minute = 0, second = 0;

	if (!read_date(&s, &d))
		return SW_EINVAL;
	if (*s == 'T' || *s == ' ') {
		s++;
		if (!read_clock(&s, &minute))
			return SW_EINVAL;
		if (*s == ':') {
			s++;
			if (!read_digits(&s, 2, &second) || second > 59)
				return SW_EINVAL;
		}
		if (strcmp(s, "+08:00") == 0)
			s += strlen(s);
	}
	if (*s)
		return SW_EINVAL;
	*ret_ms = civil_at_ms(d, minute) + second * INT64_C(1000);
	return 0;
}

int civil_parse_clock(const char *s, int *ret_minute)
{
	int minute;

	if (!read_clock(&s, &minute) || *s)
		return SW_EINVAL;
	*ret_minute = minute;
	return 0;
}

const char *civil_format(struct civil d, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%04d-%02d-%02d", d.year, d.month, d.day);
	return buf;
}

const char *civil_format_ms(int64_t ms, char *buf, size_t size)
{
	struct civil d = civil_of_ms(ms);
	int s = ms_of_day(ms) / 1000;

	(void)snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d+08:00", d.year, d.month, d.day,
		s / 3600, s / 60 % 60, s % 60);
	return buf;
}

const char *civil_format_ms_frac(int64_t ms, char *buf, size_t size)
{
	struct civil d = civil_of_ms(ms);
	int t = ms_of_day(ms);
	int s = t / 1000;

	(void)snprintf(buf, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d+08:00", d.year, d.month,
		d.day, s / 3600, s / 60 % 60, s % 60, t % 1000);
	return buf;
}

const char *civil_say_date(struct civil d, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%d月%d日", d.month, d.day);
	return buf;
}

const char *civil_say_long(struct civil d, char *buf, size_t size)
{
	(void)snprintf(
		buf, size, "%d月%d日（%s）", d.month, d.day, civil_say_weekday(civil_weekday(d)));
	return buf;
}

const char *civil_say_time(int64_t ms, char *buf, size_t size)
{
	struct civil d = civil_of_ms(ms);
	int minute = civil_minute_of_ms(ms);

	(void)snprintf(buf, size, "%d月%d日%d:%02d", d.month, d.day, minute / 60, minute % 60);
	return buf;
}

const char *civil_say_weekday(int weekday)
{
	return weekday >= 1 && weekday <= 7 ? weekdays[weekday - 1] : "";
}
