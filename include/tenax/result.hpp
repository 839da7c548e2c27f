// result.hpp - what every call of the public API returns: a value or an error.
// Depends on std only. Value types; no thread affinity.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tenax {

/// Everything that can go wrong, one name each. `describe(errc)` is the sentence, `classify(errc)`
/// the class.
enum class errc : std::uint8_t {
  invalid_spec,       ///< the workflow is faulty; `error::faults()` lists every fault with its path
  conflict,           ///< the id exists with other content
  not_found,          ///< no such workflow or action
  invalid_argument,   ///< an argument is out of its range
  wrong_state,        ///< the workflow or action is not in a state that allows the call
  overloaded,         ///< admission limit reached: try again later
  closing,            ///< the engine is draining or closed
  timed_out,          ///< the wait ended first; what was waited for goes on
  data_dir_locked,    ///< another process has the data directory open
  data_dir_unusable,  ///< the data directory cannot be created, read or written
  format_too_new,     ///< the data directory was written by a newer tenax
  corrupt,            ///< stored data fails its checks
  storage_unavailable,  ///< a commit failed: its outcome is unknown until the store is reopened; or
                        ///< a read failed, in a query
  stopped,              ///< the engine stopped after a failed commit or read; nothing was done
  lease_lost,   ///< the attempt is not open (any more), or the token is none of its: what was
                ///< said is not used
  unreachable,  ///< nobody answers at a server's address (the tenax program; no engine says it)
};

/// What a failed call means for the caller.
enum class error_class : std::uint8_t {
  rejected,  ///< nothing happened
  unknown,   ///< it may have happened: look, or repeat with the same id
  fatal,     ///< the engine does not work (any more); reopen it
};

/// One sentence for people.
[[nodiscard]] std::string_view describe(errc code) noexcept;
[[nodiscard]] error_class classify(errc code) noexcept;
/// The enumerator's name, for logs and JSON.
[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// One thing that is wrong with a document and where: `path` is a JSON pointer, "" for the whole
/// document.
struct fault {
  std::string path{};
  std::string message{};
  std::uint64_t count = 1;  ///< how many it stands for: the last of a list that was cut, many
  bool operator==(const fault&) const = default;
};

class error {
 public:
  error(errc code, std::string message) : code_(code), message_(std::move(message)) {}
  error(errc code, std::string message, std::vector<fault> faults)
      : code_(code), message_(std::move(message)), faults_(std::move(faults)) {}

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] error_class kind() const noexcept { return classify(code_); }
  [[nodiscard]] const std::string& message() const& noexcept { return message_; }
  [[nodiscard]] std::string message() && noexcept { return std::move(message_); }
  /// Every fault of an invalid spec; empty for other codes.
  [[nodiscard]] const std::vector<fault>& faults() const& noexcept { return faults_; }
  [[nodiscard]] std::vector<fault> faults() && noexcept { return std::move(faults_); }
  /// "conflict: workflow a exists with other content", faults one a line.
  [[nodiscard]] std::string to_string() const;

 private:
  errc code_;
  std::string message_;
  std::vector<fault> faults_;
};

/// A value or an error. Asking for the one that is not there throws std::bad_variant_access. What a
/// temporary result holds is moved out, so that `for (auto& w : (*engine.list()).items)` is safe.
/// `->` would point into the temporary: it is for results that have a name, `(*call()).member` or
/// `call().value().member` for the others.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value)
      : v_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  result(tenax::error e)
      : v_(std::in_place_index<1>, std::move(e)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return v_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& value() & { return std::get<0>(v_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(v_); }
  [[nodiscard]] T value() && { return std::get<0>(std::move(v_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() & { return &value(); }
  const T* operator->() const& { return &value(); }
  const T* operator->() const&& = delete;

  [[nodiscard]] const tenax::error& error() const& { return std::get<1>(v_); }
  [[nodiscard]] tenax::error error() && { return std::get<1>(std::move(v_)); }

 private:
  std::variant<T, tenax::error> v_;
};

struct ok_t {
  bool operator==(const ok_t&) const = default;
};
template <>
class [[nodiscard]] result<void> : public result<ok_t> {
 public:
  result() : result<ok_t>(ok_t{}) {}
  result(tenax::error e) : result<ok_t>(std::move(e)) {}  // NOLINT(google-explicit-constructor)
};

}  // namespace tenax
