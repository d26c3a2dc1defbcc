#include "node/key_ring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "node/token_file.h"

static enum status refuse(struct key_ring_fault *fault, enum status status, const char *path,
                          const char *why)
{
    (void)snprintf(fault->text, sizeof fault->text, "the key file %s %s", path, why);
    return status;
}

/* A key that others on the machine can read seals nothing. */
static bool is_private(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && (file.st_mode & (S_IROTH | S_IWOTH)) == 0;
}

static enum status load_key(struct seal_key *key, const char *path, struct key_ring_fault *fault)
{
    char text[TOKEN_BYTES];
    const enum status status = token_file_read(text, path);
    if (status == STATUS_IO)
        return refuse(fault, status, path, strerror(errno));
    if (!is_private(path))
        return refuse(fault, STATUS_INVALID, path, "may be read by everybody: chmod o-rw");
    size_t bytes = 0;
    const int failed = status != STATUS_OK
                           ? -1
                           : sodium_base642bin(key->bytes, sizeof key->bytes, text, strlen(text),
                                               NULL, &bytes, NULL, sodium_base64_VARIANT_ORIGINAL);
    sodium_memzero(text, sizeof text);
    if (failed != 0 || bytes != SEAL_KEY_BYTES)
        return refuse(fault, STATUS_INVALID, path, "does not hold 32 bytes in Base64");
    key->id = seal_key_id(key->bytes);
    return STATUS_OK;
}

enum status key_ring_load(struct seal_ring *ret_ring, char *const *paths, uint32_t count,
                          struct key_ring_fault *fault)
{
    struct seal_ring ring = {0};
    if (sodium_init() < 0)
        return refuse(fault, STATUS_IO, "", "cannot be used: libsodium does not start");
    if (count > SEAL_KEYS_MAX) {
        (void)snprintf(fault->text, sizeof fault->text, "%u key files are more than %d", count,
                       SEAL_KEYS_MAX);
        return STATUS_FULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const enum status status = load_key(&ring.keys[i], paths[i], fault);
        if (status != STATUS_OK)
            return status;
        for (uint32_t j = 0; j < i; j++) {
            if (ring.keys[j].id == ring.keys[i].id)
                return refuse(fault, STATUS_INVALID, paths[i], "holds the same key as another");
        }
        ring.count++;
    }
    *ret_ring = ring;
    return STATUS_OK;
}
