/* Messages to peers: what waits in a link's queue leaves as one message when the last one has gone.
 */
#include "cluster/base/check.h"
#include "node/peers_parts.h"

static struct envelope address_to(struct peers *peers, const struct link *link)
{
    struct envelope envelope = {
        .cluster = peers->settings.cluster,
        .node = peers->settings.node,
        .boot = peers->settings.boot,
        .number = ++peers->number,
        .stamp = peers->stamp,
    };
    if (link->is_address)
        return envelope;
    envelope.to_node = link->peer;
    const struct sender *sender = peers_sender(peers, link->peer);
    if (sender != NULL) {
        envelope.to_boot = sender->boot;
        envelope.heard = sender->number;
    }
    return envelope;
}

/* Sends the first `bytes` of the queue; 0: a message that only confirms. */
static void send_envelope(struct peers *peers, struct link *link, size_t bytes, uint64_t now_ms)
{
    struct parcel parcel;
    if (parcel_new(&parcel, envelope_bytes_max(bytes)) != STATUS_OK)
        return; /* as if it was lost on the way */
    const struct envelope envelope = address_to(peers, link);
    const size_t size =
        envelope_close(&envelope, &peers->settings.ring, link->queue.data, bytes, parcel.data);
    transport_send(link->transport, &parcel, size);
    peers->measures.sent++;
    peers->measures.sent_bytes += size;
    link->owes_ms = 0;
    if (bytes == 0)
        return;
    peers_queue_take(&link->queue, bytes);
    link->sent = envelope.number;
    if (link->since_ms == 0 && !link->is_address)
        link->since_ms = now_ms;
}

void peers_send_link(struct peers *peers, struct link *link, uint64_t now_ms)
{
    if (link->queue.count > 0 && now_ms > PEERS_STALE_MS)
        peers->measures.dropped_stale +=
            peers_queue_drop_before(&link->queue, now_ms - PEERS_STALE_MS);
    const bool owes = link->owes_ms != 0 && now_ms >= link->owes_ms;
    if ((link->queue.count == 0 && !owes) || !transport_idle(link->transport))
        return;
    if (link->queue.count > 0)
        send_envelope(peers, link, peers_queue_first(&link->queue, ENVELOPE_BODY_MAX), now_ms);
    else
        send_envelope(peers, link, 0, now_ms);
}
