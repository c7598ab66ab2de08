/*
 * tests/unit/vectors.h: the worked examples of tests/fixtures/wecom-vectors.json.
 */
#ifndef SW_TESTS_UNIT_VECTORS_H
#define SW_TESTS_UNIT_VECTORS_H

#include <jansson.h>

/* The parsed file; a failure ends the test program. The caller decrefs. */
json_t *vectors_load(void);
/* The string member KEY of OBJ; a missing one ends the test program. */
const char *vector_str(const json_t *obj, const char *key);
/* The member of list KIND ("good", "bad") called NAME. */
const json_t *vector_get(const json_t *vectors, const char *kind, const char *name);

#endif
