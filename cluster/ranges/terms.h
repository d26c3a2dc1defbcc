/* cluster/ranges/terms.h -- The term of every entry of a log: one run for each term.
 *
 * Terms never fall along a log and most entries share one, so a log of millions of entries takes a
 * few dozen bytes. Indexes begin at 1; terms are above 0. */
#ifndef CAIRN_CLUSTER_RANGES_TERMS_H
#define CAIRN_CLUSTER_RANGES_TERMS_H

#include <stdint.h>

struct term_run {
    uint64_t first; /* index */
    uint64_t term;
};

struct terms {
    struct term_run *runs;
    uint32_t count, capacity;
    uint64_t last_index; /* 0: the log is empty */
};

void terms_init(struct terms *terms);
void terms_fini(struct terms *terms);

/* The next entry's term, not below the last one's. Aborts when there is no memory. */
void terms_append(struct terms *terms, uint64_t term);

/* Forgets `from` and all after it. */
void terms_truncate(struct terms *terms, uint64_t from);

/* 0: no such entry. */
uint64_t terms_of(const struct terms *terms, uint64_t index);

/* 0: the log is empty. */
uint64_t terms_last(const struct terms *terms);

#endif
