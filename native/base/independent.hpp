// J2KL_INDEPENDENT before a loop: its iterations do not depend on each other, which the compiler cannot know.
#pragma once

#if defined(__clang__)
#define J2KL_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define J2KL_INDEPENDENT _Pragma("GCC ivdep")
#else
#define J2KL_INDEPENDENT
#endif
