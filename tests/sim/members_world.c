#include "tests/sim/members_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "proto/gossip.h"

#define MONOTONIC_US UINT64_C(1000000)
#define START_US     UINT64_C(1700000000000000)
#define DIAL_US      UINT64_C(200000)

/* A connection that is silent for so long is given up by the system below. */
#define TORN_US UINT64_C(3000000)

/* An id is random but for its last part, which is the node's place. */
#define PLACES 4096

enum link_state {
    LINK_NONE = 0,
    LINK_DIALLING,
    LINK_OPEN,
};

enum event_kind {
    EVENT_KIND_TICK,
    EVENT_KIND_LETTER,
    EVENT_KIND_NEWS, /* of a link */
    EVENT_KIND_DIAL,
};

struct world_event {
    uint64_t due_us, number;
    enum event_kind kind;
    uint32_t node, peer; /* whom it happens to, and with whom */
    uint64_t boot;       /* of `node`: nothing happens to a later one */
    uint64_t peer_boot;
    enum members_link link;
    uint8_t *data;
    size_t bytes;
};

static size_t pair(const struct members_world *world, uint32_t a, uint32_t b)
{
    return (size_t)a * world->count + b;
}

/* Events: a binary heap, equal times in the order of their making. */

static bool before(const struct world_event *a, const struct world_event *b)
{
    return a->due_us != b->due_us ? a->due_us < b->due_us : a->number < b->number;
}

static void sift_up(struct world_event *events, uint32_t at)
{
    while (at > 0 && before(&events[at], &events[(at - 1) / 2])) {
        const struct world_event kept = events[at];
        events[at] = events[(at - 1) / 2];
        events[(at - 1) / 2] = kept;
        at = (at - 1) / 2;
    }
}

static void sift_down(struct world_event *events, uint32_t count)
{
    for (uint32_t at = 0;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            least = before(&events[child], &events[least]) ? child : least;
        if (least == at)
            return;
        const struct world_event kept = events[at];
        events[at] = events[least];
        events[least] = kept;
        at = least;
    }
}

static void add_event(struct members_world *world, struct world_event event)
{
    if (world->event_count == world->event_room) {
        world->event_room = world->event_room == 0 ? 1024 : 2 * world->event_room;
        world->events = realloc(world->events, world->event_room * sizeof *world->events);
        CHECK(world->events != NULL);
    }
    event.number = world->event_number++;
    event.boot = world->nodes[event.node].boot;
    world->events[world->event_count] = event;
    sift_up(world->events, world->event_count++);
}

static struct world_event take_event(struct members_world *world)
{
    const struct world_event first = world->events[0];
    world->events[0] = world->events[--world->event_count];
    world->events[world->event_count].data = NULL; /* its letter has moved, or is taken */
    sift_down(world->events, world->event_count);
    return first;
}

static uint64_t soon(struct members_world *world, uint64_t most_us)
{
    return world->now_us + rng_below(&world->rng, most_us + 1);
}

static uint64_t arrival(struct members_world *world)
{
    return world->now_us +
           rng_between(&world->rng, world->options.delay_us_min, world->options.delay_us_max);
}

/* Life. */

struct members_world *members_world_new(const struct members_world_options *options)
{
    struct members_world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->options = *options;
    world->count = options->capacity > options->nodes ? options->capacity : options->nodes;
    const size_t pairs = (size_t)world->count * world->count;
    world->nodes = calloc(world->count, sizeof *world->nodes);
    world->seen = calloc(pairs, sizeof *world->seen);
    world->links = calloc(pairs, 1);
    world->cuts = calloc(pairs, 1);
    world->cut_us = calloc(pairs, sizeof *world->cut_us);
    CHECK(world->nodes != NULL && world->seen != NULL && world->links != NULL);
    CHECK(world->cuts != NULL && world->cut_us != NULL);
    rng_init(&world->rng, options->seed);
    arena_init(&world->arena);
    for (uint32_t i = 0; i < world->count; i++)
        world->nodes[i].id = rng_below(&world->rng, UINT64_MAX / PLACES - 1) * PLACES + PLACES + i;
    return world;
}

void members_world_free(struct members_world *world)
{
    if (world == NULL)
        return;
    for (uint32_t i = 0; i < world->count; i++)
        members_free(world->nodes[i].members);
    for (uint32_t i = 0; i < world->event_count; i++)
        free(world->events[i].data);
    arena_fini(&world->arena);
    free(world->nodes);
    free(world->seen);
    free(world->links);
    free(world->cuts);
    free(world->cut_us);
    free(world->changes);
    free(world->events);
    free(world);
}

