/*
 * notifier/ctl/setup.c: `init` and `operator`: a working installation from nothing, and who may act in it.
 *
 * init writes files and never overwrites one: a second run only adds what is missing. Everything secret is random,
 * in files of mode 0600 under secrets/; the broker's and Redis' own files are under stack/.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/operators.h"
#include "core/base/settings.h"
#include "core/base/text.h"
#include "notifier/ctl/command.h"

/* Broker users: the daemons, what reads and writes beside them, and the simulators of a trial stack. */
static const char *const broker_users[] = {"bot", "notifier", "device", "feed", "monitor", "sim"};

struct init {
	const struct ctl_env *env;
	char *dir; /* absolute */
	int rc;    /* first failure, as exit code */
};

static char *path_in(struct init *in, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", in->dir, name) < 0 ? NULL : path;
}

static void failed(struct init *in, const char *path, const struct sw_err *err)
{
	(void)fprintf(stderr, "shouwang init: %s: %s\n", path ? path : "?", err->text);
	if (!in->rc)
		in->rc = EXIT_REFUSED;
}

/* Writes NAME unless it is there. */
static void put(struct init *in, const char *name, mode_t mode, const char *text)
{
	char *path = path_in(in, name);
	struct sw_err err = {0};

	if (path && file_exists(path))
		printf("kept     %s\n", path);
	else if (!path || file_write(path, mode, text, strlen(text), &err) < 0)
		failed(in, path, &err);
	else
		printf("written  %s\n", path);
	free(path);
}

static void put_random(struct init *in, const char *name, size_t n_bytes)
{
	char hex[129];

	id_random_hex(n_bytes, hex);
	put(in, name, 0600, hex);
	explicit_bzero(hex, sizeof(hex));
}

/* The content of a secret written before; "" when it cannot be read. */
static char *secret(struct init *in, const char *name)
{
	char *path = path_in(in, name);
	struct buf b;

	buf_init(&b, 4096);
	if (!path || file_read_secret(path, &b, NULL) < 0)
		buf_reset(&b);
	free(path);
	return buf_take(&b);
}

/* One line of mosquitto's password file: PBKDF2-SHA-512, 101 rounds, as mosquitto_passwd 2.0 writes it. */
static void add_broker_user(struct init *in, const char *user, struct buf *out)
{
	uint8_t salt[12], hash[64];
	char name[64], *password;

	(void)snprintf(name, sizeof(name), "secrets/mqtt-%s", user);
	put_random(in, name, 16);
	password = secret(in, name);
	id_random_bytes(salt, sizeof(salt));
	if (!password || PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof(salt), 101,
				 EVP_sha512(), sizeof(hash), hash) != 1) {
		free(password);
		return;
	}
	(void)buf_addf(out, "%s:$7$101$", user);
	(void)id_base64(out, salt, sizeof(salt));
	(void)buf_addc(out, '$');
	(void)id_base64(out, hash, sizeof(hash));
	(void)buf_addc(out, '\n');
	free(password);
}

/* A shipped file, with each FROM replaced by TO; FROM may be NULL. */
static void put_shipped(struct init *in, const char *name, const char *shipped,
	const char *const (*swaps)[2], size_t n)
{
	char *path = ctl_shipped_file(in->env, shipped);
	struct sw_err err = {0};
	struct buf b, out;

	buf_init(&b, 1 << 20);
	buf_init(&out, 1 << 20);
	if (!path || file_read(path, &b, &err) < 0) {
		failed(in, path, &err);
		goto out;
	}
	for (const char *p = buf_str(&b); *p;) {
		size_t i = 0;

		while (i < n && !text_starts(p, swaps[i][0]))
			i++;
		if (i < n) {
			(void)buf_adds(&out, swaps[i][1]);
			p += strlen(swaps[i][0]);
		} else {
			(void)buf_addc(&out, *p++);
		}
	}
	put(in, name, 0600, buf_str(&out));
out:
	buf_fini(&b);
	buf_fini(&out);
	free(path);
}

