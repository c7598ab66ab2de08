/*
 * tests/unit/test_journal.c: what the attempt journal promises, with an fdatasync() of our own that counts,
 * can be held and can fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/id.h"
#include "core/base/num.h"
#include "core/io/journal.h"
#include "tests/unit/servers.h"

#define LIMIT_MS 8000

static pthread_mutex_t sync_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sync_changed = PTHREAD_COND_INITIALIZER;
static int n_syncs;    /* begun */
static bool is_held;   /* fdatasync() waits */
static int sync_errno; /* 0: it succeeds */

/* Takes the place of libc's in this program. */
int fdatasync(int fd)
{
	int fail;

	(void)pthread_mutex_lock(&sync_lock);
	n_syncs++;
	while (is_held)
		(void)pthread_cond_wait(&sync_changed, &sync_lock);
	fail = sync_errno;
	(void)pthread_mutex_unlock(&sync_lock);
	if (fail) {
		errno = fail;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void hold_syncs(bool held)
{
	(void)pthread_mutex_lock(&sync_lock);
	is_held = held;
	(void)pthread_cond_broadcast(&sync_changed);
	(void)pthread_mutex_unlock(&sync_lock);
}

static int syncs(void)
{
	int n;

	(void)pthread_mutex_lock(&sync_lock);
	n = n_syncs;
	(void)pthread_mutex_unlock(&sync_lock);
	return n;
}

struct fixture {
	struct clock clock;
	struct loop *loop;
	char path[128];
	struct journal *journal;
	int n_synced, last_rc, n_closed;
	int n_records;
	struct journal_record last;
	char last_payload[64];
	uint64_t positions[8];
	int stop_after; /* > 0: the replay stops there with -77 */
};

static void on_synced(void *ctx, int rc)
{
	struct fixture *f = ctx;

	f->n_synced++;
	f->last_rc = rc;
}

static void on_closed(void *ctx)
{
	struct fixture *f = ctx;

	f->n_closed++;
}

static int on_record(void *ctx, const struct journal_record *rec)
{
	struct fixture *f = ctx;

	if (f->n_records < (int)ARRAY_LEN(f->positions))
		f->positions[f->n_records] = rec->pos;
	f->n_records++;
	f->last = *rec;
	assert_int_equal(strlen(rec->payload), rec->len);
	(void)snprintf(f->last_payload, sizeof(f->last_payload), "%s", rec->payload);
	return f->n_records == f->stop_after ? -77 : 0;
}

static int setup(void **state)
{
	static int n;
	struct fixture *f = calloc(1, sizeof(*f));

	(void)snprintf(f->path, sizeof(f->path), "%s/%d.log", test_dir(), n++);
	clock_init_real(&f->clock);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	sync_errno = 0;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hold_syncs(false);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static int reopen(struct fixture *f, struct sw_err *err)
{
	f->n_records = 0;
	return journal_open(f->loop, f->path, on_record, f, &f->journal, err);
}

static void close_it(struct fixture *f)
{
	f->n_closed = 0;
	journal_close(f->journal, on_closed, f);
	assert_int_equal(f->n_closed, 0); /* on a later turn */
	assert_true(run_until_count(f->loop, &f->n_closed, 1, LIMIT_MS));
}

static int append(struct fixture *f, const char *payload)
{
	return journal_append(f->journal, 1660784400000, 'T', payload, on_synced, f, NULL);
}

static void write_three(struct fixture *f)
{
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "first"), 0);
	assert_int_equal(append(f, "zweite 第二"), 0);
	assert_int_equal(append(f, "third"), 0);
	close_it(f);
	assert_int_equal(f->n_synced, 3);
}

static void records_come_back_as_they_were_written(void **state)
{
	struct fixture *f = *state;
	uint64_t pos = 0;
	struct stat st;

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(
		journal_append(f->journal, 1660784400123, 'A', "m1 2 已报2人6户", NULL, NULL, &pos),
		0);
	assert_int_equal(pos, journal_position(f->journal));
	close_it(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, pos);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 1);
	assert_int_equal(f->last.at_ms, 1660784400123);
	assert_int_equal(f->last.kind, 'A');
	assert_string_equal(f->last_payload, "m1 2 已报2人6户");
	assert_int_equal(f->last.pos, pos);
	close_it(f);
}

static void a_line_is_time_kind_payload_and_checksum(void **state)
{
	struct fixture *f = *state;
	char want[128], got[128] = "";
	FILE *in;

	write_three(f);
	(void)snprintf(want, sizeof(want), "1660784400000 T first %08" PRIx32 "\n",
		id_crc32c(0, "1660784400000 T first", 21));
	in = fopen(f->path, "r");
	assert_non_null(in);
	assert_non_null(fgets(got, sizeof(got), in));
	(void)fclose(in);
	assert_string_equal(got, want);
}

