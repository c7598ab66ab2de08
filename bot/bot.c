/*
 * bot/bot.c: construction, reload and end of the edge.
 *
 * Reload changes keys, limits and the log level, never which destinations there are: their queues hold
 * messages. An end waits for requests in flight, because each one cut off becomes an "unknown".
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bot/bot.h"
#include "bot/bridge.h"
#include "bot/ingress/honour_page.h"
#include "bot/ingress/pages.h"
#include "bot/ingress/route.h"
#include "bot/secret.h"
#include "bot/sms_tokens.h"
#include "bot/wecom/app_message.h"
#include "bot/wecom/robot.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "core/io/health.h"
#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "core/io/timer.h"

enum {
	STOP_PATIENCE_MS = 8000,
	STOP_POLL_MS = 20,
	TICK_MS = 5000,
	FORMER_KEYS_MS = 3600000, /* former callback keys stay good for an hour after a reload */
	ROBOT_PER_MINUTE = 18,    /* WeCom takes 20 (document 91770) */
	MEMBER_PER_MINUTE = 30,   /* more are dropped without a word (document 90236) */
	MEMBER_PER_HOUR = 1000,
	PROXY_CONNECTIONS = 500,
	MINUTE_MS = 60000,
	HOUR_MS = 3600000,
};

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

/* ---- small things --------------------------------------------------------------------------------- */

static char *state_path(const struct conf *c, const char *name)
{
	struct buf b;
	char *path;

	buf_init(&b, 8192);
	(void)buf_addf(&b, "%s/bot%s%s", conf_str(c, "state_dir"), *name ? "/" : "", name);
	path = buf_take(&b);
	buf_fini(&b);
	return path;
}

static int64_t log_now(void *ctx)
{
	const struct bot *b = ctx;

	return clock_now_ms(&b->clock);
}

static void set_log_level(struct bot *b)
{
	enum log_level level;

	if (log_level_parse(conf_str(b->conf, "log.level"), &level) == 0)
		log_setup(level, log_now, b);
}

/* ---- destinations ----------------------------------------------------------------------------------- */

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
	file = state_path(c, name);
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

static int open_destinations(struct bot *b, struct sw_err *err)
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

/* ---- callbacks ------------------------------------------------------------------------------------------ */

static int open_callback(
	struct bot *b, const char *list, size_t i, enum callback_kind kind, struct sw_err *err)
{
	const struct conf *c = b->conf;
	struct endpoint *e = &b->endpoints[b->n_endpoints];
	const char *corp_id = kind == CALLBACK_APP ? conf_strf(c, "%s[%zu].corp_id", list, i) : "";
	struct buf token, key;
	char path[64]; /* a name has at most 32 characters */
	int rc;

	e->list = list;
	(void)snprintf(e->name, sizeof(e->name), "%s", conf_strf(c, "%s[%zu].name", list, i));
	(void)snprintf(path, sizeof(path), "/wecom/%s/%s", kind == CALLBACK_APP ? "app" : "robot",
		e->name);
	buf_init(&token, SECRET_MAX);
	buf_init(&key, SECRET_MAX);
	rc = secret_read(c, list, i, "token_file", &token, err);
	if (rc == 0)
		rc = secret_read(c, list, i, "aes_key_file", &key, err);
	if (rc == 0)
		rc = wecom_callback_create(
			kind, e->name, buf_str(&token), buf_str(&key), corp_id, &e->callback, err);
	secret_fini(&token);
	secret_fini(&key);
	if (rc < 0)
		return rc;
	b->n_endpoints++;
	rc = route_add_callback(b->route, path, kind, e->callback);
	return rc < 0 ? err_set(err, rc, "%s: %s", path, err_name(rc)) : 0;
}

