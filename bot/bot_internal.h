/*
 * bot/bot_internal.h: the program's parts, shared by the files that make it up: bot.c opens and ends, bot_destinations.c
 * has whom it sends to, bot_reload.c reads the configuration again. Nobody else includes this.
 */
#ifndef SW_BOT_BOT_INTERNAL_H
#define SW_BOT_BOT_INTERNAL_H

#include "bot/bot.h"
#include "bot/bridge.h"
#include "bot/ingress/honour_page.h"
#include "bot/ingress/pages.h"
#include "bot/ingress/route.h"
#include "bot/wecom/app_message.h"
#include "bot/wecom/robot.h"
#include "core/io/health.h"
#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "core/io/timer.h"

struct robot_dest {
	struct robot *robot;
};

struct app_dest {
	struct wecom_token *token;
	struct app *app;
};

/* A callback endpoint and the place of its settings. */
struct endpoint {
	struct wecom_callback *callback;
	const char *list; /* "wecom.apps" or "wecom.smart_robots" */
	char name[40];
};

struct bot {
	struct conf *conf;
	char *conf_file;
	struct clock clock;
	struct loop *loop;
	struct metrics *metrics;
	struct health *health;
	struct http_client *http;
	struct bridge *bridge;
	struct spool *spool;
	struct attempts *attempts;
	struct limit *limit;
	struct route *route;
	struct sms_callbacks *sms;
	struct pages *pages;
	struct honour_page *honour_page;
	struct http_server *server;
	struct timer *tick, *stop;

	struct robot_dest *robots;
	size_t n_robots;
	struct app_dest *apps;
	size_t n_apps;
	struct outq **queues; /* the robots' first, then the applications' */
	size_t n_queues;
	struct endpoint *endpoints;
	size_t n_endpoints;

	bool is_stopping;
	int64_t stop_at_ms; /* monotonic: patience ends */
	int open_parts;     /* spool, attempts, broker: being closed */
};

/* "<state_dir>/bot/<NAME>", NAME "" for the folder; the caller frees. NULL: out of memory. */
char *bot_state_path(const struct conf *c, const char *name);
/* As b->conf says. */
void bot_set_log_level(struct bot *b);

/* bot_destinations.c: robots and applications with their queues; what was opened stays in B after an error. */
int bot_open_destinations(struct bot *b, struct sw_err *err) SW_MUST_CHECK;

/* bot_reload.c: keys, limits and log level anew; a mistake in the file changes nothing. */
void bot_reload(struct bot *b);

#endif
