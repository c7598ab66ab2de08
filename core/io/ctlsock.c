/*
 * core/io/ctlsock.c: the server side of the control socket.
 *
 * A request outlives its connection: when the client goes, the request only loses it, and its output is
 * dropped until the handler ends it. One line is served per turn, so a client that pipelines a thousand
 * requests does not hold the loop.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/ctlsock.h"
#include "core/io/timer.h"

#define MAX_CONNS 64
#define MAX_LINE_BYTES ((size_t)1 << 20)
#define READ_BYTES ((size_t)64 << 10)
#define MAX_UNSENT_BYTES ((size_t)64 << 20) /* a client that does not read its export is dropped */
#define FULL_BYTES ((size_t)1 << 20)        /* ctl_full(): long before that */
#define PROTOCOL_VERSION 1
#define EXIT_USAGE 64
#define EXIT_INTERNAL 70
#define EXIT_TEMPORARY 75

struct conn {
	TAILQ_ENTRY(conn) link;
	struct ctlsock *server;
	uv_pipe_t pipe;
	struct buf in;
	struct buf out; /* lines behind the write under way: libuv takes only a few writes a turn */
	bool is_writing;
	struct ctl_request *req; /* in progress; NULL: none */
	uid_t uid;
	bool is_reading;
	bool is_closing;
};

struct ctl_request {
	struct conn *conn; /* NULL: the client went away */
	uid_t uid;
	bool is_cut; /* something was longer than a line may be */
};

struct ctlsock {
	struct loop *loop;
	uv_pipe_t listener;
	struct timer *pump; /* serves the next line of connections that have one */
	char *path, *program, *version;
	ctl_handler handler;
	void *ctx;
	TAILQ_HEAD(conn_list, conn) conns;
	unsigned n_conns;
	unsigned open_handles; /* the last one to close frees the server */
	bool is_closing;
	char chunk[READ_BYTES]; /* what a read callback gets; used up before the next read */
};

struct line_write {
	uv_write_t uv;
	struct conn *conn;
	char *text;
};

static void server_unref(struct ctlsock *s)
{
	if (--s->open_handles > 0)
		return;
	free(s->path);
	free(s->program);
	free(s->version);
	free(s);
}

static void on_conn_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	struct ctlsock *s = c->server;

	TAILQ_REMOVE(&s->conns, c, link);
	s->n_conns--;
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
	server_unref(s);
}

static void conn_close(struct conn *c)
{
	if (c->is_closing)
		return;
	c->is_closing = true;
	if (c->req)
		c->req->conn = NULL;
	c->req = NULL;
	uv_close((uv_handle_t *)&c->pipe, on_conn_closed);
}

static void conn_flush(struct conn *c);

static void on_written(uv_write_t *uv, int status)
{
	struct line_write *w = uv->data;
	struct conn *c = w->conn; /* lives: its close callback comes behind this one */

	(void)status; /* the read side notices a client that went away */
	c->is_writing = false;
	free(w->text);
	free(w);
	conn_flush(c);
}

/* Hands all lines that wait to the socket as one write. */
static void conn_flush(struct conn *c)
{
	struct line_write *w;
	size_t len = c->out.len;
	uv_buf_t part;

	if (c->is_writing || c->is_closing || len == 0)
		return;
	w = calloc(1, sizeof(*w));
	if (w)
		w->text = buf_take(&c->out);
	if (!w || !w->text) {
		free(w);
		conn_close(c);
		return;
	}
	w->conn = c;
	w->uv.data = w;
	part = uv_buf_init(w->text, (unsigned)len);
	if (uv_write(&w->uv, (uv_stream_t *)&c->pipe, &part, 1, on_written) < 0) {
		free(w->text);
		free(w);
		conn_close(c);
		return;
	}
	c->is_writing = true;
}

static size_t conn_unsent(const struct conn *c)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&c->pipe) + c->out.len;
}

/* Takes OBJECT. SW_ELIMIT: it is longer than a line may be and was not sent. */
static int conn_send(struct conn *c, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	int rc = 0;

	json_decref(object);
	if (!text)
		return -ENOMEM;
	if (c->is_closing) {
		rc = SW_EAWAY;
	} else if (len >= MAX_LINE_BYTES) {
		rc = SW_ELIMIT;
	} else if (conn_unsent(c) > MAX_UNSENT_BYTES) {
		LOG_WARN("ctl_client_stuck", "uid=%u", (unsigned)c->uid);
		conn_close(c);
		rc = SW_EAWAY;
	} else {
		(void)buf_add(&c->out, text, len);
		rc = buf_addc(&c->out, '\n');
		if (rc < 0)
			conn_close(c);
		else
			conn_flush(c);
	}
	free(text);
	return rc;
}

