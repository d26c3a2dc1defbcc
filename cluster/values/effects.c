#include "cluster/values/effects.h"

#include <string.h>

#include "cluster/base/check.h"

bool effects_room(const struct effects *effects, uint32_t n)
{
    return n <= EFFECTS_MAX - effects->count;
}

struct effect *effects_add(struct effects *effects, enum effect_kind kind)
{
    CHECK(effects->count < EFFECTS_MAX);
    struct effect *effect = &effects->list[effects->count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}
