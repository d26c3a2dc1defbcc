#include "proto/told.h"

#include <stddef.h>

static bool tells_treasure(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_FOUND:
    case OUTCOME_PENDING:
    case OUTCOME_WON:
    case OUTCOME_LOST:
    case OUTCOME_TAP:
    case OUTCOME_ALREADY:
    case OUTCOME_SOLD_OUT:
    case OUTCOME_CLOSED:
        return true;
    default:
        return false;
    }
}

struct told result_told(const struct result *result)
{
    const enum outcome outcome = result->outcome;
    const bool logged = outcome != OUTCOME_FULL && outcome != OUTCOME_UNAVAILABLE;
    const bool settled = outcome == OUTCOME_WON || outcome == OUTCOME_LOST;
    const bool waits = outcome == OUTCOME_PENDING || (outcome == OUTCOME_REACTED && !result->final);
    const bool origin = logged && result->hlc != 0;
    return (struct told){
        .final = !waits,
        .treasure = tells_treasure(outcome) && result->treasure_id != NULL,
        .score = logged,
        .origin = origin,
        .log_index = origin && result->log_index != 0,
        .final_epoch = settled && result->final_epoch != 0,
        .definition_version = logged && result->definition_version != 0,
    };
}
