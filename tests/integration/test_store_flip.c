/* tests/integration/test_store_flip.c -- Acknowledged writes come back whole, or the store refuses
 * to open: flipped bits, smashed pages, cut ends, kill -9.
 *
 * A child process fills a store, turn by turn, each acknowledged, and copies its directory while it
 * is open. Other children damage copies of that and open them. The test program itself never opens
 * a store, since RocksDB's threads do not survive a fork. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/rng.h"
#include "node/store.h"
#include "node/store_framing.h"

#define GROUPS        5
#define WORKERS       2
#define LARGE_BYTES   80000 /* a write over several blocks */
#define FLIPPED_BYTES 65536
#define KILLS         25

/* ThreadSanitizer looks for races, which do not depend on the byte, and is slow. */
#ifdef __SANITIZE_THREAD__
#define FLIP_STEP 16
#else
#define FLIP_STEP 1
#endif

/* A failed expectation ends the child, with its place; cmocka's own are for the test program. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            (void)fflush(NULL);                                                                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* --- What the turns hold: all of it follows from their numbers ----------------------------------
 */

struct story {
    uint64_t first_turns; /* written before the store is closed and opened once */
    uint64_t turns;       /* in all */
    uint64_t large_turn;  /* one whose entry spans blocks; 0: none */
};

static uint32_t group_of(uint64_t turn)
{
    return (uint32_t)(turn % GROUPS);
}

static size_t entries_of(uint64_t turn)
{
    return 1 + turn % 3;
}

static size_t bytes_of(const struct story *story, uint64_t turn, size_t nth)
{
    if (turn == story->large_turn && nth == 0)
        return LARGE_BYTES;
    return (size_t)((turn * 37 + nth * 101) % 250);
}

static void fill_data(uint8_t *data, size_t bytes, uint64_t turn, size_t nth)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(turn * 31 + nth * 7 + i * 13 + (i >> 8));
}

static uint64_t last_index(uint32_t group, uint64_t turns)
{
    uint64_t index = 0;
    for (uint64_t turn = 1; turn <= turns; turn++) {
        if (group_of(turn) == group)
            index += entries_of(turn);
    }
    return index;
}

static void build_turn(struct store *store, const struct story *story, uint64_t turn,
                       uint64_t index_before)
{
    static uint8_t data[3][LARGE_BYTES];
    struct store_entry entries[3];
    const size_t count = entries_of(turn);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = bytes_of(story, turn, i);
        fill_data(data[i], bytes, turn, i);
        entries[i] = (struct store_entry){.term = turn, .type = 1, .data = data[i], .bytes = bytes};
    }
    store_hard_state(store, group_of(turn), turn, turn % 3, 1);
    store_append(store, group_of(turn), index_before + 1, entries, count);
    store_put_meta(store, "turn", &turn, sizeof turn);
}

static void ignore_completed(void *context, uint64_t ticket, enum status status)
{
    (void)context;
    (void)ticket;
    (void)status;
}

static struct store_settings settings_for(const char *path)
{
    return (struct store_settings){.path = path,
                                   .backlog_bytes_max = 1 << 20,
                                   .memtable_bytes = 1 << 20,
                                   .completed = ignore_completed};
}

struct checking {
    const struct story *story;
    struct store *store;
    uint64_t turns;
    /* Of the group being read. */
    uint32_t group;
    uint64_t turn;
    size_t nth;
    uint64_t index;
};

static enum status check_entry(void *context, uint64_t index, const struct store_entry *entry)
{
    static uint8_t expected[LARGE_BYTES];
    struct checking *checking = context;
    if (checking->nth == entries_of(checking->turn)) {
        checking->turn += GROUPS;
        checking->nth = 0;
    }
    const size_t bytes = bytes_of(checking->story, checking->turn, checking->nth);
    fill_data(expected, bytes, checking->turn, checking->nth);
    EXPECT(index == ++checking->index);
    EXPECT(entry->term == checking->turn);
    EXPECT(entry->type == 1);
    EXPECT(entry->bytes == bytes);
    EXPECT(bytes == 0 || memcmp(entry->data, expected, bytes) == 0);
    checking->nth++;
    return STATUS_OK;
}

