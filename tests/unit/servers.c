/*
 * tests/unit/servers.c: see servers.h. A server is ready when it answers on its socket, never after a pause.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/io/timer.h"
#include "tests/unit/servers.h"

#define READY_MS 10000
#define PATHS 8

static char the_dir[32];
static pid_t owner;

static void die(const char *what)
{
	(void)fprintf(stderr, "tests/unit/servers: %s: %s\n", what, strerror(errno));
	exit(99);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	if (getpid() == owner) /* not in a forked child that exits */
		(void)nftw(the_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir(void)
{
	if (the_dir[0])
		return the_dir;
	(void)snprintf(the_dir, sizeof(the_dir), "/tmp/swu.XXXXXX");
	if (!mkdtemp(the_dir))
		die("mkdtemp");
	/* mosquitto may run as another user */
	(void)chmod(the_dir, 0755);
	owner = getpid();
	(void)atexit(remove_dir);
	return the_dir;
}

const char *test_path(const char *name)
{
	static char paths[PATHS][128];
	static unsigned next;
	char *p = paths[next++ % PATHS];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", test_dir(), name);
	return p;
}

static int loopback_socket(uint16_t port, struct sockaddr_in *addr)
{
	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

uint16_t free_port(void)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int fd = loopback_socket(0, &addr);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		die("free port");
	close(fd);
	return ntohs(addr.sin_port);
}

/* Output of the server goes to a file in its folder: a failed test can be looked into. */
static pid_t spawn(const struct test_server *s, const char *const *argv)
{
	char *args[8] = {0};
	char log[96];
	pid_t parent = getpid();
	pid_t pid;

	for (size_t i = 0; i < ARRAY_LEN(args) - 1 && argv[i]; i++)
		args[i] = strdup(argv[i]);
	(void)snprintf(log, sizeof(log), "%s/log", s->dir);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent || fd < 0)
			_exit(99);
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		(void)execvp(args[0], args);
		_exit(127);
	}
	for (size_t i = 0; args[i]; i++)
		free(args[i]);
	return pid;
}

static void prepare(struct test_server *s, const char *dir, const char *conf_name)
{
	*s = (struct test_server){0};
	(void)snprintf(s->dir, sizeof(s->dir), "%.30s/%.30s", test_dir(), dir);
	if (mkdir(s->dir, 0777) < 0 && errno != EEXIST)
		die(s->dir);
	(void)snprintf(s->conf, sizeof(s->conf), "%s/%s", s->dir, conf_name);
}

static FILE *open_conf(const struct test_server *s)
{
	FILE *f = fopen(s->conf, "w");

	if (!f)
		die(s->conf);
	return f;
}

/* Until READY says so; the server's early death ends the test program. */
static void wait_ready(struct test_server *s, bool (*ready)(const struct test_server *s))
{
	int64_t by_ms = clock_mono_ms() + READY_MS;

	while (!ready(s)) {
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
			s->pid = 0;
			errno = ECHILD;
			die("the server died at once; its log would say why");
		}
		if (clock_mono_ms() > by_ms) {
			errno = ETIMEDOUT;
			die("server");
		}
		(void)poll(NULL, 0, 5); /* between two questions, not instead of one */
	}
}

static redisContext *redis_dial(const struct test_server *s)
{
	struct timeval limit = {.tv_sec = READY_MS / 1000};
	redisContext *c = redisConnectUnixWithTimeout(s->socket, limit);

	if (c && !c->err)
		(void)redisSetTimeout(c, limit);
	return c;
}

/* Any answer but LOADING: a server that wants a password is ready too. */
static bool redis_is_ready(const struct test_server *s)
{
	redisContext *c = redis_dial(s);
	redisReply *reply = c && !c->err ? redisCommand(c, "PING") : NULL;
	bool is_ready = reply && !(reply->type == REDIS_REPLY_ERROR &&
					 strncmp(reply->str, "LOADING", 7) == 0);

	if (reply)
		freeReplyObject(reply);
	if (c)
		redisFree(c);
	return is_ready;
}

