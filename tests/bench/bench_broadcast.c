/*
 * tests/bench/bench_broadcast.c: the sender of broadcasts against a real Redis and a gateway that answers after 1 ms.
 *
 * bench_broadcast [RECIPIENTS]: how many a second, and what each costs the notifier, Redis, memory and disk.
 * bench_broadcast --kill KILLS [RECIPIENTS]: the sender is killed that often while the gateway now and then refuses, throttles or
 * loses its answer; then every recipient is compared with what the gateway has taken. Exit 1 when anybody got it twice, or
 * something is said that is not so.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/civil.h"
#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "notifier/engine/broadcast_internal.h"
#include "notifier/engine/connect.h"
#include "notifier/engine/scripts.h"

enum {
	GOAL_PER_S = 150000,
	CONNECTIONS = 64,
	REQUEST_MAX = 16384,
	BAD_EVERY = 5003, /* these numbers are refused, with the whole request */
};

#define BASE_NUMBER INT64_C(13800000000)
#define DELAY_US 1000

/* What the gateway has taken, shared with all processes. */
struct ledger {
	uint64_t requests, accepted, mischief;
	uint8_t taken[AUDIENCE_MAX];
};

struct stage {
	char dir[64];
	struct ledger *ledger;
	size_t n;
	unsigned port;
	pid_t redis, provider;
	int64_t base_real_ms;
	double speed;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_broadcast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- the gateway ----------------------------------------------------------------------------------- */

struct conn {
	int fd;
	size_t len;
	int64_t due_us; /* 0: nothing to answer */
	bool is_lost;
	char answer[400];
	char data[REQUEST_MAX];
};

static const char *judge(struct stage *s, const char *body)
{
	const char *p = strstr(body, "PhoneNumbers=");
	int64_t numbers[GATEWAY_MAX_NUMBERS];
	size_t n = 0;
	bool is_bad = false;

	for (p = p ? p + 13 : ""; n < GATEWAY_MAX_NUMBERS && *p >= '0' && *p <= '9';) {
		char *end;

		numbers[n] = strtoll(p, &end, 10) - BASE_NUMBER;
		if (numbers[n] < 0 || numbers[n] >= (int64_t)s->n)
			return "isv.INVALID_PARAMETERS";
		is_bad |= numbers[n++] % BAD_EVERY == BAD_EVERY - 1;
		p = strncmp(end, "%2C", 3) ? "" : end + 3;
	}
	if (s->ledger->mischief && s->ledger->requests % 41 == 7)
		return "Throttling.User";
	if (s->ledger->mischief && is_bad)
		return "isv.MOBILE_NUMBER_ILLEGAL";
	for (size_t i = 0; i < n; i++)
		s->ledger->taken[numbers[i]]++;
	s->ledger->accepted += n;
	return "OK";
}

static void take_request(struct stage *s, struct conn *c)
{
	const char *end = memmem(c->data, c->len, "\r\n\r\n", 4), *length, *code;
	char json[120];
	size_t body;

	if (!end)
		return;
	length = strcasestr(c->data, "content-length:");
	body = length ? strtoul(length + 15, NULL, 10) : 0;
	if (c->len < (size_t)(end + 4 - c->data) + body)
		return;
	s->ledger->requests++;
	code = judge(s, end + 4);
	c->is_lost = s->ledger->mischief && s->ledger->requests % 97 == 5;
	(void)snprintf(json, sizeof(json),
		"{\"Code\":\"%s\",\"Message\":\"%s\",\"BizId\":\"9006%08llu^0\",\"RequestId\":"
		"\"F655\"}",
		code, code, (unsigned long long)s->ledger->requests);
	(void)snprintf(c->answer, sizeof(c->answer),
		"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		strcmp(code, "OK") ? "400 Bad Request" : "200 OK", strlen(json), json);
	c->due_us = mono_us() + DELAY_US;
	c->len = 0;
}

static void serve(struct stage *s, int listener)
{
	static struct conn conns[CONNECTIONS];
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};

	for (size_t i = 0; i < CONNECTIONS; i++)
		conns[i].fd = -1;
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		struct epoll_event got[CONNECTIONS];
		bool waits = false;
		int n;

		for (size_t i = 0; i < CONNECTIONS; i++)
			waits |= conns[i].due_us > 0;
		n = epoll_wait(ep, got, CONNECTIONS, waits ? 1 : -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = got[i].data.ptr;
			ssize_t len;

			if (!c) {
				int fd = accept(listener, NULL, NULL), one = 1;

				for (size_t k = 0; k < CONNECTIONS && !c; k++)
					c = conns[k].fd < 0 ? &conns[k] : NULL;
				if (!c) {
					close(fd);
					continue;
				}
				*c = (struct conn){.fd = fd};
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
				ev.data.ptr = c;
				epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
				continue;
			}
			len = read(c->fd, c->data + c->len, sizeof(c->data) - 1 - c->len);
			if (len <= 0) {
				close(c->fd);
				c->fd = -1;
				c->due_us = 0;
				continue;
			}
			c->len += (size_t)len;
			c->data[c->len] = '\0';
			take_request(s, c);
		}
		for (size_t i = 0; i < CONNECTIONS; i++) {
			struct conn *c = &conns[i];

			if (c->due_us == 0 || c->due_us > mono_us())
				continue;
			c->due_us = 0;
			if (c->is_lost || write(c->fd, c->answer, strlen(c->answer)) < 0) {
				close(c->fd);
				c->fd = -1;
			}
		}
	}
}

