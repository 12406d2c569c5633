/* Just enough of CUDA C++ to run native/counting.cu on a processor: a thread for each CUDA thread of a block, the blocks
   one after another, shared variables static. */

#include <atomic>
#include <cstring>
#include <pthread.h>
#include <thread>
#include <vector>

#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(threads)

struct position { unsigned x; };
struct int4 { int x, y, z, w; };

static thread_local position threadIdx, blockIdx;
static pthread_barrier_t barrier;

static void __syncthreads() { pthread_barrier_wait(&barrier); }
static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }

static float __int_as_float(int bits)
{
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

template <typename T> static T atomicAdd(T *place, T more) { return __atomic_fetch_add(place, more, __ATOMIC_RELAXED); }

template <typename Choose> static void replace(int *place, Choose choose)
{
    int seen = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(place, &seen, choose(seen), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void atomicMin(int *place, int value) { replace(place, [=](int seen) { return min(seen, value); }); }
static void atomicMax(int *place, int value) { replace(place, [=](int seen) { return max(seen, value); }); }

template <typename Kernel> static void launch(unsigned blocks, unsigned threads, Kernel kernel)
{
    pthread_barrier_init(&barrier, nullptr, threads);
    std::vector<std::thread> running;
    for (unsigned thread = 0; thread < threads; thread++)
        running.emplace_back([=] {
            for (unsigned block = 0; block < blocks; block++) {
                threadIdx.x = thread;
                blockIdx.x = block;
                kernel();
                /* The next block may not touch shared variables that this one still reads. */
                __syncthreads();
            }
        });
    for (std::thread &thread : running)
        thread.join();
    pthread_barrier_destroy(&barrier);
}

#include COUNTING_CU

extern "C" void fold(const struct chunk *chunks, unsigned blocks, struct tally *tallies, unsigned tensors, unsigned *alarms)
{
    launch(blocks, THREADS, [=] { quantkit_scan(chunks, tallies, alarms); });
    launch(tensors, THREADS, [=] { quantkit_widen(tallies); });
    launch(blocks, THREADS, [=] { quantkit_count(chunks, tallies); });
}
