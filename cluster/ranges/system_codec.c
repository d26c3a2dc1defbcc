/* The bodies of FOUND, MEMBER, JOIN and PLACE records: fixed little-endian layouts with a version.
 */
#include "cluster/ranges/system_codec.h"

#include <string.h>

#include "cluster/base/check.h"

#define FOUND_VERSION 1

bool settings_valid(const struct settings *settings)
{
    return settings->cluster_id != 0 && settings->ranges >= 1 && settings->ranges <= RANGES_MAX &&
           settings->replicas >= 1 && settings->replicas <= REPLICAS_MAX &&
           settings->replicas % 2 == 1 && settings->epoch_ms >= EPOCH_MS_MIN &&
           settings->epoch_ms <= EPOCH_MS_MAX && settings->players_max >= 1 &&
           settings->players_max <= PLAYERS_MAX_LIMIT;
}

static void put_text(struct writer *writer, const char *text)
{
    const size_t length = strlen(text);
    CHECK(length <= UINT8_MAX);
    put_u8(writer, (uint8_t)length);
    put_bytes(writer, text, length);
}

/* `text` has room for `capacity` characters and a zero. A zero inside is refused. */
static void take_text(struct reader *reader, char *text, size_t capacity)
{
    const size_t length = take_u8(reader);
    const uint8_t *bytes = take_bytes(reader, length);
    if (bytes == NULL || length > capacity || memchr(bytes, 0, length) != NULL) {
        reader->failed = true;
        return;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
}

void member_encode(const struct member *member, struct writer *writer)
{
    put_u64(writer, member->id);
    put_u64(writer, member->boot);
    put_text(writer, member->name.text);
    put_text(writer, member->http);
    put_text(writer, member->peer);
}

bool member_decode(struct member *member, struct reader *reader)
{
    struct member decoded;
    memset(&decoded, 0, sizeof decoded);
    decoded.id = take_u64(reader);
    decoded.boot = take_u64(reader);
    char name[NAME_LENGTH_MAX + 1] = "";
    take_text(reader, name, NAME_LENGTH_MAX);
    take_text(reader, decoded.http, ADDRESS_LENGTH_MAX);
    take_text(reader, decoded.peer, ADDRESS_LENGTH_MAX);
    if (!reader_ok(reader) || decoded.id == 0)
        return false;
    if (name_set(&decoded.name, name, strlen(name)) != STATUS_OK)
        return false;
    *member = decoded;
    return true;
}

void place_encode(uint32_t group, uint64_t node, struct writer *writer)
{
    put_u32(writer, group);
    put_u64(writer, node);
}

bool place_decode(uint32_t *ret_group, uint64_t *ret_node, struct reader *reader)
{
    const uint32_t group = take_u32(reader);
    const uint64_t node = take_u64(reader);
    if (!reader_done(reader) || node == 0)
        return false;
    *ret_group = group;
    *ret_node = node;
    return true;
}

void settings_encode(const struct settings *settings, struct writer *writer)
{
    put_u64(writer, settings->cluster_id);
    put_u64(writer, settings->first_epoch);
    put_u32(writer, settings->ranges);
    put_u32(writer, settings->replicas);
    put_u32(writer, settings->epoch_ms);
    put_u32(writer, settings->replace_after_ms);
    put_u32(writer, settings->players_max);
}

bool settings_decode(struct settings *settings, struct reader *reader)
{
    struct settings decoded;
    decoded.cluster_id = take_u64(reader);
    decoded.first_epoch = take_u64(reader);
    decoded.ranges = take_u32(reader);
    decoded.replicas = take_u32(reader);
    decoded.epoch_ms = take_u32(reader);
    decoded.replace_after_ms = take_u32(reader);
    decoded.players_max = take_u32(reader);
    if (!reader_ok(reader) || !settings_valid(&decoded))
        return false;
    *settings = decoded;
    return true;
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
    return a->cluster_id == b->cluster_id && a->first_epoch == b->first_epoch &&
           a->ranges == b->ranges && a->replicas == b->replicas && a->epoch_ms == b->epoch_ms &&
           a->replace_after_ms == b->replace_after_ms && a->players_max == b->players_max;
}

void found_encode(const struct settings *settings, const struct member *members, uint32_t count,
                  struct writer *writer)
{
    CHECK(settings_valid(settings));
    CHECK(count >= 1 && count <= NODES_MAX);
    put_u8(writer, FOUND_VERSION);
    settings_encode(settings, writer);
    put_u32(writer, count);
    for (uint32_t i = 0; i < count; i++)
        member_encode(&members[i], writer);
}

bool found_decode(struct settings *settings, struct member *members, uint32_t *ret_count,
                  struct reader *reader)
{
    struct settings decoded;
    const uint8_t version = take_u8(reader);
    if (version != FOUND_VERSION || !settings_decode(&decoded, reader))
        return false;
    const uint32_t count = take_u32(reader);
    if (count < 1 || count > NODES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!member_decode(&members[i], reader))
            return false;
    }
    *settings = decoded;
    *ret_count = count;
    return reader_done(reader);
}
