/* Counting float32 values: a state that depends on the multiset of the values alone. */

#ifndef QUANTKIT_TALLY_H
#define QUANTKIT_TALLY_H

#include <stddef.h>
#include <stdint.h>

/* Bin j ≥ 0 holds j ≤ x/2^exponent < j+1 and bin ~j is its mirror image, so that j >> 1 pairs neighbours on both
   sides. Bin j is bins[BINS + j].

   Fresh counts are kept in 16 bits, where they fit in the first-level cache: cell BINS + j counts bin j. Values near
   zero come in runs, and adding to one cell again and again waits for each store, so bins −NEAR … NEAR−1 and the exact
   zeros have COPIES rows of cells of their own, used in turn by position; NEAR is the zeros' place in a row. */
enum {
    BINS_POWER = 12,
    BINS = 1 << BINS_POWER,
    LOWEST_EXPONENT = -68,
    NEAR_POWER = 5,
    NEAR = 1 << NEAR_POWER,
    COPIES = 8,
    ROW = 2 * NEAR + 1,
    CELLS = 2 * BINS + COPIES * ROW,
};

/* Smallest and largest value, as keys: integers that order as the floats do. */
struct extent {
    int32_t low, high;
};

struct tally {
    int64_t bins[2 * BINS];
    int64_t zeros, nans, positive_infinities, negative_infinities;
    struct extent seen;
    int32_t exponent;
    uint16_t fresh; /* values counted in `cells` */
    uint16_t busy;
    uint16_t cells[CELLS];
};

/* One of the ways to count that this machine can run; all give the same state. */
struct variant {
    const char *name;
    void (*count)(const float *values, size_t groups, int exponent, uint16_t *cells);
    struct extent (*scan)(const float *values, size_t n);
};

/* Those ways, fastest first; returns how many. */
int variants_here(const struct variant **variants);

void tally_reset(struct tally *tally);
void tally_fold(struct tally *tally, const struct variant *by, const float *values, size_t n);
void tally_settle(struct tally *tally);

/* The value of a key; +0 for both zeros. */
float tally_value(int32_t key);

#endif
