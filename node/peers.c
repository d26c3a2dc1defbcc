#include "node/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/address.h"
#include "node/log.h"
#include "node/peers_parts.h"

/* What was received is confirmed after so long, where nothing else is sent. */
#define CONFIRM_MS 200

/* Links are looked at so often. */
#define TICK_US 50000

/* Messages taken in one round of the loop. */
#define ROUND_MESSAGES 64

/* Sockets that cannot even be closed: beyond this, nng is not to be trusted with the others. */
#define STUCK_MAX 3

uint64_t peers_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct link *peers_find(struct peers *peers, uint64_t peer)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (peers->links[i].in_use && peers->links[i].peer == peer)
            return &peers->links[i];
    }
    return NULL;
}

struct sender *peers_sender(struct peers *peers, uint64_t node)
{
    for (uint32_t i = 0; i < peers->sender_count; i++) {
        if (peers->senders[i].node == node)
            return &peers->senders[i];
    }
    return NULL;
}

/* --- Receiving -------------------------------------------------------------------------------- */

/* Where there is no room, the one of whom nothing was heard longest. */
static struct sender *add_sender(struct peers *peers, uint64_t node)
{
    struct sender *sender = &peers->senders[0];
    if (peers->sender_count < PEERS_MAX) {
        sender = &peers->senders[peers->sender_count++];
    } else {
        for (uint32_t i = 1; i < PEERS_MAX; i++) {
            if (peers->senders[i].at_ms < sender->at_ms)
                sender = &peers->senders[i];
        }
    }
    *sender = (struct sender){.node = node};
    return sender;
}

/* Numbers rise, and boots too. */
static bool is_fresh(struct peers *peers, const struct envelope *envelope, uint64_t now_ms)
{
    struct sender *sender = peers_sender(peers, envelope->node);
    if (sender == NULL)
        sender = add_sender(peers, envelope->node);
    if (envelope->boot < sender->boot ||
        (envelope->boot == sender->boot && envelope->number <= sender->number))
        return false;
    sender->boot = envelope->boot;
    sender->number = envelope->number;
    sender->at_ms = now_ms;
    return true;
}

static void note_confirmed(struct link *link, uint64_t heard, uint64_t now_ms)
{
    if (heard <= link->confirmed)
        return;
    link->confirmed = heard;
    link->since_ms = heard >= link->sent ? 0 : now_ms;
}

static void note_refused(struct peers *peers, enum envelope_fault fault)
{
    peers->measures.refused[fault]++;
    const uint64_t bit = UINT64_C(1) << fault;
    if ((peers->refusals_told & bit) != 0)
        return;
    peers->refusals_told |= bit;
    log_write(LOG_LEVEL_WARNING, "a peer's message was refused; more of the kind are only counted",
              LOG_FIELDS(log_text("why", envelope_fault_name(fault))));
}

static void deliver(struct peers *peers, const struct envelope *envelope, size_t body_bytes,
                    uint64_t now_ms)
{
    const bool to_us =
        envelope->to_node == peers->settings.node && envelope->to_boot == peers->settings.boot;
    struct link *link = peers_find(peers, envelope->node);
    if (link != NULL && to_us)
        note_confirmed(link, envelope->heard, now_ms);
    if (body_bytes == 0)
        return;
    if (link != NULL && link->owes_ms == 0)
        link->owes_ms = now_ms + CONFIRM_MS;
    const struct peer_message message = {
        .node = envelope->node,
        .boot = envelope->boot,
        .stamp = envelope->stamp,
        .to_us = to_us,
        .in_cluster = envelope->cluster != 0 && envelope->cluster == peers->settings.cluster,
        .body = peers->room,
        .body_bytes = body_bytes,
    };
    peers->settings.received(peers->settings.context, &message);
}

