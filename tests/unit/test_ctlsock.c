/*
 * tests/unit/test_ctlsock.c: a server in a process of its own, asked by the real client and by raw sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/io/ctlsock.h"
#include "core/io/timer.h"
#include "tests/unit/servers.h"

#define LIMIT_MS 8000
#define MAX_HELD 100

/* ---- the server process ---- */

struct server {
	struct clock clock;
	struct loop *loop;
	struct ctlsock *sock;
	struct ctl_request *held[MAX_HELD];
	size_t n_held;
};

static void end_server(void *ctx)
{
	struct server *s = ctx;

	ctlsock_close(s->sock);
	for (size_t i = 0; i < s->n_held; i++) {
		ctl_line(s->held[i], "dropped");
		ctl_end(s->held[i], 0, NULL); /* harmless after the server is closed */
	}
}

static void release_held(struct server *s)
{
	for (size_t i = 0; i < s->n_held; i++)
		ctl_end(s->held[i], 0, NULL);
	s->n_held = 0;
}

static unsigned count_gone(const struct server *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n_held; i++)
		n += ctl_gone(s->held[i]);
	return n;
}

static void say_lines(struct ctl_request *req, size_t n, size_t bytes)
{
	char *text = calloc(1, bytes + 1);

	memset(text, 'x', bytes);
	for (size_t i = 0; i < n; i++)
		ctl_line(req, "%zu%s", i, text);
	free(text);
}

/* Says as much as the client takes, and waits while it is full. */
struct stream {
	struct timer *timer;
	struct ctl_request *req;
	size_t n, bytes;
};

static void stream_on(void *ctx)
{
	struct stream *t = ctx;

	while (t->n > 0 && !ctl_full(t->req)) {
		say_lines(t->req, 1, t->bytes);
		t->n--;
	}
	if (t->n > 0) {
		timer_after(t->timer, 1);
		return;
	}
	ctl_end(t->req, 0, NULL);
	timer_destroy(t->timer);
	free(t);
}

static void stream_start(struct server *s, struct ctl_request *req, size_t n, size_t bytes)
{
	struct stream *t = calloc(1, sizeof(*t));

	t->req = req;
	t->n = n;
	t->bytes = bytes;
	if (timer_new(s->loop, stream_on, t, &t->timer) < 0)
		exit(1);
	timer_after(t->timer, 0);
}

static void handle(void *ctx, struct ctl_request *req, const json_t *body)
{
	struct server *s = ctx;
	const char *op = json_string_value(json_object_get(body, "op"));
	size_t n = (size_t)json_integer_value(json_object_get(body, "n"));
	size_t bytes = (size_t)json_integer_value(json_object_get(body, "bytes"));

	if (strcmp(op, "hold") == 0) {
		s->held[s->n_held++] = req;
		return;
	}
	if (strcmp(op, "stream") == 0) {
		stream_start(s, req, n, bytes);
		return;
	}
	if (strcmp(op, "lines") == 0)
		say_lines(req, n, bytes);
	else if (strcmp(op, "data") == 0)
		ctl_data(req, json_pack("{s:i}", "figure", 6));
	else if (strcmp(op, "uid") == 0)
		ctl_line(req, "%u", (unsigned)ctl_uid(req));
	else if (strcmp(op, "not utf-8") == 0)
		ctl_line(req, "a%sb", "\xff\xe7\xbe");
	else if (strcmp(op, "gone") == 0)
		ctl_line(req, "%u", count_gone(s));
	else if (strcmp(op, "release") == 0)
		release_held(s);
	else if (strcmp(op, "quit") == 0)
		(void)loop_defer(s->loop, end_server, s);
	if (strcmp(op, "standby") == 0)
		ctl_end(req, 69, "standby, holder n2");
	else
		ctl_end(req, 0, NULL);
}

