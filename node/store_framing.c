#include "node/store_framing.h"

#include <string.h>

#include "cluster/base/check.h"

enum fragment_type {
    FRAGMENT_FULL = 1,
    FRAGMENT_FIRST = 2,
    FRAGMENT_MIDDLE = 3,
    FRAGMENT_LAST = 4,
};

struct fragment {
    uint32_t checksum; /* unmasked */
    size_t bytes;      /* of payload */
    uint8_t type;
    size_t end; /* in the file; may lie behind its end */
    size_t block_end;
};

void framing_crc_init(struct framing_crc *crc)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = (sum & 1) != 0 ? sum >> 1 ^ UINT32_C(0x82f63b78) : sum >> 1;
        crc->table[0][byte] = sum;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int step = 1; step < 8; step++) {
            const uint32_t before = crc->table[step - 1][byte];
            crc->table[step][byte] = before >> 8 ^ crc->table[0][before & 0xff];
        }
    }
}

static uint32_t little_endian_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint32_t framing_crc32c(const struct framing_crc *crc, uint32_t sum, const uint8_t *data,
                        size_t size)
{
    sum = ~sum;
    for (; size >= 8; data += 8, size -= 8) {
        const uint32_t low = sum ^ little_endian_32(data);
        sum = crc->table[7][low & 0xff] ^ crc->table[6][low >> 8 & 0xff] ^
              crc->table[5][low >> 16 & 0xff] ^ crc->table[4][low >> 24] ^ crc->table[3][data[4]] ^
              crc->table[2][data[5]] ^ crc->table[1][data[6]] ^ crc->table[0][data[7]];
    }
    for (; size > 0; data++, size--)
        sum = sum >> 8 ^ crc->table[0][(sum ^ *data) & 0xff];
    return ~sum;
}

/* A stored checksum is rotated and shifted, because the checksum of data that hold their own
 * checksum is weak. */
static uint32_t unmask(uint32_t masked)
{
    const uint32_t rotated = masked - UINT32_C(0xa282ead8);
    return rotated >> 17 | rotated << 15;
}

void framing_init(struct framing *framing, const struct framing_crc *crc, const uint8_t *data,
                  size_t size)
{
    CHECK(data != NULL || size == 0);
    *framing = (struct framing){.crc = crc, .data = data, .size = size, .data_end = size};
    while (framing->data_end > 0 && data[framing->data_end - 1] == 0)
        framing->data_end--;
}

static enum framing_end end_here(struct framing *framing, enum framing_end end, const char *fault)
{
    framing->fault = fault;
    return end;
}

static struct fragment fragment_at(const struct framing *framing)
{
    const uint8_t *header = framing->data + framing->at;
    struct fragment fragment = {
        .checksum = unmask(little_endian_32(header)),
        .bytes = (size_t)header[4] | (size_t)header[5] << 8,
        .type = header[6],
        .block_end = framing->at - framing->at % FRAMING_BLOCK_BYTES + FRAMING_BLOCK_BYTES,
    };
    fragment.end = framing->at + FRAMING_HEADER_BYTES + fragment.bytes;
    return fragment;
}

/* Could RocksDB have written such a fragment here? */
static bool fragment_fits(const struct fragment *fragment, bool record_open)
{
    switch (fragment->type) {
    case FRAGMENT_FULL:
        return !record_open && fragment->end <= fragment->block_end;
    case FRAGMENT_FIRST:
        return !record_open && fragment->end == fragment->block_end;
    case FRAGMENT_MIDDLE:
        return record_open && fragment->end == fragment->block_end;
    case FRAGMENT_LAST:
        return record_open && fragment->end <= fragment->block_end;
    default:
        return false;
    }
}

/* A fragment that reaches behind the end of the file was cut off, or its length is damaged. In the
 * second case its bytes are all there, so some shorter length has the checksum that is stored. */
static bool shorter_length_fits(const struct framing *framing, const struct fragment *fragment)
{
    const uint8_t *from = framing->data + framing->at + FRAMING_HEADER_BYTES;
    const uint8_t *to = framing->data + framing->size;
    uint32_t sum = framing_crc32c(framing->crc, 0, &fragment->type, 1);
    for (; from < to; from++) {
        if (sum == fragment->checksum)
            return true;
        sum = framing_crc32c(framing->crc, sum, from, 1);
    }
    return sum == fragment->checksum;
}

static enum framing_end fragment_judge(struct framing *framing, const struct fragment *fragment,
                                       bool record_open)
{
    if (framing->data_end < framing->at + FRAMING_HEADER_BYTES)
        return end_here(framing, FRAMING_TORN, "a header is cut off");
    if (fragment->end > framing->size) {
        if (!fragment_fits(fragment, record_open))
            return end_here(framing, FRAMING_DAMAGED, "no such fragment can be here");
        if (shorter_length_fits(framing, fragment))
            return end_here(framing, FRAMING_DAMAGED, "the length of a fragment is wrong");
        return end_here(framing, FRAMING_TORN, "a fragment is cut off");
    }
    const uint8_t *summed = framing->data + framing->at + FRAMING_HEADER_BYTES - 1;
    if (fragment->end <= fragment->block_end &&
        framing_crc32c(framing->crc, 0, summed, 1 + fragment->bytes) == fragment->checksum) {
        if (!fragment_fits(fragment, record_open))
            return end_here(framing, FRAMING_DAMAGED, "fragments do not follow each other");
        return FRAMING_MORE;
    }
    /* Our records end with bytes that are not zero. Where nothing but zeros follows, the end of
     * this one never reached the disk. One zero byte may still be a damaged one. */
    if (fragment_fits(fragment, record_open) && framing->data_end + 2 <= fragment->end)
        return end_here(framing, FRAMING_TORN, "the end of a fragment is zeros");
    return end_here(framing, FRAMING_DAMAGED, "a checksum is wrong");
}

static void record_extend(struct framing_record *record, const uint8_t *data, size_t size)
{
    const size_t taken = size < FRAMING_TAIL_BYTES ? size : FRAMING_TAIL_BYTES;
    memmove(record->tail, record->tail + taken, FRAMING_TAIL_BYTES - taken);
    memcpy(record->tail + FRAMING_TAIL_BYTES - taken, data + size - taken, taken);
    record->bytes += size;
}

enum framing_end framing_next(struct framing *framing, struct framing_record *ret_record)
{
    struct framing_record record = {0};
    bool record_open = false;
    for (;;) {
        const size_t left = FRAMING_BLOCK_BYTES - framing->at % FRAMING_BLOCK_BYTES;
        if (left < FRAMING_HEADER_BYTES)
            framing->at += left;
        if (framing->at >= framing->size) {
            if (record_open)
                return end_here(framing, FRAMING_TORN, "the last fragment is missing");
            return FRAMING_CLEAN;
        }
        if (framing->size - framing->at < FRAMING_HEADER_BYTES)
            return end_here(framing, FRAMING_TORN, "a header is cut off");

        const struct fragment fragment = fragment_at(framing);
        const enum framing_end end = fragment_judge(framing, &fragment, record_open);
        if (end != FRAMING_MORE)
            return end;
        record_extend(&record, framing->data + framing->at + FRAMING_HEADER_BYTES, fragment.bytes);
        framing->at = fragment.end;
        if (fragment.type == FRAGMENT_FULL || fragment.type == FRAGMENT_LAST) {
            framing->whole = framing->at;
            *ret_record = record;
            return FRAMING_MORE;
        }
        record_open = true;
    }
}
