/*
 * notifier/engine/broadcast_recovery.h: what reads the journals (broadcast_replay.c) and what decides the order of a
 * recovery (broadcast_recover.c) share.
 */
#ifndef SW_ENGINE_BROADCAST_RECOVERY_H
#define SW_ENGINE_BROADCAST_RECOVERY_H

#include "notifier/engine/broadcast_internal.h"

enum { BC_FILES_MAX = 16, BC_PENDING_MAX = 256 };

struct bc_known_call {
	uint64_t pos; /* behind its record */
	struct bc_record record;
};

struct bc_known_file {
	char instance[40];
	uint64_t from; /* where reading goes on */
	bool is_there;
};

/* A broadcast under way, and up to where each file is known to its segments. */
struct bc_active {
	char id[BROADCAST_ID];
	size_t n_segments;
	uint64_t *pos; /* owned: by file, then segment */
};

struct bc_recovery {
	struct engine *e;
	void (*done)(struct engine *e, int rc);
	struct bc_known_file files[BC_FILES_MAX];
	size_t n_files, file;
	struct bc_active *active;
	size_t n_active, at;         /* the one that is walked over */
	struct bc_known_call *calls; /* without an outcome yet, of the file that is read */
	size_t n_calls, cap;
	size_t pending, records;
	bool is_walking, is_scheduled;
	int64_t forgotten, settled;
	int64_t number; /* the greatest of a broadcast the journals name */
	int64_t number_stored;
	char hold[64];
	int rc;
};

/* broadcast_recover.c */
/* A reason to send nothing until somebody has looked; the first one counts. */
void bc_recovery_hold(struct bc_recovery *r, const char *why);
/* Goes on, on a later turn. */
void bc_recovery_later(struct bc_recovery *r);

/* broadcast_replay.c */
void bc_replay_files(struct bc_recovery *r);
/* The file of INSTANCE, which the store names; NULL: there are too many. */
struct bc_known_file *bc_replay_named(struct bc_recovery *r, const char *instance);
bool bc_replay_all_there(const struct bc_recovery *r);
/* Reads a slice of the file whose turn it is, and tells the store. */
void bc_replay(struct bc_recovery *r);

#endif
