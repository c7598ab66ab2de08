/*
 * notifier/campaign/reply_date.c: the dates people type: 8月12日, 12号, 下周一, 明天, 2022-08-12, 8.12.
 *
 * A date that cannot be (8月32日) is still a date: the sender is told so, instead of being misread.
 */
#include <string.h>

#include "core/base/num.h"
#include "notifier/campaign/reply_internal.h"

struct cursor {
	const char *s, *end;
};

static bool take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->s) < n || memcmp(c->s, word, n) != 0)
		return false;
	c->s += n;
	return true;
}

static bool starts(const struct cursor *c, const char *word)
{
	struct cursor ahead = *c;

	return take(&ahead, word);
}

static bool take_number(struct cursor *c, int max, int *ret)
{
	int v = -1;
	size_t n = num_read_han(c->s, (size_t)(c->end - c->s), &v);

	if (n == 0 || v < 0 || v > max)
		return false;
	c->s += n;
	*ret = v;
	return true;
}

/* Exactly N digits. */
static bool take_digits(struct cursor *c, size_t n, int *ret)
{
	int v = 0;

	if ((size_t)(c->end - c->s) < n || strspn(c->s, "0123456789") != n)
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + c->s[i] - '0';
	c->s += n;
	*ret = v;
	return true;
}

static bool take_day_month(struct cursor *c, int *ret)
{
	return take_digits(c, 2, ret) || take_digits(c, 1, ret);
}

static void set(struct reply_date *d, int year, int month, int day)
{
	d->day.year = (int16_t)year;
	d->day.month = (uint8_t)month;
	d->day.day = (uint8_t)day;
	d->is_valid = year >= 1970 && year <= 2200 && civil_valid(d->day);
}

static bool read_relative(struct cursor *c, struct civil today, struct reply_date *ret)
{
	static const struct {
		const char *word;
		int days;
	} words[] = {{"大后天", 3}, {"后天", 2}, {"明天", 1}, {"明日", 1}, {"明早", 1}, {"今天", 0},
		{"今日", 0}, {"今早", 0}, {"昨天", -1}, {"昨日", -1}, {"前天", -2}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!take(c, words[i].word))
			continue;
		ret->day = civil_add(today, words[i].days);
		ret->is_valid = ret->has_month = true;
		return true;
	}
	if (take(c, "本月底") || take(c, "这个月底") || take(c, "月底")) {
		struct civil first = {today.year, today.month, 1};

		first = civil_add(first, 31);
		first.day = 1;
		ret->day = civil_add(first, -1);
		ret->is_valid = ret->has_month = true;
		return true;
	}
	return false;
}

/* 1 Monday .. 7 Sunday, 0: none. */
static int take_weekday(struct cursor *c)
{
	static const struct {
		const char *word;
		int day;
	} words[] = {{"一", 1}, {"二", 2}, {"三", 3}, {"四", 4}, {"五", 5}, {"六", 6}, {"日", 7},
		{"天", 7}, {"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (take(c, words[i].word))
			return words[i].day;
	}
	return 0;
}

/* 周五 is the next one from today on; 本周五 is the one of this week, 下周一 of the next. */
static bool read_weekday(struct cursor *c, struct civil today, struct reply_date *ret)
{
	bool next = take(c, "下个") || take(c, "下"), last = !next && take(c, "上");
	bool this = !next && !last && (take(c, "本") || take(c, "这个") || take(c, "这"));
	struct civil monday = civil_add(today, 1 - civil_weekday(today));
	int day;

	if (!take(c, "周") && !take(c, "星期") && !take(c, "礼拜"))
		return false;
	day = take_weekday(c);
	if (day == 0)
		return false;
	ret->day = civil_add(monday, day - 1 + (next ? 7 : last ? -7 : 0));
	if (!next && !last && !this && civil_cmp(ret->day, today) < 0)
		ret->day = civil_add(ret->day, 7);
	ret->is_valid = ret->has_month = true;
	return true;
}

/* 2022年8月12日, 2022-08-12, 2022/8/12, 2022.8.12 */
static bool read_full(struct cursor *c, struct reply_date *ret)
{
	int year, month, day;
	bool han;

	if (take_digits(c, 4, &year))
		han = take(c, "年");
	else if (take_digits(c, 2, &year) && take(c, "年")) {
		year += 2000;
		han = true;
	} else
		return false;
	if (!han && !take(c, "-") && !take(c, "/") && !take(c, "."))
		return false;
	if (!take_number(c, 99, &month))
		return false;
	if (!take(c, "月") && !take(c, "-") && !take(c, "/") && !take(c, "."))
		return false;
	if (!take_number(c, 99, &day))
		return false;
	(void)(take(c, "日") || take(c, "号"));
	set(ret, year, month, day);
	ret->has_year = ret->has_month = true;
	return true;
}

/* 8月12日, 八月十二号, 8月12 */
static bool read_month_day(struct cursor *c, struct civil today, struct reply_date *ret)
{
	static const char *const measures[] = {"人", "名", "位", "户", "家", "个", "条", "份"};
	int month, day;

	if (!take_number(c, 99, &month) || !(take(c, "月份") || take(c, "月")) ||
		!take_number(c, 99, &day))
		return false;
	if (!take(c, "日") && !take(c, "号")) {
		for (size_t i = 0; i < sizeof(measures) / sizeof(measures[0]); i++) {
			if (starts(c, measures[i]))
				return false;
		}
	}
	set(ret, today.year, month, day);
	ret->has_month = true;
	return true;
}

/* 12日, 12号, but not 3日内 */
static bool read_day(struct cursor *c, struct civil today, struct reply_date *ret)
{
	int day;

	if (!take_number(c, 31, &day) || day == 0 || !(take(c, "日") || take(c, "号")))
		return false;
	if (starts(c, "内") || starts(c, "文") || starts(c, "楼"))
		return false;
	set(ret, today.year, today.month, day);
	return true;
}

/* 8.12, 8/12 */
static bool read_loose(struct cursor *c, struct civil today, struct reply_date *ret)
{
	int month, day;

	if (!take_day_month(c, &month) || !(take(c, ".") || take(c, "/")) ||
		!take_day_month(c, &day))
		return false;
	if ((starts(c, ".") || starts(c, "/")) && c->end - c->s > 1 && c->s[1] >= '0' &&
		c->s[1] <= '9')
		return false;
	(void)(take(c, "日") || take(c, "号"));
	set(ret, today.year, month, day);
	ret->has_month = true;
	return true;
}

size_t reply_date_read(const char *s, size_t len, struct civil today, enum reply_date_style style,
	struct reply_date *ret)
{
	const struct cursor at = {s, s + len};
	struct cursor c = at;
	struct reply_date d = {0};

	if (read_relative(&c, today, &d))
		goto found;
	c = at;
	if (read_weekday(&c, today, &d))
		goto found;
	c = at;
	if (read_full(&c, &d))
		goto found;
	c = at;
	if (read_month_day(&c, today, &d))
		goto found;
	c = at;
	if (read_day(&c, today, &d))
		goto found;
	c = at;
	if (style == DATE_LOOSE && read_loose(&c, today, &d))
		goto found;
	return 0;
found:
	*ret = d;
	return (size_t)(c.s - s);
}
