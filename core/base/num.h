/* core/base/num.h: numbers people and files write: decimal, with units, and Han numerals. */
#ifndef SW_CORE_BASE_NUM_H
#define SW_CORE_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* The whole string must be a decimal number within MIN..MAX. SW_EINVAL: junk; SW_ELIMIT: range. */
int num_parse(const char *s, int64_t min, int64_t max, int64_t *ret) SW_MUST_CHECK;
/* "250ms", "30s", "15m", "2h", "3d" (a bare number is seconds) to milliseconds. */
int num_parse_duration(const char *s, int64_t *ret_ms) SW_MUST_CHECK;
/* "64k", "2m", "1g" (powers of 1024) or bare bytes. */
int num_parse_size(const char *s, int64_t *ret_bytes) SW_MUST_CHECK;

/*
 * Reads a number at the start of S (valid UTF-8): digits, or Han numerals (零〇一二两俩三..九十拾百佰廿,
 * 壹贰叁肆伍陆柒捌玖) by the usual place rules. Returns bytes used, 0 when there is none. *RET is -1
 * when it has more than 4 digits or is above 9999; Han digits in a row without place words (二三) set -2.
 */
size_t num_read_han(const char *s, size_t len, int *ret);
/* 0..99 as spoken Chinese: 12 -> 十二, 20 -> 二十, 25 -> 二十五. BUF holds at least 16 bytes. */
const char *num_say_han(int n, char *buf, size_t size);

#endif
