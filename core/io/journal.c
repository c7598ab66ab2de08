/*
 * core/io/journal.c: one append-only file, one pwrite() per record, one fdatasync() per batch.
 *
 * Records go into room that was filled with zeros before: a file that grows makes each fdatasync() write its
 * inode as well, which costs more than twice the processor time and the wait.
 * The sync runs on the thread pool; what is appended while it runs waits for the next one, because only
 * what was written before fdatasync() began is surely covered. After a failed sync the kernel may have
 * dropped the dirty pages and would call a second sync a success: the file is broken for good.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "core/io/journal.h"

#define MAX_RECORD_BYTES ((size_t)256 << 10) /* a whole line */
#define MAX_WAITING 4096
#define READ_BYTES (2 * MAX_RECORD_BYTES)
#define CRC_BYTES 9 /* blank and 8 hex digits */
#define ZEROS_BYTES 16384
#define ROOM_PARTS 16
#define SECTOR_BYTES 512 /* a disk writes at least this much as a whole */

struct waiter {
	void (*synced)(void *ctx, int rc);
	void *ctx;
};

struct batch {
	struct waiter *items;
	size_t n, cap;
};

struct journal {
	struct loop *loop;
	int fd;
	uint64_t pos;
	uint64_t room_end;    /* zeros from pos to here */
	uint64_t covered;     /* pos when the last sync began */
	struct buf line;      /* of the record being written */
	struct batch waiting; /* for a sync that has not begun */
	struct batch running; /* covered by the sync that is running */
	bool is_scheduled;    /* a sync begins later in this turn */
	bool is_syncing;
	bool is_broken;
	bool is_closing;
	int sync_rc; /* written on the thread pool */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* Where a reader of a file is; POS is the offset behind the last good record. */
struct scan {
	const char *path;
	int fd;
	char *data;
	size_t len;
	uint64_t pos;
	bool is_zero_seen; /* at ZERO_AT, where the records end */
	uint64_t zero_at;
	uint64_t torn; /* bytes behind POS up to the last that is not zero */
	uint64_t size; /* of the file */
	journal_replay_cb replay;
	void *ctx;
	struct sw_err *err;
};

/* Splits LINE (without its line break) into REC; the payload is NUL-terminated in place. */
static int record_parse(char *line, size_t len, struct journal_record *rec)
{
	char want[CRC_BYTES];
	char *blank;

	if (len < CRC_BYTES + 4) /* "0 T " */
		return SW_ECORRUPT;
	len -= CRC_BYTES;
	(void)snprintf(want, sizeof(want), "%08" PRIx32, id_crc32c(0, line, len));
	if (line[len] != ' ' || memcmp(line + len + 1, want, 8) != 0)
		return SW_ECORRUPT;
	line[len] = '\0';
	blank = memchr(line, ' ', len);
	if (!blank || (size_t)(blank - line) + 3 > len || blank[2] != ' ')
		return SW_ECORRUPT;
	*blank = '\0';
	if (num_parse(line, 0, INT64_MAX, &rec->at_ms) < 0)
		return SW_ECORRUPT;
	rec->kind = blank[1];
	rec->payload = blank + 3;
	rec->len = len - (size_t)(rec->payload - line);
	return 0;
}

static int scan_corrupt(struct scan *s)
{
	return err_set(s->err, SW_ECORRUPT, "%s: bad record at offset %" PRIu64, s->path, s->pos);
}

/* The end of the line that begins at AT; NULL when it is not complete, or when the records end before it. */
static char *line_end(struct scan *s, size_t at)
{
	char *end = memchr(s->data + at, '\n', s->len - at);
	const char *zero =
		memchr(s->data + at, '\0', end ? (size_t)(end - (s->data + at)) : s->len - at);

	if (!zero)
		return end;
	s->is_zero_seen = true;
	s->zero_at = s->pos + (size_t)(zero - (s->data + at));
	return NULL;
}

/* Hands the complete lines in the buffer to the caller, keeps the rest. */
static int scan_lines(struct scan *s)
{
	size_t at = 0;
	char *end;
	int rc = 0;

	while (rc == 0 && (end = line_end(s, at))) {
		struct journal_record rec = {0};
		size_t len = (size_t)(end - (s->data + at));

		if (len + 1 > MAX_RECORD_BYTES || record_parse(s->data + at, len, &rec) < 0)
			return scan_corrupt(s);
		at += len + 1;
		s->pos += len + 1;
		rec.pos = s->pos;
		if (s->replay)
			rc = s->replay(s->ctx, &rec);
	}
	memmove(s->data, s->data + at, s->len - at);
	s->len -= at;
	return rc;
}

/* Reads more behind what the buffer holds; 0: there is nothing more. */
static int scan_read(struct scan *s, size_t *ret_n)
{
	ssize_t n;

	do {
		n = pread(s->fd, s->data + s->len, READ_BYTES - s->len, (off_t)(s->pos + s->len));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set(s->err, -errno, "%s: read: %s", s->path, strerror(errno));
	*ret_n = (size_t)n;
	return 0;
}

/*
 * What stands behind the first zero. Sectors that were on their way when the power went may have come without
 * those before them; anything else is a record somebody was told of, and lost.
 */
static int scan_rest(struct scan *s)
{
	uint64_t sector_end = (s->zero_at / SECTOR_BYTES + 1) * SECTOR_BYTES;
	uint64_t at = s->pos;
	bool is_bad = false;
	ssize_t n;

	s->torn = s->zero_at - s->pos;
	while ((n = pread(s->fd, s->data, READ_BYTES, (off_t)at)) > 0) {
		for (ssize_t i = 0; i < n; i++, at++) {
			if (at <= s->zero_at || s->data[i] == '\0')
				continue;
			s->torn = at + 1 - s->pos;
			is_bad = is_bad || at < sector_end || s->torn > JOURNAL_TORN_BYTES;
		}
	}
	if (n < 0)
		return err_set(s->err, -errno, "%s: read: %s", s->path, strerror(errno));
	s->size = at;
	/* No longer zero: the owner is alive and writes. */
	if (is_bad && pread(s->fd, s->data, 1, (off_t)s->zero_at) == 1 && s->data[0] == '\0')
		return scan_corrupt(s);
	return 0;
}

/* Reads from s->pos to the end; on 0 s->torn and s->size are set. */
static int scan_file(struct scan *s)
{
	size_t n = 1;
	int rc = 0;

	s->data = malloc(READ_BYTES);
	if (!s->data)
		return -ENOMEM;
	while (rc == 0 && n > 0 && !s->is_zero_seen) {
		rc = scan_read(s, &n);
		if (rc < 0 || n == 0)
			break;
		s->len += n;
		rc = scan_lines(s);
		/* No record of ours is that long. */
		if (rc == 0 && !s->is_zero_seen && s->len >= MAX_RECORD_BYTES)
			rc = scan_corrupt(s);
	}
	s->torn = s->len;
	s->size = s->pos + s->len;
	if (rc == 0 && s->is_zero_seen)
		rc = scan_rest(s);
	free(s->data);
	s->data = NULL;
	return rc;
}

/* A new file survives a power cut only when its folder is synced too. */
static int sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	if (text_copy(copy, sizeof(copy), path) < 0)
		return -ENAMETOOLONG;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int file_take(const char *path, int *ret_fd, struct sw_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = errno == EWOULDBLOCK
			     ? err_set(err, SW_EEXIST, "%s: another process has it", path)
			     : err_set(err, -errno, "%s: flock: %s", path, strerror(errno));
	else if (fstat(fd, &st) < 0)
		rc = err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, SW_EINVAL, "%s: not a regular file", path);
	else if (st.st_size == 0) {
		rc = sync_folder(path);
		if (rc < 0)
			err_set(err, rc, "%s: syncing its folder: %s", path, err_name(rc));
	}
	if (rc < 0)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

/* Room that was left, and a torn record: nobody was told that it is durable, so it never happened. */
static int cut_tail(const struct scan *s)
{
	if (s->torn > 0)
		LOG_WARN("journal_tail_cut", "path=%s offset=%" PRIu64 " bytes=%" PRIu64, s->path,
			s->pos, s->torn);
	if (ftruncate(s->fd, (off_t)s->pos) < 0 || fdatasync(s->fd) < 0)
		return err_set(
			s->err, -errno, "%s: cutting a torn tail: %s", s->path, strerror(errno));
	return 0;
}

static void journal_free(struct journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		close(j->fd);
	buf_fini(&j->line);
	free(j->waiting.items);
	free(j->running.items);
	free(j);
}

int journal_open(struct loop *l, const char *path, journal_replay_cb replay, void *ctx,
	struct journal **ret, struct sw_err *err)
{
	struct scan s = {.path = path, .replay = replay, .ctx = ctx, .err = err};
	struct journal *j = calloc(1, sizeof(*j));
	int rc;

	if (!j)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	j->loop = l;
	j->fd = -1;
	buf_init(&j->line, MAX_RECORD_BYTES);
	rc = file_take(path, &j->fd, err);
	if (rc < 0)
		goto fail;
	s.fd = j->fd;
	rc = scan_file(&s);
	if (rc == 0 && s.size > s.pos)
		rc = cut_tail(&s);
	if (rc != 0)
		goto fail;
	j->pos = j->room_end = j->covered = s.pos;
	*ret = j;
	return 0;
fail:
	journal_free(j);
	return rc;
}

/* FROM must be behind a record of this very file: anything else means the position belongs to another. */
static int check_position(int fd, const char *path, uint64_t from, struct sw_err *err)
{
	char c = '\n';

	if (from > INT64_MAX || (from > 0 && pread(fd, &c, 1, (off_t)(from - 1)) != 1) || c != '\n')
		return err_set(
			err, SW_ECORRUPT, "%s: no record ends at offset %" PRIu64, path, from);
	return 0;
}

int journal_read(
	const char *path, uint64_t from, journal_replay_cb replay, void *ctx, struct sw_err *err)
{
	struct scan s = {.path = path, .pos = from, .replay = replay, .ctx = ctx, .err = err};
	int rc;

	s.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s.fd < 0)
		return err_set(
			err, errno == ENOENT ? SW_ENOENT : -errno, "%s: %s", path, strerror(errno));
	rc = check_position(s.fd, path, from, err);
	if (rc == 0)
		rc = scan_file(&s);
	close(s.fd);
	return rc;
}

static int batch_reserve(struct batch *b)
{
	struct waiter *items;
	size_t cap = b->cap ? b->cap * 2 : 32;

	if (b->n < b->cap)
		return 0;
	items = realloc(b->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	b->items = items;
	b->cap = cap;
	return 0;
}

static void run_batch(struct batch *b, int rc)
{
	for (size_t i = 0; i < b->n; i++)
		b->items[i].synced(b->items[i].ctx, rc);
	b->n = 0;
}

static void journal_end(struct journal *j)
{
	void (*closed)(void *) = j->closed;
	void *ctx = j->closed_ctx;

	if (!j->is_broken && j->room_end > j->pos)
		(void)!ftruncate(j->fd, (off_t)j->pos); /* else the next open does it */
	journal_free(j);
	if (closed)
		closed(ctx);
}

static void sync_work(void *ctx)
{
	struct journal *j = ctx;

	j->sync_rc = fdatasync(j->fd) < 0 ? -errno : 0;
}

static void sync_begin(void *ctx);

static void sync_done(void *ctx)
{
	struct journal *j = ctx;
	struct batch done = j->running;

	j->running = (struct batch){0};
	j->is_syncing = false;
	if (j->sync_rc < 0 && !j->is_broken) {
		j->is_broken = true;
		LOG_ERROR("journal_broken", "err=%s", err_name(j->sync_rc));
	}
	run_batch(&done, j->sync_rc);
	if (!j->running.items)
		j->running = done;
	else
		free(done.items);
	if (j->is_broken)
		run_batch(&j->waiting, -EIO);
	if (j->is_scheduled)
		return;
	if (j->waiting.n > 0 || (j->is_closing && !j->is_broken && j->covered < j->pos))
		sync_begin(j);
	else if (j->is_closing)
		journal_end(j);
}

/* Swaps the batches: what is appended from here on belongs to the next sync. */
static void sync_begin(void *ctx)
{
	struct journal *j = ctx;
	struct batch batch = j->waiting;

	j->is_scheduled = false;
	if (j->is_syncing)
		return;
	j->waiting = j->running;
	j->running = batch;
	j->is_syncing = true;
	j->covered = j->pos;
	if (j->is_broken) {
		j->sync_rc = -EIO;
		sync_done(j);
		return;
	}
	if (loop_work(j->loop, sync_work, sync_done, j) < 0) {
		/* No memory for a job on the thread pool: better late here than not durable. */
		sync_work(j);
		sync_done(j);
	}
}

static int schedule_sync(struct journal *j)
{
	int rc;

	if (j->is_scheduled || j->is_syncing)
		return 0;
	rc = loop_defer(j->loop, sync_begin, j);
	if (rc == 0)
		j->is_scheduled = true;
	return rc;
}

static bool is_payload(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return text_utf8_valid(s, len, NULL);
}

static int line_format(struct buf *line, int64_t at_ms, char kind, const char *payload)
{
	buf_reset(line);
	(void)buf_addf(line, "%" PRId64 " %c ", at_ms, kind);
	(void)buf_adds(line, payload);
	if (line->error)
		return line->error;
	return buf_addf(line, " %08" PRIx32 "\n", id_crc32c(0, line->data, line->len));
}

/* 256 KiB more. A disk too full for this may still have room for the record. */
static void make_room(struct journal *j)
{
	char zeros[ZEROS_BYTES] = {0};
	struct iovec parts[ROOM_PARTS];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = (struct iovec){zeros, sizeof(zeros)};
	if (j->room_end < j->pos)
		j->room_end = j->pos;
	n = pwritev(j->fd, parts, ARRAY_LEN(parts), (off_t)j->room_end);
	if (n > 0)
		j->room_end += (size_t)n;
}

/* All of the line or nothing of it. */
static int line_write(struct journal *j)
{
	ssize_t n;
	int rc;

	if (j->pos + j->line.len > j->room_end)
		make_room(j);
	do {
		n = pwrite(j->fd, j->line.data, j->line.len, (off_t)j->pos);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)j->line.len) {
		j->pos += j->line.len;
		return 0;
	}
	rc = n < 0 ? -errno : -ENOSPC;
	/* A full disk passes by, half a record in the middle of the file would stay. */
	if (n > 0 && ftruncate(j->fd, (off_t)j->pos) < 0) {
		j->is_broken = true;
		LOG_ERROR("journal_broken", "err=%s", err_name(rc));
	} else if (n > 0) {
		j->room_end = j->pos;
	}
	return rc;
}

int journal_append(struct journal *j, int64_t at_ms, char kind, const char *payload,
	void (*synced)(void *ctx, int rc), void *ctx, uint64_t *ret_pos)
{
	int rc;

	if (j->is_broken || j->is_closing)
		return -EIO;
	if (at_ms < 0 || kind <= ' ' || kind > '~' || !is_payload(payload, strlen(payload)))
		return SW_EINVAL;
	if (synced && j->waiting.n + j->running.n >= MAX_WAITING)
		return SW_ELIMIT;
	rc = line_format(&j->line, at_ms, kind, payload);
	if (rc == 0 && synced)
		rc = batch_reserve(&j->waiting);
	if (rc == 0 && synced)
		rc = schedule_sync(j);
	if (rc == 0)
		rc = line_write(j);
	if (rc < 0)
		return rc;
	if (synced)
		j->waiting.items[j->waiting.n++] = (struct waiter){synced, ctx};
	if (ret_pos)
		*ret_pos = j->pos;
	return 0;
}

bool journal_broken(const struct journal *j)
{
	return j->is_broken;
}

uint64_t journal_position(const struct journal *j)
{
	return j->pos;
}

void journal_close(struct journal *j, void (*done)(void *ctx), void *ctx)
{
	assert(!j->is_closing);
	j->is_closing = true;
	j->closed = done;
	j->closed_ctx = ctx;
	/* One last sync covers records that asked for none, and gives DONE its later turn. */
	if (schedule_sync(j) < 0)
		sync_begin(j);
}
