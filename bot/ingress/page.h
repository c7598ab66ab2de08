/*
 * bot/ingress/page.h: what all pages share: headers of an answer, cookies, whose request it is.
 */
#ifndef SW_BOT_INGRESS_PAGE_H
#define SW_BOT_INGRESS_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/asset.h"
#include "core/io/http_server.h"

enum { PAGE_ADDRESS = 64, PAGE_COOKIE_MAX = 64 };

/* Answers with the security headers of every page. EXTRA: up to three name, value pairs ended by NULL; may be NULL. */
void page_respond(struct http_exchange *x, int status, const char *type, const void *body,
	size_t len, const char *const *extra);
/* The same for what is public: CACHE is its Cache-Control. */
void page_respond_public(struct http_exchange *x, int status, const char *type, const void *body,
	size_t len, const char *cache, const char *const *extra);
/* 303 to PATH; COOKIE (may be NULL) is the value of a Set-Cookie. */
void page_redirect(struct http_exchange *x, const char *path, const char *cookie);
void page_respond_asset(struct http_exchange *x, const struct asset *a);
/* An embedded file of bot/web; asserts that there is one. */
const struct asset *page_asset(const char *name);

/* The value of cookie NAME; false: none, or one that is longer. */
bool page_cookie(const struct http_exchange *x, const char *name, char ret[PAGE_COOKIE_MAX]);
/*
 * Was the request made by a page of ours, or by no browser at all? A page elsewhere that makes a browser post to us says so in
 * Sec-Fetch-Site, or in Origin where that is not sent. HTTPS: TLS ends in front of us.
 */
bool page_is_own_request(const struct http_exchange *x, bool https);
/* Who asks: the peer, or, from a proxy on this host when TLS ends there, the last address of X-Forwarded-For. */
void page_client_address(const struct http_exchange *x, bool https, char ret[PAGE_ADDRESS]);

#endif
