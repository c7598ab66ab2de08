/*
 * core/io/mqtt.c: the MQTT v5 client, libmosquitto driven from our loop.
 *
 * Each connection gets a new library instance. The library would otherwise send what was in flight when the
 * connection broke once more after the owner has republished it, and so put old retained state over new.
 * Losses are only marked where they are noticed (often inside the library) and dealt with on the next turn.
 */
#include <assert.h>
#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/base/backoff.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/mqtt.h"
#include "core/io/timer.h"

#define KEEPALIVE_S 10
#define MISC_MS 1000
#define CONNECT_TIMEOUT_MS 5000
#define BACKOFF_BASE_MS 100
#define BACKOFF_CAP_MS 8000
#define GOODBYE_MS 1000 /* for acknowledgements and the DISCONNECT packet */
#define MAX_INFLIGHT 256
#define RECEIVE_MAXIMUM 256
#define MAX_FILTERS 64
#define MAX_PAYLOAD_BYTES ((size_t)256 << 10)
#define READS_PER_EVENT 32
/*
 * Two programs with one client id throw each other out for ever; mosquitto 2.0.11 does not even say why it
 * closes. Three connections in a row that came up at the first attempt and ended at once are taken for
 * that: the one who counts to three first stays out, a minute, then two, four, eight. The first attempt
 * comes so soon that a broker that died cannot be back yet: it refuses, and that ends the row.
 */
#define FIRST_RETRY_MS 10
#define SHORT_LIFE_MS 2000
#define MAX_SHORT_LIVES 3
#define HOLD_MS ((int64_t)60000)
#define MAX_HOLD_SHIFT 3

enum state {
	STATE_WAITING,    /* for the next attempt */
	STATE_CONNECTING, /* until CONNACK */
	STATE_CONNECTED,
	STATE_LOST, /* noticed; the next turn cleans up */
	STATE_CLOSING,
};

struct mqtt_poll {
	uv_poll_t uv;
	int events;
};

struct mqtt {
	struct loop *loop;
	char *host, *client_id, *user, *password, *will_topic, *will_payload;
	uint16_t port;
	int keepalive_s;
	struct mqtt_events ev;
	void *ctx;

	enum state state;
	struct mosquitto *mosq; /* NULL while waiting */
	struct mqtt_poll *poll; /* NULL when the library has no socket */
	struct timer *next;     /* connect, clean up, close */
	struct timer *misc;     /* the library's clock, time-out of CONNACK */
	struct backoff backoff;
	int64_t deadline_ms; /* of CONNACK, or of the goodbye */
	int64_t connected_ms;
	char why[128];        /* the first reason of the loss */
	int64_t lived_ms;     /* of the connection that was lost; -1: it never came up */
	unsigned short_lives; /* in a row */
	bool in_library;
	bool is_fresh; /* CONNACK came, on_connect is still to be called */
	bool away_told;
	bool said_goodbye;
	unsigned long packets; /* callbacks of the library so far */
	unsigned long oversize, refused;

	char *filters[MAX_FILTERS];
	size_t n_filters;
	size_t inflight, max_inflight;
	bool is_starved; /* mqtt_publish() said SW_ELIMIT */
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static bool is_power_of_two(unsigned long n)
{
	return (n & (n - 1)) == 0;
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h->data);
}

static void poll_stop(struct mqtt *m)
{
	if (!m->poll)
		return;
	(void)uv_poll_stop(&m->poll->uv);
	m->poll->uv.data = m->poll;
	uv_close((uv_handle_t *)&m->poll->uv, on_poll_closed);
	m->poll = NULL;
}

/* Callable from anywhere, also inside the library. */
static void lose(struct mqtt *m, const char *why)
{
	poll_stop(m);
	if (m->state != STATE_CONNECTING && m->state != STATE_CONNECTED)
		return;
	m->lived_ms = m->state == STATE_CONNECTED ? clock_mono_ms() - m->connected_ms : -1;
	m->state = STATE_LOST;
	(void)snprintf(m->why, sizeof(m->why), "%s", why);
	timer_stop(m->misc);
	timer_after(m->next, 0);
}

