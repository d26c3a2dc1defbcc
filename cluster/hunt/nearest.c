#include "cluster/hunt/nearest.h"

#include <stdbool.h>

#include "cluster/base/check.h"

/* Above the place the nearer of two entries is the later one, below it the earlier one. */
static bool is_nearer(const struct board_entry *a, const struct board_entry *b, bool above)
{
    const int order = board_entry_compare(a, b);
    return above ? order > 0 : order < 0;
}

/* The farthest entry is at the root; those below a node are nearer. */
static void sift_down(struct nearest_side *side, uint32_t count, bool above)
{
    struct board_entry *entries = side->entries;
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && is_nearer(&entries[child], &entries[child + 1], above))
            child++;
        if (!is_nearer(&entries[at], &entries[child], above))
            return;
        const struct board_entry moved = entries[at];
        entries[at] = entries[child];
        entries[child] = moved;
        at = child;
    }
}

static void sift_up(struct nearest_side *side, bool above)
{
    struct board_entry *entries = side->entries;
    uint32_t at = side->count - 1;
    while (at > 0 && is_nearer(&entries[(at - 1) / 2], &entries[at], above)) {
        const struct board_entry moved = entries[at];
        entries[at] = entries[(at - 1) / 2];
        entries[(at - 1) / 2] = moved;
        at = (at - 1) / 2;
    }
}

static void offer(struct nearest_side *side, const struct board_entry *entry, bool above)
{
    CHECK(side->count <= side->limit);
    if (side->count < side->limit) {
        side->entries[side->count++] = *entry;
        sift_up(side, above);
    } else if (side->limit > 0 && is_nearer(entry, &side->entries[0], above)) {
        side->entries[0] = *entry;
        sift_down(side, side->count, above);
    }
}

void nearest_offer(struct nearest *nearest, const struct board_entry *entry)
{
    const int order = board_entry_compare(entry, &nearest->place);
    if (order < 0)
        offer(&nearest->above, entry, true);
    else if (order > 0)
        offer(&nearest->below, entry, false);
}

/* Heap sort: takes the farthest to the end, again and again. */
static void sort_nearest_first(struct nearest_side *side, bool above)
{
    for (uint32_t count = side->count; count > 1; count--) {
        const struct board_entry farthest = side->entries[0];
        side->entries[0] = side->entries[count - 1];
        side->entries[count - 1] = farthest;
        sift_down(side, count - 1, above);
    }
}

void nearest_finish(struct nearest *nearest)
{
    sort_nearest_first(&nearest->below, false);
    sort_nearest_first(&nearest->above, true);
    struct board_entry *above = nearest->above.entries;
    for (uint32_t i = 0, j = nearest->above.count; i + 1 < j; i++) {
        const struct board_entry moved = above[--j];
        above[j] = above[i];
        above[i] = moved;
    }
}
