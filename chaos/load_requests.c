#include "chaos/load_internal.h"

#include <stdlib.h>

#include <event2/event.h>

#include "chaos/load_setup.h"
#include "cluster/base/check.h"

/* Requests that wait for another try, beyond those on lanes; with so many no new ones are begun. In
 * claims, too, which bounds the memory of large batches. */
#define WAITING_MAX        UINT32_C(4096)
#define WAITING_CLAIMS_MAX UINT32_C(400000)

/* A request's first pause before another try, and the longest; likewise a lane's rest. Far below
 * the second of Retry-After: how long a service was away shall be seen in the figures. */
#define PAUSE_FIRST_US UINT64_C(20000)
#define PAUSE_MAX_US   UINT64_C(500000)

/* What is due within so long is sent together: a wake-up for each claim would take more of the
 * machine than the claim itself. That a claim was sent late counts as its latency all the same. */
#define GRAIN_US UINT64_C(200)

static uint64_t pause_after(uint32_t tries)
{
    const uint64_t pause = PAUSE_FIRST_US << (tries < 8 ? tries : 8);
    return pause < PAUSE_MAX_US ? pause : PAUSE_MAX_US;
}

/* Requests. */

static void request_release(struct load_request *request)
{
    struct load *load = request->load;
    CHECK(request->in_use);
    load_players_release(&load->players, request->claims, load->options->batch);
    request->in_use = false;
    request->next = load->unused;
    load->unused = request;
    load->outstanding--;
}

/* Counts a claim that is over, and writes it down. */
static void claim_end(struct load_request *request, uint32_t at, uint64_t now,
                      const struct load_wire_result *result)
{
    struct load *load = request->load;
    const struct load_wire_record record = {
        .node = request->node,
        .invoked_us = request->invoked_us + load->wall_offset_us,
        .returned_us = now + load->wall_offset_us,
        .result = result,
    };
    request->answered[at] = true;
    request->left--;
    if (load->record != NULL)
        load_wire_record(load->record, &load->wire.text, &load->players, &request->claims[at],
                         &record);
}

static void request_end_unknown(struct load_request *request)
{
    struct load_report *report = request->load->report;
    for (uint32_t i = 0; i < request->load->options->batch; i++) {
        if (request->answered[i])
            continue;
        report->unknown++;
        claim_end(request, i, 0, NULL);
    }
    request_release(request);
}

static void request_end_refused(struct load_request *request)
{
    request->load->report->refused += request->left;
    for (uint32_t i = 0; i < request->load->options->batch; i++) {
        if (!request->answered[i])
            claim_end(request, i, 0, NULL);
    }
    request_release(request);
}

static void request_ready(struct load_request *request)
{
    struct load *load = request->load;
    request->next = NULL;
    if (load->ready_last != NULL)
        load->ready_last->next = request;
    else
        load->ready_first = request;
    load->ready_last = request;
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
    struct load_request *request = context;
    (void)fd;
    (void)what;
    request_ready(request);
    load_pump(request->load);
}

static void request_retry(struct load_request *request)
{
    request->load->report->retries += request->left;
    load_arm(request->pause, pause_after(request->tries++));
}

/* Which request comes next. */

static struct load_request *pop_ready(struct load *load)
{
    struct load_request *request = load->ready_first;
    if (request == NULL)
        return NULL;
    load->ready_first = request->next;
    if (load->ready_first == NULL)
        load->ready_last = NULL;
    return request;
}

static uint64_t due_of(const struct load *load, uint64_t nth)
{
    const struct load_options *options = load->options;
    return load->start_us + nth * options->batch * UINT64_C(1000000) / options->rate;
}

static bool all_begun(const struct load *load, uint64_t now)
{
    if (load->options->rate == 0)
        return now >= load->end_us;
    return load->begun == load->planned;
}

/* A new request, when one is due and there are players and room for it; else NULL. */
static struct load_request *begin_request(struct load *load, uint64_t now)
{
    struct load_request *request = load->unused;
    if (request == NULL || all_begun(load, now))
        return NULL;
    const uint64_t due = load->options->rate == 0 ? now : due_of(load, load->begun);
    if (due > now || !load_players_claim(&load->players, request->claims, load->options->batch,
                                         (int64_t)((due + load->wall_offset_us) / 1000)))
        return NULL;
    load->unused = request->next;
    load->begun++;
    load->outstanding++;
    load->report->claims += load->options->batch;
    request->in_use = true;
    request->left = load->options->batch;
    request->due_us = due;
    request->invoked_us = now;
    request->tries = 0;
    for (uint32_t i = 0; i < load->options->batch; i++)
        request->answered[i] = false;
    return request;
}

