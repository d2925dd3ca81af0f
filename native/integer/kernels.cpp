#include "integer/kernels.hpp"

#include "base/x86.hpp"
#include "integer/winograd.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace j2kl {

namespace {

namespace portable {

// Valid sums fit into 32 bits. Unsigned sums cost nothing, and make overflow wrap
// around instead of being undefined.
void add_products(std::uint32_t *sums, const std::int16_t *weights, std::int32_t a, std::int32_t b)
{
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 1 // GCC vectorises the loop, but not sixteen unrolled lines
#endif
    for (std::size_t lane = 0; lane < group_channels; ++lane) {
        sums[lane] += static_cast<std::uint32_t>(a * weights[2 * lane]) +
                      static_cast<std::uint32_t>(b * weights[2 * lane + 1]);
    }
}

void row(const IntegerRow &row)
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
                add_products(sums, weights, input[row.offsets[t]], input[row.offsets[t] + 1]);
            }
            const std::size_t end = std::min(group_channels, row.channels - first);
            for (std::size_t lane = 0; lane < end; ++lane) {
                const auto channel = static_cast<std::ptrdiff_t>(first + lane);
                const std::int32_t residual = row.residual != nullptr ? row.residual[at + channel] : 0;
                const std::int32_t value =
                    (static_cast<std::int32_t>(sums[lane]) >> row.shift[channel]) + residual;
                row.output[at + channel] = static_cast<std::int16_t>(std::clamp(value, row.low, row.high));
            }
        }
    }
}

void four(const FourOutputsRow &row)
{
    const std::size_t filter_row = four_outputs_row(row.channels);
    for (std::size_t pixel = 0; pixel < row.pixels; ++pixel) {
        for (std::size_t output = 0; output < 4; ++output) {
            std::uint32_t sum = static_cast<std::uint32_t>(row.bias[output]);
            for (std::size_t r = 0; r < 3; ++r) {
                const std::int16_t *input = row.input[r] + pixel * row.channels;
                const std::int16_t *weights = row.weights + (3 * output + r) * filter_row;
                for (std::size_t i = 0; i < 3 * row.channels; ++i) {
                    sum += static_cast<std::uint32_t>(input[i] * weights[i]);
                }
            }
            const std::int32_t value = static_cast<std::int32_t>(sum) >> row.shift;
            row.output[4 * pixel + output] =
                static_cast<std::int16_t>(std::clamp<std::int32_t>(value, INT16_MIN, INT16_MAX));
        }
    }
}

} // namespace portable

#ifdef J2KL_X86

inline std::int32_t two_inputs(const std::int16_t *input)
{
    std::int32_t pair;
    std::memcpy(&pair, input, sizeof pair);
    return pair;
}

namespace avx2 {

#define J2KL_TARGET __attribute__((target("avx2")))

struct Group {
    __m256i first, second;
};

using Weights = Group;
using Pair = __m256i;

constexpr std::size_t most_groups = 1;

constexpr std::size_t pixels_at_once(std::size_t)
{
    return 6;
}

J2KL_TARGET J2KL_INLINE Group load_bias(const std::int32_t *bias)
{
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(bias)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(bias + 8))};
}

J2KL_TARGET J2KL_INLINE Weights load_weights(const std::int16_t *weights)
{
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights + 16))};
}

J2KL_TARGET J2KL_INLINE Pair load_pair(const std::int16_t *input)
{
    return _mm256_set1_epi32(two_inputs(input));
}

// With intrinsics, GCC 12 computes the products of all pixels before the first sum, and spills sums.
J2KL_TARGET J2KL_INLINE __m256i add_product(__m256i sums, __m256i weights, __m256i pair)
{
    __m256i product;
    __asm__("vpmaddwd %2, %3, %1\n\tvpaddd %1, %0, %0"
            : "+x"(sums), "=&x"(product)
            : "x"(weights), "x"(pair));
    return sums;
}

J2KL_TARGET J2KL_INLINE Group add_products(Group sums, Weights weights, Pair pair)
{
    return {add_product(sums.first, weights.first, pair), add_product(sums.second, weights.second, pair)};
}

J2KL_TARGET J2KL_INLINE __m256i clamped(__m256i sums, const std::int32_t *shift, const std::int16_t *residual,
                                        const IntegerRow &row)
{
    const __m128i more = _mm_loadu_si128(reinterpret_cast<const __m128i *>(residual));
    __m256i value = _mm256_srav_epi32(sums, _mm256_loadu_si256(reinterpret_cast<const __m256i *>(shift)));
    value = _mm256_add_epi32(value, _mm256_cvtepi16_epi32(more));
    value = _mm256_max_epi32(value, _mm256_set1_epi32(row.low));
    return _mm256_min_epi32(value, _mm256_set1_epi32(row.high));
}

J2KL_TARGET J2KL_INLINE void finish(Group sums, const IntegerRow &row, std::size_t group, std::ptrdiff_t at)
{
    const std::size_t first = group_channels * group;
    const std::size_t bytes = std::min(group_channels, row.channels - first) * sizeof(std::int16_t);
    const std::int32_t *shift = row.shift + first;
    std::int16_t residual[group_channels] = {}, output[group_channels];
    if (row.residual != nullptr) {
        std::memcpy(residual, row.residual + at, bytes);
    }
    const __m256i packed = _mm256_packs_epi32(clamped(sums.first, shift, residual, row),
                                              clamped(sums.second, shift + 8, residual + 8, row));
    // packs works within halves of 128 bits: swap the two inner quarters
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(output), _mm256_permute4x64_epi64(packed, 0xD8));
    std::memcpy(row.output + at, output, bytes);
}

