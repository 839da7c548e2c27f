#include "tenax/typed.hpp"

#include <new>

#include "handlers/input.hpp"
#include "tenax/exceptions.hpp"

namespace tenax {

namespace {

std::string first_of(const std::vector<fault>& faults) {
  if (faults.empty()) return "another shape was expected";
  const fault& f = faults.front();
  return (f.path.empty() ? "the document" : f.path) + " " + f.message;
}

}  // namespace

bad_shape::bad_shape(std::vector<fault> faults)
    : std::runtime_error(first_of(faults)), faults_(std::move(faults)) {}

namespace detail {

error shape_error() {
  try {
    throw;
  } catch (const bad_shape& e) {
    auto faults = e.faults();
    if (faults.empty()) faults.push_back({"", e.what()});
    return {errc::invalid_argument, e.what(), std::move(faults)};
  } catch (const std::bad_alloc&) {
    throw;  // no fault of the document
  } catch (...) {
    const bad_shape e({{"", "does not fit: " + exception_text(std::current_exception())}});
    return {errc::invalid_argument, e.what(), e.faults()};
  }
}

action_options with_shape_check(action_options options,
                                std::vector<fault> (*shape_faults)(std::string_view input)) {
  options.check_within = [shape_faults, check = std::move(options.check),
                          check_within = std::move(options.check_within)](std::string_view input,
                                                                          const limits& bounds) {
    auto faults = shape_faults(input);
    if (!faults.empty()) return faults;
    if (check_within) return check_within(input, bounds);
    return check ? check(input) : faults;
  };
  options.check = nullptr;
  return options;
}

outcome bad_input(const error& shape) { return builtin::bad_input(shape.faults()); }

}  // namespace detail
}  // namespace tenax
