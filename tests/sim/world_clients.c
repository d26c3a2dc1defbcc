/* The players of a simulated world: they send requests, lose answers, and ask again with the same
 * seq until they know. And whoever puts new versions of the hunts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/world_internal.h"

#define PLAYERS_PER_HUNT 24
#define PATIENCE_US      UINT64_C(800000) /* then a client asks again */
#define REQUESTS_MAX     200              /* open at a time */

static struct definition *new_version(struct world *world, struct played_hunt *hunt)
{
    const struct generate_hunt wish = {
        .name = hunt->name,
        .features = world->climate.features,
        .treasures = (uint16_t)rng_between(&world->rng, 4, 16),
        .start_ms = (int64_t)(WORLD_START_US / 1000),
        .length_ms = (int64_t)world->options.seconds * 1000,
    };
    if (hunt->definition != NULL)
        return generate_next(&world->rng, &wish, hunt->definition, &hunt->next_id);
    hunt->next_id = wish.treasures;
    return generate_definition(&world->rng, &wish);
}

void clients_start(struct world *world)
{
    world->hunt_count = (uint32_t)rng_between(&world->rng, 1, WORLD_HUNTS_MAX);
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        struct played_hunt *hunt = &world->hunts[i];
        (void)snprintf(hunt->name, sizeof hunt->name, "hunt%u", (unsigned)i);
        hunt->wanted = new_version(world, hunt);
        hunt->put_us = rng_below(&world->rng, 1000000);
    }
    world->next_redefine_us = 1000000 + UINT64_C(1000) * world->climate.redefine_every_ms;
    world->next_request_us = 200000;
}

static void request_free(struct request *request)
{
    free(request);
}

void clients_free(struct world *world)
{
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        definition_free(world->hunts[i].wanted);
        definition_free(world->hunts[i].definition);
        generate_players_free(world->hunts[i].players);
    }
    while (world->requests != NULL) {
        struct request *request = world->requests;
        world->requests = request->next;
        request_free(request);
    }
}

static struct node *any_node(struct world *world)
{
    return &world->nodes[rng_below(&world->rng, world->options.nodes)];
}

/* Sends what is not answered yet to some node; asks again later unless all is answered. */
static void send_request(struct world *world, struct request *request)
{
    struct node *node = any_node(world);
    request->retry_us = world->now_us + PATIENCE_US + rng_below(&world->rng, 200000);
    if (node->core == NULL || faults_paused(world, node))
        return;
    struct action actions[REQUEST_ACTIONS_MAX];
    uint32_t count = 0;
    /* An answer belongs to the newest attempt only: places are counted anew. */
    request->token = ++world->next_token;
    request->node = node->number;
    for (uint32_t i = 0; i < request->count; i++) {
        if (!request->done[i]) {
            request->places[count] = i;
            actions[count++] = request->actions[i];
        }
    }
    const struct event event = {
        .kind = EVENT_ACTIONS,
        .actions = {.token = request->token, .list = actions, .count = count},
    };
    node_event(world, node, &event);
}

static int64_t client_time_ms(const struct world *world)
{
    return (int64_t)((WORLD_START_US + world->now_us) / 1000);
}

static void new_request(struct world *world)
{
    struct played_hunt *hunt = &world->hunts[rng_below(&world->rng, world->hunt_count)];
    if (!hunt->known || world->open_requests >= REQUESTS_MAX)
        return;
    struct request *request = calloc(1, sizeof *request);
    CHECK(request != NULL);
    request->count = (uint32_t)rng_between(&world->rng, 1, REQUEST_ACTIONS_MAX);
    request->waiting = request->count;
    for (uint32_t i = 0; i < request->count; i++)
        generate_action(hunt->players, &world->rng, client_time_ms(world), &request->actions[i]);
    world->report->actions += request->count;
    request->next = world->requests;
    world->requests = request;
    world->open_requests++;
    send_request(world, request);
}

static void drop_answered(struct world *world)
{
    struct request **link = &world->requests;
    while (*link != NULL) {
        struct request *request = *link;
        if (request->waiting > 0) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        request_free(request);
        world->open_requests--;
    }
}

static void remember(struct world *world, const struct action *action, const struct result *result)
{
    if (world->acknowledged == world->acknowledged_room) {
        world->acknowledged_room =
            world->acknowledged_room == 0 ? 256 : 2 * world->acknowledged_room;
        world->acknowledgements = realloc(
            world->acknowledgements, world->acknowledged_room * sizeof *world->acknowledgements);
        CHECK(world->acknowledgements != NULL);
    }
    world->acknowledgements[world->acknowledged++] =
        (struct acknowledgement){.action = *action, .result = *result};
    world->acknowledgements[world->acknowledged - 1].result.treasure_id = NULL;
}

static void take_result(struct world *world, struct request *request, uint32_t at,
                        const struct result *result)
{
    const struct action *action = &request->actions[at];
    if (result->outcome == OUTCOME_UNAVAILABLE) {
        world->report->unavailable++;
        const uint64_t soon = world->now_us + rng_between(&world->rng, 1000, 100000);
        if (soon < request->retry_us)
            request->retry_us = soon;
        return;
    }
    if (!player_id_equal(&result->player, &action->player) || result->seq != action->seq) {
        world_fail(world, "a reply names another action than the one that was asked");
        return;
    }
    request->done[at] = true;
    request->waiting--;
    world->report->acknowledged++;
    world->report->replays += result->replayed;
    world->report->outcomes[result->outcome]++;
    remember(world, action, result);
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        if (world->hunts[i].known && world->hunts[i].number == action->hunt)
            generate_learn(world->hunts[i].players, result);
    }
    world_fold(world, result->hlc);
    world_fold(world, (uint64_t)result->outcome);
}

