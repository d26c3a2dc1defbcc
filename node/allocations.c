#include "node/allocations.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static atomic_uint_fast64_t told;
static _Thread_local uint32_t untold;

uint64_t allocations_count(void)
{
    return atomic_load_explicit(&told, memory_order_relaxed) + untold;
}

#if ALLOCATIONS_COUNTED

/* What glibc calls its own, for those who come in front of them. It frees what these give: free
 * needs no place here. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *memalign(size_t alignment, size_t bytes);

static void count_one(void)
{
    if (++untold < ALLOCATIONS_UNTOLD)
        return;
    (void)atomic_fetch_add_explicit(&told, untold, memory_order_relaxed);
    untold = 0;
}

void *malloc(size_t bytes)
{
    count_one();
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    count_one();
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    count_one();
    return __libc_realloc(block, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    count_one();
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    count_one();
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **ret_block, size_t alignment, size_t bytes)
{
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    count_one();
    /* memalign tells why by errno, this one by what it returns. */
    const int kept = errno;
    void *block = __libc_memalign(alignment, bytes);
    errno = kept;
    if (block == NULL)
        return ENOMEM;
    *ret_block = block;
    return 0;
}

#endif
