/* node/store_framing.h -- RocksDB's log format, read without RocksDB: strictly, and saying where
 * and how a file ends. Its write-ahead logs and its manifest are such files.
 *
 * A file is blocks of 32 KiB. A record is one FULL fragment, or FIRST, any number of MIDDLE, LAST;
 * a fragment never crosses a block, so FIRST and MIDDLE reach to the end of theirs. Fewer than 7
 * bytes left in a block are filled with zeros.
 *
 *     fragment:  crc32c u32 (masked, over type and payload)  length u16  type u8  payload
 *
 * Source: db/log_format.h and db/log_writer.cc of RocksDB 7.8; the recyclable and compressed kinds
 * are never written with our options and count as damage. */
#ifndef CAIRN_NODE_STORE_FRAMING_H
#define CAIRN_NODE_STORE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_BLOCK_BYTES  32768
#define FRAMING_HEADER_BYTES 7
#define FRAMING_TAIL_BYTES   25 /* kept of each record: the size of our marker */

enum framing_end {
    FRAMING_MORE,    /* not at the end */
    FRAMING_CLEAN,   /* the file ends with a whole record, or is empty */
    FRAMING_TORN,    /* it ends as a write does that was cut off: its last bytes are not there */
    FRAMING_DAMAGED, /* bytes that were there are not what was written */
};

/* The last bytes of a whole record. */
struct framing_record {
    uint64_t bytes;
    uint8_t tail[FRAMING_TAIL_BYTES]; /* right-aligned, when the record is shorter */
};

/* Eight tables of 256, for eight bytes at a time. */
struct framing_crc {
    uint32_t table[8][256];
};

struct framing {
    const struct framing_crc *crc;
    const uint8_t *data; /* the caller's */
    size_t size;
    size_t at;         /* the next fragment */
    size_t whole;      /* end of the last whole record */
    size_t data_end;   /* behind the last byte of the file that is not zero */
    const char *fault; /* what is wrong at `at`, when torn or damaged */
};

void framing_crc_init(struct framing_crc *crc);
/* CRC-32C (Castagnoli) of data behind what `sum` covers; 0 to begin. */
uint32_t framing_crc32c(const struct framing_crc *crc, uint32_t sum, const uint8_t *data,
                        size_t size);

void framing_init(struct framing *framing, const struct framing_crc *crc, const uint8_t *data,
                  size_t size);

/* FRAMING_MORE: *ret_record is the next record. Anything else ends the walk. */
enum framing_end framing_next(struct framing *framing, struct framing_record *ret_record);

#endif
