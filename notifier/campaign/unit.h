/*
 * notifier/campaign/unit.h: the tree of units: region, leagues and cities, counties.
 *
 * Codes are the six digits of GB/T 2260. Two cities report directly to the region beside the leagues
 * they belong to, and one of them carries a district: that comes from the campaign definition.
 */
#ifndef SW_CAMPAIGN_UNIT_H
#define SW_CAMPAIGN_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/problem.h"

enum { UNIT_CODE = 8, UNIT_NAME = 64 };

struct unit {
	char code[UNIT_CODE]; /* "150100" */
	char name[UNIT_NAME]; /* 呼和浩特市 */
	char short_name[UNIT_NAME];
	char tier[16]; /* as in the file: region, league, county */
	int parent;    /* index as in the file, -1: none */
	int reports_to; /* index of the unit it reports to in this campaign (direct units, carried ones) */
	bool acts_as_league; /* set by the definition's direct_units */
	bool skip_county_quota;
};

struct units {
	struct unit *items;
	size_t n; /* at most 4,096 */
	int *order; /* indices of reporting units (league tier and direct ones) in administrative order */
	size_t n_reporting;
};

/* CSV code,name,short_name,tier,parent_code */
int units_load(const char *path, struct problems *p, struct units **ret) SW_MUST_CHECK;
void units_free(struct units *u);
/* Index, or -1. */
int units_find(const struct units *u, const char *code);
/* By full or short name, or a name with its last 市/盟/旗/区/县 missing when unique; -1: none. */
int units_find_name(const struct units *u, const char *name, size_t len);
/* Is A the unit B or below it in the line of reporting? */
bool units_is_under(const struct units *u, int a, int b);

#endif
