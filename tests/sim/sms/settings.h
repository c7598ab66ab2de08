/*
 * tests/sim/sms/settings.h: the configuration of sim-sms; README.md beside it shows an example.
 */
#ifndef SW_TESTS_SIM_SMS_SETTINGS_H
#define SW_TESTS_SIM_SMS_SETTINGS_H

#include "core/base/conf.h"
#include "tests/sim/sms/template.h"

struct settings {
	struct conf *conf;
	const char *access_key_id, *secret, *sign, *report_url, *uplink_url;
	int64_t receipt_delay_ms, rate;
	int64_t limit_minute, limit_hour, limit_day; /* 0: none */
	struct registry registry;
};

/* What is wrong goes to P; SW_ECONF then. */
int settings_load(const char *file, struct problems *p, struct settings *ret) SW_MUST_CHECK;
void settings_fini(struct settings *s);

#endif
