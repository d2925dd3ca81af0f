// Convolutions and blended proposals for training, and their gradients: against plain loops in double, with every
// instruction set and several numbers of threads.
#include "j2kl.h"
#include "tests/check.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace {

std::vector<float> numbers(check::Random &random, std::size_t count)
{
    std::vector<float> values(count);
    for (float &value : values) {
        value = random.real(1);
    }
    return values;
}

// Whether sums of terms of about one, which may nearly cancel each other, agree.
bool close(const std::vector<float> &found, const std::vector<double> &wanted)
{
    double scale = 10;
    for (const double value : wanted) {
        scale = std::fmax(scale, std::fabs(value));
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!(std::fabs(static_cast<double>(found[i]) - wanted[i]) <= 1e-5 * scale)) {
            return false;
        }
    }
    return found.size() == wanted.size();
}

struct Arrays {
    std::vector<float> planes, kernels, bias, gradient;
};

struct Wanted {
    std::vector<double> result, planes, kernels, bias;
};

std::size_t result_height(const j2kl_convolution &c)
{
    return c.height - c.rows + 1;
}

std::size_t result_width(const j2kl_convolution &c)
{
    return c.width - c.columns + 1;
}

// Calls body(place in the result, place in the planes, place in the kernels) for every product.
template <class Body> void for_products(const j2kl_convolution &c, const Body &body)
{
    std::size_t at = 0;
    for (std::size_t n = 0; n < c.count; ++n) {
        for (std::size_t o = 0; o < c.outputs; ++o) {
            for (std::size_t y = 0; y < result_height(c); ++y) {
                for (std::size_t x = 0; x < result_width(c); ++x, ++at) {
                    for (std::size_t i = 0; i < c.inputs; ++i) {
                        for (std::size_t row = 0; row < c.rows; ++row) {
                            for (std::size_t column = 0; column < c.columns; ++column) {
                                body(at, ((n * c.inputs + i) * c.height + y + row) * c.width + x + column,
                                     ((o * c.inputs + i) * c.rows + row) * c.columns + column);
                            }
                        }
                    }
                }
            }
        }
    }
}

Wanted plain(const j2kl_convolution &c, const Arrays &a, bool rectified)
{
    const std::size_t area = result_height(c) * result_width(c);
    Wanted wanted = {std::vector<double>(a.gradient.size()), std::vector<double>(a.planes.size()),
                     std::vector<double>(a.kernels.size()), std::vector<double>(a.bias.size())};
    for (std::size_t at = 0; at < wanted.result.size(); ++at) {
        wanted.result[at] = static_cast<double>(a.bias[at / area % c.outputs]);
    }
    for_products(c, [&](std::size_t at, std::size_t plane, std::size_t kernel) {
        wanted.result[at] += static_cast<double>(a.planes[plane]) * static_cast<double>(a.kernels[kernel]);
    });
    std::vector<double> gradient(a.gradient.begin(), a.gradient.end());
    for (std::size_t at = 0; at < gradient.size(); ++at) {
        if (rectified && wanted.result[at] <= 0) {
            wanted.result[at] = gradient[at] = 0;
        }
        wanted.bias[at / area % c.outputs] += gradient[at];
    }
    for_products(c, [&](std::size_t at, std::size_t plane, std::size_t kernel) {
        wanted.planes[plane] += gradient[at] * static_cast<double>(a.kernels[kernel]);
        wanted.kernels[kernel] += gradient[at] * static_cast<double>(a.planes[plane]);
    });
    return wanted;
}

