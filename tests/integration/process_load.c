#include "tests/integration/process_load.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 10
#define POLL_MS  5
#define PUT_MS   PROCESS_WAIT_MS

/* With several nodes: an election takes less, and whoever stands still is given up. */
#define PATIENCE_MS 1500

/* Between two requests of a client at most, so that the disk is now idle, now busy. */
#define PAUSE_MS 8

/* The same with several nodes, each of which is asked about every claim in the end. */
#define PAUSE_AT_SEVERAL_MS 120

void load_init(struct load *load, struct players *players)
{
    *load = (struct load){.players = players};
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        link_init(&load->clients[i].link);
        load->clients[i].first_player = i * LOAD_PLAYERS_PER_CLIENT;
    }
}

void load_fini(struct load *load)
{
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++)
        link_fini(&load->clients[i].link);
}

/* --- The hunt --------------------------------------------------------------------------------- */

static json_t *take_json(const struct answer *answer)
{
    json_t *json = json_loadb(answer->body, answer->bytes, 0, NULL);
    if (json == NULL)
        fail_msg("the body is not JSON: %s", answer->body);
    return json;
}

static struct answer ask_once(struct link *link, const struct process *process, const char *method,
                              const char *target, const char *body)
{
    if (link->fd < 0)
        (void)link_open_in(link, process->network, process->port);
    return http_ask(link, process->port, method, target, body);
}

void load_put_hunt(struct process *process)
{
    struct link link;
    char *yaml = field_yaml();
    const uint64_t begun = process_now_ms();
    struct answer answer = {0};
    link_init(&link);
    /* In a cluster, leaders may be about to move, and what an attempt began be decided on still. */
    do {
        answer = ask_once(&link, process, "PUT", "/v1/hunts/field", yaml);
    } while ((answer.status == 503 || answer.status == 409) && poll(NULL, 0, AGAIN_MS) == 0 &&
             process_now_ms() - begun < PUT_MS);
    free(yaml);
    if (answer.status != 200)
        fail_msg("the hunt is refused: %s; the node said: %s", answer.body, process_said(process));
    json_t *put = take_json(&answer);
    const uint64_t active_from = json_u64(put, "active_from_epoch");
    json_decref(put);
    const uint64_t start = process_now_ms();
    uint64_t epoch = 0;
    while (epoch < active_from) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("the hunt does not become active: %s", process_said(process));
        answer = ask_once(&link, process, "GET", "/v1/epochs/latest", "");
        if (answer.status == 404)
            continue; /* none is complete yet */
        assert_int_equal(answer.status, 200);
        json_t *latest = take_json(&answer);
        epoch = json_u64(latest, "epoch");
        json_decref(latest);
    }
    link_fini(&link);
}

/* --- Requests --------------------------------------------------------------------------------- */

static void make_request(struct load *load, struct client *client)
{
    char body[sizeof client->text - 512];
    struct rng *rng = load->players->rng;
    size_t used = (size_t)snprintf(body, sizeof body, "{\"hunt\":\"field\",\"claims\":[");
    client->count = (uint32_t)rng_between(rng, 1, LOAD_CLAIMS_MAX);
    for (uint32_t i = 0; i < client->count; i++) {
        const uint32_t player =
            client->first_player + (uint32_t)rng_below(rng, LOAD_PLAYERS_PER_CLIENT);
        const uint32_t claim = players_make_claim(load->players, player);
        const struct player *who = &load->players->list[player];
        client->player[i] = player;
        client->claim[i] = claim;
        if (i > 0)
            body[used++] = ',';
        used += players_write_claim(who, &who->claims[claim], body + used, FIELD_CLAIM_BYTES - 1);
    }
    (void)snprintf(body + used, sizeof body - used, "]}");
    client->bytes = http_write(client->text, sizeof client->text, "POST", "/hunt", body);
    client->repeat = false;
    client->made_at_ms = process_now_ms();
}

/* The connection is over; the request, if there is one, is asked again. */
static void hang_up(struct load *load, struct client *client)
{
    load->unanswered += client->waits;
    client->waits = false;
    link_close(&client->link);
}

/* Connects to any node that is ready. */
static bool connect_anywhere(struct load *load, struct client *client)
{
    const struct process *ready[LOAD_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < load->node_count; i++) {
        if (load->nodes[i]->pid != 0 && load->nodes[i]->port != 0)
            ready[count++] = load->nodes[i];
    }
    if (count == 0)
        return false;
    const struct process *node = ready[count > 1 ? rng_below(load->players->rng, count) : 0];
    return link_open_in(&client->link, node->network, node->port);
}

