#include "tally.h"

#include <string.h>

enum {
    GROUP = 16,   /* values whose cells are found at once; the rows of cells repeat within it */
    BLOCK = 2048, /* values scanned, then counted: the second look finds them in the first-level cache */
    MAGNITUDE = 0x7fffffff,
    INFINITE = 0x7f800000,
};

static inline int32_t bits_of(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float real_of(int32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline int32_t bits_of_power(int exponent) { return (exponent + 127) << 23; }

static inline float power(int exponent) { return real_of(bits_of_power(exponent)); }

/* Orders bits as the floats, NaN beyond the infinities and −0 below 0; its own inverse. Integers, because what the
   processor does with denormals depends on a mode that other libraries set. */
static inline int32_t key_of(int32_t bits) { return bits < 0 ? bits ^ MAGNITUDE : bits; }

static inline int32_t magnitude_of(int32_t key) { return key < 0 ? ~key : key; }

/* The cell of bin 0 in a row of cells near zero. */
static inline int32_t origin_of(int copy) { return 2 * BINS + copy * ROW + NEAR; }

/* The cell of a finite value within the range of `exponent`. */
static inline uint16_t cell_of(float value, int exponent, int copy)
{
    int32_t bits = bits_of(value), magnitude = bits & MAGNITUDE;
    /* Below one bin's width the product may be denormal, which some processors take a hundred cycles for. */
    int32_t bin = magnitude < bits_of_power(exponent) ? 0 : (int32_t)(real_of(magnitude) * power(-exponent));
    if (bits < 0)
        bin = ~bin;
    if (magnitude == 0)
        bin = NEAR;
    return (uint16_t)(bin + (magnitude < bits_of_power(exponent + NEAR_POWER) ? origin_of(copy) : BINS));
}

static void count_scalar(const float *values, size_t groups, int exponent, uint16_t *cells)
{
    for (size_t i = 0; i < groups * GROUP; i++)
        cells[cell_of(values[i], exponent, (int)(i % COPIES))]++;
}

static inline struct extent extent_of(const float *values, size_t n)
{
    struct extent seen = {INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < n; i++) {
        int32_t key = key_of(bits_of(values[i]));
        seen.low = key < seen.low ? key : seen.low;
        seen.high = key > seen.high ? key : seen.high;
    }
    return seen;
}

static struct extent scan_scalar(const float *values, size_t n) { return extent_of(values, n); }

#if defined(__GNUC__)
#define SUFFIX vector128
#define WIDTH 16
#define TARGET
#include "counting.h"
#if defined(__x86_64__)
#define SUFFIX vector256
#define WIDTH 32
#define TARGET __attribute__((target("avx2")))
#include "counting.h"
#endif
#endif

int variants_here(const struct variant **variants)
{
    static const struct variant known[] = {
#if defined(__GNUC__) && defined(__x86_64__)
        {"avx2", count_vector256, scan_vector256},
#endif
#if defined(__GNUC__)
        {"vector128", count_vector128, scan_vector128},
#endif
        {"scalar", count_scalar, scan_scalar},
    };
    int lacking = 0;
#if defined(__GNUC__) && defined(__x86_64__)
    lacking = !__builtin_cpu_supports("avx2");
#endif
    *variants = known + lacking;
    return (int)(sizeof known / sizeof *known) - lacking;
}

void tally_reset(struct tally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->seen = (struct extent){INT32_MAX, INT32_MIN};
    tally->exponent = LOWEST_EXPONENT;
}

void tally_settle(struct tally *tally)
{
    for (int cell = 0; cell < 2 * BINS; cell++)
        tally->bins[cell] += tally->cells[cell];
    for (int copy = 0; copy < COPIES; copy++) {
        const uint16_t *row = tally->cells + origin_of(copy);
        for (int bin = -NEAR; bin < NEAR; bin++)
            tally->bins[BINS + bin] += row[bin];
        tally->zeros += row[NEAR];
    }
    memset(tally->cells, 0, sizeof tally->cells);
    tally->fresh = 0;
}

/* Gives bins the width 2^exponent, which is more than today's. */
static void widen(struct tally *tally, int exponent)
{
    tally_settle(tally);
    int64_t *bins = tally->bins + BINS;
    int step = exponent - tally->exponent;
    /* In place: what is added to lies nearer to zero, so it was moved before. */
    for (int bin = 0; bin < BINS; bin++) {
        int wide = step < BINS_POWER ? bin >> step : 0;
        int64_t above = bins[bin], below = bins[~bin];
        bins[bin] = bins[~bin] = 0;
        bins[wide] += above;
        bins[~wide] += below;
    }
    tally->exponent = exponent;
}

/* The bin exponent for a largest magnitude, given as bits: a function of that magnitude alone. */
static int exponent_for(int32_t magnitude)
{
    int exponent = (magnitude >> 23) - 126 - BINS_POWER;
    return exponent > LOWEST_EXPONENT ? exponent : LOWEST_EXPONENT;
}

static void extend(struct tally *tally, struct extent seen)
{
    if (seen.low < tally->seen.low)
        tally->seen.low = seen.low;
    if (seen.high > tally->seen.high)
        tally->seen.high = seen.high;
    int32_t low = magnitude_of(seen.low), high = magnitude_of(seen.high);
    int exponent = exponent_for(low > high ? low : high);
    if (exponent > tally->exponent)
        widen(tally, exponent);
}

static size_t without_nonfinite(struct tally *tally, const float *values, size_t n, float *finite)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t bits = bits_of(values[i]), magnitude = bits & MAGNITUDE;
        if (magnitude < INFINITE)
            finite[kept++] = values[i];
        else if (magnitude > INFINITE)
            tally->nans++;
        else if (bits > 0)
            tally->positive_infinities++;
        else
            tally->negative_infinities++;
    }
    return kept;
}

static void count_finite(struct tally *tally, const struct variant *by, const float *values, size_t n)
{
    if (n > (size_t)(UINT16_MAX - tally->fresh))
        tally_settle(tally);
    size_t groups = n / GROUP;
    if (groups)
        by->count(values, groups, tally->exponent, tally->cells);
    for (size_t i = groups * GROUP; i < n; i++)
        tally->cells[cell_of(values[i], tally->exponent, (int)(i % COPIES))]++;
    tally->fresh = (uint16_t)(tally->fresh + n);
}

static void fold_block(struct tally *tally, const struct variant *by, const float *values, size_t n)
{
    float finite[BLOCK];
    struct extent seen = by->scan(values, n);
    if (seen.high >= INFINITE || seen.low <= ~INFINITE) {
        n = without_nonfinite(tally, values, n, finite);
        if (n == 0)
            return;
        values = finite;
        seen = by->scan(values, n);
    }
    extend(tally, seen);
    count_finite(tally, by, values, n);
}

void tally_fold(struct tally *tally, const struct variant *by, const float *values, size_t n)
{
    for (size_t start = 0; start < n; start += BLOCK)
        fold_block(tally, by, values + start, n - start < BLOCK ? n - start : BLOCK);
}

float tally_value(int32_t key) { return real_of(key_of(key)) + 0.0f; }
