/* A torn end or damage?
 *
 * The end of a log can be incomplete for two reasons that must have opposite consequences. Either
 * the process or the machine died while a write was under way: nobody was told that it is durable,
 * and it is dropped. Or bytes that were synced and acknowledged have changed since: dropping them
 * would lose claims, and worse, make this replica forget a vote or an entry that it confirmed, so
 * the node must not start. RocksDB cannot tell the two apart. A bit flipped in the length of a
 * record near the end of the file makes that record seem cut off, and all that follow it vanish
 * without a word. Its strictest mode refuses the harmless end, and still passes over some damage
 * (a page of zeros in the middle, for one).
 *
 * What our writing guarantees (store_write.c):
 *
 *   1. One write is one record of the log: all turns that waited, and a marker as its last
 * operation.
 *   2. A write begins after the sync of the one before has succeeded, and after a failure none
 *      begins. So only the last write in the logs can be incomplete; everything before it was
 *      durable, and was acknowledged.
 *   3. The file only grows, and is not made from an older one. A byte that did not reach the disk
 * is behind the end of the file, or zero.
 *   4. The marker ends with a word without zeros; so does the write. Writes are numbered, so
 * markers must count up by one within a file.
 *
 * So each file is read from its start with RocksDB's own framing, strictly. Where the reading
 * stops, the rest is a torn end only if all of these hold:
 *
 *   - The bytes themselves say that the end of the write is not there: a fragment that is in place
 *     there reaches behind the end of the file, or into zeros that go on to the end of the file.
 *     A fragment that is all there with a wrong checksum is damage. So is one that seems to reach
 *     behind the end of the file when a shorter length has the stored checksum: then its length is
 *     what changed.
 *   - No valid marker follows, in this file or a later one. A marker is the last thing written of a
 *     write, so a write whose marker is there was all there, and what cannot be read before it has
 *     been damaged. They are looked for byte by byte, and the headers at block starts are left out,
 *     since damage may hide where records begin.
 *
 * A torn end is cut off here, and RocksDB then opens in its strictest mode: it is the second
 * witness, and must recover every byte that we let stand. A third check comes after opening:
 * the newest marker in the database must not be older than the newest one seen here.
 *
 * What this refuses without need: after a power loss, a write of which a later part reached the
 * disk and an earlier one did not. ext4 and XFS do not show such a hole, as they move the end of a
 * file (and turn preallocated blocks into data) only after the data are on disk. A file system that
 * does will cost a rebuild, never a claim.
 *
 * What nobody can see from here: a file that lost its end, cut off or turned into zeros, after it
 * was acknowledged, and an untouched older copy of the directory.
 *
 * The manifest says which tables and logs count, and has the same framing, so it is read the same
 * way; whether its end may be missing is left to RocksDB, which syncs it before it relies on it. A
 * missing CURRENT beside logs or tables is damage too: RocksDB would found an empty database. */
#include "node/store_recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/store_format.h"
#include "node/store_framing.h"
#include "node/store_parts.h"

#define LOG_FILES_MAX   256
#define FILE_NAME_MAX   64
#define EMPTY_BATCH     12 /* bytes of the batch without operations that RocksDB writes by itself */
#define BYTES_READ_ONCE (UINT32_C(1) << 20)

_Static_assert(FRAMING_TAIL_BYTES == STORE_MARKER_BYTES, "a record's tail is its marker");

struct log_file {
    uint64_t number;
    uint64_t size;
    uint64_t whole; /* what follows is torn; equal to size when nothing does */
};

struct judge {
    const char *path;
    struct store_error *error;
    struct framing_crc crc;
    struct log_file logs[LOG_FILES_MAX];
    size_t logs_count;
    bool tables_found;
    bool current_found;
    bool torn; /* an unfinished write was found in this log or an earlier one */
    uint64_t last_write;
};

struct file_bytes {
    uint8_t *data;
    size_t size;
};

static enum status refuse(struct judge *judge, const char *name, size_t at, const char *fault)
{
    store_explain(
        judge->error,
        "%s/%s is damaged at byte %zu (%s): acknowledged writes may be lost. Do not start "
        "this node from it; rebuild it from its peers under a new id.",
        judge->path, name, at, fault);
    return STATUS_CORRUPT;
}

static enum status io_failure(struct judge *judge, const char *name)
{
    store_explain(judge->error, "%s/%s: %s", judge->path, name, strerror(errno));
    return STATUS_IO;
}

static bool file_path(char path[PATH_MAX], const struct judge *judge, const char *name)
{
    const int length = snprintf(path, PATH_MAX, "%s/%s", judge->path, name);
    return length > 0 && length < PATH_MAX;
}

static void log_name(char name[FILE_NAME_MAX], uint64_t number)
{
    (void)snprintf(name, FILE_NAME_MAX, "%06" PRIu64 ".log", number);
}

