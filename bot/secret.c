/*
 * bot/secret.c: a secret lives in one buffer, which is wiped when it ends.
 */
#include <string.h>

#include "bot/secret.h"
#include "core/base/file.h"

int secret_read(const struct conf *c, const char *list, size_t i, const char *setting,
	struct buf *out, struct sw_err *err)
{
	const char *file = conf_strf(c, "%s[%zu].%s", list, i, setting);

	buf_reset(out);
	return *file ? file_read_secret(file, out, err) : 0;
}

void secret_fini(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_fini(b);
}
