#include "base/instructions.hpp"

#include "base/x86.hpp"

#include <array>
#include <cstdlib>
#include <cstring>

namespace j2kl {

namespace {

constexpr std::array<const char *, 5> names = {"best", "portable", "avx2", "avx512", "avx512_vnni"};

// The fastest set that the environment allows.
Instructions limit()
{
    static const Instructions found = [] {
        const char *value = std::getenv("J2KLEARN_CPU");
        for (std::size_t set = 1; value != nullptr && set < names.size(); ++set) {
            if (std::strcmp(value, names[set]) == 0) {
                return static_cast<Instructions>(set);
            }
        }
        return Instructions::avx512_vnni;
    }();
    return found;
}

bool supported(Instructions instructions)
{
    switch (instructions) {
    case Instructions::portable:
        return true;
#ifdef J2KL_X86
    case Instructions::avx2:
        return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    case Instructions::avx512:
        return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
               __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
    case Instructions::avx512_vnni:
        return supported(Instructions::avx512) && __builtin_cpu_supports("avx512vnni") != 0;
#endif
    default:
        return false;
    }
}

} // namespace

bool available(Instructions instructions)
{
    return instructions == Instructions::best || (instructions <= limit() && supported(instructions));
}

Instructions best_instructions()
{
    static const Instructions best = [] {
        for (const Instructions set : {Instructions::avx512_vnni, Instructions::avx512, Instructions::avx2}) {
            if (available(set)) {
                return set;
            }
        }
        return Instructions::portable;
    }();
    return best;
}

} // namespace j2kl
