/*
 * tests/bench/bench_callback.c: what one encrypted callback costs the bot.
 *
 * First in this process: verify, decrypt, parse, decide. Then the real program over loopback, with a real broker
 * and this program as WeCom and as the notifier that acknowledges: CPU per callback at saturation, latency at
 * half of it. CPU is that of the bot alone, user and system.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "bot/ingress/wecom_callback.h"
#include "bot/wecom/crypto.h"
#include "core/base/file.h"
#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "core/io/mqtt.h"
#include "core/io/timer.h"
#include "core/wire/topic.h"

#define TOKEN "Sw2022NmgToken"
#define AES_KEY "ShouWang2022NeiMengGuLinLiShouWangHuZhuGuaB"
#define CORP "wwa1b2c3d4e5f60718"

enum {
	JUDGED = 200000,
	SATURATED = 30000, /* callbacks at full speed */
	PACED_MS = 4000,   /* at half of it */
	CONNECTIONS = 32,
	ACK_BATCH = 64,
	MAX_LATENCIES = 400000,
};

struct bench {
	struct clock clock;
	struct loop *loop;
	struct http_client *http;
	struct mqtt *mqtt;
	struct wecom_crypto *crypto;
	struct timer *tick;
	char dir[64], url[128];
	uint16_t http_port, metrics_port, mqtt_port;
	pid_t broker, bot;

	int serial; /* next message */
	size_t in_flight, answered, refused, received;
	size_t goal;
	uint64_t begin_ns, paced_until_ns;
	double rate; /* callbacks a second, 0: as fast as CONNECTIONS allow */
	uint64_t *latency_ns;
	size_t n_latencies;
	struct wire_ack ack;
	char ack_ids[ACK_BATCH][48];
	bool is_connected;
};

struct call {
	struct bench *b;
	uint64_t began_ns;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_callback: %s\n", what);
	exit(1);
}

/* ---- messages ---------------------------------------------------------------------------------- */

/* A callback as WeCom sends it: query into QUERY, body appended to BODY. */
static void make_callback(struct wecom_crypto *crypto, int serial, int64_t now_ms, char *query,
	size_t size, struct buf *body)
{
	uint8_t random[WECOM_RANDOM_BYTES];
	char xml[1024], timestamp[24], signature[WECOM_SIGNATURE_CHARS + 1];
	struct buf encrypted;

	id_random_bytes(random, sizeof(random));
	snprintf(timestamp, sizeof(timestamp), "%" PRId64, now_ms / 1000);
	snprintf(xml, sizeof(xml),
		"<xml><ToUserName><![CDATA[" CORP
		"]]></ToUserName><FromUserName><![CDATA[hlbe_wangfang]]>"
		"</FromUserName><CreateTime>%s</CreateTime><MsgType><![CDATA[text]]></"
		"MsgType><Content>"
		"<![CDATA[已报2人6户，还差照片]]></Content><MsgId>7231948102%09d</"
		"MsgId><AgentID>1000002</AgentID></xml>",
		timestamp, serial);
	buf_init(&encrypted, 4096);
	if (wecom_crypto_encrypt(crypto, random, xml, strlen(xml), &encrypted) < 0 ||
		wecom_crypto_sign(crypto, timestamp, "1597212914", buf_str(&encrypted), signature) <
			0)
		die("cannot encrypt");
	snprintf(query, size, "msg_signature=%s&timestamp=%s&nonce=1597212914", signature,
		timestamp);
	buf_addf(body,
		"<xml><ToUserName><![CDATA[" CORP
		"]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID><Encrypt>"
		"<![CDATA[%s]]></Encrypt></xml>",
		buf_str(&encrypted));
	buf_fini(&encrypted);
}

