/*
 * notifier/engine/upload.h: a file that comes over the control socket in pieces, because a line there is at most 1 MiB.
 *
 * `import-open` is done as an operator and gives a token; `import-piece` brings the bytes in order; the command that
 * names the token at the end acts as that operator. One upload at a time; it is dropped when a minute passes without a
 * piece. The bytes stay in memory and are wiped: numbers never lie on disk in clear.
 */
#ifndef SW_ENGINE_UPLOAD_H
#define SW_ENGINE_UPLOAD_H

#include "notifier/engine/control.h"

enum { UPLOAD_TOKEN = 33 };

struct upload {
	struct engine *e;
	char token[UPLOAD_TOKEN];
	char as[33];
	uid_t uid;
	char *data; /* owned, BYTES long */
	size_t bytes, got;
	struct timer *idle;
};

void control_import_open(struct control_call *call);
void control_import_piece(struct control_call *call);
/* The whole upload named by argument "upload"; the caller frees it. CALL acts as its operator. NULL after ending CALL. */
struct upload *upload_take(struct control_call *call);
/* Wipes and frees; NULL is fine. A long one takes its time: on a thread. */
void upload_free(struct upload *u);
/* Drops the one on its way, if any. */
void upload_destroy(struct engine *e);

#endif
