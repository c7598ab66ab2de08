/*
 * core/base/mask.c: phone numbers and the scanner for personal data.
 *
 * The scanner reads runs of digit groups that only blanks and hyphens separate and tries every
 * stretch of whole groups. Because two ordinary figures side by side ("2022-08-20 13") must not
 * look like a card, a stretch of several groups counts as a card or mobile number only when it is
 * grouped the way people group such numbers, or stands alone.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/mask.h"
#include "core/base/text.h"

enum { MOBILE_DIGITS = 11, MAX_PHONE_DIGITS = 32 };

static const struct {
	const char *en, *zh;
} verdicts[] = {
	[PHONE_MOBILE] = {"mobile number", "手机号码有效"},
	[PHONE_EMPTY] = {"no number given", "号码为空"},
	[PHONE_LANDLINE] = {"landline number: SMS cannot reach it", "这是固定电话，收不到短信"},
	[PHONE_TOO_SHORT] = {"too short: a mobile number has 11 digits",
		"位数不足，手机号码应为11位"},
	[PHONE_TOO_LONG] = {"too long: a mobile number has 11 digits",
		"位数过多，手机号码应为11位"},
	[PHONE_NOT_MOBILE] = {"not a mobile number: those start with 13 to 19",
		"不是手机号码，手机号码以13至19开头"},
	[PHONE_LETTERS] = {"holds letters or other signs", "号码中有字母或其他符号"},
	[PHONE_FOREIGN] = {"foreign number: only numbers of the mainland (+86) are served",
		"境外号码，仅支持境内手机号码"},
	[PHONE_SPREADSHEET] = {"a spreadsheet turned it into a number: format the column as text",
		"号码被表格软件转成了科学计数，请将该列设为文本"},
};

/* Digits as people type them: ASCII, full width, Mongolian. */
static int digit_value(uint32_t cp)
{
	if (cp >= '0' && cp <= '9')
		return (int)cp - '0';
	if (cp >= 0xff10 && cp <= 0xff19)
		return (int)cp - 0xff10;
	if (cp >= 0x1810 && cp <= 0x1819)
		return (int)cp - 0x1810;
	return -1;
}

static bool is_hyphen(uint32_t cp)
{
	return cp == '-' || (cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212 || cp == 0xff0d ||
	       cp == 0xfe63;
}

static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == '\t' || cp == 0xa0 || cp == 0x3000 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f || cp == 0x205f;
}

static bool is_bracket(uint32_t cp)
{
	return cp == '(' || cp == ')' || cp == 0xff08 || cp == 0xff09;
}

static bool is_zero_width(uint32_t cp)
{
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2060 && cp <= 0x2069) || cp == 0xfeff || cp == 0xad;
}

static bool is_mobile(const char *digits, size_t n)
{
	return n == MOBILE_DIGITS && digits[0] == '1' && digits[1] >= '3' && digits[1] <= '9';
}

/* 0, area code of 2 or 3 more digits, 7 or 8 digits; but not a mobile number behind an old trunk 0. */
static bool is_landline(const char *digits, size_t n)
{
	if (digits[0] != '0' || digits[1] < '1' || digits[1] > '9' || n < 10 || n > 12)
		return false;
	return !is_mobile(digits + 1, n - 1);
}

/* "1.38E+10": digits, at most one point, E, digits. */
static bool is_scientific(const char *s)
{
	size_t n = strspn(s, " \t");

	s += n;
	n = strspn(s, "0123456789.");
	if (n == 0 || (s[n] != 'e' && s[n] != 'E'))
		return false;
	s += n + 1;
	s += *s == '+';
	n = strspn(s, "0123456789");
	return n > 0 && s[n + strspn(s + n, " \t")] == '\0';
}

struct digits {
	char d[MAX_PHONE_DIGITS + 1];
	size_t n;      /* may count further than D holds */
	bool has_plus; /* a plus sign stood in front */
	bool has_junk;
};

