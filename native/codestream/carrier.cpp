#include "codestream/carrier.hpp"

#include "base/failure.hpp"
#include "codestream/markers.hpp"

#include <optional>

namespace j2kl {

NewHeader carrier_header(const Bytes &codestream)
{
    constexpr std::size_t csiz = 34, siz_fixed = 36, marker_and_length = 4; // in SIZ (A.5.1)
    std::optional<std::size_t> first;
    std::size_t count = 0;
    const std::optional<std::size_t> end = for_segments(
        codestream, 2, marker::sot, [&](std::uint32_t name, std::size_t at, const Bytes &content) {
            if (name == marker::siz && content.size >= siz_fixed) {
                count = content.u16(csiz);
                first = at + marker_and_length + siz_fixed;
                return content.size == siz_fixed + 3 * count;
            }
            return true;
        });
    if (!end || !first) {
        throw Failure(J2KL_ERROR_OPENJPEG, "the main header of the codestream is damaged");
    }
    NewHeader result;
    result.bytes.assign(codestream.data, codestream.data + *end);
    result.end = *end;
    for (std::size_t i = 0; i < count; ++i) {
        result.bytes[*first + 3 * i] = carrier_ssiz;
    }
    return result;
}

} // namespace j2kl
