#include "integer_kernels.hpp"

#include <algorithm>
#include <cstring>

// Functions carry the instruction set, not the file: the library runs on any x86-64 and asks the processor.
#if defined(__x86_64__) && defined(__GNUC__)
#define J2KL_X86
// GCC's header makes vectors of undefined contents out of themselves, and GCC 12 warns of it.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif
#define J2KL_AVX2 __attribute__((target("avx2")))
#define J2KL_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define J2KL_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#define J2KL_UNROLL _Pragma("GCC unroll 16")
#endif

namespace j2kl {

namespace {

// Sums are proven to fit; that wild input wraps around, and is not undefined, costs nothing.
inline std::uint32_t product(std::int16_t a, std::int16_t b)
{
    return static_cast<std::uint32_t>(std::int32_t{a} * std::int32_t{b});
}

inline std::int16_t finished(std::uint32_t sum, std::int32_t shift, std::int32_t residual, const IntegerRow &row)
{
    const std::int32_t value = (static_cast<std::int32_t>(sum) >> shift) + residual;
    return static_cast<std::int16_t>(std::min(std::max(value, row.low), row.high));
}

void portable_row(const IntegerRow &row)
{
    for (std::size_t pixel = 0; pixel < row.pixels; ++pixel) {
        const std::int16_t *input = row.input + static_cast<std::ptrdiff_t>(pixel) * row.input_stride;
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(pixel) * row.output_stride;
        for (std::size_t first = 0; first < row.channels; first += group_channels) {
            std::uint32_t sums[group_channels];
            for (std::size_t lane = 0; lane < group_channels; ++lane) {
                sums[lane] = static_cast<std::uint32_t>(row.bias[first + lane]);
            }
            const std::int16_t *weights = row.weights + 2 * first;
            for (std::size_t t = 0; t < row.pairs; ++t, weights += 2 * group_channels * row.groups) {
                const std::int16_t a = input[row.offsets[t]], b = input[row.offsets[t] + 1];
                for (std::size_t lane = 0; lane < group_channels; ++lane) {
                    sums[lane] += product(a, weights[2 * lane]) + product(b, weights[2 * lane + 1]);
                }
            }
            const std::size_t end = std::min(group_channels, row.channels - first);
            for (std::size_t lane = 0; lane < end; ++lane) {
                const auto channel = static_cast<std::ptrdiff_t>(first + lane);
                const std::int32_t residual = row.residual != nullptr ? row.residual[at + channel] : 0;
                row.output[at + channel] = finished(sums[lane], row.shift[channel], residual, row);
            }
        }
    }
}

#ifdef J2KL_X86

inline std::int32_t pair_at(const std::int16_t *input)
{
    std::int32_t pair;
    std::memcpy(&pair, input, sizeof pair);
    return pair;
}

// The kernels take `Pixels` pixels at once, so that a weight that was read serves all of them; what is left of a row
// goes to kernels of half as many.

template <int Pixels> J2KL_AVX2 void avx2_pixels(const IntegerRow &row, std::size_t group, std::size_t pixel)
{
    const std::ptrdiff_t stride = row.input_stride;
    const std::int16_t *input = row.input + static_cast<std::ptrdiff_t>(pixel) * stride;
    const std::int32_t *bias = row.bias + group * group_channels;
    __m256i sums[Pixels][2];
    J2KL_UNROLL
    for (int p = 0; p < Pixels; ++p) {
        sums[p][0] = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(bias));
        sums[p][1] = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(bias + 8));
    }
    const std::int16_t *weights = row.weights + 2 * group * group_channels;
    const std::size_t step = 2 * group_channels * row.groups;
    for (std::size_t t = 0; t < row.pairs; ++t, weights += step) {
        const std::int16_t *at = input + row.offsets[t];
        const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights));
        const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights + 16));
        J2KL_UNROLL
        for (int p = 0; p < Pixels; ++p) {
            const __m256i pair = _mm256_set1_epi32(pair_at(at + p * stride));
            sums[p][0] = _mm256_add_epi32(sums[p][0], _mm256_madd_epi16(first, pair));
            sums[p][1] = _mm256_add_epi32(sums[p][1], _mm256_madd_epi16(second, pair));
        }
    }
    const std::size_t first_channel = group * group_channels;
    const std::size_t channels = std::min(group_channels, row.channels - first_channel);
    for (int p = 0; p < Pixels; ++p) {
        const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(pixel) + p) * row.output_stride +
                                  static_cast<std::ptrdiff_t>(first_channel);
        alignas(32) std::int16_t residual[group_channels] = {}, output[group_channels];
        if (row.residual != nullptr) {
            std::memcpy(residual, row.residual + at, channels * sizeof *residual);
        }
        __m256i halves[2];
        for (int half = 0; half < 2; ++half) {
            const std::int32_t *shift = row.shift + first_channel + 8 * half;
            const __m128i more = _mm_load_si128(reinterpret_cast<const __m128i *>(residual) + half);
            __m256i value = _mm256_srav_epi32(sums[p][half],
                                              _mm256_loadu_si256(reinterpret_cast<const __m256i *>(shift)));
            value = _mm256_add_epi32(value, _mm256_cvtepi16_epi32(more));
            value = _mm256_max_epi32(value, _mm256_set1_epi32(row.low));
            halves[half] = _mm256_min_epi32(value, _mm256_set1_epi32(row.high));
        }
        // packs works in halves of 128 bits, whose inner quarters change places
        const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi32(halves[0], halves[1]), 0xD8);
        _mm256_store_si256(reinterpret_cast<__m256i *>(output), packed);
        std::memcpy(row.output + at, output, channels * sizeof *output);
    }
}

