/* core/base/clock.c: real and simulated wall time; the only caller of clock_gettime in the project. */
#include <time.h>

#include "core/base/clock.h"

static int64_t read_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_init_real(struct clock *c)
{
	*c = (struct clock){.speed = 1.0};
}

void clock_init_simulated(struct clock *c, int64_t sim_ms)
{
	*c = (struct clock){
		.simulated = true, .base_sim_ms = sim_ms, .base_real_ms = clock_real_ms()};
}

int64_t clock_now_ms(const struct clock *c)
{
	int64_t real = clock_real_ms();

	if (!c->simulated)
		return real;
	if (!(c->speed > 0))
		return c->base_sim_ms;
	/* A real clock set back must not take simulated time back before its base. */
	if (real <= c->base_real_ms)
		return c->base_sim_ms;
	return c->base_sim_ms + (int64_t)((double)(real - c->base_real_ms) * c->speed);
}

int64_t clock_real_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_until_ms(const struct clock *c, int64_t t_ms)
{
	int64_t now = clock_now_ms(c);
	double wait;

	if (t_ms <= now)
		return 0;
	if (!c->simulated)
		return t_ms - now;
	if (!(c->speed > 0))
		return -1;
	/* Rounded up: a timer that fires a moment early would find nothing due and spin. */
	wait = (double)(t_ms - now) / c->speed;
	return wait > 9e15 ? INT64_C(9000000000000000) : (int64_t)wait + 1;
}
