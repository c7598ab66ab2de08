/*
 * bot/wecom/xml.c: expat with limits; one parser is kept and reset for each document.
 */
#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "bot/wecom/xml.h"
#include "core/base/id.h"

struct wecom_xml {
	XML_Parser parser;
	/* of the document being read: */
	struct wecom_xml_want *wants;
	size_t n_wants;
	struct wecom_xml_want *current; /* the wanted element we are in, NULL: none */
	unsigned depth, elements;
	size_t text_bytes;
	const char *why;    /* NULL: nothing wrong so far */
	unsigned long salt; /* of expat's hash tables: it would draw one for each document */
};

static void stop(struct wecom_xml *x, const char *why)
{
	if (!x->why)
		x->why = why;
	(void)XML_StopParser(x->parser, XML_FALSE);
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *sysid,
	const XML_Char *pubid, int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	stop(ctx, "a DOCTYPE");
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
	struct wecom_xml *x = ctx;

	(void)attributes;
	if (++x->depth > WECOM_XML_DEPTH || ++x->elements > WECOM_XML_ELEMENTS) {
		stop(x, "too many elements");
		return;
	}
	if (x->depth == 1 && strcmp(name, "xml") != 0)
		stop(x, "the root is not <xml>");
	if (x->depth != 2)
		return;
	for (size_t i = 0; i < x->n_wants; i++) {
		struct wecom_xml_want *w = &x->wants[i];

		if (strcmp(name, w->name) != 0)
			continue;
		if (w->found)
			stop(x, "an element twice");
		w->found = true;
		x->current = w;
	}
}

static void on_end(void *ctx, const XML_Char *name)
{
	struct wecom_xml *x = ctx;

	(void)name;
	if (x->depth-- == 2)
		x->current = NULL;
}

static void on_text(void *ctx, const XML_Char *s, int len)
{
	struct wecom_xml *x = ctx;

	x->text_bytes += (size_t)len;
	if (x->text_bytes > WECOM_XML_TEXT_BYTES)
		stop(x, "too much text");
	else if (x->current && x->depth == 2 && buf_add(x->current->value, s, (size_t)len) < 0)
		stop(x, "an element is too long");
}

int wecom_xml_create(struct wecom_xml **ret)
{
	struct wecom_xml *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	/* The encoding is ours to say: a declaration inside the document cannot choose another. */
	x->parser = XML_ParserCreate("UTF-8");
	if (!x->parser) {
		free(x);
		return -ENOMEM;
	}
	id_random_bytes((uint8_t *)&x->salt, sizeof(x->salt));
	*ret = x;
	return 0;
}

void wecom_xml_destroy(struct wecom_xml *x)
{
	if (!x)
		return;
	XML_ParserFree(x->parser);
	free(x);
}

int wecom_xml_read(struct wecom_xml *x, const char *doc, size_t len, struct wecom_xml_want *wants,
	size_t n, struct sw_err *err)
{
	enum XML_Status status;

	x->wants = wants;
	x->n_wants = n;
	x->current = NULL;
	x->depth = x->elements = 0;
	x->text_bytes = 0;
	x->why = NULL;
	for (size_t i = 0; i < n; i++) {
		buf_reset(wants[i].value);
		wants[i].found = false;
	}
	if (len > INT32_MAX)
		return err_set(err, SW_EPROTO, "xml: too long");
	(void)XML_ParserReset(x->parser, "UTF-8"); /* also forgets the handlers and the salt */
	(void)XML_SetHashSalt(x->parser, x->salt | 1);
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
	status = XML_Parse(x->parser, doc, (int)len, XML_TRUE);
	if (x->why)
		return err_set(err, SW_EPROTO, "xml: %s", x->why);
	if (status != XML_STATUS_OK)
		return err_set(
			err, SW_EPROTO, "xml: %s", XML_ErrorString(XML_GetErrorCode(x->parser)));
	return 0;
}
