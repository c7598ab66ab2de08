/*
 * core/io/http_server.c: a libmicrohttpd daemon without threads, turned by our loop.
 *
 * The daemon's epoll descriptor is one uv_poll; what it wants to be called for at once comes from
 * uv_prepare and uv_idle, never from a timer of 0 ms. Its own time-out is one of silence, so the time a
 * request may take as a whole (a client that sends one byte per second) is counted here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/io/http_server_internal.h"

#define DEFAULT_BODY_BYTES 65536
#define DEFAULT_CONNECTIONS 1000
#define DEFAULT_PER_IP 64
#define DEFAULT_IDLE_S 10
/* Holds the 8 KiB of headers we accept with the daemon's bookkeeping, and its buffers. */
#define POOL_BYTES 32768
/* The daemon's own time-out comes after ours, which can still say 408; it ends readers that are stuck. */
#define DAEMON_EXTRA_S 5
/* tcpi_bytes_received in the kernel's struct tcp_info; the C library's declaration ends before it. */
#define TCPI_BYTES_RECEIVED_AT 128

static void stop_daemon(void *ctx);

static void run_daemon(struct http_server *s)
{
	if (s->stopped)
		return;
	s->was_resumed = false;
	s->in_mhd++;
	(void)MHD_run(s->mhd);
	s->in_mhd--;
	if (s->closing && s->in_mhd == 0)
		stop_daemon(s);
}

static void on_poll(uv_poll_t *h, int status, int events);

static void on_idle(uv_idle_t *h)
{
	struct http_server *s = h->data;

	(void)uv_idle_stop(h);
	run_daemon(s);
}

static void on_daemon_timer(uv_timer_t *h)
{
	run_daemon(h->data);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct http_server *s = h->data;

	(void)events;
	run_daemon(s);
	/* libuv has stopped the watcher when it reports an error. */
	if (status < 0 && !s->stopped)
		(void)uv_poll_start(h, UV_READABLE, on_poll);
}

/* Before the loop sleeps: when does the daemon want to be called next? */
static void on_prepare(uv_prepare_t *h)
{
	struct http_server *s = h->data;
	MHD_UNSIGNED_LONG_LONG ms = 0;

	/* MHD_get_timeout() says nothing of connections that were resumed. */
	if (s->was_resumed || (MHD_get_timeout(s->mhd, &ms) == MHD_YES && ms == 0)) {
		run_daemon(s);
		if (s->stopped)
			return;
	}
	(void)uv_timer_stop(&s->timer);
	(void)uv_idle_stop(&s->idle);
	if (MHD_get_timeout(s->mhd, &ms) != MHD_YES)
		ms = UINT64_MAX;
	if (ms == 0 || s->was_resumed)
		(void)uv_idle_start(&s->idle, on_idle);
	else if (ms != UINT64_MAX)
		(void)uv_timer_start(&s->timer, on_daemon_timer, ms, 0);
}

void http_server_resume(struct http_server *s, struct MHD_Connection *mhd)
{
	MHD_resume_connection(mhd);
	s->was_resumed = true; /* on_prepare() comes before the loop sleeps */
}

/* ---- connections and the deadline of their next request ---- */

struct http_conn *http_conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

static int64_t deadline_left_ms(const struct http_server *s, const struct http_conn *c)
{
	int64_t left = c->since_ms + (int64_t)s->opts.idle_timeout_s * 1000 - clock_mono_ms();

	return left > 0 ? left : 0;
}

static void start_waiting(struct http_server *s, struct http_conn *c)
{
	c->since_ms = clock_mono_ms();
	c->waiting = true;
	c->uri_seen = false;
	TAILQ_INSERT_TAIL(&s->waiting, c, next);
	if (!s->closing && !timer_armed(s->deadline))
		timer_after(s->deadline, deadline_left_ms(s, c));
}

static void stop_waiting(struct http_server *s, struct http_conn *c)
{
	if (!c->waiting)
		return;
	c->waiting = false;
	TAILQ_REMOVE(&s->waiting, c, next);
}

void http_conn_request_read(struct http_server *s, struct http_conn *c)
{
	if (c)
		stop_waiting(s, c);
}

