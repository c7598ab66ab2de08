/*
 * notifier/campaign/definition_remind.c: reminders: when they fall due, to whom, under which condition.
 *
 * A definition may name more than this program carries out. Such a reminder is kept, reported once as a
 * warning, and never planned: the file stays the whole calendar of the campaign.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/definition_internal.h"

enum { URGENCY_STEP = 10, URGENCY_MAX = 10000 };

static const struct {
	const char *name;
	enum def_counter counter;
} counters[] = {
	{"have", COUNTER_HAVE},
	{"need", COUNTER_NEED},
	{"over", COUNTER_OVER},
	{"missing", COUNTER_MISSING},
	{"materials_missing", COUNTER_MATERIALS_MISSING},
	{"unconfirmed_departments", COUNTER_UNCONFIRMED_DEPARTMENTS},
	{"notices_not_started", COUNTER_NOTICES_NOT_STARTED},
	{"consultations_open", COUNTER_CONSULTATIONS_OPEN},
	{"acks_missing", COUNTER_ACKS_MISSING},
	{"unreported", COUNTER_UNREPORTED},
	{"county_acks_missing", COUNTER_OTHER},
	{"county_contacts_missing", COUNTER_OTHER},
	{"list_undecided", COUNTER_OTHER},
	{"reviews_open", COUNTER_OTHER},
	{"objections", COUNTER_OTHER},
	{"broadcast_unapproved", COUNTER_OTHER},
	{"document_missing", COUNTER_OTHER},
	{"gates_open", COUNTER_OTHER},
	{"experience_missing", COUNTER_OTHER},
};

static bool is_computed(enum def_counter counter)
{
	switch (counter) {
	case COUNTER_HAVE:
	case COUNTER_NEED:
	case COUNTER_OVER:
	case COUNTER_MISSING:
	case COUNTER_ACKS_MISSING:
	case COUNTER_UNREPORTED:
		return true;
	case COUNTER_MATERIALS_MISSING:
	case COUNTER_UNCONFIRMED_DEPARTMENTS:
	case COUNTER_NOTICES_NOT_STARTED:
	case COUNTER_CONSULTATIONS_OPEN:
	case COUNTER_OTHER:
	case COUNTER_COUNT:
		break;
	}
	return false;
}

/* Highest tier: the one without a parent. */
static bool is_top(const struct campaign *c, int tier)
{
	return c->tiers[tier].parent < 0;
}

const char *def_unsupported_reason(const struct campaign *c, const struct def_reminder *r)
{
	if (r->anchor == ANCHOR_EVENT)
		return "it waits for an event";
	for (size_t i = 0; i < r->n_to; i++) {
		int tier = r->to[i].tier;

		if (tier < 0)
			return "residents are told by broadcasts";
		if (tier != c->reporting_tier && !is_top(c, tier))
			return "it goes to a tier below the reporting units";
	}
	for (size_t i = 0; i < r->n_when; i++) {
		if (!is_computed(r->when[i].counter))
			return "nothing computes its condition";
	}
	return NULL;
}

/* ---- when = "worker.need > 0 || over > 0" ---- */

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '-')
		n++;
	return n;
}

static bool read_operator(const char **s, enum def_op *ret)
{
	static const struct {
		const char *sign;
		enum def_op op;
	} ops[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE}, {"<", OP_LT},
		{">", OP_GT}};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (text_starts(*s, ops[i].sign)) {
			*s += strlen(ops[i].sign);
			*ret = ops[i].op;
			return true;
		}
	}
	return false;
}

static void say_counters(char *ret, size_t size)
{
	size_t out = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(counters) && out < size; i++) {
		int n = snprintf(ret + out, size - out, "%s%s", i ? ", " : "", counters[i].name);

		out += n > 0 ? (size_t)n : 0;
	}
}

static bool read_counter(struct def_loader *ld, const config_setting_t *at, const char *name,
	struct def_condition *ret)
{
	char all[400];

	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		if (!strcmp(counters[i].name, name)) {
			ret->counter = counters[i].counter;
			return true;
		}
	}
	say_counters(all, sizeof(all));
	def_error(ld, at, "when: unknown counter \"%s\"; write one of %s", name, all);
	return false;
}

/* One comparison at *S, which moves behind it. False: reported. */
static bool read_condition(struct def_loader *ld, const config_setting_t *at, const char **s,
	struct def_condition *ret)
{
	static const char help[] =
		"write it as \"need > 0\" or \"worker.need > 0 || over > 0\", with == != < <= > >=";
	struct campaign *c = ld->c;
	char word[DEF_ID], digits[8];
	size_t n;
	int64_t value;

