/* cluster/hunt/players.h -- The players of one range: a record for each (hunt, player), and what
 * each holds.
 *
 * Records lie in one array in the order in which players came, never move, and are found through an
 * index. Capacity is fixed when it is made; memory is touched as it fills.
 *
 * Players choose their own ids, so the index hashes them with a secret of the process: without it
 * nobody can choose ids that meet in one place. Neither it nor the index is replicated state. */
#ifndef CAIRN_CLUSTER_HUNT_PLAYERS_H
#define CAIRN_CLUSTER_HUNT_PLAYERS_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/cut.h"
#include "cluster/base/ids.h"
#include "cluster/base/table.h"
#include "cluster/hunt/receipts.h"
#include "cluster/hunt/tap_pool.h"
#include "cluster/hunt/window.h"

/* What a player's rate had left when he last took a token (rules.c says how it is counted). */
struct bucket {
    uint64_t units;
    uint64_t at_us;
};

/* Treasures with numbers below this have a bit in the record; for the others the receipts tell. */
#define PLAYER_BITS 64

/* The bit of a treasure in the words of a record; 0: it has none. */
uint64_t player_bit(uint16_t treasure);

/* One player in one hunt. The first cache line holds what every action needs, the
 * last one what few do; most actions touch one more, in the window. */
struct player {
    alignas(64) struct player_id id;
    int64_t score;
    uint64_t his;       /* bits of treasures found or won */
    uint64_t pending;   /* bits of treasures that wait for their epoch */
    uint32_t receipts;  /* head of his chain */
    uint32_t taps;      /* reference to his click patterns; 0: he has begun none */
    uint32_t reactions; /* emoji received and delivered; stops at UINT32_MAX */
    uint16_t hunt;
    bool has_bucket; /* he took a token once; else it is full */
    bool has_place;  /* a claim of his was accepted */
    struct window window;
    struct bucket bucket;
    uint64_t score_hlc;  /* of the last claim that brought points; 0: none */
    uint64_t score_from; /* a stamp: the present score counts on boards of later ones */
    uint64_t place_us;   /* of his last accepted claim */
    int32_t place_x, place_y;
    uint64_t joined;   /* the stamp of his first judged action */
    uint32_t received; /* head of his chain of counts by emoji */
};

struct players {
    struct player *records;
    void *storage; /* what records lie in, aligned */
    struct tap_pool taps;
    struct table index;
    uint64_t secret; /* what the index hashes with */
    uint32_t count;
    uint32_t capacity;
    struct cut cut; /* of the records, while a snapshot is being taken */
};

/* STATUS_NO_MEMORY. */
MUST_USE enum status players_init(struct players *players, uint32_t capacity, uint64_t secret);
void players_fini(struct players *players);

bool players_full(const struct players *players);

/* NULL: unknown in this hunt. */
struct player *players_find(const struct players *players, uint16_t hunt,
                            const struct player_id *id);

/* Looking for a player ahead of time, in steps that each ask the memory for what the next one
 * reads: his cell in the index, the first line of his record, and the line of his window that comes
 * next. Between the steps others are looked for, and players may come. */
struct players_search {
    uint64_t hash;
    uint32_t slot; /* probably his; TABLE_NONE: nobody's */
};
void players_seek_index(const struct players *players, uint16_t hunt, const struct player_id *id,
                        struct players_search *search);
void players_seek_record(const struct players *players, struct players_search *search);
void players_seek_window(const struct players *players, const struct players_search *search);

/* As players_find. */
struct player *players_sought(const struct players *players, const struct players_search *search,
                              uint16_t hunt, const struct player_id *id);

/* A new record, all zeros but its id and hunt; there must be room, and the player be unknown. */
struct player *players_add(struct players *players, uint16_t hunt, const struct player_id *id);

/* The player's number in this range. */
uint32_t players_slot(const struct players *players, const struct player *player);

/* His record is about to change: to be called before anything of it does. */
static inline void players_touch(struct players *players, const struct player *player)
{
    if (players->cut.left > 0)
        cut_touch(&players->cut, players_slot(players, player));
}

/* His click patterns; all zeros where he has begun none. */
const struct tap_set *players_taps(const struct players *players, const struct player *player);

/* A click on a treasure whose pattern is not finished by it, and one whose pattern is. */
void players_click(struct players *players, struct player *player, uint16_t treasure,
                   uint64_t t_us);
void players_forget_taps(struct players *players, struct player *player, uint16_t treasure);

/* Which treasures a player has. Answers from his bits; a number beyond them makes it walk his
 * receipts, once. */
#define HOLDINGS_WORDS (TREASURE_NUMBERS_MAX / 64)
struct holdings {
    const struct player *player;
    const struct receipts *receipts;
    bool walked;
    uint64_t his[HOLDINGS_WORDS], pending[HOLDINGS_WORDS]; /* valid when walked */
};

void holdings_init(struct holdings *holdings, const struct player *player,
                   const struct receipts *receipts);
bool holdings_his(struct holdings *holdings, uint16_t treasure); /* found or won */
bool holdings_pending(struct holdings *holdings, uint16_t treasure);

#endif
