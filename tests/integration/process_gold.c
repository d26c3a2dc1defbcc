#include "tests/integration/process_gold.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_MS      20
#define OUTCOME_BYTES 16

static const char hunt[] =
    "hunt: gold\nplane: flat\ntreasures:\n"
    "  - { id: ring, at: { x: 0, y: 0 }, radius: 9, points: 5, supply: 3 }\n"
    "  - { id: crown, at: { x: 100, y: 0 }, radius: 9, points: 5, supply: 3 }\n"
    "  - { id: cup, at: { x: 200, y: 0 }, radius: 9, points: 5, supply: 3 }\n"
    "  - { id: chain, at: { x: 300, y: 0 }, radius: 9, points: 5, supply: 3 }\n";

void gold_init(struct gold *gold, struct nodes *nodes)
{
    gold->nodes = nodes;
    gold->treasure = 0;
    for (uint32_t i = 0; i < GOLD_WANTERS; i++)
        link_init(&gold->links[i]);
}

void gold_fini(struct gold *gold)
{
    for (uint32_t i = 0; i < GOLD_WANTERS; i++)
        link_fini(&gold->links[i]);
}

void gold_put(struct gold *gold, uint32_t number)
{
    const struct process *process = &gold->nodes->list[number];
    const uint64_t start = process_now_ms();
    struct link link;
    link_init(&link);
    for (;;) {
        if (link.fd < 0 && !link_open_in(&link, process->network, process->port))
            fail_msg("%s does not listen; it said: %s", process->name, process_said(process));
        const struct answer answer = http_ask(&link, process->port, "PUT", "/v1/hunts/gold", hunt);
        if (answer.status == 200)
            break;
        if (answer.status != 503 || process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the hunt is refused: %d %s", answer.status, answer.body);
        (void)poll(NULL, 0, AGAIN_MS);
    }
    link_fini(&link);
}

/* --- Claims ----------------------------------------------------------------------------------- */

/* False: the node is not there. */
static bool claim_at(struct gold *gold, uint32_t number, uint32_t player)
{
    const struct process *process = &gold->nodes->list[number];
    struct link *link = &gold->links[player];
    char body[256];
    char text[512];
    (void)snprintf(body, sizeof body,
                   "{\"hunt\":\"gold\",\"claims\":[{\"player\":\"%08x-0000-4000-8000-000000000000\""
                   ",\"seq\":%u,\"x\":%u,\"y\":0,\"time_ms\":1000}]}",
                   player, gold->treasure + 1, 100 * gold->treasure);
    const size_t bytes = http_write(text, sizeof text, "POST", "/hunt", body);
    link_close(link);
    return link_open_in(link, process->network, process->port) && link_send(link, text, bytes);
}

/* The outcome of a claim, or of its receipt. */
static void read_outcome(const struct answer *answer, char outcome[OUTCOME_BYTES])
{
    json_t *json = json_loadb(answer->body, answer->bytes, 0, NULL);
    const json_t *results = json_object_get(json, "results");
    const json_t *result = results != NULL ? json_array_get(results, 0) : json;
    (void)snprintf(outcome, OUTCOME_BYTES, "%s", json_text_of(result, "outcome"));
    json_decref(json);
}

/* Of the claim that was sent; "unavailable": nobody knows. */
static void await_outcome(struct gold *gold, uint32_t player, char outcome[OUTCOME_BYTES])
{
    struct link *link = &gold->links[player];
    const uint64_t start = process_now_ms();
    struct answer answer;
    (void)snprintf(outcome, OUTCOME_BYTES, "unavailable");
    if (link->fd < 0)
        return;
    enum link_state state = link_receive(link, &answer);
    for (; state == LINK_WAITS; state = link_receive(link, &answer)) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("player %u gets no answer", player);
        struct pollfd wait = {.fd = link->fd, .events = POLLIN};
        (void)poll(&wait, 1, AGAIN_MS);
    }
    if (state == LINK_ANSWER && answer.status == 200)
        read_outcome(&answer, outcome);
}

static bool is_judged(const char *outcome)
{
    return strcmp(outcome, "unavailable") != 0 && strcmp(outcome, "not_open") != 0;
}

/* Takes the answer to what was sent, and asks at one node after the other until there is one. */
static void claim_until_judged(struct gold *gold, uint32_t player)
{
    const uint64_t start = process_now_ms();
    char outcome[OUTCOME_BYTES];
    await_outcome(gold, player, outcome);
    for (uint32_t at = player; !is_judged(outcome); at++) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the claim of player %u stays %s", player, outcome);
        if (claim_at(gold, at % CLUSTER_NODES, player))
            await_outcome(gold, player, outcome);
        if (!is_judged(outcome))
            (void)poll(NULL, 0, AGAIN_MS);
    }
    if (strcmp(outcome, "pending") != 0 && strcmp(outcome, "won") != 0 &&
        strcmp(outcome, "lost") != 0 && strcmp(outcome, "sold_out") != 0)
        fail_msg("player %u gets %s", player, outcome);
}

