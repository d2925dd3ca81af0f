// The fuzz targets, without a fuzzer: every target reads the seeds, and damaged copies of them. A target stops the process
// if a result is wrong.
#include "fuzz/targets.hpp"
#include "tests/check.hpp"

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

void fuzz_tests()
{
    checksums();
    std::vector<Data> files;
    if (std::filesystem::is_directory(J2KL_SEEDS)) {
        files = seeds();
        CHECK(files.size() > 20, std::to_string(files.size()));
    }
    check::Random random(41);
    for (const j2kl::fuzz::Target &target : j2kl::fuzz::targets) {
        CHECK(j2kl::fuzz::target(target.name) == &target, target.name);
        for (const Data &file : files) {
            Data data = file;
            data.insert(data.end(), 8, std::uint8_t{0}); // options
            target.run(data.data(), data.size());
            for (int i = 0; i < 3; ++i) {
                data[static_cast<std::size_t>(random.integer(0, static_cast<std::int32_t>(data.size()) - 1))] =
                    static_cast<std::uint8_t>(random.next());
            }
            if (target.checksums) {
                j2kl::fuzz::correct_checksums(data.data(), data.size());
            }
            target.run(data.data(), data.size());
        }
    }
    CHECK(j2kl::fuzz::target("") == nullptr, "no target");
}
