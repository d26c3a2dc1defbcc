/* cluster/members/members_probe.c -- Pings, acks, and those that others ask for. */
#include "cluster/base/check.h"
#include "cluster/members/members_internal.h"

/* A helper that waits says so while the requester still does. */
#define NACK_US UINT64_C(70000)

/* A measured offset of two clocks grows uncertain by 2 %, the most that both may be slewed at, and
 * a better or fresher measurement takes its place. */
#define DRIFT_PARTS  50
#define CLOCK_AGE_US UINT64_C(30000000)

static struct ping *ping_slot(struct members *members, uint32_t number)
{
    return &members->pings[number % PINGS_MAX];
}

/* NULL: that is no ping of ours, or one long past. */
static struct ping *find_ping(struct members *members, uint32_t number, uint64_t target)
{
    struct ping *ping = ping_slot(members, number);
    const bool ours = ping->purpose != PING_NONE && ping->number == number;
    return ours && ping->target == target ? ping : NULL;
}

static struct ping *new_ping(struct members *members, const struct now *now,
                             enum ping_purpose purpose, uint64_t target)
{
    const uint32_t number = ++members->ping_number;
    struct ping *ping = ping_slot(members, number);
    if (ping->purpose == PING_RELAY && ping->nack_us != 0)
        members->relays--;
    *ping = (struct ping){
        .purpose = purpose,
        .number = number,
        .target = target,
        .sent_us = now->monotonic_us,
        .sent_physical_us = now->physical_us,
    };
    return ping;
}

static void send_ping(struct members *members, const struct ping *ping,
                      struct members_output *output)
{
    const struct bundle news = news_for(members, ping->target, output);
    const struct gossip message = {
        .kind = GOSSIP_PING,
        .probe = ping->number,
        .digest = members_digest(members),
        .rumours = news.rumours,
        .rumour_count = news.count,
    };
    news_send(output, ping->target, &message);
}

void probe_touch(struct members *members, const struct now *now, uint64_t id,
                 struct members_output *output)
{
    send_ping(members, new_ping(members, now, PING_TOUCH, id), output);
}

/* Those who may be back: they hear what is said of them, and what has changed. */
static void touch_troubled(struct members *members, const struct now *now,
                           struct members_output *output)
{
    if (now->monotonic_us < members->next_touch_us)
        return;
    members->next_touch_us = now->monotonic_us + MEMBERS_PERIOD_US;
    uint32_t left = members->troubled < TOUCHES ? members->troubled : TOUCHES;
    for (uint32_t i = 0; i < members->count && left > 0; i++) {
        members->touch_at = (members->touch_at + 1) % members->count;
        const struct entry *entry = &members->entries[members->touch_at];
        const enum liveness liveness = entry->life.liveness;
        if (liveness == LIVENESS_ALIVE || liveness == LIVENESS_LEFT)
            continue;
        probe_touch(members, now, entry->id, output);
        left--;
    }
}

/* The probe. */

static uint32_t ask_helpers(struct members *members, uint64_t target, uint32_t number,
                            struct members_output *output)
{
    uint64_t helpers[HELPERS];
    const uint32_t count = roster_pick(members, HELPERS, target, helpers);
    for (uint32_t i = 0; i < count; i++) {
        const struct bundle news = news_for(members, helpers[i], output);
        const struct gossip message = {
            .kind = GOSSIP_PING_REQ,
            .probe = number,
            .target = target,
            .rumours = news.rumours,
            .rumour_count = news.count,
        };
        news_send(output, helpers[i], &message);
    }
    return count;
}

void probe_confirm(struct members *members, uint64_t id, struct members_output *output)
{
    /* A number that no ping of ours has now: the answers are not waited for. It is the helpers' own
     * refusals that count. */
    (void)ask_helpers(members, id, ++members->ping_number, output);
}

static uint64_t choose(struct members *members)
{
    const uint64_t wanted = members->look_at;
    members->look_at = 0;
    const uint32_t place = wanted != 0 ? roster_place(members, wanted) : PLACE_NONE;
    if (place != PLACE_NONE && life_routable(&members->entries[place].life))
        return wanted;
    return roster_next(members);
}

static void start(struct members *members, const struct now *now, struct members_output *output)
{
    const uint64_t target = choose(members);
    members->next_probe_us = now->monotonic_us + MEMBERS_PERIOD_US;
    if (target == 0)
        return;
    const uint64_t times = members->health + 1;
    const struct ping *ping = new_ping(members, now, PING_PROBE, target);
    members->probe = (struct probe){
        .active = true,
        .number = ping->number,
        .target = target,
        .indirect_us = now->monotonic_us + DIRECT_US * times,
        .end_us = now->monotonic_us + MEMBERS_PERIOD_US * times,
    };
    send_ping(members, ping, output);
}

/* No ack came. Helpers that said nothing either speak against us, not against him. */
static void give_up(struct members *members, struct members_output *output)
{
    struct probe *probe = &members->probe;
    const uint32_t silent = probe->helpers > probe->nacks ? probe->helpers - probe->nacks : 0;
    suspect_health(members, probe->helpers > 0 ? (int)silent : 1);
    probe->active = false;
    const uint32_t place = roster_place(members, probe->target);
    if (place != PLACE_NONE)
        suspect_accuse(members, place, false, output);
}

static void answered(struct members *members)
{
    members->probe.active = false;
    suspect_health(members, -1);
}

