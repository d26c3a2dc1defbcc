/* Growing: nodes that join get replicas, replicas become voters, leaders spread, and a node that
 * stops hands over what it leads.
 *
 *   JOIN   a member asks, any node passes it on, the system group's leader logs it
 *   PLACE  the system group's leader logs where one more replica shall be; the node that it names
 *          makes it, empty, when it hears of it
 *   CHANGE each group's leader makes its configuration what is placed: all new replicas as
 *          learners; when they have everything that is committed, one after the other a voter
 *
 * A group goes from one voter to three without staying at two, which would be worse than either:
 * the first learner is promoted when the last one has caught up. The system group comes first. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* PLACE records of one tick. */
#define PLACES_AT_ONCE 64

/* A transfer that came to nothing is not tried again at once. */
#define SPREAD_AGAIN_MS 5000
/* Another replica counts as there when it answered so lately: three heartbeats. */
#define HEARD_MS (3 * GROUP_HEARTBEAT_MS)

/* A node that stops waits so long for others to take over. */
#define HAND_OVER_MS 2000

static uint32_t place_of(const struct cluster *cluster, uint32_t group)
{
    return group == GROUP_SYSTEM ? system_state_settings(cluster->system)->ranges : group;
}

/* --- Placing: the system group's leader ------------------------------------------------------- */

static bool log_place(struct cluster *cluster, const struct placement_step *step)
{
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    uint8_t body[PLACE_BYTES];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    place_encode(step->place == ranges ? GROUP_SYSTEM : step->place, step->node, &writer);
    CHECK(writer_ok(&writer));
    const struct record record = {
        .kind = RECORD_PLACE,
        .stamp = hlc_now(&cluster->hlc, cluster->now.physical_us),
        .uncertainty_us = cluster->now.uncertainty_us,
        .body = body,
        .body_bytes = writer.used,
    };
    return groups_submit(cluster, cluster->system_group, &record, &cluster->place_index) ==
           STATUS_OK;
}

void grow_tick_system(struct cluster *cluster)
{
    const struct settings *settings = system_state_settings(cluster->system);
    /* What was logged last must show before more is planned. */
    if (cluster->place_index > group_applied(cluster->system_group))
        return;
    uint64_t nodes[NODES_MAX];
    const uint32_t count = system_state_members(cluster->system);
    for (uint32_t i = 0; i < count; i++)
        nodes[i] = system_state_member(cluster->system, i)->id;
    const uint32_t wanted = placement_voters(settings->replicas, count);
    const struct placement *present = system_state_placement(cluster->system);
    struct placement_step step;
    if (!placement_next(present, nodes, count, wanted, &step))
        return;
    struct placement *planned = arena_take(&cluster->arena, sizeof *planned);
    *planned = *present;
    for (uint32_t i = 0; i < PLACES_AT_ONCE && cluster_has_room(cluster); i++) {
        uint64_t number;
        if (!placement_next(planned, nodes, count, wanted, &step) || !log_place(cluster, &step))
            return;
        const enum status added = placement_add(planned, step.place, step.node, &number);
        CHECK(added == STATUS_OK);
    }
}

/* --- Replicas of this node -------------------------------------------------------------------- */

static enum status make_replica(struct cluster *cluster, uint32_t group, uint64_t number)
{
    const enum status added = groups_add(cluster, group, number);
    if (added != STATUS_OK)
        return added;
    cluster_note(cluster, NOTE_INFO, "this node holds replica %llu of group %u now",
                 (unsigned long long)number, group);
    if (group != GROUP_SYSTEM) {
        struct slot *slot = cluster->slots[group];
        slot->state = range_state_new(system_state_settings(cluster->system), group,
                                      cluster->config.index_secret);
        if (slot->state == NULL)
            return STATUS_NO_MEMORY;
    }
    if (group == GROUP_SYSTEM) {
        cluster->system_next = system_state_new();
        if (cluster->system_next == NULL)
            return STATUS_NO_MEMORY;
    }
    const struct hard_state nothing = {.replica = number};
    const struct group_turn turn = cluster_group_turn(cluster);
    return group_start(groups_find(cluster, group), &turn, &nothing);
}

