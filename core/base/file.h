/* core/base/file.h: whole files: read with a bound, write atomically, secrets with their mode checked. */
#ifndef SW_CORE_BASE_FILE_H
#define SW_CORE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/buf.h"

/* Reads all of it into OUT (SW_ELIMIT when longer than OUT's maximum). */
int file_read(const char *path, struct buf *out, struct sw_err *err) SW_MUST_CHECK;
/* Temporary file beside it, fdatasync, rename, fsync of the folder. */
int file_write(const char *path, mode_t mode, const void *data, size_t len,
	struct sw_err *err) SW_MUST_CHECK;
/* A one-line secret: mode at most 0600, owned by us or root; white space at its end removed. SW_ECONF otherwise. */
int file_read_secret(const char *path, struct buf *out, struct sw_err *err) SW_MUST_CHECK;
/* What file_read_secret() would say of the file's kind and mode, without reading it (another user may own it). */
int file_check_secret(const char *path, struct sw_err *err) SW_MUST_CHECK;
/* mkdir -p with MODE for the folders it makes. */
int file_mkdirs(const char *path, mode_t mode, struct sw_err *err) SW_MUST_CHECK;
/* RELATIVE seen from the folder of BASE_FILE, absolute paths as they are; the caller frees. */
char *file_resolve(const char *base_file, const char *relative) SW_MUST_CHECK;
bool file_exists(const char *path);

#endif