static enum status check_group(void *context, const struct store_group *group)
{
    struct checking *checking = context;
    const uint32_t number = group->group;
    const uint64_t newest = checking->turns - (checking->turns % GROUPS + GROUPS - number) % GROUPS;
    EXPECT(group->term == newest);
    EXPECT(group->vote == newest % 3);
    checking->group = number;
    checking->turn = number == 0 ? GROUPS : number;
    checking->nth = 0;
    checking->index = 0;
    EXPECT(store_restore(checking->store, group, NULL, check_entry, checking) == STATUS_OK);
    EXPECT(checking->index == last_index(number, checking->turns));
    return STATUS_OK;
}

/* The store holds the turns 1 to n, whole and unchanged, and nothing else; n is returned. */
static uint64_t check_store(struct store *store, const struct story *story)
{
    struct checking checking = {.story = story, .store = store};
    size_t bytes = 0;
    const enum status status =
        store_get_meta(store, "turn", &checking.turns, sizeof checking.turns, &bytes);
    EXPECT(status == STATUS_OK || status == STATUS_NOT_FOUND);
    EXPECT(store_each_group(store, NULL, check_group, &checking) == STATUS_OK);
    return checking.turns;
}

/* --- Files --------------------------------------------------------------------------------------
 */

struct place {
    char root[PATH_MAX / 2];
    char golden[PATH_MAX]; /* the copy that is damaged in further copies */
    char log[64];          /* its newest write-ahead log */
    struct story story;
    uint8_t *bytes; /* of that log */
    size_t size;
};

static void join(char path[PATH_MAX], const char *directory, const char *name)
{
    const int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);
    EXPECT(length > 0 && length < PATH_MAX);
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
    struct stat about;
    const int fd = open(path, O_RDONLY);
    EXPECT(fd >= 0);
    EXPECT(fstat(fd, &about) == 0);
    uint8_t *bytes = malloc((size_t)about.st_size + 1);
    EXPECT(bytes != NULL);
    EXPECT(read(fd, bytes, (size_t)about.st_size) == about.st_size);
    (void)close(fd);
    *ret_size = (size_t)about.st_size;
    return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    EXPECT(write(fd, bytes, size) == (ssize_t)size);
    (void)close(fd);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_directory(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void copy_directory(const char *from, const char *to)
{
    remove_directory(to);
    EXPECT(mkdir(to, 0700) == 0);
    DIR *directory = opendir(from);
    EXPECT(directory != NULL);
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char source[PATH_MAX];
        char target[PATH_MAX];
        size_t size = 0;
        join(source, from, entry->d_name);
        join(target, to, entry->d_name);
        uint8_t *bytes = read_file(source, &size);
        write_file(target, bytes, size);
        free(bytes);
    }
    (void)closedir(directory);
}

/* The name that begins and ends so; of several, the greatest. */
static void find_name(char name[64], const char *directory, const char *begin, const char *end)
{
    DIR *listing = opendir(directory);
    EXPECT(listing != NULL);
    name[0] = '\0';
    const struct dirent *entry = NULL;
    while ((entry = readdir(listing)) != NULL) {
        const size_t length = strlen(entry->d_name);
        if (length < 64 && length >= strlen(begin) + strlen(end) &&
            strncmp(entry->d_name, begin, strlen(begin)) == 0 &&
            strcmp(entry->d_name + length - strlen(end), end) == 0 &&
            strcmp(entry->d_name, name) > 0)
            memcpy(name, entry->d_name, length + 1);
    }
    (void)closedir(listing);
    EXPECT(name[0] != '\0');
}

/* --- Children -----------------------------------------------------------------------------------
 */

static pid_t start_child(void (*fn)(struct place *place, unsigned worker), struct place *place,
                         unsigned worker)
{
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        fn(place, worker);
        (void)fflush(NULL);
        _exit(0);
    }
    return pid;
}

/* In `workers` processes at once; fails unless all end well. */
static void run_children(void (*fn)(struct place *place, unsigned worker), struct place *place,
                         unsigned workers)
{
    pid_t pids[WORKERS];
    for (unsigned i = 0; i < workers; i++)
        pids[i] = start_child(fn, place, i);
    for (unsigned i = 0; i < workers; i++) {
        int how = 0;
        assert_int_equal(waitpid(pids[i], &how, 0), pids[i]);
        assert_true(WIFEXITED(how));
        assert_int_equal(WEXITSTATUS(how), 0);
    }
}

static struct store *open_or_refuse(const char *path, enum status *ret_status)
{
    struct store *store = NULL;
    const struct store_settings settings = settings_for(path);
    *ret_status = store_open(&store, &settings, NULL);
    return store;
}

