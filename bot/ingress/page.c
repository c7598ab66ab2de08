/*
 * bot/ingress/page.c: headers after OWASP's cheat sheet for pages without third parties; nothing inline, nothing framed.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "bot/ingress/page.h"
#include "core/base/text.h"

enum { MAX_EXTRA = 6, HOST_MAX = 256 };

extern const struct asset bot_assets[];
extern const size_t bot_assets_len;

static const char *const security[] = {"Content-Security-Policy",
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src "
	"'self'; "
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	"X-Content-Type-Options", "nosniff", "Referrer-Policy", "no-referrer"};

void page_respond_public(struct http_exchange *x, int status, const char *type, const void *body,
	size_t len, const char *cache, const char *const *extra)
{
	const char *headers[ARRAY_LEN(security) + 2 + MAX_EXTRA + 1];
	size_t n = ARRAY_LEN(security), i;

	memcpy(headers, security, sizeof(security));
	headers[n++] = "Cache-Control";
	headers[n++] = cache;
	for (i = 0; extra && extra[i] && i < MAX_EXTRA; i++)
		headers[n++] = extra[i];
	headers[n] = NULL;
	http_respond(x, status, type, body, len, headers);
}

void page_respond(struct http_exchange *x, int status, const char *type, const void *body,
	size_t len, const char *const *extra)
{
	page_respond_public(x, status, type, body, len, "no-store", extra);
}

void page_redirect(struct http_exchange *x, const char *path, const char *cookie)
{
	const char *const extra[] = {"Location", path, cookie ? "Set-Cookie" : NULL, cookie, NULL};

	page_respond(x, 303, "text/plain", "", 0, extra);
}

void page_respond_asset(struct http_exchange *x, const struct asset *a)
{
	page_respond(x, 200, a->type, a->data, a->len, NULL);
}

const struct asset *page_asset(const char *name)
{
	size_t i = 0;

	while (i < bot_assets_len && strcmp(bot_assets[i].name, name))
		i++;
	assert(i < bot_assets_len);
	return &bot_assets[i];
}

bool page_cookie(const struct http_exchange *x, const char *name, char ret[PAGE_COOKIE_MAX])
{
	const char *s = http_header_get(x, "Cookie");
	size_t n = strlen(name);

	while (s && *s) {
		size_t len;

		s += strspn(s, "; ");
		len = strcspn(s, ";");
		if (len > n && s[n] == '=' && !strncmp(s, name, n)) {
			if (len - n - 1 >= PAGE_COOKIE_MAX)
				return false;
			memcpy(ret, s + n + 1, len - n - 1);
			ret[len - n - 1] = '\0';
			return true;
		}
		s += len;
	}
	return false;
}

bool page_is_own_request(const struct http_exchange *x, bool https)
{
	const char *site = http_header_get(x, "Sec-Fetch-Site");
	const char *origin = http_header_get(x, "Origin"), *host = http_header_get(x, "Host");
	char own[HOST_MAX];

	if (site)
		return !strcmp(site, "same-origin");
	if (!origin)
		return true;
	if (!host || (size_t)snprintf(own, sizeof(own), "%s://%s", https ? "https" : "http",
			     host) >= sizeof(own))
		return false;
	return !strcmp(origin, own);
}

void page_client_address(const struct http_exchange *x, bool https, char ret[PAGE_ADDRESS])
{
	const char *peer = http_peer(x), *list = http_header_get(x, "X-Forwarded-For"), *last;

	if (https && list && (!strcmp(peer, "127.0.0.1") || !strcmp(peer, "::1"))) {
		last = strrchr(list, ',');
		last = last ? last + 1 : list;
		last += strspn(last, " ");
		if (*last && last[strspn(last, "0123456789abcdefABCDEF:.")] == '\0' &&
			text_copy(ret, PAGE_ADDRESS, last) == 0)
			return;
	}
	if (text_copy(ret, PAGE_ADDRESS, peer) < 0)
		ret[0] = '\0';
}