static void appends_of_one_turn_share_one_sync(void **state)
{
	struct fixture *f = *state;
	int before;

	assert_int_equal(reopen(f, NULL), 0);
	before = syncs();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(append(f, "together"), 0);
	assert_int_equal(f->n_synced, 0); /* never from inside */
	assert_true(run_until_count(f->loop, &f->n_synced, 1000, LIMIT_MS));
	assert_int_equal(f->last_rc, 0);
	assert_int_equal(syncs() - before, 1);
	close_it(f);
}

static bool sync_has_begun(void *ctx)
{
	const int *before = ctx;

	return syncs() > *before;
}

static void an_append_during_a_sync_waits_for_the_next(void **state)
{
	struct fixture *f = *state;
	int before;

	assert_int_equal(reopen(f, NULL), 0);
	before = syncs();
	hold_syncs(true);
	assert_int_equal(append(f, "one"), 0);
	assert_true(run_until(f->loop, sync_has_begun, &before, LIMIT_MS));
	assert_int_equal(append(f, "two"), 0);
	assert_int_equal(append(f, "three"), 0);
	run_for(f->loop, 50);
	assert_int_equal(f->n_synced, 0);
	hold_syncs(false);
	assert_true(run_until_count(f->loop, &f->n_synced, 3, LIMIT_MS));
	assert_int_equal(syncs() - before, 2);
	close_it(f);
}

static void at_most_4096_wait(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reopen(f, NULL), 0);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(append(f, "x"), 0);
	assert_int_equal(append(f, "x"), SW_ELIMIT);
	assert_int_equal(journal_append(f->journal, 0, 'A', "y", NULL, NULL, NULL), 0);
	assert_true(run_until_count(f->loop, &f->n_synced, 4096, LIMIT_MS));
	assert_int_equal(append(f, "x"), 0);
	close_it(f);
	assert_int_equal(f->n_synced, 4097);
}

static void failed_sync_breaks_it_for_good(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reopen(f, NULL), 0);
	sync_errno = EIO;
	assert_int_equal(append(f, "lost?"), 0);
	assert_true(run_until_count(f->loop, &f->n_synced, 1, LIMIT_MS));
	assert_int_equal(f->last_rc, -EIO);
	sync_errno = 0; /* a second sync would succeed and lie */
	assert_true(journal_broken(f->journal));
	assert_true(append(f, "more") < 0);
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	assert_false(journal_broken(f->journal));
	close_it(f);
}

static void what_waits_behind_a_failed_sync_fails_too(void **state)
{
	struct fixture *f = *state;
	int before = syncs();

	assert_int_equal(reopen(f, NULL), 0);
	hold_syncs(true);
	sync_errno = EIO;
	assert_int_equal(append(f, "one"), 0);
	assert_true(run_until(f->loop, sync_has_begun, &before, LIMIT_MS));
	assert_int_equal(append(f, "two"), 0);
	hold_syncs(false);
	assert_true(run_until_count(f->loop, &f->n_synced, 2, LIMIT_MS));
	assert_true(f->last_rc < 0);
	assert_int_equal(syncs() - before, 1);
	close_it(f);
}

static void a_full_disk_leaves_no_half_record_and_passes(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, limit;
	uint64_t before;

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "before"), 0);
	before = journal_position(f->journal);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = before + 10; /* the next write is cut short */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_true(append(f, "does not fit") < 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(journal_position(f->journal), before);
	assert_false(journal_broken(f->journal));
	assert_int_equal(append(f, "after"), 0);
	close_it(f);
	assert_int_equal(f->n_synced, 2);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 2);
	assert_string_equal(f->last_payload, "after");
	close_it(f);
}

static void line_breaks_and_broken_text_are_refused(void **state)
{
	struct fixture *f = *state;
	char *big = calloc(1, (256 << 10) + 1);

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "two\nlines"), SW_EINVAL);
	assert_int_equal(append(f, "a\ttab"), SW_EINVAL);
	assert_int_equal(append(f, "\x7f"), SW_EINVAL);
	assert_int_equal(append(f, "\xe7\xbe"), SW_EINVAL);
	assert_int_equal(journal_append(f->journal, -1, 'T', "x", NULL, NULL, NULL), SW_EINVAL);
	assert_int_equal(journal_append(f->journal, 1, ' ', "x", NULL, NULL, NULL), SW_EINVAL);
	memset(big, 'x', 256 << 10);
	assert_int_equal(append(f, big), SW_ELIMIT);
	assert_int_equal(journal_position(f->journal), 0);
	big[(256 << 10) - 64] = '\0';
	assert_int_equal(append(f, big), 0);
	assert_int_equal(append(f, ""), 0);
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 2);
	assert_int_equal(f->last.len, 0);
	close_it(f);
	free(big);
}

