/* proto/told.h -- Which members of a result are told, whatever it is written in: what does not
 * apply is absent. Player, seq, outcome, points and replayed always are. */
#ifndef CAIRN_PROTO_TOLD_H
#define CAIRN_PROTO_TOLD_H

#include <stdbool.h>

#include "cluster/values/result.h"

struct told {
    bool final; /* the value of `state` or `final`, which is always told */
    bool treasure;
    bool score;
    bool origin; /* epoch, hlc and range */
    bool log_index;
    bool final_epoch;
    bool definition_version;
};

struct told result_told(const struct result *result);

#endif
