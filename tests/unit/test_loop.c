/* tests/unit/test_loop.c -- The order of the loop's work. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <time.h>

#include "node/loop.h"

#define REQUESTS     500
#define REQUEST_US   200
#define HEARTBEAT_US 2000

/* A crowd of requests that are there at once, and a heartbeat among them. */
struct crowd {
    struct event_base *base;
    struct loop_event *requests[REQUESTS];
    struct loop_event *heartbeat;
    uint32_t handled;
    uint32_t beats;
    uint32_t handled_at_first_beat;
};

static uint64_t now_us(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void on_request(void *context)
{
    struct crowd *crowd = context;
    const uint64_t until_us = now_us() + REQUEST_US;
    while (now_us() < until_us)
        ;
    if (++crowd->handled == REQUESTS)
        loop_stop(crowd->base);
}

static void on_heartbeat(void *context)
{
    struct crowd *crowd = context;
    if (crowd->beats++ == 0)
        crowd->handled_at_first_beat = crowd->handled;
    loop_timer_after(crowd->heartbeat, HEARTBEAT_US);
}

static void a_crowd_of_requests_delays_no_heartbeat(void **state)
{
    (void)state;
    static struct crowd crowd;
    crowd.base = loop_new();
    assert_non_null(crowd.base);
    crowd.heartbeat = loop_timer_new(crowd.base, LOOP_URGENT, on_heartbeat, &crowd);
    assert_non_null(crowd.heartbeat);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        crowd.requests[i] = loop_timer_new(crowd.base, LOOP_REQUESTS, on_request, &crowd);
        assert_non_null(crowd.requests[i]);
        loop_timer_now(crowd.requests[i]);
    }
    loop_timer_after(crowd.heartbeat, HEARTBEAT_US);
    loop_run(crowd.base);

    /* All in one go they would have taken a hundred milliseconds, without a beat. */
    assert_int_equal(crowd.handled, REQUESTS);
    assert_true(crowd.beats >= 5);
    assert_true(crowd.handled_at_first_beat < REQUESTS / 2);
    loop_event_free(crowd.heartbeat);
    for (uint32_t i = 0; i < REQUESTS; i++)
        loop_event_free(crowd.requests[i]);
    loop_free(crowd.base);
}

static void what_is_put_off_comes_behind_what_is_there(void **state)
{
    (void)state;
    struct crowd crowd = {.base = loop_new()};
    assert_non_null(crowd.base);
    crowd.requests[0] = loop_timer_new(crowd.base, LOOP_REQUESTS, on_heartbeat, &crowd);
    crowd.requests[1] = loop_timer_new(crowd.base, LOOP_REQUESTS, on_request, &crowd);
    crowd.heartbeat = loop_timer_new(crowd.base, LOOP_REQUESTS, on_heartbeat, &crowd);
    crowd.handled = REQUESTS - 1; /* the next one stops the loop */
    loop_timer_now(crowd.requests[1]);
    loop_timer_now(crowd.requests[0]);
    loop_run(crowd.base);
    assert_int_equal(crowd.beats, 0);
    loop_event_free(crowd.requests[0]);
    loop_event_free(crowd.requests[1]);
    loop_event_free(crowd.heartbeat);
    loop_free(crowd.base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crowd_of_requests_delays_no_heartbeat),
        cmocka_unit_test(what_is_put_off_comes_behind_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
