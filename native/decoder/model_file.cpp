#include "decoder/model_file.hpp"

#include "base/failure.hpp"

#include <algorithm>

namespace j2kl::picture {

namespace {

constexpr std::size_t length_bytes = 8, most_axes = 8;
constexpr std::string_view network = "dequantiser.";

[[noreturn]] void fail(const char *why)
{
    throw Failure(J2KL_ERROR_MODEL, std::string("this is not a j2klearn model file: ") + why);
}

struct TypeName {
    std::string_view name;
    Tensor::Type type;
    std::size_t size;
};

constexpr TypeName types[] = {{"F32", Tensor::Type::f32, 4},
                              {"F16", Tensor::Type::f16, 2},
                              {"I32", Tensor::Type::i32, 4},
                              {"I16", Tensor::Type::i16, 2}};

std::size_t whole_number(const Json &value, std::size_t limit)
{
    if (!value.is(Json::Kind::integer) || value.integer < 0 ||
        static_cast<std::uint64_t>(value.integer) > limit) {
        fail("a size of a tensor is out of range");
    }
    return static_cast<std::size_t>(value.integer);
}

// Returns a tensor with the offsets from the start of the data.
Tensor tensor_of(const std::string &name, const Json &value, std::size_t data_size)
{
    const Json *type = value.member("dtype"), *shape = value.member("shape"),
               *offsets = value.member("data_offsets");
    if (value.members.size() != 3 || type == nullptr || shape == nullptr || offsets == nullptr ||
        !shape->is(Json::Kind::array) || shape->items.size() > most_axes || !offsets->is(Json::Kind::array) ||
        offsets->items.size() != 2) {
        fail("a tensor is not described as safetensors requires");
    }
    const auto *known = std::find_if(std::begin(types), std::end(types), [&](const TypeName &each) {
        return type->is(Json::Kind::string) && type->text == each.name;
    });
    if (known == std::end(types)) {
        fail("a tensor has a type that no model has");
    }
    Tensor tensor;
    tensor.name = name;
    tensor.type = known->type;
    std::size_t size = known->size;
    for (const Json &length : shape->items) {
        const std::size_t axis = whole_number(length, data_size);
        if (axis > 0 && size > data_size / axis) {
            fail("a tensor is larger than the file");
        }
        size *= axis;
        tensor.shape.push_back(axis);
    }
    tensor.offset = whole_number(offsets->items[0], data_size);
    const std::size_t end = whole_number(offsets->items[1], data_size);
    if (end < tensor.offset || end - tensor.offset != size) {
        fail("the place of a tensor does not fit its shape");
    }
    tensor.size = size;
    return tensor;
}

bool of_network(const std::string &name)
{
    return name.compare(0, network.size(), network) == 0;
}

std::string python_tuple(const std::vector<std::size_t> &shape)
{
    std::string text = "(";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
    }
    return text + (shape.size() == 1 ? ",)" : ")");
}

} // namespace

ModelFile::ModelFile(std::vector<std::uint8_t> data) : data_(std::move(data))
{
    if (data_.size() > most_model_bytes) {
        throw Failure(J2KL_ERROR_MODEL, "the model file is larger than the limit of " +
                                            std::to_string(most_model_bytes) + " bytes");
    }
    if (data_.size() < length_bytes) {
        fail("it is too short");
    }
    std::uint64_t length = 0;
    for (std::size_t i = length_bytes; i-- > 0;) {
        length = length << 8 | data_[i];
    }
    if (length > data_.size() - length_bytes) {
        fail("its header is longer than the file");
    }
    const auto *text = static_cast<const char *>(static_cast<const void *>(data_.data() + length_bytes));
    parse_header({text, static_cast<std::size_t>(length)}, length_bytes + static_cast<std::size_t>(length));
}

void ModelFile::parse_header(std::string_view header, std::size_t start)
{
    const Json json = parse_json(header);
    const Json *metadata = json.member("__metadata__");
    const Json *config = metadata != nullptr ? metadata->member("config") : nullptr;
    const Json *card = metadata != nullptr ? metadata->member("card") : nullptr;
    if (config == nullptr || card == nullptr || !config->is(Json::Kind::string) ||
        !card->is(Json::Kind::string)) {
        fail("it has no configuration");
    }
    config_ = parse_json(config->text);
    if (!config_.is(Json::Kind::object)) {
        fail("its configuration is no table");
    }
    const Json parsed_card = parse_json(card->text);
    if (const Json *name = parsed_card.member("name"); name != nullptr && name->is(Json::Kind::string)) {
        name_ = name->text;
    }
    const std::size_t size = data_.size() - start;
    for (const auto &[name, value] : json.members) {
        if (name != "__metadata__") {
            tensors_.push_back(tensor_of(name, value, size));
        }
    }
    // The tensors follow each other without gaps, and fill the file.
    std::sort(tensors_.begin(), tensors_.end(), [](const Tensor &a, const Tensor &b) {
        return a.offset != b.offset ? a.offset < b.offset : a.size < b.size;
    });
    std::size_t end = 0;
    for (Tensor &tensor : tensors_) {
        if (tensor.offset != end) {
            fail("its tensors overlap or leave gaps");
        }
        end += tensor.size;
        tensor.offset += start;
    }
    if (end != size) {
        fail("its tensors do not fill it");
    }
    std::sort(tensors_.begin(), tensors_.end(),
              [](const Tensor &a, const Tensor &b) { return a.name < b.name; });
}

const Tensor *ModelFile::tensor(std::string_view name) const
{
    for (const Tensor &tensor : tensors_) {
        if (tensor.name == name) {
            return &tensor;
        }
    }
    return nullptr;
}

bool ModelFile::is_entropy_model() const
{
    const Json *kind = config_.member("kind");
    return kind != nullptr && kind->is(Json::Kind::string);
}

Id ModelFile::digest(bool with_dequantiser) const
{
    Json config = config_;
    if (!with_dequantiser) {
        auto &members = config.members;
        members.erase(std::remove_if(members.begin(), members.end(),
                                     [](const auto &member) { return member.first == "dequantiser"; }),
                      members.end());
    }
    Sha256 state;
    state.update(config.dumped());
    for (const Tensor &tensor : tensors_) {
        if (with_dequantiser || !dequantises() || !of_network(tensor.name)) {
            state.update(tensor.name + python_tuple(tensor.shape));
            state.update(data_.data() + tensor.offset, tensor.size);
        }
    }
    return state.digest();
}

std::optional<Id> id_of(const Json *value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    Id id{};
    if (value == nullptr || !value->is(Json::Kind::string) || value->text.size() != 2 * id.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < value->text.size(); ++i) {
        const std::size_t digit = digits.find(value->text[i]);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        id[i / 2] = static_cast<std::uint8_t>(id[i / 2] << 4 | digit);
    }
    return id;
}

} // namespace j2kl::picture
