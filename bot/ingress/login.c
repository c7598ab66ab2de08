/*
 * bot/ingress/login.c: the line of those who want in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "bot/ingress/lockout.h"
#include "bot/ingress/login.h"
#include "core/base/log.h"
#include "core/base/text.h"

enum { MAX_ACCOUNTS = 1024, MAX_ADDRESSES = 4096, ADDRESS = 64 };

struct check {
	STAILQ_ENTRY(check) next;
	struct login *login;
	char name[LOGIN_NAME_MAX + 1];
	char passphrase[LOGIN_PASSPHRASE_MAX + 1];
	char address[ADDRESS];
	struct operator_entry entry; /* as it was when the check began */
	bool is_known;
	int rc; /* of the hashing */
	enum login_outcome outcome;
	void (*done)(void *ctx, enum login_outcome outcome, const struct operator_entry *who);
	void *ctx;
};

struct login {
	struct loop *loop;
	char *file;
	struct operators operators;
	struct stat seen; /* of the file as it was read */
	bool is_read, is_stopped;
	struct lockout *accounts, *addresses;
	STAILQ_HEAD(, check) waiting;
	size_t n_waiting, n_running;
};

/* ---- the file ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file that cannot be read lets nobody in: who was removed must not stay because of a damaged line. */
static void refresh(struct login *l)
{
	struct stat now = {0};
	struct sw_err err = {0};

	(void)stat(l->file, &now);
	if (l->is_read && is_same(&now, &l->seen))
		return;
	operators_fini(&l->operators);
	if (operators_load(l->file, &l->operators, &err) < 0)
		LOG_ERROR("operators_not_read", "err=%s", err.text);
	l->seen = now;
	l->is_read = true;
}

static const struct operator_entry *find(const struct login *l, const char *name)
{
	for (size_t i = 0; i < l->operators.n; i++)
		if (!strcmp(l->operators.items[i].name, name))
			return &l->operators.items[i];
	return NULL;
}

bool login_stands(struct login *l, const char *name, const char *hash)
{
	const struct operator_entry *e;

	refresh(l);
	e = find(l, name);
	return e && !strcmp(e->hash, hash);
}

/* ---- one check ---- */

static void start_next(struct login *l);

static void free_check(struct check *k)
{
	explicit_bzero(k, sizeof(*k));
	free(k);
}

static void finish(void *ctx)
{
	struct check *k = ctx;
	void (*done)(void *, enum login_outcome, const struct operator_entry *) = k->done;
	bool right = k->outcome == LOGIN_RIGHT;

	done(k->ctx, k->outcome, right ? &k->entry : NULL);
	free_check(k);
}

/* On a thread of its own: touches nothing but the check. */
static void hash(void *ctx)
{
	struct check *k = ctx;
	struct operators one = {.items = &k->entry, .n = k->is_known ? 1 : 0};

	k->rc = operators_verify(&one, k->name, k->passphrase, NULL);
}

static void on_hashed(void *ctx)
{
	struct check *k = ctx;
	struct login *l = k->login;

	l->n_running--;
	/* Removed meanwhile: too late. */
	if (k->rc == 0 && login_stands(l, k->entry.name, k->entry.hash)) {
		k->outcome = LOGIN_RIGHT;
		lockout_clear(l->accounts, k->name);
		lockout_take_back(l->addresses, k->address);
	} else {
		k->outcome = LOGIN_WRONG;
	}
	finish(k);
	start_next(l);
}

static void start(struct login *l, struct check *k)
{
	const struct operator_entry *e;

	refresh(l);
	e = find(l, k->name);
	k->is_known = e != NULL;
	if (e)
		k->entry = *e;
	l->n_running++;
	if (loop_work(l->loop, hash, on_hashed, k) == 0)
		return;
	l->n_running--;
	k->outcome = LOGIN_BUSY;
	finish(k);
}

static void start_next(struct login *l)
{
	struct check *k;

	while (l->n_running < LOGIN_AT_ONCE && (k = STAILQ_FIRST(&l->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->waiting, next);
		l->n_waiting--;
		if (l->is_stopped) {
			k->outcome = LOGIN_BUSY;
			finish(k);
		} else {
			start(l, k);
		}
	}
}

static enum login_outcome judge(struct login *l, const struct check *k, int64_t now_ms)
{
	if (lockout_is_locked(l->accounts, k->name, now_ms) ||
		lockout_is_locked(l->addresses, k->address, now_ms))
		return LOGIN_LOCKED;
	if (l->is_stopped || l->n_waiting >= LOGIN_MAX_WAITING)
		return LOGIN_BUSY;
	return LOGIN_WRONG; /* until the hash says otherwise */
}

static void begin(void *ctx)
{
	struct check *k = ctx;
	struct login *l = k->login;
	int64_t now = clock_mono_ms();

	k->outcome = judge(l, k, now);
	if (k->outcome != LOGIN_WRONG) {
		finish(k);
		return;
	}
	lockout_count(l->accounts, k->name, now);
	lockout_count(l->addresses, k->address, now);
	STAILQ_INSERT_TAIL(&l->waiting, k, next);
	l->n_waiting++;
	start_next(l);
}

int login_check(struct login *l, const char *name, const char *passphrase, const char *address,
	void (*done)(void *ctx, enum login_outcome outcome, const struct operator_entry *who),
	void *ctx)
{
	struct check *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ENOMEM;
	k->login = l;
	k->done = done;
	k->ctx = ctx;
	/* What is too long is nobody's: it fails like any other. */
	if (text_copy(k->name, sizeof(k->name), name) < 0 ||
		text_copy(k->passphrase, sizeof(k->passphrase), passphrase) < 0)
		k->name[0] = k->passphrase[0] = '\0';
	if (text_copy(k->address, sizeof(k->address), address) < 0)
		k->address[0] = '\0';
	rc = loop_defer(l->loop, begin, k);
	if (rc < 0)
		free_check(k);
	return rc;
}

void login_stop(struct login *l)
{
	l->is_stopped = true;
}

int login_create(struct loop *loop, const char *operators_file, struct login **ret)
{
	struct login *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	STAILQ_INIT(&l->waiting);
	l->file = strdup(operators_file);
	rc = l->file ? lockout_create(MAX_ACCOUNTS, &l->accounts) : -ENOMEM;
	if (rc == 0)
		rc = lockout_create(MAX_ADDRESSES, &l->addresses);
	if (rc < 0) {
		login_destroy(l);
		return rc;
	}
	refresh(l);
	*ret = l;
	return 0;
}

void login_destroy(struct login *l)
{
	if (!l)
		return;
	operators_fini(&l->operators);
	lockout_destroy(l->accounts);
	lockout_destroy(l->addresses);
	free(l->file);
	free(l);
}

const char *login_outcome_name(enum login_outcome o)
{
	static const char *const names[] = {[LOGIN_RIGHT] = "right",
		[LOGIN_WRONG] = "wrong",
		[LOGIN_LOCKED] = "locked",
		[LOGIN_BUSY] = "busy"};

	return names[o];
}
