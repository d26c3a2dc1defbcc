/* tests/unit/stage.h -- A small hunt on an engine, and a clock that the test moves by hand. */
#ifndef CAIRN_TESTS_UNIT_STAGE_H
#define CAIRN_TESTS_UNIT_STAGE_H

#include <stdio.h>
#include <string.h>

#include "cluster/clock/hlc.h"
#include "cluster/hunt/engine.h"

#define STAGE_HUNT      3
#define STAGE_RANGE     5
#define STAGE_EPOCH_MS  10000
#define STAGE_START_MS  INT64_C(1790000000000) /* an epoch's start */
#define STAGE_TREASURES 80

struct stage {
    struct engine *engine;
    struct definition definition;
    struct treasure treasures[STAGE_TREASURES];
    int64_t us; /* since STAGE_START_MS */
    uint64_t hlc;
    uint64_t log_index;
    uint32_t version;
};

/* Treasure i is called "t<i>", lies at (1000 i, 0), reaches 10 and brings 100 + i. */
static inline void stage_init_for(struct stage *stage, uint16_t treasures, uint32_t players_max)
{
    memset(stage, 0, sizeof *stage);
    const struct engine_config config = {.range = STAGE_RANGE,
                                         .players_max = players_max,
                                         .receipts_max = 20 * players_max,
                                         .epoch_ms = STAGE_EPOCH_MS};
    stage->engine = engine_new(&config);
    assert_non_null(stage->engine);
    stage->log_index = 100;
    stage->definition.treasures = stage->treasures;
    stage->definition.treasure_count = treasures;
    for (uint16_t i = 0; i < treasures; i++) {
        struct treasure *treasure = &stage->treasures[i];
        (void)snprintf(treasure->id.text, sizeof treasure->id.text, "t%u", (unsigned)i);
        treasure->number = i;
        treasure->x = 1000 * i;
        treasure->radius = 10;
        treasure->points = 100U + i;
    }
}

static inline void stage_init(struct stage *stage, uint16_t treasures)
{
    stage_init_for(stage, treasures, 20);
}

static inline void stage_fini(struct stage *stage)
{
    engine_free(stage->engine);
}

static inline uint64_t stage_us(const struct stage *stage)
{
    return (uint64_t)(STAGE_START_MS * 1000 + stage->us);
}

/* Makes the definition, as it is by now, the active version. */
static inline void stage_activate(struct stage *stage)
{
    const uint64_t epoch = epoch_of(hlc_from_us(stage_us(stage)), STAGE_EPOCH_MS);
    assert_int_equal(
        engine_activate(stage->engine, STAGE_HUNT, ++stage->version, &stage->definition, epoch),
        STATUS_OK);
}

static inline struct player_id stage_player(uint8_t number)
{
    return (struct player_id){.bytes = {0xab, number, 1}};
}

/* A click of player `player` with the present time as his own. */
static inline struct action stage_claim(const struct stage *stage, uint8_t player, uint32_t seq,
                                        int32_t x, int32_t y)
{
    return (struct action){
        .kind = ACTION_CLAIM,
        .hunt = STAGE_HUNT,
        .seq = seq,
        .player = stage_player(player),
        .time_ms = (int64_t)(stage_us(stage) / 1000),
        .x = x,
        .y = y,
    };
}

static inline struct result stage_judge(struct stage *stage, const struct action *action)
{
    const uint64_t now = hlc_from_us(stage_us(stage));
    stage->hlc = now > stage->hlc ? now : stage->hlc + 1;
    const struct moment moment = {
        .hlc = stage->hlc,
        .epoch = epoch_of(stage->hlc, STAGE_EPOCH_MS),
        .log_index = ++stage->log_index,
    };
    struct result result;
    memset(&result, 0xee, sizeof result);
    engine_judge(stage->engine, action, &moment, &result);
    return result;
}

static inline struct result stage_click(struct stage *stage, uint8_t player, uint32_t seq,
                                        int32_t x)
{
    const struct action action = stage_claim(stage, player, seq, x, 0);
    return stage_judge(stage, &action);
}

#endif
