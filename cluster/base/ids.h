/* cluster/base/ids.h -- Identities and their text form. */
#ifndef CAIRN_CLUSTER_BASE_IDS_H
#define CAIRN_CLUSTER_BASE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* A player: the 16 bytes of his UUID in network order (RFC 9562). Any 16 bytes are a player. */
struct player_id {
    uint8_t bytes[16];
};

/* Characters of "4be0643f-1d98-573b-97cd-ca98a65347dd". */
#define PLAYER_TEXT_LENGTH 36

/* Reads the 8-4-4-4-12 form, either case. STATUS_INVALID: anything else. */
MUST_USE enum status player_id_parse(struct player_id *player, const char *text, size_t length);

/* Writes the lower-case form and a terminating zero. */
void player_id_format(char text[PLAYER_TEXT_LENGTH + 1], const struct player_id *player);

/* Order of the bytes: below, equal to or above zero. */
int player_id_compare(const struct player_id *a, const struct player_id *b);
bool player_id_equal(const struct player_id *a, const struct player_id *b);

/* A hunt's or a treasure's name: 1 to 63 of a-z 0-9 -, zero terminated. */
#define NAME_LENGTH_MAX 63
struct name {
    char text[NAME_LENGTH_MAX + 1];
};

/* STATUS_INVALID: empty, too long, or another character. */
MUST_USE enum status name_set(struct name *name, const char *text, size_t length);
bool name_equal(const struct name *a, const struct name *b);

#endif