void restart_redis(struct test_server *s)
{
	const char *argv[] = {"redis-server", s->conf, NULL};

	s->pid = spawn(s, argv);
	wait_ready(s, redis_is_ready);
}

void start_redis(struct test_server *s, const char *dir, const char *extra)
{
	FILE *f;

	prepare(s, dir, "redis.conf");
	(void)snprintf(s->socket, sizeof(s->socket), "%s/r.sock", s->dir);
	f = open_conf(s);
	(void)fprintf(f,
		"port 0\nunixsocket %s\ndir %s\nsave \"\"\nappendonly yes\nappendfsync always\n"
		"maxmemory-policy noeviction\nhash-max-listpack-value 512\n%s\n",
		s->socket, s->dir, extra);
	(void)fclose(f);
	restart_redis(s);
}

const char *redis_ask(const struct test_server *s, const char *line)
{
	static char text[65536];
	redisContext *c = redis_dial(s);
	redisReply *reply = c && !c->err ? redisCommand(c, line) : NULL;

	if (!reply)
		die(line);
	if (reply->type == REDIS_REPLY_INTEGER)
		(void)snprintf(text, sizeof(text), "%lld", reply->integer);
	else
		(void)snprintf(text, sizeof(text), "%s", reply->str ? reply->str : "");
	freeReplyObject(reply);
	redisFree(c);
	return text;
}

static bool mosquitto_is_ready(const struct test_server *s)
{
	struct sockaddr_in addr;
	int fd = loopback_socket(s->port, &addr);
	bool is_ready = fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;

	if (fd >= 0)
		close(fd);
	return is_ready;
}

void restart_mosquitto(struct test_server *s)
{
	const char *argv[] = {"mosquitto", "-c", s->conf, NULL};

	s->pid = spawn(s, argv);
	wait_ready(s, mosquitto_is_ready);
}

void start_mosquitto(struct test_server *s, const char *dir, const char *extra)
{
	FILE *f;

	prepare(s, dir, "mosquitto.conf");
	s->port = free_port();
	f = open_conf(s);
	/* As root it would drop its rights and then not read its own files. */
	(void)fprintf(f,
		"%slistener %u 127.0.0.1\nset_tcp_nodelay true\npersistence false\n%s\n%s\n",
		geteuid() == 0 ? "user root\n" : "", (unsigned)s->port,
		strstr(extra, "allow_anonymous") ? "" : "allow_anonymous true", extra);
	(void)fclose(f);
	/* sbin is not on everybody's path */
	(void)setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	restart_mosquitto(s);
}

void server_kill(struct test_server *s)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void server_freeze(const struct test_server *s)
{
	(void)kill(s->pid, SIGSTOP);
}

void server_thaw(const struct test_server *s)
{
	(void)kill(s->pid, SIGCONT);
}

struct watch {
	struct loop *loop;
	struct timer *timer;
	bool (*done)(void *ctx);
	void *ctx;
	int64_t by_ms;
	bool is_done;
};

static void on_watch(void *ctx)
{
	struct watch *w = ctx;

	w->is_done = w->done && w->done(w->ctx);
	if (w->is_done || clock_mono_ms() >= w->by_ms)
		loop_stop(w->loop);
	else
		timer_after(w->timer, 1);
}

bool run_until(struct loop *l, bool (*done)(void *ctx), void *ctx, int64_t limit_ms)
{
	struct watch w = {.loop = l, .done = done, .ctx = ctx};

	w.by_ms = clock_mono_ms() + limit_ms;
	if (timer_new(l, on_watch, &w, &w.timer) < 0)
		die("timer");
	timer_after(w.timer, 0);
	loop_run(l);
	timer_destroy(w.timer);
	return w.is_done;
}

struct count_watch {
	const int *count;
	int at_least;
};

static bool is_reached(void *ctx)
{
	const struct count_watch *w = ctx;

	return *w->count >= w->at_least;
}

bool run_until_count(struct loop *l, const int *count, int at_least, int64_t limit_ms)
{
	struct count_watch w = {count, at_least};

	return run_until(l, is_reached, &w, limit_ms);
}

void run_for(struct loop *l, int64_t ms)
{
	(void)run_until(l, NULL, NULL, ms);
}
