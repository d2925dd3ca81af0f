#include "training/convolution_kernels.hpp"

#include "base/x86.hpp"

#include <algorithm>
#include <cstring>

namespace j2kl::training {

namespace {

// Every namespace defines the vectors that convolution_kernels.inc uses, which begin with J2KL_VECTOR_INLINE. Of those in
// `load_part` and `store_part` only the first `count` elements exist. `rectify` keeps what is not a number.
namespace portable {

#define J2KL_TARGET
#define J2KL_VECTOR_INLINE inline

struct Vector {
    float elements[4];
};

constexpr std::size_t lanes = 4;

inline Vector broadcast(float value) { return {{value, value, value, value}}; }

inline Vector load(const float *place)
{
    Vector vector;
    std::memcpy(vector.elements, place, sizeof(vector.elements));
    return vector;
}

inline Vector load_part(const float *place, std::size_t count)
{
    Vector vector = broadcast(0);
    std::memcpy(vector.elements, place, count * sizeof(float));
    return vector;
}

inline void store(float *place, const Vector &vector) { std::memcpy(place, vector.elements, sizeof(vector.elements)); }

inline void store_part(float *place, const Vector &vector, std::size_t count)
{
    std::memcpy(place, vector.elements, count * sizeof(float));
}

inline Vector multiply_add(const Vector &a, const Vector &b, Vector sum)
{
    for (std::size_t i = 0; i < lanes; ++i) {
        sum.elements[i] += a.elements[i] * b.elements[i];
    }
    return sum;
}

inline Vector rectify(Vector vector)
{
    for (float &element : vector.elements) {
        element = std::max(element, 0.0F);
    }
    return vector;
}

constexpr std::size_t vectors_of(std::size_t outputs) { return outputs < 4 ? 2 : 1; }

#include "training/convolution_kernels.inc"
#undef J2KL_TARGET
#undef J2KL_VECTOR_INLINE

} // namespace portable

#ifdef J2KL_X86
namespace avx2 {

#define J2KL_TARGET __attribute__((target("avx2,fma")))
#define J2KL_VECTOR_INLINE J2KL_TARGET J2KL_INLINE

using Vector = __m256;
constexpr std::size_t lanes = 8;

J2KL_VECTOR_INLINE __m256i mask(std::size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

J2KL_VECTOR_INLINE Vector broadcast(float value) { return _mm256_set1_ps(value); }
J2KL_VECTOR_INLINE Vector load(const float *place) { return _mm256_loadu_ps(place); }
J2KL_VECTOR_INLINE Vector load_part(const float *place, std::size_t count)
{
    return _mm256_maskload_ps(place, mask(count));
}
J2KL_VECTOR_INLINE void store(float *place, Vector vector) { _mm256_storeu_ps(place, vector); }
J2KL_VECTOR_INLINE void store_part(float *place, Vector vector, std::size_t count)
{
    _mm256_maskstore_ps(place, mask(count), vector);
}
J2KL_VECTOR_INLINE Vector multiply_add(Vector a, Vector b, Vector sum) { return _mm256_fmadd_ps(a, b, sum); }
J2KL_VECTOR_INLINE Vector rectify(Vector vector) { return _mm256_max_ps(_mm256_setzero_ps(), vector); }

// Of the 16 registers, 8 to 12 hold sums: that many are needed to hide the latency of a multiply-add.
constexpr std::size_t vectors_of(std::size_t outputs)
{
    return outputs == 1 ? 8 : outputs == 2 ? 5 : outputs <= 4 ? 3 : 2;
}

#include "training/convolution_kernels.inc"
#undef J2KL_TARGET
#undef J2KL_VECTOR_INLINE

} // namespace avx2

namespace avx512 {

#define J2KL_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define J2KL_VECTOR_INLINE J2KL_TARGET J2KL_INLINE

using Vector = __m512;
constexpr std::size_t lanes = 16;

J2KL_VECTOR_INLINE __mmask16 mask(std::size_t count) { return static_cast<__mmask16>((1U << count) - 1U); }

J2KL_VECTOR_INLINE Vector broadcast(float value) { return _mm512_set1_ps(value); }
J2KL_VECTOR_INLINE Vector load(const float *place) { return _mm512_loadu_ps(place); }
J2KL_VECTOR_INLINE Vector load_part(const float *place, std::size_t count)
{
    return _mm512_maskz_loadu_ps(mask(count), place);
}
J2KL_VECTOR_INLINE void store(float *place, Vector vector) { _mm512_storeu_ps(place, vector); }
J2KL_VECTOR_INLINE void store_part(float *place, Vector vector, std::size_t count)
{
    _mm512_mask_storeu_ps(place, mask(count), vector);
}
J2KL_VECTOR_INLINE Vector multiply_add(Vector a, Vector b, Vector sum) { return _mm512_fmadd_ps(a, b, sum); }
J2KL_VECTOR_INLINE Vector rectify(Vector vector) { return _mm512_max_ps(_mm512_setzero_ps(), vector); }

// Of the 32 registers, 8 to 18 hold sums.
constexpr std::size_t vectors_of(std::size_t outputs)
{
    return outputs == 1 ? 8 : outputs == 2 ? 5 : 3;
}

#include "training/convolution_kernels.inc"
#undef J2KL_TARGET
#undef J2KL_VECTOR_INLINE

} // namespace avx512
#else
namespace avx2 = portable;
namespace avx512 = portable;
#endif

} // namespace

const Kernels &kernels_for(Instructions instructions)
{
    return variant_for(instructions, portable::kernels, avx2::kernels, avx512::kernels);
}

} // namespace j2kl::training