static const char *error_text(int rc)
{
	if (rc == MOSQ_ERR_ERRNO)
		return strerror(errno);
	return rc >= MQTT_RC_UNSPECIFIED ? mosquitto_reason_string(rc) : mosquitto_strerror(rc);
}

/* After a call into the library: RC of it. */
static void check(struct mqtt *m, int rc)
{
	if (rc != MOSQ_ERR_SUCCESS)
		lose(m, error_text(rc));
}

static void on_connack(
	struct mosquitto *mosq, void *ctx, int reason, int flags, const mosquitto_property *props)
{
	struct mqtt *m = ctx;

	(void)flags;
	(void)props;
	m->packets++;
	if (m->state != STATE_CONNECTING)
		return;
	if (reason != MQTT_RC_SUCCESS) {
		lose(m, mosquitto_reason_string(reason));
		return;
	}
	m->state = STATE_CONNECTED;
	m->is_fresh = true;
	m->connected_ms = clock_mono_ms();
	backoff_reset(&m->backoff);
	for (size_t i = 0; i < m->n_filters && m->state == STATE_CONNECTED; i++)
		check(m, mosquitto_subscribe_v5(mosq, NULL, m->filters[i], 1, 0, NULL));
}

static void on_gone(struct mosquitto *mosq, void *ctx, int rc, const mosquitto_property *props)
{
	struct mqtt *m = ctx;

	(void)mosq;
	(void)props;
	lose(m, rc == MOSQ_ERR_SUCCESS ? "disconnected by the broker" : error_text(rc));
}

static void on_puback(
	struct mosquitto *mosq, void *ctx, int mid, int reason, const mosquitto_property *props)
{
	struct mqtt *m = ctx;

	(void)mosq;
	(void)mid;
	(void)props;
	m->packets++;
	if (m->inflight > 0)
		m->inflight--;
	if (reason >= MQTT_RC_UNSPECIFIED && is_power_of_two(++m->refused))
		LOG_WARN("mqtt_publish_refused", "err=%s count=%lu",
			mosquitto_reason_string(reason), m->refused);
}

static void on_suback(struct mosquitto *mosq, void *ctx, int mid, int n, const int *granted,
	const mosquitto_property *props)
{
	struct mqtt *m = ctx;

	(void)mosq;
	(void)mid;
	(void)props;
	m->packets++;
	for (int i = 0; i < n; i++)
		if (granted[i] >= MQTT_RC_UNSPECIFIED)
			LOG_ERROR("mqtt_subscribe_refused", "err=%s",
				mosquitto_reason_string(granted[i]));
}

static void on_publication(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *msg,
	const mosquitto_property *props)
{
	struct mqtt *m = ctx;
	size_t len = (size_t)msg->payloadlen;

	(void)mosq;
	(void)props;
	m->packets++;
	if (m->state != STATE_CONNECTED)
		return;
	if (len > MAX_PAYLOAD_BYTES) {
		if (is_power_of_two(++m->oversize))
			LOG_WARN("mqtt_oversize_ignored", "topic=%s bytes=%zu count=%lu",
				msg->topic, len, m->oversize);
		return;
	}
	/* The library allocates one byte more than the payload and clears it. */
	m->ev.on_message(m->ctx, msg->topic, len ? msg->payload : "", len, msg->retain);
}

static void on_poll(uv_poll_t *uv, int status, int events);

/*
 * The library writes at once unless the socket is full or we are inside its callbacks, so it is enough to
 * look after each call into it; no handle has to run on every turn of the loop.
 */
static void poll_update(struct mqtt *m)
{
	int events = UV_READABLE;

	if (!m->poll)
		return;
	if (mosquitto_want_write(m->mosq))
		events |= UV_WRITABLE;
	if (events == m->poll->events)
		return;
	m->poll->events = events;
	if (uv_poll_start(&m->poll->uv, events, on_poll) < 0)
		lose(m, "cannot watch the socket");
}

