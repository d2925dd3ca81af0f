#include "tests/check.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

void check::report(bool success, const char *expression, const char *file, int line,
                   const std::string &context)
{
    ++(success ? passed : failed);
    if (!success && failed <= 20) {
        std::printf("%s:%d: %s [%s]\n", file, line, expression, context.c_str());
    }
}

// j2kl_tests            all tests
// j2kl_tests fuzz N     the fuzz targets alone, with N damaged copies of every seed
int main(int count, char **arguments)
{
    if (count == 3 && std::strcmp(arguments[1], "fuzz") == 0) {
        fuzz_tests(std::atoi(arguments[2]));
        std::printf("%d passed, %d failed\n", check::passed, check::failed);
        return check::failed == 0 ? 0 : 1;
    }
    wavelet_tests();
    transport_tests();
    half_steps_tests();
    block_reader_tests();
    reading_tests();
    codestream_tests();
    integer_tests();
    lifting_tests();
    dequantisation_tests();
    decoder_tests();
    fuzz_tests(1);
    std::printf("%d passed, %d failed\n", check::passed, check::failed);
    return check::failed == 0 ? 0 : 1;
}