static void start_provider(struct stage *s)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 64) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("cannot listen");
	s->port = ntohs(a.sin_port);
	s->provider = fork();
	if (s->provider < 0)
		die("fork");
	if (s->provider == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "provider");
		(void)signal(SIGPIPE, SIG_IGN);
		serve(s, fd);
	}
	close(fd);
}

/* ---- Redis ----------------------------------------------------------------------------------------- */

static void start_redis(struct stage *s)
{
	char socket_path[96];

	(void)snprintf(socket_path, sizeof(socket_path), "%s/r.sock", s->dir);
	s->redis = fork();
	if (s->redis < 0)
		die("fork");
	if (s->redis == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!freopen("/dev/null", "w", stdout);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_path,
			"--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir",
			s->dir, "--hash-max-listpack-value", "512", (char *)NULL);
		_exit(1);
	}
	for (int i = 0; access(socket_path, F_OK) < 0; i++) {
		if (i == 1000)
			die("redis-server does not start");
		(void)usleep(10000);
	}
}

static double cpu_of(pid_t pid)
{
	char path[40], line[512];
	unsigned long user = 0, sys = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		(void)!sscanf(strrchr(line, ')') + 2,
			"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
	if (f)
		(void)fclose(f);
	return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- the notifier's part --------------------------------------------------------------------------- */

struct worker {
	struct engine e;
	struct clock clock;
	struct stage *s;
	bool imports; /* makes audience and broadcast, and ends */
	bool is_done;
	struct audience audience;
	struct timer *poll;
	int64_t began_us, ended_us;
	int64_t memory;
	unsigned segment; /* whose keys are weighed */
};

static void stop(struct worker *w)
{
	w->is_done = true;
	loop_stop(w->e.loop);
}

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_broadcast: %s: %s\n", what, err_name(rc));
	exit(1);
}

static void fill_audience(struct audience *a, size_t n)
{
	a->n = n;
	a->n_segments = (n + AUDIENCE_SEGMENT - 1) / AUDIENCE_SEGMENT;
	a->segments = calloc(a->n_segments, sizeof(*a->segments));
	(void)snprintf(a->digest, sizeof(a->digest), "%064d", 0);
	for (size_t s = 0; s < a->n_segments; s++) {
		size_t from = s * AUDIENCE_SEGMENT,
		       count = n - from < AUDIENCE_SEGMENT ? n - from : AUDIENCE_SEGMENT;

		(void)snprintf(a->segments[s].area, UNIT_CODE, "150100");
		a->segments[s].n = (uint32_t)count;
		a->segments[s].packed = malloc(count * AUDIENCE_NUMBER);
		for (size_t i = 0; i < count; i++) {
			char phone[24];

			(void)snprintf(phone, sizeof(phone), "+86%lld",
				(long long)(BASE_NUMBER + (int64_t)(from + i)));
			check(audience_pack(phone, a->segments[s].packed + i * AUDIENCE_NUMBER),
				"pack");
		}
	}
}

static void on_begun(void *ctx, int rc)
{
	check(rc, "start");
	stop(ctx);
}

static void on_prepared(void *ctx, int rc)
{
	struct worker *w = ctx;
	struct broadcast *b = w->e.broadcasts->items[0];

	check(rc, "prepare");
	b->state = BROADCAST_RUNNING;
	b->started_ms = engine_now_ms(&w->e);
	check(broadcast_store(&w->e, b, NULL, on_begun, w), "store");
}

static void on_added(void *ctx, int rc, struct broadcast *b)
{
	struct worker *w = ctx;

	check(rc, "add");
	check(broadcast_prepare(&w->e, b, on_prepared, w), "prepare");
}

static void on_imported(void *ctx, int rc, const char *id)
{
	struct worker *w = ctx;
	struct broadcast *b = calloc(1, sizeof(*b));

	check(rc, "import");
	audience_fini(&w->audience);
	(void)snprintf(b->audience, sizeof(b->audience), "%s", id);
	(void)snprintf(b->template_id, sizeof(b->template_id), "P-FINAL");
	(void)snprintf(b->title, sizeof(b->title), "bench");
	b->text = text_dup("【内蒙古民政】关于表彰的通报已印发，欢迎了解。");
	b->params = text_dup("{}");
	b->count = (int64_t)w->s->n;
	b->from_ms = 0;
	b->until_ms = engine_now_ms(&w->e) + 5 * CIVIL_DAY_MS;
	check(broadcast_add(&w->e, b, "{\"broadcast\":\"@\"}", on_added, w), "add");
}

static void on_recovered(struct engine *e, int rc)
{
	check(rc, "recover");
	if (e->hold[0]) {
		fprintf(stderr, "bench_broadcast: on hold: %s\n", e->hold);
		exit(1);
	}
	e->loaded = true;
	((struct worker *)e->fatal_ctx)->began_us = mono_us();
	broadcast_settle(e);
	broadcast_kick(e);
}

static void on_broadcasts(struct engine *e, int rc)
{
	struct worker *w = e->fatal_ctx;

	check(rc, "load broadcasts");
	if (!w->imports) {
		broadcast_recover(e, on_recovered);
		return;
	}
	e->loaded = true;
	fill_audience(&w->audience, w->s->n);
	check(audience_store(e, &w->audience, "bench", "{}", on_imported, w), "audience");
}

static void on_audiences(struct engine *e, int rc)
{
	check(rc, "load audiences");
	broadcast_load(e, on_broadcasts);
}

static void on_fence(void *ctx, int rc, const struct redis_value *v)
{
	struct worker *w = ctx;

	check(rc, "fence");
	(void)snprintf(w->e.fence, sizeof(w->e.fence), "%lld", (long long)v->integer);
	w->e.leader = true;
	w->e.lease_until_ms = INT64_MAX;
	audience_load(&w->e, on_audiences);
}

static void on_ready(void *ctx)
{
	struct worker *w = ctx;

	check(store_command(w->e.redis, on_fence, w,
		      (const char *const[]){"HINCRBY", KEY_LEASE, "fence", "1", NULL}),
		"fence");
}

static void on_change(void *ctx)
{
	broadcast_kick(ctx);
}

static void on_poll(void *ctx)
{
	struct worker *w = ctx;
	const struct broadcast *b = w->e.broadcasts ? w->e.broadcasts->items[0] : NULL;

	if (b && b->state == BROADCAST_DONE) {
		w->ended_us = w->ended_us ? w->ended_us : mono_us();
		if (redis_pending(w->e.redis) == 0) {
			stop(w);
			return;
		}
	} else if (b && b->state == BROADCAST_PAUSED) {
		fprintf(stderr, "bench_broadcast: it paused itself\n");
		exit(1);
	}
	timer_after(w->poll, 5);
}

static void on_fatal(void *ctx, int exit_code)
{
	(void)ctx;
	fprintf(stderr, "bench_broadcast: fatal\n");
	exit(exit_code);
}

static void worker_open(struct worker *w, struct stage *s)
{
	static const struct redis_events events = {.on_ready = on_ready};
	struct engine *e = &w->e;
	char path[96], text[2048], cwd[256];
	struct problems p;
	struct sw_err err = {0};

	w->s = s;
	if (!getcwd(cwd, sizeof(cwd)))
		die("getcwd");
	(void)snprintf(text, sizeof(text),
		"simulation = true; simulation_start = \"2022-10-10T09:05\"; state_dir = "
		"\"state\"; campaign = "
		"\"%s/config/campaigns/nm-2022-63.conf\"; templates = \"%s/config/templates\"; "
		"redis = { socket = \"r.sock\"; }; "
		"trial = { enabled = false; }; sms = { sign = \"内蒙古民政\"; route = [ \"aliyun\" "
		"]; "
		"aliyun = { endpoint = \"http://127.0.0.1:%u\"; access_key_id = \"TESTID0001\"; "
		"secret_file = \"secret\"; rate = 5000; }; };\n",
		cwd, cwd, s->port);
	(void)snprintf(path, sizeof(path), "%s/shouwang.conf", s->dir);
	problems_init(&p);
	check(file_write(path, 0600, text, strlen(text), NULL), "conf");
	if (settings_load(path, &p, &e->conf) < 0 || world_load(e->conf, &p, &e->world) < 0) {
		problems_print(&p, stderr);
		exit(1);
	}
	problems_fini(&p);
	e->world.c->publicity.n_gates = 0; /* nobody is here to open them */
	memset(e->data_key.bytes, 7, sizeof(e->data_key.bytes));
	clock_init_simulated(&w->clock, 0);
	check(civil_parse_time("2022-10-10T09:05", &w->clock.base_sim_ms), "time");
	w->clock.base_real_ms = s->base_real_ms;
	w->clock.speed = s->speed;
	check(loop_create(&w->clock, &e->loop), "loop");
	e->on_fatal = on_fatal;
	e->fatal_ctx = w;
	(void)snprintf(e->instance, sizeof(e->instance), "notifier-bench");
	check(asprintf(&e->journal_dir, "%s/journal", s->dir), "journal");
	check(file_mkdirs(e->journal_dir, 0700, &err), err.text);
	(void)snprintf(path, sizeof(path), "%s/notifier-bench.log", e->journal_dir);
	check(journal_open(e->loop, path, NULL, NULL, &e->journal, &err), err.text);
	check(metrics_create(&e->metrics), "metrics");
	check(simclock_create(e), "clock");
	check(gateways_create(e->loop, e->conf, e->metrics, &e->gateways, &err), err.text);
	gateways_on_change(e->gateways, on_change, e);
	check(broadcast_run_create(e), "run");
	check(timer_new(e->loop, on_poll, w, &w->poll), "timer");
	check(connect_redis(e, engine_scripts, engine_scripts_len, &events, w, &err), err.text);
}

static void worker_close(struct worker *w)
{
	struct engine *e = &w->e;

	gateways_destroy(e->gateways);
	redis_close(e->redis, NULL, NULL);
	journal_close(e->journal, NULL, NULL);
	timer_destroy(w->poll);
	timer_destroy(e->broadcast_run->publish);
	e->broadcast_run->publish = NULL;
	simclock_destroy(e);
	loop_run(e->loop);
	broadcast_run_destroy(e);
	broadcast_free(e);
	audience_free(e);
	loop_destroy(e->loop);
	metrics_destroy(e->metrics);
	world_fini(&e->world);
	conf_free(e->conf);
	free(e->journal_dir);
}

static void import(struct stage *s)
{
	struct worker w = {.imports = true};

	worker_open(&w, s);
	loop_run(w.e.loop);
	worker_close(&w);
}

/* ---- what it weighs --------------------------------------------------------------------------------- */

static void weigh(struct worker *w);

static void on_weight(void *ctx, int rc, const struct redis_value *v)
{
	struct worker *w = ctx;

	check(rc, "memory");
	w->memory += v->type == REDIS_INTEGER ? v->integer : 0;
	if (redis_pending(w->e.redis) > 0)
		return;
	w->segment++;
	weigh(w);
}

static void weigh(struct worker *w)
{
	static const char *const tails[] = {"ph", "meta", "oo", "cc", "journal", "fence",
		"fc:20221010", "b1:h", "b1:ls", "b1:oc", "b1:er", "b1:ec", "b1:rd"};
	const struct audience_info *a = &w->e.audiences->items[0];
	char key[STORE_KEY];

	if (w->segment == a->n_segments) {
		loop_stop(w->e.loop);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		check(store_command(w->e.redis, on_weight, w,
			      (const char *const[]){"MEMORY", "USAGE",
				      audience_key(key, a->id, w->segment, tails[i]), NULL}),
			"memory");
}

static double cpu_self(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int bench(struct stage *s)
{
	struct worker w = {.imports = false};
	double cpu, redis_cpu, n = (double)s->n, took, with_audience;
	int64_t outcome = 0;
	uint64_t journal;

	worker_open(&w, s);
	timer_after(w.poll, 5);
	cpu = cpu_self();
	redis_cpu = cpu_of(s->redis);
	loop_run(w.e.loop);
	cpu = cpu_self() - cpu;
	redis_cpu = cpu_of(s->redis) - redis_cpu;
	took = (double)(w.ended_us - w.began_us) / 1e6;
	journal = journal_position(w.e.journal);
	weigh(&w);
	loop_run(w.e.loop);
	with_audience = (double)w.memory / n;
	outcome = w.e.broadcasts->items[0]->sums[NIBBLE_ACCEPTED];
	printf("broadcast: %zu recipients in %.2f s: %.0f/s (goal %d), requests %llu\n", s->n, took,
		n / took, GOAL_PER_S, (unsigned long long)s->ledger->requests);
	printf("CPU per recipient: notifier %.2f us, Redis %.2f us; memory in Redis %.2f B (goal 6 "
	       "+ 0.6); "
	       "journal %.2f B\n",
		cpu * 1e6 / n, redis_cpu * 1e6 / n, with_audience, (double)journal / n);
	worker_close(&w);
	if (outcome != (int64_t)s->n || s->ledger->accepted != s->n) {
		printf("NOT ALL: accepted %lld, the gateway took %llu\n", (long long)outcome,
			(unsigned long long)s->ledger->accepted);
		return 1;
	}
	return n / took >= GOAL_PER_S && with_audience <= 6.6 ? 0 : 1;
}

/* ---- kills ------------------------------------------------------------------------------------------ */

struct model {
	struct stage *s;
	struct worker w;
	int64_t counts[NIBBLE_COUNT];
	int64_t twice, lies, lost, open;
};

static void on_recipient(void *ctx, unsigned segment, unsigned index, const char phone[16],
	enum broadcast_nibble n, const char *code)
{
	struct model *m = ctx;
	int64_t i = (int64_t)segment * AUDIENCE_SEGMENT + index;
	unsigned taken = m->s->ledger->taken[i];
	bool is_bad = i % BAD_EVERY == BAD_EVERY - 1;

	if (strtoll(phone + 3, NULL, 10) - BASE_NUMBER != i)
		m->lies++;
	m->counts[n]++;
	m->twice += taken > 1;
	m->open += n == NIBBLE_WAITING || n == NIBBLE_IN_FLIGHT || n == NIBBLE_RETRY;
	m->lies += n == NIBBLE_ACCEPTED && taken != 1;
	m->lies += n != NIBBLE_ACCEPTED && n != NIBBLE_UNKNOWN && taken != 0;
	m->lies += n == NIBBLE_INVALID && (!is_bad || !*code);
	m->lost += n != NIBBLE_ACCEPTED && n != NIBBLE_UNKNOWN && n != NIBBLE_INVALID;
}

static void on_recipients(void *ctx, int rc)
{
	struct model *m = ctx;

	check(rc, "each");
	loop_stop(m->w.e.loop);
}

static void on_model_poll(void *ctx)
{
	struct model *m = ctx;

	if (!m->w.e.loaded || !m->w.e.broadcasts->items[0]->sums_known)
		timer_after(m->w.poll, 5);
	else
		check(broadcast_each(&m->w.e, m->w.e.broadcasts->items[0], on_recipient, NULL,
			      on_recipients, m),
			"each");
}

static int compare(struct stage *s, int kills)
{
	struct model *m = calloc(1, sizeof(*m));
	struct timer *t;
	int64_t sum = 0;
	bool ok;

	m->s = s;
	worker_open(&m->w, s);
	t = m->w.poll;
	check(timer_new(m->w.e.loop, on_model_poll, m, &m->w.poll), "timer");
	timer_after(m->w.poll, 5);
	loop_run(m->w.e.loop);
	for (int i = 0; i < NIBBLE_COUNT; i++) {
		if (m->counts[i])
			printf("  %-10s %lld\n", broadcast_nibble_name((enum broadcast_nibble)i),
				(long long)m->counts[i]);
		m->lies += m->counts[i] != m->w.e.broadcasts->items[0]->sums[i];
		sum += m->counts[i];
	}
	ok = m->twice == 0 && m->lies == 0 && m->open == 0 && m->lost == 0 && sum == (int64_t)s->n;
	printf("%s: %d kills, %zu recipients, %llu requests: twice %lld, untrue %lld, open %lld, "
	       "lost "
	       "%lld\n",
		ok ? "kept" : "BROKEN", kills, s->n, (unsigned long long)s->ledger->requests,
		(long long)m->twice, (long long)m->lies, (long long)m->open, (long long)m->lost);
	timer_destroy(t);
	worker_close(&m->w);
	free(m);
	return ok ? 0 : 1;
}

static int kill_often(struct stage *s, int kills)
{
	int done = 0, status;

	s->ledger->mischief = 1;
	srand(1);
	for (;;) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			struct worker *w = calloc(1, sizeof(*w));

			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			worker_open(w, s);
			timer_after(w->poll, 5);
			loop_run(w->e.loop);
			_exit(0);
		}
		if (done < kills) {
			(void)usleep((useconds_t)(20000 + rand() % 120000));
			(void)kill(pid, SIGKILL);
		}
		(void)waitpid(pid, &status, 0);
		if (WIFEXITED(status)) {
			if (WEXITSTATUS(status))
				die("the sender failed");
			break;
		}
		done++;
	}
	return compare(s, done);
}

/* ---- */

int main(int argc, char **argv)
{
	struct stage s = {.n = 1000000, .speed = 1, .base_real_ms = clock_real_ms()};
	int kills = argc > 2 && !strcmp(argv[1], "--kill") ? (int)strtol(argv[2], NULL, 10) : 0;
	const char *count = argc > (kills ? 3 : 1) ? argv[kills ? 3 : 1]
			    : kills                ? "200000"
						   : "1000000";
	char command[96];
	int rc, fd;

	s.n = strtoul(count, NULL, 10);
	if (s.n == 0 || s.n > AUDIENCE_MAX)
		die("how many recipients?");
	(void)snprintf(s.dir, sizeof(s.dir), "/tmp/sw-bc.XXXXXX");
	if (!mkdtemp(s.dir))
		die("mkdtemp");
	log_setup(kills ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, NULL, NULL);
	fd = memfd_create("ledger", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(*s.ledger)) < 0)
		die("memfd");
	s.ledger = mmap(NULL, sizeof(*s.ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s.ledger == MAP_FAILED)
		die("mmap");
	(void)snprintf(command, sizeof(command), "%s/secret", s.dir);
	check(file_write(command, 0600, "testsecret0001", 14, NULL), "secret");
	s.speed = kills ? 100 : 1;
	start_redis(&s);
	start_provider(&s);
	import(&s);
	rc = kills ? kill_often(&s, kills) : bench(&s);
	(void)kill(s.provider, SIGKILL);
	(void)kill(s.redis, SIGKILL);
	(void)waitpid(s.provider, NULL, 0);
	(void)waitpid(s.redis, NULL, 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", s.dir);
	(void)!system(command);
	return rc;
}
