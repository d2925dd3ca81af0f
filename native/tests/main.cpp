#include "tests/check.hpp"

#include <cstdio>

void check::report(bool success, const char *expression, const char *file, int line,
                   const std::string &context)
{
    ++(success ? passed : failed);
    if (!success && failed <= 20) {
        std::printf("%s:%d: %s [%s]\n", file, line, expression, context.c_str());
    }
}

int main()
{
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
    fuzz_tests();
    std::printf("%d passed, %d failed\n", check::passed, check::failed);
    return check::failed == 0 ? 0 : 1;
}
