/*
 * core/base/settings.c: the table of the service configuration and the checks across its settings.
 *
 * One file for both daemons, so that a deployment has one place to look; each daemon reads its part.
 */
#include <string.h>
#include <sys/un.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/settings.h"
#include "core/base/text.h"

enum { SOCKET_PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, NAME_CHARS = 32 };

/* Most requests a second we let one gateway be asked for: Aliyun's documented ceiling. */
#define MAX_RATE 5000

const struct conf_item settings_table[] = {
	{"simulation", CONF_BOOL, 0, "false", 0, 0,
		"Time is simulated and moved by 'shouwang clock'."},
	{"simulation_start", CONF_TIME, 0, NULL, 0, 0,
		"First moment of simulated time, \"2022-06-20T08:00\"; needed with simulation = "
		"true."},
	{"simulation_participants", CONF_STRINGS, 0, NULL, 1, 64,
		"Programs that simulated time waits for (bot, simulators)."},
	{"state_dir", CONF_PATH, 0, "state", 0, 4000,
		"Folder of spool, journals, audit files, operators."},
	{"run_dir", CONF_PATH, 0, "run", 0, 4000, "Folder of sockets and pid files."},
	{"campaign", CONF_PATH, 0, NULL, 0, 4000, "The campaign definition."},
	{"templates", CONF_PATH, 0, "templates", 0, 4000, "Folder of the message templates."},
	{"log.level", CONF_STRING, CONF_RELOAD, "info", 0, 0, "debug, info, warn or error."},

	{"trial.enabled", CONF_BOOL, 0, "true", 0, 0,
		"Send only to trial.allow until the campaign goes live."},
	{"trial.allow", CONF_STRINGS, 0, NULL, 1, 128,
		"Unit codes, numbers, user ids, robot names that trial mode sends to."},

	{"outbound.mid_header", CONF_STRING, 0, "", 0, 64,
		"Name of a header that carries message ids in outgoing requests; empty: none."},

	{"http.listen", CONF_STRING, 0, "127.0.0.1", 1, 64,
		"Address of the bot's callbacks and pages."},
	{"http.port", CONF_INT, 0, "8080", 0, 65535, "Port of the bot's callbacks and pages."},
	{"http.rate_per_ip", CONF_INT, CONF_RELOAD, "50", 0, 1000000,
		"Requests a second from one address without a good signature; 0: no limit."},
	{"http.public_url", CONF_STRING, 0, NULL, 0, 255,
		"Address of the bot's pages as people reach them, for texts that name one."},
	{"http.tls_in_front", CONF_BOOL, 0, "false", 0, 0,
		"A proxy on this host speaks HTTPS for the pages: cookies are Secure, and the "
		"client's "
		"address is the last of X-Forwarded-For."},
	{"http.metrics_port", CONF_INT, 0, "9180", 0, 65535,
		"Port of the bot's health and metrics."},
	{"notifier.metrics_port", CONF_INT, 0, "9181", 0, 65535,
		"Port of the notifier's health and metrics."},

	{"mqtt.host", CONF_STRING, 0, "127.0.0.1", 1, 255, "The broker."},
	{"mqtt.port", CONF_INT, 0, "1883", 1, 65535, "Port of the broker."},
	{"mqtt.bot.user", CONF_STRING, 0, NULL, 0, 64, "Broker user of the bot."},
	{"mqtt.bot.password_file", CONF_SECRET, 0, NULL, 0, 4000, "File with its password."},
	{"mqtt.notifier.user", CONF_STRING, 0, NULL, 0, 64, "Broker user of the notifier."},
	{"mqtt.notifier.password_file", CONF_SECRET, 0, NULL, 0, 4000, "File with its password."},

	{"redis.socket", CONF_PATH, 0, NULL, 0, 4000,
		"Unix socket of Redis; goes before host and port."},
	{"redis.host", CONF_STRING, 0, "127.0.0.1", 1, 255, "Redis by TCP."},
	{"redis.port", CONF_INT, 0, "6379", 1, 65535, "Port of Redis."},
	{"redis.user", CONF_STRING, 0, NULL, 0, 64, "Redis user of the notifier."},
	{"redis.password_file", CONF_SECRET, 0, NULL, 0, 4000, "File with its password."},

	{"control.socket", CONF_PATH, 0, "run/control.sock", 0, 4000,
		"Unix socket between the shouwang command and the notifier."},

	{"keys.data_file", CONF_SECRET, 0, NULL, 0, 4000,
		"Key of the campaign's personal data; destroying it deletes them."},
	{"keys.spool_file", CONF_SECRET, 0, NULL, 0, 4000, "Key of the bot's spool."},

	{"wecom.api_base", CONF_STRING, 0, "https://qyapi.weixin.qq.com", 8, 255,
		"Base address of the WeCom interface."},
	{"wecom.robots[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, NAME_CHARS,
		"name of the group robot, [a-z0-9-]"},
	{"wecom.robots[].unit", CONF_STRING, 0, NULL, 0, 32,
		"code of the unit whose group it is in"},
	{"wecom.robots[].key_file", CONF_SECRET, CONF_REQUIRED | CONF_RELOAD, NULL, 0, 4000,
		"file with the webhook's key or whole address"},
	{"wecom.robots[].publicity", CONF_BOOL, 0, "false", 0, 0,
		"this group gets the publicity texts for forwarding"},
	{"wecom.apps[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, NAME_CHARS,
		"name of the application, [a-z0-9-]"},
	{"wecom.apps[].corp_id", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "corporation id"},
	{"wecom.apps[].agent_id", CONF_INT, CONF_REQUIRED, NULL, 0, INT64_MAX, "agent id"},
	{"wecom.apps[].secret_file", CONF_SECRET, CONF_REQUIRED | CONF_RELOAD, NULL, 0, 4000,
		"file with the secret"},
	{"wecom.apps[].token_file", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"file with the callback's token"},
	{"wecom.apps[].aes_key_file", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"file with the callback's EncodingAESKey"},
	{"wecom.smart_robots[].name", CONF_STRING, CONF_REQUIRED, NULL, 1, NAME_CHARS,
		"name of the smart robot, [a-z0-9-]"},
	{"wecom.smart_robots[].mode", CONF_STRING, 0, "socket", 0, 0, "socket or webhook"},
	{"wecom.smart_robots[].url", CONF_STRING, 0, "wss://openws.work.weixin.qq.com", 0, 255,
		"address of the long connection"},
	{"wecom.smart_robots[].bot_id", CONF_STRING, 0, NULL, 0, 128, "robot id (mode socket)"},
	{"wecom.smart_robots[].secret_file", CONF_SECRET, 0, NULL, 0, 4000,
		"file with the secret (mode socket)"},
	{"wecom.smart_robots[].token_file", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"file with the callback's token (mode webhook)"},
	{"wecom.smart_robots[].aes_key_file", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"file with the callback's EncodingAESKey (mode webhook)"},
	{"wecom.smart_robots[].ping_s", CONF_INT, 0, "30", 1, 3600, "seconds between pings"},
	{"wecom.smart_robots[].hold_s", CONF_INT, 0, "300", 0, 86400,
		"seconds to stay away when another connection took over"},

	{"sms.sign", CONF_STRING, 0, NULL, 0, 64, "Signature of text messages, without brackets."},
	{"sms.route", CONF_STRINGS, 0, NULL, 1, 16,
		"Gateways in order of preference: aliyun, kannel."},
	{"sms.unknown_wait_s", CONF_INT, 0, "600", 1, 604800,
		"Seconds before a message without an answer may be settled by policy."},
	{"sms.aliyun.endpoint", CONF_STRING, 0, "https://dysmsapi.aliyuncs.com", 0, 255,
		"Address."},
	{"sms.aliyun.region", CONF_STRING, 0, "cn-hangzhou", 0, 64, "Region."},
	{"sms.aliyun.access_key_id", CONF_STRING, 0, NULL, 0, 128, "AccessKey id."},
	{"sms.aliyun.secret_file", CONF_SECRET, 0, NULL, 0, 4000,
		"File with the AccessKey secret."},
	{"sms.aliyun.rate", CONF_INT, 0, "100", 1, MAX_RATE, "Requests a second."},
	{"sms.tencent.endpoint", CONF_STRING, 0, "https://sms.tencentcloudapi.com", 0, 255,
		"Address."},
	{"sms.tencent.region", CONF_STRING, 0, "ap-beijing", 0, 64, "Region."},
	{"sms.tencent.app_id", CONF_STRING, 0, NULL, 0, 64, "SmsSdkAppId."},
	{"sms.tencent.secret_id", CONF_STRING, 0, NULL, 0, 128, "SecretId."},
	{"sms.tencent.secret_key_file", CONF_SECRET, 0, NULL, 0, 4000, "File with the SecretKey."},
	{"sms.tencent.rate", CONF_INT, 0, "100", 1, MAX_RATE, "Requests a second."},
	{"sms.mas.url", CONF_STRING, 0, NULL, 0, 255, "Address of the platform's interface."},
	{"sms.mas.ec_name", CONF_STRING, 0, NULL, 0, 128, "Name of the customer (ecName)."},
	{"sms.mas.ap_id", CONF_STRING, 0, NULL, 0, 64, "Interface account (apId)."},
	{"sms.mas.secret_file", CONF_SECRET, 0, NULL, 0, 4000, "File with its secret key."},
	{"sms.mas.sign_id", CONF_STRING, 0, NULL, 0, 64, "Id of the signature (sign)."},
	{"sms.mas.add_serial", CONF_STRING, 0, NULL, 0, 20, "Extension code (addSerial)."},
	{"sms.mas.sign_in_content", CONF_BOOL, 0, "false", 0, 0,
		"We write the signature into the text; otherwise the platform adds it."},
	{"sms.mas.rate", CONF_INT, 0, "50", 1, MAX_RATE, "Requests a second."},
	{"sms.kannel.url", CONF_STRING, 0, NULL, 0, 255, "Address of sendsms."},
	{"sms.kannel.username", CONF_STRING, 0, NULL, 0, 64, "User."},
	{"sms.kannel.password_file", CONF_SECRET, 0, NULL, 0, 4000, "File with the password."},
	{"sms.kannel.from", CONF_STRING, 0, NULL, 0, 20,
		"Number that messages are sent from and replies go to, with extension."},
	{"sms.kannel.bot_url", CONF_STRING, 0, NULL, 0, 255,
		"Address of the bot as Kannel reaches it; empty: http.listen and http.port."},
	{"sms.kannel.rate", CONF_INT, 0, "50", 1, MAX_RATE, "Requests a second."},
	{"sms.callback_tokens.aliyun", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"File with the secret part of the callback's path."},
	{"sms.callback_tokens.tencent", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"The same for Tencent."},
	{"sms.callback_tokens.mas", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000, "The same for MAS."},
	{"sms.callback_tokens.kannel", CONF_SECRET, CONF_RELOAD, NULL, 0, 4000,
		"The same for Kannel."},
};
const size_t settings_table_len = ARRAY_LEN(settings_table);

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= NAME_CHARS && s[n] == '\0';
}

