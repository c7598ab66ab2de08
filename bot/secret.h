/*
 * bot/secret.h: reading the secrets that the configuration names by their files.
 */
#ifndef SW_BOT_SECRET_H
#define SW_BOT_SECRET_H

#include "core/base/buf.h"
#include "core/base/conf.h"

enum { SECRET_MAX = 4096 };

/* The secret in the file that LIST[I].SETTING names, into OUT (emptied first); "" when none is named. */
int secret_read(const struct conf *c, const char *list, size_t i, const char *setting,
	struct buf *out, struct sw_err *err) SW_MUST_CHECK;
/* Frees B and leaves nothing of it in memory. */
void secret_fini(struct buf *b);

#endif