J2KL_TARGET J2KL_INLINE Group load_sums(const std::int32_t *sums)
{
    return load_bias(sums);
}

J2KL_TARGET J2KL_INLINE void store_sums(std::int32_t *target, Group sums)
{
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(target), sums.first);
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(target + 8), sums.second);
}

J2KL_TARGET J2KL_INLINE Group no_sums()
{
    return {_mm256_setzero_si256(), _mm256_setzero_si256()};
}

J2KL_TARGET J2KL_INLINE Group add(Group a, Group b)
{
    return {_mm256_add_epi32(a.first, b.first), _mm256_add_epi32(a.second, b.second)};
}

J2KL_TARGET J2KL_INLINE Group subtract(Group a, Group b)
{
    return {_mm256_sub_epi32(a.first, b.first), _mm256_sub_epi32(a.second, b.second)};
}

J2KL_TARGET J2KL_INLINE __m256i sixteen_shifted(Group sums, __m128i shift)
{
    const __m256i packed =
        _mm256_packs_epi32(_mm256_sra_epi32(sums.first, shift), _mm256_sra_epi32(sums.second, shift));
    return _mm256_permute4x64_epi64(packed, 0xD8);
}

constexpr std::size_t winograd_groups(std::size_t)
{
    return 1;
}

constexpr std::size_t tiles_at_once = 6;

#include "integer/channels.inc"

using Channels = SixteenChannels;

#include "integer/eight_outputs.inc"
#include "integer/four_outputs.inc"
#include "integer/rows.inc"
#include "integer/winograd.inc"
#undef J2KL_TARGET

} // namespace avx2

namespace avx512 {

#define J2KL_TARGET __attribute__((target("avx512f,avx512bw,avx512vl")))
#include "integer/rows_avx512.inc"

J2KL_TARGET J2KL_INLINE Group add_products(Group sums, Weights weights, Pair pair)
{
    return _mm512_add_epi32(sums, _mm512_madd_epi16(weights, pair));
}

J2KL_TARGET J2KL_INLINE __m256i add_product(__m256i sums, __m256i weights, __m256i pair)
{
    return _mm256_add_epi32(sums, _mm256_madd_epi16(weights, pair));
}

#include "integer/channels.inc"

#include "integer/eight_outputs.inc"
#include "integer/four_outputs.inc"
#include "integer/four_outputs_avx512.inc"
#include "integer/rows.inc"
#include "integer/winograd.inc"
#undef J2KL_TARGET

} // namespace avx512

namespace vnni {

#define J2KL_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#include "integer/rows_avx512.inc"

J2KL_TARGET J2KL_INLINE Group add_products(Group sums, Weights weights, Pair pair)
{
    // With the intrinsic _mm512_dpwssd_epi32, GCC 12 copies every sum to another register and back.
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(pair));
    return sums;
}

J2KL_TARGET J2KL_INLINE __m256i add_product(__m256i sums, __m256i weights, __m256i pair)
{
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(pair));
    return sums;
}

#include "integer/channels.inc"

#include "integer/eight_outputs.inc"
#include "integer/four_outputs.inc"
#include "integer/four_outputs_avx512.inc"
#include "integer/rows.inc"
#include "integer/winograd.inc"
#undef J2KL_TARGET

} // namespace vnni

#endif // J2KL_X86

} // namespace

void convolve_row(const IntegerRow &row, Instructions instructions)
{
    switch (resolved(instructions)) {
#ifdef J2KL_X86
    case Instructions::avx2:
        avx2::row(row);
        return;
    case Instructions::avx512:
        avx512::row(row);
        return;
    case Instructions::avx512_vnni:
        vnni::row(row);
        return;
#endif
    default:
        portable::row(row);
    }
}

void convolve_four(const FourOutputsRow &row, Instructions instructions)
{
    switch (resolved(instructions)) {
#ifdef J2KL_X86
    case Instructions::avx2:
        avx2::four_by_two_pixels(row);
        return;
    case Instructions::avx512:
        avx512::four(row);
        return;
    case Instructions::avx512_vnni:
        vnni::four(row);
        return;
#endif
    default:
        portable::four(row);
    }
}

bool has_winograd(Instructions instructions)
{
    const Instructions set = resolved(instructions);
    return set != Instructions::portable;
}

void convolve_winograd(const WinogradRows &rows, Instructions instructions)
{
    switch (resolved(instructions)) {
#ifdef J2KL_X86
    case Instructions::avx2:
        avx2::winograd(rows);
        return;
    case Instructions::avx512:
        avx512::winograd(rows);
        return;
    case Instructions::avx512_vnni:
        vnni::winograd(rows);
        return;
#endif
    default:
        return;
    }
}

bool has_eight_outputs(Instructions instructions)
{
    const Instructions set = resolved(instructions);
    return set != Instructions::portable;
}

void convolve_eight(const EightOutputsRow &row, Instructions instructions)
{
    switch (resolved(instructions)) {
#ifdef J2KL_X86
    case Instructions::avx2:
        avx2::eight(row);
        return;
    case Instructions::avx512:
        avx512::eight(row);
        return;
    case Instructions::avx512_vnni:
        vnni::eight(row);
        return;
#endif
    default:
        return;
    }
}

} // namespace j2kl
