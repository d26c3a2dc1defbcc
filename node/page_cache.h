/* node/page_cache.h -- Pages of complete boards, which never change: as they were written, and
 * compressed once somebody wanted that. A few of them, since most who ask want the same: the top of
 * the newest board. What was not asked for longest makes room.
 *
 * A page of 1000 entries has about 150 KB, and half of that compressed, so all of them together
 * stay below 4 MB. One thread. */
#ifndef CAIRN_NODE_PAGE_CACHE_H
#define CAIRN_NODE_PAGE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_CACHE_PAGES 16

struct page_key {
    uint64_t epoch;
    uint16_t hunt;
    uint32_t offset, limit;
};

struct kept_page {
    struct page_key key;
    char *data; /* NULL: there is none here */
    size_t bytes;
    uint64_t digest; /* of data */
    void *gzip;      /* NULL: not made yet */
    size_t gzip_bytes;
    uint64_t asked; /* the count at which it was asked for last */
};

/* A zeroed one is empty. */
struct page_cache {
    struct kept_page pages[PAGE_CACHE_PAGES];
    uint64_t count;
};

void page_cache_fini(struct page_cache *cache);

/* NULL: not kept. The page is valid until the next page_cache_add. */
struct kept_page *page_cache_find(struct page_cache *cache, const struct page_key *key);

/* Takes over `data`, from malloc. The page is valid until the next call of this. */
struct kept_page *page_cache_add(struct page_cache *cache, const struct page_key *key, char *data,
                                 size_t bytes);

#endif