/* Answers. */

static void take_result(struct load_request *request, uint32_t at, uint64_t now,
                        const struct load_wire_result *result)
{
    struct load *load = request->load;
    enum outcome outcome = OUTCOME_NONE;
    int32_t treasure = LOAD_NO_TREASURE;
    const struct load_claim *claim = &request->claims[at];
    if (load_wire_read(&outcome, &treasure, result, &load->players, claim) != STATUS_OK) {
        load_trouble(load->report, "%s gave a result that is not of the claim sent", request->node);
        return;
    }
    if (outcome == OUTCOME_UNAVAILABLE)
        return;
    load_players_learn(&load->players, claim, outcome, treasure);
    load->report->acknowledged++;
    load->report->outcomes[outcome]++;
    histogram_add(&load->report->latency, now - request->due_us, 1);
    load->last_answer_us = now;
    claim_end(request, at, now, result);
}

/* The results are those of the claims that were sent, in their order; with any other number of
 * them none is trusted. */
static void take_results(struct load_request *request, const struct http_response *response)
{
    const uint64_t now = load_now_us();
    struct load_wire *wire = &request->load->wire;
    const size_t count = load_wire_answer(wire, response);
    size_t next = 0;
    if (count != request->left) {
        load_trouble(request->load->report, "%s gave %zu results for %u claims", request->node,
                     count, request->left);
    } else {
        for (uint32_t i = 0; i < request->load->options->batch; i++) {
            if (request->answered[i])
                continue;
            const struct load_wire_result result = load_wire_result(wire, next++);
            take_result(request, i, now, &result);
        }
    }
    load_wire_forget(wire);
    if (request->left == 0)
        request_release(request);
    else
        request_retry(request);
}

/* May the same request be answered otherwise the next time? */
static bool is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 ||
           (status >= 500 && status != 501 && status != 505);
}

static void lane_idle(struct lane *lane)
{
    struct load *load = lane->load;
    const uint32_t connections = load->options->connections;
    CHECK(load->idle_count < connections);
    const uint32_t at = (load->idle_first + load->idle_count++) % connections;
    load->idle[at] = (uint32_t)(lane - load->lanes);
}

static void on_rest_over(evutil_socket_t fd, short what, void *context)
{
    struct lane *lane = context;
    (void)fd;
    (void)what;
    lane_idle(lane);
    load_pump(lane->load);
}

static void on_answer(void *context, const struct http_response *response)
{
    struct lane *lane = context;
    struct load *load = lane->load;
    struct load_request *request = lane->request;
    lane->request = NULL;
    if (response->failure != HTTP_FAILURE_NONE) {
        load_trouble_answer(load->report, lane->url->text, "/hunt", response);
        load_arm(lane->rest, pause_after(lane->failures++));
        request_retry(request);
        load_pump(load);
        return;
    }
    lane->failures = 0;
    lane_idle(lane);
    if (response->status == 200) {
        take_results(request, response);
    } else {
        load_trouble_answer(load->report, lane->url->text, "/hunt", response);
        if (is_passing(response->status))
            request_retry(request);
        else
            request_end_refused(request);
    }
    load_pump(load);
}

/* Sending. */

static void send_request(struct lane *lane, struct load_request *request)
{
    struct load *load = lane->load;
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->options->batch; i++) {
        if (!request->answered[i])
            load->sending[count++] = &request->claims[i];
    }
    struct http_call call = {.method = "POST", .target = "/hunt", .token = load->options->token};
    const struct load_wire_claims claims = {&load->players, load->sending, count};
    if (load_wire_request(&load->wire, load->options->hunt, &claims, &call) != STATUS_OK) {
        load_trouble(load->report, "out of memory");
        load_give_up(load);
        return;
    }
    lane->request = request;
    request->node = lane->url->authority;
    http_client_call(lane->client, &call, on_answer, lane);
}

static struct lane *pop_idle(struct load *load)
{
    struct lane *lane = &load->lanes[load->idle[load->idle_first]];
    load->idle_first = (load->idle_first + 1) % load->options->connections;
    load->idle_count--;
    return lane;
}