static struct store *open_well(const char *path)
{
    struct store *store = NULL;
    struct store_error error = {.text = ""};
    const struct store_settings settings = settings_for(path);
    const enum status status = store_open(&store, &settings, &error);
    if (status != STATUS_OK)
        (void)fprintf(stderr, "%s: %s\n", status_name(status), error.text);
    EXPECT(status == STATUS_OK);
    return store;
}

static void write_turns(struct store *store, const struct story *story, uint64_t from, uint64_t to)
{
    for (uint64_t turn = from; turn <= to; turn++) {
        build_turn(store, story, turn, last_index(group_of(turn), turn - 1));
        EXPECT(store_submit(store, turn) == STATUS_OK);
        EXPECT(store_drain(store) == STATUS_OK);
    }
}

static void make_golden(struct place *place, unsigned worker)
{
    (void)worker;
    char live[PATH_MAX];
    join(live, place->root, "live");
    struct store *store = open_well(live);
    write_turns(store, &place->story, 1, place->story.first_turns);
    store_close(store);
    store = open_well(live);
    write_turns(store, &place->story, place->story.first_turns + 1, place->story.turns);
    copy_directory(live, place->golden);
    _exit(0);
}

static struct place *place_new(struct story story)
{
    const char *temporary = getenv("TMPDIR");
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place->story = story;
    (void)snprintf(place->root, sizeof place->root, "%s/cairn-flip-XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    assert_non_null(mkdtemp(place->root));
    join(place->golden, place->root, "golden");
    return place;
}

static struct place *place_filled(struct story story)
{
    struct place *place = place_new(story);
    run_children(make_golden, place, 1);
    char path[PATH_MAX];
    find_name(place->log, place->golden, "", ".log");
    join(path, place->golden, place->log);
    place->bytes = read_file(path, &place->size);
    return place;
}

static void place_free(struct place *place)
{
    remove_directory(place->root);
    free(place->bytes);
    free(place);
}

/* --- Damage -------------------------------------------------------------------------------------
 */

/* A worker's own copy, damaged in place again and again: refusing leaves the files as they are. */
struct patient {
    struct place *place;
    char directory[PATH_MAX];
    char log[PATH_MAX];
    unsigned long refused;
    unsigned long opened;
};

static void patient_init(struct patient *patient, struct place *place, unsigned worker)
{
    char name[32];
    (void)snprintf(name, sizeof name, "patient%u", worker);
    *patient = (struct patient){.place = place};
    join(patient->directory, place->root, name);
    copy_directory(place->golden, patient->directory);
    join(patient->log, patient->directory, place->log);
}

static void put_bytes_at(const struct patient *patient, size_t at, const void *bytes, size_t size)
{
    const int fd = open(patient->log, O_WRONLY);
    EXPECT(fd >= 0);
    EXPECT(pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size);
    (void)close(fd);
}

/* All acknowledged turns, or no store. */
static void all_or_refused(struct patient *patient, size_t at, const void *bytes, size_t size)
{
    put_bytes_at(patient, at, bytes, size);
    enum status status = STATUS_OK;
    struct store *store = open_or_refuse(patient->directory, &status);
    if (status == STATUS_OK) {
        const uint64_t turns = check_store(store, &patient->place->story);
        if (turns != patient->place->story.turns)
            (void)fprintf(stderr, "byte %zu: only %llu turns\n", at, (unsigned long long)turns);
        EXPECT(turns == patient->place->story.turns);
        store_close(store);
        copy_directory(patient->place->golden, patient->directory);
        patient->opened++;
    } else {
        EXPECT(status == STATUS_CORRUPT);
        put_bytes_at(patient, at, patient->place->bytes + at, size);
        patient->refused++;
    }
}

/* Nearly every byte matters, and the copy that was refused so often is still as it was. */
static void patient_dismiss(struct patient *patient)
{
    size_t size = 0;
    uint8_t *bytes = read_file(patient->log, &size);
    EXPECT(size == patient->place->size);
    EXPECT(memcmp(bytes, patient->place->bytes, size) == 0);
    free(bytes);
    (void)printf("refused %lu, opened %lu with everything\n", patient->refused, patient->opened);
    EXPECT(patient->refused > 50 * patient->opened);
}

static size_t first_flipped(const struct place *place)
{
    EXPECT(place->size > FLIPPED_BYTES);
    return place->size - FLIPPED_BYTES;
}

static void flip_each_byte(struct place *place, unsigned worker)
{
    struct patient patient;
    patient_init(&patient, place, worker);
    for (size_t at = first_flipped(place) + worker; at < place->size; at += WORKERS * FLIP_STEP) {
        const uint8_t byte = (uint8_t)(place->bytes[at] ^ 1U << (at / WORKERS + at) % 8);
        all_or_refused(&patient, at, &byte, 1);
    }
    patient_dismiss(&patient);
}

static void damage_header(struct patient *patient, size_t header)
{
    for (size_t at = header; at < header + FRAMING_HEADER_BYTES; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            const uint8_t byte = (uint8_t)(patient->place->bytes[at] ^ 1U << bit);
            all_or_refused(patient, at, &byte, 1);
        }
    }
    /* Lengths that reach just to the end, just past it, and far past it. */
    const size_t left = patient->place->size - header - FRAMING_HEADER_BYTES;
    const size_t lengths[] = {0, left - 1, left + 1, left + 100, UINT16_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const uint8_t bytes[2] = {(uint8_t)lengths[i], (uint8_t)(lengths[i] >> 8)};
        all_or_refused(patient, header + 4, bytes, sizeof bytes);
    }
}

