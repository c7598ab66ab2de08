/*
 * tests/sim/wecom/callback.h: what a person types, carried to the bot as WeCom carries it.
 *
 * In a group only what mentions the smart robot is delivered; to an application everything. Five seconds for an
 * answer, three tries in all with the same message id (documents 90238, 101039); other statuses than 200 are failures.
 */
#ifndef SW_TESTS_SIM_WECOM_CALLBACK_H
#define SW_TESTS_SIM_WECOM_CALLBACK_H

#include "tests/sim/wecom/sim.h"

enum { CALLBACK_TRIES = 3 };

/* How the callback is spoilt on purpose; one try only then. */
enum tamper {
	TAMPER_NONE,
	TAMPER_SIGNATURE,  /* one digit of the signature */
	TAMPER_CIPHERTEXT, /* one character of it, signed well */
	TAMPER_RECEIVER,   /* encrypted for another company */
	TAMPER_OLD,        /* an hour old, signed well */
};

struct said {
	bool addressed; /* false: nothing was sent, as nobody was mentioned */
	bool delivered; /* a try got its 200 */
	int status;     /* of the last answer, 0: there was none */
	int tries;
	char msg_id[65];
	int64_t seq; /* in the chat */
};

int callbacks_create(struct sim *s, struct callbacks **ret) SW_MUST_CHECK;
/* What is under way ends as lost, on later turns. */
void callbacks_close(struct callbacks *c);
/* After the loop has ended. */
void callbacks_free(struct callbacks *c);

/*
 * USER types TEXT in CHAT (name of a group, or "app:<name>"). Returned 0: DONE runs once, on a later turn.
 * SW_ENOENT: no such chat. SW_EINVAL: user id or text (empty, more than 8,192 bytes, no UTF-8). SW_ELIMIT: 64 are
 * under way.
 */
int callbacks_say(struct callbacks *c, const char *chat, const char *user, const char *text,
	enum tamper tamper, void (*done)(void *ctx, const struct said *said),
	void *ctx) SW_MUST_CHECK;
size_t callbacks_busy(const struct callbacks *c);

/* The group a response_url belongs to; NULL when the code is unknown, used, or older than an hour. */
struct robot *callbacks_robot_of_code(struct callbacks *c, const char *code);
void callbacks_use_code(struct callbacks *c, const char *code);

/* {"said","tries","delivered","lost","not_addressed","repeated"} */
json_t *callbacks_json(const struct callbacks *c);

#endif
