/*
 * notifier/engine/audit.c: drains the audit stream of the store into files.
 *
 * Every transition writes its record into the stream in the same script; this only moves them. Each line carries
 * the stream id, so a line written twice after a crash is recognised. The file is synced before the stream is cut.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/civil.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/audit.h"
#include "notifier/engine/tally.h"

enum { DRAIN_BATCH = 200, DRAIN_AFTER_MS = 200 };

struct audit {
	struct engine *e; /* NULL: stopped while the thread pool still writes */
	char *dir;
	struct timer *timer;
	bool running, writing;
	/* handed to the thread pool */
	char *path;
	struct buf lines;
	char ids[DRAIN_BATCH][40];
	size_t n_ids;
	int rc;
};

static void drain(void *ctx);

static void on_trimmed(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;
	struct audit *a = e->audit;

	if (!a)
		return;
	a->running = false;
	if (!store_failed(rc, v, "audit_trim"))
		drain(e); /* until the stream is empty */
}

static void audit_free(struct audit *a)
{
	buf_fini(&a->lines);
	free(a->path);
	free(a->dir);
	free(a);
}

static void on_written(void *ctx)
{
	struct audit *a = ctx;
	struct engine *e = a->e;
	struct args args;

	a->writing = false;
	if (!e) {
		audit_free(a);
		return;
	}
	if (a->rc < 0) {
		LOG_ERROR("audit_not_written", "err=%s", err_name(a->rc));
		a->running = false;
		return;
	}
	args_init(&args);
	args_pair(&args, "XDEL", KEY_AUDIT);
	for (size_t i = 0; i < a->n_ids; i++)
		args_add(&args, a->ids[i]);
	if (args.error || redis_command(e->redis, on_trimmed, e, (int)args.n, args.v, NULL) < 0)
		a->running = false;
	args_fini(&args);
}

/* Where the next line begins: a torn one (power cut) goes, its record is still in the stream. Negative: an error. */
static off_t cut_torn_line(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END), whole = end;
	char c = '\n';

	while (whole > 0 && pread(fd, &c, 1, whole - 1) == 1 && c != '\n')
		whole--;
	if (whole < end && ftruncate(fd, whole) < 0)
		return -1;
	return whole;
}

static void write_lines(void *ctx)
{
	struct audit *a = ctx;
	int fd = open(a->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	off_t end;

	a->rc = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	end = cut_torn_line(fd);
	errno = 0;
	if (end < 0 || write(fd, a->lines.data, a->lines.len) != (ssize_t)a->lines.len ||
		fdatasync(fd) < 0) {
		a->rc = errno ? -errno : -EIO;
		/* No half line may stay in front of the next try. */
		if (end >= 0 && ftruncate(fd, end) < 0)
			a->rc = -EIO;
	}
	(void)close(fd);
}

static void on_entries(void *ctx, int rc, const struct redis_value *v)
{
	struct engine *e = ctx;
	struct audit *a = e->audit;
	char day[32];

	if (!a)
		return;
	if (store_failed(rc, v, "audit_read") || v->type != REDIS_ARRAY || v->n == 0) {
		a->running = false;
		return;
	}
	buf_reset(&a->lines);
	a->n_ids = 0;
	for (size_t i = 0; i < v->n && i < DRAIN_BATCH; i++) {
		const struct redis_value *entry = &v->items[i];
		const char *json = entry->n == 2 ? store_field(&entry->items[1], "j") : NULL;

		if (!json ||
			text_copy(a->ids[a->n_ids], sizeof(a->ids[0]), entry->items[0].str) < 0)
			continue;
		a->n_ids++;
		/* the record is a JSON object: its id becomes the first member */
		buf_addf(&a->lines, "{\"id\":\"%s\",%s\n", entry->items[0].str, json + 1);
	}
	free(a->path);
	a->path = NULL;
	if (a->lines.error ||
		asprintf(&a->path, "%s/audit-%s.jsonl", a->dir,
			civil_format(civil_of_ms(clock_real_ms()), day, sizeof(day))) < 0 ||
		loop_work(e->loop, write_lines, on_written, a) < 0)
		a->running = false;
	else
		a->writing = true;
}

static void drain(void *ctx)
{
	struct engine *e = ctx;
	char count[12];

	if (!e->audit || e->audit->running || !engine_ready(e))
		return;
	(void)snprintf(count, sizeof(count), "%d", DRAIN_BATCH);
	e->audit->running = true;
	if (store_command(e->redis, on_entries, e,
		    (const char *const[]){"XRANGE", KEY_AUDIT, "-", "+", "COUNT", count, NULL}) < 0)
		e->audit->running = false;
}

void audit_kick(struct engine *e)
{
	tally_kick(e);
	if (e->audit && !timer_armed(e->audit->timer))
		timer_after(e->audit->timer, DRAIN_AFTER_MS);
}

const char *audit_dir(const struct engine *e)
{
	return e->audit->dir;
}

int audit_start(struct engine *e)
{
	struct audit *a = calloc(1, sizeof(*a));
	struct sw_err err = {0};

	if (!a)
		return -ENOMEM;
	a->e = e;
	buf_init(&a->lines, 32 << 20);
	if (asprintf(&a->dir, "%s/notifier/audit", conf_str(e->conf, "state_dir")) < 0)
		a->dir = NULL;
	e->audit = a;
	if (!a->dir || file_mkdirs(a->dir, 0700, &err) < 0)
		return err.code ? err.code : -ENOMEM;
	return timer_new(e->loop, drain, e, &a->timer);
}

void audit_stop(struct engine *e)
{
	struct audit *a = e->audit;

	if (!a)
		return;
	e->audit = NULL;
	timer_destroy(a->timer);
	a->e = NULL;
	if (!a->writing)
		audit_free(a);
}