static double cpu_us_of_self(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* The value of PARAM in QUERY, copied. */
static void query_get(const char *query, const char *param, char *ret, size_t size)
{
	const char *at = strstr(query, param);

	at += strlen(param) + 1;
	snprintf(ret, size, "%.*s", (int)strcspn(at, "&"), at);
}

static void bench_judge(struct wecom_crypto *crypto)
{
	const int64_t now = INT64_C(1663913105000);
	struct wecom_callback *cb;
	struct callback_request req = {.is_post = true};
	struct callback_result res;
	char query[512], signature[64], timestamp[32], nonce[32];
	struct buf body;
	double began;

	buf_init(&body, 65536);
	make_callback(crypto, 1, now, query, sizeof(query), &body);
	query_get(query, "msg_signature", signature, sizeof(signature));
	query_get(query, "timestamp", timestamp, sizeof(timestamp));
	query_get(query, "nonce", nonce, sizeof(nonce));
	req.signature = signature;
	req.timestamp = timestamp;
	req.nonce = nonce;
	req.body = buf_str(&body);
	req.body_len = body.len;
	if (wecom_callback_create(CALLBACK_APP, "main", TOKEN, AES_KEY, CORP, &cb, NULL) < 0)
		die("cannot open the endpoint");
	began = cpu_us_of_self();
	for (int i = 0; i < JUDGED; i++) {
		wecom_callback_judge(cb, &req, now, &res);
		if (res.outcome != CALLBACK_EVENT)
			die("a good callback was refused");
		wire_in_fini(&res.event);
	}
	printf("judge (verify, decrypt, parse)     %7.2f us CPU per callback of %zu bytes\n",
		(cpu_us_of_self() - began) / JUDGED, body.len);
	wecom_callback_destroy(cb);
	buf_fini(&body);
}

/* ---- the bot as a process ------------------------------------------------------------------------ */

static void ignore_request(void *ctx, struct http_exchange *x)
{
	(void)ctx;
	http_respond(x, 404, NULL, NULL, 0, NULL);
}

static uint16_t free_port(struct loop *l)
{
	const struct http_server_opts opts = {.address = "127.0.0.1"};
	struct http_server *s;
	struct sw_err err;
	uint16_t port;

	if (http_server_open(l, &opts, ignore_request, NULL, &s, &err) < 0)
		die(err.text);
	port = http_server_port(s);
	http_server_close(s);
	return port;
}

static void write_file(const struct bench *b, const char *name, const char *text)
{
	char path[128];
	struct sw_err err;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	if (file_write(path, 0600, text, strlen(text), &err) < 0)
		die(err.text);
}

static void write_configuration(const struct bench *b)
{
	char text[2048];

	snprintf(text, sizeof(text),
		"listener %u 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay "
		"true\n"
		"max_inflight_messages 1000\nmax_queued_messages 100000\nuser root\n",
		b->mqtt_port);
	write_file(b, "mosquitto.conf", text);
	write_file(b, "spool.key",
		"abababababababababababababababababababababababababababababababab\n");
	write_file(b, "token", TOKEN "\n");
	write_file(b, "aes", AES_KEY "\n");
	write_file(b, "secret", "secret\n");
	snprintf(text, sizeof(text),
		"state_dir = \"state\";\nlog = { level = \"warn\"; };\n"
		"http = { port = %u; metrics_port = %u; rate_per_ip = 0; };\nmqtt = { port = %u; "
		"};\n"
		"keys = { spool_file = \"spool.key\"; };\nwecom = { api_base = "
		"\"http://127.0.0.1:1\"; apps = ( { name "
		"= \"main\"; corp_id = \"" CORP
		"\"; agent_id = 1000002; secret_file = \"secret\"; token_file = "
		"\"token\"; aes_key_file = \"aes\"; } ); };\n",
		b->http_port, b->metrics_port, b->mqtt_port);
	write_file(b, "bot.conf", text);
}

static pid_t start(const struct bench *b, const char *program, const char *conf)
{
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", b->dir, conf);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		if (strstr(program, "mosquitto"))
			dup2(null, STDERR_FILENO);
		execlp(program, program, "-c", path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Microseconds of CPU a process has used. */
struct cpu {
	double user, system;
};

static struct cpu cpu_of(pid_t pid)
{
	char path[64];
	struct buf text;
	const char *at;
	unsigned long utime = 0, stime = 0;
	double tick_us;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	buf_init(&text, 4096);
	if (file_read(path, &text, NULL) < 0)
		die("the bot has ended");
	at = strrchr(buf_str(&text), ')');
	if (!at || sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &utime,
			   &stime) != 2)
		die("/proc is not as expected");
	buf_fini(&text);
	tick_us = 1e6 / (double)sysconf(_SC_CLK_TCK);
	return (struct cpu){(double)utime * tick_us, (double)stime * tick_us};
}

static double rss_mib_of(pid_t pid)
{
	char path[64];
	struct buf text;
	unsigned long pages = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	buf_init(&text, 4096);
	if (file_read(path, &text, NULL) < 0 || sscanf(buf_str(&text), "%*u %lu", &pages) != 1)
		die("the bot has ended");
	buf_fini(&text);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* ---- WeCom: posts -------------------------------------------------------------------------------- */

static void pump(struct bench *b);

static void on_answer(void *ctx, const struct http_result *res)
{
	struct call *call = ctx;
	struct bench *b = call->b;

	b->in_flight--;
	if (res->outcome == HTTP_ANSWERED && res->status == 200)
		b->answered++;
	else
		b->refused++;
	if (b->rate > 0 && b->n_latencies < MAX_LATENCIES)
		b->latency_ns[b->n_latencies++] = uv_hrtime() - call->began_ns;
	free(call);
	if (b->rate == 0)
		pump(b);
	if (b->answered + b->refused >= b->goal && b->in_flight == 0)
		loop_stop(b->loop);
}

static void post(struct bench *b)
{
	char query[512], url[768];
	struct http_request req = {.method = "POST", .url = url};
	struct call *call = malloc(sizeof(*call));
	struct buf body;

	if (!call)
		die("out of memory");
	buf_init(&body, 65536);
	make_callback(b->crypto, b->serial++, clock_real_ms(), query, sizeof(query), &body);
	snprintf(url, sizeof(url), "%s?%s", b->url, query);
	req.body = buf_str(&body);
	req.body_len = body.len;
	*call = (struct call){b, uv_hrtime()};
	if (http_client_start(b->http, &req, on_answer, call, NULL) < 0) {
		free(call);
		b->refused++;
	} else {
		b->in_flight++;
	}
	buf_fini(&body);
}

static void pump(struct bench *b)
{
	while (b->in_flight < CONNECTIONS && b->answered + b->refused + b->in_flight < b->goal)
		post(b);
}

/* ---- notifier: acknowledges ------------------------------------------------------------------------ */

static void send_acks(struct bench *b)
{
	char *json;

	if (b->ack.n == 0)
		return;
	json = wire_ack_encode(&b->ack, clock_real_ms());
	if (json && mqtt_publish(b->mqtt, TOPIC_ACK, json, strlen(json), false) == 0)
		b->ack.n = 0;
	free(json);
}

static void on_message(void *ctx, const char *topic, const void *payload, size_t len, bool retained)
{
	struct bench *b = ctx;
	struct wire_in in;

	(void)topic;
	(void)retained;
	if (wire_in_decode(payload, len, &in, NULL) < 0)
		die("the bot published something strange");
	if (b->ack.n < ACK_BATCH)
		memcpy(b->ack_ids[b->ack.n++], in.id, sizeof(in.id));
	b->received++;
	wire_in_fini(&in);
	if (b->ack.n == ACK_BATCH)
		send_acks(b);
}

static void on_connect(void *ctx)
{
	struct bench *b = ctx;

	b->is_connected = true;
}

static void on_disconnect(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
}

/* Each millisecond: acknowledge what came, post what is due. */
static void on_tick(void *ctx)
{
	struct bench *b = ctx;
	uint64_t now = uv_hrtime();

	send_acks(b);
	if (b->rate > 0) {
		uint64_t until = now < b->paced_until_ns ? now : b->paced_until_ns;
		size_t due = (size_t)((double)(until - b->begin_ns) / 1e9 * b->rate);

		while (b->answered + b->refused + b->in_flight < due && b->in_flight < 1000)
			post(b);
		if (now >= b->paced_until_ns && b->goal == SIZE_MAX) {
			b->goal = b->answered + b->refused + b->in_flight;
			if (b->in_flight == 0)
				loop_stop(b->loop);
		}
	}
	timer_after(b->tick, 1);
}

static void reset(struct bench *b)
{
	b->answered = b->refused = b->received = b->n_latencies = 0;
	b->begin_ns = uv_hrtime();
}

static int by_value(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return a < b ? -1 : a > b;
}

/* ---- running ------------------------------------------------------------------------------------------ */

static void stop_loop(void *ctx)
{
	struct bench *b = ctx;

	loop_stop(b->loop);
}

static void wait_ms(struct bench *b, int64_t ms)
{
	struct timer *t;

	if (timer_new(b->loop, stop_loop, b, &t) < 0)
		die("out of memory");
	timer_after(t, ms);
	loop_run(b->loop);
	timer_destroy(t);
}

static void start_everything(struct bench *b, const char *self)
{
	static const struct mqtt_events events = {
		.on_connect = on_connect, .on_disconnect = on_disconnect, .on_message = on_message};
	const struct http_client_opts http = {.max_connections = 2 * CONNECTIONS,
		.max_per_host = 2 * CONNECTIONS,
		.max_calls = 2000};
	struct mqtt_opts mqtt = {.host = "127.0.0.1", .client_id = "bench", .max_inflight = 1000};
	char copy[512], program[600];

	snprintf(copy, sizeof(copy), "%s", self);
	snprintf(program, sizeof(program), "%s/../../shouwang-bot", dirname(copy));
	snprintf(b->dir, sizeof(b->dir), "/tmp/sw.XXXXXX");
	if (!mkdtemp(b->dir))
		die("no folder under /tmp");
	b->http_port = free_port(b->loop);
	b->metrics_port = free_port(b->loop);
	b->mqtt_port = free_port(b->loop);
	snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%u/wecom/app/main", b->http_port);
	write_configuration(b);
	b->broker = start(b, "mosquitto", "mosquitto.conf");
	wait_ms(b, 300);
	b->bot = start(b, program, "bot.conf");
	mqtt.port = b->mqtt_port;
	if (http_client_create(b->loop, &http, &b->http) < 0 ||
		mqtt_open(b->loop, &mqtt, &events, b, &b->mqtt) < 0 ||
		mqtt_subscribe(b->mqtt, TOPIC_REPLY) < 0 ||
		timer_new(b->loop, on_tick, b, &b->tick) < 0)
		die("cannot start");
	for (int i = 0; i < 100 && !b->is_connected; i++)
		wait_ms(b, 50);
	wait_ms(b, 300);
}

static void end_everything(struct bench *b)
{
	char command[96];

	kill(b->bot, SIGTERM);
	waitpid(b->bot, NULL, 0);
	kill(b->broker, SIGTERM);
	waitpid(b->broker, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", b->dir);
	if (system(command) != 0)
		die("the folder is still there");
}

/* CPU of the bot since BEFORE, per callback that was answered. */
static void print_cpu(const struct bench *b, struct cpu before)
{
	struct cpu now = cpu_of(b->bot);
	double n = (double)b->answered;

	printf("%7.2f us CPU per callback (user %.0f, system %.0f; target 60)",
		(now.user + now.system - before.user - before.system) / n,
		(now.user - before.user) / n, (now.system - before.system) / n);
}

static double run_saturated(struct bench *b)
{
	struct cpu before = cpu_of(b->bot);
	double rate;

	reset(b);
	b->rate = 0;
	b->goal = SATURATED;
	pump(b);
	loop_run(b->loop);
	rate = (double)b->answered * 1e9 / (double)(uv_hrtime() - b->begin_ns);
	printf("bot, saturated, %d connections      ", CONNECTIONS);
	print_cpu(b, before);
	printf(", %.0f/s, %zu refused\n", rate, b->refused);
	return rate;
}

static void run_paced(struct bench *b, double rate)
{
	struct cpu before = cpu_of(b->bot);

	reset(b);
	b->rate = rate;
	b->goal = SIZE_MAX;
	b->paced_until_ns = b->begin_ns + (uint64_t)PACED_MS * 1000000;
	loop_run(b->loop);
	if (b->n_latencies == 0)
		die("nothing was measured");
	qsort(b->latency_ns, b->n_latencies, sizeof(*b->latency_ns), by_value);
	printf("bot, half of it, %6.0f/s            ", rate);
	print_cpu(b, before);
	printf(", p50 %.2f ms, p99 %.2f ms (target 10), %zu refused\n",
		(double)b->latency_ns[b->n_latencies / 2] / 1e6,
		(double)b->latency_ns[b->n_latencies * 99 / 100] / 1e6, b->refused);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	double rate;

	(void)argc;
	clock_init_real(&b.clock);
	b.ack.ids = b.ack_ids;
	b.latency_ns = calloc(MAX_LATENCIES, sizeof(*b.latency_ns));
	if (!b.latency_ns || loop_create(&b.clock, &b.loop) < 0 ||
		wecom_crypto_create(TOKEN, AES_KEY, CORP, &b.crypto, NULL) < 0)
		die("cannot start");
	bench_judge(b.crypto);
	start_everything(&b, argv[0]);
	printf("bot, idle                           %7.2f MiB RSS (target 16)\n",
		rss_mib_of(b.bot));
	timer_after(b.tick, 1);
	rate = run_saturated(&b);
	wait_ms(&b, 500);
	run_paced(&b, rate / 2);
	wait_ms(&b, 500);
	printf("bot, afterwards                     %7.2f MiB RSS (target 20), %d events known\n",
		rss_mib_of(b.bot), b.serial);
	end_everything(&b);
	wecom_crypto_destroy(b.crypto);
	free(b.latency_ns);
	return 0;
}
