#include "node/node_requests.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* A token is the slot's place, and above it how often the slot was used. */
#define PLACE_BITS 20
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

enum request_kind {
    REQUEST_FREE,
    REQUEST_RESULTS,
    REQUEST_ANSWER,
    REQUEST_DEFINED,
};

struct request {
    enum request_kind kind;
    bool answered;
    uint64_t token;
    uint64_t since_us;
    struct request *before, *behind; /* in `waiting`, oldest first; else only `behind` */
    void *context;
    node_results_fn *results_fn;
    struct result *results;
    struct name *names; /* of their treasures, behind them; those of the core may go meanwhile */
    uint32_t count, missing;
    node_answer_fn *answer_fn;
    const struct query_reply *reply;
    node_defined_fn *defined_fn;
    struct effect defined;
};

struct requests {
    uint32_t capacity, count, actions;
    struct request *slots;
    struct request *free;
    struct request *oldest, *newest; /* waiting */
    struct request *answered, **answered_end;
    struct query_reply unknown; /* the answer of nobody */
};

struct result result_unavailable(const struct action *action)
{
    return (struct result){
        .player = action->player,
        .seq = action->seq,
        .outcome = OUTCOME_UNAVAILABLE,
        .treasure = TREASURE_NONE,
        .final = true,
    };
}

struct requests *requests_new(uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity <= PLACE_MASK);
    struct requests *requests = calloc(1, sizeof *requests);
    if (requests == NULL)
        return NULL;
    requests->slots = calloc(capacity, sizeof *requests->slots);
    if (requests->slots == NULL) {
        free(requests);
        return NULL;
    }
    requests->capacity = capacity;
    requests->answered_end = &requests->answered;
    requests->unknown.status = STATUS_NOT_LEADER;
    for (uint32_t i = capacity; i > 0; i--) {
        struct request *slot = &requests->slots[i - 1];
        slot->token = i - 1;
        slot->behind = requests->free;
        requests->free = slot;
    }
    return requests;
}

void requests_free(struct requests *requests)
{
    if (requests == NULL)
        return;
    for (uint32_t i = 0; i < requests->capacity; i++)
        free(requests->slots[i].results);
    free(requests->slots);
    free(requests);
}

uint64_t requests_add(struct requests *requests, uint64_t now_us)
{
    struct request *request = requests->free;
    if (request == NULL)
        return 0;
    requests->free = request->behind;
    *request = (struct request){
        .token = request->token + PLACE_MASK + 1,
        .kind = REQUEST_ANSWER,
        .since_us = now_us,
        .before = requests->newest,
    };
    if (requests->newest != NULL)
        requests->newest->behind = request;
    else
        requests->oldest = request;
    requests->newest = request;
    requests->count++;
    return request->token;
}

/* NULL: gone, or answered already. */
static struct request *find(struct requests *requests, uint64_t token)
{
    const uint64_t place = token & PLACE_MASK;
    if (place >= requests->capacity)
        return NULL;
    struct request *request = &requests->slots[place];
    if (request->token != token || request->kind == REQUEST_FREE || request->answered)
        return NULL;
    return request;
}

static void take_out(struct requests *requests, struct request *request)
{
    if (request->before != NULL)
        request->before->behind = request->behind;
    else
        requests->oldest = request->behind;
    if (request->behind != NULL)
        request->behind->before = request->before;
    else
        requests->newest = request->before;
    request->before = NULL;
    request->behind = NULL;
}

static void answer(struct requests *requests, struct request *request)
{
    take_out(requests, request);
    request->answered = true;
    *requests->answered_end = request;
    requests->answered_end = &request->behind;
}

static void release(struct requests *requests, struct request *request)
{
    CHECK(requests->count > 0);
    CHECK(requests->actions >= request->count);
    requests->count--;
    requests->actions -= request->count;
    free(request->results);
    *request = (struct request){.token = request->token, .behind = requests->free};
    requests->free = request;
}

uint64_t requests_add_actions(struct requests *requests, uint64_t now_us,
                              const struct action *actions, uint32_t count)
{
    CHECK(count > 0);
    struct result *results = malloc(count * (sizeof *results + sizeof(struct name)));
    const uint64_t token = results != NULL ? requests_add(requests, now_us) : 0;
    struct request *request = token != 0 ? find(requests, token) : NULL;
    if (request == NULL) {
        free(results);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        results[i] = result_unavailable(&actions[i]);
        results[i].outcome = OUTCOME_NONE; /* no result yet */
    }
    request->kind = REQUEST_RESULTS;
    request->results = results;
    request->names = (struct name *)(results + count);
    request->count = count;
    request->missing = count;
    requests->actions += count;
    return token;
}

