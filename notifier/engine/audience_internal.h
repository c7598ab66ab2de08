/*
 * notifier/engine/audience_internal.h: what the files of audiences share.
 *
 * audience.c keeps the list and loads it, audience_store.c imports, audience_forget.c removes what a broken-off
 * import has left, audience_opt.c finds numbers in the store and sets their bits.
 */
#ifndef SW_ENGINE_AUDIENCE_INTERNAL_H
#define SW_ENGINE_AUDIENCE_INTERNAL_H

#include <sys/queue.h>

#include "notifier/engine/audience.h"

struct audience_import;
struct audience_op;

struct audience_state {
	struct audiences list; /* first: e->audiences points at it */
	struct {
		char id[AUDIENCE_ID], digest[65];
	} checked[AUDIENCES_MAX]; /* whose HMACs this process has seen to be right */
	size_t n_checked;
	char refused[AUDIENCES_MAX][AUDIENCE_ID];
	size_t n_refused;
	unsigned adopted;               /* imports that have ended well */
	struct audience_import *import; /* on its way */
	TAILQ_HEAD(audience_ops, audience_op) ops;
	size_t n_ops;
	bool is_closing; /* freed with the end of the import */
};

/* Created by the first call; NULL without memory. */
struct audience_state *audience_state(struct engine *e);
void audience_state_free(struct audience_state *s);
void audience_info_fini(struct audience_info *i);
/* A (taken on 0) joins the list. SW_ELIMIT: it is full. */
int audience_adopt(struct engine *e, struct audience_info *a);

/* audience_store.c: the id of the import on its way, "" = none. */
const char *audience_importing(const struct engine *e);
/* audience_forget.c: removes the N segments of ID, then the record of its import; DONE may be NULL. */
void audience_forget(
	struct engine *e, const char *id, size_t n, void (*done)(void *ctx, int rc), void *ctx);
/*
 * PACKED opts out or in while an import is on its way: remembered for the segments that are stored already. SW_ELIMIT: too
 * many meanwhile. RET_SEGMENT is >= 0 when the caller must set the bit of the new audience as well.
 */
int audience_import_opt(struct engine *e, const uint8_t packed[AUDIENCE_NUMBER], bool out,
	int *ret_segment, uint32_t *ret_index);

/* audience_opt.c: one bit of a segment, by script. */
int audience_set_bit(struct engine *e, const char *id, unsigned segment, uint32_t index, bool out,
	redis_cb cb, void *ctx) SW_MUST_CHECK;

#endif
