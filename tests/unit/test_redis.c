/*
 * tests/unit/test_redis.c: the Redis client against real servers that are killed, frozen and misconfigured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/num.h"
#include "core/io/redis.h"
#include "tests/unit/servers.h"

#define LIMIT_MS 8000

static const struct redis_script scripts[] = {
	{"put", "#!lua\nredis.call('SET', KEYS[1], ARGV[1])\nreturn redis.call('INCR', KEYS[2])"},
	{"nest", "#!lua\nreturn {1, {'a', {2, {'b'}}}, false, redis.status_reply('FINE')}"},
};

static struct test_server server; /* shared by tests that leave it as they found it */

struct client {
	struct clock clock;
	struct loop *loop;
	struct redis *redis;
	int n_ready, n_away, n_closed;
	char why[200];
};

struct answer {
	int n, rc;
	enum redis_type type;
	char text[64];
	size_t len;
	int64_t integer;
	bool is_away;
	struct redis *again; /* send one more command from the callback */
	int again_rc;
};

static void on_answer(void *ctx, int rc, const struct redis_value *v)
{
	static const char *const ping[] = {"PING"};
	struct answer *a = ctx;

	a->n++;
	a->rc = rc;
	if (v) {
		a->type = v->type;
		a->integer = v->integer;
		a->len = v->len;
		if (v->str)
			(void)snprintf(a->text, sizeof(a->text), "%s", v->str);
		a->is_away = redis_is_away_error(v);
	}
	if (a->again)
		a->again_rc = redis_command(a->again, NULL, NULL, 1, ping, NULL);
}

static void on_ready(void *ctx)
{
	struct client *c = ctx;

	assert_true(redis_ready(c->redis));
	c->n_ready++;
}

static void on_away(void *ctx, const char *why)
{
	struct client *c = ctx;

	assert_false(redis_ready(c->redis));
	c->n_away++;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
}

static void on_closed(void *ctx)
{
	struct client *c = ctx;

	c->n_closed++;
}

static void client_open(struct client *c, const struct redis_opts *opts)
{
	static const struct redis_events ev = {on_ready, on_away};

	*c = (struct client){0};
	clock_init_real(&c->clock);
	assert_int_equal(loop_create(&c->clock, &c->loop), 0);
	assert_int_equal(
		redis_open(c->loop, opts, scripts, ARRAY_LEN(scripts), &ev, c, &c->redis), 0);
}

static void client_ready(struct client *c, const struct redis_opts *opts)
{
	client_open(c, opts);
	assert_true(run_until_count(c->loop, &c->n_ready, 1, LIMIT_MS));
}

static void client_close(struct client *c)
{
	redis_close(c->redis, on_closed, c);
	assert_int_equal(c->n_closed, 0); /* on a later turn */
	assert_true(run_until_count(c->loop, &c->n_closed, 1, LIMIT_MS));
	loop_destroy(c->loop);
}

static void client_default(struct client *c)
{
	struct redis_opts opts = {.socket = server.socket};

	(void)redis_ask(&server, "FLUSHALL");
	client_ready(c, &opts);
}

static int ask(struct client *c, struct answer *a, int argc, const char *const *argv)
{
	return redis_command(c->redis, on_answer, a, argc, argv, NULL);
}

static void ask_and_wait(struct client *c, struct answer *a, int argc, const char *const *argv)
{
	int before = a->n;

	assert_int_equal(ask(c, a, argc, argv), 0);
	assert_int_equal(a->n, before); /* never from inside */
	assert_true(run_until_count(c->loop, &a->n, before + 1, LIMIT_MS));
}

static int put(struct client *c, struct answer *a, const char *value)
{
	const char *const keys[] = {"k", "n"};

	return redis_eval(c->redis, "put", on_answer, a, 2, keys, 1, &value, NULL);
}