static _Noreturn void serve(const char *path, int ready_fd)
{
	struct server s = {0};
	int rc;

	clock_init_real(&s.clock);
	if (loop_create(&s.clock, &s.loop) < 0)
		exit(1);
	rc = ctlsock_open(
		s.loop, path, 0660, "shouwang-notifier", "0.1", handle, &s, &s.sock, NULL);
	if (rc < 0 || write(ready_fd, "r", 1) != 1)
		exit(1);
	close(ready_fd);
	loop_run(s.loop);
	loop_destroy(s.loop);
	exit(0);
}

/* ---- the tests' side ---- */

struct fixture {
	char path[128];
	pid_t pid;
};

static pid_t start_server(const char *path)
{
	int fds[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		serve(path, fds[1]);
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	return pid;
}

static int setup(void **state)
{
	static int n;
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->path, sizeof(f->path), "%s/%d.sock", test_dir(), n++);
	f->pid = start_server(f->path);
	*state = f;
	return 0;
}

struct output {
	int n_lines, n_data;
	char last[64];
	int figure;
};

static void on_line(void *ctx, const char *line)
{
	struct output *o = ctx;

	o->n_lines++;
	(void)snprintf(o->last, sizeof(o->last), "%s", line);
}

static void on_data(void *ctx, const json_t *data)
{
	struct output *o = ctx;

	o->n_data++;
	o->figure = (int)json_integer_value(json_object_get(data, "figure"));
}

static int call_n(
	const char *path, const char *op, int n, int bytes, struct output *o, struct sw_err *err)
{
	json_t *request = json_pack("{s:s, s:i, s:i}", "op", op, "n", n, "bytes", bytes);
	int rc = ctl_call(path, request, on_line, on_data, o, err);

	json_decref(request);
	return rc;
}

static int call(const struct fixture *f, const char *op, struct output *o, struct sw_err *err)
{
	return call_n(f->path, op, 0, 0, o, err);
}

/* The server must end by itself, with exit code 0: under the sanitizers that includes "no leak". */
static int teardown(void **state)
{
	struct fixture *f = *state;
	struct output o = {0};
	int status = 0;

	if (f->pid > 0) {
		assert_int_equal(call(f, "quit", &o, NULL), 0);
		assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		assert_int_equal(access(f->path, F_OK), -1);
	}
	free(f);
	return 0;
}

static int dial_raw(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* One line as JSON, NULL at the end of the connection or after LIMIT_MS. */
static json_t *read_line(int fd)
{
	char line[512];
	size_t len = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (len < sizeof(line)) {
		if (poll(&p, 1, LIMIT_MS) != 1 || read(fd, line + len, 1) != 1)
			return NULL;
		if (line[len++] == '\n')
			return json_loadb(line, len, 0, NULL);
	}
	return NULL;
}

static int read_exit(int fd, char *ret_error, size_t size)
{
	json_t *o = read_line(fd);
	const json_t *code = json_object_get(o, "exit");
	const char *error = json_string_value(json_object_get(o, "error"));
	int n = json_is_integer(code) ? (int)json_integer_value(code) : -1;

	(void)snprintf(ret_error, size, "%s", error ? error : "");
	json_decref(o);
	return n;
}

static int dial_greeted(const char *path)
{
	int fd = dial_raw(path);
	json_t *o = read_line(fd);

	assert_int_equal(json_integer_value(json_object_get(o, "shouwang")), 1);
	assert_string_equal(json_string_value(json_object_get(o, "program")), "shouwang-notifier");
	assert_string_equal(json_string_value(json_object_get(o, "version")), "0.1");
	json_decref(o);
	return fd;
}

static void send_raw(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the server may have closed in the middle */
		text += n;
		len -= (size_t)n;
	}
}

static void lines_data_and_exit_code_arrive(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	assert_int_equal(call_n(f->path, "lines", 3000, 300, &o, &err), 0);
	assert_int_equal(o.n_lines, 3000);
	assert_true(strncmp(o.last, "2999x", 5) == 0);
	assert_string_equal(err.text, "");
	assert_int_equal(call(f, "data", &o, &err), 0);
	assert_int_equal(o.n_data, 1);
	assert_int_equal(o.figure, 6);
	assert_int_equal(call(f, "standby", &o, &err), 69);
	assert_string_equal(err.text, "standby, holder n2");
}

