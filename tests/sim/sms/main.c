/*
 * tests/sim/sms/main.c: sim-sms: Aliyun's SMS service and everybody's phone on one loopback port, for tests and the demo.
 *
 *   sim-sms -c FILE      prints "LISTENING http://127.0.0.1:PORT" when it is ready
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "tests/sim/sms/api.h"
#include "tests/sim/sms/lines.h"
#include "tests/sim/sms/push.h"
#include "tests/sim/sms/receipt.h"
#include "tests/sim/sms/requests.h"

enum { EX_USE = 64, EX_INTERNAL = 70, EX_CONF = 78 };

static const struct fault_own own_faults[] = {
	{"throttle", FAULT_OF_REQUEST, NULL},
	{"code", FAULT_OF_REQUEST, "isp.SYSTEM_ERROR"},
	{"receipt_early", FAULT_OF_CALLBACK, NULL},
	{"receipt_late", FAULT_OF_CALLBACK, NULL},
	{"receipt_twice", FAULT_OF_CALLBACK, NULL},
	{"receipt_lost", FAULT_OF_CALLBACK, NULL},
	{"receipt_order", FAULT_OF_CALLBACK, NULL},
	{"receipt_code", FAULT_OF_CALLBACK, "UNDELIV"},
};

/* ---- the shared clock -------------------------------------------------------------------------- */

static void on_time(void *ctx)
{
	struct sim *s = ctx;

	control_tell_clock(s->control);
	receipts_run(s->receipts);
	script_run(s->script);
}

static int64_t next_ms(void *ctx)
{
	struct sim *s = ctx;
	int64_t script = script_next_ms(s->script), receipts = receipts_next_ms(s->receipts);

	return script < receipts ? script : receipts;
}

static int64_t busy(void *ctx)
{
	struct sim *s = ctx;

	return (int64_t)pushes_busy(s->pushes) + (script_idle(s->script) ? 0 : 1) +
	       (receipts_next_ms(s->receipts) <= sim_now_ms(s) ? 1 : 0);
}

static int join_clock(struct sim *s, struct sw_err *err)
{
	control_share_clock(s->control);
	return participant_open(&(struct participant_opts){.name = "sms_sim",
					.loop = s->loop,
					.clock = &s->clock,
					.conf = s->settings.conf,
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

	if (api_wants(x)) {
		api_handle(s, x);
		return true;
	}
	return control_handle(s->control, x);
}

static void on_tell(void *ctx)
{
	struct sim *s = ctx;
	json_t *data = json_pack("{s:I}", "messages", (json_int_t)(s->phones.next_seq - 1));

	control_tell(s->control, "change", data);
	json_decref(data);
}

static void stop_loop(void *ctx)
{
	struct sim *s = ctx;

	loop_stop(s->loop);
}

/* Nothing new begins; who waits is told. */
static void close_parts(struct sim *s)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->front)
		front_close(s->front);
	if (s->script)
		script_close(s->script);
	if (s->receipts)
		receipts_close(s->receipts);
	if (s->pushes)
		pushes_close(s->pushes);
}

static void on_signal(void *ctx, int signum)
{
	struct sim *s = ctx;

	(void)signum;
	if (s->closing)
		return;
	close_parts(s);
	if (s->participant)
		participant_close(s->participant, stop_loop, s);
	else if (loop_defer(s->loop, stop_loop, s) < 0)
		loop_stop(s->loop);
}

static void set_clock(struct sim *s)
{
	int64_t start = conf_int(s->settings.conf, "simulation_start");

	if (start > 0)
		clock_init_simulated(&s->clock, start);
	else
		clock_init_real(&s->clock);
}

static int open_parts(struct sim *s, struct sw_err *err)
{
	int rc = loop_create(&s->clock, &s->loop);

	if (rc == 0)
		rc = ledger_init(&s->ledger);
	if (rc == 0)
		rc = nonces_create(&s->nonces);
	if (rc == 0)
		rc = timer_new(s->loop, on_tell, s, &s->telling);
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
		rc = pushes_create(s, &s->pushes);
	if (rc == 0)
		rc = receipts_create(s, &s->receipts);
	if (rc == 0)
		rc = lines_create(s);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGTERM, on_signal, s);
	if (rc == 0)
		rc = loop_on_signal(s->loop, SIGINT, on_signal, s);
	if (rc < 0)
		return err_set(err, rc, "cannot start: %s", err_name(rc));
	return front_open(&(struct front_opts){.loop = s->loop,
				  .address = conf_str(s->settings.conf, "listen"),
				  .port = (uint16_t)conf_int(s->settings.conf, "port"),
				  .page = "phones.html",
				  .handle = on_request,
				  .ctx = s},
		&s->front, err);
}

static int load_files(struct sim *s)
{
	const char *script = conf_str(s->settings.conf, "script");
	struct problems p;
	int rc;

	problems_init(&p);
	rc = phones_init(&s->phones, &s->settings, &p);
	if (rc == 0 && *script)
		rc = lines_load(s, script, &p);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int start(struct sim *s, struct sw_err *err)
{
	int rc = open_parts(s, err);

	if (rc < 0)
		return rc;
	if (load_files(s) < 0)
		return err_set(err, SW_ECONF, "phones or script are wrong");
	/* With a broker the time is known when the first message of the clock has come. */
	if (s->clock.simulated && conf_int(s->settings.conf, "mqtt.port") > 0)
		return join_clock(s, err);
	script_run(s->script);
	return 0;
}

/* Handles go before the loop, memory that their last callbacks touch after it. */
static void finish(struct sim *s)
{
	close_parts(s);
	timer_destroy(s->telling);
	if (s->client)
		http_client_destroy(s->client);
	if (s->loop)
		loop_destroy(s->loop);
	if (s->participant)
		participant_free(s->participant);
	script_free(s->script);
	pushes_free(s->pushes);
	receipts_free(s->receipts);
	if (s->front)
		front_free(s->front);
	control_free(s->control);
	nonces_free(s->nonces);
	ledger_fini(&s->ledger);
	phones_fini(&s->phones);
	settings_fini(&s->settings);
}

static int run(const char *file)
{
	struct sim s = {0};
	struct problems p;
	struct sw_err err = {0};
	int rc;

	problems_init(&p);
	rc = settings_load(file, &p, &s.settings);
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
		fprintf(stderr, "sim-sms: %s\n", err.text);
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
		fprintf(stderr, "usage: sim-sms -c FILE\n");
		return EX_USE;
	}
	return run(file);
}
