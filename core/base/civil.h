/*
 * core/base/civil.h: days of the civil calendar, and the only place that turns them into instants.
 *
 * A day in a notice is a struct civil, never an instant. Conversion is at a fixed +08:00.
 */
#ifndef SW_CORE_BASE_CIVIL_H
#define SW_CORE_BASE_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define CIVIL_DAY_MS INT64_C(86400000)
#define CIVIL_ZONE_MS INT64_C(28800000) /* Asia/Shanghai, +08:00, no summer time */

struct civil {
	int16_t year;
	uint8_t month, day;
};

bool civil_valid(struct civil d);
int32_t civil_to_days(struct civil d); /* days since 1970-01-01; 2022-08-20 is 19224 */
struct civil civil_from_days(int32_t days);
struct civil civil_add(struct civil d, int days);
int civil_diff(struct civil a, struct civil b); /* a - b in days */
int civil_cmp(struct civil a, struct civil b);  /* <0, 0, >0 */
int civil_weekday(struct civil d);              /* 1 Monday .. 7 Sunday */
int64_t civil_start_ms(struct civil d);         /* 00:00 of that day */
int64_t civil_at_ms(struct civil d, int minute_of_day);
struct civil civil_of_ms(int64_t ms);
int civil_minute_of_ms(int64_t ms); /* 0..1439 in Shanghai */

/* "2022-08-20" */
int civil_parse(const char *s, struct civil *ret) SW_MUST_CHECK;
/* "2022-08-20T18:00[:00]" or "2022-08-20 18:00"; a bare date is 00:00. A zone suffix +08:00 is accepted. */
int civil_parse_time(const char *s, int64_t *ret_ms) SW_MUST_CHECK;
/* "09:00" -> minutes of the day */
int civil_parse_clock(const char *s, int *ret_minute) SW_MUST_CHECK;

/* Formats into BUF and return it. SIZE >= 32 holds each of them. */
const char *civil_format(struct civil d, char *buf, size_t size); /* 2022-08-20 */
const char *civil_format_ms(int64_t ms, char *buf, size_t size);  /* 2022-08-20T09:00:00+08:00 */
const char *civil_format_ms_frac(int64_t ms, char *buf, size_t size); /* ..09:00:00.412+08:00 */
const char *civil_say_date(struct civil d, char *buf, size_t size);   /* 8月20日 */
const char *civil_say_long(struct civil d, char *buf, size_t size);   /* 8月20日（星期六） */
const char *civil_say_time(int64_t ms, char *buf, size_t size);       /* 8月12日9:00 */
const char *civil_say_weekday(int weekday);                           /* 星期六 */

#endif