/* Requesters hear that we wait for the same ack as they do. */
static void send_nacks(struct members *members, const struct now *now,
                       struct members_output *output)
{
    for (uint32_t i = 0; i < PINGS_MAX && members->relays > 0; i++) {
        struct ping *ping = &members->pings[i];
        if (ping->purpose != PING_RELAY || ping->nack_us == 0 || now->monotonic_us < ping->nack_us)
            continue;
        ping->nack_us = 0;
        members->relays--;
        const struct gossip message = {
            .kind = GOSSIP_NACK, .probe = ping->requester_probe, .target = ping->target};
        news_send(output, ping->requester, &message);
    }
}

void probe_tick(struct members *members, const struct now *now, struct members_output *output)
{
    struct probe *probe = &members->probe;
    send_nacks(members, now, output);
    if (probe->active && !probe->indirect && now->monotonic_us >= probe->indirect_us) {
        probe->indirect = true;
        probe->helpers = ask_helpers(members, probe->target, probe->number, output);
    }
    if (probe->active && now->monotonic_us >= probe->end_us)
        give_up(members, output);
    if (!probe->active && now->monotonic_us >= members->next_probe_us)
        start(members, now, output);
    touch_troubled(members, now, output);
}

/* What comes in. */

void probe_ping(struct members *members, const struct now *now, uint64_t from,
                const struct gossip *message, struct members_output *output)
{
    const struct bundle news = news_for(members, from, output);
    const struct gossip ack = {
        .kind = GOSSIP_ACK,
        .probe = message->probe,
        .digest = members_digest(members),
        .physical_us = now->physical_us,
        .rumours = news.rumours,
        .rumour_count = news.count,
    };
    news_send(output, from, &ack);
    sync_compare(members, from, message->digest, output);
}

/* Their clock stood at `theirs_us` at some moment between ping and ack. */
static void measure(struct entry *entry, const struct now *now, const struct ping *ping,
                    uint64_t theirs_us)
{
    const uint64_t trip_us = now->monotonic_us - ping->sent_us;
    const uint64_t middle_us = ping->sent_physical_us + trip_us / 2;
    const uint64_t error_us = (trip_us + 1) / 2;
    const uint64_t age_us = now->monotonic_us - entry->measured_us;
    if (entry->measured && age_us < CLOCK_AGE_US &&
        error_us > entry->clock_error_us + age_us / DRIFT_PARTS)
        return;
    const bool ahead = theirs_us >= middle_us;
    uint64_t apart_us = ahead ? theirs_us - middle_us : middle_us - theirs_us;
    if (apart_us > INT64_MAX)
        apart_us = INT64_MAX;
    entry->measured = true;
    entry->measured_us = now->monotonic_us;
    entry->clock_error_us = error_us;
    entry->clock_offset_us = ahead ? (int64_t)apart_us : -(int64_t)apart_us;
}

/* A helper has heard of the one whom we probe. */
static void take_relayed(struct members *members, const struct gossip *message)
{
    const struct probe *probe = &members->probe;
    if (probe->active && probe->number == message->probe && probe->target == message->target)
        answered(members);
}

static void pass_on(struct members *members, struct ping *ping, struct members_output *output)
{
    if (ping->nack_us != 0)
        members->relays--;
    const struct gossip message = {
        .kind = GOSSIP_ACK, .probe = ping->requester_probe, .target = ping->target};
    news_send(output, ping->requester, &message);
}

void probe_ack(struct members *members, const struct now *now, uint64_t from,
               const struct gossip *message, struct members_output *output)
{
    if (message->target != 0) {
        take_relayed(members, message);
        return;
    }
    struct ping *ping = find_ping(members, message->probe, from);
    const uint32_t place = roster_place(members, from);
    if (ping != NULL && place != PLACE_NONE) {
        members->entries[place].answered = true;
        measure(&members->entries[place], now, ping, message->physical_us);
        if (ping->purpose == PING_RELAY)
            pass_on(members, ping, output);
        if (members->probe.active && members->probe.number == ping->number)
            answered(members);
        ping->purpose = PING_NONE;
    }
    sync_compare(members, from, message->digest, output);
}

void probe_request(struct members *members, const struct now *now, uint64_t from,
                   const struct gossip *message, struct members_output *output)
{
    if (message->target == members->entries[SELF].id || message->target == from ||
        roster_place(members, message->target) == PLACE_NONE)
        return;
    struct ping *ping = new_ping(members, now, PING_RELAY, message->target);
    ping->requester = from;
    ping->requester_probe = message->probe;
    ping->nack_us = now->monotonic_us + NACK_US;
    members->relays++;
    send_ping(members, ping, output);
}

void probe_nack(struct members *members, const struct gossip *message)
{
    struct probe *probe = &members->probe;
    if (probe->active && probe->number == message->probe && probe->target == message->target &&
        probe->nacks < probe->helpers)
        probe->nacks++;
}

uint32_t members_clocks(const struct members *members, const struct now *now,
                        struct skew_sample list[MEMBERS_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < members->count; i++) {
        const struct entry *entry = &members->entries[i];
        const uint64_t age_us = now->monotonic_us - entry->measured_us;
        if (!entry->measured || !life_routable(&entry->life) || age_us >= CLOCK_AGE_US)
            continue;
        list[count++] = (struct skew_sample){
            .offset_us = entry->clock_offset_us,
            .error_us = entry->clock_error_us + age_us / DRIFT_PARTS,
        };
    }
    return count;
}
