/* cluster/members/members_news.c -- What is told to whom, and how often. */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

/* Of each rumour so many copies leave a node: enough that everybody has it with certainty for all
 * purposes (each copy reaches a random member), and the digest finds who has not. */
static uint8_t copies(const struct members *members)
{
    uint8_t bits = 0;
    for (uint32_t n = members->count; n > 0; n /= 2)
        bits++;
    return (uint8_t)(4 + 2 * bits);
}

static void arm(struct members *members, uint32_t place)
{
    struct entry *entry = &members->entries[place];
    if (entry->pending)
        return;
    CHECK(members->pending_count < members->members_max);
    entry->pending = true;
    members->pending[members->pending_count++] = (uint16_t)place;
}

void news_arm(struct members *members, uint32_t place)
{
    members->entries[place].news_left = copies(members);
    arm(members, place);
}

void news_arm_few(struct members *members, uint32_t place)
{
    if (members->entries[place].news_left > FANOUT)
        members->entries[place].news_left = FANOUT;
}

void news_arm_hints(struct members *members, uint32_t place)
{
    members->entries[place].hints_left = copies(members);
    arm(members, place);
}

static struct rumour *add_rumour(struct members_output *output)
{
    if (output->rumour_count == MEMBERS_RUMOURS_MAX)
        return NULL;
    struct rumour *rumour = &output->rumours[output->rumour_count++];
    *rumour = (struct rumour){0};
    return rumour;
}

static bool add_life(const struct members *members, uint32_t place, struct members_output *output)
{
    const struct entry *entry = &members->entries[place];
    struct rumour *rumour = add_rumour(output);
    if (rumour == NULL)
        return false;
    rumour->id = entry->id;
    rumour->life = entry->life;
    rumour->details = &members->details[place];
    rumour->accusation_count = entry->accusation_count;
    for (uint32_t i = 0; i < entry->accusation_count; i++)
        rumour->accusations[i] = entry->accusations[i];
    return true;
}

static bool add_hints(const struct members *members, uint32_t place, struct members_output *output)
{
    const struct entry *entry = &members->entries[place];
    struct rumour *rumour = add_rumour(output);
    if (rumour == NULL)
        return false;
    rumour->id = entry->id;
    rumour->life.boot = entry->life.boot;
    rumour->hints = &members->hints[place];
    return true;
}

bool news_record(const struct members *members, uint32_t place, struct members_output *output)
{
    CHECK(members->entries[place].life.liveness != LIVENESS_UNHEARD);
    if (!add_life(members, place, output))
        return false;
    if (members->hints[place].version > 0)
        output->rumours[output->rumour_count - 1].hints = &members->hints[place];
    return true;
}

/* Liveness before hints, the least told first. */
static uint32_t urgency(const struct entry *entry)
{
    return entry->news_left > 0 ? UINT32_C(256) + entry->news_left : entry->hints_left;
}

struct picks {
    uint32_t count;
    uint16_t places[MESSAGE_NEWS_MAX]; /* the most urgent first */
};

static void pick(const struct members *members, struct picks *picks)
{
    picks->count = 0;
    for (uint32_t i = 0; i < members->pending_count; i++) {
        const uint16_t place = members->pending[i];
        const uint32_t wanted = urgency(&members->entries[place]);
        uint32_t at = picks->count;
        while (at > 0 && urgency(&members->entries[picks->places[at - 1]]) < wanted)
            at--;
        if (at == MESSAGE_NEWS_MAX)
            continue;
        picks->count += picks->count < MESSAGE_NEWS_MAX;
        for (uint32_t j = picks->count - 1; j > at; j--)
            picks->places[j] = picks->places[j - 1];
        picks->places[at] = place;
    }
}

static void told(uint8_t *left, uint32_t times)
{
    *left = (uint8_t)(*left > times ? *left - times : 0);
}

