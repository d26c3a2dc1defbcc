#include "chaos/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "chaos/load_internal.h"
#include "chaos/load_setup.h"
#include "cluster/base/check.h"

/* The events of a run that stand beside the requests'. */
struct watch {
    struct event *end;
    struct event *second;
    struct event *interrupt;
    struct event *terminate;
    uint64_t acknowledged; /* at the last line of progress */
};

struct run {
    struct load load;
    struct watch watch;
};

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t load_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void load_arm(struct event *timer, uint64_t wait_us)
{
    const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                 .tv_usec = (suseconds_t)(wait_us % 1000000)};
    (void)evtimer_add(timer, &wait);
}

static void on_due(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    load_pump(context);
}

static void on_end(evutil_socket_t fd, short what, void *context)
{
    struct run *run = context;
    (void)fd;
    (void)what;
    load_give_up(&run->load);
}

/* Begins nothing new; what is under way still has its time. */
static void on_signal(evutil_socket_t fd, short what, void *context)
{
    struct run *run = context;
    struct load *load = &run->load;
    (void)fd;
    (void)what;
    const uint64_t now = load_now_us();
    if (load->end_us > now)
        load->end_us = now;
    load->planned = load->begun;
    load_arm(run->watch.end, LOAD_GRACE_US);
    load_pump(load);
}

static void on_second(evutil_socket_t fd, short what, void *context)
{
    struct run *run = context;
    const struct load_report *report = run->load.report;
    (void)fd;
    (void)what;
    const double p99_ms = (double)histogram_quantile_us(&report->latency, 990) / 1000;
    (void)fprintf(stderr, "\r%4llu s: %llu sent, %llu answered, %llu/s, p99 %.1f ms\033[K",
                  (unsigned long long)((load_now_us() - run->load.start_us) / 1000000),
                  (unsigned long long)report->claims, (unsigned long long)report->acknowledged,
                  (unsigned long long)(report->acknowledged - run->watch.acknowledged), p99_ms);
    run->watch.acknowledged = report->acknowledged;
}

static enum status watch_init(struct run *run)
{
    struct load *load = &run->load;
    struct watch *watch = &run->watch;
    load->due_timer = evtimer_new(load->base, on_due, load);
    watch->end = evtimer_new(load->base, on_end, run);
    watch->second = event_new(load->base, -1, EV_PERSIST, on_second, run);
    watch->interrupt = evsignal_new(load->base, SIGINT, on_signal, run);
    watch->terminate = evsignal_new(load->base, SIGTERM, on_signal, run);
    const bool ok = load->due_timer != NULL && watch->end != NULL && watch->second != NULL &&
                    watch->interrupt != NULL && watch->terminate != NULL &&
                    evsignal_add(watch->interrupt, NULL) == 0 &&
                    evsignal_add(watch->terminate, NULL) == 0;
    return ok ? STATUS_OK : STATUS_NO_MEMORY;
}

static void watch_fini(struct run *run)
{
    struct event *events[] = {run->load.due_timer, run->watch.end, run->watch.second,
                              run->watch.interrupt, run->watch.terminate};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i] != NULL)
            event_free(events[i]);
    }
}

/* Timers in microseconds: a claim sent a millisecond late would be counted as one that took it. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL)
        return NULL;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static enum status open_record(struct load *load)
{
    if (load->options->record == NULL)
        return STATUS_OK;
    load->record = fopen(load->options->record, "we");
    if (load->record != NULL)
        return STATUS_OK;
    load_trouble(load->report, "%s: %s", load->options->record, strerror(errno));
    return STATUS_IO;
}

static enum status close_record(struct load *load)
{
    if (load->record == NULL)
        return STATUS_OK;
    const bool failed = ferror(load->record) != 0;
    const bool closed = fclose(load->record) == 0;
    load->record = NULL;
    if (!failed && closed && json_text_ok(&load->wire.text))
        return STATUS_OK;
    load->report->trouble[0] = '\0';
    load_trouble(load->report, "%s: cannot be written", load->options->record);
    return STATUS_IO;
}

static enum status prepare(struct run *run)
{
    struct load *load = &run->load;
    const struct load_options *options = load->options;
    struct rng rng;
    load->base = base_new();
    if (load->base == NULL)
        return STATUS_NO_MEMORY;
    enum status status = load_setup_hunt(&load->hunt, options, load->base, load->report);
    if (status != STATUS_OK)
        return status;
    rng_init(&rng, options->seed);
    load_hunt_find_empty(&load->hunt, &rng);
    status = load_players_init(&load->players, &load->hunt, options->players, options->seed);
    if (status == STATUS_OK && options->resumes)
        status = load_setup_players(&load->players, options, load->base, load->report);
    if (status != STATUS_OK)
        return status;
    load_players_begin(&load->players);
    status = open_record(load);
    if (status == STATUS_OK)
        status = load_requests_init(load);
    return status == STATUS_OK ? watch_init(run) : status;
}

static void play(struct run *run)
{
    static const struct timeval second = {.tv_sec = 1};
    struct load *load = &run->load;
    const struct load_options *options = load->options;
    const uint64_t planned_us = (uint64_t)options->seconds * 1000000;
    const uint64_t requests = options->rate * options->seconds / options->batch;
    load->planned = options->rate == 0 ? UINT64_MAX : requests > 0 ? requests : 1;
    load->start_us = load_now_us();
    load->end_us = load->start_us + planned_us;
    load->wall_offset_us = clock_us(CLOCK_REALTIME) - load->start_us;
    load_arm(run->watch.end, planned_us + LOAD_GRACE_US);
    if (options->shows_progress)
        (void)event_add(run->watch.second, &second);
    load_pump(load);
    CHECK(event_base_dispatch(load->base) >= 0);
    if (options->shows_progress)
        (void)fputs("\r\033[K", stderr);

    struct load_report *report = load->report;
    const uint64_t until =
        load->last_answer_us > load->end_us ? load->last_answer_us : load->end_us;
    report->elapsed_us = until - load->start_us;
    if (options->rate != 0)
        report->unsent = (load->planned - load->begun) * options->batch;
}

enum status load_run(const struct load_options *options, struct load_report *ret_report)
{
    CHECK(options->targets_count > 0 && options->connections > 0 && options->batch > 0);
    CHECK((uint64_t)options->players * ACTIONS_PER_PLAYER_MAX >= options->batch);
    *ret_report = (struct load_report){0};
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return STATUS_NO_MEMORY;
    run->load.options = options;
    run->load.report = ret_report;
    enum status status = prepare(run);
    if (status == STATUS_OK)
        play(run);
    const enum status closed = close_record(&run->load);
    if (status == STATUS_OK)
        status = closed;
    if (status == STATUS_NO_MEMORY)
        load_trouble(ret_report, "out of memory");
    watch_fini(run);
    load_requests_fini(&run->load);
    load_players_fini(&run->load.players);
    load_hunt_fini(&run->load.hunt);
    load_wire_fini(&run->load.wire);
    if (run->load.base != NULL)
        event_base_free(run->load.base);
    free(run);
    return status;
}
