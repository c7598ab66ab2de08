/* tests/unit/test_timer.c: monotonic and wall timers, with clocks that stand, jump and run. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/io/loop.h"
#include "core/io/timer.h"

#define START_MS 1660784400000 /* 2022-08-18T09:00+08:00 */
#define N_TIMERS 4

struct fixture;

struct probe {
	struct fixture *f;
	struct timer *timer;
	int fired;
	int64_t at_ms; /* monotonic, of the last firing */
};

struct fixture {
	struct clock clock;
	struct loop *loop;
	struct probe p[N_TIMERS];
	int order[16], n_order;
	int64_t began_ms;
	bool signalled;
};

static void on_fire(void *ctx)
{
	struct probe *p = ctx;

	p->fired++;
	p->at_ms = clock_mono_ms();
	if (p->f->n_order < 16)
		p->f->order[p->f->n_order++] = (int)(p - p->f->p);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	clock_init_simulated(&f->clock, START_MS);
	assert_int_equal(loop_create(&f->clock, &f->loop), 0);
	for (int i = 0; i < N_TIMERS; i++) {
		f->p[i].f = f;
		assert_int_equal(timer_new(f->loop, on_fire, &f->p[i], &f->p[i].timer), 0);
	}
	f->began_ms = clock_mono_ms();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < N_TIMERS; i++)
		timer_destroy(f->p[i].timer);
	loop_destroy(f->loop);
	free(f);
	return 0;
}

static void set_clock(struct fixture *f, int64_t sim_ms, double speed)
{
	f->clock.base_sim_ms = sim_ms;
	f->clock.base_real_ms = clock_real_ms();
	f->clock.speed = speed;
	f->clock.rev++;
	timer_clock_changed(f->loop);
}

/* ---- monotonic ---- */

static void monotonic_timer_fires_once_after_its_delay(void **state)
{
	struct fixture *f = *state;

	timer_after(f->p[0].timer, 30);
	assert_true(timer_armed(f->p[0].timer));
	assert_int_equal(timer_wall_ms(f->p[0].timer), INT64_MAX);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
	assert_false(timer_armed(f->p[0].timer));
	assert_true(f->p[0].at_ms - f->began_ms >= 29);
}

static void delay_counts_from_the_call_and_not_from_the_turn(void **state)
{
	struct fixture *f = *state;
	int64_t armed_ms;

	/* The loop's own time is as old as the loop: 50 ms by now. */
	while (clock_mono_ms() < f->began_ms + 50)
		;
	armed_ms = clock_mono_ms();
	timer_after(f->p[0].timer, 40);
	loop_run(f->loop);
	assert_true(f->p[0].at_ms - armed_ms >= 39);
}

static void armed_timer_is_moved(void **state)
{
	struct fixture *f = *state;

	timer_after(f->p[0].timer, 3600000);
	timer_after(f->p[0].timer, 1);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
}

static void stopped_timer_does_not_fire(void **state)
{
	struct fixture *f = *state;

	timer_after(f->p[0].timer, 1);
	timer_after(f->p[1].timer, 0);
	timer_at(f->p[2].timer, START_MS);
	for (int i = 0; i < 3; i++) {
		timer_stop(f->p[i].timer);
		assert_false(timer_armed(f->p[i].timer));
	}
	loop_run(f->loop);
	assert_int_equal(f->n_order, 0);
}

static void zero_delay_fires_on_a_later_turn(void **state)
{
	struct fixture *f = *state;

	timer_after(f->p[0].timer, 0);
	timer_after(f->p[1].timer, -5);
	assert_int_equal(f->n_order, 0);
	loop_run(f->loop);
	assert_int_equal(f->n_order, 2);
	assert_int_equal(f->order[0], 0);
	assert_int_equal(f->order[1], 1);
}

static void rearm_for_ever(void *ctx)
{
	struct probe *p = ctx;

	if (++p->fired == 1)
		assert_int_equal(raise(SIGUSR1), 0);
	if (p->f->signalled || p->fired == 1000000)
		return;
	timer_after(p->timer, 0);
}

static void on_signal(void *ctx, int signum)
{
	(void)signum;
	((struct fixture *)ctx)->signalled = true;
}

static void zero_delay_in_its_own_callback_lets_io_through(void **state)
{
	struct fixture *f = *state;

	timer_destroy(f->p[0].timer);
	assert_int_equal(timer_new(f->loop, rearm_for_ever, &f->p[0], &f->p[0].timer), 0);
	assert_int_equal(loop_on_signal(f->loop, SIGUSR1, on_signal, f), 0);
	timer_after(f->p[0].timer, 0);
	loop_run(f->loop);
	assert_true(f->signalled);
}

static void destroy_self(void *ctx)
{
	struct probe *p = ctx;

	timer_destroy(p->timer);
	p->timer = NULL;
	p->fired++;
}

static void timer_may_be_destroyed_in_its_own_callback(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		timer_destroy(f->p[i].timer);
		assert_int_equal(timer_new(f->loop, destroy_self, &f->p[i], &f->p[i].timer), 0);
	}
	timer_after(f->p[0].timer, 0);
	timer_after(f->p[1].timer, 1);
	timer_at(f->p[2].timer, START_MS - 1);
	loop_run(f->loop);
	for (int i = 0; i < 3; i++)
		assert_int_equal(f->p[i].fired, 1);
	timer_destroy(NULL);
}

static void destroy_all_due(void *ctx)
{
	struct fixture *f = ((struct probe *)ctx)->f;

	for (int i = 0; i < N_TIMERS; i++) {
		timer_destroy(f->p[i].timer);
		f->p[i].timer = NULL;
	}
	f->n_order++;
}

