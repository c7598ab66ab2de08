/*
 * tests/unit/test_relay.c: in order, bounded in flight, again after a reconnect, until removed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "bot/relay.h"
#include "core/base/clock.h"

enum { ITEMS = 5 };

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct relay *relay;
	struct relay_item items[ITEMS];
	int accept; /* publications the broker still takes */
	char log[64];
};

static struct fixture f;

static int publish(void *ctx, struct relay_item *item)
{
	size_t n = strlen(f.log);

	assert_ptr_equal(ctx, &f);
	if (f.accept <= 0)
		return SW_EAWAY;
	f.accept--;
	snprintf(f.log + n, sizeof(f.log) - n, "%d", (int)(item - f.items));
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	clock_init_real(&f.clock);
	if (loop_create(&f.clock, &f.loop) < 0)
		return -1;
	return relay_create(f.loop, 3, publish, &f, &f.relay);
}

static int teardown(void **state)
{
	(void)state;
	relay_destroy(f.relay);
	loop_destroy(f.loop);
	return 0;
}

static void add_all(void)
{
	for (int i = 0; i < ITEMS; i++)
		relay_add(f.relay, &f.items[i]);
}

static void items_go_in_order_up_to_the_window(void **state)
{
	(void)state;
	f.accept = 100;
	add_all();
	assert_string_equal(f.log, "012");
	relay_remove(f.relay, &f.items[1]);
	assert_string_equal(f.log, "0123");
	relay_remove(f.relay, &f.items[0]);
	assert_string_equal(f.log, "01234");
	assert_int_equal(relay_size(f.relay), 3);
}

static void what_the_broker_refuses_waits_for_a_pump(void **state)
{
	(void)state;
	f.accept = 1;
	add_all();
	assert_string_equal(f.log, "0");
	f.accept = 100;
	relay_pump(f.relay);
	assert_string_equal(f.log, "012");
}

static void reconnect_sends_all_unremoved_again_in_order(void **state)
{
	(void)state;
	f.accept = 100;
	add_all();
	relay_remove(f.relay, &f.items[1]);
	f.log[0] = '\0';
	relay_connected(f.relay);
	assert_string_equal(f.log, "023");
}

static void removed_while_waiting_never_goes(void **state)
{
	(void)state;
	f.accept = 100;
	add_all();
	relay_remove(f.relay, &f.items[3]);
	relay_remove(f.relay, &f.items[0]);
	assert_string_equal(f.log, "0124");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			items_go_in_order_up_to_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_the_broker_refuses_waits_for_a_pump, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reconnect_sends_all_unremoved_again_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(removed_while_waiting_never_goes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