static int poll_open(struct mqtt *m)
{
	struct mqtt_poll *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	rc = uv_poll_init(loop_uv(m->loop), &p->uv, mosquitto_socket(m->mosq));
	if (rc < 0) {
		free(p);
		return rc;
	}
	p->uv.data = m;
	m->poll = p;
	poll_update(m);
	return 0;
}

/* Outside the library again: tells the owner what happened inside it. */
static void settle(struct mqtt *m)
{
	if (m->state == STATE_CONNECTED && m->is_fresh) {
		m->is_fresh = false;
		m->away_told = false;
		if (m->ev.on_connect)
			m->ev.on_connect(m->ctx);
	}
	if (m->state == STATE_CONNECTED && m->is_starved && m->inflight < m->max_inflight / 2 + 1) {
		m->is_starved = false;
		if (m->ev.on_drain)
			m->ev.on_drain(m->ctx);
	}
	if (m->state == STATE_CLOSING)
		timer_after(m->next, 0);
	else
		poll_update(m);
}

static void read_some(struct mqtt *m)
{
	unsigned long before;
	int i = 0;

	do {
		before = m->packets;
		check(m, mosquitto_loop_read(m->mosq, 1));
	} while (m->poll && m->packets != before && ++i < READS_PER_EVENT);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct mqtt *m = uv->data;

	m->in_library = true;
	if (status < 0) { /* libuv has stopped the poll; reading says why */
		check(m, mosquitto_loop_read(m->mosq, 1));
		lose(m, uv_strerror(status));
	}
	if (m->poll && (events & UV_READABLE))
		read_some(m);
	if (m->poll && (events & UV_WRITABLE))
		check(m, mosquitto_loop_write(m->mosq, 1));
	m->in_library = false;
	settle(m);
}

static int set_up(struct mqtt *m)
{
	int rc = mosquitto_int_option(m->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);

	if (rc == 0)
		rc = mosquitto_int_option(m->mosq, MOSQ_OPT_TCP_NODELAY, 1);
	if (rc == 0)
		rc = mosquitto_int_option(m->mosq, MOSQ_OPT_RECEIVE_MAXIMUM, RECEIVE_MAXIMUM);
	if (rc == 0)
		rc = mosquitto_int_option(m->mosq, MOSQ_OPT_SEND_MAXIMUM, (int)m->max_inflight);
	if (rc == 0 && m->user)
		rc = mosquitto_username_pw_set(m->mosq, m->user, m->password);
	if (rc == 0 && m->will_topic)
		rc = mosquitto_will_set_v5(m->mosq, m->will_topic, (int)strlen(m->will_payload),
			m->will_payload, 1, true, NULL);
	mosquitto_connect_v5_callback_set(m->mosq, on_connack);
	mosquitto_disconnect_v5_callback_set(m->mosq, on_gone);
	mosquitto_publish_v5_callback_set(m->mosq, on_puback);
	mosquitto_subscribe_v5_callback_set(m->mosq, on_suback);
	mosquitto_message_v5_callback_set(m->mosq, on_publication);
	return rc;
}

static void conn_start(struct mqtt *m)
{
	int rc;

	m->state = STATE_CONNECTING;
	m->is_fresh = false;
	m->deadline_ms = clock_mono_ms() + CONNECT_TIMEOUT_MS;
	timer_after(m->misc, MISC_MS);
	m->mosq = mosquitto_new(m->client_id, true, m);
	if (!m->mosq) {
		lose(m, "out of memory");
		return;
	}
	m->in_library = true;
	rc = set_up(m);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_connect_async(m->mosq, m->host, m->port, m->keepalive_s);
	check(m, rc);
	m->in_library = false;
	if (rc == MOSQ_ERR_SUCCESS && poll_open(m) < 0)
		lose(m, "cannot watch the socket");
}

