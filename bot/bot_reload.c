/*
 * bot/bot_reload.c: the configuration read again while everything runs.
 *
 * Keys, limits and the log level change, never which destinations there are: their queues hold messages.
 */
#include <stdio.h>
#include <string.h>

#include "bot/bot_internal.h"
#include "bot/secret.h"
#include "bot/sms_tokens.h"
#include "core/base/log.h"
#include "core/base/settings.h"

enum { FORMER_KEYS_MS = 3600000 /* former callback keys stay good for an hour */ };

/* Index of the entry of LIST with NAME in C, or -1: names may have moved in the file. */
static long find_by_name(const struct conf *c, const char *list, const char *name)
{
	for (size_t i = 0; i < conf_count(c, list); i++) {
		if (strcmp(conf_strf(c, "%s[%zu].name", list, i), name) == 0)
			return (long)i;
	}
	return -1;
}

static void keep_old(const char *list, const char *name, const struct sw_err *err)
{
	LOG_ERROR("reload_kept_old", "setting=%s route=%s err=%s", list, name, err->text);
}

static void reload_robot(struct bot *b, const struct conf *c, size_t i)
{
	const char *name = outq_route(b->queues[i]);
	long at = find_by_name(c, "wecom.robots", name);
	struct sw_err err = {.text = "it is not in the file any more"};
	struct buf key;

	buf_init(&key, SECRET_MAX);
	if (at < 0 || secret_read(c, "wecom.robots", (size_t)at, "key_file", &key, &err) < 0 ||
		robot_set_key(b->robots[i].robot, buf_str(&key), &err) < 0)
		keep_old("wecom.robots", name, &err);
	secret_fini(&key);
}

static void reload_app(struct bot *b, const struct conf *c, size_t i)
{
	const char *name = outq_route(b->queues[b->n_robots + i]);
	long at = find_by_name(c, "wecom.apps", name);
	struct sw_err err = {.text = "it is not in the file any more"};
	struct buf secret;

	buf_init(&secret, SECRET_MAX);
	if (at < 0 || secret_read(c, "wecom.apps", (size_t)at, "secret_file", &secret, &err) < 0 ||
		wecom_token_set_secret(b->apps[i].token, buf_str(&secret)) < 0)
		keep_old("wecom.apps", name, &err);
	secret_fini(&secret);
}

static void reload_endpoint(struct bot *b, const struct conf *c, struct endpoint *e)
{
	long at = find_by_name(c, e->list, e->name);
	struct sw_err err = {.text = "it is not in the file any more"};
	struct buf token, key;

	buf_init(&token, SECRET_MAX);
	buf_init(&key, SECRET_MAX);
	if (at < 0 || secret_read(c, e->list, (size_t)at, "token_file", &token, &err) < 0 ||
		secret_read(c, e->list, (size_t)at, "aes_key_file", &key, &err) < 0 ||
		wecom_callback_set_keys(e->callback, buf_str(&token), buf_str(&key),
			clock_now_ms(&b->clock) + FORMER_KEYS_MS, &err) < 0)
		keep_old(e->list, e->name, &err);
	secret_fini(&token);
	secret_fini(&key);
}

static void reload_sms_tokens(struct bot *b, const struct conf *c)
{
	struct sw_err err = {0};

	if (sms_tokens_load(c, b->sms, clock_now_ms(&b->clock) + FORMER_KEYS_MS, &err) < 0)
		keep_old("sms.callback_tokens", "", &err);
}

void bot_reload(struct bot *b)
{
	struct problems problems;
	struct conf *c = NULL;

	problems_init(&problems);
	if (settings_load(b->conf_file, &problems, &c) < 0) {
		problems_print(&problems, stderr);
		LOG_ERROR("reload_refused", "file=%s errors=%zu", b->conf_file, problems.n_errors);
		problems_fini(&problems);
		return;
	}
	problems_fini(&problems);
	for (size_t i = 0; i < b->n_robots; i++)
		reload_robot(b, c, i);
	for (size_t i = 0; i < b->n_apps; i++)
		reload_app(b, c, i);
	for (size_t i = 0; i < b->n_endpoints; i++)
		reload_endpoint(b, c, &b->endpoints[i]);
	reload_sms_tokens(b, c);
	limit_set(b->limit, conf_int(c, "http.rate_per_ip"));
	conf_free(b->conf);
	b->conf = c;
	bot_set_log_level(b);
	for (size_t i = 0; i < b->n_queues; i++)
		outq_release(b->queues[i], OUTQ_HOLD_CONFIG);
	LOG_INFO("reloaded", "file=%s", b->conf_file);
}