static void due_timer_destroyed_by_another_does_not_fire(void **state)
{
	struct fixture *f = *state;

	timer_destroy(f->p[0].timer);
	assert_int_equal(timer_new(f->loop, destroy_all_due, &f->p[0], &f->p[0].timer), 0);
	for (int i = 0; i < N_TIMERS; i++)
		timer_after(f->p[i].timer, 0);
	loop_run(f->loop);
	assert_int_equal(f->n_order, 1);
}

static void loop_destroy_takes_forgotten_timers_along(void **state)
{
	struct clock clock;
	struct loop *loop;
	struct timer *t;

	(void)state;
	clock_init_real(&clock);
	assert_int_equal(loop_create(&clock, &loop), 0);
	assert_int_equal(timer_new(loop, on_fire, NULL, &t), 0);
	timer_after(t, 3600000);
	loop_destroy(loop); /* the leak checker looks at the rest */
}

/* ---- wall ---- */

static void wall_timer_ahead_of_a_standing_clock_waits(void **state)
{
	struct fixture *f = *state;

	timer_at(f->p[0].timer, START_MS + 1);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 0);
	assert_true(timer_armed(f->p[0].timer));
	assert_int_equal(timer_wall_ms(f->p[0].timer), START_MS + 1);
	set_clock(f, START_MS + 1, 0);
	assert_int_equal(f->p[0].fired, 0); /* not from inside the call */
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
	assert_int_equal(timer_wall_ms(f->p[0].timer), INT64_MAX);
}

static void wall_timer_in_the_past_fires_at_once(void **state)
{
	struct fixture *f = *state;

	timer_at(f->p[0].timer, START_MS);
	timer_at(f->p[1].timer, 0);
	loop_run(f->loop);
	assert_int_equal(f->n_order, 2);
}

static void step_over_several_fires_them_in_the_order_of_their_instants(void **state)
{
	struct fixture *f = *state;

	timer_at(f->p[0].timer, START_MS + 3000);
	timer_at(f->p[1].timer, START_MS + 1000);
	timer_at(f->p[2].timer, START_MS + 2000);
	timer_at(f->p[3].timer, START_MS + 9000);
	set_clock(f, START_MS + 5000, 0);
	loop_run(f->loop);
	assert_int_equal(f->n_order, 3);
	assert_int_equal(f->order[0], 1);
	assert_int_equal(f->order[1], 2);
	assert_int_equal(f->order[2], 0);
	assert_true(timer_armed(f->p[3].timer));
}

static void step_back_before_it_fired_makes_it_wait_again(void **state)
{
	struct fixture *f = *state;

	timer_at(f->p[0].timer, START_MS + 1000);
	set_clock(f, START_MS + 2000, 0);
	set_clock(f, START_MS, 0);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 0);
	assert_true(timer_armed(f->p[0].timer));
}

static void fast_clock_brings_the_timer_nearer(void **state)
{
	struct fixture *f = *state;
	int64_t took;

	timer_at(f->p[0].timer, START_MS + 3600000);
	set_clock(f, START_MS, 36000.0); /* an hour in 100 ms */
	loop_run(f->loop);
	took = f->p[0].at_ms - f->began_ms;
	assert_int_equal(f->p[0].fired, 1);
	assert_true(took >= 90);
	assert_true(loop_now_ms(f->loop) >= START_MS + 3600000);
}

static void moving_the_clock_leaves_monotonic_timers_alone(void **state)
{
	struct fixture *f = *state;

	timer_after(f->p[0].timer, 20);
	set_clock(f, START_MS + 86400000, 0);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
	assert_true(f->p[0].at_ms - f->began_ms >= 19);
}

static void real_clock_wall_timer_fires_at_its_instant_and_not_before(void **state)
{
	struct fixture *f = *state;
	int64_t t;

	clock_init_real(&f->clock);
	t = clock_now_ms(&f->clock) + 25;
	timer_at(f->p[0].timer, t);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
	assert_true(clock_now_ms(&f->clock) >= t);
}

static void kind_of_a_timer_may_change(void **state)
{
	struct fixture *f = *state;

	timer_at(f->p[0].timer, START_MS + 1);
	timer_after(f->p[0].timer, 1);
	timer_after(f->p[1].timer, 1);
	timer_at(f->p[1].timer, START_MS + 1);
	loop_run(f->loop);
	assert_int_equal(f->p[0].fired, 1);
	assert_int_equal(f->p[1].fired, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(monotonic_timer_fires_once_after_its_delay),
		TEST(delay_counts_from_the_call_and_not_from_the_turn),
		TEST(armed_timer_is_moved),
		TEST(stopped_timer_does_not_fire),
		TEST(zero_delay_fires_on_a_later_turn),
		TEST(zero_delay_in_its_own_callback_lets_io_through),
		TEST(timer_may_be_destroyed_in_its_own_callback),
		TEST(due_timer_destroyed_by_another_does_not_fire),
		TEST(loop_destroy_takes_forgotten_timers_along),
		TEST(wall_timer_ahead_of_a_standing_clock_waits),
		TEST(wall_timer_in_the_past_fires_at_once),
		TEST(step_over_several_fires_them_in_the_order_of_their_instants),
		TEST(step_back_before_it_fired_makes_it_wait_again),
		TEST(fast_clock_brings_the_timer_nearer),
		TEST(moving_the_clock_leaves_monotonic_timers_alone),
		TEST(real_clock_wall_timer_fires_at_its_instant_and_not_before),
		TEST(kind_of_a_timer_may_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
