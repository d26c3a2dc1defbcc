/* What can be read from the model: receipts, players' pages, boards. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/model_state.h"

enum model_receipt model_receipt(const struct model *model, uint16_t hunt,
                                 const struct player_id *player, uint32_t seq,
                                 struct result *ret_receipt)
{
    const struct record *record = model_record_find(model, hunt, player);
    if (record == NULL)
        return MODEL_RECEIPT_NEVER;
    const struct judged *judged = model_judged_find(record, seq);
    const bool in_window = model_window_holds(record, seq);
    if (judged == NULL)
        return in_window ? MODEL_RECEIPT_NEVER : MODEL_RECEIPT_GAP;
    if (!in_window && !outcome_accepted(judged->outcome))
        return MODEL_RECEIPT_GONE;
    model_receipt_fill(model, record, judged, ret_receipt);
    return MODEL_RECEIPT_KEPT;
}

static void set_add(struct model_set *set, uint16_t number)
{
    uint16_t at = 0;
    while (at < set->count && set->numbers[at] < number)
        at++;
    if (at < set->count && set->numbers[at] == number)
        return;
    CHECK(set->count < TREASURE_NUMBERS_MAX);
    memmove(&set->numbers[at + 1], &set->numbers[at],
            (size_t)(set->count - at) * sizeof set->numbers[0]);
    set->numbers[at] = number;
    set->count++;
}

static void page_add(struct model_page *page, const struct judged *judged)
{
    if (judged->action.seq > page->last_seq)
        page->last_seq = judged->action.seq;
    if (judged->outcome == OUTCOME_FOUND)
        set_add(&page->found, judged->treasure);
    if (judged->outcome == OUTCOME_PENDING)
        set_add(&page->pending, judged->treasure);
    if (judged->outcome == OUTCOME_WON)
        set_add(&page->won, judged->treasure);
    if (judged->outcome == OUTCOME_LOST)
        set_add(&page->lost, judged->treasure);
}

bool model_player(const struct model *model, uint16_t hunt, const struct player_id *player,
                  struct model_page *ret_page)
{
    const struct record *record = model_record_find(model, hunt, player);
    if (record == NULL)
        return false;
    *ret_page = (struct model_page){
        .score = model_standing_now(record)->score,
        .score_hlc = model_standing_now(record)->score_hlc,
        .range = record->range,
    };
    for (uint32_t i = 0; i < record->received_count; i++)
        ret_page->reactions += record->received[i].count;
    for (uint32_t i = 0; i < record->judged_count; i++)
        page_add(ret_page, &record->judged[i]);
    return true;
}

uint64_t model_reactions(const struct model *model, uint16_t hunt, const struct player_id *player,
                         const struct emoji *emoji)
{
    const struct record *record = model_record_find(model, hunt, player);
    if (record == NULL)
        return 0;
    for (uint32_t i = 0; i < record->received_count; i++)
        if (strcmp(record->received[i].emoji.text, emoji->text) == 0)
            return record->received[i].count;
    return 0;
}

uint32_t model_records(const struct model *model)
{
    return model->record_count;
}

void model_record_at(const struct model *model, uint32_t at, uint16_t *ret_hunt,
                     struct player_id *ret_player)
{
    CHECK(at < model->record_count);
    *ret_hunt = model->records[at].hunt;
    *ret_player = model->records[at].player;
}

/* A player as he stood at the end of an epoch. NULL: he had no record yet. */
static const struct standing *standing_at(const struct record *record, uint64_t epoch)
{
    const struct standing *standing = NULL;
    for (uint32_t i = 0; i < record->standing_count; i++)
        if (record->standings[i].epoch <= epoch)
            standing = &record->standings[i];
    return standing;
}

/* All players of a hunt at the end of an epoch, in no order; the caller frees the list. */
static struct model_board_entry *standings_all(const struct model *model, uint16_t hunt,
                                               uint64_t epoch, uint32_t *ret_count)
{
    struct model_board_entry *all = calloc((size_t)model->record_count + 1, sizeof *all);
    CHECK(all != NULL);
    *ret_count = 0;
    for (uint32_t i = 0; i < model->record_count; i++) {
        const struct record *record = &model->records[i];
        const struct standing *standing = standing_at(record, epoch);
        if (record->hunt != hunt || standing == NULL)
            continue;
        all[(*ret_count)++] = (struct model_board_entry){
            .player = record->player,
            .range = record->range,
            .score = standing->score,
            .hlc = standing->score_hlc,
        };
    }
    return all;
}

/* Score from high to low, then the first to reach it, then range, then the player's bytes. */
static int board_order(const void *left, const void *right)
{
    const struct model_board_entry *a = left;
    const struct model_board_entry *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    if (a->range != b->range)
        return a->range < b->range ? -1 : 1;
    return memcmp(a->player.bytes, b->player.bytes, sizeof a->player.bytes);
}

static bool first_is_ahead(const struct model *model, uint16_t hunt, uint64_t epoch)
{
    /* Every range has the version that is active, so the first may speak for all. */
    const struct version *version = model_version_active(model, 0, hunt, epoch);
    return version != NULL && version->definition.ties == TIES_FIRST;
}

void model_board(const struct model *model, uint16_t hunt, uint64_t epoch,
                 struct model_board *ret_board)
{
    uint32_t count;
    struct model_board_entry *all = standings_all(model, hunt, epoch, &count);
    qsort(all, count, sizeof *all, board_order);

    const bool first = first_is_ahead(model, hunt, epoch);
    *ret_board = (struct model_board){.epoch = epoch, .players = count};
    for (uint32_t i = 0; i < count && i < BOARD_TOP && all[i].score > 0; i++) {
        const bool shares = !first && i > 0 && all[i].score == all[i - 1].score;
        all[i].rank = shares ? all[i - 1].rank : i + UINT64_C(1);
        ret_board->entries[ret_board->count++] = all[i];
    }
    free(all);
}

uint64_t model_rank_of_score(const struct model *model, uint16_t hunt, uint64_t epoch,
                             int64_t score)
{
    uint64_t above = 0;
    for (uint32_t i = 0; i < model->record_count; i++) {
        const struct standing *standing = standing_at(&model->records[i], epoch);
        above += model->records[i].hunt == hunt && standing != NULL && standing->score > score;
    }
    return above + 1;
}

uint64_t model_rank(const struct model *model, uint16_t hunt, uint64_t epoch,
                    const struct player_id *player)
{
    uint32_t count;
    struct model_board_entry *all = standings_all(model, hunt, epoch, &count);
    const struct model_board_entry *own = NULL;
    for (uint32_t i = 0; i < count && own == NULL; i++)
        if (memcmp(all[i].player.bytes, player->bytes, sizeof player->bytes) == 0)
            own = &all[i];

    uint64_t rank = 0;
    if (own != NULL) {
        uint64_t place = 1;
        for (uint32_t i = 0; i < count; i++)
            place += board_order(&all[i], own) < 0;
        const bool by_place =
            first_is_ahead(model, hunt, epoch) && own->score > 0 && place <= BOARD_TOP;
        rank = by_place ? place : model_rank_of_score(model, hunt, epoch, own->score);
    }
    free(all);
    return rank;
}
