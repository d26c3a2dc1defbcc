#include "cluster/ranges/range_summary.h"

#include "cluster/base/bounds.h"
#include "cluster/ranges/range_ledger.h"

/* By the version that judges; before the first one there are no ties, as nobody plays. */
static enum ties ties_now(const struct engine *engine, uint16_t hunt)
{
    uint32_t version;
    const struct definition *definition = engine_definition(engine, hunt, &version);
    return definition != NULL ? definition->ties : TIES_FIRST;
}

static uint32_t list_sources(struct engine *engine, struct summary_source sources[HUNTS_MAX])
{
    uint32_t count = 0;
    for (uint16_t hunt = 0; hunt < HUNTS_MAX; hunt++) {
        struct board *board = engine_board(engine, hunt);
        if (board == NULL)
            continue;
        sources[count++] =
            (struct summary_source){.hunt = hunt, .ties = ties_now(engine, hunt), .board = board};
    }
    return count;
}

struct summary *range_summary(struct engine *engine, const struct range_run *run,
                              struct arena *arena)
{
    struct summary_source sources[HUNTS_MAX];
    struct ledger ledger;
    range_ledger(engine, run->from, arena, &ledger);
    const struct summary_input input = {
        .range = run->range,
        .from = run->from,
        .through = run->through,
        .last_hlc = run->last_hlc,
        .sources = sources,
        .count = list_sources(engine, sources),
        .ledger = &ledger,
        .room = arena,
    };
    return summary_build(&input);
}