static void put_stack(struct init *in, int mqtt_port)
{
	char *run = path_in(in, "run"), *stack = path_in(in, "stack"),
	     *data = path_in(in, "stack/redis"), *password;
	char socket[512], passwd[512], acl[512], users[512], dir[512], listener[64];
	const char *const redis_swaps[][2] = {{"unixsocket /run/shouwang/redis.sock", socket},
		{"aclfile /etc/shouwang/users.acl", users}, {"dir /var/lib/shouwang-redis", dir}};
	const char *const broker_swaps[][2] = {{"listener 1883 127.0.0.1", listener},
		{"password_file /etc/shouwang/mosquitto.passwd", passwd},
		{"acl_file /etc/shouwang/mosquitto.acl", acl}};
	struct sw_err err = {0};
	struct buf b;

	buf_init(&b, 65536);
	if (!run || !stack || !data || file_mkdirs(data, 0700, &err) < 0 ||
		file_mkdirs(run, 0700, &err) < 0) {
		failed(in, stack, &err);
		goto out;
	}
	(void)snprintf(socket, sizeof(socket), "unixsocket %s/redis.sock", run);
	(void)snprintf(users, sizeof(users), "aclfile %s/users.acl", stack);
	(void)snprintf(dir, sizeof(dir), "dir %s", data);
	/* As root mosquitto drops to a user of its own, who could not read a password file of ours. */
	(void)snprintf(listener, sizeof(listener), "%slistener %d 127.0.0.1",
		geteuid() == 0 ? "user root\n" : "", mqtt_port);
	(void)snprintf(passwd, sizeof(passwd), "password_file %s/mosquitto.passwd", stack);
	(void)snprintf(acl, sizeof(acl), "acl_file %s/mosquitto.acl", stack);
	for (size_t i = 0; i < ARRAY_LEN(broker_users); i++)
		add_broker_user(in, broker_users[i], &b);
	put(in, "stack/mosquitto.passwd", 0600, buf_str(&b));
	put_shipped(in, "stack/mosquitto.acl", "mosquitto.acl", NULL, 0);
	put_shipped(in, "stack/mosquitto.conf", "mosquitto.conf", broker_swaps,
		ARRAY_LEN(broker_swaps));
	put_random(in, "secrets/redis-notifier", 16);
	password = secret(in, "secrets/redis-notifier");
	buf_reset(&b);
	/* Nobody can log in as default, but it keeps its rights: Redis 7.0 replays its own AOF under them, and
	 * would drop every script's writes at a restart without them. */
	(void)buf_addf(&b,
		"user default off resetpass ~* &* +@all\n"
		"user notifier on >%s ~sw:* resetchannels -@all +@read +@write +@stream +eval "
		"+evalsha +script|load +ping "
		"+auth +time +info +config|get +exists +getdel -flushall -flushdb -keys -swapdb\n",
		password ? password : "");
	free(password);
	put(in, "stack/users.acl", 0600, buf_str(&b));
	put_shipped(in, "stack/redis.conf", "redis.conf", redis_swaps, ARRAY_LEN(redis_swaps));
out:
	buf_fini(&b);
	free(run);
	free(stack);
	free(data);
}

