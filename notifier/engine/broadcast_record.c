/*
 * notifier/engine/broadcast_record.c: what the journal says of a call.
 *
 * B, before the request: "<broadcast> <audience>.<segment> <attempt> <gateway> <day> <indices>", the indices as
 * "40320+96,40420": first and how many, as often as needed. b, after it: "<end of its B> <nibble> <retry minute or -1>
 * <attempt> <level> <code>". Pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"

unsigned bc_index(const uint8_t *list, unsigned i)
{
	return (unsigned)list[2 * i] << 8 | list[2 * i + 1];
}

int bc_record_format(const struct bc_record *r, struct buf *out)
{
	(void)buf_addf(out, "%s %s.%u %u %s %s ", r->id, r->audience, r->segment, r->attempt,
		r->gateway, r->day);
	for (unsigned i = 0, n; i < r->n; i += n) {
		for (n = 1; i + n < r->n && bc_index(r->list, i + n) == bc_index(r->list, i) + n;)
			n++;
		(void)buf_addf(out, "%s%u", i ? "," : "", bc_index(r->list, i));
		if (n > 1)
			(void)buf_addf(out, "+%u", n);
	}
	return out->error;
}

/* A number at *P, which moves behind it. */
static bool read_number(const char **p, unsigned max, unsigned *ret)
{
	unsigned n = 0;

	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > max)
			return false;
	}
	*ret = n;
	return true;
}

static bool read_list(const char *s, struct bc_record *ret)
{
	for (;;) {
		unsigned from, count = 1;

		if (!read_number(&s, AUDIENCE_SEGMENT - 1, &from))
			return false;
		if (*s == '+') {
			s++;
			if (!read_number(&s, GATEWAY_MAX_NUMBERS, &count))
				return false;
		}
		if (count == 0 || count > GATEWAY_MAX_NUMBERS - ret->n ||
			from + count > AUDIENCE_SEGMENT)
			return false;
		for (unsigned i = from; i < from + count; i++, ret->n++) {
			ret->list[2 * ret->n] = (uint8_t)(i >> 8);
			ret->list[2 * ret->n + 1] = (uint8_t)i;
		}
		if (*s == '\0')
			return true;
		if (*s++ != ',')
			return false;
	}
}

bool bc_record_parse(const char *payload, struct bc_record *ret)
{
	char copy[BC_RECORD], *save = NULL, *part[6], *dot;
	struct bc_record r = {.n = 0};
	int64_t segment, attempt;

	if (text_copy(copy, sizeof(copy), payload) < 0)
		return false;
	for (int i = 0; i < 6; i++) {
		part[i] = strtok_r(i ? NULL : copy, " ", &save);
		if (!part[i])
			return false;
	}
	dot = strchr(part[1], '.');
	if (!dot || strtok_r(NULL, " ", &save))
		return false;
	*dot = '\0';
	if (text_copy(r.id, sizeof(r.id), part[0]) < 0 ||
		text_copy(r.audience, sizeof(r.audience), part[1]) < 0 ||
		num_parse(dot + 1, 0, AUDIENCE_MAX_SEGMENTS - 1, &segment) < 0 ||
		num_parse(part[2], 1, UINT8_MAX, &attempt) < 0 ||
		text_copy(r.gateway, sizeof(r.gateway), part[3]) < 0 ||
		text_copy(r.day, sizeof(r.day), part[4]) < 0 || !read_list(part[5], &r))
		return false;
	r.segment = (unsigned)segment;
	r.attempt = (unsigned)attempt;
	*ret = r;
	return true;
}

void bc_outcome_format(const struct bc_outcome *o, uint64_t pos, char ret[BC_OUTCOME])
{
	(void)snprintf(ret, BC_OUTCOME, "%" PRIu64 " %d %" PRId64 " %u %u %s", pos, o->to,
		o->retry_minute, o->retry_attempt, o->retry_level, o->code[0] ? o->code : "-");
}

bool bc_outcome_parse(const char *payload, uint64_t *ret_pos, struct bc_outcome *ret)
{
	struct bc_outcome o = {.retry_minute = -1};
	unsigned to, attempt, level;
	int at = 0;

	if (sscanf(payload, "%" SCNu64 " %u %" SCNd64 " %u %u %n", ret_pos, &to, &o.retry_minute,
		    &attempt, &level, &at) < 5 ||
		at == 0 || to >= NIBBLE_COUNT || attempt > UINT8_MAX || level >= BC_LEVELS ||
		text_copy(o.code, sizeof(o.code), payload + at) < 0)
		return false;
	o.to = (enum broadcast_nibble)to;
	o.retry_attempt = attempt;
	o.retry_level = level;
	*ret = o;
	return true;
}