static void caller_is_known_by_its_uid(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};
	char want[16];

	(void)snprintf(want, sizeof(want), "%u", (unsigned)getuid());
	assert_int_equal(call(f, "uid", &o, NULL), 0);
	assert_string_equal(o.last, want);
}

static void socket_has_the_mode_asked_for(void **state)
{
	const struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void text_that_is_not_utf8_is_made_printable(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};

	assert_int_equal(call(f, "not utf-8", &o, NULL), 0);
	assert_string_equal(o.last, "a???b");
}

static void junk_is_answered_by_64_and_the_connection_lives(void **state)
{
	static const char *const junk[] = {
		"junk\n", "[1]\n", "\n", "{\"op\":\"uid\",\"op\":\"data\"}\n", "{\"op\":\n"};
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	char error[128];

	for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
		send_raw(fd, junk[i]);
		assert_int_equal(read_exit(fd, error, sizeof(error)), 64);
		assert_true(error[0] != '\0');
	}
	send_raw(fd, "{\"op\":\"standby\"}\n");
	assert_int_equal(read_exit(fd, error, sizeof(error)), 69);
	close(fd);
}

static void too_long_a_line_ends_the_connection(void **state)
{
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	char *line = calloc(1, (1 << 20) + 3);
	char error[128];

	memset(line, 'x', (1 << 20) + 1);
	send_raw(fd, line);
	assert_int_equal(read_exit(fd, error, sizeof(error)), 64);
	assert_non_null(strstr(error, "1 MiB"));
	assert_null(read_line(fd));
	free(line);
	close(fd);
}

static void request_of_almost_a_mebibyte_is_served(void **state)
{
	const struct fixture *f = *state;
	char *text = calloc(1, 1 << 20);
	json_t *request;

	memset(text, 'x', (1 << 20) - 64);
	request = json_pack("{s:s, s:s}", "op", "data", "pad", text);
	assert_int_equal(ctl_call(f->path, request, NULL, NULL, NULL, NULL), 0);
	json_decref(request);
	memset(text, 'x', (1 << 20) - 1);
	request = json_pack("{s:s, s:s}", "op", "data", "pad", text);
	assert_int_equal(ctl_call(f->path, request, NULL, NULL, NULL, NULL), SW_ELIMIT);
	json_decref(request);
	free(text);
}

static void answer_longer_than_a_line_is_no_success(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	assert_int_equal(call_n(f->path, "lines", 1, 1 << 20, &o, &err), 70);
	assert_non_null(strstr(err.text, "1 MiB"));
	assert_int_equal(call_n(f->path, "lines", 1, (1 << 20) - 64, &o, &err), 0);
	assert_int_equal(o.n_lines, 1);
}

static void who_waits_while_the_client_is_full_can_say_any_amount(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	/* 100 MiB, more than is ever kept for a client that does not read. */
	assert_int_equal(call_n(f->path, "stream", 200, 1 << 19, &o, &err), 0);
	assert_int_equal(o.n_lines, 200);
	assert_int_equal(call_n(f->path, "lines", 200, 1 << 19, &o, &err), SW_EUNKNOWN);
}

static void many_short_lines_arrive_in_order(void **state)
{
	const struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	assert_int_equal(call_n(f->path, "lines", 100000, 1, &o, &err), 0);
	assert_int_equal(o.n_lines, 100000);
	assert_string_equal(o.last, "99999x");
}

static void pipelined_requests_are_answered_one_after_the_other(void **state)
{
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	char error[128];

	for (int i = 0; i < 500; i++)
		send_raw(fd, i % 2 ? "{\"op\":\"standby\"}\n" : "{\"op\":\"release\"}\n");
	for (int i = 0; i < 500; i++)
		assert_int_equal(read_exit(fd, error, sizeof(error)), i % 2 ? 69 : 0);
	close(fd);
}

