/* node/transport.h -- Messages between processes over nng, in the one shape in which its links
 * survive peers that are killed: one PULL socket a node, which listens; one PUSH socket a peer,
 * which dials; plain TCP; one message at a time on a link, and the next when the last one's
 * callback has come; no time-outs, no cancels, nothing synchronous. (nng 1.5: time-outs that fire
 * and non-blocking sends left links dead, or crashed the process, when peers were killed under
 * load.)
 *
 * PUSH keeps the order and loses what is on its way when a link breaks; everything above lives with
 * that. nng redials by itself, by the wall clock, so a step of it may delay that: peers.c watches.
 * A socket that is given up is closed by a thread of its own, because closing may block for ever.
 *
 * nng's own threads only set flags and move messages; `wake` is called then, on such a thread.
 * Everything else belongs to one thread. */
#ifndef CAIRN_NODE_TRANSPORT_H
#define CAIRN_NODE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* Messages that were received and not taken; while it is full, none is received. */
#define TRANSPORT_INBOX_MAX 256

struct transport;
struct transport_link;

struct transport_settings {
    const char *listen;       /* "tcp://127.0.0.1:7901"; port 0 takes a free one */
    size_t message_bytes_max; /* longer ones end the connection before memory is taken */
    void (*wake)(void *context);
    void *context;
};

/* STATUS_IO: the address cannot be listened on; STATUS_NO_MEMORY. */
MUST_USE enum status transport_open(struct transport **ret_transport,
                                    const struct transport_settings *settings);
/* Gives everything up, and waits a short while for it to be closed. Accepts NULL. False: something
 * blocks in nng, and goes on calling settings.wake. */
bool transport_close(struct transport *transport);

/* The port that is listened on. */
uint16_t transport_port(const struct transport *transport);

/* A message in memory of nng's. */
struct parcel {
    void *message; /* NULL: none */
    uint8_t *data;
    size_t bytes;
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status parcel_new(struct parcel *ret_parcel, size_t bytes);
void parcel_free(struct parcel *parcel);

/* The next message that was received, which is the caller's to free; false: there is none. */
bool transport_take(struct transport *transport, struct parcel *ret_parcel);

/* Begins to dial, for ever. NULL: no memory, or no such address. */
struct transport_link *transport_dial(struct transport *transport, const char *address);
/* Gives the link up. Accepts NULL. */
void transport_hang_up(struct transport_link *link);

/* True when nothing is on its way, so that transport_send may be called. When it is not, `wake` is
 * called once it is; nobody is woken for a message that nobody waits for. */
bool transport_idle(struct transport_link *link);
/* Takes the parcel over, cut to `bytes`. Waits in the link while there is no connection. */
void transport_send(struct transport_link *link, struct parcel *parcel, size_t bytes);

/* What happened to the link since this was asked last. */
struct transport_news {
    bool up;   /* a connection was made */
    bool down; /* one was lost */
};
struct transport_news transport_news(struct transport_link *link);

/* Closings that have taken longer than they should: what else goes on in nng is not known then. */
uint32_t transport_stuck(struct transport *transport);

#endif
