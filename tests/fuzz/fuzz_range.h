/* tests/fuzz/fuzz_range.h -- A small range for fuzzing: few players and treasures, each made of a
 * byte or two, so that inputs meet each other's. */
#ifndef CAIRN_TESTS_FUZZ_FUZZ_RANGE_H
#define CAIRN_TESTS_FUZZ_FUZZ_RANGE_H

#include <stdio.h>

#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine.h"
#include "cluster/ranges/system_codec.h"
#include "tests/fuzz/fuzz.h"

#define FUZZ_EPOCH_MS    1000
#define FUZZ_FIRST_EPOCH UINT64_C(1790000000)
#define FUZZ_HUNTS       2
#define FUZZ_TREASURES   8

static inline struct settings fuzz_settings(void)
{
    return (struct settings){.cluster_id = 1,
                             .first_epoch = FUZZ_FIRST_EPOCH,
                             .ranges = 1,
                             .replicas = 1,
                             .epoch_ms = FUZZ_EPOCH_MS,
                             .players_max = 12};
}

static inline uint64_t fuzz_start(void)
{
    return epoch_start(FUZZ_FIRST_EPOCH, FUZZ_EPOCH_MS);
}

static inline struct player_id fuzz_player(uint8_t who)
{
    return (struct player_id){.bytes = {(uint8_t)(who % 16), 1, 2, 3}};
}

/* Most clicks are on treasures, most emoji known, most clocks right. */
static inline struct action fuzz_action(struct fuzz_input *input, uint64_t stamp)
{
    const uint8_t how = fuzz_u8(input);
    struct action action = {
        .kind = how % 4 == 3 ? ACTION_REACTION : ACTION_CLAIM,
        .hunt = how / 4 % 16 == 15 ? 9 : (how / 64) % FUZZ_HUNTS,
        .player = fuzz_player(fuzz_u8(input)),
        .seq = 1 + (uint32_t)fuzz_u8(input) % 40,
        .time_ms = (int64_t)(hlc_us(stamp) / 1000),
    };
    const uint8_t where = fuzz_u8(input);
    if (action.kind == ACTION_CLAIM) {
        action.x = where % 10 * 100;
        action.y = where / 64;
        return action;
    }
    action.to = fuzz_player(where);
    action.emoji = (struct emoji){.length = 1, .text = {where >= 200 ? 'z' : 'a'}};
    return action;
}

/* The rules that a byte asks for, so that each is met alone and with the others. */
static inline void fuzz_treasure(struct treasure *treasure, uint16_t place, uint8_t rules)
{
    (void)snprintf(treasure->id.text, sizeof treasure->id.text, "t%u", (unsigned)place);
    treasure->number = place;
    treasure->x = place * 100;
    treasure->radius = 10;
    treasure->points = 10U * place + 1;
    /* Which are limited may not change. */
    treasure->supply = place % 2 == 0 ? 1 + (rules & 3U) : 0;
    if ((rules & 4) != 0 && place > 0) {
        treasure->requires_count = 1;
        treasure->requires[0] = (uint16_t)(place - 1);
    }
    if ((rules & 8) != 0) {
        treasure->taps_count = 2;
        treasure->taps_within_ms = 5000;
    }
    treasure->unlock_reactions = (rules & 16) != 0 ? 1 : 0;
    if ((rules & 32) != 0) {
        treasure->decay_per_ms = 500;
        treasure->decay_points = 2;
    }
    if ((rules & 64) != 0) {
        treasure->has_window = true;
        treasure->window_from_ms = (int64_t)(hlc_us(fuzz_start()) / 1000);
        treasure->window_to_ms = treasure->window_from_ms + 20000;
    }
}

static inline struct definition *fuzz_definition(struct fuzz_input *input)
{
    const uint8_t how = fuzz_u8(input);
    const uint16_t treasures = (uint16_t)(1 + how % FUZZ_TREASURES);
    struct definition *definition = definition_new(treasures);
    struct definition_faults faults = {0};
    CHECK(definition != NULL);
    CHECK(name_set(&definition->hunt, "h", 1) == STATUS_OK);
    definition->ties = (how & 8) != 0 ? TIES_SHARED : TIES_FIRST;
    definition->rate_claims = (how & 16) != 0 ? 3 : 0;
    definition->rate_per_ms = (how & 16) != 0 ? 1000 : 0;
    definition->max_speed = (how & 32) != 0 ? 100 : 0;
    definition->claim_ttl_ms = (how & 64) != 0 ? 1000 : 0;
    definition->clock_tolerance_ms = (how & 64) != 0 ? 1000 : 0;
    definition->emoji_count = 1;
    definition->emoji[0] = (struct emoji){.length = 1, .text = "a"};
    for (uint16_t i = 0; i < treasures; i++)
        fuzz_treasure(&definition->treasures[i], i, fuzz_u8(input));
    definition_check(definition, &faults);
    CHECK(faults.count == 0);
    return definition;
}

/* Whether the lists of a settlement have room for what settled epochs awarded: records of the input
 * may have learned treasures of their own. */
static inline bool fuzz_awards_fit(const struct engine *engine)
{
    return engine_awarded_list(engine, NULL, 0) <= FUZZ_HUNTS * FUZZ_TREASURES;
}

#endif
