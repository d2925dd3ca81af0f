// One level of analysis and synthesis, for many sizes, parities, strides and numbers of threads.
#include "base/geometry.hpp"
#include "j2kl.h"
#include "tests/check.hpp"
#include "wavelet/linear53.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

using j2kl::Band;
using j2kl::Rect;

template <class T> struct Level {
    std::vector<T> ll, hl, lh, hh;
};

template <class T> Level<T> make_level(const Rect &area)
{
    const auto size = [&](Band band) { return static_cast<std::size_t>(area.subband(band, 1).size()); };
    return {std::vector<T>(size(Band::LL)), std::vector<T>(size(Band::HL)), std::vector<T>(size(Band::LH)),
            std::vector<T>(size(Band::HH))};
}

int analyse(const std::vector<float> &plane, std::size_t stride, const Rect &a, Level<float> &l,
            unsigned threads)
{
    return j2kl_analyse_97(plane.data(), stride, a.width(), a.height(), a.x0, a.y0, l.ll.data(), l.hl.data(),
                           l.lh.data(), l.hh.data(), threads);
}

int analyse(const std::vector<std::int32_t> &plane, std::size_t stride, const Rect &a, Level<std::int32_t> &l,
            unsigned threads)
{
    return j2kl_analyse_53(plane.data(), stride, a.width(), a.height(), a.x0, a.y0, l.ll.data(), l.hl.data(),
                           l.lh.data(), l.hh.data(), threads);
}

int synthesise(const Level<float> &l, const Rect &a, std::vector<float> &plane, std::size_t stride,
               unsigned threads)
{
    return j2kl_synthesise_97(l.ll.data(), l.hl.data(), l.lh.data(), l.hh.data(), a.width(), a.height(), a.x0,
                              a.y0, plane.data(), stride, threads);
}

int synthesise(const Level<std::int32_t> &l, const Rect &a, std::vector<std::int32_t> &plane,
               std::size_t stride, unsigned threads)
{
    return j2kl_synthesise_53(l.ll.data(), l.hl.data(), l.lh.data(), l.hh.data(), a.width(), a.height(), a.x0,
                              a.y0, plane.data(), stride, threads);
}

bool close(float a, float b)
{
    return std::fabs(a - b) < 1e-3F;
}

bool close(std::int32_t a, std::int32_t b)
{
    return a == b;
}

void fill(std::vector<float> &plane, check::Random &random)
{
    for (float &value : plane) {
        value = random.real(255);
    }
}

void fill(std::vector<std::int32_t> &plane, check::Random &random)
{
    for (std::int32_t &value : plane) {
        value = random.integer(-100000, 100000);
    }
}

template <class T> void round_trip(const Rect &area, std::size_t gap, check::Random &random)
{
    const std::string context = std::to_string(area.width()) + "x" + std::to_string(area.height()) + " at " +
                                std::to_string(area.x0) + "," + std::to_string(area.y0);
    const std::size_t stride = area.width() + gap;
    std::vector<T> plane(stride * area.height()), back(plane.size(), T{77});
    fill(plane, random);
    Level<T> level = make_level<T>(area), threaded = level;
    CHECK(analyse(plane, stride, area, level, 1) == J2KL_OK, context);
    CHECK(analyse(plane, stride, area, threaded, 3) == J2KL_OK, context);
    CHECK(level.ll == threaded.ll && level.hl == threaded.hl && level.lh == threaded.lh &&
              level.hh == threaded.hh,
          context);
    for (const unsigned threads : {1U, 4U}) {
        CHECK(synthesise(level, area, back, stride, threads) == J2KL_OK, context);
        bool same = true, gap_untouched = true;
        for (std::size_t i = 0; i < plane.size(); ++i) {
            if (i % stride < area.width()) {
                same = same && close(plane[i], back[i]);
            } else {
                gap_untouched = gap_untouched && close(back[i], T{77});
            }
        }
        CHECK(same, context);
        CHECK(gap_untouched, context);
    }
}

// The non-separable 5/3 comes back for all integers, and does not depend on the number of threads.
void non_separable53(const Rect &area, check::Random &random)
{
    std::vector<std::int32_t> plane(static_cast<std::size_t>(area.size())), back(plane.size());
    const bool single = area.width() == 1 || area.height() == 1; // may be doubled
    for (std::int32_t &value : plane) {
        value = single ? random.integer(-(1 << 28), 1 << 28) : static_cast<std::int32_t>(random.next() << 1 | random.next() % 2);
    }
    Level<std::int32_t> first = make_level<std::int32_t>(area), level = first;
    const auto analysed = [&](Level<std::int32_t> &to, unsigned threads) {
        return j2kl_analyse_non_separable_53(plane.data(), area.width(), area.width(), area.height(), area.x0, area.y0,
                                             to.ll.data(), to.hl.data(), to.lh.data(), to.hh.data(), threads);
    };
    CHECK(analysed(first, 1) == J2KL_OK && analysed(level, 3) == J2KL_OK, "non-separable");
    CHECK(first.ll == level.ll && first.hl == level.hl && first.lh == level.lh && first.hh == level.hh, "threads");
    CHECK(j2kl_synthesise_non_separable_53(level.ll.data(), level.hl.data(), level.lh.data(), level.hh.data(),
                                           area.width(), area.height(), area.x0, area.y0, back.data(), area.width(),
                                           2) == J2KL_OK,
          "non-separable");
    CHECK(back == plane, std::to_string(area.width()) + "x" + std::to_string(area.height()));
}

