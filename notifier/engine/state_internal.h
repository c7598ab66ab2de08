/*
 * notifier/engine/state_internal.h: what the files of the state topics share.
 *
 * state.c decides when a topic is published, state_unit.c, state_lists.c and state_honours.c write what is in it, state_survey.c
 * counts what only the store knows. Nobody else includes this.
 */
#ifndef SW_ENGINE_STATE_INTERNAL_H
#define SW_ENGINE_STATE_INTERNAL_H

#include "notifier/engine/engine.h"

enum {
	STATE_ROWS = 200,       /* of any list in a topic */
	STATE_SILENT_AFTER = 3, /* reminders without a word from the unit: a person should call */
	STATE_MESSAGE_STATES = 13, /* words of survey_state_name() */
};

/* What the records of the messages say of one unit. */
struct survey_unit {
	int64_t reminded_ms; /* its last reminder that was accepted, 0: none */
	int silent;          /* reminders accepted since it last said anything */
	int unknown, dead;   /* messages; unknown includes parked */
	bool is_bound;       /* its group is tied to it */
};

/* Messages of today of one rule, instant, channel and fate. */
struct survey_row {
	int64_t at_ms;
	int reminder; /* index, -1: not in the definition any more */
	int unit;     /* of the first: whose text the title is taken from */
	char channel[8];
	const char *state; /* planned, waiting, sent, unknown, failed, skipped */
	char why[24];      /* skipped: the reason */
	int n;
};

struct survey_queue {
	int64_t at_ms;
	int unit; /* -1: nobody's */
	char what[24];
};

struct survey {
	struct engine *e;
	const struct campaign *c; /* the definition it speaks of */
	int32_t day;              /* whose rows these are */
	size_t counts[STATE_MESSAGE_STATES];
	struct survey_unit *units; /* one for each unit of C */
	struct survey_row rows[STATE_ROWS];
	size_t n_rows;
	struct survey_queue queue[STATE_ROWS];
	size_t n_queue, queue_total;
	const struct plan_point *asked[STATE_ROWS]; /* points whose outcome is being read */
	size_t n_asked;
	size_t pending; /* calls without an answer */
	int rc;
};

struct slot;

struct state {
	struct engine *e;
	struct timer *timer;    /* the next publication */
	struct timer *minute;   /* days and hours pass without an event */
	struct timer *gate;     /* a gate of publicity that was opened ahead */
	struct slot *slots;     /* by topic */
	int64_t flushed_ms;     /* monotonic */
	struct survey *running; /* being filled by state_survey_one() */
	struct survey *survey;  /* the last whole one; NULL: none yet */
	bool bot_online;
	int64_t bot_since_ms;
	int64_t *next_ms; /* one for each unit, while one publication is written */
};

const char *survey_state_name(size_t i); /* "queued", .. ; NULL beyond the last */
/* Adds one to the row that is alike, or starts one; a full list is left as it is. */
void survey_add(struct survey_row *rows, size_t *n, const struct survey_row *row);
void survey_free(struct survey *s);
/* The last whole survey when it speaks of the running definition, else NULL. */
const struct survey *state_survey(const struct engine *e);

/* state_unit.c: NULL when there is no memory. */
json_t *state_unit_json(struct engine *e, int unit);
/* The next instant each unit would be reminded on the facts of now, 0: none; one for each unit, for free(). */
int64_t *state_next_reminders(struct engine *e);

/* state_lists.c */
json_t *state_campaign_json(struct engine *e);
json_t *state_ops_json(struct engine *e);
json_t *state_today_json(struct engine *e);
json_t *state_attention_json(struct engine *e);

/* state_honours.c: NULL when there is no memory. */
json_t *state_honours_json(struct engine *e);

/* state.c: CONTENT (taken, may be NULL) is what the topic shows until the next call, also on the next connect. */
void state_put(struct engine *e, const char *kind, const char *code, json_t *content);

#endif
