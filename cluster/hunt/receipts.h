/* cluster/hunt/receipts.h -- The receipts of accepted claims, kept as long as the hunt.
 *
 * One array of fixed capacity; each player's receipts are a chain in it, the highest seq first. A
 * chain is held by its head, a reference that is 0 when there is none. */
#ifndef CAIRN_CLUSTER_HUNT_RECEIPTS_H
#define CAIRN_CLUSTER_HUNT_RECEIPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/status.h"

struct receipt {
    uint64_t hlc;
    uint64_t log_index;
    uint32_t seq;
    uint32_t content; /* window_content of the action */
    uint32_t points;
    uint32_t version;
    uint32_t final_after; /* won, lost: epochs from that of the hlc to the one that settled it */
    uint32_t next;        /* reference to the next lower seq; 0: none */
    uint16_t treasure;
    uint8_t outcome; /* enum outcome: found, pending, won or lost */
    uint8_t zero[5];
};

struct receipts {
    struct receipt *list; /* memory is touched as it fills */
    uint32_t count;
    uint32_t capacity;
    struct cut cut; /* while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status receipts_init(struct receipts *receipts, uint32_t capacity);
void receipts_fini(struct receipts *receipts);

bool receipts_full(const struct receipts *receipts);

/* NULL for reference 0. Walk a chain by receipt->next. */
const struct receipt *receipts_at(const struct receipts *receipts, uint32_t reference);

/* The receipt of this seq in a chain, or NULL. */
const struct receipt *receipts_find(const struct receipts *receipts, uint32_t head, uint32_t seq);

/* Reference to the receipt of this seq in a chain; 0: it has none. */
uint32_t receipts_seek(const struct receipts *receipts, uint32_t head, uint32_t seq);

/* The receipt of a reference that is not 0, to be settled: seq and next must stay. */
struct receipt *receipts_open(struct receipts *receipts, uint32_t reference);

/* Store a copy in a chain; there must be room. push: its seq is above all in the chain, which is
 * not looked at; insert: no receipt of this seq is in it. */
void receipts_push(struct receipts *receipts, uint32_t *head, const struct receipt *receipt);
void receipts_insert(struct receipts *receipts, uint32_t *head, const struct receipt *receipt);

#endif
