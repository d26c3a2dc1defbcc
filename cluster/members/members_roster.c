/* cluster/members/members_roster.c -- The members, their lives, and the digest of the view. */
#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/members/members_internal.h"

bool life_routable(const struct life *life)
{
    return life->liveness == LIVENESS_ALIVE || life->liveness == LIVENESS_SUSPECT;
}

static bool life_troubled(const struct life *life)
{
    return life->liveness == LIVENESS_SUSPECT || life->liveness == LIVENESS_FAILED ||
           life->liveness == LIVENESS_UNHEARD;
}

/* Looking up: places are kept in the order of the ids. */

/* How many ids are below this one. */
static uint32_t rank_of(const struct members *members, uint64_t id)
{
    uint32_t low = 0, high = members->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (members->entries[members->by_id[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t roster_place(const struct members *members, uint64_t id)
{
    const uint32_t rank = rank_of(members, id);
    if (rank == members->count)
        return PLACE_NONE;
    const uint32_t place = members->by_id[rank];
    return members->entries[place].id == id ? place : PLACE_NONE;
}

/* Suspicion is left out: it comes and goes, and repairs itself. */
static uint64_t life_hash(uint64_t id, const struct life *life)
{
    if (life->liveness == LIVENESS_UNHEARD)
        return 0;
    uint8_t bytes[32];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u64(&writer, id);
    put_u64(&writer, life->boot);
    put_u64(&writer, life->incarnation);
    put_u64(&writer, life_routable(life) ? LIVENESS_ALIVE : (uint64_t)life->liveness);
    CHECK(writer_ok(&writer));
    return hash_bytes(bytes, sizeof bytes);
}

static void count_life(struct members *members, const struct life *life, uint32_t step)
{
    members->live += life_routable(life) ? step : 0;
    members->suspects += life->liveness == LIVENESS_SUSPECT ? step : 0;
    members->troubled += life_troubled(life) ? step : 0;
}

/* Coming and going. */

/* The longest dead member that nobody needs. */
static uint32_t find_spare(const struct members *members)
{
    uint32_t spare = PLACE_NONE;
    for (uint32_t i = 1; i < members->count; i++) {
        const struct entry *entry = &members->entries[i];
        const bool dead =
            entry->life.liveness == LIVENESS_FAILED || entry->life.liveness == LIVENESS_LEFT;
        if (dead && !entry->listed &&
            (spare == PLACE_NONE || entry->since_us < members->entries[spare].since_us))
            spare = i;
    }
    return spare;
}

static void swap_places(uint16_t *places, uint64_t a, uint64_t b)
{
    const uint16_t kept = places[a];
    places[a] = places[b];
    places[b] = kept;
}

static void enter(struct members *members, uint32_t place)
{
    const uint32_t rank = rank_of(members, members->entries[place].id);
    memmove(&members->by_id[rank + 1], &members->by_id[rank],
            (members->count - rank) * sizeof members->by_id[0]);
    members->by_id[rank] = (uint16_t)place;
    if (place != SELF) {
        /* Anywhere in the order of probing, so that a new member has not to wait for a round. */
        const uint32_t ring_count = members->count - 1;
        members->ring[ring_count] = (uint16_t)place;
        swap_places(members->ring, rng_below(&members->rng, ring_count + 1), ring_count);
    }
    members->count++;
}

uint32_t roster_add(struct members *members, uint64_t id, const struct member_details *details)
{
    CHECK(roster_place(members, id) == PLACE_NONE);
    if (members->count == members->members_max) {
        const uint32_t spare = find_spare(members);
        if (spare == PLACE_NONE)
            return PLACE_NONE;
        roster_drop(members, spare);
    }
    CHECK(members->count < members->members_max);
    const uint32_t place = members->count;
    members->entries[place] = (struct entry){
        .id = id,
        .since_us = members->last_us,
        .bucket = (uint8_t)(hash_bytes(&id, sizeof id) % GOSSIP_BUCKETS),
        .answered = true,
    };
    members->details[place] = *details;
    members->hints[place] = (struct member_hints){0};
    enter(members, place);
    count_life(members, &members->entries[place].life, 1);
    return place;
}

/* Takes `place` out of a list of places, and calls the last member by its new place. */
static uint32_t forget(uint16_t *places, uint32_t count, uint32_t place, uint32_t last)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (places[i] != place)
            places[kept++] = places[i] == last ? (uint16_t)place : places[i];
    }
    return kept;
}

void roster_drop(struct members *members, uint32_t place)
{
    CHECK(place != SELF);
    CHECK(place < members->count);
    struct entry *entry = &members->entries[place];
    const uint32_t last = members->count - 1;
    members->buckets[entry->bucket] ^= entry->hash;
    members->changed_us = members->last_us;
    count_life(members, &entry->life, UINT32_MAX);
    if (members->probe.active && members->probe.target == entry->id)
        members->probe.active = false;
    (void)forget(members->by_id, members->count, place, last);
    (void)forget(members->ring, members->count - 1, place, last);
    members->pending_count = forget(members->pending, members->pending_count, place, last);
    members->entries[place] = members->entries[last];
    members->details[place] = members->details[last];
    members->hints[place] = members->hints[last];
    members->count--;
}

/* Living. */

/* What may follow about one and the same incarnation; a larger one may bring anything. */
static const bool moves[LIVENESS_COUNT][LIVENESS_COUNT] = {
    [LIVENESS_ALIVE] =
        {[LIVENESS_SUSPECT] = true, [LIVENESS_FAILED] = true, [LIVENESS_LEFT] = true},
    [LIVENESS_SUSPECT] = {[LIVENESS_FAILED] = true, [LIVENESS_LEFT] = true},
    [LIVENESS_FAILED] = {[LIVENESS_LEFT] = true},
};

static void check_move(const struct life *before, const struct life *after)
{
    CHECK(after->liveness != LIVENESS_UNHEARD);
    CHECK(life_compare(before, after) < 0);
    CHECK(!life_same(before, after) || moves[before->liveness][after->liveness]);
}

/* What was known of an earlier boot says nothing of this one. */
static void forget_boot(struct members *members, uint32_t place)
{
    struct entry *entry = &members->entries[place];
    entry->answered = true;
    entry->measured = false;
    if (place != SELF)
        members->hints[place] = (struct member_hints){0};
}

static void tell(struct members_output *output, uint64_t id, const struct life *before,
                 const struct life *after)
{
    if (life_routable(before) != life_routable(after))
        output->dials_changed = true;
    CHECK(output->change_count < MEMBERS_MAX);
    output->changes[output->change_count++] =
        (struct members_change){.id = id, .before = *before, .after = *after};
}

void roster_live(struct members *members, uint32_t place, const struct life *after,
                 struct members_output *output)
{
    struct entry *entry = &members->entries[place];
    const struct life before = entry->life;
    check_move(&before, after);
    if (before.boot != after->boot)
        forget_boot(members, place);
    if (!life_same(&before, after) || after->liveness != LIVENESS_SUSPECT)
        entry->accusation_count = entry->own_evidence = 0;
    count_life(members, &before, UINT32_MAX);
    count_life(members, after, 1);
    entry->life = *after;
    const uint64_t hash = life_hash(entry->id, after);
    if (hash != entry->hash)
        members->changed_us = members->last_us;
    members->buckets[entry->bucket] ^= entry->hash ^ hash;
    entry->hash = hash;
    news_arm(members, place);
    if (before.liveness == after->liveness)
        return;
    entry->since_us = members->last_us;
    if (output != NULL)
        tell(output, entry->id, &before, after);
}

/* Whose turn it is. */

uint32_t roster_pick(struct members *members, uint32_t wanted, uint64_t without, uint64_t *ids)
{
    const uint32_t ring_count = members->count - 1;
    if (ring_count == 0)
        return 0;
    const uint64_t start = rng_below(&members->rng, ring_count);
    uint32_t picked = 0;
    for (uint64_t i = 0; i < ring_count && picked < wanted; i++) {
        const struct entry *entry = &members->entries[members->ring[(start + i) % ring_count]];
        if (life_routable(&entry->life) && entry->id != without)
            ids[picked++] = entry->id;
    }
    return picked;
}

static void shuffle(struct members *members)
{
    for (uint32_t i = members->count - 1; i > 1; i--)
        swap_places(members->ring, rng_below(&members->rng, i), i - 1);
}

uint64_t roster_next(struct members *members)
{
    const uint32_t ring_count = members->count - 1;
    for (uint32_t i = 0; i < ring_count; i++) {
        if (members->ring_at >= ring_count) {
            shuffle(members);
            members->ring_at = 0;
        }
        const struct entry *entry = &members->entries[members->ring[members->ring_at++]];
        if (life_routable(&entry->life))
            return entry->id;
    }
    return 0;
}