static void damage_each_header(struct place *place, unsigned worker)
{
    static struct framing_crc crc;
    struct patient patient;
    patient_init(&patient, place, worker);
    framing_crc_init(&crc);
    struct framing framing;
    framing_init(&framing, &crc, place->bytes, place->size);
    struct framing_record record;
    unsigned nth = 0;
    size_t at = 0;
    for (; framing_next(&framing, &record) == FRAMING_MORE; at = framing.at) {
        if (at >= first_flipped(place) && ++nth % WORKERS == worker)
            damage_header(&patient, at);
    }
    const size_t first_block = first_flipped(place) / FRAMING_BLOCK_BYTES + 1;
    for (at = first_block * FRAMING_BLOCK_BYTES; at < place->size; at += FRAMING_BLOCK_BYTES) {
        if (++nth % WORKERS == worker)
            damage_header(&patient, at);
    }
    patient_dismiss(&patient);
}

static void smash_pages(struct place *place, unsigned worker)
{
    struct patient patient;
    patient_init(&patient, place, worker);
    struct rng rng;
    rng_init(&rng, worker);
    uint8_t page[4096];
    for (size_t at = worker * 512; at < place->size; at += 1024) {
        const size_t left = place->size - at;
        const size_t size = left < sizeof page ? left : sizeof page;
        for (size_t i = 0; i < size; i++)
            page[i] = (uint8_t)rng_next(&rng);
        all_or_refused(&patient, at, page, size);
        memset(page, 0, size);
        if (size == sizeof page && left > sizeof page)
            all_or_refused(&patient, at, page, size);
    }
    patient_dismiss(&patient);
}

static const struct story small_turns = {.first_turns = 20, .turns = 240};
static const struct story large_end = {.first_turns = 3, .turns = 60, .large_turn = 60};
static const struct story large_middle = {.first_turns = 3, .turns = 100, .large_turn = 70};

static void on_each_story(void (*fn)(struct place *place, unsigned worker))
{
    const struct story *stories[] = {&small_turns, &large_end, &large_middle};
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        struct place *place = place_filled(*stories[i]);
        run_children(fn, place, WORKERS);
        place_free(place);
    }
}

static void a_flipped_bit_in_any_of_the_last_bytes_loses_nothing_silently(void **state)
{
    (void)state;
    on_each_story(flip_each_byte);
}

static void any_damage_of_a_header_loses_nothing_silently(void **state)
{
    (void)state;
    on_each_story(damage_each_header);
}

static void a_smashed_page_loses_nothing_silently(void **state)
{
    (void)state;
    on_each_story(smash_pages);
}

/* --- Torn ends ----------------------------------------------------------------------------------
 */

/* How many of the turns are whole in the first `size` bytes of the log. */
static uint64_t whole_turns(const struct place *place, size_t size)
{
    static struct framing_crc crc;
    framing_crc_init(&crc);
    struct framing framing;
    framing_init(&framing, &crc, place->bytes, place->size);
    struct framing_record record;
    uint64_t turns = place->story.first_turns;
    while (framing_next(&framing, &record) == FRAMING_MORE && framing.at <= size)
        turns += record.bytes > FRAMING_TAIL_BYTES;
    return turns;
}

