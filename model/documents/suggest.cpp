#include "model/documents/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tenax::model {

namespace {

// Long names are not compared letter by letter: the work must stay small whatever is asked.
constexpr std::size_t compared_bytes_max = 32;
constexpr std::size_t named_max = 5;

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > compared_bytes_max || b.size() > compared_bytes_max) return compared_bytes_max;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_names(std::string_view wrong, const std::vector<std::string_view>& names) {
  if (names.empty()) return "none";
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  ranked.reserve(names.size());
  for (const auto name : names) ranked.emplace_back(edit_distance(wrong, name), name);
  std::sort(ranked.begin(), ranked.end());
  std::string text;
  for (std::size_t i = 0; i < ranked.size() && i < named_max; ++i) {
    if (i > 0) text += ", ";
    text += ranked[i].second;
  }
  if (ranked.size() > named_max) text += ", " + std::to_string(ranked.size() - named_max) + " more";
  return text;
}

bool are_alike(std::string_view a, std::string_view b) { return edit_distance(a, b) <= 2; }

}  // namespace tenax::model
