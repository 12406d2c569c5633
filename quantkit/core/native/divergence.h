/* Where to cut a histogram so that its 8-bit image diverges least from it. */

#ifndef QUANTKIT_DIVERGENCE_H
#define QUANTKIT_DIVERGENCE_H

/* The bins to keep of counts[0 … n−1], with the least divergence in *divergence (nats; infinite when no number of
   bins will do, and then n is returned). Needs `levels` ≥ 1; returns −1 when memory is short. */
int least_divergence(const double *counts, int n, int levels, double *divergence);

#endif
