/* Counting float32 tensors where they were computed, into the state that quantkit/core/native/tally.c keeps: bins of
   width 2^exponent with a sign, the exponent a function of the largest magnitude alone. Equal values give an equal
   state, so it does not matter on which of the two processors they were counted.

   One batch takes three launches for all tensors together: `quantkit_scan` finds each tensor's extent, `quantkit_widen`
   pairs up bins where that extent has outgrown them, `quantkit_count` counts. Nothing has to be known on the host in
   between. Each block works on one chunk of one tensor; it counts in 32 bits in shared memory, which a chunk cannot
   overflow, and adds that to the 64-bit counts once.

   compile.sh makes counting.ptx of this; counting.py lays out the same structures on the host. */

enum {
    BINS_POWER = 12,
    BINS = 1 << BINS_POWER,
    LOWEST_EXPONENT = -68,
    MAGNITUDE = 0x7fffffff,
    INFINITE = 0x7f800000,
    THREADS = 256,
    LANES = 4, /* values in one load */
};

/* The part of a tensor that one block counts, 16-byte aligned. */
struct chunk {
    const int *values;
    unsigned count;
    unsigned tensor;
};

/* Smallest and largest finite value, as keys: integers that order as the floats do. */
struct extent {
    int low, high;
};

/* Bin j ≥ 0 holds j ≤ x/2^exponent < j+1 and bin ~j is its mirror image; bin j is bins[BINS + j]. */
struct tally {
    unsigned long long bins[2 * BINS];
    unsigned long long zeros, nans, positive_infinities, negative_infinities;
    struct extent seen, fresh; /* of the batches before, and of this one */
    int exponent;
    int padding;
};

/* Integers, because what a GPU does with denormals depends on how a kernel was compiled. −0 orders below 0. */
static __device__ int key_of(int bits) { return bits < 0 ? bits ^ MAGNITUDE : bits; }

static __device__ int magnitude_of(int key) { return key < 0 ? ~key : key; }

static __device__ int bits_of_power(int exponent) { return (exponent + 127) << 23; }

/* The bin exponent for a largest magnitude, given as bits: a function of that magnitude alone. */
static __device__ int exponent_for(int magnitude)
{
    return max((magnitude >> 23) - 126 - BINS_POWER, LOWEST_EXPONENT);
}

/* Takes a value into `seen`; returns whether it is not finite and was counted instead. */
static __device__ int scan(int bits, struct extent *seen, struct tally *tally)
{
    int magnitude = bits & MAGNITUDE;
    if (magnitude < INFINITE) {
        seen->low = min(seen->low, key_of(bits));
        seen->high = max(seen->high, key_of(bits));
        return 0;
    }
    if (magnitude > INFINITE)
        atomicAdd(&tally->nans, 1ull);
    else
        atomicAdd(bits > 0 ? &tally->positive_infinities : &tally->negative_infinities, 1ull);
    return 1;
}

/* Adds the NaN and infinities of this batch to `alarms`, a counter for each tensor. */
extern "C" __global__ void __launch_bounds__(THREADS)
quantkit_scan(const struct chunk *chunks, struct tally *tallies, unsigned *alarms)
{
    __shared__ int low, high;
    struct chunk mine = chunks[blockIdx.x];
    struct tally *tally = tallies + mine.tensor;
    struct extent seen = {MAGNITUDE, ~MAGNITUDE};
    unsigned loads = mine.count / LANES, nonfinite = 0;
    if (threadIdx.x == 0) {
        low = seen.low;
        high = seen.high;
    }
    __syncthreads();
    for (unsigned i = threadIdx.x; i < loads; i += THREADS) {
        int4 values = ((const int4 *)mine.values)[i];
        nonfinite += scan(values.x, &seen, tally);
        nonfinite += scan(values.y, &seen, tally);
        nonfinite += scan(values.z, &seen, tally);
        nonfinite += scan(values.w, &seen, tally);
    }
    for (unsigned i = loads * LANES + threadIdx.x; i < mine.count; i += THREADS)
        nonfinite += scan(mine.values[i], &seen, tally);
    if (nonfinite)
        atomicAdd(alarms + mine.tensor, nonfinite);
    atomicMin(&low, seen.low);
    atomicMax(&high, seen.high);
    __syncthreads();
    if (threadIdx.x == 0) {
        atomicMin(&tally->fresh.low, low);
        atomicMax(&tally->fresh.high, high);
    }
}

