// token.hpp - what ends an open attempt from outside: which attempt, and a secret that only its
// handler was told. Depends on std only. Pure functions, value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/definition.hpp"

namespace tenax::model {

/// 128 random bits, drawn anew for each call of a handler: so a token is of one attempt of one life
/// of the engine.
struct attempt_secret {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const attempt_secret&) const = default;
  /// Compares in a time that tells nothing.
  [[nodiscard]] bool is(const attempt_secret& o) const noexcept {
    return ((high ^ o.high) | (low ^ o.low)) == 0;
  }
  [[nodiscard]] bool empty() const noexcept { return high == 0 && low == 0; }
};

/// 32 hexadecimal digits, lower case.
[[nodiscard]] std::string print_secret(const attempt_secret& secret);
/// Nothing unless it is exactly what print_secret makes.
[[nodiscard]] std::optional<attempt_secret> parse_secret(std::string_view text);

/// From the operating system's generator, never empty. Thread safe.
[[nodiscard]] attempt_secret random_secret();

/// Where secrets come from: a seam, as simulations draw theirs from a seed. Copied freely.
struct secret_source {
  attempt_secret (*draw)(void* context) = [](void*) { return random_secret(); };
  void* context = nullptr;
  [[nodiscard]] attempt_secret operator()() const { return draw(context); }
};

struct attempt_token {
  std::string workflow_id;
  action_index action = 0;
  std::uint32_t attempt = 0;
  attempt_secret secret;
};

/// ID~ACTION~ATTEMPT~SECRET: numbers decimal, the secret 32 hexadecimal digits.
[[nodiscard]] std::string print_token(std::string_view workflow_id, action_index action,
                                      std::uint32_t attempt, const attempt_secret& secret);
/// Nothing unless it is exactly what print_token makes.
[[nodiscard]] std::optional<attempt_token> parse_token(std::string_view text);

}  // namespace tenax::model
