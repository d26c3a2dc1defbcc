#include "cluster/ranges/range_kept.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void range_kept_fini(struct range_kept *kept)
{
    for (uint32_t i = 0; i < kept->count; i++)
        summary_release(kept->list[i]);
    free(kept->list);
    *kept = (struct range_kept){0};
}

uint32_t range_kept_whole(const struct range_kept *kept)
{
    return kept->count > BOARDS_KEPT ? kept->count - BOARDS_KEPT : 0;
}

static enum status push(struct range_kept *kept, struct summary *summary)
{
    if (kept->count == kept->room) {
        const uint32_t room = kept->room == 0 ? BOARDS_KEPT : 2 * kept->room;
        struct summary **list = realloc(kept->list, room * sizeof(struct summary *));
        if (list == NULL)
            return STATUS_NO_MEMORY;
        kept->list = list;
        kept->room = room;
    }
    kept->list[kept->count++] = summary;
    return STATUS_OK;
}

static void remove_at(struct range_kept *kept, uint32_t at)
{
    CHECK(at < kept->count);
    summary_release(kept->list[at]);
    kept->count--;
    memmove(&kept->list[at], &kept->list[at + 1], (kept->count - at) * sizeof(struct summary *));
}

/* The ledger of `from` for the run up to `through`. NULL: no memory. */
static struct summary *without_boards(const struct summary *from, const struct summary *through)
{
    struct ledger *ledger;
    if (summary_ledger(from, &ledger) != STATUS_OK)
        return NULL;
    const struct summary_input input = {
        .range = from->range,
        .from = from->from,
        .through = through->through,
        .last_hlc = through->last_hlc,
        .ledger = ledger,
    };
    struct summary *summary = summary_build(&input);
    free(ledger);
    return summary;
}

static enum status replace(struct range_kept *kept, uint32_t at, struct summary *summary)
{
    if (summary == NULL)
        return STATUS_NO_MEMORY;
    summary_release(kept->list[at]);
    kept->list[at] = summary;
    return STATUS_OK;
}

/* What is whole and should not be any more is the last of the older ones. */
static enum status age(struct range_kept *kept)
{
    const uint32_t whole = range_kept_whole(kept);
    if (whole == 0)
        return STATUS_OK;
    const uint32_t at = whole - 1;
    const struct summary *old = kept->list[at];
    if (old->through < kept->all_settled_next) {
        remove_at(kept, at);
        return STATUS_OK;
    }
    const struct summary *before = at > 0 ? kept->list[at - 1] : NULL;
    const bool joins = before != NULL && before->ledger_hunts == 0 && old->ledger_hunts == 0 &&
                       before->through + 1 == old->from;
    const enum status status = replace(kept, at, without_boards(joins ? before : old, old));
    if (status == STATUS_OK && joins)
        remove_at(kept, at - 1);
    return status;
}

enum status range_kept_add(struct range_kept *kept, struct summary *summary)
{
    CHECK(kept->count == 0 || kept->list[kept->count - 1]->through < summary->from);
    const enum status status = push(kept, summary_hold(summary));
    if (status != STATUS_OK) {
        summary_release(summary);
        return status;
    }
    return age(kept);
}

void range_kept_settled(struct range_kept *kept, uint64_t next)
{
    if (next <= kept->all_settled_next)
        return;
    kept->all_settled_next = next;
    while (range_kept_whole(kept) > 0 && kept->list[0]->through < next)
        remove_at(kept, 0);
}

enum status range_kept_restore(struct range_kept *kept, uint32_t range, struct summary *summary)
{
    const bool follows = kept->count == 0 || kept->list[kept->count - 1]->through < summary->from;
    if (summary->range != range || !follows)
        return STATUS_CORRUPT;
    return push(kept, summary);
}