static void collect(const char *s, struct digits *ret)
{
	const char *end = s + strlen(s);

	memset(ret, 0, sizeof(*ret));
	while (s < end) {
		uint32_t cp = text_next(&s, end);
		int v = digit_value(cp);

		if (v >= 0) {
			if (ret->n < MAX_PHONE_DIGITS)
				ret->d[ret->n] = (char)('0' + v);
			ret->n++;
		} else if ((cp == '+' || cp == 0xff0b) && ret->n == 0 && !ret->has_plus) {
			ret->has_plus = true;
		} else if (!is_blank(cp) && !is_hyphen(cp) && !is_bracket(cp) &&
			   !is_zero_width(cp) && cp != '\r' && cp != '\n') {
			ret->has_junk = true;
		}
	}
}

/* Judges the digits after +86 or 0086 (HAS_PREFIX) or as they stood. */
static enum phone_verdict judge(const char *d, size_t n, bool has_prefix)
{
	if (is_mobile(d, n))
		return PHONE_MOBILE;
	if (n <= MAX_PHONE_DIGITS && is_landline(d, n))
		return PHONE_LANDLINE;
	if (has_prefix && n >= 9 && n < MOBILE_DIGITS + 1 && d[0] > '1') {
		char with_zero[MAX_PHONE_DIGITS + 2]; /* one digit more */

		/* +86 471 0000000: the area code's 0 is left out behind the country code. */
		(void)snprintf(with_zero, sizeof(with_zero), "0%.11s", d);
		if (is_landline(with_zero, n + 1))
			return PHONE_LANDLINE;
	}
	if (n < MOBILE_DIGITS)
		return PHONE_TOO_SHORT;
	return n > MOBILE_DIGITS ? PHONE_TOO_LONG : PHONE_NOT_MOBILE;
}

enum phone_verdict phone_normalise(const char *s, char ret[16])
{
	struct digits all;
	const char *d = all.d;
	size_t n, strip = 0;
	enum phone_verdict v;

	if (!text_utf8_valid(s, strlen(s), NULL))
		return PHONE_LETTERS;
	if (is_scientific(s))
		return PHONE_SPREADSHEET;
	collect(s, &all);
	if (all.has_junk)
		return PHONE_LETTERS;
	if (all.n == 0)
		return all.has_plus ? PHONE_TOO_SHORT : PHONE_EMPTY;
	n = all.n;
	if (all.has_plus)
		strip = strncmp(d, "86", 2) == 0 ? 2 : 0;
	else if (strncmp(d, "00", 2) == 0)
		strip = strncmp(d, "0086", 4) == 0 ? 4 : 0;
	else if (n == MOBILE_DIGITS + 2 && strncmp(d, "86", 2) == 0)
		strip = 2;
	if (strip == 0 && (all.has_plus || (strncmp(d, "00", 2) == 0 && n >= 10)))
		return PHONE_FOREIGN;
	v = judge(d + strip, n - strip, strip > 0);
	if (v == PHONE_MOBILE)
		(void)snprintf(ret, 16, "+86%.11s", d + strip);
	return v;
}

const char *phone_verdict_text(enum phone_verdict v)
{
	return (size_t)v < ARRAY_LEN(verdicts) ? verdicts[v].en : "";
}

const char *phone_verdict_zh(enum phone_verdict v)
{
	return (size_t)v < ARRAY_LEN(verdicts) ? verdicts[v].zh : "";
}

const char *phone_mask(const char *phone, char ret[16])
{
	char normal[16];

	if (phone_normalise(phone, normal) == PHONE_MOBILE)
		(void)snprintf(ret, 16, "%.3s****%.4s", normal + 3, normal + 10);
	else
		(void)snprintf(ret, 16, "****");
	return ret;
}

static bool is_hex_letter(char c)
{
	c |= 0x20;
	return c >= 'a' && c <= 'f';
}

