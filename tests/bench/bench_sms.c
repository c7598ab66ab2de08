/*
 * tests/bench/bench_sms.c: what one signed SMS request costs the notifier.
 *
 * First building and signing alone, then the whole way through the gateways and libcurl to a listener in another process: CPU
 * of the sender alone, user and system. Goal: 6,000 requests a second and core.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/settings.h"
#include "core/io/http_server.h"
#include "notifier/sms/driver.h"

enum { BUILT = 100000, SENT = 60000, NUMBERS = 96, GOAL_PER_S = 6000 };

#define NOW INT64_C(1660784400000)

struct bench {
	struct clock clock;
	struct loop *loop;
	struct gateways *g;
	int started, ended, accepted;
};

static char numbers[NUMBERS][16];

static void die(const char *what)
{
	fprintf(stderr, "bench_sms: %s\n", what);
	exit(1);
}

static double cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static struct gateway_request request(size_t n)
{
	return (struct gateway_request){.text = "【内蒙古民政】呼和浩特市：距报送截止还有3天。",
		.template_code = "SMS_154950909",
		.params = "{\"unit\":\"呼和浩特市\",\"days\":\"3\"}",
		.numbers = (const char(*)[16])numbers,
		.n = n,
		.out_id = "7e7c3e54634a2504c5f2ccc590655aac-1"};
}

/* ---- building and signing ------------------------------------------------------------------------- */

static void bench_build(size_t n)
{
	const struct driver_account a = {.endpoint = "https://dysmsapi.aliyuncs.com",
		.id = "TESTID0001",
		.secret = "testsecret0001",
		.sign = "内蒙古民政"};
	struct gateway_request req = request(n);
	double began = cpu_us(), us;

	for (int i = 0; i < BUILT; i++) {
		struct driver_request r;
		id_str nonce;

		id_random_hex(ID_HEX / 2, nonce);
		if (driver_aliyun.build(&a, &req, NOW + i, nonce, &r, NULL) < 0)
			die("cannot build");
		driver_request_fini(&r);
	}
	us = (cpu_us() - began) / BUILT;
	printf("build and sign, %2zu number(s): %6.2f us, %8.0f requests/s and core\n", n, us,
		1e6 / us);
}

/* ---- the whole way ------------------------------------------------------------------------------------ */

static void on_request(void *ctx, struct http_exchange *x)
{
	static const char ok[] =
		"{\"Code\":\"OK\",\"Message\":\"OK\",\"BizId\":\"900619746936498440^0\","
		"\"RequestId\":\"F655A8D5-0000-0000-0000-000000000000\"}";

	(void)ctx;
	http_respond(x, 200, "application/json", ok, sizeof(ok) - 1, NULL);
}

/* The other process; it ends with us. */
static pid_t start_provider(unsigned *ret_port)
{
	const struct http_server_opts opts = {.address = "127.0.0.1"};
	struct http_server *server;
	struct clock clock;
	struct loop *loop;
	unsigned port;
	int out[2];
	pid_t pid;

	if (pipe(out) < 0 || (pid = fork()) < 0)
		die("cannot start the provider");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		clock_init_real(&clock);
		if (loop_create(&clock, &loop) < 0 ||
			http_server_open(loop, &opts, on_request, NULL, &server, NULL) < 0)
			_exit(1);
		port = http_server_port(server);
		if (write(out[1], &port, sizeof(port)) != sizeof(port))
			_exit(1);
		loop_run(loop);
		_exit(0);
	}
	close(out[1]);
	if (read(out[0], ret_port, sizeof(*ret_port)) != sizeof(*ret_port))
		die("the provider did not start");
	close(out[0]);
	return pid;
}

static struct conf *make_conf(const char *dir, unsigned port)
{
	char file[128], secret[128], text[1024];
	struct problems p;
	struct conf *c = NULL;

	(void)snprintf(file, sizeof(file), "%s/conf", dir);
	(void)snprintf(secret, sizeof(secret), "%s/secret", dir);
	(void)snprintf(text, sizeof(text),
		"sms = { sign = \"内蒙古民政\"; route = [ \"aliyun\" ]; aliyun = { endpoint = "
		"\"http://127.0.0.1:%u\"; access_key_id = \"TESTID0001\"; secret_file = \"%s\"; "
		"rate = 5000; }; };\n",
		port, secret);
	problems_init(&p);
	if (file_write(secret, 0600, "testsecret0001", 14, NULL) < 0 ||
		file_write(file, 0600, text, strlen(text), NULL) < 0 ||
		settings_load(file, &p, &c) < 0)
		die("cannot write a configuration");
	problems_fini(&p);
	(void)remove(file);
	return c;
}

static void fill(struct bench *b);

static void on_done(void *ctx, const struct gateway_outcome *o)
{
	struct bench *b = ctx;

	b->ended++;
	b->accepted += o->verdict == VERDICT_ACCEPTED;
	if (b->ended == SENT)
		loop_stop(b->loop);
	else
		fill(b);
}

/* Simulated time goes on by a millisecond for each request, so that the pace is not what is measured. */
static void fill(struct bench *b)
{
	struct gateway_request req = request(1);

	while (b->started < SENT) {
		b->clock.base_sim_ms++;
		if (gateway_send(b->g, "aliyun", &req, loop_now_ms(b->loop), on_done, b) < 0)
			return;
		b->started++;
	}
}

static double wall_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void bench_send(const char *dir)
{
	struct bench b = {0};
	struct metrics *metrics;
	struct conf *c;
	unsigned port;
	pid_t provider = start_provider(&port);
	double began, began_s, us, s;

	clock_init_simulated(&b.clock, NOW);
	c = make_conf(dir, port);
	if (loop_create(&b.clock, &b.loop) < 0 || metrics_create(&metrics) < 0 ||
		gateways_create(b.loop, c, metrics, &b.g, NULL) < 0)
		die("cannot open the gateways");
	b.clock.base_sim_ms += 2000;
	began = cpu_us();
	began_s = wall_s();
	fill(&b);
	loop_run(b.loop);
	us = (cpu_us() - began) / SENT;
	s = wall_s() - began_s;
	if (b.accepted != SENT)
		die("not all were accepted");
	printf("through the gateways:        %6.2f us CPU, %8.0f requests/s and core "
	       "(here %.0f/s beside the provider)\n",
		us, 1e6 / us, SENT / s);
	printf("%s: goal %d requests/s and core\n", 1e6 / us >= GOAL_PER_S ? "reached" : "MISSED",
		GOAL_PER_S);
	gateways_destroy(b.g);
	metrics_destroy(metrics);
	loop_destroy(b.loop);
	conf_free(c);
	(void)kill(provider, SIGKILL);
	(void)waitpid(provider, NULL, 0);
}

int main(void)
{
	char dir[] = "/tmp/sw-bench-sms.XXXXXX", secret[64];

	for (size_t i = 0; i < NUMBERS; i++)
		(void)snprintf(numbers[i], sizeof(numbers[i]), "+86138%08zu", i + 1);
	if (!mkdtemp(dir))
		die("no folder");
	bench_build(1);
	bench_build(NUMBERS);
	bench_send(dir);
	(void)snprintf(secret, sizeof(secret), "%s/secret", dir);
	(void)remove(secret);
	(void)remove(dir);
	return 0;
}
