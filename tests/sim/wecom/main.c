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
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/control.h"
#include "tests/sim/wecom/front.h"
#include "tests/sim/wecom/participant.h"
#include "tests/sim/wecom/script.h"

enum { CHAT_MAX = 20000, LEDGER_MAX = 50000, EX_USE = 64, EX_INTERNAL = 70, EX_CONF = 78 };

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
		rc = control_create(s, &s->control);
	if (rc == 0)
		rc = callbacks_create(s, &s->callbacks);
	if (rc == 0)
		rc = script_create(s, &s->script);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGTERM, on_signal, s);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGINT, on_signal, s);
	if (rc < 0)
		return err_set(err, rc, "cannot start: %s", err_name(rc));
	return front_open(s, &s->front, err);
}

static int load_script(struct sim *s)
{
	const char *file = conf_str(s->world.conf, "script");
	struct problems p;
	int rc = 0;

	problems_init(&p);
	if (*file)
		rc = script_load(s->script, file, &p);
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
		return participant_open(s, &s->participant, err);
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
	if (s->script)
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
