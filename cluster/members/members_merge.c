/* cluster/members/members_merge.c -- What is believed of what is said. */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

void merge_raise(struct members *members, uint64_t incarnation)
{
    /* Only a liar comes so far; a new boot is the way out. */
    if (incarnation >= INCARNATION_MAX)
        return;
    const struct life life = {
        .boot = members->entries[SELF].life.boot,
        .incarnation = incarnation + 1,
        .liveness = members->leaving ? LIVENESS_LEFT : LIVENESS_ALIVE,
    };
    roster_live(members, SELF, &life, NULL);
}

/* Somebody says something of ourselves that we have not said. */
static void refute(struct members *members, const struct life *said)
{
    const struct life *own = &members->entries[SELF].life;
    if (said->boot > own->boot)
        members->usurped = true;
    if (said->boot != own->boot || life_compare(said, own) <= 0)
        return;
    if (said->liveness != LIVENESS_ALIVE)
        suspect_health(members, 1);
    merge_raise(members, said->incarnation);
}

/* Of the same boot, the larger version is the later one. */
static void take_hints(struct members *members, uint32_t place, const struct rumour *rumour)
{
    if (rumour->hints == NULL || place == SELF ||
        rumour->life.boot != members->entries[place].life.boot ||
        rumour->hints->version <= members->hints[place].version)
        return;
    members->hints[place] = *rumour->hints;
    news_arm_hints(members, place);
}

static void take_life(struct members *members, uint32_t place, const struct rumour *rumour,
                      struct members_output *output)
{
    struct entry *entry = &members->entries[place];
    const int newer = life_compare(&rumour->life, &entry->life);
    if (newer > 0) {
        if (!life_same(&rumour->life, &entry->life))
            members->details[place] = *rumour->details;
        roster_live(members, place, &rumour->life, output);
    }
    if (newer >= 0)
        suspect_hear(members, place, rumour);
}

/* Numbers and words that no node of ours sends count as not said. */
static bool is_sound(const struct rumour *rumour)
{
    if (rumour->id == 0 || rumour->life.boot == 0 || rumour->life.incarnation > INCARNATION_MAX ||
        (unsigned)rumour->life.liveness >= LIVENESS_COUNT)
        return false;
    return rumour->life.liveness == LIVENESS_UNHEARD || rumour->details != NULL;
}

void merge_rumour(struct members *members, const struct rumour *rumour, enum merge_from from,
                  struct members_output *output)
{
    if (!is_sound(rumour) || members_removed(members, rumour->id))
        return;
    uint32_t place = roster_place(members, rumour->id);
    const bool lives = rumour->life.liveness != LIVENESS_UNHEARD;
    if (place == SELF) {
        if (lives)
            refute(members, &rumour->life);
        return;
    }
    if (place == PLACE_NONE && lives)
        place = roster_add(members, rumour->id, rumour->details);
    if (place == PLACE_NONE)
        return;
    if (lives)
        take_life(members, place, rumour, output);
    take_hints(members, place, rumour);
    if (from != MERGE_NEWS && lives &&
        life_compare(&rumour->life, &members->entries[place].life) == 0)
        members->entries[place].echo = members->pull_number;
    if (from == MERGE_BULK)
        news_arm_few(members, place);
}