static void scripts_are_there_when_it_is_ready(void **state)
{
	struct client c;
	struct answer a = {0};

	(void)state;
	client_default(&c);
	assert_int_equal(put(&c, &a, "v"), 0);
	assert_int_equal(redis_pending(c.redis), 1);
	assert_true(run_until_count(c.loop, &a.n, 1, LIMIT_MS));
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.type, REDIS_INTEGER);
	assert_int_equal(a.integer, 1);
	assert_int_equal(redis_pending(c.redis), 0);
	assert_string_equal(redis_ask(&server, "GET k"), "v");
	client_close(&c);
}

static void nothing_is_taken_before_it_is_ready(void **state)
{
	static const char *const ping[] = {"PING"};
	struct redis_opts opts = {.socket = server.socket};
	struct client c;
	struct answer a = {0};

	(void)state;
	client_open(&c, &opts);
	assert_int_equal(ask(&c, &a, 1, ping), SW_EAWAY);
	assert_true(run_until_count(c.loop, &c.n_ready, 1, LIMIT_MS));
	assert_int_equal(a.n, 0);
	assert_int_equal(c.n_away, 0);
	client_close(&c);
}

static void unknown_script_is_refused(void **state)
{
	struct client c;

	(void)state;
	client_default(&c);
	assert_int_equal(
		redis_eval(c.redis, "nope", NULL, NULL, 0, NULL, 0, NULL, NULL), SW_ENOENT);
	client_close(&c);
}

static void bytes_arrive_as_they_were_sent(void **state)
{
	static const char value[] = "a\0\r\n\xe7\xbe\x8a";
	const char *const set[] = {"SET", "k", value};
	const size_t lens[] = {3, 1, sizeof(value) - 1};
	const char *const get[] = {"GET", "k"};
	const char *const nil[] = {"GET", "none"};
	struct client c;
	struct answer a = {0};

	(void)state;
	client_default(&c);
	assert_int_equal(redis_command(c.redis, on_answer, &a, 3, set, lens), 0);
	assert_true(run_until_count(c.loop, &a.n, 1, LIMIT_MS));
	assert_int_equal(a.type, REDIS_STATUS);
	ask_and_wait(&c, &a, 2, get);
	assert_int_equal(a.type, REDIS_STRING);
	assert_int_equal(a.len, sizeof(value) - 1);
	ask_and_wait(&c, &a, 2, nil);
	assert_int_equal(a.type, REDIS_NIL);
	client_close(&c);
}

struct nest {
	int n, ok;
};

static void on_nest(void *ctx, int rc, const struct redis_value *v)
{
	struct nest *nest = ctx;

	nest->n++;
	if (rc != 0 || v->type != REDIS_ARRAY || v->n != 4)
		return;
	nest->ok = v->items[0].integer == 1 && v->items[1].n == 2 &&
		   strcmp(v->items[1].items[0].str, "a") == 0 &&
		   v->items[1].items[1].items[0].integer == 2 &&
		   strcmp(v->items[1].items[1].items[1].items[0].str, "b") == 0 &&
		   v->items[2].type == REDIS_NIL && v->items[3].type == REDIS_STATUS;
}

static void nested_replies_keep_their_shape(void **state)
{
	struct client c;
	struct nest nest = {0};

	(void)state;
	client_default(&c);
	assert_int_equal(redis_eval(c.redis, "nest", on_nest, &nest, 0, NULL, 0, NULL, NULL), 0);
	assert_true(run_until_count(c.loop, &nest.n, 1, LIMIT_MS));
	assert_true(nest.ok);
	client_close(&c);
}

static void on_range(void *ctx, int rc, const struct redis_value *v)
{
	struct nest *nest = ctx;

	nest->n++;
	nest->ok = rc == 0 && v->n == 20000 && v->items[19999].len == 5;
}

static void twenty_thousand_items_arrive(void **state)
{
	const char *const fill[] = {"EVAL",
		"for i=1,20000 do redis.call('RPUSH',KEYS[1],'item!') end return 1", "1", "l"};
	const char *const range[] = {"LRANGE", "l", "0", "-1"};
	struct client c;
	struct answer a = {0};
	struct nest nest = {0};

	(void)state;
	client_default(&c);
	ask_and_wait(&c, &a, 4, fill);
	assert_int_equal(redis_command(c.redis, on_range, &nest, 4, range, NULL), 0);
	assert_true(run_until_count(c.loop, &nest.n, 1, LIMIT_MS));
	assert_true(nest.ok);
	client_close(&c);
}

