// progress.hpp - what a person sees while `tenax run` works: on a terminal bars that are redrawn,
// in a pipe plain lines.
// Depends on node/. `around` and `tell` are thread safe (the engine's log comes from its threads).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/run_tracker.hpp"

namespace tenax::node {

/// Everything that one picture shows.
struct progress_state {
  run_totals totals;
  std::vector<tracked> rows;  ///< one bar each; empty: the totals only
  std::uint64_t failed_attempts = 0;
  std::chrono::milliseconds elapsed{0};
};

/// "montage-0a1b2c  [#####-----]  29/58 done  3 running  1 retrying", at most `width` columns.
[[nodiscard]] std::string bar_line(const tracked& w, std::size_t name_width, std::size_t width);
/// "12.0 s  3/12 workflows ended (1 failed)  512/1,520 actions done  ..."
[[nodiscard]] std::string totals_line(const progress_state& s);
/// "montage-0a1b2c: failed: action x: no luck"
[[nodiscard]] std::string news_line(const run_news& n);

class progress {
 public:
  enum class mode : std::uint8_t { off, lines, terminal };
  explicit progress(mode m) : mode_(m) {}
  /// Terminal when stdout is one that understands more than plain text.
  [[nodiscard]] static mode mode_of_stdout();
  /// How many workflows may have a bar of their own.
  [[nodiscard]] std::size_t rows_max() const;

  /// A line that stays.
  void tell(std::string_view line);
  /// The current picture: redrawn on a terminal; in a pipe a line, at most every two seconds and
  /// only when something has changed.
  void draw(const progress_state& s);
  /// Removes the picture; nothing is drawn any more.
  void finish();
  /// Runs `write` with the picture out of the way.
  void around(const std::function<void()>& write);

 private:
  void erase();
  void paint();

  const mode mode_;
  std::mutex mutex_;
  std::vector<std::string> picture_;
  std::size_t drawn_ = 0;  ///< lines of the picture on the screen now
  bool finished_ = false;
  std::optional<run_totals> last_told_;
  std::chrono::milliseconds next_line_{2'000};
};

}  // namespace tenax::node