static struct member_details details_of(uint32_t node)
{
    struct member_details details = {0};
    char name[16];
    const int length = snprintf(name, sizeof name, "n%u", (unsigned)node + 1);
    CHECK(name_set(&details.name, name, (size_t)length) == STATUS_OK);
    (void)snprintf(details.peer, sizeof details.peer, "tcp://10.0.%u.%u:7901", (unsigned)node / 250,
                   (unsigned)node % 250 + 1);
    (void)snprintf(details.http, sizeof details.http, "10.0.%u.%u:7801", (unsigned)node / 250,
                   (unsigned)node % 250 + 1);
    return details;
}

static uint32_t find_node(const struct members_world *world, uint64_t id)
{
    const uint64_t place = id % PLACES;
    return place < world->count && world->nodes[place].id == id ? (uint32_t)place : UINT32_MAX;
}

static uint32_t find_address(const struct members_world *world, const char *address)
{
    for (uint32_t i = 0; i < world->count; i++) {
        const struct member_details details = details_of(i);
        if (strcmp(details.peer, address) == 0)
            return i;
    }
    UNREACHABLE();
}

struct now members_world_now(const struct members_world *world, uint32_t node)
{
    return (struct now){
        .monotonic_us = MONOTONIC_US + world->now_us,
        .physical_us =
            (uint64_t)((int64_t)(START_US + world->now_us) + world->nodes[node].clock_us),
        .uncertainty_us = 500,
    };
}

/* What holds whatever happens. */

static void check_seen(struct members_world *world, uint32_t observer, uint32_t about)
{
    const struct world_member *node = &world->nodes[observer];
    struct members_view view;
    if (!members_find(node->members, world->nodes[about].id, &view))
        return;
    struct life *seen = &world->seen[pair(world, observer, about)];
    const struct life *truth = &world->nodes[about].truth;
    const struct life claimed = {view.life.boot, view.life.incarnation, LIVENESS_UNHEARD};
    const struct life said = {truth->boot, truth->incarnation, LIVENESS_UNHEARD};
    if (life_compare(&view.life, seen) < 0 || life_compare(&claimed, &said) > 0)
        (void)fprintf(stderr, "seed=%llu at %llu us: node %u of node %u\n",
                      (unsigned long long)world->options.seed, (unsigned long long)world->now_us,
                      (unsigned)observer, (unsigned)about);
    CHECK(life_compare(&view.life, seen) >= 0);
    CHECK(life_compare(&claimed, &said) <= 0);
    *seen = view.life;
}

static void check_node(struct members_world *world, uint32_t node)
{
    struct world_member *self = &world->nodes[node];
    const struct members_view own = members_at(self->members, 0);
    CHECK(own.id == self->id);
    CHECK(life_compare(&own.life, &self->truth) >= 0);
    CHECK(own.life.boot == self->boot);
    self->truth = own.life;
    /* Everybody after every step in small worlds, those who changed in large ones. */
    if (world->count <= 16) {
        for (uint32_t i = 0; i < world->count; i++)
            check_seen(world, node, i);
        return;
    }
    for (uint32_t i = 0; i < world->output.change_count; i++) {
        const uint32_t about = find_node(world, world->output.changes[i].id);
        check_seen(world, node, about);
    }
}

static void note_changes(struct members_world *world, uint32_t node)
{
    for (uint32_t i = 0; i < world->output.change_count; i++) {
        const struct members_change *change = &world->output.changes[i];
        if (world->change_count == world->change_room) {
            world->change_room = world->change_room == 0 ? 1024 : 2 * world->change_room;
            world->changes = realloc(world->changes, world->change_room * sizeof *world->changes);
            CHECK(world->changes != NULL);
        }
        world->changes[world->change_count++] = (struct world_change){
            .at_us = world->now_us,
            .observer = node,
            .about = find_node(world, change->id),
            .before = change->before,
            .after = change->after,
        };
    }
}

/* Links and letters. */

static void dial_all(struct members_world *world, uint32_t node)
{
    uint64_t ids[MEMBERS_MAX];
    const uint32_t count = members_dials(world->nodes[node].members, ids);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t peer = find_node(world, ids[i]);
        uint8_t *link = &world->links[pair(world, node, peer)];
        if (*link != LINK_NONE)
            continue;
        *link = LINK_DIALLING;
        add_event(world, (struct world_event){.due_us = soon(world, 5000),
                                              .kind = EVENT_KIND_DIAL,
                                              .node = node,
                                              .peer = peer});
    }
}