static int place_line(const struct conf *c, const char *list, size_t i, const char *key)
{
	char place[128]; /* the longest list and key of the table take 40 bytes */

	(void)snprintf(place, sizeof(place), "%s[%zu].%s", list, i, key);
	return conf_line(c, place);
}

/* Names are topic and address parts: from one alphabet, and each only once in its list. */
static void check_names(const struct conf *c, const char *list, struct problems *p)
{
	size_t n = conf_count(c, list);

	for (size_t i = 0; i < n; i++) {
		const char *name = conf_strf(c, "%s[%zu].name", list, i);
		int line = place_line(c, list, i, "name");

		if (!is_name(name)) {
			problems_error(p, conf_file(c), line,
				"%s[%zu].name = \"%s\": use 1 to %d of a-z, 0-9 and -", list, i,
				name, NAME_CHARS);
			continue;
		}
		for (size_t k = 0; k < i; k++) {
			if (strcmp(name, conf_strf(c, "%s[%zu].name", list, k)) == 0) {
				problems_error(p, conf_file(c), line,
					"%s[%zu].name = \"%s\" is taken by %s[%zu]: give each its "
					"own name",
					list, i, name, list, k);
				break;
			}
		}
	}
}

static void check_smart_robots(const struct conf *c, struct problems *p)
{
	static const char list[] = "wecom.smart_robots";
	/* What each mode cannot work without. */
	static const char *const needs[][2] = {
		{"bot_id", "secret_file"}, {"token_file", "aes_key_file"}};

	for (size_t i = 0; i < conf_count(c, list); i++) {
		const char *mode = conf_strf(c, "wecom.smart_robots[%zu].mode", i);
		bool is_webhook = strcmp(mode, "webhook") == 0;

		if (!is_webhook && strcmp(mode, "socket") != 0) {
			problems_error(p, conf_file(c), place_line(c, list, i, "mode"),
				"%s[%zu].mode = \"%s\": write \"socket\" or \"webhook\"", list, i,
				mode);
			continue;
		}
		for (size_t k = 0; k < 2; k++) {
			const char *key = needs[is_webhook][k];

			if (!*conf_strf(c, "wecom.smart_robots[%zu].%s", i, key))
				problems_error(p, conf_file(c), place_line(c, list, i, "name"),
					"%s[%zu].%s is missing: mode %s needs it", list, i, key,
					mode);
		}
	}
}

