/*
 * bot/ingress/session.h: who is logged in to the pages.
 *
 * A session is 128 random bits in a cookie; here only their digest is kept, so that a memory image opens nothing. It ends
 * after 15 minutes without a request of the person, after 8 hours in any case, at logout, and with the process.
 * Times are monotonic.
 */
#ifndef SW_BOT_INGRESS_SESSION_H
#define SW_BOT_INGRESS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/operators.h"

enum {
	SESSION_ID = 33,  /* 32 hex digits */
	SESSION_KEY = 65, /* digest of the id */
	SESSION_IDLE_MS = 15 * 60 * 1000,
	SESSION_LIFE_MS = 8 * 60 * 60 * 1000,
	SESSIONS_MAX = 256,
	SESSIONS_OF_ONE = 8, /* of one operator: the one not used longest ends */
};

struct sessions;

struct session {
	char key[SESSION_KEY];
	char name[OPERATOR_NAME];
	char role[16];
	char credential
		[160]; /* the operator's hash at login: another passphrase ends the session */
	int64_t from_ms, seen_ms;
};

int sessions_create(struct sessions **ret) SW_MUST_CHECK;
void sessions_destroy(struct sessions *s);
/* A new session of WHO; its id for the cookie in RET_ID. */
int sessions_open(struct sessions *s, const struct operator_entry *who, int64_t now_ms,
	char ret_id[SESSION_ID]) SW_MUST_CHECK;
/* The session that is valid at NOW, NULL: none. Good until the next call that opens or closes one. */
const struct session *sessions_find(const struct sessions *s, const char *id, int64_t now_ms);
bool sessions_has_key(const struct sessions *s, const char *key, int64_t now_ms);
/* The person did something. */
void sessions_touch(struct sessions *s, const char *id, int64_t now_ms);
void sessions_close(struct sessions *s, const char *id);
/* Forgets what is over, and what STAYS says no to. */
void sessions_sweep(struct sessions *s, int64_t now_ms,
	bool (*stays)(void *ctx, const struct session *one), void *ctx);
size_t sessions_count(const struct sessions *s);

#endif
