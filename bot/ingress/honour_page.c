/*
 * bot/ingress/honour_page.c: files that never change, and one answer that changes with its topic.
 *
 * Thousands may open it within a minute: nothing is built on a request. The roll is revalidated at each look (ETag), so that no
 * cache between us and a reader keeps a name that was withdrawn.
 */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/ingress/honour_page.h"
#include "bot/ingress/page.h"
#include "core/base/id.h"
#include "core/base/log.h"

#define TOPIC "sw/v1/state/honours"
#define CACHE_FILE "public, max-age=300"
#define CACHE_ROLL "no-cache"

enum { ETAG = 16 }; /* digits of the digest */

struct honour_page {
	struct buf json; /* the answer; empty: nothing is known yet */
	char etag[ETAG + 3];
};

/* Browsers ask for favicon.ico whatever a page says; answered here, it is no stranger's request to be counted. */
static const struct {
	const char *path, *asset;
} files[] = {{"/honour", "honour.html"}, {"/honour.css", "honour.css"}, {"/honour.js", "honour.js"},
	{"/icon.svg", "icon.svg"}, {"/favicon.ico", "icon.svg"}};

/* ---- the topic ---- */

static int take(struct honour_page *h, const void *payload, size_t len)
{
	json_t *json;
	char *text = NULL, digest[65];
	int rc = SW_EPROTO;

	if (len > HONOUR_PAGE_BYTES)
		return SW_ELIMIT;
	json = json_loadb(payload, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_boolean(json_object_get(json, "published"))) {
		text = json_dumps(json, JSON_COMPACT);
		rc = text ? 0 : -ENOMEM;
	}
	json_decref(json);
	if (text) {
		buf_adds(&h->json, text);
		rc = h->json.error;
		id_sha256_hex(text, strlen(text), digest);
		(void)snprintf(h->etag, sizeof(h->etag), "\"%.*s\"", (int)ETAG, digest);
	}
	free(text);
	return rc;
}

bool honour_page_on_message(
	struct honour_page *h, const char *topic, const void *payload, size_t len)
{
	int rc;

	if (strcmp(topic, TOPIC))
		return false;
	buf_reset(&h->json);
	rc = len ? take(h, payload, len) : 0;
	if (rc < 0) {
		buf_reset(&h->json);
		LOG_WARN("state_not_taken", "topic=%s err=%s", topic, err_name(rc));
	}
	return true;
}

/* ---- answers ---- */

static void show_roll(void *ctx, struct http_exchange *x)
{
	static const char not_known[] = "{\"error\":\"not known yet\"}";
	static const char *const later[] = {"Retry-After", "10", NULL};
	const struct honour_page *h = ctx;
	const char *const tag[] = {"ETag", h->etag, NULL};
	const char *has = http_header_get(x, "If-None-Match");

	if (h->json.len == 0)
		page_respond(x, 503, "application/json", not_known, strlen(not_known), later);
	else if (has && !strcmp(has, h->etag))
		page_respond_public(x, 304, NULL, "", 0, CACHE_ROLL, tag);
	else
		page_respond_public(x, 200, "application/json", buf_str(&h->json), h->json.len,
			CACHE_ROLL, tag);
}

static void show_file(void *ctx, struct http_exchange *x)
{
	const struct asset *a;
	size_t i = 0;

	(void)ctx;
	while (i < ARRAY_LEN(files) && strcmp(files[i].path, http_path(x)))
		i++;
	assert(i < ARRAY_LEN(files)); /* the route compares the same paths */
	a = page_asset(files[i].asset);
	page_respond_public(x, 200, a->type, a->data, a->len, CACHE_FILE, NULL);
}

/* ---- life ---- */

int honour_page_add(struct honour_page *h, struct route *r)
{
	int rc = route_add_public(r, "/api/v1/honours", show_roll, h);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(files); i++)
		rc = route_add_public(r, files[i].path, show_file, h);
	return rc;
}

int honour_page_create(struct honour_page **ret)
{
	struct honour_page *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	buf_init(&h->json, HONOUR_PAGE_BYTES + 1);
	*ret = h;
	return 0;
}

void honour_page_destroy(struct honour_page *h)
{
	if (!h)
		return;
	buf_fini(&h->json);
	free(h);
}
