#include "cluster/ranges/placement.h"

#include "cluster/base/check.h"
#include "cluster/ranges/replica_set.h"

void placement_found(struct placement *placement, uint32_t ranges, const uint64_t *nodes,
                     uint32_t count)
{
    CHECK(ranges >= 1 && ranges <= RANGES_MAX);
    CHECK(count >= 1 && count <= REPLICAS_MAX);
    *placement = (struct placement){.next_number = 1, .group_count = ranges + 1};
    for (uint32_t place = 0; place < placement->group_count; place++) {
        struct placed *placed = &placement->groups[place];
        for (uint32_t i = 0; i < count; i++)
            placed->list[placed->count++] =
                (struct placed_replica){.number = placement->next_number++, .node = nodes[i]};
    }
}

bool placement_find(const struct placement *placement, uint32_t place, uint64_t node,
                    uint64_t *ret_number)
{
    CHECK(place < placement->group_count);
    const struct placed *placed = &placement->groups[place];
    for (uint32_t i = 0; i < placed->count; i++) {
        if (placed->list[i].node == node) {
            *ret_number = placed->list[i].number;
            return true;
        }
    }
    return false;
}

enum status placement_add(struct placement *placement, uint32_t place, uint64_t node,
                          uint64_t *ret_number)
{
    uint64_t number;
    if (place >= placement->group_count || node == 0 ||
        placement_find(placement, place, node, &number))
        return STATUS_INVALID;
    struct placed *placed = &placement->groups[place];
    if (placed->count == REPLICAS_MAX)
        return STATUS_FULL;
    *ret_number = placement->next_number++;
    placed->list[placed->count++] = (struct placed_replica){.number = *ret_number, .node = node};
    return STATUS_OK;
}

uint32_t placement_voters(uint32_t replicas, uint32_t nodes)
{
    const uint32_t most = replicas < nodes ? replicas : nodes;
    CHECK(most >= 1);
    return most % 2 == 1 ? most : most - 1;
}

static uint32_t load_of(const struct placement *placement, uint64_t node)
{
    uint32_t load = 0;
    uint64_t number;
    for (uint32_t place = 0; place < placement->group_count; place++)
        load += placement_find(placement, place, node, &number);
    return load;
}

/* 0: every node has a replica of it. */
static uint64_t choose_node(const struct placement *placement, const uint64_t *nodes,
                            uint32_t node_count, uint32_t place)
{
    uint64_t chosen = 0, number;
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < node_count; i++) {
        if (placement_find(placement, place, nodes[i], &number))
            continue;
        const uint32_t load = load_of(placement, nodes[i]);
        if (load < least) {
            least = load;
            chosen = nodes[i];
        }
    }
    return chosen;
}

/* The system group first: whoever holds it knows everything else without asking. */
bool placement_next(const struct placement *placement, const uint64_t *nodes, uint32_t node_count,
                    uint32_t wanted, struct placement_step *ret_step)
{
    for (uint32_t i = 0; i < placement->group_count; i++) {
        const uint32_t place = (i + placement->group_count - 1) % placement->group_count;
        if (placement->groups[place].count >= wanted)
            continue;
        const uint64_t node = choose_node(placement, nodes, node_count, place);
        if (node == 0)
            continue;
        *ret_step = (struct placement_step){.place = place, .node = node};
        return true;
    }
    return false;
}

void placement_encode(const struct placement *placement, struct writer *writer)
{
    put_u64(writer, placement->next_number);
    put_u32(writer, placement->group_count);
    for (uint32_t place = 0; place < placement->group_count; place++) {
        const struct placed *placed = &placement->groups[place];
        put_u8(writer, (uint8_t)placed->count);
        for (uint32_t i = 0; i < placed->count; i++) {
            put_u64(writer, placed->list[i].number);
            put_u64(writer, placed->list[i].node);
        }
    }
}

static bool decode_placed(struct placed *placed, uint64_t next_number, struct reader *reader)
{
    placed->count = take_u8(reader);
    if (placed->count < 1 || placed->count > REPLICAS_MAX)
        return false;
    for (uint32_t i = 0; i < placed->count; i++) {
        const uint64_t number = take_u64(reader);
        const uint64_t node = take_u64(reader);
        if (number == 0 || number >= next_number || node == 0)
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (placed->list[j].number == number || placed->list[j].node == node)
                return false;
        }
        placed->list[i] = (struct placed_replica){.number = number, .node = node};
    }
    return reader_ok(reader);
}

bool placement_decode(struct placement *placement, uint32_t ranges, struct reader *reader)
{
    placement->next_number = take_u64(reader);
    placement->group_count = take_u32(reader);
    if (placement->next_number >= RAFT_NUMBER_LIMIT || placement->group_count != ranges + 1)
        return false;
    for (uint32_t place = 0; place < placement->group_count; place++) {
        if (!decode_placed(&placement->groups[place], placement->next_number, reader))
            return false;
    }
    return reader_ok(reader);
}
