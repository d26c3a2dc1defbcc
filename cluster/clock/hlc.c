#include "cluster/clock/hlc.h"

#include "cluster/base/check.h"

void hlc_init(struct hlc *clock)
{
    clock->last = 0;
}

uint64_t hlc_from_us(uint64_t us)
{
    return (us < HLC_US_MAX ? us : HLC_US_MAX) << HLC_COUNTER_BITS;
}

uint64_t hlc_us(uint64_t stamp)
{
    return stamp >> HLC_COUNTER_BITS;
}

uint64_t hlc_add(uint64_t stamp, uint64_t n)
{
    return n > UINT64_MAX - stamp ? UINT64_MAX : stamp + n;
}

uint64_t hlc_now(struct hlc *clock, uint64_t now_us)
{
    const uint64_t physical = hlc_from_us(now_us);
    const uint64_t next = hlc_add(clock->last, 1);
    clock->last = physical > next ? physical : next;
    return clock->last;
}

enum status hlc_observe(struct hlc *clock, uint64_t now_us, uint64_t peer)
{
    const uint64_t us = now_us < HLC_US_MAX ? now_us : HLC_US_MAX;
    const uint64_t peer_us = hlc_us(peer);
    if (peer_us > us && peer_us - us > HLC_MAX_OFFSET_US)
        return STATUS_SKEW;
    hlc_restore(clock, peer);
    return STATUS_OK;
}

void hlc_restore(struct hlc *clock, uint64_t stamp)
{
    if (stamp > clock->last)
        clock->last = stamp;
}

uint64_t epoch_of(uint64_t stamp, uint32_t epoch_ms)
{
    CHECK(epoch_ms > 0);
    return hlc_us(stamp) / (UINT64_C(1000) * epoch_ms);
}

uint64_t epoch_start(uint64_t epoch, uint32_t epoch_ms)
{
    CHECK(epoch_ms > 0);
    const uint64_t length_us = UINT64_C(1000) * epoch_ms;
    if (epoch > HLC_US_MAX / length_us)
        return UINT64_MAX;
    return hlc_from_us(epoch * length_us);
}
