/*
 * bot/bot.c: construction and end of the edge.
 *
 * An end waits for requests in flight, because each one cut off becomes an "unknown".
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bot/bot_internal.h"
#include "bot/secret.h"
#include "bot/sms_tokens.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"

enum {
	STOP_PATIENCE_MS = 8000,
	STOP_POLL_MS = 20,
	TICK_MS = 5000,
	PROXY_CONNECTIONS = 500,
};

/* ---- small things --------------------------------------------------------------------------------- */

char *bot_state_path(const struct conf *c, const char *name)
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

void bot_set_log_level(struct bot *b)
{
	enum log_level level;

	if (log_level_parse(conf_str(b->conf, "log.level"), &level) == 0)
		log_setup(level, log_now, b);
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
	char *folder = bot_state_path(c, "");
	char *spool = bot_state_path(c, "spool.log"), *journal = bot_state_path(c, "journal.log");
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
	bot_set_log_level(b);
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
		rc = bot_open_destinations(b, err);
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
		bot_reload(b);
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