enum status grow_make_replicas(struct cluster *cluster)
{
    if (system_state_settings(cluster->system) == NULL)
        return STATUS_OK;
    const struct placement *placement = system_state_placement(cluster->system);
    for (uint32_t i = 0; i < placement->group_count; i++) {
        const uint32_t group = i + 1 == placement->group_count ? GROUP_SYSTEM : i;
        uint64_t number;
        if (!placement_find(placement, i, cluster->config.node, &number) ||
            groups_find(cluster, group) != NULL)
            continue;
        if (!cluster_has_room(cluster))
            return STATUS_OK; /* the rest with the next step */
        const enum status status = make_replica(cluster, group, number);
        if (status != STATUS_OK)
            return status;
    }
    cluster->replicas_due = false;
    return STATUS_OK;
}

/* --- Configurations: each group's leader ------------------------------------------------------ */

static bool is_member(const struct group_view *view, uint64_t number)
{
    for (uint32_t i = 0; i < view->replica_count; i++) {
        if (view->replicas[i].number == number)
            return true;
    }
    return false;
}

/* True: a replica that is placed was missing, and its CHANGE is tried. */
static bool add_learner(struct cluster *cluster, struct group *group, const struct group_view *view,
                        const struct placed *placed)
{
    for (uint32_t i = 0; i < placed->count; i++) {
        if (is_member(view, placed->list[i].number) || view->replica_count == REPLICA_SET_MAX)
            continue;
        struct replica wanted[REPLICA_SET_MAX];
        memcpy(wanted, view->replicas, view->replica_count * sizeof *wanted);
        wanted[view->replica_count] = (struct replica){
            .number = placed->list[i].number,
            .node = placed->list[i].node,
            .role = REPLICA_LEARNER,
        };
        const struct group_turn turn = cluster_group_turn(cluster);
        /* What cannot be done now is tried again with the next tick. */
        const enum status changed = group_change(group, &turn, wanted, view->replica_count + 1);
        (void)changed;
        return true;
    }
    return false;
}

struct learners {
    uint32_t count, behind;
    uint32_t ready; /* place of one that has caught up */
};

static struct learners look_at_learners(const struct group *group, const struct group_view *view)
{
    struct learners learners = {0};
    for (uint32_t i = 0; i < view->replica_count; i++) {
        if (view->replicas[i].role != REPLICA_LEARNER)
            continue;
        learners.count++;
        if (group_match(group, view->replicas[i].number) < view->commit_index)
            learners.behind++;
        else
            learners.ready = i;
    }
    return learners;
}

static void promote(struct cluster *cluster, struct group *group, const struct group_view *view,
                    uint32_t at)
{
    struct replica wanted[REPLICA_SET_MAX];
    memcpy(wanted, view->replicas, view->replica_count * sizeof *wanted);
    wanted[at].role = REPLICA_VOTER;
    const struct group_turn turn = cluster_group_turn(cluster);
    const enum status changed = group_change(group, &turn, wanted, view->replica_count);
    (void)changed; /* tried again with the next tick */
}

/* True: the configuration is what is placed. */
static bool reconfigure(struct cluster *cluster, struct group *group, const struct group_view *view,
                        const struct placed *placed)
{
    if (add_learner(cluster, group, view, placed))
        return false;
    const struct learners learners = look_at_learners(group, view);
    if (learners.count == 0)
        return true;
    const uint32_t voters = view->replica_count - learners.count;
    /* From an odd number only when all of them can follow. */
    const bool begins = voters % 2 == 1;
    if (begins && (learners.behind > 0 || view->replica_count % 2 == 0))
        return false;
    if (learners.behind < learners.count)
        promote(cluster, group, view, learners.ready);
    return false;
}

/* --- Leaders ---------------------------------------------------------------------------------- */

static uint32_t member_place(const struct cluster *cluster, uint64_t node)
{
    uint32_t at = 0;
    while (at < system_state_members(cluster->system) &&
           system_state_member(cluster->system, at)->id != node)
        at++;
    return at;
}

/* The voter that shall lead a range: voters in the order of the members' list, each a contiguous
 * share of the ranges. */
