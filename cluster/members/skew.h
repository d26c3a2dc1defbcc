/* cluster/members/skew.h -- Is it our clock that is off?
 *
 * A node measures the others' clocks by the midpoints of its pings. One that sees a majority of
 * the live members more than SKEW_OUT_US to one side is the skewed one itself, fast or slow, and
 * should lead nothing until it has been within SKEW_BACK_US for SKEW_CALM_US. If the majority is
 * wrong together, it is the clock. Of two nodes neither is believed: one is no majority of two.
 *
 *            a majority certainly beyond 250 ms, to one side
 *      NONE -------------------------------------------------> AHEAD or BEHIND
 *        ^                                                        |
 *        '--------------------------------------------------------'
 *            for 10 s: measured, and no majority beyond 125 ms
 *
 * A sample counts as beyond the bound only when its error cannot explain it: after a pause of one
 * side a round trip may take a second, and says nothing. Pure; no state but `struct skew`. */
#ifndef CAIRN_CLUSTER_MEMBERS_SKEW_H
#define CAIRN_CLUSTER_MEMBERS_SKEW_H

#include <stdbool.h>
#include <stdint.h>

#define SKEW_OUT_US  250000
#define SKEW_BACK_US 125000
#define SKEW_CALM_US UINT64_C(10000000)

/* In a cluster where no node can measure most of the others soon enough, so many fresh samples
 * stand for all. */
#define SKEW_SAMPLES 32

enum skew_verdict {
    SKEW_NONE,
    SKEW_AHEAD,  /* our clock is fast */
    SKEW_BEHIND, /* it is slow */
};

/* One live member's clock: it shows our time + offset_us, give or take error_us. */
struct skew_sample {
    int64_t offset_us;
    uint64_t error_us;
};

/* A zeroed one is a good start. */
struct skew {
    enum skew_verdict verdict;
    bool calm;
    uint64_t calm_since_us;
};

struct skew_view {
    const struct skew_sample *samples;
    uint32_t count;
    uint32_t live; /* members alive, ourselves included */
};

/* Judges anew; call it every second or so. `now_us` is monotonic. */
enum skew_verdict skew_step(struct skew *skew, uint64_t now_us, const struct skew_view *view);

/* Members certainly more than SKEW_OUT_US away, to either side: worth a report, also with two nodes
 * and where there is no majority. */
uint32_t skew_apart(const struct skew_view *view);

/* The median of the samples, and its error: what a node says of its own clock. False: no samples.
 */
bool skew_median(const struct skew_view *view, struct skew_sample *ret_sample);

#endif