static void take(struct peers *peers, const struct parcel *parcel, uint64_t now_ms)
{
    const struct envelope_reader reader = {
        .cluster = peers->settings.cluster,
        .node = peers->settings.node,
        .boot = peers->settings.boot,
        .ring = &peers->settings.ring,
    };
    struct envelope envelope;
    size_t body_bytes;
    const enum envelope_fault fault =
        envelope_open(&envelope, &reader, parcel->data, parcel->bytes, peers->room, &body_bytes);
    if (fault != ENVELOPE_OK) {
        note_refused(peers, fault);
        return;
    }
    if (!is_fresh(peers, &envelope, now_ms)) {
        peers->measures.replayed++;
        return;
    }
    peers->measures.received++;
    peers->measures.received_bytes += parcel->bytes;
    deliver(peers, &envelope, body_bytes, now_ms);
}

/* Those that came, as long as they can be taken. */
static void take_all(struct peers *peers, uint64_t now_ms)
{
    struct parcel parcel;
    for (uint32_t taken = 0; taken < ROUND_MESSAGES; taken++) {
        peers->held =
            peers->settings.ready != NULL && !peers->settings.ready(peers->settings.context);
        if (peers->held || !transport_take(peers->transport, &parcel))
            return;
        take(peers, &parcel, now_ms);
        parcel_free(&parcel);
    }
    (void)eventfd_write(peers->wake, 1); /* the rest in the next round */
}

static void on_woken(void *context)
{
    struct peers *peers = context;
    eventfd_t count;
    (void)eventfd_read(peers->wake, &count);
    const uint64_t now_ms = peers_now_ms();
    take_all(peers, now_ms);
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct link *link = &peers->links[i];
        if (link->in_use)
            peers_watch_news(peers, link, now_ms);
        if (link->in_use)
            peers_send_link(peers, link, now_ms);
    }
}

static void on_timer(void *context)
{
    struct peers *peers = context;
    const uint64_t now_ms = peers_now_ms();
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct link *link = &peers->links[i];
        if (link->in_use)
            peers_watch_tick(peers, link, now_ms);
        if (link->in_use)
            peers_send_link(peers, link, now_ms);
    }
    if (transport_stuck(peers->transport) >= STUCK_MAX && !peers->told_stuck) {
        peers->told_stuck = true;
        peers->settings.stuck(peers->settings.context);
    }
    loop_timer_after(peers->timer, TICK_US);
}

/* nng's threads. */
static void wake_loop(void *context)
{
    const struct peers *peers = context;
    (void)eventfd_write(peers->wake, 1);
}

/* --- Links ------------------------------------------------------------------------------------ */

static void drop_link(struct link *link)
{
    peers_watch_end(link);
    transport_hang_up(link->transport);
    peers_queue_fini(&link->queue);
    *link = (struct link){0};
}

static enum status make_link(struct peers *peers, uint64_t peer, const char *address,
                             struct link **ret_link)
{
    struct address parsed;
    if (strlen(address) > ADDRESS_LENGTH_MAX || address_parse_peer(&parsed, address) != STATUS_OK ||
        parsed.port == 0)
        return STATUS_INVALID;
    struct link *link = NULL;
    for (uint32_t i = 0; i < PEERS_MAX && link == NULL; i++) {
        if (!peers->links[i].in_use)
            link = &peers->links[i];
    }
    if (link == NULL)
        return STATUS_FULL;
    struct transport_link *transport = transport_dial(peers->transport, address);
    if (transport == NULL)
        return STATUS_NO_MEMORY;
    *link = (struct link){.peers = peers, .in_use = true, .peer = peer, .transport = transport};
    (void)snprintf(link->address, sizeof link->address, "%s", address);
    *ret_link = link;
    return STATUS_OK;
}

enum status peers_link(struct peers *peers, uint64_t node, const char *address)
{
    CHECK(node != 0);
    CHECK(node != peers->settings.node);
    struct link *link = peers_find(peers, node);
    if (link != NULL && strcmp(link->address, address) == 0)
        return STATUS_OK;
    struct link *made;
    const enum status status = make_link(peers, node, address, &made);
    /* What waited for the old address goes to the new one when it is sent again. */
    if (status == STATUS_OK && link != NULL)
        drop_link(link);
    return status;
}

