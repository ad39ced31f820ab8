/* What all kernels are written with: C that CUDA compiles for a device and a C compiler for the host.
   A thread works alone: kernels have no barriers, shuffles or atomics, so that they run in any order. */

typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define UNROLL _Pragma("unroll")
DEVICE u32 bits_of(float x) { return __float_as_uint(x); }
DEVICE float from_bits(u32 bits) { return __uint_as_float(bits); }
#else
#include <math.h>
#define KERNEL static void
#define DEVICE static inline
#define UNROLL
static __thread struct { u32 x; } blockIdx, blockDim, threadIdx;
DEVICE u32 bits_of(float x) { union { float x; u32 bits; } both; both.x = x; return both.bits; }
DEVICE float from_bits(u32 bits) { union { float x; u32 bits; } both; both.bits = bits; return both.x; }
#endif

/* The number of this thread among all of a launch. */
#define THREAD ((u64)blockIdx.x * blockDim.x + threadIdx.x)