static void drop_told(struct members *members)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < members->pending_count; i++) {
        struct entry *entry = &members->entries[members->pending[i]];
        entry->pending = entry->news_left > 0 || entry->hints_left > 0;
        if (entry->pending)
            members->pending[kept++] = members->pending[i];
    }
    members->pending_count = kept;
}

/* Writes the picked ones down; they are told `times`. `without` stands there already. */
static void add_picks(struct members *members, const struct picks *picks, uint32_t times,
                      uint32_t without, struct members_output *output)
{
    for (uint32_t i = 0; i < picks->count; i++) {
        const uint32_t place = picks->places[i];
        struct entry *entry = &members->entries[place];
        if (entry->news_left > 0) {
            if (place != without && !add_life(members, place, output))
                break;
            told(&entry->news_left, times);
        } else {
            if (!add_hints(members, place, output))
                break;
            told(&entry->hints_left, times);
        }
    }
    drop_told(members);
}

struct bundle news_for(struct members *members, uint64_t to, struct members_output *output)
{
    const uint32_t first = output->rumour_count;
    /* He who is accused hears it with every message, so that he can refute it. */
    const uint32_t place = roster_place(members, to);
    uint32_t without = PLACE_NONE;
    if (place != PLACE_NONE && members->entries[place].life.liveness > LIVENESS_ALIVE &&
        add_life(members, place, output))
        without = place;
    /* Everybody whom we talk to learns our newest hints, so that a lost one does no lasting harm.
     */
    if (members->hints[SELF].version > 0)
        (void)add_hints(members, SELF, output);
    struct picks picks;
    pick(members, &picks);
    add_picks(members, &picks, 1, without, output);
    CHECK(output->rumour_count - first <= GOSSIP_RUMOURS_MAX);
    return (struct bundle){&output->rumours[first], output->rumour_count - first};
}

void news_send(struct members_output *output, uint64_t to, const struct gossip *message)
{
    CHECK(to != 0);
    if (output->send_count < MEMBERS_SENDS_MAX)
        output->sends[output->send_count++] = (struct members_send){.to = to, .message = *message};
}

/* Random members, and those of whom the worst is said for the first time. */
static uint32_t choose(struct members *members, const struct picks *picks,
                       uint64_t targets[FANOUT + MESSAGE_NEWS_MAX])
{
    uint32_t count = roster_pick(members, FANOUT, 0, targets);
    const uint8_t first_time = copies(members);
    for (uint32_t i = 0; i < picks->count; i++) {
        const struct entry *entry = &members->entries[picks->places[i]];
        const bool accused =
            entry->life.liveness == LIVENESS_SUSPECT || entry->life.liveness == LIVENESS_FAILED;
        if (!accused || entry->news_left != first_time)
            continue;
        bool there = false;
        for (uint32_t j = 0; j < count; j++)
            there |= targets[j] == entry->id;
        if (!there)
            targets[count++] = entry->id;
    }
    return count;
}

void news_flush(struct members *members, struct members_output *output)
{
    if (members->pending_count == 0 || members->last_us < members->next_flush_us)
        return;
    struct picks picks;
    pick(members, &picks);
    /* Hints alone can wait for the next ping. */
    while (picks.count > 0 && members->entries[picks.places[picks.count - 1]].news_left == 0)
        picks.count--;
    if (picks.count == 0)
        return;
    uint64_t targets[FANOUT + MESSAGE_NEWS_MAX];
    const uint32_t count = choose(members, &picks, targets);
    if (count == 0)
        return;
    members->next_flush_us = members->last_us + FLUSH_US;
    const uint32_t first = output->rumour_count;
    add_picks(members, &picks, count, PLACE_NONE, output);
    const struct gossip message = {
        .kind = GOSSIP_NEWS,
        .rumours = &output->rumours[first],
        .rumour_count = output->rumour_count - first,
    };
    for (uint32_t i = 0; i < count; i++)
        news_send(output, targets[i], &message);
}
