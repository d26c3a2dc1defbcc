#include "proto/envelope.h"

#include <string.h>

#include <lz4.h>
#include <sodium.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"

#define FLAG_LZ4    UINT32_C(1)
#define FLAG_SEALED UINT32_C(2)

#define HEAD_BYTES 80 /* what the checksum, or the seal, covers besides the body */

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == SEAL_KEY_BYTES, "libsodium's");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == ENVELOPE_SEAL_BYTES, "libsodium's");
_Static_assert(ENVELOPE_BODY_MAX <= LZ4_MAX_INPUT_SIZE, "LZ4's");

static const uint8_t magic[3] = {'C', 'R', 'N'};

uint32_t seal_key_id(const uint8_t bytes[SEAL_KEY_BYTES])
{
    uint8_t digest[crypto_generichash_BYTES_MIN];
    (void)crypto_generichash(digest, sizeof digest, bytes, SEAL_KEY_BYTES, magic, 0);
    struct reader reader;
    reader_init(&reader, digest, sizeof digest);
    const uint32_t id = take_u32(&reader);
    return id != 0 ? id : 1;
}

const char *envelope_fault_name(enum envelope_fault fault)
{
    static const char *const names[ENVELOPE_FAULTS] = {
        [ENVELOPE_OK] = "ok",
        [ENVELOPE_GARBAGE] = "garbage",
        [ENVELOPE_OTHER_VERSION] = "other_version",
        [ENVELOPE_OTHER_CLUSTER] = "other_cluster",
        [ENVELOPE_OTHER_NODE] = "other_node",
        [ENVELOPE_NOT_SEALED] = "not_sealed",
        [ENVELOPE_OTHER_KEY] = "other_key",
        [ENVELOPE_FORGED] = "forged",
    };
    CHECK(fault < ENVELOPE_FAULTS);
    return names[fault];
}

size_t envelope_bytes_max(size_t body_bytes)
{
    CHECK(body_bytes <= ENVELOPE_BODY_MAX);
    return ENVELOPE_BYTES + body_bytes + ENVELOPE_SEAL_BYTES;
}

/* The fields behind the addresses. */
struct head {
    uint32_t flags, plain_bytes, key;
};

static void write_head(const struct envelope *envelope, const struct head *head, uint8_t *message)
{
    struct writer writer;
    writer_init(&writer, message, HEAD_BYTES);
    put_bytes(&writer, magic, sizeof magic);
    put_u8(&writer, ENVELOPE_VERSION);
    put_u32(&writer, head->flags);
    put_u64(&writer, envelope->cluster);
    put_u64(&writer, envelope->node);
    put_u64(&writer, envelope->boot);
    put_u64(&writer, envelope->number);
    put_u64(&writer, envelope->to_node);
    put_u64(&writer, envelope->to_boot);
    put_u64(&writer, envelope->heard);
    put_u64(&writer, envelope->stamp);
    put_u32(&writer, head->plain_bytes);
    put_u32(&writer, head->key);
    CHECK(writer_ok(&writer));
    CHECK(writer.used == HEAD_BYTES);
}

static void write_checksum(uint8_t *message, uint64_t checksum)
{
    struct writer writer;
    writer_init(&writer, message + HEAD_BYTES, sizeof checksum);
    put_u64(&writer, checksum);
    CHECK(writer_ok(&writer));
}

static uint64_t checksum_of(const uint8_t *message, const uint8_t *body, size_t body_bytes)
{
    return hash_chain(hash_bytes(message, HEAD_BYTES), body, body_bytes);
}

static void write_nonce(const struct envelope *envelope,
                        uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES])
{
    struct writer writer;
    writer_init(&writer, nonce, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    put_u64(&writer, envelope->node);
    put_u64(&writer, envelope->boot);
    put_u64(&writer, envelope->number);
    CHECK(writer_ok(&writer));
}

/* Bytes of the body as it is sent; compressed where that makes it smaller. */
static size_t write_body(const void *body, size_t bytes, uint8_t *out, uint32_t *flags)
{
    if (bytes >= ENVELOPE_LZ4_BYTES) {
        const int packed = LZ4_compress_default(body, (char *)out, (int)bytes, (int)bytes - 1);
        if (packed > 0) {
            *flags |= FLAG_LZ4;
            return (size_t)packed;
        }
    }
    if (bytes > 0)
        memcpy(out, body, bytes);
    return bytes;
}

size_t envelope_close(const struct envelope *envelope, const struct seal_ring *ring,
                      const void *body, size_t body_bytes, uint8_t *message)
{
    CHECK(envelope->node != 0);
    CHECK(envelope->number != 0);
    CHECK(body_bytes <= ENVELOPE_BODY_MAX);
    struct head head = {.plain_bytes = (uint32_t)body_bytes};
    uint8_t *out = message + ENVELOPE_BYTES;
    const size_t sent = write_body(body, body_bytes, out, &head.flags);
    if (ring->count == 0) {
        write_head(envelope, &head, message);
        write_checksum(message, checksum_of(message, out, sent));
        return ENVELOPE_BYTES + sent;
    }
    head.flags |= FLAG_SEALED;
    head.key = ring->keys[0].id;
    write_head(envelope, &head, message);
    write_checksum(message, 0);
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    write_nonce(envelope, nonce);
    unsigned long long sealed;
    const int failed = crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, &sealed, out, sent, message, ENVELOPE_BYTES, NULL, nonce, ring->keys[0].bytes);
    CHECK(failed == 0);
    CHECK(sealed == sent + ENVELOPE_SEAL_BYTES);
    return ENVELOPE_BYTES + (size_t)sealed;
}

