#include "node/identity.h"

#include <errno.h>
#include <sys/random.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"

#define NUMBER_BYTES 8

enum status identity_random(uint64_t *ret_number)
{
    uint64_t number = 0;
    while (number == 0) {
        const ssize_t got = getrandom(&number, sizeof number, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)sizeof number)
            return STATUS_IO;
    }
    *ret_number = number;
    return STATUS_OK;
}

/* 0 where there is none. */
static enum status get_number(struct store *store, const char *name, uint64_t *ret_number)
{
    uint8_t bytes[NUMBER_BYTES];
    size_t size = 0;
    const enum status status = store_get_meta(store, name, bytes, sizeof bytes, &size);
    if (status == STATUS_NOT_FOUND) {
        *ret_number = 0;
        return STATUS_OK;
    }
    if (status != STATUS_OK)
        return status == STATUS_TOO_LARGE ? STATUS_CORRUPT : status;
    struct reader reader;
    reader_init(&reader, bytes, size);
    const uint64_t number = take_u64(&reader);
    if (!reader_done(&reader) || number == 0)
        return STATUS_CORRUPT;
    *ret_number = number;
    return STATUS_OK;
}

static void put_number(struct store *store, const char *name, uint64_t number)
{
    uint8_t bytes[NUMBER_BYTES];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_u64(&writer, number);
    CHECK(writer_ok(&writer));
    store_put_meta(store, name, bytes, sizeof bytes);
}

enum status identity_load(struct identity *ret_identity, struct store *store, bool has_groups)
{
    struct identity identity;
    enum status status = get_number(store, "node", &identity.node);
    if (status == STATUS_OK)
        status = get_number(store, "boot", &identity.boot);
    if (status == STATUS_OK)
        status = get_number(store, "cluster", &identity.cluster);
    if (status != STATUS_OK)
        return status;
    if ((identity.node == 0) != (identity.boot == 0) || identity.boot == UINT64_MAX ||
        (has_groups && identity.node == 0) || has_groups != (identity.cluster != 0))
        return STATUS_CORRUPT;
    if (identity.node == 0)
        status = identity_random(&identity.node);
    if (status != STATUS_OK)
        return status;
    identity.boot++;
    put_number(store, "node", identity.node);
    put_number(store, "boot", identity.boot);
    status = store_submit(store, 0);
    if (status == STATUS_OK)
        status = store_drain(store);
    if (status == STATUS_OK)
        *ret_identity = identity;
    return status;
}

void identity_put_cluster(struct store *store, uint64_t cluster)
{
    CHECK(cluster != 0);
    put_number(store, "cluster", cluster);
}
