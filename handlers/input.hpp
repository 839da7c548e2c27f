// input.hpp - how built-in handlers read their input and write text: one JSON object in, every
// fault with its path out.
// Depends on include/tenax and nlohmann-json. Value types; no thread affinity.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/handler.hpp"

namespace tenax::builtin {

/// Reads one JSON object of known fields. Collects faults instead of stopping at the first.
class input_reader {
 public:
  input_reader(std::string_view input, std::initializer_list<std::string_view> known);

  /// The field's value; null, and a fault, when it is absent.
  [[nodiscard]] const nlohmann::json* field(std::string_view name);
  /// As field, but may be absent.
  [[nodiscard]] const nlohmann::json* optional_field(std::string_view name) const;
  void fail(std::string path, std::string message);
  [[nodiscard]] const std::vector<fault>& faults() const noexcept { return faults_; }

 private:
  nlohmann::json doc_;
  std::vector<fault> faults_;
};

/// The outcome for an input that does not fit: fatal, class "bad_input", with every fault.
[[nodiscard]] outcome bad_input(const std::vector<fault>& faults);

/// The text with control characters escaped (\n, \x1b, \u0085) and invalid UTF-8 replaced by
/// U+FFFD, at most `bytes_max` bytes of it, cut between characters: safe for a log or terminal.
[[nodiscard]] std::string printable(std::string_view text,
                                    std::size_t bytes_max = std::string::npos);

}  // namespace tenax::builtin
