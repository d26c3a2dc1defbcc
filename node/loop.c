#include "node/loop.h"

#include <limits.h>
#include <stdlib.h>

#include <event2/event.h>

#include "cluster/base/check.h"

/* Requests are handled at most this long before the urgent events are looked for. */
#define PORTION_US 1000
#define PRIORITIES 2

struct loop_event {
    struct event *event;
    loop_fn *fn;
    void *context;
};

struct event_base *loop_new(void)
{
    const struct timeval portion = {.tv_usec = PORTION_US};
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    struct event_base *base = NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
        event_config_set_max_dispatch_interval(config, &portion, INT_MAX, LOOP_REQUESTS) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    if (base != NULL && event_base_priority_init(base, PRIORITIES) != 0) {
        event_base_free(base);
        return NULL;
    }
    return base;
}

void loop_free(struct event_base *base)
{
    if (base != NULL)
        event_base_free(base);
}

void loop_run(struct event_base *base)
{
    const int result = event_base_dispatch(base);
    CHECK(result >= 0);
}

void loop_stop(struct event_base *base)
{
    (void)event_base_loopbreak(base);
}

static void on_event(evutil_socket_t fd, short what, void *argument)
{
    const struct loop_event *event = argument;
    (void)fd;
    (void)what;
    event->fn(event->context);
}

static struct loop_event *event_make(struct event_base *base, int number, short what)
{
    struct loop_event *event = calloc(1, sizeof *event);
    if (event == NULL)
        return NULL;
    event->event = event_new(base, number, what, on_event, event);
    if (event->event == NULL) {
        free(event);
        return NULL;
    }
    return event;
}

static struct loop_event *event_begin(struct loop_event *event, int priority)
{
    if (event == NULL || event_priority_set(event->event, priority) != 0 ||
        event_add(event->event, NULL) != 0) {
        loop_event_free(event);
        return NULL;
    }
    return event;
}

static struct loop_event *event_calls(struct loop_event *event, loop_fn *fn, void *context)
{
    if (event != NULL) {
        event->fn = fn;
        event->context = context;
    }
    return event;
}

struct loop_event *loop_timer_new(struct event_base *base, int priority, loop_fn *fn, void *context)
{
    struct loop_event *event = event_calls(event_make(base, -1, 0), fn, context);
    if (event != NULL && event_priority_set(event->event, priority) != 0) {
        loop_event_free(event);
        return NULL;
    }
    return event;
}

struct loop_event *loop_reader_new(struct event_base *base, int fd, int priority, loop_fn *fn,
                                   void *context)
{
    struct loop_event *event = event_make(base, fd, EV_READ | EV_PERSIST);
    return event_begin(event_calls(event, fn, context), priority);
}

struct loop_event *loop_writer_new(struct event_base *base, int fd, loop_fn *fn, void *context)
{
    struct loop_event *event = event_make(base, fd, EV_WRITE);
    return event_begin(event_calls(event, fn, context), LOOP_URGENT);
}

struct loop_event *loop_signal_new(struct event_base *base, int number, loop_fn *fn, void *context)
{
    struct loop_event *event = event_make(base, number, EV_SIGNAL | EV_PERSIST);
    return event_begin(event_calls(event, fn, context), LOOP_URGENT);
}

void loop_event_free(struct loop_event *event)
{
    if (event == NULL)
        return;
    event_free(event->event);
    free(event);
}

void loop_timer_after(struct loop_event *timer, uint64_t delay_us)
{
    const struct timeval delay = {
        .tv_sec = (time_t)(delay_us / 1000000),
        .tv_usec = (suseconds_t)(delay_us % 1000000),
    };
    (void)event_add(timer->event, &delay); /* fails without memory only for a descriptor */
}

void loop_timer_now(struct loop_event *timer)
{
    event_active(timer->event, EV_TIMEOUT, 1);
}
