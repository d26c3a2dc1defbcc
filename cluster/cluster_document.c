/* The system group's state as a document: given out by those who hold it, put together by those who
 * do not. Both sides keep one; the giver does not remember who has got how much of it. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* Chunks that answer one question. */
#define ANSWER_CHUNKS 8

/* Whoever gives no chunk for so long is not waited for. */
#define GIVER_SILENT_MS 1000

/* --- Giving ----------------------------------------------------------------------------------- */

static void forget(struct document *document)
{
    for (uint32_t i = 0; i < document->chunk_count; i++)
        free(document->chunks[i].data);
    free(document->chunks);
    document->chunks = NULL;
    document->chunk_count = 0;
    document->index = 0;
}

static enum status add_chunk(struct document *document, const uint8_t *data, uint32_t bytes)
{
    struct document_chunk *chunks =
        realloc(document->chunks, (document->chunk_count + 1) * sizeof *chunks);
    if (chunks == NULL)
        return STATUS_NO_MEMORY;
    document->chunks = chunks;
    uint8_t *copy = malloc(bytes);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    memcpy(copy, data, bytes);
    chunks[document->chunk_count++] = (struct document_chunk){.data = copy, .bytes = bytes};
    return STATUS_OK;
}

/* Writes the present state down. */
static enum status write_down(struct cluster *cluster)
{
    struct document *document = &cluster->document;
    struct group_base base;
    struct snapshot_writer *writer;
    forget(document);
    group_snapshot_point(cluster->system_group, &base);
    enum status status = system_snapshot_begin(cluster->system, GROUP_SYSTEM, &base, &writer);
    if (status != STATUS_OK)
        return status;
    uint8_t *chunk = malloc(SNAPSHOT_CHUNK_BYTES_MAX);
    uint32_t bytes = chunk != NULL ? snapshot_next(writer, chunk) : 0;
    for (; bytes > 0 && status == STATUS_OK; bytes = snapshot_next(writer, chunk))
        status = add_chunk(document, chunk, bytes);
    if (chunk == NULL || snapshot_failed(writer))
        status = STATUS_NO_MEMORY;
    system_snapshot_end(cluster->system, writer);
    free(chunk);
    if (status != STATUS_OK)
        forget(document);
    else
        document->index = group_applied(cluster->system_group);
    return status;
}

static void send_chunk(struct cluster *cluster, uint64_t node, uint32_t at)
{
    const struct document *document = &cluster->document;
    const struct document_chunk *chunk = &document->chunks[at];
    struct message *message = arena_take(&cluster->arena, sizeof *message);
    uint8_t *copy = arena_take(&cluster->arena, chunk->bytes);
    memcpy(copy, chunk->data, chunk->bytes);
    *message = (struct message){
        .kind = MESSAGE_SNAPSHOT,
        .snapshot = {.group = GROUP_SYSTEM,
                     .index = document->index,
                     .chunk = at,
                     .last = at + 1 == document->chunk_count,
                     .data = copy,
                     .bytes = chunk->bytes},
    };
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = message;
}

void document_send(struct cluster *cluster, uint64_t node, const struct system_pull_message *wanted)
{
    struct document *document = &cluster->document;
    /* Only a replica that knows all that is committed gives it out. */
    if (cluster->system_group == NULL || cluster->system_next != NULL ||
        system_state_settings(cluster->system) == NULL || snapshots_cuts(cluster, GROUP_SYSTEM) ||
        stream_cuts(cluster, GROUP_SYSTEM))
        return;
    const uint64_t present = group_applied(cluster->system_group);
    if (wanted->have >= present)
        return;
    const bool has = wanted->index != 0 && wanted->index == document->index;
    if (!has && document->index != present && write_down(cluster) != STATUS_OK)
        return;
    /* Another one may have begun to give it: of one index there is one document. */
    uint32_t at = wanted->index == document->index ? wanted->chunk : 0;
    for (uint32_t i = 0; i < ANSWER_CHUNKS && at < document->chunk_count; i++, at++) {
        if (!cluster_has_room(cluster))
            return;
        send_chunk(cluster, node, at);
    }
}

/* --- Taking ----------------------------------------------------------------------------------- */

static void begin_reading(struct document *document, uint64_t node, uint64_t index)
{
    document->giver = node;
    document->asked = 0;
    snapshot_reader_fini(&document->reader);
    system_restore_free(document->restore);
    snapshot_reader_init(&document->reader);
    document->restore = system_restore_new(GROUP_SYSTEM);
    document->reading_index = document->restore != NULL ? index : 0;
}

static void stop_reading(struct document *document)
{
    snapshot_reader_fini(&document->reader);
    system_restore_free(document->restore);
    document->restore = NULL;
    document->reading_index = 0;
}

/* The document is whole: it is what this node knows from now on. */
static enum status adopt(struct cluster *cluster)
{
    struct document *document = &cluster->document;
    struct group_base base;
    struct system_state *state = system_restore_take(document->restore, &base);
    const uint64_t index = document->reading_index;
    stop_reading(document);
    if (state == NULL || system_state_settings(state) == NULL) {
        system_state_free(state);
        return STATUS_OK;
    }
    const struct settings *known = system_state_settings(cluster->system);
    if (known != NULL && known->cluster_id != system_state_settings(state)->cluster_id) {
        system_state_free(state);
        return STATUS_OK; /* of another cluster: nothing of it is taken */
    }
    return join_adopt(cluster, state, index);
}

bool document_coming(const struct cluster *cluster)
{
    const struct document *document = &cluster->document;
    return document->reading_index != 0 &&
           cluster_now_ms(cluster) - document->taken_ms < GIVER_SILENT_MS;
}

enum status document_received(struct cluster *cluster, uint64_t node,
                              const struct snapshot_message *message)
{
    struct document *document = &cluster->document;
    const bool knows_better = cluster->system_group != NULL && cluster->system_next == NULL;
    if (knows_better || message->index <= cluster->system_index)
        return STATUS_OK;
    /* The beginning of one that is coming already is a repetition, or was overtaken. */
    if (message->chunk == 0 &&
        (message->index > document->reading_index || !document_coming(cluster)))
        begin_reading(document, node, message->index);
    /* What was lost on the way is asked for again, from where it goes on. */
    if (document->restore == NULL || message->index != document->reading_index ||
        message->chunk != document->reader.chunks)
        return STATUS_OK;
    document->taken_ms = cluster_now_ms(cluster);
    struct snapshot_item item;
    enum status status = snapshot_take(&document->reader, message->data, message->bytes, &item);
    if (status == STATUS_OK && item.whole)
        status = system_restore_item(document->restore, &item);
    if (status == STATUS_OK && item.whole && item.ended)
        return adopt(cluster);
    if (status != STATUS_OK)
        stop_reading(document);
    else if (document->reader.chunks - document->asked >= ANSWER_CHUNKS)
        cluster->ask_ms = 0; /* all that was asked for has come */
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

void document_free(struct cluster *cluster)
{
    forget(&cluster->document);
    stop_reading(&cluster->document);
}
