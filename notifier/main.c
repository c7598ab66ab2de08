/*
 * notifier/main.c: shouwang-notifier -c FILE [--check | --export]: starts the brain, nothing else.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/settings.h"
#include "notifier/engine/world.h"
#include "notifier/export.h"
#include "notifier/notifier.h"

static const char usage[] = "usage: shouwang-notifier -c FILE [--check | --export]\n       "
			    "shouwang-notifier --version\n";

/* Checks configuration, campaign definition and templates; prints every problem. */
static int check(struct conf *conf)
{
	struct problems p;
	struct world w;
	int rc;

	problems_init(&p);
	rc = world_load(conf, &p, &w);
	problems_print(&p, stderr);
	problems_fini(&p);
	conf_free(conf);
	if (rc < 0)
		return 78;
	world_fini(&w);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"check", no_argument, NULL, 'k'},
		{"export", no_argument, NULL, 'x'}, {"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'}, {0}};
	const char *file = NULL;
	bool only_check = false, only_export = false;
	struct notifier *n = NULL;
	struct conf *conf = NULL;
	struct problems p;
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "c:", options, NULL)) != -1)
		switch (opt) {
		case 'c':
			file = optarg;
			break;
		case 'k':
			only_check = true;
			break;
		case 'x':
			only_export = true;
			break;
		case 'v':
			(void)printf("shouwang-notifier %s\n", SHOUWANG_VERSION);
			return 0;
		case 'h':
			(void)fputs(usage, stdout);
			return 0;
		default:
			(void)fputs(usage, stderr);
			return 64;
		}
	if (!file || optind != argc) {
		(void)fputs(usage, stderr);
		return 64;
	}
	problems_init(&p);
	rc = settings_load(file, &p, &conf);
	problems_print(&p, stderr);
	problems_fini(&p);
	if (rc < 0)
		return 78;
	if (only_check)
		return check(conf);
	if (only_export)
		return export_run(conf);
	rc = notifier_create(conf, &n);
	if (rc)
		return rc;
	rc = notifier_run(n);
	notifier_destroy(n);
	return rc;
}
