/* tests/unit/test_loop.c: promises of the event loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/io/loop.h"
#include "core/io/timer.h"

struct fixture {
	struct clock clock;
	struct loop *loop;
	int calls;
	int order[8];
	int limit;
	int signum;
	bool worked, done;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	clock_init_simulated(&f->clock, 1660784400000);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	loop_destroy(f->loop);
	free(f);
	return 0;
}

static void count(void *ctx)
{
	((struct fixture *)ctx)->calls++;
}

static void note_first(void *ctx)
{
	struct fixture *f = ctx;

	f->order[f->calls++] = 1;
}

static void note_second(void *ctx)
{
	struct fixture *f = ctx;

	f->order[f->calls++] = 2;
}

static void run_returns_when_nothing_is_left(void **state)
{
	struct fixture *f = *state;

	loop_run(f->loop);
	loop_run(f->loop);
}

static void deferred_calls_run_once_later_and_in_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_defer(f->loop, note_first, f), 0);
	assert_int_equal(loop_defer(f->loop, note_second, f), 0);
	assert_int_equal(f->calls, 0);
	loop_run(f->loop);
	loop_run(f->loop);
	assert_int_equal(f->calls, 2);
	assert_int_equal(f->order[0], 1);
	assert_int_equal(f->order[1], 2);
}

static void defer_again(void *ctx)
{
	struct fixture *f = ctx;

	if (++f->calls < f->limit)
		assert_int_equal(loop_defer(f->loop, defer_again, f), 0);
	else
		loop_stop(f->loop);
}

static void raise_it(void *ctx)
{
	(void)ctx;
	assert_int_equal(raise(SIGUSR1), 0);
}

static void on_signal(void *ctx, int signum)
{
	struct fixture *f = ctx;

	f->signum = signum;
	f->limit = f->calls; /* ends defer_again() */
}

/* Signals come through the loop's poll, so this one only arrives if each turn reaches it. */
static void call_that_defers_itself_for_ever_lets_io_through(void **state)
{
	struct fixture *f = *state;

	f->limit = 1000000;
	assert_int_equal(loop_on_signal(f->loop, SIGUSR1, on_signal, f), 0);
	assert_int_equal(loop_defer(f->loop, raise_it, f), 0);
	assert_int_equal(loop_defer(f->loop, defer_again, f), 0);
	loop_run(f->loop);
	assert_int_equal(f->signum, SIGUSR1);
}

static void stop_leaves_the_rest_for_destroy(void **state)
{
	struct fixture *f = *state;
	struct fixture g = {0};

	clock_init_real(&g.clock);
	assert_int_equal(loop_create(&g.clock, &g.loop), 0);
	assert_int_equal(loop_defer(g.loop, count, f), 0);
	loop_destroy(g.loop);
	assert_int_equal(f->calls, 1); /* what was accepted is called */
}

static void signal_watch_does_not_keep_the_loop_running(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_on_signal(f->loop, SIGHUP, on_signal, f), 0);
	loop_run(f->loop);
	assert_int_equal(f->signum, 0);
}

static void bad_signal_is_an_error(void **state)
{
	struct fixture *f = *state;

	assert_true(loop_on_signal(f->loop, 4711, on_signal, f) < 0);
}

static void sigpipe_is_ignored(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	close(p[0]);
	assert_int_equal(write(p[1], "x", 1), -1); /* and we are still here */
	close(p[1]);
}

static void work(void *ctx)
{
	((struct fixture *)ctx)->worked = true;
}

static void work_done(void *ctx)
{
	struct fixture *f = ctx;

	f->done = f->worked;
	f->calls++;
}

static void work_calls_back_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(loop_work(f->loop, work, work_done, f), 0);
	assert_int_equal(f->calls, 0);
	loop_run(f->loop);
	assert_true(f->done);
	assert_int_equal(f->calls, 1);
}

static void work_in_flight_calls_back_before_destroy_returns(void **state)
{
	struct fixture *f = *state;
	struct fixture g = {0};

	clock_init_real(&g.clock);
	assert_int_equal(loop_create(&g.clock, &g.loop), 0);
	assert_int_equal(loop_work(g.loop, work, work_done, f), 0);
	loop_destroy(g.loop);
	assert_int_equal(f->calls, 1);
}

static void be_busy(void *ctx)
{
	int64_t until = clock_mono_ms() + 60;

	(void)ctx;
	while (clock_mono_ms() < until)
		;
}

static void lag_is_the_longest_turn_without_the_sleep(void **state)
{
	struct fixture *f = *state;
	struct timer *t;
	int64_t lag;

	assert_int_equal(timer_new(f->loop, count, f, &t), 0);
	assert_int_equal(loop_defer(f->loop, be_busy, f), 0);
	timer_after(t, 1000);
	loop_run(f->loop);
	lag = loop_lag_ms(f->loop);
	assert_true(lag >= 59);
	assert_true(lag < 800); /* it slept for about 940 ms */
	assert_int_equal(loop_lag_ms(f->loop), 0);
	timer_destroy(t);
}

static void now_is_the_clock_it_was_given(void **state)
{
	struct fixture *f = *state;

	assert_ptr_equal(loop_clock(f->loop), &f->clock);
	assert_int_equal(loop_now_ms(f->loop), 1660784400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			run_returns_when_nothing_is_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			deferred_calls_run_once_later_and_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			call_that_defers_itself_for_ever_lets_io_through, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			stop_leaves_the_rest_for_destroy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			signal_watch_does_not_keep_the_loop_running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_signal_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sigpipe_is_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(work_calls_back_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			work_in_flight_calls_back_before_destroy_returns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			lag_is_the_longest_turn_without_the_sleep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(now_is_the_clock_it_was_given, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