static void commands_beyond_the_limit_are_refused(void **state)
{
	static const char *const ping[] = {"PING"};
	struct redis_opts opts = {.socket = server.socket, .max_pending = 2};
	struct client c;
	struct answer a = {0};

	(void)state;
	client_ready(&c, &opts);
	assert_int_equal(ask(&c, &a, 1, ping), 0);
	assert_int_equal(ask(&c, &a, 1, ping), 0);
	assert_int_equal(ask(&c, &a, 1, ping), SW_ELIMIT);
	assert_true(run_until_count(c.loop, &a.n, 2, LIMIT_MS));
	assert_int_equal(ask(&c, &a, 1, ping), 0);
	assert_true(run_until_count(c.loop, &a.n, 3, LIMIT_MS));
	client_close(&c);
}

static void backlog_of_bytes_is_bounded_and_drains(void **state)
{
	struct client c;
	struct answer a = {0};
	char *big = calloc(1, (1 << 20) + 1);
	const char *const set[] = {"SET", "big", big};
	int taken = 0, rc;

	(void)state;
	client_default(&c);
	memset(big, 'x', 1 << 20);
	do {
		rc = ask(&c, &a, 3, set);
		taken += rc == 0;
	} while (rc == 0 && taken < 100);
	assert_int_equal(rc, SW_ELIMIT);
	assert_in_range(taken, 7, 9);
	assert_true(run_until_count(c.loop, &a.n, taken, LIMIT_MS));
	assert_int_equal(a.rc, 0);
	free(big);
	client_close(&c);
}

static void emptied_script_cache_is_filled_again(void **state)
{
	struct client c;
	struct answer a = {0};

	(void)state;
	client_default(&c);
	(void)redis_ask(&server, "SCRIPT FLUSH");
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(&c, &a, "v"), 0);
	assert_true(run_until_count(c.loop, &a.n, 10, LIMIT_MS));
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.type, REDIS_INTEGER);
	assert_string_equal(redis_ask(&server, "GET n"), "10"); /* each exactly once */
	assert_int_equal(c.n_ready, 1);
	client_close(&c);
}

static void away_errors_are_told_from_others(void **state)
{
	const char *const set[] = {"SET", "k", "v"};
	const char *const group[] = {"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"};
	struct client c;
	struct answer a = {0};

	(void)state;
	client_default(&c);
	(void)redis_ask(&server, "CONFIG SET maxmemory 1");
	ask_and_wait(&c, &a, 3, set);
	assert_int_equal(a.rc, 0);
	assert_int_equal(a.type, REDIS_FAILURE);
	assert_true(a.is_away);
	(void)redis_ask(&server, "CONFIG SET maxmemory 0");
	ask_and_wait(&c, &a, 6, group);
	ask_and_wait(&c, &a, 6, group); /* BUSYGROUP is not BUSY */
	assert_int_equal(a.type, REDIS_FAILURE);
	assert_true(strncmp(a.text, "BUSYGROUP", 9) == 0);
	assert_false(a.is_away);
	client_close(&c);
}

static void killed_server_makes_pending_commands_unknown_and_is_found_again(void **state)
{
	static const char *const get[] = {"GET", "k"};
	struct test_server own;
	struct client c;
	struct answer a = {0}, b = {0};

	(void)state;
	start_redis(&own, "killed", "");
	client_ready(&c, &(struct redis_opts){.socket = own.socket});
	assert_int_equal(put(&c, &a, "kept"), 0);
	assert_true(run_until_count(c.loop, &a.n, 1, LIMIT_MS));
	server_freeze(&own);
	b.again = c.redis;
	assert_int_equal(put(&c, &b, "lost"), 0);
	server_kill(&own);
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_int_equal(b.n, 1);
	assert_int_equal(b.rc, SW_EUNKNOWN);
	assert_int_equal(b.again_rc, SW_EAWAY); /* no command slips into a dying connection */
	run_for(c.loop, 500);
	assert_int_equal(c.n_away, 1); /* once per outage, however many attempts */
	restart_redis(&own);
	assert_true(run_until_count(c.loop, &c.n_ready, 2, LIMIT_MS));
	ask_and_wait(&c, &a, 2, get);
	assert_string_equal(a.text, "kept");
	client_close(&c);
	server_kill(&own);
}

