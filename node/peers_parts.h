/* node/peers_parts.h -- What the files of the peers share. Nobody else includes it.
 *
 *   peers.c        life, links, and messages coming in
 *   peers_queue.c  what waits for one peer
 *   peers_send.c   messages going out
 *   peers_watch.c  links that are lost: connecting to see, replacing sockets */
#ifndef CAIRN_NODE_PEERS_PARTS_H
#define CAIRN_NODE_PEERS_PARTS_H

#include "cluster/ranges/system_codec.h"
#include "node/loop.h"
#include "node/peers.h"
#include "node/transport.h"

/* Pieces one behind the other, with the time at which each came. */
struct piece_queue {
    uint8_t *data; /* NULL until the first; grows up to PEERS_QUEUE_BYTES */
    size_t used, capacity;
    struct piece {
        size_t end; /* offset behind it */
        uint64_t at_ms;
    } * pieces;
    uint32_t count, room;
};

void peers_queue_fini(struct piece_queue *queue);
/* False: no room. */
bool peers_queue_add(struct piece_queue *queue, const void *piece, size_t bytes, uint64_t now_ms);
/* Drops pieces from before `before_ms`; returns how many. */
uint32_t peers_queue_drop_before(struct piece_queue *queue, uint64_t before_ms);
/* Bytes of the first pieces that fit into `bytes_max` together; 0: it is empty. */
size_t peers_queue_first(const struct piece_queue *queue, size_t bytes_max);
/* Takes them off. */
void peers_queue_take(struct piece_queue *queue, size_t bytes);

/* What is known of another node's messages: from whom, and which came last. */
struct sender {
    uint64_t node, boot, number;
    uint64_t at_ms; /* of the last one */
};

struct link {
    struct peers *peers;
    bool in_use;
    uint64_t peer; /* node id; for an address: a number of ours */
    bool is_address;
    char address[ADDRESS_LENGTH_MAX + 1];
    struct transport_link *transport;
    bool up;
    struct piece_queue queue;
    uint64_t sent;                 /* number of the newest message that is to be confirmed */
    uint64_t confirmed;            /* the highest number that the peer says it has received */
    uint64_t since_ms;             /* nothing is confirmed since; 0: nothing waits for it */
    uint64_t owes_ms;              /* when what was received last is to be confirmed; 0: it is */
    bool look;                     /* a connection was lost: see whether somebody listens */
    uint64_t looked_ms;            /* when that was tried last */
    struct loop_event *connecting; /* a connect() of our own; NULL: none */
    int connecting_fd;
    uint64_t connecting_ms; /* since */
};

struct peers {
    struct peers_settings settings;
    struct event_base *base;
    struct transport *transport;
    int wake; /* an eventfd */
    struct loop_event *woken, *timer;
    uint64_t number; /* of the newest message sent */
    uint64_t stamp;  /* of the newest flush */
    uint8_t *room;   /* ENVELOPE_ROOM, where bodies are opened */
    struct link links[PEERS_MAX];
    struct sender senders[PEERS_MAX];
    uint32_t sender_count;
    struct peers_measures measures;
    bool held; /* messages wait for peers_resume */
    bool told_stuck;
    uint64_t refusals_told; /* a bit for each fault that was logged */
};

uint64_t peers_now_ms(void);
struct link *peers_find(struct peers *peers, uint64_t peer);
struct sender *peers_sender(struct peers *peers, uint64_t node);

/* peers_send.c */
void peers_send_link(struct peers *peers, struct link *link, uint64_t now_ms);

/* peers_watch.c */
void peers_watch_news(struct peers *peers, struct link *link, uint64_t now_ms);
void peers_watch_tick(struct peers *peers, struct link *link, uint64_t now_ms);
void peers_watch_end(struct link *link);

#endif
