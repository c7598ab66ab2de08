/*
 * notifier/ctl/command.h: the operators' command, one file per command family.
 *
 * A command gets its own arguments (argv[0] is its name) and returns the exit code: 0, 1 refused or
 * negative, 64 usage, 69 daemon away or standby, 70 internal, 75 temporary, 78 bad configuration or definition.
 */
#ifndef SW_CTL_COMMAND_H
#define SW_CTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/base/buf.h"

enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,
	EXIT_USAGE_ERROR = 64,
	EXIT_AWAY = 69,
	EXIT_INTERNAL = 70,
	EXIT_TEMPORARY = 75,
	EXIT_BAD_CONFIG = 78,
};

struct ctl_env {
	const char *
		config; /* -c FILE, else $SHOUWANG_CONFIG, else the installed or ./config default; may not exist */
	bool json;                   /* --json */
	const char *as;              /* --as NAME, NULL */
	const char *passphrase_file; /* --passphrase-file FILE, NULL: prompt */
};

struct command {
	const char *name;  /* first word */
	const char *usage; /* one or more lines after "usage: shouwang " */
	const char *help;  /* one line */
	int (*run)(const struct ctl_env *env, int argc, char **argv);
};

/* Families; each array ends with a NULL name. */
extern const struct command ctl_calendar_commands[];  /* calendar */
extern const struct command ctl_check_commands[];     /* check */
extern const struct command ctl_parse_commands[];     /* parse */
extern const struct command ctl_sms_commands[];       /* sms */
extern const struct command ctl_preview_commands[];   /* preview, rehearse */
extern const struct command ctl_templates_commands[]; /* templates */
extern const struct command ctl_setup_commands[];     /* init, operator */
extern const struct command ctl_notifier_commands[];  /* through the notifier: daily work */
extern const struct command ctl_broadcast_commands[]; /* broadcast, withdraw */

/* Prints "shouwang NAME: <message>" and the usage lines on standard error; returns EXIT_USAGE_ERROR. */
int ctl_usage(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The campaign definition an offline command works on: --campaign FILE beats the one of the service configuration,
 * beats config/campaigns/nm-2022-63.conf beside the program or in the current folder. The caller frees. */
char *ctl_campaign_file(const struct ctl_env *env, const char *override);
/* The templates folder by the same order. The caller frees. */
char *ctl_templates_dir(const struct ctl_env *env);
/*
 * The signature of text messages, "" when none is configured, and whether there is a gateway to send them by; without a
 * configuration it counts as there. The caller frees.
 */
char *ctl_sms_sign(const struct ctl_env *env, bool *ret_available);
/* A file of the shipped config folder ("example/world.conf"); the caller frees. */
char *ctl_shipped_file(const struct ctl_env *env, const char *relative);

/*
 * The passphrase of env->passphrase_file, else one line of standard input, asked for with PROMPT and without echo at a
 * terminal. Negative after a message.
 */
int ctl_read_passphrase(const struct ctl_env *env, const char *prompt, struct buf *out);

/*
 * One request to the notifier: prints what it answers, returns the exit code. Takes ARGS (NULL: none). ACTING: as an
 * operator, whose passphrase is read.
 */
int ctl_ask(const struct ctl_env *env, const char *cmd, json_t *args, bool acting);
/* The same; ON_DATA gets the objects of the answer instead of standard output. */
int ctl_ask_for(const struct ctl_env *env, const char *cmd, json_t *args, bool acting,
	void (*on_data)(void *ctx, const json_t *data), void *ctx);
/* Sends the file PATH in pieces, then CMD with ARGS (taken), as an operator. Returns the exit code. */
int ctl_upload(const struct ctl_env *env, const char *path, const char *cmd, json_t *args);
/* Takes "--name VALUE" out of the words; NULL when absent. */
const char *ctl_take_value(int *argc, char **argv, const char *name);
bool ctl_take_flag(int *argc, char **argv, const char *name);

#endif