static void reset_tcp_connection_is_noticed(void **state)
{
	struct test_server own;
	struct client c;
	char extra[64];
	uint16_t port = free_port();

	(void)state;
	(void)snprintf(extra, sizeof(extra), "port %u\nbind 127.0.0.1", (unsigned)port);
	start_redis(&own, "tcp", extra);
	client_ready(&c, &(struct redis_opts){.host = "127.0.0.1", .port = port});
	server_kill(&own);
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	restart_redis(&own);
	assert_true(run_until_count(c.loop, &c.n_ready, 2, LIMIT_MS));
	client_close(&c);
	server_kill(&own);
}

static void refused_connection_says_so_and_is_tried_again(void **state)
{
	struct client c;

	(void)state;
	client_open(&c, &(struct redis_opts){.host = "127.0.0.1", .port = free_port()});
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_non_null(strstr(c.why, "refused"));
	assert_int_equal(c.n_ready, 0);
	client_close(&c);
}

static void frozen_server_is_noticed_by_an_unanswered_command(void **state)
{
	struct redis_opts opts = {.command_timeout_ms = 300};
	struct test_server own;
	struct client c;
	struct answer a = {0};

	(void)state;
	start_redis(&own, "frozen", "");
	opts.socket = own.socket;
	client_ready(&c, &opts);
	server_freeze(&own);
	assert_int_equal(put(&c, &a, "v"), 0);
	assert_true(run_until_count(c.loop, &c.n_away, 1, 2000));
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rc, SW_EUNKNOWN);
	assert_int_equal(redis_pending(c.redis), 0);
	server_thaw(&own);
	assert_true(run_until_count(c.loop, &c.n_ready, 2, LIMIT_MS));
	client_close(&c);
	server_kill(&own);
}

static void frozen_server_is_noticed_by_ping_when_nothing_is_asked(void **state)
{
	struct redis_opts opts = {.command_timeout_ms = 300};
	struct test_server own;
	struct client c;
	int64_t began_ms;

	(void)state;
	start_redis(&own, "silent", "");
	opts.socket = own.socket;
	client_ready(&c, &opts);
	server_freeze(&own);
	began_ms = clock_mono_ms();
	assert_true(run_until_count(c.loop, &c.n_away, 1, 7000));
	assert_in_range(
		clock_mono_ms() - began_ms, 4000, 6500); /* 5 s idle, 0.3 s for the answer */
	client_close(&c);
	server_kill(&own);
}

static int64_t connections(const struct test_server *s)
{
	const char *at = strstr(redis_ask(s, "INFO stats"), "total_connections_received:");
	int64_t n = -1;
	char digits[24] = "";

	assert_non_null(at);
	(void)sscanf(at, "total_connections_received:%20[0-9]", digits);
	assert_int_equal(num_parse(digits, 0, INT64_MAX, &n), 0);
	return n;
}

static void wrong_password_says_why_and_is_not_tried_fast(void **state)
{
	struct redis_opts opts = {.user = "notifier", .password = "wrong"};
	struct test_server own;
	struct client c;
	int64_t before;

	(void)state;
	start_redis(&own, "password", "user notifier on >right ~* +@all");
	opts.socket = own.socket;
	client_open(&c, &opts);
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_non_null(strstr(c.why, "WRONGPASS"));
	before = connections(&own);
	run_for(c.loop, 1000);
	assert_int_equal(connections(&own), before + 1); /* ours, for this question */
	client_close(&c);

	opts.password = "right";
	client_ready(&c, &opts);
	client_close(&c);
	server_kill(&own);
}

