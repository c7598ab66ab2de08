/*
 * core/io/ctlsock.h: JSON lines over a Unix socket, between the notifier and its command.
 *
 * The server greets each connection with {"shouwang":1,"program":..,"version":..}; the client sends one
 * request object per line; the server sends any number of lines {"line":".."} (progress, text) or
 * {"data":..}, then exactly one {"exit":N,"error":".."}. A line is at most 1 MiB; what does not parse is
 * answered by exit 64. Requests of one connection are served one after the other, up to 64 connections at the same time.
 */
#ifndef SW_CORE_IO_CTLSOCK_H
#define SW_CORE_IO_CTLSOCK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/io/loop.h"

struct ctlsock;
struct ctl_request; /* one command in progress; ends with ctl_end() */

/* REQ must reach ctl_end() exactly once, now or later. BODY is borrowed for the call. */
typedef void (*ctl_handler)(void *ctx, struct ctl_request *req, const json_t *body);

/* Socket mode 0600 + group as MODE says; a stale socket file is replaced, a live one is SW_EEXIST. */
int ctlsock_open(struct loop *l, const char *path, mode_t mode, const char *program,
	const char *version, ctl_handler handler, void *ctx, struct ctlsock **ret,
	struct sw_err *err) SW_MUST_CHECK;
void ctlsock_close(struct ctlsock *s);

uid_t ctl_uid(const struct ctl_request *req); /* SO_PEERCRED */
/* The client went away (or closed its sending side, which looks the same): output is dropped, stop early. */
bool ctl_gone(const struct ctl_request *req);
/* The client has not yet taken a MiB: whoever has much to say waits a little. Beyond 64 MiB it is dropped. */
bool ctl_full(const struct ctl_request *req);
void ctl_line(struct ctl_request *req, const char *fmt, ...) SW_PRINTF(2, 3);
/* Takes DATA. */
void ctl_data(struct ctl_request *req, json_t *data);
/* EXIT_CODE as of the command; ERROR may be NULL. REQ is gone afterwards. */
void ctl_end(struct ctl_request *req, int exit_code, const char *error);

/*
 * Client, blocking (the command is a short-lived program): sends REQUEST, hands each line to ON_LINE or each
 * data object to ON_DATA (either may be NULL), returns the exit code with the server's words in ERR. Negative:
 * SW_EAWAY nobody listens, SW_EAUTH no right to connect, SW_EPROTO a foreign greeting, SW_ELIMIT REQUEST too long,
 * SW_EUNKNOWN the daemon went away before its answer.
 */
int ctl_call(const char *path, const json_t *request, void (*on_line)(void *ctx, const char *line),
	void (*on_data)(void *ctx, const json_t *data), void *ctx, struct sw_err *err);

#endif
