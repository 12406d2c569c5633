#include "divergence.h"

#include <math.h>
#include <stdlib.h>

/* KL(P‖Q) for i kept bins, in nats, times T. P is the first i of the counts h with everything beyond, the tail t, added
   to the last; Q spreads the mass M_g of each level g, without the tail, evenly over its N_g occupied bins. Bin k is
   of level ⌊k·levels/i⌋; T is the total and K the mass of the first i bins:

       T·KL = T·log(K/T) + (h_last + t)·log(h_last + t) − h_last·log h_last − t·log(M_last/N_last) + Σ_g E_g,
       E_g = Σ_{k in g} h_k·log h_k − M_g·log(M_g/N_g) ≥ 0                                        (log-sum inequality)

   so that a candidate may be dropped as soon as its partial sum exceeds the best. E_g takes three prefix sums. */

/* Divergences nearer to each other than this, in nats, are equal up to rounding, and the smallest number of bins wins. */
static const double TIE = 1e-12;

/* Trying every so many candidates first finds a good one early, and the others are dropped sooner. */
enum { STRIDE = 32 };

struct sums {
    double mass;  /* Σ h */
    double terms; /* Σ h·log h */
    int occupied; /* number of h > 0 */
};

static double term(double mass) { return mass > 0 ? mass * log(mass) : 0; }

/* T times the divergence for `kept` bins; infinite if it is more than `bound`. */
static double divergence_of(const struct sums *below, int kept, int n, int levels, double bound)
{
    double total = below[n].mass, tail = total - below[kept].mass;
    double last = below[kept].mass - below[kept - 1].mass;
    if (tail > 0 && last == 0)
        return INFINITY;
    int from = (int)(((long long)kept * (levels - 1) + levels - 1) / levels);
    double sum = total * log(below[kept].mass / total);
    if (tail > 0) {
        double mean = (below[kept].mass - below[from].mass) / (below[kept].occupied - below[from].occupied);
        sum += term(last + tail) - term(last) - tail * log(mean);
    }
    int whole = kept / levels, part = kept % levels, due = 0;
    for (int level = 0, start = 0; level < levels; level++) {
        int end = start + whole;
        due -= part;
        if (due < 0) {
            due += levels;
            end++;
        }
        double mass = below[end].mass - below[start].mass;
        if (mass > 0) {
            int occupied = below[end].occupied - below[start].occupied;
            sum += below[end].terms - below[start].terms - mass * log(mass / occupied);
            if (sum > bound)
                return INFINITY;
        }
        start = end;
    }
    return sum;
}

static struct sums *sums_below(const double *counts, int n)
{
    struct sums *below = calloc((size_t)n + 1, sizeof *below);
    for (int k = 0; below && k < n; k++) {
        below[k + 1].mass = below[k].mass + counts[k];
        below[k + 1].terms = below[k].terms + term(counts[k]);
        below[k + 1].occupied = below[k].occupied + (counts[k] > 0);
    }
    return below;
}

int least_divergence(const double *counts, int n, int levels, double *divergence)
{
    *divergence = INFINITY;
    struct sums *below = sums_below(counts, n);
    double *found = malloc(((size_t)n + 1) * sizeof *found);
    int chosen = below && found ? n : -1;
    if (chosen == n && below[n].mass > 0) {
        double total = below[n].mass, best = INFINITY;
        for (int kept = n; kept >= levels; kept -= STRIDE)
            best = fmin(best, divergence_of(below, kept, n, levels, best));
        for (int kept = levels; kept <= n; kept++) {
            found[kept] = divergence_of(below, kept, n, levels, best + TIE * total);
            best = fmin(best, found[kept]);
        }
        for (int kept = n; kept >= levels; kept--)
            if (found[kept] <= best + TIE * total)
                chosen = kept;
        *divergence = fmax(best / total, 0); /* rounding may leave less than nothing */
    }
    free(below);
    free(found);
    return chosen;
}