void phone_mask_text(char *s)
{
	for (char *p = s; *p;) {
		size_t n = strspn(p, "0123456789");
		size_t skip = 0;

		if (n == 0) {
			p++;
			continue;
		}
		if (n == 13 && strncmp(p, "86", 2) == 0)
			skip = 2;
		else if (n == 15 && strncmp(p, "0086", 4) == 0)
			skip = 4;
		/* Digits between hex letters belong to an id, which must stay whole. */
		if (is_mobile(p + skip, n - skip) && !is_hex_letter(p[n]) &&
			(p == s || !is_hex_letter(p[-1])))
			memset(p + skip + 3, '*', 4);
		p += n;
	}
}

bool phone_prefix_known(const char *normal)
{
	/* Assigned to people as of 2026, by second and third digit: bit D is prefix 1 row D. */
	static const uint16_t known[10] = {
		[3] = 0x3ff, /* 130..139 */
		[4] = 1 << 5 | 1 << 7,
		[5] = 0x3ff & ~(1 << 4),
		[6] = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7,
		[7] = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8,
		[8] = 0x3ff,
		[9] = 0x3ff & ~(1 << 4),
	};

	if (text_starts(normal, "+86"))
		normal += 3;
	if (strspn(normal, "0123456789") != MOBILE_DIGITS || normal[0] != '1')
		return false;
	return known[normal[1] - '0'] >> (normal[2] - '0') & 1;
}

bool idnum_valid(const char *s, size_t len)
{
	static const uint8_t weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
	struct civil born;
	int sum = 0;

	if (len != 18)
		return false;
	for (size_t i = 0; i < 17; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		sum += (s[i] - '0') * weights[i];
	}
	if ("10X98765432"[sum % 11] != (s[17] == 'x' ? 'X' : s[17]))
		return false;
	born.year = (int16_t)((s[6] - '0') * 1000 + (s[7] - '0') * 100 + (s[8] - '0') * 10 + s[9] -
			      '0');
	born.month = (uint8_t)((s[10] - '0') * 10 + s[11] - '0');
	born.day = (uint8_t)((s[12] - '0') * 10 + s[13] - '0');
	return civil_valid(born);
}

static bool luhn_valid(const char *d, size_t n)
{
	int sum = 0;

	for (size_t i = 0; i < n; i++) {
		int v = d[n - 1 - i] - '0';

		if (i % 2 == 1)
			v = v > 4 ? v * 2 - 9 : v * 2;
		sum += v;
	}
	return sum % 10 == 0;
}

enum { MAX_STRETCH = 19 }; /* the longest card number */

/* Whole groups of digits in a row, as far as read. */
struct stretch {
	char d[MAX_STRETCH + 1];
	size_t n;
	size_t groups;
	size_t first, last; /* digits of the first and the last group */
	bool is_even;       /* all groups but the last are as long as the first */
	bool starts_run;    /* no further group before it */
	bool ends_run;      /* no further group after it */
};

/* Groups that people write a mobile number in: 3-4-4, 3-8, 4-7, one by one, or nothing else beside it. */
static bool looks_like_mobile(const struct stretch *s)
{
	const char *d = s->d;
	size_t n = s->n;

	if (n == 15 && strncmp(d, "0086", 4) == 0) {
		d += 4;
		n -= 4;
	} else if (n == 13 && strncmp(d, "86", 2) == 0) {
		d += 2;
		n -= 2;
	}
	if (!is_mobile(d, n))
		return false;
	return s->groups == 1 || s->first >= 3 || s->is_even || (s->starts_run && s->ends_run) ||
	       d != s->d;
}

static bool looks_like_card(const struct stretch *s)
{
	int year;

	if (s->n < 16 || !luhn_valid(s->d, s->n))
		return false;
	if (s->groups == 1 || (s->is_even && s->last <= s->first))
		return true;
	if (!s->starts_run || !s->ends_run)
		return false;
	/* A date or an area code in front: several figures side by side. */
	year = (s->d[0] - '0') * 10 + s->d[1] - '0';
	return s->d[0] != '0' && !(s->first == 4 && (year == 19 || year == 20));
}

