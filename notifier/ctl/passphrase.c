/*
 * notifier/ctl/passphrase.c: where a passphrase comes from: a file, a terminal without echo, or a pipe.
 */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/file.h"
#include "notifier/ctl/command.h"

int ctl_read_passphrase(const struct ctl_env *env, const char *prompt, struct buf *out)
{
	struct sw_err err = {0};
	struct termios old, quiet;
	char line[256];
	bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &old) == 0;
	int rc = 0;

	if (env->passphrase_file) {
		rc = file_read_secret(env->passphrase_file, out, &err);
		if (rc < 0)
			(void)fprintf(stderr, "shouwang: %s\n", err.text);
		return rc;
	}
	if (terminal) {
		(void)fputs(prompt, stderr);
		quiet = old;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	if (!fgets(line, sizeof(line), stdin))
		rc = SW_EINVAL;
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
		(void)fputc('\n', stderr);
	}
	if (rc < 0) {
		(void)fprintf(stderr, "shouwang: no passphrase was given\n");
	} else {
		line[strcspn(line, "\r\n")] = '\0';
		rc = buf_adds(out, line);
	}
	explicit_bzero(line, sizeof(line));
	return rc;
}
