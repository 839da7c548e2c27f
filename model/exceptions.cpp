#include "tenax/exceptions.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace tenax {

namespace {

constexpr std::size_t chain_max = 16;

/// Of the exception that is being handled.
std::string type_name() {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "an unknown type";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), &std::free);
  return name ? name.get() : type->name();
}

std::string words(const char* text) {
  return text != nullptr && *text != '\0'
             ? text
             : "an exception of type " + type_name() + " without words";
}

std::string own_text(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return words(e.what());
  } catch (const std::string& text) {
    return words(text.c_str());
  } catch (const char* text) {
    return words(text);
  } catch (...) {
    return "something of type " + type_name() + ", which is no std::exception";
  }
}

std::exception_ptr nested_in(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::nested_exception& e) {
    return e.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

std::vector<std::exception_ptr> exception_chain(const std::exception_ptr& thrown) {
  std::vector<std::exception_ptr> chain;
  for (auto at = thrown; at && chain.size() < chain_max; at = nested_in(at)) chain.push_back(at);
  return chain;
}

std::string exception_text(const std::exception_ptr& thrown) {
  std::string text;
  for (const auto& e : exception_chain(thrown)) {
    if (!text.empty()) text += "; caused by: ";
    text += own_text(e);
  }
  return text;
}

std::optional<outcome> exception_classes::operator()(const std::exception_ptr& thrown) const {
  for (const auto& e : exception_chain(thrown)) {
    for (const auto& [matches, error_class, how] : entries_) {
      if (!matches(e)) continue;
      switch (how) {
        case outcome::kind::failure:
          return outcome::failure(error_class, exception_text(thrown));
        case outcome::kind::fatal:
          return outcome::fatal(error_class, exception_text(thrown));
        default:
          return outcome::unknown(error_class, exception_text(thrown));
      }
    }
  }
  return std::nullopt;
}

}  // namespace tenax
