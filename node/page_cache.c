#include "node/page_cache.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

static void page_fini(struct kept_page *page)
{
    free(page->data);
    free(page->gzip);
    *page = (struct kept_page){0};
}

void page_cache_fini(struct page_cache *cache)
{
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++)
        page_fini(&cache->pages[i]);
}

static bool same_key(const struct page_key *a, const struct page_key *b)
{
    return a->epoch == b->epoch && a->hunt == b->hunt && a->offset == b->offset &&
           a->limit == b->limit;
}

struct kept_page *page_cache_find(struct page_cache *cache, const struct page_key *key)
{
    for (size_t i = 0; i < PAGE_CACHE_PAGES; i++) {
        struct kept_page *page = &cache->pages[i];
        if (page->data == NULL || !same_key(&page->key, key))
            continue;
        page->asked = ++cache->count;
        return page;
    }
    return NULL;
}

struct kept_page *page_cache_add(struct page_cache *cache, const struct page_key *key, char *data,
                                 size_t bytes)
{
    CHECK(data != NULL);
    struct kept_page *oldest = &cache->pages[0];
    for (size_t i = 1; i < PAGE_CACHE_PAGES; i++) {
        if (cache->pages[i].asked < oldest->asked)
            oldest = &cache->pages[i];
    }
    page_fini(oldest);
    *oldest = (struct kept_page){.key = *key,
                                 .data = data,
                                 .bytes = bytes,
                                 .digest = hash_bytes(data, bytes),
                                 .asked = ++cache->count};
    return oldest;
}