static void cut_file(const char *path, off_t by)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - by), 0);
}

static void torn_tail_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	write_three(f);
	for (int by = 1; by <= 30; by += 29) {
		cut_file(f->path, by);
		assert_int_equal(reopen(f, NULL), 0);
		assert_int_equal(f->n_records, 2);
		assert_int_equal(journal_position(f->journal), f->last.pos);
		assert_int_equal(stat(f->path, &st), 0);
		assert_int_equal(st.st_size, f->last.pos);
		assert_int_equal(append(f, "third"), 0);
		close_it(f);
	}
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 3);
	close_it(f);
}

static void put(const char *path, off_t at, const char *data, size_t len)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

static void flip_bit(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c = (char)(c ^ 1);
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void a_flipped_bit_anywhere_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	write_three(f);
	assert_int_equal(stat(f->path, &st), 0);
	for (off_t at = 0; at < st.st_size - 1; at++) { /* the last byte: a torn tail */
		struct sw_err err;

		flip_bit(f->path, at);
		assert_int_equal(reopen(f, &err), SW_ECORRUPT);
		assert_non_null(strstr(err.text, "offset"));
		assert_int_equal(journal_read(f->path, 0, on_record, f, &err), SW_ECORRUPT);
		flip_bit(f->path, at);
	}
	assert_int_equal(reopen(f, NULL), 0);
	close_it(f);
}

/* A blank with bit 5 flipped is a zero byte. */
static void a_zero_byte_inside_a_record_is_noticed(void **state)
{
	struct fixture *f = *state;

	write_three(f);
	put(f->path, 13, "", 1);
	assert_int_equal(reopen(f, NULL), SW_ECORRUPT);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), SW_ECORRUPT);
}

static void room_behind_the_records_is_given_back_at_close(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "first"), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(st.st_size > (off_t)journal_position(f->journal));
	assert_int_equal(
		journal_read(f->path, 0, on_record, f, NULL), 0); /* somebody else meanwhile */
	assert_int_equal(f->n_records, 1);
	close_it(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, f->last.pos);
}

static void room_that_a_kill_left_is_no_damage(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	write_three(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(truncate(f->path, st.st_size + 700000), 0);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), 0);
	assert_int_equal(f->n_records, 3);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 3);
	assert_int_equal(journal_position(f->journal), st.st_size);
	assert_int_equal(append(f, "fourth"), 0);
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	assert_string_equal(f->last_payload, "fourth");
	close_it(f);
}

static void sectors_that_came_without_those_before_them_are_cut_off(void **state)
{
	struct fixture *f = *state;

	write_three(f);
	put(f->path, 1024, "rest of a record\n", 17);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), 0);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 3);
	assert_int_equal(journal_position(f->journal), f->last.pos);
	close_it(f);
	/* Nothing of it turns up behind a later record. */
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "fourth"), 0);
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 4);
	close_it(f);
}

static void zeros_far_before_the_end_are_damage(void **state)
{
	struct fixture *f = *state;

	write_three(f);
	put(f->path, JOURNAL_TORN_BYTES + 1024, "x", 1);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), SW_ECORRUPT);
	assert_int_equal(reopen(f, NULL), SW_ECORRUPT);
}

static void one_process_has_it(void **state)
{
	struct fixture *f = *state;
	struct journal *second = NULL;
	struct sw_err err;

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(journal_open(f->loop, f->path, NULL, NULL, &second, &err), SW_EEXIST);
	assert_null(second);
	assert_non_null(strstr(err.text, "another process"));
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	close_it(f);
}

static void replay_resumes_after_a_position(void **state)
{
	struct fixture *f = *state;
	uint64_t from[3];

	write_three(f);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), 0);
	assert_int_equal(f->n_records, 3);
	memcpy(from, f->positions, sizeof(from));
	f->n_records = 0;
	assert_int_equal(journal_read(f->path, from[0], on_record, f, NULL), 0);
	assert_int_equal(f->n_records, 2);
	assert_int_equal(f->positions[0], from[1]);
	f->n_records = 0;
	assert_int_equal(journal_read(f->path, from[2], on_record, f, NULL), 0);
	assert_int_equal(f->n_records, 0);
}

