// nlohmann.hpp - tenax::json_codec for what nlohmann::json converts (from_json, to_json, the
// NLOHMANN_DEFINE_TYPE macros, nlohmann::json itself). Depends on nlohmann-json 3.9 or later, which
// tenax itself does not need: include it where you have it, before the types are used with tenax.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "tenax/json_codec.hpp"

namespace tenax {

namespace detail {

template <class T>
concept nlohmann_readable = requires(const nlohmann::json& json) {
  { json.get<T>() } -> std::same_as<T>;
};
template <class T>
concept nlohmann_writable = std::is_constructible_v<nlohmann::json, const T&>;

/// "[json.exception.out_of_range.403] (/items/0) key 'eur' not found": the path is there with
/// JSON_DIAGNOSTICS only.
inline bad_shape nlohmann_fault(std::string_view what) {
  if (const auto at = what.find("] "); at != std::string_view::npos) what.remove_prefix(at + 2);
  std::string path;
  if (const auto end = what.find(") "); what.starts_with("(/") && end != std::string_view::npos) {
    path = what.substr(1, end - 1);
    what.remove_prefix(end + 2);
  }
  return bad_shape({{std::move(path), "does not fit: " + std::string(what)}});
}

}  // namespace detail

template <class T>
requires(detail::nlohmann_readable<T> || detail::nlohmann_writable<T>) struct json_codec<T> {
  static T read(std::string_view json) requires detail::nlohmann_readable<T> {
    try {
      return nlohmann::json::parse(json).template get<T>();
    } catch (const nlohmann::json::exception& e) {
      throw detail::nlohmann_fault(e.what());
    }
  }
  static std::string write(const T& value) requires detail::nlohmann_writable<T> {
    return nlohmann::json(value).dump();
  }
};

}  // namespace tenax
