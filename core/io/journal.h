/*
 * core/io/journal.h: append-only record file with group fdatasync off the loop.
 *
 * One line per record: "<ms> <kind> <payload> <crc32c-hex>\n", CRC-32C over everything before its own
 * leading blank. PAYLOAD is one line of printable UTF-8 without line breaks. While a process has the file open, zero
 * bytes may stand behind the last record: room for the next ones. The file ends at the first of them.
 *
 * A torn last line (no line break) is cut off at open, and so is what a power cut left among the zeros: whole
 * sectors, at most JOURNAL_TORN_BYTES behind the last good record. A bad line elsewhere is SW_ECORRUPT. A record is
 * written whole or not at all: a full disk refuses it (-ENOSPC) and passes. After a failed sync the file is broken:
 * nothing is accepted until it is opened anew (retrying fsync could lie).
 */
#ifndef SW_CORE_IO_JOURNAL_H
#define SW_CORE_IO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/io/loop.h"

/*
 * 1,000 connections of the bot with a chat message each. Nothing enforces it: with more than this not yet synced, what a
 * power cut leaves may read as SW_ECORRUPT, and a person has to look; nothing is lost silently.
 */
#define JOURNAL_TORN_BYTES ((size_t)1 << 20)

struct journal;

struct journal_record {
	int64_t at_ms;
	char kind;           /* 'T', 'A', .. */
	const char *payload; /* NUL-terminated, valid during the callback */
	size_t len;
	uint64_t pos; /* offset just behind this record: a position to resume after */
};

/* A non-zero return stops the replay and is returned. */
typedef int (*journal_replay_cb)(void *ctx, const struct journal_record *rec);

/*
 * Opens or creates PATH (mode 0600), takes an exclusive flock on it (SW_EEXIST when somebody has it), cuts
 * a torn tail, calls REPLAY (may be NULL) for each record. Blocking: for start-up only.
 */
int journal_open(struct loop *l, const char *path, journal_replay_cb replay, void *ctx,
	struct journal **ret, struct sw_err *err) SW_MUST_CHECK;
/*
 * Replays a file without owning it (takeover reads the others' files). FROM: position to start after, 0: all.
 * SW_ENOENT: there is no such file; SW_ECORRUPT: also when no record ends at FROM.
 */
int journal_read(const char *path, uint64_t from, journal_replay_cb replay, void *ctx,
	struct sw_err *err) SW_MUST_CHECK;
/*
 * Appends one record (written at once). SYNCED (may be NULL: no sync asked) runs once on a later turn, after
 * a fdatasync that covers it: rc 0, or negative: not durable. All appends of a loop turn share one sync.
 * RET_POS (may be NULL): position behind the record. At most 4,096 wait for a sync: then SW_ELIMIT,
 * also for a record over 256 KiB. SW_EINVAL: not one line of printable UTF-8. -EIO: broken or closing.
 */
int journal_append(struct journal *j, int64_t at_ms, char kind, const char *payload,
	void (*synced)(void *ctx, int rc), void *ctx, uint64_t *ret_pos) SW_MUST_CHECK;
bool journal_broken(const struct journal *j);
uint64_t journal_position(const struct journal *j);
/* Waiting appends are synced and called back first; DONE (may be NULL) runs once on a later turn. */
void journal_close(struct journal *j, void (*done)(void *ctx), void *ctx);

#endif
