/*
 * core/base/operators.c: the operators' file over libargon2.
 *
 * Parameters are the OWASP minimum for Argon2id (19 MiB, two passes, one lane), so that a check costs tens of
 * milliseconds. Unknown names cost the same: they are checked against a hash nobody's passphrase has.
 */
#include <argon2.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/id.h"
#include "core/base/operators.h"
#include "core/base/text.h"

enum {
	MEMORY_KIB = 19456,
	PASSES = 2,
	LANES = 1,
	SALT_BYTES = 16,
	HASH_BYTES = 32,
	PASSPHRASE_MIN = 8
};

static const char *const roles[] = {"viewer", "editor", "releaser", "auditor"};
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
			     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < OPERATOR_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

static bool role_ok(const char *role)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(role, roles[i]))
			return true;
	return false;
}

static struct operator_entry *append(struct operators *o)
{
	struct operator_entry *items;

	if (o->n >= OPERATORS_MAX)
		return NULL;
	items = realloc(o->items, (o->n + 1) * sizeof(*items));
	if (!items)
		return NULL;
	o->items = items;
	items[o->n] = (struct operator_entry){0};
	return &items[o->n++];
}

static int parse_line(char *line, struct operators *o)
{
	char *words[4] = {0}, *save = NULL;
	size_t n = 0;
	struct operator_entry *e;

	for (char *w = strtok_r(line, " ", &save); w && n < ARRAY_LEN(words);
		w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	if (n == 0 || words[0][0] == '#')
		return 0;
	if (n != 3 || !name_ok(words[0]) || !role_ok(words[1]))
		return SW_ECONF;
	e = append(o);
	if (!e)
		return SW_ELIMIT;
	if (text_copy(e->name, sizeof(e->name), words[0]) < 0 ||
		text_copy(e->role, sizeof(e->role), words[1]) < 0 ||
		text_copy(e->hash, sizeof(e->hash), words[2]) < 0)
		return SW_ECONF;
	return 0;
}

int operators_load(const char *path, struct operators *ret, struct sw_err *err)
{
	struct operators o = {0};
	char *line, *save = NULL;
	struct buf b;
	int rc = 0, n = 0;

	*ret = o;
	if (!file_exists(path))
		return 0;
	buf_init(&b, 65536);
	rc = file_check_secret(path, err);
	if (rc == 0)
		rc = file_read(path, &b, err);
	for (line = b.data && rc == 0 ? strtok_r(b.data, "\n", &save) : NULL; line && rc == 0;
		line = strtok_r(NULL, "\n", &save)) {
		n++;
		rc = parse_line(line, &o);
		if (rc < 0)
			(void)err_set(err, rc, "%s:%d: not \"name role hash\"", path, n);
	}
	buf_fini(&b);
	if (rc < 0)
		operators_fini(&o);
	else
		*ret = o;
	return rc;
}

int operators_save(const char *path, const struct operators *o, struct sw_err *err)
{
	struct buf b;
	int rc;

	buf_init(&b, 65536);
	(void)buf_adds(&b, "# name role hash; written by `shouwang operator`\n");
	for (size_t i = 0; i < o->n; i++)
		(void)buf_addf(
			&b, "%s %s %s\n", o->items[i].name, o->items[i].role, o->items[i].hash);
	rc = b.error ? b.error : file_write(path, 0600, b.data, b.len, err);
	buf_fini(&b);
	return rc;
}

void operators_fini(struct operators *o)
{
	free(o->items);
	*o = (struct operators){0};
}

static const struct operator_entry *find(const struct operators *o, const char *name)
{
	for (size_t i = 0; i < o->n; i++)
		if (!strcmp(o->items[i].name, name))
			return &o->items[i];
	return NULL;
}

int operators_add(struct operators *o, const char *name, const char *role, const char *passphrase,
	struct sw_err *err)
{
	uint8_t salt[SALT_BYTES];
	struct operator_entry *e;
	int rc;

	if (!name_ok(name))
		return err_set(err, SW_EINVAL, "a name has 1 to 32 of a-z 0-9 _ -");
	if (!role_ok(role))
		return err_set(err, SW_EINVAL, "the role is viewer, editor, releaser or auditor");
	if (strlen(passphrase) < PASSPHRASE_MIN)
		return err_set(
			err, SW_EINVAL, "a passphrase has at least %d characters", PASSPHRASE_MIN);
	if (find(o, name))
		return err_set(err, SW_EEXIST, "there is an operator %s already", name);
	e = append(o);
	if (!e)
		return err_set(err, SW_ELIMIT, "more than %d operators", OPERATORS_MAX);
	id_random_bytes(salt, sizeof(salt));
	rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, passphrase, strlen(passphrase), salt,
		sizeof(salt), HASH_BYTES, e->hash, sizeof(e->hash));
	if (rc != ARGON2_OK || text_copy(e->name, sizeof(e->name), name) < 0 ||
		text_copy(e->role, sizeof(e->role), role) < 0) {
		o->n--;
		return err_set(err, SW_ECRYPTO, "the passphrase could not be hashed");
	}
	return 0;
}

int operators_remove(struct operators *o, const char *name)
{
	const struct operator_entry *e = find(o, name);
	size_t i;

	if (!e)
		return SW_ENOENT;
	i = (size_t)(e - o->items);
	memmove(&o->items[i], &o->items[i + 1], (o->n - i - 1) * sizeof(*o->items));
	o->n--;
	return 0;
}

int operators_verify(
	const struct operators *o, const char *name, const char *passphrase, char ret_role[16])
{
	const struct operator_entry *e = find(o, name);
	bool right =
		argon2id_verify(e ? e->hash : nobody, passphrase, strlen(passphrase)) == ARGON2_OK;

	if (!e || !right)
		return SW_EAUTH;
	if (ret_role && text_copy(ret_role, 16, e->role) < 0)
		return SW_EAUTH;
	return 0;
}