static void conn_free(struct mqtt *m)
{
	poll_stop(m);
	mosquitto_destroy(m->mosq);
	m->mosq = NULL;
	m->inflight = 0;
	m->is_starved = false;
}

/* How long to stay away after a loss. */
static int64_t retry_delay_ms(struct mqtt *m)
{
	unsigned shift;

	if (m->lived_ms < 0 || m->lived_ms > SHORT_LIFE_MS)
		m->short_lives = 0;
	else
		m->short_lives++;
	if (m->short_lives < MAX_SHORT_LIVES)
		return m->lived_ms < 0 ? backoff_next_ms(&m->backoff) : FIRST_RETRY_MS;
	shift = m->short_lives - MAX_SHORT_LIVES;
	LOG_ERROR("mqtt_thrown_out", "client_id=%s times=%u err=%s", m->client_id, m->short_lives,
		"is there another client with this id?");
	return HOLD_MS << (shift < MAX_HOLD_SHIFT ? shift : MAX_HOLD_SHIFT);
}

static void conn_lost(struct mqtt *m)
{
	bool tell = !m->away_told;

	conn_free(m);
	m->state = STATE_WAITING;
	m->away_told = true;
	timer_after(m->next, retry_delay_ms(m));
	if (tell && m->ev.on_disconnect)
		m->ev.on_disconnect(m->ctx, m->why);
}

static void mqtt_free(struct mqtt *m)
{
	if (!m)
		return;
	timer_destroy(m->next);
	timer_destroy(m->misc);
	if (m->password)
		explicit_bzero(m->password, strlen(m->password));
	for (size_t i = 0; i < m->n_filters; i++)
		free(m->filters[i]);
	free(m->host);
	free(m->client_id);
	free(m->user);
	free(m->password);
	free(m->will_topic);
	free(m->will_payload);
	free(m);
	(void)mosquitto_lib_cleanup();
}

/*
 * Waits for what is in flight (a socket closed with unread acknowledgements is reset, and the broker may then
 * drop our last publications), says DISCONNECT, and ends; in GOODBYE_MS at the latest.
 */
static void close_step(struct mqtt *m)
{
	void (*closed)(void *) = m->closed;
	void *ctx = m->closed_ctx;
	bool is_late = clock_mono_ms() >= m->deadline_ms;

	if (m->poll && m->inflight > 0 && !is_late)
		goto wait;
	if (m->poll && !m->said_goodbye) {
		m->said_goodbye = true;
		m->in_library = true;
		check(m, mosquitto_disconnect(m->mosq));
		m->in_library = false;
	}
	if (m->poll && mosquitto_want_write(m->mosq) && !is_late)
		goto wait;
	conn_free(m);
	mqtt_free(m);
	if (closed)
		closed(ctx);
	return;
wait:
	poll_update(m);
	timer_after(m->next, m->deadline_ms - clock_mono_ms());
}

static void on_next(void *ctx)
{
	struct mqtt *m = ctx;

	switch (m->state) {
	case STATE_WAITING:
		conn_start(m);
		break;
	case STATE_LOST:
		conn_lost(m);
		break;
	case STATE_CLOSING:
		close_step(m);
		break;
	case STATE_CONNECTING:
	case STATE_CONNECTED:
		break;
	}
}

static void on_misc(void *ctx)
{
	struct mqtt *m = ctx;

	if (!m->poll)
		return;
	timer_after(m->misc, MISC_MS);
	m->in_library = true;
	check(m, mosquitto_loop_misc(m->mosq));
	m->in_library = false;
	if (m->state == STATE_CONNECTING && clock_mono_ms() >= m->deadline_ms)
		lose(m, "the broker does not answer");
	settle(m);
}

