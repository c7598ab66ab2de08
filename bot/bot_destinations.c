/*
 * bot/bot_destinations.c: group robots and applications: each with its key, its pace and its queue.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/bot_internal.h"
#include "bot/secret.h"

enum {
	ROBOT_PER_MINUTE = 18,  /* WeCom takes 20 (document 91770) */
	MEMBER_PER_MINUTE = 30, /* more are dropped without a word (document 90236) */
	MEMBER_PER_HOUR = 1000,
	MINUTE_MS = 60000,
	HOUR_MS = 3600000,
};

static int open_queue(struct bot *b, const char *channel, const char *route,
	const struct sender *sender, const struct pace_limit limits[PACE_LIMITS], bool per_member,
	struct sw_err *err)
{
	struct outq_opts opts = {.channel = channel,
		.route = route,
		.is_paced_per_member = per_member,
		.sender = *sender,
		.attempts = b->attempts,
		.on_verdict = bridge_verdict,
		.on_change = bridge_changed,
		.ctx = b->bridge};
	int rc;

	memcpy(opts.limits, limits, sizeof(opts.limits));
	rc = outq_create(b->loop, &opts, &b->queues[b->n_queues]);
	if (rc < 0)
		return err_set(err, rc, "%s %s: %s", channel, route, err_name(rc));
	b->n_queues++;
	return 0;
}

static int open_robot(struct bot *b, size_t i, struct sw_err *err)
{
	static const struct pace_limit limits[PACE_LIMITS] = {{ROBOT_PER_MINUTE, MINUTE_MS}};
	const struct conf *c = b->conf;
	struct robot_dest *r = &b->robots[i];
	struct sender sender;
	struct buf key;
	int rc;

	buf_init(&key, SECRET_MAX);
	rc = secret_read(c, "wecom.robots", i, "key_file", &key, err);
	if (rc == 0)
		rc = robot_create(b->http, conf_str(c, "wecom.api_base"),
			conf_str(c, "outbound.mid_header"), buf_str(&key), &r->robot, err);
	secret_fini(&key);
	if (rc < 0)
		return rc;
	b->n_robots = i + 1;
	sender = robot_sender(r->robot);
	return open_queue(
		b, "robot", conf_strf(c, "wecom.robots[%zu].name", i), &sender, limits, false, err);
}

static int open_token(struct bot *b, size_t i, struct wecom_token **ret, struct sw_err *err)
{
	const struct conf *c = b->conf;
	char name[64]; /* a name has at most 32 characters */
	struct buf secret;
	char *file;
	int rc;

	(void)snprintf(
		name, sizeof(name), "token-%s.json", conf_strf(c, "wecom.apps[%zu].name", i));
	file = bot_state_path(c, name);
	buf_init(&secret, SECRET_MAX);
	rc = secret_read(c, "wecom.apps", i, "secret_file", &secret, err);
	if (rc == 0) {
		rc = file ? wecom_token_create(b->loop, b->http, conf_str(c, "wecom.api_base"),
				    conf_strf(c, "wecom.apps[%zu].corp_id", i), buf_str(&secret),
				    file, ret)
			  : -ENOMEM;
		if (rc < 0)
			err_set(err, rc, "out of memory");
	}
	secret_fini(&secret);
	free(file);
	return rc;
}

static int open_app(struct bot *b, size_t i, struct sw_err *err)
{
	static const struct pace_limit limits[PACE_LIMITS] = {
		{MEMBER_PER_MINUTE, MINUTE_MS}, {MEMBER_PER_HOUR, HOUR_MS}};
	const struct conf *c = b->conf;
	struct app_dest *a = &b->apps[i];
	struct sender sender;
	int rc = open_token(b, i, &a->token, err);

	if (rc < 0)
		return rc;
	b->n_apps = i + 1;
	rc = app_create(b->http, a->token, conf_str(c, "wecom.api_base"),
		conf_str(c, "outbound.mid_header"), conf_intf(c, "wecom.apps[%zu].agent_id", i),
		&a->app);
	if (rc < 0)
		return err_set(err, rc, "out of memory");
	sender = app_sender(a->app);
	return open_queue(
		b, "app", conf_strf(c, "wecom.apps[%zu].name", i), &sender, limits, true, err);
}

int bot_open_destinations(struct bot *b, struct sw_err *err)
{
	size_t robots = conf_count(b->conf, "wecom.robots"),
	       apps = conf_count(b->conf, "wecom.apps");
	const struct http_client_opts http = {.max_connections = 64, .max_per_host = 48};
	int rc = http_client_create(b->loop, &http, &b->http);

	b->robots = calloc(robots + 1, sizeof(*b->robots));
	b->apps = calloc(apps + 1, sizeof(*b->apps));
	b->queues = calloc(robots + apps + 1, sizeof(*b->queues));
	if (rc < 0 || !b->robots || !b->apps || !b->queues)
		return err_set(err, rc < 0 ? rc : -ENOMEM, "cannot open the destinations");
	for (size_t i = 0; rc == 0 && i < robots; i++)
		rc = open_robot(b, i, err);
	for (size_t i = 0; rc == 0 && i < apps; i++)
		rc = open_app(b, i, err);
	return rc;
}