void test_convolution(const j2kl_convolution &c, check::Random &random)
{
    const std::size_t results = std::size_t(c.count) * c.outputs * result_height(c) * result_width(c);
    const Arrays a = {numbers(random, std::size_t(c.count) * c.inputs * c.height * c.width),
                      numbers(random, std::size_t(c.outputs) * c.inputs * c.rows * c.columns),
                      numbers(random, c.outputs), numbers(random, results)};
    for (const bool rectified : {false, true}) {
        const Wanted wanted = plain(c, a, rectified);
        for (std::uint32_t set = 0; set <= 4; ++set) {
            if (!j2kl_instructions_available(set)) {
                continue;
            }
            const std::string context = "kernels of " + std::to_string(c.rows) + " x " + std::to_string(c.columns) +
                                        ", " + std::to_string(c.inputs) + " to " + std::to_string(c.outputs) +
                                        ", width " + std::to_string(c.width) + ", set " + std::to_string(set);
            std::vector<float> first;
            for (const std::uint32_t threads : {1U, 2U, 5U}) {
                std::vector<float> result(results), planes(a.planes.size()), kernels(a.kernels.size()),
                    bias(c.outputs);
                CHECK(j2kl_convolve(&c, a.planes.data(), a.kernels.data(), a.bias.data(), rectified, result.data(), set,
                                    threads) == J2KL_OK,
                      context);
                CHECK(j2kl_convolution_gradients(&c, a.planes.data(), a.kernels.data(),
                                                 rectified ? result.data() : nullptr, a.gradient.data(), planes.data(),
                                                 kernels.data(), bias.data(), set, threads) == J2KL_OK,
                      context);
                CHECK(close(result, wanted.result), context);
                CHECK(close(planes, wanted.planes), context);
                CHECK(close(kernels, wanted.kernels), context);
                CHECK(close(bias, wanted.bias), context);
                std::vector<float> all = result;
                for (const std::vector<float> &more : {planes, kernels, bias}) {
                    all.insert(all.end(), more.begin(), more.end());
                }
                CHECK(first.empty() || first == all, context); // the number of threads changes nothing
                first = all;
            }
        }
    }
}

void test_convolutions()
{
    check::Random random(7);
    // count, inputs, outputs, height, width, rows, columns
    const j2kl_convolution fixed[] = {{1, 1, 1, 1, 1, 1, 1},   {3, 1, 1, 9, 70, 1, 1},  {2, 3, 1, 12, 9, 5, 5},
                                      {1, 2, 1, 15, 75, 7, 3}, {2, 9, 27, 6, 31, 3, 1}, {1, 1, 5, 24, 29, 21, 21},
                                      {1, 17, 3, 5, 50, 3, 3}, {2, 5, 13, 7, 100, 3, 3}};
    for (const j2kl_convolution &convolution : fixed) {
        test_convolution(convolution, random);
    }
    for (int i = 0; i < 40; ++i) {
        const auto small = [&](int high) { return static_cast<std::uint32_t>(random.integer(1, high)); };
        j2kl_convolution convolution = {small(3), small(7), small(14), 0, 0, small(6), small(6)};
        convolution.height = convolution.rows + small(5) - 1;
        convolution.width = convolution.columns + small(60) - 1;
        test_convolution(convolution, random);
    }
}