static void post(struct members_world *world, uint32_t from, uint32_t to, struct gossip_bytes bytes,
                 uint64_t due_us)
{
    uint8_t *copy = malloc(bytes.bytes + 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.bytes);
    add_event(world, (struct world_event){.due_us = due_us,
                                          .kind = EVENT_KIND_LETTER,
                                          .node = to,
                                          .peer = from,
                                          .peer_boot = world->nodes[from].boot,
                                          .data = copy,
                                          .bytes = bytes.bytes});
}

static void add_news(struct members_world *world, uint32_t node, uint32_t peer,
                     enum members_link link, uint64_t due_us)
{
    add_event(
        world,
        (struct world_event){
            .due_us = due_us, .kind = EVENT_KIND_NEWS, .node = node, .peer = peer, .link = link});
}

static void send(struct members_world *world, uint32_t from, uint32_t to,
                 const struct gossip *message)
{
    const struct gossip_bytes bytes = gossip_write(&world->arena, message);
    world->nodes[from].messages++;
    world->nodes[from].bytes += bytes.bytes;
    world->by_kind[message->kind]++;
    const uint64_t due_us = arrival(world);
    const bool lost = rng_chance(&world->rng, world->options.loss_permille, 1000);
    const bool twice = rng_chance(&world->rng, world->options.duplicate_permille, 1000);
    const enum world_cut cut = world->cuts[pair(world, from, to)];
    if (cut == WORLD_OPEN && world->nodes[to].members != NULL) {
        if (!lost)
            post(world, from, to, bytes, due_us);
        if (twice)
            post(world, from, to, bytes, arrival(world));
        return;
    }
    const bool refused = cut == WORLD_RESET || (cut == WORLD_OPEN && world->nodes[to].refuses);
    if (refused && !world->options.links)
        add_news(world, from, to, MEMBERS_LINK_REFUSED, due_us + due_us - world->now_us);
}

void members_world_carry_out(struct members_world *world, uint32_t node)
{
    check_node(world, node);
    note_changes(world, node);
    for (uint32_t i = 0; i < world->output.send_count; i++) {
        const struct members_send *out = &world->output.sends[i];
        const uint32_t to =
            out->to != 0 ? find_node(world, out->to) : find_address(world, out->address);
        if (to != UINT32_MAX)
            send(world, node, to, &out->message);
    }
    arena_reset(&world->arena, 1 << 20);
    if (world->output.dials_changed && world->options.links)
        dial_all(world, node);
}

/* What happens. */

static void deliver(struct members_world *world, const struct world_event *event)
{
    struct gossip message;
    const struct gossip_bytes bytes = {event->data, event->bytes};
    CHECK(gossip_read(&message, &world->arena, bytes) == STATUS_OK);
    const struct now now = members_world_now(world, event->node);
    const struct members_sender sender = {world->nodes[event->peer].id, event->peer_boot};
    members_receive(world->nodes[event->node].members, &now, sender, &message, &world->output);
    members_world_carry_out(world, event->node);
}

static void tell_link(struct members_world *world, uint32_t node, uint32_t peer,
                      enum members_link link)
{
    const struct now now = members_world_now(world, node);
    members_link(world->nodes[node].members, &now, world->nodes[peer].id, link, &world->output);
    members_world_carry_out(world, node);
}

static void dial(struct members_world *world, const struct world_event *event)
{
    const uint32_t node = event->node, peer = event->peer;
    uint8_t *link = &world->links[pair(world, node, peer)];
    const enum world_cut cut = world->cuts[pair(world, node, peer)];
    const bool back = world->cuts[pair(world, peer, node)] == WORLD_OPEN;
    if (*link != LINK_DIALLING)
        return;
    if (cut == WORLD_OPEN && back && world->nodes[peer].members != NULL) {
        *link = LINK_OPEN;
        tell_link(world, node, peer, MEMBERS_LINK_UP);
        return;
    }
    add_event(world, (struct world_event){.due_us = world->now_us + DIAL_US,
                                          .kind = EVENT_KIND_DIAL,
                                          .node = node,
                                          .peer = peer});
    const bool answers = world->nodes[peer].members == NULL && world->nodes[peer].refuses && back;
    if (cut == WORLD_RESET || (cut == WORLD_OPEN && answers))
        tell_link(world, node, peer, MEMBERS_LINK_REFUSED);
}