static void conn_send_exit(struct conn *c, int code, const char *error)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "exit", json_integer(code));
	if (error)
		(void)json_object_set_new(o, "error", json_string(error));
	(void)conn_send(c, o);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *ret)
{
	struct conn *c = h->data;

	(void)suggested;
	*ret = uv_buf_init(c->server->chunk, sizeof(c->server->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk);

static void conn_read(struct conn *c, bool on)
{
	if (c->is_closing || on == c->is_reading)
		return;
	c->is_reading = on;
	if (!on)
		(void)uv_read_stop((uv_stream_t *)&c->pipe);
	else if (uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) < 0)
		conn_close(c);
}

static void conn_serve(struct conn *c, const char *line, size_t len)
{
	struct ctlsock *s = c->server;
	json_error_t jerr;
	json_t *body = json_loadb(line, len, JSON_REJECT_DUPLICATES, &jerr);
	struct ctl_request *req = calloc(1, sizeof(*req));

	buf_consume(&c->in, len + 1);
	if (!req) {
		conn_send_exit(c, EXIT_INTERNAL, "out of memory");
	} else if (!json_is_object(body)) {
		conn_send_exit(c, EXIT_USAGE, body ? "a request is a JSON object" : jerr.text);
		free(req);
	} else {
		req->conn = c;
		req->uid = c->uid;
		c->req = req;
		s->handler(s->ctx, req, body);
	}
	json_decref(body);
}

/* Serves the first complete line, if no request is in progress. */
static void conn_pump(struct conn *c)
{
	const char *end;

	if (c->req || c->is_closing)
		return;
	end = c->in.len ? memchr(c->in.data, '\n', c->in.len) : NULL;
	if ((end ? (size_t)(end - c->in.data) : c->in.len) >= MAX_LINE_BYTES) {
		conn_send_exit(c, EXIT_USAGE, "a line is longer than 1 MiB");
		conn_close(c);
		return;
	}
	if (end)
		conn_serve(c, c->in.data, (size_t)(end - c->in.data));
	if (c->in.len < MAX_LINE_BYTES)
		conn_read(c, true);
	if (!c->req && !c->is_closing && c->in.len && memchr(c->in.data, '\n', c->in.len))
		timer_after(c->server->pump, 0);
}

static void on_pump(void *ctx)
{
	struct ctlsock *s = ctx;
	struct conn *c;

	TAILQ_FOREACH(c, &s->conns, link)
	conn_pump(c);
}

/* Reading goes on while a request is served: that is how the client's leaving is noticed. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
	struct conn *c = stream->data;

	if (n == 0)
		return;
	if (n < 0 || buf_add(&c->in, chunk->base, (size_t)n) < 0) {
		conn_close(c);
		return;
	}
	if (c->in.len >= MAX_LINE_BYTES)
		conn_read(c, false);
	conn_pump(c);
}

static uid_t peer_uid(const uv_pipe_t *pipe)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t len = sizeof(cred);
	uv_os_fd_t fd;

	if (uv_fileno((const uv_handle_t *)pipe, &fd) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return (uid_t)-1;
	return cred.uid;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct ctlsock *s = listener->data;
	struct conn *c;

	if (status < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) /* libuv asks again when the next client comes */
		return;
	c->server = s;
	buf_init(&c->in, MAX_LINE_BYTES + READ_BYTES);
	buf_init(&c->out, MAX_UNSENT_BYTES + 2 * MAX_LINE_BYTES);
	(void)uv_pipe_init(loop_uv(s->loop), &c->pipe, 0);
	c->pipe.data = c;
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->n_conns++;
	s->open_handles++;
	if (uv_accept(listener, (uv_stream_t *)&c->pipe) < 0) {
		conn_close(c);
		return;
	}
	c->uid = peer_uid(&c->pipe);
	(void)conn_send(c, json_pack("{s:i, s:s, s:s}", "shouwang", PROTOCOL_VERSION, "program",
				   s->program, "version", s->version));
	if (s->n_conns > MAX_CONNS) {
		conn_send_exit(c, EXIT_TEMPORARY, "too many commands at once");
		conn_close(c);
		return;
	}
	conn_read(c, true);
}