static int open_callbacks(struct bot *b, struct sw_err *err)
{
	const struct conf *c = b->conf;
	size_t apps = conf_count(c, "wecom.apps"), robots = conf_count(c, "wecom.smart_robots");
	int rc = 0;

	b->endpoints = calloc(apps + robots + 1, sizeof(*b->endpoints));
	if (!b->endpoints)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < apps; i++) {
		/* An application that only sends has no callback. */
		if (*conf_strf(c, "wecom.apps[%zu].token_file", i))
			rc = open_callback(b, "wecom.apps", i, CALLBACK_APP, err);
	}
	for (size_t i = 0; rc == 0 && i < robots; i++) {
		if (strcmp(conf_strf(c, "wecom.smart_robots[%zu].mode", i), "webhook") == 0)
			rc = open_callback(b, "wecom.smart_robots", i, CALLBACK_ROBOT, err);
		else
			LOG_WARN("smart_robot_not_connected", "route=%s err=%s",
				conf_strf(c, "wecom.smart_robots[%zu].name", i),
				"mode socket is not built into this version");
	}
	return rc;
}

static int open_sms_callbacks(struct bot *b, struct sw_err *err)
{
	const struct sms_callbacks_opts opts = {.loop = b->loop,
		.spool = b->spool,
		.limit = b->limit,
		.metrics = b->metrics,
		.on_taken = bridge_changed,
		.ctx = b->bridge};
	int rc = sms_callbacks_create(&opts, &b->sms);

	if (rc < 0)
		return err_set(err, rc, "out of memory");
	route_set_sms(b->route, b->sms);
	return sms_tokens_load(b->conf, b->sms, 0, err);
}

/* ---- opening -------------------------------------------------------------------------------------------- */

static void on_broker(void *ctx, bool is_up)
{
	struct bot *b = ctx;

	if (b->health)
		health_set(b->health, "mqtt", is_up);
	if (b->pages)
		pages_on_broker(b->pages, is_up);
}

/* What the pages show: state topics, and whether the notifier is there. */
static void on_other(void *ctx, const char *topic, const void *payload, size_t len)
{
	struct bot *b = ctx;

	if (b->honour_page && honour_page_on_message(b->honour_page, topic, payload, len))
		return;
	if (b->pages)
		pages_on_message(b->pages, topic, payload, len);
}

static void update_health(struct bot *b)
{
	health_set(b->health, "spool", !spool_broken(b->spool));
	health_set(b->health, "journal", !attempts_broken(b->attempts));
}

static void set_hold(struct bot *b, const char *reason, unsigned flag)
{
	char labels[48];
	double n = 0;

	for (size_t i = 0; i < b->n_queues; i++)
		n += (outq_held(b->queues[i]) & flag) != 0;
	(void)snprintf(labels, sizeof(labels), "reason=\"%s\"", reason);
	metrics_set(b->metrics, "shouwang_hold", labels, n);
}

static void before_metrics(void *ctx)
{
	struct bot *b = ctx;
	size_t queued = 0;

	if (b->is_stopping)
		return;
	for (size_t i = 0; i < b->n_queues; i++)
		queued += outq_length(b->queues[i]);
	metrics_set(b->metrics, "shouwang_queued_messages", NULL, (double)queued);
	metrics_set(
		b->metrics, "shouwang_unacked", "kind=\"event\"", (double)spool_unacked(b->spool));
	metrics_set(b->metrics, "shouwang_unacked", "kind=\"verdict\"",
		(double)bridge_unacked_verdicts(b->bridge));
	metrics_set(
		b->metrics, "shouwang_loop_lag_seconds", NULL, (double)loop_lag_ms(b->loop) / 1000);
	set_hold(b, "operator", OUTQ_HOLD_ALL | OUTQ_HOLD_ROUTE);
	set_hold(b, "config", OUTQ_HOLD_CONFIG);
	update_health(b);
}

/* Files break without an event of their own: looked at now and then for /readyz. */
static void on_tick(void *ctx)
{
	struct bot *b = ctx;

	update_health(b);
	timer_after(b->tick, TICK_MS);
}

static int open_stores(struct bot *b, struct sw_err *err)
{
	const struct conf *c = b->conf;
	struct seal_key key;
	char *folder = state_path(c, "");
	char *spool = state_path(c, "spool.log"), *journal = state_path(c, "journal.log");
	int rc = folder && spool && journal ? 0 : err_set(err, -ENOMEM, "out of memory");

	if (rc == 0)
		rc = file_mkdirs(folder, 0700, err);
	if (rc == 0)
		rc = seal_key_load(conf_str(c, "keys.spool_file"), &key, err);
	if (rc == 0)
		rc = spool_open(b->loop, spool, &key, clock_now_ms(&b->clock), bridge_event,
			b->bridge, &b->spool, err);
	explicit_bzero(&key, sizeof(key));
	if (rc == 0)
		rc = attempts_open(b->loop, journal, clock_now_ms(&b->clock), &b->attempts, err);
	free(folder);
	free(spool);
	free(journal);
	return rc;
}

