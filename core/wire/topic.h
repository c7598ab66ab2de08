/*
 * core/wire/topic.h: names of the MQTT topics that bot and notifier use (prefix sw/v1).
 */
#ifndef SW_CORE_WIRE_TOPIC_H
#define SW_CORE_WIRE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

#define TOPIC_CONTROL "sw/v1/control"
#define TOPIC_CONTROL_ACK "sw/v1/in/control_ack"
#define TOPIC_VERDICT "sw/v1/in/verdict"
#define TOPIC_IN "sw/v1/in/"
#define TOPIC_IN_SMS "sw/v1/in/sms/"
#define TOPIC_REPLY "sw/v1/in/reply"
#define TOPIC_EVENT "sw/v1/in/event"
#define TOPIC_ACK "sw/v1/ack"
#define TOPIC_OUT_ALL "sw/v1/out/#"
#define TOPIC_IN_ALL "sw/v1/in/#"
#define TOPIC_CLOCK "sw/v1/clock"
#define TOPIC_CLOCK_AT_ALL "sw/v1/clock/at/+"
#define TOPIC_STATUS_ALL "sw/v1/status/#"
#define TOPIC_PUBLICITY "sw/v1/publicity/" /* <area code>/<screen|loud>/<item>, retained */

enum { TOPIC_MAX = 160 };

/* "sw/v1/out/<channel>/<route>" and so on into BUF of TOPIC_MAX bytes; BUF. */
const char *topic_out(char buf[TOPIC_MAX], const char *channel, const char *route);
const char *topic_clock_at(char buf[TOPIC_MAX], const char *name);
const char *topic_status(char buf[TOPIC_MAX], const char *program, const char *instance);
const char *topic_state(char buf[TOPIC_MAX], const char *kind,
	const char *code); /* CODE NULL: sw/v1/state/<kind> */
/* Splits an out topic; false when it is none. Both arrays hold 65 bytes. */
bool topic_parse_out(const char *topic, char channel[65], char route[65]);
/* The part behind PREFIX ("sw/v1/clock/at/"), NULL when it does not start so. */
const char *topic_tail(const char *topic, const char *prefix);

#endif
