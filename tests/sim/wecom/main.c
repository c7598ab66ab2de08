/*
 * tests/sim/wecom/main.c: sim-wecom: a WeCom on one loopback port, for tests and the demo.
 *
 *   sim-wecom -c FILE      prints "LISTENING http://127.0.0.1:PORT" when it is ready
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "tests/sim/front.h"
#include "tests/sim/script.h"
#include "tests/sim/wecom/api.h"
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/lines.h"
#include "tests/sim/wecom/requests.h"

enum { CHAT_MAX = 20000, LEDGER_MAX = 50000, EX_USE = 64, EX_INTERNAL = 70, EX_CONF = 78 };

static const struct fault_own own_faults[] = {
	{"errcode", FAULT_OF_REQUEST, "45009"},
	{"45009", FAULT_OF_REQUEST, "45009"},
	{"repeat", FAULT_OF_CALLBACK, NULL},
};

/* ---- the shared clock -------------------------------------------------------------------------- */

static void on_time(void *ctx)
{
	struct sim *s = ctx;

	control_tell_clock(s->control);
	script_run(s->script);
}

static int64_t next_ms(void *ctx)
{
	struct sim *s = ctx;

	return script_next_ms(s->script);
}

static int64_t busy(void *ctx)
{
	struct sim *s = ctx;
	int64_t n = (int64_t)callbacks_busy(s->callbacks);

	return n == 0 && !script_idle(s->script) ? 1 : n;
}

static int join_clock(struct sim *s, struct sw_err *err)
{
	control_share_clock(s->control);
	return participant_open(&(struct participant_opts){.name = "wecom_sim",
					.loop = s->loop,
					.clock = &s->clock,
					.conf = s->world.conf,
					.ctx = s,
					.on_time = on_time,
					.next_ms = next_ms,
					.busy = busy},
		&s->participant, err);
}

/* ---- start and end ------------------------------------------------------------------------------ */

static bool on_request(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;

	if (text_starts(http_path(x), "/cgi-bin/")) {
		api_handle(s, x);
		return true;
	}
	return control_handle(s->control, x);
}

static void stop_loop(void *ctx)
{
	struct sim *s = ctx;

	loop_stop(s->loop);
}

static void on_signal(void *ctx, int signum)
{
	struct sim *s = ctx;

	(void)signum;
	if (s->closing)
		return;
	s->closing = true;
	front_close(s->front);
	script_close(s->script);
	callbacks_close(s->callbacks);
	if (s->participant)
		participant_close(s->participant, stop_loop, s);
	else if (loop_defer(s->loop, stop_loop, s) < 0)
		loop_stop(s->loop);
}

static void set_clock(struct sim *s)
{
	int64_t start = conf_int(s->world.conf, "simulation_start");

	if (start > 0)
		clock_init_simulated(&s->clock, start);
	else
		clock_init_real(&s->clock);
}

static int open_parts(struct sim *s, struct sw_err *err)
{
	int rc = loop_create(&s->clock, &s->loop);

	if (rc == 0)
		rc = feed_init(&s->chat, CHAT_MAX);
	if (rc == 0)
		rc = feed_init(&s->ledger, LEDGER_MAX);
	if (rc == 0)
		rc = http_client_create(s->loop, &(struct http_client_opts){0}, &s->client);
	if (rc == 0)
		rc = control_create(&(struct control_opts){.loop = s->loop,
					    .clock = &s->clock,
					    .requests = requests,
					    .n_requests = requests_len,
					    .ctx = s,
					    .on_time = on_time},
			&s->control);
	if (rc == 0)
		rc = callbacks_create(s, &s->callbacks);
	if (rc == 0)
		rc = lines_create(s);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGTERM, on_signal, s);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGINT, on_signal, s);
	if (rc < 0)
		return err_set(err, rc, "cannot start: %s", err_name(rc));
	return front_open(&(struct front_opts){.loop = s->loop,
				  .address = conf_str(s->world.conf, "listen"),
				  .port = (uint16_t)conf_int(s->world.conf, "port"),
				  .page = "wecom.html",
				  .handle = on_request,
				  .ctx = s},
		&s->front, err);
}

static int load_script(struct sim *s)
{
	const char *file = conf_str(s->world.conf, "script");
	struct problems p;
	int rc = 0;

	problems_init(&p);
	if (*file)
		rc = lines_load(s, file, &p);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int start(struct sim *s, struct sw_err *err)
{
	int rc = open_parts(s, err);

	if (rc < 0)
		return rc;
	rc = load_script(s);
	if (rc < 0)
		return err_set(err, SW_ECONF, "the script is wrong");
	/* With a broker the time is known when the first message of the clock has come. */
	if (s->clock.simulated && conf_int(s->world.conf, "mqtt.port") > 0)
		return join_clock(s, err);
	script_run(s->script);
	return 0;
}

/* Handles go before the loop, memory that their last callbacks touch after it. */
static void finish(struct sim *s)
{
	s->closing = true;
	if (s->front)
		front_close(s->front);
	if (s->script)
		script_close(s->script);
	if (s->client)
		http_client_destroy(s->client);
	if (s->loop)
		loop_destroy(s->loop);
	if (s->participant)
		participant_free(s->participant);
	script_free(s->script);
	if (s->callbacks)
		callbacks_free(s->callbacks);
	if (s->front)
		front_free(s->front);
	control_free(s->control);
	feed_fini(&s->chat);
	feed_fini(&s->ledger);
	world_fini(&s->world);
}

static int run(const char *file)
{
	struct sim s = {0};
	struct problems p;
	struct sw_err err = {0};
	int rc;

	problems_init(&p);
	rc = world_load(file, &p, &s.world);
	problems_print(&p, stderr);
	problems_fini(&p);
	if (rc < 0)
		return EX_CONF;
	set_clock(&s);
	faults_init(&s.faults, own_faults, ARRAY_LEN(own_faults));
	rc = start(&s, &err);
	if (rc == 0) {
		printf("LISTENING %s\n", front_base(s.front));
		fflush(stdout);
		loop_run(s.loop);
	} else {
		fprintf(stderr, "sim-wecom: %s\n", err.text);
	}
	finish(&s);
	return rc == 0 ? 0 : rc == SW_ECONF ? EX_CONF : EX_INTERNAL;
}

int main(int argc, char **argv)
{
	const char *file = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "c:")) != -1) {
		if (opt == 'c')
			file = optarg;
		else
			return EX_USE;
	}
	if (!file || optind != argc) {
		fprintf(stderr, "usage: sim-wecom -c FILE\n");
		return EX_USE;
	}
	return run(file);
}
