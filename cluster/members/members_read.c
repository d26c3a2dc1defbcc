/* cluster/members/members_read.c -- The view, for reading. */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

uint32_t members_count(const struct members *members)
{
    return members->count;
}

struct members_view members_at(const struct members *members, uint32_t place)
{
    CHECK(place < members->count);
    const struct entry *entry = &members->entries[place];
    return (struct members_view){
        .id = entry->id,
        .life = entry->life,
        .routable = life_routable(&entry->life),
        .listed = entry->listed,
        .details = &members->details[place],
        .hints = &members->hints[place],
        .measured = entry->measured,
        .clock_offset_us = entry->clock_offset_us,
        .clock_error_us = entry->clock_error_us,
        .measured_us = entry->measured_us,
    };
}

bool members_find(const struct members *members, uint64_t id, struct members_view *ret_view)
{
    const uint32_t place = roster_place(members, id);
    if (place == PLACE_NONE)
        return false;
    *ret_view = members_at(members, place);
    return true;
}

uint32_t members_dials(const struct members *members, uint64_t list[MEMBERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < members->count; i++) {
        const struct entry *entry = &members->entries[i];
        if (entry->listed || life_routable(&entry->life))
            list[count++] = entry->id;
    }
    return count;
}

uint64_t members_digest(const struct members *members)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < GOSSIP_BUCKETS; i++)
        digest ^= members->buckets[i];
    return digest;
}

uint32_t members_live(const struct members *members)
{
    return members->live;
}

uint32_t members_health(const struct members *members)
{
    return members->health;
}

bool members_joined(const struct members *members)
{
    return members->joined;
}

bool members_usurped(const struct members *members)
{
    return members->usurped;
}
