/*
 * tests/unit/servers.h: private Redis and mosquitto for tests, and a loop that runs until something is so.
 *
 * Every server lives in the folder of the test program (a short mkdtemp under /tmp, removed at exit), on a
 * Unix socket or a free loopback port, and dies with the test. A failure to start ends the test program.
 */
#ifndef SW_TESTS_UNIT_SERVERS_H
#define SW_TESTS_UNIT_SERVERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/io/loop.h"

struct test_server {
	pid_t pid; /* 0: not running */
	char dir[64];
	char conf[96];
	char socket[96]; /* Redis */
	uint16_t port;   /* mosquitto; Redis listens on none */
};

/* The test program's own folder; created by the first call, removed at exit. */
const char *test_dir(void);
/* "<test_dir()>/NAME" in static storage, good until eight calls later. */
const char *test_path(const char *name);
/* A loopback port nobody listens on just now. */
uint16_t free_port(void);

/*
 * EXTRA: further lines for the configuration file, "" for none. The folder DIR (a name inside test_dir())
 * keeps the data: server_restart() on the same struct finds it again.
 */
void start_redis(struct test_server *s, const char *dir, const char *extra);
void start_mosquitto(struct test_server *s, const char *dir, const char *extra);
/* The server again with the same files, socket and port, after server_kill(); waits until it answers. */
void restart_redis(struct test_server *s);
void restart_mosquitto(struct test_server *s);
/* kill -9 and wait for its end; nothing when it does not run. */
void server_kill(struct test_server *s);
/* SIGSTOP and SIGCONT: half-open connections. */
void server_freeze(const struct test_server *s);
void server_thaw(const struct test_server *s);

/* One command line ("FLUSHALL") by a blocking connection; the answer as text in static storage. */
const char *redis_ask(const struct test_server *s, const char *line);

/* Turns the loop until DONE(ctx) is true; false when that took longer than LIMIT_MS of real time. */
bool run_until(struct loop *l, bool (*done)(void *ctx), void *ctx, int64_t limit_ms);
/* Turns the loop until *COUNT >= AT_LEAST. */
bool run_until_count(struct loop *l, const int *count, int at_least, int64_t limit_ms);
/* Turns the loop for that long: only to show that something does not happen. */
void run_for(struct loop *l, int64_t ms);

#endif
