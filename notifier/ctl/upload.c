/*
 * notifier/ctl/upload.c: sends a file to the notifier in pieces, since a request is at most 1 MiB.
 *
 * Opening the upload is done as an operator; the pieces and the last request carry the token it gave. A piece is cut
 * between characters, and small enough to fit even if each of its bytes had to be escaped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/text.h"
#include "notifier/ctl/command.h"

enum { PIECE_BYTES = 160 * 1024 };

struct upload {
	const struct ctl_env *env;
	const char *path;
	FILE *file;
	char token[64];
	int64_t at;
	char piece[PIECE_BYTES];
	size_t len; /* of PIECE */
};

static void on_token(void *ctx, const json_t *data)
{
	struct upload *u = ctx;
	const char *token = json_string_value(json_object_get(data, "upload"));

	if (!token || text_copy(u->token, sizeof(u->token), token) < 0)
		u->token[0] = '\0';
}

/* Bytes of a character at the end of PIECE that goes on in the next one. */
static size_t broken_off(const char *s, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		unsigned char c = (unsigned char)s[len - back];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if (c >= 0x80 && c < 0xc0)
			continue; /* its beginning stands further in front */
		return need > back ? back : 0;
	}
	return 0;
}

static int refuse(const struct upload *u, const char *what)
{
	(void)fprintf(stderr, "shouwang import: %s: %s\n", u->path, what);
	return EXIT_REFUSED;
}

static int send_piece(struct upload *u, size_t len)
{
	json_t *args = json_pack("{s:s, s:I, s:s%}", "upload", u->token, "at", (json_int_t)u->at,
		"data", u->piece, len);

	if (!args || memchr(u->piece, '\0', len)) {
		json_decref(args);
		return refuse(u, "not UTF-8 text: save it as \"CSV UTF-8\"");
	}
	u->at += (int64_t)len;
	return ctl_ask_for(u->env, "import-piece", args, false, NULL, NULL);
}

static int send_all(struct upload *u)
{
	bool is_end = false;

	while (!is_end) {
		size_t kept, n = fread(u->piece + u->len, 1, sizeof(u->piece) - u->len, u->file);
		int rc;

		if (ferror(u->file))
			return refuse(u, strerror(errno));
		is_end = n == 0;
		u->len += n;
		kept = is_end ? 0 : broken_off(u->piece, u->len);
		if (u->len == kept)
			continue;
		rc = send_piece(u, u->len - kept);
		if (rc != EXIT_OK)
			return rc;
		memmove(u->piece, u->piece + u->len - kept, kept);
		u->len = kept;
	}
	return EXIT_OK;
}

int ctl_upload(const struct ctl_env *env, const char *path, const char *cmd, json_t *args)
{
	struct upload *u = calloc(1, sizeof(*u));
	struct stat st;
	int rc = EXIT_INTERNAL;

	if (!u || !args)
		goto out;
	u->env = env;
	u->path = path;
	u->file = fopen(path, "re");
	if (!u->file || fstat(fileno(u->file), &st) < 0) {
		rc = refuse(u, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = refuse(u, "not a file");
		goto out;
	}
	rc = ctl_ask_for(env, "import-open", json_pack("{s:I}", "bytes", (json_int_t)st.st_size),
		true, on_token, u);
	if (rc != EXIT_OK)
		goto out;
	rc = send_all(u);
	if (rc != EXIT_OK)
		goto out;
	json_object_set_new(args, "upload", json_string(u->token));
	rc = ctl_ask(env, cmd, json_incref(args), false);
out:
	if (u && u->file)
		(void)fclose(u->file);
	if (u)
		explicit_bzero(u->piece, sizeof(u->piece));
	free(u);
	json_decref(args);
	return rc;
}