static void ask(struct load *load, struct client *client)
{
    if (client->count == 0) {
        if (load->finishing)
            return;
        make_request(load, client);
    }
    if (client->link.fd < 0 && !connect_anywhere(load, client)) {
        client->again_at_ms = process_now_ms() + AGAIN_MS;
        return;
    }
    if (!link_send(&client->link, client->text, client->bytes)) {
        hang_up(load, client);
        return;
    }
    client->waits = true;
    client->sent_at_ms = process_now_ms();
    /* Too impatient to hear the answer. */
    if (rng_chance(load->players->rng, 1, 24))
        hang_up(load, client);
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* False: the request has to be asked again. */
static bool take_results(struct load *load, const struct client *client,
                         const struct answer *answer)
{
    if (answer->status == 503) {
        assert_true(answer->retry_after_s > 0);
        return false;
    }
    if (answer->status != 200)
        fail_msg("claims are answered with %d: %s", answer->status, answer->body);
    json_t *json = take_json(answer);
    const json_t *results = json_object_get(json, "results");
    bool all = true;
    assert_int_equal(json_array_size(results), client->count);
    for (uint32_t i = 0; i < client->count; i++) {
        if (!players_take(load->players, client->player[i], client->claim[i],
                          json_array_get(results, i)))
            all = false;
    }
    json_decref(json);
    return all;
}

static void take_answer(struct load *load, struct client *client, const struct answer *answer)
{
    const bool last = answer->last;
    client->waits = false;
    if (!take_results(load, client, answer)) {
        load->refused++;
        client->again_at_ms = process_now_ms() + AGAIN_MS;
    } else {
        const uint64_t now_ms = process_now_ms();
        const uint64_t took_ms = now_ms - client->sent_at_ms;
        if (!client->repeat && now_ms - client->made_at_ms > load->longest_ms)
            load->longest_ms = now_ms - client->made_at_ms;
        load->slowest_ms = took_ms > load->slowest_ms ? took_ms : load->slowest_ms;
        load->answers++;
        const uint64_t pause_ms = load->node_count > 1 ? PAUSE_AT_SEVERAL_MS : PAUSE_MS;
        client->again_at_ms = process_now_ms() + rng_below(load->players->rng, pause_ms + 1);
        client->repeat = !client->repeat && rng_chance(load->players->rng, 1, 8);
        if (!client->repeat)
            client->count = 0;
    }
    if (last || (load->node_count > 1 && client->count > 0 && !client->repeat))
        link_close(&client->link);
}

/* What there is on the client's connection. */
static void receive(struct load *load, struct client *client)
{
    struct answer answer = {0};
    const enum link_state state = link_receive(&client->link, &answer);
    if (state == LINK_WAITS)
        return;
    if (state == LINK_ANSWER) {
        if (!client->waits)
            fail_msg("an answer that nobody asked for: %s", answer.body);
        take_answer(load, client, &answer);
        return;
    }
    load->cut += state == LINK_CUT;
    hang_up(load, client);
}

/* --- Running ---------------------------------------------------------------------------------- */

static void wait_for_any(struct load *load)
{
    struct pollfd list[LOAD_CLIENTS];
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++)
        list[i] = (struct pollfd){.fd = load->clients[i].link.fd, .events = POLLIN};
    (void)poll(list, LOAD_CLIENTS, POLL_MS);
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        if (list[i].revents != 0)
            receive(load, &load->clients[i]);
    }
}

static bool idle(const struct load *load)
{
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        if (load->clients[i].count > 0)
            return false;
    }
    return true;
}

static void ask_all(struct load *load)
{
    const uint64_t now_ms = process_now_ms();
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        struct client *client = &load->clients[i];
        if (client->waits && load->patience_ms != 0 &&
            now_ms - client->sent_at_ms > load->patience_ms)
            hang_up(load, client);
        if (!client->waits && client->again_at_ms <= now_ms)
            ask(load, client);
    }
}

void load_run(struct load *load, struct process *process, uint64_t run_ms)
{
    const uint64_t end_ms = process_now_ms() + run_ms;
    struct process *const nodes[] = {process};
    load->nodes = nodes;
    load->node_count = 1;
    load->patience_ms = 0;
    while (process_now_ms() < end_ms && !process_ended(process)) {
        ask_all(load);
        if (load->finishing && idle(load))
            break;
        wait_for_any(load);
    }
    load->nodes = NULL;
    load->node_count = 0;
}

void load_run_at(struct load *load, struct process *const *nodes, uint32_t count, uint64_t run_ms)
{
    const uint64_t end_ms = process_now_ms() + run_ms;
    assert_in_range(count, 2, LOAD_NODES_MAX);
    load->nodes = nodes;
    load->node_count = count;
    load->patience_ms = PATIENCE_MS;
    while (process_now_ms() < end_ms && !(load->finishing && idle(load))) {
        ask_all(load);
        wait_for_any(load);
    }
}

void load_take_rest(struct load *load)
{
    for (uint32_t i = 0; i < LOAD_CLIENTS; i++) {
        struct client *client = &load->clients[i];
        client->again_at_ms = 0;
        const uint64_t start = process_now_ms();
        while (client->link.fd >= 0) {
            struct pollfd wait = {.fd = client->link.fd, .events = POLLIN};
            if (poll(&wait, 1, PROCESS_WAIT_MS) != 1 || process_now_ms() - start > PROCESS_WAIT_MS)
                fail_msg("a connection outlives the node");
            receive(load, client);
        }
    }
}

static void all_acknowledged(struct load *load)
{
    load->finishing = false;
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const struct player *player = &load->players->list[i];
        for (uint32_t k = 0; k < player->count; k++)
            assert_true(player->claims[k].acknowledged);
    }
}

void load_finish(struct load *load, struct process *process)
{
    load->finishing = true;
    load_run(load, process, PROCESS_WAIT_MS);
    if (!idle(load))
        fail_msg("claims stay without an answer; the node said: %s", process_said(process));
    all_acknowledged(load);
}

void load_finish_at(struct load *load, struct process *const *nodes, uint32_t count)
{
    load->finishing = true;
    load_run_at(load, nodes, count, PROCESS_WAIT_MS);
    if (!idle(load))
        fail_msg("claims stay without an answer; the last node said: %s",
                 process_said(nodes[count - 1]));
    all_acknowledged(load);
}
