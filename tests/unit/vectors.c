/*
 * tests/unit/vectors.c: reads the fixture; test programs run from the repository's root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/vectors.h"

static void give_up(const char *what)
{
	fprintf(stderr, "tests/fixtures/wecom-vectors.json: %s\n", what);
	exit(2);
}

json_t *vectors_load(void)
{
	json_error_t err;
	json_t *root = json_load_file("tests/fixtures/wecom-vectors.json", 0, &err);

	if (!root)
		give_up(err.text);
	return root;
}

const char *vector_str(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	if (!s)
		give_up(key);
	return s;
}

const json_t *vector_get(const json_t *vectors, const char *kind, const char *name)
{
	const json_t *list = json_object_get(vectors, kind);
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		if (strcmp(vector_str(v, "name"), name) == 0)
			return v;
	}
	give_up(name);
	return NULL;
}
