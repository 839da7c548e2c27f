// json_codec.hpp - how values of a program's own types become the JSON that tenax keeps, and come
// back: a trait that the program specialises for its JSON library. tenax/nlohmann.hpp is one.
// Depends on std only. Thread safe, as far as the codec is.
#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenax/plain_numbers.hpp"
#include "tenax/result.hpp"

namespace tenax {

/// Specialise it for a type, or with `requires` for all types of a library, before the first use:
///
///   template <> struct tenax::json_codec<receipt> {
///     static receipt read(std::string_view json);     // throws what is wrong with the shape
///     static std::string write(const receipt& value);
///   };
///
/// `read` gets any bytes. It throws bad_shape, whose faults have paths, or any other exception,
/// whose words are told. Both are called under plain_numbers.
template <class T>
struct json_codec;

template <class T>
concept json_readable = requires(std::string_view json) {
  { json_codec<T>::read(json) } -> std::same_as<T>;
};
template <class T>
concept json_writable = requires(const T& value) {
  { json_codec<T>::write(value) } -> std::convertible_to<std::string>;
};

/// What json_codec::read throws of a document that has another shape. The paths are JSON pointers
/// in it, the messages go on after them: "must be a number".
class bad_shape : public std::runtime_error {
 public:
  explicit bad_shape(std::vector<fault> faults);
  [[nodiscard]] const std::vector<fault>& faults() const& noexcept { return faults_; }
  [[nodiscard]] std::vector<fault> faults() && noexcept { return std::move(faults_); }

 private:
  std::vector<fault> faults_;
};

namespace detail {

/// Of what json_codec::read has thrown, to be called while it is handled.
[[nodiscard]] error shape_error();

/// Text is JSON already.
template <class T>
inline constexpr bool is_text =
    std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view> ||
    std::is_same_v<std::decay_t<T>, char*> || std::is_same_v<std::decay_t<T>, const char*>;

}  // namespace detail

/// What calls take in the place of JSON text.
template <class T>
concept json_value = !detail::is_text<T> && json_writable<T>;

/// Errors: invalid_argument (another shape; `error::faults()` says where).
template <json_readable T>
[[nodiscard]] result<T> read_json(std::string_view json) {
  try {
    const plain_numbers no_locale;
    return json_codec<T>::read(json);
  } catch (...) {
    return detail::shape_error();
  }
}

/// Throws what json_codec::write throws.
template <json_writable T>
[[nodiscard]] std::string write_json(const T& value) {
  const plain_numbers no_locale;
  return json_codec<T>::write(value);
}

}  // namespace tenax
