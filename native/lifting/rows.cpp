#include "lifting/rows.hpp"

#include "base/x86.hpp"
#include "integer/winograd.hpp"
#include "lifting/arithmetic.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace j2kl::lifting {

#ifdef J2KL_X86

namespace {

inline std::int32_t two_weights(const std::int16_t *weights)
{
    std::int32_t pair;
    std::memcpy(&pair, weights, sizeof pair);
    return pair;
}

namespace avx2 {

#define J2KL_TARGET __attribute__((target("avx2")))

using Vector = __m256i;
constexpr std::size_t lanes = 8, most_outputs = 4, most_vectors = 3, most_tiles = 3, held = 2;

J2KL_TARGET J2KL_INLINE Vector load(const void *place)
{
    return _mm256_loadu_si256(static_cast<const __m256i *>(place));
}

J2KL_TARGET J2KL_INLINE void store(void *place, Vector value)
{
    _mm256_storeu_si256(static_cast<__m256i *>(place), value);
}

J2KL_TARGET J2KL_INLINE Vector all(std::int32_t value)
{
    return _mm256_set1_epi32(value);
}

J2KL_TARGET J2KL_INLINE Vector load_pair(const std::int16_t *pair)
{
    return _mm256_set1_epi32(two_weights(pair));
}

J2KL_TARGET J2KL_INLINE Vector add32(Vector a, Vector b)
{
    return _mm256_add_epi32(a, b);
}

J2KL_TARGET J2KL_INLINE Vector sub32(Vector a, Vector b)
{
    return _mm256_sub_epi32(a, b);
}

J2KL_TARGET J2KL_INLINE Vector add16(Vector a, Vector b)
{
    return _mm256_add_epi16(a, b);
}

J2KL_TARGET J2KL_INLINE Vector sub16(Vector a, Vector b)
{
    return _mm256_sub_epi16(a, b);
}

J2KL_TARGET J2KL_INLINE Vector min32(Vector a, Vector b)
{
    return _mm256_min_epi32(a, b);
}

J2KL_TARGET J2KL_INLINE Vector max32(Vector a, Vector b)
{
    return _mm256_max_epi32(a, b);
}

J2KL_TARGET J2KL_INLINE Vector saturated_add16(Vector a, Vector b)
{
    return _mm256_adds_epi16(a, b);
}

J2KL_TARGET J2KL_INLINE Vector clamped16(Vector value)
{
    return _mm256_min_epi16(_mm256_max_epi16(value, _mm256_setzero_si256()),
                            _mm256_set1_epi16(most_activation));
}

J2KL_TARGET J2KL_INLINE Vector shifted(Vector value, __m128i shift)
{
    return _mm256_sra_epi32(value, shift);
}

J2KL_TARGET J2KL_INLINE Vector interleaved(Vector a, Vector b)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    return _mm256_shuffle_epi8(_mm256_packs_epi32(a, b), order);
}

J2KL_TARGET J2KL_INLINE Vector low_halves(Vector a, Vector b)
{
    return _mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xAA);
}

J2KL_TARGET J2KL_INLINE Vector high_halves(Vector a, Vector b)
{
    return _mm256_blend_epi16(_mm256_srli_epi32(a, 16), b, 0xAA);
}

J2KL_TARGET J2KL_INLINE Vector reciprocals(Vector sums)
{
    // A quotient that is no integer is at least 2^-21 below the next one, much more than it is rounded by.
    const __m256d one = _mm256_set1_pd(1 << 30);
    const __m128i low = _mm256_castsi256_si128(sums), high = _mm256_extracti128_si256(sums, 1);
    const __m128i first = _mm256_cvttpd_epi32(_mm256_div_pd(one, _mm256_cvtepi32_pd(low))),
                  second = _mm256_cvttpd_epi32(_mm256_div_pd(one, _mm256_cvtepi32_pd(high)));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
}

J2KL_TARGET J2KL_INLINE Vector opacities(Vector likelihoods, Vector factors)
{
    return _mm256_srli_epi32(_mm256_add_epi32(_mm256_mullo_epi32(likelihoods, factors), all(1 << 15)), 16);
}

J2KL_TARGET J2KL_INLINE __m256i whole_numbers(const float *samples, float scale)
{
    const __m256 most = _mm256_set1_ps(most_input), least = _mm256_set1_ps(-most_input);
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(samples), _mm256_set1_ps(scale));
    const __m256 limited = _mm256_max_ps(_mm256_min_ps(scaled, most), least);
    const __m256 ordered = _mm256_and_ps(limited, _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q));
    return _mm256_cvtps_epi32(_mm256_round_ps(ordered, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

J2KL_TARGET void quantise(const float *samples, std::size_t count, float scale, std::int16_t *out)
{
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const __m256i packed =
            _mm256_packs_epi32(whole_numbers(samples + i, scale), whole_numbers(samples + i + 8, scale));
        store(out + i, _mm256_permute4x64_epi64(packed, 0xD8)); // packs works within halves of 128 bits
    }
    for (; i < count; ++i) {
        out[i] = static_cast<std::int16_t>(quantised(samples[i], scale));
    }
}

J2KL_TARGET J2KL_INLINE Vector multiplied(Vector a, Vector b)
{
    return _mm256_madd_epi16(a, b);
}

// In assembly, as GCC 12 reorders the intrinsics until sums no longer fit the registers.
J2KL_TARGET J2KL_INLINE void multiply_add(Vector &sums, Vector a, Vector b)
{
    Vector products;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sums), "=&x"(products) : "x"(a), "x"(b));
}

J2KL_TARGET J2KL_INLINE void multiply_add(Vector &sums, Vector a, const std::int16_t *b)
{
    Vector products;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sums), "=&x"(products)
            : "x"(a), "m"(*reinterpret_cast<const __m256i_u *>(b)));
}

#include "lifting/rows.inc"
#undef J2KL_TARGET

} // namespace avx2

namespace avx512 {

#define J2KL_TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#include "lifting/rows_avx512.inc"

J2KL_TARGET J2KL_INLINE void multiply_add(Vector &sums, Vector a, Vector b)
{
    Vector products;
    __asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+v"(sums), "=&v"(products) : "v"(a), "v"(b));
}

#include "lifting/rows.inc"
#undef J2KL_TARGET

} // namespace avx512

namespace vnni {

#define J2KL_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#include "lifting/rows_avx512.inc"

J2KL_TARGET J2KL_INLINE void multiply_add(Vector &sums, Vector a, Vector b)
{
    // With the intrinsic _mm512_dpwssd_epi32, GCC 12 copies every sum to another register and back.
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
}

#include "lifting/rows.inc"
#undef J2KL_TARGET

} // namespace vnni

constexpr std::size_t largest_vector = 64, largest_chunk = 3, largest_block = 8;

} // namespace

std::size_t winograd_scratch(std::size_t maps)
{
    return winograd::positions * largest_chunk * largest_vector * (maps + largest_block);
}

const RowKernels *row_kernels(Instructions instructions)
{
    switch (resolved(instructions)) {
    case Instructions::avx2:
        return &avx2::kernels;
    case Instructions::avx512:
        return &avx512::kernels;
    case Instructions::avx512_vnni:
        return &vnni::kernels;
    default:
        return nullptr;
    }
}

#else

std::size_t winograd_scratch(std::size_t)
{
    return 0;
}

const RowKernels *row_kernels(Instructions)
{
    return nullptr;
}

#endif // J2KL_X86

} // namespace j2kl::lifting