enum status peers_link_address(struct peers *peers, const char *address, uint64_t *ret_peer)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct link *link = &peers->links[i];
        if (link->in_use && link->is_address && strcmp(link->address, address) == 0) {
            *ret_peer = link->peer;
            return STATUS_OK;
        }
    }
    struct link *link;
    const enum status status = make_link(peers, 0, address, &link);
    if (status != STATUS_OK)
        return status;
    link->is_address = true;
    /* No random id of a node is so small. */
    link->peer = (uint64_t)(link - peers->links) + 1;
    *ret_peer = link->peer;
    return STATUS_OK;
}

void peers_unlink(struct peers *peers, uint64_t peer)
{
    struct link *link = peers_find(peers, peer);
    if (link != NULL)
        drop_link(link);
}

bool peers_send(struct peers *peers, uint64_t peer, const void *piece, size_t bytes)
{
    struct link *link = peers_find(peers, peer);
    if (link == NULL || !peers_queue_add(&link->queue, piece, bytes, peers_now_ms())) {
        peers->measures.dropped_full++;
        return false;
    }
    return true;
}

void peers_flush(struct peers *peers, uint64_t stamp)
{
    const uint64_t now_ms = peers_now_ms();
    peers->stamp = stamp;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct link *link = &peers->links[i];
        if (link->in_use && link->queue.count > 0)
            peers_send_link(peers, link, now_ms);
    }
}

/* --- Life ------------------------------------------------------------------------------------- */

static enum status begin(struct peers *peers)
{
    const struct transport_settings settings = {
        .listen = peers->settings.listen,
        .message_bytes_max = ENVELOPE_MESSAGE_MAX,
        .wake = wake_loop,
        .context = peers,
    };
    peers->room = malloc(ENVELOPE_ROOM);
    peers->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (peers->room == NULL || peers->wake < 0)
        return STATUS_NO_MEMORY;
    peers->woken = loop_reader_new(peers->base, peers->wake, LOOP_URGENT, on_woken, peers);
    peers->timer = loop_timer_new(peers->base, LOOP_URGENT, on_timer, peers);
    if (peers->woken == NULL || peers->timer == NULL)
        return STATUS_NO_MEMORY;
    const enum status status = transport_open(&peers->transport, &settings);
    if (status == STATUS_OK)
        loop_timer_after(peers->timer, TICK_US);
    return status;
}

enum status peers_open(struct peers **ret_peers, const struct peers_settings *settings,
                       struct event_base *base)
{
    CHECK(settings->node != 0);
    CHECK(settings->boot != 0);
    struct peers *peers = calloc(1, sizeof *peers);
    if (peers == NULL)
        return STATUS_NO_MEMORY;
    peers->settings = *settings;
    peers->base = base;
    peers->wake = -1;
    const enum status status = begin(peers);
    if (status != STATUS_OK) {
        peers_close(peers);
        return status;
    }
    peers->settings.listen = NULL; /* the caller's */
    *ret_peers = peers;
    return STATUS_OK;
}

void peers_close(struct peers *peers)
{
    if (peers == NULL)
        return;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (peers->links[i].in_use)
            drop_link(&peers->links[i]);
    }
    const bool closed = transport_close(peers->transport);
    loop_event_free(peers->woken);
    loop_event_free(peers->timer);
    if (!closed) {
        log_write(LOG_LEVEL_WARNING, "links could not be closed: they end with the process", NULL);
        return; /* nng's threads go on waking us */
    }
    if (peers->wake >= 0)
        (void)close(peers->wake);
    free(peers->room);
    free(peers);
}

void peers_resume(struct peers *peers)
{
    if (peers->held)
        (void)eventfd_write(peers->wake, 1);
}

uint16_t peers_port(const struct peers *peers)
{
    return transport_port(peers->transport);
}

void peers_set_cluster(struct peers *peers, uint64_t cluster)
{
    peers->settings.cluster = cluster;
}

void peers_measure(const struct peers *peers, struct peers_measures *ret_measures)
{
    *ret_measures = peers->measures;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct link *link = &peers->links[i];
        if (!link->in_use)
            continue;
        ret_measures->links++;
        ret_measures->links_up += link->up;
        ret_measures->queued_bytes += link->queue.used;
    }
}
