/* tests/sim/wecom/sim.c: the record of what people see. */
#include <string.h>

#include "tests/sim/control.h"
#include "tests/sim/wecom/sim.h"

int64_t sim_show(struct sim *s, const struct shown *m)
{
	const struct member *who =
		m->from ? world_member(&s->world, m->from, strlen(m->from)) : NULL;
	json_t *mentions = m->mentions ? json_deep_copy(m->mentions) : json_array();
	json_t *item = json_pack("{s:I, s:I, s:s, s:s, s:s?, s:s, s:s, s:s%, s:o, s:s}", "at",
		(json_int_t)sim_now_ms(s), "real_at", (json_int_t)clock_real_ms(), "chat", m->chat,
		"peer", m->peer, "from", m->from, "name",
		who       ? who->name
		: m->from ? m->from
			  : "守望",
		"type", m->type, "text", m->text, m->text_len, "mentions", mentions, "mid", m->mid);
	int64_t seq;

	if (item && m->delivery)
		json_object_set_new(item, "delivery", json_string(m->delivery));
	seq = feed_add(&s->chat, item);
	if (seq > 0)
		control_tell(s->control, "message", feed_get(&s->chat, seq));
	return seq;
}

void sim_show_delivery(struct sim *s, int64_t seq, const char *delivery)
{
	json_t *item = feed_get(&s->chat, seq);
	json_t *event;

	if (item)
		json_object_set_new(item, "delivery", json_string(delivery));
	event = json_pack("{s:I, s:s}", "seq", (json_int_t)seq, "delivery", delivery);
	control_tell(s->control, "delivery", event);
	json_decref(event);
}
