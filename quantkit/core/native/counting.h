/* The two loops over values, with vectors of WIDTH bytes; included once for each width, with SUFFIX and TARGET set.

   Written in the compiler's own vector types (GCC, Clang). A group's cells are found while the cells of the group
   before are counted, so that arithmetic fills the time that loads and stores of counts take. */

#define JOIN_(name, suffix) name##_##suffix
#define JOIN(name, suffix) JOIN_(name, suffix)
#define OWN(name) JOIN(name, SUFFIX)

typedef int32_t OWN(ints) __attribute__((vector_size(WIDTH)));
typedef float OWN(floats) __attribute__((vector_size(WIDTH)));
typedef uint16_t OWN(cells) __attribute__((vector_size(WIDTH / 2)));

/* `cell_of` for WIDTH / 4 values at once. */
TARGET static inline __attribute__((always_inline)) void
OWN(place)(const float *values, const int32_t *origins, int exponent, uint16_t *cells)
{
    OWN(ints) bits, origin;
    memcpy(&bits, values, WIDTH);
    memcpy(&origin, origins, WIDTH);
    OWN(ints) magnitude = bits & MAGNITUDE;
    OWN(ints) zero = magnitude == 0, near = magnitude < bits_of_power(exponent + NEAR_POWER);
    OWN(ints) counted = magnitude & (magnitude >= bits_of_power(exponent));
    OWN(floats) reals;
    memcpy(&reals, &counted, WIDTH);
    OWN(ints) bin = __builtin_convertvector(reals * power(-exponent), OWN(ints)) ^ (bits >> 31);
    bin = (bin & ~zero) | (zero & NEAR);
    OWN(cells) placed = __builtin_convertvector(bin + ((near & origin) | (~near & BINS)), OWN(cells));
    memcpy(cells, &placed, WIDTH / 2);
}

TARGET static inline __attribute__((always_inline)) void
OWN(place_group)(const float *values, const int32_t *origins, int exponent, uint16_t *cells)
{
    for (int k = 0; k < GROUP; k += WIDTH / 4)
        OWN(place)(values + k, origins + k % COPIES, exponent, cells + k);
}

TARGET static void OWN(count)(const float *values, size_t groups, int exponent, uint16_t *cells)
{
    int32_t origins[COPIES];
    uint16_t placed[2][GROUP];
    for (int copy = 0; copy < COPIES; copy++)
        origins[copy] = origin_of(copy);
    OWN(place_group)(values, origins, exponent, placed[0]);
    for (size_t group = 1; group <= groups; group++) {
        /* The last group is placed once more, in vain: cheaper than a second loop. */
        const float *next = values + (group < groups ? group : groups - 1) * GROUP;
        const uint16_t *before = placed[(group - 1) % 2];
        /* The scan of the next block finds it on its way; beyond the last block nothing is read. */
        __builtin_prefetch((const void *)((uintptr_t)next + BLOCK * sizeof *next));
        OWN(place_group)(next, origins, exponent, placed[group % 2]);
        for (int k = 0; k < GROUP; k++)
            cells[before[k]]++;
    }
}

TARGET static struct extent OWN(scan)(const float *values, size_t n)
{
    return extent_of(values, n);
}

#undef OWN
#undef JOIN
#undef JOIN_
#undef SUFFIX
#undef WIDTH
#undef TARGET
