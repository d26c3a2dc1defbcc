#include "node/vitals.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The second number of statm is in pages (proc(5)). */
static uint64_t resident_bytes(void)
{
    char text[128];
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t bytes = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (bytes <= 0)
        return 0;
    text[bytes] = '\0';
    char *end = text;
    (void)strtoull(text, &end, 10);
    const uint64_t pages = strtoull(end, NULL, 10);
    const long page_bytes = sysconf(_SC_PAGESIZE);
    return page_bytes > 0 ? pages * (uint64_t)page_bytes : 0;
}

static uint64_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    uint64_t count = 0;
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count > 0 ? count - 1 : 0; /* one was the folder */
}

/* Since Linux 6.2 the folder's size is their number; before, it is 0. */
static uint64_t descriptors(void)
{
    struct stat folder;
    if (stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0)
        return (uint64_t)folder.st_size;
    return count_descriptors();
}

static uint64_t timeval_us(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

void vitals_read(struct vitals *ret_vitals)
{
    const struct mallinfo2 heap = mallinfo2();
    struct vitals vitals = {
        .resident_bytes = resident_bytes(),
        .heap_arena_bytes = heap.arena,
        .heap_used_bytes = heap.uordblks,
        .heap_mapped_bytes = heap.hblkhd,
        .heap_mapped_blocks = heap.hblks,
        .descriptors = descriptors(),
    };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        vitals.descriptors_max = limit.rlim_cur;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        vitals.resident_max_bytes = (uint64_t)usage.ru_maxrss * 1024;
        vitals.cpu_us = timeval_us(&usage.ru_utime) + timeval_us(&usage.ru_stime);
    }
    *ret_vitals = vitals;
}
