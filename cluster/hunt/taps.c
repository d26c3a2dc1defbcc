#include "cluster/hunt/taps.h"

#include <string.h>

#include "cluster/base/check.h"

/* Older than this no click counts, whatever a later version says. */
#define KEPT_US (UINT64_C(1000) * TAPS_WITHIN_MS_MAX)
_Static_assert(KEPT_US <= UINT32_MAX, "a click's distance from the last one fits 32 bits");

static uint64_t since(uint64_t now_us, uint64_t then_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

/* Where the treasure's pattern is; TAPS_PATTERNS when there is none. */
static uint32_t find_pattern(const struct tap_set *set, uint16_t treasure)
{
    uint32_t at = 0;
    while (at < TAPS_PATTERNS &&
           (set->patterns[at].clicks == 0 || set->patterns[at].treasure != treasure))
        at++;
    return at;
}

uint32_t taps_count(const struct tap_set *set, uint16_t treasure, uint64_t t_us, uint32_t within_ms)
{
    const uint32_t at = find_pattern(set, treasure);
    if (at == TAPS_PATTERNS)
        return 0;
    const struct tap_pattern *pattern = &set->patterns[at];
    const uint64_t within_us = UINT64_C(1000) * within_ms;
    const uint64_t last_ago = since(t_us, pattern->last_us);
    if (last_ago > within_us)
        return 0;
    uint32_t count = 1;
    while (count < pattern->clicks && last_ago + pattern->before_us[count - 1] <= within_us)
        count++;
    return count;
}

static void add_click(struct tap_pattern *pattern, uint64_t t_us)
{
    CHECK(pattern->clicks <= TAPS_EARLIER + 1);
    const uint64_t passed = since(t_us, pattern->last_us);
    uint32_t before_us[TAPS_EARLIER] = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pattern->clicks && kept < TAPS_EARLIER; i++) {
        const uint64_t before = passed + (i > 0 ? pattern->before_us[i - 1] : 0);
        if (before > KEPT_US)
            break;
        before_us[kept++] = (uint32_t)before;
    }
    memcpy(pattern->before_us, before_us, sizeof before_us);
    pattern->clicks = (uint8_t)(kept + 1);
    pattern->last_us = t_us;
}

void taps_click(struct tap_set *set, uint16_t treasure, uint64_t t_us)
{
    uint32_t at = find_pattern(set, treasure);
    struct tap_pattern pattern = {.treasure = treasure};
    if (at < TAPS_PATTERNS)
        pattern = set->patterns[at];
    else
        at = TAPS_PATTERNS - 1; /* empty, or the one whose last click is oldest */
    add_click(&pattern, t_us);
    memmove(&set->patterns[1], &set->patterns[0], at * sizeof set->patterns[0]);
    set->patterns[0] = pattern;
}

bool taps_empty(const struct tap_set *set)
{
    return set->patterns[0].clicks == 0;
}

void taps_forget(struct tap_set *set, uint16_t treasure)
{
    const uint32_t at = find_pattern(set, treasure);
    if (at == TAPS_PATTERNS)
        return;
    memmove(&set->patterns[at], &set->patterns[at + 1],
            (TAPS_PATTERNS - 1 - at) * sizeof set->patterns[0]);
    memset(&set->patterns[TAPS_PATTERNS - 1], 0, sizeof set->patterns[0]);
}