static int copy_opts(struct mqtt *m, const struct mqtt_opts *opts)
{
	const char *const from[] = {opts->host, opts->client_id, opts->user, opts->password,
		opts->will_topic, opts->will_payload ? opts->will_payload : ""};
	char **const to[] = {
		&m->host, &m->client_id, &m->user, &m->password, &m->will_topic, &m->will_payload};

	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		*to[i] = text_dup(from[i]);
		if (from[i] && !*to[i])
			return -ENOMEM;
	}
	m->port = opts->port;
	m->keepalive_s = opts->keepalive_s ? (int)opts->keepalive_s : KEEPALIVE_S;
	m->max_inflight = opts->max_inflight ? opts->max_inflight : MAX_INFLIGHT;
	return 0;
}

int mqtt_open(struct loop *l, const struct mqtt_opts *opts, const struct mqtt_events *ev, void *ctx,
	struct mqtt **ret)
{
	struct mqtt *m;
	int rc;

	if (!opts->host || opts->port == 0 || !opts->client_id || opts->max_inflight > UINT16_MAX ||
		opts->keepalive_s > UINT16_MAX || (opts->keepalive_s > 0 && opts->keepalive_s < 5))
		return SW_EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	(void)mosquitto_lib_init(); /* counted by the library; mqtt_free() undoes it */
	m->loop = l;
	m->ev = *ev;
	m->ctx = ctx;
	backoff_init(&m->backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS);
	rc = copy_opts(m, opts);
	if (rc == 0)
		rc = timer_new(l, on_next, m, &m->next);
	if (rc == 0)
		rc = timer_new(l, on_misc, m, &m->misc);
	if (rc < 0) {
		mqtt_free(m);
		return rc;
	}
	timer_after(m->next, 0);
	*ret = m;
	return 0;
}

int mqtt_subscribe(struct mqtt *m, const char *filter)
{
	if (mosquitto_sub_topic_check(filter) != MOSQ_ERR_SUCCESS)
		return SW_EINVAL;
	for (size_t i = 0; i < m->n_filters; i++)
		if (strcmp(m->filters[i], filter) == 0)
			return 0;
	if (m->n_filters == MAX_FILTERS)
		return SW_ELIMIT;
	m->filters[m->n_filters] = text_dup(filter);
	if (!m->filters[m->n_filters])
		return -ENOMEM;
	m->n_filters++;
	if (m->state == STATE_CONNECTED) {
		check(m, mosquitto_subscribe_v5(m->mosq, NULL, filter, 1, 0, NULL));
		if (!m->in_library)
			poll_update(m);
	}
	return 0;
}

int mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len, bool retain)
{
	int rc;

	if (m->state != STATE_CONNECTED)
		return SW_EAWAY;
	if (len > MAX_PAYLOAD_BYTES)
		return SW_EINVAL;
	if (m->inflight >= m->max_inflight) {
		m->is_starved = true;
		return SW_ELIMIT;
	}
	rc = mosquitto_publish_v5(m->mosq, NULL, topic, (int)len, payload, 1, retain, NULL);
	if (rc == MOSQ_ERR_INVAL || rc == MOSQ_ERR_MALFORMED_UTF8 || rc == MOSQ_ERR_PAYLOAD_SIZE ||
		rc == MOSQ_ERR_OVERSIZE_PACKET)
		return SW_EINVAL;
	if (rc != MOSQ_ERR_SUCCESS) {
		lose(m, error_text(rc));
		return SW_EAWAY;
	}
	m->inflight++;
	if (!m->in_library)
		poll_update(m);
	return 0;
}

bool mqtt_connected(const struct mqtt *m)
{
	return m->state == STATE_CONNECTED;
}

size_t mqtt_inflight(const struct mqtt *m)
{
	return m->inflight;
}

void mqtt_close(struct mqtt *m, void (*done)(void *ctx), void *ctx)
{
	assert(m->state != STATE_CLOSING);
	if (m->state != STATE_CONNECTED)
		poll_stop(m); /* nothing to say goodbye to */
	m->state = STATE_CLOSING;
	m->closed = done;
	m->closed_ctx = ctx;
	m->deadline_ms = clock_mono_ms() + GOODBYE_MS;
	timer_stop(m->misc);
	timer_after(m->next, 0);
}
