// A minimal test framework: counts the checks, and prints where a check fails.
#pragma once

#include <cstdint>
#include <string>

namespace check {

inline int passed = 0, failed = 0;

void report(bool success, const char *expression, const char *file, int line, const std::string &context);

// A generator of the same numbers on every machine.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 2 + 1) {}
    std::uint32_t next()
    {
        state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<std::uint32_t>(state_ >> 33);
    }
    // low .. high, both inclusive
    std::int32_t integer(std::int32_t low, std::int32_t high)
    {
        return low + static_cast<std::int32_t>(next() % static_cast<std::uint32_t>(high - low + 1));
    }
    float real(float magnitude) { return (static_cast<float>(next()) / 1073741824.0F - 1) * magnitude; }

private:
    std::uint64_t state_;
};

} // namespace check

#define CHECK(expression, context) check::report((expression), #expression, __FILE__, __LINE__, (context))

void wavelet_tests();
void transport_tests();
void half_steps_tests();
void block_reader_tests();
void reading_tests();
void codestream_tests();
void truncation_tests();
void integer_tests();
void lifting_tests();
void training_tests();
void dequantisation_tests();
void decoder_tests();
void encoder_tests();
void fuzz_tests();
