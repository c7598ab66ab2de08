/*
 * core/wire/topic.c: the only place where topic names are put together or taken apart.
 */
#include "core/wire/topic.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "sw/v1/"

const char *topic_out(char buf[TOPIC_MAX], const char *channel, const char *route)
{
	snprintf(buf, TOPIC_MAX, PREFIX "out/%s/%s", channel, route);
	return buf;
}

const char *topic_clock_at(char buf[TOPIC_MAX], const char *name)
{
	snprintf(buf, TOPIC_MAX, PREFIX "clock/at/%s", name);
	return buf;
}

const char *topic_status(char buf[TOPIC_MAX], const char *program, const char *instance)
{
	snprintf(buf, TOPIC_MAX, PREFIX "status/%s/%s", program, instance);
	return buf;
}

const char *topic_state(char buf[TOPIC_MAX], const char *kind, const char *code)
{
	snprintf(buf, TOPIC_MAX, PREFIX "state/%s%s%s", kind, code ? "/" : "", code ? code : "");
	return buf;
}

bool topic_parse_out(const char *topic, char channel[65], char route[65])
{
	const char *rest = topic_tail(topic, PREFIX "out/");
	const char *slash = rest ? strchr(rest, '/') : NULL;
	size_t channel_len, route_len;

	if (!slash || strchr(slash + 1, '/'))
		return false;
	channel_len = (size_t)(slash - rest);
	route_len = strlen(slash + 1);
	if (channel_len == 0 || channel_len > 64 || route_len == 0 || route_len > 64)
		return false;
	memcpy(channel, rest, channel_len);
	channel[channel_len] = '\0';
	memcpy(route, slash + 1, route_len + 1);
	return true;
}

const char *topic_tail(const char *topic, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(topic, prefix, len) == 0 ? topic + len : NULL;
}
