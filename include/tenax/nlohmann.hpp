// nlohmann.hpp - tenax::json_codec for what nlohmann::json converts (from_json, to_json, the
// NLOHMANN_DEFINE_TYPE macros, nlohmann::json itself). Depends on nlohmann-json 3.9 or later, which
// tenax itself does not need: include it where you have it, before the types are used with tenax.
// A number that a type cannot hold is refused (docs/typed-handlers.md), not cut.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

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

/// nlohmann converts numbers as C++ does: 300 becomes a std::uint8_t of 44. So what has been read
/// is written again, and each number that is there at the same place, or elsewhere in an array that
/// has another order then (of a std::set), must be the one of the input. A floating-point number
/// may be rounded to 24 bits, which is what a float has.
class number_check {
 public:
  using json = nlohmann::json;

  number_check(const json& in, const json& out) : in_(in), out_(out) { compare(in, out, {}); }
  /// What the input has and the value has not; no more than so many.
  static constexpr std::size_t faults_max = 100;
  [[nodiscard]] std::vector<fault> faults() && { return std::move(faults_); }

 private:
  struct place {
    const place* above = nullptr;  ///< null: the document
    const std::string* key = nullptr;
    std::size_t index = 0;  ///< without a key

    [[nodiscard]] std::string path(bool any_index) const {
      if (above == nullptr) return {};
      std::string step = key != nullptr ? *key : any_index ? "*" : std::to_string(index);
      for (std::size_t at = 0; (at = step.find_first_of("~/", at)) != step.npos; at += 2) {
        step.replace(at, 1, step[at] == '~' ? "~0" : "~1");
      }
      return above->path(any_index) + '/' + step;
    }
  };
  /// Those at a place, whatever the indexes; ascending.
  using numbers = std::map<std::string, std::vector<long double>>;

  template <class F>
  static bool with_integer(const json& j, F f) {
    return j.is_number_unsigned() ? f(j.get<std::uint64_t>()) : f(j.get<std::int64_t>());
  }
  static long double real(const json& j) {
    if (j.is_number_float()) return j.get<double>();
    return j.is_number_unsigned() ? static_cast<long double>(j.get<std::uint64_t>())
                                  : static_cast<long double>(j.get<std::int64_t>());
  }
  static long double rounding(long double number) { return std::fabs(number) * 0x1p-24L; }

  static bool same(const json& in, const json& out) {
    if (out.is_number_float()) {
      const long double a = real(in);
      const long double b = real(out);
      return std::isfinite(b) && std::fabs(b - a) <= rounding(a);
    }
    return with_integer(out, [&in](auto b) {
      using integer = decltype(b);
      if (!in.is_number_float())
        return with_integer(in, [b](auto a) { return std::cmp_equal(a, b); });
      const double a = in.get<double>();
      return a == std::trunc(a) && a >= static_cast<double>(std::numeric_limits<integer>::min()) &&
             a < std::ldexp(1.0, std::numeric_limits<integer>::digits) &&
             static_cast<integer>(a) == b;
    });
  }

  /// f(part of a, part of b, its place) for each part that both have.
  template <class F>
  static void each_part(const json& a, const json& b, const place& at, F f) {
    if (a.is_object() && b.is_object()) {
      for (auto one = a.begin(); one != a.end(); ++one) {
        const auto other = b.find(one.key());
        if (other != b.end()) f(*one, *other, place{&at, &one.key(), 0});
      }
    } else if (a.is_array() && b.is_array()) {
      for (std::size_t n = 0; n < std::min(a.size(), b.size()); ++n)
        f(a[n], b[n], place{&at, nullptr, n});
    }
  }

  void compare(const json& in, const json& out, const place& at) {
    if (in.is_number() && out.is_number()) {
      if (faults_.size() < faults_max && !same(in, out) && !is_elsewhere(in, at)) {
        faults_.push_back({at.path(false), in.dump() + " does not fit, it became " + text(out)});
      }
      return;
    }
    each_part(in, out, at,
              [this](const json& a, const json& b, const place& p) { compare(a, b, p); });
  }
  static std::string text(const json& number) {
    return std::isfinite(real(number)) ? number.dump() : "infinite";
  }

  static void collect(const json& from, const place& at, numbers& into) {
    if (from.is_number()) into[at.path(true)].push_back(real(from));
    each_part(from, from, at,
              [&into](const json& part, const json&, const place& p) { collect(part, p, into); });
  }
  static std::size_t count(const std::vector<long double>& all, long double number) {
    const auto first = std::lower_bound(all.begin(), all.end(), number - rounding(number));
    return static_cast<std::size_t>(std::upper_bound(first, all.end(), number + rounding(number)) -
                                    first);
  }
  /// As often as in the input, or a few times less where there is less of all (what a set has
  /// twice).
  bool is_elsewhere(const json& number, const place& at) {
    bool in_array = false;
    for (const auto* p = &at; p->above != nullptr; p = p->above) in_array |= p->key == nullptr;
    if (!in_array) return false;
    if (all_in_.empty()) {
      for (auto [from, into] : {std::pair(&in_, &all_in_), std::pair(&out_, &all_out_)}) {
        collect(*from, {}, *into);
        for (auto& [path, some] : *into) std::sort(some.begin(), some.end());
      }
    }
    const auto path = at.path(true);
    const auto& in = all_in_[path];
    const auto& out = all_out_[path];
    const auto found = count(out, real(number));
    return found > 0 && (found >= count(in, real(number)) || out.size() < in.size());
  }

  const json& in_;
  const json& out_;
  numbers all_in_;
  numbers all_out_;
  std::vector<fault> faults_;
};

template <class T>
void check_numbers(const nlohmann::json& in, const T& value) {
  if constexpr (nlohmann_writable<T> && !std::is_same_v<T, nlohmann::json>) {
    auto faults = number_check(in, nlohmann::json(value)).faults();
    if (!faults.empty()) throw bad_shape(std::move(faults));
  }
}

}  // namespace detail

template <class T>
requires(detail::nlohmann_readable<T> || detail::nlohmann_writable<T>) struct json_codec<T> {
  static T read(std::string_view json) requires detail::nlohmann_readable<T> {
    try {
      const auto in = nlohmann::json::parse(json);
      auto value = in.template get<T>();
      detail::check_numbers(in, value);
      return value;
    } catch (const nlohmann::json::exception& e) {
      throw detail::nlohmann_fault(e.what());
    }
  }
  static std::string write(const T& value) requires detail::nlohmann_writable<T> {
    return nlohmann::json(value).dump();
  }
};

}  // namespace tenax
