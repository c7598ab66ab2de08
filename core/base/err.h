/*
 * core/base/err.h: error codes and the error detail a caller may ask for.
 *
 * A function that can fail returns 0 or a negative code: -1..-4095 are the system's (equal to
 * libuv's UV_E*), ours start at -5001. Detail travels in a struct sw_err, which is always optional.
 */
#ifndef SW_CORE_BASE_ERR_H
#define SW_CORE_BASE_ERR_H

#include <stdint.h>

#define SW_MUST_CHECK __attribute__((warn_unused_result))
#define SW_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

enum sw_code {
	SW_EPROTO = -5001,   /* the other side broke the protocol, or sent what does not parse */
	SW_ELIMIT = -5002,   /* a bound of ours is reached; nothing was taken */
	SW_EINVAL = -5003,   /* an argument from outside is not acceptable */
	SW_ENOENT = -5004,   /* there is no such thing */
	SW_EEXIST = -5005,   /* it is there already */
	SW_ECONF = -5006,    /* configuration or definition is wrong */
	SW_EAUTH = -5007,    /* signature, password or right is missing or wrong */
	SW_EAWAY = -5008,    /* a dependency is away; try later */
	SW_EUNKNOWN = -5009, /* the request may have been carried out: no complete answer came */
	SW_ECRYPTO = -5010,  /* a cryptographic operation failed */
	SW_ECORRUPT = -5011, /* a file of ours fails its checksum */
	SW_EFENCED = -5012,  /* the lease belongs to somebody else now */
};

struct sw_err {
	int code;               /* SW_E* or a negative errno */
	int64_t retry_after_ms; /* 0: the other side gave no hint */
	char origin[16];        /* "wecom", "redis", "mqtt" */
	char origin_code[48];   /* the provider's own code, as it wrote it */
	char text[200];         /* one line; no secret, no phone number */
};

/* Sets code and text; the other fields become empty. ERR may be NULL. Returns CODE. */
int err_set(struct sw_err *err, int code, const char *fmt, ...) SW_PRINTF(3, 4);

/* The name of a code for logs ("EPROTO", "ECONNREFUSED"). Never NULL, static storage. */
const char *err_name(int code);

#endif
