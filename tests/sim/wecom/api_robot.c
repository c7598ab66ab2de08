/*
 * tests/sim/wecom/api_robot.c: messages into groups: the group robot's webhook (document 91770) and the one answer
 * that a smart robot's response_url allows (document 101138).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/wecom/api.h"
#include "tests/sim/wecom/callback.h"

/* Of the document: bytes of UTF-8; messages per minute and key. Rolling is the stricter reading of the minute. */
enum { MAX_TEXT = 2048, MAX_MARKDOWN = 4096, MAX_RESPONSE = 20480, PER_MINUTE = 20 };

/* Only text has the list; what is no list of strings is a wrong field, and ignored as the real one does. */
static json_t *mentions_of(const json_t *request)
{
	const json_t *list = json_object_get(json_object_get(request, "text"), "mentioned_list");
	json_t *out = json_array();
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) if (json_is_string(v))
		json_array_append_new(out, json_string(json_string_value(v)));
	return out;
}

static void show(struct api_call *c, const char *text, size_t len)
{
	bool is_text = strcmp(c->msgtype, "text") == 0;
	json_t *mentions = is_text ? mentions_of(c->request) : NULL;

	c->shown = sim_show(c->sim, &(struct shown){.chat = c->robot->name,
					    .peer = "",
					    .type = c->msgtype,
					    .text = text,
					    .text_len = len,
					    .mentions = mentions,
					    .mid = c->mid}) > 0;
	json_decref(mentions);
}

void api_robot_send(struct api_call *c)
{
	const char *text;
	size_t len;

	if (!c->robot) {
		api_fail(c, 93000, "invalid webhook url");
		return;
	}
	if (!api_parse_body(c))
		return;
	text = api_read_content(c, MAX_TEXT, MAX_MARKDOWN, false, &len);
	if (!text)
		return;
	if (!window_take(&c->robot->sent, PER_MINUTE, sim_now_ms(c->sim))) {
		api_fail(c, 45009, "api freq out of limit");
		return;
	}
	show(c, text, len);
	api_ok(c);
}

void api_robot_response(struct api_call *c, const char *response_code)
{
	const char *text;
	size_t len;

	if (!c->robot) {
		api_fail(c, 40058,
			"response_code is invalid, used or expired. invalid Request Parameter");
		return;
	}
	if (!api_parse_body(c))
		return;
	text = api_read_content(c, 0, MAX_RESPONSE, false, &len);
	if (!text)
		return;
	callbacks_use_code(c->sim->callbacks, response_code);
	show(c, text, len);
	api_ok(c);
}
