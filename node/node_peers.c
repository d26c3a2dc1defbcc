/* The core's messages, to other nodes and from them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/address.h"
#include "node/key_ring.h"
#include "node/node_parts.h"
#include "node/peers.h"
#include "proto/peer_message.h"

/* Kept between messages; a longer one's memory is given back. */
#define ARENA_KEPT ((size_t)1 << 20)

/* --- Out -------------------------------------------------------------------------------------- */

void node_peers_send(struct node *node, const struct effect *effect)
{
    const struct message *message = effect->send.message;
    const size_t room = peer_message_bytes_max(message);
    if (room > ENVELOPE_BODY_MAX) {
        node->metrics.messages_dropped++;
        return;
    }
    uint8_t *piece = arena_take(&node->outgoing, room);
    struct writer writer;
    writer_init(&writer, piece, room);
    peer_message_write(message, &writer);
    if (!peers_send(node->peers, effect->send.node, piece, writer.used))
        node->metrics.messages_dropped++;
    arena_reset(&node->outgoing, ARENA_KEPT);
}

void node_peers_dial(struct node *node, const struct effect *effect)
{
    const enum status status = peers_link(node->peers, effect->dial.node, effect->dial.address);
    if (status != STATUS_OK)
        log_write(LOG_LEVEL_WARNING, "cannot link to a peer",
                  LOG_FIELDS(log_id("node", effect->dial.node),
                             log_text("address", effect->dial.address),
                             log_text("status", status_name(status))));
}

void node_peers_flush(struct node *node)
{
    peers_flush(node->peers, node->effects->stamp);
}

/* --- In --------------------------------------------------------------------------------------- */

static bool can_take(void *context)
{
    return turn_ready(context);
}

static void step_message(struct node *node, const struct peer_message *from,
                         const struct message *message)
{
    if (!from->to_us && !message_is_first_contact(message->kind))
        return;
    /* A message of Raft says where its answer goes; it must be where it came from. */
    if (message->kind == MESSAGE_GROUP && message->group.from_node != 0 &&
        message->group.from_node != from->node)
        return;
    if (!turn_ready(node)) {
        node->metrics.messages_dropped++;
        return;
    }
    const struct event event = {
        .kind = EVENT_MESSAGE,
        .received = {.node = from->node,
                     .boot = from->boot,
                     .stamp = from->stamp,
                     .message = message},
    };
    turn_step(node, &event);
}

static void on_message(void *context, const struct peer_message *from)
{
    struct node *node = context;
    struct reader body;
    struct peer_piece piece;
    reader_init(&body, from->body, from->body_bytes);
    while (peer_piece_next(&body, &piece)) {
        struct message message;
        const enum status status = peer_message_read(&message, &node->incoming, &piece);
        if (status == STATUS_OK)
            step_message(node, from, &message);
        else
            node->metrics.messages_malformed += status == STATUS_INVALID;
        arena_reset(&node->incoming, ARENA_KEPT);
    }
    node->metrics.messages_malformed += !reader_ok(&body);
    turn_put_off(node);
}

/* A connection that is refused, or lost, is the first that is known of a node that was killed. */
static void on_news(void *context, uint64_t peer, enum peer_news news)
{
    struct node *node = context;
    static const char *const words[] = {
        [PEER_UP] = "a peer is linked",
        [PEER_DOWN] = "a peer's link is down",
        [PEER_REFUSED] = "a peer refuses connections",
    };
    static const enum members_link links[] = {
        [PEER_UP] = MEMBERS_LINK_UP,
        [PEER_DOWN] = MEMBERS_LINK_DOWN,
        [PEER_REFUSED] = MEMBERS_LINK_REFUSED,
    };
    log_write(news == PEER_REFUSED ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, words[news],
              LOG_FIELDS(log_id("node", peer)));
    if (!turn_ready(node))
        return; /* pings find out as well */
    const struct event event = {.kind = EVENT_LINK, .link = {.node = peer, .what = links[news]}};
    turn_step(node, &event);
    turn_put_off(node);
}