static const struct replica *preferred_leader(const struct cluster *cluster,
                                              const struct group_view *view, uint32_t range)
{
    const uint32_t ranges = system_state_settings(cluster->system)->ranges;
    const uint32_t wanted = (uint32_t)((uint64_t)range * view->replica_count / ranges);
    for (uint32_t i = 0; i < view->replica_count; i++) {
        uint32_t before = 0;
        for (uint32_t j = 0; j < view->replica_count; j++)
            before += member_place(cluster, view->replicas[j].node) <
                      member_place(cluster, view->replicas[i].node);
        if (before == wanted)
            return &view->replicas[i];
    }
    return NULL;
}

/* It is there, votes, has everything, and may trust its clock. */
static bool can_lead(const struct cluster *cluster, const struct group *group,
                     const struct group_view *view, const struct replica *replica)
{
    const uint64_t heard_ms = group_heard_ms(group, replica->number);
    return replica->role == REPLICA_VOTER && replica->node != cluster->config.node &&
           !membership_skewed_node(cluster, replica->node) && heard_ms != 0 &&
           cluster_now_ms(cluster) - heard_ms <= HEARD_MS &&
           group_match(group, replica->number) >= view->commit_index;
}

static void hand_to(struct cluster *cluster, struct group *group, const struct replica *replica)
{
    const struct group_turn turn = cluster_group_turn(cluster);
    const enum status handed = group_transfer(group, &turn, replica->number);
    (void)handed; /* if it comes to nothing, it is tried again */
}

static void spread(struct cluster *cluster, struct slot *slot, const struct group_view *view)
{
    const uint64_t now_ms = cluster_now_ms(cluster);
    if (cluster->config.spread_after_ms == 0 || now_ms < slot->spread_after_ms)
        return;
    const struct replica *preferred = preferred_leader(cluster, view, slot->range);
    if (preferred == NULL || !can_lead(cluster, slot->group, view, preferred))
        return;
    slot->spread_after_ms = now_ms + SPREAD_AGAIN_MS;
    hand_to(cluster, slot->group, preferred);
}

void grow_lead(struct cluster *cluster, struct slot *slot)
{
    slot->spread_after_ms = cluster_now_ms(cluster) + cluster->config.spread_after_ms;
}

void grow_tick_group(struct cluster *cluster, struct group *group, struct slot *slot)
{
    if (!group_leads(group) || system_state_settings(cluster->system) == NULL)
        return;
    const uint32_t number = slot != NULL ? slot->range : GROUP_SYSTEM;
    const struct placement *placement = system_state_placement(cluster->system);
    const struct placed *placed = &placement->groups[place_of(cluster, number)];
    struct group_view view;
    group_view(group, &view);
    if (view.transferring || cluster->stopping || membership_skewed(cluster))
        return;
    if (reconfigure(cluster, group, &view, placed) && slot != NULL)
        spread(cluster, slot, &view);
}

/* --- Stopping --------------------------------------------------------------------------------- */

/* Whoever can lead the group in our place; NULL: nobody. */
static const struct replica *successor(const struct cluster *cluster, const struct group *group,
                                       const struct group_view *view)
{
    for (uint32_t i = 0; i < view->replica_count; i++) {
        if (can_lead(cluster, group, view, &view->replicas[i]))
            return &view->replicas[i];
    }
    return NULL;
}

void grow_hand_over(struct cluster *cluster, struct group *group)
{
    struct group_view view;
    group_view(group, &view);
    if (view.role != GROUP_LEADER || view.transferring)
        return;
    const struct replica *next = successor(cluster, group, &view);
    if (next != NULL)
        hand_to(cluster, group, next);
}

static bool leads_with_successor(const struct cluster *cluster, const struct group *group)
{
    if (group == NULL || group_role(group) != GROUP_LEADER)
        return false;
    struct group_view view;
    group_view(group, &view);
    return view.transferring || successor(cluster, group, &view) != NULL;
}

bool grow_handing_over(const struct cluster *cluster)
{
    if (!cluster->stopping || cluster_now_ms(cluster) - cluster->stopping_ms >= HAND_OVER_MS)
        return false;
    for (uint32_t i = 0; i < cluster->slot_count; i++) {
        if (cluster->slots[i] != NULL && leads_with_successor(cluster, cluster->slots[i]->group))
            return true;
    }
    return leads_with_successor(cluster, cluster->system_group);
}