template <int Pixels> J2KL_AVX2 void avx2_row(const IntegerRow &row, std::size_t group, std::size_t pixel)
{
    for (; pixel + Pixels <= row.pixels; pixel += Pixels) {
        avx2_pixels<Pixels>(row, group, pixel);
    }
    if constexpr (Pixels > 1) {
        avx2_row<Pixels / 2>(row, group, pixel);
    }
}

// The two versions for 512 bits differ in one instruction, which functions of their instruction sets wrap.
struct Avx512 {
    J2KL_AVX512 static inline __m512i add_products(__m512i sums, __m512i a, __m512i b)
    {
        return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
    }
};

struct Vnni {
    J2KL_VNNI static inline __m512i add_products(__m512i sums, __m512i a, __m512i b)
    {
        return _mm512_dpwssd_epi32(sums, a, b);
    }
};

#define J2KL_AVX512_KERNELS(NAME, TARGET, SET)                                                               \
    template <int Groups, int Pixels> TARGET void NAME##_pixels(const IntegerRow &row, std::size_t pixel)     \
    {                                                                                                        \
        const std::ptrdiff_t stride = row.input_stride;                                                      \
        const std::int16_t *input = row.input + static_cast<std::ptrdiff_t>(pixel) * stride;                 \
        __m512i sums[Pixels][Groups];                                                                        \
        J2KL_UNROLL                                                                                          \
        for (int p = 0; p < Pixels; ++p) {                                                                   \
            J2KL_UNROLL                                                                                      \
            for (int g = 0; g < Groups; ++g) {                                                               \
                sums[p][g] = _mm512_loadu_si512(row.bias + 16 * g);                                          \
            }                                                                                                \
        }                                                                                                    \
        const std::int16_t *weights = row.weights;                                                           \
        for (std::size_t t = 0; t < row.pairs; ++t, weights += 32 * Groups) {                                \
            const std::int16_t *at = input + row.offsets[t];                                                 \
            __m512i factors[Groups];                                                                         \
            J2KL_UNROLL                                                                                      \
            for (int g = 0; g < Groups; ++g) {                                                               \
                factors[g] = _mm512_loadu_si512(weights + 32 * g);                                           \
            }                                                                                                \
            J2KL_UNROLL                                                                                      \
            for (int p = 0; p < Pixels; ++p) {                                                               \
                const __m512i pair = _mm512_set1_epi32(pair_at(at + p * stride));                            \
                J2KL_UNROLL                                                                                  \
                for (int g = 0; g < Groups; ++g) {                                                           \
                    sums[p][g] = SET::add_products(sums[p][g], factors[g], pair);                            \
                }                                                                                            \
            }                                                                                                \
        }                                                                                                    \
        J2KL_UNROLL                                                                                          \
        for (int p = 0; p < Pixels; ++p) {                                                                   \
            const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(pixel) + p) * row.output_stride;          \
            J2KL_UNROLL                                                                                      \
            for (int g = 0; g < Groups; ++g) {                                                               \
                const std::size_t left = row.channels - 16 * static_cast<std::size_t>(g);                    \
                const auto mask = static_cast<__mmask16>(left >= 16 ? 0xFFFFU : (1U << left) - 1U);          \
                __m512i value = _mm512_srav_epi32(sums[p][g], _mm512_loadu_si512(row.shift + 16 * g));       \
                if (row.residual != nullptr) {                                                               \
                    const __m256i more = _mm256_maskz_loadu_epi16(mask, row.residual + at + 16 * g);         \
                    value = _mm512_add_epi32(value, _mm512_cvtepi16_epi32(more));                            \
                }                                                                                            \
                value = _mm512_max_epi32(value, _mm512_set1_epi32(row.low));                                 \
                value = _mm512_min_epi32(value, _mm512_set1_epi32(row.high));                                \
                _mm256_mask_storeu_epi16(row.output + at + 16 * g, mask, _mm512_cvtepi32_epi16(value));      \
            }                                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    template <int Groups, int Pixels> TARGET void NAME##_from(const IntegerRow &row, std::size_t pixel)       \
    {                                                                                                        \
        for (; pixel + Pixels <= row.pixels; pixel += Pixels) {                                              \
            NAME##_pixels<Groups, Pixels>(row, pixel);                                                       \
        }                                                                                                    \
        if constexpr (Pixels > 1) {                                                                          \
            NAME##_from<Groups, Pixels / 2>(row, pixel);                                                     \
        }                                                                                                    \
    }                                                                                                        \
    TARGET void NAME##_row(const IntegerRow &row)                                                            \
    {                                                                                                        \
        switch (row.groups) { /* 24 sums, or as many as hide an instruction's latency */                     \
        case 1:                                                                                              \
            NAME##_from<1, 12>(row, 0);                                                                      \
            break;                                                                                           \
        case 2:                                                                                              \
            NAME##_from<2, 12>(row, 0);                                                                      \
            break;                                                                                           \
        case 3:                                                                                              \
            NAME##_from<3, 8>(row, 0);                                                                       \
            break;                                                                                           \
        default:                                                                                             \
            NAME##_from<4, 6>(row, 0);                                                                       \
            break;                                                                                           \
        }                                                                                                    \
    }

J2KL_AVX512_KERNELS(avx512, J2KL_AVX512, Avx512)
J2KL_AVX512_KERNELS(vnni, J2KL_VNNI, Vnni)

#endif // J2KL_X86

} // namespace