	ret->category = -1;
	*s = skip_blanks(*s);
	n = word_length(*s);
	if (n > 0 && n < sizeof(word) && (*s)[n] == '.') {
		memcpy(word, *s, n);
		word[n] = '\0';
		ret->category =
			def_find_id(c->categories, c->n_categories, sizeof(c->categories[0]), word);
		if (ret->category < 0) {
			def_error(ld, at, "when: there is no category \"%s\"", word);
			return false;
		}
		*s += n + 1;
		n = word_length(*s);
	}
	if (n == 0 || n >= sizeof(word)) {
		def_error(ld, at, "when: a counter is missing; %s", help);
		return false;
	}
	memcpy(word, *s, n);
	word[n] = '\0';
	if (!read_counter(ld, at, word, ret))
		return false;
	*s = skip_blanks(*s + n);
	if (!read_operator(s, &ret->op)) {
		def_error(ld, at, "when: a comparison is missing after \"%s\"; %s", word, help);
		return false;
	}
	*s = skip_blanks(*s);
	n = strspn(*s, "0123456789");
	if (n == 0 || n >= sizeof(digits)) {
		def_error(ld, at, "when: a number is missing after \"%s\"; %s", word, help);
		return false;
	}
	memcpy(digits, *s, n);
	digits[n] = '\0';
	if (num_parse(digits, 0, 999999, &value) < 0)
		value = 0;
	ret->value = (int)value;
	*s = skip_blanks(*s + n);
	return true;
}

static void load_when(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	const config_setting_t *at = config_setting_get_member(g, "when");
	const char *s = at ? def_value_str(ld, at) : NULL;

	if (!s || !*skip_blanks(s))
		return;
	for (;;) {
		struct def_condition cond;

		if (!read_condition(ld, at, &s, &cond))
			return;
		if (r->n_when >= DEF_MAX_CONDITIONS) {
			def_error(ld, at, "when: at most %d comparisons", (int)DEF_MAX_CONDITIONS);
			return;
		}
		r->when[r->n_when++] = cond;
		if (!*s)
			return;
		if (!text_starts(s, "||")) {
			def_error(ld, at,
				"when: \"%s\" is not understood; join comparisons with ||", s);
			return;
		}
		s += 2;
	}
}

/* ---- to = [ "league.civil", "region" ] ---- */

static bool read_target(
	struct def_loader *ld, const config_setting_t *at, const char *v, struct def_target *ret)
{
	struct campaign *c = ld->c;
	const char *dot = strchr(v, '.');
	size_t n = dot ? (size_t)(dot - v) : strlen(v);
	char tier[DEF_ID];

	*ret = (struct def_target){.tier = -1, .role = ROLE_ALL, .department = -1};
	if (!strcmp(v, "residents"))
		return true;
	if (n >= sizeof(tier))
		n = sizeof(tier) - 1;
	memcpy(tier, v, n);
	tier[n] = '\0';
	ret->tier = def_find_id(c->tiers, c->n_tiers, sizeof(c->tiers[0]), tier);
	if (ret->tier < 0) {
		def_error(ld, at,
			"to: there is no tier \"%s\"; write as in \"league.civil\" or \"region\"",
			tier);
		return false;
	}
	if (!dot)
		return true;
	if (!strcmp(dot + 1, "deputy")) {
		ret->role = ROLE_DEPUTY;
	} else if (!strcmp(dot + 1, "duty")) {
		ret->role = ROLE_DUTY;
	} else {
		ret->role = ROLE_DEPARTMENT;
		ret->department = campaign_find_department(c, dot + 1);
		if (ret->department < 0) {
			def_error(ld, at,
				"to: \"%s\" is neither a department nor deputy or duty; write as "
				"in "
				"\"%s.%s\"",
				dot + 1, tier, c->n_departments ? c->departments[0].id : "deputy");
			return false;
		}
	}
	return true;
}

static void load_targets(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	struct def_strings list = def_strings(ld, g, "to", DEF_REQUIRED, DEF_MAX_TARGETS);

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at;
		const char *v = def_strings_at(ld, &list, i, &at);

		if (v && read_target(ld, at, v, &r->to[r->n_to]))
			r->n_to++;
	}
}

/* ---- days ---- */

static int by_date(const void *a, const void *b)
{
	return civil_cmp(*(const struct civil *)a, *(const struct civil *)b);
}

