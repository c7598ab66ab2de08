/*
 * notifier/engine/broadcast.c: the list of broadcasts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast.h"

struct broadcast *broadcast_find(const struct engine *e, const char *id)
{
	for (size_t i = 0; e->broadcasts && i < e->broadcasts->n; i++)
		if (!strcmp(e->broadcasts->items[i]->id, id))
			return e->broadcasts->items[i];
	return NULL;
}

const char *broadcast_state_name(enum broadcast_state s)
{
	static const char *const names[] = {
		"planned", "approved", "running", "paused", "done", "cancelled"};

	return names[s];
}

const char *broadcast_nibble_name(enum broadcast_nibble n)
{
	static const char *const names[NIBBLE_COUNT] = {"waiting", "in_flight", "accepted",
		"delivered", "invalid", "refused", "retry", "exhausted", "opted_out", "capped",
		"expired", "cancelled", "unknown", "undelivered", "reserved", "reserved"};

	return n < NIBBLE_COUNT ? names[n] : "reserved";
}

/* Is CODE the unit AREA or one that lies in it? By administration, whoever it reports to. */
static bool area_covers(const struct units *u, const char *area, const char *code)
{
	int goal = units_find(u, area), i = units_find(u, code);

	while (i >= 0 && i != goal)
		i = u->items[i].parent;
	return i >= 0;
}

size_t broadcast_segments(const struct engine *e, const struct broadcast *b, uint16_t *ret)
{
	const struct audience_info *a = audience_find(e, b->audience);
	size_t n = 0;

	for (size_t i = 0; a && i < a->n_segments && i < AUDIENCE_MAX_SEGMENTS; i++)
		if (!b->area[0] || area_covers(e->world.c->units, b->area, a->parts[i].area))
			ret[n++] = (uint16_t)i;
	return n;
}

void broadcast_out_id(const struct broadcast *b, unsigned segment, unsigned index, unsigned attempt,
	char ret[GATEWAY_OUT_ID])
{
	(void)snprintf(ret, GATEWAY_OUT_ID, "%s.%u.%u.%u", b->id, segment, index, attempt);
}

bool broadcast_parse_out_id(const char *s, char ret_id[BROADCAST_ID], unsigned *ret_segment,
	unsigned *ret_index, unsigned *ret_attempt)
{
	char copy[GATEWAY_OUT_ID], *save = NULL, *part[4];
	int64_t n[3], number;

	if (s[0] != 'b' || text_copy(copy, sizeof(copy), s) < 0)
		return false;
	for (int i = 0; i < 4; i++) {
		part[i] = strtok_r(i ? NULL : copy, ".", &save);
		if (!part[i])
			return false;
	}
	if (strtok_r(NULL, ".", &save) || num_parse(part[0] + 1, 1, 999999, &number) < 0 ||
		num_parse(part[1], 0, AUDIENCE_MAX_SEGMENTS - 1, &n[0]) < 0 ||
		num_parse(part[2], 0, AUDIENCE_SEGMENT - 1, &n[1]) < 0 ||
		num_parse(part[3], 1, 255, &n[2]) < 0)
		return false;
	(void)snprintf(ret_id, BROADCAST_ID, "b%d", (int)number);
	*ret_segment = (unsigned)n[0];
	*ret_index = (unsigned)n[1];
	*ret_attempt = (unsigned)n[2];
	return true;
}
