// The fuzz targets, without a fuzzer: every target reads the seeds, and damaged copies of them. A target stops the process
// if a result is wrong.
#include "fuzz/targets.hpp"
#include "tests/check.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

using Data = std::vector<std::uint8_t>;

std::vector<Data> seeds()
{
    std::vector<Data> result;
    for (const auto &entry : std::filesystem::recursive_directory_iterator(J2KL_SEEDS)) {
        if (entry.is_regular_file()) {
            std::ifstream stream(entry.path(), std::ios::binary);
            result.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
        }
    }
    return result;
}

std::size_t place(check::Random &random, std::size_t size)
{
    return static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(size) - 1));
}

// Changes bytes of a seed, most often near its start, where headers are; then cuts off its end, or copies a part of it.
Data damaged(const Data &seed, check::Random &random)
{
    constexpr std::array<std::uint32_t, 8> numbers = {0, 1, 255, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff};
    Data data = seed;
    for (std::int32_t i = random.integer(1, 4); i > 0; --i) {
        const std::size_t head = random.integer(0, 2) > 0 ? std::min<std::size_t>(data.size(), 256) : data.size();
        const std::size_t at = place(random, head);
        if (random.integer(0, 3) > 0) {
            data[at] = static_cast<std::uint8_t>(random.next());
            continue;
        }
        const std::uint32_t number = numbers[place(random, numbers.size())];
        for (std::size_t byte = 0; byte < 4 && at + byte < data.size(); ++byte) {
            data[at + byte] = static_cast<std::uint8_t>(number >> (24 - 8 * byte));
        }
    }
    switch (random.integer(0, 9)) {
    case 0:
        data.resize(place(random, data.size()) + 1);
        break;
    case 1: {
        const std::size_t from = place(random, data.size()), to = place(random, data.size());
        const std::size_t length = std::min<std::size_t>(40, data.size() - std::max(from, to));
        std::copy_n(Data(data).begin() + static_cast<std::ptrdiff_t>(from), length,
                    data.begin() + static_cast<std::ptrdiff_t>(to));
        break;
    }
    default:
        break;
    }
    return data;
}

void checksums()
{
    // a COM marker segment with the CRC-32 of "J2KL123"
    Data comment = {0xff, 0x64, 0, 15, 0, 0, 'J', '2', 'K', 'L', '1', '2', '3', 1, 2, 3, 4};
    j2kl::fuzz::correct_checksums(comment.data(), comment.size());
    const Data once = comment;
    CHECK(once[13] != 1 || once[14] != 2, "corrected");
    comment[16] ^= 1;
    j2kl::fuzz::correct_checksums(comment.data(), comment.size());
    CHECK(comment == once, "the same again");
}

} // namespace

// J2KL_FUZZ_ROUNDS: damaged copies of each seed, one if it is not set.
void fuzz_tests()
{
    checksums();
    const char *wanted = std::getenv("J2KL_FUZZ_ROUNDS");
    const int rounds = wanted != nullptr ? std::atoi(wanted) : 1;
    std::vector<Data> files;
    if (std::filesystem::is_directory(J2KL_SEEDS)) {
        files = seeds();
        CHECK(files.size() > 20, std::to_string(files.size()));
    }
    check::Random random(41);
    for (const j2kl::fuzz::Target &target : j2kl::fuzz::targets) {
        CHECK(j2kl::fuzz::target(target.name) == &target, target.name);
        for (const Data &file : files) {
            Data seed = file;
            seed.insert(seed.end(), 8, std::uint8_t{0}); // options
            target.run(seed.data(), seed.size());
            for (int round = 0; round < rounds; ++round) {
                Data data = damaged(seed, random);
                if (target.checksums) {
                    j2kl::fuzz::correct_checksums(data.data(), data.size());
                }
                target.run(data.data(), data.size());
            }
        }
    }
    CHECK(j2kl::fuzz::target("") == nullptr, "no target");
}
