/* proto/request.h -- What requests with actions have in common, whatever they are written in: the
 * rules for their members, and how a fault is told.
 *
 * One bad member refuses the whole request, before anything is judged, and the fault names it. What
 * has the wrong form is 400; what has the right form but an impossible value is 422. The first
 * fault counts.
 *
 * The checks return false when they have refused, and then leave their outputs as they were. */
#ifndef CAIRN_PROTO_REQUEST_H
#define CAIRN_PROTO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"

/* What is wrong with a request, for the answer. Texts are UTF-8. */
struct request_fault {
    int status;       /* 400, 413 or 422 */
    const char *code; /* a stable word */
    char field[96];   /* "claims[3].x"; "": the request as a whole */
    char detail[192]; /* a sentence for people */
};

/* Actions that were read, claims first. The list is the caller's to free. */
struct request_actions {
    struct action *list;
    uint32_t count;
};

/* Where in the request the reading is, for the fault's field. */
struct request_reading {
    const char *list; /* "claims", "reactions"; NULL: the request itself */
    size_t at;
    enum plane plane;
    uint16_t hunt;
    struct request_fault *fault;
};

/* Each returns false, so that a check may end with it. `member` may be "". */
PRINTF_LIKE(5, 6)
bool request_refuse(const struct request_reading *reading, int status, const char *code,
                    const char *member, const char *detail, ...);
bool request_refuse_type(const struct request_reading *reading, const char *member,
                         const char *expected);
bool request_refuse_range(const struct request_reading *reading, const char *member,
                          const char *range);
bool request_refuse_missing(const struct request_reading *reading, const char *member);
/* `limit` is in 1e-7 degrees. */
bool request_refuse_degrees(const struct request_reading *reading, const char *member,
                            int32_t limit);

bool request_check_hunt(const struct request_reading *reading, const char *text, size_t bytes,
                        struct name *ret_hunt);
bool request_check_seq(const struct request_reading *reading, uint64_t seq, uint32_t *ret_seq);
/* On flat hunts. */
bool request_check_coordinate(const struct request_reading *reading, const char *member,
                              int64_t value, int32_t *ret_value);
/* The text is UTF-8 already. */
bool request_check_emoji(const struct request_reading *reading, const char *text, size_t bytes,
                         struct emoji *ret_emoji);

/* As many actions as this, with those of the list `member`, are not too many. */
bool request_check_count(const struct request_reading *reading, size_t count, const char *member);
/* There is an action. */
bool request_check_any(const struct request_reading *reading, size_t count);
/* No player has too many; the first `claims` actions are claims. */
bool request_check_players(const struct request_reading *reading,
                           const struct request_actions *actions, size_t claims);

#endif
