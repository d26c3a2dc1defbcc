/* Whose clock is off, and what the others shall know of this node.
 *
 * A message stamped more than HLC_MAX_OFFSET_US ahead of our clock is dropped whole (cluster.c), so
 * nobody adopts a bad clock's time. Who is right is another question, which pings and acks of
 * membership answer: they carry the clock as a number that is only compared. A node that finds most
 * others far to one side of it is itself the one (members/skew.h), fast or slow, and stands aside:
 *
 *   - it hands over what it leads, where somebody hears it; a leader whose messages nobody takes
 *     is replaced after an election time-out all the same;
 *   - its groups ask for no votes (group_stand_aside);
 *   - it is not ready, says why, and tells the others, who hand nothing to it.
 *
 * It goes on voting and following: what it acknowledges are terms and bytes, not times. Of two
 * nodes neither is believed, so both only report. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

#define JUDGE_US UINT64_C(1000000)

/* Offsets are told to others in steps: a new number is a rumour that goes around. */
#define HINT_CLOCK_US 10000

bool membership_skewed(const struct cluster *cluster)
{
    return cluster->membership.skew.verdict != SKEW_NONE;
}

bool membership_skewed_node(const struct cluster *cluster, uint64_t node)
{
    struct members_view view;
    return members_find(cluster->membership.members, node, &view) && view.hints->skewed;
}

static void tell_verdict(struct cluster *cluster, enum skew_verdict before)
{
    struct membership *membership = &cluster->membership;
    /* By the middle of the samples; the majority is at least that far away. */
    const int64_t off_ms = -membership->own.offset_us / 1000;
    if (membership_skewed(cluster))
        (void)snprintf(membership->skew_reason, sizeof membership->skew_reason,
                       "clock is off by %" PRId64 " ms", off_ms);
    if (before == membership->skew.verdict)
        return;
    if (membership_skewed(cluster))
        cluster_note(cluster, NOTE_WARNING,
                     "this node's clock is off by %" PRId64
                     " ms from most others': it leads nothing until it has been right for a while",
                     off_ms);
    else
        cluster_note(cluster, NOTE_INFO, "this node's clock is right again");
}

/* Somebody's clock is off, and it may be ours: said once, until all is well. */
static void tell_apart(struct cluster *cluster, uint32_t apart)
{
    const bool new = apart > 0 && cluster->membership.apart == 0;
    cluster->membership.apart = apart;
    if (new && !membership_skewed(cluster))
        cluster_note(cluster, NOTE_WARNING,
                     "clocks of %" PRIu32 " other members are more than %d ms from this node's",
                     apart, SKEW_OUT_US / 1000);
}

static void judge_clock(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    struct skew_sample *samples = arena_take(&cluster->arena, MEMBERS_MAX * sizeof *samples);
    const struct skew_view view = {
        .samples = samples,
        .count = members_clocks(membership->members, &cluster->now, samples),
        .live = members_live(membership->members),
    };
    if (view.live == 0)
        return; /* we have left, and are no member among others any more */
    const enum skew_verdict before = membership->skew.verdict;
    (void)skew_step(&membership->skew, cluster->now.monotonic_us, &view);
    membership->measured = skew_median(&view, &membership->own);
    tell_verdict(cluster, before);
    tell_apart(cluster, skew_apart(&view));
}

static void measure_work(struct cluster *cluster, uint64_t elapsed_us)
{
    struct membership *membership = &cluster->membership;
    const uint64_t actions = membership->actions - membership->actions_before;
    membership->actions_before = membership->actions;
    membership->actions_per_s = (uint32_t)(actions * 1000000 / elapsed_us);
    membership->players = 0;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && slot->state != NULL && group_leads(slot->group))
            membership->players += engine_players(range_state_engine(slot->state));
    }
}

void membership_judge_clocks(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    const uint64_t now_us = cluster->now.monotonic_us;
    if (now_us < membership->judge_us)
        return;
    /* The first second has no beginning: nothing has been judged in it. */
    measure_work(cluster,
                 JUDGE_US + (membership->judge_us > 0 ? now_us - membership->judge_us : 0));
    membership->judge_us = now_us + JUDGE_US;
    judge_clock(cluster);
}

static int32_t in_steps(int64_t offset_us)
{
    const int64_t steps = offset_us / HINT_CLOCK_US;
    const int64_t steps_max = INT32_MAX / HINT_CLOCK_US;
    if (steps > steps_max || steps < -steps_max)
        return (int32_t)(steps > 0 ? steps_max : -steps_max) * HINT_CLOCK_US;
    return (int32_t)steps * HINT_CLOCK_US;
}

void membership_say_hints(struct cluster *cluster)
{
    struct membership *membership = &cluster->membership;
    struct member_hints hints = {
        .actions_per_s = membership->actions_per_s,
        .players = membership->players,
        .skewed = membership_skewed(cluster),
    };
    if (membership->measured) {
        const uint64_t error_us = membership->own.error_us < INT32_MAX - HINT_CLOCK_US
                                      ? membership->own.error_us + HINT_CLOCK_US
                                      : INT32_MAX;
        hints.clock_offset_us = in_steps(membership->own.offset_us);
        hints.clock_error_us = (uint32_t)in_steps((int64_t)error_us);
    }
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        const struct slot *slot = cluster->slots[i];
        if (slot != NULL && group_leads(slot->group))
            hints.leads[i / 8] |= (uint8_t)(1U << i % 8);
    }
    members_set_hints(membership->members, &hints);
}
