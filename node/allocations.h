/* node/allocations.h -- How often this program has asked the allocator for memory.
 *
 * malloc, calloc, realloc and their aligned kin are defined in front of glibc's, which do the work;
 * whatever the program links is counted, and threads of libraries too. Each thread counts for
 * itself and adds what it has to the sum now and then, so that counting costs about a nanosecond.
 *
 * With a sanitizer, whose own allocator must not be hidden, nothing is counted. */
#ifndef CAIRN_NODE_ALLOCATIONS_H
#define CAIRN_NODE_ALLOCATIONS_H

#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOCATIONS_COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATIONS_COUNTED 0
#else
#define ALLOCATIONS_COUNTED 1
#endif
#else
#define ALLOCATIONS_COUNTED 1
#endif

/* Of another thread as many as this may be missing. */
#define ALLOCATIONS_UNTOLD 64

/* Since the program started; all of the calling thread's. Any thread. */
uint64_t allocations_count(void);

#endif
