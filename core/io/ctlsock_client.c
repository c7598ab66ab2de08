/*
 * core/io/ctlsock_client.c: the command's side of the control socket.
 *
 * Blocking, because the command has nothing else to do. Only the greeting has a time-out: it shows whether
 * a live daemon is there; the command itself may take as long as it needs.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "core/io/ctlsock.h"

#define MAX_LINE_BYTES ((size_t)1 << 20)
#define READ_BYTES ((size_t)64 << 10)
#define GREETING_TIMEOUT_MS 5000
#define PROTOCOL_VERSION 1

struct reader {
	int fd;
	struct buf in;
	size_t at; /* start of the first line not yet handed out */
	char chunk[READ_BYTES];
};

/* BY_MS: monotonic instant, 0: waits for ever. 0, SW_EAWAY (late), or -errno. */
static int wait_for(int fd, short events, int64_t by_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left_ms = by_ms ? by_ms - clock_mono_ms() : -1;
		int n;

		if (by_ms && left_ms <= 0)
			return SW_EAWAY;
		n = poll(&p, 1, (int)left_ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int read_more(struct reader *r, int64_t by_ms)
{
	ssize_t n;
	int rc;

	buf_consume(&r->in, r->at);
	r->at = 0;
	rc = wait_for(r->fd, POLLIN, by_ms);
	if (rc < 0)
		return rc;
	do {
		n = recv(r->fd, r->chunk, sizeof(r->chunk), 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ECONNRESET;
	return buf_add(&r->in, r->chunk, (size_t)n);
}

/* The next line as JSON object; the caller releases it. */
static int read_object(struct reader *r, int64_t by_ms, json_t **ret)
{
	const char *line, *end;
	json_t *o;

	while (!(end = memchr(buf_str(&r->in) + r->at, '\n', r->in.len - r->at))) {
		int rc = read_more(r, by_ms);

		if (rc < 0)
			return rc;
	}
	line = buf_str(&r->in) + r->at;
	o = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
	r->at += (size_t)(end - line) + 1;
	if (!json_is_object(o)) {
		json_decref(o);
		return SW_EPROTO;
	}
	*ret = o;
	return 0;
}

static int check_greeting(struct reader *r, const char *path, struct sw_err *err)
{
	json_t *o = NULL;
	int rc = read_object(r, clock_mono_ms() + GREETING_TIMEOUT_MS, &o);

	if (rc == SW_EPROTO || rc == SW_ELIMIT)
		return err_set(err, SW_EPROTO, "%s: this is not shouwang", path);
	if (rc < 0)
		return err_set(err, SW_EAWAY, "%s: the daemon does not answer", path);
	if (json_integer_value(json_object_get(o, "shouwang")) != PROTOCOL_VERSION)
		rc = err_set(err, SW_EPROTO, "%s: another version of shouwang listens there", path);
	json_decref(o);
	return rc;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int send_request(int fd, const json_t *request, struct sw_err *err)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len;
	int rc;

	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	len = strlen(text);
	if (len >= MAX_LINE_BYTES) {
		rc = err_set(err, SW_ELIMIT, "the request is longer than 1 MiB");
	} else {
		text[len] = '\n'; /* in the place of the NUL: LEN counts from here */
		rc = send_all(fd, text, len + 1);
		if (rc < 0)
			err_set(err, rc, "the daemon closed the connection");
	}
	free(text);
	return rc;
}

static int take_answers(struct reader *r, void (*on_line)(void *ctx, const char *line),
	void (*on_data)(void *ctx, const json_t *data), void *ctx, struct sw_err *err)
{
	for (;;) {
		const json_t *data, *code;
		const char *line;
		json_t *o = NULL;
		int rc = read_object(r, 0, &o);

		if (rc == SW_EPROTO || rc == SW_ELIMIT)
			return err_set(
				err, SW_EPROTO, "the daemon sent a line that does not parse");
		if (rc < 0)
			return err_set(err, SW_EUNKNOWN,
				"the daemon went away; the command may have been carried out");
		code = json_object_get(o, "exit");
		line = json_string_value(json_object_get(o, "line"));
		data = json_object_get(o, "data");
		if (json_is_integer(code)) {
			const char *text = json_string_value(json_object_get(o, "error"));

			rc = (int)(json_integer_value(code) & 0xff);
			if (text)
				err_set(err, rc, "%s", text);
			json_decref(o);
			return rc;
		}
		if (line && on_line)
			on_line(ctx, line);
		if (data && on_data)
			on_data(ctx, data);
		json_decref(o);
	}
}

/* A stopped daemon with a full backlog would let connect() wait for ever. */
static int connect_in_time(int fd, const struct sockaddr_un *addr)
{
	struct timeval limit = {.tv_sec = GREETING_TIMEOUT_MS / 1000}, none = {0};
	int rc;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	return rc;
}

static int dial(const char *path, int *ret, struct sw_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, rc;

	if (text_copy(addr.sun_path, sizeof(addr.sun_path), path) < 0)
		return err_set(err, SW_EINVAL, "socket path longer than %zu bytes: %s",
			sizeof(addr.sun_path) - 1, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket: %s", strerror(errno));
	rc = connect_in_time(fd, &addr);
	switch (rc) {
	case 0:
		*ret = fd;
		return 0;
	case -ECONNREFUSED:
	case -ENOENT:
	case -EAGAIN:
		rc = err_set(err, SW_EAWAY, "%s: no daemon listens there", path);
		break;
	case -EACCES:
	case -EPERM:
		rc = err_set(err, SW_EAUTH, "%s: you may not use this socket", path);
		break;
	default:
		err_set(err, rc, "%s: %s", path, strerror(-rc));
	}
	close(fd);
	return rc;
}

int ctl_call(const char *path, const json_t *request, void (*on_line)(void *ctx, const char *line),
	void (*on_data)(void *ctx, const json_t *data), void *ctx, struct sw_err *err)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc;

	err_set(err, 0, "%s", "");
	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	buf_init(&r->in, MAX_LINE_BYTES + READ_BYTES);
	rc = dial(path, &r->fd, err);
	if (rc == 0) {
		rc = check_greeting(r, path, err);
		if (rc == 0)
			rc = send_request(r->fd, request, err);
		if (rc == 0)
			rc = take_answers(r, on_line, on_data, ctx, err);
		close(r->fd);
	}
	buf_fini(&r->in);
	free(r);
	return rc;
}