void requests_call_results(struct requests *requests, uint64_t token, node_results_fn *fn,
                           void *context)
{
    struct request *request = find(requests, token);
    CHECK(request != NULL);
    CHECK(request->kind == REQUEST_RESULTS);
    request->results_fn = fn;
    request->context = context;
}

void requests_call_answer(struct requests *requests, uint64_t token, node_answer_fn *fn,
                          void *context)
{
    struct request *request = find(requests, token);
    CHECK(request != NULL);
    request->kind = REQUEST_ANSWER;
    request->answer_fn = fn;
    request->context = context;
}

void requests_call_defined(struct requests *requests, uint64_t token, node_defined_fn *fn,
                           void *context)
{
    struct request *request = find(requests, token);
    CHECK(request != NULL);
    request->kind = REQUEST_DEFINED;
    request->defined_fn = fn;
    request->context = context;
}

void requests_result(struct requests *requests, const struct reply *reply)
{
    struct request *request = find(requests, reply->token);
    if (request == NULL)
        return;
    CHECK(request->kind == REQUEST_RESULTS);
    CHECK(reply->place < request->count);
    CHECK(request->results[reply->place].outcome == OUTCOME_NONE);
    CHECK(reply->result.outcome != OUTCOME_NONE);
    struct result *result = &request->results[reply->place];
    *result = reply->result;
    if (result->treasure_id != NULL) {
        const size_t bytes = strlen(result->treasure_id) + 1;
        CHECK(bytes <= sizeof request->names->text);
        result->treasure_id = memcpy(request->names[reply->place].text, result->treasure_id, bytes);
    }
    if (--request->missing == 0)
        answer(requests, request);
}

void requests_answer(struct requests *requests, uint64_t token, const struct query_reply *reply)
{
    struct request *request = find(requests, token);
    if (request == NULL)
        return;
    CHECK(request->kind == REQUEST_ANSWER);
    request->reply = reply;
    answer(requests, request);
}

void requests_defined(struct requests *requests, const struct effect *defined)
{
    struct request *request = find(requests, defined->defined.token);
    if (request == NULL)
        return;
    CHECK(request->kind == REQUEST_DEFINED);
    request->defined = *defined;
    answer(requests, request);
}

static void give_up(struct requests *requests, struct request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        if (request->results[i].outcome == OUTCOME_NONE)
            request->results[i].outcome = OUTCOME_UNAVAILABLE;
    }
    request->reply = &requests->unknown;
    request->defined = (struct effect){
        .kind = EFFECT_DEFINED,
        .defined = {.token = request->token, .status = STATUS_NOT_LEADER},
    };
    answer(requests, request);
}

void requests_give_up(struct requests *requests, uint64_t token)
{
    struct request *request = find(requests, token);
    if (request != NULL)
        give_up(requests, request);
}

uint32_t requests_expire(struct requests *requests, uint64_t before_us)
{
    uint32_t expired = 0;
    while (requests->oldest != NULL && requests->oldest->since_us < before_us) {
        give_up(requests, requests->oldest);
        expired++;
    }
    return expired;
}

static void call(const struct request *request)
{
    switch (request->kind) {
    case REQUEST_RESULTS:
        request->results_fn(request->context, request->results, request->count);
        return;
    case REQUEST_ANSWER:
        request->answer_fn(request->context, request->reply);
        return;
    case REQUEST_DEFINED:
        request->defined_fn(request->context, &request->defined);
        return;
    case REQUEST_FREE:
        break;
    }
    UNREACHABLE();
}

/* Clocks that are read apart may seem to run backwards by a little. */
static void count_results(const struct request *request, uint64_t now_us, struct metrics *metrics)
{
    const uint64_t took_us = now_us > request->since_us ? now_us - request->since_us : 0;
    metrics_count_results(metrics, request->results, request->count);
    histogram_add(&metrics->commit, took_us, 1);
}

void requests_deliver(struct requests *requests, uint64_t now_us, struct metrics *metrics)
{
    while (requests->answered != NULL) {
        struct request *request = requests->answered;
        requests->answered = request->behind;
        if (requests->answered == NULL)
            requests->answered_end = &requests->answered;
        if (request->kind == REQUEST_RESULTS)
            count_results(request, now_us, metrics);
        call(request);
        release(requests, request);
    }
}

uint32_t requests_count(const struct requests *requests)
{
    return requests->count;
}

uint32_t requests_actions(const struct requests *requests)
{
    return requests->actions;
}
