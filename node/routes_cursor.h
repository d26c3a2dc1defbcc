/* node/routes_cursor.h -- Where a list is to go on: the opaque text of `cursor`. It names the hunt
 * and pins the epoch, so that all pages are of one board, or of the awards of one moment. */
#ifndef CAIRN_NODE_ROUTES_CURSOR_H
#define CAIRN_NODE_ROUTES_CURSOR_H

#include <stdint.h>

#include "cluster/base/status.h"

struct cursor {
    uint16_t hunt;
    uint64_t epoch;
    uint32_t offset; /* of the next entry; 1 to BOARD_TOP */
};

/* With its zero. */
#define CURSOR_BYTES 21

void cursor_format(char text[CURSOR_BYTES], const struct cursor *cursor);

/* STATUS_INVALID: nothing that cursor_format writes. */
MUST_USE enum status cursor_parse(struct cursor *ret_cursor, const char *text);

/* The same for awards. */
struct award_cursor {
    uint16_t hunt;
    uint64_t epoch; /* the last one whose claims are listed */
    uint16_t treasure;
    uint32_t place; /* the last winner's, from 1 */
};

/* With its zero. */
#define AWARD_CURSOR_BYTES 25

void award_cursor_format(char text[AWARD_CURSOR_BYTES], const struct award_cursor *cursor);
MUST_USE enum status award_cursor_parse(struct award_cursor *ret_cursor, const char *text);

#endif