void http_conn_request_over(struct http_server *s, struct http_conn *c)
{
	if (!c)
		return;
	stop_waiting(s, c);
	c->first = false;
	start_waiting(s, c);
}

/* Has the client begun a request? A connection opened in advance is closed without a word. */
static bool has_begun(const struct http_conn *c, int fd)
{
	unsigned char info[TCPI_BYTES_RECEIVED_AT + 8] = {0};
	socklen_t len = sizeof(info);
	uint64_t received;

	if (c->uri_seen)
		return true;
	if (!c->first || getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) < 0)
		return false;
	memcpy(&received, info + TCPI_BYTES_RECEIVED_AT, sizeof(received));
	return received > 0;
}

/*
 * The daemon has no call to end a connection from outside. Nothing of an answer was written yet, so the
 * 408 can go to the socket directly; the shutdown makes the daemon read the end and close.
 */
static void expire(struct http_conn *c)
{
	static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
				     "Content-Length: 0\r\n\r\n";
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (!info)
		return;
	if (has_begun(c, info->connect_fd))
		(void)send(
			info->connect_fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(info->connect_fd, SHUT_RDWR);
}

static void on_deadline(void *ctx)
{
	struct http_server *s = ctx;
	struct http_conn *c;

	while ((c = TAILQ_FIRST(&s->waiting)) != NULL && deadline_left_ms(s, c) == 0) {
		stop_waiting(s, c);
		expire(c);
	}
	if (c)
		timer_after(s->deadline, deadline_left_ms(s, c));
}

static void set_keepalive(int fd)
{
	int on = 1, idle_s = 30, every_s = 10, probes = 3;

	/* A stream of events may be silent for long: a peer without power must be noticed all the same. */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode toe)
{
	struct http_server *s = cls;
	struct http_conn *c = *socket_context;
	const union MHD_ConnectionInfo *info;

	if (toe == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (c)
			stop_waiting(s, c);
		free(c);
		*socket_context = NULL;
		return;
	}
	c = calloc(1, sizeof(*c));
	*socket_context = c;
	if (!c)
		return; /* its requests are refused in http_exchange_on_uri() */
	c->mhd = mhd;
	c->first = true;
	start_waiting(s, c);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		set_keepalive(info->connect_fd);
}

/* ---- opening ---- */

static int listen_on(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a;
	socklen_t len;
	int one = 1, fd, rc;

	memset(&a, 0, sizeof(a));
	if (uv_ip4_addr(address, port, &a.in) == 0)
		len = sizeof(a.in);
	else if (uv_ip6_addr(address, port, &a.in6) == 0)
		len = sizeof(a.in6);
	else
		return SW_EINVAL;
	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.sa, len) < 0 || listen(fd, 511) < 0 || getsockname(fd, &a.sa, &len) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	*ret_port = ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
	return 0;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		http_exchange_on_request, s,                                            /* */
		MHD_OPTION_LISTEN_SOCKET, fd,                                           /* */
		MHD_OPTION_CONNECTION_LIMIT, s->opts.max_connections,                   /* */
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, s->opts.max_per_ip,                 /* */
		MHD_OPTION_CONNECTION_TIMEOUT, s->opts.idle_timeout_s + DAEMON_EXTRA_S, /* */
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,                 /* */
		MHD_OPTION_STRICT_FOR_CLIENT, 1,                                        /* */
		MHD_OPTION_URI_LOG_CALLBACK, http_exchange_on_uri, s,                   /* */
		MHD_OPTION_NOTIFY_COMPLETED, http_exchange_on_completed, s,             /* */
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
}

static void take_opts(struct http_server *s, const struct http_server_opts *opts)
{
	s->opts = *opts;
	s->opts.address = NULL; /* borrowed for http_server_open() only */
	if (s->opts.max_body_bytes == 0)
		s->opts.max_body_bytes = DEFAULT_BODY_BYTES;
	if (s->opts.max_connections == 0)
		s->opts.max_connections = DEFAULT_CONNECTIONS;
	if (s->opts.max_per_ip == 0)
		s->opts.max_per_ip = DEFAULT_PER_IP;
	if (s->opts.idle_timeout_s == 0)
		s->opts.idle_timeout_s = DEFAULT_IDLE_S;
}