/* The windows go on where the former process left them: a restart is no fresh start for the provider. */
static void restore_pace(
	void *ctx, int64_t at_ms, const char *channel, const char *route, const char *who)
{
	struct bot *b = ctx;

	for (size_t i = 0; i < b->n_queues; i++) {
		if (strcmp(outq_channel(b->queues[i]), channel) == 0 &&
			strcmp(outq_route(b->queues[i]), route) == 0)
			outq_was_sent(b->queues[i], who, at_ms);
	}
}

static int open_bridge(struct bot *b, struct sw_err *err)
{
	const struct conf *c = b->conf;
	const char *file = conf_str(c, "mqtt.bot.password_file");
	char host[65] = "main";
	struct buf password;
	struct bridge_opts opts = {.spool = b->spool,
		.attempts = b->attempts,
		.queues = b->queues,
		.n_queues = b->n_queues,
		.metrics = b->metrics,
		.instance = host,
		.version = SHOUWANG_VERSION,
		.is_simulation = conf_bool(c, "simulation"),
		.on_broker = on_broker,
		.on_other = on_other,
		.ctx = b};
	int rc = 0;

	if (gethostname(host, sizeof(host) - 1) < 0 || strpbrk(host, "/+#"))
		memcpy(host, "main", sizeof("main"));
	buf_init(&password, SECRET_MAX);
	if (*file)
		rc = file_read_secret(file, &password, err);
	if (rc == 0) {
		opts.mqtt = (struct mqtt_opts){.host = conf_str(c, "mqtt.host"),
			.port = (uint16_t)conf_int(c, "mqtt.port"),
			.client_id = "shouwang-bot",
			.user = *conf_str(c, "mqtt.bot.user") ? conf_str(c, "mqtt.bot.user") : NULL,
			.password = password.len > 0 ? buf_str(&password) : NULL};
		rc = bridge_start(b->bridge, &opts);
		if (rc == 0)
			rc = bridge_subscribe(b->bridge, "sw/v1/state/#");
		if (rc < 0)
			err_set(err, rc, "mqtt: %s", err_name(rc));
	}
	secret_fini(&password);
	return rc;
}

static int open_pages(struct bot *b, struct sw_err *err)
{
	struct pages_opts opts = {.loop = b->loop,
		.metrics = b->metrics,
		.tls_in_front = conf_bool(b->conf, "http.tls_in_front")};
	char *operators = NULL;
	int rc = -ENOMEM;

	if (asprintf(&operators, "%s/operators.conf", conf_str(b->conf, "state_dir")) >= 0) {
		opts.operators_file = operators;
		rc = pages_create(&opts, &b->pages);
		free(operators);
	}
	if (rc == 0)
		rc = honour_page_create(&b->honour_page);
	return rc < 0 ? err_set(err, rc, "pages: %s", err_name(rc)) : 0;
}

static int open_listeners(struct bot *b, struct sw_err *err)
{
	const struct conf *c = b->conf;
	const struct route_opts route = {.loop = b->loop,
		.spool = b->spool,
		.limit = b->limit,
		.metrics = b->metrics,
		.on_taken = bridge_changed,
		.ctx = b->bridge,
		.knows = pages_knows,
		.knows_ctx = b->pages};
	const struct http_server_opts server = {.address = conf_str(c, "http.listen"),
		.port = (uint16_t)conf_int(c, "http.port"),
		.max_body_for = route_max_body,
		/* A proxy is one address for everybody; live pages must leave room for callbacks. */
		.max_per_ip = conf_bool(c, "http.tls_in_front") ? PROXY_CONNECTIONS : 0};
	int rc = route_create(&route, &b->route);

	if (rc < 0)
		return err_set(err, rc, "out of memory");
	rc = open_callbacks(b, err);
	if (rc == 0)
		rc = open_sms_callbacks(b, err);
	if (rc == 0) {
		rc = pages_add(b->pages, b->route);
		if (rc == 0)
			rc = honour_page_add(b->honour_page, b->route);
		if (rc < 0)
			err_set(err, rc, "pages: %s", err_name(rc));
	}
	if (rc == 0)
		rc = http_server_open(b->loop, &server, route_handle, b->route, &b->server, err);
	return rc;
}