static void a_position_of_another_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sw_err err;

	write_three(f);
	assert_int_equal(journal_read(f->path, 5, on_record, f, &err), SW_ECORRUPT);
	assert_int_equal(journal_read(f->path, 1 << 20, on_record, f, &err), SW_ECORRUPT);
	assert_int_equal(journal_read(test_path("none"), 0, on_record, f, &err), SW_ENOENT);
	assert_int_equal(f->n_records, 0);
}

static void reading_leaves_a_torn_tail_alone(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	write_three(f);
	cut_file(f->path, 2);
	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(journal_read(f->path, 0, on_record, f, NULL), 0);
	assert_int_equal(f->n_records, 2);
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

static void replay_stops_when_told(void **state)
{
	struct fixture *f = *state;

	write_three(f);
	f->stop_after = 2;
	assert_int_equal(reopen(f, NULL), -77);
	assert_int_equal(f->n_records, 2);
}

static void a_long_file_is_read_in_pieces(void **state)
{
	struct fixture *f = *state;
	char payload[1200];

	memset(payload, 'p', sizeof(payload) - 1);
	payload[sizeof(payload) - 1] = '\0';
	assert_int_equal(reopen(f, NULL), 0);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(journal_append(f->journal, i, 'T', payload, NULL, NULL, NULL), 0);
	close_it(f);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(f->n_records, 3000);
	assert_int_equal(f->last.at_ms, 2999);
	close_it(f);
}

static void closing_calls_waiting_appends_back_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(append(f, "x"), 0);
	journal_close(f->journal, on_closed, f);
	assert_true(append(f, "late") < 0);
	assert_true(run_until_count(f->loop, &f->n_closed, 1, LIMIT_MS));
	assert_int_equal(f->n_synced, 1);
	assert_int_equal(f->last_rc, 0);
}

struct writer {
	struct fixture *f;
	int fd;
	int next;
};

/* In the child: appends for ever, each next one when the last is synced; says through the pipe what is. */
static void on_synced_next(void *ctx, int rc)
{
	struct writer *w = ctx;
	char payload[16];

	if (rc != 0 || (w->next > 0 && write(w->fd, &w->next, sizeof(w->next)) < 0))
		_exit(1);
	w->next++;
	(void)snprintf(payload, sizeof(payload), "%d", w->next);
	if (journal_append(w->f->journal, w->next, 'T', payload, on_synced_next, w, NULL) < 0)
		_exit(1);
}

static void what_was_called_back_survives_a_kill(void **state)
{
	struct fixture *f = *state;
	int fds[2], n = 0, acked = 0;
	int64_t last = 0;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct clock clock;
		struct writer w = {.f = f, .fd = fds[1]};

		clock_init_real(&clock);
		if (loop_create(&clock, &f->loop) < 0 || reopen(f, NULL) < 0)
			_exit(1);
		on_synced_next(&w, 0);
		loop_run(f->loop);
		_exit(1);
	}
	close(fds[1]);
	while (acked < 200 && read(fds[0], &n, sizeof(n)) == sizeof(n))
		acked = n;
	assert_int_equal(acked, 200);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n))
		acked = n;
	close(fds[0]);
	assert_int_equal(reopen(f, NULL), 0);
	assert_int_equal(num_parse(f->last_payload, 0, INT32_MAX, &last), 0);
	assert_true(last >= acked);
	assert_int_equal(f->n_records, last); /* none is missing between */
	close_it(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(records_come_back_as_they_were_written),
		T(a_line_is_time_kind_payload_and_checksum),
		T(appends_of_one_turn_share_one_sync),
		T(an_append_during_a_sync_waits_for_the_next),
		T(at_most_4096_wait),
		T(failed_sync_breaks_it_for_good),
		T(what_waits_behind_a_failed_sync_fails_too),
		T(a_full_disk_leaves_no_half_record_and_passes),
		T(line_breaks_and_broken_text_are_refused),
		T(torn_tail_is_cut_off),
		T(a_flipped_bit_anywhere_is_noticed),
		T(a_zero_byte_inside_a_record_is_noticed),
		T(room_behind_the_records_is_given_back_at_close),
		T(room_that_a_kill_left_is_no_damage),
		T(sectors_that_came_without_those_before_them_are_cut_off),
		T(zeros_far_before_the_end_are_damage),
		T(one_process_has_it),
		T(replay_resumes_after_a_position),
		T(a_position_of_another_file_is_refused),
		T(reading_leaves_a_torn_tail_alone),
		T(replay_stops_when_told),
		T(a_long_file_is_read_in_pieces),
		T(closing_calls_waiting_appends_back_first),
		T(what_was_called_back_survives_a_kill),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
