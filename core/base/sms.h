/*
 * core/base/sms.h: how many parts an SMS has, and where it would be cut.
 *
 * Chinese operators count UTF-16 units of the whole text with its 【sign】: up to 70 are one part,
 * more are billed as ceil(n/67). Cutting by ourselves never splits a surrogate pair, so there may be
 * one part more than is billed.
 */
#ifndef SW_CORE_BASE_SMS_H
#define SW_CORE_BASE_SMS_H

#include <stddef.h>

#define SMS_SINGLE_UNITS 70
#define SMS_PART_UNITS 67

struct sms_part {
	size_t start_bytes, len_bytes; /* of the UTF-8 text */
	size_t units;
};

/* UTF-16 units to the parts an operator bills; 0 units are 0 parts. */
size_t sms_billed(size_t units);
/*
 * Cuts TEXT (valid UTF-8) into parts. Writes the first MAX of them to RET (may be NULL when MAX is 0)
 * and returns how many there are.
 */
size_t sms_split(const char *text, size_t len, struct sms_part *ret, size_t max);

#endif