static void tick(struct members_world *world, uint32_t node)
{
    const struct now now = members_world_now(world, node);
    members_tick(world->nodes[node].members, &now, &world->output);
    members_world_carry_out(world, node);
    add_event(world, (struct world_event){.due_us = world->now_us + MEMBERS_TICK_US,
                                          .kind = EVENT_KIND_TICK,
                                          .node = node});
}

static void happen(struct members_world *world, struct world_event *event)
{
    const struct world_member *node = &world->nodes[event->node];
    if (node->members == NULL || node->boot != event->boot)
        return;
    if (node->paused_until_us > world->now_us) {
        /* It all waits for him, in its order. */
        struct world_event later = *event;
        later.due_us = node->paused_until_us;
        event->data = NULL;
        add_event(world, later);
        return;
    }
    const uint64_t words[] = {world->now_us, event->kind, event->node, event->peer, event->bytes};
    world->digest = hash_chain(world->digest, words, sizeof words);
    world->digest = hash_chain(world->digest, event->data, event->bytes);
    switch (event->kind) {
    case EVENT_KIND_TICK:
        tick(world, event->node);
        break;
    case EVENT_KIND_LETTER:
        deliver(world, event);
        break;
    case EVENT_KIND_NEWS:
        tell_link(world, event->node, event->peer, event->link);
        break;
    case EVENT_KIND_DIAL:
        dial(world, event);
        break;
    }
}

void members_world_run(struct members_world *world, uint64_t us)
{
    const uint64_t end_us = world->now_us + us;
    while (world->event_count > 0 && world->events[0].due_us <= end_us) {
        struct world_event event = take_event(world);
        CHECK(event.due_us >= world->now_us);
        world->now_us = event.due_us;
        happen(world, &event);
        free(event.data);
    }
    world->now_us = end_us;
}

/* What is done to them. */

static void list_all(struct members_world *world, uint32_t node)
{
    struct members_listed *list = calloc(world->options.nodes, sizeof *list);
    CHECK(list != NULL);
    for (uint32_t i = 0; i < world->options.nodes; i++)
        list[i] = (struct members_listed){.id = world->nodes[i].id, .details = details_of(i)};
    const struct now now = members_world_now(world, node);
    CHECK(members_list(world->nodes[node].members, &now, list, world->options.nodes,
                       &world->output) == STATUS_OK);
    free(list);
    members_world_carry_out(world, node);
}

static void give_contact(struct members_world *world, uint32_t node, uint32_t contact)
{
    const struct member_details details = details_of(contact);
    const char *address = details.peer;
    CHECK(members_contacts(world->nodes[node].members, &address, 1) == STATUS_OK);
}

void members_world_start(struct members_world *world, uint32_t node, uint32_t contact)
{
    struct world_member *self = &world->nodes[node];
    CHECK(self->members == NULL);
    struct members_config config = {
        .id = self->id,
        .boot = ++self->boot,
        .details = details_of(node),
        .members_max = world->count,
    };
    config.seed = rng_next(&world->rng);
    self->members = members_new(&config);
    CHECK(self->members != NULL);
    self->paused_until_us = 0;
    for (uint32_t i = 0; i < world->count; i++) {
        world->seen[pair(world, node, i)] = (struct life){0};
        world->links[pair(world, node, i)] = LINK_NONE;
    }
    self->truth = members_at(self->members, 0).life;
    if (contact == CONTACT_NONE)
        list_all(world, node);
    else
        give_contact(world, node, contact);
    add_event(world, (struct world_event){.due_us = soon(world, MEMBERS_TICK_US),
                                          .kind = EVENT_KIND_TICK,
                                          .node = node});
}

void members_world_start_all(struct members_world *world)
{
    for (uint32_t i = 0; i < world->options.nodes; i++)
        members_world_start(world, i, CONTACT_NONE);
}

/* The connection from a node to its peer is gone; the node dials on. */
static void tear(struct members_world *world, uint32_t node, uint32_t peer, uint64_t dial_us)
{
    uint8_t *link = &world->links[pair(world, node, peer)];
    if (*link != LINK_OPEN || world->nodes[node].members == NULL)
        return;
    *link = LINK_DIALLING;
    add_news(world, node, peer, MEMBERS_LINK_DOWN, soon(world, 1000));
    add_event(world, (struct world_event){.due_us = world->now_us + 1000 + dial_us,
                                          .kind = EVENT_KIND_DIAL,
                                          .node = node,
                                          .peer = peer});
}