static void a_long_command_does_not_hold_the_others(void **state)
{
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	struct output o = {0};
	char error[128];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	send_raw(fd, "{\"op\":\"hold\"}\n{\"op\":\"standby\"}\n");
	assert_int_equal(call(f, "data", &o, NULL), 0);
	assert_int_equal(call(f, "data", &o, NULL), 0);
	assert_int_equal(poll(&p, 1, 0), 0); /* the second waits for the first on its connection */
	assert_int_equal(call(f, "release", &o, NULL), 0);
	assert_int_equal(read_exit(fd, error, sizeof(error)), 0);
	assert_int_equal(read_exit(fd, error, sizeof(error)), 69);
	close(fd);
}

static void a_client_that_leaves_is_noticed_during_its_request(void **state)
{
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	struct output o = {.last = ""};

	send_raw(fd, "{\"op\":\"hold\"}\n");
	close(fd);
	for (int i = 0; i < 1000 && strcmp(o.last, "1") != 0; i++)
		assert_int_equal(call(f, "gone", &o, NULL), 0);
	assert_string_equal(o.last, "1");
	assert_int_equal(call(f, "release", &o, NULL), 0);
}

static void the_65th_connection_is_told_to_come_later(void **state)
{
	const struct fixture *f = *state;
	int fds[64];
	struct output o = {0};
	struct sw_err err;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = dial_greeted(f->path);
	rc = call(f, "data", &o, &err);
	assert_true(rc == 75 || rc < 0); /* or it was closed before the request was written */
	assert_int_equal(o.n_data, 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	for (rc = -1, o.n_data = 0; rc != 0;)
		rc = call(f, "data", &o, &err);
	assert_int_equal(o.n_data, 1);
}

static void a_client_that_does_not_read_is_dropped(void **state)
{
	const struct fixture *f = *state;
	int fd = dial_greeted(f->path);
	struct output o = {0};
	char chunk[65536];
	size_t total = 0;
	ssize_t n;

	send_raw(fd, "{\"op\":\"lines\",\"n\":100,\"bytes\":1000000}\n");
	assert_int_equal(call(f, "data", &o, NULL), 0);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		total += (size_t)n;
	assert_true(total < 100000000);
	close(fd);
}

static void a_live_socket_is_not_taken_away(void **state)
{
	const struct fixture *f = *state;
	struct clock clock;
	struct loop *loop = NULL;
	struct ctlsock *sock = NULL;
	struct output o = {0};
	struct sw_err err;

	clock_init_real(&clock);
	assert_int_equal(loop_create(&clock, &loop), 0);
	assert_int_equal(
		ctlsock_open(loop, f->path, 0600, "x", "1", handle, NULL, &sock, &err), SW_EEXIST);
	assert_int_equal(call(f, "data", &o, NULL), 0);
	loop_destroy(loop);
}

static void a_socket_left_by_a_crash_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct output o = {0};

	assert_int_equal(kill(f->pid, SIGKILL), 0);
	assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
	assert_int_equal(access(f->path, F_OK), 0);
	f->pid = start_server(f->path);
	assert_int_equal(call(f, "data", &o, NULL), 0);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	const char *path = test_path("precious");
	FILE *file = fopen(path, "w");
	struct clock clock;
	struct loop *loop = NULL;
	struct ctlsock *sock = NULL;
	struct sw_err err;
	char long_path[200];

	(void)state;
	(void)fclose(file);
	clock_init_real(&clock);
	assert_int_equal(loop_create(&clock, &loop), 0);
	assert_int_equal(
		ctlsock_open(loop, path, 0600, "x", "1", handle, NULL, &sock, &err), SW_EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(ctlsock_open(loop, long_path, 0600, "x", "1", handle, NULL, &sock, &err),
		SW_EINVAL);
	assert_non_null(strstr(err.text, "107"));
	assert_true(ctlsock_open(
			    loop, "/nonexistent/x", 0600, "x", "1", handle, NULL, &sock, &err) < 0);
	assert_non_null(strstr(err.text, "folder"));
	loop_destroy(loop);
}

static void nobody_there_is_away(void **state)
{
	struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	assert_int_equal(call_n(test_path("nobody"), "data", 0, 0, &o, &err), SW_EAWAY);
	assert_int_equal(kill(f->pid, SIGKILL), 0);
	assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
	f->pid = 0;
	assert_int_equal(call(f, "data", &o, &err), SW_EAWAY);
	assert_non_null(strstr(err.text, "no daemon"));
}

static void a_stopped_daemon_is_away(void **state)
{
	struct fixture *f = *state;
	struct output o = {0};
	struct sw_err err;

	assert_int_equal(kill(f->pid, SIGSTOP), 0);
	assert_int_equal(call(f, "data", &o, &err), SW_EAWAY);
	assert_int_equal(kill(f->pid, SIGCONT), 0);
	assert_int_equal(call(f, "data", &o, &err), 0);
}

/* A server that sends what it SAYS to each client, reads once if ASKS, and hangs up. */
static pid_t start_fake(const char *path, const char *const *says, size_t n, bool asks)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 4), 0);
	pid = fork();
	if (pid != 0) {
		close(fd);
		return pid;
	}
	for (size_t i = 0; i < n; i++) {
		int client = accept(fd, NULL, NULL);
		char in[512];

		(void)send(client, says[i], strlen(says[i]), MSG_NOSIGNAL);
		if (asks && read(client, in, sizeof(in)) < 0)
			_exit(1);
		close(client);
	}
	_exit(0);
}

