// faults.hpp - asking lists of faults, for tests.
#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/result.hpp"

namespace tenax {

inline std::ostream& operator<<(std::ostream& out, const fault& f) {
  return out << f.path << ": " << f.message;
}

/// One fault a line.
inline std::string listed(const std::vector<fault>& faults) {
  std::string text;
  for (const fault& f : faults) text += f.path + ": " + f.message + "\n";
  return text;
}

/// Whether there is a fault at exactly this path whose message holds `part`.
inline bool has_fault(const std::vector<fault>& faults, std::string_view path,
                      std::string_view part) {
  return std::any_of(faults.begin(), faults.end(), [&](const fault& f) {
    return f.path == path && f.message.find(part) != std::string::npos;
  });
}

/// Whether that fault is the only one.
inline bool only_fault(const std::vector<fault>& faults, std::string_view path,
                       std::string_view part) {
  return faults.size() == 1 && has_fault(faults, path, part);
}

}  // namespace tenax

/// Checks, and shows all faults when the check fails.
#define CHECK_ONLY_FAULT(faults, path, part)                                    \
  do {                                                                          \
    const auto& found = (faults);                                               \
    BOOST_TEST(tenax::only_fault(found, (path), (part)),                        \
               "not the only fault: " << (path) << ": " << (part) << "\nbut:\n" \
                                      << tenax::listed(found));                 \
  } while (false)
#define CHECK_FAULT(faults, path, part)                                                          \
  do {                                                                                           \
    const auto& found = (faults);                                                                \
    BOOST_TEST(tenax::has_fault(found, (path), (part)), "no fault: " << (path) << ": " << (part) \
                                                                     << "\nin:\n"                \
                                                                     << tenax::listed(found));   \
  } while (false)
#define CHECK_NO_FAULT(faults)                       \
  do {                                               \
    const auto& found = (faults);                    \
    BOOST_TEST(found.empty(), tenax::listed(found)); \
  } while (false)