static void on_signal(void *ctx, int signum);
static void on_stop_timer(void *ctx);

static int open_base(struct bot *b, struct sw_err *err)
{
	const struct conf *c = b->conf;
	int rc;

	if (conf_bool(c, "simulation"))
		clock_init_simulated(&b->clock, conf_int(c, "simulation_start"));
	else
		clock_init_real(&b->clock);
	set_log_level(b);
	rc = loop_create(&b->clock, &b->loop);
	if (rc == 0)
		rc = metrics_create(&b->metrics);
	if (rc == 0)
		rc = limit_create(conf_int(c, "http.rate_per_ip"), &b->limit);
	if (rc == 0)
		rc = bridge_create(b->loop, &b->bridge);
	if (rc == 0)
		rc = timer_new(b->loop, on_tick, b, &b->tick);
	if (rc == 0)
		rc = timer_new(b->loop, on_stop_timer, b, &b->stop);
	if (rc < 0)
		return err_set(err, rc, "cannot start: %s", err_name(rc));
	return health_open(b->loop, "127.0.0.1", (uint16_t)conf_int(c, "http.metrics_port"),
		b->metrics, before_metrics, b, &b->health, err);
}

static int watch_signals(struct bot *b)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(signals); i++)
		rc = loop_on_signal(b->loop, signals[i], on_signal, b);
	return rc;
}

static void describe_metrics(struct bot *b)
{
	metrics_help(b->metrics, "shouwang_callbacks_total",
		"Requests from outside by what became of them.");
	metrics_help(b->metrics, "shouwang_attempts_total", "Attempts to send by their verdict.");
	metrics_help(b->metrics, "shouwang_queued_messages", "Messages that wait in the bot.");
	metrics_help(
		b->metrics, "shouwang_unacked", "Published, not acknowledged by the notifier.");
	metrics_help(b->metrics, "shouwang_hold", "Destinations that are held.");
	metrics_set(b->metrics, "shouwang_build_info", "version=\"" SHOUWANG_VERSION "\"", 1);
}

int bot_open(struct conf *conf, struct bot **ret, struct sw_err *err)
{
	struct bot *b = calloc(1, sizeof(*b));
	int rc;

	if (!b) {
		conf_free(conf);
		return err_set(err, -ENOMEM, "out of memory");
	}
	b->conf = conf;
	b->conf_file = strdup(conf_file(conf));
	rc = b->conf_file ? open_base(b, err) : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = open_stores(b, err);
	if (rc == 0)
		rc = open_destinations(b, err);
	if (rc == 0) {
		attempts_each_tried(b->attempts, restore_pace, b);
		rc = open_bridge(b, err);
	}
	if (rc == 0)
		rc = open_pages(b, err);
	if (rc == 0)
		rc = open_listeners(b, err);
	if (rc == 0) {
		rc = watch_signals(b);
		if (rc < 0)
			err_set(err, rc, "signals: %s", err_name(rc));
	}
	if (rc < 0) {
		bot_destroy(b);
		return rc;
	}
	describe_metrics(b);
	health_set(b->health, "mqtt", false);
	on_tick(b);
	*ret = b;
	return 0;
}

/* ---- reload ----------------------------------------------------------------------------------------------- */

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

static void reload(struct bot *b)
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
	set_log_level(b);
	for (size_t i = 0; i < b->n_queues; i++)
		outq_release(b->queues[i], OUTQ_HOLD_CONFIG);
	LOG_INFO("reloaded", "file=%s", b->conf_file);
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static void close_listeners(struct bot *b)
{
	http_server_close(b->server);
	health_close(b->health);
	b->server = NULL;
	b->health = NULL;
	timer_stop(b->tick);
	timer_stop(b->stop);
	loop_stop(b->loop);
}