void test_blending(const j2kl_blending &b, check::Random &random)
{
    std::vector<float> likelihoods = numbers(random, b.count * b.proposals * b.size);
    for (float &likelihood : likelihoods) {
        likelihood = std::fmax(likelihood, 0.0F);
    }
    const std::vector<float> proposals = numbers(random, likelihoods.size() * b.outputs);
    const std::vector<float> gradient = numbers(random, b.count * b.outputs * b.size);
    std::vector<double> wanted(gradient.size()), of_likelihoods(likelihoods.size()), of_proposals(proposals.size());
    for (std::size_t n = 0; n < b.count; ++n) {
        for (std::size_t i = 0; i < b.size; ++i) {
            const auto likelihood_at = [&](std::size_t p) { return (n * b.proposals + p) * b.size + i; };
            const auto weight = [&](std::size_t p) {
                return static_cast<double>(likelihoods[likelihood_at(p)]) + static_cast<double>(b.offset);
            };
            double total = 0;
            for (std::size_t p = 0; p < b.proposals; ++p) {
                total += weight(p);
            }
            for (std::size_t o = 0; o < b.outputs; ++o) {
                const std::size_t at = (n * b.outputs + o) * b.size + i;
                const auto proposal_at = [&](std::size_t p) {
                    return ((n * b.outputs + o) * b.proposals + p) * b.size + i;
                };
                for (std::size_t p = 0; p < b.proposals; ++p) {
                    wanted[at] += weight(p) / total * static_cast<double>(proposals[proposal_at(p)]);
                }
                for (std::size_t p = 0; p < b.proposals; ++p) {
                    const double share = static_cast<double>(gradient[at]) / total;
                    of_proposals[proposal_at(p)] = share * weight(p);
                    of_likelihoods[likelihood_at(p)] +=
                        share * (static_cast<double>(proposals[proposal_at(p)]) - wanted[at]);
                }
            }
        }
    }
    for (std::uint32_t set = 0; set <= 4; ++set) {
        for (const std::uint32_t threads : {1U, 3U}) {
            if (!j2kl_instructions_available(set)) {
                continue;
            }
            const std::string context = std::to_string(b.proposals) + " proposals, set " + std::to_string(set);
            std::vector<float> result(wanted.size()), a(likelihoods.size()), c(proposals.size());
            CHECK(j2kl_blend(&b, likelihoods.data(), proposals.data(), result.data(), set, threads) == J2KL_OK,
                  context);
            CHECK(j2kl_blend_gradients(&b, likelihoods.data(), proposals.data(), result.data(), gradient.data(),
                                       a.data(), c.data(), set, threads) == J2KL_OK,
                  context);
            CHECK(close(result, wanted), context);
            CHECK(close(a, of_likelihoods), context);
            CHECK(close(c, of_proposals), context);
        }
    }
}

void test_wrong_arguments()
{
    std::vector<float> values(64);
    const auto convolve = [&](const j2kl_convolution *convolution, std::uint32_t set, float *result) {
        return j2kl_convolve(convolution, values.data(), values.data(), nullptr, 0, result, set, 1);
    };
    const j2kl_convolution good = {1, 1, 1, 4, 4, 3, 3};
    CHECK(convolve(&good, 0, values.data()) == J2KL_OK, "");
    CHECK(convolve(nullptr, 0, values.data()) == J2KL_ERROR_ARGUMENT, "");
    CHECK(convolve(&good, 0, nullptr) == J2KL_ERROR_ARGUMENT, "");
    CHECK(convolve(&good, 9, values.data()) == J2KL_ERROR_ARGUMENT, "");
    const std::uint32_t most = 0xFFFFFFFF;
    const j2kl_convolution wrong[] = {{0, 1, 1, 4, 4, 3, 3}, {1, 0, 1, 4, 4, 3, 3}, {1, 1, 0, 4, 4, 3, 3},
                                      {1, 1, 1, 2, 4, 3, 3}, {1, 1, 1, 4, 2, 3, 3}, {1, 1, 1, 4, 4, 0, 3},
                                      {most, most, most, most, most, 3, 3}};
    for (const j2kl_convolution &convolution : wrong) {
        CHECK(convolve(&convolution, 0, values.data()) == J2KL_ERROR_ARGUMENT, std::to_string(convolution.height));
    }
    const auto blend = [&](const j2kl_blending *blending) {
        std::vector<float> result(64);
        return j2kl_blend(blending, values.data(), values.data(), result.data(), 0, 1);
    };
    const j2kl_blending fine = {1, 1, 2, 16, 0.5F}, no_offset = {1, 1, 2, 16, 0}, no_proposals = {1, 1, 0, 16, 1};
    CHECK(blend(&fine) == J2KL_OK, "");
    CHECK(blend(nullptr) == J2KL_ERROR_ARGUMENT, "");
    CHECK(blend(&no_offset) == J2KL_ERROR_ARGUMENT, "");
    CHECK(blend(&no_proposals) == J2KL_ERROR_ARGUMENT, "");
}

} // namespace

void training_tests()
{
    test_convolutions();
    check::Random random(11);
    for (const j2kl_blending &blending : {j2kl_blending{1, 1, 1, 1, 0.01F}, j2kl_blending{3, 3, 9, 300, 0.01F},
                                          j2kl_blending{2, 1, 16, 513, 0.5F}, j2kl_blending{1, 4, 5, 256, 1}}) {
        test_blending(blending, random);
    }
    test_wrong_arguments();
}