static bool read_all(int fd, struct file_bytes *bytes)
{
    size_t at = 0;
    while (at < bytes->size) {
        const size_t left = bytes->size - at;
        const ssize_t got =
            read(fd, bytes->data + at, left < BYTES_READ_ONCE ? left : BYTES_READ_ONCE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    bytes->size = at;
    return true;
}

/* The caller frees the data. */
static enum status file_read(struct judge *judge, const char *name, struct file_bytes *ret_bytes)
{
    char path[PATH_MAX];
    if (!file_path(path, judge, name))
        return STATUS_TOO_LARGE;
    enum status status = STATUS_OK;
    struct file_bytes bytes = {0};
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        status = io_failure(judge, name);
        goto out;
    }
    bytes.size = (size_t)about.st_size;
    bytes.data = malloc(bytes.size + 1);
    if (bytes.data == NULL) {
        status = STATUS_NO_MEMORY;
        goto out;
    }
    if (!read_all(fd, &bytes)) {
        status = io_failure(judge, name);
        goto out;
    }
    *ret_bytes = bytes;
    bytes.data = NULL;
out:
    free(bytes.data);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

/* The rest of a file without the headers that stand at block starts, so that what crosses a block
 * is in one piece; of a multi-fragment record these are all headers but the first. */
static size_t join_blocks(uint8_t *joined, const struct file_bytes *bytes, size_t from)
{
    size_t used = 0;
    while (from < bytes->size) {
        size_t block_end = from - from % FRAMING_BLOCK_BYTES + FRAMING_BLOCK_BYTES;
        if (block_end > bytes->size)
            block_end = bytes->size;
        if (from % FRAMING_BLOCK_BYTES == 0)
            from += FRAMING_HEADER_BYTES;
        if (from < block_end) {
            memcpy(joined + used, bytes->data + from, block_end - from);
            used += block_end - from;
        }
        from = block_end;
    }
    return used;
}

/* STATUS_OK and a number: a valid marker lies behind `from`. STATUS_NOT_FOUND. */
static enum status marker_find(const struct file_bytes *bytes, size_t from, uint64_t *ret_number)
{
    const size_t word = strlen(STORE_MARKER_WORD);
    uint8_t *joined = malloc(bytes->size - from + 1);
    if (joined == NULL)
        return STATUS_NO_MEMORY;
    const uint8_t *at = joined;
    const uint8_t *end = joined + join_blocks(joined, bytes, from);
    enum status status = STATUS_NOT_FOUND;
    while (status == STATUS_NOT_FOUND) {
        at = memmem(at, (size_t)(end - at), STORE_MARKER_WORD, word);
        if (at == NULL)
            break;
        at += word;
        if (at - joined >= STORE_MARKER_BYTES &&
            store_marker_read(ret_number, at - STORE_MARKER_BYTES) == STATUS_OK)
            status = STATUS_OK;
    }
    free(joined);
    return status;
}

/* A whole record: ours, with its marker at the end, or RocksDB's empty one. */
static enum status judge_record(struct judge *judge, const struct framing_record *record,
                                uint64_t *previous, const char **ret_fault)
{
    uint64_t number = 0;
    if (record->bytes == EMPTY_BATCH)
        return STATUS_OK;
    if (record->bytes < STORE_MARKER_BYTES ||
        store_marker_read(&number, record->tail) != STATUS_OK) {
        *ret_fault = "a record without our marker";
        return STATUS_CORRUPT;
    }
    if (judge->torn) {
        *ret_fault = "a whole write behind an unfinished one";
        return STATUS_CORRUPT;
    }
    /* RocksDB may drop several logs that it no longer needs in any order, so that numbers may skip
     * from one file to the next. */
    if (number <= judge->last_write || (*previous != 0 && number != *previous + 1)) {
        *ret_fault = "writes are missing or out of order";
        return STATUS_CORRUPT;
    }
    *previous = number;
    judge->last_write = number;
    return STATUS_OK;
}

static enum status judge_torn(struct judge *judge, struct log_file *log,
                              const struct file_bytes *bytes, const struct framing *framing)
{
    char name[FILE_NAME_MAX];
    uint64_t number = 0;
    log_name(name, log->number);
    const enum status status = marker_find(bytes, framing->whole, &number);
    if (status == STATUS_OK)
        return refuse(judge, name, framing->at, "a whole write lies behind this place");
    if (status != STATUS_NOT_FOUND)
        return status;
    judge->torn = judge->torn || framing->whole < framing->data_end;
    log->whole = framing->whole;
    return STATUS_OK;
}

static enum status judge_log_bytes(struct judge *judge, struct log_file *log,
                                   const struct file_bytes *bytes)
{
    char name[FILE_NAME_MAX];
    log_name(name, log->number);
    struct framing framing;
    framing_init(&framing, &judge->crc, bytes->data, bytes->size);
    struct framing_record record;
    uint64_t previous = 0;
    enum framing_end end;
    size_t begin = 0;
    while ((end = framing_next(&framing, &record)) == FRAMING_MORE) {
        const char *fault = NULL;
        if (judge_record(judge, &record, &previous, &fault) != STATUS_OK)
            return refuse(judge, name, begin, fault);
        begin = framing.at;
    }
    log->size = bytes->size;
    log->whole = bytes->size;
    if (end == FRAMING_DAMAGED)
        return refuse(judge, name, framing.at, framing.fault);
    return end == FRAMING_TORN ? judge_torn(judge, log, bytes, &framing) : STATUS_OK;
}

static enum status judge_log(struct judge *judge, struct log_file *log)
{
    char name[FILE_NAME_MAX];
    log_name(name, log->number);
    struct file_bytes bytes = {0};
    enum status status = file_read(judge, name, &bytes);
    if (status == STATUS_OK)
        status = judge_log_bytes(judge, log, &bytes);
    free(bytes.data);
    return status;
}

static enum status judge_manifest(struct judge *judge)
{
    struct file_bytes current = {0};
    struct file_bytes manifest = {0};
    char name[FILE_NAME_MAX] = "";
    enum status status = file_read(judge, "CURRENT", &current);
    if (status != STATUS_OK)
        return status;
    const size_t length = current.size > 0 ? current.size - 1 : 0;
    if (length == 0 || length >= sizeof name || current.data[length] != '\n' ||
        memchr(current.data, '/', length) != NULL) {
        status = refuse(judge, "CURRENT", 0, "it names no manifest");
        goto out;
    }
    memcpy(name, current.data, length);
    status = file_read(judge, name, &manifest);
    if (status != STATUS_OK)
        goto out;
    struct framing framing;
    framing_init(&framing, &judge->crc, manifest.data, manifest.size);
    struct framing_record record;
    enum framing_end end;
    do {
        end = framing_next(&framing, &record);
    } while (end == FRAMING_MORE);
    if (end == FRAMING_DAMAGED)
        status = refuse(judge, name, framing.at, framing.fault);
out:
    free(manifest.data);
    free(current.data);
    return status;
}

static bool name_ends(const char *name, const char *ending)
{
    const size_t length = strlen(name);
    const size_t ending_length = strlen(ending);
    return length >= ending_length && strcmp(name + length - ending_length, ending) == 0;
}

static enum status note_file(struct judge *judge, const char *name)
{
    if (strcmp(name, "CURRENT") == 0)
        judge->current_found = true;
    if (name_ends(name, ".sst"))
        judge->tables_found = true;
    char *rest = NULL;
    errno = 0;
    const unsigned long long number = strtoull(name, &rest, 10);
    if (errno != 0 || rest == name || strcmp(rest, ".log") != 0)
        return STATUS_OK;
    if (judge->logs_count == LOG_FILES_MAX) {
        store_explain(judge->error, "%s: more than %d log files", judge->path, LOG_FILES_MAX);
        return STATUS_TOO_LARGE;
    }
    judge->logs[judge->logs_count++].number = number;
    return STATUS_OK;
}

static int compare_logs(const void *a, const void *b)
{
    const struct log_file *left = a;
    const struct log_file *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static enum status list_files(struct judge *judge)
{
    DIR *directory = opendir(judge->path);
    if (directory == NULL)
        return io_failure(judge, ".");
    enum status status = STATUS_OK;
    const struct dirent *entry = NULL;
    errno = 0;
    while (status == STATUS_OK && (entry = readdir(directory)) != NULL) {
        status = note_file(judge, entry->d_name);
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0)
        status = io_failure(judge, ".");
    (void)closedir(directory);
    qsort(judge->logs, judge->logs_count, sizeof judge->logs[0], compare_logs);
    return status;
}

static enum status judge_all(struct judge *judge)
{
    enum status status = list_files(judge);
    if (status != STATUS_OK)
        return status;
    if (judge->current_found)
        status = judge_manifest(judge);
    else if (judge->tables_found || judge->logs_count > 0)
        status = refuse(judge, "CURRENT", 0, "it is missing");
    for (size_t i = 0; status == STATUS_OK && i < judge->logs_count; i++)
        status = judge_log(judge, &judge->logs[i]);
    return status;
}

static enum status cut_log(struct judge *judge, const struct log_file *log)
{
    char name[FILE_NAME_MAX];
    char path[PATH_MAX];
    log_name(name, log->number);
    if (!file_path(path, judge, name))
        return STATUS_TOO_LARGE;
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return io_failure(judge, name);
    enum status status = STATUS_OK;
    if (ftruncate(fd, (off_t)log->whole) != 0 || fsync(fd) != 0)
        status = io_failure(judge, name);
    (void)close(fd);
    return status;
}

enum status store_recovery_judge(const char *path, struct store_verdict *ret_verdict,
                                 struct store_error *error)
{
    CHECK(path != NULL);
    struct judge *judge = calloc(1, sizeof *judge);
    if (judge == NULL)
        return STATUS_NO_MEMORY;
    judge->path = path;
    judge->error = error;
    framing_crc_init(&judge->crc);
    enum status status = judge_all(judge);
    struct store_verdict verdict = {.last_write = judge->last_write};
    for (size_t i = 0; status == STATUS_OK && i < judge->logs_count; i++) {
        const struct log_file *log = &judge->logs[i];
        if (log->whole == log->size)
            continue;
        verdict.torn_bytes += log->size - log->whole;
        status = cut_log(judge, log);
    }
    if (status == STATUS_OK)
        *ret_verdict = verdict;
    free(judge);
    return status;
}
