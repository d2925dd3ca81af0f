#include "decoder/integer_model.hpp"

#include "base/failure.hpp"
#include "decoder/tables.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string>

namespace j2kl::picture {

namespace {

// Samples that one level of base wavelet synthesis reads beyond an area.
constexpr std::uint32_t reach_of_base = 4;

constexpr std::size_t gains = 10;

// Versions of model files.
constexpr std::int64_t integer_version = 2, reversible_version = 3;

constexpr std::size_t tensors_of_operator = 4, tensors_of_dequantiser = 6;

void need(bool condition, const std::string &text)
{
    if (!condition) {
        throw Failure(J2KL_ERROR_MODEL, text);
    }
}

bool has_exactly(const Json &table, std::initializer_list<std::string_view> names)
{
    return table.is(Json::Kind::object) && table.members.size() == names.size() &&
           std::all_of(names.begin(), names.end(),
                       [&](std::string_view name) { return table.member(name) != nullptr; });
}

bool is_text(const Json *value, std::string_view text)
{
    return value != nullptr && value->is(Json::Kind::string) && value->text == text;
}

std::int32_t number(const Json &value, const char *name, std::int32_t low, std::int32_t high)
{
    need(value.is(Json::Kind::integer) && value.integer >= low && value.integer <= high,
         std::string("the integer model's ") + name + " must be an integer from " + std::to_string(low) +
             " to " + std::to_string(high));
    return static_cast<std::int32_t>(value.integer);
}

// The shifts of a list, which fills the start of `shifts`.
void list_of_shifts(const Json &list, std::size_t count, std::int32_t largest, std::int32_t (&shifts)[8])
{
    need(list.is(Json::Kind::array) && list.items.size() == count && count <= 8,
         "an integer model needs one shift for every convolution");
    for (std::size_t i = 0; i < count; ++i) {
        shifts[i] = number(list.items[i], "shifts", 0, largest);
    }
}

template <class T>
std::vector<T> values_of(const ModelFile &file, const std::string &name, Tensor::Type type, std::size_t axes,
                         std::vector<std::size_t> &shape)
{
    const Tensor *tensor = file.tensor(name);
    need(tensor != nullptr && tensor->type == type && tensor->shape.size() == axes,
         "the model's weights do not match its configuration");
    shape = tensor->shape;
    const Bytes bytes = file.bytes_of(*tensor);
    std::vector<T> values(bytes.size / sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint32_t bits = 0; // little-endian
        for (std::size_t byte = sizeof(T); byte-- > 0;) {
            bits = bits << 8 | bytes.data[i * sizeof(T) + byte];
        }
        const auto narrow = static_cast<std::make_unsigned_t<T>>(bits);
        std::memcpy(&values[i], &narrow, sizeof(T));
    }
    return values;
}

std::vector<std::int16_t> weights_of(const ModelFile &file, const std::string &name, std::size_t axes,
                                     std::vector<std::size_t> &shape)
{
    std::vector<std::int16_t> values = values_of<std::int16_t>(file, name, Tensor::Type::i16, axes, shape);
    need(std::find(values.begin(), values.end(), INT16_MIN) == values.end(),
         name + " hold a weight below -32767");
    return values;
}

// A failure of the native network is one of the model file.
template <class Body> auto of_model(const Body &body)
{
    try {
        return body();
    } catch (const Failure &failure) {
        throw Failure(J2KL_ERROR_MODEL, failure.what());
    }
}

std::unique_ptr<const lifting::Operator> operator_of(const ModelFile &file, const std::string &step,
                                                     std::size_t inputs, std::size_t outputs,
                                                     std::uint32_t &radius)
{
    const Json &table = *file.config().member(step);
    need(has_exactly(table, {"input_bits", "first_shift", "last_shift", "proposal_shift", "offset",
                             "output_bits", "block_shifts"}),
         "the numbers of the model's " + step + " are incomplete");
    std::vector<std::size_t> first_shape, blocks_shape, last_shape, proposals_shape;
    const auto first = weights_of(file, step + ".first", 4, first_shape);
    const auto blocks = weights_of(file, step + ".blocks", 5, blocks_shape);
    const auto last = weights_of(file, step + ".last", 4, last_shape);
    const auto proposals = weights_of(file, step + ".proposals", 4, proposals_shape);
    using Shape = std::vector<std::size_t>;
    const std::size_t width = first_shape[0], kernel = first_shape[3], count = last_shape[0],
                      side = proposals_shape[3];
    need(first_shape == Shape{width, inputs, kernel, kernel} &&
             blocks_shape == Shape{blocks_shape[0], width, width, 3, 3} && blocks_shape[0] % 2 == 0 &&
             last_shape == Shape{count, width, last_shape[3], last_shape[3]} &&
             proposals_shape == Shape{outputs * count, inputs, side, side},
         "the shapes of the weights of " + step + " do not fit each other");
    need(width <= 64 && count <= 32 && blocks_shape[0] <= 8 && kernel <= 7 && last_shape[3] <= 7 &&
             side <= 25,
         "the weights of " + step + " are more than an operator has");
    j2kl_operator_shape shape{};
    shape.inputs = static_cast<std::uint32_t>(inputs);
    shape.outputs = static_cast<std::uint32_t>(outputs);
    shape.proposals = static_cast<std::uint32_t>(count);
    shape.width = static_cast<std::uint32_t>(width);
    shape.blocks = static_cast<std::uint32_t>(blocks_shape[0] / 2);
    shape.first_kernel = static_cast<std::uint32_t>(kernel);
    shape.last_kernel = static_cast<std::uint32_t>(last_shape[3]);
    shape.proposal_kernel = static_cast<std::uint32_t>(side);
    const auto value = [&](const char *name, std::int32_t low, std::int32_t high) {
        return number(*table.member(name), name, low, high);
    };
    j2kl_operator_numbers numbers{};
    numbers.input_bits = value("input_bits", 0, 15);
    numbers.output_bits = value("output_bits", 0, 15);
    numbers.first_shift = value("first_shift", 0, 30);
    numbers.last_shift = value("last_shift", 0, 30);
    numbers.proposal_shift = value("proposal_shift", 0, 30);
    numbers.offset = value("offset", 1, 32767);
    list_of_shifts(*table.member("block_shifts"), blocks_shape[0], 30, numbers.block_shifts);
    radius = static_cast<std::uint32_t>(std::max(kernel / 2 + blocks_shape[0] + last_shape[3] / 2, side / 2));
    return of_model([&] {
        return std::make_unique<const lifting::Operator>(shape, first.data(), blocks.data(), last.data(),
                                                         proposals.data(), numbers);
    });
}

// The side of a position: 2, or 4 if the table names it.
std::size_t side_of(const Json &table)
{
    const Json *const side = table.member("side");
    need(side == nullptr || (side->is(Json::Kind::integer) && side->integer == 4),
         "the side of the positions of the integer model's dequantiser is not 4");
    return side == nullptr ? 2 : 4;
}

// A network that reads some components and corrects the last ones of them. Names of tensors begin with
// `prefix`.
std::unique_ptr<const dequantisation::Dequantiser> network_of(const ModelFile &file, const Json &table,
                                                              const std::string &prefix, std::uint32_t reads,
                                                              std::uint32_t writes)
{
    std::vector<std::size_t> first_shape, body_shape, last_shape, bias_shape;
    using Shape = std::vector<std::size_t>;
    const std::string misfit = "the shapes of the weights of the dequantiser do not fit each other";
    const auto tensor = [&](const char *name, std::size_t axes, Shape &shape) {
        return values_of<std::int16_t>(file, prefix + name, Tensor::Type::i16, axes, shape);
    };
    const auto first = tensor("first", 4, first_shape), body = tensor("body", 5, body_shape),
               last = tensor("last", 4, last_shape);
    const std::size_t width = first_shape[0], layers = body_shape[0];
    const std::size_t side = side_of(table), phases = side * side;
    need(width >= 1 && width <= 64 && layers >= 2 && layers <= 8 && layers % 2 == 0 &&
             first_shape == Shape{width, phases * reads + writes, 3, 3} &&
             body_shape == Shape{layers, width, width, 3, 3} &&
             last_shape == Shape{phases * writes, width, 3, 3},
         misfit);
    std::vector<std::int32_t> biases;
    const std::pair<const char *, Shape> parts[] = {
        {"first_bias", {width}}, {"body_bias", {layers, width}}, {"last_bias", {phases * writes}}};
    for (const auto &[name, wanted] : parts) {
        const auto bias =
            values_of<std::int32_t>(file, prefix + name, Tensor::Type::i32, wanted.size(), bias_shape);
        need(bias_shape == wanted, misfit);
        biases.insert(biases.end(), bias.begin(), bias.end());
    }
    j2kl_dequantiser_numbers numbers{};
    numbers.reads = reads;
    numbers.writes = writes;
    numbers.width = static_cast<std::uint32_t>(width);
    numbers.pairs = static_cast<std::uint32_t>(layers / 2);
    numbers.side = static_cast<std::uint32_t>(side);
    numbers.first_shift = number(*table.member("first_shift"), "first_shift", 0, 28);
    numbers.last_shift = number(*table.member("last_shift"), "last_shift", 0, 28);
    numbers.output_bits = number(*table.member("output_bits"), "output_bits", 0, 24);
    list_of_shifts(*table.member("body_shifts"), layers, 28, numbers.body_shifts);
    return of_model([&] {
        return std::make_unique<const dequantisation::Dequantiser>(
            dequantisation::Network(numbers, first.data(), body.data(), last.data(), biases.data(),
                                    compression_nodes().data(), octave_powers().data()));
    });
}

void check_table(const Json &table, bool whole)
{
    const char *const message = "the numbers of the integer model's dequantiser are incomplete";
    std::size_t known = table.member("side") != nullptr ? 5 : 4;
    for (const char *name : {"first_shift", "body_shifts", "last_shift", "output_bits"}) {
        need(table.is(Json::Kind::object) && table.member(name) != nullptr, message);
    }
    if (whole) {
        need(id_of(table.member("twin_of")).has_value(), message);
        known += table.member("chroma") != nullptr ? 2 : 1;
    }
    need(table.members.size() == known, message);
}

// The base of a reversible model.
Base check_reversible_config(const Json &config)
{
    need(has_exactly(config, {"version", "structure", "base", "operator", "l2h"}),
         "the reversible model lacks an option or has an unknown one");
    const bool separable = is_text(config.member("base"), "5-3");
    need(is_text(config.member("structure"), "reversible") &&
             is_text(config.member("operator"), "proposal-opacity") &&
             (separable || is_text(config.member("base"), "non-separable-5-3")),
         "this version of j2klearn does not support the structure of the reversible model");
    return separable ? Base::reversible53 : Base::non_separable53;
}

// Checks the configuration and returns the base wavelet.
Base check_config(const Json &config)
{
    const Json *version = config.member("version"), *base = config.member("base"),
               *table = config.member("gains");
    if (version->is(Json::Kind::integer) && version->integer == reversible_version) {
        return check_reversible_config(config);
    }
    need(version->is(Json::Kind::integer) && version->integer == integer_version,
         "this version of j2klearn does not support the version of the integer model");
    std::size_t known = 0;
    for (const char *name : {"version", "structure", "base", "operator", "h2l", "l2h"}) {
        need(config.member(name) != nullptr, "the integer model lacks an option");
        ++known;
    }
    for (const char *name : {"twin_of", "gains", "dequantiser"}) {
        known += config.member(name) != nullptr ? 1 : 0;
    }
    need(config.members.size() == known, "the integer model has an unknown option");
    need(is_text(config.member("structure"), "hybrid") &&
             is_text(config.member("operator"), "proposal-opacity") &&
             (is_text(base, "9-7") || is_text(base, "5-3")),
         "this version of j2klearn does not support the structure of the integer model");
    need(config.member("twin_of") == nullptr || id_of(config.member("twin_of")),
         "the integer model's twin_of is not an id of 64 hexadecimal digits");
    need(base->text == "9-7" || table != nullptr, "an integer model on the 5-3 needs gains");
    if (table != nullptr) {
        need(table->is(Json::Kind::array) && table->items.size() == gains &&
                 std::all_of(table->items.begin(), table->items.end(),
                             [](const Json &gain) {
                                 return gain.is(Json::Kind::real) && gain.real >= 0.01 && gain.real <= 100;
                             }),
             "the integer model's gains are not 10 numbers from 0.01 to 100");
    }
    return base->text == "9-7" ? Base::wavelet97 : Base::wavelet53;
}

} // namespace

IntegerModel::IntegerModel(const ModelFile &file)
{
    need(file.is_integer(), "the model has no operators in integers");
    base = check_config(file.config());
    const Json *const networks = file.config().member("dequantiser"),
                      *const chroma = networks != nullptr ? networks->member("chroma") : nullptr;
    const std::size_t operators = reversible() ? 1 : 2,
                      dequantisers = (networks != nullptr ? 1 : 0) + (chroma != nullptr ? 1 : 0);
    need(file.tensors().size() == operators * tensors_of_operator + dequantisers * tensors_of_dequantiser,
         "the model's weights do not match its configuration");
    if (!reversible()) {
        high_to_low = operator_of(file, "h2l", 3, 1, high_radius);
    }
    low_to_high = operator_of(file, "l2h", 1, 3, low_radius);
    base_reach = reach_of_base;
    // One cell more than the radius, as an area may begin and end within a cell.
    low_reach = base_reach + 2 * (high_radius + 1) + 2 * (low_radius + 1);
    if (networks != nullptr) {
        check_table(*networks, true);
        dequantiser = network_of(file, *networks, "dequantiser.", 1, 1);
    }
    if (chroma != nullptr) {
        check_table(*chroma, false);
        chroma_dequantiser = network_of(file, *chroma, "dequantiser.chroma.", 3, 2);
    }
}

} // namespace j2kl::picture