static enum envelope_fault read_head(struct envelope *envelope, struct head *head,
                                     const uint8_t *message, size_t bytes)
{
    if (bytes < ENVELOPE_BYTES || bytes > ENVELOPE_MESSAGE_MAX ||
        memcmp(message, magic, sizeof magic) != 0)
        return ENVELOPE_GARBAGE;
    if (message[sizeof magic] != ENVELOPE_VERSION)
        return ENVELOPE_OTHER_VERSION;
    struct reader reader;
    reader_init(&reader, message, HEAD_BYTES);
    (void)take_u32(&reader);
    head->flags = take_u32(&reader);
    envelope->cluster = take_u64(&reader);
    envelope->node = take_u64(&reader);
    envelope->boot = take_u64(&reader);
    envelope->number = take_u64(&reader);
    envelope->to_node = take_u64(&reader);
    envelope->to_boot = take_u64(&reader);
    envelope->heard = take_u64(&reader);
    envelope->stamp = take_u64(&reader);
    head->plain_bytes = take_u32(&reader);
    head->key = take_u32(&reader);
    CHECK(reader_done(&reader));
    const bool sound = (head->flags & ~(FLAG_LZ4 | FLAG_SEALED)) == 0 && envelope->node != 0 &&
                       envelope->number != 0 && head->plain_bytes <= ENVELOPE_BODY_MAX;
    return sound ? ENVELOPE_OK : ENVELOPE_GARBAGE;
}

static enum envelope_fault check_addresses(const struct envelope *envelope,
                                           const struct envelope_reader *reader)
{
    if (envelope->cluster != 0 && reader->cluster != 0 && envelope->cluster != reader->cluster)
        return ENVELOPE_OTHER_CLUSTER;
    const bool ours = (envelope->to_node == 0 || envelope->to_node == reader->node) &&
                      (envelope->to_boot == 0 || envelope->to_boot == reader->boot) &&
                      envelope->node != reader->node;
    return ours ? ENVELOPE_OK : ENVELOPE_OTHER_NODE;
}

static const struct seal_key *find_key(const struct seal_ring *ring, uint32_t id)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].id == id)
            return &ring->keys[i];
    }
    return NULL;
}

/* A message in the middle of being opened. */
struct opening {
    const uint8_t *message;
    const uint8_t *sent; /* the body as it was sent */
    size_t sent_bytes;
};

static enum envelope_fault check_sum(struct opening *opening)
{
    struct reader reader;
    reader_init(&reader, opening->message + HEAD_BYTES, sizeof(uint64_t));
    const uint64_t sum = checksum_of(opening->message, opening->sent, opening->sent_bytes);
    return sum == take_u64(&reader) ? ENVELOPE_OK : ENVELOPE_GARBAGE;
}

/* Decrypts into `room`, which is as large as any body. */
static enum envelope_fault unseal(struct opening *opening, const struct envelope *envelope,
                                  const struct seal_key *key, uint8_t *room)
{
    if (key == NULL)
        return ENVELOPE_OTHER_KEY;
    if (opening->sent_bytes < ENVELOPE_SEAL_BYTES)
        return ENVELOPE_GARBAGE;
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    write_nonce(envelope, nonce);
    unsigned long long plain;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(room, &plain, NULL, opening->sent,
                                                   opening->sent_bytes, opening->message,
                                                   ENVELOPE_BYTES, nonce, key->bytes) != 0)
        return ENVELOPE_FORGED;
    opening->sent = room;
    opening->sent_bytes = (size_t)plain;
    return ENVELOPE_OK;
}

/* The body lies in `body` afterwards, wherever it was before. */
static enum envelope_fault unpack(const struct opening *opening, const struct head *head,
                                  uint8_t *body)
{
    if ((head->flags & FLAG_LZ4) == 0) {
        if (opening->sent_bytes != head->plain_bytes)
            return ENVELOPE_GARBAGE;
        if (opening->sent != body && opening->sent_bytes > 0)
            memcpy(body, opening->sent, opening->sent_bytes);
        return ENVELOPE_OK;
    }
    const int plain = LZ4_decompress_safe((const char *)opening->sent, (char *)body,
                                          (int)opening->sent_bytes, (int)head->plain_bytes);
    return plain >= 0 && (uint32_t)plain == head->plain_bytes ? ENVELOPE_OK : ENVELOPE_GARBAGE;
}

enum envelope_fault envelope_open(struct envelope *ret_envelope,
                                  const struct envelope_reader *reader, const uint8_t *message,
                                  size_t bytes, uint8_t *body, size_t *ret_body_bytes)
{
    struct envelope envelope;
    struct head head;
    enum envelope_fault fault = read_head(&envelope, &head, message, bytes);
    if (fault == ENVELOPE_OK)
        fault = check_addresses(&envelope, reader);
    if (fault != ENVELOPE_OK)
        return fault;
    const bool sealed = (head.flags & FLAG_SEALED) != 0;
    if (sealed != (reader->ring->count > 0))
        return ENVELOPE_NOT_SEALED;

    struct opening opening = {
        .message = message,
        .sent = message + ENVELOPE_BYTES,
        .sent_bytes = bytes - ENVELOPE_BYTES,
    };
    /* Compressed and sealed, it is decrypted into the upper half and unpacked into the lower. */
    uint8_t *room = (head.flags & FLAG_LZ4) != 0 ? body + ENVELOPE_BODY_MAX : body;
    fault = sealed ? unseal(&opening, &envelope, find_key(reader->ring, head.key), room)
                   : check_sum(&opening);
    if (fault == ENVELOPE_OK)
        fault = unpack(&opening, &head, body);
    if (fault != ENVELOPE_OK)
        return fault;
    *ret_envelope = envelope;
    *ret_body_bytes = head.plain_bytes;
    return ENVELOPE_OK;
}