/* 0: the path is free now. A socket nobody listens on is left over from a crash. */
static int clear_path(const struct sockaddr_un *addr, struct sw_err *err)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, SW_EEXIST, "%s exists and is not a socket", addr->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	close(fd);
	if (rc != -ECONNREFUSED)
		return err_set(err, SW_EEXIST, "%s: somebody listens on it", addr->sun_path);
	if (unlink(addr->sun_path) < 0)
		return err_set(err, -errno, "%s: %s", addr->sun_path, strerror(errno));
	return 0;
}

static int server_listen(struct ctlsock *s, mode_t mode, struct sw_err *err)
{
	mode_t mask = umask(0777 & ~mode); /* no moment at which others could connect */
	int rc = uv_pipe_bind(&s->listener, s->path);

	(void)umask(mask);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&s->listener, MAX_CONNS, on_connection);
	if (rc < 0)
		return err_set(err, rc, "%s: %s%s", s->path, uv_strerror(rc),
			rc == UV_EACCES ? ", or its folder is missing"
					: ""); /* libuv merges both */
	return 0;
}

static void on_listener_closed(uv_handle_t *h)
{
	server_unref(h->data);
}

int ctlsock_open(struct loop *l, const char *path, mode_t mode, const char *program,
	const char *version, ctl_handler handler, void *ctx, struct ctlsock **ret,
	struct sw_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctlsock *s;
	int rc;

	if (text_copy(addr.sun_path, sizeof(addr.sun_path), path) < 0)
		return err_set(err, SW_EINVAL, "socket path longer than %zu bytes: %s",
			sizeof(addr.sun_path) - 1, path);
	rc = clear_path(&addr, err);
	if (rc < 0)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->loop = l;
	s->handler = handler;
	s->ctx = ctx;
	s->open_handles = 1;
	TAILQ_INIT(&s->conns);
	(void)uv_pipe_init(loop_uv(l), &s->listener, 0);
	s->listener.data = s;
	s->path = text_dup(path);
	s->program = text_dup(program);
	s->version = text_dup(version);
	rc = timer_new(l, on_pump, s, &s->pump);
	if (rc < 0 || !s->path || !s->program || !s->version)
		rc = err_set(err, -ENOMEM, "out of memory");
	else
		rc = server_listen(s, mode, err);
	if (rc < 0) {
		timer_destroy(s->pump);
		uv_close((uv_handle_t *)&s->listener, on_listener_closed);
		return rc;
	}
	*ret = s;
	return 0;
}

void ctlsock_close(struct ctlsock *s)
{
	struct conn *c;

	if (!s || s->is_closing)
		return;
	s->is_closing = true;
	timer_destroy(s->pump);
	s->pump = NULL;
	(void)unlink(s->path);
	TAILQ_FOREACH(c, &s->conns, link)
	conn_close(c);
	uv_close((uv_handle_t *)&s->listener, on_listener_closed);
}

uid_t ctl_uid(const struct ctl_request *req)
{
	return req->uid;
}

bool ctl_gone(const struct ctl_request *req)
{
	return !req->conn;
}

bool ctl_full(const struct ctl_request *req)
{
	return req->conn && conn_unsent(req->conn) > FULL_BYTES;
}

void ctl_line(struct ctl_request *req, const char *fmt, ...)
{
	struct buf text;
	size_t bad_at;
	va_list ap;

	if (!req->conn)
		return;
	buf_init(&text, MAX_LINE_BYTES);
	va_start(ap, fmt);
	(void)buf_vaddf(&text, fmt, ap);
	va_end(ap);
	while (!text.error && !text_utf8_valid(buf_str(&text), text.len, &bad_at))
		text.data[bad_at] =
			'?'; /* JSON cannot carry it, and half a line is better than none */
	if (text.error ||
		conn_send(req->conn, json_pack("{s:s}", "line", buf_str(&text))) == SW_ELIMIT)
		req->is_cut = true;
	buf_fini(&text);
}

void ctl_data(struct ctl_request *req, json_t *data)
{
	if (!req->conn)
		json_decref(data);
	else if (conn_send(req->conn, json_pack("{s:o}", "data", data)) == SW_ELIMIT)
		req->is_cut = true;
}

void ctl_end(struct ctl_request *req, int exit_code, const char *error)
{
	struct conn *c = req->conn;

	if (c) {
		if (req->is_cut && exit_code == 0)
			conn_send_exit(
				c, EXIT_INTERNAL, "a part of the answer was longer than 1 MiB");
		else
			conn_send_exit(c, exit_code, error);
		c->req = NULL;
		if (!c->is_closing)
			timer_after(c->server->pump, 0);
	}
	free(req);
}
