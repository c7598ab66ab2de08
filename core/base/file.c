/*
 * core/base/file.c: whole files. Blocking calls: for start, checks and small state, not for the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/text.h"

static int fail(struct sw_err *err, int code, const char *what, const char *path)
{
	return err_set(err, code, "%s %s: %s", what, path, strerror(-code));
}

static int read_all(int fd, struct buf *out)
{
	char chunk[16384];
	int rc = out->error;

	while (rc == 0) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n == 0)
			break;
		if (n > 0)
			rc = buf_add(out, chunk, (size_t)n);
		else if (errno != EINTR)
			rc = -errno;
	}
	OPENSSL_cleanse(chunk, sizeof(chunk)); /* it may have been a key */
	return rc;
}

int file_read(const char *path, struct buf *out, struct sw_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return fail(err, -errno, "cannot open", path);
	rc = read_all(fd, out);
	close(fd);
	if (rc == SW_ELIMIT)
		return err_set(err, rc, "%s is longer than %zu bytes", path, out->max);
	if (rc < 0)
		return fail(err, rc, "cannot read", path);
	return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The folder part of PATH; the caller frees. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* The new name is durable only when its folder is. */
static int sync_folder(const char *path)
{
	char *folder = folder_of(path);
	int fd, rc = 0;

	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	return rc;
}

int file_write(const char *path, mode_t mode, const void *data, size_t len, struct sw_err *err)
{
	char *tmp = NULL;
	int fd, rc;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	fd = mkostemp(tmp, O_CLOEXEC); /* 0600 until it is complete */
	if (fd < 0) {
		rc = -errno;
		goto out;
	}
	rc = write_all(fd, data, len);
	if (rc == 0 && (fchmod(fd, mode) < 0 || fdatasync(fd) < 0))
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(tmp, path) < 0)
		rc = -errno;
	if (rc < 0)
		(void)unlink(tmp);
	else
		rc = sync_folder(path);
out:
	free(tmp);
	return rc < 0 ? fail(err, rc, "cannot write", path) : 0;
}

int file_check_secret(const char *path, struct sw_err *err)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	mode_t forbidden = 077;
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(err, -errno, "cannot open", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, SW_ECONF, "%s is not a file", path);
	/* systemd gives credentials by an access list, whose mask shows as the group's right to read. */
	if (credentials && *credentials && text_starts(path, credentials))
		forbidden = 037;
	if (st.st_mode & forbidden)
		return err_set(err, SW_ECONF, "%s is open to others (mode %03o): chmod 600 it",
			path, (unsigned)(st.st_mode & 0777));
	return 0;
}

/* Who owns a secret decides who can replace it. */
static int check_owner(const char *path, struct sw_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(err, -errno, "cannot open", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, SW_ECONF,
			"%s belongs to user %u, neither to us (%u) nor to root", path,
			(unsigned)st.st_uid, (unsigned)geteuid());
	return 0;
}

/* Removes a byte order mark and white space at the end. */
static void strip(struct buf *b)
{
	if (b->len >= 3 && memcmp(b->data, "\xef\xbb\xbf", 3) == 0)
		buf_consume(b, 3);
	while (b->len > 0 && strchr(" \t\r\n", b->data[b->len - 1]))
		b->data[--b->len] = '\0';
}

int file_read_secret(const char *path, struct buf *out, struct sw_err *err)
{
	struct sw_err detail = {0};
	int rc = file_check_secret(path, &detail);

	if (rc == 0)
		rc = check_owner(path, &detail);
	if (rc == 0)
		rc = file_read(path, out, &detail);
	if (rc < 0)
		return err_set(err, SW_ECONF, "%s", detail.text);
	strip(out);
	if (out->len == 0)
		return err_set(err, SW_ECONF, "%s is empty", path);
	if (strlen(out->data) != out->len || strpbrk(out->data, "\r\n"))
		return err_set(err, SW_ECONF, "%s must hold one line", path);
	return 0;
}

int file_mkdirs(const char *path, mode_t mode, struct sw_err *err)
{
	char *copy = strdup(path);
	int rc = 0;

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	for (char *p = copy; *p && rc == 0;) {
		char *slash;
		char saved;
		struct stat st;

		p += strspn(p, "/");
		slash = p + strcspn(p, "/");
		saved = *slash;
		*slash = '\0';
		if (mkdir(copy, mode) < 0) {
			rc = -errno;
			/* A folder we may not create in is fine as long as it is there. */
			if (stat(copy, &st) == 0)
				rc = S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		}
		*slash = saved;
		p = slash;
	}
	free(copy);
	return rc < 0 ? fail(err, rc, "cannot make folder", path) : 0;
}

char *file_resolve(const char *base_file, const char *relative)
{
	const char *slash = strrchr(base_file, '/');
	char *s = NULL;

	if (relative[0] == '/' || !slash)
		return strdup(relative);
	if (asprintf(&s, "%.*s/%s", (int)(slash - base_file), base_file, relative) < 0)
		return NULL;
	return s;
}

bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}
