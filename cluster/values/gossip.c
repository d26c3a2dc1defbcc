#include "cluster/values/gossip.h"

#include "cluster/base/check.h"

const char *liveness_name(enum liveness liveness)
{
    static const char *const names[LIVENESS_COUNT] = {"unheard", "alive", "suspect", "failed",
                                                      "left"};
    CHECK((unsigned)liveness < LIVENESS_COUNT);
    return names[liveness];
}

int life_compare(const struct life *a, const struct life *b)
{
    if (a->boot != b->boot)
        return a->boot < b->boot ? -1 : 1;
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return (int)a->liveness - (int)b->liveness;
}

bool life_same(const struct life *a, const struct life *b)
{
    return a->boot == b->boot && a->incarnation == b->incarnation;
}

bool member_hints_lead(const struct member_hints *hints, uint32_t range)
{
    CHECK(range < RANGES_MAX);
    return (hints->leads[range / 8] >> (range % 8) & 1) != 0;
}
