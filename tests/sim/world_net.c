/* The network between simulated nodes: it delays, reorders, loses and repeats messages. */
#include <stdlib.h>

#include "cluster/base/check.h"
#include "tests/sim/world_internal.h"

static void envelope_free(struct envelope *envelope)
{
    mail_fini(&envelope->mail);
    free(envelope);
}

static void put_in_order(struct world *world, struct envelope *envelope)
{
    struct envelope **link = &world->mail;
    while (*link != NULL && (*link)->at_us <= envelope->at_us)
        link = &(*link)->next;
    envelope->next = *link;
    *link = envelope;
}

static void post(struct world *world, const struct node *from, uint32_t to,
                 const struct message *message)
{
    struct envelope *envelope = calloc(1, sizeof *envelope);
    CHECK(envelope != NULL);
    uint64_t delay = rng_between(&world->rng, 50, world->climate.delay_us_max);
    if (!world->calm && rng_chance(&world->rng, 1, 200))
        delay *= 50;
    *envelope = (struct envelope){
        .at_us = world->now_us + delay,
        .from = from->id,
        .boot = from->boot,
        .to = to,
        .stamp = world->effects.stamp,
    };
    mail_init(&envelope->mail, message);
    put_in_order(world, envelope);
}

void net_send(struct world *world, const struct node *from, const struct effect *effect)
{
    uint32_t to = 0;
    while (to < world->options.nodes && world->nodes[to].id != effect->send.node)
        to++;
    CHECK(to < world->options.nodes);
    if (faults_cut(world, from->number, to))
        return;
    const bool faults = !world->calm;
    if (faults && rng_chance(&world->rng, world->climate.loss_percent, 100))
        return;
    post(world, from, to, effect->send.message);
    if (faults && rng_chance(&world->rng, world->climate.duplicate_percent, 100))
        post(world, from, to, effect->send.message);
}

uint64_t net_next_us(const struct world *world)
{
    return world->mail != NULL ? world->mail->at_us : UINT64_MAX;
}

void net_deliver(struct world *world)
{
    while (world->mail != NULL && world->mail->at_us <= world->now_us) {
        struct envelope *envelope = world->mail;
        world->mail = envelope->next;
        struct node *node = &world->nodes[envelope->to];
        const bool paused = node->core != NULL && faults_paused(world, node);
        if (paused && !node->pause_loses) {
            envelope->at_us = node->paused_until_us;
            put_in_order(world, envelope);
            continue;
        }
        if (node->core != NULL && !paused) {
            const struct event event = {
                .kind = EVENT_MESSAGE,
                .received = {.node = envelope->from,
                             .boot = envelope->boot,
                             .stamp = envelope->stamp,
                             .message = &envelope->mail.message},
            };
            node_event(world, node, &event);
        }
        envelope_free(envelope);
    }
}

/* --- Links ------------------------------------------------------------------------------------ */

static struct link *link_of(struct world *world, uint32_t from, uint32_t to)
{
    return &world->links[from][to];
}

void net_links_changed(struct world *world, uint32_t number)
{
    for (uint32_t other = 0; other < world->options.nodes; other++) {
        if (other == number)
            continue;
        *link_of(world, number, other) = (struct link){
            .due_us = world->now_us + rng_between(&world->rng, 100, 5000),
        };
        link_of(world, other, number)->due_us = world->now_us + rng_between(&world->rng, 100, 5000);
    }
}

uint64_t net_next_link_us(const struct world *world)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t from = 0; from < world->options.nodes; from++) {
        for (uint32_t to = 0; to < world->options.nodes; to++) {
            const uint64_t due = world->links[from][to].due_us;
            if (from != to && world->nodes[from].core != NULL && due < next)
                next = due;
        }
    }
    return next;
}

static void tell_link(struct world *world, uint32_t from, uint32_t to, enum members_link what)
{
    const struct event event = {
        .kind = EVENT_LINK,
        .link = {.node = world->nodes[to].id, .what = what},
    };
    if (!world->report->failed)
        node_event(world, &world->nodes[from], &event);
}

/* The transport dials for ever, and says when a link is made, lost and refused. */
static void look_at_link(struct world *world, uint32_t from, uint32_t to)
{
    struct link *link = link_of(world, from, to);
    if (faults_paused(world, &world->nodes[from])) {
        link->due_us = world->nodes[from].paused_until_us;
        return;
    }
    const uint64_t boot = world->nodes[to].core != NULL ? world->nodes[to].boot : 0;
    if (link->boot != 0 && link->boot != boot)
        tell_link(world, from, to, MEMBERS_LINK_DOWN);
    link->due_us = boot != 0 ? UINT64_MAX : world->now_us + rng_between(&world->rng, 50000, 150000);
    if (boot == 0)
        tell_link(world, from, to, MEMBERS_LINK_REFUSED);
    else if (link->boot != boot)
        tell_link(world, from, to, MEMBERS_LINK_UP);
    link->boot = boot;
}

void net_links(struct world *world)
{
    for (uint32_t from = 0; from < world->options.nodes; from++) {
        for (uint32_t to = 0; to < world->options.nodes; to++) {
            if (from != to && world->nodes[from].core != NULL &&
                link_of(world, from, to)->due_us <= world->now_us)
                look_at_link(world, from, to);
        }
    }
}

void net_clear(struct world *world)
{
    while (world->mail != NULL) {
        struct envelope *envelope = world->mail;
        world->mail = envelope->next;
        envelope_free(envelope);
    }
}
