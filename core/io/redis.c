/*
 * core/io/redis.c: the Redis client of the scheduler, on hiredis' asynchronous API.
 *
 * One connection, one list of unanswered operations in the order they were sent. hiredis 0.14 has no
 * time-outs, and its packaged libuv adapter overlooks dead connections, so both are ours: a poll error
 * becomes a read attempt, and one watch timer looks at the oldest operation or sends a PING.
 * hiredis frees a context that failed by itself; conn_gone() only forgets it.
 */
#include <assert.h>
#include <errno.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base/backoff.h"
#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/text.h"
#include "core/io/hiredis_uv.h"
#include "core/io/redis.h"
#include "core/io/timer.h"

#define CONNECT_TIMEOUT_MS 2000
#define COMMAND_TIMEOUT_MS 5000
#define IDLE_PING_MS 5000
#define BACKOFF_BASE_MS 100
#define BACKOFF_CAP_MS 5000
#define REFUSED_RETRY_MS 30000 /* a wrong password does not get better by asking often */
#define MAX_PENDING 1000
#define MAX_ARGS 65536
/* hiredis moves the rest of its buffer after each partial write, so a long backlog costs its square. */
#define MAX_UNSENT_BYTES ((size_t)8 << 20)
#define READER_KEEP_BYTES ((size_t)1 << 20)
#define VIEW_KEEP_ITEMS 4096

enum state {
	STATE_WAITING,    /* for the next attempt */
	STATE_CONNECTING, /* until the socket is writable */
	STATE_GREETING,   /* AUTH, SCRIPT LOAD, PING */
	STATE_READY,
	STATE_CLOSING,
};

enum op_kind {
	OP_COMMAND,
	OP_EVAL,
	OP_AUTH,
	OP_LOAD,
	OP_GREETED, /* the PING that ends the greeting */
	OP_PING,
};

struct op {
	TAILQ_ENTRY(op) link;
	struct redis *r;
	redis_cb cb;
	void *ctx;
	int64_t sent_ms;
	enum op_kind kind;
	size_t script;
	char *cmd; /* EVAL: kept for a second try after NOSCRIPT; by redisFormatCommandArgv() */
	size_t cmd_len;
};

TAILQ_HEAD(op_list, op);

struct redis {
	struct loop *loop;
	char *socket, *host, *user, *password;
	uint16_t port;
	int64_t command_timeout_ms;
	unsigned max_pending;
	const struct redis_script *scripts;
	char (*sha)[41];
	size_t n_scripts;
	struct redis_events ev;
	void *ctx;

	enum state state;
	redisAsyncContext *ac;
	struct op_list ops;
	size_t pending; /* of OPS those the user sent */
	int64_t last_reply_ms;
	int64_t connect_by_ms;
	struct timer *next;  /* first attempt, reconnect, the end of closing */
	struct timer *watch; /* time-outs and PING */
	int64_t watch_at_ms; /* INT64_MAX: not armed */
	struct backoff backoff;
	bool away_told, refusal_told;

