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
                             .stamp = envelope->stamp,
                             .message = &envelope->mail.message},
            };
            node_event(world, node, &event);
        }
        envelope_free(envelope);
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
