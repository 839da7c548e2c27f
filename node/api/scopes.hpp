// scopes.hpp - what a token allows. Depends on std only. Value types.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenax::api {

/// What a request needs (docs/server.md#tokens). Each route names one.
enum class scope : std::uint8_t {
  read,     ///< workflows with their payloads, figures
  submit,   ///< new workflows, and signals to them
  work,     ///< words about open attempts: workers
  operate,  ///< cancel, retry, resolve, change (of an input: and submit)
  admin,    ///< all, and what destroys: removing workflows
  nothing,  ///< of a route: anybody may ask
};
inline constexpr std::array<std::string_view, 5> scope_names{"read", "submit", "work", "operate",
                                                             "admin"};

[[nodiscard]] constexpr std::string_view to_string(scope s) noexcept {
  return s == scope::nothing ? "nothing" : scope_names[static_cast<std::size_t>(s)];
}
[[nodiscard]] constexpr std::optional<scope> parse_scope(std::string_view name) noexcept {
  for (std::size_t i = 0; i < scope_names.size(); ++i) {
    if (scope_names[i] == name) return static_cast<scope>(i);
  }
  return std::nullopt;
}

/// Some of them.
class scope_set {
 public:
  void add(scope s) noexcept { bits_ |= bit(s); }
  [[nodiscard]] bool has(scope s) const noexcept { return (bits_ & bit(s)) != 0; }
  [[nodiscard]] bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] bool allows(scope needed) const noexcept {
    return needed == scope::nothing || has(needed) || has(scope::admin);
  }
  /// "read, submit".
  [[nodiscard]] std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < scope_names.size(); ++i) {
      if (has(static_cast<scope>(i))) (out += out.empty() ? "" : ", ") += scope_names[i];
    }
    return out;
  }
  bool operator==(const scope_set&) const = default;

 private:
  static constexpr unsigned bit(scope s) noexcept { return 1U << static_cast<unsigned>(s); }
  unsigned bits_ = 0;
};

}  // namespace tenax::api
