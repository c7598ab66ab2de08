/* tests/sim/sms/lines.h: where the lines of the script come from: a file, or the control interface. */
#ifndef SW_TESTS_SIM_SMS_LINES_H
#define SW_TESTS_SIM_SMS_LINES_H

#include "tests/sim/sms/sim.h"

/* Creates S->script, empty. */
int lines_create(struct sim *s) SW_MUST_CHECK;
/* people = ( {at; number or name; text;}, .. ); a name is one of phones[]. */
int lines_load(struct sim *s, const char *file, struct problems *p) SW_MUST_CHECK;
/* [{"at":"2022-06-20T09:40" or ms,"number" or "name","text"}, ..]: all of them or none. What is due is said at once. */
int lines_add(struct sim *s, const json_t *lines, size_t *ret_n, struct sw_err *err) SW_MUST_CHECK;

#endif