static void tear_at(struct place *place, const char *directory, size_t size, size_t zeros)
{
    char log[PATH_MAX];
    const uint64_t expected = whole_turns(place, size);
    /* When only the last byte of a write is missing and reads as zero, it may as well have been
     * changed, and the store refuses. */
    if (zeros > 0 && whole_turns(place, size + 1) != expected)
        return;
    copy_directory(place->golden, directory);
    join(log, directory, place->log);
    EXPECT(truncate(log, (off_t)size) == 0);
    EXPECT(truncate(log, (off_t)(size + zeros)) == 0);
    struct store *store = open_well(directory);
    const uint64_t turns = check_store(store, &place->story);
    if (turns != expected)
        (void)fprintf(stderr, "cut at %zu of %zu, %zu zeros: %llu turns, not %llu\n", size,
                      place->size, zeros, (unsigned long long)turns, (unsigned long long)expected);
    EXPECT(turns == expected);

    /* And life goes on. */
    write_turns(store, &place->story, turns + 1, turns + 2);
    store_close(store);
    store = open_well(directory);
    EXPECT(check_store(store, &place->story) == turns + 2);
    store_close(store);
}

static void tear_ends(struct place *place, unsigned worker)
{
    char directory[PATH_MAX];
    join(directory, place->root, worker == 0 ? "torn0" : "torn1");
    const size_t step = place->story.large_turn != 0 ? 1009 : 5;
    const size_t reach = place->story.large_turn != 0 ? LARGE_BYTES + 1000 : 600;
    for (size_t cut = 2 + worker; cut < reach; cut += step) {
        tear_at(place, directory, place->size - cut, 0);
        tear_at(place, directory, place->size - cut, cut);
        tear_at(place, directory, place->size - cut, 5000);
    }
    for (size_t at = place->size - place->size % FRAMING_BLOCK_BYTES; at + reach > place->size;
         at -= FRAMING_BLOCK_BYTES) {
        for (size_t size = at - 8; size <= at + 8 && size <= place->size; size++)
            tear_at(place, directory, size, 0);
    }
}

static void a_torn_end_leaves_every_whole_turn(void **state)
{
    (void)state;
    struct place *place = place_filled(small_turns);
    run_children(tear_ends, place, WORKERS);
    place_free(place);
    place = place_filled(large_end);
    run_children(tear_ends, place, WORKERS);
    place_free(place);
}

static void append_garbage(struct place *place, unsigned worker)
{
    char directory[PATH_MAX];
    char log[PATH_MAX];
    join(directory, place->root, "garbage");
    join(log, directory, place->log);
    struct rng rng;
    rng_init(&rng, worker);
    for (size_t size = 1; size < 5000; size = size * 3 / 2 + 1) {
        uint8_t bytes[5000];
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)rng_next(&rng);
        copy_directory(place->golden, directory);
        const int fd = open(log, O_WRONLY | O_APPEND);
        EXPECT(fd >= 0);
        EXPECT(write(fd, bytes, size) == (ssize_t)size);
        (void)close(fd);
        enum status status = STATUS_OK;
        struct store *store = open_or_refuse(directory, &status);
        EXPECT(status == STATUS_OK || status == STATUS_CORRUPT);
        EXPECT(status != STATUS_OK || check_store(store, &place->story) == place->story.turns);
        store_close(store);
    }
}

static void garbage_behind_the_end_costs_no_turn(void **state)
{
    (void)state;
    struct place *place = place_filled(large_end);
    run_children(append_garbage, place, 1);
    place_free(place);
}

/* --- The files that say which files count -------------------------------------------------------
 */

static void flip_file(struct place *place, const char *name)
{
    char directory[PATH_MAX];
    char source[PATH_MAX];
    char target[PATH_MAX];
    size_t size = 0;
    join(directory, place->root, "patient");
    join(source, place->golden, name);
    join(target, directory, name);
    uint8_t *bytes = read_file(source, &size);
    unsigned refused = 0;
    for (size_t at = 0; at < size; at++) {
        copy_directory(place->golden, directory);
        bytes[at] ^= (uint8_t)(1U << at % 8);
        write_file(target, bytes, size);
        bytes[at] ^= (uint8_t)(1U << at % 8);
        enum status status = STATUS_OK;
        struct store *store = open_or_refuse(directory, &status);
        const bool whole =
            status == STATUS_OK && check_store(store, &place->story) == place->story.turns;
        if (status == STATUS_OK && !whole)
            (void)fprintf(stderr, "%s: byte %zu of %zu\n", name, at, size);
        EXPECT(status != STATUS_OK || whole);
        refused += status != STATUS_OK;
        store_close(store);
    }
    EXPECT(refused > 0);
    free(bytes);
}