static int by_value(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void load_on(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	struct def_strings list = def_strings(ld, g, "on", DEF_REQUIRED, DEF_MAX_ON);

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at =
			list.single ? list.setting
				    : config_setting_get_elem(list.setting, (unsigned)i);

		if (def_value_date(ld, at, &r->on[r->n_on]))
			r->n_on++;
	}
	qsort(r->on, r->n_on, sizeof(r->on[0]), by_date);
}

static void load_every(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	static const char *const words[] = {"workday", "monday", "tuesday", "wednesday", "thursday",
		"friday", "saturday", "sunday", NULL};
	int which = def_choice(ld, g, "every", DEF_REQUIRED, words);
	bool from = def_date(ld, g, "from", DEF_REQUIRED, &r->from);
	bool until = def_date(ld, g, "until", DEF_REQUIRED, &r->until);

	r->every = which < 0 ? EVERY_WORKDAY : (enum def_every)(which + 1);
	if (!from || !until) {
		r->from = r->until = (struct civil){0};
	} else if (civil_cmp(r->from, r->until) > 0) {
		def_error(ld, config_setting_get_member(g, "from"),
			"reminder %s: from is after until; write the earlier day as from", r->id);
		r->until = r->from;
	} else if (civil_diff(r->until, r->from) >= 366) {
		def_error(ld, config_setting_get_member(g, "until"),
			"reminder %s: from and until are more than a year apart", r->id);
		r->until = r->from;
	}
}

/* offset_workdays = -5; or = [ -3, -2 ]; the same for offset_days; both absent: 0 working days */
static void load_offsets(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	const config_setting_t *w = config_setting_get_member(g, "offset_workdays");
	const config_setting_t *d = config_setting_get_member(g, "offset_days");
	const config_setting_t *s = w ? w : d;
	int n;

	if (w && d)
		def_error(ld, d, "write offset_workdays or offset_days, not both");
	r->offset_workdays = !d || w;
	r->n_offsets = 1;
	if (!s)
		return;
	n = config_setting_is_scalar(s) ? 1 : config_setting_length(s);
	if (n < 1 || n > DEF_MAX_OFFSETS) {
		def_error(ld, s, "%s: write one number or a list of at most %d",
			config_setting_name(s), (int)DEF_MAX_OFFSETS);
		return;
	}
	r->n_offsets = (size_t)n;
	for (int i = 0; i < n; i++) {
		const config_setting_t *e =
			config_setting_is_scalar(s) ? s : config_setting_get_elem(s, (unsigned)i);
		int v = config_setting_get_int(e);

		if (config_setting_type(e) != CONFIG_TYPE_INT || v < -250 || v > 250)
			def_error(ld, s, "%s: write whole numbers without quotes, -250 to 250",
				config_setting_name(s));
		else
			r->offsets[i] = v;
	}
	qsort(r->offsets, r->n_offsets, sizeof(r->offsets[0]), by_value);
}

static void load_anchor(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	static const struct {
		const char *name;
		enum def_anchor anchor;
	} anchors[] = {{"on", ANCHOR_ON}, {"deadline", ANCHOR_DEADLINE}, {"notice", ANCHOR_NOTICE},
		{"phase", ANCHOR_PHASE}, {"every", ANCHOR_EVERY}, {"event", ANCHOR_EVENT}};
	struct campaign *c = ld->c;
	char event[DEF_ID];
	int found = -1;

	for (size_t i = 0; i < ARRAY_LEN(anchors); i++) {
		if (!config_setting_get_member(g, anchors[i].name))
			continue;
		if (found >= 0)
			def_error(ld, config_setting_get_member(g, anchors[i].name),
				"reminder %s has both %s and %s; write one of them", r->id,
				anchors[found].name, anchors[i].name);
		found = (int)i;
	}
	if (found < 0) {
		def_error(ld, g,
			"reminder %s says no day; write one of on, deadline, notice, phase, every, "
			"event",
			r->id);
		r->anchor = ANCHOR_EVENT; /* without a date of its own */
		return;
	}
	r->anchor = anchors[found].anchor;
	r->ref = -1;
	switch (r->anchor) {
	case ANCHOR_ON:
		load_on(ld, g, r);
		break;
	case ANCHOR_DEADLINE:
		r->ref = def_ref_member(ld, g, "deadline", DEF_REQUIRED, "deadline", c->deadlines,
			c->n_deadlines, sizeof(c->deadlines[0]));
		load_offsets(ld, g, r);
		break;
	case ANCHOR_NOTICE:
		r->ref = def_ref_member(ld, g, "notice", DEF_REQUIRED, "notice", c->notices,
			c->n_notices, sizeof(c->notices[0]));
		load_offsets(ld, g, r);
		break;
	case ANCHOR_PHASE:
		r->ref = def_ref_member(ld, g, "phase", DEF_REQUIRED, "phase", c->phases,
			c->n_phases, sizeof(c->phases[0]));
		load_offsets(ld, g, r);
		break;
	case ANCHOR_EVERY:
		load_every(ld, g, r);
		break;
	case ANCHOR_EVENT:
		def_id(ld, g, "event", DEF_REQUIRED, event);
		break;
	}
}

