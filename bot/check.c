/*
 * bot/check.c: opens what the configuration names and closes it again.
 */
#include <string.h>

#include "bot/check.h"
#include "bot/ingress/wecom_callback.h"
#include "bot/secret.h"
#include "bot/sms_tokens.h"
#include "bot/wecom/robot.h"
#include "core/base/seal.h"

static void check_robot(const struct conf *c, size_t i, struct problems *p)
{
	struct sw_err err = {0};
	struct robot *r = NULL;
	struct buf key;

	buf_init(&key, SECRET_MAX);
	if (secret_read(c, "wecom.robots", i, "key_file", &key, &err) < 0 ||
		robot_create(NULL, "", "", buf_str(&key), &r, &err) < 0)
		problems_error(p, conf_file(c), 0, "wecom.robots[%zu]: %s", i, err.text);
	robot_destroy(r);
	secret_fini(&key);
}

static void check_callback(const struct conf *c, const char *list, size_t i,
	enum callback_kind kind, struct problems *p)
{
	struct wecom_callback *cb = NULL;
	struct sw_err err = {0};
	struct buf token, key;

	buf_init(&token, SECRET_MAX);
	buf_init(&key, SECRET_MAX);
	if (secret_read(c, list, i, "token_file", &token, &err) < 0 ||
		secret_read(c, list, i, "aes_key_file", &key, &err) < 0 ||
		wecom_callback_create(
			kind, "check", buf_str(&token), buf_str(&key), "", &cb, &err) < 0)
		problems_error(p, conf_file(c), 0, "%s[%zu]: %s", list, i, err.text);
	wecom_callback_destroy(cb);
	secret_fini(&token);
	secret_fini(&key);
}

void check_conf(const struct conf *c, struct problems *p)
{
	struct sw_err err = {0};
	struct seal_key key;

	if (!*conf_str(c, "keys.spool_file"))
		problems_error(p, conf_file(c), 0,
			"keys.spool_file is missing: name a file with 64 hex digits ('shouwang "
			"init' writes one)");
	else if (seal_key_load(conf_str(c, "keys.spool_file"), &key, &err) < 0)
		problems_error(p, conf_file(c), conf_line(c, "keys.spool_file"), "%s", err.text);
	explicit_bzero(&key, sizeof(key));
	for (size_t i = 0; i < conf_count(c, "wecom.robots"); i++)
		check_robot(c, i, p);
	for (size_t i = 0; i < conf_count(c, "wecom.apps"); i++) {
		bool has_token = *conf_strf(c, "wecom.apps[%zu].token_file", i);

		if (has_token != (*conf_strf(c, "wecom.apps[%zu].aes_key_file", i) != '\0'))
			problems_error(p, conf_file(c), 0,
				"wecom.apps[%zu]: token_file and aes_key_file belong together: set "
				"both or none",
				i);
		else if (has_token)
			check_callback(c, "wecom.apps", i, CALLBACK_APP, p);
	}
	for (size_t i = 0; i < conf_count(c, "wecom.smart_robots"); i++) {
		if (strcmp(conf_strf(c, "wecom.smart_robots[%zu].mode", i), "webhook") == 0)
			check_callback(c, "wecom.smart_robots", i, CALLBACK_ROBOT, p);
	}
	if (sms_tokens_load(c, NULL, 0, &err) < 0)
		problems_error(
			p, conf_file(c), conf_line(c, "sms.callback_tokens"), "%s", err.text);
}