void clients_replied(struct world *world, struct node *node, const struct reply *reply)
{
    if (!world->calm && rng_chance(&world->rng, world->climate.reply_loss_percent, 100))
        return;
    for (struct request *request = world->requests; request != NULL; request = request->next) {
        if (request->token != reply->token || request->node != node->number)
            continue;
        const uint32_t at = request->places[reply->place];
        if (!request->done[at])
            take_result(world, request, at, &reply->result);
        return;
    }
}

/* Retries of what is due. Sending may answer, but never frees, so the walk is safe. */
static void retry_due(struct world *world)
{
    for (struct request *request = world->requests; request != NULL; request = request->next) {
        if (request->waiting > 0 && world->now_us >= request->retry_us)
            send_request(world, request);
    }
}

/* The version that is active as the players will know it: numbered, from the system group. */
static void adopt_active(struct world *world, struct played_hunt *hunt)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        const struct cluster *core = world->nodes[i].core;
        if (core == NULL)
            continue;
        const struct hunt *known = system_state_find_hunt(cluster_system(core), hunt->name);
        const struct hunt_version *active = known != NULL ? hunt_newest_active(known) : NULL;
        if (active == NULL || active->version <= hunt->version)
            continue;
        uint8_t *bytes = malloc(definition_bytes(active->definition));
        CHECK(bytes != NULL);
        struct writer writer;
        writer_init(&writer, bytes, definition_bytes(active->definition));
        definition_encode(active->definition, &writer);
        struct definition *copy = NULL;
        CHECK(definition_decode(&copy, bytes, writer.used) == STATUS_OK);
        free(bytes);
        if (hunt->players == NULL)
            hunt->players =
                generate_players_new(&world->rng, PLAYERS_PER_HUNT, known->number, copy);
        else
            generate_change(hunt->players, copy);
        definition_free(hunt->definition);
        hunt->definition = copy;
        hunt->number = known->number;
        hunt->version = active->version;
        hunt->known = true;
        world_trace(world, "%s: version %u is active from epoch %llu", hunt->name, active->version,
                    (unsigned long long)active->active_from_epoch);
    }
}

void clients_defined(struct world *world, const struct effect *effect)
{
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        struct played_hunt *hunt = &world->hunts[i];
        if (!hunt->put_waits || hunt->put_token != effect->defined.token)
            continue;
        world_trace(world, "%s: put: %s", hunt->name, status_name(effect->defined.status));
        hunt->put_waits = false;
        hunt->put_us = world->now_us + rng_between(&world->rng, 10000, 300000);
        if (effect->defined.status == STATUS_OK || effect->defined.status == STATUS_INVALID) {
            definition_free(hunt->wanted);
            hunt->wanted = NULL;
        }
    }
}

static void put_hunt(struct world *world, struct played_hunt *hunt)
{
    struct node *node = any_node(world);
    hunt->put_us = world->now_us + 2 * PATIENCE_US;
    if (node->core == NULL || faults_paused(world, node))
        return;
    hunt->put_waits = true;
    hunt->put_token = ++world->next_token;
    const struct event event = {
        .kind = EVENT_DEFINE,
        .define = {.token = hunt->put_token, .definition = hunt->wanted},
    };
    node_event(world, node, &event);
}

static void wake_hunts(struct world *world)
{
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        struct played_hunt *hunt = &world->hunts[i];
        adopt_active(world, hunt);
        if (hunt->wanted != NULL && world->now_us >= hunt->put_us)
            put_hunt(world, hunt);
    }
    if (world->calm || world->now_us < world->next_redefine_us)
        return;
    world->next_redefine_us += UINT64_C(1000) * world->climate.redefine_every_ms;
    struct played_hunt *hunt = &world->hunts[rng_below(&world->rng, world->hunt_count)];
    if (hunt->wanted == NULL) {
        hunt->wanted = new_version(world, hunt);
        hunt->put_us = world->now_us;
    }
}

uint64_t clients_next_us(const struct world *world)
{
    uint64_t next = world->calm ? UINT64_MAX : world->next_request_us;
    for (const struct request *request = world->requests; request; request = request->next) {
        if (request->retry_us < next)
            next = request->retry_us;
    }
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        if (world->hunts[i].wanted != NULL && world->hunts[i].put_us < next)
            next = world->hunts[i].put_us;
    }
    if (!world->calm && world->next_redefine_us < next)
        next = world->next_redefine_us;
    return next;
}

void clients_wake(struct world *world)
{
    wake_hunts(world);
    retry_due(world);
    if (!world->calm && world->now_us >= world->next_request_us) {
        world->next_request_us =
            world->now_us +
            rng_between(&world->rng, 1, 2 * (uint64_t)world->climate.request_every_us);
        new_request(world);
    }
    drop_answered(world);
}

bool clients_quiet(const struct world *world)
{
    for (uint32_t i = 0; i < world->hunt_count; i++) {
        if (world->hunts[i].wanted != NULL)
            return false;
    }
    return world->requests == NULL;
}