void gold_wait_open(struct gold *gold)
{
    claim_until_judged(gold, 0);
}

void gold_begin(struct gold *gold, struct nodes *nodes)
{
    nodes_grow(nodes);
    gold_init(gold, nodes);
    gold_put(gold, 1);
    nodes_wait_whole(nodes);
    gold_wait_open(gold);
}

void gold_want(struct gold *gold)
{
    assert_true(gold->treasure < GOLD_TREASURES);
    for (uint32_t player = 0; player < GOLD_WANTERS; player++)
        (void)claim_at(gold, player % CLUSTER_NODES, player);
}

/* --- What became of them ---------------------------------------------------------------------- */

/* As a node tells it. */
static void settled_outcome(struct gold *gold, uint32_t number, uint32_t player,
                            char outcome[OUTCOME_BYTES])
{
    const uint64_t start = process_now_ms();
    char target[128];
    (void)snprintf(target, sizeof target,
                   "/v1/hunts/gold/players/%08x-0000-4000-8000-000000000000/actions/%u", player,
                   gold->treasure + 1);
    for (;;) {
        int status = 0;
        json_t *json = nodes_get(gold->nodes, number, target, &status);
        (void)snprintf(outcome, OUTCOME_BYTES, "%s",
                       status == 200 ? json_text_of(json, "outcome") : "");
        json_decref(json);
        if (*outcome != '\0' && strcmp(outcome, "pending") != 0)
            return;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the claim of player %u stays '%s' at %s", player, outcome,
                     gold->nodes->list[number].name);
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

/* In the published order. (Claims of one entry have stamps of their own.) */
static bool is_before(const json_t *one, const json_t *other)
{
    static const char *const members[] = {"hlc", "range", "log_index"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const uint64_t a = json_u64(one, members[i]);
        const uint64_t b = json_u64(other, members[i]);
        if (a != b)
            return a < b;
    }
    return false;
}

/* How many treasures have winners: as many as there are, the earliest first. */
static uint32_t check_awards(const json_t *awards)
{
    uint32_t treasures = 0;
    size_t i;
    const json_t *award;
    json_array_foreach(awards, i, award)
    {
        const json_t *winners = json_object_get(award, "winners");
        if (json_array_size(winners) == 0)
            continue;
        treasures++;
        assert_int_equal(json_array_size(winners), GOLD_SUPPLY);
        for (uint32_t place = 1; place < GOLD_SUPPLY; place++)
            assert_true(
                is_before(json_array_get(winners, place - 1), json_array_get(winners, place)));
    }
    return treasures;
}

/* A node lists awards once it knows that all ranges have settled them. The caller's. */
static json_t *await_awards(struct gold *gold, uint32_t number)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        json_t *page = nodes_get(gold->nodes, number, "/v1/hunts/gold/awards", NULL);
        if (check_awards(json_object_get(page, "awards")) == gold->treasure + 1)
            return page;
        json_decref(page);
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%s does not list the awards", gold->nodes->list[number].name);
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

static void compare_awards(struct gold *gold)
{
    json_t *first = await_awards(gold, 0);
    for (uint32_t i = 1; i < CLUSTER_NODES; i++) {
        json_t *other = await_awards(gold, i);
        if (!json_equal(json_object_get(first, "awards"), json_object_get(other, "awards")))
            fail_msg("awards differ: %s %s", json_dumps(first, 0), json_dumps(other, 0));
        json_decref(other);
    }
    json_decref(first);
}

void gold_settle(struct gold *gold)
{
    uint32_t won = 0;
    for (uint32_t player = 0; player < GOLD_WANTERS; player++)
        claim_until_judged(gold, player);
    for (uint32_t player = 0; player < GOLD_WANTERS; player++) {
        char outcome[CLUSTER_NODES][OUTCOME_BYTES];
        for (uint32_t node = 0; node < CLUSTER_NODES; node++) {
            settled_outcome(gold, node, player, outcome[node]);
            assert_string_equal(outcome[node], outcome[0]);
        }
        won += strcmp(outcome[0], "won") == 0;
    }
    assert_int_equal(won, GOLD_SUPPLY);
    compare_awards(gold);
    gold->treasure++;
}
