#include "cluster/hunt/window.h"

#include <stddef.h>

#include "cluster/base/check.h"

_Static_assert((WINDOW_SEQS & (WINDOW_SEQS - 1)) == 0, "the ring's size is a power of two");
_Static_assert(sizeof(struct window_entry) == 20, "the entry is packed");

uint32_t window_content(const struct action *action)
{
    return (uint32_t)(action_content(action) >> 32);
}

uint64_t window_hlc(const struct window_entry *entry)
{
    return (uint64_t)entry->hlc_high << 32 | entry->hlc_low;
}

static uint32_t ring_place(const struct window *window, uint32_t n)
{
    return (window->newest - n) & (WINDOW_SEQS - 1);
}

const struct window_entry *window_at(const struct window *window, uint32_t n)
{
    CHECK(n < window->count);
    return &window->entries[ring_place(window, n)];
}

const struct window_entry *window_coming(const struct window *window)
{
    return &window->entries[(window->newest + 1U) & (WINDOW_SEQS - 1)];
}

/* How many of the window's seqs are higher. */
static uint32_t count_above(const struct window *window, uint32_t seq)
{
    uint32_t n = 0;
    while (n < window->count && window->entries[ring_place(window, n)].seq > seq)
        n++;
    return n;
}

const struct window_entry *window_find(const struct window *window, uint32_t seq)
{
    if (seq > window->highest)
        return NULL;
    const uint32_t n = count_above(window, seq);
    if (n == window->count || window_at(window, n)->seq != seq)
        return NULL;
    return window_at(window, n);
}

bool window_forgot(const struct window *window, uint32_t seq)
{
    return window->count == WINDOW_SEQS && seq < window_at(window, WINDOW_SEQS - 1)->seq;
}

void window_enter(struct window *window, const struct window_judged *judged)
{
    CHECK(judged->seq >= SEQ_MIN);
    CHECK(window->count <= WINDOW_SEQS);
    const bool full = window->count == WINDOW_SEQS;
    uint32_t n = 0;
    if (judged->seq > window->highest) {
        window->highest = judged->seq;
        window->newest = (uint8_t)((window->newest + 1U) & (WINDOW_SEQS - 1));
    } else {
        n = count_above(window, judged->seq);
        CHECK(n < WINDOW_SEQS);
        /* Those below move down by one; in a full window the lowest falls out. */
        for (uint32_t m = full ? WINDOW_SEQS - 1 : window->count; m > n; m--)
            window->entries[ring_place(window, m)] = window->entries[ring_place(window, m - 1)];
    }
    if (!full)
        window->count++;
    window->entries[ring_place(window, n)] = (struct window_entry){
        .seq = judged->seq,
        .content = judged->content,
        .hlc_high = (uint32_t)(judged->hlc >> 32),
        .hlc_low = (uint32_t)judged->hlc,
        .treasure = judged->treasure,
        .outcome = (uint8_t)judged->outcome,
    };
}
