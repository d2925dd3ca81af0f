// Runs all groups of tests, or those that the command line names, or all others: j2kl_tests [[--without] GROUP...]
#include "tests/check.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <vector>

namespace {

struct Group {
    std::string_view name;
    void (*run)();
};

const Group groups[] = {
    {"wavelet", wavelet_tests},
    {"transport", transport_tests},
    {"half_steps", half_steps_tests},
    {"block_reader", block_reader_tests},
    {"reading", reading_tests},
    {"codestream", codestream_tests},
    {"truncation", truncation_tests},
    {"integer", integer_tests},
    {"lifting", lifting_tests},
    {"training", training_tests},
    {"dequantisation", dequantisation_tests},
    {"decoder", decoder_tests},
    {"encoder", encoder_tests},
    {"fuzz", fuzz_tests},
};

} // namespace

void check::report(bool success, const char *expression, const char *file, int line,
                   const std::string &context)
{
    ++(success ? passed : failed);
    if (!success && failed <= 20) {
        std::printf("%s:%d: %s [%s]\n", file, line, expression, context.c_str());
    }
}

int main(int count, char **words)
{
    const bool without = count > 1 && words[1] == std::string_view("--without");
    const std::vector<std::string_view> names(words + (without ? 2 : 1), words + count);
    for (const std::string_view name : names) {
        const auto has_it = [&](const Group &group) { return group.name == name; };
        if (std::none_of(std::begin(groups), std::end(groups), has_it)) {
            std::printf("there is no group of tests named %s\n", name.data());
            return 2;
        }
    }
    for (const Group &group : groups) {
        const bool named = std::find(names.begin(), names.end(), group.name) != names.end();
        if (names.empty() || named != without) {
            group.run();
        }
    }
    std::printf("%d passed, %d failed\n", check::passed, check::failed);
    return check::failed == 0 ? 0 : 1;
}