void load_pump(struct load *load)
{
    const uint64_t now = load_now_us();
    while (!load->over && load->idle_count > 0) {
        struct load_request *request = pop_ready(load);
        if (request == NULL)
            request = begin_request(load, now);
        if (request == NULL)
            break;
        send_request(pop_idle(load), request);
    }
    if (load->over || (load->outstanding == 0 && all_begun(load, now))) {
        (void)event_base_loopbreak(load->base);
        return;
    }
    /* What is due already waits for a lane or a player, and both pump when they are free. */
    if (load->options->rate == 0 || load->begun == load->planned ||
        evtimer_pending(load->due_timer, NULL))
        return;
    const uint64_t due = due_of(load, load->begun);
    if (due > now)
        load_arm(load->due_timer, due - now > GRAIN_US ? due - now : GRAIN_US);
}

void load_give_up(struct load *load)
{
    load->over = true;
    for (uint32_t i = 0; i < load->requests_count; i++) {
        if (load->requests[i].in_use)
            request_end_unknown(&load->requests[i]);
    }
    (void)event_base_loopbreak(load->base);
}

/* Life. */

static enum status lane_init(struct load *load, uint32_t at)
{
    const struct load_options *options = load->options;
    struct lane *lane = &load->lanes[at];
    lane->load = load;
    lane->url = &options->targets[at % options->targets_count];
    const struct http_client_settings settings = {.base = load->base,
                                                  .url = lane->url,
                                                  .answer_ms = LOAD_ANSWER_MS,
                                                  .body_bytes_max = LOAD_WIRE_BYTES_MAX};
    lane->client = http_client_new(&settings);
    lane->rest = evtimer_new(load->base, on_rest_over, lane);
    if (lane->client == NULL || lane->rest == NULL)
        return STATUS_NO_MEMORY;
    lane_idle(lane);
    return STATUS_OK;
}

static enum status request_init(struct load *load, uint32_t at)
{
    const uint32_t batch = load->options->batch;
    struct load_request *request = &load->requests[at];
    request->load = load;
    request->claims = calloc(batch, sizeof *request->claims);
    request->answered = calloc(batch, sizeof *request->answered);
    request->pause = evtimer_new(load->base, on_pause_over, request);
    if (request->claims == NULL || request->answered == NULL || request->pause == NULL)
        return STATUS_NO_MEMORY;
    request->next = load->unused;
    load->unused = request;
    return STATUS_OK;
}

/* Each request has a player of its own at least. */
static uint32_t requests_needed(const struct load_options *options)
{
    const uint32_t claims_bound = WAITING_CLAIMS_MAX / options->batch;
    const uint32_t waiting = claims_bound < WAITING_MAX ? claims_bound : WAITING_MAX;
    const uint32_t needed = options->connections + waiting;
    return needed < options->players ? needed : options->players;
}

enum status load_requests_init(struct load *load)
{
    const struct load_options *options = load->options;
    if (load_wire_init(&load->wire, options->format) != STATUS_OK)
        return STATUS_NO_MEMORY;
    load->lanes = calloc(options->connections, sizeof *load->lanes);
    load->idle = calloc(options->connections, sizeof *load->idle);
    load->sending = calloc(options->batch, sizeof *load->sending);
    load->requests = calloc(requests_needed(options), sizeof *load->requests);
    if (load->lanes == NULL || load->idle == NULL || load->sending == NULL ||
        load->requests == NULL)
        return STATUS_NO_MEMORY;
    load->requests_count = requests_needed(options);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < options->connections && status == STATUS_OK; i++)
        status = lane_init(load, i);
    for (uint32_t i = 0; i < load->requests_count && status == STATUS_OK; i++)
        status = request_init(load, i);
    return status;
}

static void event_release(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void load_requests_fini(struct load *load)
{
    for (uint32_t i = 0; load->lanes != NULL && i < load->options->connections; i++) {
        http_client_free(load->lanes[i].client);
        event_release(load->lanes[i].rest);
    }
    for (uint32_t i = 0; i < load->requests_count; i++) {
        event_release(load->requests[i].pause);
        free(load->requests[i].claims);
        free(load->requests[i].answered);
    }
    free(load->lanes);
    free(load->idle);
    free(load->requests);
    free(load->sending);
}
