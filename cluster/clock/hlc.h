/* cluster/clock/hlc.h -- Hybrid logical clock (Kulkarni et al., 2014): stamps that never run
 * backwards and stay close to wall time. Pure: the caller reads the clock and passes it in.
 *
 * A stamp is a u64: 52 bits of microseconds since 1970, then 12 bits of counter, so stamps order as
 * numbers. A full counter carries into the microseconds. All arithmetic saturates. */
#ifndef CAIRN_CLUSTER_CLOCK_HLC_H
#define CAIRN_CLUSTER_CLOCK_HLC_H

#include <stdint.h>

#include "cluster/base/status.h"

#define HLC_COUNTER_BITS 12
#define HLC_US_MAX       ((UINT64_C(1) << 52) - 1)

/* A peer further ahead than this is refused, and the clock left as it was. */
#define HLC_MAX_OFFSET_US UINT64_C(250000)

struct hlc {
    uint64_t last; /* the newest stamp given or accepted */
};

void hlc_init(struct hlc *clock);

/* The first stamp of a microsecond; saturates at HLC_US_MAX. */
uint64_t hlc_from_us(uint64_t us);
uint64_t hlc_us(uint64_t stamp);

/* stamp + n, saturating. */
uint64_t hlc_add(uint64_t stamp, uint64_t n);

/* A new stamp, above every stamp given or accepted before. */
uint64_t hlc_now(struct hlc *clock, uint64_t now_us);

/* Accept a peer's stamp, so that our next one exceeds it.
 * STATUS_SKEW: the peer is more than HLC_MAX_OFFSET_US ahead of now_us; *clock is unchanged. */
MUST_USE enum status hlc_observe(struct hlc *clock, uint64_t now_us, uint64_t peer);

/* Accept a stamp of our own past (from our log), however far it is ahead. */
void hlc_restore(struct hlc *clock, uint64_t stamp);

/* Epoch e of length L ms covers the microseconds [e * L * 1000, (e + 1) * L * 1000). */
uint64_t epoch_of(uint64_t stamp, uint32_t epoch_ms);

/* The first stamp of an epoch, saturating. */
uint64_t epoch_start(uint64_t epoch, uint32_t epoch_ms);

#endif
