/* node/peers.h -- This node's links to the other nodes: sealed messages out and in, links that come
 * back, and news of peers that refuse or fall silent.
 *
 * What is sent to a peer gathers in a bounded queue and leaves as one message when peers_flush() is
 * called and the link is free; what has waited too long is dropped, for a late heartbeat is worse
 * than none. Anything may be lost, come late or, after a link was replaced, out of order; nothing
 * comes twice, and nothing from strangers.
 *
 * How a link is watched. Every message says the highest number that its sender has received from
 * the receiver, so each side learns what has arrived; a node that has received something and sends
 * nothing says so in a message of its own after a short while. When nothing is confirmed for a
 * second, or nng reports that a connection is lost, we connect() to the address ourselves and hang
 * up at once: refused means that no process listens there (PEER_REFUSED); accepted means that the
 * peer is there and the link is not, so its socket is replaced. When sockets cannot even be closed
 * any more, `stuck` says so, and the process should exit for its supervisor to start it anew.
 *
 * All of it belongs to the thinking thread; callbacks come from its loop and may send. */
#ifndef CAIRN_NODE_PEERS_H
#define CAIRN_NODE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/base/status.h"
#include "proto/envelope.h"

/* Nodes, and addresses of nodes not known yet, that are linked at a time. */
#define PEERS_MAX (2 * NODES_MAX)

/* What waits for one peer; a piece more is dropped. */
#define PEERS_QUEUE_BYTES (UINT32_C(8) << 20)

/* What waits longer is dropped. */
#define PEERS_STALE_MS 500

/* Nothing confirmed for so long makes us look at a link. */
#define PEERS_SILENT_MS 1000

struct event_base;
struct peers;

enum peer_news {
    PEER_UP,      /* a connection was made */
    PEER_DOWN,    /* one was lost, or nothing is confirmed any more */
    PEER_REFUSED, /* nobody listens at its address */
};

struct peer_message {
    uint64_t node, boot;
    uint64_t stamp;
    bool to_us;      /* named this boot of this node; else only a first contact may be taken */
    bool in_cluster; /* the sender names our cluster */
    const uint8_t *body;
    size_t body_bytes; /* above 0 */
};

struct peers_settings {
    const char *listen;           /* "tcp://127.0.0.1:7901"; port 0 takes a free one */
    uint64_t node, boot;          /* ours */
    uint64_t cluster;             /* 0: none yet */
    struct seal_ring ring;        /* copied */
    bool (*ready)(void *context); /* false: no message can be taken now; NULL: always */
    void (*received)(void *context, const struct peer_message *message);
    void (*news)(void *context, uint64_t peer, enum peer_news news);
    void (*stuck)(void *context);
    void *context;
};

/* STATUS_IO: the address cannot be listened on; STATUS_NO_MEMORY. */
MUST_USE enum status peers_open(struct peers **ret_peers, const struct peers_settings *settings,
                                struct event_base *base);
/* Accepts NULL. */
void peers_close(struct peers *peers);

/* The port that is listened on. */
uint16_t peers_port(const struct peers *peers);

/* This node is in a cluster now. */
void peers_set_cluster(struct peers *peers, uint64_t cluster);

/* Links to a node at an address ("tcp://..."), or moves the link there when it was elsewhere.
 * STATUS_FULL: PEERS_MAX; STATUS_INVALID: no address; STATUS_NO_MEMORY. */
MUST_USE enum status peers_link(struct peers *peers, uint64_t node, const char *address);

/* The same for an address of which only that is known. *ret_peer stands for the node in the calls
 * below, until peers_unlink. */
MUST_USE enum status peers_link_address(struct peers *peers, const char *address,
                                        uint64_t *ret_peer);
void peers_unlink(struct peers *peers, uint64_t peer);

/* Queues a piece of a body: bodies are pieces one behind the other. At most ENVELOPE_BODY_MAX.
 * False: dropped, for there is no link, or its queue is full. */
bool peers_send(struct peers *peers, uint64_t peer, const void *piece, size_t bytes);

/* Sends what is queued, stamped, where the link is free; the rest follows when it is. */
void peers_flush(struct peers *peers, uint64_t stamp);

/* `ready` would say yes again: what has come meanwhile is taken in the loop's next round. */
void peers_resume(struct peers *peers);

struct peers_measures {
    uint64_t sent, sent_bytes;            /* messages */
    uint64_t received, received_bytes;    /* good ones */
    uint64_t dropped_full, dropped_stale; /* pieces */
    uint64_t refused[ENVELOPE_FAULTS];    /* messages, by why */
    uint64_t replayed;                    /* messages with a number or a boot that is over */
    uint64_t replaced;                    /* sockets of links */
    uint64_t queued_bytes;                /* now */
    uint32_t links, links_up;             /* now */
};
void peers_measure(const struct peers *peers, struct peers_measures *ret_measures);

#endif