static void a_daemon_that_dies_in_the_middle_leaves_it_unknown(void **state)
{
	static const char *const says[] = {"{\"shouwang\":1}\n{\"line\":\"begun\"}\n"};
	const char *path = test_path("dies");
	pid_t pid = start_fake(path, says, 1, true);
	struct output o = {0};
	struct sw_err err;

	(void)state;
	assert_int_equal(call_n(path, "data", 0, 0, &o, &err), SW_EUNKNOWN);
	assert_string_equal(o.last, "begun");
	assert_non_null(strstr(err.text, "may have been carried out"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_foreign_server_is_a_protocol_error(void **state)
{
	static const char *const says[] = {"220 mail.example ESMTP\r\n", "{\"shouwang\":2}\n"};
	const char *path = test_path("foreign");
	pid_t pid = start_fake(path, says, ARRAY_LEN(says), false);
	struct output o = {0};
	struct sw_err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(says); i++)
		assert_int_equal(call_n(path, "data", 0, 0, &o, &err), SW_EPROTO);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(lines_data_and_exit_code_arrive),
		T(caller_is_known_by_its_uid),
		T(socket_has_the_mode_asked_for),
		T(text_that_is_not_utf8_is_made_printable),
		T(who_waits_while_the_client_is_full_can_say_any_amount),
		T(many_short_lines_arrive_in_order),
		T(junk_is_answered_by_64_and_the_connection_lives),
		T(too_long_a_line_ends_the_connection),
		T(request_of_almost_a_mebibyte_is_served),
		T(answer_longer_than_a_line_is_no_success),
		T(pipelined_requests_are_answered_one_after_the_other),
		T(a_long_command_does_not_hold_the_others),
		T(a_client_that_leaves_is_noticed_during_its_request),
		T(the_65th_connection_is_told_to_come_later),
		T(a_client_that_does_not_read_is_dropped),
		T(a_live_socket_is_not_taken_away),
		T(a_socket_left_by_a_crash_is_replaced),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		T(nobody_there_is_away),
		T(a_stopped_daemon_is_away),
		cmocka_unit_test(a_daemon_that_dies_in_the_middle_leaves_it_unknown),
		cmocka_unit_test(a_foreign_server_is_a_protocol_error),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
