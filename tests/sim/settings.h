/*
 * tests/sim/settings.h: the settings that every simulator has, as rows of its configuration table.
 *
 * Secrets stand in the files as they are: each file is written for one run and thrown away.
 */
#ifndef SW_TESTS_SIM_SETTINGS_H
#define SW_TESTS_SIM_SETTINGS_H

#include "core/base/conf.h"

/* clang-format off */
#define SIM_SETTINGS                                                                               \
	{"listen", CONF_STRING, 0, "127.0.0.1", 1, 64, "Address to listen on."},                   \
	{"port", CONF_INT, 0, "0", 0, 65535, "Port; 0: any free one, printed as LISTENING line."}, \
	{"mqtt.host", CONF_STRING, 0, "127.0.0.1", 1, 255, "The broker; numeric."},                \
	{"mqtt.port", CONF_INT, 0, "0", 0, 65535, "0: no broker, the clock is not shared."},       \
	{"mqtt.user", CONF_STRING, 0, NULL, 0, 64, "Broker user."},                                \
	{"mqtt.password_file", CONF_SECRET, 0, NULL, 0, 4000, "File with its password."},          \
	{"simulation_start", CONF_TIME, 0, NULL, 0, 0, "Simulated time; absent: real time."},      \
	{"script", CONF_PATH, 0, NULL, 0, 4000, "What scripted people write, and when."},          \
	{"mid_header", CONF_STRING, 0, "X-Shouwang-Mid", 0, 64, "Header with message ids."},       \
	{"callback_timeout", CONF_DURATION, 0, "5s", 1, 60000, "How long a callback may take."}
/* clang-format on */

#endif