static void put_settings(struct init *in, int mqtt_port)
{
	char *campaign = ctl_shipped_file(in->env, "campaigns/nm-2022-63.conf");
	char *templates = ctl_shipped_file(in->env, "templates");
	struct buf b;

	buf_init(&b, 65536);
	(void)buf_addf(&b,
		"# Shouwang: the configuration of both daemons. Relative paths are relative to "
		"this file.\n"
		"# `shouwang check FILE` checks it; docs/protocol.md lists every setting.\n\n"
		"state_dir = \"state\";\nrun_dir = \"run\";\n\n"
		"# The campaign and the texts.\ncampaign = \"%s\";\ntemplates = \"%s\";\n\n"
		"# Trial: only the named units, robots and user ids get anything, until `shouwang "
		"campaign go-live`.\n"
		"trial = { enabled = true; allow = [ ]; };\n\n"
		"http = { listen = \"127.0.0.1\"; port = 8080; };\n"
		"mqtt = {\n\thost = \"127.0.0.1\"; port = %d;\n"
		"\tbot = { user = \"bot\"; password_file = \"secrets/mqtt-bot\"; };\n"
		"\tnotifier = { user = \"notifier\"; password_file = \"secrets/mqtt-notifier\"; "
		"};\n};\n"
		"redis = { socket = \"run/redis.sock\"; user = \"notifier\"; password_file = "
		"\"secrets/redis-notifier\"; };\n"
		"control = { socket = \"run/control.sock\"; };\n"
		"keys = { data_file = \"secrets/data.key\"; spool_file = \"secrets/spool.key\"; "
		"};\n\n"
		"# One robot for each unit's group; its key in a file of mode 0600. One "
		"application for single members, one smart\n"
		"# robot that hears what is said to it in the groups.\n"
		"wecom = {\n"
		"\trobots = (\n"
		"#\t\t{ name = \"g150100\"; unit = \"150100\"; key_file = \"secrets/g150100\"; }\n"
		"\t);\n\tapps = (\n"
		"#\t\t{ name = \"office\"; corp_id = \"ww..\"; agent_id = 1000002; secret_file = "
		"\"secrets/app-secret\";\n"
		"#\t\t  token_file = \"secrets/app-token\"; aes_key_file = "
		"\"secrets/app-aes-key\"; }\n"
		"\t);\n\tsmart_robots = (\n"
		"#\t\t{ name = \"shouwang\"; mode = \"webhook\"; token_file = "
		"\"secrets/robot-token\";\n"
		"#\t\t  aes_key_file = \"secrets/robot-aes-key\"; }\n"
		"\t);\n};\n\n"
		"# Text messages. Gateways in order of preference: aliyun (registered templates: "
		"`shouwang "
		"templates`), kannel (free text).\n"
		"# They push receipts and answers to /sms/<gateway>/<token>/report and /uplink; "
		"the "
		"tokens lie in the files below.\n"
		"sms = {\n"
		"#\tsign = \"邻里守望\"; route = [ \"aliyun\" ];\n"
		"#\taliyun = { access_key_id = \"..\"; secret_file = \"secrets/aliyun-secret\"; "
		"rate = 100; };\n"
		"\tcallback_tokens = { aliyun = \"secrets/sms-token-aliyun\"; kannel = "
		"\"secrets/sms-token-kannel\"; };\n"
		"};\n",
		campaign ? campaign : "campaign.conf", templates ? templates : "templates",
		mqtt_port);
	put(in, "shouwang.conf", 0600, buf_str(&b));
	buf_fini(&b);
	free(campaign);
	free(templates);
}

/* The first operator, with a random passphrase in a file that its owner should read and then remove. */
static void put_operator(struct init *in, const char *name, const char *role)
{
	char *path = path_in(in, "state/operators.conf"), file[96], *passphrase;
	struct operators o = {0};
	struct sw_err err = {0};
	int rc;

	(void)snprintf(file, sizeof(file), "secrets/operator-%s", name);
	put_random(in, file, 12);
	passphrase = secret(in, file);
	rc = path && passphrase ? operators_load(path, &o, &err) : SW_EINVAL;
	if (rc == 0) {
		rc = operators_add(&o, name, role, passphrase, &err);
		if (rc == 0)
			rc = operators_save(path, &o, &err);
		if (rc == SW_EEXIST)
			rc = 0;
	}
	if (rc < 0)
		failed(in, path, &err);
	operators_fini(&o);
	free(passphrase);
	free(path);
}