static void check_routes(const struct conf *c, struct problems *p)
{
	/* The setting without which a gateway on the route cannot be asked. */
	static const struct {
		const char *name, *needs;
	} gateways[] = {{"aliyun", "sms.aliyun.access_key_id"}, {"kannel", "sms.kannel.url"}};
	int line = conf_line(c, "sms.route");

	for (size_t i = 0; i < conf_count(c, "sms.route"); i++) {
		const char *name = conf_str_at(c, "sms.route", i);
		size_t k = 0;

		while (k < ARRAY_LEN(gateways) && strcmp(name, gateways[k].name) != 0)
			k++;
		if (k == ARRAY_LEN(gateways))
			problems_error(p, conf_file(c), line,
				"sms.route: this version speaks to no gateway \"%s\": write aliyun "
				"or kannel",
				name);
		else if (!*conf_str(c, gateways[k].needs))
			problems_error(p, conf_file(c), line,
				"sms.route names %s, but %s is not set", name, gateways[k].needs);
	}
	if (conf_count(c, "sms.route") > 0 && !*conf_str(c, "sms.sign"))
		problems_warn(p, conf_file(c), line,
			"sms.sign is missing: no operator takes a message without a signature");
}

static void check_paths(const struct conf *c, struct problems *p)
{
	static const char *const folders[] = {"state_dir", "run_dir"};
	static const char *const sockets[] = {"control.socket", "redis.socket"};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		if (!*conf_str(c, folders[i]))
			problems_error(p, conf_file(c), conf_line(c, folders[i]),
				"%s must name a folder", folders[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++) {
		size_t n = strlen(conf_str(c, sockets[i]));

		if (n > SOCKET_PATH_BYTES)
			problems_error(p, conf_file(c), conf_line(c, sockets[i]),
				"%s: the path has %zu bytes, a Unix socket's at most %d: choose a "
				"shorter folder",
				sockets[i], n, SOCKET_PATH_BYTES);
	}
	if (!*conf_str(c, "control.socket"))
		problems_error(p, conf_file(c), conf_line(c, "control.socket"),
			"control.socket must name a socket");
}

static void check_all(const struct conf *c, struct problems *p)
{
	enum log_level level;

	if (log_level_parse(conf_str(c, "log.level"), &level) < 0)
		problems_error(p, conf_file(c), conf_line(c, "log.level"),
			"log.level = \"%s\": write debug, info, warn or error",
			conf_str(c, "log.level"));
	if (conf_bool(c, "simulation") && !conf_is_set(c, "simulation_start"))
		problems_error(p, conf_file(c), conf_line(c, "simulation"),
			"simulation_start is missing: simulation = true needs its first moment");
	check_paths(c, p);
	check_names(c, "wecom.robots", p);
	check_names(c, "wecom.apps", p);
	check_names(c, "wecom.smart_robots", p);
	check_smart_robots(c, p);
	check_routes(c, p);
}

int settings_load(const char *file, struct problems *p, struct conf **ret)
{
	struct conf *c = NULL;
	size_t errors_before = p->n_errors;
	int rc = conf_load(file, settings_table, settings_table_len, p, &c);

	if (rc < 0)
		return rc;
	check_all(c, p);
	if (p->n_errors > errors_before) {
		conf_free(c);
		return SW_ECONF;
	}
	*ret = c;
	return 0;
}