static void refused_password_is_told_also_in_an_outage_that_had_another_cause(void **state)
{
	struct redis_opts opts = {.user = "notifier", .password = "wrong"};
	struct test_server own;
	struct client c;

	(void)state;
	start_redis(&own, "password2", "user notifier on >right ~* +@all");
	server_kill(&own);
	opts.socket = own.socket;
	client_open(&c, &opts);
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_null(strstr(c.why, "WRONGPASS"));
	restart_redis(&own);
	assert_true(run_until_count(c.loop, &c.n_away, 2, LIMIT_MS));
	assert_non_null(strstr(c.why, "WRONGPASS"));
	client_close(&c);
	server_kill(&own);
}

static void missing_password_says_why(void **state)
{
	struct test_server own;
	struct client c;

	(void)state;
	start_redis(&own, "noauth", "requirepass secret");
	client_open(&c, &(struct redis_opts){.socket = own.socket});
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_non_null(strstr(c.why, "NOAUTH"));
	client_close(&c);
	client_ready(&c, &(struct redis_opts){.socket = own.socket, .password = "secret"});
	client_close(&c);
	server_kill(&own);
}

/* A stand-in for Redis: SERVE gets each connection in turn. */
static pid_t start_fake(const char *path, void (*serve)(int client, int nth))
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	if (pid != 0) {
		close(fd);
		return pid;
	}
	for (int i = 0; i < 8; i++) {
		int client = accept(fd, NULL, NULL);

		serve(client, i);
		close(client);
	}
	_exit(0);
}

static void client_without_scripts(struct client *c, const struct redis_opts *opts)
{
	static const struct redis_events ev = {on_ready, on_away};

	*c = (struct client){0};
	clock_init_real(&c->clock);
	assert_int_equal(loop_create(&c->clock, &c->loop), 0);
	assert_int_equal(redis_open(c->loop, opts, NULL, 0, &ev, c, &c->redis), 0);
	assert_true(run_until_count(c->loop, &c->n_ready, 1, LIMIT_MS));
}

static void serve_loading(int client, int nth)
{
	static const char *const says[] = {
		"-LOADING Redis is loading the dataset in memory\r\n", "+PONG\r\n"};
	char in[4096];

	while (read(client, in, sizeof(in)) > 0)
		if (write(client, says[nth > 0], strlen(says[nth > 0])) < 0)
			break;
}

