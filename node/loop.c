#include "node/loop.h"

#include <limits.h>
#include <stddef.h>

#include <event2/event.h>

/* Requests are handled at most this long before the urgent events are looked for. */
#define PORTION_US 1000

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
    if (base != NULL && event_base_priority_init(base, LOOP_PRIORITIES) != 0) {
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
