#include "node/http_chunks.h"

#include "cluster/base/check.h"

/*  SIZE -> [EXTENSION ->] SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                            | size 0
 *                            +-> TRAILER_START -> END_LF -> DONE
 *                                  |    ^
 *                                  +-> TRAILER -> TRAILER_LF                               */
enum state {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LF,
    END_LF,
    DONE,
};

/* Eight digits are 4 GiB, far above any body, and cannot overflow. */
#define SIZE_DIGITS_MAX 8

static enum status go(struct http_chunks *chunks, enum state next)
{
    chunks->state = (int)next;
    return next == DONE ? STATUS_OK : STATUS_TRUNCATED;
}

/* Moves on if the byte is the only one that may stand here. */
static enum status expect(struct http_chunks *chunks, char byte, char wanted, enum state next)
{
    return byte == wanted ? go(chunks, next) : STATUS_INVALID;
}

static enum status take_size(struct http_chunks *chunks, char byte)
{
    uint64_t digit;
    if (byte >= '0' && byte <= '9')
        digit = (uint64_t)(byte - '0');
    else if (byte >= 'a' && byte <= 'f')
        digit = (uint64_t)(byte - 'a') + 10;
    else if (byte >= 'A' && byte <= 'F')
        digit = (uint64_t)(byte - 'A') + 10;
    else if (chunks->digits == 0)
        return STATUS_INVALID;
    else if (byte == ';')
        return go(chunks, EXTENSION);
    else
        return expect(chunks, byte, '\r', SIZE_LF);

    if (chunks->digits == SIZE_DIGITS_MAX)
        return STATUS_INVALID;
    chunks->digits++;
    chunks->left = chunks->left * 16 + digit;
    return STATUS_TRUNCATED;
}

/* A byte of a line that is dropped. */
static enum status drop(struct http_chunks *chunks, char byte, uint32_t *bytes, uint32_t bytes_max)
{
    if (byte == '\r')
        return go(chunks, chunks->state == EXTENSION ? SIZE_LF : TRAILER_LF);
    const unsigned char value = (unsigned char)byte;
    if ((value < 0x20 && value != '\t') || value == 0x7f)
        return STATUS_INVALID;
    if (*bytes == bytes_max)
        return STATUS_TOO_LARGE;
    (*bytes)++;
    return STATUS_TRUNCATED;
}

static enum status start_trailer(struct http_chunks *chunks, char byte)
{
    if (byte == '\r')
        return go(chunks, END_LF);
    if (byte == ' ' || byte == '\t')
        return STATUS_INVALID;
    chunks->state = TRAILER;
    return drop(chunks, byte, &chunks->trailer_bytes, HTTP_TRAILER_BYTES_MAX);
}

static enum status take_byte(struct http_chunks *chunks, char byte)
{
    switch ((enum state)chunks->state) {
    case SIZE:
        return take_size(chunks, byte);
    case EXTENSION:
        return drop(chunks, byte, &chunks->extension_bytes, HTTP_EXTENSION_BYTES_MAX);
    case SIZE_LF:
        return expect(chunks, byte, '\n', chunks->left > 0 ? DATA : TRAILER_START);
    case DATA_CR:
        return expect(chunks, byte, '\r', DATA_LF);
    case DATA_LF:
        chunks->digits = 0;
        return expect(chunks, byte, '\n', SIZE);
    case TRAILER_START:
        return start_trailer(chunks, byte);
    case TRAILER:
        return drop(chunks, byte, &chunks->trailer_bytes, HTTP_TRAILER_BYTES_MAX);
    case TRAILER_LF:
        return expect(chunks, byte, '\n', TRAILER_START);
    case END_LF:
        return expect(chunks, byte, '\n', DONE);
    case DATA:
    case DONE:
        break;
    }
    UNREACHABLE();
}

static void take_data(struct http_chunks *chunks, struct http_span *input,
                      struct http_span *ret_body)
{
    const size_t bytes = chunks->left < input->bytes ? (size_t)chunks->left : input->bytes;
    *ret_body = (struct http_span){input->data, bytes};
    input->data += bytes;
    input->bytes -= bytes;
    chunks->left -= bytes;
    if (chunks->left == 0)
        chunks->state = DATA_CR;
}

enum status http_chunks_take(struct http_chunks *chunks, struct http_span *input,
                             struct http_span *ret_body)
{
    CHECK(chunks->state >= SIZE);
    CHECK(chunks->state < DONE);
    enum status status = STATUS_TRUNCATED;
    *ret_body = (struct http_span){input->data, 0};
    if (chunks->state == DATA) {
        take_data(chunks, input, ret_body);
        return STATUS_TRUNCATED;
    }
    while (status == STATUS_TRUNCATED && input->bytes > 0 && chunks->state != DATA) {
        status = take_byte(chunks, *input->data);
        input->data++;
        input->bytes--;
    }
    return status;
}