static enum scan_hit judge_stretch(const struct stretch *s, bool mobiles_ok)
{
	if (idnum_valid(s->d, s->n))
		return SCAN_ID_NUMBER;
	if (looks_like_card(s))
		return SCAN_BANK_CARD;
	if (!mobiles_ok && looks_like_mobile(s))
		return SCAN_MOBILE;
	return SCAN_CLEAN;
}

static enum scan_hit worse(enum scan_hit a, enum scan_hit b)
{
	if (a == SCAN_CLEAN || b == SCAN_CLEAN)
		return a == SCAN_CLEAN ? b : a;
	return a < b ? a : b;
}

/* Moves *P over characters that only separate digits (or show nothing); true when there were any. */
static bool skip_separators(const char **p, const char *end)
{
	bool any = false;

	while (*p < end) {
		const char *next = *p;
		uint32_t cp = text_next(&next, end);

		if (is_blank(cp) || is_hyphen(cp))
			any = true;
		else if (!is_zero_width(cp))
			break;
		*p = next;
	}
	return any;
}

/* A check digit X after 17 digits, at P. */
static bool ends_in_x(const char *p, const char *end)
{
	uint32_t cp = text_next(&p, end);

	if (cp != 'X' && cp != 'x' && cp != 0xff38 && cp != 0xff58)
		return false;
	cp = text_next(&p, end);
	return !((cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || digit_value(cp) >= 0);
}

/* Reads one group at *P into S; false when it does not fit (the rest of the run cannot matter). */
static bool read_group(const char **p, const char *end, struct stretch *s)
{
	size_t before = s->n;

	while (*p < end) {
		const char *next = *p;
		uint32_t cp = text_next(&next, end);
		int v = digit_value(cp);

		if (v < 0 && !is_zero_width(cp))
			break;
		*p = next;
		if (v < 0)
			continue;
		if (s->n == MAX_STRETCH)
			return false;
		s->d[s->n++] = (char)('0' + v);
	}
	if (s->groups > 0 && s->last != s->first)
		s->is_even = false;
	s->last = s->n - before;
	if (s->groups++ == 0)
		s->first = s->last;
	return true;
}

/* Tries every stretch of groups that begins at P. */
static enum scan_hit scan_from(const char *p, const char *end, bool starts_run, bool mobiles_ok)
{
	struct stretch s = {.is_even = true, .starts_run = starts_run};
	enum scan_hit hit = SCAN_CLEAN;

	while (!s.ends_run && read_group(&p, end, &s)) {
		const char *ahead;

		(void)skip_separators(&p, end);
		ahead = p;
		s.ends_run = p == end || digit_value(text_next(&ahead, end)) < 0;
		if (s.n == 17 && s.ends_run && ends_in_x(p, end)) {
			s.d[17] = 'X';
			if (idnum_valid(s.d, 18))
				return SCAN_ID_NUMBER;
		}
		hit = worse(hit, judge_stretch(&s, mobiles_ok));
	}
	return hit;
}

enum scan_hit scan_personal(const char *text, bool mobiles_ok)
{
	const char *p = text, *end = text + strlen(text);
	enum scan_hit hit = SCAN_CLEAN;
	bool in_group = false, in_run = false;

	while (p < end && hit != SCAN_ID_NUMBER) {
		const char *start = p;
		uint32_t cp = text_next(&p, end);

		if (digit_value(cp) >= 0) {
			if (!in_group)
				hit = worse(hit, scan_from(start, end, !in_run, mobiles_ok));
			in_group = in_run = true;
		} else if (!is_zero_width(cp)) {
			in_group = false;
			in_run = in_run && (is_blank(cp) || is_hyphen(cp));
		}
	}
	return hit;
}