// A constant has only low-pass coefficients, with gain 1 (T.800's normalisation).
void constant()
{
    const Rect area = {3, 2, 40, 33};
    std::vector<float> plane(static_cast<std::size_t>(area.size()), 100.0F);
    Level<float> level = make_level<float>(area);
    CHECK(analyse(plane, area.width(), area, level, 1) == J2KL_OK, "constant");
    bool good = true;
    for (const float value : level.ll) {
        good = good && close(value, 100.0F);
    }
    for (const std::vector<float> *band : {&level.hl, &level.lh, &level.hh}) {
        for (const float value : *band) {
            good = good && close(value, 0.0F);
        }
    }
    CHECK(good, "constant");
}

std::vector<float> random_plane(const Rect &area, check::Random &random)
{
    std::vector<float> plane(static_cast<std::size_t>(area.size()));
    std::generate(plane.begin(), plane.end(), [&] { return static_cast<float>(random.integer(-512, 511)); });
    return plane;
}

// The 5/3 comes back at every parity and size. Small whole numbers are exact in single precision.
void linear53_comes_back(check::Random &random)
{
    for (std::uint32_t corner = 0; corner < 4; ++corner) {
        for (const std::uint32_t size : {1U, 2U, 3U, 8U, 300U}) {
            const std::uint32_t x0 = corner % 2, y0 = corner / 2;
            const Rect area = {x0, y0, x0 + size, y0 + size / 2 + 1};
            const std::vector<float> plane = random_plane(area, random);
            std::vector<float> first[4];
            for (const std::size_t threads : {1, 3}) {
                std::vector<float> bands[4];
                j2kl::Plane<float> written[4];
                j2kl::Plane<const float> read[4];
                for (std::size_t i = 0; i < 4; ++i) {
                    const Rect band = area.subband(static_cast<Band>(i), 1);
                    bands[i].resize(static_cast<std::size_t>(band.size()) + 1);
                    written[i] = {bands[i].data(), band.width()};
                    read[i] = {bands[i].data(), band.width()};
                }
                j2kl::analyse_linear53({plane.data(), area.width()}, area,
                                          {written[0], written[1], written[2], written[3]}, threads);
                std::vector<float> back(plane.size());
                j2kl::synthesise_linear53({read[0], read[1], read[2], read[3]}, area, {back.data(), area.width()}, 1);
                CHECK(back == plane, std::to_string(size));
                for (std::size_t i = 0; i < 4; ++i) {
                    CHECK(threads == 1 || bands[i] == first[i], "threads");
                    first[i] = bands[i];
                }
            }
        }
    }
}

// Synthesis by the 5/3 returns an constant plane from its low-pass samples alone, at every parity and size.
void linear53_of_a_constant()
{
    for (std::uint32_t y0 = 0; y0 < 2; ++y0) {
        for (std::uint32_t x0 = 0; x0 < 2; ++x0) {
            for (const std::uint32_t size : {1U, 2U, 3U, 8U, 300U}) {
                const j2kl::Rect area = {x0, y0, x0 + size, y0 + size / 2 + 1};
                const auto band = [&](j2kl::Band name) { return area.subband(name, 1); };
                std::vector<float> planes[4];
                for (std::size_t i = 0; i < 4; ++i) {
                    planes[i].assign(static_cast<std::size_t>(band(static_cast<j2kl::Band>(i)).size()) + 1,
                                     i == 0 ? 7.0F : 0.0F);
                }
                const auto plane = [&](std::size_t i) {
                    return j2kl::Plane<const float>{planes[i].data(),
                                                    band(static_cast<j2kl::Band>(i)).width()};
                };
                std::vector<float> out(static_cast<std::size_t>(area.size()));
                j2kl::synthesise_linear53({plane(0), plane(1), plane(2), plane(3)}, area,
                                    {out.data(), area.width()}, 2);
                const bool lone = (area.height() == 1 && y0 == 1) || (area.width() == 1 && x0 == 1);
                CHECK(std::all_of(out.begin(), out.end(),
                                  [&](float value) { return value == (lone ? 0.0F : 7.0F); }),
                      std::to_string(size));
            }
        }
    }
}

} // namespace

void wavelet_tests()
{
    check::Random random(1);
    for (const std::uint32_t height : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 17U, 131U, 260U}) {
        for (const std::uint32_t width : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 9U, 16U, 33U, 70U}) {
            for (const std::uint32_t origin : {0U, 1U, 2U, 3U}) {
                const std::uint32_t x0 = (origin & 1) + 6, y0 = (origin >> 1) + (origin == 2 ? 0 : 4);
                const Rect area = {x0, y0, x0 + width, y0 + height};
                round_trip<float>(area, origin, random);
                round_trip<std::int32_t>(area, origin, random);
                non_separable53(area, random);
            }
        }
    }
    constant();
    linear53_comes_back(random);
    linear53_of_a_constant();
    float value = 1;
    CHECK(j2kl_analyse_97(&value, 1, 2, 1, 0, 0, &value, &value, &value, &value, 1) == J2KL_ERROR_ARGUMENT,
          "stride");
    CHECK(j2kl_analyse_97(nullptr, 1, 1, 1, 0, 0, &value, &value, &value, &value, 1) == J2KL_ERROR_ARGUMENT,
          "null");
    CHECK(j2kl_analyse_97(&value, 2, 2, 1, UINT32_MAX, 0, &value, &value, &value, &value, 1) ==
              J2KL_ERROR_ARGUMENT,
          "overflow");
    CHECK(j2kl_analyse_97(nullptr, 0, 0, 0, 0, 0, nullptr, nullptr, nullptr, nullptr, 1) == J2KL_OK, "empty");
}