static void on_stuck(void *context)
{
    (void)context;
    node_die(EXIT_RESTART, "links cannot be closed any more: start this node anew", NULL);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static bool is_off_loopback(const char *listen)
{
    struct address address;
    return address_parse_peer(&address, listen) == STATUS_OK && !address.loopback;
}

/* Without keys anybody who reaches the port could speak for a node. */
static enum status load_ring(const struct config *config, struct seal_ring *ret_ring)
{
    struct key_ring_fault fault = {.text = ""};
    const enum status status =
        key_ring_load(ret_ring, config->peer.keys.items, config->peer.keys.count, &fault);
    if (status != STATUS_OK) {
        log_write(LOG_LEVEL_ERROR, "peer.keys cannot be used",
                  LOG_FIELDS(log_text("why", fault.text)));
        return STATUS_INVALID;
    }
    if (ret_ring->count == 0 && is_off_loopback(config->peer.listen)) {
        log_write(LOG_LEVEL_ERROR,
                  "peer.listen is open to other machines, so peer.keys must name a key file",
                  LOG_FIELDS(log_text("listen", config->peer.listen)));
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status node_peers_open(struct node *node, int *ret_exit_code)
{
    const struct config *config = node->config;
    struct peers_settings settings = {
        .listen = config->peer.listen,
        .node = node->identity.node,
        .boot = node->identity.boot,
        .cluster = node->identity.cluster,
        .ready = can_take,
        .received = on_message,
        .news = on_news,
        .stuck = on_stuck,
        .context = node,
    };
    *ret_exit_code = EXIT_CONFIGURATION;
    enum status status = load_ring(config, &settings.ring);
    if (status != STATUS_OK)
        return status;
    status = peers_open(&node->peers, &settings, node->base);
    if (status == STATUS_OK)
        return status;
    *ret_exit_code = EXIT_FAILED;
    log_write(LOG_LEVEL_ERROR, "cannot listen for peers",
              LOG_FIELDS(log_text("listen", config->peer.listen),
                         log_text("status", status_name(status))));
    return status;
}

/* The address that others reach us at: what is advertised, else where we listen, with the port that
 * was taken. */
void node_peers_address(const struct node *node, char address[ADDRESS_LENGTH_MAX + 1])
{
    const struct config *config = node->config;
    if (config->peer.advertise[0] != '\0') {
        (void)snprintf(address, ADDRESS_LENGTH_MAX + 1, "%s", config->peer.advertise);
        return;
    }
    const char *colon = strrchr(config->peer.listen, ':');
    CHECK(colon != NULL); /* the configuration was checked */
    (void)snprintf(address, ADDRESS_LENGTH_MAX + 1, "%.*s:%u", (int)(colon - config->peer.listen),
                   config->peer.listen, (unsigned)peers_port(node->peers));
}

/* --- Joining ---------------------------------------------------------------------------------- */

void node_peers_join(struct node *node)
{
    const struct config_list *join = &node->config->cluster.join;
    for (uint32_t i = 0; i < join->count && node->contact_count < CONTACTS_MAX; i++) {
        const enum status status =
            peers_link_address(node->peers, join->items[i], &node->contacts[node->contact_count]);
        if (status == STATUS_OK)
            node->contact_count++;
        else
            log_write(LOG_LEVEL_WARNING, "cannot link to an address of cluster.join",
                      LOG_FIELDS(log_text("address", join->items[i]),
                                 log_text("status", status_name(status))));
    }
    if (node->contact_count == 0)
        return;
    log_write(LOG_LEVEL_INFO, "joining a cluster",
              LOG_FIELDS(log_text("by", join->items[0]), log_number("addresses", join->count)));
    const struct event event = {
        .kind = EVENT_JOIN,
        .join = {.contacts = node->contacts, .count = node->contact_count},
    };
    turn_step(node, &event);
}

void node_peers_joined(struct node *node)
{
    for (uint32_t i = 0; i < node->contact_count; i++)
        peers_unlink(node->peers, node->contacts[i]);
    node->contact_count = 0;
    peers_set_cluster(node->peers, node->identity.cluster);
}
