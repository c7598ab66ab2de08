/*
 * core/base/num.c: the one place that turns digits, units and Han numerals into numbers.
 *
 * Han numerals are folded to digit and place tokens first (formal and spoken forms alike) and then
 * read by place rules; what those rules leave open (二三: two or three? 23?) is said, not guessed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/text.h"

/* Reads 1..19 digits, moving *S; false when there is none or they do not fit. */
static int read_digits(const char **s, int64_t *ret)
{
	const char *p = *s;
	int64_t v = 0;

	if (*p < '0' || *p > '9')
		return SW_EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *p - '0', &v))
			return SW_ELIMIT;
	}
	*s = p;
	*ret = v;
	return 0;
}

int num_parse(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	int64_t v = 0;
	size_t n;
	int rc;

	s += negative;
	n = strspn(s, "0123456789");
	if (n == 0 || s[n])
		return SW_EINVAL;
	rc = read_digits(&s, &v);
	if (rc < 0)
		return rc;
	if (negative)
		v = -v;
	if (v < min || v > max)
		return SW_ELIMIT;
	*ret = v;
	return 0;
}

struct scale {
	const char *suffix;
	int64_t factor;
};

static int parse_scaled(const char *s, const struct scale *scales, size_t n, int64_t *ret)
{
	int64_t v;
	int rc = read_digits(&s, &v);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(s, scales[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(v, scales[i].factor, &v))
			return SW_ELIMIT;
		*ret = v;
		return 0;
	}
	return SW_EINVAL;
}

int num_parse_duration(const char *s, int64_t *ret_ms)
{
	static const struct scale scales[] = {
		{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

	return parse_scaled(s, scales, ARRAY_LEN(scales), ret_ms);
}

int num_parse_size(const char *s, int64_t *ret_bytes)
{
	static const struct scale scales[] = {
		{"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024 * 1024 * 1024}};

	return parse_scaled(s, scales, ARRAY_LEN(scales), ret_bytes);
}

/* 0..9 for a digit; 10, 100 for a place; 20 for 廿; -1 for anything else. */
static int han_value(uint32_t cp)
{
	static const struct {
		uint32_t cp;
		int value;
	} table[] = {{U'零', 0}, {U'〇', 0}, {U'一', 1}, {U'壹', 1}, {U'二', 2}, {U'两', 2},
		{U'俩', 2}, {U'贰', 2}, {U'三', 3}, {U'叁', 3}, {U'四', 4}, {U'肆', 4}, {U'五', 5},
		{U'伍', 5}, {U'六', 6}, {U'陆', 6}, {U'七', 7}, {U'柒', 7}, {U'八', 8}, {U'捌', 8},
		{U'九', 9}, {U'玖', 9}, {U'十', 10}, {U'拾', 10}, {U'百', 100}, {U'佰', 100},
		{U'廿', 20}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].cp == cp)
			return table[i].value;
	}
	return -1;
}

/* State of reading a Han number from its highest place down. */
struct han {
	int sum;
	int digit;    /* waiting for its place; -1: none */
	int place;    /* the place read last: 1000 at the start */
	bool zero;    /* 零 stood before DIGIT: it is a unit, not a tenth of the place */
	bool unclear; /* broke the place rules */
};

static void han_digit(struct han *h, int v)
{
	if (v == 0 && h->digit < 0 && h->place < 1000) {
		h->unclear |= h->zero || h->place <= 10; /* 二十零三 is not said */
		h->zero = true;
		return;
	}
	if (h->digit >= 0)
		h->unclear = true;
	h->digit = v;
}

static void han_place(struct han *h, int place)
{
	int factor = h->digit;

	if (place == 20) {
		h->unclear |= factor >= 0;
		factor = 2;
		place = 10;
	}
	if (factor < 0)
		factor = 1; /* 十二, and 一百十二 as some say it */
	if (place >= h->place || factor == 0 || (h->zero && place == 100))
		h->unclear = true;
	h->sum += factor * place;
	h->place = place;
	h->digit = -1;
	h->zero = false;
}

static int han_result(const struct han *h)
{
	if (h->unclear)
		return -2;
	if (h->digit < 0)
		return h->zero ? -2 : h->sum; /* 一百零: something is missing */
	/* 一百二 is 120, 一百零二 is 102. */
	if (h->place == 100 && !h->zero)
		return h->sum + h->digit * 10;
	return h->sum + h->digit;
}

static size_t read_decimal(const char *s, size_t len, int *ret)
{
	size_t n = 0;
	int v = 0;

	for (; n < len && s[n] >= '0' && s[n] <= '9'; n++) {
		if (n < 4)
			v = v * 10 + (s[n] - '0');
	}
	*ret = n > 4 ? -1 : v;
	return n;
}

size_t num_read_han(const char *s, size_t len, int *ret)
{
	struct han h = {.digit = -1, .place = 1000};
	const char *p = s, *end = s + len;
	size_t n;

	if (len > 0 && *s >= '0' && *s <= '9')
		return read_decimal(s, len, ret);
	while (p < end) {
		const char *next = p;
		int v = han_value(text_next(&next, end));

		if (v < 0)
			break;
		if (v < 10)
			han_digit(&h, v);
		else
			han_place(&h, v);
		p = next;
	}
	n = (size_t)(p - s);
	if (n > 0)
		*ret = han_result(&h);
	return n;
}

const char *num_say_han(int n, char *buf, size_t size)
{
	static const char *const digits[] = {
		"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};

	if (n < 0 || n > 99)
		(void)snprintf(buf, size, "%d", n);
	else if (n < 10)
		(void)snprintf(buf, size, "%s", digits[n]);
	else
		(void)snprintf(buf, size, "%s十%s", n < 20 ? "" : digits[n / 10],
			n % 10 ? digits[n % 10] : "");
	return buf;
}
