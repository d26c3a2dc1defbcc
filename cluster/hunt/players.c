#include "cluster/hunt/players.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

#define CACHE_LINE 64

_Static_assert(offsetof(struct player, window) + offsetof(struct window, entries) == CACHE_LINE,
               "what every action needs is the first cache line");
_Static_assert(offsetof(struct player, bucket) % CACHE_LINE == 0, "what few need is the last one");
_Static_assert(sizeof(struct player) == 448, "a player costs what the budget says");

uint64_t player_bit(uint16_t treasure)
{
    return treasure < PLAYER_BITS ? UINT64_C(1) << treasure : 0;
}

enum status players_init(struct players *players, uint32_t capacity, uint64_t secret)
{
    *players = (struct players){.capacity = capacity, .secret = secret};
    /* calloc leaves large memory untouched until it is used; it does not align it enough. */
    players->storage = calloc((size_t)capacity + 1, sizeof(struct player));
    if (players->storage == NULL || tap_pool_init(&players->taps, capacity) != STATUS_OK ||
        table_init(&players->index, capacity) != STATUS_OK) {
        players_fini(players);
        return STATUS_NO_MEMORY;
    }
    const size_t past = (uintptr_t)players->storage % CACHE_LINE;
    const size_t skip = past > 0 ? CACHE_LINE - past : 0;
    players->records = (void *)((char *)players->storage + skip);
    return STATUS_OK;
}

void players_fini(struct players *players)
{
    cut_end(&players->cut);
    table_fini(&players->index);
    tap_pool_fini(&players->taps);
    free(players->storage);
    *players = (struct players){0};
}

bool players_full(const struct players *players)
{
    return players->count == players->capacity;
}

/* What the index goes by. */
static uint64_t secret_hash(const struct players *players, uint16_t hunt,
                            const struct player_id *id)
{
    /* The golden ratio spreads a player's hunts over the index. */
    const uint64_t hash = hash_16(players->secret, id->bytes);
    return hash ^ hunt * UINT64_C(0x9e3779b97f4a7c15);
}

static bool is_him(const struct player *player, uint16_t hunt, const struct player_id *id)
{
    return player->hunt == hunt && player_id_equal(&player->id, id);
}

static struct player *find_hashed(const struct players *players, uint16_t hunt,
                                  const struct player_id *id, uint64_t hash)
{
    struct table_probe probe = table_probe(&players->index, hash);
    for (;;) {
        const uint32_t slot = table_next(&players->index, &probe);
        if (slot == TABLE_NONE)
            return NULL;
        struct player *player = &players->records[slot];
        if (is_him(player, hunt, id))
            return player;
    }
}

struct player *players_find(const struct players *players, uint16_t hunt,
                            const struct player_id *id)
{
    return find_hashed(players, hunt, id, secret_hash(players, hunt, id));
}

void players_seek_index(const struct players *players, uint16_t hunt, const struct player_id *id,
                        struct players_search *search)
{
    search->hash = secret_hash(players, hunt, id);
    table_prefetch(&players->index, search->hash);
}

void players_seek_record(const struct players *players, struct players_search *search)
{
    struct table_probe probe = table_probe(&players->index, search->hash);
    search->slot = table_next(&players->index, &probe);
    if (search->slot != TABLE_NONE)
        PREFETCH(&players->records[search->slot]);
}

void players_seek_window(const struct players *players, const struct players_search *search)
{
    if (search->slot == TABLE_NONE)
        return;
    const struct player *player = &players->records[search->slot];
    const struct window_entry *entry = window_coming(&player->window);
    PREFETCH(entry);
    PREFETCH((const char *)(entry + 1) - 1);
    if (player->has_bucket)
        PREFETCH(&player->bucket);
}

struct player *players_sought(const struct players *players, const struct players_search *search,
                              uint16_t hunt, const struct player_id *id)
{
    if (search->slot != TABLE_NONE && is_him(&players->records[search->slot], hunt, id))
        return &players->records[search->slot];
    return find_hashed(players, hunt, id, search->hash);
}

struct player *players_add(struct players *players, uint16_t hunt, const struct player_id *id)
{
    CHECK(!players_full(players));
    const uint64_t hash = secret_hash(players, hunt, id);
    CHECK(find_hashed(players, hunt, id, hash) == NULL);
    struct player *player = &players->records[players->count];
    player->id = *id;
    player->hunt = hunt;
    table_insert(&players->index, hash, players->count);
    players->count++;
    return player;
}

uint32_t players_slot(const struct players *players, const struct player *player)
{
    const ptrdiff_t slot = player - players->records;
    CHECK(slot >= 0);
    CHECK(slot < (ptrdiff_t)players->count);
    return (uint32_t)slot;
}

const struct tap_set *players_taps(const struct players *players, const struct player *player)
{
    static const struct tap_set none;
    return player->taps != 0 ? tap_pool_at(&players->taps, player->taps) : &none;
}

void players_click(struct players *players, struct player *player, uint16_t treasure, uint64_t t_us)
{
    if (player->taps == 0)
        player->taps = tap_pool_take(&players->taps);
    taps_click(tap_pool_open(&players->taps, player->taps), treasure, t_us);
}

void players_forget_taps(struct players *players, struct player *player, uint16_t treasure)
{
    if (player->taps == 0)
        return;
    struct tap_set *set = tap_pool_open(&players->taps, player->taps);
    taps_forget(set, treasure);
    if (!taps_empty(set))
        return;
    tap_pool_give_back(&players->taps, player->taps);
    player->taps = 0;
}

void holdings_init(struct holdings *holdings, const struct player *player,
                   const struct receipts *receipts)
{
    holdings->player = player;
    holdings->receipts = receipts;
    holdings->walked = false;
}

static void walk_receipts(struct holdings *holdings)
{
    memset(holdings->his, 0, sizeof holdings->his);
    memset(holdings->pending, 0, sizeof holdings->pending);
    const struct receipt *receipt = receipts_at(holdings->receipts, holdings->player->receipts);
    while (receipt != NULL) {
        CHECK(receipt->treasure < TREASURE_NUMBERS_MAX);
        const uint64_t bit = UINT64_C(1) << receipt->treasure % 64;
        if (receipt->outcome == OUTCOME_FOUND || receipt->outcome == OUTCOME_WON)
            holdings->his[receipt->treasure / 64] |= bit;
        else if (receipt->outcome == OUTCOME_PENDING)
            holdings->pending[receipt->treasure / 64] |= bit;
        receipt = receipts_at(holdings->receipts, receipt->next);
    }
    holdings->walked = true;
}

static bool holds(struct holdings *holdings, uint64_t bits, const uint64_t *walked,
                  uint16_t treasure)
{
    CHECK(treasure < TREASURE_NUMBERS_MAX);
    if (treasure < PLAYER_BITS)
        return (bits & player_bit(treasure)) != 0;
    if (!holdings->walked)
        walk_receipts(holdings);
    return (walked[treasure / 64] >> treasure % 64 & 1) != 0;
}

bool holdings_his(struct holdings *holdings, uint16_t treasure)
{
    return holds(holdings, holdings->player->his, holdings->his, treasure);
}

bool holdings_pending(struct holdings *holdings, uint16_t treasure)
{
    return holds(holdings, holdings->player->pending, holdings->pending, treasure);
}
