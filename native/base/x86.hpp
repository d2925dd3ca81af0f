// Vector instructions of x86-64. They are selected per function, not per file: the library runs on any x86-64 and
// queries the processor. J2KL_X86 is defined where they are available.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define J2KL_X86
#define J2KL_INLINE __attribute__((always_inline)) inline
#define J2KL_NOINLINE __attribute__((noinline))
// GCC's header initialises undefined vectors with themselves, for which GCC 12 warns.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif
#endif
