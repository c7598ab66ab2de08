/*
 * core/base/mask.h: phone numbers (normal form, masking) and the scanner that keeps personal data
 * out of texts: identity numbers (GB 11643-1999), bank cards (Luhn), unlisted mobile numbers.
 */
#ifndef SW_CORE_BASE_MASK_H
#define SW_CORE_BASE_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"

enum phone_verdict {
	PHONE_MOBILE, /* normal form in RET */
	PHONE_EMPTY,
	PHONE_LANDLINE, /* with area code: SMS cannot reach it */
	PHONE_TOO_SHORT,
	PHONE_TOO_LONG,
	PHONE_NOT_MOBILE, /* 11 digits that no mobile number starts with */
	PHONE_LETTERS,
	PHONE_FOREIGN,
	PHONE_SPREADSHEET, /* 1.38E+10: formatted as a number in the spreadsheet */
};

/* Folds full-width digits, drops blanks (also U+00A0, U+3000), - ( ), strips +86 0086 86. RET: "+8613800000001". */
enum phone_verdict phone_normalise(const char *s, char ret[16]);
/* One sentence in English for error lists, one in Chinese for people. */
const char *phone_verdict_text(enum phone_verdict v);
const char *phone_verdict_zh(enum phone_verdict v);
/* "138****0001" of a normal or bare form; "****" when it is no mobile number. */
const char *phone_mask(const char *phone, char ret[16]);
/* Masks every mobile number standing in S, in place: the last net of the log. */
void phone_mask_text(char *s);
/* Three-digit prefix assigned to people as of 2026? A hint only. */
bool phone_prefix_known(const char *normal);

/* Exactly 18 characters, date and check digit valid. Lower-case x is accepted. */
bool idnum_valid(const char *s, size_t len);

enum scan_hit { SCAN_CLEAN, SCAN_ID_NUMBER, SCAN_BANK_CARD, SCAN_MOBILE };
/*
 * Looks through TEXT (UTF-8), undisturbed by full-width digits and by blanks or hyphens between digits.
 * MOBILES_OK: mobile numbers do not count. Returns the worst hit.
 */
enum scan_hit scan_personal(const char *text, bool mobiles_ok);

#endif
