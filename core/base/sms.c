/* core/base/sms.c: parts of an SMS in UTF-16 units; see sms.h for the rule. */
#include <stdint.h>

#include "core/base/sms.h"
#include "core/base/text.h"

size_t sms_billed(size_t units)
{
	if (units == 0)
		return 0;
	return units <= SMS_SINGLE_UNITS ? 1 : (units + SMS_PART_UNITS - 1) / SMS_PART_UNITS;
}

static size_t count_units(const char *p, const char *end)
{
	size_t units = 0;

	while (p < end)
		units += text_next(&p, end) >= 0x10000 ? 2 : 1;
	return units;
}

size_t sms_split(const char *text, size_t len, struct sms_part *ret, size_t max)
{
	const char *p = text, *end = text + len;
	size_t limit =
		count_units(text, end) <= SMS_SINGLE_UNITS ? SMS_SINGLE_UNITS : SMS_PART_UNITS;
	size_t n = 0;

	while (p < end) {
		struct sms_part part = {.start_bytes = (size_t)(p - text)};

		while (p < end) {
			const char *next = p;
			size_t units = text_next(&next, end) >= 0x10000 ? 2 : 1;

			if (part.units + units > limit)
				break;
			part.units += units;
			p = next;
		}
		part.len_bytes = (size_t)(p - text) - part.start_bytes;
		if (n < max)
			ret[n] = part;
		n++;
	}
	return n;
}
