/*
 * notifier/engine/upload.c: takes a file in pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/upload.h"

enum {
	IDLE_MS = 60000,
	MAX_BYTES = 400 * 1024 * 1024, /* 12 million rows of mobile and area, quoted, with CRLF */
};

void upload_free(struct upload *u)
{
	if (!u)
		return;
	timer_destroy(u->idle);
	if (u->data)
		explicit_bzero(u->data, u->got);
	free(u->data);
	free(u);
}

void upload_destroy(struct engine *e)
{
	upload_free(e->upload);
	e->upload = NULL;
}

static void on_idle(void *ctx)
{
	struct upload *u = ctx;

	LOG_WARN("upload_dropped", "bytes=%zu of=%zu", u->got, u->bytes);
	upload_destroy(u->e);
}

void control_import_open(struct control_call *call)
{
	struct engine *e = call->e;
	int64_t bytes = control_int(call, "bytes", -1);
	struct upload *u;

	if (bytes < 0) {
		control_end(call, 64, "give the size of the file in bytes");
		return;
	}
	if (bytes > MAX_BYTES) {
		control_end(call, 1, "the file is longer than 400 MiB: split it");
		return;
	}
	if (e->upload) {
		control_end(call, 75, "another import is on its way: try again in a minute");
		return;
	}
	u = calloc(1, sizeof(*u));
	if (u)
		u->data = malloc(bytes ? (size_t)bytes : 1);
	if (!u || !u->data || timer_new(e->loop, on_idle, u, &u->idle) < 0) {
		upload_free(u);
		control_end(call, 70, "out of memory");
		return;
	}
	u->e = e;
	u->bytes = (size_t)bytes;
	u->uid = ctl_uid(call->req);
	memcpy(u->as, call->as, sizeof(u->as));
	id_random_hex((UPLOAD_TOKEN - 1) / 2, u->token);
	timer_after(u->idle, IDLE_MS);
	e->upload = u;
	ctl_data(call->req, json_pack("{s:s}", "upload", u->token));
	control_end(call, 0, NULL);
}

/* The upload that argument "upload" names and this caller began; NULL after ending CALL. */
static struct upload *find(struct control_call *call)
{
	struct upload *u = call->e->upload;
	const char *token = control_str(call, "upload");

	if (u && token && strlen(token) == UPLOAD_TOKEN - 1 && id_equal(token, u->token) &&
		ctl_uid(call->req) == u->uid)
		return u;
	control_end(call, 1, "there is no such upload, or it was given up: begin again");
	return NULL;
}

void control_import_piece(struct control_call *call)
{
	const json_t *data = json_object_get(call->args, "data");
	size_t len = json_string_length(data);
	struct upload *u = find(call);

	if (!u)
		return;
	if (!json_is_string(data) || control_int(call, "at", -1) != (int64_t)u->got ||
		len > u->bytes - u->got) {
		control_end(call, 64, "this piece does not follow the one before");
		return;
	}
	memcpy(u->data + u->got, json_string_value(data), len);
	u->got += len;
	timer_after(u->idle, IDLE_MS);
	control_end(call, 0, NULL);
}

struct upload *upload_take(struct control_call *call)
{
	struct upload *u = find(call);

	if (!u)
		return NULL;
	if (u->got != u->bytes) {
		control_end(call, 64, "the file has not come whole: begin again");
		return NULL;
	}
	call->e->upload = NULL;
	timer_destroy(u->idle);
	u->idle = NULL;
	memcpy(call->as, u->as, sizeof(call->as));
	return u;
}
