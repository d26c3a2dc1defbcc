#include "cluster/members/skew.h"

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"

static bool is_beyond(const struct skew_sample *sample, int64_t bound_us, int sign)
{
    return sign > 0 ? sample->offset_us > bound_us : sample->offset_us < -bound_us;
}

/* Beyond, and no error of measurement explains it. */
static bool is_certain(const struct skew_sample *sample, int64_t bound_us, int sign)
{
    if (!is_beyond(sample, bound_us, sign))
        return false;
    /* No sum overflows: the bound takes from what is beyond it. */
    const uint64_t excess = sign > 0 ? (uint64_t)(sample->offset_us - bound_us)
                                     : (uint64_t)(-(sample->offset_us + bound_us));
    return excess > sample->error_us;
}

/* So many of the live members, or of a sample that is large enough to stand for them. */
static bool is_majority(const struct skew_view *view, uint32_t members)
{
    if (members > view->live / 2)
        return true;
    return view->count >= SKEW_SAMPLES && members > (view->count + 1) / 2;
}

static bool majority_out(const struct skew_view *view, int sign)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < view->count; i++)
        out += is_certain(&view->samples[i], SKEW_OUT_US, sign);
    return is_majority(view, out);
}

/* Most members are measured, and no majority is to the side of `sign`. */
static bool is_calm(const struct skew_view *view, int sign)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < view->count; i++)
        out += is_beyond(&view->samples[i], SKEW_BACK_US, sign);
    return is_majority(view, view->count + 1) && !is_majority(view, out);
}

static enum skew_verdict come_back(struct skew *skew, uint64_t now_us, const struct skew_view *view)
{
    /* Where we are ahead, the others are behind us. */
    if (!is_calm(view, skew->verdict == SKEW_AHEAD ? -1 : 1)) {
        skew->calm = false;
        return skew->verdict;
    }
    if (!skew->calm) {
        skew->calm = true;
        skew->calm_since_us = now_us;
    }
    if (now_us - skew->calm_since_us >= SKEW_CALM_US)
        *skew = (struct skew){.verdict = SKEW_NONE};
    return skew->verdict;
}

enum skew_verdict skew_step(struct skew *skew, uint64_t now_us, const struct skew_view *view)
{
    CHECK(view->live > 0);
    CHECK(view->count <= MEMBERS_MAX);
    enum skew_verdict found = SKEW_NONE;
    if (majority_out(view, -1))
        found = SKEW_AHEAD;
    else if (majority_out(view, 1))
        found = SKEW_BEHIND;
    if (found == SKEW_NONE)
        return skew->verdict == SKEW_NONE ? SKEW_NONE : come_back(skew, now_us, view);
    *skew = (struct skew){.verdict = found};
    return found;
}

uint32_t skew_apart(const struct skew_view *view)
{
    uint32_t apart = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        const struct skew_sample *sample = &view->samples[i];
        apart += is_certain(sample, SKEW_OUT_US, -1) || is_certain(sample, SKEW_OUT_US, 1);
    }
    return apart;
}

/* The sample with `rank` smaller ones, ties by place. Quadratic, for what is asked once a second,
 * and it leaves the samples in their order. */
static const struct skew_sample *sample_at(const struct skew_view *view, uint32_t rank)
{
    for (uint32_t i = 0; i < view->count; i++) {
        const int64_t offset_us = view->samples[i].offset_us;
        uint32_t smaller = 0;
        for (uint32_t j = 0; j < view->count; j++) {
            const int64_t other_us = view->samples[j].offset_us;
            smaller += other_us < offset_us || (other_us == offset_us && j < i);
        }
        if (smaller == rank)
            return &view->samples[i];
    }
    UNREACHABLE();
}

bool skew_median(const struct skew_view *view, struct skew_sample *ret_sample)
{
    CHECK(view->count <= MEMBERS_MAX);
    if (view->count == 0)
        return false;
    *ret_sample = *sample_at(view, (view->count - 1) / 2);
    return true;
}