void members_world_kill(struct members_world *world, uint32_t node, bool refuses)
{
    struct world_member *self = &world->nodes[node];
    CHECK(self->members != NULL);
    members_free(self->members);
    self->members = NULL;
    self->refuses = refuses;
    for (uint32_t i = 0; i < world->count; i++) {
        /* A host that is silent is noticed when the system gives the connection up. */
        const uint64_t dial_us = refuses ? rng_below(&world->rng, 5000) : TORN_US;
        tear(world, i, node, dial_us);
    }
}

void members_world_pause(struct members_world *world, uint32_t node, uint64_t pause_us)
{
    world->nodes[node].paused_until_us = world->now_us + pause_us;
}

void members_world_cut(struct members_world *world, uint32_t from, uint32_t to, enum world_cut cut)
{
    const size_t at = pair(world, from, to);
    const uint8_t was = world->cuts[at];
    world->cuts[at] = (uint8_t)cut;
    if (was == WORLD_OPEN)
        world->cut_us[at] = world->now_us;
    if (cut == WORLD_RESET)
        tear(world, from, to, rng_below(&world->rng, 5000));
    else if (cut == WORLD_OPEN && was == WORLD_CUT && world->now_us - world->cut_us[at] > TORN_US) {
        const uint64_t there_us = rng_below(&world->rng, DIAL_US);
        tear(world, from, to, there_us);
        tear(world, to, from, rng_below(&world->rng, DIAL_US));
    }
}

void members_world_heal(struct members_world *world)
{
    for (uint32_t i = 0; i < world->count; i++) {
        for (uint32_t j = 0; j < world->count; j++) {
            if (world->cuts[pair(world, i, j)] != WORLD_OPEN)
                members_world_cut(world, i, j, WORLD_OPEN);
        }
    }
}

/* What they think. */

bool members_world_agreed(const struct members_world *world)
{
    const uint32_t running = members_world_running(world);
    uint64_t digest = 0;
    bool any = false;
    for (uint32_t i = 0; i < world->count; i++) {
        const struct members *members = world->nodes[i].members;
        if (members == NULL)
            continue;
        if (any && members_digest(members) != digest)
            return false;
        digest = members_digest(members);
        any = true;
        uint32_t alive = 0;
        for (uint32_t j = 0; j < members_count(members); j++)
            alive += members_at(members, j).life.liveness == LIVENESS_ALIVE;
        if (alive != running || members_live(members) != running)
            return false;
    }
    return true;
}

enum liveness members_world_liveness(const struct members_world *world, uint32_t observer,
                                     uint32_t about)
{
    struct members_view view;
    if (!members_find(world->nodes[observer].members, world->nodes[about].id, &view))
        return LIVENESS_UNHEARD;
    return view.life.liveness;
}

uint32_t members_world_thinking(const struct members_world *world, uint32_t about,
                                enum liveness liveness)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->count; i++) {
        count += i != about && world->nodes[i].members != NULL &&
                 members_world_liveness(world, i, about) == liveness;
    }
    return count;
}

uint32_t members_world_running(const struct members_world *world)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < world->count; i++)
        running += world->nodes[i].members != NULL;
    return running;
}

uint64_t members_world_said(const struct members_world *world, uint64_t since_us, uint32_t about,
                            enum liveness liveness)
{
    for (uint32_t i = 0; i < world->change_count; i++) {
        const struct world_change *change = &world->changes[i];
        if (change->at_us >= since_us && change->about == about &&
            change->after.liveness == liveness)
            return change->at_us;
    }
    return UINT64_MAX;
}

uint64_t members_world_until(struct members_world *world, uint32_t about, enum liveness liveness,
                             uint64_t most_us)
{
    const uint64_t start_us = world->now_us;
    for (;;) {
        const bool self = world->nodes[about].members != NULL;
        const uint32_t others = members_world_running(world) - self;
        if (members_world_thinking(world, about, liveness) == others ||
            world->now_us - start_us >= most_us)
            return world->now_us - start_us;
        members_world_run(world, 1000);
    }
}

uint64_t members_world_until_agreed(struct members_world *world, uint64_t most_us)
{
    const uint64_t start_us = world->now_us;
    while (!members_world_agreed(world) && world->now_us - start_us < most_us)
        members_world_run(world, 1000);
    return world->now_us - start_us;
}