static void load_at(struct def_loader *ld, const config_setting_t *g, struct def_reminder *r)
{
	struct def_strings list = def_strings(ld, g, "at", DEF_OPTIONAL, DEF_MAX_AT);

	for (size_t i = 0; i < list.n; i++) {
		const config_setting_t *at =
			list.single ? list.setting
				    : config_setting_get_elem(list.setting, (unsigned)i);

		if (def_value_clock(ld, at, &r->at[r->n_at]))
			r->n_at++;
	}
	if (!list.setting)
		r->at[r->n_at++] = 9 * 60;
	qsort(r->at, r->n_at, sizeof(r->at[0]), by_value);
}

/* ---- one reminder ---- */

static void check_by_sms(
	struct def_loader *ld, const config_setting_t *g, const struct def_reminder *r)
{
	if (!r->sms[0])
		def_error(ld, g, "reminder %s: \"sms\" is missing; name the template of its text",
			r->id);
	for (size_t i = 0; i < r->n_to; i++) {
		if (r->to[i].tier >= 0 && is_top(ld->c, r->to[i].tier))
			def_error(ld, g,
				"reminder %s: an SMS cannot hold the list of all units; leave out "
				"channel for \"%s\"",
				r->id, ld->c->tiers[r->to[i].tier].id);
	}
}

static void load_reminder(struct def_loader *ld, const config_setting_t *g)
{
	static const char *const names[] = {"id", "on", "deadline", "notice", "phase", "every",
		"event", "from", "until", "offset_workdays", "offset_days", "at", "to", "when",
		"channel", "soft", "rest_day_ok", "heading", "template", "line", "sms", "urgency",
		NULL};
	static const char *const channels[] = {"chat", "sms", NULL};
	struct campaign *c = ld->c;
	struct def_reminder *r = &c->reminders[c->n_reminders];
	const char *reason;

	def_known(ld, g, names);
	r->line = (int)config_setting_source_line(g);
	r->urgency = (int)(c->n_reminders + 1) * URGENCY_STEP;
	def_id(ld, g, "id", DEF_REQUIRED, r->id);
	def_unique(ld, g, "reminder", c->reminders, c->n_reminders, sizeof(*r), r->id);
	load_anchor(ld, g, r);
	load_at(ld, g, r);
	load_targets(ld, g, r);
	load_when(ld, g, r);
	r->by_sms = def_choice(ld, g, "channel", DEF_OPTIONAL, channels) == 1;
	def_bool(ld, g, "soft", &r->soft);
	def_bool(ld, g, "rest_day_ok", &r->rest_day_ok);
	def_id(ld, g, "template", DEF_OPTIONAL, r->heading); /* the older name of heading */
	def_id(ld, g, "heading", DEF_OPTIONAL, r->heading);
	def_id(ld, g, "line", DEF_OPTIONAL, r->line_template);
	def_id(ld, g, "sms", DEF_OPTIONAL, r->sms);
	def_int(ld, g, "urgency", DEF_OPTIONAL, 0, URGENCY_MAX, &r->urgency);
	reason = def_unsupported_reason(c, r);
	r->supported = !reason;
	if (reason)
		def_warn(ld, g, "reminder %s is not carried out yet: %s", r->id, reason);
	else if (r->by_sms)
		check_by_sms(ld, g, r);
	else if (!r->heading[0])
		def_error(ld, g,
			"reminder %s: \"heading\" is missing; name the template it opens with",
			r->id);
	c->n_reminders++;
}

void def_load_reminders(struct def_loader *ld)
{
	const config_setting_t *list = def_groups(
		ld, config_root_setting(&ld->tree), "reminders", DEF_OPTIONAL, DEF_MAX_REMINDERS);

	for (int i = 0; list && i < config_setting_length(list); i++)
		load_reminder(ld, config_setting_get_elem(list, (unsigned)i));
}
