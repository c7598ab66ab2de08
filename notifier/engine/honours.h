/*
 * notifier/engine/honours.h: the commended, as imported: in the store and in memory (e->honours).
 *
 * KEY_HONOURS is a HASH id -> JSON (honour_to_json), and "digest" -> SHA-256 of the imported file. An id begins with a
 * unit's code, so none is called digest. Who was withdrawn stays there with the flag.
 */
#ifndef SW_ENGINE_HONOURS_H
#define SW_ENGINE_HONOURS_H

#include "notifier/campaign/honours.h"
#include "notifier/engine/engine.h"

#define KEY_HONOURS "sw:{r}:honours"

/* After each connect and reload: reads all. DONE(rc). */
void honours_load(struct engine *e, void (*done)(struct engine *e, int rc));
void honours_free(struct engine *e);
/*
 * H (taken on 0) replaces all but who was withdrawn, in the store first. DONE once: 0: it is in memory, too; an error: nothing is changed, or all
 * of it: then the store is read again. AUDIT may be NULL.
 */
int honours_store(struct engine *e, struct honours *h, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;
/*
 * May H replace what is there? False with the reason in WHY (of SIZE bytes): a broadcast of what is there was approved, or
 * H brings back who was withdrawn.
 */
bool honours_may_replace(const struct engine *e, const struct honours *h, char *why, size_t size);

#endif