static int run_init(const struct ctl_env *env, int argc, char **argv)
{
	static const char *const folders[] = {"secrets", "state", "run", "stack"};
	struct init in = {.env = env};
	const char *dir = argc > 1 ? argv[1] : "shouwang";
	struct sw_err err = {0};

	if (argc > 2 || dir[0] == '-')
		return ctl_usage(ctl_setup_commands, "give one folder at most");
	if (file_mkdirs(dir, 0700, &err) < 0) {
		(void)fprintf(stderr, "shouwang init: %s: %s\n", dir, err.text);
		return EXIT_REFUSED;
	}
	in.dir = realpath(dir, NULL);
	if (!in.dir)
		return EXIT_INTERNAL;
	if (strlen(in.dir) > 80) {
		(void)fprintf(stderr,
			"shouwang init: %s: longer than 80 bytes: the sockets in it could not be "
			"opened\n",
			in.dir);
		free(in.dir);
		return EXIT_REFUSED;
	}
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *path = path_in(&in, folders[i]);

		if (!path || file_mkdirs(path, 0700, &err) < 0)
			failed(&in, path, &err);
		free(path);
	}
	put_random(&in, "secrets/data.key", 32);
	put_random(&in, "secrets/spool.key", 32);
	put_random(&in, "secrets/sms-token-aliyun", 16);
	put_random(&in, "secrets/sms-token-kannel", 16);
	put_stack(&in, 1883);
	put_settings(&in, 1883);
	put_operator(&in, "office", "editor");
	put_operator(&in, "chief", "releaser");
	if (!in.rc)
		printf("\nOperators office (editor) and chief (releaser): passphrases in "
		       "%s/secrets/operator-*.\n"
		       "Next: name robots and application in %s/shouwang.conf, then `shouwang "
		       "check %s/shouwang.conf`.\n",
			in.dir, in.dir, in.dir);
	free(in.dir);
	return in.rc;
}

/* ---- operators ---- */

static const struct command *operator_command(void)
{
	return &ctl_setup_commands[1];
}

static int change_operators(const struct ctl_env *env, const char *path, int argc, char **argv)
{
	struct operators o = {0};
	struct sw_err err = {0};
	struct buf passphrase;
	int rc = operators_load(path, &o, &err), ret = EXIT_OK;

	buf_init(&passphrase, 256);
	if (rc == 0 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; i < o.n; i++)
			printf("%s %s\n", o.items[i].name, o.items[i].role);
	} else if (rc == 0 && !strcmp(argv[1], "add")) {
		rc = ctl_read_passphrase(env, "new passphrase: ", &passphrase);
		if (rc == 0)
			rc = operators_add(&o, argv[2], argc == 4 ? argv[3] : "editor",
				buf_str(&passphrase), &err);
		if (rc == 0)
			rc = operators_save(path, &o, &err);
	} else if (rc == 0) {
		rc = operators_remove(&o, argv[2]);
		if (rc == SW_ENOENT)
			(void)err_set(&err, rc, "there is no operator %s", argv[2]);
		else
			rc = operators_save(path, &o, &err);
	}
	if (rc < 0) {
		(void)fprintf(
			stderr, "shouwang operator: %s\n", err.text[0] ? err.text : err_name(rc));
		ret = rc == SW_ECONF ? EXIT_BAD_CONFIG : EXIT_REFUSED;
	}
	if (passphrase.data)
		explicit_bzero(passphrase.data, passphrase.len);
	buf_fini(&passphrase);
	operators_fini(&o);
	return ret;
}

static int run_operator(const struct ctl_env *env, int argc, char **argv)
{
	struct problems p;
	struct conf *conf = NULL;
	char *path = NULL;
	int rc = EXIT_BAD_CONFIG;
	bool good = argc > 1 && ((!strcmp(argv[1], "list") && argc == 2) ||
					(!strcmp(argv[1], "remove") && argc == 3) ||
					(!strcmp(argv[1], "add") && (argc == 3 || argc == 4)));

	if (!good)
		return ctl_usage(operator_command(), "this is not one of its forms");
	problems_init(&p);
	if (settings_load(env->config, &p, &conf) < 0)
		problems_print(&p, stderr);
	else if (asprintf(&path, "%s/operators.conf", conf_str(conf, "state_dir")) >= 0) {
		struct sw_err err = {0};

		if (file_mkdirs(conf_str(conf, "state_dir"), 0700, &err) < 0)
			(void)fprintf(stderr, "shouwang operator: %s\n", err.text);
		rc = change_operators(env, path, argc, argv);
	}
	free(path);
	conf_free(conf);
	problems_fini(&p);
	return rc;
}

const struct command ctl_setup_commands[] = {
	{"init", "init [DIR]",
		"writes a working configuration with its keys, and the first operators", run_init},
	{"operator",
		"operator list\noperator add NAME [viewer|editor|releaser|auditor]\noperator "
		"remove NAME",
		"who may act", run_operator},
	{NULL, NULL, NULL, NULL},
};
