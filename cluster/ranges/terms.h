/* cluster/ranges/terms.h -- The term of every entry of a log: one run for each term.
 *
 * Terms never fall along a log and most entries share one, so a log of millions of entries takes a
 * few dozen bytes. Indexes begin at 1; terms are above 0. The log's first entries may be gone: it
 * begins behind `base`. */
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
    uint64_t base, base_term; /* the last entry that is gone; its term, 0 where it is not known */
    uint64_t last_index;      /* the base where there are no entries */
};

void terms_init(struct terms *terms);
void terms_fini(struct terms *terms);

/* An empty log behind `base`. */
void terms_begin(struct terms *terms, uint64_t base, uint64_t base_term);

/* The entries up to `base`, which is in the log, are gone. */
void terms_drop(struct terms *terms, uint64_t base, uint64_t base_term);

/* The next entry's term, not below the last one's. Aborts when there is no memory. */
void terms_append(struct terms *terms, uint64_t term);

/* Forgets `from`, above the base, and all after it. */
void terms_truncate(struct terms *terms, uint64_t from);

/* 0: no such entry. */
uint64_t terms_of(const struct terms *terms, uint64_t index);

/* Of the last entry, or the base; 0: there is none, or it is not known. */
uint64_t terms_last(const struct terms *terms);

#endif
