#include "tests/sim/group_witness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void witness_init(struct group_witness *witness, uint64_t seed)
{
    *witness = (struct group_witness){.seed = seed, .seen_capacity = 1024};
    witness->seen = calloc(witness->seen_capacity, sizeof *witness->seen);
    CHECK(witness->seen != NULL);
}

void witness_fini(struct group_witness *witness)
{
    free(witness->seen);
    free(witness->applied);
    free(witness->leaders);
}

void witness_check(const struct group_witness *witness, int condition, const char *promise)
{
    if (condition)
        return;
    (void)fprintf(stderr, "seed=%" PRIu64 ": broken: %s\n", witness->seed, promise);
    abort();
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct log_entry *entry)
{
    uint64_t hash = mix((uint64_t)entry->type, entry->bytes);
    for (uint32_t i = 0; i + 8 <= entry->bytes; i += 8) {
        uint64_t word;
        memcpy(&word, entry->data + i, 8);
        hash = mix(hash, word);
    }
    return hash | 1;
}

static struct seen_entry *place_of(struct group_witness *witness, uint64_t index, uint64_t term)
{
    size_t at = (size_t)mix(mix(0, index), term) & (witness->seen_capacity - 1);
    while (witness->seen[at].index != 0 &&
           (witness->seen[at].index != index || witness->seen[at].term != term))
        at = (at + 1) & (witness->seen_capacity - 1);
    return &witness->seen[at];
}

static void grow_seen(struct group_witness *witness)
{
    struct seen_entry *old = witness->seen;
    const size_t capacity = witness->seen_capacity;
    witness->seen_capacity *= 2;
    witness->seen = calloc(witness->seen_capacity, sizeof *witness->seen);
    CHECK(witness->seen != NULL);
    for (size_t i = 0; i < capacity; i++) {
        if (old[i].index != 0)
            *place_of(witness, old[i].index, old[i].term) = old[i];
    }
    free(old);
}

void witness_entry(struct group_witness *witness, uint64_t index, const struct log_entry *entry)
{
    const uint64_t hash = hash_of(entry);
    struct seen_entry *seen = place_of(witness, index, entry->term);
    if (seen->index != 0) {
        witness_check(witness, seen->hash == hash, "an index and a term make an entry");
        return;
    }
    *seen = (struct seen_entry){index, entry->term, hash};
    if (++witness->seen_count * 2 > witness->seen_capacity)
        grow_seen(witness);
}

void witness_leader(struct group_witness *witness, uint64_t term, uint64_t leader)
{
    for (size_t i = 0; i < witness->leader_count; i++) {
        if (witness->leaders[i].term == term) {
            witness_check(witness, witness->leaders[i].leader == leader, "a term has one leader");
            return;
        }
    }
    if (witness->leader_count == witness->leader_capacity) {
        witness->leader_capacity = witness->leader_capacity * 2 + 8;
        witness->leaders =
            realloc(witness->leaders, witness->leader_capacity * sizeof *witness->leaders);
        CHECK(witness->leaders != NULL);
    }
    witness->leaders[witness->leader_count].term = term;
    witness->leaders[witness->leader_count++].leader = leader;
}

void witness_applied(struct group_witness *witness, uint64_t index, uint64_t term,
                     const struct log_entry *entry)
{
    const uint64_t hash = entry != NULL ? hash_of(entry) : 0;
    if (index <= witness->applied_count) {
        const struct seen_entry *before = &witness->applied[index - 1];
        witness_check(witness, before->term == term && before->hash == hash,
                      "all replicas apply the same entry at an index");
        return;
    }
    CHECK(index == witness->applied_count + 1);
    if (witness->applied_count == witness->applied_capacity) {
        witness->applied_capacity = witness->applied_capacity * 2 + 64;
        witness->applied =
            realloc(witness->applied, witness->applied_capacity * sizeof *witness->applied);
        CHECK(witness->applied != NULL);
    }
    witness->applied[witness->applied_count++] = (struct seen_entry){index, term, hash};
}

uint64_t witness_applied_term(const struct group_witness *witness, uint64_t index)
{
    return index >= 1 && index <= witness->applied_count ? witness->applied[index - 1].term : 0;
}