static void flip_manifest(struct place *place, unsigned worker)
{
    (void)worker;
    char name[64];
    find_name(name, place->golden, "MANIFEST-", "");
    flip_file(place, name);
    flip_file(place, "CURRENT");
}

static void a_flipped_bit_in_the_manifest_loses_nothing_silently(void **state)
{
    (void)state;
    struct place *place = place_filled((struct story){.first_turns = 30, .turns = 60});
    run_children(flip_manifest, place, 1);
    place_free(place);
}

/* --- kill -9 ------------------------------------------------------------------------------------
 */

static int acknowledged_to = -1; /* the pipe that the writing child reports to */

static void report_completed(void *context, uint64_t ticket, enum status status)
{
    (void)context;
    EXPECT(status == STATUS_OK);
    EXPECT(write(acknowledged_to, &ticket, sizeof ticket) == (ssize_t)sizeof ticket);
}

/* Goes on where the store ends, as fast as it takes turns, until it is killed. */
static void write_until_killed(struct place *place, unsigned worker)
{
    (void)worker;
    char live[PATH_MAX];
    join(live, place->root, "live");
    struct store_settings settings = settings_for(live);
    settings.completed = report_completed;
    /* Small, so that kills meet full queues, flushes and changes of the log too. */
    settings.backlog_bytes_max = 16 << 10;
    settings.memtable_bytes = 128 << 10;
    struct store *store = NULL;
    EXPECT(store_open(&store, &settings, NULL) == STATUS_OK);
    uint64_t turn = check_store(store, &place->story) + 1;
    uint64_t indexes[GROUPS];
    for (uint32_t group = 0; group < GROUPS; group++)
        indexes[group] = last_index(group, turn - 1);
    for (;; turn++) {
        build_turn(store, &place->story, turn, indexes[group_of(turn)]);
        indexes[group_of(turn)] += entries_of(turn);
        enum status status = store_submit(store, turn);
        while (status == STATUS_FULL) {
            EXPECT(store_drain(store) == STATUS_OK);
            status = store_submit(store, turn);
        }
        EXPECT(status == STATUS_OK);
    }
}

static uint64_t acknowledged; /* what the checking child must find at least */

static void check_after_kill(struct place *place, unsigned worker)
{
    (void)worker;
    char live[PATH_MAX];
    join(live, place->root, "live");
    struct store *store = open_well(live);
    EXPECT(check_store(store, &place->story) >= acknowledged);
    _exit(0); /* without closing: one more way to end */
}

static void kill_while_writing(struct place *place, struct rng *rng)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    acknowledged_to = ends[1];
    const pid_t pid = start_child(write_until_killed, place, 0);
    (void)close(ends[1]);
    uint64_t ticket = 0;
    for (uint64_t left = 1 + rng_next(rng) % 40; left > 0; left--)
        assert_int_equal(read(ends[0], &ticket, sizeof ticket), sizeof ticket);
    (void)kill(pid, SIGKILL);
    int how = 0;
    assert_int_equal(waitpid(pid, &how, 0), pid);
    assert_true(WIFSIGNALED(how));
    while (read(ends[0], &ticket, sizeof ticket) == (ssize_t)sizeof ticket)
        continue;
    (void)close(ends[0]);
    acknowledged = ticket;
    run_children(check_after_kill, place, 1);
}

static void no_acknowledged_turn_is_lost_by_kill_9(void **state)
{
    (void)state;
    struct place *place = place_new((struct story){0});
    struct rng rng;
    rng_init(&rng, 9);
    for (unsigned i = 0; i < KILLS; i++)
        kill_while_writing(place, &rng);
    (void)printf("%u kills, %llu turns\n", KILLS, (unsigned long long)acknowledged);
    place_free(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flipped_bit_in_any_of_the_last_bytes_loses_nothing_silently),
        cmocka_unit_test(any_damage_of_a_header_loses_nothing_silently),
        cmocka_unit_test(a_smashed_page_loses_nothing_silently),
        cmocka_unit_test(a_torn_end_leaves_every_whole_turn),
        cmocka_unit_test(garbage_behind_the_end_costs_no_turn),
        cmocka_unit_test(a_flipped_bit_in_the_manifest_loses_nothing_silently),
        cmocka_unit_test(no_acknowledged_turn_is_lost_by_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