static void on_part_closed(void *ctx)
{
	struct bot *b = ctx;

	if (--b->open_parts == 0)
		close_listeners(b);
}

/* Broker first: its relays point into the stores. */
static void close_parts(struct bot *b)
{
	http_client_destroy(b->http); /* what is still in flight gets its verdict here */
	b->http = NULL;
	b->open_parts = 3;
	bridge_close(b->bridge, on_part_closed, b);
	spool_close(b->spool, on_part_closed, b);
	attempts_close(b->attempts, on_part_closed, b);
	b->spool = NULL;
	b->attempts = NULL;
}

static bool is_idle(const struct bot *b)
{
	for (size_t i = 0; i < b->n_queues; i++) {
		if (outq_is_sending(b->queues[i]))
			return false;
	}
	return route_waiting(b->route) == 0;
}

static void on_stop_timer(void *ctx)
{
	struct bot *b = ctx;

	if (is_idle(b) || clock_mono_ms() >= b->stop_at_ms)
		close_parts(b);
	else
		timer_after(b->stop, STOP_POLL_MS);
}

static void stop(struct bot *b)
{
	if (b->is_stopping)
		return;
	LOG_INFO("stopping", "in_flight=%zu", http_client_inflight(b->http));
	b->is_stopping = true;
	b->stop_at_ms = clock_mono_ms() + STOP_PATIENCE_MS;
	route_stop(b->route);
	for (size_t i = 0; i < b->n_queues; i++)
		outq_stop(b->queues[i]);
	timer_stop(b->tick);
	timer_after(b->stop, 0);
}

static void on_signal(void *ctx, int signum)
{
	struct bot *b = ctx;

	if (signum == SIGHUP && !b->is_stopping)
		reload(b);
	else if (signum != SIGHUP)
		stop(b);
}

void bot_run(struct bot *b)
{
	LOG_INFO("started", "version=%s listen=%s port=%u robots=%zu apps=%zu callbacks=%zu",
		SHOUWANG_VERSION, conf_str(b->conf, "http.listen"), http_server_port(b->server),
		b->n_robots, b->n_apps, b->n_endpoints);
	loop_run(b->loop);
	LOG_INFO("stopped", "version=%s", SHOUWANG_VERSION);
}

/* Also after an opening that failed half-way: then the parts were never closed. */
static void destroy_parts(struct bot *b)
{
	if (b->http)
		http_client_destroy(b->http);
	if (b->bridge)
		bridge_close(b->bridge, NULL, NULL);
	if (b->spool)
		spool_close(b->spool, NULL, NULL);
	if (b->attempts)
		attempts_close(b->attempts, NULL, NULL);
	if (b->server)
		http_server_close(b->server);
	if (b->health)
		health_close(b->health);
	pages_stop(b->pages);
	timer_destroy(b->tick);
	timer_destroy(b->stop);
	for (size_t i = 0; i < b->n_queues; i++)
		outq_destroy(b->queues[i]);
	for (size_t i = 0; i < b->n_apps; i++) {
		app_destroy(b->apps[i].app);
		wecom_token_destroy(b->apps[i].token);
	}
	for (size_t i = 0; i < b->n_robots; i++)
		robot_destroy(b->robots[i].robot);
}

void bot_destroy(struct bot *b)
{
	if (!b)
		return;
	destroy_parts(b);
	loop_destroy(b->loop);
	log_setup(LOG_LEVEL_INFO, NULL, NULL);
	route_destroy(b->route);
	pages_destroy(b->pages);
	honour_page_destroy(b->honour_page);
	sms_callbacks_destroy(b->sms);
	for (size_t i = 0; i < b->n_endpoints; i++)
		wecom_callback_destroy(b->endpoints[i].callback);
	bridge_destroy(b->bridge);
	limit_destroy(b->limit);
	metrics_destroy(b->metrics);
	free(b->endpoints);
	free(b->robots);
	free(b->apps);
	free(b->queues);
	free(b->conf_file);
	conf_free(b->conf);
	free(b);
}
