/* The network between simulated nodes: it delays, reorders, loses and repeats messages. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/world_internal.h"

/* The entries of an AppendEntries become the copy's own. */
static void copy_entries(struct message *message)
{
    if (message->kind != MESSAGE_GROUP || message->group.type != GROUP_APPEND)
        return;
    const uint32_t count = message->group.append.count;
    struct log_entry *entries = calloc(count > 0 ? count : 1, sizeof *entries);
    CHECK(entries != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct log_entry *from = &message->group.append.entries[i];
        uint8_t *data = malloc(from->bytes > 0 ? from->bytes : 1);
        CHECK(data != NULL);
        if (from->bytes > 0)
            memcpy(data, from->data, from->bytes);
        entries[i] = *from;
        entries[i].data = data;
    }
    message->group.append.entries = entries;
}

static void envelope_free(struct envelope *envelope)
{
    const struct message *message = &envelope->message;
    if (message->kind == MESSAGE_GROUP && message->group.type == GROUP_APPEND) {
        for (uint32_t i = 0; i < message->group.append.count; i++)
            free((void *)(uintptr_t)message->group.append.entries[i].data);
        free((void *)(uintptr_t)message->group.append.entries);
    }
    free(envelope);
}

static void post(struct world *world, uint32_t to, uint64_t stamp, const struct message *message)
{
    struct envelope *envelope = calloc(1, sizeof *envelope);
    CHECK(envelope != NULL);
    uint64_t delay = rng_between(&world->rng, 50, world->climate.delay_us_max);
    if (!world->calm && rng_chance(&world->rng, 1, 200))
        delay *= 50;
    *envelope = (struct envelope){
        .at_us = world->now_us + delay, .to = to, .stamp = stamp, .message = *message};
    copy_entries(&envelope->message);

    struct envelope **link = &world->mail;
    while (*link != NULL && (*link)->at_us <= envelope->at_us)
        link = &(*link)->next;
    envelope->next = *link;
    *link = envelope;
}

void net_send(struct world *world, const struct node *from, const struct effect *effect)
{
    (void)from;
    uint32_t to = 0;
    while (to < world->options.nodes && world->nodes[to].id != effect->send.node)
        to++;
    CHECK(to < world->options.nodes);
    const bool faults = !world->calm;
    if (faults && rng_chance(&world->rng, world->climate.loss_percent, 100))
        return;
    post(world, to, world->effects.stamp, effect->send.message);
    if (faults && rng_chance(&world->rng, world->climate.duplicate_percent, 100))
        post(world, to, world->effects.stamp, effect->send.message);
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
        if (node->core != NULL) {
            const struct event event = {
                .kind = EVENT_MESSAGE,
                .received = {.stamp = envelope->stamp, .message = &envelope->message},
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