static void loading_server_is_away_until_it_has_loaded(void **state)
{
	struct redis_opts opts = {.socket = test_path("loading.sock")};
	struct client c;
	pid_t pid = start_fake(opts.socket, serve_loading);

	(void)state;
	client_without_scripts(&c, &opts);
	assert_int_equal(c.n_away, 1);
	assert_non_null(strstr(c.why, "LOADING"));
	client_close(&c);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* One answer every 250 ms for each PING that came. */
static void serve_slowly(int client, int nth)
{
	static const char pong[] = "+PONG\r\n";
	char in[4096];
	ssize_t n;

	(void)nth;
	while ((n = read(client, in, sizeof(in))) > 0) {
		for (ssize_t i = 0; i + 4 <= n; i++) {
			if (memcmp(in + i, "PING", 4) != 0)
				continue;
			usleep(250000);
			if (write(client, pong, sizeof(pong) - 1) < 0)
				return;
		}
	}
}

static void slow_answers_one_after_the_other_are_no_outage(void **state)
{
	static const char *const ping[] = {"PING"};
	struct redis_opts opts = {.socket = test_path("slow.sock"), .command_timeout_ms = 600};
	struct client c;
	struct answer a = {0};
	pid_t pid = start_fake(opts.socket, serve_slowly);

	(void)state;
	client_without_scripts(&c, &opts);
	for (int i = 0; i < 5; i++) /* the last is answered after 1,250 ms */
		assert_int_equal(ask(&c, &a, 1, ping), 0);
	assert_true(run_until_count(c.loop, &a.n, 5, LIMIT_MS));
	assert_int_equal(a.rc, 0);
	assert_int_equal(c.n_away, 0);
	client_close(&c);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void faulty_script_is_named(void **state)
{
	static const struct redis_script bad[] = {{"bad", "#!lua\nreturn ("}};
	static const struct redis_events ev = {on_ready, on_away};
	struct redis_opts opts = {.socket = server.socket};
	struct client c = {0};

	(void)state;
	clock_init_real(&c.clock);
	assert_int_equal(loop_create(&c.clock, &c.loop), 0);
	assert_int_equal(redis_open(c.loop, &opts, bad, 1, &ev, &c, &c.redis), 0);
	assert_true(run_until_count(c.loop, &c.n_away, 1, LIMIT_MS));
	assert_non_null(strstr(c.why, "script bad"));
	client_close(&c);
}

static void closing_ends_pending_commands_as_unknown(void **state)
{
	struct client c;
	struct answer a = {0};

	(void)state;
	client_default(&c);
	assert_int_equal(put(&c, &a, "v"), 0);
	redis_close(c.redis, on_closed, &c);
	assert_int_equal(a.n, 0); /* not from inside */
	assert_int_equal(put(&c, &a, "v"), SW_EAWAY);
	assert_true(run_until_count(c.loop, &c.n_closed, 1, LIMIT_MS));
	assert_int_equal(a.n, 1);
	assert_int_equal(a.rc, SW_EUNKNOWN);
	assert_int_equal(c.n_away, 0);
	loop_destroy(c.loop);
}

static void on_answer_close(void *ctx, int rc, const struct redis_value *v)
{
	struct client *c = ctx;

	(void)rc;
	(void)v;
	redis_close(c->redis, on_closed, c);
}

static void client_may_be_closed_from_a_callback(void **state)
{
	static const char *const ping[] = {"PING"};
	struct client c;

	(void)state;
	client_default(&c);
	assert_int_equal(redis_command(c.redis, on_answer_close, &c, 1, ping, NULL), 0);
	assert_true(run_until_count(c.loop, &c.n_closed, 1, LIMIT_MS));
	loop_destroy(c.loop);
}

static int setup(void **state)
{
	(void)state;
	start_redis(&server, "shared", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_kill(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_are_there_when_it_is_ready),
		cmocka_unit_test(nothing_is_taken_before_it_is_ready),
		cmocka_unit_test(unknown_script_is_refused),
		cmocka_unit_test(bytes_arrive_as_they_were_sent),
		cmocka_unit_test(nested_replies_keep_their_shape),
		cmocka_unit_test(twenty_thousand_items_arrive),
		cmocka_unit_test(commands_beyond_the_limit_are_refused),
		cmocka_unit_test(backlog_of_bytes_is_bounded_and_drains),
		cmocka_unit_test(emptied_script_cache_is_filled_again),
		cmocka_unit_test(away_errors_are_told_from_others),
		cmocka_unit_test(killed_server_makes_pending_commands_unknown_and_is_found_again),
		cmocka_unit_test(reset_tcp_connection_is_noticed),
		cmocka_unit_test(refused_connection_says_so_and_is_tried_again),
		cmocka_unit_test(frozen_server_is_noticed_by_an_unanswered_command),
		cmocka_unit_test(frozen_server_is_noticed_by_ping_when_nothing_is_asked),
		cmocka_unit_test(slow_answers_one_after_the_other_are_no_outage),
		cmocka_unit_test(wrong_password_says_why_and_is_not_tried_fast),
		cmocka_unit_test(refused_password_is_told_also_in_an_outage_that_had_another_cause),
		cmocka_unit_test(missing_password_says_why),
		cmocka_unit_test(loading_server_is_away_until_it_has_loaded),
		cmocka_unit_test(faulty_script_is_named),
		cmocka_unit_test(closing_ends_pending_commands_as_unknown),
		cmocka_unit_test(client_may_be_closed_from_a_callback),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