	const char **argv; /* scratch of formatting */
	size_t *lens;
	size_t args_cap;
	struct redis_value *view; /* arrays of the reply that is being delivered */
	size_t view_cap;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void conn_drop(struct redis *r, const char *why, bool refused);

/* Does the error text start with exactly this code? "BUSY" must not match "BUSYGROUP". */
static bool has_code(const char *text, size_t len, const char *code)
{
	size_t n = strlen(code);

	return len >= n && memcmp(text, code, n) == 0 && (len == n || text[n] == ' ');
}

static bool is_away_text(const char *text, size_t len)
{
	static const char *const codes[] = {
		"OOM", "MISCONF", "LOADING", "BUSY", "READONLY", "NOREPLICAS", "MASTERDOWN"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (has_code(text, len, codes[i]))
			return true;
	return false;
}

bool redis_is_away_error(const struct redis_value *v)
{
	return v && v->type == REDIS_FAILURE && is_away_text(v->str, v->len);
}

static bool is_refusal(const redisReply *reply)
{
	static const char *const codes[] = {"WRONGPASS", "NOAUTH", "NOPERM"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (has_code(reply->str, reply->len, codes[i]))
			return true;
	return text_starts(reply->str, "ERR AUTH") ||
	       text_starts(reply->str, "ERR Client sent AUTH");
}

static size_t view_count(const redisReply *reply)
{
	size_t n = 0;

	if (reply->type != REDIS_REPLY_ARRAY)
		return 0;
	for (size_t i = 0; i < reply->elements; i++)
		n += 1 + view_count(reply->element[i]);
	return n;
}

/* Depth is bounded by hiredis, which ends the connection on replies nested deeper than 7. */
static struct redis_value view_fill(const redisReply *reply, struct redis_value **next)
{
	struct redis_value v = {.type = REDIS_NIL};
	struct redis_value *items;

	switch (reply->type) {
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		v.type = reply->type == REDIS_REPLY_STRING   ? REDIS_STRING
			 : reply->type == REDIS_REPLY_STATUS ? REDIS_STATUS
							     : REDIS_FAILURE;
		v.str = reply->str;
		v.len = reply->len;
		break;
	case REDIS_REPLY_INTEGER:
		v.type = REDIS_INTEGER;
		v.integer = reply->integer;
		break;
	case REDIS_REPLY_ARRAY:
		v.type = REDIS_ARRAY;
		v.n = reply->elements;
		items = *next;
		*next += reply->elements;
		for (size_t i = 0; i < reply->elements; i++)
			items[i] = view_fill(reply->element[i], next);
		v.items = v.n ? items : NULL;
		break;
	default:
		break;
	}
	return v;
}

static int view_make(struct redis *r, const redisReply *reply, struct redis_value *ret)
{
	size_t n = view_count(reply);
	struct redis_value *next;

	if (n > r->view_cap) {
		free(r->view);
		r->view_cap = 0;
		r->view = calloc(n, sizeof(*r->view));
		if (!r->view)
			return -ENOMEM;
		r->view_cap = n;
	}
	next = r->view;
	*ret = view_fill(reply, &next);
	return 0;
}

static void view_shrink(struct redis *r)
{
	if (r->view_cap <= VIEW_KEEP_ITEMS)
		return;
	free(r->view);
	r->view = NULL;
	r->view_cap = 0;
}

static void arm_watch(struct redis *r, int64_t at_ms, int64_t now_ms)
{
	r->watch_at_ms = at_ms;
	timer_after(r->watch, at_ms > now_ms ? at_ms - now_ms : 0);
}

/* When the connection counts as dead: progress counts, so that a slow server with a long queue is not. */
static int64_t op_due_ms(const struct redis *r, const struct op *op)
{
	int64_t since = op->sent_ms > r->last_reply_ms ? op->sent_ms : r->last_reply_ms;

	return since + r->command_timeout_ms;
}

static bool is_users(const struct op *op)
{
	return op->kind == OP_COMMAND || op->kind == OP_EVAL;
}

static void op_free(struct op *op)
{
	if (op->cmd)
		redisFreeCommand(op->cmd);
	free(op);
}

/* Frees OP; the callback may do anything, R is still there afterwards (closing is deferred). */
static void op_finish(struct op *op, int rc, const struct redis_value *v)
{
	redis_cb cb = op->cb;
	void *ctx = op->ctx;

	if (is_users(op))
		op->r->pending--;
	op_free(op);
	if (cb)
		cb(ctx, rc, v);
}

static void op_deliver(struct op *op, const redisReply *reply)
{
	struct redis *r = op->r;
	struct redis_value v;

	if (view_make(r, reply, &v) < 0) {
		op_finish(op, SW_EUNKNOWN, NULL);
		return;
	}
	op_finish(op, 0, &v);
	view_shrink(r);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *privdata);

static int op_submit(struct redis *r, struct op *op, const char *cmd, size_t len)
{
	int64_t now_ms = clock_mono_ms();

	if (redisAsyncFormattedCommand(r->ac, on_reply, op, cmd, len) != REDIS_OK)
		return SW_EAWAY;
	op->sent_ms = now_ms;
	TAILQ_INSERT_TAIL(&r->ops, op, link);
	if (now_ms + r->command_timeout_ms < r->watch_at_ms)
		arm_watch(r, now_ms + r->command_timeout_ms, now_ms);
	return 0;
}

/* Formats and sends; OP belongs to the list on 0, else it is freed. */
static int op_send(struct redis *r, struct op *op, int argc, const char **argv, const size_t *lens)
{
	char *cmd;
	int len = redisFormatCommandArgv(&cmd, argc, argv, lens);
	size_t unsent = sdslen(r->ac->c.obuf);
	int rc;

	if (len < 0) {
		op_free(op);
		return -ENOMEM;
	}
	if (unsent > 0 && unsent + (size_t)len > MAX_UNSENT_BYTES) {
		redisFreeCommand(cmd);
		op_free(op);
		return SW_ELIMIT;
	}
	if (op->kind == OP_EVAL) {
		op->cmd = cmd;
		op->cmd_len = (size_t)len;
	}
	rc = op_submit(r, op, cmd, (size_t)len);
	if (op->kind != OP_EVAL)
		redisFreeCommand(cmd);
	if (rc < 0)
		op_free(op);
	return rc;
}

static int send_internal(
	struct redis *r, enum op_kind kind, size_t script, int argc, const char **argv)
{
	struct op *op = calloc(1, sizeof(*op));
	size_t lens[3];

	assert(argc <= (int)ARRAY_LEN(lens));
	if (!op)
		return -ENOMEM;
	for (int i = 0; i < argc; i++)
		lens[i] = strlen(argv[i]);
	op->r = r;
	op->kind = kind;
	op->script = script;
	return op_send(r, op, argc, argv, lens);
}

static int send_load(struct redis *r, size_t script)
{
	const char *argv[3] = {"SCRIPT", "LOAD", r->scripts[script].body};

	return send_internal(r, OP_LOAD, script, 3, argv);
}

static int send_ping(struct redis *r, enum op_kind kind)
{
	const char *argv[1] = {"PING"};

	return send_internal(r, kind, 0, 1, argv);
}

static int send_auth(struct redis *r)
{
	const char *argv[3] = {"AUTH", r->user ? r->user : r->password, r->password};

	return send_internal(r, OP_AUTH, 0, r->user ? 3 : 2, argv);
}

static int send_scripts(struct redis *r)
{
	int rc = 0;

	for (size_t i = 0; i < r->n_scripts && rc == 0; i++)
		rc = send_load(r, i);
	return rc == 0 ? send_ping(r, OP_GREETED) : rc;
}

static void schedule_retry(struct redis *r, const char *why, bool refused)
{
	bool tell = !r->away_told || (refused && !r->refusal_told);

	r->state = STATE_WAITING;
	r->ac = NULL;
	r->watch_at_ms = INT64_MAX;
	timer_stop(r->watch);
	timer_after(r->next, refused ? REFUSED_RETRY_MS : backoff_next_ms(&r->backoff));
	r->away_told = true;
	r->refusal_told = r->refusal_told || refused;
	if (tell && r->ev.on_away)
		r->ev.on_away(r->ctx, why);
}

/* hiredis is freeing the context: forget it. */
static void conn_gone(struct redis *r, const char *why)
{
	if (r->state != STATE_CLOSING)
		schedule_retry(r, why, false);
	else
		r->ac = NULL;
}

/* We end the connection. From inside a reply callback hiredis frees it as soon as that returns. */
static void conn_drop(struct redis *r, const char *why, bool refused)
{
	redisAsyncContext *ac = r->ac;

	r->ac = NULL;
	ac->data = NULL;
	if (r->state != STATE_CLOSING)
		r->state = STATE_WAITING;
	redisAsyncFree(ac);
	if (r->state != STATE_CLOSING)
		schedule_retry(r, why, refused);
}

/* RC of a send during the greeting: a connection that takes nothing is of no use. */
static void greet_check(struct redis *r, int rc)
{
	if (rc < 0 && r->ac)
		conn_drop(r, err_name(rc), false);
}

static void greeted(struct redis *r)
{
	r->state = STATE_READY;
	backoff_reset(&r->backoff);
	r->away_told = r->refusal_told = false;
	if (r->ev.on_ready)
		r->ev.on_ready(r->ctx);
}

static void on_greeting_reply(
	struct redis *r, enum op_kind kind, size_t script, const redisReply *reply)
{
	char why[160];

	if (reply->type == REDIS_REPLY_ERROR) {
		bool is_refused = is_refusal(reply);

		if (kind == OP_LOAD && !is_refused && !is_away_text(reply->str, reply->len))
			(void)snprintf(why, sizeof(why), "script %s: %s", r->scripts[script].name,
				reply->str);
		else
			(void)snprintf(why, sizeof(why), "%s", reply->str);
		conn_drop(r, why, is_refused);
	} else if (kind == OP_AUTH) {
		greet_check(r, send_scripts(r));
	} else if (kind == OP_GREETED) {
		greeted(r);
	}
}

/* After SCRIPT FLUSH, or a server that came back empty: load this one and send the same bytes again. */
static bool eval_again(struct redis *r, struct op *op)
{
	char *cmd = op->cmd;
	int rc;

	if (!cmd || r->state != STATE_READY || send_load(r, op->script) < 0)
		return false;
	op->cmd = NULL; /* once more, not for ever */
	rc = op_submit(r, op, cmd, op->cmd_len);
	redisFreeCommand(cmd);
	return rc == 0;
}

static void on_reply(redisAsyncContext *ac, void *reply_ptr, void *privdata)
{
	const redisReply *reply = reply_ptr;
	struct op *op = privdata;
	struct redis *r = op->r;
	enum op_kind kind = op->kind;
	size_t script = op->script;

	TAILQ_REMOVE(&r->ops, op, link);
	if (!reply) {
		/* The connection is going. Callbacks below must not send on it. */
		if (r->ac == ac && r->state != STATE_CLOSING)
			r->state = STATE_WAITING;
		op_finish(op, SW_EUNKNOWN, NULL);
		return;
	}
	r->last_reply_ms = clock_mono_ms();
	if (is_users(op)) {
		if (kind == OP_EVAL && reply->type == REDIS_REPLY_ERROR &&
			has_code(reply->str, reply->len, "NOSCRIPT") && eval_again(r, op))
			return;
		op_deliver(op, reply);
		return;
	}
	op_free(op);
	if (r->state == STATE_GREETING && r->ac == ac)
		on_greeting_reply(r, kind, script, reply);
}

/* hiredis goes on using the context after this returns: it must not be freed here. */
static void on_connect(const redisAsyncContext *ac, int status)
{
	struct redis *r = ac->data;
	int64_t now_ms = clock_mono_ms();
	int rc;

	if (!r)
		return;
	if (status != REDIS_OK) {
		conn_gone(r, ac->c.errstr[0] ? ac->c.errstr : "connect failed");
		return;
	}
	if (r->state != STATE_CONNECTING)
		return;
	r->state = STATE_GREETING;
	r->last_reply_ms = now_ms;
	r->watch_at_ms = INT64_MAX;
	rc = r->password ? send_auth(r) : send_scripts(r);
	if (rc < 0 || TAILQ_EMPTY(&r->ops)) /* the watch timer finds it and drops it */
		arm_watch(r, now_ms, now_ms);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
	struct redis *r = ac->data;

	(void)status;
	if (r)
		conn_gone(r, ac->c.errstr[0] ? ac->c.errstr : "connection closed");
}

/* The socket reports an error that reading did not show. */
static void on_link_error(redisAsyncContext *ac, const char *why)
{
	if (ac->data)
		conn_drop(ac->data, why, false);
	else
		redisAsyncFree(ac);
}

static void conn_start(struct redis *r)
{
	redisAsyncContext *ac =
		r->socket ? redisAsyncConnectUnix(r->socket) : redisAsyncConnect(r->host, r->port);
	int64_t now_ms = clock_mono_ms();
	char why[160] = "out of memory";
	int rc;

	if (!ac || ac->err) {
		if (ac) {
			(void)snprintf(why, sizeof(why), "%s", ac->errstr);
			redisAsyncFree(ac);
		}
		schedule_retry(r, why, false);
		return;
	}
	rc = hiredis_uv_attach(r->loop, ac, on_link_error);
	if (rc < 0) {
		redisAsyncFree(ac);
		schedule_retry(r, err_name(rc), false);
		return;
	}
	ac->data = r;
	ac->c.reader->maxbuf = READER_KEEP_BYTES;
	r->ac = ac;
	r->state = STATE_CONNECTING;
	r->connect_by_ms = now_ms + CONNECT_TIMEOUT_MS;
	arm_watch(r, r->connect_by_ms, now_ms);
	redisAsyncSetConnectCallback(ac, on_connect);
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
}

static void on_watch(void *ctx)
{
	struct redis *r = ctx;
	int64_t now_ms = clock_mono_ms();
	const struct op *oldest = TAILQ_FIRST(&r->ops);
	int64_t due_ms;

	r->watch_at_ms = INT64_MAX;
	if (!r->ac || r->state == STATE_CLOSING)
		return;
	if (r->state == STATE_CONNECTING)
		due_ms = r->connect_by_ms;
	else if (oldest)
		due_ms = op_due_ms(r, oldest);
	else
		due_ms = r->state == STATE_READY ? r->last_reply_ms + IDLE_PING_MS : now_ms;
	if (due_ms > now_ms) {
		arm_watch(r, due_ms, now_ms);
	} else if (r->state == STATE_READY && !oldest) {
		greet_check(r, send_ping(r, OP_PING));
	} else {
		conn_drop(r,
			r->state == STATE_CONNECTING ? "connect timed out" : "no answer in time",
			false);
	}
}

static void redis_free(struct redis *r)
{
	if (!r)
		return;
	timer_destroy(r->next);
	timer_destroy(r->watch);
	if (r->password)
		explicit_bzero(r->password, strlen(r->password));
	free(r->socket);
	free(r->host);
	free(r->user);
	free(r->password);
	free(r->sha);
	free(r->argv);
	free(r->lens);
	free(r->view);
	free(r);
}

static void on_next(void *ctx)
{
	struct redis *r = ctx;
	void (*closed)(void *) = r->closed;
	void *closed_ctx = r->closed_ctx;

	if (r->state == STATE_WAITING && !r->ac) {
		conn_start(r);
	} else if (r->state == STATE_CLOSING) {
		if (r->ac)
			conn_drop(r, "", false);
		assert(TAILQ_EMPTY(&r->ops));
		redis_free(r);
		if (closed)
			closed(closed_ctx);
	}
}

static int copy_opts(struct redis *r, const struct redis_opts *opts)
{
	const char *const from[] = {opts->socket, opts->host, opts->user, opts->password};
	char **const to[] = {&r->socket, &r->host, &r->user, &r->password};

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		*to[i] = text_dup(from[i]);
		if (from[i] && !*to[i])
			return -ENOMEM;
	}
	if (r->user && !r->password) { /* a user without password ("nopass") still says AUTH */
		r->password = text_dup("");
		if (!r->password)
			return -ENOMEM;
	}
	r->port = opts->port;
	r->command_timeout_ms =
		opts->command_timeout_ms > 0 ? opts->command_timeout_ms : COMMAND_TIMEOUT_MS;
	r->max_pending = opts->max_pending ? opts->max_pending : MAX_PENDING;
	return 0;
}

int redis_open(struct loop *l, const struct redis_opts *opts, const struct redis_script *scripts,
	size_t n, const struct redis_events *ev, void *ctx, struct redis **ret)
{
	struct redis *r = NULL;
	int rc = SW_EINVAL;

	if (!opts->socket && (!opts->host || opts->port == 0))
		return rc;
	rc = -ENOMEM;
	r = calloc(1, sizeof(*r));
	if (!r)
		return rc;
	r->loop = l;
	r->ev = *ev;
	r->ctx = ctx;
	r->scripts = scripts;
	r->n_scripts = n;
	r->watch_at_ms = INT64_MAX;
	TAILQ_INIT(&r->ops);
	backoff_init(&r->backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
	r->sha = calloc(n ? n : 1, sizeof(*r->sha));
	if (!r->sha || copy_opts(r, opts) < 0)
		goto fail;
	for (size_t i = 0; i < n; i++)
		id_sha1_hex(scripts[i].body, strlen(scripts[i].body), r->sha[i]);
	rc = timer_new(l, on_next, r, &r->next);
	if (rc == 0)
		rc = timer_new(l, on_watch, r, &r->watch);
	if (rc < 0)
		goto fail;
	timer_after(r->next, 0);
	*ret = r;
	return 0;
fail:
	redis_free(r);
	return rc;
}

bool redis_ready(const struct redis *r)
{
	return r && r->state == STATE_READY;
}

size_t redis_pending(const struct redis *r)
{
	return r->pending;
}

static int args_reserve(struct redis *r, size_t n)
{
	const char **argv;
	size_t *lens;

	if (n <= r->args_cap)
		return 0;
	if (n > MAX_ARGS)
		return SW_ELIMIT;
	argv = realloc(r->argv, n * sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	r->argv = argv;
	lens = realloc(r->lens, n * sizeof(*lens));
	if (!lens)
		return -ENOMEM;
	r->lens = lens;
	r->args_cap = n;
	return 0;
}

static void args_set(struct redis *r, int at, int n, const char *const *args, const size_t *lens)
{
	for (int i = 0; i < n; i++) {
		r->argv[at + i] = args[i];
		r->lens[at + i] = lens ? lens[i] : strlen(args[i]);
	}
}

/* Sends what lies in the scratch arrays. */
static int send_users(
	struct redis *r, enum op_kind kind, size_t script, redis_cb cb, void *ctx, int argc)
{
	struct op *op = calloc(1, sizeof(*op));
	int rc;

	if (!op)
		return -ENOMEM;
	op->r = r;
	op->kind = kind;
	op->script = script;
	op->cb = cb;
	op->ctx = ctx;
	rc = op_send(r, op, argc, r->argv, r->lens);
	if (rc == 0)
		r->pending++;
	return rc;
}

static int may_send(const struct redis *r)
{
	if (!redis_ready(r))
		return SW_EAWAY;
	return r->pending >= r->max_pending ? SW_ELIMIT : 0;
}

int redis_command(struct redis *r, redis_cb cb, void *ctx, int argc, const char *const *argv,
	const size_t *lens)
{
	int rc = may_send(r);

	if (argc < 1)
		return SW_EINVAL;
	if (rc == 0)
		rc = args_reserve(r, (size_t)argc);
	if (rc < 0)
		return rc;
	args_set(r, 0, argc, argv, lens);
	return send_users(r, OP_COMMAND, 0, cb, ctx, argc);
}

int redis_eval(struct redis *r, const char *name, redis_cb cb, void *ctx, int n_keys,
	const char *const *keys, int n_args, const char *const *args, const size_t *arg_lens)
{
	char count[12]; /* an int in decimal */
	const char *head[3];
	size_t script = 0;
	int rc = may_send(r);

	if (rc < 0)
		return rc;
	while (script < r->n_scripts && strcmp(r->scripts[script].name, name) != 0)
		script++;
	if (script == r->n_scripts)
		return SW_ENOENT;
	if (n_keys < 0 || n_args < 0)
		return SW_EINVAL;
	rc = args_reserve(r, 3 + (size_t)n_keys + (size_t)n_args);
	if (rc < 0)
		return rc;
	(void)snprintf(count, sizeof(count), "%d", n_keys);
	head[0] = "EVALSHA";
	head[1] = r->sha[script];
	head[2] = count;
	args_set(r, 0, 3, head, NULL);
	args_set(r, 3, n_keys, keys, NULL);
	args_set(r, 3 + n_keys, n_args, args, arg_lens);
	return send_users(r, OP_EVAL, script, cb, ctx, 3 + n_keys + n_args);
}

void redis_close(struct redis *r, void (*done)(void *ctx), void *ctx)
{
	assert(r->state != STATE_CLOSING);
	r->state = STATE_CLOSING;
	r->closed = done;
	r->closed_ctx = ctx;
	timer_stop(r->watch);
	timer_after(r->next, 0);
}
