/*
 * bot/wecom/xml.h: reads named elements out of the small XML documents of WeCom callbacks.
 *
 * The root is <xml>; only its direct children are looked at, in any order; unknown ones are skipped. A
 * DOCTYPE stops the parser at once, so no entity is ever expanded.
 */
#ifndef SW_BOT_WECOM_XML_H
#define SW_BOT_WECOM_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"

enum { WECOM_XML_DEPTH = 8, WECOM_XML_ELEMENTS = 256, WECOM_XML_TEXT_BYTES = 65536 };

struct wecom_xml;

/* One element that the caller asks for. VALUE is the caller's (buf_init'ed); it is emptied first. */
struct wecom_xml_want {
	const char *name;
	struct buf *value; /* valid UTF-8; beyond its maximum the document is refused */
	bool found;
};

int wecom_xml_create(struct wecom_xml **ret) SW_MUST_CHECK;
void wecom_xml_destroy(struct wecom_xml *x);
/* SW_EPROTO: not well formed, a DOCTYPE, too deep, too many, too long, or a wanted element twice. */
int wecom_xml_read(struct wecom_xml *x, const char *doc, size_t len, struct wecom_xml_want *wants,
	size_t n, struct sw_err *err) SW_MUST_CHECK;

#endif
