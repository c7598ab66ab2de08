/*
 * notifier/engine/store.h: names of keys in Redis and the calls of our scripts.
 *
 * Every transition is one Lua script (notifier/engine/lua), all keys of a call in the slot {r}. The store keeps no
 * state of its own but the fence that goes along with each call that starts something.
 */
#ifndef SW_ENGINE_STORE_H
#define SW_ENGINE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/id.h"
#include "core/io/redis.h"

#define KEY_LEASE "sw:{r}:lease"
#define KEY_CLOCK "sw:{r}:clock"
#define KEY_CTL "sw:{r}:ctl"
#define KEY_POINTS "sw:{r}:points"
#define KEY_DECIDED "sw:{r}:decided"
#define KEY_DUE "sw:{r}:due"
#define KEY_OUTBOX "sw:{r}:outbox"
#define KEY_UNKNOWN "sw:{r}:unknown"
#define KEY_PARK "sw:{r}:park"
#define KEY_DEAD "sw:{r}:dead"
#define KEY_MIDS "sw:{r}:mids"
#define KEY_LAST "sw:{r}:last"
#define KEY_AUDIT "sw:{r}:audit"
#define KEY_QUEUE "sw:{r}:queue"
#define KEY_CHAT "sw:{r}:chat"
#define KEY_BIND "sw:{r}:bind"
#define KEY_CONTACTS "sw:{r}:contacts"
#define KEY_INDEX "sw:{r}:index"
#define KEY_JOURNAL "sw:{r}:journal"
/* ZSET of SMS that were accepted and wait for a receipt: since. HASH of mids: attempts only a journal knows of. */
#define KEY_AWAIT "sw:{r}:await"
#define KEY_TRIED "sw:{r}:tried"
#define KEY_SPOOL_SEQ "sw:{r}:spool_seq"
#define KEY_MESSAGE_PREFIX "sw:{r}:m:"
#define KEY_FACT_PREFIX "sw:{r}:fact:"
#define KEY_IN_PREFIX "sw:{r}:in:"
#define KEY_ASK_PREFIX "sw:{r}:ask:"

enum { STORE_KEY = 128, MESSAGE_MAX_ATTEMPTS = 64 };

/* PREFIX and TAIL into BUF of STORE_KEY bytes (a tail that does not fit is cut); BUF. */
const char *store_key(char *buf, const char *prefix, const char *tail);

/* A growing list of call arguments; copies what it gets. Errors stick. */
struct args {
	const char **v;
	size_t n, cap;
	int error;
};

void args_init(struct args *a);
void args_fini(struct args *a);
void args_add(struct args *a, const char *s);
void args_addf(struct args *a, const char *fmt, ...) SW_PRINTF(2, 3);
void args_addi(struct args *a, int64_t n);
/* NAME and VALUE, in that order. */
void args_pair(struct args *a, const char *name, const char *value);

/* EVALSHA with N_KEYS keys (NULL-ended list is not needed) and ARGS. */
int store_eval(struct redis *r, const char *script, redis_cb cb, void *ctx, const char *const *keys,
	int n_keys, const struct args *args) SW_MUST_CHECK;
/* A plain command of up to 8 words ended by NULL. */
int store_command(struct redis *r, redis_cb cb, void *ctx, const char *const *words) SW_MUST_CHECK;

/* A message record as read by HGETALL. */
struct message {
	id_str mid;
	char st[16], kind[8], unit[16], ch[16], route[65], uid[65], to[65], class[16], type[12],
		why[48];
	char job[112], rt[129], rev[16], code[48];
	char tpl[33];            /* sms: template id */
	char rcp[33];            /* sms: first half of the number's index: what an export shows */
	char gw[12], pid[64];    /* sms: gateway and provider id of the last attempt */
	char *text, *ment, *pts; /* owned; never NULL after message_from() */
	/* sms, owned, never NULL after message_from(): variables as JSON; base64 of the sealed number (aad "phone:v1:<to>") */
	char *prm, *tel;
	char jp[64]; /* sms: "<instance> <journal position before the record of the last attempt>" */
	int64_t due_ms, nominal_ms, expires_ms, created_ms, done_ms, handed_ms;
	int att, tries, unk; /* attempts, tries that count, unknown outcomes */
	struct {
		int n;
		char text[112];           /* "<ms> <verdict> <class> <code>", sms: " <gateway>" */
	} attempts[MESSAGE_MAX_ATTEMPTS]; /* by n; of more the latest */
	size_t n_attempts;
};

/* V is the array of HGETALL; false when empty or not an array. */
bool message_from(const struct redis_value *v, const char *mid, struct message *ret);
void message_fini(struct message *m);

/* Value of FIELD in an HGETALL array, NULL when absent. */
const char *store_field(const struct redis_value *v, const char *field);
/* True when the call failed as a whole: no answer, or an error reply (logged once under WHAT). */
bool store_failed(int rc, const struct redis_value *v, const char *what);
bool store_is_fenced(const struct redis_value *v);

#endif
