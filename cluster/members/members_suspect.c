/* cluster/members/members_suspect.c -- From evidence to a verdict.
 *
 * How long a suspect has to object (Lifeguard, section IV.B): the first observer's suspicion gives
 * the longest time, each further one who found out by himself shortens it, up to HELPERS of them or
 * as many as there can be:
 *
 *      longest - (longest - shortest) * log(further + 1) / log(expected + 1)
 */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

/* The shortest suspicion; it takes longer to refute where news take more steps to get around. */
#define SHORTEST_US   UINT64_C(1000000)
#define LONGEST_TIMES 6

/* Two pieces of evidence, one of them a refused connection: the accused has so long to object. It
 * is what the accusation needs to get to him, and his answer to come back. */
#define OBJECTION_US UINT64_C(100000)

/* 1000 * log(further + 1) / log(expected + 1), by expected (from 1) and further. */
static const uint16_t shortened[HELPERS][HELPERS + 1] = {
    {0, 1000, 1000, 1000},
    {0, 631, 1000, 1000},
    {0, 500, 792, 1000},
};

static uint64_t shortest_us(const struct members *members)
{
    uint64_t digits = 1;
    for (uint32_t n = members->live; n > 10; n /= 10)
        digits++;
    return SHORTEST_US * digits;
}

/* Members that could observe him, besides us. */
static uint32_t others(const struct members *members)
{
    return members->live > 2 ? members->live - 2 : 0;
}

static uint64_t patience_us(const struct members *members, const struct entry *entry)
{
    const uint64_t shortest = shortest_us(members);
    const uint32_t expected = others(members) < HELPERS ? others(members) : HELPERS;
    if (expected == 0)
        return shortest;
    const uint32_t further = entry->accusation_count > 0 ? entry->accusation_count - 1u : 0;
    const uint64_t longest = shortest * LONGEST_TIMES;
    const uint16_t part = shortened[expected - 1][further < HELPERS ? further : HELPERS];
    return longest - (longest - shortest) * part / 1000;
}

static bool is_refused(const struct entry *entry)
{
    for (uint32_t i = 0; i < entry->accusation_count; i++) {
        if (entry->accusations[i].refused)
            return true;
    }
    return false;
}

/* After new evidence. */
static void set_deadline(const struct members *members, struct entry *entry)
{
    CHECK(entry->life.liveness == LIVENESS_SUSPECT);
    const bool twice =
        entry->accusation_count >= 2 || (others(members) == 0 && entry->own_evidence >= 2);
    uint64_t due_us = entry->since_us + patience_us(members, entry);
    if (twice && is_refused(entry) && due_us > members->last_us + OBJECTION_US)
        due_us = members->last_us + OBJECTION_US;
    if (due_us < entry->convict_us)
        entry->convict_us = due_us;
}

/* False: it is known already, or there is no room for what adds nothing. */
static bool add_accusation(struct entry *entry, const struct accusation *accusation)
{
    for (uint32_t i = 0; i < entry->accusation_count; i++) {
        struct accusation *known = &entry->accusations[i];
        if (known->observer != accusation->observer)
            continue;
        const bool news = accusation->refused && !known->refused;
        known->refused |= accusation->refused;
        return news;
    }
    if (entry->accusation_count < OBSERVERS_MAX) {
        entry->accusations[entry->accusation_count++] = *accusation;
        return true;
    }
    if (!accusation->refused || is_refused(entry))
        return false;
    entry->accusations[OBSERVERS_MAX - 1] = *accusation;
    return true;
}

void suspect_accuse(struct members *members, uint32_t place, bool refused,
                    struct members_output *output)
{
    CHECK(place != SELF);
    struct entry *entry = &members->entries[place];
    if (!life_routable(&entry->life))
        return;
    if (entry->life.liveness == LIVENESS_ALIVE) {
        struct life life = entry->life;
        life.liveness = LIVENESS_SUSPECT;
        roster_live(members, place, &life, output);
        entry->convict_us = UINT64_MAX;
    }
    const struct accusation accusation = {.observer = members->entries[SELF].id,
                                          .refused = refused};
    if (add_accusation(entry, &accusation))
        news_arm(members, place);
    if (entry->own_evidence < UINT8_MAX)
        entry->own_evidence++;
    set_deadline(members, entry);
}

void suspect_hear(struct members *members, uint32_t place, const struct rumour *rumour)
{
    CHECK(place != SELF);
    struct entry *entry = &members->entries[place];
    if (entry->life.liveness != LIVENESS_SUSPECT)
        return;
    if (entry->accusation_count == 0)
        entry->convict_us = UINT64_MAX;
    bool news = false;
    for (uint32_t i = 0; i < rumour->accusation_count && i < OBSERVERS_MAX; i++) {
        const struct accusation *accusation = &rumour->accusations[i];
        if (accusation->observer != 0 && accusation->observer != entry->id)
            news |= add_accusation(entry, accusation);
    }
    if (news)
        news_arm(members, place);
    set_deadline(members, entry);
}

void suspect_expire(struct members *members, struct members_output *output)
{
    for (uint32_t i = 1; i < members->count && members->suspects > 0; i++) {
        const struct entry *entry = &members->entries[i];
        if (entry->life.liveness != LIVENESS_SUSPECT || members->last_us < entry->convict_us)
            continue;
        struct life life = entry->life;
        life.liveness = LIVENESS_FAILED;
        roster_live(members, i, &life, output);
    }
}

void suspect_delay(struct members *members, uint64_t gap_us)
{
    for (uint32_t i = 1; i < members->count; i++) {
        struct entry *entry = &members->entries[i];
        if (entry->life.liveness != LIVENESS_SUSPECT)
            continue;
        entry->since_us += gap_us;
        entry->convict_us += gap_us;
    }
}

void suspect_health(struct members *members, int change)
{
    if (change < 0)
        members->health -= members->health > 0;
    else if (members->health + (uint32_t)change < HEALTH_MAX)
        members->health += (uint32_t)change;
    else
        members->health = HEALTH_MAX;
}