bool available(Instructions instructions)
{
    switch (instructions) {
    case Instructions::best:
    case Instructions::portable:
        return true;
#ifdef J2KL_X86
    case Instructions::avx2:
        return __builtin_cpu_supports("avx2") != 0;
    case Instructions::avx512:
        return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512vl") != 0;
    case Instructions::avx512_vnni:
        return available(Instructions::avx512) && __builtin_cpu_supports("avx512vnni") != 0;
#endif
    default:
        return false;
    }
}

Instructions best_instructions()
{
    static const Instructions best = [] {
        for (const Instructions set :
             {Instructions::avx512_vnni, Instructions::avx512, Instructions::avx2}) {
            if (available(set)) {
                return set;
            }
        }
        return Instructions::portable;
    }();
    return best;
}

void convolve_row(const IntegerRow &row, Instructions instructions)
{
    switch (instructions == Instructions::best ? best_instructions() : instructions) {
#ifdef J2KL_X86
    case Instructions::avx2:
        for (std::size_t group = 0; group < row.groups; ++group) {
            avx2_row<6>(row, group, 0);
        }
        return;
    case Instructions::avx512:
        avx512_row(row);
        return;
    case Instructions::avx512_vnni:
        vnni_row(row);
        return;
#endif
    default:
        portable_row(row);
    }
}

} // namespace j2kl
