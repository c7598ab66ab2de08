/*
 * core/base/text.h: UTF-8, UTF-16 units, full width, escaping for the targets texts go to.
 *
 * What comes from outside is ptr + len and is checked here once; inside, strings are valid UTF-8.
 */
#ifndef SW_CORE_BASE_TEXT_H
#define SW_CORE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

/* Strict: no overlong forms, no surrogates, <= U+10FFFF. BAD_AT (may be NULL): first bad offset. */
bool text_utf8_valid(const char *s, size_t len, size_t *bad_at);
/* Decodes one code point of valid UTF-8, moving *P; 0 at END. */
uint32_t text_next(const char **p, const char *end);
/* Appends CP as UTF-8. */
int text_put(struct buf *b, uint32_t cp);
size_t text_chars(const char *s);     /* code points */
size_t text_u16_units(const char *s); /* UTF-16 code units: what an SMS counts */
/* Greatest prefix length <= MAX_BYTES that ends at a character boundary. */
size_t text_cut_bytes(const char *s, size_t len, size_t max_bytes);

/* Full-width ASCII (U+FF01..FF5E) to ASCII and U+3000 to a blank, in place of any length. */
int text_fold_width(struct buf *out, const char *s, size_t len);

/*
 * Escapes a value that a person typed for WeCom markdown: < > [ ] ( ) ` * _ # @ | become their
 * full-width forms, control and invisible direction characters are removed (kept: U+180B..180F,
 * U+200C, U+200D, U+202F between Mongolian letters), line breaks become a blank.
 */
int text_escape_markdown(struct buf *out, const char *s);
/* The same for plain text of a chat: only < > @ become full-width, controls are removed. */
int text_escape_plain(struct buf *out, const char *s);
/* & < > " ' as entities. */
int text_escape_html(struct buf *out, const char *s);

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);
/* Trims ASCII blanks in place, returns S. */
char *text_trim(char *s);
/* strdup that accepts NULL; NULL on out of memory. */
char *text_dup(const char *s);
/* Copies into a fixed array; SW_ELIMIT (nothing copied) when it does not fit with its NUL. */
int text_copy(char *dst, size_t size, const char *src) SW_MUST_CHECK;

#endif
