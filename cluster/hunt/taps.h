/* cluster/hunt/taps.h -- Click patterns that a player has begun and not finished: for at most
 * TAPS_PATTERNS treasures the times of his clicks. All zeros: none. */
#ifndef CAIRN_CLUSTER_HUNT_TAPS_H
#define CAIRN_CLUSTER_HUNT_TAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/bounds.h"

#define TAPS_PATTERNS 4

/* Clicks that are kept beside the last one. With the click that is being judged they make
 * TAPS_MAX, the longest pattern, so an older one can never decide anything. */
#define TAPS_EARLIER (TAPS_MAX - 2)

struct tap_pattern {
    uint64_t last_us;
    uint32_t before_us[TAPS_EARLIER]; /* how long before the last click, newest first */
    uint16_t treasure;                /* its number */
    uint8_t clicks;                   /* kept, the last one included; 0: no pattern */
    uint8_t zero;
};

/* The patterns with the newest last click first. */
struct tap_set {
    struct tap_pattern patterns[TAPS_PATTERNS];
};

/* How many of the clicks on a treasure are at most `within_ms` old at t. */
uint32_t taps_count(const struct tap_set *set, uint16_t treasure, uint64_t t_us,
                    uint32_t within_ms);

/* Adds a click. When the treasure is a fifth one, the pattern whose last click is oldest is
 * forgotten. Calls come with rising t. */
void taps_click(struct tap_set *set, uint16_t treasure, uint64_t t_us);

/* No pattern is begun. */
bool taps_empty(const struct tap_set *set);

/* The pattern is finished. */
void taps_forget(struct tap_set *set, uint16_t treasure);

#endif