/* Makes one side's bins, which lie at bins[step·j], 2^by times as wide. */
static __device__ void pair_up(unsigned long long *bins, int step, int by, unsigned long long *wide)
{
    int group = 1 << min(by, (int)BINS_POWER);
    for (int bin = threadIdx.x; bin < BINS; bin += THREADS) {
        wide[bin] = 0;
        for (int k = 0; bin < BINS / group && k < group; k++)
            wide[bin] += bins[step * (bin * group + k)];
    }
    __syncthreads();
    for (int bin = threadIdx.x; bin < BINS; bin += THREADS)
        bins[step * bin] = wide[bin];
    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(THREADS)
quantkit_widen(struct tally *tallies)
{
    __shared__ unsigned long long wide[BINS];
    struct tally *tally = tallies + blockIdx.x;
    struct extent before = tally->seen, seen;
    seen.low = min(before.low, tally->fresh.low);
    seen.high = max(before.high, tally->fresh.high);
    int exponent = LOWEST_EXPONENT, by;
    if (seen.low <= seen.high)
        exponent = exponent_for(max(magnitude_of(seen.low), magnitude_of(seen.high)));
    by = exponent - tally->exponent;
    __syncthreads();
    if (by > 0 && before.low <= before.high) {
        pair_up(tally->bins + BINS, 1, by, wide);
        pair_up(tally->bins + BINS - 1, -1, by, wide);
    }
    if (threadIdx.x == 0) {
        tally->seen = seen;
        tally->fresh.low = MAGNITUDE;
        tally->fresh.high = ~MAGNITUDE;
        tally->exponent = exponent;
    }
}

/* Counts a value in its bin; returns whether it is exactly zero instead. */
static __device__ int count(int bits, int smallest, float scale, unsigned *bins)
{
    int magnitude = bits & MAGNITUDE;
    /* The product is exact: `scale` is a power of two, and what is smaller than a bin is not multiplied. */
    int bin = magnitude < smallest ? 0 : (int)(__int_as_float(magnitude) * scale);
    if (magnitude != 0 && magnitude < INFINITE)
        atomicAdd(bins + (bits < 0 ? ~bin : bin), 1u);
    return magnitude == 0;
}

extern "C" __global__ void __launch_bounds__(THREADS)
quantkit_count(const struct chunk *chunks, struct tally *tallies)
{
    __shared__ unsigned counts[2 * BINS], all_zeros;
    struct chunk mine = chunks[blockIdx.x];
    struct tally *tally = tallies + mine.tensor;
    int smallest = bits_of_power(tally->exponent);
    float scale = __int_as_float(bits_of_power(-tally->exponent));
    unsigned loads = mine.count / LANES, zeros = 0;
    for (int cell = threadIdx.x; cell < 2 * BINS; cell += THREADS)
        counts[cell] = 0;
    if (threadIdx.x == 0)
        all_zeros = 0;
    __syncthreads();
    for (unsigned i = threadIdx.x; i < loads; i += THREADS) {
        int4 values = ((const int4 *)mine.values)[i];
        zeros += count(values.x, smallest, scale, counts + BINS);
        zeros += count(values.y, smallest, scale, counts + BINS);
        zeros += count(values.z, smallest, scale, counts + BINS);
        zeros += count(values.w, smallest, scale, counts + BINS);
    }
    for (unsigned i = loads * LANES + threadIdx.x; i < mine.count; i += THREADS)
        zeros += count(mine.values[i], smallest, scale, counts + BINS);
    if (zeros)
        atomicAdd(&all_zeros, zeros);
    __syncthreads();
    for (int cell = threadIdx.x; cell < 2 * BINS; cell += THREADS)
        if (counts[cell])
            atomicAdd(tally->bins + cell, (unsigned long long)counts[cell]);
    if (threadIdx.x == 0 && all_zeros)
        atomicAdd(&tally->zeros, (unsigned long long)all_zeros);
}
