/* cluster/hunt/window.h -- What a player did last: the WINDOW_SEQS highest seqs that were judged,
 * with their results.
 *
 * A ring, sorted by seq, the highest one at `newest`. Players number their actions upwards, so a
 * new action nearly always goes to the front, which costs one write; one that comes out of order
 * moves those above it. All zeros: empty. */
#ifndef CAIRN_CLUSTER_HUNT_WINDOW_H
#define CAIRN_CLUSTER_HUNT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"
#include "cluster/values/action.h"

/* One judged action. An accepted one has a receipt, which tells what has become of it since. */
struct window_entry {
    uint32_t seq;
    uint32_t content;           /* window_content of the action */
    uint32_t hlc_high, hlc_low; /* halves, so that an entry takes 20 bytes */
    uint16_t treasure;
    uint8_t outcome;
    uint8_t zero;
};

struct window {
    uint32_t highest; /* seq; 0: empty */
    uint8_t count;
    uint8_t newest; /* where the highest is */
    uint16_t zero;
    struct window_entry entries[WINDOW_SEQS];
};

/* What of action_content is kept. */
uint32_t window_content(const struct action *action);

uint64_t window_hlc(const struct window_entry *entry);

/* The entry of the n-th highest seq, n below count. */
const struct window_entry *window_at(const struct window *window, uint32_t n);

/* Where an entry above all others will be written. */
const struct window_entry *window_coming(const struct window *window);

/* NULL: this seq is not in the window. */
const struct window_entry *window_find(const struct window *window, uint32_t seq);

/* Whether a seq lies below a full window: it may have been judged and forgotten. */
bool window_forgot(const struct window *window, uint32_t seq);

/* Enters a judged action that window_find does not find and that window_forgot does not claim;
 * the lowest gives way when the window is full. */
struct window_judged {
    uint32_t seq;
    uint32_t content;
    uint64_t hlc;
    uint16_t treasure;
    enum outcome outcome;
};
void window_enter(struct window *window, const struct window_judged *judged);

#endif
