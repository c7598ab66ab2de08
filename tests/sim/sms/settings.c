/* tests/sim/sms/settings.c: the table of settings. */
#include "tests/sim/settings.h"
#include "tests/sim/sms/settings.h"

/*
 * Limits of Aliyun's documents: 5,000 requests a second for an account; 50 notices for a number in 24 hours (document
 * 44335, 2022).
 */
static const struct conf_item table[] = {
	SIM_SETTINGS,
	{"aliyun.access_key_id", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "the account's key id"},
	{"aliyun.secret", CONF_STRING, CONF_REQUIRED, NULL, 1, 128, "its secret"},
	{"sign", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "the approved sign, without brackets"},
	{"templates", CONF_PATH, 0, NULL, 0, 4000, "File of the registered templates."},
	{"report_url", CONF_STRING, 0, NULL, 0, 1000, "Where receipts go; empty: nowhere."},
	{"uplink_url", CONF_STRING, 0, NULL, 0, 1000, "Where answers go; empty: nowhere."},
	{"receipt_delay_ms", CONF_INT, 0, "8000", 0, 86400000, "Simulated time to a receipt."},
	{"rate", CONF_INT, 0, "5000", 0, 1000000, "Requests a second; 0: any."},
	{"limit.minute", CONF_INT, 0, "0", 0, 60000, "Messages for a number; 0: any."},
	{"limit.hour", CONF_INT, 0, "0", 0, 60000, "In an hour."},
	{"limit.day", CONF_INT, 0, "50", 0, 60000, "In 24 hours."},
	{"phones[].number", CONF_STRING, CONF_REQUIRED, NULL, 11, 11, "a number"},
	{"phones[].name", CONF_STRING, 0, "", 0, 64, "whose (invented)"},
	{"phones[].state", CONF_STRING, 0, "on", 0, 16, "on, off, silent, blacklisted, unknown"},
};

int settings_load(const char *file, struct problems *p, struct settings *ret)
{
	struct settings s = {0};
	const char *templates;
	int rc = conf_load(file, table, ARRAY_LEN(table), p, &s.conf);

	if (rc < 0)
		return rc;
	templates = conf_str(s.conf, "templates");
	if (*templates)
		rc = registry_load(templates, p, &s.registry);
	if (rc < 0) {
		settings_fini(&s);
		return rc;
	}
	s.access_key_id = conf_str(s.conf, "aliyun.access_key_id");
	s.secret = conf_str(s.conf, "aliyun.secret");
	s.sign = conf_str(s.conf, "sign");
	s.report_url = conf_str(s.conf, "report_url");
	s.uplink_url = conf_str(s.conf, "uplink_url");
	s.receipt_delay_ms = conf_int(s.conf, "receipt_delay_ms");
	s.rate = conf_int(s.conf, "rate");
	s.limit_minute = conf_int(s.conf, "limit.minute");
	s.limit_hour = conf_int(s.conf, "limit.hour");
	s.limit_day = conf_int(s.conf, "limit.day");
	*ret = s;
	return 0;
}

void settings_fini(struct settings *s)
{
	registry_fini(&s->registry);
	conf_free(s->conf);
}
