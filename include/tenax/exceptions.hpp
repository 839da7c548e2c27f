// exceptions.hpp - what exceptions of handlers say, and what they mean. Depends on std only. Const
// calls are thread safe.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tenax/handler.hpp"

namespace tenax {

/// The words of an exception and of those nested in it, outermost first: "no order; caused by: no
/// answer". One without words, or that is no std::exception (a std::string or char* thrown as such
/// has its own), is told by the name of its type. "" for null.
[[nodiscard]] std::string exception_text(const std::exception_ptr& thrown);

/// The exceptions nested in one another (std::throw_with_nested), outermost first, at most 16.
[[nodiscard]] std::vector<std::exception_ptr> exception_chain(const std::exception_ptr& thrown);

/// A rule for action_options::on_exception: an error class by type of exception. The outermost
/// exception that has an entry decides, by its first entry; entries may name base classes. What has
/// none stays what it is without a rule.
///
///   options.on_exception = tenax::exception_classes()
///                              .add<bank::timeout>("network", tenax::outcome::kind::failure)
///                              .add<bank::refused>("card", tenax::outcome::kind::fatal)
///                              .add<std::bad_alloc>("memory");
class exception_classes {
 public:
  /// `how`: what it says of the attempt. unknown (the default, as without a rule): nobody knows
  /// whether it was done. failure: it was not, try again. fatal: it was not, and never will be. Any
  /// other kind counts as unknown.
  template <class Exception>
  exception_classes add(std::string error_class,
                        outcome::kind how = outcome::kind::unknown) const& {
    return exception_classes(*this).add<Exception>(std::move(error_class), how);
  }
  template <class Exception>
  exception_classes add(std::string error_class, outcome::kind how = outcome::kind::unknown) && {
    entries_.push_back({&is<Exception>, std::move(error_class), how});
    return std::move(*this);
  }
  std::optional<outcome> operator()(const std::exception_ptr& thrown) const;

 private:
  struct entry {
    bool (*matches)(const std::exception_ptr& thrown);
    std::string error_class;
    outcome::kind how;
  };
  template <class Exception>
  static bool is(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Exception&) {
      return true;
    } catch (...) {
      return false;
    }
  }
  std::vector<entry> entries_;
};

}  // namespace tenax