static int watch_daemon(struct http_server *s)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	uv_loop_t *uv = loop_uv(s->loop);
	int rc;

	rc = info ? uv_poll_init(uv, &s->poll, info->epoll_fd) : UV_ENOTSUP;
	if (rc < 0)
		return rc;
	/* Nothing below fails: libuv only links the handles into its lists. */
	(void)uv_prepare_init(uv, &s->prepare);
	(void)uv_idle_init(uv, &s->idle);
	(void)uv_timer_init(uv, &s->timer);
	s->open_handles = 4;
	s->poll.data = s->prepare.data = s->idle.data = s->timer.data = s;
	(void)uv_prepare_start(&s->prepare, on_prepare);
	(void)uv_poll_start(&s->poll, UV_READABLE, on_poll);
	return 0;
}

static void on_loop_end(void *ctx);

int http_server_open(struct loop *l, const struct http_server_opts *opts, http_handler handler,
	void *ctx, struct http_server **ret, struct sw_err *err)
{
	const char *address = opts->address ? opts->address : "127.0.0.1";
	struct http_server *s = calloc(1, sizeof(*s));
	int fd = -1;
	int rc;

	if (!s)
		return err_set(err, -ENOMEM, "http server: out of memory");
	s->loop = l;
	s->handler = handler;
	s->ctx = ctx;
	TAILQ_INIT(&s->waiting);
	LIST_INIT(&s->open);
	LIST_INIT(&s->streaming);
	take_opts(s, opts);
	rc = timer_new(l, on_deadline, s, &s->deadline);
	if (rc == 0)
		rc = listen_on(address, opts->port, &fd, &s->port);
	if (rc < 0)
		goto fail;
	rc = -ENOMEM;
	s->mhd = start_daemon(s, fd);
	if (!s->mhd)
		goto fail;
	fd = -1; /* the daemon closes it */
	rc = watch_daemon(s);
	if (rc < 0)
		goto fail;
	loop_end_add(l, &s->end, on_loop_end, s);
	*ret = s;
	return 0;
fail:
	err_set(err, rc, "cannot listen on %s port %u: %s", address, opts->port, err_name(rc));
	if (s->mhd)
		MHD_stop_daemon(s->mhd);
	if (fd >= 0)
		close(fd);
	timer_destroy(s->deadline);
	free(s);
	return rc;
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

/* ---- closing ---- */

void http_server_free_if_done(struct http_server *s)
{
	if (!s->stopped || s->open_handles > 0 || !LIST_EMPTY(&s->open))
		return;
	loop_end_remove(&s->end);
	free(s);
}

/* The loop is being freed: exchanges whose owner never answered are given up. */
static void on_loop_end(void *ctx)
{
	struct http_server *s = ctx;
	struct http_exchange *x;

	while ((x = LIST_FIRST(&s->open)) != NULL) {
		LIST_REMOVE(x, next);
		http_exchange_free(x);
	}
	free(s);
}

static void on_handle_closed(uv_handle_t *h)
{
	struct http_server *s = h->data;

	s->open_handles--;
	http_server_free_if_done(s);
}

static void stop_daemon(void *ctx)
{
	struct http_server *s = ctx;
	struct http_exchange *x;

	if (s->stopped)
		return;
	s->in_mhd++;
	/* What was answered in this turn is still written. */
	(void)MHD_run(s->mhd);
	/* The daemon aborts the process if a connection is suspended when it stops. */
	LIST_FOREACH(x, &s->open, next)
	http_exchange_orphan(x);
	LIST_FOREACH(x, &s->streaming, next)
	http_stream_resume_for_close(x->stream);
	MHD_stop_daemon(s->mhd);
	s->in_mhd--;
	s->stopped = true;
	timer_destroy(s->deadline);
	uv_close((uv_handle_t *)&s->poll, on_handle_closed);
	uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&s->idle, on_handle_closed);
	uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}

void http_server_close(struct http_server *s)
{
	if (!s || s->closing)
		return;
	s->closing = true;
	/* From inside a handler the daemon is on the stack: run_daemon() stops it on the way out. */
	if (s->in_mhd == 0)
		stop_daemon(s);
}
